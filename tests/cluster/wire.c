/* The native protocol for tests; see wire.h. */
#include "wire.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/uuid.h"
#include "muster/event.h"
#include "muster/value.h"

#define COMMAND_TAG 56 /* in a command of a store */
#define HEAD 37 /* of an envelope, before the topic */

enum { HELLO = 6, PROBE, VERSION_SELECT, DROP_CONN, SYN, SYN_ACK, ACK };

/* --- sockets --------------------------------------------------------- */

static int
open_socket(const char *host, const char *port, bool server)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = server ? AI_PASSIVE : 0 };
	struct addrinfo *list = NULL;
	int fd = -1, one = 1;

	if (getaddrinfo(host, port, &hints, &list) != 0)
		return -1;
	for (struct addrinfo *a = list; a != NULL && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, a->ai_socktype, 0);
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		if (fd >= 0 &&
		    (server ? bind(fd, a->ai_addr, a->ai_addrlen)
			    : connect(fd, a->ai_addr, a->ai_addrlen)) != 0) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	return fd;
}

static bool
start_tls(struct wire *w, const struct wire_tls *tls, char *why, size_t size)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	char group[] = "P-384"; /* the macro wants it writable */
	SSL *ssl;

	if (tls->anonymous) {
		SSL_CTX_set_cipher_list(ctx, "AECDH-AES256-SHA@SECLEVEL=0");
		SSL_CTX_set1_groups_list(ctx, group);
		SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
	} else if (tls->cert != NULL &&
		   (SSL_CTX_use_certificate_chain_file(ctx, tls->cert) != 1 ||
		       SSL_CTX_use_PrivateKey_file(
			   ctx, tls->key, SSL_FILETYPE_PEM) != 1)) {
		snprintf(why, size, "cannot use %s", tls->cert);
		return false;
	}
	/* We believe everybody: the other side is what is tested. */
	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	SSL_set_fd(ssl, w->fd);
	w->ssl = ssl;
	if ((w->server ? SSL_accept(ssl) : SSL_connect(ssl)) == 1)
		return true;
	ERR_error_string_n(ERR_get_error(), why, size);
	return false;
}

bool
wire_open(struct wire *w, const char *host, const char *port, bool server,
    const struct wire_tls *tls, char *why, size_t size)
{
	int fd = open_socket(host, port, server);

	w->server = server;
	if (fd >= 0 && server) {
		int from = -1;

		if (listen(fd, 4) == 0) {
			printf("listening\n");
			from = accept(fd, NULL, NULL);
		}
		close(fd);
		fd = from;
	}
	w->fd = fd;
	if (fd < 0) {
		snprintf(why, size, "%s", strerror(errno));
		return false;
	}
	return !tls->on || start_tls(w, tls, why, size);
}

void
wire_close(struct wire *w)
{
	if (w->ssl != NULL) {
		SSL_shutdown(w->ssl);
		SSL_free(w->ssl);
	}
	if (w->fd >= 0)
		close(w->fd);
	free(w->in);
}

bool
wire_send(struct wire *w, const void *p, size_t len)
{
	const uint8_t *at = p;

	while (len > 0) {
		int n = w->ssl != NULL
			    ? SSL_write(w->ssl, at,
				  len > 1 << 20 ? 1 << 20 : (int)len)
			    : (int)send(w->fd, at,
				  len > 1 << 20 ? 1 << 20 : len, MSG_NOSIGNAL);

		if (n <= 0) {
			w->closed = true;
			return false;
		}
		at += n;
		len -= (size_t)n;
	}
	return true;
}

static void
put32(uint8_t *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (24 - 8 * i));
}

bool
wire_frame(struct wire *w, const void *p, size_t len)
{
	uint8_t *whole = malloc(len + 4);
	bool ok;

	put32(whole, (uint32_t)len);
	memcpy(whole + 4, p, len);
	ok = wire_send(w, whole, len + 4);
	free(whole);
	return ok;
}

/* More input within ms; false: closed, or nothing came. */
static bool
read_more(struct wire *w, int ms)
{
	struct pollfd p = { .fd = w->fd, .events = POLLIN };
	int n;

	if (w->closed)
		return false;
	if (w->cap - w->len < 65536) {
		w->cap = w->cap * 2 + 65536;
		w->in = realloc(w->in, w->cap);
		if (w->in == NULL)
			abort();
	}
	if ((w->ssl == NULL || SSL_pending(w->ssl) == 0) &&
	    poll(&p, 1, ms) <= 0)
		return false;
	n = w->ssl != NULL
		? SSL_read(w->ssl, w->in + w->len, (int)(w->cap - w->len))
		: (int)recv(w->fd, w->in + w->len, w->cap - w->len, 0);
	if (n <= 0) {
		w->closed = true;
		return false;
	}
	w->len += (size_t)n;
	return true;
}

uint8_t *
wire_next(struct wire *w, size_t *len, int ms)
{
	uint8_t *frame;
	size_t size;

	for (;;) {
		if (w->len >= 4) {
			size = (size_t)w->in[0] << 24 | (size_t)w->in[1] << 16 |
			       (size_t)w->in[2] << 8 | w->in[3];
			if (w->len - 4 >= size)
				break;
		}
		if (!read_more(w, ms))
			return NULL;
	}
	frame = malloc(size + 1);
	memcpy(frame, w->in + 4, size);
	w->len -= size + 4;
	memmove(w->in, w->in + 4 + size, w->len);
	*len = size;
	return frame;
}

/* --- handshake ------------------------------------------------------- */

static size_t
put_varbyte(uint8_t *p, size_t v)
{
	size_t n = 0;

	while (v >= 0x80) {
		p[n++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	p[n++] = (uint8_t)v;
	return n;
}

static void
send_filter(struct wire *w, uint8_t tag)
{
	uint8_t out[65536];
	size_t n = 0;

	out[n++] = tag;
	n += put_varbyte(out + n, w->ntopics);
	for (size_t i = 0; i < w->ntopics; i++) {
		size_t len = strlen(w->topics[i]);

		n += put_varbyte(out + n, len);
		memcpy(out + n, w->topics[i], len);
		n += len;
	}
	wire_frame(w, out, n);
}

static void
send_hello(struct wire *w)
{
	uint8_t out[1 + 4 + ID + 2] = { HELLO };

	put32(out + 1, w->magic);
	memcpy(out + 5, w->id, ID);
	out[21] = out[22] = w->version;
	wire_frame(w, out, sizeof out);
}

static void
send_select(struct wire *w)
{
	uint8_t out[1 + 4 + ID + 1] = { VERSION_SELECT };

	put32(out + 1, w->magic);
	memcpy(out + 5, w->id, ID);
	out[21] = w->version;
	wire_frame(w, out, sizeof out);
}

void
wire_greet(struct wire *w)
{
	uint8_t out[5] = { PROBE };

	if (!w->server) {
		send_hello(w);
		return;
	}
	put32(out + 1, w->magic);
	wire_frame(w, out, sizeof out);
}

static void
print_id(const char *what, const uint8_t *id)
{
	char text[MU_UUID_TEXT];
	struct mu_uuid u;

	memcpy(u.bytes, id, ID);
	printf("%s %s\n", what, mu_uuid_format(&u, text));
}

static void
print_filter(const uint8_t *p, size_t len)
{
	size_t at = 0, n = 0, size;
	unsigned shift = 0;

	for (; at < len; shift += 7) {
		n |= (size_t)(p[at] & 0x7f) << shift;
		if (!(p[at++] & 0x80))
			break;
	}
	printf("filter");
	for (size_t i = 0; i < n && at < len; i++) {
		for (size = 0, shift = 0; at < len; shift += 7) {
			size |= (size_t)(p[at] & 0x7f) << shift;
			if (!(p[at++] & 0x80))
				break;
		}
		printf(" %.*s", (int)(size > len - at ? len - at : size),
		    (const char *)p + at);
		at += size;
	}
	printf("\n");
}

/* One message; 1: done, -1: failed, 0: go on. */
static int
on_handshake(struct wire *w, const uint8_t *f, size_t len)
{
	static const uint8_t ack = ACK;

	switch (len > 0 ? f[0] : 0) {
	case PROBE:
		printf("probe\n");
		return 0;
	case HELLO:
		if (len < 23)
			return -1;
		memcpy(w->peer, f + 5, ID);
		print_id("hello", w->peer);
		if (memcmp(w->id, w->peer, ID) >= 0) {
			send_hello(w);
			return 0;
		}
		send_select(w);
		send_filter(w, SYN);
		return 0;
	case VERSION_SELECT:
		if (len < 22)
			return -1;
		memcpy(w->peer, f + 5, ID);
		print_id("version_select", w->peer);
		return 0;
	case SYN:
		print_filter(f + 1, len - 1);
		send_filter(w, SYN_ACK);
		return 0;
	case SYN_ACK:
		print_filter(f + 1, len - 1);
		wire_frame(w, &ack, 1);
		return 1;
	case ACK:
		return 1;
	case DROP_CONN:
		printf("drop_conn %u %.*s\n", len > 21 ? f[21] : 0,
		    len > 23 ? (int)(len - 23) : 0, (const char *)f + 23);
		return -1;
	default:
		printf("strange message %u\n", len > 0 ? f[0] : 0);
		return -1;
	}
}

bool
wire_handshake(struct wire *w, int ms)
{
	int r = 0;

	wire_greet(w);
	while (r == 0) {
		size_t len;
		uint8_t *f = wire_next(w, &len, ms);

		if (f == NULL) {
			printf("%s\n", w->closed ? "closed" : "silence");
			return false;
		}
		r = on_handshake(w, f, len);
		free(f);
	}
	if (r > 0)
		print_id("up", w->peer);
	return r > 0;
}

/* --- envelopes ------------------------------------------------------- */

bool
wire_envelope(struct wire *w, uint8_t type, const char *topic,
    const void *payload, size_t len, bool to_peer)
{
	size_t tlen = strlen(topic);
	uint8_t *out = calloc(1, HEAD + tlen + len + 1);
	bool ok;

	memcpy(out, w->id, ID);
	if (to_peer)
		memcpy(out + ID, w->peer, ID);
	out[32] = type;
	out[34] = 16;
	out[35] = (uint8_t)(tlen >> 8);
	out[36] = (uint8_t)tlen;
	memcpy(out + HEAD, topic, tlen);
	if (len > 0)
		memcpy(out + HEAD + tlen, payload, len);
	ok = wire_frame(w, out, HEAD + tlen + len);
	free(out);
	return ok;
}

bool
wire_data(struct wire *w, const char *topic, const void *payload, size_t len,
    bool to_peer)
{
	return wire_envelope(w, 1, topic, payload, len, to_peer);
}

static void
print_data(const char *topic, const uint8_t *payload, size_t len, char **event)
{
	struct muster_value *v = NULL;
	const struct muster_value *shown;
	size_t text_len, name_len = 0;
	const char *name = "-";
	char *text = NULL;

	if (muster_value_dec(payload, len, &v) != 0) {
		printf("data %s malformed\n", topic);
		return;
	}
	shown = v;
	if (muster_message_kind(v) == MUSTER_MESSAGE_EVENT) {
		name = muster_event_name(v, &name_len);
		shown = muster_event_args(v);
		*event = strndup(name, name_len);
	}
	if (muster_value_to_text(shown, &text, &text_len) == 0)
		printf("data %s %s %.*s\n", topic, name, (int)text_len, text);
	free(text);
	muster_value_unref(v);
}

char *
wire_show(struct wire *w, const uint8_t *f, size_t len, char **event)
{
	size_t tlen = len < HEAD ? 0 : (size_t)f[35] << 8 | f[36];
	char *topic;

	*event = NULL;
	if (len < HEAD + tlen) {
		printf("short frame of %zu bytes\n", len);
		return NULL;
	}
	topic = strndup((const char *)f + HEAD, tlen);
	f += HEAD + tlen;
	len -= HEAD + tlen;
	switch (f[-(ptrdiff_t)(HEAD + tlen) + 32]) {
	case 1:
		print_data(topic, f, len, event);
		return topic;
	case 2:
		printf("command %s tag %d\n", topic,
		    len > COMMAND_TAG ? f[COMMAND_TAG] : -1);
		break;
	case 3:
		print_filter(f, len);
		break;
	case 4:
		if (len == 11 && memcmp(f, "BYE", 3) == 0)
			printf("bye\n");
		else
			printf("ping\n");
		wire_envelope(w, 5, topic, f, len, true);
		break;
	case 5:
		printf("pong\n");
		break;
	}
	free(topic);
	return NULL;
}
