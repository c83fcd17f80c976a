/*
 * Relays whose events come back to them; see rules_circle.h.
 *
 * What a relay publishes is for at most one other relay: that with the longest
 * topic, as for every publication.  So from each rule there is one way on, and
 * following it finds the circle.  Circles through several layouts, or through
 * programs, cannot be seen here; those are cut while they run.
 */
#include "layout/rules_circle.h"

#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "layout/layout.h"
#include "layout/rows.h"
#include "layout/yaml.h"
#include "muster/err.h"

#define NOWHERE SIZE_MAX

struct circles {
	const struct mu_layout *layout;
	const struct mu_rows *rows;
	struct mu_diags *diags;
	const struct mu_yaml *list;
	size_t *next; /* [nrelays] the rule an event goes to */
	size_t *seen; /* [nrelays] the walk that came by, or 0 */
};

/* A topic that names a relaying node and goes on with the relay's topic is for
 * that relay, too. */
static const char *
behind_node(const struct circles *c, const char *to)
{
	const char *prefix = c->layout->topics.node_prefix, *name, *slash;
	char *copy;
	bool known;

	if (prefix == NULL || strncmp(to, prefix, strlen(prefix)) != 0)
		return NULL;
	name = to + strlen(prefix);
	slash = strchr(name, '/');
	copy = slash == NULL ? NULL : mu_memdup0(name, (size_t)(slash - name));
	known = copy != NULL && mu_rows_find(c->rows, copy) != NULL;
	mu_free(copy);
	return known ? slash + 1 : NULL;
}

static size_t
next_of(const struct circles *c, const struct mu_layout_relay *r)
{
	const struct mu_layout *l = c->layout;
	const struct mu_layout_relay *next;
	const char *behind;

	if (r->to == NULL || r->topic == NULL)
		return NOWHERE; /* that was reported */
	behind = behind_node(c, r->to);
	next = mu_layout_relay_of(l, r->to, strlen(r->to));
	if (next == NULL && behind != NULL)
		next = mu_layout_relay_of(l, behind, strlen(behind));
	return next == NULL ? NOWHERE : (size_t)(next - l->relays);
}

/* Where in the circle does the file begin? */
static size_t
first_of(const struct circles *c, size_t i)
{
	size_t first = i;

	for (size_t k = c->next[i]; k != i; k = c->next[k])
		if (k < first)
			first = k;
	return first;
}

static void
report(const struct circles *c, size_t i)
{
	const struct mu_layout_relay *relays = c->layout->relays;
	size_t first = first_of(c, i), k;
	const struct mu_yaml *to = mu_yaml_get(&c->list->items[first], "to");
	struct mu_buf text;

	mu_buf_init(&text, 0);
	mu_buf_str(&text, relays[first].topic);
	for (k = c->next[first]; k != first; k = c->next[k])
		mu_buf_printf(&text, " -> %s (relay %zu, line %u)",
		    relays[k].topic, k + 1, relays[k].place.line);
	mu_buf_printf(&text, " -> %s", relays[first].topic);
	mu_buf_u8(&text, '\0');
	mu_diags_add(c->diags, to->place,
	    "relay %zu: to: its events come back to it: %s", first + 1,
	    mu_buf_error(&text) == 0 ? (const char *)mu_buf_data(&text) : "");
	mu_buf_clear(&text);
}

int
mu_circles_check(const struct mu_layout *l, const struct mu_rows *rows,
    const struct mu_yaml *top, struct mu_diags *diags)
{
	struct circles c = { l, rows, diags, mu_yaml_get(top, "relay"),
		mu_calloc(l->nrelays + 1, sizeof(size_t)),
		mu_calloc(l->nrelays + 1, sizeof(size_t)) };
	int rc = c.next == NULL || c.seen == NULL ? MUSTER_ENOMEM : 0;

	for (size_t i = 0; i < l->nrelays && rc == 0; i++)
		c.next[i] = next_of(&c, &l->relays[i]);
	for (size_t i = 0; i < l->nrelays && rc == 0; i++) {
		size_t walk = i + 1, k = i;

		while (k != NOWHERE && c.seen[k] == 0) {
			c.seen[k] = walk;
			k = c.next[k];
		}
		if (k != NOWHERE && c.seen[k] == walk)
			report(&c, k);
	}
	mu_free(c.next);
	mu_free(c.seen);
	return rc;
}
