/*
 * The events that membership knows: their arguments, who may send them, what
 * they do.  What is not in the table is somebody else's event.
 */
#include "core/members_impl.h"

#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "muster/err.h"
#include "value/codec.h"

enum authority {
	AUTHORITY_ANYBODY,
	AUTHORITY_MEMBER, /* a node of the layout that greeted */
	AUTHORITY_ITSELF, /* the node that the first argument names */
	AUTHORITY_MANAGER /* the manager's own peering */
};

#define ARGS_MAX 3

struct rule {
	const char *name;
	size_t nargs;
	enum muster_type types[ARGS_MAX];
	enum authority authority;
	void (*handle)(struct members *m, struct peer *p,
	    const struct muster_value *args, uint64_t now);
};

#define EXPERIMENTAL "Cluster::Experimental::"

/* clang-format off */
static const struct rule rules[] = {
	{ "Cluster::hello", 2, { MUSTER_STRING, MUSTER_STRING },
	    AUTHORITY_ANYBODY, mhello_heard },
	{ EXPERIMENTAL "node_fully_connected", 3,
	    { MUSTER_STRING, MUSTER_STRING, MUSTER_BOOLEAN },
	    AUTHORITY_ITSELF, mstart_report },
	{ EXPERIMENTAL "cluster_started", 0, { MUSTER_NONE },
	    AUTHORITY_MANAGER, mstart_started },
	{ "Muster::layout", 2, { MUSTER_COUNT, MUSTER_TABLE },
	    AUTHORITY_MEMBER, mlayout_heard },
	{ "Muster::cluster_state", 2, { MUSTER_STRING, MUSTER_SET },
	    AUTHORITY_MANAGER, mstart_state },
	{ "Muster::cluster_degraded", 1, { MUSTER_VECTOR },
	    AUTHORITY_MANAGER, mtrack_degraded },
	{ "Muster::cluster_restored", 0, { MUSTER_NONE },
	    AUTHORITY_MANAGER, mtrack_restored },
	{ "Muster::link_down", 2, { MUSTER_STRING, MUSTER_STRING },
	    AUTHORITY_ITSELF, mtrack_link_down },
	{ "Muster::link_up", 2, { MUSTER_STRING, MUSTER_STRING },
	    AUTHORITY_ITSELF, mtrack_link_up },
	{ "Muster::link_state", 2, { MUSTER_STRING, MUSTER_SET },
	    AUTHORITY_ITSELF, mtrack_link_state },
};
/* clang-format on */

static const struct rule *
find_rule(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < sizeof rules / sizeof rules[0]; i++)
		if (strlen(rules[i].name) == len &&
		    memcmp(rules[i].name, name, len) == 0)
			return &rules[i];
	return NULL;
}

static bool
fits(const struct rule *r, const struct muster_value *args)
{
	size_t i;

	if (args == NULL || muster_value_size(args) != r->nargs)
		return false;
	for (i = 0; i < r->nargs; i++)
		if (muster_value_type(muster_value_at(args, i)) != r->types[i])
			return false;
	return true;
}

static bool
names_itself(const struct members *m, const struct peer *p,
    const struct muster_value *args)
{
	size_t len;
	const char *name;

	name = muster_value_get_string(muster_value_at(args, 0), &len);
	return strlen(mrows_name(m, p->row)) == len &&
	       memcmp(mrows_name(m, p->row), name, len) == 0;
}

static bool
may_send(const struct members *m, const struct peer *p, const struct rule *r,
    const struct muster_value *args)
{
	bool member = p->standing == STANDING_MEMBER;

	switch (r->authority) {
	case AUTHORITY_ANYBODY:
		return true;
	case AUTHORITY_MEMBER:
		return member;
	case AUTHORITY_ITSELF:
		return member && names_itself(m, p, args);
	case AUTHORITY_MANAGER:
		return member && p->row == m->manager_row;
	}
	return false;
}

/* A newcomer whose name is contested may become the node: what it says is kept
 * until that is decided, and heard then. */
static void
hold(struct members *m, struct peer *p, const uint8_t *payload, size_t len,
    uint64_t now)
{
	uint8_t *copy;

	if (p->nheld == HELD_MAX || len > HELD_BYTES - p->held_bytes) {
		mpeer_drop(
		    m, p, "says too much while its name is contested", now);
		return;
	}
	copy = mu_malloc(len);
	if (copy == NULL) {
		mpeer_drop(m, p, "out of memory", now);
		return;
	}
	memcpy(copy, payload, len);
	p->held[p->nheld].payload = copy;
	p->held[p->nheld++].len = len;
	p->held_bytes += len;
}

static void
dispatch(struct members *m, struct peer *p, const struct rule *r,
    const struct muster_value *args, uint64_t now)
{
	if (!fits(r, args))
		mpeer_complain(m, p, "%s with wrong arguments", r->name);
	else if (!may_send(m, p, r, args))
		mpeer_complain(m, p,
		    "%s refused: not from the node that may "
		    "send it",
		    r->name);
	else
		r->handle(m, p, args, now);
}

static void
handle(struct members *m, struct peer *p, const struct rule *r,
    const uint8_t *payload, size_t len, uint64_t now)
{
	struct muster_value *v;
	int err;

	if (p->standing == STANDING_DROPPED)
		return;
	if (p->standing == STANDING_CONTENDER &&
	    r->authority != AUTHORITY_ANYBODY) {
		hold(m, p, payload, len, now);
		return;
	}
	err = muster_value_dec(payload, len, &v);
	if (err == MUSTER_ENOMEM) {
		mpeer_drop_nomem(m, p);
		return;
	}
	if (err != 0) {
		mpeer_complain(m, p, "%s is malformed", r->name);
		return;
	}
	dispatch(m, p, r, muster_event_args(v), now);
	muster_value_unref(v);
}

/* The row of the table for an encoded message, or NULL: not ours. */
static const struct rule *
rule_of(const uint8_t *payload, size_t len)
{
	struct mu_peek peek;

	if (mu_peek_message(payload, len, &peek) != 0 ||
	    peek.kind != MUSTER_MESSAGE_EVENT)
		return NULL;
	return find_rule(peek.name, peek.name_len);
}

void
mevent_handle(struct members *m, struct peer *p, const uint8_t *payload,
    size_t len, uint64_t now)
{
	handle(m, p, rule_of(payload, len), payload, len, now);
}

void
members_data(struct members *m, const struct mu_uuid *from, const char *topic,
    size_t topic_len, const uint8_t *payload, size_t len, uint64_t now)
{
	const struct rule *r = rule_of(payload, len);
	struct peer *p = r == NULL ? NULL : mpeer_find(m, from);

	/* As in Zeek the event's name counts, not the topic it came on. */
	(void)topic;
	(void)topic_len;
	if (p == NULL)
		return;
	handle(m, p, r, payload, len, now);
	mtrack_update(m, now);
}
