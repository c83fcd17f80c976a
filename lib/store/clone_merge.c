/*
 * Snapshots: a range of keys is made equal to the pairs that came, in one
 * message or in pieces, by walking both in the order of keys.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cursor.h"
#include "muster/err.h"
#include "store/clone_impl.h"
#include "value/codec.h"

struct pair {
	struct mu_bytes key, value;
	size_t at; /* of key, in the buffer of those written anew */
};

static int
cmp_pairs(const void *a, const void *b)
{
	return mu_key_cmp(
	    ((const struct pair *)a)->key, ((const struct pair *)b)->key);
}

static struct mu_bytes
skip_value(struct mu_cursor *cur)
{
	struct mu_bytes b = { cur->at, 0 };

	mu_value_skip(cur);
	if (cur->error == 0)
		b.len = (size_t)(cur->at - b.at);
	return b;
}

/* Masters of our own kind send keys as they are kept. */
static int
list_own(const struct mu_command *cmd, struct pair *pairs)
{
	struct mu_cursor cur = mu_cursor_over(cmd->entries, cmd->entries_len);

	for (uint32_t i = 0; i < cmd->nentries && cur.error == 0; i++) {
		pairs[i].key = skip_value(&cur);
		pairs[i].value = skip_value(&cur);
	}
	return cur.error;
}

/* Those of another's are decoded and encoded anew: equal ones have equal bytes
 * then. */
static int
list_foreign(
    const struct mu_command *cmd, struct pair *pairs, struct mu_buf *keys)
{
	struct mu_cursor cur = mu_cursor_over(cmd->entries, cmd->entries_len);

	for (uint32_t i = 0; i < cmd->nentries && cur.error == 0; i++) {
		struct muster_value *k = mu_value_dec(&cur);
		struct mu_buf key;

		mu_buf_init(&key, 0);
		pairs[i].at = mu_buf_len(keys);
		if (k != NULL && mu_entry_key(&key, k) == MU_STORE_OK)
			mu_buf_put(keys, mu_buf_data(&key), mu_buf_len(&key));
		else if (cur.error == 0)
			mu_cursor_fail(&cur, MUSTER_EPROTO);
		mu_buf_clear(&key);
		muster_value_unref(k);
		pairs[i].key.len = mu_buf_len(keys) - pairs[i].at;
		pairs[i].value = skip_value(&cur);
	}
	if (cur.error != 0 || mu_buf_error(keys) != 0)
		return cur.error != 0 ? cur.error : mu_buf_error(keys);
	for (uint32_t i = 0; i < cmd->nentries; i++)
		pairs[i].key.at = mu_buf_data(keys) + pairs[i].at;
	return 0;
}

/* In the order of keys; those of another's are in none. */
static void
sort_pairs(struct pair *pairs, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (cmp_pairs(&pairs[i - 1], &pairs[i]) > 0) {
			qsort(pairs, n, sizeof *pairs, cmp_pairs);
			return;
		}
}

/* The first key of the copy behind those that were merged: as long as it lies
 * behind a pair, that pair is new, and nothing needs to be looked up. */
struct ahead {
	struct mu_buf key;
	bool end; /* there is none */
};

static int
look_ahead(struct mu_clone *c, struct mu_bytes from, struct ahead *next)
{
	struct mu_bytes key, value;
	int64_t deadline;
	int rc = clone_medium(c,
	    c->backend->ops->after(c->backend, from, &key, &value, &deadline));

	next->end = rc == MUSTER_ENOENT;
	mu_buf_reset(&next->key);
	if (rc == 0)
		mu_buf_put(&next->key, key.at, key.len);
	return next->end ? 0 : rc != 0 ? rc : mu_buf_error(&next->key);
}

/* Erase what lies before end (at NULL: all), as no pair has it. */
static int
erase_ahead(struct mu_clone *c, struct mu_bytes end, struct ahead *next)
{
	int rc = 0;

	while (
	    rc == 0 && !next->end &&
	    (end.at == NULL || mu_key_cmp(mu_bytes_of(&next->key), end) < 0)) {
		rc = clone_erase(
		    c, mu_bytes_of(&next->key), MU_STORE_ERASED, &c->master);
		if (rc == 0) {
			struct mu_buf gone = next->key;

			mu_buf_init(&next->key, 0);
			rc = look_ahead(c, mu_bytes_of(&gone), next);
			mu_buf_clear(&gone);
		}
	}
	return rc;
}

static int
merge_present(struct mu_clone *c, const struct pair *p,
    const struct mu_command *cause, struct ahead *next)
{
	struct mu_bytes value;
	int64_t deadline;
	int rc = clone_medium(
	    c, c->backend->ops->get(c->backend, p->key, &value, &deadline));

	if (rc == 0 && mu_bytes_cmp(value, p->value) != 0)
		rc = clone_put(c, p->key, p->value, cause, false);
	return rc != 0 ? rc : look_ahead(c, p->key, next);
}

static int
merge_sorted(struct mu_clone *c, struct mu_bytes from, const struct pair *pairs,
    size_t n, bool to_end)
{
	struct mu_command cause = { .publisher = c->master };
	struct mu_bytes all = { NULL, 0 };
	struct ahead next;
	int rc;

	mu_buf_init(&next.key, 0);
	rc = look_ahead(c, from, &next);
	for (size_t i = 0; i < n && rc == 0; i++) {
		const struct pair *p = &pairs[i];

		/* What came already is in the copy as it is by now. */
		if (from.at != NULL && mu_key_cmp(p->key, from) <= 0)
			continue;
		/* A key that comes twice. */
		if (i > 0 && cmp_pairs(p - 1, p) == 0) {
			rc = clone_put(c, p->key, p->value, &cause, false);
			continue;
		}
		rc = erase_ahead(c, p->key, &next);
		if (rc != 0)
			break;
		if (!next.end &&
		    mu_bytes_cmp(mu_bytes_of(&next.key), p->key) == 0)
			rc = merge_present(c, p, &cause, &next);
		else
			rc = clone_put(c, p->key, p->value, &cause, true);
	}
	if (rc == 0 && to_end)
		rc = erase_ahead(c, all, &next);
	mu_buf_clear(&next.key);
	return rc;
}

int
clone_merge(struct mu_clone *c, struct mu_bytes from,
    const struct mu_command *cmd, bool to_end, struct mu_buf *last)
{
	struct pair *pairs =
	    mu_calloc((size_t)cmd->nentries + 1, sizeof *pairs);
	struct mu_buf keys;
	int rc = pairs == NULL ? MUSTER_ENOMEM : 0;

	mu_buf_init(&keys, 0);
	if (rc == 0)
		rc = cmd->tag == MU_CMD_CHUNK ? list_own(cmd, pairs)
					      : list_foreign(cmd, pairs, &keys);
	if (rc == 0) {
		sort_pairs(pairs, cmd->nentries);
		rc = merge_sorted(c, from, pairs, cmd->nentries, to_end);
	}
	if (rc == 0 && last != NULL && cmd->nentries > 0) {
		struct mu_bytes key = pairs[cmd->nentries - 1].key;

		mu_buf_reset(last);
		mu_buf_put(last, key.at, key.len);
		rc = mu_buf_error(last);
	}
	mu_buf_clear(&keys);
	mu_free(pairs);
	return rc;
}
