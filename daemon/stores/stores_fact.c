/* What status says about stores. */
#include "stores/stores_impl.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "muster/err.h"
#include "stores/backend_lmdb.h"

#define SECOND INT64_C(1000000000)

size_t
stores_count(const struct stores *s)
{
	return s->n;
}

struct mu_backend *
stores_backend(const struct stores *s, size_t i, bool *lmdb)
{
	*lmdb = s->list[i].kind == MU_STORE_BACKEND_LMDB;
	return s->list[i].backend;
}

static void
put_since(char *out, size_t size, int64_t wall)
{
	time_t at = (time_t)(wall / SECOND);
	struct tm tm;
	char text[32];

	if (gmtime_r(&at, &tm) == NULL ||
	    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(out, size, "stale");
	else
		snprintf(out, size, "stale since %s", text);
}

static void
clone_state_text(struct store *st, const struct mu_clone_stats *c)
{
	struct mu_store_now now = stores_now(st->all);

	switch (c->state) {
	case MU_STORE_SEARCHING:
		snprintf(st->state, sizeof st->state, "searching");
		break;
	case MU_STORE_ATTACHING:
		snprintf(st->state, sizeof st->state, "attaching %u %%",
		    c->percent);
		break;
	case MU_STORE_FRESH:
		snprintf(st->state, sizeof st->state, "fresh");
		break;
	case MU_STORE_OLD:
		put_since(st->state, sizeof st->state,
		    now.wall - (int64_t)c->stale_ns);
		break;
	}
}

/* --- masters ------------------------------------------------------------ */

static const char *
master_state(const struct store *st, const struct mu_master_stats *m)
{
	if (st->refused)
		return "refused";
	if (m->trouble == MU_STORE_FULL)
		return "full";
	if (m->trouble != MU_STORE_OK && m->trouble != MU_STORE_DAMAGED)
		return "failing";
	if (m->trouble == MU_STORE_DAMAGED || m->ndamaged > 0)
		return "damaged";
	return "fresh";
}

/* Less than the medium may say about itself. */
static const char *
trouble_text(const struct store *st, const struct mu_master_stats *m)
{
	if (m->trouble == MU_STORE_FULL &&
	    st->kind == MU_STORE_BACKEND_MEMORY)
		return "store is full: max_size is reached";
	return mu_store_status_name(m->trouble);
}

static const char *
damage_text(struct store *st, const struct mu_master_stats *m)
{
	if (m->damaged[0] == '\0')
		return "a record is damaged";
	snprintf(st->damage, sizeof st->damage,
	    "the record of key %s is damaged", m->damaged);
	return st->damage;
}

static void
master_fact(struct store *st, struct stores_fact *out)
{
	struct mu_master_stats m;

	mu_master_stats(st->master, &m);
	snprintf(st->state, sizeof st->state, "%s", master_state(st, &m));
	if (m.trouble != MU_STORE_OK)
		out->error = trouble_text(st, &m);
	else if (m.ndamaged > 0)
		out->error = damage_text(st, &m);
	out->entries = m.entries;
	out->seq = m.seq;
	out->lag = m.lag;
	out->clones = m.clones;
	out->writers = m.writers;
	out->pending = m.pending;
	out->nwrites = m.nwrites;
	out->nfailed = m.nfailed;
	out->nexpired = m.nexpired;
}

static void
clone_fact(struct store *st, struct stores_fact *out)
{
	struct mu_clone_stats c;

	mu_clone_stats(st->clone, &c);
	clone_state_text(st, &c);
	out->entries = c.entries;
	out->seq = c.seq;
	out->lag = c.lag;
	out->pending = c.writes + c.queries;
}

static void
medium_fact(struct store *st, struct stores_fact *out)
{
	struct backend_lmdb_facts f;

	if (st->backend == NULL || st->kind != MU_STORE_BACKEND_LMDB)
		return;
	backend_lmdb_facts(st->backend, &f);
	out->bytes = f.file_bytes;
	out->unsynced = f.synced < f.sealed ? f.pending_bytes : 0;
	if (f.reason[0] != '\0')
		out->error = f.reason;
	else if (f.read_only)
		out->error = "the file may not be written";
	else if (f.damaged && out->error == NULL)
		out->error = "a record that expires is damaged";
	if (st->master == NULL || strcmp(st->state, "fresh") != 0)
		return;
	/* With an interval the master does not learn of failures. */
	if (f.err != 0)
		snprintf(st->state, sizeof st->state, "%s",
		    f.err == MUSTER_ELIMIT ? "full" : "failing");
	else if (f.read_only || f.damaged)
		snprintf(st->state, sizeof st->state, "%s",
		    f.read_only ? "read-only" : "damaged");
}

void
stores_fact(const struct stores *s, size_t i, struct stores_fact *out)
{
	struct store *st = &s->list[i];

	memset(out, 0, sizeof *out);
	out->name = st->name;
	out->master = st->is_master;
	out->master_node = st->row_master;
	out->backend =
	    st->kind == MU_STORE_BACKEND_LMDB ? "lmdb" : "memory";
	if (st->master != NULL)
		master_fact(st, out);
	else if (st->clone != NULL)
		clone_fact(st, out);
	else
		snprintf(st->state, sizeof st->state, "failed");
	out->state = st->state;
	medium_fact(st, out);
	if (st->second[0] != '\0')
		out->error = st->second;
	if (st->error[0] != '\0')
		out->error = st->error;
}
