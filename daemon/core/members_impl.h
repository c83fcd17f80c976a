/*
 * What the files of the membership machine share: rows of the layout, peers,
 * the queue of consequences.  Only members*.c include it.
 *
 *   members.c         the doors: construction, subscriptions, time, facts
 *   members_rows.c    the layout's rows, and what a reload makes of them
 *   members_out.c     consequences, in order
 *   members_peer.c    peerings, and who holds which row
 *   members_hello.c   hello, certificates, duplicate names
 *   members_event.c   the table of events, and who may send which
 *   members_start.c   reports and cluster_started
 *   members_track.c   what is missing since
 *   members_list.c    sorted lists of names, for that
 *   members_layout.c  comparing layouts with a peer
 *
 * Their functions are named after the file, "members_" cut down to "m".
 */
#ifndef CORE_MEMBERS_IMPL_H
#define CORE_MEMBERS_IMPL_H

#include "base/buf.h"
#include "base/uuid.h"
#include "core/members.h"
#include "muster/value.h"
#include "sys/log.h"

#define STATE_TOPIC  "muster/cluster/state"
#define REPORT_TOPIC "muster/cluster/report"

/* Names in lists that leave this node or are remembered from outside; what is
 * beyond is counted in one last entry. */
#define LIST_MAX 100
/* Longest entry of such a list: "link A - B". */
#define ENTRY_MAX 160
/* Events of a newcomer kept while its name is contested. */
#define HELD_MAX   8
#define HELD_BYTES 65536
/* Pause between two publications of a missing set that goes on changing, and
 * before anything that failed for want of memory is tried again. */
#define CHANGE_PAUSE_NS UINT64_C(500000000)
#define RETRY_NS        UINT64_C(1000000000)

#define NO_ROW SIZE_MAX

/* One consequence in the queue; the strings and bytes live in mem. */
struct out {
	struct members_out pub;
	struct mu_uuid to; /* pub.receiver points here */
	struct out *next;
	char mem[];
};

enum standing {
	STANDING_UNKNOWN,   /* no hello yet, or a tool */
	STANDING_STRANGER,  /* said a name that is not in the layout */
	STANDING_CONTENDER, /* said a name that another peer holds */
	STANDING_MEMBER,    /* holds its row */
	STANDING_DROPPED    /* a DROP was asked for; nothing counts any more */
};

struct held {
	uint8_t *payload; /* owned copy of an event */
	size_t len;
};

struct peer {
	struct mu_uuid id;
	struct peer *next; /* in its list by id */
	size_t at;         /* in members.peers */
	char *address;     /* "10.0.0.1:27761", for messages */
	char *dialled;     /* row we dialled, or NULL */
	char *name;        /* said in its hello, or NULL */
	struct members_auth auth;
	enum standing standing;
	size_t row; /* MEMBER, CONTENDER: the row it is about */
	bool speaks_muster;
	bool complained;     /* one warning was written about it */
	bool told_digest;    /* Muster::layout was sent */
	bool told_rows;      /* ... with all rows */
	unsigned compared;   /* times its rows were compared with ours */
	uint64_t digest;     /* of its layout, as it said last; or 0 */
	const char *drop;    /* wants to be dropped, for want of memory */
	struct out *down[2]; /* reserved at hello, so that losing a peer never
				fails: NODE_DOWN and its line in cluster.log */
	struct held held[HELD_MAX]; /* CONTENDER: what it said meanwhile */
	size_t nheld;
	size_t held_bytes;
};

struct row {
	struct members_row pub;
	bool direct;         /* this node and it are to have a peering */
	bool pending;        /* connectee that never greeted */
	bool complete;       /* reported since its last hello (manager) */
	bool fresh;          /* ... with resending F, not yet told the state */
	bool seen;           /* was up once */
	struct mu_uuid told; /* incarnation that got cluster_started */
	struct peer *peer;   /* while up */
	struct peer *contender; /* who claims the same name, or NULL */
	uint64_t contest_due;   /* when silence decides for the contender */
	size_t *down;           /* rows it has lost its link to, ascending */
	size_t ndown;
};

/* A sorted list of strings without duplicates. */
struct list {
	char **e; /* [n], owned */
	size_t n, cap;
	size_t most; /* it takes no more, then ELIMIT; 0: any number */
};

#define PEER_LISTS 256

struct members {
	const struct mu_layout *layout;
	const struct mu_layout_node *self;
	struct mu_uuid id;
	char id_text[MU_UUID_TEXT];

	struct row *rows; /* [nrows], as layout->nodes */
	size_t nrows;
	size_t self_row;
	size_t manager_row; /* own manager, else the layout's; or NO_ROW */
	bool is_manager;
	uint64_t digest; /* of the layout */

	struct peer **peers;
	size_t npeers, cap;
	struct peer *by_id[PEER_LISTS]; /* the same, by a byte of their ids */
	size_t ncontests;               /* rows with a contender */

	struct out *first, **last; /* queue of consequences */
	size_t nqueued;
	struct out *given; /* returned by the last members_next */
	bool lost;         /* some consequence found no memory */
	size_t ndrops;     /* peers with drop set */

	bool started;    /* cluster_started seen, sent, or learned */
	bool report_due; /* own report found no memory */
	bool start_due;  /* the broadcast found no memory */
	bool fully;      /* own report sent */

	struct list told;  /* what the manager says is missing */
	bool told_any;     /* ... if it said anything since its hello */
	bool answers;      /* it spoke as a Muster node does, once */
	struct list shown; /* what was published or shown last */
	bool told_else;    /* ... and who reported since was told otherwise */
	bool changed;      /* missing may differ from shown */
	uint64_t shown_at;
	bool links_told; /* manager knows our lost links */
	bool links_said; /* ... because we told it of some since its hello */
	bool links_due;  /* ... before a reload: once it has read it, too */
	uint64_t retry;  /* when to try again, or 0 */
};

/* --- members_rows.c ------------------------------------------------------- */

int mrows_build(struct members *m, const struct mu_layout *layout,
    const struct mu_layout_node *self, uint64_t now);
void mrows_free(struct row *rows, size_t n);
/* The row of that name, or NO_ROW. */
size_t mrows_find(const struct members *m, const char *name, size_t len);
const char *mrows_name(const struct members *m, size_t row);

/* --- members_out.c -------------------------------------------------------- */

/* A vector of n values, taken; NULL when memory is (or was) out. */
struct muster_value *mout_args(size_t n, ...);
/* All return 0 or MUSTER_ENOMEM; queued last.  args is taken; NULL means that
 * memory was out for it. */
int mout_event(struct members *m, const struct mu_uuid *to, const char *topic,
    const char *event, struct muster_value *args, bool with_meta);
int mout_cluster_log(struct members *m, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int mout_log(struct members *m, int level, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int mout_node(struct members *m, enum members_out_kind kind, const char *name,
    const struct mu_uuid *id, bool resending);
int mout_text(struct members *m, enum members_out_kind kind, const char *text);
int mout_drop(struct members *m, const struct mu_uuid *id, const char *text);
/* A consequence prepared for later; mout_queue takes it. */
struct out *mout_prepare(enum members_out_kind kind, const char *name,
    const struct mu_uuid *id, const char *text);
void mout_queue(struct members *m, struct out *o);
void mout_clear(struct members *m);

/* --- members_peer.c ------------------------------------------------------- */

struct peer *mpeer_find(const struct members *m, const struct mu_uuid *id);
void mpeer_free(struct peer *p);
/* End it; what it says no longer counts. */
void mpeer_drop(
    struct members *m, struct peer *p, const char *text, uint64_t now);
/* Memory is out while something of this peer's was handled: ending the peering
 * makes both sides begin anew.  Needs no memory itself. */
void mpeer_drop_nomem(struct members *m, struct peer *p);
/* One warning per peering, debug messages after it. */
void mpeer_complain(struct members *m, struct peer *p, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* It takes the row: node_up and what follows from it. */
void mpeer_join(struct members *m, struct peer *p, size_t row, uint64_t now);
/* The peer of the row went away or lost its row. */
void mpeer_leave(struct members *m, struct row *r, uint64_t now);

/* --- members_hello.c ------------------------------------------------------ */

/* The hello event, arguments checked. */
void mhello_heard(struct members *m, struct peer *p,
    const struct muster_value *args, uint64_t now);
/* Contests that silence decided. */
void mhello_tick(struct members *m, uint64_t now);
uint64_t mhello_deadline(const struct members *m);
/* After a reload: strangers whose name the layout has now. */
void mhello_recognise(struct members *m, uint64_t now);

/* --- members_event.c ------------------------------------------------------ */

/* Something that members_data got earlier, of a peer that was a contender. */
void mevent_handle(struct members *m, struct peer *p, const uint8_t *payload,
    size_t len, uint64_t now);

/* --- members_start.c ------------------------------------------------------ */

/* A node greeted: the rules of 2.3 and 2.4. */
void mstart_node_up(struct members *m, size_t row, uint64_t now);
/* Own first report and broadcast where nothing has to be waited for. */
void mstart_begin(struct members *m, uint64_t now);
void mstart_report(struct members *m, struct peer *p,
    const struct muster_value *args, uint64_t now);
void mstart_started(struct members *m, struct peer *p,
    const struct muster_value *args, uint64_t now);
void mstart_state(struct members *m, struct peer *p,
    const struct muster_value *args, uint64_t now);
/* Try again what found no memory. */
void mstart_retry(struct members *m, uint64_t now);
/* Is there a connectee that never greeted? */
bool mstart_waits(const struct members *m);
/* Rows came and went; waited: what mstart_waits said before. */
void mstart_reload(struct members *m, bool waited, uint64_t now);

/* --- members_track.c ------------------------------------------------------ */

/* A row came up or went down. */
void mtrack_row(struct members *m, size_t row, uint64_t now);
/* Who reported may be gone again when the last one does: said before the start,
 * which alone would tell who is degraded that nothing is missing. */
int mtrack_forewarn(struct members *m);
/* The started state was reached. */
void mtrack_begin(struct members *m, uint64_t now);
/* Tell the manager all lost links. */
void mtrack_tell_links(struct members *m, uint64_t now);
/* The same after a reload, once the manager knows the rows they are about. */
void mtrack_links_again(struct members *m, uint64_t now);
/* Publish or show the missing set if it changed and is due. */
void mtrack_update(struct members *m, uint64_t now);
uint64_t mtrack_deadline(const struct members *m);
/* Does the manager miss this node? */
bool mtrack_away(const struct members *m, const struct row *r);
int mtrack_missing(const struct members *m, struct list *l);
/* The manager says what is missing: replaces what it said before. */
void mtrack_told(
    struct members *m, struct peer *p, const struct muster_value *v);
void mtrack_degraded(struct members *m, struct peer *p,
    const struct muster_value *args, uint64_t now);
void mtrack_restored(struct members *m, struct peer *p,
    const struct muster_value *args, uint64_t now);
void mtrack_link_down(struct members *m, struct peer *p,
    const struct muster_value *args, uint64_t now);
void mtrack_link_up(struct members *m, struct peer *p,
    const struct muster_value *args, uint64_t now);
void mtrack_link_state(struct members *m, struct peer *p,
    const struct muster_value *args, uint64_t now);

/* --- members_list.c ------------------------------------------------------- */

void mlist_clear(struct list *l);
/* 0 (also when it is there already) or MUSTER_ENOMEM. */
int mlist_add(struct list *l, const char *entry);
bool mlist_eq(const struct list *a, const struct list *b);
/* "a, b, c (5 more)"; at most LIST_MAX names.  0 or MUSTER_ENOMEM. */
int mlist_text(const struct list *l, struct mu_buf *out);
/* The same as a set or vector of strings; owned, NULL when memory is out. */
struct muster_value *mlist_value(const struct list *l, bool set);
/* Add the strings of a set or vector, made printable, LIST_MAX at most. */
int mlist_from_value(struct list *l, const struct muster_value *v);

/* --- members_layout.c ----------------------------------------------------- */

/* Send the layout's digest to a peer that speaks Muster, once. */
void mlayout_tell(struct members *m, struct peer *p, uint64_t now);
void mlayout_heard(struct members *m, struct peer *p,
    const struct muster_value *args, uint64_t now);

#endif
