/* Layers of writes: two skip lists and a heap in memory of their own. */
#include "stores/backend_lmdb_layer.h"

#include <stddef.h>
#include <string.h>

#include "base/alloc.h"
#include "muster/err.h"

#define FIRST_CHUNK 4096u /* a lone put should not cost more */
#define LAST_CHUNK  (1u << 20)
#define ALIGN       _Alignof(max_align_t)

struct layer_chunk {
	struct layer_chunk *next;
	size_t used;
	size_t cap;
	_Alignas(max_align_t) uint8_t mem[];
};

struct layer *
layer_new(uint64_t seed)
{
	struct layer *l = mu_calloc(1, sizeof *l);

	if (l == NULL)
		return NULL;
	l->refs = 1;
	mu_rng_init(&l->rng, seed);
	return l;
}

struct layer *
layer_ref(struct layer *l)
{
	l->refs++;
	return l;
}

void
layer_unref(struct layer *l)
{
	struct layer_chunk *c, *next;

	if (l == NULL || --l->refs > 0)
		return;
	for (c = l->chunks; c != NULL; c = next) {
		next = c->next;
		mu_free(c);
	}
	mu_free(l->due);
	mu_free(l);
}

static void *
take(struct layer *l, size_t size)
{
	struct layer_chunk *c = l->chunks;
	size_t cap;
	void *p;

	size = (size + ALIGN - 1) & ~(ALIGN - 1);
	if (c == NULL || c->cap - c->used < size) {
		cap = c == NULL ? FIRST_CHUNK : c->cap * 2;
		if (cap > LAST_CHUNK)
			cap = LAST_CHUNK;
		if (cap < size)
			cap = size;
		c = mu_malloc(sizeof *c + cap);
		if (c == NULL)
			return NULL;
		c->used = 0;
		c->cap = cap;
		c->next = l->chunks;
		l->chunks = c;
		l->bytes += cap;
	}
	p = c->mem + c->used;
	c->used += size;
	return p;
}

/* The entries before which stored belongs, level by level: the addresses of
 * the links to change. */
static void
seek(const struct layer_list *list, struct mu_bytes stored,
    struct layer_entry *const **links)
{
	struct layer_entry *const *at = list->head;

	for (int i = LAYER_HEIGHT - 1; i >= 0; i--) {
		while (at[i] != NULL && mu_bytes_cmp(at[i]->stored, stored) < 0)
			at = at[i]->next;
		links[i] = &at[i];
	}
}

struct layer_entry *
layer_find(const struct layer_list *list, struct mu_bytes stored)
{
	struct layer_entry *const *links[LAYER_HEIGHT];
	struct layer_entry *e;

	if (list->n == 0)
		return NULL;
	seek(list, stored, links);
	e = *links[0];
	if (e == NULL || mu_bytes_cmp(e->stored, stored) != 0)
		return NULL;
	return e;
}

struct layer_entry *
layer_after(const struct layer_list *list, struct mu_bytes stored)
{
	struct layer_entry *const *links[LAYER_HEIGHT];
	struct layer_entry *e;

	if (list->n == 0 || stored.at == NULL)
		return list->head[0];
	seek(list, stored, links);
	e = *links[0];
	if (e != NULL && mu_bytes_cmp(e->stored, stored) == 0)
		e = e->next[0];
	return e;
}

static uint8_t *
copy_bytes(uint8_t *at, struct mu_bytes *to, struct mu_bytes from)
{
	if (from.len > 0)
		memcpy(at, from.at, from.len);
	*to = (struct mu_bytes){ at, from.len };
	return at + from.len;
}

static struct layer_entry *
entry_new(struct layer *l, struct mu_bytes stored, const struct record *r,
    size_t room)
{
	bool whole = r->key.len > MU_KEY_PLAIN;
	uint64_t random = mu_rng_u64(&l->rng);
	struct layer_entry *e;
	uint8_t height = 1;
	uint8_t *at;

	while (height < LAYER_HEIGHT && (random & 3) == 0) {
		random >>= 2;
		height++;
	}
	e = take(l, sizeof *e + height * sizeof e->next[0] + stored.len +
			(whole ? r->key.len : 0) + room);
	if (e == NULL)
		return NULL;
	memset(e, 0, sizeof *e);
	e->height = height;
	at = copy_bytes((uint8_t *)&e->next[height], &e->stored, stored);
	e->record.key = e->stored;
	if (whole)
		at = copy_bytes(at, &e->record.key, r->key);
	e->record.value = (struct mu_bytes){ at, 0 };
	e->room = room;
	e->gone = true;
	return e;
}

static void
link_entry(struct layer_list *list, struct layer_entry *e)
{
	struct layer_entry *const *links[LAYER_HEIGHT];
	struct layer_entry **link;

	seek(list, e->stored, links);
	for (int i = 0; i < e->height; i++) {
		link = (struct layer_entry **)(uintptr_t)links[i];
		e->next[i] = *link;
		*link = e;
	}
	list->n++;
}

/* --- deadlines -------------------------------------------------------------
 */

static int
reserve_due(struct layer *l)
{
	size_t cap = l->due_cap == 0 ? 16 : l->due_cap * 2;
	struct layer_due *due;

	if (l->ndue < l->due_cap)
		return 0;
	due = mu_reallocarray(l->due, cap, sizeof *due);
	if (due == NULL)
		return MUSTER_ENOMEM;
	l->bytes += (cap - l->due_cap) * sizeof *due;
	l->due = due;
	l->due_cap = cap;
	return 0;
}

static void
push_due(struct layer *l, struct layer_entry *e)
{
	struct layer_due due = { e->record.deadline, e };
	size_t i = l->ndue++, up;

	for (; i > 0; i = up) {
		up = (i - 1) / 2;
		if (l->due[up].deadline <= due.deadline)
			break;
		l->due[i] = l->due[up];
	}
	l->due[i] = due;
}

void
layer_pop_due(struct layer *l)
{
	struct layer_due last = l->due[--l->ndue];
	size_t i = 0, c;

	while ((c = 2 * i + 1) < l->ndue) {
		if (c + 1 < l->ndue &&
		    l->due[c + 1].deadline < l->due[c].deadline)
			c++;
		if (last.deadline <= l->due[c].deadline)
			break;
		l->due[i] = l->due[c];
		i = c;
	}
	if (l->ndue > 0)
		l->due[i] = last;
}

bool
layer_due_holds(const struct layer *l)
{
	const struct layer_entry *e = l->due[0].entry;

	return !e->gone && e->record.deadline == l->due[0].deadline;
}

/* --- writing ---------------------------------------------------------------
 */

int
layer_put(struct layer *l, struct layer_list *list, struct mu_bytes stored,
    const struct record *r, bool gone)
{
	struct layer_entry *e = layer_find(list, stored);
	size_t len = gone ? 0 : r->value.len;
	bool fresh = e == NULL, due = !gone && r->deadline != 0;
	uint8_t *room = NULL;

	/* First all that may fail. */
	if (due && reserve_due(l) != 0)
		return MUSTER_ENOMEM;
	if (fresh)
		e = entry_new(l, stored, r, len);
	else if (e->room < len)
		room = take(l, len);
	if (e == NULL || (e->room < len && room == NULL))
		return MUSTER_ENOMEM;

	if (room != NULL) {
		e->record.value.at = room;
		e->room = len;
	}
	if (len > 0)
		memcpy(
		    (uint8_t *)(uintptr_t)e->record.value.at, r->value.at, len);
	e->record.value.len = len;
	due = due && (e->gone || e->record.deadline != r->deadline);
	e->record.deadline = gone ? 0 : r->deadline;
	e->gone = gone;
	if (fresh)
		link_entry(list, e);
	if (due)
		push_due(l, e);
	return 0;
}

void
layer_clear(struct layer *l)
{
	memset(&l->entries, 0, sizeof l->entries);
	l->ndue = 0;
	l->cleared = true;
}
