/*
 * Golden vectors of the value room: values.jsonl, json-decode.jsonl, and the
 * rows of kinds value and zeek in negative.jsonl and lenient.jsonl.
 *
 *   vectors_value [DIR]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"

#include "muster/err.h"
#include "muster/event.h"
#include "muster/value.h"
#include "value/codec.h"

#define REJECT "REJECT"

/* v encodes as those bytes? */
static bool
encodes_as(const struct muster_value *v, struct bytes want)
{
	uint8_t *out;
	size_t len;
	bool same;

	if (v == NULL || muster_value_enc(v, &out, &len) != 0)
		return false;
	same = golden_same(want, out, len);
	free(out);
	return same;
}

/* By another's judgement. */
static bool
is_valid_json(const void *text, size_t len)
{
	json_t *json = json_loadb(
	    text, len, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, NULL);

	json_decref(json);
	return json != NULL;
}

/* 1e999 is JSON, but more than jansson will hold. */
static bool
is_infinity(const char *json)
{
	return strcmp(json, "{\"@data-type\":\"real\",\"data\":1e999}") == 0 ||
	       strcmp(json, "{\"@data-type\":\"real\",\"data\":-1e999}") == 0;
}

static bool
is_type(const struct row *r, const char *type)
{
	const char *t = golden_string(r, "type");

	return t != NULL && strcmp(t, type) == 0;
}

static bool
is_reject(const struct row *r, const char *field)
{
	const char *s = golden_string(r, field);

	return s != NULL && strcmp(s, REJECT) == 0;
}

static struct muster_value *
check_bin(struct row *r, struct bytes bin)
{
	struct bytes again = golden_hex(r, "bin_roundtrip");
	struct muster_value *v = NULL;
	int rc = muster_value_dec(bin.p, bin.len, &v);
	bool reject = is_reject(r, "bin_roundtrip");
	double tag = json_number_value(json_object_get(r->json, "tag"));

	golden_check(
	    r, "bin", (rc != 0) == reject, "decoding: %s", muster_strerror(rc));
	if (rc == 0) {
		golden_check(r, "bin",
		    encodes_as(v, again.p != NULL ? again : bin),
		    "encodes to other bytes");
		golden_check(r, "bin", (int)tag == (int)muster_value_type(v),
		    "type is %s", muster_type_name(muster_value_type(v)));
		golden_check(r, "bin", mu_value_check(bin.p, bin.len) == 0,
		    "not skipped");
	}
	golden_free(again);
	return v;
}

static void
check_text(struct row *r, const struct muster_value *v)
{
	struct bytes want = golden_bytes(r, "text");
	char *text = NULL;
	size_t len = 0;

	if (want.p != NULL && muster_value_to_text(v, &text, &len) == 0)
		golden_check(r, "text", golden_same(want, text, len), "%.*s",
		    (int)len, text);
	free(text);
	golden_free(want);
}

static void
check_json_write(struct row *r, const struct muster_value *v, struct bytes want)
{
	struct muster_value *back = NULL;
	char *json = NULL;
	bool sound;

	if (muster_value_to_json(v, &json) != 0) {
		golden_check(r, "json", false, "cannot be written");
		return;
	}
	sound = !is_valid_json(want.p, want.len) &&
		(is_valid_json(json, strlen(json)) || is_infinity(json)) &&
		muster_value_from_json(json, strlen(json), &back) == 0;
	golden_check_rule(r, "json", golden_same(want, json, strlen(json)),
	    "invalid-json", sound, "%s", json);
	muster_value_unref(back);
	free(json);
}

/* Reads as something that is written the same way again? */
static bool
is_stable(const struct muster_value *v, struct bytes json)
{
	char *again = NULL;
	bool same;

	if (v == NULL || muster_value_to_json(v, &again) != 0)
		return false;
	same = golden_same(json, again, strlen(again));
	free(again);
	return same;
}

static void
check_json_read(struct row *r, struct bytes bin, struct bytes json)
{
	struct bytes want = golden_hex(r, "json_roundtrip");
	bool reject = is_reject(r, "json_roundtrip");
	struct muster_value *v = NULL;
	int rc = muster_value_from_json((char *)json.p, json.len, &v);

	if (reject)
		golden_check_rule(r, "json-read", rc != 0, "long-digits",
		    is_type(r, "real") && is_stable(v, json), "accepted");
	else
		golden_check_rule(r, "json-read",
		    rc == 0 && encodes_as(v, want.p != NULL ? want : bin),
		    "exact-span",
		    want.p != NULL && is_type(r, "timespan") &&
			encodes_as(v, bin),
		    "reads as something else: %s", muster_strerror(rc));
	muster_value_unref(v);
	golden_free(want);
}

static void
check_value(struct row *r)
{
	struct bytes bin = golden_hex(r, "bin");
	struct bytes json = golden_bytes(r, "json");
	struct muster_value *v = check_bin(r, bin);

	if (v != NULL) {
		check_text(r, v);
		if (json.p != NULL)
			check_json_write(r, v, json);
	}
	if (json.p != NULL)
		check_json_read(r, bin, json);
	muster_value_unref(v);
	golden_free(json);
	golden_free(bin);
}

/* Our error for Broker's code. */
static int
expected_error(const struct row *r)
{
	switch ((int)json_number_value(json_object_get(r->json, "code"))) {
	case 11:
		return MUSTER_ETYPE;
	case 37:
		return MUSTER_EEXIST;
	case 41:
		return MUSTER_EPROTO;
	}
	return 0;
}

static void
check_json_decode(struct row *r)
{
	struct bytes json = golden_bytes(r, "json");
	struct bytes bin = golden_hex(r, "bin");
	struct muster_value *v = NULL;
	int rc = muster_value_from_json((char *)json.p, json.len, &v);
	int want = expected_error(r);
	bool solidus = memmem(json.p, json.len, "\\/", 2) != NULL;

	if (bin.p == NULL)
		golden_check(r, "verdict", rc != 0 && (want == 0 || rc == want),
		    "%s", muster_strerror(rc));
	else
		golden_check_rule(r, "verdict", rc == 0 && encodes_as(v, bin),
		    "solidus", solidus && rc == 0, "%s", muster_strerror(rc));
	muster_value_unref(v);
	golden_free(bin);
	golden_free(json);
}

static bool
is_ours(json_t *row)
{
	const char *kind = json_string_value(json_object_get(row, "kind"));

	return kind != NULL &&
	       (strcmp(kind, "value") == 0 || strcmp(kind, "zeek") == 0);
}

static void
check_zeek(struct row *r, const struct muster_value *v, bool accept)
{
	const char *decoded = golden_string(r, "decoded");
	enum muster_message kind =
	    v == NULL ? MUSTER_MESSAGE_INVALID : muster_message_kind(v);

	golden_check(r, "verdict", (kind != MUSTER_MESSAGE_INVALID) == accept,
	    "kind %d", (int)kind);
	if (accept && decoded != NULL)
		golden_check(r, "verdict", (int)kind == atoi(decoded),
		    "kind %d", (int)kind);
}

static bool
is_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s >= 0x80)
			return false;
	return true;
}

/* decoded_text is shown as Latin-1 where it is no UTF-8. */
static void
check_decoded(struct row *r, const struct muster_value *v)
{
	struct bytes again = golden_hex(r, "reencoded");
	const char *want = golden_string(r, "decoded_text");
	char *text = NULL;
	size_t len;

	if (again.p != NULL)
		golden_check(r, "verdict", encodes_as(v, again),
		    "encodes to other bytes");
	if (want != NULL && is_ascii(want) &&
	    muster_value_to_text(v, &text, &len) == 0)
		golden_check(r, "verdict", strcmp(text, want) == 0, "%s", text);
	free(text);
	golden_free(again);
}

static void
check_input(struct row *r)
{
	struct bytes bytes = golden_hex(r, "bytes");
	const char *kind = golden_string(r, "kind");
	const char *broker = golden_string(r, "broker");
	bool accept = broker != NULL && strcmp(broker, "accept") == 0;
	struct muster_value *v = NULL;
	int rc = muster_value_dec(bytes.p, bytes.len, &v);

	if (strcmp(kind, "zeek") == 0) {
		check_zeek(r, v, accept);
	} else {
		golden_check(r, "verdict", (rc == 0) == accept, "%s",
		    muster_strerror(rc));
		if (accept && rc == 0)
			check_decoded(r, v);
	}
	muster_value_unref(v);
	golden_free(bytes);
}

int
main(int argc, char **argv)
{
	golden_init(argc, argv);
	golden_run("values.jsonl", NULL, check_value);
	golden_run("json-decode.jsonl", NULL, check_json_decode);
	golden_run("negative.jsonl", is_ours, check_input);
	golden_run("lenient.jsonl", is_ours, check_input);
	if (golden_is_own()) {
		golden_unused("values.jsonl");
		golden_unused("json-decode.jsonl");
	}
	return golden_finish();
}
