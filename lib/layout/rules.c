/* Rules of the layout: what their tables cannot say; see rules.h. */
#include "layout/rules.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/text.h"
#include "layout/fields.h"
#include "layout/layout.h"
#include "layout/rows.h"
#include "layout/rules_circle.h"
#include "layout/section_rows.h"
#include "layout/yaml.h"
#include "muster/err.h"

#define SUBJECT 40

struct check {
	struct mu_layout *layout;
	const struct mu_rows *rows;
	const struct mu_yaml *top;
	struct mu_diags *diags;
	const struct mu_yaml *row; /* the rule looked at */
	char subject[SUBJECT];     /* "relay 2" */
};

static struct mu_place
place_of(const struct check *c, const char *field)
{
	const struct mu_yaml *value = mu_yaml_get(c->row, field);

	return value == NULL ? c->row->place : value->place;
}

/* Look at element i of a list of rules. */
static void
look_at(struct check *c, const char *key, size_t i)
{
	c->row = &mu_yaml_get(c->top, key)->items[i];
	snprintf(c->subject, sizeof c->subject, "%s %zu", key, i + 1);
}

/* --- nodes and roles ------------------------------------------------------ */

/* What a misspelt name may have meant. */
static int
no_such_node(
    const struct check *c, const char *key, const char *name, bool pools)
{
	const char **words, *nearest;
	size_t n = 0;

	words = mu_calloc(
	    c->rows->n + MU_ROLE_WORKER + c->layout->npools, sizeof(*words));
	if (words == NULL)
		return MUSTER_ENOMEM;
	for (size_t i = 0; i < c->rows->n; i++)
		words[n++] = c->rows->list[i].node.name;
	for (int i = MU_ROLE_CONTROL; i <= MU_ROLE_WORKER; i++)
		words[n++] = mu_role_name((enum mu_role)i);
	for (size_t i = 0; pools && i < c->layout->npools; i++)
		words[n++] = c->layout->pools[i].name;
	nearest = mu_text_nearest(name, words, n);
	mu_diags_add(c->diags, place_of(c, key),
	    "%s: %s: no node%s \"%s\"%s%s%s", c->subject, key,
	    pools ? ", role or pool" : " or role", name,
	    nearest == NULL ? "" : " (did you mean \"",
	    nearest == NULL ? "" : nearest, nearest == NULL ? "" : "\"?)");
	mu_free(words);
	return 0;
}

static bool
has_role(const struct check *c, int role)
{
	for (size_t i = 0; i < c->rows->n; i++)
		if ((int)c->rows->list[i].node.role == role)
			return true;
	return false;
}

static bool
is_pool(const struct check *c, const char *name)
{
	for (size_t i = 0; i < c->layout->npools; i++)
		if (strcmp(c->layout->pools[i].name, name) == 0)
			return true;
	return false;
}

/* An empty list would be for nobody.  pools: they may be named, too. */
static int
check_who(const struct check *c, const char *key, char *const *list, size_t n,
    bool pools)
{
	int rc = 0;

	if (list != NULL && n == 0)
		mu_diags_add(c->diags, place_of(c, key), "%s: %s: names nobody",
		    c->subject, key);
	for (size_t i = 0; i < n && rc == 0 && c->rows->n > 0; i++) {
		int role = mu_role_parse(list[i]);

		if (mu_rows_find(c->rows, list[i]) != NULL ||
		    (pools && role < 0 && is_pool(c, list[i])))
			continue;
		if (role < 0)
			rc = no_such_node(c, key, list[i], pools);
		else if (!has_role(c, role) && c->rows->whole)
			mu_diags_add(c->diags, place_of(c, key),
			    "%s: %s: no node has the role %s", c->subject, key,
			    list[i]);
	}
	return rc;
}

int
mu_rules_check_who(struct mu_layout *l, const struct mu_rows *rows,
    const struct mu_yaml *top, struct mu_diags *diags, const char *key,
    size_t i, const char *field, char *const *list, size_t n)
{
	struct check c = { l, rows, top, diags, NULL, "" };

	look_at(&c, key, i);
	return check_who(&c, field, list, n, false);
}

/* --- relay ---------------------------------------------------------------- */

/* A topic that the cluster itself lives on, and that the relay would take
 * from it; NULL: none. */
static const char *
taken(const struct mu_topics *t, const char *topic)
{
	const char *const well_known[] = { t->manager, t->logger, t->proxy,
		t->worker, t->node_prefix, t->nodeid_prefix, t->pool_prefix,
		t->logs_prefix, t->started, "muster/" };
	size_t len = strlen(topic);

	for (size_t i = 0; i < sizeof well_known / sizeof well_known[0]; i++)
		if (well_known[i] != NULL &&
		    strncmp(well_known[i], topic, len) == 0)
			return well_known[i];
	if (t->node_prefix != NULL &&
	    strncmp(topic, t->node_prefix, strlen(t->node_prefix)) == 0)
		return t->node_prefix;
	return NULL;
}

static const struct mu_layout_relay *
same_topic(const struct mu_layout *l, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (l->relays[k].topic != NULL &&
		    strcmp(l->relays[k].topic, l->relays[i].topic) == 0)
			return &l->relays[k];
	return NULL;
}

static int
check_relay(struct check *c, size_t i)
{
	const struct mu_layout_relay *r = &c->layout->relays[i], *same;
	const char *own;

	look_at(c, "relay", i);
	if (r->topic != NULL) {
		own = taken(&c->layout->topics, r->topic);
		same = same_topic(c->layout, i);
		if (own != NULL)
			mu_diags_add(c->diags, place_of(c, "topic"),
			    "%s: topic: \"%s\" would take %s, which the "
			    "cluster needs itself (give a topic of your own)",
			    c->subject, r->topic, own);
		else if (same != NULL)
			mu_diags_add(c->diags, place_of(c, "topic"),
			    "%s: topic: \"%s\" has a relay already (on line "
			    "%u)",
			    c->subject, r->topic, same->place.line);
	}
	return check_who(c, "by", r->by, r->nby, true);
}

/* --- access --------------------------------------------------------------- */

static int
check_access(struct check *c, size_t i)
{
	const struct mu_layout_access *a = &c->layout->access[i];
	const char *hello = c->layout->topics.nodeid_prefix;
	size_t len = a->topic == NULL ? 0 : strlen(a->topic);

	look_at(c, "access", i);
	/* who a peer is it says there */
	if (len > 0 && hello != NULL &&
	    strncmp(a->topic, hello,
		len < strlen(hello) ? len : strlen(hello)) == 0)
		mu_diags_add(c->diags, place_of(c, "topic"),
		    "%s: topic: \"%s\" would shut out the hellos on %s",
		    c->subject, a->topic, hello);
	for (size_t k = 0; len > 0 && k < i; k++)
		if (c->layout->access[k].topic != NULL &&
		    strcmp(c->layout->access[k].topic, a->topic) == 0) {
			mu_diags_add(c->diags, place_of(c, "topic"),
			    "%s: topic: \"%s\" has a rule already (on line "
			    "%u)",
			    c->subject, a->topic,
			    c->layout->access[k].place.line);
			break;
		}
	return check_who(c, "by", a->by, a->nby, false);
}

/* --- handlers ------------------------------------------------------------- */

static int
check_run(const struct check *c, const struct mu_layout_handler *h)
{
	const struct mu_yaml *run = mu_yaml_get(c->row, "run");

	if (run->kind == MU_YAML_SEQUENCE && run->nitems == 0)
		mu_diags_add(c->diags, place_of(c, "run"),
		    "%s: run: names no program", c->subject);
	else if (h->nrun > 0 && h->run[0][0] != '/')
		mu_diags_add(c->diags, place_of(c, "run"),
		    "%s: run: \"%s\" is not an absolute path", c->subject,
		    h->run[0]);
	return 0;
}

static const struct mu_layout_store *
find_store(const struct mu_layout *l, const char *name)
{
	for (size_t i = 0; i < l->nstores; i++)
		if (strcmp(l->stores[i].name, name) == 0)
			return &l->stores[i];
	return NULL;
}

/* Each node that the handler is for needs a copy of the store. */
static int
check_copies(const struct check *c, const struct mu_layout_handler *h,
    const struct mu_layout_store *s)
{
	const struct mu_draft *master =
	    s->master == NULL ? NULL : mu_rows_find(c->rows, s->master);

	for (size_t i = 0; i < c->rows->n; i++) {
		const struct mu_layout_node *n = &c->rows->list[i].node;

		if (n->role == MU_ROLE_NONE || s->master == NULL ||
		    (h->on == NULL && n->role == MU_ROLE_CONTROL) ||
		    !mu_layout_on(h->on, h->non, n) ||
		    strcmp(s->master, n->name) == 0 ||
		    mu_layout_has_clone(
			s, n, master == NULL ? NULL : &master->node))
			continue;
		mu_diags_add(c->diags, place_of(c, "store"),
		    "%s: store: \"%s\" has neither master nor clone on "
		    "\"%s\"",
		    c->subject, s->name, n->name);
		return 0;
	}
	return 0;
}

static bool
needs_value(enum mu_write_op op)
{
	return op != MU_WRITE_ERASE && op != MU_WRITE_INCREMENT &&
	       op != MU_WRITE_DECREMENT && op != MU_WRITE_POP;
}

static int
check_write(const struct check *c, struct mu_layout_handler *h)
{
	const struct mu_yaml *write = mu_yaml_get(c->row, "store");
	const struct mu_layout_store *s;

	if (write->kind != MU_YAML_MAPPING)
		return 0;
	h->store.has_value = mu_yaml_get(write, "value") != NULL;
	if (h->store.name == NULL) {
		if (mu_yaml_get(write, "name") == NULL)
			mu_diags_add(c->diags, write->place,
			    "%s: store: no \"name\" (give that of a store)",
			    c->subject);
		return 0;
	}
	if (needs_value(h->store.op) && !h->store.has_value)
		mu_diags_add(c->diags, write->place,
		    "%s: store: no \"value\" (give the number of an argument)",
		    c->subject);
	if (h->store.op == MU_WRITE_INSERT_INTO_TABLE &&
	    mu_yaml_get(write, "index") == NULL)
		mu_diags_add(c->diags, write->place,
		    "%s: store: no \"index\" (give the number of an argument)",
		    c->subject);
	s = find_store(c->layout, h->store.name);
	if (s != NULL)
		return check_copies(c, h, s);
	mu_diags_add(c->diags, mu_yaml_get(write, "name")->place,
	    "%s: store: no store \"%s\"", c->subject, h->store.name);
	return 0;
}

/* A stream is one, and loggers are to get it. */
static int
check_log(const struct check *c, const struct mu_layout_handler *h)
{
	if (h->log != NULL && strchr(h->log, '*') != NULL)
		mu_diags_add(c->diags, place_of(c, "log"),
		    "%s: log: \"%s\" is not the name of a stream (such as "
		    "App::ALERTS)",
		    c->subject, h->log);
	return 0;
}

static int
check_handler(struct check *c, size_t i)
{
	static const char *const deeds[] = { "run", "store", "log" };
	struct mu_layout_handler *h = &c->layout->handlers[i];
	const char *first = NULL;
	int rc = 0;

	look_at(c, "handlers", i);
	if (c->row->kind != MU_YAML_MAPPING)
		return 0;
	for (size_t k = 0; k < sizeof deeds / sizeof deeds[0]; k++) {
		if (mu_yaml_get(c->row, deeds[k]) == NULL)
			continue;
		if (first != NULL)
			mu_diags_add(c->diags, place_of(c, deeds[k]),
			    "%s: %s: it has %s already (make it a handler of "
			    "its own)",
			    c->subject, deeds[k], first);
		else
			first = deeds[k];
	}
	if (first == NULL)
		mu_diags_add(c->diags, c->row->place,
		    "%s: does nothing (give run, store or log)", c->subject);
	else if (*first == 'r')
		rc = check_run(c, h);
	else if (*first == 's')
		rc = check_write(c, h);
	else
		rc = check_log(c, h);
	return rc == 0 ? check_who(c, "on", h->on, h->non, false) : rc;
}

/* --- all of them ---------------------------------------------------------- */

int
mu_rules_check(struct mu_layout *l, const struct mu_rows *rows,
    const struct mu_yaml *top, struct mu_diags *diags)
{
	struct check c = { l, rows, top, diags, NULL, "" };
	size_t before = mu_diags_count(diags);
	int rc = 0;

	for (size_t i = 0; i < l->nsubscriptions && rc == 0; i++) {
		look_at(&c, "subscriptions", i);
		rc = check_who(&c, "on", l->subscriptions[i].on,
		    l->subscriptions[i].non, false);
	}
	for (size_t i = 0; i < l->nrelays && rc == 0; i++)
		rc = check_relay(&c, i);
	for (size_t i = 0; i < l->naccess && rc == 0; i++)
		rc = check_access(&c, i);
	for (size_t i = 0; i < l->nautos && rc == 0; i++) {
		look_at(&c, "auto_publish", i);
		rc =
		    check_who(&c, "on", l->autos[i].on, l->autos[i].non, false);
	}
	for (size_t i = 0; i < l->nhandlers && rc == 0; i++)
		rc = check_handler(&c, i);
	if (rc == 0 && mu_diags_count(diags) == before)
		rc = mu_circles_check(l, rows, top, diags);
	return rc;
}

bool
mu_layout_on(char *const *list, size_t n, const struct mu_layout_node *node)
{
	if (list == NULL)
		return true;
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i], node->name) == 0 ||
		    strcmp(list[i], mu_role_name(node->role)) == 0)
			return true;
	return false;
}

const struct mu_layout_relay *
mu_layout_relay_of(const struct mu_layout *l, const char *topic, size_t len)
{
	const struct mu_layout_relay *best = NULL;
	size_t longest = 0;

	for (size_t i = 0; i < l->nrelays; i++) {
		const struct mu_layout_relay *r = &l->relays[i];
		size_t n = r->topic == NULL ? 0 : strlen(r->topic);

		if (n > longest && n <= len &&
		    memcmp(r->topic, topic, n) == 0) {
			best = r;
			longest = n;
		}
	}
	return best;
}

char *
mu_handler_text(const struct mu_layout_handler *h)
{
	const struct mu_field *f = mu_fields_find(&mu_fields_top, "handlers");
	struct mu_buf b;
	char *text;

	mu_buf_init(&b, 0);
	mu_section_row_put(&b, f, h);
	/* a value that is the first argument looks like none */
	mu_buf_str(&b, h->store.has_value ? "+" : "");
	text = mu_buf_take_string(&b);
	mu_buf_clear(&b);
	return text;
}
