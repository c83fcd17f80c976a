/*
 * Sorted lists of names: what is missing, as one node tells it to others.  A
 * list that leaves this node or came from outside has at most LIST_MAX names;
 * how many more there are is its last entry.
 */
#include "core/members_impl.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "muster/err.h"

void
mlist_clear(struct list *l)
{
	size_t i;

	for (i = 0; i < l->n; i++)
		mu_free(l->e[i]);
	mu_free(l->e);
	memset(l, 0, sizeof *l);
}

/* The first entry that is not less; *found says whether it is equal. */
static size_t
search(const struct list *l, const char *entry, bool *found)
{
	size_t lo = 0, hi = l->n;

	*found = false;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int cmp = strcmp(l->e[mid], entry);

		if (cmp == 0)
			*found = true;
		if (cmp < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

int
mlist_add(struct list *l, const char *entry)
{
	bool found;
	size_t at = search(l, entry, &found);
	char *copy;

	if (found)
		return 0;
	if (l->most != 0 && l->n == l->most)
		return MUSTER_ELIMIT;
	if (l->n == l->cap) {
		size_t cap = l->cap == 0 ? 8 : l->cap * 2;
		char **e = mu_reallocarray(l->e, cap, sizeof *e);

		if (e == NULL)
			return MUSTER_ENOMEM;
		l->e = e;
		l->cap = cap;
	}
	copy = mu_strdup(entry);
	if (copy == NULL)
		return MUSTER_ENOMEM;
	memmove(l->e + at + 1, l->e + at, (l->n - at) * sizeof *l->e);
	l->e[at] = copy;
	l->n++;
	return 0;
}

bool
mlist_eq(const struct list *a, const struct list *b)
{
	size_t i;

	if (a->n != b->n)
		return false;
	for (i = 0; i < a->n; i++)
		if (strcmp(a->e[i], b->e[i]) != 0)
			return false;
	return true;
}

int
mlist_text(const struct list *l, struct mu_buf *out)
{
	size_t i;

	for (i = 0; i < l->n && i < LIST_MAX; i++)
		mu_buf_printf(out, "%s%s", i == 0 ? "" : ", ", l->e[i]);
	if (l->n > LIST_MAX)
		mu_buf_printf(out, " (%zu more)", l->n - LIST_MAX);
	return mu_buf_error(out);
}

static int
put(struct muster_value *v, bool set, const char *s)
{
	struct muster_value *e = muster_value_cstring(s);

	return set ? muster_value_insert(v, e) : muster_value_append(v, e);
}

struct muster_value *
mlist_value(const struct list *l, bool set)
{
	struct muster_value *v;
	char more[40];
	size_t i;

	v = set ? muster_value_set() : muster_value_vector();
	if (v == NULL)
		return NULL;
	for (i = 0; i < l->n && i < LIST_MAX; i++)
		if (put(v, set, l->e[i]) != 0)
			goto fail;
	if (l->n > LIST_MAX) {
		snprintf(more, sizeof more, "(%zu more)", l->n - LIST_MAX);
		if (put(v, set, more) != 0)
			goto fail;
	}
	return v;
fail:
	muster_value_unref(v);
	return NULL;
}

int
mlist_from_value(struct list *l, const struct muster_value *v)
{
	char entry[ENTRY_MAX];
	size_t i, len;

	/* One more than LIST_MAX: the entry that counts the rest. */
	for (i = 0; i < muster_value_size(v) && i <= LIST_MAX; i++) {
		const char *s =
		    muster_value_get_string(muster_value_at(v, i), &len);

		if (s == NULL)
			continue;
		mu_text_printable(s, len, entry, sizeof entry);
		if (mlist_add(l, entry) != 0)
			return MUSTER_ENOMEM;
	}
	return 0;
}
