/*
 * The description of a log stream's writer: what a LogCreate message says
 * (reference "broker-protocol" 5.4, "cluster-semantics" 4.4).
 */
#ifndef MU_LOGREC_STREAM_H
#define MU_LOGREC_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "logrec/type.h"
#include "muster/value.h"

/* Limits; what exceeds them is refused with MUSTER_ELIMIT. */
#define MU_LOG_MAX_FIELDS  1024 /* columns; Zeek's conn.log has 21 */
#define MU_LOG_MAX_NAME    512 /* bytes of a stream, writer, path, field name */
#define MU_LOG_MAX_CONFIG  128 /* entries of the config table */
#define MU_LOG_MAX_SETTING 1024 /* bytes of a key or value of it */

#define MU_LOG_WRITER_ASCII "Log::WRITER_ASCII"

struct mu_log_field {
	char *name;      /* flattened: "id.orig_h" */
	char *secondary; /* or NULL */
	enum mu_log_type type;
	enum mu_log_type subtype; /* of sets and vectors, else VOID */
	bool optional;
};

struct mu_log_setting {
	char *key;
	char *value;
};

/* Everything is owned; names hold no NUL, and those of fields no control
 * bytes.  Make one zeroed, then dec or the add functions; clear it. */
struct mu_log_stream {
	char *stream;                  /* "Conn::LOG" */
	char *writer;                  /* "Log::WRITER_ASCII" */
	char *path;                    /* "conn" */
	double rotation_base;          /* seconds after midnight, or -1 */
	double rotation_interval;      /* seconds; 0: none */
	double network_time;           /* seconds since 1970 */
	char *postprocessor;           /* name of a function; "" if none */
	struct mu_log_setting *config; /* [nconfig] as it came */
	size_t nconfig;
	struct mu_log_field *fields; /* [nfields] */
	size_t nfields;
	size_t fields_cap;
};

/* Stream, writer and path, copied; no fields yet.  0, ENOMEM, EINVAL, ELIMIT:
 * then s is cleared. */
int mu_log_stream_init(struct mu_log_stream *s, const char *stream,
    const char *writer, const char *path, struct mu_log_why *why);
void mu_log_stream_clear(struct mu_log_stream *s);

/* Copy from; 0 or ENOMEM (to is cleared then). */
int mu_log_stream_copy(
    struct mu_log_stream *to, const struct mu_log_stream *from);

/* Append a column.  name [len] bytes, copied.  EEXIST: such a name is there. */
int mu_log_stream_add(struct mu_log_stream *s, const char *name, size_t len,
    enum mu_log_type type, enum mu_log_type subtype, bool optional,
    struct mu_log_why *why);

/* Set a value of the config table (replaces one of that key). */
int mu_log_stream_config(struct mu_log_stream *s, const char *key,
    const char *value, struct mu_log_why *why);

/* The value of a config key, or NULL. */
const char *mu_log_stream_get(const struct mu_log_stream *s, const char *key);

/* The column of that name, [len] bytes, or -1. */
long mu_log_stream_find(
    const struct mu_log_stream *s, const char *name, size_t len);

/* Same identity: stream, writer and path. */
bool mu_log_stream_same(
    const struct mu_log_stream *a, const struct mu_log_stream *b);
/* The same columns in the same order (names, types). */
bool mu_log_stream_same_fields(
    const struct mu_log_stream *a, const struct mu_log_stream *b);

/*
 * Read an encoded LogCreate message, which must be all of [len] bytes, or a
 * decoded one.  out is overwritten and, on failure, cleared.  0; EPROTO no
 * LogCreate; ETYPE a part of the wrong type or a column that cannot be logged;
 * EEXIST two columns of one name; ELIMIT; EINVAL a name that is empty or holds
 * control bytes; ENOMEM.  why (or NULL) says more.
 */
int mu_log_stream_dec(struct mu_log_stream *out, const uint8_t *buf, size_t len,
    struct mu_log_why *why);
int mu_log_stream_from_value(struct mu_log_stream *out,
    const struct muster_value *message, struct mu_log_why *why);

/* Append the LogCreate message; failure sticks in b. */
void mu_log_stream_enc(struct mu_buf *b, const struct mu_log_stream *s);

#endif
