/*
 * What the files of logdisk share.
 *
 *   logdisk.c      the thread, construction
 *   logdisk_in.c   items and orders on their way to the thread
 *   logdisk_out.c  results and facts on their way back
 *
 * Two threads share struct logdisk: what is marked "shared" is looked at under
 * the lock, the sink is the thread's, all the rest the owner's.
 */
#ifndef IO_LOGDISK_IMPL_H
#define IO_LOGDISK_IMPL_H

#include <pthread.h>
#include <stdint.h>

#include "io/logdisk.h"

struct logdir;
struct logjournal_lmdb;

/* A consequence on its way to the loop. */
struct result {
	struct result *next;
	struct logsink_out out;
	char *text, *name, *path; /* owned copies */
};

struct name {
	struct name *next;
	char text[];
};

struct logdisk {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool started, locked;
	int event_fd;
	/* shared */
	struct logitem *items, **last_item;
	struct name *posted;
	struct mu_logs logs;
	bool several, reload, reopen, tail, tail_changed, stop;
	struct result *results, **last_result;
	bool told; /* event_fd is readable */
	size_t line_bytes; /* of LINE results that wait */
	struct logsink_total total;
	struct logsink_fact *facts; /* owned [nfacts] */
	size_t nfacts;
	/* the thread's */
	struct logsink *sink;
	struct logdir *dir;
	struct logjournal_lmdb *journal;
	uint64_t facts_at; /* monotonic: not copied before */
	bool facts_old;    /* something happened since */
	/* the owner's */
	struct result *shown;
	struct logsink_fact *copy;
	size_t ncopy;
};

/* What the thread takes at once. */
struct disk_orders {
	struct logitem *items;
	struct name *posted;
	struct mu_logs logs;
	bool several, reload, reopen, tail, tail_changed, stop, more;
};

/* --- logdisk_in.c --- */
void disk_copy_logs(
    struct logdisk *d, const struct mu_logs *logs, bool several);
/* Wait for something to do, under the lock. */
void disk_rest(struct logdisk *d);
/* Some items and all orders, under the lock. */
void disk_take(struct logdisk *d, struct disk_orders *o);
/* What nobody took. */
void disk_forget_orders(struct logdisk *d);

/* --- logdisk_out.c --- */
/* What the sink has to say, to the owner. */
void disk_drain(struct logdisk *d);
/* Facts for the owner, not more often than is good. */
void disk_copy_facts(struct logdisk *d, uint64_t mono);
void disk_forget_results(struct logdisk *d);

#endif
