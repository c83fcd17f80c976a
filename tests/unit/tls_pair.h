/*
 * Two TLS sessions joined by memory, and certificates for them in the scratch
 * folder: of our CA (manager, worker-1, expired, early) and of another one
 * (stranger).
 */
#ifndef UNIT_TLS_PAIR_H
#define UNIT_TLS_PAIR_H

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "muster/err.h"
#include "scratch.h"
#include "tls/tls.h"

static char err[512];

/* --- certificates -------------------------------------------------------- */

__attribute__((unused)) static void
issue(const char *name, const char *ca, int start_days, int days)
{
	struct mu_tls_issue what = { "lab", name, NULL, 0, days, start_days };
	char cert[64], key[64], ca_cert[64], ca_key[64];

	snprintf(cert, sizeof cert, "%s.pem", name);
	snprintf(key, sizeof key, "%s.key", name);
	snprintf(ca_cert, sizeof ca_cert, "%s.pem", ca);
	snprintf(ca_key, sizeof ca_key, "%s.key", ca);
	ck_assert_msg(
	    mu_tls_issue(&what, scratch(ca_cert), scratch(ca_key),
		scratch(cert), scratch(key), false, err, sizeof err) == 0,
	    "%s", err);
}

__attribute__((unused)) static void
pair_setup(void)
{
	scratch_open();
	ck_assert_int_eq(mu_tls_ca_create("lab", 100, scratch("ca.pem"),
			     scratch("ca.key"), err, sizeof err),
	    0);
	ck_assert_int_eq(mu_tls_ca_create("other", 100, scratch("other.pem"),
			     scratch("other.key"), err, sizeof err),
	    0);
	issue("manager", "ca", 0, 10);
	issue("worker-1", "ca", 0, 10);
	issue("stranger", "other", 0, 10);
	issue("expired", "ca", 0, -3);
	issue("early", "ca", 5, 10);
}

__attribute__((unused)) static struct mu_tls *
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

__attribute__((unused)) static struct mu_tls *
anonymous(void)
{
	struct mu_tls *t = NULL;

	ck_assert_msg(
	    mu_tls_new_anonymous(&t, err, sizeof err) == 0, "%s", err);
	return t;
}

/* A peer that is not ours: checks nothing, shows what it is told to. */
__attribute__((unused)) static SSL *
foreign(const char *name, bool server)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());
	char file[64];
	SSL *ssl;

	SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	if (name != NULL) {
		snprintf(file, sizeof file, "%s.pem", name);
		ck_assert_int_eq(SSL_CTX_use_certificate_file(
				     ctx, scratch(file), SSL_FILETYPE_PEM),
		    1);
		snprintf(file, sizeof file, "%s.key", name);
		ck_assert_int_eq(SSL_CTX_use_PrivateKey_file(
				     ctx, scratch(file), SSL_FILETYPE_PEM),
		    1);
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

__attribute__((unused)) static void
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

__attribute__((unused)) static void
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
__attribute__((unused)) static void
run(struct end *client, struct end *server)
{
	for (int i = 0; i < 12; i++) {
		step(client);
		step(server);
	}
}

__attribute__((unused)) static void
part(struct end *a, struct end *b)
{
	SSL_free(a->ssl);
	SSL_free(b->ssl);
}

__attribute__((unused)) static bool
is_up(const struct end *e)
{
	return !e->failed && SSL_is_init_finished(e->ssl);
}

#endif
