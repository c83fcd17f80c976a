/* What peers send to stores, and which of them hosts the masters. */
#include "core/stores_impl.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "core/members.h"
#include "muster/err.h"
#include "proto/envelope.h"
#include "store/command.h"
#include "sys/log.h"
#include "topic/filter.h"

#define PATIENCE UINT64_C(2000000000) /* for the hello that tells a name */

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

		if (st->master != NULL &&
		    same(st->to_master, st->to_master_len, m))
			rc = mu_master_feed(st->master, m->env.payload,
			    m->env.payload_len, &now);
		else if (st->clone != NULL &&
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

static struct host **
find_host(struct store *st, const struct mu_uuid *id)
{
	struct host **at = &st->hosts;

	while (*at != NULL && !mu_uuid_eq(&(*at)->id, id))
		at = &(*at)->next;
	return at;
}

/* A clone follows the host that was there first. */
static void
follow(struct store *st)
{
	const struct host *h = st->hosts;
	struct mu_store_now now = stores_now(st->all);

	if (st->clone == NULL)
		return;
	if (h == NULL ? !st->follows
		      : st->follows && st->follows_ours == h->is_ours &&
		  mu_uuid_eq(&st->following, &h->id))
		return;
	st->follows = h != NULL;
	if (h != NULL) {
		st->following = h->id;
		st->follows_ours = h->is_ours;
		mu_clone_set_master(st->clone, &h->id, h->is_ours, &now);
	} else {
		mu_clone_set_master(st->clone, NULL, false, &now);
	}
}

static void
drop_host(struct store *st, const struct mu_uuid *id)
{
	struct host **at = find_host(st, id), *h = *at;

	if (h == NULL)
		return;
	*at = h->next;
	mu_free(h);
	st->second[0] = '\0';
	follow(st);
}

static void
note_host(struct store *st, const struct mu_uuid *id, bool is_ours)
{
	struct host **at = find_host(st, id), *h = *at;

	if (h == NULL) {
		h = mu_calloc(1, sizeof *h);
		if (h == NULL) {
			stores_say(st->all, st, LOG_LEVEL_ERR,
			    "out of memory: its master is not followed");
			return;
		}
		h->id = *id;
		h->since = stores_now(st->all).mono;
		*at = h;
	}
	h->is_ours = is_ours;
	follow(st);
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
		struct store *st = &s->list[i];

		if (filter != NULL &&
		    mu_filter_has(filter, st->to_master, st->to_master_len))
			note_host(st, id, is_ours);
		else
			drop_host(st, id);
	}
}

/* --- one master too many ------------------------------------------------- */

static void
say_second(struct store *st, struct host *h, const char *name)
{
	char id[MU_UUID_TEXT];

	h->told = true;
	if (name == NULL)
		name = mu_uuid_format(&h->id, id);
	snprintf(st->second, sizeof st->second,
	    "a second master is on node %s: the layouts differ", name);
	stores_say(st->all, st, LOG_LEVEL_ERR, "%s", st->second);
}

void
stores_check_hosts(struct stores *s)
{
	const struct members *members = endpoint_members(s->e);

	for (size_t i = 0; i < s->n; i++) {
		struct store *st = &s->list[i];
		struct host *h = st->hosts;

		if (!st->is_master && h != NULL)
			h = h->next;
		for (; h != NULL; h = h->next) {
			const char *name = members_name_of(members, &h->id);

			if (!h->told && (name != NULL ||
				s->now.mono - h->since >= PATIENCE))
				say_second(st, h, name);
		}
	}
}

void
stores_hosts_clear(struct store *st)
{
	while (st->hosts != NULL) {
		struct host *h = st->hosts;

		st->hosts = h->next;
		mu_free(h);
	}
}
