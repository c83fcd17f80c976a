/*
 * Our node in the place of b in recorded chains of Zeek nodes a - b - c: what
 * b passes on, and that it passes on nothing unless it is told to.
 */
#include "recording.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "check_layout.h"
#include "core/endpoint.h"
#include "core/link.h"
#include "muster/topic.h"
#include "proto/envelope.h"
#include "unit.h"

#define MS UINT64_C(1000000)

#define LAYOUT                                                                 \
	"cluster: recorded\n"                                                  \
	"tls: none\n"                                                          \
	"limits: {ping: 1 hour, dead: 2 hours}\n"                              \
	"nodes:\n"                                                             \
	"  b: {role: manager, host: 127.0.0.1, port: 20001}\n"                 \
	"subscriptions: [zeek/both, zeek/fwd]\n"

/* One of the connections, both with b. */
struct end {
	char from[40];
	struct link *link;  /* NULL: over */
	struct mu_buf ours; /* what our b sent */
	struct mu_buf b;    /* what Zeek's b sent */
};

static struct recording rec;
static struct mu_layout *layout;
static struct endpoint *e;
static struct end ends[2];
static uint64_t now;
static unsigned heard; /* by a client of ours, on zeek/both */

static void
hear(struct subscriber *s, struct message *m)
{
	(void)s;
	ck_assert(muster_topic_matches(
	    "zeek/both", 9, m->env.topic, m->env.topic_len));
	heard++;
}

static struct end *
end_of(const struct entry *entry)
{
	for (size_t i = 0; i < 2; i++)
		if (ends[i].from[0] == '\0' ||
		    strcmp(ends[i].from, entry->from) == 0) {
			snprintf(ends[i].from, sizeof ends[i].from, "%s",
			    entry->from);
			return &ends[i];
		}
	ck_abort_msg("a third connection");
	return NULL;
}

static void
take_output(void)
{
	struct endpoint_out out;
	const uint8_t *at;
	size_t len;

	while (endpoint_next(e, &out)) {
		struct end *x = NULL;

		if (out.kind != ENDPOINT_WRITE && out.kind != ENDPOINT_CLOSE)
			continue;
		for (size_t i = 0; i < 2; i++)
			if (ends[i].link == out.link)
				x = &ends[i];
		ck_assert_ptr_nonnull(x);
		while (link_peek(out.link, &at, &len)) {
			mu_buf_put(&x->ours, at, len);
			link_consume(out.link, len);
		}
		if (out.kind == ENDPOINT_CLOSE) {
			x->link = NULL;
			link_closed(out.link, NULL, now);
		}
	}
}

static void
feed(struct end *x, const struct entry *entry)
{
	size_t done = 0;

	while (x->link != NULL && done < entry->len) {
		uint8_t *at;
		size_t room, n = entry->len - done;

		ck_assert_int_eq(link_reserve(x->link, &at, &room), 0);
		n = n < room ? n : room;
		memcpy(at, entry->bytes + done, n);
		link_commit(x->link, n, now);
		done += n;
		take_output();
	}
}

static void
replay(const struct entry *entry)
{
	struct end *x;
	const char *why;

	if (entry->kind == ENTRY_NOTE)
		return;
	x = end_of(entry);
	now += 10 * MS;
	endpoint_tick(e, now);
	switch (entry->kind) {
	case ENTRY_OPEN:
		x->link = endpoint_accepted(e, "127.0.0.1", 4000, &why, now);
		ck_assert_ptr_nonnull(x->link);
		break;
	case ENTRY_FRAME:
		if (entry->c2s)
			feed(x, entry);
		else
			mu_buf_put(&x->b, entry->bytes, entry->len);
		break;
	case ENTRY_END:
		if (x->link != NULL && entry->c2s) {
			link_closed(x->link, NULL, now);
			x->link = NULL;
		}
		break;
	default:
		break;
	}
	take_output();
}

/* The id that b says it has. */
static struct mu_uuid
id_of_b(void)
{
	static const char said[] = "b local: own id ";
	struct mu_uuid id;

	for (size_t i = 0; i < rec.n; i++)
		if (rec.e[i].kind == ENTRY_NOTE &&
		    strncmp(rec.e[i].note, said, strlen(said)) == 0) {
			ck_assert_int_eq(
			    mu_uuid_parse(&id, rec.e[i].note + strlen(said)),
			    0);
			return id;
		}
	ck_abort_msg("b has no id");
	return id;
}

static void
play(const char *file, const char *more)
{
	struct endpoint_config cfg = { .node = "b", .seed = 1 };
	struct subscriber client = { .kind = SUBSCRIBER_CLIENT,
		.deliver = hear };
	struct muster_filter *f = muster_filter_new();
	char text[1000];

	snprintf(text, sizeof text, LAYOUT "%s", more);
	rec = recording_open(file);
	layout = must_read(text);
	now = UINT64_C(1000000000);
	cfg.layout = layout;
	cfg.id = id_of_b();
	e = endpoint_new(&cfg, now);
	ck_assert_ptr_nonnull(e);
	muster_filter_add(f, "zeek/both", 9);
	ck_assert_int_eq(router_attach(endpoint_router(e), &client, f), 0);
	muster_filter_free(f);
	for (size_t i = 0; i < 2; i++) {
		mu_buf_init(&ends[i].ours, 0);
		mu_buf_init(&ends[i].b, 0);
	}
	for (size_t i = 0; i < rec.n; i++)
		replay(&rec.e[i]);
	router_detach(endpoint_router(e), &client);
}

static void
clear(void)
{
	for (size_t i = 0; i < 2; i++) {
		mu_buf_clear(&ends[i].ours);
		mu_buf_clear(&ends[i].b);
		if (ends[i].link != NULL)
			link_closed(ends[i].link, NULL, now);
		memset(&ends[i], 0, sizeof ends[i]);
	}
	endpoint_free(e);
	mu_layout_free(layout);
	recording_close(&rec);
}

/* The n-th data frame below zeek/ and outside of zeek/logs/ in what was sent;
 * false: there is none. */
static bool
data_frame(const struct mu_buf *b, unsigned n, struct mu_envelope *env)
{
	uint8_t *at = mu_buf_data(b), *stop = at + mu_buf_len(b);

	while (stop - at > 4) {
		size_t len = 4 + ((size_t)at[0] << 24 | (size_t)at[1] << 16 |
				     (size_t)at[2] << 8 | at[3]);

		ck_assert_uint_le(len, (size_t)(stop - at));
		if (mu_envelope_view(at, len, env) == 0 &&
		    env->type == MU_DATA && env->topic_len > 5 &&
		    memcmp(env->topic, "zeek/", 5) == 0 &&
		    memcmp(env->topic, "zeek/logs", 9) != 0 && n-- == 0)
			return true;
		at += len;
	}
	return false;
}

START_TEST(passed_on_as_zeek_does)
{
	struct mu_envelope ours, theirs;
	struct end *c;
	unsigned n = 0;

	heard = 0;
	play("zeek-forward.jsonl.gz", "forward: [zeek/fwd, zeek/both]\n");
	c = &ends[ends[0].from[0] == 'c' ? 0 : 1];
	for (; data_frame(&c->b, n, &theirs); n++) {
		ck_assert_msg(data_frame(&c->ours, n, &ours), "no %u", n);
		/* we lower the TTL, or no circle of nodes would end */
		ck_assert_uint_eq(theirs.ttl, MU_TTL);
		ck_assert_uint_eq(ours.ttl, MU_TTL - 1);
		ours.frame[37] = (uint8_t)(MU_TTL >> 8);
		ours.frame[38] = (uint8_t)MU_TTL;
		ck_assert_uint_eq(ours.len, theirs.len);
		ck_assert_mem_eq(ours.frame, theirs.frame, ours.len);
	}
	ck_assert_uint_eq(n, 2);
	ck_assert(!data_frame(&c->ours, n, &ours));
	/* and nothing goes back to where it came from */
	ck_assert(!data_frame(&ends[c == ends ? 1 : 0].ours, 0, &ours));
	ck_assert_uint_eq(heard, 1);
	clear();
}
END_TEST

START_TEST(passed_on_only_when_told_to)
{
	struct mu_envelope env;

	heard = 0;
	play("zeek-forward-off.jsonl.gz", "");
	for (size_t i = 0; i < 2; i++) {
		ck_assert(!data_frame(&ends[i].ours, 0, &env));
		ck_assert(!data_frame(&ends[i].b, 0, &env));
		/* the peerings stood all the same */
		ck_assert_uint_gt(mu_buf_len(&ends[i].ours), 100);
	}
	ck_assert_uint_eq(heard, 1);
	ck_assert_uint_ge(
	    router_stats(endpoint_router(e))->received[MU_DATA], 2);
	clear();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("replay_forward");
	TCase *t = tcase_create("forward");

	tcase_add_test(t, passed_on_as_zeek_does);
	tcase_add_test(t, passed_on_only_when_told_to);
	suite_add_tcase(s, t);
	return unit_run(s);
}
