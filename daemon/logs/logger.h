/*
 * The logger role on the event loop: a service of the router that hears log
 * messages and numbered batches, hands them to the disk thread within a limit,
 * and answers what was numbered.  What happens to them there is logsink.h.
 */
#ifndef LOGS_LOGGER_H
#define LOGS_LOGGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "logs/logitem.h"
#include "logs/logsink.h"

struct endpoint;
struct logger;
struct mu_layout;

struct logger_hooks {
	/* To the disk thread; comes back by logger_out. */
	void (*put)(void *ctx, struct logitem *it);
	/* An answer for this node's own outbox: the encoded event. */
	void (*answer_self)(void *ctx, const uint8_t *payload, size_t len);
	/* A line for the operator. */
	void (*say)(void *ctx, int level, const char *text);
	void *ctx;
};

/* Is the node a logger, or a manager that is one? */
bool logger_wanted(const struct mu_layout *l, const char *node);

/* Attaches to the router of e.  NULL: no memory. */
struct logger *logger_new(struct endpoint *e, const struct mu_layout *l,
    const struct logger_hooks *hooks);
/* Items that are not back must be freed by logger_item_free. */
void logger_free(struct logger *g);
void logger_item_free(struct logitem *it);

/* The layout was replaced. */
void logger_reload(struct logger *g, const struct mu_layout *l);

/* A Muster::log_batch of this node's own outbox, encoded; borrowed.  0,
 * MUSTER_ENOENT, EPROTO, ELIMIT, ENOMEM: it was not one, or there is no room;
 * else there will be an answer. */
int logger_self(struct logger *g, const uint8_t *payload, size_t len);

/* A consequence of the sink with kind BACK or TAKEN. */
void logger_out(struct logger *g, const struct logsink_out *out);

/* Facts of the loop's side. */
struct logger_facts {
	uint64_t messages, batches; /* handed to the disk thread */
	uint64_t waiting, waiting_bytes, limit_bytes;
	uint64_t lost; /* messages without a number for which was no room */
	uint64_t busy; /* batches likewise: refused */
	uint64_t
	    malformed; /* and batches that came from another than they say */
};
void logger_facts(const struct logger *g, struct logger_facts *out);

/* Everything a logger has to say, put together by its node; borrowed until it
 * is asked again. */
struct logger_report {
	const char *folder; /* of files being written */
	struct logger_facts loop;
	struct logsink_total disk;
	const struct logsink_fact *streams;
	size_t nstreams;
	/* rotated files */
	uint64_t post_done, post_failed, removed, kept_bytes;
	size_t post_waiting, post_running, post_plain;
	char post_error[160]; /* why those are plain, or "" */
};

#endif
