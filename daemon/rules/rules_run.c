/*
 * Programs of handlers: what waits for them, how many run, how long, what they
 * write.
 */
#include "rules/rules_impl.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "base/blob.h"
#include "base/buf.h"
#include "base/text.h"
#include "core/answer.h"
#include "muster/err.h"
#include "muster/value.h"
#include "sys/log.h"
#include "value/codec.h"

#define SECOND UINT64_C(1000000000)
#define SHOWN  512 /* bytes of a line of output in the log */

/* --- the queue ------------------------------------------------------------ */

/* The data message of the WebSocket API, a line. */
static struct mu_blob *
json_of(struct rules_event *ev)
{
	const struct muster_value *v = rules_value(ev);
	struct mu_blob *blob = NULL;
	struct mu_buf b;
	size_t at;

	if (ev->json != NULL || v == NULL)
		return ev->json;
	mu_buf_init(&b, 0);
	mu_buf_str(&b, "{");
	answer_text(&b, "type", "data-message");
	answer_bytes(&b, "topic", ev->topic, ev->topic_len);
	/* the value's own object goes on where this one is */
	at = mu_buf_len(&b);
	mu_value_enc_json(&b, v);
	mu_buf_str(&b, "\n");
	if (mu_buf_error(&b) == 0) {
		mu_buf_data(&b)[at] = ',';
		blob = mu_blob_new(mu_buf_data(&b), mu_buf_len(&b));
	}
	mu_buf_clear(&b);
	if (blob == NULL)
		ev->error = MUSTER_ENOMEM;
	ev->json = blob;
	return blob;
}

static bool
has_room(const struct handler *h, size_t bytes)
{
	const struct mu_layout_handler *row = h->row;

	/* one that can start at once need not wait */
	if (h->waiting == 0 && h->running < row->at_once && h->pause_until == 0)
		return bytes <= row->queue_bytes;
	return h->waiting < row->queue && bytes <= row->queue_bytes - h->bytes;
}

static void
enqueue(struct rules *rs, struct handler *h, struct mu_blob *blob)
{
	struct handler_item *item = mu_calloc(1, sizeof *item);

	if (item == NULL) {
		handler_full(rs, h);
		return;
	}
	item->blob = mu_blob_ref(blob);
	*h->last = item;
	h->last = &item->next;
	h->waiting++;
	h->bytes += blob->len;
	rs->work = true;
}

void
run_take(struct rules *rs, struct handler *h, struct rules_event *ev)
{
	struct mu_blob *blob;

	/* JSON is never shorter */
	if (!has_room(h, ev->len)) {
		handler_full(rs, h);
		return;
	}
	blob = json_of(ev);
	if (blob == NULL)
		handler_failed(rs, h,
		    ev->error == MUSTER_ENOMEM ? "out of memory"
					       : "the event is malformed");
	else if (!has_room(h, blob->len))
		handler_full(rs, h);
	else
		enqueue(rs, h, blob);
}

/* The first of the queue; the caller has its reference. */
static struct mu_blob *
dequeue(struct handler *h)
{
	struct handler_item *item = h->first;
	struct mu_blob *blob = item->blob;

	h->first = item->next;
	if (h->first == NULL)
		h->last = &h->first;
	h->waiting--;
	h->bytes -= blob->len;
	if (h->row != NULL && h->waiting <= h->row->queue / 2 &&
	    h->bytes <= h->row->queue_bytes / 2)
		h->dropping = false;
	mu_free(item);
	return blob;
}

void
run_drop_queue(struct handler *h)
{
	while (h->first != NULL) {
		mu_blob_unref(dequeue(h));
		h->dropped++;
	}
}

/* --- runs ----------------------------------------------------------------- */

static void
run_free(struct rules_run *run)
{
	mu_blob_unref(run->input);
	mu_free(run);
}

void
run_free_all(struct handler *h)
{
	while (h->runs != NULL) {
		struct rules_run *run = h->runs;

		h->runs = run->next;
		run_free(run);
	}
	h->running = 0;
}

static void
unlink_run(struct rules_run *run)
{
	struct rules_run **at = &run->h->runs;

	while (*at != run)
		at = &(*at)->next;
	*at = run->next;
	run->h->running--;
}

static void
pause_after(struct rules *rs, struct handler *h)
{
	uint64_t ns = RULES_PAUSE_MAX_NS;

	if (h->streak < 7)
		ns = RULES_PAUSE_NS << (h->streak - 1);
	if (ns > RULES_PAUSE_MAX_NS)
		ns = RULES_PAUSE_MAX_NS;
	h->pause_until = rs->now + ns;
}

static void
end_run(struct rules *rs, struct rules_run *run, const char *why)
{
	struct handler *h = run->h;

	unlink_run(run);
	rs->work = true;
	if (h->row != NULL && !rs->stopping) {
		if (why == NULL) {
			handler_did(rs, h);
		} else {
			handler_failed(rs, h, why);
			pause_after(rs, h);
		}
	}
	run_free(run);
}

/* Tell it to end, for a reason, and to be killed if it does not. */
static void
term(struct rules *rs, struct rules_run *run, const char *why)
{
	if (run->state != RUN_RUNNING)
		return;
	snprintf(run->why, sizeof run->why, "%s", why);
	run->state = RUN_TERMED;
	run->term = true;
	run->due = rs->now + RULES_KILL_NS;
	rs->work = true;
}

void
run_end_all(struct rules *rs, struct handler *h)
{
	for (struct rules_run *run = h->runs; run != NULL; run = run->next)
		term(rs, run, "ended with its rule");
}

/* --- what the owner tells --------------------------------------------------
 */

void
rules_started(struct rules_run *run, void *ctx)
{
	run->ctx = ctx;
	mu_blob_unref(run->input);
	run->input = NULL;
}

void *
rules_run_ctx(const struct rules_run *run)
{
	return run->ctx;
}

void
rules_not_started(
    struct rules *rs, struct rules_run *run, const char *why, uint64_t now)
{
	char text[RULES_WHY];

	rs->now = now;
	snprintf(text, sizeof text, "cannot start %.60s: %.60s",
	    run->h->row->run[0], why);
	end_run(rs, run, text);
}

void
rules_unfit(struct rules_run *run, const char *why)
{
	snprintf(run->why, sizeof run->why, "cannot run %.80s: %.60s",
	    run->h->row == NULL ? "it" : run->h->row->run[0], why);
}

/* May a line of output be shown now? */
static bool
take_token(struct handler *h, uint64_t now)
{
	uint64_t more = (now - h->token_time) / SECOND;

	if (more > 0) {
		h->tokens = more > RULES_OUTPUT_LINES - h->tokens
				? RULES_OUTPUT_LINES
				: h->tokens + (unsigned)more;
		h->token_time += more * SECOND;
	}
	if (h->tokens == 0)
		return false;
	h->tokens--;
	return true;
}

void
rules_line(
    struct rules *rs, struct rules_run *run, const char *line, uint64_t now)
{
	struct handler *h = run->h;
	size_t len = strlen(line);
	char shown[SHOWN];

	rs->now = now;
	run->output += len + 1;
	if (!take_token(h, now)) {
		h->lines++;
		h->silent_lines++;
	} else {
		if (h->silent_lines > 0)
			rules_say(rs, LOG_LEVEL_INFO,
			    "%s: %llu lines of output are not shown", h->label,
			    (unsigned long long)h->silent_lines);
		h->silent_lines = 0;
		rules_say(rs, LOG_LEVEL_INFO, "%s: %s", h->label,
		    mu_text_printable(line, len, shown, sizeof shown));
	}
	if (h->row == NULL || run->output <= h->row->output_bytes || run->mute)
		return;
	run->mute = true;
	term(rs, run, "ended: it wrote more than its output may be");
}

void
rules_ended(struct rules *rs, struct rules_run *run, int status, uint64_t now)
{
	char text[RULES_WHY];

	rs->now = now;
	if (run->why[0] != '\0')
		snprintf(text, sizeof text, "%s", run->why);
	else if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		text[0] = '\0';
	else if (WIFEXITED(status))
		snprintf(
		    text, sizeof text, "exit status %d", WEXITSTATUS(status));
	else
		snprintf(text, sizeof text, "killed by signal %d (%s)",
		    WTERMSIG(status), strsignal(WTERMSIG(status)));
	end_run(rs, run, text[0] == '\0' ? NULL : text);
}

/* --- time, consequences -----------------------------------------------------
 */

static bool
may_start(const struct rules *rs, const struct handler *h)
{
	return h->row != NULL && !rs->stopping && h->waiting > 0 &&
	       h->running < h->row->at_once && h->pause_until <= rs->now;
}

void
run_tick(struct rules *rs, struct handler *h)
{
	if (h->pause_until != 0 && h->pause_until <= rs->now) {
		h->pause_until = 0;
		rs->work = true;
	}
	for (struct rules_run *run = h->runs; run != NULL; run = run->next) {
		if (run->due > rs->now)
			continue;
		if (run->state == RUN_RUNNING) {
			term(rs, run, "ended: it ran too long");
		} else if (run->state == RUN_TERMED) {
			run->state = RUN_KILLED;
			run->kill = true;
			run->due = UINT64_MAX;
			rs->work = true;
		}
	}
}

uint64_t
run_deadline(const struct rules *rs, const struct handler *h)
{
	uint64_t at = h->pause_until != 0 ? h->pause_until : UINT64_MAX;

	(void)rs;
	for (const struct rules_run *run = h->runs; run != NULL;
	     run = run->next)
		at = run->due < at ? run->due : at;
	return at;
}

static bool
start_next(struct rules *rs, struct handler *h, struct rules_out *out)
{
	struct rules_run *run;

	if (!may_start(rs, h))
		return false;
	run = mu_calloc(1, sizeof *run);
	if (run == NULL) {
		mu_blob_unref(dequeue(h));
		h->dropped++;
		handler_failed(rs, h, "out of memory");
		pause_after(rs, h);
		return false;
	}
	run->h = h;
	run->state = RUN_RUNNING;
	run->due = rs->now + (uint64_t)h->row->time_ns;
	run->input = dequeue(h);
	run->next = h->runs;
	h->runs = run;
	h->running++;
	out->kind = RULES_START;
	out->run = run;
	out->argv = h->row->run;
	out->nargv = h->row->nrun;
	out->input = run->input;
	return true;
}

bool
run_next(struct rules *rs, struct handler *h, struct rules_out *out)
{
	for (struct rules_run *run = h->runs; run != NULL; run = run->next) {
		bool *flag = run->mute && !run->muted ? &run->muted
			     : run->term              ? &run->term
			     : run->kill              ? &run->kill
						      : NULL;

		if (flag == NULL)
			continue;
		out->kind = flag == &run->muted  ? RULES_MUTE
			    : flag == &run->term ? RULES_TERM
						 : RULES_KILL;
		*flag = flag == &run->muted;
		out->run = run;
		return true;
	}
	return start_next(rs, h, out);
}

size_t
rules_running(const struct rules *rs)
{
	size_t n = 0;

	for (size_t i = 0; i < rs->n; i++)
		n += rs->list[i]->running;
	for (const struct handler *h = rs->leaving; h != NULL; h = h->next)
		n += h->running;
	return n;
}
