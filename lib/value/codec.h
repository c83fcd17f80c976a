/*
 * Codecs for use inside the library: on buffers and cursors, and the walks
 * that look at encoded values without building anything (for the routing
 * path, which never decodes).
 */
#ifndef MU_VALUE_CODEC_H
#define MU_VALUE_CODEC_H

#include "base/buf.h"
#include "base/cursor.h"
#include "muster/event.h"
#include "muster/value.h"

/* Append tag and content; failure sticks in b. */
void mu_value_enc(struct mu_buf *b, const struct muster_value *v);

/* Read one value; on failure the cursor is failed and NULL returned. */
struct muster_value *mu_value_dec(struct mu_cursor *c);

/* Step over one encoded value: structure, counts and depth are checked,
 * nothing is allocated, uniqueness of set elements and keys is not checked. */
void mu_value_skip(struct mu_cursor *c);

/* 0 when [len] bytes are exactly one well-formed value (by mu_value_skip). */
int mu_value_check(const uint8_t *buf, size_t len);

/* Append Broker's JSON form. */
void mu_value_enc_json(struct mu_buf *b, const struct muster_value *v);
/* Append Broker's text form. */
void mu_value_enc_text(struct mu_buf *b, const struct muster_value *v);

/* Parts of encoded messages, read in place: how many elements a vector has, and
 * a count.  Anything else there fails the cursor with MUSTER_EPROTO. */
uint32_t mu_dec_vector_head(struct mu_cursor *c);
uint64_t mu_dec_count(struct mu_cursor *c);

/*
 * Look at an encoded message without decoding it: its kind and, of an event,
 * the name and the encoded argument vector, all borrowed from buf.  Only the
 * head is looked at: the rest may still be malformed.
 */
struct mu_peek {
	enum muster_message kind;
	const char *name; /* of an event, not NUL-terminated */
	size_t name_len;
	const uint8_t *args; /* encoded vector, up to the end of buf */
	size_t args_len;
};
int mu_peek_message(const uint8_t *buf, size_t len, struct mu_peek *out);

/* Append an encoded event: head, name, and the given encoded argument vector;
 * with_meta adds the empty third field that Broker::publish writes. */
void mu_event_enc(struct mu_buf *b, const char *name, size_t name_len,
    const struct muster_value *args, bool with_meta);

#endif
