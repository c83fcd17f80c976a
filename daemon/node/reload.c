/*
 * SIGHUP: everything is read and checked before anything changes, so that a
 * mistake leaves the node as it was.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/diag.h"
#include "core/endpoint.h"
#include "io/control_server.h"
#include "io/logfile.h"
#include "io/peers.h"
#include "layout/layout.h"
#include "layout/read.h"
#include "muster/err.h"
#include "node/idents.h"
#include "node/inputs.h"
#include "node/logger.h"
#include "node/node_impl.h"
#include "node/options.h"
#include "node/ready.h"
#include "node/rules.h"
#include "node/shipper.h"
#include "sys/clock.h"
#include "sys/file.h"
#include "sys/log.h"
#include "sys/notify.h"
#include "tls/tls.h"

#define EXPIRY_DAYS 30 /* left: warn */

/* --- certificates ------------------------------------------------------ */

/* One of another node's would be refused by every peer, each with its own
 * line and none in our log. */
static int
check_name(const struct mu_tls *t, const char *path, const char *node,
    char *err, size_t err_size)
{
	char names[128];

	if (mu_tls_own_has_name(t, node, names, sizeof names))
		return 0;
	snprintf(err, err_size,
	    "certificate %s is for \"%s\", not for node \"%s\"", path,
	    names[0] == '\0' ? "nobody" : names, node);
	return MUSTER_ETLS;
}

static int
load_files(const struct mu_layout *l, const struct mu_layout_node *self,
    struct mu_tls **out, char *err, size_t err_size)
{
	const char *certificate =
	    self->certificate != NULL ? self->certificate : l->certificate;
	const char *key = self->key != NULL ? self->key : l->key;
	char *paths[4] = {
		mu_layout_path(l, l->ca, self->name),
		mu_layout_path(l, certificate, self->name),
		mu_layout_path(l, key, self->name),
		l->passphrase_file == NULL
		    ? NULL
		    : mu_layout_path(l, l->passphrase_file, self->name),
	};
	struct mu_tls_files files = { paths[0], paths[1], paths[2], paths[3] };
	int r = MUSTER_ENOMEM;

	snprintf(err, err_size, "out of memory");
	if (paths[0] != NULL && paths[1] != NULL && paths[2] != NULL &&
	    (l->passphrase_file == NULL || paths[3] != NULL))
		r = mu_tls_new(&files, out, err, err_size);
	if (r == 0)
		r = check_name(*out, paths[1], self->name, err, err_size);
	if (r != 0) {
		mu_tls_unref(*out);
		*out = NULL;
	}
	for (size_t i = 0; i < 4; i++)
		mu_free(paths[i]);
	return r;
}

int
reload_tls(const struct mu_layout *l, const char *node, struct mu_tls **out,
    char *err, size_t err_size)
{
	*out = NULL;
	switch (l->tls) {
	case MU_TLS_NONE:
		return 0;
	case MU_TLS_ANONYMOUS:
		return mu_tls_new_anonymous(out, err, err_size);
	case MU_TLS_CERTIFICATES:
		break;
	}
	return load_files(l, mu_layout_node(l, node), out, err, err_size);
}

bool
reload_certificate_ends(const struct node *n, char *text, size_t size)
{
	int days = n->tls == NULL ? INT_MAX : mu_tls_days_left(n->tls);

	if (days < 0)
		snprintf(text, size,
		    "the own certificate has expired: peers refuse new "
		    "connections");
	else
		snprintf(text, size, "the own certificate expires in %d day%s",
		    days, days == 1 ? "" : "s");
	return days < EXPIRY_DAYS;
}

void
reload_check_certificate(const struct node *n)
{
	char text[128];

	if (reload_certificate_ends(n, text, sizeof text))
		log_warnx("%s", text);
}

/* --- logs -------------------------------------------------------------- */

void
reload_logs(struct node *n)
{
	int64_t wall = clock_wall();

	logfile_reopen(n->cluster_log, wall);
	logfile_reopen(n->broker_log, wall);
	node_logger_reopen(n);
	ready_reopen();
}

void
reload_log_level(const struct node *n)
{
	int level = LOG_LEVEL_INFO;

	if (n->layout->log_level != NULL)
		level = log_level_parse(n->layout->log_level);
	if (n->opt->verbose)
		level = LOG_LEVEL_DEBUG;
	if (level >= 0)
		log_set_level((enum log_level)level);
}

/* Whoever tidies up folders of sockets may have removed ours. */
static void
renew_socket(struct node *n)
{
	char err[512];
	int r;

	/* A failure shows when the socket is made. */
	(void)file_make_folder(n->dirs.run, 0755, NULL);
	r = control_server_renew(n->control_server, err, sizeof err);
	if (r < 0)
		log_warnx("%s", err);
	else if (r > 0)
		log_info("control socket %s made anew", n->dirs.sock);
}

/* --- the layout -------------------------------------------------------- */

/* What is to be said about a layout. */
struct report {
	struct mu_buf text; /* for whoever asked */
	bool log;           /* and to the log: it is more than a question */
};

static void
tell(struct report *all, enum log_level level, const char *line)
{
	if (all->log)
		log_at(level, "reload: %s", line);
	mu_buf_printf(
	    &all->text, "%s%s", mu_buf_len(&all->text) == 0 ? "" : "\n", line);
}

/* The text is copied to err and freed. */
static void
hand_over(struct report *all, char *err, size_t err_size)
{
	snprintf(err, err_size, "%.*s", (int)mu_buf_len(&all->text),
	    mu_buf_len(&all->text) == 0
		? ""
		: (const char *)mu_buf_data(&all->text));
	mu_buf_clear(&all->text);
}

static struct mu_layout *
read_layout(const struct node *n, struct report *all)
{
	struct mu_diags diags;
	struct mu_layout *l;
	char *line;

	if (mu_diags_init(&diags, n->opt->layout) != 0) {
		tell(all, LOG_LEVEL_ERR, "out of memory");
		return NULL;
	}
	l = options_read_again(n->opt, &diags);
	for (size_t i = 0; (line = mu_diags_line(&diags, i)) != NULL; i++) {
		tell(all, LOG_LEVEL_ERR, line);
		mu_free(line);
	}
	mu_diags_clear(&diags);
	return l;
}

/* Tell each line of a difference; "cannot" ones are errors. */
static void
tell_diff(struct report *all, struct mu_buf *diff, bool refused)
{
	char *text = mu_buf_take_string(diff), *save = NULL;

	if (text == NULL)
		return;
	for (char *line = strtok_r(text, "\n", &save); line != NULL;
	     line = strtok_r(NULL, "\n", &save)) {
		bool cannot = strncmp(line, "cannot", 6) == 0;

		if (cannot || !refused || !all->log)
			tell(
			    all, cannot ? LOG_LEVEL_ERR : LOG_LEVEL_INFO, line);
	}
	mu_free(text);
}

/* May the node change from its layout to l? */
static bool
may_change(const struct node *n, const struct mu_layout *l, struct report *all)
{
	struct mu_buf diff;
	char text[256];
	int cannot;

	if (mu_layout_node(l, n->name) == NULL) {
		snprintf(text, sizeof text, "cannot: no node \"%s\" any more",
		    n->name);
		tell(all, LOG_LEVEL_ERR, text);
		return false;
	}
	mu_buf_init(&diff, 0);
	cannot = mu_layout_diff(n->layout, l, n->name, &diff);
	if (cannot < 0)
		tell(all, LOG_LEVEL_ERR, muster_strerror(cannot));
	else
		tell_diff(all, &diff, cannot > 0);
	mu_buf_clear(&diff);
	return cannot == 0;
}

static int
change(
    struct node *n, struct mu_layout *l, struct mu_tls *tls, struct report *all)
{
	struct mu_layout *old = n->layout;
	int r = endpoint_reload(n->endpoint, l, clock_now());

	if (r != 0) {
		tell(all, LOG_LEVEL_ERR, muster_strerror(r));
		return r;
	}
	n->layout = l;
	node_rules_reload(n);
	peers_set_tls(n->peers, tls);
	mu_tls_unref(n->tls);
	n->tls = tls;
	mu_layout_free(old);
	node_shipper_reload(n);
	node_inputs_reload(n);
	node_logger_reload(n);
	node_idents_reload(n);
	reload_log_level(n);
	reload_check_certificate(n);
	n->restate = true;
	return 0;
}

static int
try_reload(struct node *n, struct report *all)
{
	struct mu_layout *l = read_layout(n, all);
	struct mu_tls *tls = NULL;
	char err[512];

	if (l == NULL)
		return MUSTER_ECONFIG;
	if (!may_change(n, l, all))
		goto fail;
	if (reload_tls(l, n->name, &tls, err, sizeof err) != 0) {
		tell(all, LOG_LEVEL_ERR, err);
		goto fail;
	}
	if (change(n, l, tls, all) == 0)
		return 0;
	mu_tls_unref(tls);
fail:
	mu_layout_free(l);
	return MUSTER_ECONFIG;
}

int
reload_node(struct node *n, char *err, size_t err_size)
{
	struct report all = { .log = true };
	int r;

	if (n->ready)
		notify_reloading();
	mu_buf_init(&all.text, err_size - 1);
	r = try_reload(n, &all);
	if (r != 0)
		log_err("reload refused: the running configuration stays");
	else
		log_info("reloaded %s", n->opt->layout);
	hand_over(&all, err, err_size);
	reload_logs(n);
	renew_socket(n);
	if (n->ready)
		notify_ready();
	/* Reading may have replaced what the service manager shows. */
	n->status[0] = '\0';
	n->restate = true;
	return r;
}

int
reload_diff(const struct node *n, char *err, size_t err_size)
{
	struct report all = { .log = false };
	struct mu_layout *l;
	struct mu_tls *tls = NULL;
	char why[512];
	bool good;

	mu_buf_init(&all.text, err_size - 1);
	l = read_layout(n, &all);
	good = l != NULL && may_change(n, l, &all);
	if (good && reload_tls(l, n->name, &tls, why, sizeof why) != 0) {
		tell(&all, LOG_LEVEL_ERR, why);
		good = false;
	}
	mu_tls_unref(tls);
	mu_layout_free(l);
	hand_over(&all, err, err_size);
	return good ? 0 : MUSTER_ECONFIG;
}
