/*
 * TLS sessions joined by memory: who understands whom, who is refused and
 * what the operator reads then.
 */
#include <check.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "tls_pair.h"
#include "unit.h"

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
	ck_assert_str_eq(
	    mu_tls_peer_names(s.ssl, names, sizeof names), "worker-1");
	ck_assert(mu_tls_own_has_name(m, "manager", names, sizeof names));
	ck_assert(!mu_tls_own_has_name(m, "worker-1", names, sizeof names));
	ck_assert_str_eq(names, "manager");
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
	ck_assert_int_eq(
	    SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(ssl)), 0xc019);
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
	ck_assert_str_eq(
	    mu_tls_peer_names(c.ssl, names, sizeof names), "no certificate");
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
	ck_assert_int_eq(
	    SSL_set_cipher_list(ssl, "AECDH-AES256-SHA@SECLEVEL=0"), 1);
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

	join(&c, broker_anonymous(false, "P-256"), &s, mu_tls_session(t, true));
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

static Suite *
suite(void)
{
	Suite *s = suite_create("tls");
	TCase *t = tcase_create("sessions");

	tcase_add_checked_fixture(t, pair_setup, scratch_close);
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
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(suite());
}
