/*
 * The rows of "nodes": each names one node or, by ranges, many.  While rules
 * across nodes are checked every node still knows its row, and so its places.
 */
#ifndef MU_LAYOUT_ROWS_H
#define MU_LAYOUT_ROWS_H

#include <stdbool.h>
#include <stddef.h>

#include "layout/layout.h"

struct mu_yaml;

struct mu_draft {
	struct mu_layout_node node;
	const struct mu_yaml *key; /* its name as written; the row follows */
	bool first;                /* of the nodes of its row */
};

struct mu_rows {
	struct mu_draft *list; /* sorted by name, then place */
	size_t n;
	bool whole; /* every row could be read as far as its role */
};

/*
 * Read and expand all rows.
 *
 * map   value of "nodes", borrowed as long as the rows are used
 * rows  zeroed; the caller clears it, also after a failure
 *
 * 0 (with or without mistakes) or MUSTER_ENOMEM.
 */
int mu_rows_read(
    struct mu_rows *rows, const struct mu_yaml *map, struct mu_diags *diags);

void mu_rows_clear(struct mu_rows *rows);

/* The node of that name, or NULL. */
struct mu_draft *mu_rows_find(const struct mu_rows *rows, const char *name);

/* The place of the value of a node's field, else that of its name. */
struct mu_place mu_draft_place(const struct mu_draft *d, const char *key);

/* Does the row have that key? */
bool mu_draft_has(const struct mu_draft *d, const char *key);

/* Free what one node owns. */
void mu_layout_node_clear(struct mu_layout_node *node);

#endif
