/* Broker's text form (reference "broker-protocol" 4.4): for people, not for
 * reading back; strings are neither quoted nor escaped. */
#include <inttypes.h>

#include "base/alloc.h"
#include "base/export.h"
#include "muster/err.h"
#include "value/codec.h"
#include "value/net.h"
#include "value/node.h"
#include "value/real.h"

static void
put_items(struct mu_buf *b, const struct muster_value *v, const char *brackets)
{
	const struct mu_items *items = &v->u.items;
	bool table = v->type == MUSTER_TABLE;

	mu_buf_put(b, brackets, 1);
	for (uint32_t i = 0; i < items->n; i++) {
		if (i > 0)
			mu_buf_str(b, table && i % 2 == 1 ? " -> " : ", ");
		mu_value_enc_text(b, items->at[i]);
	}
	mu_buf_put(b, brackets + 1, 1);
}

void
mu_value_enc_text(struct mu_buf *b, const struct muster_value *v)
{
	char net[MU_NET_TEXT], real[MU_REAL_TEXT];

	switch ((enum muster_type)v->type) {
	case MUSTER_NONE:
		mu_buf_str(b, "nil");
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
		mu_buf_str(b, mu_real_format(v->u.real, real));
		break;
	case MUSTER_STRING:
	case MUSTER_ENUM:
		mu_buf_put(b, mu_node_bytes(v), v->u.len);
		break;
	case MUSTER_ADDRESS:
		mu_buf_str(b, mu_net_format_address(v->u.addr, net));
		break;
	case MUSTER_SUBNET:
		mu_buf_str(b, mu_net_format_subnet(v->u.addr, v->aux, net));
		break;
	case MUSTER_PORT:
		mu_buf_str(b, mu_net_format_port(v->u.port, v->aux, net));
		break;
	case MUSTER_TIMESTAMP:
	case MUSTER_TIMESPAN:
		mu_buf_printf(b, "%" PRId64 "ns", v->u.integer);
		break;
	case MUSTER_SET:
	case MUSTER_TABLE:
		put_items(b, v, "{}");
		break;
	case MUSTER_VECTOR:
		put_items(b, v, "()");
		break;
	}
}

MU_EXPORT int
muster_value_to_text(const struct muster_value *v, char **out, size_t *len)
{
	struct mu_buf b;
	size_t n;
	int rc;

	mu_buf_init(&b, 0);
	mu_value_enc_text(&b, v);
	rc = mu_buf_error(&b);
	n = mu_buf_len(&b);
	if (rc == 0) {
		*out = mu_buf_take_string(&b);
		if (*out == NULL)
			rc = MUSTER_ENOMEM;
		else if (len != NULL)
			*len = n;
	}
	mu_buf_clear(&b);
	return rc;
}
