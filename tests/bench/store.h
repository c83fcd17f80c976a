/*
 * A store's clone and writer on the wire, written from muster-protocol(7):
 * puts that are confirmed, with a window; attaching as a clone of Broker's (one
 * message) or of Muster's (in pieces), counting what comes.
 */
#ifndef BENCH_STORE_H
#define BENCH_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "peer.h"

#define STORE_KEY   32 /* bytes of a key and of a value: strings */
#define STORE_VALUE 100

#define STORE_ENTITY 24 /* endpoint and object number */

struct store {
	struct net net;
	struct peer *peer;
	char to_master[80], to_clones[80];
	uint8_t me[STORE_ENTITY], master[STORE_ENTITY];
	bool attached; /* the master answered */
	/* writing */
	bool writer;       /* it takes our writes */
	uint64_t sent;     /* number of the last write */
	uint64_t decided;  /* writes up to here are done */
	uint64_t failures; /* of them */
	/* following */
	uint64_t seen, told; /* last action, and the last one acknowledged */
	/* copying */
	bool loading, whole;
	uint64_t pairs, bytes, pieces, index;
	const char *why; /* what went wrong, or NULL */
};

/* Connect to a node and attach to its store.  copy: fetch what is in it.
 * muster: in pieces, else as Broker's clones do.  False: see why. */
bool store_open(struct store *s, struct ssl_ctx_st *ctx, int port,
    const char *name, bool muster, bool copy, uint64_t ns);
void store_close(struct store *s);

/* Put pairs with keys from number on, at most window without confirmation,
 * until n are confirmed or ns are over.  Returns how many were. */
uint64_t store_puts(
    struct store *s, uint64_t number, uint64_t n, unsigned window, uint64_t ns);

/* The key of a number, STORE_KEY bytes. */
void store_key(char *key, uint64_t number);

#endif
