/*
 * Allocation that can be made to fail.  Everything in lib/ and daemon/
 * allocates through these, so that a test can run a constructor with the
 * n-th allocation failing, for all n.
 */
#ifndef MU_BASE_ALLOC_H
#define MU_BASE_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Decides whether the next allocation fails; returns true for failure.
 * ctx  as given to mu_alloc_set_hook
 */
typedef bool (*mu_alloc_hook)(void *ctx);

/* Install a failure hook (NULL: none).  Process-wide; for tests. */
void mu_alloc_set_hook(mu_alloc_hook hook, void *ctx);

/* As malloc, calloc and realloc; size 0 gives a unique pointer.  NULL when
 * memory is out; the caller owns the result and gives it to mu_free. */
void *mu_malloc(size_t size);
void *mu_calloc(size_t n, size_t size);
void *mu_realloc(void *p, size_t size);

/* realloc of n elements of size bytes each, with the product checked. */
void *mu_reallocarray(void *p, size_t n, size_t size);

/* Copies of a string and of len bytes (a NUL is appended). */
char *mu_strdup(const char *s);
char *mu_memdup0(const void *p, size_t len);

/* printf into fresh memory; NULL when memory is out. */
char *mu_asprintf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* free; NULL is fine. */
void mu_free(void *p);

/*
 * How the C library keeps what is freed: large pieces go back to the system at
 * once, at whatever size the process once was.  Once, before anything else.
 */
void mu_alloc_tune(void);

/* Give back free pages between those in use: not cheap, when it was busy and
 * is no more. */
void mu_alloc_trim(void);

/* Overwrite len bytes in a way the compiler keeps; for secrets. */
void mu_wipe(void *p, size_t len);

#endif
