/* The answer to "stores": what the stores of this node say about themselves,
 * and the words of refusals that need it. */
#include "control/control_store.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "control/control_request.h"
#include "control/control_session.h"
#include "core/answer.h"
#include "core/endpoint.h"
#include "layout/layout.h"
#include "stores/stores.h"

static void
put_fact(struct mu_buf *b, const struct stores_fact *f)
{
	answer_open(b, NULL, '{');
	answer_text(b, "name", f->name);
	answer_text(b, "role", f->master ? "master" : "clone");
	answer_text(b, "master", f->master_node);
	answer_text(b, "backend", f->backend);
	answer_text(b, "state", f->state);
	answer_text(b, "error", f->error);
	answer_number(b, "entries", f->entries);
	answer_number(b, "bytes", f->bytes);
	answer_number(b, "seq", f->seq);
	answer_number(b, "lag", f->lag);
	answer_number(b, "clones", f->clones);
	answer_number(b, "writers", f->writers);
	answer_number(b, "pending", f->pending);
	answer_number(b, "unsynced", f->unsynced);
	answer_number(b, "writes", f->nwrites);
	answer_number(b, "failed", f->nfailed);
	answer_number(b, "expired", f->nexpired);
	answer_close(b, '}');
}

static size_t
count(const struct control_session *s)
{
	const struct stores *all = s->control->stores;

	return all == NULL ? 0 : stores_count(all);
}

void
control_on_stores(struct control_session *s, const struct control_args *a)
{
	struct stores_fact f;

	(void)a;
	answer_ok(&s->out);
	answer_open(&s->out, "stores", '[');
	for (size_t i = 0; i < count(s); i++) {
		stores_fact(s->control->stores, i, &f);
		put_fact(&s->out, &f);
	}
	answer_close(&s->out, ']');
	answer_end(&s->out);
}

void
control_put_stores(const struct control *c, struct mu_buf *b)
{
	size_t n = c->stores == NULL ? 0 : stores_count(c->stores);
	struct stores_fact f;

	answer_open(b, "stores", '[');
	for (size_t i = 0; i < n; i++) {
		stores_fact(c->stores, i, &f);
		if (f.error == NULL)
			continue;
		answer_open(b, NULL, '{');
		answer_text(b, "name", f.name);
		answer_text(b, "role", f.master ? "master" : "clone");
		answer_text(b, "state", f.state);
		answer_text(b, "error", f.error);
		answer_close(b, '}');
	}
	answer_close(b, ']');
}

/* The layout knows the store, but gives this node no clone. */
static bool
is_elsewhere(const struct control_session *s, const char *store, char *out,
    size_t size)
{
	const struct mu_layout *l = endpoint_layout(s->control->e);

	for (size_t i = 0; i < l->nstores; i++) {
		if (strcmp(l->stores[i].name, store) != 0)
			continue;
		snprintf(out, size, "this node has no clone of \"%.80s\"%s %s",
		    store,
		    l->stores[i].clones == NULL
			? ": it has no connection with"
			: "; the master is on",
		    l->stores[i].master);
		return true;
	}
	return false;
}

void
control_store_unknown(
    const struct control_session *s, const char *store, char *out, size_t size)
{
	const char *names[64], *near;
	char shown[128];
	struct stores_fact f;
	size_t n = 0;

	if (is_elsewhere(s, store, out, size))
		return;
	for (size_t i = 0; i < count(s) && n < 64; i++) {
		stores_fact(s->control->stores, i, &f);
		names[n++] = f.name;
	}
	near = n == 0 ? NULL : mu_text_nearest(store, names, n);
	mu_text_printable(store, strlen(store), shown, sizeof shown);
	snprintf(out, size, "this node has no store \"%s\"%s%s%s", shown,
	    near == NULL ? "" : " (did you mean \"", near == NULL ? "" : near,
	    near == NULL ? "" : "\"?)");
}

const char *
control_store_master(
    const struct control_session *s, const char *store, bool *here)
{
	struct stores_fact f;

	*here = false;
	for (size_t i = 0; i < count(s); i++) {
		stores_fact(s->control->stores, i, &f);
		if (strcmp(f.name, store) != 0)
			continue;
		*here = f.master;
		return f.master_node;
	}
	return NULL;
}

const char *
control_store_trouble(const struct control_session *s, const char *store)
{
	struct stores_fact f;

	for (size_t i = 0; i < count(s); i++) {
		stores_fact(s->control->stores, i, &f);
		if (strcmp(f.name, store) == 0)
			return f.error;
	}
	return NULL;
}
