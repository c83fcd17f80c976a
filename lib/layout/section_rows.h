/*
 * A list of mappings of the layout into an array of structs: the rows of
 * relay, handlers and so on, in the order of the file.
 */
#ifndef MU_LAYOUT_SECTION_ROWS_H
#define MU_LAYOUT_SECTION_ROWS_H

#include <stddef.h>

#include "layout/scalars.h"

struct mu_buf;
struct mu_field;
struct mu_yaml;

#define MU_LAYOUT_MAX_ROWS 1000 /* in one list */

/*
 * Read the list y into the array of the struct at base.  It gets one struct
 * per element, also for those with mistakes, so that element i of y is row i.
 * 0 (with or without mistakes) or MUSTER_ENOMEM.
 */
int mu_section_rows_read(const struct mu_spot *s, const struct mu_field *f,
    const struct mu_yaml *y, void *base);

/* Free the array and what its structs own. */
void mu_section_rows_clear(const struct mu_field *f, void *base);

/* The number of rows; row i of them. */
size_t mu_section_rows_count(const struct mu_field *f, const void *base);
const void *mu_section_rows_at(
    const struct mu_field *f, const void *base, size_t i);

/* Append one row, or all of them, as the layout would give it: what has its
 * default is left out. */
void mu_section_row_put(
    struct mu_buf *out, const struct mu_field *f, const void *row);
void mu_section_rows_put(
    struct mu_buf *out, const struct mu_field *f, const void *base);

#endif
