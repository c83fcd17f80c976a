/* The inside of a reader; for its own files only. */
#ifndef MU_LOGREC_READER_IMPL_H
#define MU_LOGREC_READER_IMPL_H

#include "base/buf.h"
#include "logrec/reader.h"

struct mu_log_reader {
	enum mu_log_form form;
	struct mu_log_stream given;  /* as configured */
	struct mu_log_stream stream; /* with the columns in force */
	struct mu_log_format format;
	bool header_path;
	bool zeek;   /* always */
	bool opened; /* by this file's header */
	bool known;    /* stream's columns are valid */
	bool told;     /* COLUMNS was given out for them */
	bool ended;    /* no more bytes */
	bool skipping; /* inside a line that is too long */
	bool fresh;    /* no line was seen yet */
	bool again;    /* the last line is to be read once more */
	size_t max_line;

	struct mu_buf in; /* bytes not taken yet */
	size_t scanned;   /* of in, without a newline */
	size_t held;      /* bytes of in that the last line takes */
	size_t held_len;  /* of the line without its end */
	uint64_t line;    /* of the last consequence */
	uint64_t offset;  /* behind it */
	struct mu_log_record record;
	struct mu_log_why why;

	/* TSV: what the header said so far */
	char *names; /* the line of #fields, owned */
	size_t names_len;
	char *path; /* of #path, owned */
};

/* Deal with one line of [len] bytes, without its end.  An enum mu_log_read
 * (MORE: nothing came of it) or an error. */
int mu_log_tsv_read(struct mu_log_reader *r, uint8_t *s, size_t len);
int mu_log_json_read(struct mu_log_reader *r, uint8_t *s, size_t len);

/* Find columns for JSON lines in [len] bytes of complete lines, which are
 * left as they are.  0 or ENOMEM. */
int mu_log_infer(struct mu_log_stream *s, uint8_t *buf, size_t len);

/* A line is refused: sets why, returns BAD. */
int mu_log_bad(struct mu_log_reader *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* New columns: told anew if they differ from those in force.  Takes *s, which
 * is zeroed.  COLUMNS or MORE. */
int mu_log_columns(struct mu_log_reader *r, struct mu_log_stream *s);

#endif
