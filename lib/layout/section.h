/*
 * A mapping of the layout into a struct, by the section's table: unknown
 * keys, wrong types, missing keys and defaults.
 */
#ifndef MU_LAYOUT_SECTION_H
#define MU_LAYOUT_SECTION_H

#include <stddef.h>

#include "layout/scalars.h"

struct mu_section;
struct mu_yaml;

/* A mapping and what it is called. */
struct mu_job {
	struct mu_spot owner;      /* its subject and the place for what is
				      missing */
	const struct mu_yaml *map; /* NULL: everything has its default */
	size_t index; /* which word of the ranges is meant; mistakes of the
			 words without a range are told once, at 0 */
	size_t count; /* words that the ranges have; 0: there is no range */
};

/*
 * Read the mapping into the struct at base.  Nodes, stores, pools
 * and weights are left to the caller.  0 (with or without mistakes) or MUSTER_ENOMEM.
 */
int mu_section_read(
    const struct mu_job *job, const struct mu_section *s, void *base);

/* Free every string and list of a struct. */
void mu_section_clear(const struct mu_section *s, void *base);

/* Is y of the kind that the field wants?  Otherwise a mistake is reported
 * with "must be ..., not ...". */
struct mu_field;
int mu_section_type(
    const struct mu_spot *s, const struct mu_field *f, const struct mu_yaml *y);

#endif
