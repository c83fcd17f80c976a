/* Reads LMDB's pages as data, trusting none; see the header. */
#include "stores/backend_lmdb_check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "muster/err.h"
#include "stores/backend_lmdb_record.h"

#define MAGIC        0xbeefc0deu
#define DATA_VERSION 1
#define PAGE_HEAD    16
#define META_LEN     136
#define TABLE_LEN    48
#define NODE_HEAD    8
#define MAX_DEPTH    32
#define NO_PAGE      UINT64_MAX

enum page_flag {
	PAGE_BRANCH = 1,
	PAGE_LEAF = 2,
	PAGE_OVERFLOW = 4,
	PAGE_META = 8
};

enum node_flag { NODE_BIG = 1, NODE_TABLE = 2 };

enum table_kind {
	TABLE_FREE, /* lists of free pages */
	TABLE_MAIN, /* names of the others */
	TABLE_ENTRIES,
	TABLE_OTHER
};

/* One table's root as the file describes it. */
struct table {
	uint16_t flags;
	uint16_t depth;
	uint64_t entries;
	uint64_t root;
};

struct checker {
	const uint8_t *base;
	uint64_t size;
	uint64_t psize;
	uint64_t npages; /* given out: pages 0 to npages - 1 */
	uint64_t nhere;  /* that the file holds */
	uint8_t *seen;   /* a bit per page that it holds; owned */
	char *text;
	size_t text_size;
	int err; /* first fault found */
};

/* A tree on the way down. */
struct walk {
	enum table_kind kind;
	uint64_t entries;     /* leaves' nodes so far */
	struct mu_bytes last; /* key before, to compare the order */
};

static int check_table(
    struct checker *c, const struct table *t, enum table_kind kind);

__attribute__((format(printf, 2, 3))) static int
fault(struct checker *c, const char *fmt, ...)
{
	va_list ap;

	if (c->err != 0)
		return c->err;
	va_start(ap, fmt);
	vsnprintf(c->text, c->text_size, fmt, ap);
	va_end(ap);
	return c->err = MUSTER_EPROTO;
}

static uint16_t
u16(const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, 2);
	return v;
}

static uint32_t
u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, 4);
	return v;
}

static uint64_t
u64(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, 8);
	return v;
}

static struct table
table_at(const uint8_t *p)
{
	return (
	    struct table){ u16(p + 4), u16(p + 6), u64(p + 32), u64(p + 40) };
}

/* Count n pages from first as used; each may be used once. */
static int
use(struct checker *c, uint64_t first, uint64_t n)
{
	if (first < 2 || first >= c->npages || n == 0 || n > c->npages - first)
		return fault(c, "page %llu is not in the file",
		    (unsigned long long)first);
	if (first + n > c->nhere)
		return fault(c, "it is cut short: %llu bytes of %llu",
		    (unsigned long long)c->size,
		    (unsigned long long)(c->npages * c->psize));
	for (uint64_t i = first; i < first + n; i++) {
		if (c->seen[i / 8] & 1u << i % 8)
			return fault(c, "page %llu is used twice",
			    (unsigned long long)i);
		c->seen[i / 8] |= (uint8_t)(1u << i % 8);
	}
	return 0;
}

/* The free pages a transaction left: a count and so many page numbers.  Those
 * that the same transaction had given out at the end were never written. */
static int
check_free(struct checker *c, struct mu_bytes key, struct mu_bytes data)
{
	if (key.len != 8 || data.len < 8 || data.len % 8 != 0 ||
	    u64(data.at) > data.len / 8 - 1)
		return fault(c, "a list of free pages is damaged");
	for (uint64_t i = 1; i <= u64(data.at); i++) {
		uint64_t page = u64(data.at + 8 * i);

		if (page >= c->nhere && page < c->npages)
			continue;
		if (use(c, page, 1) != 0)
			return c->err;
	}
	return 0;
}

static int
check_entry(struct checker *c, struct walk *w, struct mu_bytes key,
    struct mu_bytes data, uint16_t flags)
{
	struct record r;
	struct table t;

	w->entries++;
	if (flags & NODE_TABLE) {
		if (w->kind != TABLE_MAIN || data.len != TABLE_LEN)
			return fault(c, "a table lies where none can be");
		t = table_at(data.at);
		return check_table(c, &t,
		    key.len == 7 && memcmp(key.at, "entries", 7) == 0
			? TABLE_ENTRIES
			: TABLE_OTHER);
	}
	if (w->kind == TABLE_FREE)
		return check_free(c, key, data);
	/* A later version's record is for record_dec to name. */
	if (w->kind == TABLE_ENTRIES &&
	    record_dec(data, key, &r) == MUSTER_EPROTO)
		return fault(c, "a record is damaged");
	return 0;
}

/* A value too large for a leaf lies on pages of its own; one that replaced a
 * larger one of the same transaction has kept all of that one's. */
static int
find_big(struct checker *c, uint64_t first, uint64_t len, struct mu_bytes *data)
{
	uint64_t n = (PAGE_HEAD + len + c->psize - 1) / c->psize, has;
	const uint8_t *p;

	if (use(c, first, n) != 0)
		return c->err;
	p = c->base + first * c->psize;
	has = u32(p + 12);
	if (u64(p) != first || u16(p + 10) != PAGE_OVERFLOW || has < n)
		return fault(c, "page %llu does not begin a large value",
		    (unsigned long long)first);
	if (has > n && use(c, first + n, has - n) != 0)
		return c->err;
	*data = (struct mu_bytes){ p + PAGE_HEAD, (size_t)len };
	return 0;
}

static int
check_leaf(struct checker *c, struct walk *w, const uint8_t *node, size_t room)
{
	uint64_t len = u16(node) | (uint64_t)u16(node + 2) << 16;
	struct mu_bytes key = { node + NODE_HEAD, u16(node + 6) }, data;
	uint16_t flags = u16(node + 4);
	size_t inside = flags & NODE_BIG ? 8 : (size_t)len;

	if (flags & ~(NODE_BIG | NODE_TABLE) || key.len > room ||
	    inside > room - key.len || key.len == 0)
		return fault(c, "a node is damaged");
	/* Numbers of transactions are in the machine's order, not in that of
	 * bytes; the lists they lead to are checked page by page. */
	if (w->kind != TABLE_FREE && w->last.at != NULL &&
	    mu_bytes_cmp(w->last, key) >= 0)
		return fault(c, "keys are not in order");
	w->last = key;
	data = (struct mu_bytes){ key.at + key.len, inside };
	if (flags & NODE_BIG && find_big(c, u64(data.at), len, &data) != 0)
		return c->err;
	return check_entry(c, w, key, data, flags);
}

static int
check_page(struct checker *c, struct walk *w, uint64_t pgno, unsigned depth)
{
	unsigned want = depth == 1 ? PAGE_LEAF : PAGE_BRANCH;
	const uint8_t *p, *node;
	size_t lower, upper, at;

	if (use(c, pgno, 1) != 0)
		return c->err;
	p = c->base + pgno * c->psize;
	lower = u16(p + 12);
	upper = u16(p + 14);
	if (u64(p) != pgno || u16(p + 10) != want || lower < PAGE_HEAD ||
	    lower % 2 != 0 || lower > upper || upper > c->psize ||
	    (lower == PAGE_HEAD && want == PAGE_BRANCH))
		return fault(
		    c, "page %llu is damaged", (unsigned long long)pgno);
	for (size_t i = PAGE_HEAD; i < lower && c->err == 0; i += 2) {
		at = u16(p + i);
		if (at < upper || at > c->psize - NODE_HEAD)
			return fault(c, "page %llu is damaged",
			    (unsigned long long)pgno);
		node = p + at;
		if (want == PAGE_LEAF)
			check_leaf(c, w, node, c->psize - at - NODE_HEAD);
		else if (u16(node + 6) > c->psize - at - NODE_HEAD)
			fault(c, "a node is damaged");
		else
			check_page(c, w,
			    u16(node) | (uint64_t)u16(node + 2) << 16 |
				(uint64_t)u16(node + 4) << 32,
			    depth - 1);
	}
	return c->err;
}

static int
check_table(struct checker *c, const struct table *t, enum table_kind kind)
{
	struct walk w = { .kind = kind };

	if ((t->flags & 0x7fff) != (kind == TABLE_FREE ? 8 : 0))
		return fault(c, "it is a database of another program");
	if (t->root == NO_PAGE)
		return t->entries == 0 && t->depth == 0
			   ? 0
			   : fault(c, "a table has no root");
	if (t->depth == 0 || t->depth > MAX_DEPTH)
		return fault(c, "a table is %u levels deep", t->depth);
	if (check_page(c, &w, t->root, t->depth) != 0)
		return c->err;
	if (w.entries != t->entries)
		return fault(c, "a table holds %llu entries and claims %llu",
		    (unsigned long long)w.entries,
		    (unsigned long long)t->entries);
	return 0;
}

/* One of the two heads; the one of the later transaction counts. */
static int
check_meta(struct checker *c, unsigned n, uint64_t *txnid)
{
	const uint8_t *p = c->base + n * c->psize, *m = p + PAGE_HEAD;

	if (u64(p) != n || (u16(p + 10) & PAGE_META) == 0 || u32(m) != MAGIC)
		return fault(c, "it is not an LMDB file");
	if (u32(m + 4) != DATA_VERSION)
		return fault(c, "its LMDB data version is %u, not %u",
		    u32(m + 4), DATA_VERSION);
	if (u32(m + 24) != c->psize)
		return fault(c, "its head is damaged");
	*txnid = u64(m + 128);
	return 0;
}

static int
check_head(struct checker *c, const uint8_t **meta)
{
	uint64_t txnid[2], last;

	/* The page size stands in the head itself. */
	c->psize =
	    c->size < PAGE_HEAD + META_LEN ? 0 : u32(c->base + PAGE_HEAD + 24);
	if (c->size < PAGE_HEAD + META_LEN)
		return fault(c, "it is cut short: %llu bytes",
		    (unsigned long long)c->size);
	if (u32(c->base + PAGE_HEAD) != MAGIC)
		return fault(c, "it is not an LMDB file");
	if (c->psize < 512 || c->psize > 65536 ||
	    (c->psize & (c->psize - 1)) != 0)
		return fault(c, "its head is damaged");
	if (c->size < 2 * c->psize)
		return fault(c, "it is cut short: %llu bytes",
		    (unsigned long long)c->size);
	if (check_meta(c, 0, &txnid[0]) != 0 ||
	    check_meta(c, 1, &txnid[1]) != 0)
		return c->err;
	*meta = c->base + PAGE_HEAD + (txnid[1] > txnid[0] ? c->psize : 0);
	last = u64(*meta + 120);
	if (last < 1 || last >= UINT64_MAX / c->psize)
		return fault(c, "its head is damaged");
	c->npages = last + 1;
	c->nhere = c->size / c->psize;
	return 0;
}

int
lmdb_check(
    const uint8_t *base, uint64_t size, bool deep, char *text, size_t text_size)
{
	struct checker c = {
		.base = base, .size = size, .text = text, .text_size = text_size
	};
	const uint8_t *meta = base;
	struct table main_table, free_table;

	if (check_head(&c, &meta) != 0)
		return c.err;
	/* What a file ends before may be in use: that each page tells. */
	if (!deep && c.npages <= c.nhere)
		return 0;
	c.seen = mu_calloc((size_t)(c.nhere / 8 + 1), 1);
	if (c.seen == NULL) {
		snprintf(text, text_size, "out of memory");
		return MUSTER_ENOMEM;
	}
	free_table = table_at(meta + 24);
	main_table = table_at(meta + 24 + TABLE_LEN);
	if (check_table(&c, &main_table, TABLE_MAIN) == 0)
		check_table(&c, &free_table, TABLE_FREE);
	mu_free(c.seen);
	return c.err;
}
