/*
 * The memory backend: a tree in the order of keys, and a binary heap of the
 * entries that expire.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/rng.h"
#include "muster/err.h"
#include "store/tree.h"

struct memory {
	struct mu_backend base;
	struct mu_tree entries;
	struct mu_tree meta;
	struct mu_tree_entry *
	    *heap; /* owned [heap_cap], the first deadline on top */
	size_t nheap;
	size_t heap_cap;
	uint64_t max_bytes;
	uint64_t seed;
	uint64_t batch;
	bool dirty; /* something was written since the last seal */
};

static struct memory *
memory_of(struct mu_backend *b)
{
	return (struct memory *)b;
}

/* --- the heap ---------------------------------------------------------- */

static void
heap_set(struct memory *m, size_t i, struct mu_tree_entry *e)
{
	m->heap[i] = e;
	e->heap_at = i;
}

static void
heap_up(struct memory *m, size_t i)
{
	struct mu_tree_entry *e = m->heap[i];

	while (i > 0 && m->heap[(i - 1) / 2]->deadline > e->deadline) {
		heap_set(m, i, m->heap[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	heap_set(m, i, e);
}

static void
heap_down(struct memory *m, size_t i)
{
	struct mu_tree_entry *e = m->heap[i];

	for (;;) {
		size_t c = 2 * i + 1;

		if (c + 1 < m->nheap &&
		    m->heap[c + 1]->deadline < m->heap[c]->deadline)
			c++;
		if (c >= m->nheap || m->heap[c]->deadline >= e->deadline)
			break;
		heap_set(m, i, m->heap[c]);
		i = c;
	}
	heap_set(m, i, e);
}

static void
heap_remove(struct memory *m, struct mu_tree_entry *e)
{
	size_t i = e->heap_at;
	struct mu_tree_entry *moved;

	if (i == MU_TREE_NO_HEAP)
		return;
	e->heap_at = MU_TREE_NO_HEAP;
	moved = m->heap[--m->nheap];
	if (moved == e)
		return;
	heap_set(m, i, moved);
	heap_up(m, i);
	heap_down(m, moved->heap_at);
}

static int
heap_reserve(struct memory *m)
{
	size_t cap = m->heap_cap == 0 ? 16 : m->heap_cap * 2;
	struct mu_tree_entry **heap;

	if (m->nheap < m->heap_cap)
		return 0;
	heap = mu_reallocarray(m->heap, cap, sizeof(struct mu_tree_entry *));
	if (heap == NULL)
		return MUSTER_ENOMEM;
	m->heap = heap;
	m->heap_cap = cap;
	return 0;
}

/* Room was reserved. */
static void
set_deadline(struct memory *m, struct mu_tree_entry *e, int64_t deadline)
{
	heap_remove(m, e);
	e->deadline = deadline;
	if (deadline == 0)
		return;
	heap_set(m, m->nheap++, e);
	heap_up(m, e->heap_at);
}

/* --- the functions ----------------------------------------------------- */

static void
show(const struct mu_tree_entry *e, struct mu_bytes *key,
    struct mu_bytes *value, int64_t *deadline)
{
	key->at = e->key;
	key->len = e->key_len;
	value->at = e->value;
	value->len = e->value_len;
	*deadline = e->deadline;
}

static int
memory_get(struct mu_backend *b, struct mu_bytes key, struct mu_bytes *value,
    int64_t *deadline)
{
	const struct mu_tree_entry *e =
	    mu_tree_find(&memory_of(b)->entries, key);

	if (e == NULL)
		return MUSTER_ENOENT;
	show(e, &key, value, deadline);
	return 0;
}

static int
memory_after(struct mu_backend *b, struct mu_bytes key, struct mu_bytes *found,
    struct mu_bytes *value, int64_t *deadline)
{
	const struct mu_tree_entry *e =
	    mu_tree_after(&memory_of(b)->entries, key);

	if (e == NULL)
		return MUSTER_ENOENT;
	show(e, found, value, deadline);
	return 0;
}

static bool
has_room(const struct memory *m, size_t more, size_t less)
{
	return m->max_bytes == 0 ||
	       m->entries.bytes - less + more <= m->max_bytes;
}

static int
tree_put(struct memory *m, struct mu_tree *t, struct mu_bytes key,
    struct mu_bytes value, struct mu_tree_entry **out)
{
	struct mu_tree_entry *e = mu_tree_find(t, key);
	uint8_t *copy = (uint8_t *)mu_memdup0(value.at, value.len);

	if (copy == NULL)
		return MUSTER_ENOMEM;
	if (e == NULL) {
		e = mu_tree_entry_new(m->seed, key, copy, value.len);
		if (e == NULL) {
			mu_free(copy);
			return MUSTER_ENOMEM;
		}
		mu_tree_insert(t, e);
	} else {
		t->bytes += value.len;
		t->bytes -= e->value_len;
		mu_free(e->value);
		e->value = copy;
		e->value_len = value.len;
	}
	m->dirty = true;
	*out = e;
	return 0;
}

static int
memory_put(struct mu_backend *b, struct mu_bytes key, struct mu_bytes value,
    int64_t deadline)
{
	struct memory *m = memory_of(b);
	struct mu_tree_entry *e = mu_tree_find(&m->entries, key);
	int rc;

	if (e == NULL ? !has_room(m, sizeof *e + key.len + value.len, 0)
		      : !has_room(m, value.len, e->value_len))
		return MUSTER_ELIMIT;
	rc = deadline != 0 ? heap_reserve(m) : 0;
	if (rc == 0)
		rc = tree_put(m, &m->entries, key, value, &e);
	if (rc == 0)
		set_deadline(m, e, deadline);
	return rc;
}

static int
memory_erase(struct mu_backend *b, struct mu_bytes key)
{
	struct memory *m = memory_of(b);
	struct mu_tree_entry *e = mu_tree_remove(&m->entries, key);

	if (e == NULL)
		return MUSTER_ENOENT;
	heap_remove(m, e);
	mu_tree_entry_free(e);
	m->dirty = true;
	return 0;
}

static int
memory_clear(struct mu_backend *b)
{
	struct memory *m = memory_of(b);

	mu_tree_clear(&m->entries);
	m->nheap = 0;
	m->dirty = true;
	return 0;
}

static uint64_t
memory_size(struct mu_backend *b)
{
	return memory_of(b)->entries.n;
}

static int
memory_first_deadline(
    struct mu_backend *b, struct mu_bytes *key, int64_t *deadline)
{
	struct memory *m = memory_of(b);
	struct mu_bytes value;

	if (m->nheap == 0)
		return MUSTER_ENOENT;
	show(m->heap[0], key, &value, deadline);
	return 0;
}

static int
memory_meta_get(
    struct mu_backend *b, struct mu_bytes key, struct mu_bytes *value)
{
	const struct mu_tree_entry *e = mu_tree_find(&memory_of(b)->meta, key);
	int64_t deadline;

	if (e == NULL)
		return MUSTER_ENOENT;
	show(e, &key, value, &deadline);
	return 0;
}

static int
memory_meta_put(
    struct mu_backend *b, struct mu_bytes key, struct mu_bytes value)
{
	struct memory *m = memory_of(b);
	struct mu_tree_entry *e;

	if (value.len != 0)
		return tree_put(m, &m->meta, key, value, &e);
	e = mu_tree_remove(&m->meta, key);
	if (e != NULL)
		mu_tree_entry_free(e);
	return 0;
}

static uint64_t
memory_seal(struct mu_backend *b)
{
	struct memory *m = memory_of(b);

	if (!m->dirty)
		return 0;
	m->dirty = false;
	return ++m->batch;
}

static uint64_t
memory_durable(struct mu_backend *b, int *err)
{
	*err = 0;
	return memory_of(b)->batch;
}

static void
memory_close(struct mu_backend *b)
{
	struct memory *m = memory_of(b);

	mu_tree_clear(&m->entries);
	mu_tree_clear(&m->meta);
	mu_free(m->heap);
	mu_free(m);
}

/* --- pictures ---------------------------------------------------------- */

/* The tree itself, from the last key on: nothing is ever undone here. */
struct walk {
	struct mu_snapshot base;
	struct memory *memory;
	struct mu_buf last; /* the last key given; unused before the first */
	bool begun;
};

static bool
walk_next(struct mu_snapshot *s, struct mu_bytes *key, struct mu_bytes *value,
    int64_t *deadline, int *err)
{
	struct walk *w = (struct walk *)s;
	struct mu_bytes last = { mu_buf_data(&w->last), mu_buf_len(&w->last) };
	const struct mu_tree_entry *e;

	if (!w->begun)
		last.at = NULL;
	e = mu_tree_after(&w->memory->entries, last);
	*err = 0;
	if (e == NULL)
		return false;
	mu_buf_reset(&w->last);
	mu_buf_put(&w->last, e->key, e->key_len);
	*err = mu_buf_error(&w->last);
	w->begun = true;
	show(e, key, value, deadline);
	return *err == 0;
}

static void
walk_close(struct mu_snapshot *s)
{
	struct walk *w = (struct walk *)s;

	mu_buf_clear(&w->last);
	mu_free(w);
}

static struct mu_snapshot *
memory_snapshot(struct mu_backend *b, struct mu_bytes after)
{
	static const struct mu_snapshot_ops ops = {
		.next = walk_next,
		.close = walk_close,
	};
	struct walk *w = mu_calloc(1, sizeof *w);

	if (w == NULL)
		return NULL;
	w->base.ops = &ops;
	w->base.is_live = true;
	w->memory = memory_of(b);
	mu_buf_init(&w->last, 0);
	if (after.at != NULL) {
		mu_buf_put(&w->last, after.at, after.len);
		w->begun = true;
	}
	if (mu_buf_error(&w->last) == 0)
		return &w->base;
	walk_close(&w->base);
	return NULL;
}

struct mu_backend *
mu_backend_memory_new(uint64_t max_bytes)
{
	static const struct mu_backend_ops ops = {
		.get = memory_get,
		.after = memory_after,
		.put = memory_put,
		.erase = memory_erase,
		.clear = memory_clear,
		.size = memory_size,
		.first_deadline = memory_first_deadline,
		.meta_get = memory_meta_get,
		.meta_put = memory_meta_put,
		.seal = memory_seal,
		.durable = memory_durable,
		.snapshot = memory_snapshot,
		.close = memory_close,
	};
	struct memory *m = mu_calloc(1, sizeof *m);

	if (m == NULL)
		return NULL;
	m->base.ops = &ops;
	m->max_bytes = max_bytes;
	m->seed = mu_mix64((uint64_t)(uintptr_t)m);
	return &m->base;
}
