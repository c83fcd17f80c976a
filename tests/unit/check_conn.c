/*
 * Connections over socket pairs, plain and TLS: all bytes arrive, nobody
 * starves, and endings are told once.
 */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "io_end.h"
#include "tls_pair.h"
#include "unit.h"

static struct side a, b;
static struct mu_tls *ta, *tb; /* NULL: plain */
static int pair[2];

static void
setup(void)
{
	signal(SIGPIPE, SIG_IGN);
	io_setup();
	side_init(&a);
	side_init(&b);
}

static void
teardown(void)
{
	io_teardown();
	side_clear(&a);
	side_clear(&b);
	mu_tls_unref(ta);
	mu_tls_unref(tb);
	ta = tb = NULL;
}

/* a and b joined; kind 0: plain, 1: TLS with a as client. */
static void
join_sides(int kind)
{
	io_pair(pair);
	if (kind == 1) {
		ta = authenticated("worker-1");
		tb = authenticated("manager");
	}
	side_attach(
	    &a, pair[0], kind ? mu_tls_session(ta, false) : NULL, false);
	side_attach(&b, pair[1], kind ? mu_tls_session(tb, true) : NULL, false);
	io_until(a.opened && b.opened);
}

/* --- bytes ------------------------------------------------------------- */

START_TEST(all_bytes_arrive_both_ways)
{
	join_sides(_i);
	side_say(&a, 3000001);
	side_say(&b, 1234567);
	io_until(side_heard(&b, 3000001) && side_heard(&a, 1234567));
	ck_assert(!a.closed && !b.closed);
}
END_TEST

/*
 * The trap of OpenSSL: what was decrypted and not read, or read ahead, makes
 * no socket readable.  Everything the sender wrote is in the receiver's
 * socket, then in its TLS layer; the sender is silent from then on.
 */
START_TEST(bytes_held_by_tls_are_not_forgotten)
{
	static const size_t rooms[] = { 1, 1000, 16383, 16384, 65536 };
	size_t len = _i == 0 ? 20000 : 700000;

	join_sides(1);
	b.room = rooms[_i];
	side_say(&a, len);
	io_until(side_heard(&b, len));
}
END_TEST

START_TEST(busy_connection_leaves_room_for_others)
{
	struct side c, d;
	size_t len = 8 << 20;

	join_sides(_i);
	side_init(&c);
	side_init(&d);
	io_pair(pair);
	side_attach(&c, pair[0], NULL, false);
	side_attach(&d, pair[1], NULL, false);
	io_until(c.opened && d.opened);
	side_say(&a, len);
	side_say(&c, 100);
	while (!side_heard(&b, len)) {
		b.turn = 0;
		io_turn();
		ck_assert_uint_le(b.turn, 2 * 256 * 1024);
	}
	ck_assert(side_heard(&d, 100));
	conn_close(c.conn, 0);
	conn_close(d.conn, 0);
	side_clear(&c);
	side_clear(&d);
}
END_TEST

/*
 * A peer whose socket is never empty, however much is read, and one that says
 * a word now and then: the word is heard in the next turn, and no turn takes
 * more than its budget from the first.
 */
static struct {
	struct side side;
	int fd, quiet_fd; /* the far ends */
	size_t total;     /* heard from the flood */
	size_t word_at;   /* total when the word was said; 0: not yet */
} flood;

static void
flood_commit(void *owner, size_t n, uint64_t now)
{
	(void)owner;
	(void)now;
	flood.total += n;
	flood.side.turn += n;
	ck_assert_uint_le(flood.side.turn, 256 * 1024);
	ck_assert_int_eq(write(flood.fd, flood.side.space, n), (ssize_t)n);
	if (flood.word_at == 0 && flood.total > 100 * 1024) {
		flood.word_at = flood.total;
		ck_assert_int_eq(write(flood.quiet_fd, "x", 1), 1);
	}
}

START_TEST(a_word_gets_through_beside_a_flood)
{
	struct conn_ops ops = side_ops;

	memset(&flood, 0, sizeof flood);
	side_init(&flood.side);
	ops.commit = flood_commit;
	io_pair(pair);
	flood.fd = pair[0];
	side_attach(&flood.side, pair[1], NULL, false);
	conn_set_owner(flood.side.conn, &ops, &flood.side);
	io_pair(pair);
	flood.quiet_fd = pair[0];
	side_attach(&b, pair[1], NULL, false);
	io_until(flood.side.opened && b.opened);
	for (int round = 0; round < 50; round++) {
		size_t heard = mu_buf_len(&b.heard);
		unsigned turns = 0;

		flood.word_at = 0;
		flood.total = 0;
		if (round == 0)
			ck_assert_int_eq(write(flood.fd, flood.side.space,
					     65536), 65536);
		while (mu_buf_len(&b.heard) == heard) {
			turns += flood.word_at != 0;
			flood.side.turn = 0;
			io_turn();
		}
		ck_assert_uint_le(turns, 2);
		ck_assert_uint_le(
		    flood.total - flood.word_at, 2 * 256 * 1024);
	}
	conn_close(flood.side.conn, 0);
	conn_close(b.conn, 0);
	close(flood.fd);
	close(flood.quiet_fd);
	side_clear(&flood.side);
}
END_TEST

START_TEST(output_waits_for_a_reader_that_stops)
{
	char scratch_bytes[65536];
	size_t got = 0;

	/* The other end is a bare socket that nobody reads at first. */
	io_pair(pair);
	side_attach(&a, pair[0], NULL, false);
	io_until(a.opened);
	side_say(&a, 5000000);
	for (int i = 0; i < 50; i++)
		io_turn();
	ck_assert_uint_gt(mu_buf_len(&a.say), 1000000);
	while (got < 5000000) {
		ssize_t n = read(pair[1], scratch_bytes, sizeof scratch_bytes);

		if (n > 0)
			got += (size_t)n;
		io_turn();
	}
	ck_assert_uint_eq(mu_buf_len(&a.say), 0);
	close(pair[1]);
	io_until(a.closed);
}
END_TEST

START_TEST(silent_connections_are_told_to_give_memory_back)
{
	join_sides(_i);
	side_say(&a, 10);
	io_until(side_heard(&b, 10));
	ck_assert(!b.idle);
	io_until(a.idle && b.idle);
}
END_TEST

/* --- endings ----------------------------------------------------------- */

START_TEST(peers_end_is_told_without_a_reason)
{
	join_sides(_i);
	/* Bytes that nobody read (session tickets) would make it a reset. */
	for (int i = 0; i < 5; i++)
		io_turn();
	conn_close(a.conn, 0);
	io_until(b.closed);
	ck_assert_str_eq(b.text, "");
	ck_assert(!a.closed); /* who closes at once is not told */
	io_until(conns_count(conns) == 0);
}
END_TEST

START_TEST(lingering_delivers_everything_first)
{
	join_sides(_i);
	side_say(&a, 4000000);
	conn_close(a.conn, 5 * SECOND);
	io_until(b.closed);
	ck_assert(a.closed);
	ck_assert(side_heard(&b, 4000000));
	ck_assert_str_eq(a.text, "");
	ck_assert_str_eq(b.text, "");
	io_until(conns_count(conns) == 0);
}
END_TEST

START_TEST(lingering_ends_although_nobody_reads)
{
	io_pair(pair);
	side_attach(&a, pair[0], NULL, false);
	io_until(a.opened);
	side_say(&a, 4000000);
	conn_close(a.conn, SECOND / 10);
	conn_close(a.conn, SECOND / 10);
	ck_assert(!a.closed);
	io_until(a.closed);
	ck_assert_contains(a.text, "too long");
	close(pair[1]);
}
END_TEST

START_TEST(closing_before_it_is_open_is_told)
{
	ta = authenticated("manager");
	io_pair(pair);
	side_attach(&a, pair[0], mu_tls_session(ta, true), false);
	io_turn();
	conn_close(a.conn, SECOND);
	ck_assert(a.closed && !a.opened);
	io_until(conns_count(conns) == 0);
	close(pair[1]);
}
END_TEST

START_TEST(half_closed_peer_still_gets_its_answer)
{
	char answer[64] = "";

	io_pair(pair);
	side_attach(&a, pair[0], NULL, true);
	io_until(a.opened);
	ck_assert_int_eq(write(pair[1], "question", 8), 8);
	shutdown(pair[1], SHUT_WR);
	mu_buf_str(&a.say, "answer");
	io_until(a.closed);
	ck_assert_int_eq(read(pair[1], answer, sizeof answer - 1), 6);
	ck_assert_str_eq(answer, "answer");
	close(pair[1]);
}
END_TEST

/* --- handshakes -------------------------------------------------------- */

START_TEST(silence_in_the_handshake_ends_it)
{
	struct conn_config cfg = {
		.handshake_ns = SECOND / 10, .ops = &side_ops, .owner = &a
	};

	ta = authenticated("manager");
	io_pair(pair);
	cfg.fd = pair[0];
	cfg.ssl = mu_tls_session(ta, true);
	a.conn = conn_new(conns, &cfg);
	io_until(a.closed);
	ck_assert_str_eq(a.text, "tls handshake timed out after 100 ms");
	ck_assert(!a.opened);
	close(pair[1]);
}
END_TEST

START_TEST(refused_certificate_is_explained_on_both_sides)
{
	io_pair(pair);
	ta = authenticated("worker-1");
	tb = authenticated("stranger");
	side_attach(&a, pair[0], mu_tls_session(ta, false), false);
	side_attach(&b, pair[1], mu_tls_session(tb, true), false);
	io_until(a.closed && b.closed);
	ck_assert_contains(a.text, "ca");
	ck_assert_contains(b.text, "does not accept our certificate");
	io_until(conns_count(conns) == 0);
}
END_TEST

START_TEST(tls_on_a_plain_port_is_explained_on_both_sides)
{
	io_pair(pair);
	ta = authenticated("worker-1");
	side_attach(&a, pair[0], mu_tls_session(ta, false), false);
	side_attach(&b, pair[1], NULL, false);
	io_until(a.closed && b.closed);
	ck_assert_contains(b.text, "the peer speaks tls");
	ck_assert_contains(a.text, "tls");
	ck_assert(!a.opened);
}
END_TEST

START_TEST(plain_on_a_tls_port_is_explained)
{
	io_pair(pair);
	tb = authenticated("manager");
	side_attach(&a, pair[0], NULL, false);
	side_attach(&b, pair[1], mu_tls_session(tb, true), false);
	io_until(a.opened);
	mu_buf_put(&a.say, "\0\0\0\5\7ZEEK", 9);
	conn_write(a.conn);
	io_until(a.closed && b.closed);
	ck_assert_contains(b.text, "speaks no tls");
	ck_assert(!b.opened);
}
END_TEST

START_TEST(handshakes_do_not_hold_up_a_turn)
{
	enum { MANY = 40 };
	struct side *clients = mu_calloc(MANY, sizeof *clients);
	struct side *servers = mu_calloc(MANY, sizeof *servers);
	size_t open = 0;

	ta = authenticated("worker-1");
	tb = authenticated("manager");
	for (size_t i = 0; i < MANY; i++) {
		io_pair(pair);
		side_init(&clients[i]);
		side_init(&servers[i]);
		side_attach(
		    &clients[i], pair[0], mu_tls_session(ta, false), false);
		side_attach(
		    &servers[i], pair[1], mu_tls_session(tb, true), false);
	}
	while (open < 2 * MANY) {
		size_t before = open;

		io_turn();
		open = 0;
		for (size_t i = 0; i < MANY; i++)
			open += (size_t)clients[i].opened +
				(size_t)servers[i].opened;
		ck_assert_uint_le(open - before, 8);
	}
	for (size_t i = 0; i < MANY; i++) {
		conn_close(clients[i].conn, 0);
		conn_close(servers[i].conn, 0);
		side_clear(&clients[i]);
		side_clear(&servers[i]);
	}
	mu_free(clients);
	mu_free(servers);
}
END_TEST

/*
 * A peer that has what it takes to connect can ask TLS itself for work without
 * end: key updates are answered below the stream of bytes, and a library that
 * reads on until there is data would never come back.
 */
static void
only_key_updates(int fd)
{
	SSL *ssl = foreign("worker-1", false);

	fcntl(fd, F_SETFL, 0);
	SSL_set_fd(ssl, fd);
	if (SSL_do_handshake(ssl) != 1)
		_exit(1);
	alarm(300);
	while (SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) == 1 &&
	       SSL_do_handshake(ssl) == 1)
		continue;
	_exit(0);
}

START_TEST(peer_that_only_makes_tls_work_is_ended)
{
	uint64_t longest = 0;
	pid_t child;
	int status;

	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	tb = authenticated("manager");
	child = fork();
	if (child == 0) {
		close(pair[1]);
		only_key_updates(pair[0]);
	}
	close(pair[0]);
	fcntl(pair[1], F_SETFL, O_NONBLOCK);
	side_attach(&b, pair[1], mu_tls_session(tb, true), false);
	while (!b.closed) {
		uint64_t before = clock_now();

		io_turn();
		if (clock_now() - before > longest)
			longest = clock_now() - before;
	}
	ck_assert_str_eq(b.text, "the peer keeps tls busy and sends no data");
	ck_assert(b.opened);
	/* what does not come back takes as long as the other's alarm */
	ck_assert_uint_lt(longest, 60 * SECOND);
	io_until(conns_count(conns) == 0);
	waitpid(child, &status, 0);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

static TCase *
tests_of(const char *name)
{
	TCase *t = tcase_create(name);

	/* Certificates once for all; they take a while under valgrind. */
	tcase_add_unchecked_fixture(t, pair_setup, scratch_close);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	return t;
}

int
main(void)
{
	Suite *s = suite_create("conn");
	TCase *bytes = tests_of("bytes"), *ends = tests_of("endings");
	TCase *shakes = tests_of("handshakes");

	tcase_add_loop_test(bytes, all_bytes_arrive_both_ways, 0, 2);
	tcase_add_loop_test(bytes, bytes_held_by_tls_are_not_forgotten, 0, 5);
	tcase_add_loop_test(
	    bytes, busy_connection_leaves_room_for_others, 0, 2);
	tcase_add_test(bytes, a_word_gets_through_beside_a_flood);
	tcase_add_test(bytes, output_waits_for_a_reader_that_stops);
	tcase_add_loop_test(
	    bytes, silent_connections_are_told_to_give_memory_back, 0, 2);
	tcase_add_loop_test(ends, peers_end_is_told_without_a_reason, 0, 2);
	tcase_add_loop_test(ends, lingering_delivers_everything_first, 0, 2);
	tcase_add_test(ends, lingering_ends_although_nobody_reads);
	tcase_add_test(ends, closing_before_it_is_open_is_told);
	tcase_add_test(ends, half_closed_peer_still_gets_its_answer);
	tcase_add_test(shakes, silence_in_the_handshake_ends_it);
	tcase_add_test(shakes, refused_certificate_is_explained_on_both_sides);
	tcase_add_test(shakes, tls_on_a_plain_port_is_explained_on_both_sides);
	tcase_add_test(shakes, plain_on_a_tls_port_is_explained);
	tcase_add_test(shakes, handshakes_do_not_hold_up_a_turn);
	tcase_add_test(shakes, peer_that_only_makes_tls_work_is_ended);
	suite_add_tcase(s, bytes);
	suite_add_tcase(s, ends);
	suite_add_tcase(s, shakes);
	return unit_run(s);
}
