/*
 * What the files of logpost share.
 *
 *   logpost.c           the thread and its owner's side
 *   logpost_compress.c  gzip, zstd
 *   logpost_again.c     files that could not be compressed
 *   logpost_run.c       programs
 *   logpost_keep.c      what is removed
 *   logpost_clock.c     by which time
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
	bool plain;          /* compressing it failed: it is done again */
	bool ran;            /* its program was run */
	uint64_t rest_ns;    /* between the last two attempts */
	uint64_t again_at;   /* monotonic: the next one */
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

/* The time by which the age of files is judged; offsets are wall less
 * monotonic, ns. */
struct post_clock {
	bool begun, doubts;
	int64_t believed, doubted;
	uint64_t since; /* monotonic: of the doubt */
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
	struct post *delayed, **last_delayed; /* to be compressed again */
	struct mu_logs now;                   /* of this round */
	char *run;                            /* program of this round, owned */
	bool now_several;
	uint64_t keep_at;    /* monotonic: the next look */
	uint64_t rest_until; /* monotonic: something was out */
	bool waits;          /* that was said, and nothing was done since */
	bool stuck;          /* that files cannot be removed was said */
	struct post_clock clock;
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

/* The file is finished with, or, as it is plain, rests for a while. */
void post_finished(struct logpost *p, struct post *t);

/* Is the time over that the thread was given to end? */
bool post_is_over(struct logpost *p);

/* Will that error pass by itself?  Then that t waits for it was said. */
bool post_passes(struct logpost *p, const struct post *t, int error);

/* logpost_compress.c: 0 (also when there is nothing to do); -1 after
 * post_stays_plain, or 1 when it is to be tried again at once: the file is as
 * it was. */
int post_compress(struct logpost *p, struct post *t);

/* logpost_again.c */
/* It could not be compressed, for that reason; it stays as it is for now. */
void post_stays_plain(struct logpost *p, struct post *t, int error);
/* It was compressed, or need not be. */
void post_not_plain(struct logpost *p, struct post *t);
/* One was compressed: those that wait for it may go now. */
void post_packed(struct logpost *p);
/* It waits for the next attempt. */
void post_delay(struct logpost *p, struct post *t);
/* One whose time has come, or NULL; when that will be, UINT64_MAX: never. */
struct post *post_again(struct logpost *p);
uint64_t post_again_at(const struct logpost *p);
/* Remove what a killed life has not finished compressing. */
void post_sweep(struct logpost *p);

/* logpost_run.c */
/* Start the program: 0; -1 after a message; 1: it is to be tried again. */
int post_run(struct logpost *p, struct post *t);
/* Has it ended?  Kills it when its time is over. */
bool post_ended(struct logpost *p, struct post *t, uint64_t now);

/* logpost_keep.c: remove what is too old or too much. */
void post_keep(struct logpost *p);
/* logpost_clock.c: begin; the clock is in doubt if newest, the time of the
 * newest file, is before wall: pass the wall time to trust it. */
void post_clock_begin(
    struct post_clock *k, int64_t wall, uint64_t mono, int64_t newest);
/* The time to go by, wall ns; files are kept for so long, 0: for ever. */
int64_t post_clock_look(
    struct post_clock *k, int64_t wall, uint64_t mono, int64_t keep);

/* Is that the name of a rotated file of ours? */
bool post_is_rotated(const char *name);

#endif
