/*
 * Worker to all workers over the proxies, while nodes come and go and paths
 * break: nothing ever comes twice, and what is published while the cluster is
 * whole comes exactly once to every worker.
 */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "core/relays.h"
#include "muster/topic.h"
#include "muster/value.h"

#define ROUNDS  8
#define QUIET   20 /* events of a round while nothing happens */
#define UNQUIET 20 /* ... while things do */
#define EVENTS  (ROUNDS * (QUIET + UNQUIET))

#define PUBLISHED "sim/relay/"
#define RELAYED   "sim/relayed"

/* A client of a worker, in one of its lives. */
struct ear {
	struct subscriber sub; /* first */
	struct node *node;
	unsigned life;
	uint8_t heard[EVENTS];
};

static struct ear *ears; /* [nodes] */
static unsigned nevents;

void
relays_layout(struct mu_buf *b)
{
	mu_buf_str(b,
	    "relay:\n"
	    "  - {topic: " PUBLISHED ", by: [proxy], to: " RELAYED "}\n");
}

static void
hear(struct subscriber *sub, struct message *m)
{
	struct ear *ear = (struct ear *)sub;
	struct muster_value *v;
	uint64_t i;

	if (muster_value_dec(m->env.payload, m->env.payload_len, &v) != 0)
		abort();
	i = muster_value_get_count(v);
	muster_value_unref(v);
	if (i >= nevents)
		fail(ear->node->sim, "%s heard what nobody said",
		    ear->node->row->name);
	else if (ear->heard[i]++ > 0)
		fail(ear->node->sim, "%s heard event %llu twice",
		    ear->node->row->name, (unsigned long long)i);
}

/* Workers that began since listen, too. */
static void
listen_all(struct sim *s)
{
	for (size_t i = 0; i < s->n; i++) {
		struct node *n = &s->nodes[i];
		struct ear *ear = &ears[i];
		struct muster_filter *f;

		if (n->row->role != MU_ROLE_WORKER || n->e == NULL ||
		    (ear->node != NULL && ear->life == n->life))
			continue;
		memset(ear, 0, sizeof *ear);
		ear->node = n;
		ear->life = n->life;
		ear->sub.kind = SUBSCRIBER_CLIENT;
		ear->sub.deliver = hear;
		f = muster_filter_new();
		if (f == NULL ||
		    muster_filter_add(f, RELAYED, strlen(RELAYED)) < 0 ||
		    router_attach(endpoint_router(n->e), &ear->sub, f) != 0)
			abort();
		muster_filter_free(f);
		node_drain(n);
	}
}

static struct node *
any_worker(struct sim *s)
{
	for (int i = 0; i < 1000; i++) {
		struct node *n = sim_any_node(s);

		if (n->row->role == MU_ROLE_WORKER && n->e != NULL &&
		    !n->stopped)
			return n;
	}
	return NULL;
}

static void
publish(struct sim *s)
{
	struct node *n = any_worker(s);
	struct muster_value *v;
	uint8_t *bytes;
	size_t len;

	if (n == NULL)
		return;
	v = muster_value_count(nevents++);
	if (v == NULL || muster_value_enc(v, &bytes, &len) != 0)
		abort();
	if (router_publish(endpoint_router(n->e), &ears[n->index].sub,
		PUBLISHED, strlen(PUBLISHED), bytes, len) < 0)
		fail(s, "%s cannot publish", n->row->name);
	muster_value_unref(v);
	free(bytes);
	node_drain(n);
}

/* Everything stands: each worker hears each event. */
static void
quiet(struct sim *s)
{
	unsigned first;

	listen_all(s);
	sim_run(s, 3 * SECOND);
	first = nevents;
	for (int i = 0; i < QUIET; i++) {
		publish(s);
		sim_run(s, mu_rng_below(&s->rng, SECOND / 10));
	}
	sim_run(s, 5 * SECOND);
	for (size_t i = 0; i < s->n; i++)
		for (unsigned k = first; k < nevents && !s->failed; k++)
			if (s->nodes[i].row->role == MU_ROLE_WORKER &&
			    ears[i].heard[k] != 1)
				fail(s, "%s did not hear event %u",
				    s->nodes[i].row->name, k);
}

static void
disturb(struct sim *s)
{
	struct node *n = sim_any_node(s), *other = sim_any_node(s);

	switch (mu_rng_below(&s->rng, 4)) {
	case 0:
		if (n->e != NULL)
			node_kill(n, mu_rng_below(&s->rng, 4) == 0);
		break;
	case 1:
		if (n->e == NULL)
			node_start(n);
		break;
	case 2:
		if (n != other)
			net_set_path(s, n->index, other->index,
			    mu_rng_below(&s->rng, 2) == 0 ? PATH_CUT
							  : PATH_SILENT);
		break;
	default:
		net_heal(s);
		break;
	}
	listen_all(s);
}

void
relays_run(struct sim *s)
{
	/* those of the run before were known to its endpoints until its end */
	free(ears);
	ears = calloc(s->n, sizeof *ears);
	if (ears == NULL)
		abort();
	nevents = 0;
	sim_form(s);
	for (int round = 0; round < ROUNDS && !s->failed; round++) {
		quiet(s);
		for (int i = 0; i < UNQUIET && !s->failed; i++) {
			disturb(s);
			publish(s);
			sim_run(s, mu_rng_below(&s->rng, SECOND));
		}
		net_heal(s);
		for (size_t i = 0; i < s->n; i++)
			if (s->nodes[i].e == NULL &&
			    node_runs_here(&s->nodes[i]))
				node_start(&s->nodes[i]);
		sim_settle(s);
	}
}
