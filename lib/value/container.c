/*
 * Vectors, sets and tables.  A set is a sorted array: small, compared and
 * encoded in order for nothing, and searched by halves.  Decoders push first
 * and settle once, so that a large set costs n log n and a sorted one n.
 *
 * A container that was put into another one is held: it cannot change any
 * more, because its holder's order and depth depend on it.
 */
#include "muster/value.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/export.h"
#include "muster/err.h"
#include "value/node.h"

#define FIRST_CAP 4

MU_EXPORT struct muster_value *
muster_value_vector(void)
{
	return mu_node_new(MUSTER_VECTOR);
}

MU_EXPORT struct muster_value *
muster_value_set(void)
{
	return mu_node_new(MUSTER_SET);
}

MU_EXPORT struct muster_value *
muster_value_table(void)
{
	return mu_node_new(MUSTER_TABLE);
}

/* Pointers per element: a table's are pairs. */
static uint32_t
stride(const struct muster_value *v)
{
	return v->type == MUSTER_TABLE ? 2 : 1;
}

/* Room for n more pointers.  Growth follows what is really there, never what
 * an encoding claims. */
static int
make_room(struct mu_items *items, uint32_t n)
{
	struct muster_value **at;
	uint32_t cap;

	if (items->cap - items->n >= n)
		return 0;
	if (items->cap > UINT32_MAX / 2)
		return MUSTER_ELIMIT;
	cap = items->cap == 0 ? FIRST_CAP : items->cap * 2;
	at = mu_reallocarray(items->at, cap, sizeof(struct muster_value *));
	if (at == NULL)
		return MUSTER_ENOMEM;
	items->at = at;
	items->cap = cap;
	return 0;
}

/* May e become a part of v? */
static int
may_hold(const struct muster_value *v, const struct muster_value *e)
{
	if (e == v)
		return MUSTER_EINVAL;
	return e->depth >= MUSTER_MAX_DEPTH ? MUSTER_ELIMIT : 0;
}

static void
hold(struct muster_value *v, struct muster_value *e)
{
	if (!mu_node_is_container(e))
		return; /* and do not write to the immortal ones */
	e->held = true;
	if (e->depth >= v->depth)
		v->depth = (uint8_t)(e->depth + 1);
}

int
mu_node_push(struct muster_value *v, struct muster_value *e)
{
	struct mu_items *items = &v->u.items;
	int rc = e == NULL ? MUSTER_ENOMEM : may_hold(v, e);

	if (rc == 0)
		rc = make_room(items, 1);
	if (rc != 0) {
		muster_value_unref(e);
		return rc;
	}
	items->at[items->n++] = e;
	hold(v, e);
	return 0;
}

static int
cmp_elements(const void *a, const void *b)
{
	const struct muster_value *const *x = a, *const *y = b;

	return muster_value_cmp(*x, *y);
}

int
mu_node_settle(struct muster_value *v)
{
	struct mu_items *items = &v->u.items;
	uint32_t step = stride(v);
	bool sorted = true;

	if (v->type == MUSTER_VECTOR)
		return 0;
	for (uint32_t i = step; i < items->n && sorted; i += step)
		sorted =
		    muster_value_cmp(items->at[i - step], items->at[i]) < 0;
	if (sorted)
		return 0;
	qsort(items->at, items->n / step, step * sizeof items->at[0],
	    cmp_elements);
	for (uint32_t i = step; i < items->n; i += step)
		if (muster_value_cmp(items->at[i - step], items->at[i]) == 0)
			return MUSTER_EEXIST;
	return 0;
}

/* Where key is, or where it belongs; in pointers. */
static bool
find(const struct muster_value *v, const struct muster_value *key,
    uint32_t *where)
{
	uint32_t step = stride(v), lo = 0, hi = v->u.items.n / step;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;
		int c = muster_value_cmp(key, v->u.items.at[mid * step]);

		if (c == 0) {
			*where = mid * step;
			return true;
		}
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	*where = lo * step;
	return false;
}

/* Can v of that type be built on, and does it take e? */
static int
check_build(const struct muster_value *v, enum muster_type type,
    const struct muster_value *e)
{
	if (v == NULL || e == NULL)
		return MUSTER_ENOMEM;
	if (v->type != type)
		return MUSTER_ETYPE;
	if (v->refs != 1 || v->held)
		return MUSTER_EPERM;
	return may_hold(v, e);
}

MU_EXPORT int
muster_value_append(struct muster_value *vector, struct muster_value *e)
{
	int rc = check_build(vector, MUSTER_VECTOR, e);

	if (rc == 0)
		return mu_node_push(vector, e);
	muster_value_unref(e);
	return rc;
}

MU_EXPORT int
muster_value_insert(struct muster_value *set, struct muster_value *e)
{
	int rc = check_build(set, MUSTER_SET, e);
	struct mu_items *items;
	uint32_t i;

	if (rc == 0 && find(set, e, &i))
		rc = MUSTER_EEXIST;
	if (rc == 0)
		rc = make_room(&set->u.items, 1);
	if (rc != 0) {
		muster_value_unref(e);
		return rc;
	}
	items = &set->u.items;
	memmove(&items->at[i + 1], &items->at[i],
	    (items->n - i) * sizeof items->at[0]);
	items->at[i] = e;
	items->n++;
	hold(set, e);
	return 0;
}

static void
open_pair(struct mu_items *items, uint32_t i)
{
	memmove(&items->at[i + 2], &items->at[i],
	    (items->n - i) * sizeof items->at[0]);
	items->n += 2;
}

MU_EXPORT int
muster_value_put(struct muster_value *table, struct muster_value *key,
    struct muster_value *v)
{
	int rc = check_build(table, MUSTER_TABLE, key);
	struct mu_items *items;
	uint32_t i;

	if (rc == 0)
		rc = check_build(table, MUSTER_TABLE, v);
	if (rc == 0 && find(table, key, &i)) {
		items = &table->u.items;
		muster_value_unref(items->at[i + 1]);
		muster_value_unref(key);
		items->at[i + 1] = v;
		hold(table, v);
		return 0;
	}
	if (rc == 0)
		rc = make_room(&table->u.items, 2);
	if (rc != 0) {
		muster_value_unref(key);
		muster_value_unref(v);
		return rc;
	}
	items = &table->u.items;
	open_pair(items, i);
	items->at[i] = key;
	items->at[i + 1] = v;
	hold(table, key);
	hold(table, v);
	return 0;
}

/* --- access ------------------------------------------------------------ */

MU_EXPORT size_t
muster_value_size(const struct muster_value *v)
{
	return mu_node_is_container(v) ? v->u.items.n / stride(v) : 0;
}

MU_EXPORT const struct muster_value *
muster_value_at(const struct muster_value *v, size_t i)
{
	if (i >= muster_value_size(v))
		return NULL;
	return v->u.items.at[i * stride(v)];
}

MU_EXPORT const struct muster_value *
muster_value_at_value(const struct muster_value *v, size_t i)
{
	if (v->type != MUSTER_TABLE || i >= muster_value_size(v))
		return NULL;
	return v->u.items.at[i * 2 + 1];
}

MU_EXPORT const struct muster_value *
muster_value_lookup(
    const struct muster_value *table, const struct muster_value *key)
{
	uint32_t i;

	if (table->type != MUSTER_TABLE || !find(table, key, &i))
		return NULL;
	return table->u.items.at[i + 1];
}

MU_EXPORT bool
muster_value_contains(
    const struct muster_value *set, const struct muster_value *e)
{
	uint32_t i;

	return set->type == MUSTER_SET && find(set, e, &i);
}
