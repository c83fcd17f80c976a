/*
 * Control lines: arbitrary bytes to two sessions of a whole endpoint, one of
 * them watching everything, in pieces of a size that the first byte says.  The
 * endpoint has rules of every kind, pools with nodes that are up, and
 * identifiers; programs, stores and logs answer as the worst of them do.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/blob.h"
#include "base/buf.h"
#include "base/diag.h"
#include "control/control.h"
#include "control/control_idents.h"
#include "core/endpoint.h"
#include "core/idents.h"
#include "layout/layout.h"
#include "layout/read.h"
#include "muster/err.h"
#include "pool/pools.h"
#include "proto/jtext.h"
#include "rules/rules.h"
#include "store/store.h"

static const char layout_text[] =
    "cluster: fuzz\ntls: none\nlimits: {client_queue: 64 KiB}\nnodes:\n"
    "  manager: {role: manager, host: 127.0.0.1, port: 1}\n"
    "  logger-1: {role: logger, host: 127.0.0.1, port: 2}\n"
    "  proxy-1: {role: proxy, host: 127.0.0.1, port: 3}\n"
    "  proxy-2: {role: proxy, host: 127.0.0.1, port: 4}\n"
    "  worker-[1-3]: {role: worker, host: 127.0.0.1}\n"
    "pools:\n"
    "  twice: {type: worker, replicas: 2, weights: {worker-1: 3}}\n"
    "  gone: {type: proxy, max_nodes: 1}\n"
    "stores: {hosts: {backend: memory}}\n"
    "subscriptions:\n"
    "  - {topic: app/, on: [manager]}\n"
    "relay:\n"
    "  - {topic: app/relay/, by: [manager], to: zeek/cluster/worker}\n"
    "  - {topic: app/away/, by: [proxy], to: zeek/cluster/worker}\n"
    "access:\n"
    "  - {topic: app/, by: [worker]}\n"
    "auto_publish:\n"
    "  - {event: \"E*\", to: app/relay/a}\n"
    "  - {event: F, to: app/b}\n"
    "handlers:\n"
    "  - {event: \"E*\", run: [/bin/runs], queue: 2, at_once: 2, time: 1 s}\n"
    "  - {event: M, run: [/missing]}\n"
    "  - {event: F, store: {name: hosts, op: put, key: 0, value: 1}}\n"
    "  - {event: L, log: App::LOG}\n"
    "identifiers: {App::n: \"count:5\", App::s: \"string:x\"}\n";

static int
on_reload(void *ctx, char *err, size_t err_size)
{
	(void)ctx;
	if (err_size > 0)
		err[0] = '\0';
	return -1;
}

static int
on_log_level(void *ctx, const char *level)
{
	(void)ctx;
	return strlen(level) > 5 ? -1 : 0;
}

static void
on_stop(void *ctx)
{
	(void)ctx;
}

static int64_t
on_wall(void *ctx)
{
	(void)ctx;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every line that comes out is JSON. */
static void
check_line(const uint8_t *line, size_t len)
{
	if (mu_jtext_check((const char *)line, len, NULL) != 0)
		abort();
}

static void
take_output(struct control_session *s)
{
	const uint8_t *p, *end;
	size_t len;

	while (control_session_peek(s, &p, &len)) {
		end = memchr(p, '\n', len);
		if (end == NULL)
			abort();
		check_line(p, (size_t)(end - p));
		control_session_consume(s, (size_t)(end - p) + 1);
	}
}

/* --- what rules ask for ----------------------------------------------------
 */

#define MOST_ASKED 32

static struct {
	struct rules_run *runs[MOST_ASKED];
	uint64_t writes[MOST_ASKED], records[MOST_ASKED];
	size_t nruns, nwrites, nrecords, n;
} asked;

static int
on_write(void *ctx, const char *store, const struct mu_store_request *req)
{
	(void)ctx;
	(void)store;
	if (asked.nwrites == MOST_ASKED)
		return MUSTER_ELIMIT;
	asked.writes[asked.nwrites++] = req->id;
	return 0;
}

static int
on_log(void *ctx, const struct rules_record *r)
{
	(void)ctx;
	if (asked.nrecords == MOST_ASKED)
		return MUSTER_ENOENT;
	asked.records[asked.nrecords++] = r->id;
	return 0;
}

static void
on_program(struct rules *rs, const struct rules_out *out, uint64_t now)
{
	/* What a program reads is one line of JSON. */
	if (out->input->len == 0 ||
	    out->input->data[out->input->len - 1] != '\n')
		abort();
	check_line(out->input->data, out->input->len - 1);
	if (strcmp(out->argv[0], "/missing") == 0 || asked.nruns == MOST_ASKED)
		rules_not_started(rs, out->run, "no such program", now);
	else {
		rules_started(out->run, NULL);
		asked.runs[asked.nruns++] = out->run;
	}
}

/* Programs end, well or not; writes and records are acknowledged, or not. */
static void
answer_all(struct rules *rs, uint64_t now)
{
	struct mu_store_out what = { .kind = MU_STORE_DONE };

	while (asked.nruns > 0) {
		struct rules_run *run = asked.runs[--asked.nruns];

		rules_line(rs, run, "a line", now);
		rules_ended(rs, run, ++asked.n % 3 == 0 ? 256 : 0, now);
	}
	while (asked.nwrites > 0) {
		what.id = asked.writes[--asked.nwrites];
		what.status = ++asked.n % 3 == 0 ? MU_STORE_TIMEOUT : 0;
		rules_written(rs, &what, now);
	}
	while (asked.nrecords > 0)
		rules_logged(rs, asked.records[--asked.nrecords],
		    ++asked.n % 3 == 0 ? MUSTER_ELIMIT : 0, now);
}

static void
serve(struct rules *rs, uint64_t now)
{
	struct rules_out out;

	rules_tick(rs, now);
	while (rules_next(rs, &out, now))
		if (out.kind == RULES_START)
			on_program(rs, &out, now);
	/* Some hang for a while, so that events wait and are dropped. */
	if (now % 3 == 0)
		answer_all(rs, now);
}

/* --- one input -------------------------------------------------------------
 */

/* Time goes fast enough for pauses and time limits to pass. */
#define STEP_NS UINT64_C(100000007)

static void
run(struct control *c, struct rules *rs, const uint8_t *data, size_t size)
{
	static const char all[] = "{\"op\":\"watch\",\"topics\":[\"\"]}\n";
	struct control_session *one = control_session_new(c, 1);
	struct control_session *two = control_session_new(c, 1);
	size_t step = size > 0 ? (size_t)data[0] + 1 : 1;
	uint64_t now = 1;

	control_session_feed(two, all, sizeof all - 1, 1);
	for (size_t at = 0; at < size; at += step) {
		size_t n = size - at < step ? size - at : step;

		now += STEP_NS;
		if (control_session_feed(one, data + at, n, now) != 0)
			break;
		control_tick(c, now);
		serve(rs, now);
		while (control_wake(c) != NULL)
			;
	}
	answer_all(rs, now);
	take_output(one);
	take_output(two);
	control_session_free(one);
	control_session_free(two);
}

static const struct mu_layout *
layout(void)
{
	static struct mu_layout *l;
	struct mu_diags d;

	if (l != NULL)
		return l;
	mu_diags_init(&d, "fuzz.yaml");
	l = mu_layout_read(
	    "fuzz.yaml", layout_text, sizeof layout_text - 1, &d);
	if (l == NULL || mu_diags_count(&d) > 0) {
		puts(mu_diags_line(&d, 0));
		abort();
	}
	mu_diags_clear(&d);
	return l;
}

static void
nodes_are_up(struct endpoint *e)
{
	static const char *const up[] = { "proxy-2", "worker-1", "worker-3" };

	for (size_t i = 0; i < sizeof up / sizeof up[0]; i++)
		mu_pools_set_up(endpoint_pools(e), up[i], true);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct control_hooks hooks = { on_reload, on_log_level,
		on_stop, on_wall, NULL, NULL };
	static const struct rules_hooks rules_hooks = { on_write, on_log,
		NULL };
	static const struct idents_hooks idents_hooks = { NULL, 0, NULL, NULL };
	struct endpoint_config cfg = { .node = "manager", .seed = 1 };
	struct endpoint *e;
	struct control *c;
	struct rules *rs;
	struct idents *idents;

	memset(&asked, 0, sizeof asked);
	memset(cfg.id.bytes, 0x55, sizeof cfg.id.bytes);
	cfg.layout = layout();
	e = endpoint_new(&cfg, 1);
	c = e == NULL ? NULL : control_new(e, &hooks, "0", 1);
	rs = e == NULL ? NULL : rules_new(e, &rules_hooks, 1);
	idents = e == NULL ? NULL : idents_new(e, cfg.layout, &idents_hooks);
	if (c == NULL || rs == NULL || idents == NULL)
		abort();
	control_set_rules(c, rs);
	control_set_idents(c, idents);
	nodes_are_up(e);
	run(c, rs, data, size);
	control_set_rules(c, NULL);
	control_set_idents(c, NULL);
	control_free(c);
	rules_free(rs);
	idents_free(idents);
	endpoint_free(e);
	return 0;
}
