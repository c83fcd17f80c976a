/* The inside of inputs; for their own files only. */
#ifndef LOGS_INPUTS_IMPL_H
#define LOGS_INPUTS_IMPL_H

#include "logrec/reader.h"
#include "logs/inputs.h"
#include "logs/outbox.h"

#define INPUT_RECORDS 1000       /* of a batch */
#define INPUT_BYTES   (1u << 20) /* likewise */
#define INPUT_CHUNK   65536      /* bytes of a read */
#define INPUT_DISK    2000000u   /* ns until the disk is asked again */
#define INPUT_WAITS   500        /* so often; then it is waited for */
#define INPUT_HEAD    256        /* first bytes that tell a file from others */
#define INPUT_NEXT    16         /* files that wait to be read after this one */
#define INPUT_LINES   64         /* for the operator, not fetched yet */
#define INPUT_SECOND  1000000000u
#define INPUT_AGAIN   INPUT_SECOND /* the spool is full: try again */
#define INPUT_STALL   (10 * (uint64_t)INPUT_SECOND) /* columns do not fit */
#define INPUT_EPISODE                                                          \
	(60 * (uint64_t)INPUT_SECOND) /* wrong lines, told once                \
				       */

/* Where reading goes on: stored with the records before it. */
struct input_mark {
	uint64_t device, inode; /* inode 0: no file was read yet */
	uint64_t offset, line;
	uint64_t head;   /* where the header of these columns begins */
	uint32_t known;  /* bytes under the digest */
	uint64_t digest; /* of the file's first bytes */
	/* Files that came after it, oldest first; sizes are not stored. */
	struct input_file next[INPUT_NEXT];
	uint8_t nnext;
};

void input_mark_enc(const struct input_mark *m, struct mu_buf *b);
/* 0, or EPROTO. */
int input_mark_dec(struct input_mark *m, const uint8_t *buf, size_t len);

struct input {
	struct inputs *owner;
	char *file;
	struct mu_log_stream given; /* with the columns told */
	enum mu_log_form form;
	uint64_t poll_ns;
	bool from_end;     /* a file never read before */
	struct mu_buf key; /* of the mark */

	int handle; /* -1: no file is open */
	struct input_file facts;
	struct mu_log_reader *reader;
	uint64_t at;    /* next byte to be read */
	uint64_t head;  /* as in the mark, for what is being read */
	bool resuming;  /* the header is being read again */
	unsigned waits; /* times that the disk had no bytes yet, in a row */
	bool waited;    /* since the last read: is it the same file? */
	bool leaving;   /* another file has its path; seen one poll ago */
	/* Files that came after it, held open so that no rename hides them. */
	struct {
		struct input_file file;
		int handle;
	} next[INPUT_NEXT];
	size_t nnext;
	uint64_t look_at;       /* when the path is looked at again */
	bool finished;          /* nothing more to come from this one */
	struct input_mark done; /* accepted */
	struct input_mark sent; /* behind the batch in hand */
	struct input_mark seen; /* read, when it was left to rest */

	struct mu_buf records; /* the batch, each behind its length */
	size_t n;
	size_t most;     /* records of a batch; less after one too large */
	uint32_t stream; /* number, of the batch */
	bool has_stream;
	struct mu_log_stream columns; /* of the batch: the reader may have met
					 others by now */
	bool has_columns;
	bool new_columns; /* behind the batch */
	bool ready;       /* add it, no more reading before */
	bool flying;
	bool mark_due; /* files came or went: store it without records */

	uint64_t deadline; /* of reading and writing */
	const char *state;
	char error[200];
	char in_the_way[100]; /* why what has the name now is not followed */
	bool missing_told;
	uint64_t truncated_told_at;
	uint64_t wrong_since,
	    wrong_told_at;        /* lines since that line was said */
	struct input_facts count; /* only the counters */
};

struct inputs {
	struct outbox *out;
	struct input_hooks hooks;
	struct input *list;
	size_t n;
	uint64_t now;
	size_t first;  /* whose turn comes first in the next tick */
	size_t budget; /* bytes left of INPUTS_TURN */
	struct {
		int level;
		char *text; /* owned */
	} lines[INPUT_LINES];
	size_t nlines, taken; /* a ring: taken of nlines were fetched */
};

/* inputs.c */
void input_say(struct input *i, int level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Nothing works for a reason: said once, tried again after delay. */
void input_stall(struct input *i, uint64_t delay, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void input_works(struct input *i);

/* inputs_file.c: open the file that is to be read next; false: not now. */
bool input_open(struct input *i);
void input_close(struct input *i);
/* For good. */
void input_clear(struct input *i);
/* Read again from the position that was accepted last. */
void input_rewind(struct input *i);
/* It was rested: is the open file still the one that was read?  If not,
 * reading begins anew. */
void input_verify(struct input *i);
/* Notice another file at the path, also while the present one is read. */
void input_watch(struct input *i);
/* At the end of the file: go on with the next one, or nothing to do. */
void input_at_end(struct input *i);
/* Fill in the digest of a mark. */
int input_mark_file(struct input *i, struct input_mark *m);

/* inputs_batch.c: read until there is a batch; true: the end was reached. */
bool input_fill(struct input *i);
/* Give the batch to the outbox. */
void input_add(struct input *i);
/* Store the position alone, where files came or went. */
void input_put_mark(struct input *i);
void input_accepted(struct input *i, const struct outbox_out *out);

#endif
