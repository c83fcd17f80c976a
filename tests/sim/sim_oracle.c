/*
 * What stores must hold and may answer.  The oracle knows only what callers
 * could: when each request was made, when and how it was answered.  A write
 * without an answer, or with a time-out, may have happened or may yet.
 */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "muster/value.h"
#include "store/entry.h"

bool
oracle_loses(const struct sim *s, size_t row)
{
	return s->layout->stores[row].sync_ns > 0;
}

/* A memory master forgets everything when it is killed. */
static bool
forgets(const struct sim *s, size_t row)
{
	return s->layout->stores[row].backend == MU_STORE_BACKEND_MEMORY ||
	       oracle_loses(s, row);
}

static struct node *
master_of(struct sim *s, size_t row)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (strcmp(s->nodes[i].row->name,
			s->layout->stores[row].master) == 0)
			return &s->nodes[i];
	abort();
}

static struct muster_value *
lookup(struct sim *s, size_t row, enum ask_kind kind, size_t slot)
{
	struct mu_backend *b = node_stores_content(master_of(s, row), row);
	struct muster_value *key = ask_key(kind, slot), *v = NULL;
	struct mu_buf k;

	mu_buf_init(&k, 0);
	if (mu_entry_key(&k, key) != MU_STORE_OK)
		abort();
	if (mu_entry_get(b, mu_bytes_of(&k), &v) == MU_STORE_NOMEM)
		abort();
	mu_buf_clear(&k);
	muster_value_unref(key);
	return v;
}

static void
blame(struct sim *s, size_t row, const char *what, size_t which)
{
	const struct ask *a = &s->asks[which];

	fail(s, "%s: request %zu, %s at %s at %.6f s: %s",
	    s->layout->stores[row].name, which, ask_name(a->kind),
	    a->node->row->name, (double)a->start / 1e9, what);
}

/* --- registers ------------------------------------------------------------ */

/* When a write had taken place at the latest. */
static uint64_t
latest(const struct ask *w)
{
	return w->fate == FATE_HAPPENED ? w->end : UINT64_MAX;
}

/* A later write that certainly came after `when`, as far as reader (NULL: one
 * who sees all) must know; NO_ASK: none. */
static size_t
overwriter(const struct sim *s, size_t row, size_t slot, uint64_t when,
    const struct ask *reader)
{
	size_t i;

	for (i = 0; i < s->nasks; i++) {
		const struct ask *w = &s->asks[i];

		if ((w->kind != ASK_PUT && w->kind != ASK_ERASE) ||
		    w->row != row || w->slot != slot ||
		    w->fate != FATE_HAPPENED || w->start <= when)
			continue;
		if (reader == NULL ||
		    (w->node == reader->node && w->life == reader->life &&
			w->end < reader->start))
			return i;
	}
	return NO_ASK;
}

/* May the key be missing? */
static size_t
not_missing(
    const struct sim *s, size_t row, size_t slot, const struct ask *reader)
{
	size_t by = overwriter(s, row, slot, 0, reader), i;

	if (by == NO_ASK || s->asks[by].kind == ASK_ERASE)
		return NO_ASK;
	for (i = 0; i < s->nasks; i++) {
		const struct ask *e = &s->asks[i];
		size_t after;

		if (e->kind != ASK_ERASE || e->row != row || e->slot != slot ||
		    e->fate == FATE_FAILED)
			continue;
		after = overwriter(s, row, slot, latest(e), reader);
		if (after == NO_ASK)
			return NO_ASK;
	}
	return by;
}

static void
check_register(struct sim *s, size_t row, size_t slot,
    const struct muster_value *v, const struct ask *reader)
{
	size_t which, by;

	if (v == NULL) {
		by = not_missing(s, row, slot, reader);
		if (by != NO_ASK)
			blame(s, row, "acknowledged and lost", by);
		return;
	}
	which = (size_t)muster_value_get_count(v);
	if (which >= s->nasks || s->asks[which].kind != ASK_PUT ||
	    s->asks[which].row != row || s->asks[which].slot != slot) {
		fail(s, "%s: slot %zu holds %zu, which nobody put there",
		    s->layout->stores[row].name, slot, which);
		return;
	}
	if (s->asks[which].fate == FATE_FAILED)
		blame(s, row, "it failed and is there", which);
	by = overwriter(s, row, slot, latest(&s->asks[which]), reader);
	if (by != NO_ASK)
		blame(s, row, "acknowledged and lost to an older one", by);
}

/* --- reads ---------------------------------------------------------------- */

static void
read_expiring(struct sim *s, struct ask *a, const struct muster_value *v)
{
	const struct ask *w = &s->asks[a->slot];

	if (v == NULL && w->life == a->life && !forgets(s, a->row) &&
	    s->now < w->start + w->amount)
		blame(s, a->row, "gone before its time", a->slot);
}

static void
note_seen(struct sim *s, struct ask *reader, const struct muster_value *v)
{
	size_t which = v == NULL ? NO_ASK : (size_t)muster_value_get_count(v);
	bool master;

	if (which == NO_ASK)
		return;
	if (which >= s->nasks) {
		fail(s, "%s holds what nobody wrote",
		    s->layout->stores[reader->row].name);
		return;
	}
	node_has_store(reader->node, reader->row, &master);
	/* A master shows what is not committed, and may have to undo it. */
	if (master)
		return;
	s->asks[which].seen = true;
	if (s->asks[which].fate == FATE_FAILED && !oracle_loses(s, reader->row))
		blame(s, reader->row, "it failed and a clone shows it", which);
}

void
oracle_read(struct sim *s, struct ask *a, const struct muster_value *v)
{
	if (a->status != MU_STORE_OK && a->status != MU_STORE_NO_SUCH_KEY)
		return;
	if (a->status != MU_STORE_OK)
		v = NULL;
	a->fate = FATE_HAPPENED;
	note_seen(s, a, v);
	if (a->of == ASK_SWAP)
		a->expected =
		    v == NULL ? NO_ASK : (size_t)muster_value_get_count(v);
	if (a->of == ASK_EXPIRING)
		read_expiring(s, a, v);
	if (a->of == ASK_PUT && !forgets(s, a->row))
		check_register(s, a->row, a->slot, v, a);
}

/* --- expiry --------------------------------------------------------------- */

void
oracle_expired(
    struct node *n, size_t row, bool master, const struct muster_value *key)
{
	struct sim *s = n->sim;
	const size_t skip = strlen(ask_name(ASK_EXPIRING));
	size_t len, which;
	const char *text = muster_value_get_string(key, &len);
	struct ask *a;

	if (len <= skip || memcmp(text, ask_name(ASK_EXPIRING), skip) != 0) {
		fail(s, "%s: %.*s expires, which never should", n->row->name,
		    (int)len, text);
		return;
	}
	which = strtoul(text + skip, NULL, 10);
	a = &s->asks[which];
	if (master && s->now < a->start + a->amount)
		blame(s, row, "expires too early", which);
	if (!master && !a->expired)
		blame(s, row, "expires at a clone before the master", which);
	a->expired = a->expired || master;
}

/* --- at rest -------------------------------------------------------------- */

static bool
same_bytes(struct mu_bytes a, struct mu_bytes b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static struct muster_value *
decode(struct mu_bytes b)
{
	struct muster_value *v;

	if (muster_value_dec(b.at, b.len, &v) != 0)
		abort();
	return v;
}

/* The first key in which they differ, counted; NULL: they do not. */
static struct muster_value *
difference(struct mu_backend *a, struct mu_backend *b)
{
	struct mu_bytes at = { NULL, 0 }, bt = { NULL, 0 }, av, bv;
	int64_t deadline;

	for (;;) {
		bool more = a->ops->after(a, at, &at, &av, &deadline) == 0;

		if (b->ops->after(b, bt, &bt, &bv, &deadline) != 0)
			return more ? decode(at) : NULL;
		if (!more || !same_bytes(at, bt))
			return decode(bt);
		if (!same_bytes(av, bv))
			return decode(at);
	}
}

/* Has n the content that it should?  Else why. */
static bool
equal(struct sim *s, const struct node *n, size_t row, char *why, size_t size)
{
	struct mu_backend *b = node_stores_content(n, row);
	const char *what = "the master";
	struct muster_value *key;
	size_t len;
	char *text;

	if (b == NULL)
		return true;
	key = difference(b, node_stores_content(master_of(s, row), row));
	if (key == NULL) {
		what = "its events";
		key = difference(b, n->shadows[row]);
	}
	if (key == NULL)
		return true;
	if (muster_value_to_text(key, &text, &len) != 0)
		abort();
	muster_value_unref(key);
	snprintf(why, size, "%s: %s differs from %s in %.*s", n->row->name,
	    s->layout->stores[row].name, what, (int)len, text);
	free(text);
	return false;
}

bool
oracle_equal(struct sim *s, char *why, size_t size)
{
	size_t row, i, which;

	if (asks_open(s, &which)) {
		snprintf(why, size, "request %zu, %s at %s, is not answered",
		    which, ask_name(s->asks[which].kind),
		    s->asks[which].node->row->name);
		return false;
	}
	for (row = 0; row < s->layout->nstores; row++)
		for (i = 0; i < s->n; i++)
			if (!equal(s, &s->nodes[i], row, why, size))
				return false;
	return true;
}

static void
rest_sum(struct sim *s, size_t row)
{
	struct muster_value *v = lookup(s, row, ASK_ADD, 0);
	uint64_t sure = 0, maybe = 0, is;
	size_t i;

	for (i = 0; i < s->nasks; i++) {
		const struct ask *a = &s->asks[i];

		if (a->kind != ASK_ADD || a->row != row)
			continue;
		sure += a->fate == FATE_HAPPENED ? a->amount : 0;
		maybe += a->fate == FATE_UNKNOWN ? a->amount : 0;
	}
	is = v == NULL ? 0 : muster_value_get_count(v);
	if (is > sure + maybe || (is < sure && !forgets(s, row)))
		fail(s, "%s: the sum is %llu, not %llu and at most %llu more",
		    s->layout->stores[row].name, (unsigned long long)is,
		    (unsigned long long)sure, (unsigned long long)maybe);
	muster_value_unref(v);
}

static bool
in_set(const struct muster_value *set, size_t which)
{
	struct muster_value *v = muster_value_count(which);
	bool in = set != NULL && muster_value_contains(set, v);

	muster_value_unref(v);
	return in;
}

static void
rest_set(struct sim *s, size_t row)
{
	struct muster_value *set = lookup(s, row, ASK_INSERT, 0);
	bool *touched = calloc(s->nasks + 1, sizeof *touched);
	size_t i;

	for (i = 0; i < s->nasks; i++) {
		const struct ask *a = &s->asks[i];

		if (a->kind != ASK_REMOVE || a->row != row)
			continue;
		touched[a->slot] = touched[a->slot] || a->fate != FATE_FAILED;
		if (a->fate == FATE_HAPPENED && !oracle_loses(s, row) &&
		    in_set(set, a->slot))
			blame(s, row, "it removed what is there", i);
	}
	for (i = 0; i < s->nasks; i++) {
		const struct ask *a = &s->asks[i];

		if (a->kind != ASK_INSERT || a->row != row || touched[i])
			continue;
		if (a->fate == FATE_HAPPENED && !forgets(s, row) &&
		    !in_set(set, i))
			blame(s, row, "acknowledged and lost", i);
		if (a->fate == FATE_FAILED && in_set(set, i))
			blame(s, row, "it failed and is there", i);
	}
	free(touched);
	muster_value_unref(set);
}

/* Of a list that was only pushed to: each once. */
static void
rest_log(struct sim *s, size_t row)
{
	struct muster_value *list = lookup(s, row, ASK_PUSH, 0);
	unsigned *times = calloc(s->nasks + 1, sizeof *times);
	size_t n = list == NULL ? 0 : muster_value_size(list), i;

	for (i = 0; i < n; i++) {
		uint64_t which =
		    muster_value_get_count(muster_value_at(list, i));

		times[which < s->nasks ? which : s->nasks]++;
	}
	for (i = 0; i < s->nasks; i++) {
		const struct ask *a = &s->asks[i];
		bool mine = a->kind == ASK_PUSH && a->row == row;

		if (times[i] > 1)
			blame(s, row, "it happened twice", i);
		if (times[i] > 0 && (!mine || a->fate == FATE_FAILED))
			blame(s, row, "it failed and is there", i);
		if (times[i] == 0 && mine && a->fate == FATE_HAPPENED &&
		    !forgets(s, row))
			blame(s, row, "acknowledged and lost", i);
	}
	if (times[s->nasks] > 0)
		fail(s, "%s: pushed by nobody", s->layout->stores[row].name);
	free(times);
	muster_value_unref(list);
}

static void
rest_unique(struct sim *s, size_t row)
{
	size_t i, k;

	for (i = 0; i < s->nasks && !forgets(s, row); i++) {
		const struct ask *a = &s->asks[i];
		struct muster_value *v;

		if (a->kind != ASK_UNIQUE || a->row != row)
			continue;
		v = lookup(s, row, ASK_UNIQUE, a->slot);
		if (a->fate == FATE_HAPPENED &&
		    (v == NULL || muster_value_get_count(v) != i))
			blame(s, row, "it won, and is not there", i);
		if (a->status == MU_STORE_CONDITION && v == NULL)
			blame(s, row, "it lost to nobody", i);
		for (k = 0; k < i && a->fate == FATE_HAPPENED; k++)
			if (s->asks[k].kind == ASK_UNIQUE &&
			    s->asks[k].row == row &&
			    s->asks[k].slot == a->slot &&
			    s->asks[k].fate == FATE_HAPPENED)
				blame(s, row, "a second winner", i);
		muster_value_unref(v);
	}
}

/* Each swap names the one before: they are a chain that ends in what is
 * there, and no acknowledged one stands beside it. */
static void
rest_swaps(struct sim *s, size_t row)
{
	struct muster_value *v = lookup(s, row, ASK_SWAP, 0);
	bool *on = calloc(s->nasks + 1, sizeof *on);
	size_t at = v == NULL ? NO_ASK : (size_t)muster_value_get_count(v), i;

	for (; at != NO_ASK && at < s->nasks && !on[at];
	     at = s->asks[at].expected) {
		on[at] = true;
		if (s->asks[at].kind != ASK_SWAP || s->asks[at].row != row)
			fail(s, "%s: swapped by nobody",
			    s->layout->stores[row].name);
		if (s->asks[at].fate == FATE_FAILED)
			blame(s, row, "it failed and was there", at);
	}
	for (i = 0; i < s->nasks && !forgets(s, row); i++)
		if (s->asks[i].kind == ASK_SWAP && s->asks[i].row == row &&
		    s->asks[i].fate == FATE_HAPPENED && !on[i])
			blame(s, row, "a second swap of the same", i);
	free(on);
	muster_value_unref(v);
}

static void
rest_registers(struct sim *s, size_t row)
{
	bool slots[64] = { false };
	size_t i;

	for (i = 0; i < s->nasks; i++)
		if (s->asks[i].kind == ASK_PUT && s->asks[i].slot < 64)
			slots[s->asks[i].slot] = true;
	for (i = 0; i < 64; i++)
		if (slots[i]) {
			struct muster_value *v = lookup(s, row, ASK_PUT, i);

			check_register(s, row, i, v, NULL);
			muster_value_unref(v);
		}
}

static void
rest_expired(struct sim *s, size_t row)
{
	size_t i;

	for (i = 0; i < s->nasks; i++) {
		struct muster_value *v;

		if (s->asks[i].kind != ASK_EXPIRING || s->asks[i].row != row)
			continue;
		v = lookup(s, row, ASK_EXPIRING, i);
		/* A write that waited may have been applied late. */
		if (v != NULL && s->asks[i].fate == FATE_HAPPENED &&
		    s->now > s->asks[i].end + s->asks[i].amount + SECOND)
			blame(s, row, "it does not expire", i);
		muster_value_unref(v);
	}
}

void
oracle_rest(struct sim *s)
{
	size_t row;

	for (row = 0; row < s->layout->nstores && !s->failed; row++) {
		rest_sum(s, row);
		rest_set(s, row);
		rest_log(s, row);
		rest_unique(s, row);
		rest_swaps(s, row);
		rest_expired(s, row);
		if (!forgets(s, row))
			rest_registers(s, row);
	}
}
