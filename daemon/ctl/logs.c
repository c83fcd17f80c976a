/* logs: what a logger writes, as tables.  log tail: records as it writes
 * them. */
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/facts.h"
#include "ctl/follow.h"
#include "ctl/logs_inputs.h"
#include "ctl/table.h"
#include "proto/jtext.h"
#include "sys/clock.h"
#include "sys/exit.h"

#define MS 1000000u /* ns */

/* --- logs ------------------------------------------------------------------
 */

/* How long ago that was, by the clock of this host. */
static const char *
text_since(unsigned long long ms, char *out, size_t size)
{
	int64_t now = clock_wall() / MS;

	return text_ago((int64_t)ms > now ? 0 : (uint64_t)now - ms, out, size);
}

/* The same of the last record. */
static void
age_cell(struct table *t, unsigned long long ms)
{
	char ago[32];

	if (ms == 0)
		table_cell(t, PLAIN, "-");
	else
		table_cell(t, PLAIN, "%s", text_since(ms, ago, sizeof ago));
}

static void
print_streams(const json_t *logger)
{
	const json_t *s;
	struct table t;
	char size[32];
	size_t i;

	table_begin(&t, "STREAM|FILE|RECORDS|BYTES|WAITING|REJECTED|DROPPED|"
			"LAST");
	json_array_foreach(json_object_get(logger, "streams"), i, s)
	{
		table_cell(&t, PLAIN, "%s", fact_text(s, "stream"));
		table_cell(&t, PLAIN, "%s", fact_text(s, "file"));
		table_cell(&t, PLAIN, "%llu", fact_number(s, "records"));
		table_cell(&t, PLAIN, "%s",
		    text_size(fact_number(s, "bytes"), size, sizeof size));
		table_cell(&t, PLAIN, "%llu", fact_number(s, "waiting"));
		fact_bad_cell(&t, s, "rejected");
		fact_bad_cell(&t, s, "dropped");
		age_cell(&t, fact_number(s, "last_ms"));
	}
	table_end(&t);
	json_array_foreach(json_object_get(logger, "streams"), i, s)
	{
		if (json_is_string(json_object_get(s, "error")))
			printf("%s: %s\n", fact_text(s, "stream"),
			    fact_text(s, "error"));
	}
}

static void
print_logger(const json_t *l)
{
	const char *state = fact_text(l, "state");
	char waiting[32], limit[32], bytes[32], ever[32], since[32];

	printf("logger: %s%s%s, files in %s\n",
	    colour_on(strcmp(state, "writing") == 0 ? GREEN : RED), state,
	    colour_off(GREEN), fact_text(l, "folder"));
	printf("written: %llu records, %s in %s; since the start, %s ago:\n",
	    fact_number(l, "ever_records"),
	    text_size(fact_number(l, "ever_bytes"), bytes, sizeof bytes),
	    text_since(fact_number(l, "ever_since_ms"), ever, sizeof ever),
	    text_since(fact_number(l, "since_ms"), since, sizeof since));
	printf("records: %llu on disk, %llu rejected, %llu of unknown streams, "
	       "%llu dropped; %llu messages lost\n",
	    fact_number(l, "records"), fact_number(l, "rejected"),
	    fact_number(l, "unknown"), fact_number(l, "dropped"),
	    fact_number(l, "lost_messages"));
	printf("batches: %llu, %llu repeated, %llu refused, %llu busy\n",
	    fact_number(l, "batches"), fact_number(l, "repeated"),
	    fact_number(l, "refused"), fact_number(l, "busy"));
	printf("buffer: %s of %s; flush: %llu ms, at most %llu ms\n",
	    text_size(fact_number(l, "waiting_bytes"), waiting, sizeof waiting),
	    text_size(fact_number(l, "limit_bytes"), limit, sizeof limit),
	    fact_number(l, "flush_ms"), fact_number(l, "flush_max_ms"));
	printf(
	    "rotated: %llu files, %llu waiting, %llu failures, %llu removed\n",
	    fact_number(l, "rotations"),
	    fact_number(l, "post_waiting") + fact_number(l, "post_running"),
	    fact_number(l, "post_failed"), fact_number(l, "removed"));
	if (fact_number(l, "post_plain") > 0)
		printf("%s%llu rotated files wait to be compressed again%s: "
		       "%s\n",
		    colour_on(RED), fact_number(l, "post_plain"),
		    colour_off(RED), fact_text(l, "post_error"));
	if (json_is_string(json_object_get(l, "journal")))
		printf(
		    "the journal was damaged: %s\n", fact_text(l, "journal"));
	if (json_is_string(json_object_get(l, "error")))
		printf("last trouble: %s\n", fact_text(l, "error"));
	print_streams(l);
}

/* --- what a node sends ----------------------------------------------------
 */

static void
print_spool(const json_t *s)
{
	char used[32], limit[32];

	printf("sent: %llu records accepted, %llu delivered, %llu dropped, "
	       "%llu refused\n",
	    fact_number(s, "accepted"), fact_number(s, "delivered"),
	    fact_number(s, "dropped"), fact_number(s, "refused"));
	printf("spool: %llu records in %llu batches, %s of %s\n",
	    fact_number(s, "waiting") + fact_number(s, "collected"),
	    fact_number(s, "batches"),
	    text_size(fact_number(s, "bytes"), used, sizeof used),
	    text_size(fact_number(s, "limit"), limit, sizeof limit));
	if (json_is_string(json_object_get(s, "error")))
		printf("spool: %s\n", fact_text(s, "error"));
}

static void
print_loggers(const json_t *sender)
{
	const json_t *l;
	struct table t;
	size_t i;

	table_begin(
	    &t, "LOGGER|STATE|DELIVERED|BATCHES|IN FLIGHT|LAG|REFUSALS");
	json_array_foreach(json_object_get(sender, "loggers"), i, l)
	{
		const char *state = fact_text(l, "state");

		table_cell(&t, PLAIN, "%s", fact_text(l, "name"));
		table_cell(
		    &t, strcmp(state, "up") == 0 ? GREEN : YELLOW, "%s", state);
		table_cell(&t, PLAIN, "%llu", fact_number(l, "delivered"));
		table_cell(&t, PLAIN, "%llu", fact_number(l, "batches"));
		table_cell(&t, PLAIN, "%llu", fact_number(l, "in_flight"));
		table_cell(&t, PLAIN, "%llu ms", fact_number(l, "lag_ms"));
		fact_bad_cell(&t, l, "refusals");
	}
	table_end(&t);
	json_array_foreach(json_object_get(sender, "loggers"), i, l)
	{
		if (json_is_string(json_object_get(l, "error")))
			printf("%s: %s\n", fact_text(l, "name"),
			    fact_text(l, "error"));
	}
}

static void
print_sent(const json_t *sender)
{
	const json_t *s;
	struct table t;
	size_t i;

	table_begin(&t, "STREAM|PATH|ACCEPTED|DELIVERED|WAITING|DROPPED");
	json_array_foreach(json_object_get(sender, "streams"), i, s)
	{
		table_cell(&t, PLAIN, "%s", fact_text(s, "stream"));
		table_cell(&t, PLAIN, "%s", fact_text(s, "path"));
		table_cell(&t, PLAIN, "%llu", fact_number(s, "accepted"));
		table_cell(&t, PLAIN, "%llu", fact_number(s, "delivered"));
		table_cell(&t, PLAIN, "%llu", fact_number(s, "waiting"));
		fact_bad_cell(&t, s, "dropped");
	}
	table_end(&t);
}

static void
print_answer(const json_t *v)
{
	const json_t *logger = json_object_get(v, "logger");
	const json_t *sender = json_object_get(v, "sender");

	if (json_is_object(logger))
		print_logger(logger);
	if (json_is_object(sender)) {
		if (json_is_object(logger))
			putchar('\n');
		print_spool(json_object_get(sender, "spool"));
		print_loggers(sender);
		print_sent(sender);
		print_log_inputs(json_object_get(sender, "inputs"));
	} else if (!json_is_object(logger)) {
		printf("this node neither writes nor sends logs\n");
	}
}

int
cmd_logs(struct ctl *c)
{
	return ctl_show(c, "{\"op\":\"logs\"}", print_answer);
}

/* --- tail ------------------------------------------------------------------
 */

/* FIELD=VALUE; the value as text or as JSON shows it. */
struct filter {
	const char *field;
	size_t field_len;
	const char *value;
};

struct tail {
	const struct ctl *ctl;
	struct filter filter;
};

static bool
parse_filter(const char *text_, struct filter *f)
{
	const char *is = text_ == NULL ? NULL : strchr(text_, '=');

	memset(f, 0, sizeof *f);
	if (text_ == NULL)
		return true;
	if (is == NULL || is == text_) {
		complain("--filter: \"%s\" is not FIELD=VALUE", text_);
		return false;
	}
	f->field = text_;
	f->field_len = (size_t)(is - text_);
	f->value = is + 1;
	return true;
}

static bool
value_is(const struct mu_jtext *v, const char *want)
{
	if (mu_jtext_kind(v) == MU_JTEXT_STRING)
		return mu_jtext_is(v, want);
	return v->len == strlen(want) && memcmp(v->at, want, v->len) == 0;
}

/* An array matches with any of its elements. */
static bool
matches(const struct filter *f, const struct mu_jtext *record)
{
	struct mu_jtext_walk w = mu_jtext_walk(record);
	struct mu_jtext key, v, e;

	if (f->field == NULL)
		return true;
	while (mu_jtext_next(&w, &key, &v)) {
		char name[256];

		snprintf(
		    name, sizeof name, "%.*s", (int)f->field_len, f->field);
		if (!mu_jtext_is(&key, name))
			continue;
		if (mu_jtext_kind(&v) == MU_JTEXT_ARRAY) {
			struct mu_jtext_walk in = mu_jtext_walk(&v);

			while (mu_jtext_next(&in, NULL, &e))
				if (value_is(&e, f->value))
					return true;
		}
		return value_is(&v, f->value);
	}
	return false;
}

/* Returns the number of records shown. */
static long
on_line(void *ctx, const char *line, size_t len)
{
	const struct tail *t = ctx;
	struct mu_jtext v, log, record, path;
	char *name;

	if (mu_jtext_check(line, len, NULL) != 0)
		return 0;
	v = mu_jtext_over(line, len);
	follow_dropped(&v, "records were not shown");
	log = mu_jtext_member(&v, "log");
	record = mu_jtext_member(&log, "record");
	if (mu_jtext_kind(&record) != MU_JTEXT_OBJECT ||
	    !matches(&t->filter, &record))
		return 0;
	if (t->ctl->json) {
		fwrite(line, 1, len, stdout);
	} else {
		path = mu_jtext_member(&log, "path");
		name = mu_jtext_cstring(&path);
		printf("%s%s%s ", colour_on(DIM), name == NULL ? "?" : name,
		    colour_off(DIM));
		mu_free(name);
		fwrite(record.at, 1, record.len, stdout);
	}
	putchar('\n');
	return 1;
}

int
cmd_log_tail(struct ctl *c)
{
	struct tail t = { .ctl = c };
	struct follow f = {
		.saying = "following",
		.things = "records",
		.verdict = client_verdict,
		.line = on_line,
		.ctx = &t,
	};
	struct mu_buf b;
	char *request;
	int status;

	if (!parse_filter(c->filter, &t.filter))
		return EXIT_USAGE;
	mu_buf_init(&b, 0);
	mu_buf_str(&b, "{\"op\":\"log_tail\"");
	if (c->nargs > 0) {
		mu_buf_str(&b, ",\"stream\":");
		mu_jtext_put_cstring(&b, c->args[0]);
	}
	mu_buf_str(&b, "}\n");
	f.request = request = mu_buf_take_string(&b);
	status = follow(c, &f);
	mu_free(request);
	mu_buf_clear(&b);
	return status;
}
