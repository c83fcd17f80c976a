/*
 * The text of a layout before YAML sees it: what no YAML file may contain is
 * reported with its place, and ranges are made fit for flow collections.
 */
#ifndef MU_LAYOUT_SOURCE_H
#define MU_LAYOUT_SOURCE_H

#include <stddef.h>

#include "base/diag.h"

/*
 * Stand-ins for the brackets of a range.  YAML ends a plain word at a bracket
 * when it stands between braces, so {host: 10.0.0.[3-6]} would be a mistake;
 * the reader wants it to mean what it means elsewhere.  A word that touches a
 * bracket is never valid there, so nothing valid changes its meaning.  The
 * stand-ins are noncharacters (no text has them) and one character each, so
 * columns stay right.
 */
#define MU_SOURCE_OPEN  "\xf0\x9f\xbf\xbe" /* U+1FFFE */
#define MU_SOURCE_CLOSE "\xf0\x9f\xbf\xbf" /* U+1FFFF */

/*
 * Report bytes that are not UTF-8, control characters and tabs that indent.
 *
 * Returns 0, or MUSTER_ECONFIG when something was reported.
 */
int mu_source_check(const char *text, size_t len, struct mu_diags *diags);

/* A copy with the brackets of ranges replaced, owned by the caller, of *out
 * bytes; NULL when memory is out. */
char *mu_source_mark(const char *text, size_t len, size_t *out);

/* Put the brackets back, in place; returns the new length. */
size_t mu_source_unmark(char *text, size_t len);

#endif
