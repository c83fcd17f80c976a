/*
 * Our node in the place of each node of recorded Zeek clusters.  It gets the
 * recorded id, dials when the recording says that the connection stood, is
 * fed with what the others sent, and must say what the Zeek node said: the
 * same handshake, hello, reports and cluster_started, and the same lines in
 * cluster.log.
 */
#include "recording.h"
#include "replay_pools.h"

#include "base/cursor.h"
#include "core/endpoint.h"
#include "layout/read.h"
#include "muster/event.h"
#include "muster/topic.h"
#include "muster/value.h"
#include "proto/envelope.h"
#include "proto/handshake.h"
#include "sys/log.h"
#include "topic/filter.h"
#include "unit.h"
#include "value/codec.h"

#define MS UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)
#define CONNS 64
#define DIALS 8

/* Where the recorded cluster listened matters to nobody.  Time: recorded
 * silences are not ours to fill. */
#define NODES \
	"cluster: recorded\n" \
	"tls: none\n" \
	"limits: {ping: 1 hour, dead: 2 hours}\n" \
	"nodes:\n" \
	"  manager: {role: manager, host: 127.0.0.1, port: 20001}\n" \
	"  proxy-1: {role: proxy, host: 127.0.0.1, port: 20003}\n" \
	"  worker-1: {role: worker, host: 127.0.0.1, port: 20004}\n" \
	"  worker-2: {role: worker, host: 127.0.0.1, port: 20005}\n"

static const struct {
	const char *file, *layout;
} runs[] = {
	{ "zeek-cluster.jsonl.gz", NODES
	    "  logger-1: {role: logger, host: 127.0.0.1, port: 20002}\n" },
	{ "zeek-cluster-simultaneous.jsonl.gz", NODES
	    "  logger-1: {role: logger, host: 127.0.0.1, port: 20002, "
	    "manager: manager}\n" },
	{ "zeek-pools.jsonl.gz", NODES
	    "  logger-1: {role: logger, host: 127.0.0.1, port: 20002}\n"
	    "  proxy-2: {role: proxy, host: 127.0.0.1, port: 20006}\n" },
};
/* The last is in one of them only. */
static const char *const names[] = { "manager", "logger-1", "proxy-1",
	"worker-1", "worker-2", "proxy-2" };
#define NNAMES 6

/* A connection of the node that we stand in for. */
struct rconn {
	char from[40], to[40];
	int conn;
	struct link *link;    /* NULL: over */
	struct mu_buf ours;   /* what our node sent */
	struct mu_buf theirs; /* what the Zeek node sent */
	bool was_up;
};

struct replay {
	const struct recording *rec;
	const char *name;
	struct mu_layout *layout;
	struct endpoint *e;
	struct mu_uuid id;
	uint64_t now;
	struct rconn conns[CONNS];
	size_t nconns;
	struct {
		char name[40];
		unsigned id;
		bool pending;
	} dials[DIALS];
	size_t ndials;
	/* Lines of cluster.log of this life, ours and what the notes imply,
	 * and how many of either. */
	struct mu_buf log, expect;
	unsigned lives;
};

/* --- consequences --------------------------------------------------------- */

static struct rconn *
conn_of(struct replay *r, const struct link *l)
{
	for (size_t i = 0; i < r->nconns; i++)
		if (r->conns[i].link == l)
			return &r->conns[i];
	ck_abort_msg("a link without a connection");
}

static void
flush(struct replay *r, struct link *l)
{
	struct rconn *c = conn_of(r, l);
	const uint8_t *at;
	size_t len;

	while (link_peek(l, &at, &len)) {
		mu_buf_put(&c->ours, at, len);
		link_consume(l, len);
	}
}

static void
note_dial(struct replay *r, const struct endpoint_out *o, bool pending)
{
	size_t i;

	for (i = 0; i < r->ndials; i++)
		if (pending ? strcmp(r->dials[i].name, o->name) == 0 :
		    r->dials[i].id == o->dial_id)
			break;
	if (i == r->ndials) {
		ck_assert(pending && r->ndials < DIALS);
		r->ndials++;
	}
	if (pending) {
		snprintf(r->dials[i].name, sizeof r->dials[i].name, "%s",
		    o->name);
		r->dials[i].id = o->dial_id;
	}
	r->dials[i].pending = pending;
}

static void
close_link(struct replay *r, struct link *l)
{
	struct rconn *c = conn_of(r, l);
	struct link_facts f;

	link_facts(l, &f);
	ck_assert_uint_eq(f.problems, 0);
	ck_assert_uint_eq(f.out.dropped, 0);
	flush(r, l);
	c->link = NULL;
	link_closed(l, NULL, r->now);
}

/* Nothing of what Zeek sends is worth a warning; that a port is not open yet
 * is, and it was not. */
static void
check_message(const struct endpoint_out *o)
{
	if (o->level <= LOG_LEVEL_WARN)
		ck_assert_msg(strstr(o->text, "cannot reach") != NULL ||
		    strstr(o->text, "degraded") != NULL ||
		    strstr(o->text, "refused") != NULL, "%s", o->text);
}

static void
drain(struct replay *r)
{
	struct endpoint_out o;

	while (endpoint_next(r->e, &o)) {
		switch (o.kind) {
		case ENDPOINT_DIAL:
			note_dial(r, &o, true);
			break;
		case ENDPOINT_CANCEL_DIAL:
			note_dial(r, &o, false);
			break;
		case ENDPOINT_READ:
			break;
		case ENDPOINT_WRITE:
			flush(r, o.link);
			break;
		case ENDPOINT_CLOSE:
			close_link(r, o.link);
			break;
		case ENDPOINT_LOG:
			check_message(&o);
			break;
		case ENDPOINT_CLUSTER_LOG:
			/* Beyond Zeek. */
			if (strncmp(o.text, "cluster degraded", 16) != 0 &&
			    strncmp(o.text, "cluster restored", 16) != 0)
				mu_buf_printf(&r->log, "%s\n", o.text);
			break;
		case ENDPOINT_BROKER_LOG:
		case ENDPOINT_STATE:
			break;
		}
	}
}

/* --- the recording drives ------------------------------------------------- */

static void
pass_time(struct replay *r, uint64_t to)
{
	if (r->now < to)
		r->now = to;
	endpoint_tick(r->e, r->now);
	drain(r);
}

/* The attempt to reach name; when ours is not due yet, time passes. */
static unsigned
take_dial(struct replay *r, const char *name)
{
	for (unsigned tries = 0; tries < 1000; tries++) {
		for (size_t i = 0; i < r->ndials; i++)
			if (r->dials[i].pending &&
			    strcmp(r->dials[i].name, name) == 0) {
				r->dials[i].pending = false;
				return r->dials[i].id;
			}
		pass_time(r, r->now + 10 * MS);
	}
	ck_abort_msg("%s does not dial %s", r->name, name);
}

static struct rconn *
find_conn(struct replay *r, const struct entry *e)
{
	for (size_t i = 0; i < r->nconns; i++) {
		struct rconn *c = &r->conns[i];

		if (c->conn == e->conn && strcmp(c->from, e->from) == 0 &&
		    strcmp(c->to, e->to) == 0)
			return c;
	}
	return NULL;
}

static void
on_open(struct replay *r, const struct entry *e)
{
	struct rconn *c = &r->conns[r->nconns];
	const char *why = "";

	ck_assert_uint_lt(r->nconns, CONNS);
	memset(c, 0, sizeof *c);
	memcpy(c->from, e->from, sizeof c->from);
	memcpy(c->to, e->to, sizeof c->to);
	c->conn = e->conn;
	mu_buf_init(&c->ours, 0);
	mu_buf_init(&c->theirs, 0);
	if (strcmp(e->from, r->name) == 0)
		c->link = endpoint_connected(r->e, take_dial(r, e->to),
		    "127.0.0.1", 20000, r->now);
	else
		c->link = endpoint_accepted(r->e, "127.0.0.1", 50000, &why,
		    r->now);
	ck_assert_msg(c->link != NULL, "%s>%s: %s", e->from, e->to, why);
	r->nconns++;
	drain(r);
}

static void
feed(struct replay *r, struct rconn *c, const struct entry *e)
{
	const uint8_t *at = e->bytes;
	size_t left = e->len, room;
	struct link_facts f;
	uint8_t *in;

	while (left > 0 && c->link != NULL) {
		ck_assert_int_eq(link_reserve(c->link, &in, &room), 0);
		room = room < left ? room : left;
		memcpy(in, at, room);
		at += room;
		left -= room;
		link_commit(c->link, room, r->now);
		drain(r);
	}
	if (c->link == NULL)
		return;
	link_facts(c->link, &f);
	c->was_up = c->was_up || f.state == LINK_UP;
}

static void
on_entry(struct replay *r, const struct entry *e)
{
	bool ours = strcmp(e->from, r->name) == 0;
	struct rconn *c = find_conn(r, e);

	switch (e->kind) {
	case ENTRY_OPEN:
		on_open(r, e);
		break;
	case ENTRY_FAILED:
		if (ours)
			endpoint_connect_failed(r->e, take_dial(r, e->to),
			    "refused", r->now);
		drain(r);
		break;
	case ENTRY_FRAME:
		if (c != NULL && ours == e->c2s)
			mu_buf_put(&c->theirs, e->bytes, e->len);
		else if (c != NULL && c->link != NULL)
			feed(r, c, e);
		break;
	case ENTRY_END:
		if (c != NULL && c->link != NULL && ours != e->c2s) {
			close_link(r, c->link);
			drain(r);
		}
		break;
	case ENTRY_NOTE:
		break;
	}
}

/* --- what our node must have sent ----------------------------------------- */

/* One frame of a stream, or false at its end. */
static bool
next_frame(struct mu_cursor *c, const uint8_t **frame, size_t *len)
{
	const uint8_t *start = c->at;
	uint32_t n;

	if (mu_cursor_left(c) == 0)
		return false;
	n = mu_cursor_u32(c);
	ck_assert_ptr_nonnull(mu_cursor_bytes(c, n));
	*frame = start;
	*len = n + 4;
	return true;
}

/* Is the topic one of Zeek's that every node of a kind subscribes?  Not those
 * of stores, supervision and, on our side, Muster's own. */
static bool
is_common(const char *topic, size_t len)
{
	return (len > 13 && memcmp(topic, "zeek/cluster/", 13) == 0) ||
	    (len == 10 && memcmp(topic, "zeek/logs/", 10) == 0);
}

static void
covers(const struct muster_filter *a, const struct muster_filter *b)
{
	for (size_t i = 0; i < muster_filter_size(a); i++) {
		size_t len;
		const char *t = muster_filter_at(a, i, &len);

		if (is_common(t, len))
			ck_assert_msg(mu_filter_has(b, t, len), "%.*s",
			    (int)len, t);
	}
}

static void
same_handshake(const uint8_t *a, size_t alen, const uint8_t *b, size_t blen)
{
	struct mu_handshake ha, hb;
	const char *text;
	unsigned ec;

	ck_assert_int_eq(mu_handshake_dec(&ha, a + 4, alen - 4, 10000, &ec,
	    &text), 0);
	ck_assert_int_eq(mu_handshake_dec(&hb, b + 4, blen - 4, 10000, &ec,
	    &text), 0);
	ck_assert_int_eq(ha.tag, hb.tag);
	if (ha.filter == NULL) {
		ck_assert_uint_eq(alen, blen);
		ck_assert_mem_eq(a, b, alen);
	} else {
		covers(ha.filter, hb.filter);
		covers(hb.filter, ha.filter);
	}
	mu_handshake_clear(&ha);
	mu_handshake_clear(&hb);
}

/* The messages of the handshake, one by one. */
static void
compare_handshakes(struct mu_cursor *a, struct mu_cursor *b)
{
	const uint8_t *fa = NULL, *fb = NULL;
	size_t la, lb, n = 0;
	bool more;

	do {
		more = next_frame(a, &fa, &la);
		ck_assert_msg(next_frame(b, &fb, &lb) == more, "%zu messages "
		    "agree, then one side ends", n);
		if (!more)
			return;
		same_handshake(fa, la, fb, lb);
		n++;
		/* Each side's last message is one of these. */
	} while (fa[4] != MU_RESPONDER_SYN_ACK && fa[4] != MU_ORIGINATOR_ACK);
}

enum worth { WORTH_NOTHING, WORTH_BYTES, WORTH_MASTERS };

/* Is a frame of phase 3 one that our node must send as well? */
static enum worth
worth(const uint8_t *frame, size_t len)
{
	static const char *const same[] = { "Cluster::hello",
		"Cluster::Experimental::node_fully_connected",
		"Cluster::Experimental::cluster_started" };
	struct mu_envelope env;
	struct mu_peek peek;

	ck_assert_int_eq(mu_envelope_view((uint8_t *)(uintptr_t)frame, len,
	    &env), 0);
	if (env.type == MU_PONG)
		return WORTH_BYTES;
	if (env.type != MU_DATA)
		return WORTH_NOTHING;
	if (mu_peek_message(env.payload, env.payload_len, &peek) != 0 ||
	    peek.kind != MUSTER_MESSAGE_EVENT)
		return WORTH_NOTHING;
	for (size_t i = 0; i < sizeof same / sizeof same[0]; i++)
		if (strlen(same[i]) == peek.name_len &&
		    memcmp(same[i], peek.name, peek.name_len) == 0)
			return WORTH_BYTES;
	if (peek.name_len == 24 &&
	    memcmp(peek.name, "Broker::announce_masters", 24) == 0)
		return WORTH_MASTERS;
	return WORTH_NOTHING;
}

static enum worth
next_worth(struct mu_cursor *c, const uint8_t **frame, size_t *len)
{
	enum worth w;

	while (next_frame(c, frame, len)) {
		w = worth(*frame, *len);
		if (w != WORTH_NOTHING)
			return w;
	}
	return WORTH_NOTHING;
}

/* We announce no masters: the same event on the same topic, with a set. */
static void
same_masters(const uint8_t *a, size_t alen, const uint8_t *b, size_t blen)
{
	struct mu_envelope ea, eb;
	struct muster_value *v;

	ck_assert_int_eq(mu_envelope_view((uint8_t *)(uintptr_t)a, alen, &ea),
	    0);
	ck_assert_int_eq(mu_envelope_view((uint8_t *)(uintptr_t)b, blen, &eb),
	    0);
	ck_assert_uint_eq(ea.topic_len, eb.topic_len);
	ck_assert_mem_eq(ea.topic, eb.topic, ea.topic_len);
	ck_assert(mu_uuid_eq(ea.receiver, eb.receiver));
	ck_assert_int_eq(muster_value_dec(ea.payload, ea.payload_len, &v), 0);
	ck_assert_uint_eq(muster_value_size(muster_event_args(v)), 1);
	ck_assert_int_eq(muster_value_type(muster_value_at(
	    muster_event_args(v), 0)), MUSTER_SET);
	ck_assert_ptr_nonnull(muster_event_meta(v));
	muster_value_unref(v);
}

static unsigned compared;

static void
compare_conn(const struct rconn *c)
{
	struct mu_cursor a = mu_cursor_over(mu_buf_data(&c->ours),
	    mu_buf_len(&c->ours));
	struct mu_cursor b = mu_cursor_over(mu_buf_data(&c->theirs),
	    mu_buf_len(&c->theirs));
	const uint8_t *fa, *fb;
	size_t la, lb;

	compare_handshakes(&a, &b);
	for (;;) {
		enum worth wa = next_worth(&a, &fa, &la);
		enum worth wb = next_worth(&b, &fb, &lb);

		ck_assert_msg(wa == wb, "%s>%s %d: ours %d, theirs %d",
		    c->from, c->to, c->conn, wa, wb);
		if (wa == WORTH_NOTHING)
			return;
		compared++;
		if (wa == WORTH_MASTERS) {
			same_masters(fa, la, fb, lb);
			continue;
		}
		ck_assert_uint_eq(la, lb);
		ck_assert_mem_eq(fa, fb, la);
	}
}

/* --- what its cluster.log must hold --------------------------------------- */

/* A remark of the node that we stand in for, as the lines it implies. */
static void
expect_note(struct replay *r, const char *text)
{
	char name[64], id[64];

	if (sscanf(text, "node_up %63s %63s", name, id) == 2)
		mu_buf_printf(&r->expect, "got hello from %s (%s)\n", name,
		    id);
	else if (sscanf(text, "node_down %63s", name) == 1)
		mu_buf_printf(&r->expect, "node down: %s\n", name);
	else if (strncmp(text, "node_fully_connected ", 21) == 0 &&
	    strstr(text, "remote=F") != NULL)
		mu_buf_str(&r->expect, "fully connected\n");
	else if (strcmp(text, "cluster_started remote=F") == 0)
		mu_buf_str(&r->expect, "cluster connected\n");
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The lines in order of their text: links are not in step with each other. */
static char *
sorted(struct mu_buf *b)
{
	char *text = mu_buf_take_string(b), *save = NULL;
	char *lines[200];
	struct mu_buf out;
	size_t n = 0;

	mu_buf_init(&out, 0);
	for (char *l = strtok_r(text, "\n", &save); l != NULL;
	    l = strtok_r(NULL, "\n", &save)) {
		ck_assert_uint_lt(n, 200);
		lines[n++] = l;
	}
	qsort(lines, n, sizeof lines[0], by_text);
	for (size_t i = 0; i < n; i++)
		mu_buf_printf(&out, "%s\n", lines[i]);
	free(text);
	text = mu_buf_take_string(&out);
	mu_buf_clear(&out);
	return text;
}

/* --- lives ---------------------------------------------------------------- */

/* 1.9: one line per node to connect to. */
static void
expect_dials(struct replay *r)
{
	const struct mu_layout_node *to[5];
	size_t n;

	n = mu_layout_connectees(r->layout, mu_layout_node(r->layout, r->name),
	    to);
	for (size_t i = 0; i < n; i++)
		mu_buf_printf(&r->expect, "initiate peering with %s:%u/tcp, "
		    "retry=1.0 sec, status=T\n", to[i]->host, to[i]->port);
}

static void
begin_life(struct replay *r, const char *id)
{
	struct endpoint_config cfg = { .layout = r->layout, .node = r->name,
		.seed = 1 };

	ck_assert_ptr_null(r->e);
	ck_assert_int_eq(mu_uuid_parse(&cfg.id, id), 0);
	mu_buf_init(&r->log, 0);
	mu_buf_init(&r->expect, 0);
	expect_dials(r);
	r->ndials = r->nconns = 0;
	r->e = endpoint_new(&cfg, r->now);
	ck_assert_ptr_nonnull(r->e);
	r->lives++;
	drain(r);
}

static void
end_life(struct replay *r)
{
	char *log, *expect;

	if (r->e == NULL)
		return;
	for (size_t i = 0; i < r->nconns; i++) {
		compare_conn(&r->conns[i]);
		mu_buf_clear(&r->conns[i].ours);
		mu_buf_clear(&r->conns[i].theirs);
	}
	log = sorted(&r->log);
	expect = sorted(&r->expect);
	ck_assert_str_eq(log, expect);
	free(log);
	free(expect);
	mu_buf_clear(&r->log);
	mu_buf_clear(&r->expect);
	endpoint_free(r->e);
	r->e = NULL;
}

static void
on_note(struct replay *r, const char *note)
{
	size_t len = strlen(r->name);

	if (strncmp(note, r->name, len) != 0 || note[len] != ' ')
		return;
	note += len + 1;
	if (strncmp(note, "local: own id ", 14) == 0)
		begin_life(r, note + 14);
	else if (strcmp(note, "process: SIGKILL") == 0 ||
	    strcmp(note, "process: SIGTERM") == 0)
		end_life(r);
	else if (strncmp(note, "local: ", 7) == 0 && r->e != NULL) {
		replay_pool_remark(r->e, note + 7);
		expect_note(r, note + 7);
	}
}

static bool
concerns(const struct replay *r, const struct entry *e)
{
	return strcmp(e->from, r->name) == 0 || strcmp(e->to, r->name) == 0;
}

static struct mu_layout *
layout_of(const char *text)
{
	struct mu_diags d;
	struct mu_layout *l;
	char *line;

	ck_assert_int_eq(mu_diags_init(&d, "recorded.yaml"), 0);
	l = mu_layout_read("recorded.yaml", text, strlen(text), &d);
	line = l == NULL ? mu_diags_line(&d, 0) : NULL;
	ck_assert_msg(l != NULL, "%s", line == NULL ? "?" : line);
	mu_diags_clear(&d);
	return l;
}

START_TEST(our_node_says_what_zeeks_said)
{
	size_t run = (size_t)_i / NNAMES;
	struct recording rec = recording_open(runs[run].file);
	struct replay r = { .rec = &rec, .name = names[_i % NNAMES] };

	r.layout = layout_of(runs[run].layout);
	if (mu_layout_node(r.layout, r.name) == NULL)
		goto out;
	r.now = SECOND;
	for (size_t i = 0; i < rec.n; i++) {
		const struct entry *e = &rec.e[i];
		uint64_t at = SECOND + (uint64_t)(e->t * 1e9);

		if (r.e != NULL && r.now < at)
			pass_time(&r, at);
		else if (r.now < at)
			r.now = at;
		if (e->kind == ENTRY_NOTE)
			on_note(&r, e->note);
		else if (r.e != NULL && concerns(&r, e))
			on_entry(&r, e);
	}
	end_life(&r);
	ck_assert_uint_ge(r.lives, 1);
	/* At least a hello per peer, and a report or the start. */
	ck_assert_uint_ge(compared, 4);
	/* 3 x 52 choices, and the view of its own pool each time */
	if (run == 2 && strcmp(r.name, "worker-1") == 0)
		ck_assert_uint_eq(pool_remarks, 3 * (45 + 7 + 2));
	if (run == 2 && r.name[0] == 'p')
		ck_assert_uint_ge(pool_remarks, 2);
out:
	mu_layout_free(r.layout);
	recording_close(&rec);
}
END_TEST

static Suite *
replay_suite(void)
{
	Suite *s = suite_create("replay");
	TCase *t = tcase_create("recorded clusters");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, our_node_says_what_zeeks_said, 0,
	    3 * NNAMES);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(replay_suite());
}
