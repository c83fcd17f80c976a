/* The logger of a node; see logger.h. */
#include "node/logger.h"

#include <string.h>

#include "base/alloc.h"
#include "control/control.h"
#include "control/control_logger.h"
#include "io/logdisk.h"
#include "io/logpost.h"
#include "io/loop.h"
#include "layout/layout.h"
#include "logs/logger.h"
#include "muster/err.h"
#include "node/node_impl.h"
#include "node/options.h"
#include "node/shipper.h"
#include "sys/log.h"

#define POST_PATIENCE UINT64_C(5000000000) /* ns for last programs */

struct node_logger {
	struct node *node;
	struct logger *core;
	struct logdisk *disk;
	struct logpost *post;
	struct loop_fd *disk_fd, *post_fd;
	struct control_logger hooks;
	char *here, *rotated, *journal, *program; /* owned; or NULL */
	bool several;
};

/* --- the layout -------------------------------------------------------- */

static bool
several_loggers(const struct mu_layout *l)
{
	size_t n = 0;

	for (size_t i = 0; i < l->nnodes; i++)
		n += logger_wanted(l, l->nodes[i].name);
	return n > 1;
}

static char *
folder_of(const struct node *n, const char *dir)
{
	const char *root = n->opt->root == NULL ? "" : n->opt->root;

	return mu_asprintf("%s%s/%s", root, dir, n->name);
}

/* Its program, owned; NULL: none, or no memory. */
static char *
program_of(const struct node *n)
{
	const char *path = n->layout->logs.postprocessor;

	return path == NULL ? NULL : mu_layout_path(n->layout, path, n->name);
}

static int
find_folders(struct node *n, struct node_logger *g)
{
	const struct mu_logs *l = &n->layout->logs;

	g->here = l->directory == NULL ? mu_asprintf("%s/logs", n->dirs.log)
				       : folder_of(n, l->directory);
	g->rotated = l->rotated == NULL ? NULL : folder_of(n, l->rotated);
	g->journal = mu_asprintf("%s/logger", n->dirs.state);
	g->program = program_of(n);
	g->several = several_loggers(n->layout);
	return g->here == NULL || g->journal == NULL ||
		       (g->rotated == NULL && l->rotated != NULL) ||
		       (g->program == NULL && l->postprocessor != NULL)
		   ? MUSTER_ENOMEM
		   : 0;
}

/* --- hooks ------------------------------------------------------------- */

static void
hook_put(void *ctx, struct logitem *it)
{
	struct node_logger *g = ctx;

	logdisk_put(g->disk, it);
}

static void
hook_answer(void *ctx, const uint8_t *payload, size_t len)
{
	struct node_logger *g = ctx;

	node_shipper_answer(g->node, payload, len);
}

static void
hook_say(void *ctx, int level, const char *text)
{
	(void)ctx;
	log_at((enum log_level)level, "%s", text);
}

static void
hook_report(void *ctx, struct logger_report *out)
{
	struct node_logger *g = ctx;
	struct logpost_facts post;

	logger_facts(g->core, &out->loop);
	logdisk_facts(g->disk, &out->disk, &out->streams, &out->nstreams);
	logpost_facts(g->post, &post);
	out->folder = g->here;
	out->post_done = post.done;
	out->post_failed = post.failed;
	out->post_waiting = post.waiting;
	out->post_running = post.running;
	out->post_plain = post.plain;
	memcpy(out->post_error, post.error, sizeof out->post_error);
	out->removed = post.removed;
	out->kept_bytes = post.bytes;
}

static void
hook_tail(void *ctx, bool on)
{
	struct node_logger *g = ctx;

	logdisk_tail(g->disk, on);
}

/* The end of the turn takes what there is. */
static void
on_readable(void *ctx)
{
	(void)ctx;
}

/* --- opening and closing ----------------------------------------------- */

static int
open_post(struct node *n, struct node_logger *g)
{
	struct logpost_config cfg = {
		.node = n->name,
		.here = g->here,
		.rotated = g->rotated,
		.logs = &n->layout->logs,
		.program = g->program,
		.several = g->several,
	};

	g->post = logpost_new(&cfg);
	if (g->post == NULL)
		return MUSTER_ESYS;
	g->post_fd = loop_fd_new(n->loop, logpost_fd(g->post), on_readable, g);
	return g->post_fd == NULL ? MUSTER_ENOMEM : 0;
}

static int
open_disk(struct node *n, struct node_logger *g)
{
	struct logdisk_config cfg = {
		.node = n->name,
		.logs = &n->layout->logs,
		.several = g->several,
		.here = g->here,
		.rotated = g->rotated,
		.journal = g->journal,
	};

	g->disk = logdisk_new(&cfg);
	if (g->disk == NULL)
		return MUSTER_ESYS;
	g->disk_fd = loop_fd_new(n->loop, logdisk_fd(g->disk), on_readable, g);
	return g->disk_fd == NULL ? MUSTER_ENOMEM : 0;
}

static int
open_core(struct node *n, struct node_logger *g)
{
	struct logger_hooks hooks = { .put = hook_put,
		.answer_self = hook_answer,
		.say = hook_say,
		.ctx = g };

	g->core = logger_new(n->endpoint, n->layout, &hooks);
	if (g->core == NULL)
		return MUSTER_ENOMEM;
	g->hooks.report = hook_report;
	g->hooks.tail = hook_tail;
	g->hooks.ctx = g;
	control_set_logger(n->control, &g->hooks);
	return 0;
}

int
node_logger_open(struct node *n)
{
	struct node_logger *g;
	int rc;

	if (!logger_wanted(n->layout, n->name))
		return 0;
	g = n->logger = mu_calloc(1, sizeof *g);
	if (g == NULL)
		return MUSTER_ENOMEM;
	g->node = n;
	rc = find_folders(n, g);
	if (rc == 0)
		rc = open_post(n, g);
	if (rc == 0)
		rc = open_disk(n, g);
	if (rc == 0)
		rc = open_core(n, g);
	return rc;
}

void
node_logger_close(struct node *n)
{
	struct node_logger *g = n->logger;

	if (g == NULL)
		return;
	control_set_logger(n->control, NULL);
	loop_fd_free(g->disk_fd);
	loop_fd_free(g->post_fd);
	if (g->disk != NULL)
		logdisk_stop(g->disk);
	if (g->core != NULL)
		node_logger_turn(n);
	if (g->post != NULL)
		logpost_stop(g->post, POST_PATIENCE);
	if (g->core != NULL)
		node_logger_turn(n);
	/* what was post-processed last is known to no journal any more, and
	 * found gone by the next start */
	logger_free(g->core);
	logdisk_free(g->disk);
	logpost_free(g->post);
	mu_free(g->here);
	mu_free(g->rotated);
	mu_free(g->journal);
	mu_free(g->program);
	mu_free(g);
	n->logger = NULL;
}

/* --- a turn ------------------------------------------------------------ */

static void
hear_disk(struct node *n, const struct logsink_out *out)
{
	struct node_logger *g = n->logger;

	switch (out->kind) {
	case LOGSINK_BACK:
	case LOGSINK_TAKEN:
		logger_out(g->core, out);
		break;
	case LOGSINK_LOG:
		log_at((enum log_level)out->level, "%s", out->text);
		break;
	case LOGSINK_ROTATED:
		if (logpost_add(g->post, &out->rotated) != 0)
			log_err("logs: %s waits for the next start: out of "
				"memory",
			    out->rotated.name);
		break;
	case LOGSINK_LINE:
		control_log_lines(n->control, out->text, out->len);
		break;
	}
}

void
node_logger_turn(struct node *n)
{
	struct node_logger *g = n->logger;
	struct logsink_out disk;
	struct logpost_out post;

	if (g == NULL)
		return;
	while (logdisk_next(g->disk, &disk))
		hear_disk(n, &disk);
	while (logpost_next(g->post, &post)) {
		if (post.kind == LOGPOST_LOG)
			log_at((enum log_level)post.level, "%s", post.text);
		else
			logdisk_posted(g->disk, post.name);
	}
}

void
node_logger_reload(struct node *n)
{
	struct node_logger *g = n->logger;
	char *program;

	if (g == NULL)
		return;
	program = program_of(n);
	g->several = several_loggers(n->layout);
	logger_reload(g->core, n->layout);
	logdisk_reload(g->disk, &n->layout->logs, g->several);
	{
		struct logpost_config cfg = {
			.logs = &n->layout->logs,
			.program = program,
			.several = g->several,
		};

		if ((program == NULL &&
			n->layout->logs.postprocessor != NULL) ||
		    logpost_reload(g->post, &cfg) != 0)
			log_err("logs: the postprocessor stays the old one: "
				"out of memory");
	}
	mu_free(program);
}

void
node_logger_reopen(struct node *n)
{
	if (n->logger != NULL)
		logdisk_reopen(n->logger->disk);
}

/* --- the own outbox ---------------------------------------------------- */

int
node_logger_self(struct node *n, const uint8_t *payload, size_t len)
{
	if (n->logger == NULL)
		return MUSTER_ENOENT;
	return logger_self(n->logger->core, payload, len);
}
