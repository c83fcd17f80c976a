/* Local callers: their requests, and who follows a store. */
#include "stores/stores_impl.h"

#include <string.h>

#include "base/alloc.h"
#include "muster/err.h"

static void
push(struct asked **list, struct asked *a)
{
	a->prev = NULL;
	a->next = *list;
	if (a->next != NULL)
		a->next->prev = a;
	*list = a;
}

static void
take(struct asked **list, struct asked *a)
{
	if (a->prev != NULL)
		a->prev->next = a->next;
	else
		*list = a->next;
	if (a->next != NULL)
		a->next->prev = a->prev;
}

int
stores_request(struct stores *s, const char *name,
    const struct mu_store_request *req, void *caller, uint64_t now,
    int64_t wall)
{
	struct store *st = stores_find(s, name);
	struct mu_store_request mine = *req;
	struct asked *a;
	int rc = 0;

	s->now.mono = now;
	s->now.wall = wall;
	if (st == NULL)
		return MUSTER_ENOENT;
	if (s->nasked >= STORES_MAX_REQUESTS)
		return MUSTER_ELIMIT;
	a = mu_calloc(1, sizeof *a);
	if (a == NULL)
		return MUSTER_ENOMEM;
	a->caller = caller;
	a->id = req->id;
	a->store = st;
	mine.id = (uint64_t)(uintptr_t)a;
	if (st->refused) {
		a->refused = true;
		a->status = MU_STORE_SECOND;
	} else if (st->master != NULL) {
		rc = mu_master_request(st->master, &mine, &s->now);
	} else if (st->clone != NULL) {
		rc = mu_clone_request(st->clone, &mine, &s->now);
	} else {
		a->refused = true;
		a->status = MU_STORE_BACKEND;
	}
	if (rc != 0) {
		mu_free(a);
		return rc;
	}
	push(a->refused ? &s->refused : &s->asked, a);
	s->nasked++;
	s->again = true;
	return 0;
}

static void
forget_list(struct asked *list, const void *caller)
{
	for (struct asked *a = list; a != NULL; a = a->next)
		if (a->caller == caller)
			a->caller = NULL;
}

static void
forget_watch(struct stores *s, struct store *st, const void *caller)
{
	struct watcher **at = &st->watchers;

	while (*at != NULL) {
		struct watcher *w = *at;

		if (w->caller != caller) {
			at = &w->next;
			continue;
		}
		*at = w->next;
		if (s->watcher == w)
			s->watcher = w->next;
		mu_free(w);
	}
	if (st->clone != NULL)
		mu_clone_set_watched(st->clone, st->watchers != NULL);
}

void
stores_forget(struct stores *s, void *caller)
{
	forget_list(s->asked, caller);
	forget_list(s->refused, caller);
	for (size_t i = 0; i < s->n; i++)
		forget_watch(s, &s->list[i], caller);
}

int
stores_watch(struct stores *s, const char *name, void *caller)
{
	struct store *st = stores_find(s, name);
	struct watcher *w;

	if (st == NULL)
		return MUSTER_ENOENT;
	for (w = st->watchers; w != NULL; w = w->next)
		if (w->caller == caller)
			return 0;
	w = mu_calloc(1, sizeof *w);
	if (w == NULL)
		return MUSTER_ENOMEM;
	w->caller = caller;
	w->next = st->watchers;
	st->watchers = w;
	if (st->clone != NULL)
		mu_clone_set_watched(st->clone, true);
	return 0;
}

/* The machines answer each request once: its row ends here, but is borrowed
 * until the next call. */
bool
stores_answer(struct stores *s, const struct mu_store_out *what,
    struct stores_out *out)
{
	struct asked *a = (struct asked *)(uintptr_t)what->id;

	take(&s->asked, a);
	s->nasked--;
	out->kind = STORES_DONE;
	out->caller = a->caller;
	out->what = *what;
	out->what.id = a->id;
	mu_free(s->given);
	s->given = a;
	return a->caller != NULL;
}

bool
stores_next_refused(struct stores *s, struct stores_out *out)
{
	struct asked *a;

	while ((a = s->refused) != NULL) {
		take(&s->refused, a);
		s->nasked--;
		mu_free(s->given);
		s->given = a;
		if (a->caller == NULL)
			continue;
		out->kind = STORES_DONE;
		out->caller = a->caller;
		out->name = a->store->name;
		out->what.kind = MU_STORE_DONE;
		out->what.id = a->id;
		out->what.status = a->status;
		return true;
	}
	return false;
}

static void
free_list(struct asked *list)
{
	while (list != NULL) {
		struct asked *a = list;

		list = a->next;
		mu_free(a);
	}
}

void
stores_ask_clear(struct stores *s)
{
	free_list(s->asked);
	free_list(s->refused);
	mu_free(s->given);
}
