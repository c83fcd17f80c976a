/*
 * Serialized records both ways; see record.h.  All numbers are big endian
 * and doubles plain IEEE 754, unlike those of Broker's values.
 */
#include "logrec/record.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/cursor.h"
#include "muster/err.h"
#include "value/net.h"

#define FIELD_MIN 9  /* bytes of an unset field: type, subtype, present */
#define V4_AT     12 /* where IPv4 begins in 16 bytes */

static const uint8_t v4_prefix[V4_AT] = { [10] = 0xff, [11] = 0xff };

void
mu_log_record_clear(struct mu_log_record *r)
{
	mu_free(r->values);
	memset(r, 0, sizeof *r);
}

/* Room for n values in all; 0 or ENOMEM. */
static int
grow(struct mu_log_record *r, size_t n)
{
	size_t cap = r->cap < 32 ? 32 : r->cap;
	struct mu_log_value *values;

	if (n <= r->cap)
		return 0;
	while (cap < n)
		cap *= 2;
	values = mu_reallocarray(r->values, cap, sizeof *values);
	if (values == NULL)
		return MUSTER_ENOMEM;
	r->values = values;
	r->cap = cap;
	return 0;
}

/* --- building ---------------------------------------------------------- */

int
mu_log_record_begin(struct mu_log_record *r, const struct mu_log_stream *s)
{
	int rc = grow(r, s->nfields);

	if (rc != 0)
		return rc;
	for (size_t i = 0; i < s->nfields; i++) {
		r->values[i].type = (uint8_t)s->fields[i].type;
		r->values[i].set = false;
	}
	r->nfields = r->nvalues = s->nfields;
	return 0;
}

void
mu_log_record_list(struct mu_log_record *r, size_t i, enum mu_log_type type)
{
	struct mu_log_value *v = &r->values[i];

	v->set = true;
	v->u.list.first = (uint32_t)r->nvalues;
	v->u.list.n = 0;
	v->u.list.type = (uint8_t)type;
}

struct mu_log_value *
mu_log_record_add(struct mu_log_record *r, size_t i)
{
	struct mu_log_value *e;

	if (r->nvalues >= UINT32_MAX || grow(r, r->nvalues + 1) != 0)
		return NULL;
	e = &r->values[r->nvalues++];
	e->type = r->values[i].u.list.type;
	e->set = false;
	r->values[i].u.list.n++;
	return e;
}

/* --- reading ----------------------------------------------------------- */

/* One record being read. */
struct decoder {
	struct mu_cursor c;
	struct mu_log_record *r;
	const struct mu_log_stream *s; /* NULL: types are not known */
	struct mu_log_why *why;
	size_t field; /* the one in hand */
	int rc;
};

static int
fail(struct decoder *d, int err, const char *what)
{
	if (d->rc != 0)
		return d->rc;
	if (d->s != NULL && d->field < d->s->nfields)
		mu_log_fail(d->why, err, "field %s: %s",
		    d->s->fields[d->field].name, what);
	else
		mu_log_fail(d->why, err, "field %zu: %s", d->field + 1, what);
	mu_cursor_fail(&d->c, err);
	return d->rc = err;
}

static double
dec_double(struct mu_cursor *c)
{
	uint64_t bits = mu_cursor_u64(c);
	double v;

	memcpy(&v, &bits, sizeof v);
	return v;
}

static void
dec_text(struct decoder *d, struct mu_log_value *v)
{
	uint32_t len = mu_cursor_u32(&d->c);

	if (len > mu_cursor_left(&d->c)) {
		fail(d, MUSTER_ELIMIT, "its length exceeds the record");
		return;
	}
	v->u.text.at = mu_cursor_bytes(&d->c, len);
	v->u.text.len = len;
}

static void
dec_port(struct decoder *d, struct mu_log_value *v)
{
	uint64_t number = mu_cursor_u64(&d->c);
	uint32_t proto = mu_cursor_u32(&d->c);

	if (number > UINT16_MAX || proto > MUSTER_PROTO_ICMP)
		fail(d, MUSTER_EPROTO, "no such port");
	v->u.port.number = (uint16_t)number;
	v->u.port.proto = (uint8_t)proto;
}

static void
dec_addr(struct decoder *d, struct mu_log_value *v)
{
	uint8_t family = mu_cursor_u8(&d->c);
	size_t skip = family == 4 ? V4_AT : 0;
	const uint8_t *p;

	if (family != 4 && family != 6) {
		fail(d, MUSTER_EPROTO, "the address is neither IPv4 nor IPv6");
		return;
	}
	p = mu_cursor_bytes(&d->c, 16 - skip);
	if (p == NULL)
		return;
	memcpy(v->u.net.addr, v4_prefix, skip);
	memcpy(v->u.net.addr + skip, p, 16 - skip);
}

static void
dec_subnet(struct decoder *d, struct mu_log_value *v)
{
	v->u.net.width = mu_cursor_u8(&d->c);
	dec_addr(d, v);
	if (d->c.error == 0 &&
	    (v->u.net.width > 128 ||
		(v->u.net.width < 96 && mu_net_is_v4(v->u.net.addr))))
		fail(d, MUSTER_EPROTO, "no such length of a subnet");
}

/* A value that is no set or vector. */
static void
dec_scalar(struct decoder *d, struct mu_log_value *v)
{
	switch (v->type) {
	case MU_LOG_BOOL:
		v->u.integer = mu_cursor_u64(&d->c) != 0;
		break;
	case MU_LOG_INT:
		v->u.integer = (int64_t)mu_cursor_u64(&d->c);
		break;
	case MU_LOG_COUNT:
		v->u.count = mu_cursor_u64(&d->c);
		break;
	case MU_LOG_DOUBLE:
	case MU_LOG_TIME:
	case MU_LOG_INTERVAL:
		v->u.real = dec_double(&d->c);
		break;
	case MU_LOG_PORT:
		dec_port(d, v);
		break;
	case MU_LOG_ADDR:
		dec_addr(d, v);
		break;
	case MU_LOG_SUBNET:
		dec_subnet(d, v);
		break;
	default:
		dec_text(d, v);
		break;
	}
}

/* The head of a field or element: its type; *present. */
static uint32_t
dec_head(struct decoder *d, bool *present)
{
	uint32_t type = mu_cursor_u32(&d->c);

	(void)mu_cursor_u32(&d->c); /* the subtype: Zeek writes 0 */
	*present = mu_cursor_u8(&d->c) == 1;
	if (d->c.error != 0)
		fail(d, MUSTER_EPROTO, "the record ends here");
	return type;
}

static void
wrong_type(struct decoder *d, uint32_t type, const char *where, unsigned want)
{
	char got[MU_LOG_TYPE_TEXT], wanted[MU_LOG_TYPE_TEXT], text[120];

	if (type == MU_LOG_SET || type == MU_LOG_VECTOR)
		snprintf(got, sizeof got, "%s",
		    type == MU_LOG_SET ? "set" : "vector");
	else
		mu_log_type_format(type, 0, got);
	if (want == MU_LOG_SET || want == MU_LOG_VECTOR)
		snprintf(wanted, sizeof wanted, "%s",
		    want == MU_LOG_SET ? "set" : "vector");
	else
		mu_log_type_format(want, 0, wanted);
	snprintf(text, sizeof text, "%s of type %u (%s) where %s is wanted",
	    where, type, got, wanted);
	fail(d, MUSTER_ETYPE, text);
}

/* Elements; want is their type, VOID: that of the first. */
static void
dec_list(struct decoder *d, unsigned want)
{
	uint64_t n = mu_cursor_u64(&d->c);

	if (n > mu_cursor_left(&d->c) / FIELD_MIN) {
		fail(
		    d, MUSTER_ELIMIT, "more elements than the record can hold");
		return;
	}
	for (uint64_t i = 0; i < n && d->rc == 0; i++) {
		bool present;
		uint32_t type = dec_head(d, &present);
		struct mu_log_value *e;

		if (d->rc != 0)
			return;
		if (want == MU_LOG_VOID && type != MU_LOG_VOID) {
			if (mu_log_is_list(type)) {
				fail(d, MUSTER_ETYPE, "sets do not nest");
				return;
			}
			if (!mu_log_type_ok(type, 0)) {
				fail(d, MUSTER_EPROTO,
				    "an element of unknown type");
				return;
			}
			want = type;
			d->r->values[d->field].u.list.type = (uint8_t)type;
		}
		/* A hole may come without a type. */
		if (type != want && (present || type != MU_LOG_VOID)) {
			wrong_type(d, type, "an element", want);
			return;
		}
		e = mu_log_record_add(d->r, d->field);
		if (e == NULL) {
			fail(d, MUSTER_ENOMEM, muster_strerror(MUSTER_ENOMEM));
			return;
		}
		e->type = (uint8_t)want;
		e->set = present;
		if (present && !mu_log_type_ok(want, 0))
			fail(d, MUSTER_EPROTO, "an element of unknown type");
		else if (present)
			dec_scalar(d, e);
	}
}

static void
dec_field(struct decoder *d)
{
	const struct mu_log_field *f =
	    d->s == NULL ? NULL : &d->s->fields[d->field];
	bool present;
	uint32_t type = dec_head(d, &present);
	struct mu_log_value *v = &d->r->values[d->field];
	char text[60];

	if (d->rc != 0)
		return;
	if (!mu_log_type_ok(type, MU_LOG_STRING)) {
		snprintf(text, sizeof text, "unknown type %u", type);
		fail(d, MUSTER_EPROTO, text);
		return;
	}
	if (f != NULL && type != f->type) {
		wrong_type(d, type, "it is", f->type);
		return;
	}
	v->type = (uint8_t)type;
	v->set = present;
	if (!present)
		return;
	if (!mu_log_is_list(type)) {
		dec_scalar(d, v);
	} else {
		unsigned want = f == NULL ? MU_LOG_VOID : f->subtype;

		mu_log_record_list(d->r, d->field, (enum mu_log_type)want);
		dec_list(d, want);
	}
	if (d->c.error != 0)
		fail(d, MUSTER_EPROTO, "the record ends in it");
}

static int
decode(struct decoder *d, size_t len)
{
	uint32_t n;

	if (len > MU_LOG_MAX_RECORD)
		return mu_log_fail(d->why, MUSTER_ELIMIT,
		    "a record of %zu bytes, more than %u", len,
		    MU_LOG_MAX_RECORD);
	if (len < 4)
		return mu_log_fail(
		    d->why, MUSTER_EPROTO, "a record of %zu bytes", len);
	n = mu_cursor_u32(&d->c);
	if (n > MU_LOG_MAX_FIELDS || n > mu_cursor_left(&d->c) / FIELD_MIN)
		return mu_log_fail(d->why,
		    n > MU_LOG_MAX_FIELDS ? MUSTER_ELIMIT : MUSTER_EPROTO,
		    "%u fields in a record of %zu bytes", n, len);
	if (d->s != NULL && n != d->s->nfields)
		return mu_log_fail(d->why, MUSTER_EPROTO,
		    "expected %zu fields, got %u", d->s->nfields, n);
	if (grow(d->r, n) != 0)
		return mu_log_fail(d->why, MUSTER_ENOMEM, "%s",
		    muster_strerror(MUSTER_ENOMEM));
	d->r->nfields = d->r->nvalues = n;
	for (d->field = 0; d->field < n && d->rc == 0; d->field++)
		dec_field(d);
	if (d->rc == 0 && mu_cursor_left(&d->c) > 0)
		return mu_log_fail(d->why, MUSTER_EPROTO,
		    "%zu bytes behind the last field", mu_cursor_left(&d->c));
	return d->rc;
}

int
mu_log_record_dec(struct mu_log_record *r, const struct mu_log_stream *s,
    const uint8_t *buf, size_t len, struct mu_log_why *why)
{
	struct decoder d = { mu_cursor_over(buf, len), r, s, why, 0, 0 };

	return decode(&d, len);
}

int
mu_log_record_dec_any(struct mu_log_record *r, const uint8_t *buf, size_t len,
    struct mu_log_why *why)
{
	struct decoder d = { mu_cursor_over(buf, len), r, NULL, why, 0, 0 };

	return decode(&d, len);
}

/* --- writing ----------------------------------------------------------- */

static void
enc_double(struct mu_buf *b, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof bits);
	mu_buf_u64(b, bits);
}

static void
enc_addr(struct mu_buf *b, const uint8_t addr[16])
{
	if (mu_net_is_v4(addr)) {
		mu_buf_u8(b, 4);
		mu_buf_put(b, addr + V4_AT, 16 - V4_AT);
	} else {
		mu_buf_u8(b, 6);
		mu_buf_put(b, addr, 16);
	}
}

static void
enc_scalar(struct mu_buf *b, const struct mu_log_value *v)
{
	switch (v->type) {
	case MU_LOG_BOOL:
	case MU_LOG_INT:
		mu_buf_u64(b, (uint64_t)v->u.integer);
		break;
	case MU_LOG_COUNT:
		mu_buf_u64(b, v->u.count);
		break;
	case MU_LOG_DOUBLE:
	case MU_LOG_TIME:
	case MU_LOG_INTERVAL:
		enc_double(b, v->u.real);
		break;
	case MU_LOG_PORT:
		mu_buf_u64(b, v->u.port.number);
		mu_buf_u32(b, v->u.port.proto);
		break;
	case MU_LOG_SUBNET:
		mu_buf_u8(b, v->u.net.width);
		/* fallthrough */
	case MU_LOG_ADDR:
		enc_addr(b, v->u.net.addr);
		break;
	default:
		if (v->u.text.len > INT32_MAX && b->error == 0)
			b->error = MUSTER_ELIMIT;
		mu_buf_u32(b, (uint32_t)v->u.text.len);
		mu_buf_put(b, v->u.text.at, v->u.text.len);
		break;
	}
}

static void
enc_value(struct mu_buf *b, const struct mu_log_record *r,
    const struct mu_log_value *v)
{
	const struct mu_log_value *e;

	mu_buf_u32(b, v->type);
	mu_buf_u32(b, 0);
	mu_buf_u8(b, v->set);
	if (!v->set)
		return;
	if (!mu_log_is_list(v->type)) {
		enc_scalar(b, v);
		return;
	}
	mu_buf_u64(b, v->u.list.n);
	e = mu_log_elements(r, v);
	for (uint32_t i = 0; i < v->u.list.n; i++) {
		mu_buf_u32(b, e[i].type);
		mu_buf_u32(b, 0);
		mu_buf_u8(b, e[i].set);
		if (e[i].set)
			enc_scalar(b, &e[i]);
	}
}

void
mu_log_record_enc(struct mu_buf *b, const struct mu_log_record *r)
{
	mu_buf_u32(b, (uint32_t)r->nfields);
	for (size_t i = 0; i < r->nfields; i++)
		enc_value(b, r, &r->values[i]);
}
