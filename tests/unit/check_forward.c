/*
 * Duplicate suppression: the counting by itself, and routers that forward in
 * graphs of every shape.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/blob.h"
#include "base/rng.h"
#include "core/forward.h"
#include "core/router.h"
#include "muster/topic.h"
#include "muster/value.h"
#include "unit.h"

#define S UINT64_C(1000000000)

/* --- counting ------------------------------------------------------------ */

static struct forward *f;
static uint32_t a, b, c, holder;

static void
setup(void)
{
	f = forward_new(1);
	ck_assert_ptr_nonnull(f);
	a = forward_link(f);
	b = forward_link(f);
	c = forward_link(f);
	forward_time(f, S);
}

static void
teardown(void)
{
	forward_free(f);
}

static enum forward_verdict
seen(uint32_t link, const char *text)
{
	return forward_seen(f, link, (const uint8_t *)text, strlen(text),
	    &holder);
}

START_TEST(the_second_link_brings_nothing_new)
{
	ck_assert_int_eq(seen(a, "x"), FORWARD_NEW);
	ck_assert_int_eq(seen(b, "x"), FORWARD_ECHO);
	ck_assert_uint_eq(holder, a);
	ck_assert_int_eq(seen(c, "x"), FORWARD_DUPLICATE);
	ck_assert_int_eq(seen(c, "y"), FORWARD_NEW);
	ck_assert_uint_eq(forward_size(f), 2);
}
END_TEST

START_TEST(what_was_sent_twice_comes_twice)
{
	ck_assert_int_eq(seen(a, "x"), FORWARD_NEW);
	ck_assert_int_eq(seen(b, "x"), FORWARD_ECHO);
	ck_assert_int_eq(seen(b, "x"), FORWARD_NEW);
	ck_assert_int_eq(seen(a, "x"), FORWARD_ECHO);
	ck_assert_int_eq(seen(a, "x"), FORWARD_NEW);
	ck_assert_int_eq(seen(c, "x"), FORWARD_DUPLICATE);
}
END_TEST

START_TEST(originals_add_up)
{
	ck_assert_int_eq(seen(FORWARD_ORIGINAL, "x"), FORWARD_NEW);
	ck_assert_int_eq(seen(FORWARD_ORIGINAL, "x"), FORWARD_NEW);
	ck_assert_int_ne(seen(a, "x"), FORWARD_NEW);
	ck_assert_int_ne(seen(a, "x"), FORWARD_NEW);
	ck_assert_int_eq(seen(a, "x"), FORWARD_NEW);
}
END_TEST

START_TEST(messages_are_forgotten_in_time_and_not_before)
{
	seen(a, "x");
	/* seen before the clock went on counts as seen then, and that is soon */
	ck_assert_uint_le(forward_deadline(f), 2 * S);
	forward_time(f, 2 * S);
	ck_assert_uint_eq(forward_deadline(f), 2 * S + FORWARD_MEMORY_NS);
	forward_time(f, 2 * S + FORWARD_MEMORY_NS - 1);
	ck_assert_int_ne(seen(b, "x"), FORWARD_NEW);
	forward_time(f, 2 * S + FORWARD_MEMORY_NS);
	ck_assert_uint_eq(forward_size(f), 0);
	ck_assert_uint_eq(forward_deadline(f), UINT64_MAX);
	ck_assert_int_eq(seen(b, "x"), FORWARD_NEW);
}
END_TEST

START_TEST(a_new_copy_renews_the_memory)
{
	for (uint64_t t = 1; t < 100; t++) {
		forward_time(f, t * S);
		ck_assert_int_eq(seen(a, "x"), FORWARD_NEW);
		ck_assert_int_ne(seen(b, "x"), FORWARD_NEW);
	}
	ck_assert_uint_eq(forward_size(f), 1);
}
END_TEST

START_TEST(a_link_that_comes_later_does_not_start_behind)
{
	for (int i = 0; i < 5; i++)
		seen(a, "x");
	/* while copies are under way it brings one of those */
	ck_assert_int_ne(seen(forward_link(f), "x"), FORWARD_NEW);
	forward_time(f, 2 * S);
	ck_assert_int_ne(seen(forward_link(f), "x"), FORWARD_NEW);
	/* later it brings something new */
	forward_time(f, 4 * S);
	ck_assert_int_eq(seen(forward_link(f), "x"), FORWARD_NEW);
}
END_TEST

START_TEST(a_publication_is_one_more_than_any_link_brought)
{
	seen(a, "x");
	seen(a, "x");
	ck_assert_int_eq(forward_published(f, (const uint8_t *)"x", 1), 0);
	ck_assert_int_ne(seen(b, "x"), FORWARD_NEW);
	ck_assert_int_ne(seen(b, "x"), FORWARD_NEW);
	ck_assert_int_ne(seen(b, "x"), FORWARD_NEW);
	ck_assert_int_eq(seen(b, "x"), FORWARD_NEW);
}
END_TEST

START_TEST(many_links_are_counted)
{
	uint32_t link[200];

	for (size_t i = 0; i < 200; i++)
		link[i] = forward_link(f);
	for (int round = 0; round < 3; round++) {
		ck_assert_int_eq(seen(link[0], "x"), FORWARD_NEW);
		for (size_t i = 1; i < 200; i++)
			ck_assert_int_ne(seen(link[i], "x"), FORWARD_NEW);
	}
}
END_TEST

START_TEST(the_oldest_is_forgotten_when_the_table_is_full)
{
	for (uint32_t i = 0; i < FORWARD_ENTRIES + 10; i++)
		if (forward_seen(f, a, (const uint8_t *)&i, sizeof i,
			&holder) != FORWARD_NEW)
			ck_abort_msg("message %u", i);
	ck_assert_uint_eq(forward_size(f), FORWARD_ENTRIES);
	ck_assert_uint_eq(forward_forgotten(f), 10);
	for (uint32_t i = 10; i < FORWARD_ENTRIES + 10; i++)
		if (forward_seen(f, b, (const uint8_t *)&i, sizeof i,
			&holder) == FORWARD_NEW)
			ck_abort_msg("message %u forgotten", i);
}
END_TEST

static bool
no_memory(void *ctx)
{
	(void)ctx;
	return true;
}

START_TEST(without_memory_nothing_circles)
{
	mu_alloc_set_hook(no_memory, NULL);
	ck_assert_int_eq(seen(a, "x"), FORWARD_DUPLICATE);
	ck_assert_int_lt(forward_published(f, (const uint8_t *)"x", 1), 0);
	mu_alloc_set_hook(NULL, NULL);
	ck_assert_int_eq(seen(a, "x"), FORWARD_NEW);
	ck_assert_ptr_null((mu_alloc_set_hook(no_memory, NULL),
	    forward_new(1)));
	mu_alloc_set_hook(NULL, NULL);
}
END_TEST

/* --- graphs -------------------------------------------------------------- */

#define NODES	 12
#define EDGES	 (2 * NODES * NODES)
#define MESSAGES 40 /* different ones */

/* A frame under way. */
struct parcel {
	struct parcel *next;
	uint64_t due;
	size_t len;
	uint8_t bytes[];
};

/* One end of an edge: what the router delivers to it arrives at the other. */
struct end {
	struct subscriber sub; /* first */
	size_t node;
	struct end *other;
	struct parcel *first, **last; /* on their way to this end */
	uint64_t latest;
};

struct service {
	struct subscriber sub; /* first */
	unsigned got[MESSAGES];
};

static struct {
	size_t n, nends;
	struct router *r[NODES];
	struct service service[NODES];
	struct end ends[EDGES];
	struct mu_rng rng;
	uint64_t now;
	uint64_t carried; /* frames, over all edges */
	uint64_t under_way;
} g;

static void
hear(struct subscriber *s, struct message *m)
{
	struct service *me = (struct service *)s;

	me->got[m->env.payload[2]]++;
}

static void
carry(struct subscriber *s, struct message *m)
{
	struct end *to = ((struct end *)s)->other;
	struct parcel *p = malloc(sizeof *p + m->env.len);

	memcpy(p->bytes, m->env.frame, m->env.len);
	p->len = m->env.len;
	p->next = NULL;
	p->due = g.now + 1 + mu_rng_below(&g.rng, 50);
	if (p->due < to->latest)
		p->due = to->latest; /* one after the other */
	to->latest = p->due;
	*to->last = p;
	to->last = &p->next;
	g.carried++;
	g.under_way++;
}

static void
arrive(struct end *e)
{
	struct parcel *p = e->first;
	struct mu_envelope env;

	e->first = p->next;
	if (e->first == NULL)
		e->last = &e->first;
	g.under_way--;
	if (mu_envelope_view(p->bytes, p->len, &env) != 0)
		ck_abort_msg("damaged frame");
	router_receive(g.r[e->node], &e->sub, &env, g.now * 1000);
	free(p);
}

/* Something that is due, chosen at random; or time goes on. */
static void
step(void)
{
	size_t start = mu_rng_below(&g.rng, g.nends);

	for (size_t i = 0; i < g.nends; i++) {
		struct end *e = &g.ends[(start + i) % g.nends];

		if (e->first != NULL && e->first->due <= g.now) {
			arrive(e);
			return;
		}
	}
	g.now++;
}

static void
settle(void)
{
	while (g.under_way > 0)
		step();
}

static const char prefix[] = "fwd/";

static void
open_nodes(size_t n, uint64_t seed, const bool *leaf)
{
	struct muster_filter *fwd = muster_filter_new();
	struct muster_filter *own = muster_filter_new();

	memset(&g, 0, sizeof g);
	g.n = n;
	mu_rng_init(&g.rng, seed);
	muster_filter_add(fwd, prefix, strlen(prefix));
	muster_filter_add(own, prefix, strlen(prefix));
	muster_filter_add(own, ROUTER_MUSTER, strlen(ROUTER_MUSTER));
	for (size_t i = 0; i < n; i++) {
		struct mu_uuid id = { { (uint8_t)(i + 1) } };

		g.r[i] = router_new(&id, leaf != NULL && leaf[i] ? NULL : fwd,
		    seed + i);
		g.service[i].sub.kind = SUBSCRIBER_SERVICE;
		g.service[i].sub.deliver = hear;
		router_attach(g.r[i], &g.service[i].sub, own);
	}
	muster_filter_free(own);
	muster_filter_free(fwd);
}

static struct end *
open_end(size_t node, uint8_t id)
{
	struct end *e = &g.ends[g.nends++];

	ck_assert_uint_le(g.nends, EDGES);
	e->node = node;
	e->sub.kind = SUBSCRIBER_PEER;
	e->sub.deliver = carry;
	e->sub.id.bytes[0] = id;
	e->last = &e->first;
	return e;
}

static void
join(size_t x, size_t y)
{
	struct end *ex = open_end(x, (uint8_t)(y + 1));
	struct end *ey = open_end(y, (uint8_t)(x + 1));

	ex->other = ey;
	ey->other = ex;
	router_attach(g.r[x], &ex->sub, router_filter(g.r[y]));
	router_attach(g.r[y], &ey->sub, router_filter(g.r[x]));
}

/* A Broker endpoint between both, which relays whatever comes. */
static void
join_by_broker(size_t x, size_t y)
{
	struct muster_filter *want = muster_filter_new();
	struct end *ex = open_end(x, 200), *ey = open_end(y, 200);

	muster_filter_add(want, prefix, strlen(prefix));
	ex->other = ey;
	ey->other = ex;
	router_attach(g.r[x], &ex->sub, want);
	router_attach(g.r[y], &ey->sub, want);
	muster_filter_free(want);
}

static void
close_nodes(void)
{
	for (size_t i = 0; i < g.nends; i++)
		router_detach(g.r[g.ends[i].node], &g.ends[i].sub);
	for (size_t i = 0; i < g.n; i++) {
		router_detach(g.r[i], &g.service[i].sub);
		router_free(g.r[i]);
	}
}

/* All its connections end and come up again; what is under way is lost. */
static void
restart(size_t node)
{
	struct mu_uuid id = { { (uint8_t)(node + 1) } };
	struct muster_filter *want = muster_filter_new();

	for (size_t i = 0; i < g.nends; i++) {
		struct end *e = &g.ends[i];

		if (e->node != node && e->other->node != node)
			continue;
		router_detach(g.r[e->node], &e->sub);
		while (e->first != NULL) {
			struct parcel *p = e->first;

			e->first = p->next;
			free(p);
			g.under_way--;
		}
		e->last = &e->first;
	}
	router_detach(g.r[node], &g.service[node].sub);
	router_free(g.r[node]);
	muster_filter_add(want, prefix, strlen(prefix));
	g.r[node] = router_new(&id, want, mu_rng_u64(&g.rng));
	router_attach(g.r[node], &g.service[node].sub, want);
	muster_filter_free(want);
	for (size_t i = 0; i < g.nends; i++) {
		struct end *e = &g.ends[i];

		if (e->node == node || e->other->node == node)
			router_attach(g.r[e->node], &e->sub,
			    router_filter(g.r[e->other->node]));
	}
}

static void
publish(size_t node, uint8_t message)
{
	/* a string of 18 bytes */
	uint8_t payload[20] = { MUSTER_STRING, 18, message };

	router_publish(g.r[node], &g.service[node].sub, "fwd/a", 5, payload,
	    sizeof payload);
}

/* Connected: a random tree and some more edges, up to all. */
static void
random_graph(uint64_t seed)
{
	static bool joined[NODES][NODES];
	uint64_t density;

	mu_rng_init(&g.rng, seed);
	open_nodes(2 + mu_rng_below(&g.rng, NODES - 1), seed, NULL);
	density = mu_rng_below(&g.rng, 101);
	memset(joined, 0, sizeof joined);
	for (size_t i = 1; i < g.n; i++) {
		size_t j = mu_rng_below(&g.rng, i);

		join(i, j);
		joined[i][j] = true;
	}
	for (size_t i = 1; i < g.n; i++)
		for (size_t j = 0; j < i; j++)
			if (!joined[i][j] &&
			    mu_rng_below(&g.rng, 100) < density)
				join(i, j);
}

START_TEST(in_any_graph_each_message_arrives_as_often_as_published)
{
	size_t from[MESSAGES];
	unsigned times[MESSAGES] = { 0 };
	uint64_t all = 0;

	random_graph((uint64_t)_i);
	for (size_t m = 0; m < MESSAGES; m++)
		from[m] = mu_rng_below(&g.rng, g.n);
	/* one node publishes each, up to many times while it is under way */
	for (int i = 0; i < 300; i++) {
		size_t m = mu_rng_below(&g.rng, 1 + mu_rng_below(&g.rng,
		    MESSAGES));

		publish(from[m], (uint8_t)m);
		times[m]++;
		all++;
		for (uint64_t k = mu_rng_below(&g.rng, 30); k > 0; k--)
			step();
	}
	settle();
	for (size_t m = 0; m < MESSAGES; m++)
		for (size_t i = 0; i < g.n; i++) {
			unsigned want = i == from[m] ? 0 : times[m];

			ck_assert_msg(g.service[i].got[m] == want,
			    "node %zu of %zu got message %zu of node %zu "
			    "%u times, not %u", i, g.n, m, from[m],
			    g.service[i].got[m], want);
		}
	/* each edge at most once in each direction */
	ck_assert_uint_le(g.carried, all * g.nends);
	close_nodes();
}
END_TEST

/*
 * Nodes that publish the same bytes at the same time cannot be told from one
 * node's message that took two ways.  What holds: nobody gets it more often
 * than the others together published it, who did not publish gets it at least
 * once, and the traffic ends.
 */
START_TEST(equal_messages_of_different_nodes_may_be_merged_and_not_multiplied)
{
	unsigned times[NODES] = { 0 }, all = 0;

	random_graph(1000 + (uint64_t)_i);
	for (int i = 0; i < 40; i++) {
		size_t from = mu_rng_below(&g.rng, g.n);

		publish(from, 0);
		times[from]++;
		all++;
		for (uint64_t k = mu_rng_below(&g.rng, 30); k > 0; k--)
			step();
	}
	settle();
	for (size_t i = 0; i < g.n; i++) {
		unsigned got = g.service[i].got[0];

		ck_assert_uint_le(got, all - times[i]);
		ck_assert(got > 0 || times[i] > 0);
	}
	ck_assert_uint_le(g.carried, (uint64_t)all * g.nends);
	close_nodes();
}
END_TEST

START_TEST(in_a_star_equal_messages_of_different_leaves_all_arrive)
{
	bool leaf[NODES];

	memset(leaf, 1, sizeof leaf);
	leaf[0] = false;
	open_nodes(6, (uint64_t)_i, leaf);
	for (size_t i = 1; i < 6; i++)
		join(0, i);
	for (int k = 0; k < 10; k++)
		for (size_t i = 1; i < 6; i++) {
			publish(i, 0);
			for (uint64_t n = mu_rng_below(&g.rng, 20); n > 0; n--)
				step();
		}
	settle();
	ck_assert_uint_eq(g.service[0].got[0], 50);
	for (size_t i = 1; i < 6; i++)
		ck_assert_uint_eq(g.service[i].got[0], 40);
	close_nodes();
}
END_TEST

START_TEST(a_relay_that_does_not_suppress_makes_nothing_circle)
{
	open_nodes(3, (uint64_t)_i, NULL);
	join(0, 1);
	join(1, 2);
	join_by_broker(0, 2);
	for (uint8_t m = 0; m < MESSAGES; m++) {
		publish(m % 3, m);
		for (uint64_t n = mu_rng_below(&g.rng, 20); n > 0; n--)
			step();
	}
	settle();
	for (uint8_t m = 0; m < MESSAGES; m++)
		for (size_t i = 0; i < 3; i++)
			ck_assert_uint_eq(g.service[i].got[m], i != m % 3);
	ck_assert_uint_le(g.carried, MESSAGES * g.nends);
	close_nodes();
}
END_TEST

/*
 * A node that comes back counts from zero: what its neighbours still remember
 * may look new for some rounds, but nothing goes round for ever.
 */
START_TEST(after_a_restart_everything_still_comes_to_an_end)
{
	random_graph(2000 + (uint64_t)_i);
	for (int round = 0; round < 20; round++) {
		size_t who = mu_rng_below(&g.rng, g.n);

		for (int i = 0; i < 5; i++) {
			publish(mu_rng_below(&g.rng, g.n), 0);
			for (uint64_t k = mu_rng_below(&g.rng, 40); k > 0; k--)
				step();
		}
		restart(who);
	}
	g.carried = 0;
	settle();
	/* each of them once over each edge, for as many rounds as the TTL */
	ck_assert_uint_le(g.carried, (uint64_t)100 * MU_TTL * g.nends);
	for (size_t i = 1; i < g.n; i++)
		ck_assert_uint_gt(g.service[i].got[0], 0);
	close_nodes();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("forward");
	TCase *t = tcase_create("counting");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, the_second_link_brings_nothing_new);
	tcase_add_test(t, what_was_sent_twice_comes_twice);
	tcase_add_test(t, originals_add_up);
	tcase_add_test(t, messages_are_forgotten_in_time_and_not_before);
	tcase_add_test(t, a_new_copy_renews_the_memory);
	tcase_add_test(t, a_link_that_comes_later_does_not_start_behind);
	tcase_add_test(t, a_publication_is_one_more_than_any_link_brought);
	tcase_add_test(t, many_links_are_counted);
	tcase_add_test(t, the_oldest_is_forgotten_when_the_table_is_full);
	tcase_add_test(t, without_memory_nothing_circles);
	suite_add_tcase(s, t);
	t = tcase_create("graphs");
	tcase_set_timeout(t, 30);
	tcase_add_loop_test(t,
	    in_any_graph_each_message_arrives_as_often_as_published, 0, 60);
	tcase_add_loop_test(t,
	    equal_messages_of_different_nodes_may_be_merged_and_not_multiplied,
	    0, 30);
	tcase_add_loop_test(t,
	    in_a_star_equal_messages_of_different_leaves_all_arrive, 0, 5);
	tcase_add_loop_test(t,
	    a_relay_that_does_not_suppress_makes_nothing_circle, 0, 10);
	tcase_add_loop_test(t,
	    after_a_restart_everything_still_comes_to_an_end, 0, 30);
	suite_add_tcase(s, t);
	return unit_run(s);
}
