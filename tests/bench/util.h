/*
 * What all of the load generator needs: the clock, memory that does not fail,
 * messages.  Nothing here is Muster's: the generator is an implementation of
 * the protocol of its own.
 */
#ifndef BENCH_UTIL_H
#define BENCH_UTIL_H

#include <stddef.h>
#include <stdint.h>

#define MS UINT64_C(1000000)    /* of nanoseconds */
#define SEC UINT64_C(1000000000)

/* Monotonic nanoseconds, the same clock in all processes. */
uint64_t now_ns(void);

/* Memory or the end of the program. */
void *xalloc(size_t n);
void *xrealloc(void *p, size_t n);

/* "muster-bench: ..." on standard error; the second one exits with 1. */
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void die(const char *fmt, ...)
    __attribute__((format(printf, 1, 2), noreturn));

/* Bytes that are appended at the end and taken at the front. */
struct bytes {
	uint8_t *p;
	size_t at, len, cap; /* the contents are p[at .. len) */
};

/* Room for n more bytes at the end. */
uint8_t *bytes_room(struct bytes *b, size_t n);
void bytes_add(struct bytes *b, const void *p, size_t n);
void bytes_take(struct bytes *b, size_t n);
void bytes_free(struct bytes *b);

static inline size_t
bytes_left(const struct bytes *b)
{
	return b->len - b->at;
}

static inline uint64_t
mix64(uint64_t x)
{
	x ^= x >> 32;
	x *= UINT64_C(0xd6e8feb86659fd93);
	x ^= x >> 32;
	x *= UINT64_C(0xd6e8feb86659fd93);
	return x ^ x >> 32;
}

#endif
