/*
 * A world of membership machines without bytes: peerings are made and cut by
 * name, publications travel in order over each link, everything that a machine
 * says is written to its log, one line per consequence.
 */
#ifndef UNIT_CHECK_MEMBERS_H
#define UNIT_CHECK_MEMBERS_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "base/text.h"
#include "base/uuid.h"
#include "core/members.h"
#include "layout/read.h"
#include "muster/err.h"
#include "muster/event.h"
#include "muster/topic.h"
#include "muster/value.h"
#include "sys/log.h"
#include "value/codec.h"

#ifndef WORLD_NODES
#define WORLD_NODES 24
#endif
#define SECOND UINT64_C(1000000000)

/* Five nodes, the logger without a manager field: reference 2.7. */
#define FIVE \
	"cluster: test\n" \
	"tls: none\n" \
	"nodes:\n" \
	"  manager:  {role: manager, host: 127.0.0.1, port: 27761}\n" \
	"  logger-1: {role: logger, host: 127.0.0.1, port: 27762}\n" \
	"  proxy-1:  {role: proxy, host: 127.0.0.1, port: 27763}\n" \
	"  worker-1: {role: worker, host: 127.0.0.1}\n" \
	"  worker-2: {role: worker, host: 127.0.0.1}\n"

struct letter {
	size_t from, to;
	char *topic;
	size_t topic_len;
	uint8_t *payload;
	size_t len;
	struct letter *next;
};

struct wnode {
	const char *name;
	struct mu_uuid id;
	struct members *m;
	struct muster_filter *filter;
	bool muster;       /* its peers are told that it speaks Muster */
	bool mute;         /* does not answer pings */
	const char *cert;  /* names in its certificate, comma separated;
			      NULL: nobody is authenticated */
	struct mu_buf log;
	unsigned broadcasts; /* cluster_started published without receiver */
};

struct world {
	struct mu_layout *layout;
	struct wnode nodes[WORLD_NODES];
	size_t n;
	bool linked[WORLD_NODES][WORLD_NODES];
	struct letter *mail, **last;
	uint64_t now;
	struct mu_rng rng;
	bool shuffle; /* draw the next link at random */
	unsigned famine; /* one allocation in so many fails, of the machines';
			    0: none */
	/* See each consequence before it is carried out, each letter before it
	 * is delivered (false: it is lost), or NULL. */
	void (*watch)(struct world *w, size_t at, const struct members_out *o);
	bool (*heard)(struct world *w, const struct letter *l);
	void *watcher;
};

static bool
world_starve(void *ctx)
{
	struct world *w = ctx;

	return mu_rng_below(&w->rng, w->famine) == 0;
}

/* Do something to a machine, with memory short if it is to be. */
#define world_call(w, call) \
	do { \
		if ((w)->famine > 0) \
			mu_alloc_set_hook(world_starve, w); \
		call; \
		mu_alloc_set_hook(NULL, NULL); \
	} while (0)

static struct mu_layout *
world_layout(const char *yaml)
{
	struct mu_diags d;
	struct mu_layout *l;
	char *line;

	ck_assert_int_eq(mu_diags_init(&d, "layout.yaml"), 0);
	l = mu_layout_read("layout.yaml", yaml, strlen(yaml), &d);
	line = l == NULL ? mu_diags_line(&d, 0) : NULL;
	ck_assert_msg(l != NULL, "%s", line == NULL ? "?" : line);
	mu_diags_clear(&d);
	return l;
}

static struct world *
world_open(const char *yaml)
{
	struct world *w = calloc(1, sizeof *w);

	ck_assert_ptr_nonnull(w);
	w->layout = world_layout(yaml);
	w->last = &w->mail;
	w->now = SECOND;
	mu_rng_init(&w->rng, 1);
	return w;
}

static void
letter_free(struct letter *l)
{
	free(l->topic);
	free(l->payload);
	free(l);
}

__attribute__((unused)) static void
world_close(struct world *w)
{
	struct letter *l;

	while ((l = w->mail) != NULL) {
		w->mail = l->next;
		letter_free(l);
	}
	for (size_t i = 0; i < w->n; i++) {
		members_free(w->nodes[i].m);
		muster_filter_free(w->nodes[i].filter);
		mu_buf_clear(&w->nodes[i].log);
	}
	mu_layout_free(w->layout);
	free(w);
}

static void world_drain(struct world *w, size_t at);

/* A node of that name begins (again); its number. */
static size_t
world_start(struct world *w, const char *name)
{
	struct members_config cfg = { .layout = w->layout };
	struct wnode *n = &w->nodes[w->n];
	uint8_t random[16];

	ck_assert_uint_lt(w->n, WORLD_NODES);
	cfg.self = mu_layout_node(w->layout, name);
	ck_assert_ptr_nonnull(cfg.self);
	for (size_t i = 0; i < sizeof random; i++)
		random[i] = (uint8_t)mu_rng_u64(&w->rng);
	mu_uuid_from_random(&cfg.id, random);
	memset(n, 0, sizeof *n);
	mu_buf_init(&n->log, 0);
	n->name = cfg.self->name;
	n->id = cfg.id;
	n->muster = true;
	n->m = members_new(&cfg, w->now);
	n->filter = muster_filter_new();
	ck_assert(n->m != NULL && n->filter != NULL);
	ck_assert_int_eq(members_subscribe(n->m, n->filter), 0);
	world_drain(w, w->n);
	return w->n++;
}

static void
world_post(struct world *w, size_t from, size_t to, const char *topic,
    size_t topic_len, const void *payload, size_t len)
{
	struct letter *l = calloc(1, sizeof *l);

	ck_assert_ptr_nonnull(l);
	l->from = from;
	l->to = to;
	l->topic = malloc(topic_len + 1);
	l->payload = malloc(len + 1);
	ck_assert(l->topic != NULL && l->payload != NULL);
	memcpy(l->topic, topic, topic_len);
	memcpy(l->payload, payload, len);
	l->topic_len = topic_len;
	l->len = len;
	*w->last = l;
	w->last = &l->next;
}

static void
world_publish(struct world *w, size_t from, const struct members_out *o)
{
	for (size_t to = 0; to < w->n; to++) {
		if (!w->linked[from][to])
			continue;
		if (o->receiver != NULL ?
		    mu_uuid_eq(o->receiver, &w->nodes[to].id) :
		    muster_filter_matches(w->nodes[to].filter, o->topic,
		    o->topic_len))
			world_post(w, from, to, o->topic, o->topic_len,
			    o->payload, o->payload_len);
	}
}

static bool
has_name(void *ctx, const char *name)
{
	const char *at = ctx;
	size_t len = strlen(name);

	while ((at = strstr(at, name)) != NULL) {
		if (at[len] == '\0' || at[len] == ',')
			return true;
		at += len;
	}
	return false;
}

static void world_cut(struct world *w, size_t a, size_t b);

/* a meets b; false when memory is out. */
static bool
world_meet(struct world *w, size_t a, size_t b, bool dialled)
{
	struct members_peer p = { .address = "127.0.0.1" };
	int rc;

	p.id = w->nodes[b].id;
	p.port = (uint16_t)(1000 + b);
	p.outbound = dialled;
	p.dialled = dialled ? w->nodes[b].name : NULL;
	p.speaks_muster = w->nodes[b].muster;
	if (w->nodes[b].cert != NULL) {
		p.auth.has_name = has_name;
		p.auth.ctx = (void *)(uintptr_t)w->nodes[b].cert;
	}
	world_call(w, rc = members_peer_up(w->nodes[a].m, &p, w->now));
	ck_assert(rc == 0 || w->famine > 0);
	return rc == 0;
}

__attribute__((unused)) static void
world_link(struct world *w, size_t a, size_t b)
{
	ck_assert(!w->linked[a][b]);
	w->linked[a][b] = w->linked[b][a] = true;
	if (!world_meet(w, a, b, true) || !world_meet(w, b, a, false)) {
		world_cut(w, a, b);
		return;
	}
	world_drain(w, a);
	world_drain(w, b);
}

static void
world_cut(struct world *w, size_t a, size_t b)
{
	struct letter **at = &w->mail, *l;

	if (!w->linked[a][b])
		return;
	w->linked[a][b] = w->linked[b][a] = false;
	while ((l = *at) != NULL) {
		if ((l->from == a && l->to == b) ||
		    (l->from == b && l->to == a)) {
			*at = l->next;
			letter_free(l);
		} else {
			at = &l->next;
		}
	}
	w->last = at;
	if (w->nodes[a].m != NULL)
		world_call(w, members_peer_down(w->nodes[a].m,
		    &w->nodes[b].id, false, w->now));
	if (w->nodes[b].m != NULL)
		world_call(w, members_peer_down(w->nodes[b].m,
		    &w->nodes[a].id, false, w->now));
	if (w->nodes[a].m != NULL)
		world_drain(w, a);
	if (w->nodes[b].m != NULL)
		world_drain(w, b);
}

/* The process is gone. */
__attribute__((unused)) static void
world_kill(struct world *w, size_t a)
{
	members_free(w->nodes[a].m);
	w->nodes[a].m = NULL;
	for (size_t b = 0; b < w->n; b++)
		world_cut(w, a, b);
}

/* The process is gone and nobody is told: its host is. */
__attribute__((unused)) static void
world_lose(struct world *w, size_t a)
{
	members_free(w->nodes[a].m);
	w->nodes[a].m = NULL;
	w->nodes[a].mute = true;
}

static size_t
world_by_id(const struct world *w, const struct mu_uuid *id)
{
	for (size_t i = 0; i < w->n; i++)
		if (mu_uuid_eq(&w->nodes[i].id, id))
			return i;
	ck_abort_msg("no node with that id");
}

static void
log_publication(struct world *w, size_t at, const struct members_out *o)
{
	struct wnode *n = &w->nodes[at];
	struct muster_value *v;
	const char *name;
	char *text;
	size_t len;

	ck_assert_int_eq(muster_value_dec(o->payload, o->payload_len, &v), 0);
	name = muster_event_name(v, &len);
	ck_assert_ptr_nonnull(name);
	if (o->receiver == NULL && strcmp(name,
	    "Cluster::Experimental::cluster_started") == 0)
		n->broadcasts++;
	mu_buf_printf(&n->log, "publish %s%.*s %s", o->receiver == NULL ?
	    "" : "unicast ", (int)o->topic_len, o->topic, name);
	ck_assert_int_eq(muster_value_to_text(muster_event_args(v), &text,
	    &len), 0);
	mu_buf_printf(&n->log, "%s\n", text);
	mu_free(text);
	muster_value_unref(v);
}

/* Write a consequence to the log and do it. */
static void
world_do(struct world *w, size_t at, const struct members_out *o)
{
	struct wnode *n = &w->nodes[at];

	if (w->watch != NULL)
		w->watch(w, at, o);
	switch (o->kind) {
	case MEMBERS_PUBLISH:
		log_publication(w, at, o);
		world_publish(w, at, o);
		break;
	case MEMBERS_CLUSTER_LOG:
		mu_buf_printf(&n->log, "cluster.log %s\n", o->text);
		break;
	case MEMBERS_LOG:
		if (o->level != LOG_LEVEL_DEBUG)
			mu_buf_printf(&n->log, "%s %s\n", o->level ==
			    LOG_LEVEL_INFO ? "info" : "warning", o->text);
		break;
	case MEMBERS_NODE_UP:
		mu_buf_printf(&n->log, "node_up %s\n", o->name);
		break;
	case MEMBERS_NODE_DOWN:
		mu_buf_printf(&n->log, "node_down %s\n", o->name);
		break;
	case MEMBERS_FULLY_CONNECTED:
		mu_buf_printf(&n->log, "node_fully_connected %s %s\n", o->name,
		    o->resending ? "T" : "F");
		break;
	case MEMBERS_STARTED:
		mu_buf_printf(&n->log, "%s\n", o->resending ?
		    "started before" : "cluster_started");
		break;
	case MEMBERS_DEGRADED:
		mu_buf_printf(&n->log, "degraded %s\n", o->text);
		break;
	case MEMBERS_RESTORED:
		mu_buf_str(&n->log, "restored\n");
		break;
	case MEMBERS_PING:
		mu_buf_printf(&n->log, "ping %s\n", o->name);
		break;
	case MEMBERS_DROP:
		mu_buf_printf(&n->log, "drop %s\n", o->text);
		break;
	}
}

static void
world_drain(struct world *w, size_t at)
{
	struct members *m = w->nodes[at].m;
	struct members_out o;
	size_t other;

	while (members_next(m, &o)) {
		world_do(w, at, &o);
		if (o.kind == MEMBERS_PING) {
			other = world_by_id(w, &o.id);
			members_pong(m, &o.id, !w->nodes[other].mute, w->now);
		} else if (o.kind == MEMBERS_DROP) {
			world_cut(w, at, world_by_id(w, &o.id));
		}
	}
}

static struct letter *
take_letter(struct world *w)
{
	struct letter **at = &w->mail, *l, *pick;
	size_t n = 0, k;

	if (w->mail == NULL)
		return NULL;
	if (w->shuffle) {
		for (l = w->mail; l != NULL; l = l->next)
			n++;
		k = mu_rng_below(&w->rng, n);
		for (l = w->mail; k > 0; k--)
			l = l->next;
		/* The first of the same link: links keep their order. */
		while ((*at)->from != l->from || (*at)->to != l->to)
			at = &(*at)->next;
	}
	pick = *at;
	*at = pick->next;
	for (at = &w->mail; *at != NULL; at = &(*at)->next)
		continue;
	w->last = at;
	return pick;
}

/* Deliver one letter; false when there was none. */
static bool
world_step(struct world *w)
{
	struct letter *l = take_letter(w);

	if (l == NULL)
		return false;
	if (w->nodes[l->to].m != NULL &&
	    (w->heard == NULL || w->heard(w, l))) {
		world_call(w, members_data(w->nodes[l->to].m,
		    &w->nodes[l->from].id, l->topic, l->topic_len, l->payload,
		    l->len, w->now));
		world_drain(w, l->to);
	}
	letter_free(l);
	return true;
}

/* Deliver everything, time passing as the machines ask for it. */
static void
world_run(struct world *w)
{
	bool again = true;

	while (again) {
		while (world_step(w))
			continue;
		again = false;
		for (size_t i = 0; i < w->n; i++) {
			uint64_t due;

			if (w->nodes[i].m == NULL)
				continue;
			due = members_deadline(w->nodes[i].m);
			if (due == UINT64_MAX)
				continue;
			if (due > w->now)
				w->now = due;
			world_call(w, members_tick(w->nodes[i].m, w->now));
			world_drain(w, i);
			again = true;
		}
	}
}

/* Make every link of the layout between a and the nodes that run, in Zeek's
 * order, without delivering anything. */
__attribute__((unused)) static void
world_dial(struct world *w, size_t a)
{
	const struct mu_layout_node *to[WORLD_NODES];
	const struct mu_layout_node *self;
	size_t n;

	self = mu_layout_node(w->layout, w->nodes[a].name);
	n = mu_layout_connectees(w->layout, self, to);
	for (size_t i = 0; i < n; i++)
		for (size_t b = 0; b < w->n; b++)
			if (b != a && w->nodes[b].m != NULL &&
			    !w->linked[a][b] &&
			    strcmp(w->nodes[b].name, to[i]->name) == 0)
				world_link(w, a, b);
}

__attribute__((unused)) static void
world_dial_all(struct world *w)
{
	for (size_t a = 0; a < w->n; a++)
		if (w->nodes[a].m != NULL)
			world_dial(w, a);
}

/* How often the log of a node has a line that begins so. */
__attribute__((unused)) static unsigned
world_said(const struct world *w, size_t a, const char *line)
{
	const struct mu_buf *b = &w->nodes[a].log;
	const char *at = (const char *)mu_buf_data(b);
	const char *end = at + mu_buf_len(b);
	size_t len = strlen(line);
	unsigned n = 0;

	while (at != NULL && at < end) {
		if ((size_t)(end - at) >= len && memcmp(at, line, len) == 0)
			n++;
		at = memchr(at, '\n', (size_t)(end - at));
		if (at != NULL)
			at++;
	}
	return n;
}

__attribute__((unused)) static void
world_forget(struct world *w)
{
	for (size_t i = 0; i < w->n; i++) {
		mu_buf_reset(&w->nodes[i].log);
		w->nodes[i].broadcasts = 0;
	}
}

#define said(w, a, line, times) \
	ck_assert_msg(world_said(w, a, line) == (times), \
	    "\"%s\" %u times in:\n%.*s", line, world_said(w, a, line), \
	    (int)mu_buf_len(&(w)->nodes[a].log), \
	    (const char *)mu_buf_data(&(w)->nodes[a].log))

/* An event from one node to another, over their link. */
__attribute__((unused)) static void
world_send(struct world *w, size_t from, size_t to, const char *event,
    struct muster_value *args)
{
	struct mu_buf b;

	mu_buf_init(&b, 0);
	mu_event_enc(&b, event, strlen(event), args, false);
	ck_assert_int_eq(mu_buf_error(&b), 0);
	world_post(w, from, to, "x", 1, mu_buf_data(&b), mu_buf_len(&b));
	mu_buf_clear(&b);
	muster_value_unref(args);
}

/* Up to three arguments, NULL for none. */
__attribute__((unused)) static struct muster_value *
args(struct muster_value *a, struct muster_value *b, struct muster_value *c)
{
	struct muster_value *v = muster_value_vector();

	if (a != NULL)
		ck_assert_int_eq(muster_value_append(v, a), 0);
	if (b != NULL)
		ck_assert_int_eq(muster_value_append(v, b), 0);
	if (c != NULL)
		ck_assert_int_eq(muster_value_append(v, c), 0);
	return v;
}

#define str(s) muster_value_cstring(s)

__attribute__((unused)) static char *
missing_of(const struct world *w, size_t a)
{
	struct mu_buf b;
	char *text;

	mu_buf_init(&b, 0);
	ck_assert_int_eq(members_missing(w->nodes[a].m, &b), 0);
	text = mu_buf_take_string(&b);
	mu_buf_clear(&b);
	return text;
}

#define progress(w, a, n, of) do { \
	size_t have_, want_; \
	members_progress((w)->nodes[a].m, &have_, &want_); \
	ck_assert_uint_eq(have_, n); \
	ck_assert_uint_eq(want_, of); \
} while (0)

#define missing(w, a, text) do { \
	char *m_ = missing_of(w, a); \
	ck_assert_str_eq(m_, text); \
	mu_free(m_); \
} while (0)

#define state(w, a, s) \
	ck_assert_str_eq(members_state_name(members_state((w)->nodes[a].m)), s)

#endif
