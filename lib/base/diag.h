/*
 * Diagnostics of one reading: each has file, line, column, subject and text;
 * all are collected, up to a limit, so an operator mends everything at once.
 */
#ifndef MU_BASE_DIAG_H
#define MU_BASE_DIAG_H

#include <stddef.h>

#define MU_DIAG_MAX 20 /* printed; further ones are only counted */

/* A place in a file.  line and column start at 1; 0 means unknown. */
struct mu_place {
	unsigned line;
	unsigned column; /* in characters, not bytes */
};

struct mu_diag {
	struct mu_place place;
	char *text; /* "node \"worker-3\": port 70000 is not in 1-65535" */
};

struct mu_diags {
	char *file;                        /* as the user named it; owned */
	struct mu_diag list[MU_DIAG_MAX];  /* sorted by place on print */
	size_t n;                          /* used entries of list */
	size_t total;                      /* including those not kept */
	size_t lost;                       /* could not be recorded: memory */
};

/* Start collecting for file (copied). */
int mu_diags_init(struct mu_diags *d, const char *file);
void mu_diags_clear(struct mu_diags *d);

/* Record one; an identical text at the same place is recorded once. */
void mu_diags_add(struct mu_diags *d, struct mu_place at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Number of mistakes found, kept or not. */
size_t mu_diags_count(const struct mu_diags *d);

/* "file:line:column: text" of entry i in order of place, owned by the caller;
 * NULL when memory is out or i is out of range. */
char *mu_diags_line(struct mu_diags *d, size_t i);

#endif
