/* Which nodes are loggers, which of them can be sent to, and how much. */
#include "logs/shipper_impl.h"

#include <string.h>

#include "base/alloc.h"
#include "core/members.h"
#include "logs/delivery.h"
#include "muster/err.h"
#include "muster/topic.h"
#include "topic/filter.h"

/* --- the layout ---------------------------------------------------------- */

bool
shipper_is_logger(const struct mu_layout *l, const struct mu_layout_node *n)
{
	return n->role == MU_ROLE_LOGGER ||
	       (n->role == MU_ROLE_MANAGER && l->manager_is_logger);
}

void
shipper_free_targets(struct target *t, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		mu_free(t[i].name);
		mu_free(t[i].topic);
	}
	mu_free(t);
}

static int
fill_target(struct target *t, const char *name, size_t row)
{
	t->row = row;
	t->name = mu_strdup(name);
	t->topic = delivery_topic(DELIVERY_TO_LOGGER, name);
	return t->name == NULL || t->topic == NULL ? MUSTER_ENOMEM : 0;
}

/* The loggers in the order of Zeek's pool: by name, a manager behind them. */
int
shipper_list_targets(const struct mu_layout *l, struct target **out, size_t *n)
{
	struct target *t = mu_calloc(l->nnodes + 1, sizeof *t);
	int rc = t == NULL ? MUSTER_ENOMEM : 0;

	*n = 0;
	for (int pass = 0; pass < 2; pass++)
		for (size_t i = 0; rc == 0 && i < l->nnodes; i++) {
			const struct mu_layout_node *node = &l->nodes[i];

			if (!shipper_is_logger(l, node) ||
			    (node->role == MU_ROLE_MANAGER) != (pass == 1))
				continue;
			rc = fill_target(&t[*n], node->name, i);
			++*n;
		}
	if (rc != 0) {
		shipper_free_targets(t, t == NULL ? 0 : *n);
		*n = 0;
		return rc;
	}
	*out = t;
	return 0;
}

int
shipper_tell_loggers(struct shipper *s)
{
	const char **names = mu_calloc(s->ntargets + 1, sizeof(*names));
	const char *own = s->node;
	int rc = 0;

	if (names == NULL)
		return MUSTER_ENOMEM;
	for (size_t i = 0; i < s->ntargets; i++)
		names[i] = s->targets[i].name;
	if (s->is_logger)
		rc = outbox_set_loggers(s->outbox, &own, 1);
	else if (s->ntargets > 0)
		rc = outbox_set_loggers(s->outbox, names, s->ntargets);
	mu_free(names);
	return rc;
}

/* --- loggers and peers --------------------------------------------------- */

static struct link *
link_of(const struct shipper *s, const struct mu_uuid *id)
{
	struct link_facts f;

	for (size_t i = 0; i < endpoint_nlinks(s->e); i++) {
		struct link *l = endpoint_link(s->e, i);

		link_facts(l, &f);
		if (f.state == LINK_UP && mu_uuid_eq(&f.id, id))
			return l;
	}
	return NULL;
}

struct target *
shipper_target(struct shipper *s, const char *name)
{
	for (size_t i = 0; i < s->ntargets; i++)
		if (strcmp(s->targets[i].name, name) == 0)
			return &s->targets[i];
	return NULL;
}

/* Half of the queue is for others. */
size_t
shipper_room(void *ctx, const char *name)
{
	struct shipper *s = ctx;
	const struct mu_limits *limits = &endpoint_layout(s->e)->limits;
	const struct target *t = shipper_target(s, name);
	struct link *l = t == NULL ? NULL : link_of(s, &t->id);
	struct link_facts f;

	if (s->is_logger)
		return SIZE_MAX;
	if (l == NULL)
		return 0;
	link_facts(l, &f);
	if (f.out.bytes == 0)
		return SIZE_MAX;
	if (f.out.bytes >= limits->queue_bytes / 2 ||
	    f.out.messages >= limits->queue_messages / 2)
		return 0;
	return limits->queue_bytes / 2 - f.out.bytes;
}

bool
shipper_hears(
    const struct shipper *s, const struct target *t, const char *topic)
{
	const struct link *l = link_of(s, &t->id);

	return l != NULL && link_filter(l) != NULL &&
	       muster_filter_matches(link_filter(l), topic, strlen(topic));
}

/* What kind of logger is at the other end?  A Muster node that takes no
 * batches is none: its logger could not be opened. */
enum kind { KIND_NONE, KIND_ZEEK, KIND_MUSTER };

static enum kind
kind_of(const struct shipper *s, const struct mu_uuid *id, const char *topic)
{
	const struct link *l = link_of(s, id);
	const struct muster_filter *f = l == NULL ? NULL : link_filter(l);

	if (f == NULL)
		return KIND_NONE;
	if (mu_filter_has(f, topic, strlen(topic)))
		return KIND_MUSTER;
	return mu_filter_has_below(f, ROUTER_MUSTER, strlen(ROUTER_MUSTER))
		   ? KIND_NONE
		   : KIND_ZEEK;
}

static void
tell_down(struct shipper *s, struct target *t, uint64_t now)
{
	if (t->up)
		outbox_logger_down(s->outbox, t->name, now);
	t->up = false;
}

static void
look_at(struct shipper *s, struct target *t, uint64_t now)
{
	const struct members_row *row =
	    members_row(endpoint_members(s->e), t->row);
	enum kind kind;

	if (!row->up) {
		tell_down(s, t, now);
		return;
	}
	if (t->up && mu_uuid_eq(&t->id, &row->id) && !s->changed)
		return;
	kind = kind_of(s, &row->id, t->topic);
	if (t->up && mu_uuid_eq(&t->id, &row->id) && kind != KIND_NONE &&
	    t->muster == (kind == KIND_MUSTER))
		return;
	tell_down(s, t, now);
	t->id = row->id;
	t->muster = kind == KIND_MUSTER;
	/* without memory the next turn tries again */
	t->up = kind != KIND_NONE &&
		outbox_logger_up(s->outbox, t->name, t->muster, now) == 0;
}

void
shipper_look_around(struct shipper *s, uint64_t now)
{
	for (size_t i = 0; i < s->ntargets && !s->is_logger; i++)
		look_at(s, &s->targets[i], now);
	if (s->changed)
		outbox_try_again(s->outbox);
	s->changed = false;
}
