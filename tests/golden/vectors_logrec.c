/*
 * Golden vectors of serialized log records, log-serial.jsonl: each row is put
 * together from its fields and gives the bytes beside them; the bytes read
 * give the fields, and written again themselves.
 *
 *   vectors_logrec [DIR]
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"

#include "logrec/record.h"
#include "muster/err.h"
#include "value/net.h"

static enum mu_log_type
type_of(const char *name)
{
	enum mu_log_type type, subtype;

	if (strcmp(name, "set") == 0)
		return MU_LOG_SET;
	if (strcmp(name, "vector") == 0)
		return MU_LOG_VECTOR;
	return mu_log_type_parse(name, strlen(name), &type, &subtype)
		   ? type
		   : MU_LOG_VOID;
}

/* Elements in the vectors are strings or counts, or holes. */
static enum mu_log_type
element_type(const json_t *list)
{
	size_t i;
	json_t *e;

	json_array_foreach(
	    list, i, e) if (!json_is_null(e)) return json_is_string(e)
	    ? MU_LOG_STRING
	    : MU_LOG_COUNT;
	return MU_LOG_STRING;
}

static double
number(const json_t *json)
{
	const char *s = json_string_value(json);

	return s == NULL ? json_number_value(json) : strtod(s, NULL);
}

static bool
scalar(struct mu_log_value *v, const json_t *json)
{
	const char *s = json_string_value(json);
	size_t len = json_string_length(json);
	enum muster_proto proto;
	unsigned width = 0;
	double d = number(json);
	bool good = true;

	v->set = true;
	switch (v->type) {
	case MU_LOG_BOOL:
		v->u.integer = json_is_true(json);
		break;
	case MU_LOG_INT:
		v->u.integer = (int64_t)d;
		break;
	case MU_LOG_COUNT:
		v->u.count = d >= 0x1p64 ? UINT64_MAX : (uint64_t)d;
		break;
	case MU_LOG_DOUBLE:
	case MU_LOG_TIME:
	case MU_LOG_INTERVAL:
		v->u.real = d;
		break;
	case MU_LOG_PORT:
		good =
		    mu_net_parse_port(s, len, true, &v->u.port.number, &proto);
		v->u.port.proto = (uint8_t)proto;
		break;
	case MU_LOG_ADDR:
		good = mu_net_parse_address(s, len, v->u.net.addr);
		break;
	case MU_LOG_SUBNET:
		good = mu_net_parse_subnet(s, len, v->u.net.addr, &width);
		v->u.net.width = (uint8_t)width;
		break;
	default:
		v->u.text.at = (const uint8_t *)s;
		v->u.text.len = len;
		good = s != NULL;
		break;
	}
	return good;
}

static bool
build(const json_t *fields, struct mu_log_stream *s, struct mu_log_record *r)
{
	size_t i, k;
	json_t *f, *e;
	char name[32];

	if (mu_log_stream_init(s, "T::LOG", MU_LOG_WRITER_ASCII, "t", NULL))
		return false;
	json_array_foreach(fields, i, f)
	{
		enum mu_log_type type =
		    type_of(json_string_value(json_array_get(f, 0)));

		snprintf(name, sizeof name, "f%zu", i);
		if (mu_log_stream_add(s, name, strlen(name), type,
			element_type(json_array_get(f, 1)), true, NULL) != 0)
			return false;
	}
	if (mu_log_record_begin(r, s) != 0)
		return false;
	json_array_foreach(fields, i, f)
	{
		const json_t *value = json_array_get(f, 1);

		if (json_is_null(value))
			continue;
		if (!json_is_array(value)) {
			if (!scalar(&r->values[i], value))
				return false;
			continue;
		}
		mu_log_record_list(r, i, s->fields[i].subtype);
		json_array_foreach(value, k, e)
		{
			struct mu_log_value *v = mu_log_record_add(r, i);

			if (v == NULL || (!json_is_null(e) && !scalar(v, e)))
				return false;
		}
	}
	return true;
}

static void
check_bytes(struct row *r, const struct mu_log_stream *s, struct bytes bytes,
    const struct mu_log_record *made)
{
	struct mu_log_record read = { 0 };
	struct mu_log_why why = { "" };
	struct mu_buf b;
	int rc = mu_log_record_dec(&read, s, bytes.p, bytes.len, &why);

	mu_buf_init(&b, 0);
	golden_check(r, "decode", rc == 0, "%s", why.text);
	if (rc == 0) {
		mu_log_record_enc(&b, &read);
		golden_check(r, "again",
		    golden_same(bytes, mu_buf_data(&b), mu_buf_len(&b)),
		    "other bytes");
	}
	mu_buf_reset(&b);
	mu_log_record_enc(&b, made);
	golden_check(r, "encode",
	    golden_same(bytes, mu_buf_data(&b), mu_buf_len(&b)), "other bytes");
	rc = mu_log_record_dec_any(&read, bytes.p, bytes.len, &why);
	golden_check(r, "types", rc == 0, "%s", why.text);
	for (size_t n = 0; n < bytes.len; n++)
		if (mu_log_record_dec(&read, s, bytes.p, n, NULL) == 0) {
			golden_check(r, "short", false, "%zu bytes do", n);
			break;
		}
	mu_buf_clear(&b);
	mu_log_record_clear(&read);
}

static void
check_row(struct row *r)
{
	struct bytes bytes = golden_hex(r, "bytes");
	struct mu_log_stream s;
	struct mu_log_record made = { 0 };
	bool good = build(json_object_get(r->json, "fields"), &s, &made);

	golden_check(r, "fields", good, "not understood");
	if (good)
		check_bytes(r, &s, bytes, &made);
	mu_log_record_clear(&made);
	mu_log_stream_clear(&s);
	golden_free(bytes);
}

int
main(int argc, char **argv)
{
	golden_init(argc, argv);
	golden_run("log-serial.jsonl", NULL, check_row);
	golden_unused("log-serial.jsonl");
	return golden_finish();
}
