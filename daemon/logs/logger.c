/* The logger role on the event loop; see logger.h. */
#include "logs/logger.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/blob.h"
#include "base/buf.h"
#include "core/endpoint.h"
#include "core/members.h"
#include "core/router.h"
#include "layout/layout.h"
#include "logs/delivery.h"
#include "muster/err.h"
#include "muster/topic.h"
#include "sys/log.h"
#include "value/codec.h"

#define MOST_BUSY                                                              \
	100000 /* refusals on their way; further batches wait for              \
		  their sender's patience to end */

struct logger {
	struct subscriber sub; /* first: the router knows nothing else */
	struct endpoint *e;
	struct logger_hooks hooks;
	char *name; /* own */
	uint64_t limit;
	uint64_t nbusy; /* on their way */
	bool losing;    /* said, and not over */
	bool told_liar;
	uint64_t episode; /* messages lost in it */
	struct logger_facts facts;
};

bool
logger_wanted(const struct mu_layout *l, const char *node)
{
	const struct mu_layout_node *n = mu_layout_node(l, node);

	return n != NULL &&
	       (n->role == MU_ROLE_LOGGER ||
		   (n->role == MU_ROLE_MANAGER && l->manager_is_logger));
}

__attribute__((format(printf, 3, 4))) static void
say(struct logger *g, int level, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	g->hooks.say(g->hooks.ctx, level, text);
}

/* --- items ------------------------------------------------------------- */

void
logger_item_free(struct logitem *it)
{
	if (it == NULL)
		return;
	mu_blob_unref(it->blob);
	mu_free(it);
}

/* Who sent it, for people. */
static void
name_of(const struct logger *g, const struct mu_uuid *id, char *out)
{
	const char *name = members_name_of(endpoint_members(g->e), id);
	char text[MU_UUID_TEXT];

	if (name == NULL && mu_uuid_eq(id, endpoint_id(g->e)))
		name = g->name;
	snprintf(out, LOGITEM_NAME, "%s",
	    name != NULL ? name : mu_uuid_format(id, text));
}

static bool
has_room(const struct logger *g, size_t len)
{
	/* A message larger than the buffer goes alone. */
	return g->facts.waiting_bytes == 0 ||
	       g->facts.waiting_bytes + len <= g->limit;
}

static void
hand_over(struct logger *g, struct logitem *it)
{
	g->facts.waiting++;
	g->facts.waiting_bytes += it->len;
	g->nbusy += it->kind == LOGITEM_BUSY;
	g->hooks.put(g->hooks.ctx, it);
}

static void
lose(struct logger *g, const char *name)
{
	g->facts.lost++;
	g->episode++;
	if (g->losing)
		return;
	g->losing = true;
	say(g, LOG_LEVEL_WARN,
	    "logs: the disk is too slow: messages that nobody answers are "
	    "lost, the first from %s",
	    name);
}

static void
stop_losing(struct logger *g)
{
	if (!g->losing || g->facts.waiting_bytes > g->limit / 2)
		return;
	say(g, LOG_LEVEL_WARN,
	    "logs: the disk has caught up, %llu messages lost",
	    (unsigned long long)g->episode);
	g->losing = false;
	g->episode = 0;
}

/* payload [len] lies in the blob, a reference to which is taken. */
static struct logitem *
new_item(struct logger *g, enum logitem_kind kind, const struct mu_uuid *from,
    struct mu_blob *blob, const uint8_t *payload, size_t len)
{
	struct logitem *it = blob == NULL && kind != LOGITEM_BUSY
				 ? NULL
				 : mu_calloc(1, sizeof *it);

	if (it == NULL) {
		mu_blob_unref(blob);
		return NULL;
	}
	it->kind = kind;
	it->blob = blob;
	it->payload = payload;
	it->len = len;
	it->peer = *from;
	name_of(g, from, it->name);
	return it;
}

/* --- what arrives ------------------------------------------------------ */

/* The frame keeps the payload, at the same place in it. */
static struct mu_blob *
keep(struct message *m, const uint8_t **payload)
{
	struct mu_blob *b = message_blob(m);

	if (b != NULL)
		*payload = b->data + (m->env.payload - m->env.frame);
	return b;
}

static void
hear_message(struct logger *g, struct message *m)
{
	struct logitem *it = NULL;
	char name[LOGITEM_NAME];
	const uint8_t *p;
	struct mu_blob *b;

	if (has_room(g, m->env.payload_len)) {
		b = keep(m, &p);
		it = new_item(
		    g, LOGITEM_MESSAGE, &m->origin, b, p, m->env.payload_len);
	}
	if (it == NULL) {
		name_of(g, &m->origin, name);
		lose(g, name);
		return;
	}
	g->facts.messages++;
	hand_over(g, it);
}

/* Is the sender who it says, one of the nodes? */
static bool
speaks_for_itself(struct logger *g, const struct mu_uuid *from,
    const struct delivery_batch *d)
{
	const char *name = members_name_of(endpoint_members(g->e), from);
	char shown[LOGITEM_NAME];

	if (name != NULL && strlen(name) == d->sender_len &&
	    memcmp(name, d->sender, d->sender_len) == 0)
		return true;
	g->facts.malformed++;
	if (!g->told_liar) {
		g->told_liar = true;
		name_of(g, from, shown);
		say(g, LOG_LEVEL_WARN,
		    "logs: batch from %s refused: it names another sender",
		    shown);
	}
	return false;
}

/* blob NULL: there is no room for it. */
static int
take_batch(struct logger *g, const struct mu_uuid *from,
    const struct delivery_batch *d, struct mu_blob *blob, const uint8_t *batch)
{
	struct logitem *it;

	if (blob == NULL && g->nbusy >= MOST_BUSY)
		return MUSTER_ELIMIT;
	it = new_item(g, blob == NULL ? LOGITEM_BUSY : LOGITEM_BATCH, from,
	    blob, batch, blob == NULL ? 0 : d->batch_len);
	if (it == NULL)
		return MUSTER_ENOMEM;
	it->session = d->session;
	it->seq = d->seq;
	it->prev = d->prev;
	it->round = d->round;
	g->facts.batches += it->kind == LOGITEM_BATCH;
	g->facts.busy += it->kind == LOGITEM_BUSY;
	hand_over(g, it);
	return 0;
}

static void
hear_batch(struct logger *g, struct message *m)
{
	struct delivery_batch d;
	const uint8_t *p = NULL;
	struct mu_blob *b = NULL;
	int rc = delivery_batch_dec(&d, m->env.payload, m->env.payload_len);

	if (rc == MUSTER_ENOENT)
		return;
	if (rc != 0) {
		g->facts.malformed++;
		return;
	}
	if (!speaks_for_itself(g, &m->origin, &d))
		return;
	if (has_room(g, d.batch_len))
		b = keep(m, &p);
	if (b != NULL)
		p += d.batch - m->env.payload;
	/* What is lost here is asked for by its sender's next batch. */
	(void)take_batch(g, &m->origin, &d, b, p);
}

static void
deliver(struct subscriber *self, struct message *m)
{
	struct logger *g = (struct logger *)self;
	struct mu_peek peek;

	if (m->env.type != MU_DATA ||
	    mu_peek_message(m->env.payload, m->env.payload_len, &peek) != 0)
		return;
	switch (peek.kind) {
	case MUSTER_MESSAGE_LOG_CREATE:
	case MUSTER_MESSAGE_LOG_WRITE:
	case MUSTER_MESSAGE_BATCH:
		hear_message(g, m);
		break;
	case MUSTER_MESSAGE_EVENT:
		hear_batch(g, m);
		break;
	default:
		break;
	}
}

int
logger_self(struct logger *g, const uint8_t *payload, size_t len)
{
	struct delivery_batch d;
	struct mu_blob *b = NULL;
	int rc = delivery_batch_dec(&d, payload, len);

	if (rc != 0)
		return rc;
	if (has_room(g, d.batch_len)) {
		b = mu_blob_new(d.batch, d.batch_len);
		if (b == NULL)
			return MUSTER_ENOMEM;
	}
	return take_batch(
	    g, endpoint_id(g->e), &d, b, b == NULL ? NULL : b->data);
}

/* --- what the disk says ------------------------------------------------ */

static void
answer(struct logger *g, const struct mu_uuid *peer, const char *name,
    const struct delivery_answer *a)
{
	char *topic;
	struct mu_buf b;

	mu_buf_init(&b, 0);
	delivery_answer_enc(&b, a);
	topic = delivery_topic(DELIVERY_TO_SENDER, name);
	/* An answer that is lost, or whose peer left, is asked for again. */
	if (topic != NULL && mu_buf_error(&b) == 0) {
		if (mu_uuid_eq(peer, endpoint_id(g->e)))
			g->hooks.answer_self(
			    g->hooks.ctx, mu_buf_data(&b), mu_buf_len(&b));
		else
			(void)router_unicast(endpoint_router(g->e), &g->sub,
			    peer, topic, strlen(topic), mu_buf_data(&b),
			    mu_buf_len(&b));
	}
	mu_free(topic);
	mu_buf_clear(&b);
}

static void
take_back(struct logger *g, struct logitem *it)
{
	struct delivery_answer a = {
		.refused = true,
		.logger = g->name,
		.logger_len = strlen(g->name),
		.session = it->session,
		.seq = it->seq,
		.round = it->round,
		.why = it->why,
		.why_len = strlen(it->why),
	};

	g->facts.waiting--;
	g->facts.waiting_bytes -= it->len;
	g->nbusy -= it->kind == LOGITEM_BUSY;
	if (it->refused && it->kind != LOGITEM_MESSAGE)
		answer(g, &it->peer, it->name, &a);
	logger_item_free(it);
	stop_losing(g);
}

void
logger_out(struct logger *g, const struct logsink_out *out)
{
	struct delivery_answer a = {
		.logger = g->name,
		.logger_len = strlen(g->name),
		.session = out->session,
		.seq = out->seq,
	};

	if (out->kind == LOGSINK_BACK)
		take_back(g, out->item);
	else if (out->kind == LOGSINK_TAKEN)
		answer(g, &out->peer, out->name, &a);
}

/* --- construction ------------------------------------------------------ */

static int
add(struct muster_filter *f, const char *prefix, const char *name,
    const char *end)
{
	char *topic = mu_asprintf("%s%s%s", prefix, name, end);
	int rc = topic == NULL ? MUSTER_ENOMEM
			       : muster_filter_add(f, topic, strlen(topic));

	mu_free(topic);
	return rc < 0 ? rc : 0;
}

static int
subscribe(struct logger *g, const struct mu_topics *t)
{
	struct muster_filter *f = muster_filter_new();
	int rc = f == NULL ? MUSTER_ENOMEM : 0;

	if (rc == 0)
		rc = add(f, t->logs_prefix, "", "");
	if (rc == 0)
		rc = add(f, t->node_prefix, g->name, "/");
	if (rc == 0)
		rc = add(f, DELIVERY_TO_LOGGER, g->name, "/");
	if (rc == 0)
		rc = router_attach(endpoint_router(g->e), &g->sub, f);
	muster_filter_free(f);
	return rc;
}

struct logger *
logger_new(struct endpoint *e, const struct mu_layout *l,
    const struct logger_hooks *hooks)
{
	struct logger *g = mu_calloc(1, sizeof *g);

	if (g == NULL)
		return NULL;
	g->e = e;
	g->hooks = *hooks;
	g->sub.kind = SUBSCRIBER_SERVICE;
	g->sub.deliver = deliver;
	g->name = mu_strdup(endpoint_node(e)->name);
	logger_reload(g, l);
	if (g->name != NULL && subscribe(g, &l->topics) == 0)
		return g;
	logger_free(g);
	return NULL;
}

void
logger_free(struct logger *g)
{
	if (g == NULL)
		return;
	if (g->name != NULL)
		router_detach(endpoint_router(g->e), &g->sub);
	mu_free(g->name);
	mu_free(g);
}

void
logger_reload(struct logger *g, const struct mu_layout *l)
{
	g->limit = l->logs.buffer_bytes;
}

void
logger_facts(const struct logger *g, struct logger_facts *out)
{
	*out = g->facts;
	out->limit_bytes = g->limit;
}
