/*
 * Settings of the daemon as identifiers; see idents.h.  They are fields of the
 * layout that hold until the next reload or restart, judged by the layout's own
 * tables.
 */
#include "node/idents.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/diag.h"
#include "config.h"
#include "control/control_idents.h"
#include "core/idents.h"
#include "layout/fields.h"
#include "layout/layout.h"
#include "muster/err.h"
#include "node/logger.h"
#include "node/node_impl.h"
#include "node/shipper.h"
#include "sys/clock.h"
#include "sys/log.h"

/* --- log level --------------------------------------------------------------
 */

static struct muster_value *
get_log_level(void *ctx)
{
	(void)ctx;
	return muster_value_cstring(log_level_name(log_get_level()));
}

static int
set_log_level(
    void *ctx, const struct muster_value *v, char *why, size_t why_size)
{
	size_t len;
	int level = log_level_parse(muster_value_get_string(v, &len));

	(void)ctx;
	if (level < 0) {
		snprintf(why, why_size, "not error, warning, info or debug");
		return MUSTER_EINVAL;
	}
	log_set_level((enum log_level)level);
	return 0;
}

/* --- times and numbers of the layout -----------------------------------------
 */

/* Is v within the limits of that field of logs? */
static int
within(const char *key, int64_t v, char *why, size_t why_size)
{
	const struct mu_field *f = mu_fields_find(&mu_fields_logs, key);

	if (f != NULL && v >= f->min && v <= f->max)
		return 0;
	snprintf(why, why_size, "not what logs.%s of a layout may be", key);
	return MUSTER_EINVAL;
}

static void
apply(struct node *n)
{
	node_shipper_reload(n);
	node_logger_reload(n);
}

static struct muster_value *
get_batch_interval(void *ctx)
{
	const struct node *n = ctx;

	return muster_value_timespan(n->layout->logs.batch_ns);
}

static int
set_batch_interval(
    void *ctx, const struct muster_value *v, char *why, size_t why_size)
{
	struct node *n = ctx;
	int64_t ns = muster_value_get_ns(v);
	int rc = within("batch_interval", ns, why, why_size);

	if (rc == 0) {
		n->layout->logs.batch_ns = ns;
		apply(n);
	}
	return rc;
}

static struct muster_value *
get_batch_size(void *ctx)
{
	const struct node *n = ctx;

	return muster_value_count(n->layout->logs.batch_records);
}

static int
set_batch_size(
    void *ctx, const struct muster_value *v, char *why, size_t why_size)
{
	struct node *n = ctx;
	uint64_t count = muster_value_get_count(v);
	int rc = count > INT64_MAX
		     ? within("batch_records", -1, why, why_size)
		     : within("batch_records", (int64_t)count, why, why_size);

	if (rc == 0) {
		n->layout->logs.batch_records = count;
		apply(n);
	}
	return rc;
}

static struct muster_value *
get_flush_interval(void *ctx)
{
	const struct node *n = ctx;

	return muster_value_timespan(n->layout->logs.flush_ns);
}

static int
set_flush_interval(
    void *ctx, const struct muster_value *v, char *why, size_t why_size)
{
	struct node *n = ctx;
	int64_t ns = muster_value_get_ns(v);
	int rc = within("flush", ns, why, why_size);

	if (rc == 0) {
		n->layout->logs.flush_ns = ns;
		apply(n);
	}
	return rc;
}

/* --- what can only be read ------------------------------------------- */

static struct muster_value *
get_node(void *ctx)
{
	const struct node *n = ctx;

	return muster_value_cstring(n->name);
}

static struct muster_value *
get_version(void *ctx)
{
	(void)ctx;
	return muster_value_cstring(PACKAGE_VERSION);
}

static struct muster_value *
get_manager_is_logger(void *ctx)
{
	const struct node *n = ctx;

	return muster_value_boolean(n->layout->manager_is_logger);
}

/* clang-format off */
static const struct idents_setting settings[] = {
	{ "Broker::log_batch_interval", MUSTER_TIMESPAN,
	  "log records wait so long for others: logs.batch_interval",
	  get_batch_interval, set_batch_interval },
	{ "Broker::log_batch_size", MUSTER_COUNT,
	  "log records that are sent together: logs.batch_records",
	  get_batch_size, set_batch_size },
	{ "Cluster::manager_is_logger", MUSTER_BOOLEAN,
	  "the manager takes logs", get_manager_is_logger, NULL },
	{ "Cluster::node", MUSTER_STRING,
	  "the node's name", get_node, NULL },
	{ "Muster::log_flush_interval", MUSTER_TIMESPAN,
	  "records are in their file within that time: logs.flush",
	  get_flush_interval, set_flush_interval },
	{ "Muster::log_level", MUSTER_STRING,
	  "error, warning, info or debug: log_level",
	  get_log_level, set_log_level },
	{ "Muster::version", MUSTER_STRING,
	  "of the daemon", get_version, NULL },
};
/* clang-format on */

/* --- the service ----------------------------------------------------- */

static void
on_stop(void *ctx)
{
	turn_stop(ctx);
}

int
node_idents_open(struct node *n)
{
	struct idents_hooks hooks = {
		.settings = settings,
		.nsettings = sizeof settings / sizeof settings[0],
		.stop = on_stop,
		.ctx = n,
	};

	n->idents = idents_new(n->endpoint, n->layout, &hooks);
	if (n->idents == NULL)
		return MUSTER_ENOMEM;
	control_set_idents(n->control, n->idents);
	return 0;
}

void
node_idents_close(struct node *n)
{
	if (n->idents == NULL)
		return;
	control_set_idents(n->control, NULL);
	idents_free(n->idents);
	n->idents = NULL;
}

void
node_idents_reload(struct node *n)
{
	if (idents_reload(n->idents, n->layout) != 0)
		log_err("identifiers: out of memory: they stay as they were");
}

void
node_idents_turn(struct node *n, uint64_t now)
{
	const char *text;
	int level;

	idents_turn(n->idents, now, clock_wall());
	while (idents_next(n->idents, &level, &text))
		log_at((enum log_level)level, "%s", text);
}

uint64_t
node_idents_deadline(const struct node *n)
{
	return idents_deadline(n->idents);
}
