/*
 * Membership: who is who among the peers, from the hello to cluster_started,
 * and what became of them since (reference "cluster-semantics", 1.7, 1.8, 2;
 * design: cluster logic).  A machine: peerings and events come in,
 * publications, records and decisions come out.
 */
#ifndef CORE_MEMBERS_H
#define CORE_MEMBERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/uuid.h"
#include "layout/layout.h"

struct members;
struct muster_filter;

struct members_config {
	const struct mu_layout *layout;    /* borrowed; replaced by
					      members_reload */
	const struct mu_layout_node *self; /* in that layout */
	struct mu_uuid id;                 /* own endpoint id */
};

/* NULL when memory is out. */
struct members *members_new(const struct members_config *cfg, uint64_t now);
void members_free(struct members *m);

/* Topics this machine needs, complete before the first peering: class, node,
 * nodeid, cluster_started, logs for loggers, muster/.  Adds to
 * f.  0 or MUSTER_ENOMEM. */
int members_subscribe(const struct members *m, struct muster_filter *f);

/* --- what happens --------------------------------------------------------- */

/* Says whether the verified certificate of a peer carries a name; has_name
 * NULL: nobody is authenticated (plain, anonymous), every name is believed. */
struct members_auth {
	bool (*has_name)(void *ctx, const char *name);
	void *ctx;
};

struct members_peer {
	struct mu_uuid id;
	const char *address; /* text, copied */
	uint16_t port;
	bool outbound;       /* we dialled */
	const char *dialled; /* the name of the row we dialled, or NULL */
	bool speaks_muster;  /* its filter has topics below muster/ */
	struct members_auth auth;
};

/* A peering came up.  0 or MUSTER_ENOMEM. */
int members_peer_up(struct members *m, const struct members_peer *peer,
    uint64_t now);
/* It ended, for whatever reason; removed: we ended it ourselves. */
void members_peer_down(struct members *m, const struct mu_uuid *id,
    bool removed, uint64_t now);
/* The peer's filter changed: does it speak Muster's own events now? */
void members_peer_speaks(struct members *m, const struct mu_uuid *id,
    bool speaks_muster, uint64_t now);
/* Answer to a PING consequence; ok false: none came in time. */
void members_pong(struct members *m, const struct mu_uuid *id, bool ok,
    uint64_t now);

/* A data envelope that matched the subscriptions, from a direct peer.  The
 * payload is looked at and only decoded when it is one of the events that
 * membership knows. */
void members_data(struct members *m, const struct mu_uuid *from,
    const char *topic, size_t topic_len, const uint8_t *payload, size_t len,
    uint64_t now);

/* Node-wide: the vetoes of 1.3 (tests), replacing the layout, the end. */
int members_reload(struct members *m, const struct mu_layout *layout,
    const struct mu_layout_node *self, uint64_t now);

void members_tick(struct members *m, uint64_t now);
uint64_t members_deadline(const struct members *m);

/* --- what follows --------------------------------------------------------- */

enum members_out_kind {
	MEMBERS_PUBLISH,  /* topic, payload; receiver if unicast */
	MEMBERS_CLUSTER_LOG, /* text: a line of cluster.log */
	MEMBERS_LOG,      /* level, text: a message for the operator */
	MEMBERS_NODE_UP,  /* name, id */
	MEMBERS_NODE_DOWN,
	MEMBERS_FULLY_CONNECTED, /* raised locally: name, id, resending */
	MEMBERS_STARTED,  /* cluster_started, raised or received; resending:
			     learned later, from who saw it */
	MEMBERS_DEGRADED, /* text: what is missing */
	MEMBERS_RESTORED,
	MEMBERS_PING,     /* id: ping it, report by members_pong */
	MEMBERS_DROP      /* id, text: end this peering */
};

struct members_out {
	enum members_out_kind kind;
	const char *topic; /* all pointers borrowed until the next call */
	size_t topic_len;
	const uint8_t *payload;
	size_t payload_len;
	const struct mu_uuid *receiver; /* NULL: by topic */
	const char *name;
	struct mu_uuid id;
	bool resending;
	int level; /* enum log_level */
	const char *text;
};

/* One consequence; false when there is none.  In the order they happened. */
bool members_next(struct members *m, struct members_out *out);

/* --- facts ---------------------------------------------------------------- */

enum members_state {
	MEMBERS_STARTING,  /* not all have reported (manager) / no start seen */
	MEMBERS_RUNNING,   /* started, and everything this node can see is up */
	MEMBERS_DEGRADED_STATE
};
const char *members_state_name(enum members_state s); /* "starting",
						"started", "degraded" */

struct members_row {
	const struct mu_layout_node *node; /* borrowed from the layout */
	bool self;
	bool up;            /* hello seen, peering stands */
	bool connectee;     /* this node dials it */
	bool reported;      /* manager: node_fully_connected seen */
	bool counts;        /* must report before cluster_started */
	struct mu_uuid id;  /* nil while down */
	uint64_t since;     /* monotonic time of the last change */
};

enum members_state members_state(const struct members *m);
bool members_started(const struct members *m);        /* event seen or sent */
bool members_fully_connected(const struct members *m); /* own report sent */
/* Rows in order of the layout's nodes. */
size_t members_nrows(const struct members *m);
const struct members_row *members_row(const struct members *m, size_t i);
/* The link that row a dials to row b, as far as this node knows. */
enum members_link {
	MEMBERS_LINK_UNKNOWN, /* nobody told us */
	MEMBERS_LINK_UP,
	MEMBERS_LINK_DOWN
};
enum members_link members_link(const struct members *m, size_t a, size_t b);
/* The name of the node with that endpoint id, or NULL. */
const char *members_name_of(const struct members *m, const struct mu_uuid *id);
/* Missing nodes and links, for humans: "worker-3, link worker-1 - proxy-2". */
int members_missing(const struct members *m, struct mu_buf *out);
/* Numbers of rows that count and of those that are up; at the manager of those
 * that reported, and once the cluster has started are not missing: "n of 9". */
void members_progress(const struct members *m, size_t *have, size_t *want);
/* Active nodes of a role, as Zeek's get_active_node_count. */
size_t members_active(const struct members *m, enum mu_role role);

#endif
