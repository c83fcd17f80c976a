/*
 * Values as Broker's JSON (reference "broker-protocol" 4.5), except that the
 * result is JSON and UTF-8 always.  Where Broker's is not:
 *
 *   control bytes     \u00XX (also for Broker's \v)
 *   bytes not UTF-8   U+FFFD for each, so they do not read back
 *   infinities        1e999, -1e999, which every reader overflows
 *   NaN               null
 */
#include <inttypes.h>
#include <math.h>

#include "base/alloc.h"
#include "base/export.h"
#include "base/text.h"
#include "muster/err.h"
#include "value/codec.h"
#include "value/net.h"
#include "value/node.h"
#include "value/real.h"
#include "value/time.h"

static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */

static const char *
short_escape(uint8_t c)
{
	switch (c) {
	case '"':
		return "\\\"";
	case '\\':
		return "\\\\";
	case '\b':
		return "\\b";
	case '\f':
		return "\\f";
	case '\n':
		return "\\n";
	case '\r':
		return "\\r";
	case '\t':
		return "\\t";
	}
	return NULL;
}

static bool
is_plain(uint8_t c)
{
	return c >= 0x20 && c != '"' && c != '\\';
}

/* Bytes known to be UTF-8. */
static void
put_utf8(struct mu_buf *b, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len;) {
		size_t n = 0;
		const char *esc;

		while (i + n < len && is_plain(p[i + n]))
			n++;
		mu_buf_put(b, p + i, n);
		i += n;
		if (i == len)
			break;
		esc = short_escape(p[i]);
		if (esc != NULL)
			mu_buf_str(b, esc);
		else
			mu_buf_printf(b, "\\u%04x", p[i]);
		i++;
	}
}

static void
put_string(struct mu_buf *b, const char *s, size_t len)
{
	const uint8_t *p = (const uint8_t *)s;

	mu_buf_u8(b, '"');
	while (len > 0) {
		size_t good = len;

		if (mu_text_utf8(p, len, &good))
			good = len;
		put_utf8(b, p, good);
		p += good;
		len -= good;
		if (len > 0) {
			mu_buf_str(b, replacement);
			p++;
			len--;
		}
	}
	mu_buf_u8(b, '"');
}

static void
put_real(struct mu_buf *b, double d)
{
	char text[MU_REAL_TEXT];

	if (isnan(d))
		mu_buf_str(b, "null");
	else if (isinf(d))
		mu_buf_str(b, d > 0 ? "1e999" : "-1e999");
	else
		mu_buf_str(b, mu_real_format(d, text));
}

static void
put_quoted(struct mu_buf *b, const char *term)
{
	mu_buf_u8(b, '"');
	mu_buf_str(b, term);
	mu_buf_u8(b, '"');
}

static void
put_items(struct mu_buf *b, const struct muster_value *v)
{
	const struct mu_items *items = &v->u.items;
	uint32_t step = v->type == MUSTER_TABLE ? 2 : 1;

	mu_buf_u8(b, '[');
	for (uint32_t i = 0; i < items->n; i += step) {
		if (i > 0)
			mu_buf_u8(b, ',');
		if (step == 1) {
			mu_value_enc_json(b, items->at[i]);
			continue;
		}
		mu_buf_str(b, "{\"key\":");
		mu_value_enc_json(b, items->at[i]);
		mu_buf_str(b, ",\"value\":");
		mu_value_enc_json(b, items->at[i + 1]);
		mu_buf_u8(b, '}');
	}
	mu_buf_u8(b, ']');
}

static void
put_data(struct mu_buf *b, const struct muster_value *v)
{
	char net[MU_NET_TEXT], when[MU_TIME_TEXT];

	switch ((enum muster_type)v->type) {
	case MUSTER_NONE:
		mu_buf_str(b, "{}");
		break;
	case MUSTER_BOOLEAN:
		mu_buf_str(b, v->aux ? "true" : "false");
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
		put_string(b, mu_node_bytes(v), v->u.len);
		break;
	case MUSTER_ADDRESS:
		put_quoted(b, mu_net_format_address(v->u.addr, net));
		break;
	case MUSTER_SUBNET:
		put_quoted(b, mu_net_format_subnet(v->u.addr, v->aux, net));
		break;
	case MUSTER_PORT:
		put_quoted(b, mu_net_format_port(v->u.port, v->aux, net));
		break;
	case MUSTER_TIMESTAMP:
		put_quoted(b, mu_time_format_stamp(v->u.integer, when));
		break;
	case MUSTER_TIMESPAN:
		put_quoted(b, mu_time_format_span(v->u.integer, when));
		break;
	case MUSTER_SET:
	case MUSTER_TABLE:
	case MUSTER_VECTOR:
		put_items(b, v);
		break;
	}
}

void
mu_value_enc_json(struct mu_buf *b, const struct muster_value *v)
{
	mu_buf_str(b, "{\"@data-type\":\"");
	mu_buf_str(b, muster_type_name(v->type));
	mu_buf_str(b, "\",\"data\":");
	put_data(b, v);
	mu_buf_u8(b, '}');
}

MU_EXPORT int
muster_value_to_json(const struct muster_value *v, char **out)
{
	struct mu_buf b;
	int rc;

	mu_buf_init(&b, 0);
	mu_value_enc_json(&b, v);
	rc = mu_buf_error(&b);
	if (rc == 0) {
		*out = mu_buf_take_string(&b);
		if (*out == NULL)
			rc = MUSTER_ENOMEM;
	}
	mu_buf_clear(&b);
	return rc;
}
