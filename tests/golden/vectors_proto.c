/*
 * Golden vectors of the protocol room: frames.jsonl, and the rows of kinds
 * handshake and envelope in negative.jsonl and lenient.jsonl.
 *
 *   vectors_proto [DIR]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"

#include "base/buf.h"
#include "base/cursor.h"
#include "muster/err.h"
#include "proto/envelope.h"
#include "proto/handshake.h"
#include "topic/filter.h"
#include "value/codec.h"

#define MAX_TOPICS 1000

/* --- fields of a row ------------------------------------------------------ */

static json_t *
field(const struct row *r, const char *name)
{
	return json_object_get(json_object_get(r->json, "fields"), name);
}

static unsigned
number(const json_t *json)
{
	return (unsigned)json_number_value(json);
}

static bool
same_id(const struct mu_uuid *id, const json_t *json)
{
	char text[MU_UUID_TEXT];

	return json_is_string(json) &&
	       strcmp(mu_uuid_format(id, text), json_string_value(json)) == 0;
}

static bool
same_text(const json_t *json, const char *p, size_t len)
{
	return json_is_string(json) && json_string_length(json) == len &&
	       memcmp(json_string_value(json), p, len) == 0;
}

static bool
same_filter(const struct muster_filter *f, const json_t *json)
{
	if (f == NULL || !json_is_array(json) ||
	    json_array_size(json) != muster_filter_size(f))
		return false;
	for (size_t i = 0; i < muster_filter_size(f); i++) {
		size_t len;
		const char *p = muster_filter_at(f, i, &len);

		if (!same_text(json_array_get(json, i), p, len))
			return false;
	}
	return true;
}

/* --- frames.jsonl --------------------------------------------------------- */

static bool
same_handshake(const struct row *r, const struct mu_handshake *h)
{
	switch (h->tag) {
	case MU_HELLO:
		return same_id(&h->sender, field(r, "sender")) &&
		       h->min_version == number(field(r, "min")) &&
		       h->max_version == number(field(r, "max"));
	case MU_PROBE:
	case MU_ORIGINATOR_ACK:
		return true;
	case MU_VERSION_SELECT:
		return same_id(&h->sender, field(r, "sender")) &&
		       h->version == number(field(r, "version"));
	case MU_DROP_CONN:
		return same_id(&h->sender, field(r, "sender")) &&
		       h->code == number(field(r, "code")) &&
		       same_text(field(r, "description"), h->text, h->text_len);
	case MU_ORIGINATOR_SYN:
	case MU_RESPONDER_SYN_ACK:
		return same_filter(h->filter, field(r, "filter"));
	}
	return false;
}

static void
check_handshake(struct row *r, struct bytes frame)
{
	struct mu_handshake h;
	struct mu_buf b;
	const char *text;
	unsigned ec;
	int rc = mu_handshake_dec(
	    &h, frame.p + 4, frame.len - 4, MAX_TOPICS, &ec, &text);

	golden_check(r, "decode", rc == 0, "%s", muster_strerror(rc));
	if (rc != 0)
		return;
	golden_check(r, "fields",
	    h.tag == number(json_object_get(r->json, "tag")) &&
		same_handshake(r, &h),
	    "differ");
	mu_buf_init(&b, 0);
	mu_handshake_enc(&b, &h);
	golden_check(r, "encode",
	    golden_same(frame, mu_buf_data(&b), mu_buf_len(&b)), "other bytes");
	mu_buf_clear(&b);
	mu_handshake_clear(&h);
}

static bool
same_envelope(const struct row *r, const struct mu_envelope *e)
{
	struct bytes payload = golden_hex(r, "payload");
	bool same =
	    (unsigned)e->type == number(json_object_get(r->json, "tag")) &&
	    same_id(e->sender, json_object_get(r->json, "sender")) &&
	    same_id(e->receiver, json_object_get(r->json, "receiver")) &&
	    e->ttl == number(json_object_get(r->json, "ttl")) &&
	    same_text(
		json_object_get(r->json, "topic"), e->topic, e->topic_len) &&
	    golden_same(payload, e->payload, e->payload_len);

	golden_free(payload);
	return same;
}

/* What is between the envelope's head and its end is understood, too. */
static void
check_payload(struct row *r, const struct mu_envelope *e)
{
	struct mu_cursor c = mu_cursor_over(e->payload, e->payload_len);
	struct muster_filter *f;

	if (e->type == MU_DATA) {
		golden_check(r, "payload",
		    mu_value_check(e->payload, e->payload_len) == 0,
		    "no value");
	} else if (e->type == MU_ROUTING_UPDATE) {
		f = mu_filter_dec(&c, MAX_TOPICS);
		golden_check(r, "payload", same_filter(f, field(r, "filter")),
		    "another filter");
		muster_filter_free(f);
	}
}

static void
check_envelope(struct row *r, struct bytes frame)
{
	struct mu_envelope e;
	struct mu_buf b;
	int rc = mu_envelope_view(frame.p, frame.len, &e);

	golden_check(r, "decode", rc == 0, "%s", muster_strerror(rc));
	if (rc != 0)
		return;
	golden_check(r, "fields", same_envelope(r, &e), "differ");
	check_payload(r, &e);
	mu_buf_init(&b, 0);
	mu_envelope_enc(&b, e.sender, e.receiver, e.type, e.topic, e.topic_len,
	    e.payload, e.payload_len);
	golden_check(r, "encode",
	    golden_same(frame, mu_buf_data(&b), mu_buf_len(&b)), "other bytes");
	mu_buf_clear(&b);
}

static void
check_frame(struct row *r)
{
	struct bytes frame = golden_hex(r, "frame");

	if (frame.len < 4)
		golden_check(r, "decode", false, "no frame");
	else if (number(json_object_get(r->json, "phase")) < 3)
		check_handshake(r, frame);
	else
		check_envelope(r, frame);
	golden_free(frame);
}

/* --- negative.jsonl, lenient.jsonl ---------------------------------------- */

/* Broker's error in words: "name: text". */
static bool
same_error(const char *want, unsigned ec, const char *text, size_t len)
{
	const char *name = mu_ec_name(ec);
	size_t n = strlen(name);

	return want != NULL && strncmp(want, name, n) == 0 &&
	       strncmp(want + n, ": ", 2) == 0 && strlen(want + n + 2) == len &&
	       memcmp(want + n + 2, text, len) == 0;
}

static void
judge_handshake(struct row *r, struct bytes bytes, bool accept)
{
	struct mu_handshake h;
	const char *text;
	unsigned ec;
	int rc =
	    mu_handshake_dec(&h, bytes.p, bytes.len, MAX_TOPICS, &ec, &text);

	golden_check(
	    r, "verdict", (rc == 0) == accept, "%s", muster_strerror(rc));
	if (rc == 0) {
		mu_handshake_clear(&h);
		return;
	}
	golden_check(r, "verdict",
	    ec == number(json_object_get(r->json, "code")) &&
		same_error(golden_string(r, "broker_error"), ec,
		    text != NULL ? text : h.text,
		    text != NULL ? strlen(text) : h.text_len),
	    "answered with %u %s", ec, text != NULL ? text : "(echo)");
}

static void
skip_value(struct mu_cursor *c)
{
	muster_value_unref(mu_value_dec(c));
}

static void
skip_span(struct mu_cursor *c)
{
	if (mu_cursor_u8(c) != 0)
		mu_cursor_u64(c);
}

static void
skip_entity(struct mu_cursor *c)
{
	mu_cursor_bytes(c, 24);
}

static void
skip_snapshot(struct mu_cursor *c)
{
	struct muster_value *t = muster_value_table();
	uint32_t n = mu_cursor_count(c, 2);

	while (n-- > 0 && c->error == 0) {
		struct muster_value *key = mu_value_dec(c);
		struct muster_value *v = mu_value_dec(c);

		if (muster_value_lookup(t, key) != NULL)
			mu_cursor_fail(c, MUSTER_EEXIST);
		if (c->error == 0) {
			muster_value_put(t, key, v);
		} else {
			muster_value_unref(key);
			muster_value_unref(v);
		}
	}
	muster_value_unref(t);
}

/* The content of a store command by its tag (reference 6.2): letters are
 * value, span, entity, byte, word, short, numbers, snapshot. */
static void
skip_content(struct mu_cursor *c, unsigned tag)
{
	static const char *const layouts[] = { "vvse", "vvsewe", "bewe", "ve",
		"ve", "vvbse", "vvse", "e", "wh", "w", "w", "n", "wht", "w" };

	if (tag >= sizeof layouts / sizeof layouts[0]) {
		mu_cursor_fail(c, MUSTER_EPROTO);
		return;
	}
	for (const char *p = layouts[tag]; *p != '\0'; p++) {
		switch (*p) {
		case 'v':
			skip_value(c);
			break;
		case 's':
			skip_span(c);
			break;
		case 'e':
			skip_entity(c);
			break;
		case 'b':
			mu_cursor_u8(c);
			break;
		case 'w':
			mu_cursor_u64(c);
			break;
		case 'h':
			mu_cursor_u16(c);
			break;
		case 'n':
			for (uint32_t n = mu_cursor_count(c, 8); n > 0; n--)
				mu_cursor_u64(c);
			break;
		case 't':
			skip_snapshot(c);
			break;
		}
	}
}

static bool
is_command(const struct mu_envelope *e)
{
	struct mu_cursor c = mu_cursor_over(e->payload, e->payload_len);

	mu_cursor_u64(&c);
	skip_entity(&c);
	skip_entity(&c);
	skip_content(&c, mu_cursor_u8(&c));
	return c.error == 0; /* bytes left over are fine */
}

static bool
is_data(const struct mu_envelope *e)
{
	struct muster_value *v;
	bool good = muster_value_dec(e->payload, e->payload_len, &v) == 0;

	if (good)
		muster_value_unref(v);
	return good && mu_value_check(e->payload, e->payload_len) == 0;
}

static const char *
type_name(enum mu_envelope_type type)
{
	static const char *const names[] = { "", "data", "command",
		"routing_update", "ping", "pong" };

	return names[type];
}

static void
judge_envelope(struct row *r, struct bytes bytes, bool accept)
{
	uint8_t *frame = calloc(1, bytes.len + 4);
	const char *decoded = golden_string(r, "decoded");
	struct mu_envelope e;
	bool good;

	memcpy(frame + 4, bytes.p, bytes.len);
	good = mu_envelope_view(frame, bytes.len + 4, &e) == 0;
	if (good && e.type == MU_DATA)
		good = is_data(&e);
	else if (good && e.type == MU_COMMAND)
		good = is_command(&e);
	golden_check(
	    r, "verdict", good == accept, "%s", good ? "accepted" : "refused");
	if (good && decoded != NULL)
		golden_check(r, "verdict",
		    strcmp(decoded, type_name(e.type)) == 0, "type %s",
		    type_name(e.type));
	free(frame);
}

static bool
is_ours(json_t *row)
{
	const char *kind = json_string_value(json_object_get(row, "kind"));

	return kind != NULL && (strcmp(kind, "handshake") == 0 ||
				   strcmp(kind, "envelope") == 0);
}

static void
check_input(struct row *r)
{
	struct bytes bytes = golden_hex(r, "bytes");
	const char *broker = golden_string(r, "broker");
	bool accept = broker != NULL && strcmp(broker, "accept") == 0;

	if (strcmp(golden_string(r, "kind"), "handshake") == 0)
		judge_handshake(r, bytes, accept);
	else
		judge_envelope(r, bytes, accept);
	golden_free(bytes);
}

int
main(int argc, char **argv)
{
	golden_init(argc, argv);
	golden_run("frames.jsonl", NULL, check_frame);
	golden_run("negative.jsonl", is_ours, check_input);
	golden_run("lenient.jsonl", is_ours, check_input);
	if (golden_is_own())
		golden_unused("frames.jsonl");
	return golden_finish();
}
