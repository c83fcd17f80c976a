/*
 * Phases 1 and 2: the table of reference 2.3 as a table.  A message that has
 * no row for the phase closes the connection without a word; one that cannot
 * be read is answered with drop_conn.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "muster/err.h"
#include "proto/peer_impl.h"
#include "topic/filter.h"

/* --- sending -------------------------------------------------------------- */

static void
send_message(struct mu_peer *p, enum mu_handshake_tag tag)
{
	struct mu_handshake h = {
		.tag = tag,
		.sender = p->cfg.table->self,
		.min_version = MU_PROTOCOL_VERSION,
		.max_version = MU_PROTOCOL_VERSION,
		.version = MU_PROTOCOL_VERSION,
	};

	mu_handshake_enc(&p->out, &h);
}

/* Our filter as it is now; changes from here on need an announcement. */
static void
send_filter(struct mu_peer *p, enum mu_handshake_tag tag)
{
	mu_handshake_enc_filter(&p->out, tag, p->cfg.filter);
	p->filter_sent = true;
}

void
mu_peer_send_drop(struct mu_peer *p, unsigned ec, const char *text, size_t len)
{
	struct mu_handshake h = {
		.tag = MU_DROP_CONN,
		.sender = p->cfg.table->self,
		.code = (uint8_t)ec,
		.text = text,
		.text_len = len,
	};

	mu_handshake_enc(&p->out, &h);
}

/* Refuse: drop_conn with code and text, and the end. */
static void
refuse(struct mu_peer *p, enum mu_peer_reason reason, unsigned ec,
    const char *text)
{
	mu_peer_send_drop(p, ec, text, strlen(text));
	mu_peer_finish(p, reason, ec, "%s", text);
}

void
mu_peer_open(struct mu_peer *p)
{
	if (p->role == MU_PEER_DIALED) {
		p->phase = PHASE_C_HELLO;
		send_message(p, MU_HELLO);
	} else {
		p->phase = PHASE_S_HELLO;
		send_message(p, MU_PROBE);
	}
}

/* --- actions -------------------------------------------------------------- */

static void
ignore(struct mu_peer *p, struct mu_handshake *h)
{
	(void)p;
	(void)h;
}

void
mu_peer_proceed(struct mu_peer *p)
{
	send_message(p, MU_VERSION_SELECT);
	send_filter(p, MU_ORIGINATOR_SYN);
	p->phase = PHASE_AWAIT_SYN_ACK;
}

/* The id is ours.  Broker would go on; we know better (reference 2.3, end). */
static void
met_ourselves(struct mu_peer *p)
{
	char id[MU_UUID_TEXT];

	mu_uuid_format(&p->cfg.table->self, id);
	if (p->role == MU_PEER_DIALED) {
		mu_peer_finish(p, MU_PEER_SELF, 0,
		    "connected to our own endpoint id %s", id);
		return;
	}
	/* So that a dialler that is us learns it as well. */
	send_message(p, MU_HELLO);
	mu_peer_finish(
	    p, MU_PEER_PROTOCOL, 0, "the peer uses our own endpoint id %s", id);
}

static bool
usable_id(struct mu_peer *p, const struct mu_uuid *id)
{
	if (mu_uuid_is_nil(id)) {
		/* Nil means everybody: Broker accepts it and is confused. */
		refuse(p, MU_PEER_PROTOCOL, MU_EC_INVALID_MESSAGE,
		    "nil endpoint id");
		return false;
	}
	if (mu_uuid_eq(id, &p->cfg.table->self)) {
		met_ourselves(p);
		return false;
	}
	return true;
}

/* A of reference 2.3. */
static void
on_hello(struct mu_peer *p, struct mu_handshake *h)
{
	if (!usable_id(p, &h->sender))
		return;
	p->id = h->sender;
	if (mu_uuid_cmp(&p->cfg.table->self, &p->id) > 0) {
		send_message(p, MU_HELLO);
		p->phase = PHASE_AWAIT_VSELECT;
		return;
	}
	p->originator = true;
	switch (mu_peer_table_claim(p)) {
	case CLAIM_GRANTED:
		mu_peer_proceed(p);
		break;
	case CLAIM_BUSY:
		p->phase = PHASE_PARKED;
		mu_peer_table_park(p);
		break;
	case CLAIM_TAKEN:
		refuse(p, MU_PEER_DUPLICATE, MU_EC_REDUNDANT,
		    "redundant connection");
		break;
	case CLAIM_CLOSED:
		refuse(
		    p, MU_PEER_CLOSING, MU_EC_SHUTTING_DOWN, "shutting down");
		break;
	}
}

/* B of reference 2.3. */
static void
on_version_select(struct mu_peer *p, struct mu_handshake *h)
{
	static const char taken[] =
	    "detected redundant connection at the responder";

	if (!usable_id(p, &h->sender))
		return;
	if (p->phase == PHASE_AWAIT_VSELECT &&
	    !mu_uuid_eq(&p->id, &h->sender)) {
		mu_peer_finish(p, MU_PEER_PROTOCOL, 0,
		    "version_select from another id than hello");
		return;
	}
	p->id = h->sender;
	p->originator = false;
	switch (mu_peer_table_claim(p)) {
	case CLAIM_GRANTED:
		p->phase = PHASE_AWAIT_SYN;
		break;
	case CLAIM_BUSY:
		/* Not a success: the other one may still fail. */
		refuse(p, MU_PEER_REFUSED, MU_EC_LOGIC_ERROR, taken);
		break;
	case CLAIM_TAKEN:
		refuse(p, MU_PEER_DUPLICATE, MU_EC_LOGIC_ERROR, taken);
		break;
	case CLAIM_CLOSED:
		refuse(
		    p, MU_PEER_CLOSING, MU_EC_SHUTTING_DOWN, "shutting down");
		break;
	}
}

static void
on_syn(struct mu_peer *p, struct mu_handshake *h)
{
	p->filter = h->filter;
	h->filter = NULL;
	send_filter(p, MU_RESPONDER_SYN_ACK);
	p->phase = PHASE_AWAIT_ACK;
}

static void
on_syn_ack(struct mu_peer *p, struct mu_handshake *h)
{
	p->filter = h->filter;
	h->filter = NULL;
	send_message(p, MU_ORIGINATOR_ACK);
	mu_peer_complete(p);
}

static void
on_ack(struct mu_peer *p, struct mu_handshake *h)
{
	(void)h;
	mu_peer_complete(p);
}

static void
refused(struct mu_peer *p, const struct mu_handshake *h)
{
	char text[128];

	mu_text_printable(h->text, h->text_len, text, sizeof text);
	mu_peer_finish(p, MU_PEER_REFUSED, h->code,
	    "the peer refused: %s (%u)%s%s", mu_ec_name(h->code),
	    (unsigned)h->code, h->text_len > 0 ? ": " : "", text);
}

/* D of reference 2.3. */
static void
on_drop(struct mu_peer *p, struct mu_handshake *h)
{
	if (h->code == MU_EC_REDUNDANT && mu_peer_table_held(p, &h->sender)) {
		p->id = h->sender;
		mu_peer_finish(p, MU_PEER_DUPLICATE, h->code,
		    "the peer prefers another connection with us");
		return;
	}
	refused(p, h);
}

/* Too late for D: closes like any message in the wrong phase, but why the
 * peer left is worth knowing. */
static void
on_late_drop(struct mu_peer *p, struct mu_handshake *h)
{
	refused(p, h);
}

/* --- the table ------------------------------------------------------------ */

typedef void (*action)(struct mu_peer *p, struct mu_handshake *h);

struct rule {
	enum phase phase;
	enum mu_handshake_tag message;
	action action; /* sets the next phase */
};

/* clang-format off */
static const struct rule rules[] = {
	/* phase                message               action */
	{ PHASE_C_HELLO,        MU_PROBE,             ignore },
	{ PHASE_C_HELLO,        MU_HELLO,             on_hello },
	{ PHASE_C_HELLO,        MU_VERSION_SELECT,    on_version_select },
	{ PHASE_C_HELLO,        MU_DROP_CONN,         on_drop },
	{ PHASE_S_HELLO,        MU_PROBE,             ignore },
	{ PHASE_S_HELLO,        MU_HELLO,             on_hello },
	{ PHASE_S_HELLO,        MU_DROP_CONN,         on_drop },
	{ PHASE_AWAIT_VSELECT,  MU_PROBE,             ignore },
	{ PHASE_AWAIT_VSELECT,  MU_VERSION_SELECT,    on_version_select },
	{ PHASE_AWAIT_VSELECT,  MU_DROP_CONN,         on_drop },
	{ PHASE_PARKED,         MU_PROBE,             ignore },
	{ PHASE_PARKED,         MU_DROP_CONN,         on_drop },
	{ PHASE_AWAIT_SYN,      MU_ORIGINATOR_SYN,    on_syn },
	{ PHASE_AWAIT_SYN,      MU_DROP_CONN,         on_late_drop },
	{ PHASE_AWAIT_SYN_ACK,  MU_RESPONDER_SYN_ACK, on_syn_ack },
	{ PHASE_AWAIT_SYN_ACK,  MU_DROP_CONN,         on_late_drop },
	{ PHASE_AWAIT_ACK,      MU_ORIGINATOR_ACK,    on_ack },
	{ PHASE_AWAIT_ACK,      MU_DROP_CONN,         on_late_drop },
};
/* clang-format on */

static const char *
message_name(enum mu_handshake_tag tag)
{
	static const char *const names[] = { "hello", "probe", "version_select",
		"drop_conn", "originator_syn", "responder_syn_ack",
		"originator_ack" };

	return names[tag - MU_HELLO];
}

static void
dispatch(struct mu_peer *p, struct mu_handshake *h)
{
	for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
		if (rules[i].phase == p->phase && rules[i].message == h->tag) {
			rules[i].action(p, h);
			return;
		}
	}
	mu_peer_finish(p, MU_PEER_PROTOCOL, 0, "unexpected %s in the handshake",
	    message_name(h->tag));
}

/* What cannot be read is answered with Broker's code and words. */
static void
reject(struct mu_peer *p, const struct mu_handshake *h, int rc, unsigned ec,
    const char *text)
{
	char echo[128];

	if (rc == MUSTER_ENOMEM) {
		mu_peer_finish(p, MU_PEER_NOMEM, 0, "out of memory");
		return;
	}
	if (text == NULL) {
		mu_peer_send_drop(p, ec, h->text, h->text_len);
		mu_text_printable(h->text, h->text_len, echo, sizeof echo);
		mu_peer_finish(p, MU_PEER_PROTOCOL, ec,
		    "drop_conn with unknown code %u: %s", (unsigned)h->code,
		    echo);
		return;
	}
	refuse(p,
	    rc == MUSTER_EVERSION ? MU_PEER_VERSION
	    : rc == MUSTER_ELIMIT ? MU_PEER_LIMIT
				  : MU_PEER_PROTOCOL,
	    ec, text);
}

void
mu_peer_handshake_frame(struct mu_peer *p, const uint8_t *payload, size_t len)
{
	struct mu_handshake h;
	const char *text;
	unsigned ec;
	int rc;

	if (len == 0) {
		mu_peer_finish(
		    p, MU_PEER_PROTOCOL, 0, "empty frame in the handshake");
		return;
	}
	rc = mu_handshake_dec(&h, payload, len, p->cfg.max_topics, &ec, &text);
	if (rc != 0) {
		reject(p, &h, rc, ec, text);
		return;
	}
	dispatch(p, &h);
	mu_handshake_clear(&h);
}
