/*
 * Filters as sorted arrays that hold no entry which is a prefix of another.
 * Two facts make everything a binary search: the entries that begin with x
 * stand together from the lower bound of x on; and if any entry is a prefix
 * of x, it is the greatest entry not after x (everything between a prefix of
 * x and x begins with that prefix too, so it cannot be an entry).
 */
#include "topic/filter.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/export.h"
#include "muster/err.h"

struct entry {
	char *bytes; /* owned, NUL-terminated for convenience */
	size_t len;
};

struct muster_filter {
	struct entry *entries; /* owned [cap], sorted, prefix-free */
	size_t n;
	size_t cap;
};

MU_EXPORT bool
muster_topic_matches(
    const char *prefix, size_t plen, const char *topic, size_t tlen)
{
	return plen <= tlen && (plen == 0 || memcmp(prefix, topic, plen) == 0);
}

static int
compare(const char *a, size_t alen, const char *b, size_t blen)
{
	size_t common = alen < blen ? alen : blen;
	int c = common == 0 ? 0 : memcmp(a, b, common);

	if (c != 0)
		return c;
	return alen < blen ? -1 : alen > blen;
}

static int
compare_entries(const void *va, const void *vb)
{
	const struct entry *a = va, *b = vb;

	return compare(a->bytes, a->len, b->bytes, b->len);
}

/* The first entry not before s. */
static size_t
lower_bound(const struct muster_filter *f, const char *s, size_t len)
{
	size_t lo = 0, hi = f->n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct entry *e = &f->entries[mid];

		if (compare(e->bytes, e->len, s, len) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool
begins_with(const struct entry *e, const char *s, size_t len)
{
	return muster_topic_matches(s, len, e->bytes, e->len);
}

static bool
is_prefix_of(const struct entry *e, const char *s, size_t len)
{
	return muster_topic_matches(e->bytes, e->len, s, len);
}

/* Is s, whose lower bound is at, covered by an entry? */
static bool
covered(const struct muster_filter *f, size_t at, const char *s, size_t len)
{
	if (at < f->n && is_prefix_of(&f->entries[at], s, len))
		return true;
	return at > 0 && is_prefix_of(&f->entries[at - 1], s, len);
}

MU_EXPORT struct muster_filter *
muster_filter_new(void)
{
	return mu_calloc(1, sizeof(struct muster_filter));
}

MU_EXPORT void
muster_filter_free(struct muster_filter *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < f->n; i++)
		mu_free(f->entries[i].bytes);
	mu_free(f->entries);
	mu_free(f);
}

/* Make room for one more entry. */
static int
grow(struct muster_filter *f)
{
	struct entry *entries;
	size_t cap = f->cap == 0 ? 8 : f->cap * 2;

	if (f->n < f->cap)
		return 0;
	entries = mu_reallocarray(f->entries, cap, sizeof *entries);
	if (entries == NULL)
		return MUSTER_ENOMEM;
	f->entries = entries;
	f->cap = cap;
	return 0;
}

MU_EXPORT int
muster_filter_add(struct muster_filter *f, const char *prefix, size_t len)
{
	size_t at, end;
	char *copy;

	if (len > MUSTER_TOPIC_MAX)
		return MUSTER_ELIMIT;
	at = lower_bound(f, prefix, len);
	if (covered(f, at, prefix, len))
		return 0;
	copy = mu_memdup0(prefix, len);
	if (copy == NULL || grow(f) != 0) {
		mu_free(copy);
		return MUSTER_ENOMEM;
	}
	for (end = at; end < f->n; end++) {
		if (!begins_with(&f->entries[end], prefix, len))
			break;
		mu_free(f->entries[end].bytes);
	}
	memmove(&f->entries[at + 1], &f->entries[end],
	    (f->n - end) * sizeof f->entries[0]);
	f->entries[at].bytes = copy;
	f->entries[at].len = len;
	f->n = f->n - (end - at) + 1;
	return 1;
}

int
mu_filter_append(struct muster_filter *f, const char *prefix, size_t len)
{
	char *copy;

	if (len > MUSTER_TOPIC_MAX)
		return MUSTER_ELIMIT;
	copy = mu_memdup0(prefix, len);
	if (copy == NULL || grow(f) != 0) {
		mu_free(copy);
		return MUSTER_ENOMEM;
	}
	f->entries[f->n].bytes = copy;
	f->entries[f->n].len = len;
	f->n++;
	return 0;
}

void
mu_filter_normalize(struct muster_filter *f)
{
	size_t kept = 0;

	if (f->n > 1)
		qsort(f->entries, f->n, sizeof f->entries[0], compare_entries);
	for (size_t i = 0; i < f->n; i++) {
		struct entry e = f->entries[i];

		if (kept > 0 &&
		    is_prefix_of(&f->entries[kept - 1], e.bytes, e.len))
			mu_free(e.bytes);
		else
			f->entries[kept++] = e;
	}
	f->n = kept;
}

MU_EXPORT size_t
muster_filter_size(const struct muster_filter *f)
{
	return f->n;
}

MU_EXPORT const char *
muster_filter_at(const struct muster_filter *f, size_t i, size_t *len)
{
	if (i >= f->n) {
		if (len != NULL)
			*len = 0;
		return NULL;
	}
	if (len != NULL)
		*len = f->entries[i].len;
	return f->entries[i].bytes;
}

MU_EXPORT bool
muster_filter_matches(
    const struct muster_filter *f, const char *topic, size_t len)
{
	return covered(f, lower_bound(f, topic, len), topic, len);
}

struct muster_filter *
mu_filter_copy(const struct muster_filter *f)
{
	struct muster_filter *copy = muster_filter_new();

	if (copy == NULL)
		return NULL;
	for (size_t i = 0; i < f->n; i++) {
		if (mu_filter_append(
			copy, f->entries[i].bytes, f->entries[i].len) != 0) {
			muster_filter_free(copy);
			return NULL;
		}
	}
	return copy;
}

bool
mu_filter_eq(const struct muster_filter *a, const struct muster_filter *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (compare_entries(&a->entries[i], &b->entries[i]) != 0)
			return false;
	return true;
}

bool
mu_filter_has(const struct muster_filter *f, const char *prefix, size_t len)
{
	size_t at = lower_bound(f, prefix, len);

	return at < f->n && f->entries[at].len == len &&
	       begins_with(&f->entries[at], prefix, len);
}

bool
mu_filter_has_below(
    const struct muster_filter *f, const char *prefix, size_t len)
{
	size_t at = lower_bound(f, prefix, len);

	return at < f->n && begins_with(&f->entries[at], prefix, len);
}
