/*
 * What Zeek hashes of values without parts, and the pieces that the values with
 * parts are made of: numbers with the little end first, texts with a NUL.
 */
#ifndef MU_VALUE_KEY_PLAIN_H
#define MU_VALUE_KEY_PLAIN_H

#include <stdint.h>

struct mu_buf;
struct muster_value;

void mu_key_u32(struct mu_buf *b, uint32_t v);
void mu_key_u64(struct mu_buf *b, uint64_t v);
void mu_key_text(struct mu_buf *b, const char *s);

/* As mu_key_enc of key.h; MUSTER_ETYPE for none and what has parts. */
int mu_key_plain_enc(
    struct mu_buf *b, const struct muster_value *v, const char *enum_type);

#endif
