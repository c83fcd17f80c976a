/* Events that are passed on by relays; see relays.h. */
#include "core/relays_impl.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/blob.h"
#include "muster/err.h"
#include "muster/topic.h"
#include "pool/pool.h"
#include "proto/envelope.h"
#include "sys/log.h"

#define SAY_NS UINT64_C(60000000000) /* a line per rule and trouble */
#define TEXT   512

#define CLIENTS ROUTER_TO(SUBSCRIBER_CLIENT)
#define PEERS   ROUTER_TO(SUBSCRIBER_PEER)

/* --- what the operator reads ---------------------------------------------- */

static void
say(struct relays *rs, const struct relay *r, uint64_t *last, const char *what)
{
	char text[TEXT];

	if (*last != 0 && rs->now - *last < SAY_NS)
		return;
	*last = rs->now == 0 ? 1 : rs->now;
	snprintf(text, sizeof text, "relay %zu (%.100s to %.100s): %s",
	    (size_t)(r - rs->list) + 1, r->rule->topic, r->rule->to, what);
	rs->cfg.say(rs->cfg.ctx, LOG_LEVEL_WARN, text);
}

static void
lose(struct relays *rs, struct relay *r)
{
	r->lost++;
	say(rs, r, &r->said_lost,
	    "no node that passes events on is up: they are lost");
}

static void
cut(struct relays *rs, struct relay *r)
{
	r->circled++;
	say(rs, r, &r->said_circled,
	    "dropped an event that had been passed on too often: relays of "
	    "different layouts may form a circle");
}

static void
drop(struct relays *rs, struct relay *r, const char *why)
{
	r->dropped++;
	say(rs, r, &r->said_dropped, why);
}

/* --- publishing ----------------------------------------------------------- */

/* To the node whose turn it is.  Returns the number of receivers. */
static int
to_relay(struct relays *rs, struct relay *r, struct subscriber *from,
    uint16_t ttl, const char *topic, size_t topic_len, const uint8_t *payload,
    size_t len)
{
	const char *node = relay_choose(r, rs->cfg.members);
	int rc;

	rs->last_node = node;
	if (node == NULL) {
		lose(rs, r);
		return 0;
	}
	mu_buf_reset(&rs->scratch);
	mu_buf_printf(
	    &rs->scratch, "%s%s/", rs->cfg.layout->topics.node_prefix, node);
	mu_buf_put(&rs->scratch, topic, topic_len);
	if (mu_buf_error(&rs->scratch) != 0)
		return MUSTER_ENOMEM;
	rc = router_publish_to(rs->cfg.router, from, PEERS, ttl,
	    (const char *)mu_buf_data(&rs->scratch), mu_buf_len(&rs->scratch),
	    payload, len);
	if (rc == 0)
		lose(rs, r);
	return rc;
}

/*
 * Along the rules: this node takes its own steps at once, until the event
 * leaves it or its hops are used up.
 */
static int
publish(struct relays *rs, struct subscriber *from, uint16_t ttl,
    const char *topic, size_t topic_len, const uint8_t *payload, size_t len)
{
	const struct mu_layout_relay *rule;
	int rc, n = 0;

	while ((rule = mu_layout_relay_of(rs->cfg.layout, topic, topic_len)) !=
	       NULL) {
		struct relay *r = &rs->list[rule - rs->cfg.layout->relays];

		if (rs->last == 0)
			rs->last = (size_t)(r - rs->list) + 1;
		r->published++;
		rc = router_publish_to(rs->cfg.router, from, CLIENTS, ttl,
		    topic, topic_len, payload, len);
		if (rc < 0)
			return rc;
		n += rc;
		if (!r->here) {
			rc = to_relay(
			    rs, r, from, ttl, topic, topic_len, payload, len);
			return rc < 0 ? rc : n + rc;
		}
		rs->last_node = rs->cfg.node->name;
		if (ttl <= RELAY_COST) {
			cut(rs, r);
			return n;
		}
		ttl -= RELAY_COST;
		r->relayed++;
		topic = rule->to;
		topic_len = strlen(rule->to);
	}
	rc = router_publish_to(rs->cfg.router, from, CLIENTS | PEERS, ttl,
	    topic, topic_len, payload, len);
	return rc < 0 ? rc : n + rc;
}

int
relays_publish(struct relays *rs, struct subscriber *from, const char *topic,
    size_t topic_len, const uint8_t *payload, size_t len)
{
	rs->last = 0;
	rs->last_node = NULL;
	return publish(rs, from, MU_TTL, topic, topic_len, payload, len);
}

static int
detour(struct router_detour *self, struct subscriber *from, const char *topic,
    size_t topic_len, const uint8_t *payload, size_t len)
{
	struct relays *rs =
	    (struct relays *)((char *)self - offsetof(struct relays, detour));

	rs->last = 0;
	rs->last_node = NULL;
	if (mu_layout_relay_of(rs->cfg.layout, topic, topic_len) == NULL)
		return MUSTER_ENOENT;
	return relays_publish(rs, from, topic, topic_len, payload, len);
}

size_t
relays_last(const struct relays *rs, const char **node)
{
	*node = rs->last_node;
	return rs->last;
}

/* --- what arrives --------------------------------------------------------- */

static bool
make_room(struct relays *rs)
{
	size_t cap = rs->cap == 0 ? 64 : rs->cap * 2;
	struct relay_item *queue;

	if (rs->nqueue < rs->cap)
		return true;
	queue = mu_reallocarray(rs->queue, cap, sizeof *queue);
	if (queue == NULL)
		return false;
	rs->queue = queue;
	rs->cap = cap;
	return true;
}

static void
enqueue(struct relays *rs, struct relay *r, struct message *m)
{
	struct relay_item *item;
	struct mu_blob *blob;

	if (rs->nqueue == RELAY_QUEUE || m->env.len > RELAY_BYTES - rs->bytes) {
		drop(rs, r, "too many events at once: some are dropped");
		return;
	}
	blob = make_room(rs) ? message_blob(m) : NULL;
	if (blob == NULL) {
		drop(rs, r, "out of memory: events are dropped");
		return;
	}
	item = &rs->queue[rs->nqueue++];
	item->blob = blob;
	item->at = (size_t)(m->env.payload - m->env.frame);
	item->len = m->env.payload_len;
	item->relay = (size_t)(r - rs->list);
	item->ttl = m->ttl;
	rs->bytes += m->env.len;
}

/* Only the node it was sent to passes on what names a node; what does not is
 * the first one's. */
static void
hear(struct subscriber *self, struct message *m)
{
	struct relays *rs =
	    (struct relays *)((char *)self - offsetof(struct relays, sub));
	const char *topic = m->env.topic;
	size_t len = m->env.topic_len;
	const struct mu_layout_relay *rule;
	bool named = muster_topic_matches(rs->own, rs->own_len, topic, len);
	struct relay *r;

	if (m->env.type != MU_DATA)
		return;
	if (named) {
		topic += rs->own_len;
		len -= rs->own_len;
	}
	rule = mu_layout_relay_of(rs->cfg.layout, topic, len);
	if (rule == NULL)
		return;
	r = &rs->list[rule - rs->cfg.layout->relays];
	if (named ? r->here : r->first)
		enqueue(rs, r, m);
}

static void
pass_on(struct relays *rs, const struct relay_item *item)
{
	struct relay *r = &rs->list[item->relay];
	int rc;

	if (item->ttl <= RELAY_COST) {
		cut(rs, r);
		return;
	}
	rc = publish(rs, &rs->sub, item->ttl - RELAY_COST, r->rule->to,
	    strlen(r->rule->to), item->blob->data + item->at, item->len);
	if (rc < 0)
		drop(rs, r, "out of memory: events are dropped");
	else
		r->relayed++;
}

bool
relays_flush(struct relays *rs, uint64_t now)
{
	bool any = rs->nqueue > 0;

	rs->now = now;
	/* publishing never adds to it: only what peers send arrives */
	for (size_t i = 0; i < rs->nqueue; i++) {
		pass_on(rs, &rs->queue[i]);
		mu_blob_unref(rs->queue[i].blob);
	}
	rs->nqueue = rs->bytes = 0;
	return any;
}

/* --- construction --------------------------------------------------------- */

static int
attach(struct relays *rs, const struct relay *list, size_t n)
{
	struct muster_filter *f = muster_filter_new();
	int rc =
	    f == NULL ? MUSTER_ENOMEM : relay_list_topics(list, n, rs->own, f);

	if (rc == 0)
		rc = router_attach(rs->cfg.router, &rs->sub, f);
	muster_filter_free(f);
	return rc;
}

struct relays *
relays_new(const struct relays_config *cfg, uint64_t now)
{
	struct relays *rs = mu_calloc(1, sizeof *rs);

	if (rs == NULL)
		return NULL;
	rs->cfg = *cfg;
	rs->now = now;
	rs->sub.kind = SUBSCRIBER_SERVICE;
	rs->sub.deliver = hear;
	rs->detour.publish = detour;
	mu_buf_init(&rs->scratch, 0);
	rs->own = mu_asprintf(
	    "%s%s/", cfg->layout->topics.node_prefix, cfg->node->name);
	if (rs->own == NULL || relay_list_make(cfg, &rs->list) != 0)
		goto fail;
	rs->own_len = strlen(rs->own);
	rs->n = cfg->layout->nrelays;
	if (attach(rs, rs->list, rs->n) != 0)
		goto fail;
	router_set_detour(cfg->router, &rs->detour);
	return rs;
fail:
	relays_free(rs);
	return NULL;
}

static void
forget_queue(struct relays *rs)
{
	for (size_t i = 0; i < rs->nqueue; i++)
		mu_blob_unref(rs->queue[i].blob);
	rs->nqueue = rs->bytes = 0;
}

void
relays_free(struct relays *rs)
{
	if (rs == NULL)
		return;
	router_set_detour(rs->cfg.router, NULL);
	router_detach(rs->cfg.router, &rs->sub);
	forget_queue(rs);
	relay_list_free(rs->list, rs->n);
	mu_free(rs->queue);
	mu_buf_clear(&rs->scratch);
	mu_free(rs->own);
	mu_free(rs);
}

int
relays_prepare(struct relays *rs, const struct mu_layout *layout,
    const struct mu_layout_node *node)
{
	int rc;

	/* what still waits is for the old rules */
	relays_flush(rs, rs->now);
	rs->fresh_cfg = rs->cfg;
	rs->fresh_cfg.layout = layout;
	rs->fresh_cfg.node = node;
	rc = relay_list_make(&rs->fresh_cfg, &rs->fresh);
	if (rc == 0)
		rc = attach(rs, rs->fresh, layout->nrelays);
	if (rc != 0)
		relays_cancel(rs);
	return rc;
}

void
relays_commit(struct relays *rs)
{
	size_t n = rs->fresh_cfg.layout->nrelays;

	relay_list_inherit(rs->fresh, n, rs->list, rs->n);
	relay_list_free(rs->list, rs->n);
	rs->list = rs->fresh;
	rs->n = n;
	rs->cfg = rs->fresh_cfg;
	rs->fresh = NULL;
	rs->last = 0;
	rs->last_node = NULL;
}

void
relays_cancel(struct relays *rs)
{
	if (rs->fresh == NULL)
		return;
	relay_list_free(rs->fresh, rs->fresh_cfg.layout->nrelays);
	rs->fresh = NULL;
}

int
relays_add_topics(const struct relays *rs, struct muster_filter *f)
{
	return relay_list_topics(rs->list, rs->n, rs->own, f);
}

/* --- facts ---------------------------------------------------------------- */

size_t
relays_count(const struct relays *rs)
{
	return rs->n;
}

void
relays_fact(const struct relays *rs, size_t i, struct relays_fact *out)
{
	struct relay *r = &rs->list[i];

	out->rule = r->rule;
	out->here = r->here;
	out->nodes = mu_pool_size(r->pool);
	out->up = relay_up(r, rs->cfg.members);
	out->published = r->published;
	out->lost = r->lost;
	out->relayed = r->relayed;
	out->circled = r->circled;
	out->dropped = r->dropped;
}
