/*
 * Every message in every state, against the table of the protocol's reference
 * (2.3) written down a second time, as what an observer sees.
 *
 * Own id 0x50...; "small" and "big" are remote ids 0x10... and 0x90...
 */
#include "peers.h"
#include "unit.h"

enum state {
	C_HELLO,
	S_HELLO,
	AWAIT_VSELECT,
	AWAIT_SYN,
	AWAIT_SYN_ACK,
	AWAIT_ACK,
	PARKED,
	NSTATES
};

enum input {
	PROBE,
	HELLO_BIG,
	HELLO_SMALL,
	VSELECT,
	SYN,
	SYN_ACK,
	ACK,
	DROP,
	NINPUTS
};

/* "": nothing happens; CLOSE: the end without a word. */
#define CLOSE   "down protocol violation 0"
#define REFUSED "down refused 1"

/* clang-format off */
static const char *const expected[NSTATES][NINPUTS] = {
	[C_HELLO] = { "", "select syn", "hello", "", CLOSE, CLOSE, CLOSE,
		REFUSED },
	[S_HELLO] = { "", "select syn", "hello", CLOSE, CLOSE, CLOSE, CLOSE,
		REFUSED },
	[AWAIT_VSELECT] = { "", CLOSE, CLOSE, "", CLOSE, CLOSE, CLOSE,
		REFUSED },
	[AWAIT_SYN] = { CLOSE, CLOSE, CLOSE, CLOSE, "syn_ack", CLOSE, CLOSE,
		REFUSED },
	[AWAIT_SYN_ACK] = { CLOSE, CLOSE, CLOSE, CLOSE, CLOSE, "ack up", CLOSE,
		REFUSED },
	[AWAIT_ACK] = { CLOSE, CLOSE, CLOSE, CLOSE, CLOSE, CLOSE, "up",
		REFUSED },
	/* Ours; seen from outside it is the moment before "select syn". */
	[PARKED] = { "", CLOSE, CLOSE, CLOSE, CLOSE, CLOSE, CLOSE, REFUSED },
};
/* clang-format on */

static struct endpoint at;

static void
setup(void)
{
	endpoint_init(&at, 0x50, "/own");
}

static void
teardown(void)
{
	endpoint_clear(&at);
}

static void
feed_input(struct end *e, enum input input)
{
	static const enum mu_handshake_tag tags[NINPUTS] = { MU_PROBE, MU_HELLO,
		MU_HELLO, MU_VERSION_SELECT, MU_ORIGINATOR_SYN,
		MU_RESPONDER_SYN_ACK, MU_ORIGINATOR_ACK, MU_DROP_CONN };
	struct mu_handshake h = { .tag = tags[input],
		.sender = id_of(input == HELLO_BIG ? 0x90 : 0x10),
		.min_version = 1,
		.max_version = 1,
		.version = 1,
		.code = 1 };
	struct mu_buf b;

	h.filter = muster_filter_new();
	mu_buf_init(&b, 0);
	mu_handshake_enc(&b, &h);
	end_feed(e, mu_buf_data(&b), mu_buf_len(&b), 0);
	mu_buf_clear(&b);
	muster_filter_free(h.filter);
}

/* What was sent and happened since the last look, as one line. */
static const char *
observed(struct end *e)
{
	static const char *const names[] = { "hello", "probe", "select", "drop",
		"syn", "syn_ack", "ack" };
	static char text[256];
	const uint8_t *p = mu_buf_data(&e->wire);
	size_t left = mu_buf_len(&e->wire);

	text[0] = '\0';
	while (left > 0) {
		size_t len = 4 + ((size_t)p[2] << 8 | p[3]);

		ck_assert_uint_le(len, left);
		strcat(text, text[0] == '\0' ? "" : " ");
		strcat(text, names[p[4] - MU_HELLO]);
		p += len;
		left -= len;
	}
	if (mu_buf_len(&e->log) > 0) {
		strcat(text, text[0] == '\0' ? "" : " ");
		strcat(text, end_log(e));
	}
	mu_buf_reset(&e->wire);
	return text;
}

/* Ways into a state: the role and the inputs. */
static const struct way {
	enum state state;
	enum mu_peer_role role;
	enum input inputs[4];
	size_t n;
} ways[] = {
	{ C_HELLO, MU_PEER_DIALED, { PROBE }, 0 },
	{ C_HELLO, MU_PEER_DIALED, { PROBE }, 1 },
	{ S_HELLO, MU_PEER_ACCEPTED, { PROBE }, 0 },
	{ S_HELLO, MU_PEER_ACCEPTED, { PROBE }, 1 },
	{ AWAIT_VSELECT, MU_PEER_ACCEPTED, { HELLO_SMALL }, 1 },
	{ AWAIT_VSELECT, MU_PEER_DIALED, { PROBE, HELLO_SMALL }, 2 },
	{ AWAIT_SYN, MU_PEER_DIALED, { VSELECT }, 1 },
	{ AWAIT_SYN, MU_PEER_DIALED, { PROBE, VSELECT }, 2 },
	{ AWAIT_SYN, MU_PEER_ACCEPTED, { HELLO_SMALL, VSELECT }, 2 },
	{ AWAIT_SYN_ACK, MU_PEER_DIALED, { HELLO_BIG }, 1 },
	{ AWAIT_SYN_ACK, MU_PEER_ACCEPTED, { HELLO_BIG }, 1 },
	{ AWAIT_ACK, MU_PEER_DIALED, { VSELECT, SYN }, 2 },
	{ AWAIT_ACK, MU_PEER_ACCEPTED, { HELLO_SMALL, VSELECT, SYN }, 3 },
	{ PARKED, MU_PEER_DIALED, { HELLO_BIG }, 1 },
	{ PARKED, MU_PEER_ACCEPTED, { HELLO_BIG }, 1 },
};
#define NWAYS (sizeof ways / sizeof ways[0])

static void
go(struct end *e, struct end *blocker, const struct way *way)
{
	end_init(blocker);
	if (way->state == PARKED) {
		end_open(blocker, &at, MU_PEER_DIALED, 0);
		feed_input(blocker, HELLO_BIG);
	}
	end_open(e, &at, way->role, 0);
	ck_assert_str_eq(
	    observed(e), way->role == MU_PEER_DIALED ? "hello" : "probe");
	for (size_t i = 0; i < way->n; i++)
		feed_input(e, way->inputs[i]);
	observed(e);
	ck_assert(!e->down);
}

START_TEST(every_message_in_every_state_does_what_the_table_says)
{
	const struct way *way = &ways[_i];

	for (enum input input = 0; input < NINPUTS; input++) {
		struct end e, blocker;
		const char *got, *want = expected[way->state][input];

		go(&e, &blocker, way);
		feed_input(&e, input);
		got = observed(&e);
		if (strcmp(got, want) != 0)
			ck_abort_msg("way %d, input %d: \"%s\", not \"%s\"", _i,
			    (int)input, got, want);
		end_clear(&e);
		end_clear(&blocker);
	}
}
END_TEST

START_TEST(what_cannot_be_read_is_answered_in_every_state)
{
	static const uint8_t tag[] = { 0, 0, 0, 1, 13 };
	static const uint8_t magic[] = { 0, 0, 0, 5, 7, 'Z', 'E', 'E', 'L' };
	static const uint8_t empty[] = { 0, 0, 0, 0 };
	const struct way *way = &ways[_i];
	struct end e, blocker;

	go(&e, &blocker, way);
	end_feed(&e, tag, sizeof tag, 0);
	ck_assert_str_eq(observed(&e), "drop down protocol violation 20");
	end_clear(&e);
	end_clear(&blocker);
	go(&e, &blocker, way);
	end_feed(&e, magic, sizeof magic, 0);
	ck_assert_str_eq(observed(&e), "drop down protocol violation 38");
	end_clear(&e);
	end_clear(&blocker);
	go(&e, &blocker, way);
	end_feed(&e, empty, sizeof empty, 0);
	ck_assert_str_eq(observed(&e), CLOSE);
	end_clear(&e);
	end_clear(&blocker);
}
END_TEST

START_TEST(the_end_of_the_transport_is_noticed_in_every_state)
{
	struct end e, blocker;

	go(&e, &blocker, &ways[_i]);
	mu_peer_eof(e.p, NULL);
	end_drain(&e);
	ck_assert_str_eq(observed(&e), "down lost 0");
	ck_assert_str_eq(e.text, "closed by the peer during the handshake");
	end_clear(&e);
	end_clear(&blocker);
}
END_TEST

START_TEST(no_state_waits_for_ever)
{
	struct end e, blocker;

	go(&e, &blocker, &ways[_i]);
	ck_assert_uint_eq(mu_peer_deadline(e.p), 5 * S);
	mu_peer_tick(e.p, 5 * S - 1);
	end_drain(&e);
	ck_assert(!e.down);
	mu_peer_tick(e.p, 5 * S);
	end_drain(&e);
	ck_assert_str_eq(observed(&e), "down handshake timed out 0");
	ck_assert_uint_eq(mu_peer_deadline(e.p), UINT64_MAX);
	end_clear(&e);
	end_clear(&blocker);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("peer_states");
	TCase *t = tcase_create("states");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(
	    t, every_message_in_every_state_does_what_the_table_says, 0, NWAYS);
	tcase_add_loop_test(
	    t, what_cannot_be_read_is_answered_in_every_state, 0, NWAYS);
	tcase_add_loop_test(
	    t, the_end_of_the_transport_is_noticed_in_every_state, 0, NWAYS);
	tcase_add_loop_test(t, no_state_waits_for_ever, 0, NWAYS);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(suite());
}
