/*
 * What must hold.  The checks know only what an outside observer could see:
 * who published which report when, what arrived where, what is connected.
 */
#include "sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
fail(struct sim *s, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (s->failed)
		return;
	s->failed = true;
	n = snprintf(
	    s->why, sizeof s->why, "at %.6f s: ", (double)s->now / 1e9);
	va_start(ap, fmt);
	vsnprintf(s->why + n, sizeof s->why - (size_t)n, fmt, ap);
	va_end(ap);
}

#define MESSAGES_PER_LINK 4 /* of membership, while the cluster forms */

/* --- the start ------------------------------------------------------------ */

/* The row of that name, or NULL. */
static const struct mu_layout_node *
find_row(const struct sim *s, const char *name, size_t len)
{
	char text[256];

	if (len >= sizeof text)
		return NULL;
	memcpy(text, name, len);
	text[len] = '\0';
	return mu_layout_node(s->layout, text);
}

/* A peer comes up and goes down in turns. */
static void
check_turn(struct node *n, const char *name, size_t len, bool up)
{
	const struct mu_layout_node *row = find_row(n->sim, name, len);
	uint64_t *met;

	if (row == NULL)
		return;
	met = &n->met[row - n->sim->layout->nodes];
	if (up == (*met != 0))
		fail(n->sim, "%s: %s comes %s twice", n->row->name, row->name,
		    up ? "up" : "down");
	*met = up ? n->sim->now : 0;
}

/* That all is well again is for a manager to say that is there, since it met
 * the node. */
static void
check_restored(struct node *n)
{
	const struct node *m = n->sim->manager;

	if (!n->degraded)
		fail(n->sim, "%s is restored twice", n->row->name);
	n->degraded = false;
	if (m == n || m->e == NULL || n->met[m->index] == 0 ||
	    m->met[n->index] == 0)
		return;
	if (members_state(endpoint_members(m->e)) != MEMBERS_RUNNING &&
	    m->whole < m->met[n->index])
		fail(n->sim, "%s is restored before the manager says so",
		    n->row->name);
}

void
check_cluster_log(struct node *n, const char *text)
{
	static const char hello[] = "got hello from ", down[] = "node down: ";

	/* The manager writes it for itself and for loggers. */
	if (strcmp(text, "fully connected") == 0 &&
	    n->row->role != MU_ROLE_MANAGER)
		n->last_report = n->sim->now;
	if (strncmp(text, "cluster degraded", 16) == 0)
		n->degraded = true;
	if (strcmp(text, "cluster restored") == 0)
		check_restored(n);
	if (strncmp(text, hello, strlen(hello)) == 0) {
		text += strlen(hello);
		check_turn(n, text, strcspn(text, " "), true);
	} else if (strncmp(text, down, strlen(down)) == 0) {
		text += strlen(down);
		check_turn(n, text, strlen(text), false);
	}
}

void
check_state(struct node *n, enum members_state state)
{
	if (state == MEMBERS_RUNNING)
		n->whole = n->sim->now;
}

void
check_hello(struct node *n, const char *name, size_t len)
{
	const struct mu_layout_node *row = find_row(n->sim, name, len);

	if (row != NULL)
		n->greeted[row - n->sim->layout->nodes] = true;
}

void
check_report(struct node *n, bool resending)
{
	if (resending)
		n->heard_resending = true;
}

/* May the manager say that everybody is connected? */
void
check_broadcast(struct node *n)
{
	struct sim *s = n->sim;
	size_t i;

	if (n->row->role != MU_ROLE_MANAGER) {
		fail(s, "%s broadcasts cluster_started", n->row->name);
		return;
	}
	if (++n->broadcasts > 1)
		fail(s, "cluster_started is broadcast twice");
	if (n->heard_resending)
		fail(s, "cluster_started is broadcast by a manager that was "
			"told of the start");
	for (i = 0; i < s->n; i++) {
		const struct node *o = &s->nodes[i];
		bool spoken =
		    o->row->role == MU_ROLE_LOGGER && o->row->manager == NULL;

		if (o == n || o->row->role == MU_ROLE_CONTROL)
			continue;
		if (spoken ? !n->greeted[i]
			   : o->last_report < n->since || o->last_report == 0)
			fail(s,
			    "cluster_started is broadcast before %s "
			    "reported",
			    o->row->name);
	}
}

/* The life of the manager, as far as it went. */
void
check_manager(struct sim *s)
{
	const struct node *m = s->manager;

	if (m->e == NULL ||
	    members_state(endpoint_members(m->e)) == MEMBERS_STARTING)
		return;
	if (m->broadcasts == 0 && !m->heard_resending)
		fail(s, "the manager believes the cluster to be started, but "
			"it neither said so nor was told");
}

/* --- probes --------------------------------------------------------------- */

void
check_probe(struct node *n, size_t probe)
{
	struct sim *s = n->sim;

	s->deliveries++;
	n->nseen++;
	if (probe >= s->nprobes) {
		fail(s, "%s gets a probe nobody sent", n->row->name);
		return;
	}
	if (s->probes[probe] == n->index)
		fail(s, "%s gets its own event", n->row->name);
	if (node_saw(n, probe))
		fail(s, "%s gets an event twice", n->row->name);
	if (probe / 8 >= n->seen_size) {
		size_t size = probe / 8 + 128;

		n->seen = realloc(n->seen, size);
		if (n->seen == NULL)
			abort();
		memset(n->seen + n->seen_size, 0, size - n->seen_size);
		n->seen_size = size;
	}
	n->seen[probe / 8] |= (uint8_t)(1u << probe % 8);
}

/* --- quiet ---------------------------------------------------------------- */

/* Who has which link up, by the ids that both know: up[a * n + b]. */
static void
note_links(struct sim *s, const struct node *a)
{
	uint8_t *up = s->up + a->index * s->n;
	struct link_facts f;
	size_t i, k;

	memset(up, 0, s->n);
	if (a->e == NULL)
		return;
	for (i = 0; i < endpoint_nlinks(a->e); i++) {
		const struct mu_layout_node *row;

		link_facts(endpoint_link(a->e, i), &f);
		if (f.state != LINK_UP || f.name == NULL)
			continue;
		row = mu_layout_node(s->layout, f.name);
		k = (size_t)(row - s->layout->nodes);
		if (s->nodes[k].e != NULL && mu_uuid_eq(&f.id, &s->nodes[k].id))
			up[k] = 1;
	}
}

static bool
is_linked(const struct sim *s, const struct node *a, const struct node *b)
{
	return s->up[a->index * s->n + b->index] != 0;
}

static bool
check_links(struct sim *s, struct node *a, char *why, size_t size)
{
	const struct mu_layout_node **to;
	size_t n, i;
	bool ok = true;

	to = calloc(s->n, sizeof *to);
	if (to == NULL)
		abort();
	n = mu_layout_connectees(s->layout, a->row, to);
	for (i = 0; i < n && ok; i++) {
		struct node *b = &s->nodes[to[i] - s->layout->nodes];

		ok = is_linked(s, a, b) && is_linked(s, b, a);
		if (!ok)
			snprintf(why, size, "no link %s - %s", a->row->name,
			    b->row->name);
	}
	free(to);
	return ok;
}

bool
check_quiet(struct sim *s, char *why, size_t size)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		const struct node *n = &s->nodes[i];
		enum members_state state;

		if (n->row->role == MU_ROLE_CONTROL)
			continue;
		if (n->e == NULL || n->stopped) {
			snprintf(why, size, "%s does not run", n->row->name);
			return false;
		}
		state = members_state(endpoint_members(n->e));
		if (state != MEMBERS_RUNNING) {
			snprintf(why, size, "%s is %s", n->row->name,
			    members_state_name(state));
			return false;
		}
	}
	for (i = 0; i < s->n; i++)
		note_links(s, &s->nodes[i]);
	for (i = 0; i < s->n; i++)
		if (s->nodes[i].e != NULL &&
		    !check_links(s, &s->nodes[i], why, size))
			return false;
	return true;
}

/* --- traffic -------------------------------------------------------------- */

/* What a node got from its peers while the cluster formed, probes left out. */
static uint64_t
got(const struct node *n)
{
	uint64_t all = 0;
	struct link_facts f;
	size_t i;

	for (i = 0; i < endpoint_nlinks(n->e); i++) {
		link_facts(endpoint_link(n->e, i), &f);
		all += f.received_messages;
	}
	return all - n->nseen;
}

/*
 * Membership is told to direct peers only: a hello each way, a report to the
 * manager, its answer, the digest of the layout.  So what a node gets grows
 * with its links and not with the cluster.
 */
void
check_traffic(struct sim *s, uint64_t *most, uint64_t *sum, uint64_t *links)
{
	size_t i;

	*most = *sum = *links = 0;
	for (i = 0; i < s->n && !s->failed; i++) {
		const struct node *n = &s->nodes[i];
		uint64_t messages, limit;

		if (n->e == NULL)
			continue;
		messages = got(n);
		limit = MESSAGES_PER_LINK * endpoint_nlinks(n->e);
		if (messages > limit)
			fail(s, "%s got %llu messages over %zu links",
			    n->row->name, (unsigned long long)messages,
			    endpoint_nlinks(n->e));
		if (messages > *most)
			*most = messages;
		*sum += messages;
		*links += endpoint_nlinks(n->e);
	}
	*links /= 2;
}

/* Every node sends one probe; who has a link to it gets it, nobody else. */
void
check_delivery(struct sim *s)
{
	size_t first = s->nprobes, i, k, step = s->n > 60 ? s->n / 30 : 1;

	for (i = 0; i < s->n; i += step)
		if (s->nodes[i].e != NULL)
			node_probe(&s->nodes[i]);
	sim_run(s, SECOND);
	for (i = 0; i < s->n; i++)
		note_links(s, &s->nodes[i]);
	for (k = first; k < s->nprobes && !s->failed; k++) {
		struct node *from = &s->nodes[s->probes[k]];

		for (i = 0; i < s->n; i++) {
			struct node *to = &s->nodes[i];
			bool linked;

			if (to->e == NULL || to == from)
				continue;
			linked = is_linked(s, to, from);
			if (node_saw(to, k) != linked)
				fail(s, "probe of %s %s %s", from->row->name,
				    linked ? "is lost on the way to"
					   : "takes a strange way to",
				    to->row->name);
		}
	}
}
