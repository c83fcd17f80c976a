/*
 * One connection with another endpoint as the node sees it: a peering machine,
 * a bounded output, a subscriber of the router.  Whoever moves the bytes
 * (daemon/io, the simulator) is its transport.
 */
#ifndef CORE_LINK_H
#define CORE_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "core/members.h"
#include "core/outq.h"

struct endpoint;
struct link;

/* --- for the transport --------------------------------------------------- */

/* Anything of the transport's, set once. */
void link_set_transport(struct link *l, void *transport);
void *link_transport(const struct link *l);
/* Names of the verified certificate; before any input. */
void link_set_auth(struct link *l, const struct members_auth *auth);

/* Room for input, read straight into the machine's buffer; then commit what
 * came.  reserve: 0 or MUSTER_ENOMEM (end the connection). */
int link_reserve(struct link *l, uint8_t **at, size_t *room);
void link_commit(struct link *l, size_t n, uint64_t now);

/* Is nothing to be read until ENDPOINT_READ says so?  What was read already
 * may be committed. */
bool link_held(const struct link *l);

/* Output: look, write, consume. */
bool link_peek(struct link *l, const uint8_t **bytes, size_t *len);
void link_consume(struct link *l, size_t n);
bool link_has_output(const struct link *l);
/* There is no more input at present: give memory for it back, if it is empty. */
void link_dry(struct link *l);
/* Nothing to read or write for a while: give memory back. */
void link_idle(struct link *l);

/* The connection ended (text NULL: the peer closed it).  The transport forgets
 * the link: it is gone after the next endpoint_next. */
void link_closed(struct link *l, const char *text, uint64_t now);

/* --- facts, for status --------------------------------------------------- */

enum link_state {
	LINK_HANDSHAKE,
	LINK_UP,
	LINK_CLOSING
};

struct link_facts {
	enum link_state state;
	struct mu_uuid id;      /* nil before UP */
	const char *name;       /* node name after hello, or NULL */
	const char *dialled;    /* name of the row dialled, or NULL */
	const char *address;    /* remote address, text */
	uint16_t port;
	bool outbound;
	bool originator;
	uint64_t since;         /* monotonic, of the state */
	uint64_t heard;         /* monotonic, last byte */
	uint64_t rtt_ns;
	size_t filter_size;
	uint64_t received_messages;
	uint64_t received_bytes;
	uint64_t problems;      /* malformed envelopes dropped */
	struct outq_stats out;
};
void link_facts(const struct link *l, struct link_facts *out);
const struct muster_filter *link_filter(const struct link *l);

#endif
