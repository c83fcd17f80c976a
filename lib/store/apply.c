/*
 * Arithmetic on stored values.  The stored type decides, not the operation's
 * name: inserting into a string appends to it, as in Broker.  Counts and
 * integers wrap.
 */
#include "store/apply.h"

#include <string.h>

#include "base/alloc.h"
#include "muster/err.h"

static enum mu_store_status
made(struct muster_value *v, struct muster_value **out)
{
	*out = v;
	return v == NULL ? MU_STORE_NOMEM : MU_STORE_OK;
}

/* The outcome of building v (taken) with result rc. */
static enum mu_store_status
built(struct muster_value *v, int rc, struct muster_value **out)
{
	if (v != NULL && rc == 0)
		return made(v, out);
	muster_value_unref(v);
	return rc == MUSTER_ELIMIT ? MU_STORE_TOO_LARGE : MU_STORE_NOMEM;
}

/* --- numbers ----------------------------------------------------------- */

static uint64_t
sum(uint64_t a, uint64_t b, bool minus)
{
	return minus ? a - b : a + b;
}

/* Two's complement, without the undefined overflow. */
static int64_t
signed_sum(int64_t a, int64_t b, bool minus)
{
	return (int64_t)sum((uint64_t)a, (uint64_t)b, minus);
}

static enum mu_store_status
add_number(const struct muster_value *old, const struct muster_value *amount,
    bool minus, struct muster_value **out)
{
	int64_t ns = muster_value_get_ns(old), by = muster_value_get_ns(amount);

	switch (muster_value_type(old)) {
	case MUSTER_COUNT:
		return made(muster_value_count(sum(muster_value_get_count(old),
				muster_value_get_count(amount), minus)),
		    out);
	case MUSTER_INTEGER:
		return made(muster_value_integer(
				signed_sum(muster_value_get_integer(old),
				    muster_value_get_integer(amount), minus)),
		    out);
	case MUSTER_REAL:
		return made(
		    muster_value_real(muster_value_get_real(old) +
				      (minus ? -muster_value_get_real(amount)
					     : muster_value_get_real(amount))),
		    out);
	case MUSTER_TIMESPAN:
		return made(
		    muster_value_timespan(signed_sum(ns, by, minus)), out);
	default:
		return made(
		    muster_value_timestamp(signed_sum(ns, by, minus)), out);
	}
}

/* --- texts and containers ---------------------------------------------- */

static enum mu_store_status
append_text(const struct muster_value *old, const struct muster_value *more,
    struct muster_value **out)
{
	size_t n, m;
	const char *a = muster_value_get_string(old, &n);
	const char *b = muster_value_get_string(more, &m);
	char *both = mu_malloc(n + m + 1);

	if (both == NULL)
		return MU_STORE_NOMEM;
	memcpy(both, a, n);
	memcpy(both + n, b, m);
	*out = muster_value_string(both, n + m);
	mu_free(both);
	return made(*out, out);
}

/* The first n elements of a vector, or a set without one element. */
static enum mu_store_status
copy_list(const struct muster_value *old, size_t n,
    const struct muster_value *without, const struct muster_value *with,
    struct muster_value **out)
{
	bool is_set = muster_value_type(old) == MUSTER_SET;
	struct muster_value *v =
	    is_set ? muster_value_set() : muster_value_vector();
	int rc = v == NULL ? MUSTER_ENOMEM : 0;

	for (size_t i = 0; i < n && rc == 0; i++) {
		const struct muster_value *e = muster_value_at(old, i);

		if (without != NULL && muster_value_cmp(e, without) == 0)
			continue;
		rc = is_set ? muster_value_insert(v, muster_value_ref(e))
			    : muster_value_append(v, muster_value_ref(e));
	}
	if (rc == 0 && with != NULL)
		rc = is_set ? muster_value_insert(v, muster_value_ref(with))
			    : muster_value_append(v, muster_value_ref(with));
	return built(v, rc == MUSTER_EEXIST ? 0 : rc, out);
}

static enum mu_store_status
copy_table(const struct muster_value *old, const struct muster_value *without,
    const struct muster_value *key, const struct muster_value *value,
    struct muster_value **out)
{
	struct muster_value *t = muster_value_table();
	int rc = t == NULL ? MUSTER_ENOMEM : 0;

	for (size_t i = 0; i < muster_value_size(old) && rc == 0; i++) {
		const struct muster_value *k = muster_value_at(old, i);

		if (without == NULL || muster_value_cmp(k, without) != 0)
			rc = muster_value_put(t, muster_value_ref(k),
			    muster_value_ref(muster_value_at_value(old, i)));
	}
	if (rc == 0 && key != NULL)
		rc = muster_value_put(
		    t, muster_value_ref(key), muster_value_ref(value));
	return built(t, rc, out);
}

static enum mu_store_status
put_pair(const struct muster_value *table, const struct muster_value *pair,
    struct muster_value **out)
{
	if (muster_value_type(pair) != MUSTER_VECTOR)
		return MU_STORE_TYPE_CLASH;
	if (muster_value_size(pair) != 2)
		return MU_STORE_INVALID;
	return copy_table(table, NULL, muster_value_at(pair, 0),
	    muster_value_at(pair, 1), out);
}

/* --- both operations --------------------------------------------------- */

/* What may be added to or taken from a stored number. */
static bool
fits(const struct muster_value *old, const struct muster_value *amount)
{
	enum muster_type stored = muster_value_type(old);
	enum muster_type given = muster_value_type(amount);

	return stored == MUSTER_TIMESTAMP ? given == MUSTER_TIMESPAN
					  : given == stored;
}

static enum mu_store_status
add_to(const struct muster_value *old, const struct muster_value *amount,
    struct muster_value **out)
{
	switch (muster_value_type(old)) {
	case MUSTER_COUNT:
	case MUSTER_INTEGER:
	case MUSTER_REAL:
	case MUSTER_TIMESPAN:
	case MUSTER_TIMESTAMP:
		if (!fits(old, amount))
			return MU_STORE_TYPE_CLASH;
		return add_number(old, amount, false, out);
	case MUSTER_STRING:
		if (muster_value_type(amount) != MUSTER_STRING)
			return MU_STORE_TYPE_CLASH;
		return append_text(old, amount, out);
	case MUSTER_VECTOR:
	case MUSTER_SET:
		return copy_list(
		    old, muster_value_size(old), NULL, amount, out);
	case MUSTER_TABLE:
		return put_pair(old, amount, out);
	default:
		return MU_STORE_TYPE_CLASH;
	}
}

/* The zero of a type that has a sum; NULL for others (or no memory). */
static struct muster_value *
zero_of(enum muster_type type)
{
	switch (type) {
	case MUSTER_COUNT:
		return muster_value_count(0);
	case MUSTER_INTEGER:
		return muster_value_integer(0);
	case MUSTER_REAL:
		return muster_value_real(0);
	case MUSTER_TIMESPAN:
		return muster_value_timespan(0);
	case MUSTER_TIMESTAMP:
		return muster_value_timestamp(0);
	case MUSTER_STRING:
		return muster_value_string("", 0);
	case MUSTER_VECTOR:
		return muster_value_vector();
	case MUSTER_SET:
		return muster_value_set();
	case MUSTER_TABLE:
		return muster_value_table();
	default:
		return NULL;
	}
}

static bool
has_zero(enum muster_type type)
{
	return (type >= MUSTER_COUNT && type <= MUSTER_STRING) ||
	       type == MUSTER_TIMESTAMP || type == MUSTER_TIMESPAN ||
	       type >= MUSTER_SET;
}

enum mu_store_status
mu_apply_add(const struct muster_value *old, const struct muster_value *amount,
    enum muster_type init_type, struct muster_value **out)
{
	struct muster_value *zero;
	enum mu_store_status status;

	if (old != NULL)
		return add_to(old, amount, out);
	if (!has_zero(init_type))
		return MU_STORE_TYPE_CLASH;
	zero = zero_of(init_type);
	if (zero == NULL)
		return MU_STORE_NOMEM;
	status = add_to(zero, amount, out);
	muster_value_unref(zero);
	return status;
}

enum mu_store_status
mu_apply_subtract(const struct muster_value *old,
    const struct muster_value *amount, struct muster_value **out)
{
	size_t n;

	if (old == NULL)
		return MU_STORE_NO_SUCH_KEY;
	n = muster_value_size(old);
	switch (muster_value_type(old)) {
	case MUSTER_COUNT:
	case MUSTER_INTEGER:
	case MUSTER_REAL:
	case MUSTER_TIMESPAN:
	case MUSTER_TIMESTAMP:
		if (!fits(old, amount))
			return MU_STORE_TYPE_CLASH;
		return add_number(old, amount, true, out);
	case MUSTER_VECTOR:
		return copy_list(old, n == 0 ? 0 : n - 1, NULL, NULL, out);
	case MUSTER_SET:
		return copy_list(old, n, amount, NULL, out);
	case MUSTER_TABLE:
		return copy_table(old, amount, NULL, NULL, out);
	default:
		return MU_STORE_TYPE_CLASH;
	}
}

/* --- queries ----------------------------------------------------------- */

static enum mu_store_status
element(const struct muster_value *v, const struct muster_value *index,
    struct muster_value **out)
{
	const struct muster_value *e;

	if (muster_value_type(index) == MUSTER_COUNT)
		e = muster_value_get_count(index) < muster_value_size(v)
			? muster_value_at(v, muster_value_get_count(index))
			: NULL;
	else if (muster_value_type(index) == MUSTER_INTEGER)
		e = muster_value_get_integer(index) < 0
			? NULL
			: muster_value_at(
			      v, (size_t)muster_value_get_integer(index));
	else
		return MU_STORE_TYPE_CLASH;
	if (e == NULL)
		return MU_STORE_NO_SUCH_KEY;
	*out = muster_value_ref(e);
	return MU_STORE_OK;
}

enum mu_store_status
mu_apply_index(const struct muster_value *value,
    const struct muster_value *index, struct muster_value **out)
{
	const struct muster_value *e;

	switch (muster_value_type(value)) {
	case MUSTER_VECTOR:
		return element(value, index, out);
	case MUSTER_SET:
		return made(
		    muster_value_boolean(muster_value_contains(value, index)),
		    out);
	case MUSTER_TABLE:
		e = muster_value_lookup(value, index);
		if (e == NULL)
			return MU_STORE_NO_SUCH_KEY;
		*out = muster_value_ref(e);
		return MU_STORE_OK;
	default:
		*out = muster_value_ref(value);
		return MU_STORE_OK;
	}
}
