/*
 * What the files of the endpoint share; only link.c and endpoint*.c include
 * it.
 *
 *   link.c             one connection: output, subscriber, transport
 *   link_peer.c        what its peering machine says
 *   endpoint.c         construction, draining, facts
 *   endpoint_time.c    deadlines and ticks
 *   endpoint_hold.c    who waits for full outputs
 *   endpoint_dial.c    the rows to connect to and what became of them
 *   endpoint_members.c what membership asks for
 *   endpoint_note.c    the queue of lines
 *   endpoint_raise.c   events that do not travel
 *   endpoint_reload.c  another layout
 *
 * Two kinds of consequences: lines own their text and are queued; what
 * concerns a link or a dial is a flag on it, so that it cannot get lost when
 * memory is out and occurs once however often it was asked for.
 *
 * Nothing here is re-entered: what happens to another link than the one being
 * looked at is a kick, and endpoint_settle looks at the kicked ones.
 */
#ifndef CORE_ENDPOINT_IMPL_H
#define CORE_ENDPOINT_IMPL_H

#include "base/heap.h"
#include "base/rng.h"
#include "core/accepted.h"
#include "core/dial.h"
#include "core/echoes.h"
#include "core/endpoint.h"
#include "core/link.h"
#include "proto/peer.h"

#define ADDRESS_SIZE 64 /* of numeric addresses, scope included */
#define NAME_SHOWN   128

/* A node to connect to. */
struct target {
	struct dial dial;
	char *name, *host; /* owned */
	uint16_t port;
	unsigned id;       /* of the present attempt, for the transport */
	bool issue;        /* DIAL is due */
	bool cancel;       /* CANCEL_DIAL is due */
	bool keep;         /* while reloading: the new layout has it too */
	bool removed;      /* no longer in the layout: goes once cancelled */
	bool told;         /* the present trouble was logged */
	uint64_t tried;    /* first attempt since the last success, or 0 */
	char why[160];     /* last failure, or "" */
	struct link *link; /* of the present attempt or peering, or NULL */
	bool duplicate;    /* CONNECTED by another connection */
	struct mu_uuid peer; /* ... with this endpoint */
	uint64_t stands;   /* CONNECTED since */
};

struct link {
	struct subscriber sub; /* first: the router knows nothing else */
	struct endpoint *e;
	struct mu_peer *peer;
	struct outq *out;
	void *transport;
	struct members_auth auth;
	char address[ADDRESS_SIZE];
	uint16_t port;
	bool outbound;
	struct target *target; /* the row dialled, or NULL */
	struct accepted_from *from; /* where it counts as accepted, or NULL */

	enum link_state state;
	uint64_t since;        /* of the state */
	bool told;             /* router and members know the peer */
	bool speaks;           /* ... as one that speaks muster/ */
	bool complained;       /* its line in the log was written */
	uint64_t received_messages, received_bytes, problems;

	const char *doom;      /* end it at the next settling; the text */
	enum mu_peer_reason doom_reason;
	char doom_text[NAME_SHOWN];

	bool kicked, dirty, closing; /* is in that list */
	struct link *next_kicked, *next_dirty, *next_closing;
	bool linger;           /* CLOSE: its output is worth waiting for */
	bool gone;             /* the transport forgot it */
	struct link *next_gone;
	size_t place;          /* in e->links */
	bool leaving;          /* reload: not in the new layout */

	bool pressed;          /* its output made others wait, */
	uint64_t pressed_since; /* since then */
	bool impatient;        /* ... for too long: nobody waits any more */
	bool resumed;          /* in that list: input may be read again */
	struct link *next_resumed;
	struct mu_heap_item due; /* in e->dues: its deadline or sooner */
};

/* A line that waits to be taken. */
struct note {
	struct note *next;
	enum endpoint_out_kind kind;
	int level;
	const char *ty, *ev; /* static */
	char address[ADDRESS_SIZE];
	uint16_t port;
	char text[];
};

struct list_of_links {
	struct link *first, *last;
};

struct endpoint {
	const struct mu_layout *layout;
	const struct mu_layout_node *node;
	struct mu_uuid id;
	uint64_t now; /* the latest time anybody told us */
	struct mu_rng rng;
	bool (*veto)(void *ctx, const char *node);
	void *veto_ctx;
	bool stopping;

	struct router *router;
	struct members *members;
	struct mu_pools *pools;
	struct relays *relays;
	uint64_t refused; /* messages that access forbade */
	struct echoes echoes; /* complaints about strangers */
	struct endpoint_raiser *raiser; /* or NULL */
	struct subscriber service; /* membership, as the router sees it */
	struct endpoint_watch *watches; /* a list */
	struct mu_peer_table *table;
	uint64_t announced; /* version of the filter the peers have */

	struct link **links;
	size_t nlinks, links_cap;
	struct link *gone; /* to be freed */
	struct list_of_links kicked, dirty, closing, resumed;
	uint64_t hold_due; /* when waiting for a pressed output ends, or MAX */
	struct mu_heap dues; /* of the links */
	struct accepted accepted; /* those that others opened */
	struct outq_pool chunks;

	struct target **targets;
	size_t ntargets;
	unsigned last_dial_id;
	bool dials_due; /* some target has issue or cancel set */

	struct note *first_note, **last_note;
	struct note *given; /* returned by the last endpoint_next */
	size_t nnotes;
	uint64_t lost_notes; /* for want of memory or room */
};

/* The words of Zeek's log for a peer that did not read fast enough. */
#define LINK_OVERFLOW "caf::sec::backpressure_overflow"

/* --- link.c -------------------------------------------------------------- */

/* NULL when memory is out.  target NULL: accepted. */
struct link *link_new(struct endpoint *e, const char *address, uint16_t port,
    struct target *target);
void link_free(struct link *l);
/* Have it looked at by endpoint_settle. */
void link_kick(struct link *l);
/* End it at the next settling.  text is copied. */
void link_doom(struct link *l, enum mu_peer_reason reason, const char *text);
/* The peer's name for messages: the node's, or address and port. */
const char *link_label(const struct link *l, char label[NAME_SHOWN]);
/* Address and port; the node's name or NULL. */
const char *link_spot(const struct link *l, char label[NAME_SHOWN]);
const char *link_name(const struct link *l);
/* A line about it: one per connection at a level that is shown. */
void link_complain(struct link *l, int level, const char *text);
void link_say_drained(struct link *l);
/* What became of bytes put into its output. */
void link_queued(struct link *l, enum outq_result result);
/* It is over: CLOSE is due unless the transport knows. */
void link_ended(struct link *l);

/* Tell the watches: filter as there; and that it is the moment to greet. */
void link_tell(const struct link *l, const struct muster_filter *filter);
void link_greet(const struct link *l);

/* --- link_peer.c --------------------------------------------------------- */

/* It takes no place among the accepted ones any more. */
void link_uncount(struct link *l);
/* Drain the machine. */
void link_work(struct link *l);

/* --- endpoint_hold.c ----------------------------------------------------- */

/* The hold of a link's subscriber. */
void link_hold(struct subscriber *self, bool on);
/* The output is more than half full, also of what from brought. */
void link_pressed(struct link *l, struct subscriber *from);
/* It has room again, or is gone. */
void link_eased(struct link *l);
/* Waiting has its limits. */
void holds_tick(struct endpoint *e);
/* The next link that may be read again, or NULL. */
struct link *holds_resumed(struct endpoint *e);

/* --- endpoint_time.c ----------------------------------------------------- */

/* The link's deadline may have come nearer. */
void link_watch_time(struct link *l);

/* --- endpoint.c ---------------------------------------------------------- */

/* Everything that follows from what happened, until nothing does. */
void endpoint_settle(struct endpoint *e);
/* A new connection, in the list; NULL when memory is out. */
struct link *endpoint_add_link(struct endpoint *e, const char *address,
    uint16_t port, struct target *t);
struct link *endpoint_link_of(const struct endpoint *e,
    const struct mu_uuid *id);

/* --- endpoint_raise.c ---------------------------------------------------- */

void endpoint_raise(struct endpoint *e, const struct members_out *out);

/* --- endpoint_reload.c --------------------------------------------------- */

/* The prefixes that are forwarded, owned by the caller.  0 or MUSTER_ENOMEM. */
int endpoint_forward_filter(
    const struct mu_layout *layout, struct muster_filter **out);

/* --- endpoint_dial.c ----------------------------------------------------- */

/* Make the rows fit the layout: new ones are due at once, missing ones end.
 * prepare allocates all that is needed (0 or MUSTER_ENOMEM, nothing changed),
 * commit cannot fail.  Between both nothing else happens. */
int targets_prepare(struct endpoint *e, const struct mu_layout *layout,
    const struct mu_layout_node *node, struct target ***fresh, size_t *nfresh);
void targets_commit(struct endpoint *e, const struct mu_limits *limits,
    struct target **fresh, size_t nfresh);
void targets_free(struct target **list, size_t n);
void targets_tick(struct endpoint *e);
uint64_t targets_deadline(const struct endpoint *e);
void targets_stop(struct endpoint *e);
/* The next DIAL or CANCEL_DIAL. */
bool targets_next(struct endpoint *e, struct endpoint_out *out);
/* What became of a link that a target dialled. */
void target_up(struct endpoint *e, struct target *t);
void target_down(struct endpoint *e, struct link *l,
    const struct mu_peer_out *down);
/* A connection with that endpoint ended: rows that relied on it go on. */
void targets_peer_gone(struct endpoint *e, const struct mu_uuid *id);

/* --- endpoint_members.c -------------------------------------------------- */

/* True when anything was done. */
bool endpoint_drain_members(struct endpoint *e);
int endpoint_subscribe(struct endpoint *e, const struct mu_layout *layout,
    const struct mu_pools *pools);

/* --- endpoint_note.c ----------------------------------------------------- */

void note_log(struct endpoint *e, int level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void note_cluster_log(struct endpoint *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* address NULL: unset */
void note_broker_log(struct endpoint *e, const char *ty, const char *ev,
    const char *address, uint16_t port, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));
void note_state(struct endpoint *e, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
bool notes_next(struct endpoint *e, struct endpoint_out *out);
void notes_clear(struct endpoint *e);

#endif
