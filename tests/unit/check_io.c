/* The loop itself, look-ups, attempts to connect, listening ports. */
#include <check.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/resource.h>

#include "io/dialer.h"
#include "io/listener.h"
#include "io/local.h"
#include "io/resolve.h"
#include "io_end.h"
#include "scratch.h"
#include "sys/log.h"
#include "unit.h"

static void
setup(void)
{
	signal(SIGPIPE, SIG_IGN);
	log_init("test", LOG_LEVEL_ERR);
	io_setup();
}

/* --- the loop ---------------------------------------------------------- */

struct counter {
	struct loop_job job;
	unsigned runs;
	unsigned again; /* times it adds itself */
};

static void
count(void *ctx)
{
	struct counter *c = ctx;

	c->runs++;
	if (c->again > 0) {
		c->again--;
		loop_job_add(loop, &c->job);
	}
}

START_TEST(job_runs_once_and_again_only_in_the_next_turn)
{
	struct counter c = { .job = { .run = count, .ctx = &c }, .again = 2 };

	loop_job_add(loop, &c.job);
	loop_job_add(loop, &c.job);
	for (unsigned i = 1; i <= 3; i++) {
		io_turn();
		ck_assert_uint_eq(c.runs, i);
	}
	io_turn();
	ck_assert_uint_eq(c.runs, 3);
}
END_TEST

START_TEST(cancelled_job_does_not_run)
{
	struct counter c[3];

	memset(c, 0, sizeof c);
	for (int i = 0; i < 3; i++) {
		c[i].job = (struct loop_job){ .run = count, .ctx = &c[i] };
		loop_job_add(loop, &c[i].job);
	}
	loop_job_cancel(loop, &c[1].job);
	loop_job_cancel(loop, &c[1].job);
	io_turn();
	ck_assert_uint_eq(c[0].runs + c[2].runs, 2);
	ck_assert_uint_eq(c[1].runs, 0);
}
END_TEST

static void
note(void *ctx)
{
	*(bool *)ctx = true;
}

START_TEST(timer_fires_once_and_not_before_its_time)
{
	bool fired = false;
	struct loop_timer *t = loop_timer_new(loop, note, &fired);
	uint64_t at = clock_now() + SECOND / 20;

	loop_timer_set(t, clock_now() + 60 * SECOND);
	loop_timer_set(t, at);
	ck_assert(loop_timer_running(t));
	io_until(fired);
	ck_assert_uint_ge(clock_now(), at);
	ck_assert(!loop_timer_running(t));
	loop_timer_free(t);
}
END_TEST

static unsigned turns;

static void
turn(void *ctx, uint64_t now)
{
	(void)now;
	turns++;
	if (turns == 3)
		loop_end(ctx);
}

static uint64_t
soon(void *ctx)
{
	(void)ctx;
	return clock_now() + SECOND / 100;
}

START_TEST(deadline_ends_the_wait)
{
	struct loop_hooks hooks = { turn, soon, loop };

	turns = 0;
	loop_set_hooks(loop, &hooks);
	loop_run(loop);
	ck_assert_uint_eq(turns, 3);
}
END_TEST

static void
caught(void *ctx, int number)
{
	*(int *)ctx = number;
}

START_TEST(signal_is_told_in_a_turn)
{
	int number = 0;
	struct loop_signal *s = loop_signal_new(loop, SIGUSR2, caught, &number);

	raise(SIGUSR2);
	io_until(number == SIGUSR2);
	loop_signal_free(s);
}
END_TEST

/* --- look-ups ---------------------------------------------------------- */

struct answer {
	unsigned calls;
	unsigned addresses;
	char why[256];
};

static void
answered(void *ctx, struct addrinfo *list, const char *why)
{
	struct answer *a = ctx;

	a->calls++;
	a->addresses = 0;
	snprintf(a->why, sizeof a->why, "%s", why == NULL ? "" : why);
	for (const struct addrinfo *i = list; i != NULL; i = i->ai_next)
		a->addresses++;
	if (list != NULL)
		freeaddrinfo(list);
}

START_TEST(literal_addresses_and_names_are_found)
{
	static const char *const hosts[] = { "127.0.0.1", "::1", "localhost" };
	struct resolver *r = resolver_new(loop);
	struct answer a = { 0 };

	ck_assert_ptr_nonnull(resolve_start(r, hosts[_i], 80, answered, &a));
	ck_assert_uint_eq(a.calls, 0); /* never from within */
	io_until(a.calls == 1);
	ck_assert_uint_ge(a.addresses, 1);
	resolver_free(r);
}
END_TEST

START_TEST(impossible_name_is_explained)
{
	struct resolver *r = resolver_new(loop);
	struct answer a = { 0 };

	resolve_start(r, "no such host", 80, answered, &a);
	io_until(a.calls == 1);
	ck_assert_contains(a.why, "cannot resolve no such host: ");
	resolver_free(r);
}
END_TEST

START_TEST(many_lookups_are_all_answered)
{
	enum { MANY = 100 };
	struct resolver *r = resolver_new(loop);
	struct answer a = { 0 };

	for (int i = 0; i < MANY; i++)
		ck_assert_ptr_nonnull(resolve_start(r,
		    i % 2 == 0 ? "localhost" : "127.0.0.1", 80, answered, &a));
	io_until(a.calls == MANY);
	resolver_free(r);
}
END_TEST

START_TEST(cancelled_lookup_is_not_answered)
{
	struct resolver *r = resolver_new(loop);
	struct answer a = { 0 }, b = { 0 };

	resolve_cancel(resolve_start(r, "127.0.0.1", 80, answered, &a));
	resolve_cancel(resolve_start(r, "localhost", 80, answered, &a));
	resolve_start(r, "localhost", 80, answered, &b);
	io_until(b.calls == 1);
	ck_assert_uint_eq(a.calls, 0);
	/* And the end comes with some under way. */
	for (int i = 0; i < 10; i++)
		resolve_start(r, "localhost", 80, answered, &a);
	resolver_free(r);
	ck_assert_uint_eq(a.calls, 0);
}
END_TEST

START_TEST(this_machine_is_known)
{
	ck_assert(local_host("127.0.0.1"));
	ck_assert(local_host("127.9.9.9"));
	ck_assert(local_host("::1"));
	ck_assert(local_host("localhost"));
	ck_assert(!local_host("192.0.2.1"));
	ck_assert(!local_host("2001:db8::1"));
	ck_assert(!local_host("no such host"));
}
END_TEST

/* --- ports and attempts ------------------------------------------------ */

struct ports {
	unsigned accepted;
	unsigned listening;
	unsigned connected;
	unsigned failed;
	unsigned id;
	bool refuse; /* close what is connected at once */
	char why[512];
	struct side side; /* of the dialling end */
};

static struct ports p;

static void
on_accepted(void *ctx, int fd, const struct sockaddr *from, socklen_t len)
{
	(void)ctx;
	(void)from;
	ck_assert_uint_gt(len, 0);
	ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
	p.accepted++;
	close(fd);
}

static void
on_listening(void *ctx)
{
	(void)ctx;
	p.listening++;
}

static struct listener *
listen_at(const char *address, uint16_t port)
{
	struct listener_config cfg = { address, port, SECOND / 50, on_accepted,
		on_listening, NULL };
	char err[256];
	struct listener *l = listener_new(loop, &cfg, err, sizeof err);

	ck_assert_msg(l != NULL, "%s", err);
	return l;
}

static void
on_connected(void *ctx, unsigned id, struct conn *conn, const char *address,
    uint16_t port)
{
	(void)ctx;
	ck_assert_str_eq(address, "127.0.0.1");
	ck_assert_uint_gt(port, 0);
	p.connected++;
	p.id = id;
	if (p.refuse) {
		conn_close(conn, 0);
		return;
	}
	p.side.conn = conn;
	p.side.opened = true;
	conn_set_owner(conn, &side_ops, &p.side);
}

static void
on_failed(void *ctx, unsigned id, const char *why)
{
	(void)ctx;
	p.failed++;
	p.id = id;
	snprintf(p.why, sizeof p.why, "%s", why);
}

static struct dialer *
dialer(void)
{
	struct dialer_config cfg = { loop, conns, on_connected, on_failed,
		NULL };
	struct dialer *d = dialer_new(&cfg);

	ck_assert_ptr_nonnull(d);
	side_init(&p.side);
	return d;
}

static void
dial(struct dialer *d, unsigned id, const char *host, uint16_t port)
{
	struct dialer_target t = {
		.id = id,
		.node = host,
		.host = host,
		.port = port,
		.connect_ns = SECOND / 5,
		.handshake_ns = SECOND,
	};

	ck_assert_int_eq(dialer_dial(d, &t), 0);
	ck_assert_uint_eq(p.failed, 0); /* never from within */
}

START_TEST(dialled_port_accepts)
{
	struct listener *l = listen_at("127.0.0.1", 0);
	struct dialer *d = dialer();

	ck_assert(listener_up(l));
	ck_assert_uint_eq(p.listening, 1);
	dial(d, 7, "127.0.0.1", listener_port(l));
	io_until(p.accepted == 1 && p.connected == 1);
	ck_assert_uint_eq(p.id, 7);
	io_until(p.side.closed);
	side_clear(&p.side);
	dialer_free(d);
	listener_free(l);
}
END_TEST

/* localhost is ::1 and 127.0.0.1 where both are configured: whichever comes
 * first, the one that listens is found. */
START_TEST(all_addresses_of_a_name_are_tried)
{
	struct listener *l = listen_at("127.0.0.1", 0);
	struct dialer *d = dialer();

	dial(d, 1, "localhost", listener_port(l));
	io_until(p.connected == 1);
	io_until(p.side.closed);
	side_clear(&p.side);
	dialer_free(d);
	listener_free(l);
}
END_TEST

START_TEST(refused_attempt_says_why)
{
	struct listener *l = listen_at("127.0.0.1", 0);
	uint16_t port = listener_port(l);
	struct dialer *d = dialer();

	listener_free(l);
	dial(d, 9, "127.0.0.1", port);
	io_until(p.failed == 1);
	ck_assert_uint_eq(p.id, 9);
	ck_assert_str_eq(p.why, "Connection refused");
	dialer_free(d);
}
END_TEST

START_TEST(cancelled_attempt_is_silent)
{
	struct listener *l = listen_at("127.0.0.1", 0);
	struct dialer *d = dialer();

	dial(d, 1, "127.0.0.1", listener_port(l));
	dialer_cancel(d, 1);
	dialer_cancel(d, 2);
	dial(d, 3, "localhost", listener_port(l));
	io_turn();
	dialer_cancel(d, 3);
	dial(d, 4, "127.0.0.1", listener_port(l));
	io_until(p.connected == 1);
	ck_assert_uint_eq(p.id, 4);
	io_until(p.side.closed);
	side_clear(&p.side);
	dialer_free(d);
	listener_free(l);
}
END_TEST

START_TEST(connection_may_be_refused_when_it_stands)
{
	struct listener *l = listen_at("127.0.0.1", 0);
	struct dialer *d = dialer();

	p.refuse = true;
	dial(d, 1, "127.0.0.1", listener_port(l));
	io_until(p.connected == 1);
	io_until(conns_count(conns) == 0);
	dialer_free(d);
	listener_free(l);
}
END_TEST

START_TEST(wildcard_takes_both_families)
{
	struct listener *l = listen_at(NULL, 0);
	struct dialer *d = dialer();

	dial(d, 1, "127.0.0.1", listener_port(l));
	io_until(p.accepted == 1);
	io_until(p.side.closed);
	side_clear(&p.side);
	dialer_free(d);
	listener_free(l);
}
END_TEST

START_TEST(busy_port_is_taken_once_it_is_free)
{
	struct listener *first = listen_at("127.0.0.1", 0);
	struct listener *second = listen_at("127.0.0.1", listener_port(first));

	ck_assert(!listener_up(second));
	ck_assert_uint_eq(p.listening, 1);
	for (int i = 0; i < 10; i++)
		io_turn();
	ck_assert(!listener_up(second));
	listener_free(first);
	io_until(listener_up(second));
	ck_assert_uint_eq(p.listening, 2);
	listener_free(second);
}
END_TEST

/* Connections that there are no descriptors for wait, and nothing spins. */
START_TEST(no_files_left_delays_connections)
{
	struct rlimit old, few;
	struct listener *l = listen_at("127.0.0.1", 0);
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_port = htons(listener_port(l)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	uint64_t begin;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	few = old;
	few.rlim_cur = 1;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	io_turn();
	ck_assert_uint_eq(p.accepted, 0);
	/* The waiting connection does not wake the loop meanwhile. */
	begin = clock_now();
	loop_turn(loop, SECOND / 10);
	ck_assert_uint_ge(clock_now() - begin, SECOND / 10);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	io_until(p.accepted == 1);
	close(fd);
	listener_free(l);
}
END_TEST

START_TEST(address_that_is_none_is_refused)
{
	struct listener_config cfg = { "not an address", 1000, SECOND,
		on_accepted, on_listening, NULL };
	char err[256];

	ck_assert_ptr_null(listener_new(loop, &cfg, err, sizeof err));
	ck_assert_contains(err, "cannot listen on not an address:1000");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("io");
	TCase *t = tcase_create("io");

	tcase_add_checked_fixture(t, setup, io_teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, job_runs_once_and_again_only_in_the_next_turn);
	tcase_add_test(t, cancelled_job_does_not_run);
	tcase_add_test(t, timer_fires_once_and_not_before_its_time);
	tcase_add_test(t, deadline_ends_the_wait);
	tcase_add_test(t, signal_is_told_in_a_turn);
	tcase_add_loop_test(t, literal_addresses_and_names_are_found, 0, 3);
	tcase_add_test(t, impossible_name_is_explained);
	tcase_add_test(t, many_lookups_are_all_answered);
	tcase_add_test(t, cancelled_lookup_is_not_answered);
	tcase_add_test(t, this_machine_is_known);
	tcase_add_test(t, dialled_port_accepts);
	tcase_add_test(t, all_addresses_of_a_name_are_tried);
	tcase_add_test(t, refused_attempt_says_why);
	tcase_add_test(t, cancelled_attempt_is_silent);
	tcase_add_test(t, connection_may_be_refused_when_it_stands);
	tcase_add_test(t, wildcard_takes_both_families);
	tcase_add_test(t, busy_port_is_taken_once_it_is_free);
	tcase_add_test(t, no_files_left_delays_connections);
	tcase_add_test(t, address_that_is_none_is_refused);
	suite_add_tcase(s, t);
	return unit_run(s);
}
