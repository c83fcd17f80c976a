/*
 * What the files of the rules share.
 *
 *   rules.c       construction, matching, raising, draining
 *   rules_list.c  the rules of a layout, and those of the one before
 *   rules_run.c   programs
 *   rules_write.c stores and logs
 *   rules_fact.c  facts
 */
#ifndef RULES_RULES_IMPL_H
#define RULES_RULES_IMPL_H

#include "core/endpoint.h"
#include "core/router.h"
#include "rules/rules.h"

#define RULES_LABEL 96
#define RULES_WHY   160

struct mu_peek;

/* A program that was started or is about to. */
struct rules_run {
	struct handler *h;
	struct rules_run *next;
	void *ctx;
	struct mu_blob *input;
	enum {
		RUN_RUNNING, /* until due */
		RUN_TERMED,  /* TERM was sent; KILL at due */
		RUN_KILLED
	} state;
	uint64_t due;
	uint64_t output;     /* bytes written */
	bool term, kill;     /* consequences not yet taken */
	bool mute, muted;    /* wanted; taken */
	char why[RULES_WHY]; /* it is a failure, or "" */
};

/* An event that waits. */
struct handler_item {
	struct handler_item *next;
	struct mu_blob *blob;
};

struct handler {
	struct handler *next;                /* in the list of leaving ones */
	const struct mu_layout_handler *row; /* NULL: leaving */
	size_t number;
	uint32_t id; /* never twice, for answers of stores */
	char *shape; /* its row as text: the same after a reload is the same */
	char label[RULES_LABEL];
	struct handler_item *first, **last;
	size_t waiting, bytes;
	struct rules_run *runs;
	size_t running;
	size_t writes; /* and records, not yet acknowledged */
	bool dropping; /* an episode, until the queue is half empty */
	uint64_t pause_until;
	unsigned streak;
	char why[RULES_WHY]; /* of the last failure */
	uint64_t matched, done, failed, dropped, lines;
	unsigned tokens;       /* lines that may be shown now */
	uint64_t token_time;   /* when the last one was added */
	uint64_t silent_lines; /* not shown since the last one that was */
};

struct auto_rule {
	const struct mu_layout_auto *row;
	size_t number;
	uint64_t published;
};

/* A line for the operator. */
struct rules_line {
	struct rules_line *next;
	int level;
	char text[];
};

struct rules {
	struct subscriber sub; /* first: the router knows nothing else */
	struct endpoint *e;
	struct endpoint_raiser raiser;
	struct rules_hooks hooks;
	uint64_t now;
	bool stopping;
	struct handler **list;
	size_t n;
	struct handler *leaving;
	struct auto_rule *autos;
	size_t nautos;
	uint32_t last_id;
	bool work; /* some program may be due to start or be signalled */
	struct rules_line *first_line, **last_line, *given;
	size_t nlines;
};

/* An event on its way through the handlers; what is made of it is made once. */
struct rules_event {
	const char *topic; /* "" when raised */
	size_t topic_len;
	bool raised;
	const uint8_t *payload;
	size_t len;
	const char *name;
	size_t name_len;
	struct muster_value *value; /* decoded, or NULL */
	struct mu_blob *json;       /* the line for programs, or NULL */
	int error;                  /* of decoding */
};

/* --- rules.c --- */
void rules_say(struct rules *rs, int level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Is name [len] what a rule of the layout means? */
bool rules_names(const char *pattern, const char *name, size_t len);
/* The decoded event, borrowed; NULL after a failure, with ev->error. */
const struct muster_value *rules_value(struct rules_event *ev);
/* The rule failed, or did well. */
void handler_failed(struct rules *rs, struct handler *h, const char *why);
void handler_did(struct rules *rs, struct handler *h);
/* There is no room for an event, or there is again. */
void handler_full(struct rules *rs, struct handler *h);

/* --- rules_list.c --- */
int rules_list_load(struct rules *rs);
void rules_list_clear(struct rules *rs);
struct handler *rules_list_find(const struct rules *rs, uint64_t id);
/* Free those of the leaving whose programs have ended. */
void rules_list_reap(struct rules *rs);

/* --- rules_run.c --- */
void run_take(struct rules *rs, struct handler *h, struct rules_event *ev);
void run_drop_queue(struct handler *h);
void run_tick(struct rules *rs, struct handler *h);
uint64_t run_deadline(const struct rules *rs, const struct handler *h);
bool run_next(struct rules *rs, struct handler *h, struct rules_out *out);
void run_end_all(struct rules *rs, struct handler *h);
void run_free_all(struct handler *h);

/* --- rules_write.c --- */
void write_take(struct rules *rs, struct handler *h, struct rules_event *ev);
void log_take(struct rules *rs, struct handler *h, struct rules_event *ev);

#endif
