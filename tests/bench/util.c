/* The clock, memory, messages; see util.h. */
#include "util.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SEC + (uint64_t)t.tv_nsec;
}

void *
xalloc(size_t n)
{
	void *p = calloc(1, n > 0 ? n : 1);

	if (p == NULL)
		die("out of memory");
	return p;
}

void *
xrealloc(void *p, size_t n)
{
	p = realloc(p, n > 0 ? n : 1);
	if (p == NULL)
		die("out of memory");
	return p;
}

static void __attribute__((format(printf, 1, 0)))
message(const char *fmt, va_list ap)
{
	fputs("muster-bench: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

void
note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message(fmt, ap);
	va_end(ap);
}

void
die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message(fmt, ap);
	va_end(ap);
	exit(1);
}

uint8_t *
bytes_room(struct bytes *b, size_t n)
{
	if (b->at == b->len)
		b->at = b->len = 0;
	if (b->cap - b->len >= n)
		return b->p + b->len;
	if (b->at > 0) {
		memmove(b->p, b->p + b->at, bytes_left(b));
		b->len -= b->at;
		b->at = 0;
	}
	if (b->cap - b->len < n) {
		b->cap = b->len + n > 2 * b->cap ? b->len + n : 2 * b->cap;
		b->p = xrealloc(b->p, b->cap);
	}
	return b->p + b->len;
}

void
bytes_add(struct bytes *b, const void *p, size_t n)
{
	if (n == 0)
		return;
	memcpy(bytes_room(b, n), p, n);
	b->len += n;
}

void
bytes_take(struct bytes *b, size_t n)
{
	b->at += n;
	if (b->at == b->len)
		b->at = b->len = 0;
}

void
bytes_free(struct bytes *b)
{
	free(b->p);
	memset(b, 0, sizeof *b);
}
