/* What peers send to stores, and what their filters say. */
#include "stores/stores_impl.h"

#include <stddef.h>
#include <string.h>

#include "muster/err.h"
#include "proto/envelope.h"
#include "store/command.h"
#include "sys/log.h"
#include "topic/filter.h"

/* --- commands ------------------------------------------------------------ */

static bool
same(const char *topic, size_t topic_len, const struct message *m)
{
	return topic_len == m->env.topic_len &&
	    memcmp(topic, m->env.topic, topic_len) == 0;
}

void
stores_deliver(struct subscriber *self, struct message *m)
{
	struct stores *s = (struct stores *)self;
	struct mu_store_now now;
	int rc = 0;

	if (m->env.type != MU_COMMAND)
		return;
	now = stores_now(s);
	for (size_t i = 0; i < s->n; i++) {
		struct store *st = &s->list[i];

		if (st->master != NULL && !st->refused &&
		    same(st->to_master, st->to_master_len, m))
			rc = mu_master_feed(st->master, m->env.payload,
			    m->env.payload_len, &now);
		else if (st->clone != NULL && st->follows &&
			 mu_uuid_eq(&m->origin, &st->following) &&
			 same(st->to_clones, st->to_clones_len, m))
			rc = mu_clone_feed(st->clone, m->env.payload,
			    m->env.payload_len, &now);
		else
			continue;
		if (rc == MUSTER_EPROTO || rc == MUSTER_ELIMIT)
			stores_say(s, st, LOG_LEVEL_WARN,
			    "a peer sent what is no command: %s",
			    muster_strerror(rc));
		return;
	}
}

/* --- who hosts it -------------------------------------------------------- */

/* Muster nodes say so in so many words, for a client of theirs may follow the
 * topic; of others the topic is all there is. */
static bool
hosts(const struct store *st, const struct muster_filter *f, bool is_ours)
{
	if (f == NULL)
		return false;
	return is_ours ? mu_filter_has(f, st->claim, strlen(st->claim))
		       : mu_filter_has(f, st->to_master, st->to_master_len);
}

void
stores_peer(struct endpoint_watch *self, const struct mu_uuid *id,
    const struct muster_filter *filter)
{
	struct stores *s = (struct stores *)((char *)self -
	    offsetof(struct stores, watch));
	bool is_ours = filter != NULL && mu_filter_has(filter,
	    MU_STORE_CAPABILITY, strlen(MU_STORE_CAPABILITY));

	for (size_t i = 0; i < s->n; i++) {
		if (hosts(&s->list[i], filter, is_ours))
			stores_host_seen(&s->list[i], id, is_ours);
		else
			stores_host_gone(&s->list[i], id);
	}
}
