/*
 * Conversations recorded between Broker endpoints, replayed with our machine
 * in the place of each endpoint in turn.  What the other side sent is fed to
 * the machine of that connection; what our side sent is what the machine must
 * send.  Bytes that are not the machine's business to decide come from the
 * recording: our filter when it is sent, the moment of a goodbye.  Data and
 * commands of our side are the router's and left out.
 *
 * Known differences, all of them documented in muster-protocol(7): the token
 * of a goodbye is our own; a peering is pinged when its peer dials again; a
 * ping is answered whatever sender it names.
 */
#include "peers.h"

#include <jansson.h>

#include "base/cursor.h"
#include "base/text.h"
#include "unit.h"

#define MAX_CONNS 32

/* One recorded connection, one of whose ends is ours. */
struct conn {
	int number;
	bool ours; /* this endpoint has a part in it */
	bool we_dial;
	struct end e;
	struct muster_filter *filter; /* as recorded, when it is sent */
	struct mu_buf want; /* what our side sent, the machine's part */
	unsigned envelopes; /* fed to us */
	bool other_ended, we_ended;
	bool down_in_time; /* DOWN before the other side ended */
	bool up_recorded;
};

static struct endpoint at;
static struct conn conns[MAX_CONNS];
static size_t nconns;
static json_t *lines[2000];
static size_t nlines;

/* --- the recording -------------------------------------------------------- */

static void
load(const char *name)
{
	const char *dir = getenv("MUSTER_TESTS");
	char path[1024], *line = NULL;
	size_t cap = 0;
	FILE *f;

	snprintf(path, sizeof path, "%s/golden/transcripts/%s.jsonl",
	    dir != NULL ? dir : "tests", name);
	f = fopen(path, "r");
	if (f == NULL)
		ck_abort_msg("cannot read %s", path);
	while (getline(&line, &cap, f) > 0) {
		ck_assert_uint_lt(nlines, sizeof lines / sizeof lines[0]);
		lines[nlines] = json_loads(line, 0, NULL);
		ck_assert_ptr_nonnull(lines[nlines++]);
	}
	free(line);
	fclose(f);
}

static const char *
string(const json_t *line, const char *name)
{
	const char *s = json_string_value(json_object_get(line, name));

	return s == NULL ? "" : s;
}

static struct conn *
conn_of(const json_t *line)
{
	json_t *number = json_object_get(line, "conn");
	int n = (int)json_integer_value(number);

	if (number == NULL)
		return NULL;
	for (size_t i = 0; i < nconns; i++)
		if (conns[i].number == n)
			return &conns[i];
	ck_assert_uint_lt(nconns, MAX_CONNS);
	conns[nconns].number = n;
	return &conns[nconns++];
}

static bool
is_c2s(const json_t *line)
{
	return strcmp(string(line, "dir"), "c2s") == 0;
}

/* Did our side send this line (or end)? */
static bool
is_ours(const struct conn *c, const json_t *line)
{
	return is_c2s(line) == c->we_dial;
}

static size_t
bytes_of(const json_t *line, const char *name, uint8_t *out, size_t size)
{
	const char *hex = string(line, name);
	long n;

	ck_assert_uint_le(strlen(hex) / 2, size);
	n = mu_text_unhex(hex, out);
	ck_assert_int_ge(n, 0);
	return (size_t)n;
}

/* Who is who: the ids in hello, version_select and drop_conn. */
static void
find_our_side(const json_t *line)
{
	uint8_t frame[4096];
	struct conn *c = conn_of(line);
	size_t n;

	if (c == NULL || *string(line, "bytes") == '\0' ||
	    json_integer_value(json_object_get(line, "phase")) != 1)
		return;
	n = bytes_of(line, "bytes", frame, sizeof frame);
	if (n < 4 + 21 || frame[4] == MU_PROBE)
		return;
	if (memcmp(frame + 9, at.id.bytes, 16) == 0) {
		if (!c->ours)
			c->we_dial = is_c2s(line);
		c->ours = true;
	}
}

/* --- our side ------------------------------------------------------------- */

static struct muster_filter *
filter_in(const uint8_t *p, size_t len)
{
	struct mu_cursor cur = mu_cursor_over(p, len);
	struct muster_filter *f = mu_filter_dec(&cur, 1000);

	ck_assert_ptr_nonnull(f);
	return f;
}

/* Make the machine's filter that of p; it is borrowed by the machine, so its
 * entries change, not its address. */
static void
set_filter(struct conn *c, const uint8_t *p, size_t len)
{
	struct muster_filter *f = filter_in(p, len);

	for (size_t i = 0; i < muster_filter_size(f); i++) {
		size_t n;
		const char *topic = muster_filter_at(f, i, &n);

		muster_filter_add(c->filter, topic, n);
	}
	ck_assert(mu_filter_eq(c->filter, f));
	muster_filter_free(f);
}

/* The filter that our side will send in the handshake of c. */
static void
preset_filter(struct conn *c, size_t from)
{
	static uint8_t frame[1 << 20];

	for (size_t i = from; i < nlines; i++) {
		size_t n;

		if (conn_of(lines[i]) != c || !is_ours(c, lines[i]) ||
		    json_integer_value(json_object_get(lines[i], "phase")) != 2)
			continue;
		n = bytes_of(lines[i], "bytes", frame, sizeof frame);
		if (frame[4] == MU_ORIGINATOR_SYN ||
		    frame[4] == MU_RESPONDER_SYN_ACK)
			set_filter(c, frame + 5, n - 5);
	}
}

static void
on_open(struct conn *c, size_t i)
{
	if (!c->ours)
		return;
	c->filter = muster_filter_new();
	mu_buf_init(&c->want, 0);
	preset_filter(c, i);
	at.cfg.filter = c->filter;
	end_open(&c->e, &at, c->we_dial ? MU_PEER_DIALED : MU_PEER_ACCEPTED, 0);
}

static bool
is_bye(const struct mu_envelope *env)
{
	return env->payload_len == 11 && memcmp(env->payload, "BYE", 3) == 0;
}

/* Tokens of goodbyes differ: make them all alike. */
static void
blank_bye(uint8_t *frame, size_t len)
{
	struct mu_envelope env;

	if (mu_envelope_view(frame, len, &env) == 0 && is_bye(&env) &&
	    (env.type == MU_PING || env.type == MU_PONG))
		memset(frame + len - 8, 0, 8);
}

/* A frame of ours: what makes the machine send it, if anything must. */
static void
on_our_frame(struct conn *c, uint8_t *frame, size_t n, bool phase3)
{
	struct mu_envelope env;

	if (phase3) {
		ck_assert_int_eq(mu_envelope_view(frame, n, &env), 0);
		switch (env.type) {
		case MU_DATA:
		case MU_COMMAND:
			return;
		case MU_ROUTING_UPDATE:
			set_filter(c, env.payload, env.payload_len);
			mu_peer_announce(c->e.p);
			break;
		case MU_PING:
			ck_assert(is_bye(&env));
			mu_peer_goodbye(c->e.p, 0);
			break;
		case MU_PONG:
			break;
		}
		end_drain(&c->e);
		blank_bye(frame, n);
	} else if (n > 4 && frame[4] == MU_ORIGINATOR_ACK) {
		c->up_recorded = true;
	}
	mu_buf_put(&c->want, frame, n);
}

/* The token our machine chose, in place of the recorded one. */
static void
answer_our_bye(struct conn *c, uint8_t *frame, size_t n)
{
	struct mu_envelope env, ours;
	const uint8_t *p = mu_buf_data(&c->e.wire);
	size_t left = mu_buf_len(&c->e.wire);

	if (mu_envelope_view(frame, n, &env) != 0 || env.type != MU_PONG ||
	    !is_bye(&env))
		return;
	while (left > 0) {
		size_t len =
		    4 + ((size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3]);
		uint8_t copy[256];

		if (len <= sizeof copy) {
			memcpy(copy, p, len);
			if (mu_envelope_view(copy, len, &ours) == 0 &&
			    ours.type == MU_PING && is_bye(&ours))
				memcpy(frame + n - 8, ours.payload + 3, 8);
		}
		p += len;
		left -= len;
	}
}

static void
on_their_frame(struct conn *c, uint8_t *frame, size_t n, bool phase3)
{
	struct mu_envelope env;

	if (phase3 && mu_envelope_view(frame, n, &env) == 0 &&
	    (env.type == MU_DATA || env.type == MU_COMMAND))
		c->envelopes++;
	if (phase3)
		answer_our_bye(c, frame, n);
	else if (n > 4 && frame[4] == MU_ORIGINATOR_ACK)
		c->up_recorded = true;
	end_feed(&c->e, frame, n, 0);
	endpoint_wake(&at);
}

static void
on_frame(struct conn *c, const json_t *line)
{
	static uint8_t frame[1 << 20];
	size_t n = bytes_of(line, "bytes", frame, sizeof frame);
	bool phase3 = json_integer_value(json_object_get(line, "phase")) == 3;

	if (is_ours(c, line))
		on_our_frame(c, frame, n, phase3);
	else
		on_their_frame(c, frame, n, phase3);
}

/* An end of the connection, from the side of line. */
static void
on_end(struct conn *c, const json_t *line)
{
	if (is_ours(c, line)) {
		c->we_ended |= !c->other_ended;
	} else {
		c->down_in_time = c->e.down;
		c->other_ended = true;
		mu_peer_eof(c->e.p, strcmp(string(line, "event"), "reset") == 0
					? "connection reset by peer"
					: NULL);
		end_drain(&c->e);
		endpoint_wake(&at);
	}
}

static void
on_partial(struct conn *c, const json_t *line)
{
	uint8_t bytes[64];
	size_t n = bytes_of(line, "partial", bytes, sizeof bytes);

	if (!is_ours(c, line))
		end_feed(&c->e, bytes, n, 0);
}

static void
replay_line(size_t i)
{
	struct conn *c = conn_of(lines[i]);

	if (c == NULL)
		return;
	if (strcmp(string(lines[i], "event"), "open") == 0) {
		on_open(c, i);
		return;
	}
	if (!c->ours || c->e.p == NULL)
		return;
	if (*string(lines[i], "bytes") != '\0')
		on_frame(c, lines[i]);
	else if (*string(lines[i], "partial") != '\0')
		on_partial(c, lines[i]);
	else
		on_end(c, lines[i]);
}

/* --- judgement ------------------------------------------------------------ */

/* What our machine sent, comparable: goodbyes blank, own pings left out. */
static void
comparable(struct conn *c, struct mu_buf *out)
{
	uint8_t *p = mu_buf_data(&c->e.wire);
	size_t left = mu_buf_len(&c->e.wire);

	mu_buf_init(out, 0);
	while (left > 0) {
		size_t len =
		    4 + ((size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3]);
		struct mu_envelope env;

		ck_assert_uint_le(len, left);
		blank_bye(p, len);
		if (mu_envelope_view(p, len, &env) != 0 ||
		    env.type != MU_PING || env.payload_len != 11 ||
		    memcmp(env.payload, "PNG", 3) != 0)
			mu_buf_put(out, p, len);
		p += len;
		left -= len;
	}
}

static void
judge(const char *name, struct conn *c)
{
	struct mu_buf got;
	char *got_hex, *want_hex;

	comparable(c, &got);
	got_hex = calloc(2, mu_buf_len(&got) + 1);
	want_hex = calloc(2, mu_buf_len(&c->want) + 1);
	mu_text_hex(mu_buf_data(&got), mu_buf_len(&got), got_hex);
	mu_text_hex(mu_buf_data(&c->want), mu_buf_len(&c->want), want_hex);
	if (strcmp(got_hex, want_hex) != 0)
		ck_abort_msg("%s, id %02x, connection %d: sent %s, not %s",
		    name, at.id.bytes[0], c->number, got_hex, want_hex);
	if (c->e.envelopes != c->envelopes)
		ck_abort_msg("%s, id %02x, connection %d: %u envelopes, not %u",
		    name, at.id.bytes[0], c->number, c->e.envelopes,
		    c->envelopes);
	if (c->e.up != c->up_recorded)
		ck_abort_msg("%s, id %02x, connection %d: up %d", name,
		    at.id.bytes[0], c->number, (int)c->e.up);
	free(got_hex);
	free(want_hex);
	mu_buf_clear(&got);
}

static void
clear_all(void)
{
	for (size_t i = 0; i < nconns; i++) {
		if (conns[i].e.p != NULL)
			end_clear(&conns[i].e);
		muster_filter_free(conns[i].filter);
		mu_buf_clear(&conns[i].want);
	}
	for (size_t i = 0; i < nlines; i++)
		json_decref(lines[i]);
	memset(conns, 0, sizeof conns);
	nconns = nlines = 0;
	endpoint_clear(&at);
}

/* The id 1111...-5111-8111... made of byte. */
static struct mu_uuid
recorded_id(uint8_t byte)
{
	struct mu_uuid id = id_of(byte);

	id.bytes[6] = (uint8_t)(0x50 | (byte & 0x0f));
	id.bytes[8] = (uint8_t)(0x80 | (byte & 0x0f));
	return id;
}

/* all: we accept every connection, also those where we never name us. */
static void
replay(const char *name, uint8_t byte, bool all)
{
	endpoint_init(&at, 0, NULL);
	mu_peer_table_free(at.table);
	at.id = recorded_id(byte);
	at.table = mu_peer_table_new(&at.id);
	at.cfg.table = at.table;
	at.cfg.max_topics = 1000;
	load(name);
	for (size_t i = 0; i < nlines; i++)
		find_our_side(lines[i]);
	for (size_t i = 0; i < nconns; i++)
		conns[i].ours |= all;
	for (size_t i = 0; i < nlines; i++)
		replay_line(i);
}

static void
judge_all(const char *name, size_t want_conns)
{
	size_t n = 0;

	for (size_t i = 0; i < nconns; i++) {
		if (!conns[i].ours)
			continue;
		judge(name, &conns[i]);
		n++;
	}
	ck_assert_uint_eq(n, want_conns);
}

static const struct {
	const char *name;
	uint8_t id;
	size_t conns; /* with a part of this endpoint */
} recordings[] = {
	{ "full-client-originator", 0x11, 1 },
	{ "full-client-originator", 0x22, 1 },
	{ "full-server-originator", 0x11, 1 },
	{ "full-server-originator", 0x22, 1 },
	{ "server-shutdown", 0x11, 2 },
	{ "server-shutdown", 0x22, 1 },
	{ "redundant-client-originator", 0x11, 2 },
	{ "redundant-client-originator", 0x22, 2 },
	{ "redundant-server-originator", 0x11, 2 },
	{ "redundant-server-originator", 0x22, 2 },
	{ "simultaneous", 0x11, 2 },
	{ "simultaneous", 0x22, 3 },
	{ "forwarding", 0x11, 1 },
	{ "forwarding", 0x22, 2 },
	{ "forwarding", 0x33, 2 },
	{ "reconnect", 0x11, 3 },
	{ "reconnect", 0x22, 2 },
};
#define NRECORDINGS (sizeof recordings / sizeof recordings[0])

START_TEST(our_machine_says_what_broker_said)
{
	replay(recordings[_i].name, recordings[_i].id, false);
	judge_all(recordings[_i].name, recordings[_i].conns);
	clear_all();
}
END_TEST

/* Broker in the role of the acceptor, 17 clients that misbehave. */
START_TEST(bad_clients_get_brokers_answers)
{
	struct mu_uuid client = recorded_id(0x11);

	replay("bad-clients", 0x22, true);
	/* A ping with a foreign sender: Broker stays silent, we answer. */
	for (size_t i = 0; i < nconns; i++)
		if (conns[i].number == 13)
			mu_envelope_enc(&conns[i].want, &at.id, &client,
			    MU_PONG, "<$>", 3, "af", 2);
	judge_all("bad-clients", 17);
	for (size_t i = 0; i < nconns; i++)
		if (conns[i].we_ended)
			ck_assert(conns[i].down_in_time);
	clear_all();
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("transcripts");
	TCase *t = tcase_create("transcripts");

	tcase_add_loop_test(
	    t, our_machine_says_what_broker_said, 0, NRECORDINGS);
	tcase_add_test(t, bad_clients_get_brokers_answers);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(suite());
}
