/*
 * IdentifierUpdate, Zeek's message that replaces a global of the receiver
 * (reference "broker-protocol" 5.8): (1, 4, (name, value)).
 */
#ifndef MU_VALUE_IDENTIFIER_H
#define MU_VALUE_IDENTIFIER_H

#include <stdbool.h>
#include <stddef.h>

#include "muster/value.h"

struct mu_buf;

#define MU_IDENTIFIER_MAX 256 /* bytes of a name */

/* Is it the name of an identifier: "Module::name", "name"? */
bool mu_identifier_is_name(const char *s, size_t len);

/* Append an encoded update; failure sticks in b. */
void mu_identifier_enc(struct mu_buf *b, const char *name, size_t len,
    const struct muster_value *v);

/* Parts of a valid update, borrowed; NULL when v is none. */
const char *mu_identifier_name(const struct muster_value *v, size_t *len);
const struct muster_value *mu_identifier_value(const struct muster_value *v);

#endif
