/*
 * musterctl: what its files share.  A command is a row of a table with its
 * operands, options and an example; help, completion and the parser read the
 * same rows.  Output: data on stdout, everything else on stderr.
 */
#ifndef CTL_CTL_H
#define CTL_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The command line, parsed. */
struct ctl {
	/* global options */
	char *layout; /* -f, or NULL */
	char *root;   /* -r, or NULL */
	char *node;   /* -n, or NULL */
	bool json;    /* --json */
	bool quiet;   /* -q */
	bool help;    /* --help */
	bool version; /* --version */
	/* of nodes, by find_run_directory; owned, NULL: the default */
	char *run_dir;
	/* options of commands */
	char *wait_for;   /* --for */
	char *timeout;    /* --timeout */
	char *count;      /* --count */
	char *interval;   /* --interval */
	char *days;       /* --days */
	char *start_days; /* --start-days */
	char *expiry;     /* --expiry */
	char *type;       /* --type */
	char *after;      /* --after */
	char *prefix;     /* --prefix */
	char *types;      /* --types */
	char *path;       /* --path */
	char *format;     /* --format */
	char *hrw, *rr;   /* --hrw, --rr: a pool */
	char *pool_key;   /* the second argument of either */
	char *key;        /* --key */
	char *without;    /* --without */
	bool assume_alive; /* --assume-alive */
	char *filter;     /* --filter */
	bool from_stdin;  /* --stdin */
	bool all;         /* --all */
	bool force;       /* --force */
	bool topics;      /* --topics */
	bool data;        /* --data */
	/* operands of the command */
	char **args;
	int nargs;
};

/* What completes an argument. */
enum complete {
	COMPLETE_NOTHING,
	COMPLETE_FILE,
	COMPLETE_DIRECTORY,
	COMPLETE_NODE,      /* sockets of the run directory */
	COMPLETE_CONDITION, /* of wait */
	COMPLETE_LEVEL,
	COMPLETE_SHELL,
	COMPLETE_OPERATION, /* of store */
	COMPLETE_TYPE,
	COMPLETE_LOG_FORMAT,
	COMPLETE_POOL,
	COMPLETE_POOL_OPERATION,
	COMPLETE_ID_OPERATION
};

struct option_row {
	const char *name;  /* long, without the dashes */
	char letter;       /* or NUL */
	const char *arg;   /* name of its argument; NULL: a flag */
	const char *about; /* one line */
	size_t offset;     /* in struct ctl: char * or bool */
	enum complete complete;
	size_t second; /* of its second argument's char *, or 0 */
	bool may_end;  /* that one may be left out: "[KEY]" */
};

struct command {
	const char *name;     /* "status", "tls init" */
	const char *operands; /* "TOPIC EVENT [ARG ...]", or "" */
	const char *about;    /* one line */
	const struct option_row *const *options; /* up to NULL */
	const char *example;                     /* a command line that works */
	int min, max; /* operands; max -1: any number */
	enum complete complete;
	int (*run)(struct ctl *c);
};

/* commands.c */
extern const struct command commands[];
extern const size_t ncommands;
extern const struct option_row *const global_options[];
/* Words that --for, log-level take, up to NULL. */
extern const char *const condition_names[];
extern const char *const level_names[];
extern const char *const log_format_names[];
/* store.c: its operations, up to NULL. */
extern const char *const store_operation_names[];
/* pool.c: operations of pool; pools that always exist.  Up to NULL. */
extern const char *const pool_operation_names[];
extern const char *const pool_names[];
/* id.c: its operations, up to NULL. */
extern const char *const id_operation_names[];
/* The row of a name; NULL after a message with the nearest one. */
const struct command *command_find(
    const char *word, const char *second, int *nwords);

/* options.c: the words into c, whose args have room for all of them; false
 * after a message.  cmd NULL: none was named. */
bool ctl_parse(
    struct ctl *c, int argc, char **argv, const struct command **cmd);

/* options.c: parse and run; returns the exit status. */
int ctl_main(int argc, char **argv);

/* The commands, one function each; they return the exit status. */
int cmd_status(struct ctl *c);
int cmd_peers(struct ctl *c);
int cmd_wait(struct ctl *c);
int cmd_publish(struct ctl *c);
int cmd_watch(struct ctl *c);
int cmd_check(struct ctl *c);
int cmd_schema(struct ctl *c);
int cmd_tls_init(struct ctl *c);
int cmd_tls_issue(struct ctl *c);
int cmd_tls_show(struct ctl *c);
int cmd_graph(struct ctl *c);
int cmd_top(struct ctl *c);
int cmd_reload(struct ctl *c);
int cmd_diff(struct ctl *c);
int cmd_log_level(struct ctl *c);
int cmd_stop(struct ctl *c);
int cmd_store(struct ctl *c);
int cmd_stores(struct ctl *c);
int cmd_log_write(struct ctl *c);
int cmd_pools(struct ctl *c);
int cmd_pool(struct ctl *c);
int cmd_rules(struct ctl *c);
int cmd_raise(struct ctl *c);
int cmd_logs(struct ctl *c);
int cmd_log_tail(struct ctl *c);
int cmd_id(struct ctl *c);
int cmd_version(struct ctl *c);
int cmd_completion(struct ctl *c);

/* show.c: ask; with --json print what came.  The parsed answer, owned, or NULL
 * with *status. */
struct json_t;
struct json_t *ctl_ask(const struct ctl *c, const char *request, int *status);
/* The same, and print the answer unless it was printed or -q says no; the exit
 * status. */
int ctl_show(const struct ctl *c, const char *request,
    void (*print)(const struct json_t *v));

/* help.c */
void help_all(void);
void help_command(const struct command *cmd);

/* completion.c; a test compares these with conf/completion. */
void completion_bash(void);
void completion_zsh(void);

/* find.c: look up the run directory, once for all that is asked, so that a
 * layout with mistakes is read and complained of once.  An exit status. */
int find_run_directory(struct ctl *c);
/* find.c: the path of the node's socket, owned by the caller; NULL after
 * setting err.  missing: it may yet appear (wait). */
char *find_socket(const struct ctl *c, char *err, size_t err_size);
/* The layout named by -f or the default one: NULL after its diagnostics were
 * printed; *status is the exit status. */
struct mu_layout;
#define DEFAULT_LAYOUT "/etc/muster/cluster.yaml"
struct mu_layout *find_layout(const struct ctl *c, int *status);

/* output.c: messages, exit. */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Flush stdout; the exit status given, or that of the failure. */
int finish(int status);
/* Is stdout a terminal that may be coloured? */
bool coloured(void);
/* Readable units; return out. */
char *text_ago(uint64_t ms, char *out, size_t size);
char *text_size(uint64_t bytes, char *out, size_t size);
/* A duration option in ms; -1 after a message. */
int64_t duration_option(const char *name, const char *text);
/* A whole number option; false after a message. */
bool number_option(
    const char *name, const char *text, long min, long max, long *out);

#endif
