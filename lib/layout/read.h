/*
 * Reading a layout file with all its mistakes.
 */
#ifndef MU_LAYOUT_READ_H
#define MU_LAYOUT_READ_H

#include <stddef.h>

#include "base/diag.h"

struct mu_layout;

#define MU_LAYOUT_MAX_BYTES (4u << 20) /* larger files are refused */
#define MU_LAYOUT_MAX_NODES 10000

/*
 * Parse and check a layout.
 *
 * file   name for messages; its folder is what paths are relative to
 * text   [len] bytes, borrowed
 * diags  initialised; every mistake is added, with its place
 *
 * Returns the layout, owned by the caller, when there is no mistake; else NULL
 * (diags then holds at least one entry, also when memory is out).
 */
struct mu_layout *mu_layout_read(
    const char *file, const char *text, size_t len, struct mu_diags *diags);

/* The same from a file; what cannot be opened or read is a diagnostic. */
struct mu_layout *mu_layout_load(const char *file, struct mu_diags *diags);

/* JSON Schema (draft 2020-12) of the format, made from the reader's own field
 * tables; owned by the caller. */
char *mu_layout_schema(void);

/* What a reload from a to b would change: one line per change, appended to
 * out as "can: ..." or "cannot: ..." (the latter refuse the reload as a
 * whole).  Returns the number of "cannot" lines, or MUSTER_ENOMEM. */
struct mu_buf;
int mu_layout_diff(const struct mu_layout *a, const struct mu_layout *b,
    const char *self, struct mu_buf *out);

#endif
