/*
 * A process of the cluster: an endpoint, a service and a client that look at
 * what passes (the service sees what comes from peers, the client also what
 * the node itself publishes).
 */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "muster/event.h"
#include "muster/topic.h"
#include "muster/value.h"
#include "sys/log.h"
#include "value/codec.h"

#define PROBE_TOPIC "sim/probe"
#define REPORT      "Cluster::Experimental::node_fully_connected"
#define HELLO       "Cluster::hello"
#define STARTED     "Cluster::Experimental::cluster_started"

static bool
is_event(const struct message *m, const char *name, struct mu_peek *peek)
{
	return mu_peek_message(m->env.payload, m->env.payload_len, peek) == 0 &&
	       peek->kind == MUSTER_MESSAGE_EVENT &&
	       peek->name_len == strlen(name) &&
	       memcmp(peek->name, name, peek->name_len) == 0;
}

/* The third argument: the last byte of the encoded vector. */
static bool
is_resending(const struct mu_peek *peek)
{
	return peek->args_len > 0 && peek->args[peek->args_len - 1] != 0;
}

static bool
is_topic(const struct message *m, const char *topic)
{
	return m->env.topic_len == strlen(topic) &&
	       memcmp(m->env.topic, topic, m->env.topic_len) == 0;
}

static struct muster_value *
decode(const struct message *m)
{
	struct muster_value *v;

	if (muster_value_dec(m->env.payload, m->env.payload_len, &v) != 0)
		abort();
	return v;
}

/* What comes from peers. */
static void
on_service(struct subscriber *sub, struct message *m)
{
	struct node *n = ((struct probe *)sub)->node;
	struct mu_peek peek;
	struct muster_value *v;
	const char *name;
	size_t len;

	if (is_topic(m, PROBE_TOPIC)) {
		v = decode(m);
		check_probe(n, muster_value_get_count(v));
		muster_value_unref(v);
	} else if (is_event(m, REPORT, &peek)) {
		check_report(n, is_resending(&peek));
	} else if (is_event(m, HELLO, &peek)) {
		v = decode(m);
		name = muster_value_get_string(
		    muster_value_at(muster_event_args(v), 0), &len);
		check_hello(n, name, len);
		muster_value_unref(v);
	}
}

/* What the node itself publishes: a client sees that too. */
static void
on_client(struct subscriber *sub, struct message *m)
{
	struct node *n = ((struct probe *)sub)->node;
	struct mu_peek peek;

	if (mu_uuid_eq(&m->origin, &n->id) && is_event(m, STARTED, &peek))
		check_broadcast(n);
}

static void
listen_to(struct node *n, struct probe *p, enum subscriber_kind kind,
    void (*deliver)(struct subscriber *, struct message *))
{
	const struct mu_topics *t = &n->sim->layout->topics;
	struct muster_filter *f = muster_filter_new();
	char nodeid[200], id[MU_UUID_TEXT];
	int rc;

	if (f == NULL)
		abort();
	if (kind == SUBSCRIBER_CLIENT)
		rc = muster_filter_add(f, t->started, strlen(t->started));
	else
		rc = muster_filter_add(f, PROBE_TOPIC, strlen(PROBE_TOPIC));
	if (rc >= 0 && n->row->role == MU_ROLE_MANAGER)
		rc = muster_filter_add(f, t->manager, strlen(t->manager));
	snprintf(nodeid, sizeof nodeid, "%s%s/", t->nodeid_prefix,
	    mu_uuid_format(&n->id, id));
	if (rc >= 0 && kind == SUBSCRIBER_SERVICE)
		rc = muster_filter_add(f, nodeid, strlen(nodeid));
	if (rc < 0)
		abort();
	memset(p, 0, sizeof *p);
	p->node = n;
	p->sub.kind = kind;
	p->sub.deliver = deliver;
	if (router_attach(endpoint_router(n->e), &p->sub, f) != 0)
		abort();
	muster_filter_free(f);
}

static bool
has_master(const struct node *n)
{
	const struct mu_layout *l = n->sim->layout;
	size_t i;

	for (i = 0; i < l->nstores; i++)
		if (strcmp(l->stores[i].master, n->row->name) == 0)
			return true;
	return false;
}

void
node_start(struct node *n)
{
	struct sim *s = n->sim;
	struct endpoint_config cfg = { .layout = s->layout };
	uint8_t random[16];
	size_t i;

	for (i = 0; i < sizeof random; i++)
		random[i] = (uint8_t)mu_rng_u64(&s->rng);
	/* As a daemon with masters, which keeps it in a file. */
	if (n->life == 0 || !has_master(n))
		mu_uuid_from_random(&n->id, random);
	cfg.node = n->row->name;
	cfg.id = n->id;
	cfg.seed = mu_rng_u64(&s->rng);
	n->life++;
	n->stopped = n->ending = false;
	n->wake = UINT64_MAX;
	n->since = s->now;
	n->heard_resending = false;
	n->broadcasts = 0;
	n->nseen = 0;
	if (n->seen_size > 0)
		memset(n->seen, 0, n->seen_size);
	memset(n->greeted, 0, s->n * sizeof *n->greeted);
	memset(n->met, 0, s->n * sizeof *n->met);
	n->degraded = false;
	n->whole = 0;
	n->e = endpoint_new(&cfg, s->now);
	if (n->e == NULL)
		abort();
	listen_to(n, &n->service, SUBSCRIBER_SERVICE, on_service);
	listen_to(n, &n->client, SUBSCRIBER_CLIENT, on_client);
	node_stores_start(n);
	if (s->verbose)
		printf(
		    "%10.6f %s: starts\n", (double)s->now / 1e9, n->row->name);
	node_drain(n);
}

static void
unplug(struct node *n)
{
	node_stores_lose(n);
	router_detach(endpoint_router(n->e), &n->service.sub);
	router_detach(endpoint_router(n->e), &n->client.sub);
	endpoint_free(n->e);
	n->e = NULL;
	n->stopped = false;
}

void
node_kill(struct node *n, bool quiet)
{
	struct sim *s = n->sim;

	if (s->verbose)
		printf("%10.6f %s: %s\n", (double)s->now / 1e9, n->row->name,
		    quiet ? "loses power" : "is killed");
	check_manager(s);
	s->kills++;
	net_lose(n, quiet);
	unplug(n);
}

/* --- what it says --------------------------------------------------------- */

static const char *
level_name(int level)
{
	return level == LOG_LEVEL_ERR    ? "error"
	       : level == LOG_LEVEL_WARN ? "warning"
	       : level == LOG_LEVEL_INFO ? "info"
					 : "debug";
}

static void
print(const struct node *n, const char *what, const char *text)
{
	if (n->sim->verbose)
		printf("%10.6f %s: %s: %s\n", (double)n->sim->now / 1e9,
		    n->row->name, what, text == NULL ? "" : text);
}

static void
obey(struct node *n, const struct endpoint_out *o)
{
	enum members_state state;

	switch (o->kind) {
	case ENDPOINT_DIAL:
		net_dial(n, o);
		break;
	case ENDPOINT_CANCEL_DIAL:
		net_cancel(n, o->dial_id);
		break;
	case ENDPOINT_WRITE:
		net_write(o->link);
		break;
	case ENDPOINT_READ:
		break; /* what arrives is committed and waits in the link */
	case ENDPOINT_CLOSE:
		net_close(o->link);
		break;
	case ENDPOINT_LOG:
		print(n, level_name(o->level), o->text);
		break;
	case ENDPOINT_CLUSTER_LOG:
		print(n, "cluster.log", o->text);
		check_cluster_log(n, o->text);
		break;
	case ENDPOINT_BROKER_LOG:
		print(n, o->ev, o->text);
		break;
	case ENDPOINT_STATE:
		state = members_state(endpoint_members(n->e));
		print(n, "state", members_state_name(state));
		check_state(n, state);
		break;
	}
}

void
node_drain(struct node *n)
{
	struct endpoint_out o;
	uint64_t at;

	if (n->e == NULL)
		return;
	do
		while (endpoint_next(n->e, &o))
			obey(n, &o);
	while (node_stores_turn(n));
	at = endpoint_deadline(n->e);
	if (n->stores != NULL && stores_deadline(n->stores) < at)
		at = stores_deadline(n->stores);
	net_wake(n, at);
}

void
node_tick(struct node *n)
{
	endpoint_tick(n->e, n->sim->now);
	node_drain(n);
}

/* --- probes --------------------------------------------------------------- */

void
node_probe(struct node *n)
{
	struct sim *s = n->sim;
	struct muster_value *v;
	uint8_t *bytes;
	size_t len;
	int rc;

	if (s->nprobes % 1024 == 0) {
		s->probes =
		    realloc(s->probes, (s->nprobes + 1024) * sizeof *s->probes);
		if (s->probes == NULL)
			abort();
	}
	v = muster_value_count(s->nprobes);
	if (v == NULL || muster_value_enc(v, &bytes, &len) != 0)
		abort();
	s->probes[s->nprobes++] = n->index;
	rc = router_publish(endpoint_router(n->e), &n->service.sub, PROBE_TOPIC,
	    strlen(PROBE_TOPIC), bytes, len);
	if (rc < 0)
		fail(s, "%s: publishing a probe gives %d", n->row->name, rc);
	muster_value_unref(v);
	free(bytes);
	node_drain(n);
}

bool
node_saw(const struct node *n, size_t probe)
{
	return probe / 8 < n->seen_size &&
	       (n->seen[probe / 8] >> (probe % 8) & 1) != 0;
}
