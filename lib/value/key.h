/*
 * What Zeek hashes when a value is the key of a pool (reference
 * "cluster-semantics" 3.6): the bytes of a string, of other types Zeek's own
 * binary description with its own type numbers, little end first.
 */
#ifndef MU_VALUE_KEY_H
#define MU_VALUE_KEY_H

struct mu_buf;
struct muster_value;

/*
 * Append the bytes of a key.
 *
 * enum_type  name of the enum's type ("Notice::Type"), which Zeek hashes too
 *            and the value does not know; NULL: none was told
 *
 * 0 (look at the buffer's error); MUSTER_ETYPE for what cannot be a key: none
 * and containers, whose description needs names of types that only Zeek knows;
 * MUSTER_EINVAL for an enum without its type.
 */
int mu_key_enc(
    struct mu_buf *b, const struct muster_value *v, const char *enum_type);

#endif
