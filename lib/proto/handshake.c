/*
 * Messages of phases 1 and 2.  The order of checks and the texts are Broker's:
 * its peers see the same answer from us.
 */
#include "proto/handshake.h"

#include <string.h>

#include "base/cursor.h"
#include "muster/err.h"
#include "topic/filter.h"

const char *
mu_ec_name(unsigned code)
{
	static const char *const names[] = { "none", "unspecified",
		"peer_incompatible", "peer_invalid", "peer_unavailable",
		"peer_disconnect_during_handshake", "peer_timeout",
		"master_exists", "no_such_master", "no_such_key",
		"request_timeout", "type_clash", "invalid_data",
		"backend_failure", "stale_data", "cannot_open_file",
		"cannot_write_file", "invalid_topic_key", "end_of_file",
		"invalid_tag", "invalid_message", "invalid_status",
		"conversion_failed", "consumer_exists", "connection_timeout",
		"bad_member_function_call", "repeated_request_id",
		"broken_clone", "shutting_down", "invalid_peering_request",
		"repeated_peering_handshake_request",
		"unexpected_handshake_message", "invalid_handshake_state",
		"no_path_to_peer", "no_connector_available",
		"cannot_open_resource", "serialization_failed",
		"deserialization_failed", "wrong_magic_number",
		"redundant_connection", "logic_error", "invalid_json" };

	if (code >= sizeof names / sizeof names[0])
		return "unknown";
	return names[code];
}

/* --- filters -------------------------------------------------------------- */

void
mu_filter_enc(struct mu_buf *b, const struct muster_filter *f)
{
	size_t n = muster_filter_size(f);

	mu_buf_varbyte(b, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		size_t len;
		const char *p = muster_filter_at(f, i, &len);

		mu_buf_varbyte(b, (uint32_t)len);
		mu_buf_put(b, p, len);
	}
}

struct muster_filter *
mu_filter_dec(struct mu_cursor *c, size_t max_topics)
{
	uint32_t n = mu_cursor_count(c, 1);
	struct muster_filter *f;

	if (n > max_topics)
		mu_cursor_fail(c, MUSTER_ELIMIT);
	if (c->error != 0)
		return NULL;
	f = muster_filter_new();
	if (f == NULL) {
		mu_cursor_fail(c, MUSTER_ENOMEM);
		return NULL;
	}
	while (n-- > 0 && c->error == 0) {
		size_t len;
		const uint8_t *p = mu_cursor_str(c, &len);
		int rc;

		if (c->error != 0)
			break;
		rc = mu_filter_append(f, (const char *)p, len);
		if (rc != 0)
			mu_cursor_fail(c, rc);
	}
	if (c->error != 0) {
		muster_filter_free(f);
		return NULL;
	}
	mu_filter_normalize(f);
	return f;
}

/* --- reading -------------------------------------------------------------- */

struct verdict {
	int rc; /* what mu_handshake_dec returns */
	unsigned ec;
	const char *text;
};

static const struct verdict good = { 0, MU_EC_NONE, NULL };
static const struct verdict no_memory = { MUSTER_ENOMEM, MU_EC_UNSPECIFIED,
	"out of memory" };

static struct verdict
invalid(const char *text)
{
	return (struct verdict){ MUSTER_EPROTO, MU_EC_INVALID_MESSAGE, text };
}

static void
read_uuid(struct mu_cursor *c, struct mu_uuid *id)
{
	const uint8_t *p = mu_cursor_bytes(c, sizeof id->bytes);

	if (p != NULL)
		memcpy(id->bytes, p, sizeof id->bytes);
}

static struct verdict
check_magic(uint32_t magic)
{
	if (magic == MU_MAGIC)
		return good;
	return (struct verdict){ MUSTER_EPROTO, MU_EC_WRONG_MAGIC,
		"wrong magic number" };
}

static struct verdict
read_probe(struct mu_handshake *h, struct mu_cursor *c)
{
	uint32_t magic = mu_cursor_u32(c);

	(void)h;
	if (c->error != 0)
		return invalid("failed to parse probe_msg");
	return check_magic(magic);
}

static struct verdict
read_hello(struct mu_handshake *h, struct mu_cursor *c)
{
	uint32_t magic = mu_cursor_u32(c);

	read_uuid(c, &h->sender);
	h->min_version = mu_cursor_u8(c);
	h->max_version = mu_cursor_u8(c);
	if (c->error != 0)
		return invalid("failed to parse hello_msg");
	if (magic != MU_MAGIC)
		return check_magic(magic);
	if (h->min_version > MU_PROTOCOL_VERSION ||
	    h->max_version < MU_PROTOCOL_VERSION)
		return (struct verdict){ MUSTER_EVERSION,
			MU_EC_PEER_INCOMPATIBLE,
			"unsupported versions offered" };
	return good;
}

static struct verdict
read_version_select(struct mu_handshake *h, struct mu_cursor *c)
{
	uint32_t magic = mu_cursor_u32(c);

	read_uuid(c, &h->sender);
	h->version = mu_cursor_u8(c);
	if (c->error != 0)
		return invalid("failed to parse version_select_msg");
	if (magic != MU_MAGIC)
		return check_magic(magic);
	if (h->version != MU_PROTOCOL_VERSION)
		return (struct verdict){ MUSTER_EVERSION,
			MU_EC_PEER_INCOMPATIBLE,
			"unsupported version selected" };
	return good;
}

static struct verdict
read_drop_conn(struct mu_handshake *h, struct mu_cursor *c)
{
	uint32_t magic = mu_cursor_u32(c);

	read_uuid(c, &h->sender);
	h->code = mu_cursor_u8(c);
	h->text = (const char *)mu_cursor_str(c, &h->text_len);
	if (c->error != 0)
		return invalid("failed to parse drop_conn_msg");
	if (magic != MU_MAGIC)
		return check_magic(magic);
	/* Broker answers a code it has no name for with "unspecified" and the
	 * description it was given. */
	if (h->code > MU_EC_LOGIC_ERROR)
		return (
		    struct verdict){ MUSTER_EPROTO, MU_EC_UNSPECIFIED, NULL };
	return good;
}

static struct verdict
read_filter(struct mu_handshake *h, struct mu_cursor *c, size_t max_topics,
    const char *failed)
{
	h->filter = mu_filter_dec(c, max_topics);
	if (h->filter != NULL)
		return good;
	if (c->error == MUSTER_ENOMEM)
		return no_memory;
	if (c->error == MUSTER_ELIMIT)
		return (struct verdict){ MUSTER_ELIMIT, MU_EC_INVALID_MESSAGE,
			"filter exceeds the limits of this endpoint" };
	return invalid(failed);
}

static struct verdict
read_message(struct mu_handshake *h, struct mu_cursor *c, size_t max_topics)
{
	uint8_t tag = mu_cursor_u8(c);

	h->tag = (enum mu_handshake_tag)tag;
	switch (tag) {
	case MU_HELLO:
		return read_hello(h, c);
	case MU_PROBE:
		return read_probe(h, c);
	case MU_VERSION_SELECT:
		return read_version_select(h, c);
	case MU_DROP_CONN:
		return read_drop_conn(h, c);
	case MU_ORIGINATOR_SYN:
		return read_filter(
		    h, c, max_topics, "failed to parse v1::originator_syn_msg");
	case MU_RESPONDER_SYN_ACK:
		return read_filter(h, c, max_topics,
		    "failed to parse v1::responder_syn_ack_msg");
	case MU_ORIGINATOR_ACK:
		return good;
	default:
		return invalid("invalid message type tag");
	}
}

int
mu_handshake_dec(struct mu_handshake *h, const uint8_t *buf, size_t len,
    size_t max_topics, unsigned *ec, const char **text)
{
	struct mu_cursor c = mu_cursor_over(buf, len);
	struct verdict v;

	memset(h, 0, sizeof *h);
	v = read_message(h, &c, max_topics);
	*ec = v.ec;
	*text = v.text;
	return v.rc;
}

void
mu_handshake_clear(struct mu_handshake *h)
{
	muster_filter_free(h->filter);
	h->filter = NULL;
}

/* --- writing -------------------------------------------------------------- */

static void
put_uuid(struct mu_buf *b, const struct mu_uuid *id)
{
	mu_buf_put(b, id->bytes, sizeof id->bytes);
}

static void
put_message(struct mu_buf *b, const struct mu_handshake *h)
{
	mu_buf_u8(b, (uint8_t)h->tag);
	switch (h->tag) {
	case MU_HELLO:
		mu_buf_u32(b, MU_MAGIC);
		put_uuid(b, &h->sender);
		mu_buf_u8(b, h->min_version);
		mu_buf_u8(b, h->max_version);
		break;
	case MU_PROBE:
		mu_buf_u32(b, MU_MAGIC);
		break;
	case MU_VERSION_SELECT:
		mu_buf_u32(b, MU_MAGIC);
		put_uuid(b, &h->sender);
		mu_buf_u8(b, h->version);
		break;
	case MU_DROP_CONN:
		mu_buf_u32(b, MU_MAGIC);
		put_uuid(b, &h->sender);
		mu_buf_u8(b, h->code);
		mu_buf_varbyte(b, (uint32_t)h->text_len);
		mu_buf_put(b, h->text, h->text_len);
		break;
	case MU_ORIGINATOR_SYN:
	case MU_RESPONDER_SYN_ACK:
		mu_filter_enc(b, h->filter);
		break;
	case MU_ORIGINATOR_ACK:
		break;
	}
}

/* A frame has begun at start with an unknown length: write it. */
static void
patch_length(struct mu_buf *b, size_t start)
{
	size_t len;
	uint8_t *p;

	if (mu_buf_error(b) != 0)
		return;
	len = mu_buf_len(b) - start - 4;
	p = mu_buf_data(b) + start;
	p[0] = (uint8_t)(len >> 24);
	p[1] = (uint8_t)(len >> 16);
	p[2] = (uint8_t)(len >> 8);
	p[3] = (uint8_t)len;
}

void
mu_handshake_enc(struct mu_buf *b, const struct mu_handshake *h)
{
	size_t start = mu_buf_len(b);

	mu_buf_u32(b, 0);
	put_message(b, h);
	patch_length(b, start);
}

void
mu_handshake_enc_filter(
    struct mu_buf *b, enum mu_handshake_tag tag, const struct muster_filter *f)
{
	size_t start = mu_buf_len(b);

	mu_buf_u32(b, 0);
	mu_buf_u8(b, (uint8_t)tag);
	mu_filter_enc(b, f);
	patch_length(b, start);
}
