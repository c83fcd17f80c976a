/*
 * Which nodes have the master of a store.  The layout gives it to one; when
 * layouts differ there may be two, and every node decides by itself, from what
 * all of them know, who keeps it:
 *
 *   a clone follows the node that its layout names, or else a host that is no
 *   node of the layout (an application with Broker inside), never another node;
 *   of two masters the manager's stays, then a proxy's, a logger's, a worker's,
 *   then the one whose node's name comes first; the other refuses everything
 *   until that node is gone.  A node of Zeek's cannot be refused, so it stays.
 *
 * Names come with the hello, a little after the peering.
 */
#include "stores/stores_impl.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "core/members.h"
#include "sys/log.h"

#define PATIENCE UINT64_C(2000000000) /* for the hello that tells a name */
#define LOOK     UINT64_C(20000000)   /* between two looks for it */

static struct host **
find(struct store *st, const struct mu_uuid *id)
{
	struct host **at = &st->hosts;

	while (*at != NULL && !mu_uuid_eq(&(*at)->id, id))
		at = &(*at)->next;
	return at;
}

static void
free_host(struct host *h)
{
	mu_free(h->name);
	mu_free(h);
}

/* --- clones: whom to follow ------------------------------------------------
 */

/* It had the time to say who it is, and did not. */
static bool
is_stranger(const struct stores *s, const struct host *h)
{
	return h->name == NULL && stores_now(s).mono - h->since >= PATIENCE;
}

static const struct host *
choose(const struct store *st)
{
	const struct host *h = st->hosts;

	for (; h != NULL; h = h->next)
		if (h->name != NULL && strcmp(h->name, st->row_master) == 0)
			return h;
	/* Nodes of ours will say who they are; an application never does. */
	for (h = st->hosts; h != NULL; h = h->next)
		if (h->name == NULL && (!h->is_ours || is_stranger(st->all, h)))
			return h;
	return NULL;
}

static void
follow(struct store *st)
{
	const struct host *h = choose(st);
	struct mu_store_now now = stores_now(st->all);

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

/* --- masters: who keeps it -------------------------------------------------
 */

static unsigned
rank(const struct stores *s, const char *name)
{
	static const unsigned ranks[] = { [MU_ROLE_MANAGER] = 1,
		[MU_ROLE_PROXY] = 2,
		[MU_ROLE_LOGGER] = 3,
		[MU_ROLE_WORKER] = 4 };
	const struct mu_layout_node *n =
	    mu_layout_node(endpoint_layout(s->e), name);
	unsigned r = n == NULL || n->role > MU_ROLE_WORKER ? 0 : ranks[n->role];

	return r == 0 ? UINT_MAX : r;
}

static bool
beats(const struct stores *s, const struct host *h, const char *self)
{
	if (h->name == NULL)
		return false;
	if (!h->is_ours || rank(s, h->name) < rank(s, self))
		return true;
	return rank(s, h->name) == rank(s, self) && strcmp(h->name, self) < 0;
}

static const struct host *
stronger(const struct store *st)
{
	const char *self = endpoint_node(st->all->e)->name;
	const struct host *h = st->hosts;

	while (h != NULL && !beats(st->all, h, self))
		h = h->next;
	return h;
}

/* --- what is said ----------------------------------------------------------
 */

/* A host that is one too many, and who is known well enough to be named. */
static const struct host *
superfluous(const struct store *st)
{
	const struct host *h = st->hosts;
	const struct mu_uuid *mine = st->follows ? &st->following : NULL;

	for (; h != NULL; h = h->next) {
		if (mine != NULL && mu_uuid_eq(&h->id, mine))
			continue;
		if (h->name != NULL || is_stranger(st->all, h))
			return h;
	}
	return NULL;
}

static void
describe(const struct store *st, char *out, size_t size)
{
	const struct host *h = st->is_master ? stronger(st) : NULL;
	char id[MU_UUID_TEXT];

	if (h != NULL) {
		snprintf(out, size,
		    "the master is on node %s: this one is refused, "
		    "the layouts differ",
		    h->name);
		return;
	}
	h = superfluous(st);
	if (h == NULL)
		*out = '\0';
	else if (h->name == NULL)
		snprintf(out, size,
		    "a second master is at %s, which is no node of the layout",
		    mu_uuid_format(&h->id, id));
	else
		snprintf(out, size,
		    "a second master is on node %s: the layouts differ",
		    h->name);
}

static void
say(struct store *st)
{
	char text[STORES_TEXT];

	describe(st, text, sizeof text);
	if (strcmp(text, st->second) == 0)
		return;
	memcpy(st->second, text, sizeof text);
	if (text[0] != '\0')
		stores_say(st->all, st, LOG_LEVEL_ERR, "%s", text);
	else
		stores_say(st->all, st, LOG_LEVEL_INFO,
		    "there is no second master any more");
}

/* --- hosts come and go -----------------------------------------------------
 */

/* True while somebody's name is waited for. */
static bool
name_hosts(struct store *st)
{
	const struct members *m = endpoint_members(st->all->e);
	uint64_t now = stores_now(st->all).mono;
	bool waits = false;

	for (struct host *h = st->hosts; h != NULL; h = h->next) {
		const char *name;

		if (h->name != NULL)
			continue;
		name = members_name_of(m, &h->id);
		if (name != NULL)
			h->name = mu_strdup(name); /* or at the next look */
		/* A late hello counts too, but is not looked for so often. */
		waits |= h->name == NULL;
		if (h->name == NULL && now - h->since >= PATIENCE)
			st->all->late = true;
	}
	return waits;
}

static void
decide(struct store *st)
{
	if (st->is_master)
		st->refused = stronger(st) != NULL;
	else if (st->clone != NULL)
		follow(st);
	say(st);
}

void
stores_host_gone(struct store *st, const struct mu_uuid *id)
{
	struct host **at = find(st, id), *h = *at;

	if (h == NULL)
		return;
	*at = h->next;
	free_host(h);
	decide(st);
}

void
stores_host_seen(struct store *st, const struct mu_uuid *id, bool is_ours)
{
	struct host **at = find(st, id), *h = *at;

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
	name_hosts(st);
	decide(st);
	st->all->look_at = 0;
}

void
stores_check_hosts(struct stores *s)
{
	bool waits = false;

	if (s->now.mono < s->look_at)
		return;
	s->late = false;
	for (size_t i = 0; i < s->n; i++) {
		struct store *st = &s->list[i];

		if (st->hosts == NULL)
			continue;
		waits |= name_hosts(st);
		decide(st);
	}
	s->look_at =
	    !waits ? UINT64_MAX : s->now.mono + (s->late ? PATIENCE / 2 : LOOK);
}

void
stores_hosts_clear(struct store *st)
{
	while (st->hosts != NULL) {
		struct host *h = st->hosts;

		st->hosts = h->next;
		free_host(h);
	}
}
