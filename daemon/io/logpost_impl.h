/*
 * What the files of logpost share.
 *
 *   logpost.c           the thread and its owner's side
 *   logpost_compress.c  gzip, zstd
 *   logpost_run.c       programs
 *   logpost_keep.c      what is removed
 *   logpost_tell.c      what is told
 */
#ifndef IO_LOGPOST_IMPL_H
#define IO_LOGPOST_IMPL_H

#include <pthread.h>
#include <sys/types.h>

#include "io/logpost.h"

#define LOGPOST_TEXT 320

/* A rotated file on its way. */
struct post {
	struct post *next;
	char *name; /* as it was rotated: how it is told */
	char *file; /* as it is called now */
	char *path; /* "conn" */
	bool here;
	bool terminating;
	int64_t open, close; /* wall */
	pid_t pid;           /* of its program, 0: none */
	int pid_fd;
	uint64_t kill_at; /* monotonic */
	bool killed;
};

struct post_note {
	struct post_note *next;
	enum logpost_kind kind;
	int level;
	char *name;
	char text[LOGPOST_TEXT];
};

struct logpost {
	pthread_t thread;
	pthread_mutex_t lock;
	bool started, locked;
	int event_fd; /* to the owner */
	int wake_fd;  /* to the thread */
	char *node, *here, *rotated;
	/* shared */
	struct post *waiting, **last_waiting;
	struct post_note *notes, **last_note;
	bool told; /* event_fd is readable */
	struct mu_logs logs;
	char *program;
	bool several;
	bool look; /* for what to remove, at once */
	bool stop;
	uint64_t stop_by; /* monotonic */
	struct logpost_facts facts;
	/* the thread's */
	struct post *running;
	struct mu_logs now; /* of this round */
	char *run;          /* program of this round, owned */
	bool now_several;
	uint64_t keep_at;    /* monotonic: the next look */
	uint64_t rest_until; /* monotonic: something was out */
	bool waits;          /* that was said, and nothing was done since */
	bool stuck;          /* that files cannot be removed was said */
	/* the owner's */
	struct post_note *shown;
};

/* --- logpost_tell.c --- */
void post_say(struct logpost *p, int level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void post_failed(struct logpost *p);
/* The file is finished with; its name may be taken. */
void post_done(struct logpost *p, struct post *t);
/* Make an eventfd readable. */
void post_signal(int fd);
void post_forget_notes(struct logpost *p);
/* --- the others --- */
/* The folder in which the file is. */
const char *post_folder(const struct logpost *p, bool here);

/* Is the time over that the thread was given to end? */
bool post_is_over(struct logpost *p);

/* Will that error pass by itself?  Then that t waits for it was said. */
bool post_passes(struct logpost *p, const struct post *t, int error);

/* logpost_compress.c: 0 (also when there is nothing to do); -1 after a message,
 * or 1 when it is to be tried again: the file is as it was. */
int post_compress(struct logpost *p, struct post *t);

/* logpost_run.c */
/* Start the program: 0; -1 after a message; 1: it is to be tried again. */
int post_run(struct logpost *p, struct post *t);
/* Has it ended?  Kills it when its time is over. */
bool post_ended(struct logpost *p, struct post *t, uint64_t now);

/* logpost_keep.c: remove what is too old or too much. */
void post_keep(struct logpost *p);
/* Is that the name of a rotated file of ours? */
bool post_is_rotated(const char *name);

#endif
