/* A growable byte buffer; see buf.h. */
#include "base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "muster/err.h"

#define SMALLEST_CAP 64

void
mu_buf_init(struct mu_buf *b, size_t max)
{
	memset(b, 0, sizeof *b);
	b->max = max == 0 ? SIZE_MAX / 2 : max;
}

void
mu_buf_clear(struct mu_buf *b)
{
	mu_free(b->mem);
	mu_buf_init(b, b->max);
}

void
mu_buf_reset(struct mu_buf *b)
{
	b->head = b->tail = 0;
	b->error = 0;
}

void
mu_buf_truncate(struct mu_buf *b, size_t len)
{
	assert(len <= mu_buf_len(b));
	b->tail = b->head + len;
}

int
mu_buf_reserve(struct mu_buf *b, size_t n, uint8_t **at, size_t *room)
{
	size_t used = mu_buf_len(b);

	if (n > b->max || used > b->max - n)
		return MUSTER_ELIMIT;
	if (b->cap - b->tail < n) {
		if (b->head > 0 && b->cap - used >= n &&
		    (b->head >= used || b->head >= b->cap / 2)) {
			memmove(b->mem, b->mem + b->head, used);
		} else {
			size_t cap = b->cap < SMALLEST_CAP ? SMALLEST_CAP
							   : b->cap;
			uint8_t *mem;

			while (cap < used + n)
				cap = cap > SIZE_MAX / 2 ? used + n : cap * 2;
			mem = mu_malloc(cap);
			if (mem == NULL)
				return MUSTER_ENOMEM;
			if (used > 0)
				memcpy(mem, b->mem + b->head, used);
			mu_free(b->mem);
			b->mem = mem;
			b->cap = cap;
		}
		b->head = 0;
		b->tail = used;
	}
	*at = b->mem + b->tail;
	*room = b->cap - b->tail;
	if (*room > b->max - used)
		*room = b->max - used;
	return 0;
}

void
mu_buf_commit(struct mu_buf *b, size_t n)
{
	assert(n <= b->cap - b->tail);
	b->tail += n;
}

void
mu_buf_lend(struct mu_buf *from, struct mu_buf *to)
{
	assert(mu_buf_len(from) == 0 && to->mem == NULL);
	to->mem = from->mem;
	to->cap = from->cap;
	to->head = to->tail = 0;
	from->mem = NULL;
	from->cap = from->head = from->tail = 0;
}

void
mu_buf_shrink(struct mu_buf *b)
{
	size_t used = mu_buf_len(b);
	uint8_t *mem;

	if (used == 0) {
		mu_free(b->mem);
		b->mem = NULL;
		b->cap = b->head = b->tail = 0;
		return;
	}
	if (b->cap / 4 < used || b->cap <= SMALLEST_CAP)
		return;
	mem = mu_malloc(used);
	if (mem == NULL)
		return; /* keeping more memory than needed is no failure */
	memcpy(mem, b->mem + b->head, used);
	mu_free(b->mem);
	b->mem = mem;
	b->cap = b->tail = used;
	b->head = 0;
}

static uint8_t *
room_for(struct mu_buf *b, size_t n)
{
	uint8_t *at;
	size_t room;
	int rc;

	if (b->error != 0)
		return NULL;
	/* Mostly there is room: fields are small and many. */
	if (b->mem != NULL && n <= b->cap - b->tail &&
	    b->tail - b->head <= b->max &&
	    n <= b->max - (b->tail - b->head)) {
		at = b->mem + b->tail;
		b->tail += n;
		return at;
	}
	rc = mu_buf_reserve(b, n, &at, &room);
	if (rc != 0) {
		b->error = rc;
		return NULL;
	}
	b->tail += n;
	return at;
}

void
mu_buf_put(struct mu_buf *b, const void *p, size_t n)
{
	uint8_t *at;

	if (n == 0)
		return;
	at = room_for(b, n);
	if (at != NULL)
		memcpy(at, p, n);
}

void
mu_buf_u8(struct mu_buf *b, uint8_t v)
{
	mu_buf_put(b, &v, 1);
}

void
mu_buf_u16(struct mu_buf *b, uint16_t v)
{
	uint8_t *at = room_for(b, 2);

	if (at == NULL)
		return;
	at[0] = (uint8_t)(v >> 8);
	at[1] = (uint8_t)v;
}

void
mu_buf_u32(struct mu_buf *b, uint32_t v)
{
	mu_buf_u16(b, (uint16_t)(v >> 16));
	mu_buf_u16(b, (uint16_t)v);
}

void
mu_buf_u64(struct mu_buf *b, uint64_t v)
{
	mu_buf_u32(b, (uint32_t)(v >> 32));
	mu_buf_u32(b, (uint32_t)v);
}

void
mu_buf_varbyte(struct mu_buf *b, uint32_t v)
{
	uint8_t out[5];
	size_t n = 0;

	while (v >= 0x80) {
		out[n++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	out[n++] = (uint8_t)v;
	mu_buf_put(b, out, n);
}

void
mu_buf_str(struct mu_buf *b, const char *s)
{
	mu_buf_put(b, s, strlen(s));
}

void
mu_buf_vprintf(struct mu_buf *b, const char *fmt, va_list ap)
{
	va_list again;
	int n;
	uint8_t *at;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0) {
		if (b->error == 0)
			b->error = MUSTER_EINVAL;
		return;
	}
	at = room_for(b, (size_t)n + 1);
	if (at == NULL)
		return;
	vsnprintf((char *)at, (size_t)n + 1, fmt, ap);
	b->tail--; /* the NUL is not content */
}

void
mu_buf_printf(struct mu_buf *b, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	mu_buf_vprintf(b, fmt, ap);
	va_end(ap);
}

char *
mu_buf_take_string(struct mu_buf *b)
{
	char *s;

	if (b->error != 0)
		return NULL;
	s = mu_memdup0(mu_buf_data(b), mu_buf_len(b));
	mu_buf_reset(b);
	return s;
}
