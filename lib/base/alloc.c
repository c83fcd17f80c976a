/* Allocation with a failure hook; see alloc.h. */
#include "base/alloc.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static mu_alloc_hook failure_hook;
static void *failure_ctx;

void
mu_alloc_set_hook(mu_alloc_hook hook, void *ctx)
{
	failure_hook = hook;
	failure_ctx = ctx;
}

static bool
must_fail(void)
{
	return failure_hook != NULL && failure_hook(failure_ctx);
}

void *
mu_malloc(size_t size)
{
	if (must_fail())
		return NULL;
	return malloc(size == 0 ? 1 : size);
}

void *
mu_calloc(size_t n, size_t size)
{
	if (must_fail())
		return NULL;
	if (n == 0 || size == 0)
		n = size = 1;
	return calloc(n, size);
}

void *
mu_realloc(void *p, size_t size)
{
	if (must_fail())
		return NULL;
	return realloc(p, size == 0 ? 1 : size);
}

void *
mu_reallocarray(void *p, size_t n, size_t size)
{
	if (size != 0 && n > SIZE_MAX / size)
		return NULL;
	return mu_realloc(p, n * size);
}

char *
mu_strdup(const char *s)
{
	return mu_memdup0(s, strlen(s));
}

char *
mu_memdup0(const void *p, size_t len)
{
	char *copy;

	if (len == SIZE_MAX)
		return NULL;
	copy = mu_malloc(len + 1);
	if (copy == NULL)
		return NULL;
	if (len > 0)
		memcpy(copy, p, len);
	copy[len] = '\0';
	return copy;
}

char *
mu_asprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return NULL;
	s = mu_malloc((size_t)n + 1);
	if (s == NULL)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(s, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return s;
}

void
mu_free(void *p)
{
	free(p);
}

#define LARGE (256 * 1024) /* has pages of its own */
#define SLACK (512 * 1024) /* kept at the end of the heap */

void
mu_alloc_tune(void)
{
	/* Left alone, glibc raises both with each large piece that is freed,
	 * and what came after a peak stays. */
	mallopt(M_MMAP_THRESHOLD, LARGE);
	mallopt(M_TRIM_THRESHOLD, SLACK);
}

void
mu_alloc_trim(void)
{
	malloc_trim(SLACK / 8);
}

void
mu_wipe(void *p, size_t len)
{
	if (len > 0)
		explicit_bzero(p, len);
}
