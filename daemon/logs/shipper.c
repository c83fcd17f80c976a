/* The outbox as a service of the router; see shipper.h. */
#include "logs/shipper_impl.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "core/members.h"
#include "logs/delivery.h"
#include "muster/err.h"
#include "muster/topic.h"
#include "sys/log.h"

#define FRAME_ROOM   65536 /* of a frame, for what is not records */
#define BATCH_BYTES  (1u << 20)
#define WINDOW_BYTES (8u << 20)

/* --- the layout ---------------------------------------------------------- */

bool
shipper_wanted(const struct mu_layout *l, const char *node)
{
	const struct mu_layout_node *n = mu_layout_node(l, node);

	return n != NULL && n->role != MU_ROLE_CONTROL &&
	       (shipper_is_logger(l, n) || l->logs.remote);
}

uint64_t
shipper_disk_bytes(const struct mu_layout *l)
{
	/* Pages in use, those of the transaction before, and what is lost at
	 * their ends. */
	return 3 * l->logs.spool_bytes + (64u << 20);
}

static uint64_t
smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static struct outbox_config
config_of(struct shipper *s, const struct mu_layout *l)
{
	uint64_t frame = smaller(l->limits.frame_bytes, l->limits.queue_bytes);
	struct outbox_config c = {
		.node = s->node,
		.alone = s->ntargets == 0 && !s->is_logger,
		.spool_bytes = l->logs.spool_bytes,
		.drop_oldest = l->logs.when_full == MU_LOGS_DROP_OLDEST,
		.batch_records = l->logs.batch_records,
		.batch_ns = (uint64_t)l->logs.batch_ns,
		.failover_ns = (uint64_t)l->logs.failover_ns,
		.node_prefix = l->topics.node_prefix,
		.logs_prefix = l->topics.logs_prefix,
		.room = shipper_room,
		.ctx = s,
	};

	c.max_record = frame > 2 * FRAME_ROOM ? frame - FRAME_ROOM : frame / 2;
	c.batch_bytes = smaller(BATCH_BYTES, c.max_record / 2);
	c.window_bytes = smaller(WINDOW_BYTES, l->limits.queue_bytes / 2);
	return c;
}

/* --- peers --------------------------------------------------------------- */

static struct shipper *
of_watch(struct endpoint_watch *w)
{
	return (struct shipper *)((char *)w - offsetof(struct shipper, watch));
}

/* A connection that ended and came back within a turn must not go unseen. */
static void
on_peer(struct endpoint_watch *self, const struct mu_uuid *id,
    const struct muster_filter *filter)
{
	struct shipper *s = of_watch(self);

	s->changed = true;
	for (size_t i = 0; filter == NULL && i < s->ntargets; i++) {
		struct target *t = &s->targets[i];

		if (!t->up || !mu_uuid_eq(&t->id, id))
			continue;
		outbox_logger_down(s->outbox, t->name, endpoint_now(s->e));
		t->up = false;
	}
}

/* Zeek describes its streams to each new peer before it says hello. */
static void
on_greet(struct endpoint_watch *self, const struct mu_uuid *id)
{
	struct shipper *s = of_watch(self);
	const char *topic;
	const uint8_t *bytes;
	size_t len;

	for (size_t i = 0;
	     !s->is_logger && outbox_create(s->outbox, i, &topic, &bytes, &len);
	     i++)
		router_unicast(endpoint_router(s->e), &s->sub, id, topic,
		    strlen(topic), bytes, len);
}

/* --- answers ------------------------------------------------------------- */

static void
take_answer(struct shipper *s, const char *from, const uint8_t *payload,
    size_t len, uint64_t now)
{
	int rc = outbox_answer(s->outbox, from, payload, len, now);

	if (rc == 0 || s->told)
		return;
	s->told = true;
	log_at(LOG_LEVEL_WARN,
	    "logs: %s sent what is no answer to a batch of this node: %s "
	    "(further ones are not told of)",
	    from == NULL ? "a peer" : from, muster_strerror(rc));
}

static void
on_message(struct subscriber *self, struct message *m)
{
	struct shipper *s = (struct shipper *)self;

	if (m->env.type != MU_DATA)
		return;
	take_answer(s, members_name_of(endpoint_members(s->e), &m->origin),
	    m->env.payload, m->env.payload_len, endpoint_now(s->e));
}

void
shipper_answer(
    struct shipper *s, const uint8_t *payload, size_t len, uint64_t now)
{
	take_answer(s, s->node, payload, len, now);
}

/* --- construction -------------------------------------------------------- */

static int
subscribe(struct shipper *s)
{
	struct muster_filter *f = muster_filter_new();
	char *topic = delivery_topic(DELIVERY_TO_SENDER, s->node);
	int rc = f == NULL || topic == NULL
		     ? MUSTER_ENOMEM
		     : muster_filter_add(f, topic, strlen(topic));

	if (rc >= 0)
		rc = router_attach(endpoint_router(s->e), &s->sub, f);
	mu_free(topic);
	muster_filter_free(f);
	return rc;
}

static int
build(struct shipper *s)
{
	int rc = shipper_tell_loggers(s);

	if (rc == 0)
		rc = subscribe(s);
	if (rc == 0)
		rc = shipper_own_init(&s->own, s->outbox);
	if (rc != 0)
		return rc;
	endpoint_add_watch(s->e, &s->watch);
	if (!s->is_logger || s->hooks.deliver == NULL)
		return 0;
	return outbox_logger_up(s->outbox, s->node, true, endpoint_now(s->e));
}

struct shipper *
shipper_new(struct endpoint *e, const struct mu_layout *l,
    const struct shipper_hooks *hooks, struct mu_backend *disk, uint64_t seed,
    uint64_t now, char *why)
{
	struct shipper *s = mu_calloc(1, sizeof *s);
	struct outbox_config cfg;

	snprintf(why, OUTBOX_WHY, "out of memory");
	if (s != NULL)
		s->node = mu_strdup(endpoint_node(e)->name);
	if (s == NULL || s->node == NULL ||
	    shipper_list_targets(l, &s->targets, &s->ntargets) != 0) {
		disk->ops->close(disk);
		goto fail;
	}
	s->e = e;
	s->hooks = *hooks;
	s->sub.kind = SUBSCRIBER_SERVICE;
	s->sub.deliver = on_message;
	s->watch.peer = on_peer;
	s->watch.greet = on_greet;
	s->is_logger = shipper_is_logger(l, endpoint_node(e));
	cfg = config_of(s, l);
	cfg.seed = seed;
	s->outbox = outbox_new(&cfg, disk, now, why);
	if (s->outbox == NULL)
		goto fail;
	snprintf(why, OUTBOX_WHY, "out of memory");
	if (build(s) == 0)
		return s;
fail:
	shipper_free(s);
	return NULL;
}

void
shipper_free(struct shipper *s)
{
	if (s == NULL)
		return;
	if (s->e != NULL) {
		endpoint_remove_watch(s->e, &s->watch);
		router_detach(endpoint_router(s->e), &s->sub);
	}
	outbox_free(s->outbox);
	shipper_free_targets(s->targets, s->ntargets);
	mu_free(s->node);
	mu_free(s);
}

int
shipper_reload(struct shipper *s, const struct mu_layout *l)
{
	struct outbox_config cfg;
	struct target *t;
	size_t n;
	int rc = shipper_list_targets(l, &t, &n);

	if (rc != 0)
		return rc;
	for (size_t i = 0; i < s->ntargets; i++)
		if (s->targets[i].up)
			outbox_logger_down(
			    s->outbox, s->targets[i].name, endpoint_now(s->e));
	shipper_free_targets(s->targets, s->ntargets);
	s->targets = t;
	s->ntargets = n;
	s->changed = true;
	cfg = config_of(s, l);
	outbox_configure(s->outbox, &cfg);
	return shipper_tell_loggers(s);
}

struct outbox *
shipper_outbox(struct shipper *s)
{
	return s->outbox;
}

/* --- this node's records ------------------------------------------------- */

void
shipper_cluster(struct shipper *s, int64_t ts, const char *text, uint64_t now)
{
	shipper_own_cluster(&s->own, s->outbox, ts, s->node, text, now);
}

void
shipper_broker(struct shipper *s, int64_t ts, const char *ty, const char *ev,
    const char *address, uint16_t port, const char *text, uint64_t now)
{
	struct shipper_own_broker r = { ts, ty, ev, address, port, text };

	shipper_own_broker(&s->own, s->outbox, &r, now);
}

/* --- a turn -------------------------------------------------------------- */

void
shipper_tick(struct shipper *s, uint64_t now)
{
	shipper_look_around(s, now);
	outbox_tick(s->outbox, now);
}

uint64_t
shipper_deadline(const struct shipper *s)
{
	return outbox_deadline(s->outbox);
}

void
shipper_flush(struct shipper *s)
{
	outbox_flush(s->outbox);
}

static int
publish(struct shipper *s, const struct outbox_out *out)
{
	return router_publish(endpoint_router(s->e), &s->sub, out->topic,
	    strlen(out->topic), out->payload, out->len);
}

/* A Muster logger is spoken to directly, as it answers; for others the batch
 * is published as Zeek does it. */
static bool
send_batch(struct shipper *s, const struct outbox_out *out)
{
	const struct target *t;

	if (s->is_logger)
		return s->hooks.deliver != NULL &&
		       s->hooks.deliver(s->hooks.ctx, out->payload, out->len) ==
			   0;
	t = shipper_target(s, out->logger);
	if (t == NULL || !t->up)
		return false;
	/* somebody else may hear it, too: that does not count */
	if (!t->muster)
		return shipper_hears(s, t, out->topic) && publish(s, out) > 0;
	return router_unicast(endpoint_router(s->e), &s->sub, &t->id,
		   out->topic, strlen(out->topic), out->payload, out->len) > 0;
}

bool
shipper_next(struct shipper *s, struct outbox_out *out)
{
	while (outbox_next(s->outbox, out)) {
		switch (out->kind) {
		case OUTBOX_ANNOUNCE:
			if (!s->is_logger)
				publish(s, out);
			break;
		case OUTBOX_BATCH:
			outbox_sent(s->outbox, send_batch(s, out));
			break;
		case OUTBOX_SPREAD:
			outbox_sent(s->outbox, publish(s, out) > 0);
			break;
		case OUTBOX_DONE:
		case OUTBOX_LINE:
			return true;
		}
	}
	return false;
}
