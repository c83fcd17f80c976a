/*
 * The layout: one YAML file that every node of a cluster reads.  This header
 * is the facts after reading; reading is layout/read.h.  Everything is owned
 * by the struct layout and borrowed from it; nothing changes after reading.
 * Manual: muster.yaml(5).
 */
#ifndef MU_LAYOUT_LAYOUT_H
#define MU_LAYOUT_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"

/* In the order in which Zeek numbers them. */
enum mu_role {
	MU_ROLE_NONE = 0,
	MU_ROLE_CONTROL,
	MU_ROLE_LOGGER,
	MU_ROLE_MANAGER,
	MU_ROLE_PROXY,
	MU_ROLE_WORKER
};

enum mu_tls_mode {
	MU_TLS_CERTIFICATES = 0, /* mutual certificates: the default */
	MU_TLS_ANONYMOUS,        /* encrypted, nobody authenticated */
	MU_TLS_NONE              /* plain TCP */
};

enum mu_overflow {
	MU_OVERFLOW_DROP_OLDEST = 0,
	MU_OVERFLOW_DROP_NEWEST,
	MU_OVERFLOW_DISCONNECT
};

struct mu_layout_node {
	char *name;
	enum mu_role role;
	char *host;    /* name or address, as others dial it */
	uint16_t port; /* 0: does not listen */
	char *listen;  /* address to bind; NULL: every address.  A loopback
			  host listens on itself unless told otherwise */
	char *manager; /* name of its manager node, or NULL (as in Zeek, only
			  proxies, workers and loggers that report have one) */
	char *certificate; /* per node override for mu_layout_path, or NULL */
	char *key;
	char **connect; /* NULL: Zeek's rule; else exactly these names */
	size_t nconnect;
	struct mu_place place; /* of the name in the file */
};

enum mu_store_backend {
	MU_STORE_BACKEND_MEMORY = 0,
	MU_STORE_BACKEND_LMDB
};

/* A data store that exists as soon as the cluster runs. */
struct mu_layout_store {
	char *name;   /* any text, 1 to 255 bytes */
	enum mu_store_backend backend; /* of the master */
	char *master; /* name of the node that decides */
	char **clones; /* nodes and roles; NULL: everybody else */
	size_t nclones;
	int64_t expiry_ns;  /* of writes that carry none; 0: never */
	int64_t sync_ns;    /* 0: acknowledged once on disk; else the disk has
			       it within this time */
	uint64_t max_bytes; /* of memory or file; 0: the backend's own */
	enum mu_store_backend clone_backend;
	struct mu_place place; /* of the name in the file */
};

enum mu_logs_format {
	MU_LOGS_TSV = 0,
	MU_LOGS_JSON
};

enum mu_logs_time { /* of JSON; Zeek's JSON::TimestampFormat */
	MU_LOGS_EPOCH = 0,
	MU_LOGS_MILLIS,
	MU_LOGS_MILLIS_UNSIGNED,
	MU_LOGS_ISO8601
};

enum mu_logs_compress {
	MU_LOGS_PLAIN = 0,
	MU_LOGS_GZIP,
	MU_LOGS_ZSTD
};

enum mu_logs_naming {
	MU_LOGS_ZEEK = 0, /* conn.2026-01-31-13-00-00.log */
	MU_LOGS_ARCHIVER  /* conn__2026-...__2026-...__.log */
};

enum mu_logs_full { /* when the spool of a node is */
	MU_LOGS_REFUSE = 0,
	MU_LOGS_DROP_OLDEST
};

/* What loggers do with records; zeroed, and then every field's default. */
struct mu_logs {
	char *directory; /* before -r; NULL: "logs" in the log directory */
	enum mu_logs_format format;
	enum mu_logs_time json_time;
	bool json_unset;      /* unset fields are null */
	int64_t rotate_ns;    /* 0: never */
	int64_t rotate_base_ns; /* after local midnight */
	uint64_t rotate_bytes; /* 0: of any size */
	char *rotated;        /* folder for rotated files, before -r, or NULL */
	enum mu_logs_naming naming;
	enum mu_logs_compress compress;
	char *postprocessor;  /* a program, as for mu_layout_path, or NULL */
	int64_t postprocessor_ns; /* how long it may run */
	uint64_t postprocessors;  /* at once */
	int64_t flush_ns;     /* records reach the disk within that time */
	bool sync;            /* acknowledged when synced, else when written */
	int64_t keep_ns;      /* 0: for ever */
	uint64_t keep_bytes;  /* 0: of any size together */
	uint64_t buffer_bytes; /* messages that wait for the disk */
	uint64_t files;       /* open at once */
	/* and what every node does with its own */
	bool local;           /* cluster.log, broker.log: into files, too */
	bool remote;          /* sent to the loggers */
	uint64_t spool_bytes; /* on the way to them */
	enum mu_logs_full when_full;
	int64_t failover_ns;  /* then another logger gets what was not
				 answered */
	uint64_t batch_records;
	int64_t batch_ns;
};

/* A prefix that nodes subscribe beyond what their role asks for. */
struct mu_layout_subscription {
	char *topic;
	char **on; /* nodes and roles; NULL: everybody.  Here and below. */
	size_t non;
	struct mu_place place; /* of the row */
};

/* Events on topics with a prefix: one of some nodes publishes them again. */
struct mu_layout_relay {
	char *topic;
	char **by; /* nodes, roles and pools */
	size_t nby;
	char *to;
	struct mu_place place;
};

/* Who may publish on topics with a prefix. */
struct mu_layout_access {
	char *topic;
	char **by; /* nodes and roles */
	size_t nby;
	struct mu_place place;
};

/* An event raised locally is published. */
struct mu_layout_auto {
	char *event; /* a name, or the beginning of one and * */
	char *to;
	char **on;
	size_t non;
	struct mu_place place;
};

enum mu_write_op {
	MU_WRITE_PUT = 0,
	MU_WRITE_PUT_UNIQUE,
	MU_WRITE_ERASE,
	MU_WRITE_INCREMENT,
	MU_WRITE_DECREMENT,
	MU_WRITE_APPEND,
	MU_WRITE_INSERT_INTO_SET,
	MU_WRITE_INSERT_INTO_TABLE,
	MU_WRITE_REMOVE_FROM,
	MU_WRITE_PUSH,
	MU_WRITE_POP
};

/* What a handler writes to a store; key, value and index are numbers of
 * arguments of the event, from 0. */
struct mu_layout_write {
	char *name; /* of the store; NULL: the handler writes to none */
	enum mu_write_op op;
	uint64_t key, value, index;
	bool has_value;    /* value is given */
	int64_t expiry_ns; /* 0: none */
};

/* What is done on an event: a program is run, a store written, or a log. */
struct mu_layout_handler {
	char *event;
	char *topic; /* prefix, or NULL: any */
	char **on;
	size_t non;
	char **run; /* program and arguments, or NULL */
	size_t nrun;
	struct mu_layout_write store;
	char *log; /* stream that gets a record, or NULL */
	int64_t time_ns;
	uint64_t at_once, queue, queue_bytes, output_bytes;
	struct mu_place place;
};

enum mu_input_start {
	MU_INPUT_BEGINNING = 0,
	MU_INPUT_END
};

/* A file of log records that nodes follow. */
struct mu_layout_input {
	char *file;   /* may hold {node} */
	char *stream; /* id */
	char *path;   /* of the log, or NULL: as Zeek derives it */
	char **on;
	size_t non;
	enum mu_logs_format format;
	char **types; /* "name:type" */
	size_t ntypes;
	enum mu_input_start start;
	int64_t poll_ns;
	struct mu_place place;
};

/* A node of a pool whose weight is not 1. */
struct mu_layout_weight {
	char *node;
	uint64_t weight;
	struct mu_place place;
};

/* A pool of nodes that share out work. */
struct mu_layout_pool {
	char *name;
	enum mu_role type;  /* worker, proxy or logger */
	char *topic;        /* of its members */
	uint64_t max_nodes; /* 0: all */
	bool exclusive;     /* no other pool has its members */
	uint64_t replicas;  /* members that a key belongs to */
	struct mu_layout_weight *weights; /* sorted by strcmp of the node */
	size_t nweights;
	struct mu_place place; /* of the name in the file; 0: it has no row */
};

/* A named value that nodes begin with; short text. */
struct mu_layout_identifier {
	char *name, *value;
	struct mu_place place; /* of the name in the file */
};

/* What Zeek's control framework may do. */
struct mu_control {
	bool requests; /* questions are answered */
	bool updates;  /* others than the manager may set identifiers */
	bool shutdown; /* the node may be ended */
};

/* Limits and times; every field has a default and a key in the layout. */
struct mu_limits {
	uint64_t frame_bytes;     /* largest frame after the handshake */
	uint64_t handshake_bytes; /* largest frame before its end */
	uint64_t queue_bytes;     /* per peer, beyond the socket */
	uint64_t queue_messages;  /* per peer */
	enum mu_overflow overflow;
	uint64_t connections; /* accepted, all addresses */
	uint64_t connections_per_address;
	uint64_t handshakes;     /* in progress at once */
	uint64_t filter_entries; /* topics in one peer's filter */
	uint64_t control_clients;
	uint64_t client_queue_bytes; /* per control client */
	int64_t handshake_ns;        /* time to complete TLS and handshake */
	int64_t connect_ns;          /* one connection attempt */
	int64_t ping_ns;             /* silence after which a peer is pinged */
	int64_t dead_ns;             /* silence after which it is dead */
	int64_t retry_min_ns;        /* first retry of a dial */
	int64_t retry_max_ns;        /* longest pause between retries */
	int64_t listen_retry_ns;     /* pause before a busy port is retried */
	int64_t backpressure_ns;     /* publishers wait for a full queue */
	int64_t goodbye_ns;          /* wait for the answer to BYE */
};

/* Topics that Zeek lets a site redefine; NUL-terminated, never empty. */
struct mu_topics {
	char *logger, *manager, *proxy, *worker;
	char *node_prefix;   /* "zeek/cluster/node/" */
	char *nodeid_prefix; /* "zeek/cluster/nodeid/" */
	char *pool_prefix;   /* "zeek/cluster/pool/" */
	char *logs_prefix;   /* "zeek/logs/" */
	char *started;       /* "zeek/cluster/experimental/started" */
};

struct mu_layout {
	char *file;    /* as named by the user */
	char *dir;     /* folder of the file: paths are relative to it */
	char *cluster; /* name */
	enum mu_tls_mode tls;
	char *ca, *certificate, *key; /* as written, for mu_layout_path; NULL
					 unless tls is certificates */
	char *passphrase_file;        /* likewise, or NULL */
	struct mu_layout_node *nodes; /* sorted by strcmp of the name */
	size_t nnodes;
	bool manager_is_logger; /* Zeek's option; default: no logger */
	bool replay_started;    /* cluster_started for late joiners */
	bool replay_set;
	char **forward; /* prefixes relayed between peers; none:
			   nothing is forwarded */
	size_t nforward;
	struct mu_layout_subscription *subscriptions;
	size_t nsubscriptions;
	struct mu_layout_relay *relays; /* in the order of the file, as are
					   the others */
	size_t nrelays;
	struct mu_layout_access *access;
	size_t naccess;
	struct mu_layout_auto *autos;
	size_t nautos;
	struct mu_layout_handler *handlers;
	size_t nhandlers;
	struct mu_layout_input *inputs;
	size_t ninputs;
	struct mu_limits limits;
	struct mu_topics topics;
	struct mu_logs logs;
	struct mu_layout_store *stores; /* sorted by strcmp of the name */
	size_t nstores;
	struct mu_layout_pool *pools; /* sorted by strcmp of the topic; worker,
					 proxy and logger always exist */
	size_t npools;
	struct mu_layout_identifier *identifiers; /* sorted by name */
	size_t nidentifiers;
	struct mu_control control;
	char *state_dir, *run_dir, *log_dir; /* before -r */
	char *user, *group; /* to become after start; NULL: stay */
	char *log_level;    /* "info" ... ; NULL: default */
};

void mu_layout_free(struct mu_layout *l);

/* The node of that name, or NULL. */
const struct mu_layout_node *mu_layout_node(
    const struct mu_layout *l, const char *name);

/* Has node a clone of that store?  Those named, or else every node that has a
 * connection with the master's. */
bool mu_layout_has_clone(const struct mu_layout_store *s,
    const struct mu_layout_node *node, const struct mu_layout_node *master);

/* Is node in a list of nodes and roles?  NULL: everybody is. */
bool mu_layout_on(
    char *const *list, size_t n, const struct mu_layout_node *node);

/* The relay that a publication on topic [len] is for: of those whose topic is a
 * prefix of it the one with the longest; NULL: none. */
const struct mu_layout_relay *mu_layout_relay_of(
    const struct mu_layout *l, const char *topic, size_t len);

/* Role names: "manager", ...; parse gives -1 for an unknown one. */
const char *mu_role_name(enum mu_role role);
int mu_role_parse(const char *name);

/*
 * The nodes that node opens connections to, in Zeek's order (reference
 * "cluster-semantics", 1.3): roles logger, proxy, manager; each by name.
 *
 * out  [nnodes] pointers, filled
 *
 * Returns their number.
 */
size_t mu_layout_connectees(const struct mu_layout *l,
    const struct mu_layout_node *node, const struct mu_layout_node **out);
/* Does one of both open connections to the other?  By their rows alone. */
bool mu_layout_linked(
    const struct mu_layout_node *a, const struct mu_layout_node *b);

/* A path of the layout as it is to be opened: {node} replaced by the name, and
 * below the layout's folder unless absolute.  Owned by the caller; NULL when
 * memory is out. */
char *mu_layout_path(
    const struct mu_layout *l, const char *path, const char *node);

/*
 * 64-bit digest of everything all nodes must agree on (cluster, nodes with
 * role, host, port and manager, topics, stores, relays, pools), and of one
 * row, so that two nodes
 * can tell which entries differ.
 */
uint64_t mu_layout_digest(const struct mu_layout *l);
uint64_t mu_layout_node_digest(const struct mu_layout_node *n);

#endif
