/* The tables of the layout's keys; see fields.h. */
#include "layout/fields.h"

#include <string.h>

#include "base/text.h"
#include "layout/layout.h"
#include "layout/units.h"

#define MOST_FIELDS 64 /* of one section; for the list of candidates */

#define LAYOUT(m) offsetof(struct mu_layout, m)
#define NODE(m)   offsetof(struct mu_layout_node, m)
#define LIMIT(m)  offsetof(struct mu_limits, m)
#define TOPICS(m) offsetof(struct mu_topics, m)
#define CONTROL(m) offsetof(struct mu_control, m)
#define STORE(m)  offsetof(struct mu_layout_store, m)
#define SECTION(name, fields)                                                  \
	{                                                                      \
		name, fields, sizeof fields / sizeof fields[0]                 \
	}

/* clang-format off */
static const struct mu_word role_words[] = {
	{ "logger",  MU_ROLE_LOGGER },
	{ "manager", MU_ROLE_MANAGER },
	{ "proxy",   MU_ROLE_PROXY },
	{ "worker",  MU_ROLE_WORKER },
	{ "control", MU_ROLE_CONTROL },
	{ NULL, 0 }
};

static const struct mu_word overflow_words[] = {
	{ "drop_oldest", MU_OVERFLOW_DROP_OLDEST },
	{ "drop_newest", MU_OVERFLOW_DROP_NEWEST },
	{ "disconnect",  MU_OVERFLOW_DISCONNECT },
	{ NULL, 0 }
};

static const struct mu_word tls_words[] = {
	{ "anonymous", MU_TLS_ANONYMOUS },
	{ "none",      MU_TLS_NONE },
	{ NULL, 0 }
};

static const struct mu_word backend_words[] = {
	{ "memory", MU_STORE_BACKEND_MEMORY },
	{ "lmdb",   MU_STORE_BACKEND_LMDB },
	{ NULL, 0 }
};

const struct mu_word mu_words_none[] = { { "none", 0 }, { NULL, 0 } };
static const struct mu_word sync_words[] = { { "commit", 0 }, { NULL, 0 } };

static const struct mu_word level_words[] = {
	{ "error", 0 }, { "warning", 0 }, { "info", 0 }, { "debug", 0 },
	{ NULL, 0 }
};

static const struct mu_field tls_fields[] = {
	{ "ca", MU_KIND_PATH, 0, LAYOUT(ca), .fallback = "tls/ca.pem",
	  .about = "certificates of the authorities that are trusted, PEM" },
	{ "certificate", MU_KIND_PATH, 0, LAYOUT(certificate),
	  .fallback = "tls/{node}.pem",
	  .about = "the node's certificate chain, PEM" },
	{ "key", MU_KIND_PATH, 0, LAYOUT(key), .fallback = "tls/{node}.key",
	  .about = "the node's private key, PEM" },
	{ "passphrase_file", MU_KIND_PATH, 0, LAYOUT(passphrase_file),
	  .about = "file whose first line opens an encrypted key" },
};

static const struct mu_field limit_fields[] = {
	{ "frame", MU_KIND_SIZE, 0, LIMIT(frame_bytes),
	  .fallback = "64 MiB", .min = 4 * KiB, .max = GiB,
	  .about = "largest message from a peer" },
	{ "handshake_frame", MU_KIND_SIZE, 0, LIMIT(handshake_bytes),
	  .fallback = "1 MiB", .min = 4 * KiB, .max = 64 * MiB,
	  .about = "largest message before the handshake is complete" },
	{ "queue", MU_KIND_SIZE, 0, LIMIT(queue_bytes),
	  .fallback = "8 MiB", .min = 64 * KiB, .max = 64 * GiB,
	  .about = "bytes waiting for one peer" },
	{ "queue_messages", MU_KIND_COUNT, 0, LIMIT(queue_messages),
	  .fallback = "8192", .min = 1, .max = 100000000,
	  .about = "messages waiting for one peer" },
	{ "overflow", MU_KIND_CHOICE, 0, LIMIT(overflow),
	  .fallback = "drop_oldest", .words = overflow_words,
	  .about = "what happens when a peer's queue is full" },
	{ "connections", MU_KIND_COUNT, 0, LIMIT(connections),
	  .fallback = "1024", .min = 1, .max = 1000000,
	  .about = "accepted connections; not given: room for twice "
		   "the nodes at least" },
	{ "connections_per_address", MU_KIND_COUNT, 0,
	  LIMIT(connections_per_address),
	  .fallback = "256", .min = 1, .max = 1000000,
	  .about = "accepted connections from one address; not given: "
		   "room for twice the nodes of any host at least" },
	{ "handshakes", MU_KIND_COUNT, 0, LIMIT(handshakes),
	  .fallback = "128", .min = 1, .max = 1000000,
	  .about = "handshakes in progress at once" },
	{ "filter_entries", MU_KIND_COUNT, 0, LIMIT(filter_entries),
	  .fallback = "10000", .min = 16, .max = 10000000,
	  .about = "topics in one peer's subscriptions" },
	{ "control_clients", MU_KIND_COUNT, 0, LIMIT(control_clients),
	  .fallback = "64", .min = 1, .max = 10000,
	  .about = "programs connected to the control socket" },
	{ "client_queue", MU_KIND_SIZE, 0, LIMIT(client_queue_bytes),
	  .fallback = "1 MiB", .min = 4 * KiB, .max = GiB,
	  .about = "bytes waiting for one control client" },
	{ "handshake_time", MU_KIND_DURATION, 0, LIMIT(handshake_ns),
	  .fallback = "10 s", .min = 100 * MS, .max = 10 * MIN,
	  .about = "time for TLS and handshake together" },
	{ "connect_time", MU_KIND_DURATION, 0, LIMIT(connect_ns),
	  .fallback = "3 s", .min = 50 * MS, .max = 10 * MIN,
	  .about = "time for one connection attempt" },
	{ "ping", MU_KIND_DURATION, 0, LIMIT(ping_ns),
	  .fallback = "2 s", .min = 100 * MS, .max = HOUR,
	  .about = "silence after which a peer is asked for a sign of life" },
	{ "dead", MU_KIND_DURATION, 0, LIMIT(dead_ns),
	  .fallback = "6 s", .min = 200 * MS, .max = 24 * HOUR,
	  .about = "silence after which a peer is given up" },
	{ "retry_min", MU_KIND_DURATION, 0, LIMIT(retry_min_ns),
	  .fallback = "20 ms", .min = MS, .max = HOUR,
	  .about = "pause before the first repetition of a connect" },
	{ "retry_max", MU_KIND_DURATION, 0, LIMIT(retry_max_ns),
	  .fallback = "1 s", .min = MS, .max = HOUR,
	  .about = "longest pause between repetitions of a connect" },
	{ "listen_retry", MU_KIND_DURATION, 0, LIMIT(listen_retry_ns),
	  .fallback = "1 s", .min = 10 * MS, .max = HOUR,
	  .about = "pause before a busy port is tried again" },
	{ "backpressure", MU_KIND_DURATION, 0, LIMIT(backpressure_ns),
	  .fallback = "10 s", .min = 0, .max = 10 * MIN,
	  .about = "how long publishers wait for a full queue; 0: never" },
	{ "goodbye", MU_KIND_DURATION, 0, LIMIT(goodbye_ns),
	  .fallback = "3 s", .min = 0, .max = MIN,
	  .about = "how long a peer's answer to our farewell is awaited" },
};

static const struct mu_field topic_fields[] = {
	{ "logger", MU_KIND_TOPIC, MU_FIELD_FIXED, TOPICS(logger),
	  .fallback = "zeek/cluster/logger",
	  .about = "every logger subscribes it" },
	{ "manager", MU_KIND_TOPIC, MU_FIELD_FIXED, TOPICS(manager),
	  .fallback = "zeek/cluster/manager",
	  .about = "the manager subscribes it" },
	{ "proxy", MU_KIND_TOPIC, MU_FIELD_FIXED, TOPICS(proxy),
	  .fallback = "zeek/cluster/proxy",
	  .about = "every proxy subscribes it" },
	{ "worker", MU_KIND_TOPIC, MU_FIELD_FIXED, TOPICS(worker),
	  .fallback = "zeek/cluster/worker",
	  .about = "every worker subscribes it" },
	{ "node_prefix", MU_KIND_TOPIC, MU_FIELD_FIXED, TOPICS(node_prefix),
	  .fallback = "zeek/cluster/node/",
	  .about = "with a node's name and / it reaches that node" },
	{ "nodeid_prefix", MU_KIND_TOPIC, MU_FIELD_FIXED,
	  TOPICS(nodeid_prefix), .fallback = "zeek/cluster/nodeid/",
	  .about = "with an endpoint id and / it reaches that endpoint" },
	{ "pool_prefix", MU_KIND_TOPIC, MU_FIELD_FIXED, TOPICS(pool_prefix),
	  .fallback = "zeek/cluster/pool/",
	  .about = "with a pool's name it reaches the pool's members" },
	{ "logs_prefix", MU_KIND_TOPIC, MU_FIELD_FIXED, TOPICS(logs_prefix),
	  .fallback = "zeek/logs/",
	  .about = "log streams are announced below it" },
	{ "started", MU_KIND_TOPIC, MU_FIELD_FIXED, TOPICS(started),
	  .fallback = "zeek/cluster/experimental/started",
	  .about = "cluster_started is published on it" },
};

static const struct mu_field directory_fields[] = {
	{ "state", MU_KIND_DIRECTORY, MU_FIELD_FIXED, LAYOUT(state_dir),
	  .fallback = "/var/lib/muster",
	  .about = "what a node remembers, in one folder per node" },
	{ "run", MU_KIND_DIRECTORY, MU_FIELD_FIXED, LAYOUT(run_dir),
	  .fallback = "/run/muster", .about = "control sockets" },
	{ "log", MU_KIND_DIRECTORY, MU_FIELD_FIXED, LAYOUT(log_dir),
	  .fallback = "/var/log/muster",
	  .about = "cluster.log and broker.log, in one folder per node" },
};

static const struct mu_field control_fields[] = {
	{ "requests", MU_KIND_BOOL, 0, CONTROL(requests), .fallback = "true",
	  .about = "questions of Zeek's control framework are answered" },
	{ "updates", MU_KIND_BOOL, 0, CONTROL(updates), .fallback = "false",
	  .about = "any peer may set identifiers, not the manager alone" },
	{ "shutdown", MU_KIND_BOOL, 0, CONTROL(shutdown), .fallback = "false",
	  .about = "any peer may end the node" },
};

static const struct mu_section control_section =
    SECTION("control", control_fields);
static const struct mu_section tls_section = SECTION("tls", tls_fields);
static const struct mu_section limits_section =
    SECTION("limits", limit_fields);
static const struct mu_section topics_section =
    SECTION("topics", topic_fields);
static const struct mu_section directories_section =
    SECTION("directories", directory_fields);

#define LATER "is not supported by this version"
#define NOT_OURS "is for Zeek's own packet processing and unknown here"

static const struct mu_field node_fields[] = {
	{ "role", MU_KIND_CHOICE, MU_FIELD_REQUIRED | MU_FIELD_FIXED,
	  NODE(role), .words = role_words, .about = "what the node does" },
	{ "host", MU_KIND_HOST, MU_FIELD_RANGED | MU_FIELD_FIXED, NODE(host),
	  .fallback = "127.0.0.1",
	  .about = "name or address to which others connect" },
	{ "port", MU_KIND_PORT, MU_FIELD_RANGED | MU_FIELD_FIXED, NODE(port),
	  .about = "port it listens on; without one it does not listen" },
	{ "listen", MU_KIND_ADDRESS, MU_FIELD_RANGED | MU_FIELD_FIXED,
	  NODE(listen),
	  .about = "address it binds; default: a loopback host itself, "
	  "otherwise every address" },
	{ "manager", MU_KIND_NAME, 0, NODE(manager),
	  .about = "name of its manager, or none; default: the manager for "
	  "workers and proxies, none for the others" },
	{ "certificate", MU_KIND_PATH, 0, NODE(certificate),
	  .about = "in place of tls.certificate" },
	{ "key", MU_KIND_PATH, 0, NODE(key), .about = "in place of tls.key" },
	{ "connect", MU_KIND_NAMES, 0, NODE(connect), NODE(nconnect),
	  .about = "exactly the nodes it connects to; default: as in Zeek" },
	{ "interface", MU_KIND_REFUSED, .about = NOT_OURS },
	{ "time_machine", MU_KIND_REFUSED, .about = NOT_OURS },
	{ "zone_id", MU_KIND_REFUSED,
	  .about = "is unknown here (write the zone into host: fe80::1%eth0)" },
	{ "node_type", MU_KIND_REFUSED,
	  .about = "is Zeek's name for \"role\"" },
	{ "ip", MU_KIND_REFUSED,
	  .about = "is Zeek's name for \"host\"" },
	{ "p", MU_KIND_REFUSED,
	  .about = "is Zeek's name for \"port\"" },
};

static const struct mu_field store_fields[] = {
	{ "backend", MU_KIND_CHOICE, MU_FIELD_FIXED, STORE(backend),
	  .fallback = "memory", .words = backend_words,
	  .about = "where the master keeps it; lmdb survives a restart" },
	{ "master", MU_KIND_NAME, MU_FIELD_FIXED, STORE(master),
	  .about = "node that has the master; default: the manager" },
	{ "clones", MU_KIND_NAMES, MU_FIELD_FIXED, STORE(clones),
	  STORE(nclones), .words = mu_words_none,
	  .about = "nodes and roles that have a copy; default: everybody "
	  "else" },
	{ "expiry", MU_KIND_DURATION, MU_FIELD_FIXED, STORE(expiry_ns),
	  .fallback = "0", .min = 0, .max = 36500 * DAY,
	  .about = "life of entries written without one; 0: for ever" },
	{ "sync", MU_KIND_DURATION, MU_FIELD_FIXED, STORE(sync_ns),
	  .fallback = "commit", .words = sync_words,
	  .min = 10 * MS, .max = 10 * MIN,
	  .about = "acknowledge when on disk, or how much a crash may cost" },
	{ "max_size", MU_KIND_SIZE, MU_FIELD_FIXED, STORE(max_bytes),
	  .min = MiB, .max = 16 * TiB,
	  .about = "limit of the memory or the file; default: none for "
	  "memory, 1 TiB for lmdb" },
	{ "clone_backend", MU_KIND_CHOICE, MU_FIELD_FIXED,
	  STORE(clone_backend), .fallback = "memory", .words = backend_words,
	  .about = "where clones keep their copy; with lmdb they resume" },
};

static const struct mu_field top_fields[] = {
	{ "cluster", MU_KIND_NAME, MU_FIELD_REQUIRED | MU_FIELD_FIXED,
	  LAYOUT(cluster), .about = "name of the cluster" },
	{ "tls", MU_KIND_SECTION, MU_FIELD_FIXED, 0, LAYOUT(tls),
	  .words = tls_words, .section = &tls_section,
	  .about = "certificates, or anonymous (encrypted, nobody "
	  "authenticated), or none (plain TCP)" },
	{ "nodes", MU_KIND_NODES, MU_FIELD_REQUIRED,
	  .section = &mu_fields_node,
	  .about = "names of nodes, with ranges such as worker-[1-4]" },
	{ "stores", MU_KIND_STORES, 0, .section = &mu_fields_store,
	  .about = "data stores by name" },
	{ "logs", MU_KIND_SECTION, 0, LAYOUT(logs),
	  .section = &mu_fields_logs,
	  .about = "what loggers do with records" },
	{ "pools", MU_KIND_POOLS, 0, .section = &mu_fields_pool,
	  .about = "pools by name, and what is different about worker, proxy "
	  "and logger" },
	{ "identifiers", MU_KIND_IDENTIFIERS, 0,
	  .about = "named values that every node begins with" },
	{ "control", MU_KIND_SECTION, 0, LAYOUT(control),
	  .section = &control_section,
	  .about = "what Zeek's control framework may do" },
	{ "limits", MU_KIND_SECTION, 0, LAYOUT(limits),
	  .section = &limits_section, .about = "limits and times" },
	{ "topics", MU_KIND_SECTION, 0, LAYOUT(topics),
	  .section = &topics_section,
	  .about = "topics that a site has redefined" },
	{ "forward", MU_KIND_TOPICS, 0, LAYOUT(forward), LAYOUT(nforward),
	  .about = "prefixes of topics that are relayed between peers" },
	{ "subscriptions", MU_KIND_ROWS, 0, LAYOUT(subscriptions),
	  LAYOUT(nsubscriptions), .section = &mu_fields_subscription,
	  .about = "prefixes that nodes subscribe in addition" },
	{ "relay", MU_KIND_ROWS, 0, LAYOUT(relays), LAYOUT(nrelays),
	  .section = &mu_fields_relay,
	  .about = "topics whose events a node publishes again on another" },
	{ "access", MU_KIND_ROWS, 0, LAYOUT(access), LAYOUT(naccess),
	  .section = &mu_fields_access,
	  .about = "topics on which only some nodes may publish" },
	{ "auto_publish", MU_KIND_ROWS, 0, LAYOUT(autos), LAYOUT(nautos),
	  .section = &mu_fields_auto,
	  .about = "events that are published when they are raised" },
	{ "handlers", MU_KIND_ROWS, 0, LAYOUT(handlers), LAYOUT(nhandlers),
	  .section = &mu_fields_handler,
	  .about = "what is done on an event" },
	{ "inputs", MU_KIND_ROWS, 0, LAYOUT(inputs), LAYOUT(ninputs),
	  .section = &mu_fields_input,
	  .about = "files of log records that nodes follow" },
	{ "manager_is_logger", MU_KIND_BOOL, MU_FIELD_MANAGER,
	  LAYOUT(manager_is_logger),
	  .about = "the manager takes logs too; default: true without a "
	  "logger" },
	{ "replay_started", MU_KIND_BOOL, 0, LAYOUT(replay_started),
	  .fallback = "false",
	  .about = "late joiners, Zeek nodes too, are told cluster_started" },
	{ "directories", MU_KIND_SECTION, 0, 0,
	  .section = &directories_section, .about = "where things are kept" },
	{ "user", MU_KIND_TEXT, MU_FIELD_FIXED, LAYOUT(user),
	  .about = "user to become after the start" },
	{ "group", MU_KIND_TEXT, MU_FIELD_FIXED, LAYOUT(group),
	  .about = "group to become after the start" },
	{ "log_level", MU_KIND_WORD, 0, LAYOUT(log_level),
	  .words = level_words, .about = "what is reported; default: info" },
	{ "websocket", MU_KIND_REFUSED, .about = LATER },
	{ "metrics", MU_KIND_REFUSED, .about = LATER },
};

const struct mu_section mu_fields_node = SECTION("nodes", node_fields);
const struct mu_section mu_fields_store = SECTION("stores", store_fields);
const struct mu_section mu_fields_top = SECTION(NULL, top_fields);
/* clang-format on */

const struct mu_field *
mu_fields_find(const struct mu_section *s, const char *key)
{
	for (size_t i = 0; i < s->nfields; i++)
		if (strcmp(s->fields[i].key, key) == 0)
			return &s->fields[i];
	return NULL;
}

const char *
mu_fields_nearest(const struct mu_section *s, const char *key)
{
	const char *candidates[MOST_FIELDS];
	size_t n = 0;

	for (size_t i = 0; i < s->nfields && n < MOST_FIELDS; i++)
		if (s->fields[i].kind != MU_KIND_REFUSED)
			candidates[n++] = s->fields[i].key;
	return mu_text_nearest(key, candidates, n);
}
