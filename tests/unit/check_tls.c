/*
 * TLS sessions joined by memory: who understands whom, who is refused and
 * what the operator reads then.
 */
#include <check.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "muster/err.h"
#include "scratch.h"
#include "tls/tls.h"

static char err[512];

/* --- certificates -------------------------------------------------------- */

static void
issue(const char *name, const char *ca, int start_days, int days)
{
	struct mu_tls_issue what = { "lab", name, NULL, 0, days, start_days };
	char cert[64], key[64], ca_cert[64], ca_key[64];

	snprintf(cert, sizeof cert, "%s.pem", name);
	snprintf(key, sizeof key, "%s.key", name);
	snprintf(ca_cert, sizeof ca_cert, "%s.pem", ca);
	snprintf(ca_key, sizeof ca_key, "%s.key", ca);
	ck_assert_msg(mu_tls_issue(&what, scratch(ca_cert), scratch(ca_key),
	                  scratch(cert), scratch(key), false, err,
	                  sizeof err) == 0,
	    "%s", err);
}

static void
setup(void)
{
	scratch_open();
	ck_assert_int_eq(mu_tls_ca_create("lab", 100, scratch("ca.pem"),
	                     scratch("ca.key"), err, sizeof err), 0);
	ck_assert_int_eq(mu_tls_ca_create("other", 100, scratch("other.pem"),
	                     scratch("other.key"), err, sizeof err), 0);
	issue("manager", "ca", 0, 10);
	issue("worker-1", "ca", 0, 10);
	issue("stranger", "other", 0, 10);
	issue("expired", "ca", 0, -3);
	issue("early", "ca", 5, 10);
}

static struct mu_tls *
authenticated(const char *name)
{
	char cert[64], key[64];
	struct mu_tls *t = NULL;

	snprintf(cert, sizeof cert, "%s.pem", name);
	snprintf(key, sizeof key, "%s.key", name);
	struct mu_tls_files files = { scratch("ca.pem"), scratch(cert),
		scratch(key), NULL };
	ck_assert_msg(mu_tls_new(&files, &t, err, sizeof err) == 0, "%s", err);
	return t;
}

static struct mu_tls *
anonymous(void)
{
	struct mu_tls *t = NULL;

	ck_assert_msg(mu_tls_new_anonymous(&t, err, sizeof err) == 0, "%s",
	    err);
	return t;
}

/* A peer that is not ours: checks nothing, shows what it is told to. */
static SSL *
foreign(const char *name, bool server)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	char file[64];
	SSL *ssl;

	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	if (name != NULL) {
		snprintf(file, sizeof file, "%s.pem", name);
		ck_assert_int_eq(SSL_CTX_use_certificate_file(ctx,
		                     scratch(file), SSL_FILETYPE_PEM), 1);
		snprintf(file, sizeof file, "%s.key", name);
		ck_assert_int_eq(SSL_CTX_use_PrivateKey_file(ctx,
		                     scratch(file), SSL_FILETYPE_PEM), 1);
	}
	ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	if (server)
		SSL_set_accept_state(ssl);
	else
		SSL_set_connect_state(ssl);
	return ssl;
}

/* --- two sessions and the memory between them ---------------------------- */

struct end {
	SSL *ssl;       /* owned */
	bool failed;    /* an error that is not "want" */
	char text[512]; /* what mu_tls_error said of it */
	size_t got;     /* bytes read after the handshake */
};

static void
join(struct end *a, SSL *ssl_a, struct end *b, SSL *ssl_b)
{
	BIO *x, *y;

	memset(a, 0, sizeof *a);
	memset(b, 0, sizeof *b);
	a->ssl = ssl_a;
	b->ssl = ssl_b;
	ck_assert_int_eq(BIO_new_bio_pair(&x, 1 << 17, &y, 1 << 17), 1);
	SSL_set_bio(ssl_a, x, x);
	SSL_set_bio(ssl_b, y, y);
}

static void
step(struct end *e)
{
	char byte[64];
	int r, code;

	if (e->failed)
		return;
	ERR_clear_error();
	r = SSL_read(e->ssl, byte, sizeof byte);
	if (r > 0) {
		e->got += (size_t)r;
		return;
	}
	code = SSL_get_error(e->ssl, r);
	if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE)
		return;
	e->failed = true;
	mu_tls_error(e->ssl, code, e->text, sizeof e->text);
}

/* Enough turns for any handshake and the alerts after it. */
static void
run(struct end *client, struct end *server)
{
	for (int i = 0; i < 12; i++) {
		step(client);
		step(server);
	}
}

static void
part(struct end *a, struct end *b)
{
	SSL_free(a->ssl);
	SSL_free(b->ssl);
}

static bool
is_up(const struct end *e)
{
	return !e->failed && SSL_is_init_finished(e->ssl);
}

/* --- both modes ---------------------------------------------------------- */

START_TEST(authenticated_peers_meet)
{
	struct mu_tls *m = authenticated("manager");
	struct mu_tls *w = authenticated("worker-1");
	struct end c, s;
	char names[128];

	join(&c, mu_tls_session(w, false), &s, mu_tls_session(m, true));
	run(&c, &s);
	ck_assert_msg(is_up(&c) && is_up(&s), "%s / %s", c.text, s.text);
	ck_assert_int_eq(SSL_version(c.ssl), TLS1_3_VERSION);
	ck_assert(mu_tls_peer_has_name(s.ssl, "worker-1"));
	ck_assert(mu_tls_peer_has_name(c.ssl, "manager"));
	ck_assert(!mu_tls_peer_has_name(s.ssl, "worker-10"));
	ck_assert(!mu_tls_peer_has_name(s.ssl, "worker-"));
	ck_assert(!mu_tls_peer_has_name(s.ssl, ""));
	ck_assert_str_eq(mu_tls_peer_names(s.ssl, names, sizeof names),
	    "worker-1");
	ck_assert(!mu_tls_is_anonymous(m));
	part(&c, &s);
	mu_tls_unref(m);
	mu_tls_unref(w);
}
END_TEST

START_TEST(tls12_with_certificates_is_enough)
{
	struct mu_tls *m = authenticated("manager");
	SSL *ssl = foreign("worker-1", false);
	struct end c, s;

	SSL_set_max_proto_version(ssl, TLS1_2_VERSION);
	join(&c, ssl, &s, mu_tls_session(m, true));
	run(&c, &s);
	ck_assert_msg(is_up(&c) && is_up(&s), "%s / %s", c.text, s.text);
	ck_assert_int_eq(SSL_version(s.ssl), TLS1_2_VERSION);
	part(&c, &s);
	mu_tls_unref(m);
}
END_TEST

static void
assert_anonymous_suite(SSL *ssl)
{
	ck_assert_str_eq(SSL_get_cipher_name(ssl), "AECDH-AES256-SHA");
	ck_assert_int_eq(SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(
	                     ssl)), 0xc019);
	ck_assert_int_eq(SSL_version(ssl), TLS1_2_VERSION);
}

START_TEST(anonymous_peers_meet_in_brokers_suite)
{
	struct mu_tls *t = anonymous();
	struct end c, s;
	char names[64];

	join(&c, mu_tls_session(t, false), &s, mu_tls_session(t, true));
	run(&c, &s);
	ck_assert_msg(is_up(&c) && is_up(&s), "%s / %s", c.text, s.text);
	assert_anonymous_suite(c.ssl);
	ck_assert(!mu_tls_peer_has_name(c.ssl, "manager"));
	ck_assert_str_eq(mu_tls_peer_names(c.ssl, names, sizeof names),
	    "no certificate");
	ck_assert(mu_tls_is_anonymous(t));
	ck_assert_int_eq(mu_tls_days_left(t), INT_MAX);
	part(&c, &s);
	mu_tls_unref(t);
}
END_TEST

/* As Broker sets itself up: the hello offers 1.3 as well. */
static SSL *
broker_anonymous(bool server, const char *group)
{
	SSL *ssl = foreign(NULL, server);
	char groups[16];

	snprintf(groups, sizeof groups, "%s", group);
	SSL_set_min_proto_version(ssl, TLS1_2_VERSION);
	ck_assert_int_eq(SSL_set_cipher_list(ssl,
	                     "AECDH-AES256-SHA@SECLEVEL=0"), 1);
	ck_assert_int_eq(SSL_set1_groups_list(ssl, groups), 1);
	return ssl;
}

START_TEST(anonymous_mode_interoperates_with_broker)
{
	struct mu_tls *t = anonymous();
	bool we_serve = _i == 0;
	SSL *theirs = broker_anonymous(!we_serve, "P-384");
	SSL *ours = mu_tls_session(t, we_serve);
	struct end c, s;

	join(&c, we_serve ? theirs : ours, &s, we_serve ? ours : theirs);
	run(&c, &s);
	ck_assert_msg(is_up(&c) && is_up(&s), "%s / %s", c.text, s.text);
	assert_anonymous_suite(s.ssl);
	part(&c, &s);
	mu_tls_unref(t);
}
END_TEST

START_TEST(anonymous_mode_knows_only_p384)
{
	struct mu_tls *t = anonymous();
	struct end c, s;

	join(&c, broker_anonymous(false, "P-256"), &s,
	    mu_tls_session(t, true));
	run(&c, &s);
	ck_assert(c.failed && s.failed);
	ck_assert_contains(c.text, "nothing in common");
	ck_assert_contains(s.text, "in common");
	part(&c, &s);
	mu_tls_unref(t);
}
END_TEST

/* --- refusals ------------------------------------------------------------ */

static const struct refusal {
	const char *peer;    /* certificate the foreign client shows, or NULL */
	const char *we_say;  /* part of the server's message */
	const char *it_says; /* part of the client's */
} refusals[] = {
	{ "stranger", "the peer's certificate (stranger) is of another ca",
	    "does not accept our certificate (unknown ca)" },
	{ "expired", "the peer's certificate (expired) expired on 20",
	    "does not accept our certificate (expired)" },
	{ "early", "the peer's certificate (early) is not valid before 20",
	    "does not accept our certificate" },
	{ "other", "the peer's certificate (muster ca) is self-signed",
	    "does not accept our certificate" },
	/* Last: only a client can do without. */
	{ NULL, "the peer sent no certificate",
	    "requires a certificate and we sent none" },
};

START_TEST(server_refuses_certificate)
{
	const struct refusal *r = &refusals[_i];
	struct mu_tls *m = authenticated("manager");
	struct end c, s;

	join(&c, foreign(r->peer, false), &s, mu_tls_session(m, true));
	run(&c, &s);
	ck_assert(s.failed);
	ck_assert_contains(s.text, r->we_say);
	ck_assert(c.failed);
	ck_assert_contains(c.text, r->it_says);
	ck_assert(!mu_tls_peer_has_name(s.ssl, "stranger"));
	part(&c, &s);
	mu_tls_unref(m);
}
END_TEST

START_TEST(client_refuses_certificate)
{
	const struct refusal *r = &refusals[_i];
	struct mu_tls *w = authenticated("worker-1");
	struct end c, s;

	join(&c, mu_tls_session(w, false), &s, foreign(r->peer, true));
	run(&c, &s);
	ck_assert(c.failed && s.failed);
	ck_assert_contains(c.text, r->we_say);
	ck_assert_contains(s.text, "does not accept our certificate");
	part(&c, &s);
	mu_tls_unref(w);
}
END_TEST

START_TEST(anonymous_and_authenticated_never_meet)
{
	struct mu_tls *a = anonymous(), *m = authenticated("manager");
	struct end c, s;

	join(&c, mu_tls_session(_i == 0 ? a : m, false), &s,
	    mu_tls_session(_i == 0 ? m : a, true));
	run(&c, &s);
	ck_assert(c.failed && s.failed);
	ck_assert_contains(c.text, "anonymous");
	ck_assert_contains(s.text, "anonymous");
	part(&c, &s);
	mu_tls_unref(a);
	mu_tls_unref(m);
}
END_TEST

START_TEST(tls11_is_refused)
{
	struct mu_tls *m = authenticated("manager");
	SSL *ssl = foreign("worker-1", false);
	struct end c, s;

	SSL_set_security_level(ssl, 0);
	SSL_set_min_proto_version(ssl, TLS1_VERSION);
	SSL_set_max_proto_version(ssl, TLS1_1_VERSION);
	ck_assert_int_eq(SSL_set_cipher_list(ssl, "ALL:@SECLEVEL=0"), 1);
	join(&c, ssl, &s, mu_tls_session(m, true));
	run(&c, &s);
	ck_assert(s.failed && c.failed);
	ck_assert_contains(s.text, "older than 1.2");
	ck_assert_contains(c.text, "no tls version in common");
	part(&c, &s);
	mu_tls_unref(m);
}
END_TEST

/* --- no TLS at all ------------------------------------------------------- */

static const struct plain {
	const char *bytes; /* what arrives instead of a handshake */
	size_t len;        /* of bytes */
	const char *says;  /* part of the message */
} plains[] = {
	/* Broker's first frame: a length, then the hello. */
	{ "\0\0\0\x1b\x09ZEEK\x01\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 27,
	    "the peer speaks no tls" },
	{ "GET / HTTP/1.1\r\n\r\n", 18, "speaks no tls but http" },
	{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 10,
	    "the peer speaks no tls" },
	{ "SSH-2.0-OpenSSH_9.2\r\n", 21, "the peer speaks no tls" },
};

START_TEST(plain_bytes_are_called_plain)
{
	const struct plain *p = &plains[_i / 2];
	bool server = _i % 2 == 0;
	struct mu_tls *m = authenticated("manager");
	SSL *ssl = mu_tls_session(m, server);
	BIO *in = BIO_new_mem_buf(p->bytes, (int)p->len);
	int r;

	SSL_set_bio(ssl, in, BIO_new(BIO_s_mem()));
	r = SSL_do_handshake(ssl);
	ck_assert_int_le(r, 0);
	mu_tls_error(ssl, SSL_get_error(ssl, r), err, sizeof err);
	/* OpenSSL tells http only from clients. */
	ck_assert_contains(err, server ? p->says : "the peer speaks no tls");
	ck_assert_int_eq((int)ERR_peek_error(), 0);
	SSL_free(ssl);
	mu_tls_unref(m);
}
END_TEST

START_TEST(closing_in_the_handshake_asks_for_tls)
{
	struct mu_tls *m = authenticated("manager");
	SSL *ssl = mu_tls_session(m, false);
	int r;

	SSL_set_bio(ssl, BIO_new_mem_buf("", 0), BIO_new(BIO_s_mem()));
	r = SSL_do_handshake(ssl);
	mu_tls_error(ssl, SSL_get_error(ssl, r), err, sizeof err);
	ck_assert_str_eq(err, "the peer closed the connection during the tls "
	                      "handshake (does it speak tls?)");
	SSL_free(ssl);
	mu_tls_unref(m);
}
END_TEST

/* --- life of contexts ---------------------------------------------------- */

START_TEST(sessions_survive_a_reload)
{
	struct mu_tls *m = authenticated("manager");
	struct mu_tls *w = authenticated("worker-1");
	struct end c, s;

	ck_assert_ptr_eq(mu_tls_ref(m), m);
	join(&c, mu_tls_session(w, false), &s, mu_tls_session(m, true));
	mu_tls_unref(m);
	mu_tls_unref(m);
	mu_tls_unref(w);
	run(&c, &s);
	ck_assert_msg(is_up(&c) && is_up(&s), "%s / %s", c.text, s.text);
	ck_assert(mu_tls_peer_has_name(s.ssl, "worker-1"));
	part(&c, &s);
}
END_TEST

START_TEST(bytes_read_ahead_are_seen_as_pending)
{
	struct mu_tls *m = authenticated("manager");
	struct mu_tls *w = authenticated("worker-1");
	struct end c, s;
	char big[3000];
	int total = 0, n;

	join(&c, mu_tls_session(w, false), &s, mu_tls_session(m, true));
	run(&c, &s);
	memset(big, 'x', sizeof big);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(SSL_write(c.ssl, big, 300), 300);
	/* One record per read, while the others are in memory already. */
	n = SSL_read(s.ssl, big, sizeof big);
	ck_assert_int_eq(n, 300);
	ck_assert_int_eq((int)BIO_pending(SSL_get_rbio(s.ssl)), 0);
	ck_assert_int_eq(SSL_pending(s.ssl), 0);
	ck_assert_int_eq(SSL_has_pending(s.ssl), 1);
	for (total = n; (n = SSL_read(s.ssl, big, sizeof big)) > 0;)
		total += n;
	ck_assert_int_eq(total, 1500);
	ck_assert_int_eq(SSL_has_pending(s.ssl), 0);
	part(&c, &s);
	mu_tls_unref(m);
	mu_tls_unref(w);
}
END_TEST

START_TEST(days_left_are_counted)
{
	struct mu_tls *m = authenticated("manager");

	ck_assert_int_ge(mu_tls_days_left(m), 9);
	ck_assert_int_le(mu_tls_days_left(m), 10);
	mu_tls_unref(m);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("tls");
	TCase *t = tcase_create("sessions");

	tcase_add_checked_fixture(t, setup, scratch_close);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, authenticated_peers_meet);
	tcase_add_test(t, tls12_with_certificates_is_enough);
	tcase_add_test(t, anonymous_peers_meet_in_brokers_suite);
	tcase_add_loop_test(t, anonymous_mode_interoperates_with_broker, 0, 2);
	tcase_add_test(t, anonymous_mode_knows_only_p384);
	tcase_add_loop_test(t, server_refuses_certificate, 0, 5);
	tcase_add_loop_test(t, client_refuses_certificate, 0, 4);
	tcase_add_loop_test(t, anonymous_and_authenticated_never_meet, 0, 2);
	tcase_add_test(t, tls11_is_refused);
	tcase_add_loop_test(t, plain_bytes_are_called_plain, 0, 8);
	tcase_add_test(t, closing_in_the_handshake_asks_for_tls);
	tcase_add_test(t, sessions_survive_a_reload);
	tcase_add_test(t, bytes_read_ahead_are_seen_as_pending);
	tcase_add_test(t, days_left_are_counted);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	SRunner *r = srunner_create(suite());

	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);

	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
