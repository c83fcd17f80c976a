/*
 * Endpoints of one process joined by real sockets: io/peers gives links their
 * connections, takes those that come, and counts those that are refused.
 */
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>

#include "check_layout.h"
#include "core/endpoint.h"
#include "core/link.h"
#include "core/members.h"
#include "io/listener.h"
#include "io/peers.h"
#include "io_end.h"
#include "sys/log.h"
#include "tls_pair.h"
#include "unit.h"

struct node {
	struct endpoint *endpoint;
	struct peers *peers;
	struct listener *listener; /* or NULL */
	struct mu_tls *tls;
	size_t records; /* lines of the cluster's log */
};

static struct mu_layout *layout;
static struct node manager, worker;
static bool encrypted;

static void
on_note(void *ctx, const struct endpoint_out *out)
{
	struct node *n = ctx;

	n->records += out->kind == ENDPOINT_CLUSTER_LOG;
}

static void
on_accepted(void *ctx, int fd, const struct sockaddr *from, socklen_t len)
{
	const struct node *n = ctx;

	peers_accepted(n->peers, fd, from, len);
}

static struct listener *
listen_at(uint16_t port, struct node *n)
{
	struct listener_config cfg = { "127.0.0.1", port, SECOND, on_accepted,
		NULL, n };
	struct listener *l = listener_new(loop, &cfg, err, sizeof err);

	ck_assert_msg(l != NULL, "%s", err);
	return l;
}

static void
node_start(struct node *n, const char *name, unsigned char id)
{
	struct endpoint_config ec = {
		.node = name, .layout = layout, .seed = id
	};
	struct peers_config pc = {
		.loop = loop, .conns = conns, .note = on_note, .ctx = n
	};

	memset(ec.id.bytes, id, sizeof ec.id.bytes);
	n->tls = encrypted ? authenticated(name) : NULL;
	n->endpoint = endpoint_new(&ec, clock_now());
	ck_assert_ptr_nonnull(n->endpoint);
	pc.endpoint = n->endpoint;
	pc.tls = n->tls;
	n->peers = peers_new(&pc);
	ck_assert_ptr_nonnull(n->peers);
}

static void
node_stop(struct node *n)
{
	listener_free(n->listener);
	peers_free(n->peers);
	endpoint_free(n->endpoint);
	mu_tls_unref(n->tls);
	memset(n, 0, sizeof *n);
}

static void
start(const char *limits)
{
	char text[512];
	struct listener *probe;
	uint16_t port;

	signal(SIGPIPE, SIG_IGN);
	log_init("test", LOG_LEVEL_ERR);
	io_setup();
	probe = listen_at(0, NULL);
	port = listener_port(probe);
	listener_free(probe);
	snprintf(text, sizeof text,
	    "cluster: test\n%s"
	    "%s"
	    "nodes:\n"
	    "  manager: {role: manager, host: 127.0.0.1, port: %u}\n"
	    "  worker-1: {role: worker, host: 127.0.0.1}\n",
	    encrypted ? "" : "tls: none\n", limits, port);
	layout = must_read(text);
	node_start(&manager, "manager", 0x51);
	manager.listener = listen_at(port, &manager);
}

static void
finish(void)
{
	node_stop(&worker);
	node_stop(&manager);
	io_teardown();
	mu_layout_free(layout);
}

static void
drain(struct node *n)
{
	if (n->peers == NULL)
		return;
	if (clock_now() >= endpoint_deadline(n->endpoint))
		endpoint_tick(n->endpoint, clock_now());
	peers_drain(n->peers, clock_now());
}

static void
turn(void)
{
	loop_turn(loop, SECOND / 100);
	drain(&manager);
	drain(&worker);
	conns_reap(conns);
}

#define turn_until(condition)                                                  \
	do {                                                                   \
		uint64_t end = clock_now() + 120 * SECOND;                     \
		while (!(condition)) {                                         \
			ck_assert_msg(                                         \
			    clock_now() < end, "never: %s", #condition);       \
			turn();                                                \
		}                                                              \
	} while (0)

static bool
is_started(const struct node *n)
{
	return members_state(endpoint_members(n->endpoint)) == MEMBERS_RUNNING;
}

/* A stranger's socket, connected to the manager. */
static int
stranger(void)
{
	struct sockaddr_in sa = { .sin_family = AF_INET,
		.sin_port = htons(listener_port(manager.listener)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static bool
is_over(int fd)
{
	char byte[64];
	ssize_t n = recv(fd, byte, sizeof byte, 0);

	return n == 0 || (n < 0 && errno != EAGAIN);
}

/* --- tests ------------------------------------------------------------- */

START_TEST(two_nodes_find_each_other)
{
	encrypted = _i == 1;
	start("");
	node_start(&worker, "worker-1", 0x52);
	turn_until(is_started(&manager) && is_started(&worker));
	finish();
}
END_TEST

START_TEST(one_that_vanishes_is_back)
{
	encrypted = _i == 1;
	start("");
	node_start(&worker, "worker-1", 0x52);
	turn_until(is_started(&manager));
	node_stop(&worker);
	turn_until(endpoint_nlinks(manager.endpoint) == 0);
	node_start(&worker, "worker-1", 0x53);
	turn_until(is_started(&manager) && is_started(&worker));
	finish();
}
END_TEST

START_TEST(orderly_stop_ends_all_links)
{
	encrypted = _i == 1;
	start("");
	node_start(&worker, "worker-1", 0x52);
	turn_until(is_started(&manager));
	endpoint_stop(manager.endpoint, clock_now());
	turn_until(endpoint_nlinks(manager.endpoint) == 0);
	turn_until(conns_count(conns) == 0);
	finish();
}
END_TEST

START_TEST(stopping_with_connections_in_every_state_leaks_nothing)
{
	int fds[8];

	encrypted = _i == 1;
	start("");
	for (size_t i = 0; i < 8; i++) {
		fds[i] = stranger();
		if (i % 2 == 1)
			(void)!write(fds[i], "\x16\x03\x01\x02\x00\x01", i);
		turn();
	}
	node_start(&worker, "worker-1", 0x52);
	turn();
	finish();
	for (size_t i = 0; i < 8; i++)
		close(fds[i]);
}
END_TEST

START_TEST(too_many_are_refused_and_the_others_stay)
{
	int fds[6];

	encrypted = false;
	start("limits: {connections: 4}\n");
	node_start(&worker, "worker-1", 0x52);
	turn_until(is_started(&manager));
	for (size_t i = 0; i < 6; i++)
		fds[i] = stranger();
	turn_until(is_over(fds[3]) && is_over(fds[4]) && is_over(fds[5]));
	ck_assert(!is_over(fds[0]) && !is_over(fds[2]));
	ck_assert(is_started(&manager));
	for (size_t i = 0; i < 6; i++)
		close(fds[i]);
	turn_until(endpoint_nlinks(manager.endpoint) == 1);
	finish();
}
END_TEST

/* The context of a connection lives as long as that does. */
START_TEST(certificates_may_be_replaced_under_a_link)
{
	struct mu_tls *fresh;

	encrypted = true;
	start("");
	node_start(&worker, "worker-1", 0x52);
	turn_until(is_started(&manager));
	fresh = authenticated("manager");
	peers_set_tls(manager.peers, fresh);
	mu_tls_unref(manager.tls);
	manager.tls = fresh;
	node_stop(&worker);
	node_start(&worker, "worker-1", 0x53);
	turn_until(endpoint_nlinks(manager.endpoint) == 1 &&
		   is_started(&manager) && is_started(&worker));
	finish();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("peers");
	TCase *t = tcase_create("peers");

	tcase_add_unchecked_fixture(t, pair_setup, scratch_close);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, two_nodes_find_each_other, 0, 2);
	tcase_add_loop_test(t, one_that_vanishes_is_back, 0, 2);
	tcase_add_loop_test(t, orderly_stop_ends_all_links, 0, 2);
	tcase_add_loop_test(
	    t, stopping_with_connections_in_every_state_leaks_nothing, 0, 2);
	tcase_add_test(t, too_many_are_refused_and_the_others_stay);
	tcase_add_test(t, certificates_may_be_replaced_under_a_link);
	suite_add_tcase(s, t);
	return unit_run(s);
}
