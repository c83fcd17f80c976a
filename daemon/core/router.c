/*
 * From whoever has an envelope to everybody who wants it; see router.h.
 *
 * The path of one event: match the topic (one look into the trie's cache),
 * stamp the frame in place, hand it to each subscriber of the match that the
 * table of who-gets-what permits.  Nothing is allocated and the payload is not
 * looked at, except where it is passed on from peer to peer: by the keyed hash
 * that suppresses duplicates, and by the walk that keeps malformed ones here.
 */
#include "core/router.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "core/forward.h"
#include "core/router_impl.h"
#include "muster/err.h"
#include "muster/topic.h"
#include "topic/trie.h"
#include "value/codec.h"

#define TOPICS_CACHED 4096
#define SCRATCH_KEPT  (256u * 1024) /* larger ones are given back */
#define AT_RECEIVER   20   /* where a frame begins to identify its message */
#define AT_TTL	      37

/* Who gets what, by where it comes from. */
#define TO(kind) ROUTER_TO(kind)
#define TO_LOCAL (TO(SUBSCRIBER_SERVICE) | TO(SUBSCRIBER_CLIENT))

static bool
is_peer(const struct subscriber *s)
{
	return s != NULL && s->kind == SUBSCRIBER_PEER;
}

static unsigned
receivers_of(const struct subscriber *from)
{
	if (is_peer(from))
		return TO_LOCAL;
	return TO(SUBSCRIBER_PEER) | TO(SUBSCRIBER_CLIENT);
}

struct mu_blob *
message_blob(struct message *m)
{
	if (m->blob == NULL)
		m->blob = mu_blob_new(m->env.frame, m->env.len);
	return m->blob == NULL ? NULL : mu_blob_ref(m->blob);
}

/* --- construction -------------------------------------------------------- */

struct router *
router_new(const struct mu_uuid *self, const struct muster_filter *forward,
    uint64_t seed)
{
	struct router *r = mu_calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	r->self = *self;
	mu_buf_init(&r->scratch, 0);
	router_peers_init(&r->peers, seed ^ 0x70656572u);
	r->trie = mu_trie_new(seed, TOPICS_CACHED);
	r->own = muster_filter_new();
	r->forward = muster_filter_new();
	r->ever = muster_filter_new();
	r->seen = forward_new(seed);
	if (r->trie == NULL || r->own == NULL || r->forward == NULL ||
	    r->ever == NULL || r->seen == NULL)
		goto fail;
	if (forward != NULL && router_set_forward(r, forward) != 0)
		goto fail;
	return r;
fail:
	router_free(r);
	return NULL;
}

void
router_free(struct router *r)
{
	if (r == NULL)
		return;
	forward_free(r->seen);
	muster_filter_free(r->ever);
	muster_filter_free(r->forward);
	muster_filter_free(r->own);
	mu_trie_free(r->trie);
	router_peers_clear(&r->peers);
	mu_buf_clear(&r->scratch);
	mu_free(r);
}

/* --- dispatch ------------------------------------------------------------ */

/* Is the payload a value?  Looked at once, without allocation. */
static bool
is_sound(struct router *r, struct message *m)
{
	if (m->form == MESSAGE_UNCHECKED) {
		bool sound =
		    mu_value_check(m->env.payload, m->env.payload_len) == 0;

		m->form = sound ? MESSAGE_SOUND : MESSAGE_MALFORMED;
		if (!sound)
			r->stats.malformed++;
	}
	return m->form == MESSAGE_SOUND;
}

/* Was it delivered?  What a peer sends reaches nobody unless it is sound: the
 * next peer may be less careful than we are, and here somebody reads it. */
static bool
deliver(struct router *r, struct subscriber *to, struct message *m)
{
	if (is_peer(m->from)) {
		bool command = m->env.type == MU_COMMAND;

		if (command ? is_peer(to) : !is_sound(r, m))
			return false;
		if (is_peer(to))
			r->stats.forwarded++;
	}
	r->stats.delivered++;
	to->deliver(to, m);
	return true;
}

/* To everybody in match whose kind is in kinds; returns their number. */
static int
dispatch(struct router *r, const struct mu_match *match, unsigned kinds,
    struct message *m)
{
	int n = 0;

	/* What stores say to direct peers is no event and goes no further. */
	if (m->env.type == MU_COMMAND)
		kinds &= is_peer(m->from) ? TO(SUBSCRIBER_SERVICE)
					  : TO(SUBSCRIBER_PEER);
	for (size_t i = 0; i < match->n; i++) {
		struct subscriber *to = match->subscribers[i];

		if (to == m->from || (kinds & TO(to->kind)) == 0)
			continue;
		n += deliver(r, to, m);
	}
	if (n == 0)
		r->stats.unmatched++;
	return n;
}

/* Is anybody in match a peer that may bring the message (once more)?  Others
 * cannot have it from elsewhere: they did not ask for the topic. */
static bool
has_relay(const struct mu_match *match)
{
	for (size_t i = 0; i < match->n; i++) {
		const struct subscriber *s = match->subscribers[i];

		if (s->kind == SUBSCRIBER_PEER && s->relays)
			return true;
	}
	return false;
}

static bool
contains(const struct mu_match *match, const struct subscriber *s)
{
	for (size_t i = 0; i < match->n; i++)
		if (match->subscribers[i] == s)
			return true;
	return false;
}

/* The number of the link over which m came, for counting copies. */
static uint32_t
link_of(const struct mu_match *match, const struct subscriber *from)
{
	if (from == NULL || from->kind != SUBSCRIBER_PEER || !from->relays ||
	    !contains(match, from))
		return FORWARD_ORIGINAL;
	return from->link;
}

/* What is known of a topic, kept with its match: filters and peers are asked
 * once and not for each event. */
enum about {
	ABOUT_KNOWN = 1,
	ABOUT_FORWARD = 2, /* relayed between peers */
	ABOUT_ECHO = 4     /* copies may come back from them */
};

static unsigned
learn(const struct router *r, const struct mu_match *match,
    const struct message *m)
{
	const char *topic = m->env.topic;
	size_t len = m->env.topic_len;
	unsigned facts = ABOUT_KNOWN;

	if (muster_filter_matches(r->forward, topic, len))
		facts |= ABOUT_FORWARD;
	if (has_relay(match) && muster_filter_matches(r->ever, topic, len))
		facts |= ABOUT_ECHO;
	*match->memo = facts;
	return facts;
}

static inline unsigned
about(const struct router *r, const struct mu_match *match,
    const struct message *m)
{
	unsigned facts = *match->memo;

	return facts != 0 ? facts : learn(r, match, m);
}

static bool
may_echo(const struct router *r, const struct mu_match *match,
    const struct message *m)
{
	return m->env.type != MU_COMMAND &&
	    (about(r, match, m) & ABOUT_ECHO) != 0;
}

/* The payload is checked between asking the table and its answer. */
static enum forward_verdict
seen(struct router *r, const struct mu_match *match, struct message *m,
    uint32_t *holder)
{
	enum forward_verdict verdict;
	struct forward_key key;

	if (!may_echo(r, match, m))
		return FORWARD_NEW;
	forward_look(r->seen, m->env.frame + AT_RECEIVER,
	    m->env.len - AT_RECEIVER, &key);
	is_sound(r, m);
	verdict = forward_seen_key(r->seen, link_of(match, m->from), &key,
	    holder);
	r->stats.forgotten = forward_forgotten(r->seen);
	return verdict;
}

/* Relay a copy to the peer on link holder alone, if it suppresses duplicates
 * of this topic and wants it.  Not inlined: its frame is large. */
static void __attribute__((noinline))
echo(struct router *r, const struct mu_match *match, uint32_t holder,
    struct message *m)
{
	char mark[sizeof ROUTER_FORWARDS + ROUTER_MARKED_TOPIC];
	size_t n = strlen(ROUTER_FORWARDS);
	struct subscriber *to = NULL;
	struct mu_match marked;

	for (size_t i = 0; i < match->n; i++) {
		struct subscriber *s = match->subscribers[i];

		if (s->kind == SUBSCRIBER_PEER && s->link == holder)
			to = s;
	}
	if (to == NULL || m->env.topic_len > ROUTER_MARKED_TOPIC)
		return;
	memcpy(mark, ROUTER_FORWARDS, n);
	memcpy(mark + n, m->env.topic, m->env.topic_len);
	marked = mu_trie_match(r->trie, mark, n + m->env.topic_len);
	if (contains(&marked, to))
		deliver(r, to, m);
}

/* The frame was stamped with the full TTL, which is the one that is hashed:
 * give it what is left. */
static void
set_ttl(struct mu_envelope *env, uint16_t left)
{
	env->ttl = left;
	env->frame[AT_TTL] = (uint8_t)(left >> 8);
	env->frame[AT_TTL + 1] = (uint8_t)left;
}

/* --- publishing ---------------------------------------------------------- */

static int
encode(struct router *r, enum mu_envelope_type type,
    const struct mu_uuid *receiver, const char *topic, size_t topic_len, const uint8_t *payload, size_t len,
    struct mu_envelope *env)
{
	mu_buf_reset(&r->scratch);
	mu_envelope_enc(&r->scratch, &r->self, receiver, type, topic,
	    topic_len, payload, len);
	if (mu_buf_error(&r->scratch) != 0)
		return mu_buf_error(&r->scratch);
	return mu_envelope_view(mu_buf_data(&r->scratch),
	    mu_buf_len(&r->scratch), env);
}

static void
end_publish(struct router *r, struct message *m)
{
	mu_blob_unref(m->blob);
	if (r->scratch.cap > SCRATCH_KEPT)
		mu_buf_clear(&r->scratch);
}

static int
check_topic(const char *topic, size_t len)
{
	if (len > MUSTER_TOPIC_MAX)
		return MUSTER_ELIMIT;
	if (muster_topic_matches(MU_RESERVED_TOPIC, strlen(MU_RESERVED_TOPIC),
	    topic, len))
		return MUSTER_EINVAL;
	return 0;
}

static int
publish(struct router *r, struct subscriber *from, enum mu_envelope_type type,
    unsigned kinds, uint16_t ttl, const char *topic, size_t topic_len,
    const uint8_t *payload, size_t len)
{
	struct message m = { .from = from, .origin = r->self, .ttl = ttl };
	struct mu_match match;
	int rc = check_topic(topic, topic_len);

	if (rc != 0)
		return rc;
	match = mu_trie_match(r->trie, topic, topic_len);
	rc = encode(r, type, NULL, topic, topic_len, payload, len, &m.env);
	if (rc == 0 && may_echo(r, &match, &m))
		rc = forward_published(r->seen, m.env.frame + AT_RECEIVER,
		    m.env.len - AT_RECEIVER);
	if (rc == 0) {
		r->stats.published++;
		set_ttl(&m.env, ttl);
		rc = dispatch(r, &match, kinds, &m);
	}
	end_publish(r, &m);
	return rc;
}

static int
unicast(struct router *r, struct subscriber *from, enum mu_envelope_type type,
    const struct mu_uuid *receiver, const char *topic, size_t topic_len,
    const uint8_t *payload, size_t len)
{
	struct message m = { .from = from, .origin = r->self, .ttl = MU_TTL };
	struct subscriber *to;
	int rc = check_topic(topic, topic_len);

	if (rc != 0)
		return rc;
	to = router_peer(r, receiver);
	if (to == NULL || to == from) {
		r->stats.no_path++;
		return MUSTER_ENOENT;
	}
	rc = encode(r, type, receiver, topic, topic_len, payload, len, &m.env);
	if (rc == 0) {
		r->stats.published++;
		deliver(r, to, &m);
		rc = 1;
	}
	end_publish(r, &m);
	return rc;
}

int
router_publish(struct router *r, struct subscriber *from, const char *topic,
    size_t topic_len, const uint8_t *payload, size_t len)
{
	if (r->detour != NULL && from != NULL &&
	    from->kind == SUBSCRIBER_CLIENT) {
		int rc = r->detour->publish(
		    r->detour, from, topic, topic_len, payload, len);

		if (rc != MUSTER_ENOENT)
			return rc;
	}
	return publish(r, from, MU_DATA, receivers_of(from), MU_TTL, topic,
	    topic_len, payload, len);
}

int
router_publish_to(struct router *r, struct subscriber *from, unsigned kinds,
    uint16_t ttl, const char *topic, size_t topic_len, const uint8_t *payload,
    size_t len)
{
	return publish(r, from, MU_DATA, kinds, ttl, topic, topic_len, payload,
	    len);
}

void
router_set_detour(struct router *r, struct router_detour *d)
{
	r->detour = d;
}

int
router_unicast(struct router *r, struct subscriber *from,
    const struct mu_uuid *receiver, const char *topic, size_t topic_len,
    const uint8_t *payload, size_t len)
{
	return unicast(r, from, MU_DATA, receiver, topic, topic_len, payload,
	    len);
}

int
router_command(struct router *r, struct subscriber *from,
    const struct mu_uuid *receiver, const char *topic, size_t topic_len,
    const uint8_t *payload, size_t len)
{
	if (receiver == NULL)
		return publish(r, from, MU_COMMAND, receivers_of(from), MU_TTL,
		    topic, topic_len, payload, len);
	return unicast(r, from, MU_COMMAND, receiver, topic, topic_len, payload,
	    len);
}

/* --- receiving ----------------------------------------------------------- */

static void
by_topic(struct router *r, struct message *m)
{
	struct mu_match match = mu_trie_match(r->trie, m->env.topic,
	    m->env.topic_len);
	unsigned kinds = receivers_of(m->from);
	uint32_t holder = FORWARD_ORIGINAL;
	enum forward_verdict verdict = seen(r, &match, m, &holder);

	if ((about(r, &match, m) & ABOUT_FORWARD) != 0) {
		set_ttl(&m->env, m->ttl > 0 ? m->ttl - 1 : 0);
		if (m->env.ttl > 0)
			kinds |= TO(SUBSCRIBER_PEER);
		else
			r->stats.expired++;
	}
	switch (verdict) {
	case FORWARD_NEW:
		dispatch(r, &match, kinds, m);
		break;
	case FORWARD_ECHO:
		r->stats.duplicates++;
		if ((kinds & TO(SUBSCRIBER_PEER)) != 0)
			echo(r, &match, holder, m);
		break;
	case FORWARD_DUPLICATE:
		r->stats.duplicates++;
		break;
	}
}

static void __attribute__((noinline))
by_receiver(struct router *r, struct message *m)
{
	struct subscriber *to = router_peer(r, m->env.receiver);

	if (to == NULL || to == m->from ||
	    !muster_filter_matches(r->forward, m->env.topic, m->env.topic_len))
		r->stats.no_path++;
	else
		deliver(r, to, m);
}

int
router_receive(struct router *r, struct subscriber *from,
    struct mu_envelope *env, uint64_t now)
{
	/* Broker always writes 16; more is nobody's right. */
	struct message m = { .env = *env, .from = from, .origin = from->id,
		.ttl = env->ttl > MU_TTL ? MU_TTL : env->ttl };

	assert(env->type <= MU_PONG);
	forward_time(r->seen, now);
	r->stats.received[env->type]++;
	mu_envelope_stamp(&m.env, &r->self);
	if (mu_uuid_is_nil(env->receiver)) {
		by_topic(r, &m);
	} else if (mu_uuid_eq(env->receiver, &r->self)) {
		struct mu_match match = mu_trie_match(r->trie, env->topic,
		    env->topic_len);

		dispatch(r, &match, TO_LOCAL, &m);
	} else {
		by_receiver(r, &m);
	}
	mu_blob_unref(m.blob);
	return m.form == MESSAGE_MALFORMED ? MUSTER_EPROTO : 0;
}

void
router_tick(struct router *r, uint64_t now)
{
	forward_time(r->seen, now);
}

uint64_t
router_deadline(const struct router *r)
{
	return forward_deadline(r->seen);
}

const struct router_stats *
router_stats(const struct router *r)
{
	return &r->stats;
}
