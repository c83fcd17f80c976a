/*
 * One word of the layout into one field of a struct, by the field's row; and
 * back into text.
 */
#ifndef MU_LAYOUT_SCALARS_H
#define MU_LAYOUT_SCALARS_H

#include <stddef.h>

#include "base/diag.h"

struct mu_buf;
struct mu_field;

/* Where a word stands, for what is to be said about it. */
struct mu_spot {
	struct mu_diags *diags; /* NULL: say nothing (it was said before) */
	const char *subject;    /* "limits", "node \"a\""; NULL: the key */
	struct mu_place at;
};

/* "subject: key text" or "key: text" at the spot.  Always MUSTER_EINVAL. */
int mu_spot_mistake(const struct mu_spot *s, const char *key, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));

/*
 * Read text into the field of the struct at base; a string there is replaced.
 *
 * 0, MUSTER_EINVAL (and a diagnostic), or MUSTER_ENOMEM.
 */
int mu_scalar_read(const struct mu_spot *s, const struct mu_field *f,
    const char *text, void *base);

/* Read a word that stands for a section (tls: none) into f->aside. */
int mu_scalar_read_word(const struct mu_spot *s, const struct mu_field *f,
    const char *text, void *base);

/* Append the value of a field (not a section) as the layout would give it. */
void mu_scalar_put(
    struct mu_buf *out, const struct mu_field *f, const void *base);

#define MU_SCALAR_WANTED 200 /* bytes */

/* "a port", "a duration such as 3 s", "logger, manager or proxy": what a field
 * wants, for a message.  Returns buf. */
char *mu_scalar_wanted(const struct mu_field *f, char buf[MU_SCALAR_WANTED]);

#endif
