/*
 * Back-pressure through whole nodes: publishers wait before anything is
 * dropped, not for ever, and never for each other.
 */
#include "endpoint_net.h"

#include "muster/topic.h"
#include "muster/value.h"
#include "unit.h"

/* Everybody forwards app/: manager, proxy and workers are triangles. */
#define LAYOUT                                                                 \
	"cluster: test\n"                                                      \
	"tls: none\n"                                                          \
	"forward: [app/]\n"                                                    \
	"limits: {queue: 64 KiB, queue_messages: 100, backpressure: 3 s}\n"    \
	"nodes:\n"                                                             \
	"  manager:      {role: manager, host: 10.0.0.1, port: 27761}\n"       \
	"  proxy-1:      {role: proxy, host: 10.0.0.3, port: 27763}\n"         \
	"  worker-[1-2]: {role: worker, host: 10.0.0.[4-5]}\n"

/* A program at a node: publishes and listens. */
struct client {
	struct subscriber sub;
	size_t node;
	unsigned said, heard, told; /* told: to wait or to go on */
};

static struct mu_layout *layout;
static struct net net;
static struct client clients[4];

static void
hear(struct subscriber *sub, struct message *m)
{
	struct client *c = (struct client *)sub;

	(void)m;
	c->heard++;
}

static void
hold(struct subscriber *sub, bool on)
{
	struct client *c = (struct client *)sub;

	(void)on;
	c->told++;
}

static struct router *
router_of(const struct client *c)
{
	return endpoint_router(net.nodes[c->node].e);
}

static void
client(size_t i, const char *name)
{
	struct muster_filter *f = muster_filter_new();
	struct client *c = &clients[i];

	memset(c, 0, sizeof *c);
	c->node = net_start(&net, name);
	c->sub.kind = SUBSCRIBER_CLIENT;
	c->sub.deliver = hear;
	c->sub.hold = hold;
	c->sub.may_wait = true;
	muster_filter_add(f, "app/", 4);
	ck_assert_int_eq(router_attach(router_of(c), &c->sub, f), 0);
	muster_filter_free(f);
}

/* One event that no other equals. */
static void
say(struct client *c)
{
	static uint64_t serial;
	uint8_t payload[9] = { MUSTER_COUNT };

	serial++;
	for (int i = 0; i < 8; i++)
		payload[1 + i] = (uint8_t)(serial >> (56 - 8 * i));
	ck_assert_int_ge(router_publish(router_of(c), &c->sub, "app/x", 5,
			     payload, sizeof payload),
	    0);
	c->said++;
	net_settle(&net);
	ck_assert_uint_lt(c->said, 50000);
}

/* Bytes between two nodes stop, or go on. */
static void
freeze(size_t a, size_t b, bool on)
{
	for (size_t i = 0; i < NET_WIRES; i++) {
		struct net_side *s = net.wires[i].side;

		if (!net.wires[i].used ||
		    !((s[0].node == a && s[1].node == b) ||
			(s[0].node == b && s[1].node == a)))
			continue;
		s[0].frozen = s[1].frozen = on;
		if (!on) {
			net_write(&net, &s[0]);
			net_write(&net, &s[1]);
		}
	}
	net_settle(&net);
}

static uint64_t
dropped(void)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < net.nnodes; i++)
		for (size_t k = 0; k < endpoint_nlinks(net.nodes[i].e); k++) {
			struct link_facts f;

			link_facts(endpoint_link(net.nodes[i].e, k), &f);
			sum += f.out.dropped;
		}
	return sum;
}

static void
setup(void)
{
	layout = must_read(LAYOUT);
	net_init(&net, layout);
	net.wire_room = 4096;
}

static void
teardown(void)
{
	for (size_t i = 0; i < 4; i++)
		if (clients[i].sub.attached)
			router_detach(router_of(&clients[i]), &clients[i].sub);
	net_clear(&net);
	mu_layout_free(layout);
}

/* worker-1 -> manager -> worker-2, which reads only now and then. */
static void
start_line(void)
{
	client(0, "manager");
	client(1, "worker-1");
	client(2, "worker-2");
	net_run(&net, NET_S);
	ck_assert_uint_eq(net_up(&net, 0), 2);
}

START_TEST(publishers_wait_and_nothing_is_dropped)
{
	start_line();
	for (int i = 0; i < 40; i++) {
		freeze(0, 2, true);
		while (!clients[1].sub.held)
			say(&clients[1]);
		net_run(&net, 100 * NET_MS);
		ck_assert(clients[1].sub.held);
		freeze(0, 2, false);
		ck_assert(!clients[1].sub.held);
	}
	ck_assert_uint_gt(clients[1].said, 40 * 90);
	net_run(&net, NET_S);
	ck_assert_uint_eq(clients[2].heard, clients[1].said);
	ck_assert_uint_eq(clients[0].heard, clients[1].said);
	ck_assert_uint_eq(dropped(), 0);
	ck_assert_uint_eq(net_up(&net, 0), 2);
}
END_TEST

START_TEST(others_do_not_wait)
{
	start_line();
	freeze(0, 2, true);
	while (!clients[1].sub.held)
		say(&clients[1]);
	/* What the node itself says goes on: membership, stores. */
	ck_assert_int_ge(router_publish(router_of(&clients[1]), NULL, "app/y",
			     5, (const uint8_t *)"", 0),
	    0);
	/* So does who publishes for somebody else. */
	ck_assert(!clients[0].sub.held && !clients[2].sub.held);
	freeze(0, 2, false);
}
END_TEST

START_TEST(patience_ends)
{
	start_line();
	freeze(0, 2, true);
	while (!clients[1].sub.held)
		say(&clients[1]);
	net_run(&net, 3 * NET_S + NET_MS);
	ck_assert(!clients[1].sub.held);
	net_expect(&net, 0,
	    "peer worker-2: does not read, nobody waits for "
	    "it any more",
	    1);
	for (int i = 0; i < 300; i++)
		say(&clients[1]);
	ck_assert(!clients[1].sub.held);
	ck_assert_uint_gt(dropped(), 0);
	/* It reads again: it is worth waiting for again. */
	freeze(0, 2, false);
	net_run(&net, NET_S);
	freeze(0, 2, true);
	for (int i = 0; i < 2000 && !clients[1].sub.held; i++)
		say(&clients[1]);
	ck_assert(clients[1].sub.held);
	freeze(0, 2, false);
	ck_assert(!clients[1].sub.held);
}
END_TEST

START_TEST(whoever_waits_may_leave)
{
	start_line();
	freeze(0, 2, true);
	while (!clients[1].sub.held)
		say(&clients[1]);
	router_detach(router_of(&clients[1]), &clients[1].sub);
	ck_assert(!clients[1].sub.held);
	/* and so may whoever is waited for, and the peer that waits */
	net_kill(&net, 2);
	clients[2].sub.attached = false;
	freeze(0, 2, false);
	net_run(&net, NET_S);
	net_kill(&net, 1);
	clients[1].sub.attached = false;
	net_run(&net, NET_S);
	ck_assert_uint_eq(net_up(&net, 0), 0);
	ck_assert(!router_holds(router_of(&clients[0])));
}
END_TEST

START_TEST(stopping_waits_for_nobody)
{
	start_line();
	freeze(0, 2, true);
	while (!clients[1].sub.held)
		say(&clients[1]);
	endpoint_stop(net.nodes[0].e, net.now);
	net_run(&net, 5 * NET_S);
	ck_assert(!router_holds(router_of(&clients[0])));
	ck_assert_uint_eq(net_up(&net, 0), 0);
	freeze(0, 2, false);
}
END_TEST

/* Triangles of nodes that all forward, wires that stop and go on: whatever
 * waits for whatever, it comes to an end. */
START_TEST(cycles_come_to_an_end)
{
	struct mu_rng rng;
	unsigned said = 0;

	mu_rng_init(&rng, (uint64_t)_i + 1);
	client(0, "manager");
	client(1, "worker-1");
	client(2, "worker-2");
	client(3, "proxy-1");
	net_run(&net, 2 * NET_S);
	for (int i = 0; i < 2000; i++) {
		struct client *c = &clients[mu_rng_below(&rng, 4)];

		if (!c->sub.held)
			say(c);
		if (mu_rng_below(&rng, 20) == 0)
			freeze(mu_rng_below(&rng, 4), mu_rng_below(&rng, 4),
			    mu_rng_below(&rng, 2) == 0);
		if (mu_rng_below(&rng, 50) == 0)
			net_run(&net, 50 * NET_MS);
	}
	for (size_t a = 0; a < 4; a++)
		for (size_t b = 0; b < a; b++)
			freeze(a, b, false);
	net_run(&net, 7 * NET_S);
	for (size_t i = 0; i < 4; i++) {
		ck_assert(!clients[i].sub.held);
		ck_assert(!router_holds(router_of(&clients[i])));
		said += clients[i].said;
	}
	for (size_t i = 0; dropped() == 0 && i < 4; i++)
		ck_assert_uint_eq(clients[i].heard, said - clients[i].said);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("hold");
	TCase *t = tcase_create("hold");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, publishers_wait_and_nothing_is_dropped);
	tcase_add_test(t, others_do_not_wait);
	tcase_add_test(t, patience_ends);
	tcase_add_test(t, whoever_waits_may_leave);
	tcase_add_test(t, stopping_waits_for_nobody);
	tcase_add_loop_test(t, cycles_come_to_an_end, 0, 20);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(suite());
}
