/* The commands of musterctl and their options, as tables. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "ctl/ctl.h"

#define AT(field) offsetof(struct ctl, field)

/* clang-format off */
static const struct option_row
    opt_layout = { "layout", 'f', "FILE", "the layout (default: /etc/muster/cluster.yaml)", AT(layout), COMPLETE_FILE },
    opt_root = { "root", 'r', "DIR", "look for run directories below DIR, as musterd -r", AT(root), COMPLETE_DIRECTORY },
    opt_node = { "node", 'n', "NODE", "ask this node (default: $MUSTER_NODE, $CLUSTER_NODE, the only one)", AT(node), COMPLETE_NODE },
    opt_json = { "json", 0, NULL, "answer in JSON", AT(json), 0 },
    opt_quiet = { "quiet", 'q', NULL, "say nothing but errors", AT(quiet), 0 },
    opt_help = { "help", 'h', NULL, "explain, with an example", AT(help), 0 },
    opt_version = { "version", 0, NULL, "print the version", AT(version), 0 },
    opt_for = { "for", 0, "STATE", "started (default), connected, listening, degraded or restored", AT(wait_for), COMPLETE_CONDITION },
    opt_timeout = { "timeout", 0, "TIME", "give up after TIME: 20s, 2min", AT(timeout), 0 },
    opt_count = { "count", 0, "N", "end after N events", AT(count), 0 },
    opt_interval = { "interval", 0, "TIME", "look so often: 500ms, 10s", AT(interval), 0 },
    opt_stdin = { "stdin", 0, NULL, "publish a stream of JSON lines from standard input", AT(from_stdin), 0 },
    opt_data = { "data", 0, NULL, "publish a plain value, not an event", AT(data), 0 },
    opt_topics = { "topics", 0, NULL, "list what each peer subscribes to", AT(topics), 0 },
    opt_all = { "all", 0, NULL, "every node of the layout", AT(all), 0 },
    opt_force = { "force", 0, NULL, "overwrite existing files", AT(force), 0 },
    opt_days = { "days", 0, "N", "valid for N days", AT(days), 0 },
    opt_expiry = { "expiry", 0, "TIME", "the key vanishes so long after it was written last", AT(expiry), 0 },
    opt_type = { "type", 0, "TYPE", "the value is one of TYPE: count, string, address, ...", AT(type), COMPLETE_TYPE },
    opt_after = { "after", 0, "KEY", "keys, dump: go on after that key", AT(after), 0 },
    opt_prefix = { "prefix", 0, "TEXT", "keys, dump: only keys that are strings and begin so", AT(prefix), 0 },
    opt_after_line = { "after", 0, "LINE", "go on after that line of the file", AT(after), 0 },
    opt_types = { "types", 0, "LIST", "columns, where the file does not tell them: ts:time,uid:string,...", AT(types), 0 },
    opt_path = { "path", 0, "PATH", "name of the log (default: as Zeek derives it from the stream)", AT(path), 0 },
    opt_format = { "format", 0, "FORMAT", "tsv or json (default: what the first byte says)", AT(format), COMPLETE_LOG_FORMAT },
    opt_hrw = { "hrw", 0, "POOL KEY", "to the node of POOL that KEY belongs to, by rendezvous hashing", AT(hrw), COMPLETE_POOL, AT(pool_key), false },
    opt_rr = { "rr", 0, "POOL [KEY]", "to the node of POOL whose turn it is, round robin; each KEY has turns of its own", AT(rr), COMPLETE_POOL, AT(pool_key), true },
    opt_key = { "key", 0, "KEY", "the KEY of --rr, wherever it stands", AT(key), 0 },
    opt_key_type = { "type", 0, "TYPE", "it is of TYPE: addr, count, enum:Log::ID, ...", AT(type), COMPLETE_TYPE },
    opt_assume_alive = { "assume-alive", 0, NULL, "as if every node of the pool were alive", AT(assume_alive), 0 },
    opt_without = { "without", 0, "NODE", "as if NODE (or several, with commas) were not alive", AT(without), COMPLETE_NODE },
    opt_filter = { "filter", 0, "FIELD=VALUE", "only records whose FIELD is VALUE", AT(filter), 0 },
    opt_start_days = { "start-days", 0, "N", "valid from N days after now (negative: before)", AT(start_days), 0 };

const struct option_row *const global_options[] = {
	&opt_layout, &opt_root, &opt_node, &opt_json, &opt_quiet, &opt_help,
	&opt_version, NULL
};

static const struct option_row
    *const none[] = { NULL },
    *const of_peers[] = { &opt_topics, NULL },
    *const of_wait[] = { &opt_for, &opt_timeout, NULL },
    *const of_top[] = { &opt_interval, &opt_count, NULL },
    *const of_watch[] = { &opt_count, &opt_timeout, NULL },
    *const of_publish[] = { &opt_stdin, &opt_data, &opt_hrw, &opt_rr, &opt_key, &opt_key_type, NULL },
    *const of_id[] = { &opt_key_type, NULL },
    *const of_pool[] = { &opt_key_type, &opt_assume_alive, &opt_without, NULL },
    *const of_store[] = { &opt_expiry, &opt_type, &opt_timeout, &opt_count, &opt_prefix, &opt_after, NULL },
    *const of_log_write[] = { &opt_types, &opt_path, &opt_format, &opt_after_line, &opt_timeout, NULL },
    *const of_tail[] = { &opt_filter, &opt_count, &opt_timeout, NULL },
    *const of_stop[] = { &opt_timeout, NULL },
    *const of_init[] = { &opt_days, NULL },
    *const of_issue[] = { &opt_all, &opt_force, &opt_days, &opt_start_days, NULL };

const struct command commands[] = {
	{ "status", "", "the state of the cluster as this node sees it",
	  none, "musterctl status", 0, 0, 0, cmd_status },
	{ "peers", "", "connections: traffic, queues, what was dropped",
	  of_peers, "musterctl -n worker-1 peers", 0, 0, 0, cmd_peers },
	{ "top", "", "follow the node: its state, and rates of its connections",
	  of_top, "musterctl -n manager top --interval 1s", 0, 0, 0, cmd_top },
	{ "graph", "", "draw the cluster for graphviz, with what is up and down",
	  none, "musterctl -n manager graph | dot -Tsvg >cluster.svg", 0, 0, 0, cmd_graph },
	{ "wait", "", "block until the cluster is up",
	  of_wait, "musterctl wait --for started --timeout 20s", 0, 0, 0, cmd_wait },
	{ "watch", "TOPIC ...", "follow events whose topic begins so",
	  of_watch, "musterctl watch zeek/cluster/ app/", 1, -1, 0, cmd_watch },
	{ "publish", "[TOPIC EVENT [ARG ...]]", "send an event, or a stream of them",
	  of_publish, "musterctl publish app/alerts App::alert 192.0.2.1 count:3 'port:53/udp'",
	  0, -1, 0, cmd_publish },
	{ "pools", "", "pools: members, who is alive, shares, what was given to whom",
	  none, "musterctl pools", 0, 0, 0, cmd_pools },
	{ "pool", "where POOL KEY ...", "which node of a pool keys belong to",
	  of_pool, "musterctl pool where proxy 192.0.2.1 'port:53/udp' --without proxy-2",
	  1, -1, COMPLETE_POOL_OPERATION, cmd_pool },
	{ "id", "list | get NAME | set NAME VALUE | publish NAME TOPIC", "identifiers: named values and settings of a node",
	  of_id, "musterctl -n worker-1 id set Muster::log_level debug", 1, 3,
	  COMPLETE_ID_OPERATION, cmd_id },
	{ "stores", "", "the stores of this node: sizes, clones, lag, state",
	  none, "musterctl stores", 0, 0, 0, cmd_stores },
	{ "store", "OPERATION STORE [KEY [VALUE]]", "read and write a store: put, get, increment, watch, dump, ...",
	  of_store, "musterctl store put known-hosts 192.0.2.1 count:1 --expiry 1h",
	  2, 5, COMPLETE_OPERATION, cmd_store },
	{ "log write", "STREAM [FILE]", "ship records of a file, Zeek's TSV or JSON lines, to the loggers",
	  of_log_write, "musterctl -n worker-1 log write Conn::LOG conn.log",
	  1, 2, COMPLETE_FILE, cmd_log_write },
	{ "rules", "", "the rules of this node and what came of them",
	  none, "musterctl -n manager rules", 0, 0, 0, cmd_rules },
	{ "raise", "EVENT [ARG ...]", "raise an event on this node: its handlers and auto_publish",
	  none, "musterctl -n worker-1 raise App::alert 192.0.2.1", 1, -1, 0, cmd_raise },
	{ "logs", "", "what a logger writes and a node sends: streams, records, lag, trouble",
	  none, "musterctl -n logger-1 logs", 0, 0, 0, cmd_logs },
	{ "log tail", "[STREAM]", "records as this logger writes them",
	  of_tail, "musterctl -n logger-1 log tail conn --filter id.resp_p=443", 0, 1, 0, cmd_log_tail },
	{ "check", "[FILE ...]", "read layouts and report every mistake",
	  none, "musterctl check /etc/muster/cluster.yaml", 0, -1, COMPLETE_FILE, cmd_check },
	{ "schema", "", "print the JSON Schema of the layout, for editors",
	  none, "musterctl schema > muster.schema.json", 0, 0, 0, cmd_schema },
	{ "tls init", "", "create a private CA where the layout expects it",
	  of_init, "musterctl -f cluster.yaml tls init", 0, 0, 0, cmd_tls_init },
	{ "tls issue", "[NODE ...]", "issue node certificates",
	  of_issue, "musterctl -f cluster.yaml tls issue --all", 0, -1, COMPLETE_NODE, cmd_tls_issue },
	{ "tls show", "", "the certificates of the layout and their days left",
	  none, "musterctl -f cluster.yaml tls show", 0, 0, 0, cmd_tls_show },
	{ "reload", "", "re-read the layout and the certificates",
	  none, "musterctl -n manager reload", 0, 0, 0, cmd_reload },
	{ "diff", "", "what a reload would change, and whether it would be refused",
	  none, "musterctl -n manager diff", 0, 0, 0, cmd_diff },
	{ "log-level", "LEVEL", "change what is logged: error, warning, info, debug",
	  none, "musterctl -n worker-1 log-level debug", 1, 1, COMPLETE_LEVEL, cmd_log_level },
	{ "stop", "", "end the node in an orderly way and wait for it",
	  of_stop, "musterctl -n worker-1 stop", 0, 0, 0, cmd_stop },
	{ "version", "", "the version of the running daemon",
	  none, "musterctl version", 0, 0, 0, cmd_version },
	{ "completion", "SHELL", "print completion for bash or zsh",
	  none, "musterctl completion bash > /etc/bash_completion.d/musterctl", 1, 1,
	  COMPLETE_SHELL, cmd_completion },
};
/* clang-format on */
const size_t ncommands = sizeof commands / sizeof commands[0];

const char *const condition_names[] = { "started", "connected", "listening",
	"degraded", "restored", NULL };
const char *const log_format_names[] = { "tsv", "json", NULL };
const char *const level_names[] = { "error", "warning", "info", "debug", NULL };

static const struct command *
find_exactly(const char *name)
{
	for (size_t i = 0; i < ncommands; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

/* Is word the first of a name of two? */
static bool
begins_name(const char *word)
{
	size_t len = strlen(word);

	for (size_t i = 0; i < ncommands; i++)
		if (strncmp(commands[i].name, word, len) == 0 &&
		    commands[i].name[len] == ' ')
			return true;
	return false;
}

/* "tls wants one of init, issue, show" */
static void
wants_second(const char *word)
{
	size_t len = strlen(word);
	char list[128] = "";

	for (size_t i = 0; i < ncommands; i++) {
		size_t at = strlen(list);

		if (strncmp(commands[i].name, word, len) == 0 &&
		    commands[i].name[len] == ' ')
			snprintf(list + at, sizeof list - at, "%s%s",
			    at == 0 ? "" : ", ", commands[i].name + len + 1);
	}
	complain("%s wants one of %s", word, list);
}

const struct command *
command_find(const char *word, const char *second, int *nwords)
{
	const char *names[64], *near;
	const struct command *cmd;
	char full[64];
	size_t n;

	*nwords = 1;
	cmd = find_exactly(word);
	if (cmd != NULL)
		return cmd;
	snprintf(full, sizeof full, "%s", word);
	if (begins_name(word)) {
		*nwords = 2;
		snprintf(full, sizeof full, "%s %s", word,
		    second == NULL ? "" : second);
		cmd = find_exactly(full);
		if (cmd != NULL)
			return cmd;
	}
	for (n = 0; n < ncommands && n < sizeof names / sizeof names[0]; n++)
		names[n] = commands[n].name;
	if (*nwords == 2 &&
	    (second == NULL || second[0] == '\0' || second[0] == '-')) {
		wants_second(word);
		return NULL;
	}
	near = mu_text_nearest(full, names, n);
	if (near != NULL)
		complain(
		    "no command \"%s\" (did you mean \"%s\"?)", full, near);
	else
		complain(
		    "no command \"%s\" (musterctl --help lists them)", full);
	return NULL;
}
