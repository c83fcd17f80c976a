/*
 * A log record: typed values over somebody's bytes, and the serialized form
 * in which it travels (reference "broker-protocol", 5.5).
 */
#ifndef MU_LOGREC_RECORD_H
#define MU_LOGREC_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "logrec/stream.h"

/* Zeek's Log::max_log_record_size. */
#define MU_LOG_MAX_RECORD (64u << 20)

struct mu_log_value {
	uint8_t type; /* enum mu_log_type, not VOID in a record of a stream */
	bool set;     /* otherwise only the type is meaningful */
	union {
		int64_t integer; /* int, bool (0 or 1) */
		uint64_t count;
		double real; /* double; time, interval in seconds */
		struct {
			const uint8_t *at; /* borrowed, not NUL-terminated */
			size_t len;
		} text; /* string, enum, func, file */
		struct {
			uint16_t number;
			uint8_t proto; /* enum muster_proto */
		} port;
		struct {
			uint8_t addr[16]; /* IPv4 as ::ffff:a.b.c.d */
			uint8_t width;    /* subnets; IPv4 /n is 96 + n */
		} net;
		struct {
			uint32_t first; /* index into the record's values */
			uint32_t n;
			uint8_t type; /* of the elements */
		} list;               /* set, vector */
	} u;
};

/*
 * The fields come first, [nfields], then the elements of sets and vectors.
 * One record is used again and again: it keeps its memory.  Zero it to begin.
 */
struct mu_log_record {
	struct mu_log_value *values; /* owned */
	size_t nfields;
	size_t nvalues; /* fields and elements */
	size_t cap;
};

void mu_log_record_clear(struct mu_log_record *r);

/* The elements of a set or vector of r. */
static inline const struct mu_log_value *
mu_log_elements(const struct mu_log_record *r, const struct mu_log_value *v)
{
	return r->values + v->u.list.first;
}

/* --- building ---------------------------------------------------------- */

/* Start a record of s's columns, all unset.  0 or ENOMEM. */
int mu_log_record_begin(struct mu_log_record *r, const struct mu_log_stream *s);

/* Make field i a set or vector without elements; then add them one by one,
 * before the next field is begun.  type is that of the elements.  add gives
 * an unset element of the type to fill in, NULL when memory is out. */
void mu_log_record_list(
    struct mu_log_record *r, size_t i, enum mu_log_type type);
struct mu_log_value *mu_log_record_add(struct mu_log_record *r, size_t i);

/* --- the serialized form ----------------------------------------------- */

/*
 * Read a serialized record of stream s.
 *
 * r    overwritten; its texts are borrowed from buf
 * buf  [len] bytes, all of which must be the record
 * why  or NULL: what is wrong, naming the field
 *
 * 0; ELIMIT absurd counts or too long a record; EPROTO short, trailing bytes,
 * a field count other than the stream's, an unknown type or family; ETYPE a
 * field of another type than the stream's, or nested sets; ENOMEM.
 */
int mu_log_record_dec(struct mu_log_record *r, const struct mu_log_stream *s,
    const uint8_t *buf, size_t len, struct mu_log_why *why);

/* The same where no create message is known: the types are those that the
 * record claims. */
int mu_log_record_dec_any(struct mu_log_record *r, const uint8_t *buf,
    size_t len, struct mu_log_why *why);

/* Append the serialized form; failure sticks in b. */
void mu_log_record_enc(struct mu_buf *b, const struct mu_log_record *r);

#endif
