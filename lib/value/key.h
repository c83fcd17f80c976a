/*
 * What Zeek hashes when a value is the key of a pool (reference
 * "cluster-semantics" 3.6): the bytes of a string, of other types Zeek's own
 * binary description with its own type numbers, little end first.
 */
#ifndef MU_VALUE_KEY_H
#define MU_VALUE_KEY_H

struct mu_buf;
struct muster_value;

/* No key has more bytes. */
#define MU_KEY_BYTES (16u << 20)

/*
 * Append the bytes of a key.
 *
 * type  as a script writes it (value/key_type.h), for what the value does not
 *       tell by itself: the type of an enum, the fields of a record, what is in
 *       an empty container; NULL: none was told.  That of an enum ("Log::ID")
 *       is of no importance to other values.
 * why   what was wrong or missing, unless memory was out; static
 *
 * 0 (look at the buffer's error); MUSTER_EINVAL where the type is missing or is
 * none; MUSTER_ETYPE for what cannot be a key, or is not of its type;
 * MUSTER_ENOMEM.
 */
int mu_key_enc(struct mu_buf *b, const struct muster_value *v, const char *type,
    const char **why);

#endif
