/*
 * A growable byte buffer with a read end, a write end and a limit.  Bytes are
 * contiguous, so what was put in can be looked at as one piece.  Writers of
 * formats use the error that sticks: a failed put marks the buffer and the
 * encoder checks mu_buf_error once at the end.
 */
#ifndef MU_BASE_BUF_H
#define MU_BASE_BUF_H

#include <assert.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mu_buf {
	uint8_t *mem; /* owned; NULL while empty */
	size_t cap;   /* bytes allocated */
	size_t head;  /* first unread byte */
	size_t tail;  /* first free byte */
	size_t max;   /* most bytes it may ever hold unread */
	int error;    /* first failure of a put: MUSTER_ENOMEM or ELIMIT */
};

/* Make an empty buffer of at most max unread bytes (0: no limit of its own).
 * Allocates nothing. */
void mu_buf_init(struct mu_buf *b, size_t max);

/* Free the memory; the buffer is empty and usable again, its limit kept. */
void mu_buf_clear(struct mu_buf *b);

/* Forget the contents, keep the memory, clear the error. */
void mu_buf_reset(struct mu_buf *b);

static inline size_t
mu_buf_len(const struct mu_buf *b)
{
	return b->tail - b->head;
}

/* The unread bytes; borrowed until the next call that changes the buffer. */
static inline uint8_t *
mu_buf_data(const struct mu_buf *b)
{
	return b->mem == NULL ? NULL : b->mem + b->head;
}

static inline int
mu_buf_error(const struct mu_buf *b)
{
	return b->error;
}

/* Drop n unread bytes from the front; n <= mu_buf_len. */
static inline void
mu_buf_consume(struct mu_buf *b, size_t n)
{
	assert(n <= mu_buf_len(b));
	b->head += n;
	if (b->head == b->tail)
		b->head = b->tail = 0;
}

/* Cut the unread bytes to len (to undo puts); len <= mu_buf_len. */
void mu_buf_truncate(struct mu_buf *b, size_t len);

/*
 * Room for at least n bytes behind the unread ones, for reading into; *room
 * is what there is (>= n).  Follow with mu_buf_commit.  0, MUSTER_ENOMEM, or
 * MUSTER_ELIMIT when unread + n exceeds the limit.  Does not set the error.
 */
int mu_buf_reserve(struct mu_buf *b, size_t n, uint8_t **at, size_t *room);
void mu_buf_commit(struct mu_buf *b, size_t n);

/* Move the memory of an empty buffer to one that has none. */
void mu_buf_lend(struct mu_buf *from, struct mu_buf *to);

/* Give memory back if the buffer is empty or much larger than its contents. */
void mu_buf_shrink(struct mu_buf *b);

/* Appenders.  They return nothing; failure sticks in b->error and later puts
 * do nothing.  Integers are big endian. */
void mu_buf_put(struct mu_buf *b, const void *p, size_t n);
void mu_buf_u8(struct mu_buf *b, uint8_t v);
void mu_buf_u16(struct mu_buf *b, uint16_t v);
void mu_buf_u32(struct mu_buf *b, uint32_t v);
void mu_buf_u64(struct mu_buf *b, uint64_t v);
/* LEB128 of at most 32 bits: reference "broker-protocol" 4.1. */
void mu_buf_varbyte(struct mu_buf *b, uint32_t v);
void mu_buf_str(struct mu_buf *b, const char *s);
void mu_buf_printf(struct mu_buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void mu_buf_vprintf(struct mu_buf *b, const char *fmt, va_list ap)
    __attribute__((format(printf, 2, 0)));

/* The contents as a NUL-terminated string; the caller owns it.  The buffer is
 * emptied.  NULL when memory is out or the buffer has an error. */
char *mu_buf_take_string(struct mu_buf *b);

#endif
