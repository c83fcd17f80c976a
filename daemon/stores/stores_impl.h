/*
 * What the files of the stores share.
 *
 *   stores.c        construction, time, draining
 *   stores_ask.c    local callers: requests, watches
 *   stores_peers.c  what peers send, and what their filters say
 *   stores_hosts.c  who of them has the master
 *   stores_fact.c   for status
 */
#ifndef STORES_STORES_IMPL_H
#define STORES_STORES_IMPL_H

#include "base/rng.h"
#include "base/uuid.h"
#include "core/endpoint.h"
#include "core/router.h"
#include "layout/layout.h"
#include "store/clone.h"
#include "store/master.h"
#include "stores/stores.h"

#define STORES_MAX_REQUESTS 100000 /* unanswered, of all callers */
#define STORES_TEXT	    256    /* of a line about a store */

/* A request that a machine has not answered; its address is the id that the
 * machine knows it by. */
struct asked {
	struct asked *prev, *next;
	void *caller;  /* NULL: gone, the answer is for nobody */
	uint64_t id;   /* the caller's */
	struct store *store;
	bool refused;  /* never reached a machine: answered from the list */
	enum mu_store_status status; /* then */
};

struct watcher {
	struct watcher *next;
	void *caller;
};

/* A peer that announces the master's topic. */
struct host {
	struct host *next;
	struct mu_uuid id;
	bool is_ours;   /* speaks our own messages */
	char *name;     /* owned; NULL: no node of the layout, or not yet */
	uint64_t since; /* monotonic */
};

struct store {
	struct stores *all;
	const char *name; /* borrowed from row */
	char *row_name, *row_master; /* owned: layouts come and go */
	enum mu_store_backend kind;
	struct mu_master *master; /* one of both, or neither: failed */
	struct mu_clone *clone;
	bool is_master;
	bool refused; /* master: another node keeps it */
	struct mu_backend *backend; /* the machine's */
	char *to_master, *to_clones; /* topics, owned */
	size_t to_master_len, to_clones_len;
	char *claim; /* owned; filter entry of nodes with the master */
	struct host *hosts;
	struct mu_uuid following; /* clone: the host it was told of */
	bool follows, follows_ours;
	struct watcher *watchers;
	char error[STORES_TEXT]; /* why it failed, or "" */
	char second[STORES_TEXT]; /* who else has a master, or "" */
	char state[64];           /* for facts */
	char damage[128];         /* the same */
};

struct line {
	struct line *next;
	const char *name; /* of the store */
	int level;
	char text[STORES_TEXT];
};

struct stores {
	struct subscriber sub; /* first: the router knows nothing else */
	struct endpoint_watch watch;
	struct endpoint *e;
	struct mu_rng rng;
	struct mu_store_now now; /* the latest anybody told us */
	struct store *list;      /* owned [n] */
	size_t n;
	struct asked *asked, *refused; /* lists */
	size_t nasked;
	struct asked *given;     /* freed at the next stores_next */
	uint64_t look_at;        /* when to look for names of hosts again */
	bool late;               /* some are overdue */
	size_t at;               /* the store being drained */
	bool again;              /* somebody asked meanwhile */
	struct mu_store_out event; /* shown to watchers one after the other */
	struct watcher *watcher; /* the next one */
	struct line *first_line, **last_line, *shown_line;
	size_t nlines;
};

/* The time now: what the transport said last. */
struct mu_store_now stores_now(const struct stores *s);
struct store *stores_find(const struct stores *s, const char *name);
/* A line for the operator; lost when memory is out. */
void stores_say(struct stores *s, const struct store *store, int level,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* --- stores_ask.c --- */
bool stores_next_refused(struct stores *s, struct stores_out *out);
/* DONE of a machine: false when its caller is gone. */
bool stores_answer(struct stores *s, const struct mu_store_out *what,
    struct stores_out *out);
void stores_ask_clear(struct stores *s);

/* --- stores_peers.c --- */
void stores_deliver(struct subscriber *self, struct message *m);
void stores_peer(struct endpoint_watch *self, const struct mu_uuid *id,
    const struct muster_filter *filter);

/* --- stores_hosts.c --- */
void stores_host_seen(struct store *st, const struct mu_uuid *id, bool is_ours);
void stores_host_gone(struct store *st, const struct mu_uuid *id);
/* Look for names, and decide by them. */
void stores_check_hosts(struct stores *s);
void stores_hosts_clear(struct store *st);

#endif
