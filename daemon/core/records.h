/*
 * Lines of cluster.log and broker.log exactly as Zeek's ASCII writer forms
 * them (reference "cluster-semantics", 1.9 and 1.10).  Text only: files are
 * io/logfile.h's business.
 */
#ifndef CORE_RECORDS_H
#define CORE_RECORDS_H

#include <stdint.h>

#include "base/buf.h"

/* The header block of a log of that path ("cluster" or "broker"), opened at
 * wall ns; and its #close line. */
void records_header(struct mu_buf *b, const char *path, int64_t wall);
void records_close(struct mu_buf *b, int64_t wall);

/* One line; ts is wall ns.  address NULL or "": unset, then the port too. */
void records_cluster(
    struct mu_buf *b, int64_t ts, const char *node, const char *message);
void records_broker(struct mu_buf *b, int64_t ts, const char *ty,
    const char *ev, const char *address, uint16_t port, const char *message);

#endif
