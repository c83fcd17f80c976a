/*
 * A YAML text as a small tree of scalars, sequences and mappings that know
 * their places.  Only the plain part of YAML is accepted: no anchors, aliases,
 * tags or second documents, no key twice, and not deeper than a layout needs.
 */
#ifndef MU_LAYOUT_YAML_H
#define MU_LAYOUT_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "base/diag.h"

#define MU_YAML_MAX_DEPTH 8      /* a layout needs 4 */
#define MU_YAML_MAX_ITEMS 400000 /* in the whole tree: 10,000 nodes in full */

enum mu_yaml_kind {
	MU_YAML_SCALAR = 0,
	MU_YAML_SEQUENCE,
	MU_YAML_MAPPING,
	MU_YAML_BAD /* was reported already: to be passed over in silence */
};

struct mu_yaml {
	enum mu_yaml_kind kind;
	bool plain;            /* scalar without quotes */
	struct mu_place place; /* where it begins */
	char *text;            /* of a scalar: no control characters */
	struct mu_yaml *items; /* elements; of a mapping key, value, ... */
	size_t nitems;
	size_t cap; /* elements allocated */
};

/*
 * Read a text.
 *
 * root   cleared and filled; the caller clears it, also after a failure
 * diags  gets every mistake with its place
 *
 * 0 when there is a tree to look at (perhaps with mistakes); MUSTER_ECONFIG
 * when the text is beyond reading; MUSTER_ENOMEM.
 */
int mu_yaml_read(
    struct mu_yaml *root, const char *text, size_t len, struct mu_diags *diags);

void mu_yaml_clear(struct mu_yaml *y);

/* The value of a key of a mapping, or NULL (also when y is NULL). */
const struct mu_yaml *mu_yaml_get(const struct mu_yaml *y, const char *key);

/* Is it a scalar that says nothing: empty, ~ or null, without quotes? */
bool mu_yaml_is_null(const struct mu_yaml *y);

#endif
