/* Rules with their processes and stores; see rules.h. */
#include "node/rules.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/alloc.h"
#include "control/control.h"
#include "core/endpoint.h"
#include "io/child.h"
#include "io/loop.h"
#include "layout/layout.h"
#include "logs/outbox.h"
#include "muster/err.h"
#include "node/node_impl.h"
#include "node/shipper.h"
#include "node/stores.h"
#include "rules/rules.h"
#include "rules/rules_outbox.h"
#include "sys/clock.h"
#include "sys/log.h"

struct node_rules {
	struct rules *core;
	struct children *children;
	char *environment[3]; /* of programs, up to NULL */
};

/* A program that runs. */
struct program {
	struct node *n;
	struct rules_run *run;
	struct child *child;
};

/* --- programs ---------------------------------------------------------- */

static void
on_line(void *ctx, const char *text)
{
	struct program *p = ctx;

	rules_line(p->n->rules->core, p->run, text, clock_now());
}

static void
on_ready(void *ctx)
{
	(void)ctx; /* programs have no such descriptor */
}

static void
on_ended(void *ctx, int status)
{
	struct program *p = ctx;

	rules_ended(p->n->rules->core, p->run, status, clock_now());
	mu_free(p);
}

static void
on_unfit(void *ctx, int error)
{
	struct program *p = ctx;

	rules_unfit(p->run, strerror(error));
}

static const struct child_ops ops = { on_line, on_ready, on_ended, on_unfit };

static void
start(struct node *n, const struct rules_out *out)
{
	struct node_rules *nr = n->rules;
	const char **argv = mu_calloc(out->nargv + 1, sizeof(*argv));
	struct program *p = mu_calloc(1, sizeof *p);
	const char *env[3] = { nr->environment[0], nr->environment[1], NULL };
	struct child_program what = {
		.argv = argv, .env = env, .input = out->input
	};
	const char *why = "out of memory";

	if (argv != NULL && p != NULL) {
		for (size_t i = 0; i < out->nargv; i++)
			argv[i] = out->argv[i];
		p->n = n;
		p->run = out->run;
		p->child = child_run(nr->children, &what, p);
		why = strerror(errno);
	}
	mu_free(argv);
	if (p != NULL && p->child != NULL) {
		rules_started(out->run, p);
		return;
	}
	mu_free(p);
	rules_not_started(nr->core, out->run, why, clock_now());
}

static void
carry_out(struct node *n, const struct rules_out *out)
{
	const struct program *p =
	    out->run == NULL ? NULL : rules_run_ctx(out->run);

	switch (out->kind) {
	case RULES_START:
		start(n, out);
		break;
	case RULES_TERM:
		child_signal(p->child, SIGTERM);
		break;
	case RULES_KILL:
		child_signal(p->child, SIGKILL);
		break;
	case RULES_MUTE:
		child_mute(p->child);
		break;
	case RULES_LOG:
		log_at((enum log_level)out->level, "%s", out->text);
		break;
	}
}

/* --- stores ------------------------------------------------------------ */

static int
hook_write(void *ctx, const char *store, const struct mu_store_request *req)
{
	struct node *n = ctx;

	return node_stores_request(n, store, req, n->rules);
}

bool
node_rules_written(
    struct node *n, void *caller, const struct mu_store_out *what)
{
	if (n->rules == NULL || caller != n->rules)
		return false;
	rules_written(n->rules->core, what, clock_now());
	return true;
}

/* --- logs -------------------------------------------------------------- */

static int
hook_log(void *ctx, const struct rules_record *r)
{
	struct node *n = ctx;
	struct outbox *o = node_shipper_outbox(n);

	if (o == NULL)
		return MUSTER_ENOENT;
	return rules_outbox_add(
	    o, r, n->name, clock_wall(), n->rules, clock_now());
}

bool
node_rules_logged(struct node *n, const struct outbox_out *out)
{
	if (n->rules == NULL || out->caller != n->rules)
		return false;
	rules_logged(n->rules->core, out->id, out->error, clock_now());
	return true;
}

/* --- life -------------------------------------------------------------- */

int
node_rules_open(struct node *n)
{
	struct rules_hooks hooks = { hook_write, hook_log, n };
	struct node_rules *nr = mu_calloc(1, sizeof *nr);

	n->rules = nr;
	if (nr == NULL)
		return MUSTER_ENOMEM;
	nr->environment[0] = mu_asprintf("MUSTER_NODE=%s", n->name);
	nr->environment[1] =
	    mu_asprintf("MUSTER_CLUSTER=%s", n->layout->cluster);
	nr->children = children_new(n->loop, &ops);
	nr->core = rules_new(n->endpoint, &hooks, clock_now());
	if (nr->environment[0] == NULL || nr->environment[1] == NULL ||
	    nr->children == NULL || nr->core == NULL)
		return MUSTER_ENOMEM;
	control_set_rules(n->control, nr->core);
	return 0;
}

void
node_rules_close(struct node *n)
{
	struct node_rules *nr = n->rules;

	if (nr == NULL)
		return;
	control_set_rules(n->control, NULL);
	node_stores_forget(n, nr);
	if (node_shipper_outbox(n) != NULL)
		outbox_forget(node_shipper_outbox(n), nr);
	/* no more is told of them */
	children_each(nr->children, mu_free);
	children_free(nr->children);
	rules_free(nr->core);
	mu_free(nr->environment[0]);
	mu_free(nr->environment[1]);
	mu_free(nr);
	n->rules = NULL;
}

void
node_rules_reload(struct node *n)
{
	if (rules_reload(n->rules->core, clock_now()) != 0)
		log_err("out of memory: there are no handlers until the next "
			"reload");
}

void
node_rules_stop(struct node *n, uint64_t now)
{
	rules_stop(n->rules->core, now);
}

bool
node_rules_idle(const struct node *n)
{
	return rules_running(n->rules->core) == 0;
}

void
node_rules_turn(struct node *n, uint64_t now)
{
	struct rules *rs = n->rules->core;
	struct rules_out out;

	if (rules_deadline(rs) <= now)
		rules_tick(rs, now);
	while (rules_next(rs, &out, now))
		carry_out(n, &out);
}

uint64_t
node_rules_deadline(const struct node *n)
{
	return rules_deadline(n->rules->core);
}
