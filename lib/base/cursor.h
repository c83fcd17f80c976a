/*
 * Reading a format: a cursor over borrowed bytes whose error sticks, so a
 * decoder is a straight list of fields with one check at the end.  After a
 * failure every read gives zeros.  Integers are big endian.
 */
#ifndef MU_BASE_CURSOR_H
#define MU_BASE_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mu_cursor {
	const uint8_t *at;  /* next byte */
	const uint8_t *end; /* one past the last */
	int error;          /* first failure, MUSTER_EPROTO or set by caller */
};

static inline struct mu_cursor
mu_cursor_over(const void *buf, size_t len)
{
	const uint8_t *p = buf;
	struct mu_cursor c = { p, p == NULL ? p : p + len, 0 };

	return c;
}

static inline size_t
mu_cursor_left(const struct mu_cursor *c)
{
	return (size_t)(c->end - c->at);
}

/* Mark the cursor failed with err unless it is already; nothing is left. */
void mu_cursor_fail(struct mu_cursor *c, int err);

uint8_t mu_cursor_u8(struct mu_cursor *c);
uint16_t mu_cursor_u16(struct mu_cursor *c);
uint32_t mu_cursor_u32(struct mu_cursor *c);
uint64_t mu_cursor_u64(struct mu_cursor *c);

/*
 * LEB128 as Broker reads it: at most five bytes, non-minimal forms accepted,
 * more than 32 bits refused.  Reference "broker-protocol" 4.1.
 */
uint32_t mu_cursor_varbyte(struct mu_cursor *c);

/* A varbyte count of elements of at least min_size bytes each: refused when
 * the rest of the input could not hold that many, so a claim never makes
 * anybody allocate. */
uint32_t mu_cursor_count(struct mu_cursor *c, size_t min_size);

/* n bytes in place; NULL on failure (and for n == 0 of an empty input). */
const uint8_t *mu_cursor_bytes(struct mu_cursor *c, size_t n);

/* Varbyte length and that many bytes, in place; *len is 0 on failure. */
const uint8_t *mu_cursor_str(struct mu_cursor *c, size_t *len);

/* 0 when all input was read without failure; otherwise the error, with bytes
 * left over being MUSTER_EPROTO. */
int mu_cursor_done(const struct mu_cursor *c);

#endif
