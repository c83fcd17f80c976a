/* The store protocol; see store.h. */
#include "store.h"

#include <stdio.h>
#include <string.h>

#define STRING    5    /* type tag of a value */
#define HEAD      57   /* of a command: place, sender, receiver, tag */
#define ACK_EVERY 1000 /* actions */
#define HEARTBEAT 5
#define UNDER_WAY 4 /* chunks */

enum {
	PUT = 0,
	ATTACH_WRITER = 8,
	KEEPALIVE = 9,
	CUMULATIVE_ACK = 10,
	NACK = 11,
	ACK_CLONE = 12,
	ATTACH = 65,
	ATTACHED = 66,
	WANT = 67,
	CHUNK = 68,
	RESULT = 69
};

void
store_key(char *key, uint64_t number)
{
	char text[40];

	/* scattered, each once: the factor is odd */
	snprintf(text, sizeof text, "k%031llu",
	    (unsigned long long)((number + 1) * UINT64_C(0x9e3779b97f4a7c15)));
	memcpy(key, text, STORE_KEY);
}

/* --- commands ----------------------------------------------------------------
 */

static size_t
head(const struct store *s, uint8_t *b, uint64_t seq, bool to, uint8_t tag)
{
	wire_put64(b, seq);
	memcpy(b + 8, s->me, STORE_ENTITY);
	if (to)
		memcpy(b + 32, s->master, STORE_ENTITY);
	else
		memset(b + 32, 0, STORE_ENTITY);
	b[HEAD - 1] = tag;
	return HEAD;
}

static void
send_command(struct store *s, const uint8_t *b, size_t len)
{
	wire_envelope(&s->peer->out, s->peer->id, s->peer->remote, WIRE_COMMAND,
	    s->to_master, b, len);
	peer_queued(s->peer);
}

static void
send_number(struct store *s, uint8_t tag, uint64_t number)
{
	uint8_t b[HEAD + 10];
	size_t n = head(s, b, 0, true, tag);

	wire_put64(b + n, number);
	n += 8;
	if (tag == ATTACH_WRITER) {
		b[n++] = 0;
		b[n++] = HEARTBEAT;
	}
	send_command(s, b, n);
}

static size_t
put_string(uint8_t *b, const void *text, size_t len)
{
	size_t n = 1;

	b[0] = STRING;
	n += wire_varbyte(b + n, (uint32_t)len);
	memcpy(b + n, text, len);
	return n + len;
}

static void
send_put(struct store *s, uint64_t number)
{
	static const char value[STORE_VALUE] = "a value of a hundred bytes";
	uint8_t b[HEAD + STORE_KEY + STORE_VALUE + 64];
	char key[STORE_KEY];
	size_t n = head(s, b, ++s->sent, true, PUT);

	store_key(key, number);
	n += put_string(b + n, key, sizeof key);
	n += put_string(b + n, value, sizeof value);
	b[n++] = 0; /* does not expire */
	memcpy(b + n, s->me, STORE_ENTITY);
	send_command(s, b, n + STORE_ENTITY);
}

/* after [len]: an encoded value, or NULL */
static void
send_want(struct store *s, const uint8_t *after, size_t len)
{
	uint8_t b[HEAD + 300];
	size_t n = head(s, b, 0, true, WANT);

	wire_put64(b + n, s->index);
	wire_put64(b + n + 8, 0); /* of any age */
	n += 16;
	b[n++] = UNDER_WAY;
	b[n++] = after == NULL; /* begin */
	b[n++] = after != NULL;
	if (after != NULL)
		memcpy(b + n, after, len);
	send_command(s, b, n + len);
}

static void
send_attach(struct store *s)
{
	uint8_t b[HEAD + 25];
	size_t n = head(s, b, 0, false, ATTACH);

	memset(b + n, 0, 25); /* nothing is known */
	send_command(s, b, n + 25);
}

static void
send_nack(struct store *s)
{
	uint8_t b[HEAD + 9];
	size_t n = head(s, b, 0, false, NACK);

	b[n] = 1;
	wire_put64(b + n + 1, 0);
	send_command(s, b, n + 9);
}

/* --- what comes --------------------------------------------------------------
 */

static bool
read_varbyte(const uint8_t **at, const uint8_t *end, uint64_t *v)
{
	*v = 0;
	for (unsigned shift = 0; *at < end && shift < 35; shift += 7) {
		uint8_t byte = *(*at)++;

		*v |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return true;
	}
	return false;
}

/* A string of ours; its encoding from *at on. */
static bool
skip_string(const uint8_t **at, const uint8_t *end, size_t want)
{
	uint64_t len;

	if (*at == end || *(*at)++ != STRING || !read_varbyte(at, end, &len) ||
	    len != want || len > (size_t)(end - *at))
		return false;
	*at += len;
	return true;
}

/* Count pairs; where the last key is. */
static bool
take_pairs(struct store *s, const uint8_t *at, const uint8_t *end,
    const uint8_t **key, size_t *key_len)
{
	const uint8_t *begin = at;
	uint64_t n;

	*key = NULL;
	if (!read_varbyte(&at, end, &n))
		return false;
	for (uint64_t i = 0; i < n; i++) {
		*key = at;
		if (!skip_string(&at, end, STORE_KEY))
			return false;
		*key_len = (size_t)(at - *key);
		if (!skip_string(&at, end, STORE_VALUE))
			return false;
	}
	s->pairs += n;
	s->bytes += (uint64_t)(at - begin);
	s->pieces++;
	return at == end;
}

static void
on_chunk(struct store *s, const uint8_t *b, const uint8_t *end)
{
	const uint8_t *key, *at = b + 18;
	size_t len = 0;

	if (!s->loading || end - b < 19 || wire_u64(b) != s->index)
		return;
	/* behind the key after which it begins, if there is one */
	if ((b[17] != 0 && !skip_string(&at, end, STORE_KEY)) ||
	    !take_pairs(s, at, end, &key, &len))
		s->why = "a chunk that cannot be read";
	s->index++;
	if ((b[16] & 1) != 0) {
		s->loading = false;
		s->whole = true;
	} else if (key != NULL) {
		send_want(s, key, len);
	}
}

static void
on_attached(struct store *s, const uint8_t *from, const uint8_t *b)
{
	if (s->attached)
		return;
	s->attached = true;
	memcpy(s->master, from, STORE_ENTITY);
	s->seen = s->told = wire_u64(b + 8);
	if (s->loading)
		send_want(s, NULL, 0);
	else
		send_number(s, CUMULATIVE_ACK, s->seen);
}

static void
on_ack_clone(
    struct store *s, const uint8_t *from, const uint8_t *b, const uint8_t *end)
{
	const uint8_t *key;
	size_t len;

	if (s->attached || end - b < 11)
		return;
	s->attached = true;
	memcpy(s->master, from, STORE_ENTITY);
	s->seen = s->told = wire_u64(b);
	if (!take_pairs(s, b + 10, end, &key, &len))
		s->why = "a snapshot that cannot be read";
	s->loading = false;
	s->whole = true;
	send_number(s, CUMULATIVE_ACK, s->seen);
}

static void
on_result(struct store *s, const uint8_t *b, const uint8_t *end)
{
	uint64_t upto = wire_u64(b), n;

	b += 24;
	if (!read_varbyte(&b, end, &n))
		s->why = "a result that cannot be read";
	s->failures += n;
	s->writer = true;
	if (upto > s->decided)
		s->decided = upto;
}

static void
on_action(struct store *s, uint64_t seq)
{
	if (seq > s->seen)
		s->seen = seq;
	if (s->seen - s->told < ACK_EVERY)
		return;
	s->told = s->seen;
	send_number(s, CUMULATIVE_ACK, s->seen);
}

static void
on_frame(struct peer *p, uint8_t *f, size_t len)
{
	struct store *s = p->owner;
	size_t topic = (size_t)f[WIRE_TOPIC - 2] << 8 | f[WIRE_TOPIC - 1];
	const uint8_t *b = f + WIRE_TOPIC + topic, *end = f + len;

	if (f[WIRE_TYPE] != WIRE_COMMAND || end - b < HEAD + 8 ||
	    topic != strlen(s->to_clones) ||
	    memcmp(f + WIRE_TOPIC, s->to_clones, topic) != 0)
		return;
	switch (b[HEAD - 1]) {
	case ATTACHED:
		if (memcmp(b + 32, s->me, STORE_ENTITY) == 0)
			on_attached(s, b + 8, b + HEAD);
		break;
	case ACK_CLONE:
		if (memcmp(b + 32, s->me, STORE_ENTITY) == 0)
			on_ack_clone(s, b + 8, b + HEAD, end);
		break;
	case CHUNK:
		on_chunk(s, b + HEAD, end);
		break;
	case RESULT:
		if (end - b >= HEAD + 25)
			on_result(s, b + HEAD, end);
		break;
	case CUMULATIVE_ACK:
		s->writer = true;
		break;
	default:
		if (b[HEAD - 1] < ATTACH_WRITER)
			on_action(s, wire_u64(b));
	}
}

/* --- a life ------------------------------------------------------------------
 */

static bool
wait_for(struct store *s, const bool *what, uint64_t end)
{
	while (!*what && s->why == NULL && now_ns() < end &&
	       s->peer->state == PEER_UP)
		net_turn(&s->net, 10 * MS);
	if (s->why == NULL && !*what)
		s->why = s->peer->state == PEER_UP ? "no answer"
						   : "the connection broke";
	return s->why == NULL;
}

bool
store_open(struct store *s, struct ssl_ctx_st *ctx, int port, const char *name,
    bool muster, bool copy, uint64_t ns)
{
	uint64_t end = now_ns() + ns;
	struct filter own = { .n = 0 };

	memset(s, 0, sizeof *s);
	snprintf(s->to_master, sizeof s->to_master, "%s/<$>/data/master", name);
	snprintf(s->to_clones, sizeof s->to_clones, "%s/<$>/data/clone", name);
	net_init(&s->net, ctx);
	filter_add(&own, s->to_clones);
	if (muster)
		filter_add(&own, "<$>/muster/store");
	s->peer = peer_open(&s->net, port, true, &own, ns);
	bytes_free(&own.enc);
	if (s->peer == NULL) {
		s->why = "no peering";
		return false;
	}
	s->peer->frame = on_frame;
	s->peer->owner = s;
	memcpy(s->me, s->peer->id, WIRE_ID);
	s->me[STORE_ENTITY - 1] = 1;
	s->loading = copy;
	if (muster)
		send_attach(s);
	else
		send_nack(s);
	return wait_for(s, copy ? &s->whole : &s->attached, end);
}

void
store_close(struct store *s)
{
	peer_free(s->peer);
	net_clear(&s->net);
}

uint64_t
store_puts(
    struct store *s, uint64_t number, uint64_t n, unsigned window, uint64_t ns)
{
	uint64_t end = now_ns() + ns, first;

	if (!s->writer) {
		s->sent = s->decided = 1; /* the first one is 2 */
		send_number(s, ATTACH_WRITER, s->sent);
		if (!wait_for(s, &s->writer, end))
			return 0;
	}
	first = s->decided;
	while (s->decided - first < n && s->why == NULL && now_ns() < end) {
		while (s->sent - s->decided < window && s->sent - first < n)
			send_put(s, number + (s->sent - first));
		net_turn(&s->net, 10 * MS);
		if (s->peer->state != PEER_UP)
			s->why = "the connection broke";
	}
	n = s->decided - first;
	/* What is under way would be counted next time. */
	end = now_ns() + 5 * SEC;
	while (s->decided < s->sent && s->why == NULL && now_ns() < end)
		net_turn(&s->net, 10 * MS);
	if (s->why == NULL && s->decided < s->sent)
		s->why = "a put was not confirmed";
	if (s->failures > 0)
		s->why = "a put failed";
	return n;
}
