/*
 * Control lines: arbitrary bytes to two sessions of a whole endpoint, one of
 * them watching everything, in pieces of a size that the first byte says.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "core/control.h"
#include "core/endpoint.h"
#include "layout/layout.h"
#include "layout/read.h"
#include "proto/jtext.h"

static const char layout_text[] =
    "cluster: fuzz\ntls: none\nlimits: {client_queue: 64 KiB}\nnodes:\n"
    "  manager: {role: manager, host: 127.0.0.1, port: 1}\n"
    "  logger-1: {role: logger, host: 127.0.0.1, port: 2}\n";

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

static void
run(struct control *c, const uint8_t *data, size_t size)
{
	static const char all[] = "{\"op\":\"watch\",\"topics\":[\"\"]}\n";
	struct control_session *one = control_session_new(c, 1);
	struct control_session *two = control_session_new(c, 1);
	size_t step = size > 0 ? (size_t)data[0] + 1 : 1;

	control_session_feed(two, all, sizeof all - 1, 1);
	for (size_t at = 0; at < size; at += step) {
		size_t n = size - at < step ? size - at : step;

		if (control_session_feed(one, data + at, n, at + 2) != 0)
			break;
		control_tick(c, at + 3);
		while (control_wake(c) != NULL)
			;
	}
	take_output(one);
	take_output(two);
	control_session_free(one);
	control_session_free(two);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct control_hooks hooks = { on_reload, on_log_level,
		on_stop, on_wall, NULL, NULL };
	struct endpoint_config cfg = { .node = "manager", .seed = 1 };
	struct endpoint *e;
	struct control *c;
	struct mu_diags d;
	struct mu_layout *l;

	mu_diags_init(&d, "fuzz.yaml");
	l = mu_layout_read(
	    "fuzz.yaml", layout_text, sizeof layout_text - 1, &d);
	mu_diags_clear(&d);
	memset(cfg.id.bytes, 0x55, sizeof cfg.id.bytes);
	cfg.layout = l;
	e = endpoint_new(&cfg, 1);
	c = e == NULL ? NULL : control_new(e, &hooks, "0", 1);
	if (c == NULL)
		abort();
	run(c, data, size);
	control_free(c);
	endpoint_free(e);
	mu_layout_free(l);
	return 0;
}
