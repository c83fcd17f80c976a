/*
 * Stores in the control protocol: what the requests (control_store.c), the
 * dump (control_store_dump.c) and the facts (control_store_facts.c) share.
 * A request waits for its answer in the list of its session; the answer finds
 * it there by number.
 */
#ifndef CONTROL_CONTROL_STORE_H
#define CONTROL_CONTROL_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/answer.h"
#include "store/store.h"

struct control;
struct control_args;
struct control_session;
struct mu_buf;

/* Requests with an "id" that may be under way at once in a session. */
#define CONTROL_ASKS 1024

/* A request that the stores have not answered yet. */
struct control_ask {
	struct control_ask *next;
	uint64_t number; /* of the request to the stores */
	struct answer_tag tag;
	bool dump;   /* part of the dump, not a request of its own */
	bool reads;  /* it writes nothing */
	char *store; /* its name */
};

/* Pairs on their way to a client. */
struct control_dump {
	bool active;
	bool paused; /* until the client has read */
	char *store;
	struct muster_value *prefix; /* or NULL: all keys */
	struct muster_value *keys;   /* a page, or NULL: to be asked for */
	struct muster_value *more;   /* go on after this key, or NULL */
	struct muster_value *key;    /* whose value was asked for, or NULL */
	size_t at;                   /* in keys */
	uint64_t pairs;              /* told so far */
	uint64_t timeout_ns;
};

/* What a session has to do with stores. */
struct control_stores {
	struct control_ask *asks;
	size_t nasks;
	bool watching;
	struct control_dump dump;
};

/* A request as it is read; what is owned is freed by
 * control_wish_clear. */
struct control_wish {
	struct control_ask how;
	char *store;
	struct muster_value *key, *value, *expected, *after;
	struct mu_store_request req;
};

/* --- control_store.c --- */
/* That of the session, made when it is needed first; NULL: no memory. */
struct control_stores *control_stores_of(struct control_session *s);
/* The session ends: forget everything. */
void control_stores_end(struct control_session *s);
/* Send req for the session.  0, MUSTER_ENOENT, ELIMIT, ENOMEM. */
int control_store_ask(struct control_session *s, const char *store,
    struct mu_store_request *req, const struct control_ask *how);
/* The whole line of a refusal. */
void control_store_say(struct control_session *s, const struct control_ask *how,
    const char *code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* ... for an outcome. */
void control_store_refuse(struct control_session *s,
    const struct control_ask *how, const char *store,
    enum mu_store_status status);
/* ... for an error of control_store_ask. */
void control_store_refuse_error(struct control_session *s,
    const struct control_ask *how, const char *store, int error);
/* A word for programs, "no_such_key". */
const char *control_store_code(enum mu_store_status status);
void control_on_store(struct control_session *s, const struct control_args *a);
void control_on_store_watch(
    struct control_session *s, const struct control_args *a);

/* --- control_store_read.c --- */
/* Read a request; control_wish_clear is due in any case.  false after a
 * refusal. */
bool control_wish_read(struct control_session *s, const struct control_args *a,
    struct control_wish *w);
void control_wish_clear(struct control_wish *w);

/* --- control_store_dump.c --- */
void control_on_store_dump(
    struct control_session *s, const struct control_args *a);
/* An answer that the dump waited for. */
void control_dump_answer(
    struct control_session *s, const struct mu_store_out *what);
/* The client has read: go on. */
void control_dump_resume(struct control_session *s);
void control_dump_end(struct control_session *s);

/* --- control_store_facts.c --- */
void control_on_stores(struct control_session *s, const struct control_args *a);
/* A member "stores" of an answer: those that something is wrong with. */
void control_put_stores(const struct control *c, struct mu_buf *b);
/* "no store \"x\" here (did you mean ...)" */
void control_store_unknown(
    const struct control_session *s, const char *store, char *out, size_t size);
/* The node of its master by the layout, or NULL: no such store; here: it is
 * this one. */
const char *control_store_master(
    const struct control_session *s, const char *store, bool *here);
/* What is wrong with a store, or NULL. */
const char *control_store_trouble(
    const struct control_session *s, const char *store);

#endif
