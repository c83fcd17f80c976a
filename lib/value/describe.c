/* Values as Zeek prints them; see describe.h. */
#include "value/describe.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "value/net.h"
#include "value/node.h"

#define NS_PER_S 1e9

/* As %.15g, with a point or an exponent always. */
static void
put_real(struct mu_buf *b, double d)
{
	char text[40];

	snprintf(text, sizeof text, "%.15g", d);
	mu_buf_str(b, text);
	if (strpbrk(text, ".en") == NULL)
		mu_buf_str(b, ".0");
}

static void
put_amount(struct mu_buf *b, double amount, const char *unit, bool first)
{
	if (!first)
		mu_buf_str(b, " ");
	put_real(b, amount);
	mu_buf_printf(
	    b, " %s%s", unit, fabs(fabs(amount) - 1) < 1e-6 ? "" : "s");
}

static void
put_interval(struct mu_buf *b, int64_t ns)
{
	static const struct {
		int64_t ns;
		const char *name;
	} units[] = { { 86400000000000, "day" }, { 3600000000000, "hr" },
		{ 60000000000, "min" }, { 1000000000, "sec" },
		{ 1000000, "msec" } };
	bool first = true;

	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		int64_t whole = ns / units[i].ns;

		if (whole == 0)
			continue;
		ns -= whole * units[i].ns;
		put_amount(b, (double)whole, units[i].name, first);
		first = false;
	}
	if (ns != 0)
		put_amount(b, (double)ns / 1000, "usec", first);
	else if (first)
		mu_buf_str(b, "0 secs");
}

static void
put_port(struct mu_buf *b, const struct muster_value *v)
{
	static const char *const names[] = { "unknown", "tcp", "udp", "icmp" };

	mu_buf_printf(b, "%u/%s", v->u.port, names[v->aux & 3]);
}

/* Sets and tables stand on lines of their own; a table's keys in brackets. */
static void
put_braces(struct mu_buf *b, const struct muster_value *v)
{
	const struct mu_items *items = &v->u.items;
	bool table = v->type == MUSTER_TABLE;
	uint32_t step = table ? 2 : 1;

	mu_buf_str(b, "{\n");
	for (uint32_t i = 0; i + step <= items->n; i += step) {
		mu_buf_str(b, i == 0 ? "\t" : ",\n\t");
		if (table)
			mu_buf_str(b, "[");
		mu_describe(b, items->at[i]);
		if (!table)
			continue;
		mu_buf_str(b, "] = ");
		mu_describe(b, items->at[i + 1]);
	}
	mu_buf_str(b, "\n}");
}

static void
put_vector(struct mu_buf *b, const struct muster_value *v)
{
	const struct mu_items *items = &v->u.items;

	mu_buf_str(b, "[");
	for (uint32_t i = 0; i < items->n; i++) {
		if (i > 0)
			mu_buf_str(b, ", ");
		mu_describe(b, items->at[i]);
	}
	mu_buf_str(b, "]");
}

void
mu_describe(struct mu_buf *b, const struct muster_value *v)
{
	char text[MU_NET_TEXT];

	switch ((enum muster_type)v->type) {
	case MUSTER_NONE:
		mu_buf_str(b, "<uninitialized>");
		break;
	case MUSTER_BOOLEAN:
		mu_buf_str(b, v->aux ? "T" : "F");
		break;
	case MUSTER_COUNT:
		mu_buf_printf(b, "%" PRIu64, v->u.count);
		break;
	case MUSTER_INTEGER:
		mu_buf_printf(b, "%" PRId64, v->u.integer);
		break;
	case MUSTER_REAL:
		put_real(b, v->u.real);
		break;
	case MUSTER_STRING:
	case MUSTER_ENUM:
		mu_buf_put(b, mu_node_bytes(v), v->u.len);
		break;
	case MUSTER_ADDRESS:
		mu_buf_str(b, mu_net_format_address(v->u.addr, text));
		break;
	case MUSTER_SUBNET:
		mu_buf_str(b, mu_net_format_subnet(v->u.addr, v->aux, text));
		break;
	case MUSTER_PORT:
		put_port(b, v);
		break;
	case MUSTER_TIMESTAMP:
		mu_buf_printf(b, "%.6f", (double)v->u.integer / NS_PER_S);
		break;
	case MUSTER_TIMESPAN:
		put_interval(b, v->u.integer);
		break;
	case MUSTER_SET:
	case MUSTER_TABLE:
		put_braces(b, v);
		break;
	case MUSTER_VECTOR:
		put_vector(b, v);
		break;
	}
}
