/* Files and commits of stores; see stores.h. */
#include "node/stores.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "control/control.h"
#include "io/loop.h"
#include "layout/layout.h"
#include "muster/err.h"
#include "node/id.h"
#include "node/node_impl.h"
#include "node/rules.h"
#include "store/backend.h"
#include "stores/backend_lmdb.h"
#include "stores/stores.h"
#include "sys/clock.h"
#include "sys/log.h"

#define CLONE_SYNC_MS 100 /* a copy that is lost is fetched again */
#define ROUNDS        8    /* of answers that ask again, in one turn */

struct node_stores {
	struct stores *core;
	struct loop_fd **commits; /* of LMDB backends, owned */
	size_t ncommits;
};

bool
node_has_master(const struct mu_layout *l, const char *node)
{
	for (size_t i = 0; i < l->nstores; i++)
		if (strcmp(l->stores[i].master, node) == 0)
			return true;
	return false;
}

/* --- opening ----------------------------------------------------------- */

static int
open_lmdb(const struct node *n, const struct mu_layout_store *store,
    bool master, struct mu_backend **b, char *err, size_t err_size)
{
	struct backend_lmdb_options o = {
		.name = store->name,
		.max_bytes = store->max_bytes,
		.sync_interval_ms = CLONE_SYNC_MS,
	};
	char *folder =
	    mu_asprintf("%s/%s", n->dirs.state, master ? "stores" : "clones");
	int rc;

	if (folder == NULL) {
		snprintf(err, err_size, "out of memory");
		return MUSTER_ENOMEM;
	}
	o.folder = folder;
	if (master)
		o.sync_interval_ms = (unsigned)(store->sync_ns / 1000000);
	rc = backend_lmdb_open(&o, b, err, err_size);
	mu_free(folder);
	return rc;
}

static int
hook_open(void *ctx, const struct mu_layout_store *store, bool master,
    struct mu_backend **b, char *err, size_t err_size)
{
	enum mu_store_backend kind =
	    master ? store->backend : store->clone_backend;

	if (kind == MU_STORE_BACKEND_LMDB)
		return open_lmdb(ctx, store, master, b, err, err_size);
	*b = mu_backend_memory_new(master ? store->max_bytes : 0);
	if (*b != NULL)
		return 0;
	snprintf(err, err_size, "out of memory");
	return MUSTER_ENOMEM;
}

static void
on_commit(void *ctx)
{
	const struct node *n = ctx;

	/* the end of the turn asks the backends */
	stores_durable(n->stores->core, clock_now(), clock_wall());
}

static int
watch_commits(struct node *n)
{
	struct node_stores *s = n->stores;
	size_t count = stores_count(s->core);

	s->commits = mu_calloc(count + 1, sizeof(*s->commits));
	if (s->commits == NULL)
		return MUSTER_ENOMEM;
	for (size_t i = 0; i < count; i++) {
		bool lmdb;
		const struct mu_backend *b = stores_backend(s->core, i, &lmdb);
		struct loop_fd *fd;

		if (b == NULL || !lmdb)
			continue;
		fd = loop_fd_new(n->loop, backend_lmdb_fd(b), on_commit, n);
		if (fd == NULL)
			return MUSTER_ENOMEM;
		s->commits[s->ncommits++] = fd;
	}
	return 0;
}

/* Is that the folder of a master of ours? */
static bool
is_in_use(const struct node *n, const char *folder)
{
	char name[BACKEND_LMDB_NAME];

	for (size_t i = 0; i < n->layout->nstores; i++) {
		const struct mu_layout_store *s = &n->layout->stores[i];

		backend_lmdb_escape(s->name, name);
		if (strcmp(name, folder) == 0)
			return s->backend == MU_STORE_BACKEND_LMDB &&
			       strcmp(s->master, n->name) == 0;
	}
	return false;
}

/* After a master was moved, or its store renamed, all copies become empty as
 * the new master is; what it held is still here. */
static void
tell_of_unused(const struct node *n)
{
	char *path = mu_asprintf("%s/stores", n->dirs.state);
	DIR *dir = path == NULL ? NULL : opendir(path);
	struct dirent *e;

	while (dir != NULL && (e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.' && strstr(e->d_name, "%%new") == NULL &&
		    !is_in_use(n, e->d_name))
			log_warnx("%s/%s holds a store that is not used: by "
				  "the layout no master of this node keeps "
				  "its entries there",
			    path, e->d_name);
	if (dir != NULL)
		closedir(dir);
	mu_free(path);
}

int
node_stores_open(struct node *n)
{
	struct stores_hooks hooks = { .open = hook_open, .ctx = n };
	uint64_t seed;

	if (id_seed(&seed) != 0)
		return MUSTER_ESYS;
	tell_of_unused(n);
	n->stores = mu_calloc(1, sizeof *n->stores);
	if (n->stores == NULL)
		return MUSTER_ENOMEM;
	n->stores->core = stores_new(
	    n->endpoint, n->layout, &hooks, seed, clock_now(), clock_wall());
	if (n->stores->core == NULL)
		return MUSTER_ENOMEM;
	control_set_stores(n->control, n->stores->core);
	return watch_commits(n);
}

void
node_stores_close(struct node *n)
{
	struct node_stores *s = n->stores;

	if (s == NULL)
		return;
	control_set_stores(n->control, NULL);
	for (size_t i = 0; i < s->ncommits; i++)
		loop_fd_free(s->commits[i]);
	mu_free(s->commits);
	if (s->core != NULL)
		stores_flush(s->core);
	stores_free(s->core);
	mu_free(s);
	n->stores = NULL;
}

int
node_stores_request(struct node *n, const char *store,
    const struct mu_store_request *req, void *caller)
{
	return stores_request(
	    n->stores->core, store, req, caller, clock_now(), clock_wall());
}

void
node_stores_forget(struct node *n, void *caller)
{
	if (n->stores != NULL && n->stores->core != NULL)
		stores_forget(n->stores->core, caller);
}

/* --- a turn ------------------------------------------------------------ */

static void
carry_out(struct node *n, const struct stores_out *out)
{
	switch (out->kind) {
	case STORES_DONE:
	case STORES_EVENT:
		if (!node_rules_written(n, out->caller, &out->what))
			control_store_out(n->control, out);
		break;
	case STORES_LOG:
		log_at((enum log_level)out->what.level, "store %s: %s",
		    out->name, out->what.text);
		break;
	}
}

void
node_stores_turn(struct node *n, uint64_t now)
{
	struct stores *s = n->stores->core;
	struct stores_out out;
	bool any = true;

	stores_tick(s, now, clock_wall());
	for (int i = 0; i < ROUNDS && any; i++) {
		any = false;
		stores_flush(s);
		while (stores_next(s, &out)) {
			carry_out(n, &out);
			any = true;
		}
	}
}

uint64_t
node_stores_deadline(const struct node *n)
{
	return stores_deadline(n->stores->core);
}
