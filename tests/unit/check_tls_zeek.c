/*
 * The first flights of real Zeek nodes, as recorded, against our sessions:
 * what we answer is what Zeek's own peers answered.
 */
#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/text.h"
#include "tls_pair.h"
#include "unit.h"

static uint8_t bytes[4096];

/* A recording of tests/golden/tls into bytes; its length. */
static size_t
recording(const char *name)
{
	const char *tests = getenv("MUSTER_TESTS");
	char path[512], hex[2 * sizeof bytes];
	FILE *f;
	long len;

	snprintf(path, sizeof path, "%s/golden/tls/%s.hex",
	    tests == NULL ? "tests" : tests, name);
	f = fopen(path, "r");
	ck_assert_msg(f != NULL, "no %s", path);
	ck_assert_ptr_nonnull(fgets(hex, sizeof hex, f));
	fclose(f);
	hex[strcspn(hex, "\n")] = '\0';
	len = mu_text_unhex(hex, bytes);
	ck_assert_int_gt(len, 0);
	return (size_t)len;
}

/* Give a session the recording; *out is what it answers. */
static size_t
answer(struct mu_tls *t, bool server, size_t len, const uint8_t **out)
{
	static SSL *ssl;
	BIO *in = BIO_new(BIO_s_mem()), *to = BIO_new(BIO_s_mem());
	char *data;
	long n;

	SSL_free(ssl);
	ssl = mu_tls_session(t, server);
	SSL_set_bio(ssl, in, to);
	if (!server) {
		SSL_do_handshake(ssl);
		BIO_reset(to); /* our hello */
	}
	BIO_write(in, bytes, (int)len);
	int r = SSL_do_handshake(ssl);

	ck_assert_int_eq(SSL_get_error(ssl, r), SSL_ERROR_WANT_READ);
	n = BIO_get_mem_data(to, &data);
	*out = (const uint8_t *)data;
	return (size_t)n;
}

static const uint8_t *
next_record(const uint8_t *at)
{
	return at + 5 + (at[3] << 8 | at[4]);
}

/* The suite of a ServerHello record: behind version, random, session id. */
static unsigned
suite_of(const uint8_t *record)
{
	const uint8_t *p = record + 5 + 4 + 2 + 32;

	p += 1 + p[0];
	return (unsigned)(p[0] << 8 | p[1]);
}

START_TEST(anonymous_hello_is_answered_as_by_zeek)
{
	struct mu_tls *t = anonymous();
	size_t len = recording("anonymous-client-hello");
	const uint8_t *p;

	len = answer(t, true, len, &p);
	ck_assert_uint_gt(len, 100);
	ck_assert_uint_eq(p[0], 22);
	ck_assert_uint_eq(p[5], 2); /* ServerHello */
	ck_assert_uint_eq(p[9] << 8 | p[10], 0x0303);
	ck_assert_uint_eq(suite_of(p), 0xc019);
	p = next_record(p);
	ck_assert_uint_eq(p[5], 12); /* ServerKeyExchange: named curve P-384 */
	ck_assert_uint_eq(p[9], 3);
	ck_assert_uint_eq(p[10] << 8 | p[11], 0x0018);
	p = next_record(p);
	ck_assert_uint_eq(p[5], 14); /* ServerHelloDone: no more */
	mu_tls_unref(t);
}
END_TEST

START_TEST(anonymous_server_of_zeeks_is_accepted)
{
	struct mu_tls *t = anonymous();
	size_t len = recording("anonymous-server-flight");
	const uint8_t *p;

	len = answer(t, false, len, &p);
	ck_assert_uint_gt(len, 100);
	ck_assert_uint_eq(p[0], 22);
	ck_assert_uint_eq(p[5], 16); /* ClientKeyExchange: a point of P-384 */
	ck_assert_uint_eq(p[9], 97);
	p = next_record(p);
	ck_assert_uint_eq(p[0], 20); /* ChangeCipherSpec */
	mu_tls_unref(t);
}
END_TEST

START_TEST(authenticated_hello_is_answered_as_by_zeek)
{
	struct mu_tls *t = authenticated("manager");
	size_t len = recording("certificates-client-hello");
	const uint8_t *p;

	len = answer(t, true, len, &p);
	ck_assert_uint_gt(len, 100);
	ck_assert_uint_eq(p[0], 22);
	ck_assert_uint_eq(p[5], 2);
	ck_assert_uint_eq(suite_of(p), 0x1302); /* and so TLS 1.3 */
	mu_tls_unref(t);
}
END_TEST

START_TEST(hellos_of_the_other_mode_are_refused)
{
	struct mu_tls *t = _i == 0 ? authenticated("manager") : anonymous();
	size_t len = recording(
	    _i == 0 ? "anonymous-client-hello" : "certificates-client-hello");
	SSL *ssl = mu_tls_session(t, true);
	int r;

	SSL_set_bio(
	    ssl, BIO_new_mem_buf(bytes, (int)len), BIO_new(BIO_s_mem()));
	r = SSL_do_handshake(ssl);
	/* With 1.3 in common an authenticated server asks for a certificate
	 * and the refusal comes a flight later. */
	if (_i == 1) {
		mu_tls_error(ssl, SSL_get_error(ssl, r), err, sizeof err);
		ck_assert_contains(err, "no cipher in common");
	} else {
		ck_assert_int_eq(SSL_is_init_finished(ssl), 0);
	}
	SSL_free(ssl);
	mu_tls_unref(t);
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("tls_zeek");
	TCase *t = tcase_create("recordings");

	tcase_add_checked_fixture(t, pair_setup, scratch_close);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, anonymous_hello_is_answered_as_by_zeek);
	tcase_add_test(t, anonymous_server_of_zeeks_is_accepted);
	tcase_add_test(t, authenticated_hello_is_answered_as_by_zeek);
	tcase_add_loop_test(t, hellos_of_the_other_mode_are_refused, 0, 2);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(suite());
}
