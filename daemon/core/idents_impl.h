/*
 * What the files of the identifiers share.
 *
 *   idents.c           values, who may change them, the doors
 *   idents_requests.c  Zeek's control framework
 */
#ifndef CORE_IDENTS_IMPL_H
#define CORE_IDENTS_IMPL_H

#include "core/idents.h"
#include "core/router.h"

/* Requests waiting for the end of the turn; further ones are not answered. */
#define REQUESTS_MAX 256
#define SHUTDOWN_NS  UINT64_C(1000000000) /* as Zeek: answer, then end */

/* One that the layout declares. */
struct ident {
	char *name;
	char *text; /* as the layout gave it */
	struct muster_value *value;
	uint64_t updates;
};

/* A request, to be answered. */
struct request {
	struct request *next;
	const struct request_rule *rule;
	struct muster_value *args; /* owned */
	char from[64];             /* who asked, for messages */
};

/* What happened in this turn, for one line each. */
struct episode {
	uint64_t n;
	char first[200];
};

struct idents {
	struct subscriber sub; /* first: the router knows nothing else */
	struct endpoint *e;
	struct idents_hooks hooks;
	struct ident *list; /* [n], sorted by name */
	size_t n;
	uint64_t *setting_updates; /* [hooks.nsettings] */
	struct request *first, **last;
	size_t nwaiting;
	uint64_t stop_at; /* UINT64_MAX: nobody asked */
	struct episode refused, updated, asked;
	char line[320]; /* given by the last idents_next */
	struct idents_stats stats;
};

/* The name of the node with that endpoint id, else the id; returns buf. */
const char *idents_who(
    const struct idents *i, const struct mu_uuid *id, char *buf, size_t size);
void episode_add(struct episode *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* An event on a topic of ours: a request?  Queued. */
void requests_hear(struct idents *i, const struct message *m);
/* Answer all. */
void requests_turn(struct idents *i, uint64_t now, int64_t wall);
void requests_clear(struct idents *i);

#endif
