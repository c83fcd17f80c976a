/*
 * Reading log files: bytes in any split become columns, records and errors,
 * one consequence at a time, each with its line.  TSV with Zeek's header (or
 * columns told beforehand), and JSON lines with types told or inferred.
 *
 *	mu_log_reader_feed(r, buf, len);
 *	while ((what = mu_log_reader_next(r)) > MU_LOG_MORE)
 *		...
 *
 * Values are read as the writer writes them.  What that loses stays lost: the
 * protocol of ports, decimals beyond the sixth in TSV, in TSV whether a set is
 * empty or holds one empty string, in JSON infinities.
 */
#ifndef MU_LOGREC_READER_H
#define MU_LOGREC_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "logrec/format.h"
#include "logrec/record.h"
#include "logrec/stream.h"

/* Longest line accepted unless told otherwise. */
#define MU_LOG_MAX_LINE (16u << 20)

/* JSON lines without types are inferred from the first ones: all there are,
 * up to so many lines or bytes. */
#define MU_LOG_INFER_LINES 1000
#define MU_LOG_INFER_BYTES (256u << 10)

enum mu_log_form {
	MU_LOG_FORM_AUTO = 0, /* JSON if the first byte is a brace */
	MU_LOG_FORM_TSV,
	MU_LOG_FORM_JSON
};

enum mu_log_read {
	MU_LOG_MORE = 0,    /* feed, or the end was reached */
	MU_LOG_COLUMNS = 1, /* the columns are known, or others than before */
	MU_LOG_RECORD = 2,
	MU_LOG_BAD = 3 /* a line was refused and skipped */
};

struct mu_log_reader_config {
	enum mu_log_form form;
	/*
	 * Names the stream; its path is replaced by a header's if header_path.
	 * Columns in it are the types told: of JSON lines, and of TSV without
	 * "#fields"; a first line that names only such columns is then taken
	 * for the header of "tsv = T".  Borrowed for new.
	 */
	const struct mu_log_stream *stream;
	const struct mu_log_format *format; /* NULL: Zeek's; borrowed for new */
	bool header_path;
	/*
	 * TSV: the file is Zeek's, so its numbers are read as those that Zeek's
	 * writer shows so (shown.h).  A header with "#open" says the same.
	 */
	bool zeek;
	size_t max_line; /* bytes; 0: MU_LOG_MAX_LINE */
};

struct mu_log_reader;

/* NULL when memory is out. */
struct mu_log_reader *mu_log_reader_new(const struct mu_log_reader_config *c);
void mu_log_reader_free(struct mu_log_reader *r);

/* Bytes of the file, in any split, borrowed for the call.  Drain next before
 * the next one, or they are kept.  0 or ENOMEM. */
int mu_log_reader_feed(struct mu_log_reader *r, const uint8_t *buf, size_t len);

/* No more bytes: a last line without a newline counts. */
void mu_log_reader_end(struct mu_log_reader *r);

/* An enum mu_log_read, or ENOMEM (then the line is lost: give up). */
int mu_log_reader_next(struct mu_log_reader *r);

/* The stream with its columns, from COLUMNS on; borrowed until the next
 * COLUMNS. */
const struct mu_log_stream *mu_log_reader_stream(const struct mu_log_reader *r);

/* Of a RECORD; borrowed until the next call of next or feed. */
const struct mu_log_record *mu_log_reader_record(const struct mu_log_reader *r);

/* Why a line was refused, "field uid: ...". */
const char *mu_log_reader_why(const struct mu_log_reader *r);

/* The line of the last consequence, from 1; and the bytes of input up to its
 * end: where somebody who took it may go on. */
uint64_t mu_log_reader_line(const struct mu_log_reader *r);
uint64_t mu_log_reader_offset(const struct mu_log_reader *r);

/*
 * Go on elsewhere in a file of the same columns: count from line and offset
 * (that of the last consequence).  For TSV the format and columns must be
 * known: feed the header first.
 */
void mu_log_reader_seek(
    struct mu_log_reader *r, uint64_t line, uint64_t offset);

/* Columns from "ts:time,uid:string,tags:set[string]", appended to s. */
int mu_log_stream_types(
    struct mu_log_stream *s, const char *text, struct mu_log_why *why);

/*
 * The path that Zeek gives a stream by itself: "Conn::LOG" is conn,
 * "Known::HOSTS_LOG" known_hosts, "PacketFilter::LOG" packet_filter.
 * NULL when memory is out; the caller frees it with mu_free.
 */
char *mu_log_path_of(const char *stream);

/* The stream that a path comes from: Zeek's own by a list, others by undoing
 * the rule above ("my_log" is MyLog::LOG). */
char *mu_log_stream_of(const char *path);

#endif
