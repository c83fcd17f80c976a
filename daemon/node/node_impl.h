/* What the files of a node share: node.c builds and ends it, turn.c runs it,
 * reload.c changes it. */
#ifndef NODE_NODE_IMPL_H
#define NODE_NODE_IMPL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "sys/dirs.h"

struct conns;
struct control;
struct control_server;
struct endpoint;
struct endpoint_out;
struct idents;
struct inputs;
struct listener;
struct logfile;
struct loop;
struct loop_signal;
struct loop_timer;
struct mu_layout;
struct mu_layout_node;
struct mu_tls;
struct node_rules;
struct node_shipper;
struct node_logger;
struct node_stores;
struct options;
struct peers;

#define NODE_SIGNALS 4
#define NODE_STATUS  256 /* bytes of a status line */

struct node {
	const struct options *opt;
	char *name;               /* of this node; outlives layouts */
	bool quiet;               /* messages come without the name */
	struct mu_layout *layout; /* owned */
	struct mu_uuid id;
	struct dirs dirs;
	struct mu_tls *tls; /* NULL: plain */
	struct loop *loop;
	struct conns *conns;
	struct listener *listener; /* NULL: no port, or stopping */
	struct endpoint *endpoint;
	struct peers *peers;
	struct control *control;
	struct node_stores *stores;
	struct node_rules *rules;
	struct idents *idents;
	struct node_shipper *shipper; /* NULL: sends no logs */
	struct inputs *inputs;        /* NULL: follows no file */
	bool inputs_reload;           /* the layout has other ones */
	struct node_logger *logger; /* NULL: it is none */
	struct control_server *control_server;
	struct logfile *cluster_log;
	struct logfile *broker_log;
	struct loop_signal *signals[NODE_SIGNALS];
	struct loop_timer *watchdog;
	struct loop_timer *daily; /* looks at the own certificate */
	char status[NODE_STATUS]; /* what the service manager was told */
	bool restate;             /* the status may have changed */
	bool listening;           /* the port is bound, or there is none */
	bool ready;               /* whoever started us was told */
	bool stopping;            /* an orderly end is under way */
	bool parted;              /* ... and the peers were told */
	uint64_t part_by;         /* monotonic: then they are told anyway */
	uint64_t stop_by;         /* monotonic: then it ends anyway */
	int64_t first_wall;       /* of the first line of cluster.log, ns */
	int code;                 /* exit status */
};

static inline const char *
node_log_name(const struct node *n)
{
	return n->quiet ? NULL : n->name;
}

/* --- turn.c --- */

/* Hooks of the loop. */
void turn_run(void *ctx, uint64_t now);
uint64_t turn_deadline(void *ctx);
/* A consequence of the endpoint that is no connection's. */
void turn_note(void *ctx, const struct endpoint_out *out);
/* Lines of cluster.log. */
void turn_cluster_log(struct node *n, const char *text);
/* Begin the orderly end; a second time: end at once. */
void turn_stop(struct node *n);

/* --- reload.c --- */

/* Contexts for the layout's tls mode.  0 with *out (NULL when plain), or an
 * error with err naming the file. */
int reload_tls(const struct mu_layout *l, const char *node, struct mu_tls **out,
    char *err, size_t err_size);
/* Say when the own certificate has only days left. */
void reload_check_certificate(const struct node *n);
/* Does the own certificate end within 30 days, or did it?  text [size]: what
 * is to be said of that. */
bool reload_certificate_ends(const struct node *n, char *text, size_t size);
/* Re-read layout and certificates; log everything.  err [err_size]: all of it
 * in one text.  0, or MUSTER_ECONFIG and nothing was changed. */
int reload_node(struct node *n, char *err, size_t err_size);
/* What reload_node would do, likewise, and do nothing. */
int reload_diff(const struct node *n, char *err, size_t err_size);
/* Begin new log files where they were renamed. */
void reload_logs(struct node *n);
/* The level of messages as the options and the layout want it. */
void reload_log_level(const struct node *n);

#endif
