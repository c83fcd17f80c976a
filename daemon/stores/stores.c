/*
 * The stores of one node; see stores.h, and stores_impl.h for which file does
 * what.
 */
#include "stores/stores_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "muster/err.h"
#include "muster/topic.h"
#include "store/command.h"
#include "stores/backend_lmdb_record.h"
#include "sys/log.h"

#define MOST_LINES 1000
#define FRAME_ROOM 65536 /* of a frame, for what is not payload */
#define OBJECTS    20    /* bits of object numbers a clone may use up */

/* --- lines --------------------------------------------------------------- */

void
stores_say(struct stores *s, const struct store *store, int level,
    const char *fmt, ...)
{
	struct line *l;
	va_list ap;

	if (s->nlines >= MOST_LINES)
		return;
	l = mu_calloc(1, sizeof *l);
	if (l == NULL)
		return;
	l->name = store->name;
	l->level = level;
	va_start(ap, fmt);
	vsnprintf(l->text, sizeof l->text, fmt, ap);
	va_end(ap);
	*s->last_line = l;
	s->last_line = &l->next;
	s->nlines++;
}

static bool
next_line(struct stores *s, struct stores_out *out)
{
	struct line *l = s->first_line;

	mu_free(s->shown_line);
	s->shown_line = l;
	if (l == NULL)
		return false;
	s->first_line = l->next;
	if (l->next == NULL)
		s->last_line = &s->first_line;
	s->nlines--;
	out->kind = STORES_LOG;
	out->name = l->name;
	out->what.kind = MU_STORE_LOG;
	out->what.level = l->level;
	out->what.text = l->text;
	return true;
}

/* --- construction -------------------------------------------------------- */

static uint64_t
smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* What fits into a frame and a peer's queue. */
static uint64_t
frame_room(const struct mu_layout *l)
{
	uint64_t room = smaller(l->limits.frame_bytes, l->limits.queue_bytes);

	return room > 2 * FRAME_ROOM ? room - FRAME_ROOM : room / 2;
}

static void
fail(struct store *st, const char *why)
{
	snprintf(st->error, sizeof st->error, "%s", why);
	stores_say(st->all, st, LOG_LEVEL_ERR, "cannot be opened: %s", why);
}

static void
open_master(struct store *st, const struct mu_layout *l,
    const struct mu_layout_store *row)
{
	struct stores *s = st->all;
	struct mu_master_config cfg;
	uint64_t room = frame_room(l);

	mu_master_config_init(&cfg);
	cfg.entity.endpoint = *endpoint_id(s->e);
	/* the same in every life of the node */
	cfg.entity.object = mu_hash64(0, row->name, strlen(row->name)) | 1;
	cfg.epoch = mu_rng_u64(&s->rng) | 1;
	cfg.resume = true;
	cfg.may_lose =
	    row->backend == MU_STORE_BACKEND_LMDB && row->sync_ns > 0;
	cfg.default_expiry_ns = row->expiry_ns;
	cfg.max_snapshot = (size_t)smaller(cfg.max_snapshot, room);
	cfg.chunk_bytes = (size_t)smaller(cfg.chunk_bytes, room / 16);
	cfg.max_value = (size_t)smaller(cfg.max_value, room / 2);
	if (row->backend == MU_STORE_BACKEND_LMDB ||
	    row->clone_backend == MU_STORE_BACKEND_LMDB)
		cfg.max_key = RECORD_MAX_KEY;
	st->master = mu_master_new(&cfg, st->backend, &s->now);
}

static void
open_clone(struct store *st, const struct mu_layout *l,
    const struct mu_layout_store *row)
{
	struct stores *s = st->all;
	struct mu_clone_config cfg;

	mu_clone_config_init(&cfg);
	cfg.entity.endpoint = *endpoint_id(s->e);
	/* never that of an earlier life */
	cfg.entity.object = mu_rng_u64(&s->rng) >> OBJECTS << OBJECTS;
	cfg.first_req_id = mu_rng_u64(&s->rng) >> 1;
	cfg.resume = row->clone_backend == MU_STORE_BACKEND_LMDB;
	cfg.max_value = (size_t)smaller(cfg.max_value, frame_room(l) / 2);
	st->clone = mu_clone_new(&cfg, st->backend, &s->now);
	if (st->clone != NULL)
		mu_clone_set_watched(st->clone, false);
}

static int
name_store(struct store *st, const struct mu_layout_store *row)
{
	st->row_name = mu_strdup(row->name);
	st->row_master = mu_strdup(row->master);
	st->to_master = mu_store_topic(row->name, true, &st->to_master_len);
	st->to_clones = mu_store_topic(row->name, false, &st->to_clones_len);
	st->claim =
	    mu_asprintf(MU_STORE_MASTER "%zu/%s", strlen(row->name), row->name);
	st->name = st->row_name;
	return st->row_name == NULL || st->row_master == NULL ||
		       st->to_master == NULL || st->to_clones == NULL ||
		       st->claim == NULL
		   ? MUSTER_ENOMEM
		   : 0;
}

/* 0 also when the store failed: then it refuses. */
static int
open_store(struct store *st, const struct mu_layout *l,
    const struct mu_layout_store *row, const struct stores_hooks *hooks)
{
	char text[STORES_TEXT] = "out of memory";
	int rc = name_store(st, row);

	if (rc != 0)
		return rc;
	st->kind = st->is_master ? row->backend : row->clone_backend;
	rc = hooks->open(
	    hooks->ctx, row, st->is_master, &st->backend, text, sizeof text);
	if (rc != 0) {
		st->backend = NULL;
		fail(st, text);
		return 0;
	}
	if (st->is_master)
		open_master(st, l, row);
	else
		open_clone(st, l, row);
	if (st->master != NULL || st->clone != NULL)
		return 0;
	st->backend = NULL; /* closed by then */
	fail(st, "what it remembers cannot be read, or memory is out");
	return 0;
}

static void
say_created(const struct store *st)
{
	char text[STORES_TEXT + 64];

	snprintf(text, sizeof text, "created %s store: %.255s",
	    st->is_master ? "master" : "clone", st->name);
	endpoint_cluster_log(st->all->e, text);
}

static int
add_topic(struct muster_filter *f, const char *topic, size_t len)
{
	int rc = muster_filter_add(f, topic, len);

	return rc > 0 ? 0 : rc;
}

static int
subscribe(struct stores *s)
{
	struct muster_filter *f = muster_filter_new();
	int rc = f == NULL ? MUSTER_ENOMEM : 0;

	for (size_t i = 0; rc == 0 && i < s->n; i++) {
		const struct store *st = &s->list[i];

		if (st->master != NULL)
			rc = add_topic(f, st->to_master, st->to_master_len);
		if (rc == 0 && st->master != NULL)
			rc = add_topic(f, st->claim, strlen(st->claim));
		else if (st->clone != NULL)
			rc = add_topic(f, st->to_clones, st->to_clones_len);
	}
	/* Without stores, too: whoever says it has no master it does not
	 * claim. */
	if (rc == 0)
		rc = add_topic(
		    f, MU_STORE_CAPABILITY, strlen(MU_STORE_CAPABILITY));
	if (rc == 0)
		rc = router_attach(endpoint_router(s->e), &s->sub, f);
	muster_filter_free(f);
	return rc;
}

static int
build(struct stores *s, const struct mu_layout *l,
    const struct stores_hooks *hooks)
{
	const struct mu_layout_node *node = endpoint_node(s->e);
	int rc = 0;

	s->list = mu_calloc(l->nstores + 1, sizeof *s->list);
	if (s->list == NULL)
		return MUSTER_ENOMEM;
	for (size_t i = 0; rc == 0 && i < l->nstores; i++) {
		const struct mu_layout_store *row = &l->stores[i];
		struct store *st = &s->list[s->n];

		st->is_master = strcmp(row->master, node->name) == 0;
		if (!st->is_master && !mu_layout_has_clone(row, node,
					  mu_layout_node(l, row->master)))
			continue;
		st->all = s;
		s->n++;
		rc = open_store(st, l, row, hooks);
		if (rc == 0 && st->error[0] == '\0')
			say_created(st);
	}
	if (rc == 0)
		rc = subscribe(s);
	if (rc == 0)
		endpoint_add_watch(s->e, &s->watch);
	return rc;
}

struct stores *
stores_new(struct endpoint *e, const struct mu_layout *layout,
    const struct stores_hooks *hooks, uint64_t seed, uint64_t now, int64_t wall)
{
	struct stores *s = mu_calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->e = e;
	s->sub.kind = SUBSCRIBER_SERVICE;
	s->sub.deliver = stores_deliver;
	s->watch.peer = stores_peer;
	s->now.mono = now;
	s->now.wall = wall;
	s->last_line = &s->first_line;
	mu_rng_init(&s->rng, seed);
	if (build(s, layout, hooks) == 0)
		return s;
	stores_free(s);
	return NULL;
}

static void
close_store(struct store *st)
{
	mu_master_free(st->master);
	mu_clone_free(st->clone);
	stores_hosts_clear(st);
	while (st->watchers != NULL) {
		struct watcher *w = st->watchers;

		st->watchers = w->next;
		mu_free(w);
	}
	mu_free(st->row_name);
	mu_free(st->row_master);
	mu_free(st->to_master);
	mu_free(st->to_clones);
	mu_free(st->claim);
}

void
stores_free(struct stores *s)
{
	if (s == NULL)
		return;
	endpoint_remove_watch(s->e, &s->watch);
	router_detach(endpoint_router(s->e), &s->sub);
	for (size_t i = 0; i < s->n; i++)
		close_store(&s->list[i]);
	mu_free(s->list);
	stores_ask_clear(s);
	while (s->first_line != NULL) {
		struct line *l = s->first_line;

		s->first_line = l->next;
		mu_free(l);
	}
	mu_free(s->shown_line);
	mu_free(s);
}

struct store *
stores_find(const struct stores *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->list[i].name, name) == 0)
			return &s->list[i];
	return NULL;
}

/* --- time ---------------------------------------------------------------- */

struct mu_store_now
stores_now(const struct stores *s)
{
	struct mu_store_now now = s->now;
	uint64_t at = endpoint_now(s->e);

	if (at > now.mono) {
		now.wall += (int64_t)(at - now.mono);
		now.mono = at;
	}
	return now;
}

static void
set_now(struct stores *s, uint64_t now, int64_t wall)
{
	s->now.mono = now;
	s->now.wall = wall;
}

void
stores_tick(struct stores *s, uint64_t now, int64_t wall)
{
	set_now(s, now, wall);
	stores_check_hosts(s);
	for (size_t i = 0; i < s->n; i++) {
		struct store *st = &s->list[i];

		if (st->master != NULL && !st->refused &&
		    mu_master_deadline(st->master) <= now)
			mu_master_tick(st->master, &s->now);
		if (st->clone != NULL && mu_clone_deadline(st->clone) <= now)
			mu_clone_tick(st->clone, &s->now);
	}
}

uint64_t
stores_deadline(const struct stores *s)
{
	uint64_t at = s->n > 0 ? s->look_at : UINT64_MAX;

	for (size_t i = 0; i < s->n; i++) {
		const struct store *st = &s->list[i];

		if (st->master != NULL && !st->refused)
			at = smaller(at, mu_master_deadline(st->master));
		if (st->clone != NULL)
			at = smaller(at, mu_clone_deadline(st->clone));
	}
	return at;
}

void
stores_flush(struct stores *s)
{
	for (size_t i = 0; i < s->n; i++) {
		if (s->list[i].master != NULL)
			mu_master_flush(s->list[i].master);
		if (s->list[i].clone != NULL)
			mu_clone_flush(s->list[i].clone);
	}
}

/* The machines ask their backend whenever they are drained. */
void
stores_durable(struct stores *s, uint64_t now, int64_t wall)
{
	set_now(s, now, wall);
}

/* --- consequences -------------------------------------------------------- */

/* A peer that left meanwhile takes its commands with it, and what found no
 * memory or no room is as lost on the way: the channels ask again. */
static void
send(struct store *st, const struct mu_store_out *what)
{
	struct stores *s = st->all;
	const char *topic = what->to_master ? st->to_master : st->to_clones;
	size_t len = what->to_master ? st->to_master_len : st->to_clones_len;
	int rc = router_command(endpoint_router(s->e), &s->sub, what->receiver,
	    topic, len, what->payload, what->len);

	if (rc < 0 && rc != MUSTER_ENOENT && rc != MUSTER_ENOMEM)
		stores_say(s, st, LOG_LEVEL_ERR, "cannot send %zu bytes: %s",
		    what->len, muster_strerror(rc));
}

static bool
drain_machine(struct store *st, struct mu_store_out *what)
{
	memset(what, 0, sizeof *what);
	if (st->master != NULL)
		return mu_master_next(st->master, what);
	return st->clone != NULL && mu_clone_next(st->clone, what);
}

/* One consequence of a machine; true when it is somebody's. */
static bool
pass_on(struct store *st, struct mu_store_out *what, struct stores_out *out)
{
	struct stores *s = st->all;

	out->name = st->name;
	switch (what->kind) {
	case MU_STORE_SEND:
		/* A clone that follows nobody must not be heard by a master
		 * that is not to be followed. */
		if (st->is_master ? !st->refused : st->follows)
			send(st, what);
		return false;
	case MU_STORE_EVENT:
		s->event = *what;
		s->watcher = st->watchers;
		return false;
	case MU_STORE_DONE:
		return stores_answer(s, what, out);
	case MU_STORE_LOG:
		out->kind = STORES_LOG;
		out->what = *what;
		return true;
	case MU_STORE_STATE:
		return false; /* asked for by stores_fact */
	}
	return false;
}

static bool
next_watcher(struct stores *s, struct stores_out *out)
{
	struct watcher *w = s->watcher;

	if (w == NULL)
		return false;
	s->watcher = w->next;
	out->kind = STORES_EVENT;
	out->caller = w->caller;
	out->name = s->list[s->at].name;
	out->what = s->event;
	return true;
}

bool
stores_next(struct stores *s, struct stores_out *out)
{
	struct mu_store_out what;

	memset(out, 0, sizeof *out);
	mu_free(s->given);
	s->given = NULL;
	if (next_watcher(s, out) || stores_next_refused(s, out))
		return true;
	while (s->at < s->n || s->again) {
		struct store *st;

		if (s->at == s->n) {
			s->at = 0;
			s->again = false;
		}
		st = &s->list[s->at];
		if (!drain_machine(st, &what))
			s->at++;
		else if (pass_on(st, &what, out) || next_watcher(s, out))
			return true;
	}
	s->at = 0;
	return next_line(s, out);
}
