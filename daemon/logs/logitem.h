/*
 * What a logger's event loop hands to its disk thread, and gets back when it
 * is done with.  The disk thread reads the payload and never touches the blob
 * that keeps it: blobs are counted on the loop only.
 */
#ifndef LOGS_LOGITEM_H
#define LOGS_LOGITEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"

struct mu_blob;

#define LOGITEM_NAME 128 /* of a node, or what stands for it */
#define LOGITEM_WHY  208

enum logitem_kind {
	LOGITEM_MESSAGE, /* LogCreate, LogWrite or Batch: written if possible */
	LOGITEM_BATCH,   /* numbered, of a Muster node: answered */
	LOGITEM_BUSY     /* numbered, and there was no room for it: refused */
};

struct logitem {
	struct logitem *next;
	enum logitem_kind kind;
	struct mu_blob *blob;   /* keeps the payload; the loop's */
	const uint8_t *payload; /* an encoded LogCreate, LogWrite or Batch */
	size_t len;
	struct mu_uuid peer;       /* endpoint that sent it */
	char name[LOGITEM_NAME];   /* of its node, for people */
	struct mu_uuid session;    /* BATCH, BUSY */
	uint64_t seq, prev, round; /* see delivery.h */
	bool refused;              /* the sink's: nothing of it was written */
	char why[LOGITEM_WHY];
};

#endif
