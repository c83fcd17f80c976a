/*
 * Lines of log files, byte for byte as Zeek's ASCII writer makes them, TSV or
 * JSON (reference "cluster-semantics", 4.6 and 4.7).  A writer is prepared
 * once per stream and format and then only appends to buffers: no allocation
 * of its own per record.  It may be used by one thread at a time.
 */
#ifndef MU_LOGREC_WRITER_H
#define MU_LOGREC_WRITER_H

#include <stdint.h>

#include "base/buf.h"
#include "logrec/format.h"
#include "logrec/record.h"
#include "logrec/stream.h"

struct mu_log_writer;

/* Prepare; copies what it needs of both.  NULL when memory is out. */
struct mu_log_writer *mu_log_writer_new(
    const struct mu_log_stream *s, const struct mu_log_format *f);
void mu_log_writer_free(struct mu_log_writer *w);

/* The format it was prepared with, borrowed. */
const struct mu_log_format *mu_log_writer_format(const struct mu_log_writer *w);

/* Append what a new file begins with and an orderly closed one ends with;
 * nothing where the format has none.  wall_s is seconds since 1970, shown as
 * local time.  Failure sticks in b, here and below. */
void mu_log_writer_open(
    const struct mu_log_writer *w, struct mu_buf *b, int64_t wall_s);
void mu_log_writer_close(
    const struct mu_log_writer *w, struct mu_buf *b, int64_t wall_s);

/* Append the line of a record, which must be one of the stream's. */
void mu_log_writer_line(
    struct mu_log_writer *w, struct mu_buf *b, const struct mu_log_record *r);

#endif
