/*
 * The binary form (reference "broker-protocol" 4.1, 4.2).  The decoder goes
 * at most MUSTER_MAX_DEPTH levels down and allocates only for what is there.
 */
#include "base/alloc.h"
#include "base/export.h"
#include "muster/err.h"
#include "value/codec.h"
#include "value/node.h"
#include "value/real.h"

/* --- writing ----------------------------------------------------------- */

static void
put_length(struct mu_buf *b, size_t n)
{
	if (n > UINT32_MAX && b->error == 0)
		b->error = MUSTER_ELIMIT;
	mu_buf_varbyte(b, (uint32_t)n);
}

static void
put_items(struct mu_buf *b, const struct muster_value *v)
{
	put_length(b, muster_value_size(v));
	for (uint32_t i = 0; i < v->u.items.n; i++)
		mu_value_enc(b, v->u.items.at[i]);
}

void
mu_value_enc(struct mu_buf *b, const struct muster_value *v)
{
	mu_buf_u8(b, v->type);
	switch ((enum muster_type)v->type) {
	case MUSTER_NONE:
		break;
	case MUSTER_BOOLEAN:
		mu_buf_u8(b, v->aux);
		break;
	case MUSTER_COUNT:
		mu_buf_u64(b, v->u.count);
		break;
	case MUSTER_INTEGER:
	case MUSTER_TIMESTAMP:
	case MUSTER_TIMESPAN:
		mu_buf_u64(b, (uint64_t)v->u.integer);
		break;
	case MUSTER_REAL:
		mu_buf_u64(b, mu_real_pack(v->u.real));
		break;
	case MUSTER_STRING:
	case MUSTER_ENUM:
		put_length(b, v->u.len);
		mu_buf_put(b, mu_node_bytes(v), v->u.len);
		break;
	case MUSTER_ADDRESS:
		mu_buf_put(b, v->u.addr, 16);
		break;
	case MUSTER_SUBNET:
		mu_buf_put(b, v->u.addr, 16);
		mu_buf_u8(b, v->aux);
		break;
	case MUSTER_PORT:
		mu_buf_u16(b, v->u.port);
		mu_buf_u8(b, v->aux);
		break;
	case MUSTER_SET:
	case MUSTER_TABLE:
	case MUSTER_VECTOR:
		put_items(b, v);
		break;
	}
}

MU_EXPORT int
muster_value_enc(const struct muster_value *v, uint8_t **out, size_t *len)
{
	struct mu_buf b;

	mu_buf_init(&b, 0);
	mu_value_enc(&b, v);
	if (mu_buf_error(&b) != 0) {
		int rc = mu_buf_error(&b);

		mu_buf_clear(&b);
		return rc;
	}
	*out = b.mem; /* nothing was consumed: the bytes start there */
	*len = mu_buf_len(&b);
	return 0;
}

/* --- reading ----------------------------------------------------------- */

static struct muster_value *dec(struct mu_cursor *c, unsigned depth);

static struct muster_value *
dec_text(struct mu_cursor *c, enum muster_type type)
{
	size_t len;
	const char *s = (const char *)mu_cursor_str(c, &len);

	if (c->error != 0)
		return NULL;
	return type == MUSTER_ENUM ? muster_value_enum(s, len)
				   : muster_value_string(s, len);
}

static struct muster_value *
dec_address(struct mu_cursor *c)
{
	const uint8_t *addr = mu_cursor_bytes(c, 16);

	return addr == NULL ? NULL : muster_value_address(addr);
}

/* Broker checks neither width nor host bits here, and passes them on. */
static struct muster_value *
dec_subnet(struct mu_cursor *c)
{
	const uint8_t *p = mu_cursor_bytes(c, 17);

	return p == NULL ? NULL : mu_node_new_subnet_raw(p, p[16]);
}

static struct muster_value *
dec_port(struct mu_cursor *c)
{
	uint16_t number = mu_cursor_u16(c);
	uint8_t proto = mu_cursor_u8(c);

	if (proto > MUSTER_PROTO_ICMP)
		mu_cursor_fail(c, MUSTER_EPROTO);
	return c->error != 0 ? NULL : muster_value_port(number, proto);
}

static struct muster_value *
dec_container(struct mu_cursor *c, enum muster_type type, unsigned depth)
{
	size_t per = type == MUSTER_TABLE ? 2 : 1;
	size_t n = mu_cursor_count(c, per) * per;
	struct muster_value *v;
	int rc = 0;

	if (depth >= MUSTER_MAX_DEPTH)
		mu_cursor_fail(c, MUSTER_ELIMIT);
	if (c->error != 0)
		return NULL;
	v = mu_node_new(type);
	for (; n > 0 && v != NULL && rc == 0; n--) {
		struct muster_value *e = dec(c, depth + 1);

		if (e == NULL)
			goto fail;
		rc = mu_node_push(v, e);
	}
	if (rc == 0 && v != NULL)
		rc = mu_node_settle(v);
	if (rc == 0)
		return v;
	mu_cursor_fail(c, rc == MUSTER_EEXIST ? MUSTER_EPROTO : rc);
fail:
	muster_value_unref(v);
	return NULL;
}

static struct muster_value *
dec_tagged(struct mu_cursor *c, uint8_t tag, unsigned depth)
{
	switch (tag) {
	case MUSTER_NONE:
		return muster_value_none();
	case MUSTER_BOOLEAN:
		return muster_value_boolean(mu_cursor_u8(c) != 0);
	case MUSTER_COUNT:
		return muster_value_count(mu_cursor_u64(c));
	case MUSTER_INTEGER:
		return muster_value_integer((int64_t)mu_cursor_u64(c));
	case MUSTER_REAL:
		return muster_value_real(mu_real_unpack(mu_cursor_u64(c)));
	case MUSTER_STRING:
	case MUSTER_ENUM:
		return dec_text(c, tag);
	case MUSTER_ADDRESS:
		return dec_address(c);
	case MUSTER_SUBNET:
		return dec_subnet(c);
	case MUSTER_PORT:
		return dec_port(c);
	case MUSTER_TIMESTAMP:
		return muster_value_timestamp((int64_t)mu_cursor_u64(c));
	case MUSTER_TIMESPAN:
		return muster_value_timespan((int64_t)mu_cursor_u64(c));
	case MUSTER_SET:
	case MUSTER_TABLE:
	case MUSTER_VECTOR:
		return dec_container(c, tag, depth);
	}
	mu_cursor_fail(c, MUSTER_EPROTO);
	return NULL;
}

/* depth: containers around this value. */
static struct muster_value *
dec(struct mu_cursor *c, unsigned depth)
{
	uint8_t tag = mu_cursor_u8(c);
	struct muster_value *v;

	if (c->error != 0)
		return NULL;
	v = dec_tagged(c, tag, depth);
	if (c->error != 0) {
		muster_value_unref(v);
		return NULL;
	}
	if (v == NULL)
		mu_cursor_fail(c, MUSTER_ENOMEM);
	return v;
}

struct muster_value *
mu_value_dec(struct mu_cursor *c)
{
	return c->error != 0 ? NULL : dec(c, 0);
}

MU_EXPORT int
muster_value_dec(const uint8_t *buf, size_t len, struct muster_value **out)
{
	struct mu_cursor c = mu_cursor_over(buf, len);
	struct muster_value *v = mu_value_dec(&c);
	int rc = mu_cursor_done(&c);

	if (rc != 0) {
		muster_value_unref(v);
		return rc;
	}
	*out = v;
	return 0;
}
