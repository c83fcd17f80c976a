/*
 * What is known of a peer once it is there: names, chains, resumption; and
 * the life of contexts.
 */
#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "tls/internal.h"
#include "tls_pair.h"
#include "unit.h"

/* --- names --------------------------------------------------------------- */

/* Certificates as other tools make them: any subject, any extensions. */
struct made {
	const char *cn;     /* common name, or NULL */
	const char *alt;    /* subjectAltName in OpenSSL's text form, or NULL */
	const char *usage;  /* extendedKeyUsage, or NULL */
	const char *basic;  /* basicConstraints, or NULL */
	const char *issuer; /* stem of the signer's files */
	int days;           /* until it expires */
};

static EVP_PKEY *
read_key(const char *stem)
{
	char file[64];
	EVP_PKEY *key;
	FILE *f;

	snprintf(file, sizeof file, "%s.key", stem);
	f = fopen(scratch(file), "r");
	key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	fclose(f);
	return key;
}

static X509 *
read_cert(const char *stem)
{
	char file[64];
	X509 *x;
	FILE *f;

	snprintf(file, sizeof file, "%s.pem", stem);
	f = fopen(scratch(file), "r");
	x = PEM_read_X509(f, NULL, NULL, NULL);
	fclose(f);
	return x;
}

static void
extend(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *e;
	X509V3_CTX ctx;

	if (value == NULL)
		return;
	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ck_assert_ptr_nonnull(e);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
}

/* Write stem.key and stem.pem; chain: the issuer's certificate follows. */
static void
make_cert(const char *stem, const struct made *m, size_t cn_len, bool chain)
{
	EVP_PKEY *key = EVP_EC_gen("P-256"), *signer = read_key(m->issuer);
	X509 *x = X509_new(), *issuer = read_cert(m->issuer);
	char file[64];
	FILE *f;

	X509_set_version(x, X509_VERSION_3);
	ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
	X509_gmtime_adj(X509_getm_notBefore(x), -7200);
	X509_gmtime_adj(X509_getm_notAfter(x), m->days * 86400L - 60);
	if (m->cn != NULL)
		X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN",
		    MBSTRING_UTF8, (const unsigned char *)m->cn,
		    cn_len == 0 ? -1 : (int)cn_len, -1, 0);
	X509_set_issuer_name(x, X509_get_subject_name(issuer));
	X509_set_pubkey(x, key);
	extend(x, issuer, NID_subject_alt_name, m->alt);
	extend(x, issuer, NID_ext_key_usage, m->usage);
	extend(x, issuer, NID_basic_constraints, m->basic);
	ck_assert_int_ne(X509_sign(x, signer, EVP_sha256()), 0);
	snprintf(file, sizeof file, "%s.key", stem);
	f = fopen(scratch(file), "w");
	PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL);
	fclose(f);
	chmod(scratch(file), 0600);
	snprintf(file, sizeof file, "%s.pem", stem);
	f = fopen(scratch(file), "w");
	PEM_write_X509(f, x);
	if (chain)
		PEM_write_X509(f, issuer);
	fclose(f);
	X509_free(x);
	X509_free(issuer);
	EVP_PKEY_free(key);
	EVP_PKEY_free(signer);
}

/* Join a client with the certificate stem to our manager. */
static void
meet(const char *stem, struct end *c, struct end *s)
{
	struct mu_tls *m = authenticated("manager");

	join(c, foreign(stem, false), s, mu_tls_session(m, true));
	run(c, s);
	mu_tls_unref(m);
}

START_TEST(common_name_counts_without_dns_names)
{
	/* As the certificates of existing Zeek sites look. */
	struct made m = { "logger-1", "IP:192.0.2.1", NULL, NULL, "ca", 5 };
	struct end c, s;
	char names[64];

	make_cert("zeek", &m, 0, false);
	meet("zeek", &c, &s);
	ck_assert_msg(is_up(&s), "%s", s.text);
	ck_assert(mu_tls_peer_has_name(s.ssl, "logger-1"));
	ck_assert(!mu_tls_peer_has_name(s.ssl, "192.0.2.1"));
	ck_assert_str_eq(
	    mu_tls_peer_names(s.ssl, names, sizeof names), "logger-1");
	part(&c, &s);
}
END_TEST

START_TEST(dns_names_hide_the_common_name)
{
	struct made m = { "manager", "DNS:a,DNS:b,DNS:*.c", NULL, NULL, "ca",
		5 };
	struct end c, s;
	char names[64], cut[8];

	make_cert("alt", &m, 0, false);
	meet("alt", &c, &s);
	ck_assert(mu_tls_peer_has_name(s.ssl, "a"));
	ck_assert(mu_tls_peer_has_name(s.ssl, "b"));
	ck_assert(!mu_tls_peer_has_name(s.ssl, "manager"));
	ck_assert(!mu_tls_peer_has_name(s.ssl, "x.c"));
	ck_assert(!mu_tls_peer_has_name(s.ssl, "A"));
	ck_assert_str_eq(
	    mu_tls_peer_names(s.ssl, names, sizeof names), "a, b, *.c");
	ck_assert_uint_lt(strlen(mu_tls_peer_names(s.ssl, cut, sizeof cut)), 8);
	part(&c, &s);
}
END_TEST

START_TEST(nul_in_a_name_does_not_end_it)
{
	struct made m = { "manager\0evil", NULL, NULL, NULL, "ca", 5 };
	struct end c, s;

	make_cert("nul", &m, 12, false);
	meet("nul", &c, &s);
	ck_assert_msg(is_up(&s), "%s", s.text);
	ck_assert(!mu_tls_peer_has_name(s.ssl, "manager"));
	part(&c, &s);
}
END_TEST

START_TEST(certificate_without_names_has_none)
{
	struct made m = { NULL, NULL, NULL, NULL, "ca", 5 };
	struct end c, s;
	char names[64];

	make_cert("bare", &m, 0, false);
	meet("bare", &c, &s);
	ck_assert_msg(is_up(&s), "%s", s.text);
	ck_assert(!mu_tls_peer_has_name(s.ssl, ""));
	ck_assert_str_eq(mu_tls_peer_names(s.ssl, names, sizeof names),
	    "a certificate without a name");
	part(&c, &s);
}
END_TEST

/* --- chains and uses ----------------------------------------------------- */

START_TEST(certificate_for_servers_is_no_clients)
{
	struct made m = { "w", NULL, "serverAuth", NULL, "ca", 5 };
	struct end c, s;

	make_cert("web", &m, 0, false);
	meet("web", &c, &s);
	ck_assert(s.failed);
	ck_assert_contains(s.text, "(w) is not for this use");
	part(&c, &s);
}
END_TEST

static void
sign_itself(const char *stem)
{
	EVP_PKEY *key = read_key(stem);
	X509 *x = read_cert(stem);
	char file[64];
	FILE *f;

	X509_set_issuer_name(x, X509_get_subject_name(x));
	ck_assert_int_ne(X509_sign(x, key, EVP_sha256()), 0);
	snprintf(file, sizeof file, "%s.pem", stem);
	f = fopen(scratch(file), "w");
	PEM_write_X509(f, x);
	fclose(f);
	X509_free(x);
	EVP_PKEY_free(key);
}

START_TEST(intermediate_ca_comes_with_the_chain)
{
	struct made sub = { "sub ca", NULL, NULL, "critical,CA:TRUE", "top",
		_i == 0 ? 5 : 0 };
	struct made leaf = { "worker-7", NULL, NULL, NULL, "sub", 5 };
	struct made top = { "top ca", NULL, NULL, "critical,CA:TRUE", "ca",
		50 };
	struct end c, s;
	struct mu_tls *m, *w;
	struct mu_tls_files files;

	/* Our own CA allows none below it, so this site has another. */
	make_cert("top", &top, 0, false);
	sign_itself("top");
	make_cert("sub", &sub, 0, false);
	make_cert("leaf", &leaf, 0, true);
	files = (struct mu_tls_files){ scratch("top.pem"), scratch("leaf.pem"),
		scratch("leaf.key"), NULL };
	ck_assert_msg(mu_tls_new(&files, &w, err, sizeof err) == 0, "%s", err);
	ck_assert_int_eq(mu_tls_new(&files, &m, err, sizeof err), 0);
	join(&c, mu_tls_session(w, false), &s, mu_tls_session(m, true));
	run(&c, &s);
	if (_i == 0) {
		ck_assert_msg(
		    is_up(&c) && is_up(&s), "%s / %s", c.text, s.text);
		ck_assert(mu_tls_peer_has_name(s.ssl, "worker-7"));
	} else {
		ck_assert(c.failed);
		ck_assert_contains(c.text, "ca (sub ca) expired on");
	}
	part(&c, &s);
	mu_tls_unref(m);
	mu_tls_unref(w);
}
END_TEST

/* --- resumption ---------------------------------------------------------- */

/* A client that keeps its ticket, as ours does not. */
static SSL_SESSION *
take_ticket(SSL *ssl)
{
	SSL_SESSION *ticket = SSL_get1_session(ssl);

	ck_assert_int_eq(SSL_SESSION_is_resumable(ticket), 1);
	/* OpenSSL forgets tickets of sessions that were not shut down. */
	SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
	return ticket;
}

START_TEST(resumed_session_still_knows_its_peer)
{
	struct mu_tls *m = authenticated("manager");
	struct mu_tls *after = authenticated("manager");
	SSL *first = foreign("worker-1", false), *again;
	struct end c, s;
	SSL_SESSION *ticket;

	if (_i == 1)
		SSL_set_max_proto_version(first, TLS1_2_VERSION);
	join(&c, first, &s, mu_tls_session(m, true));
	run(&c, &s);
	ck_assert(is_up(&c) && is_up(&s));
	ticket = take_ticket(c.ssl);
	again = SSL_new(SSL_get_SSL_CTX(first));
	SSL_set_max_proto_version(again, SSL_version(first));
	SSL_set_connect_state(again);
	part(&c, &s);
	SSL_set_session(again, ticket);
	join(&c, again, &s, mu_tls_session(m, true));
	run(&c, &s);
	ck_assert_msg(is_up(&c) && is_up(&s), "%s / %s", c.text, s.text);
	ck_assert_int_eq(SSL_session_reused(s.ssl), 1);
	ck_assert(mu_tls_peer_has_name(s.ssl, "worker-1"));
	/* A reload ends the time of old tickets: the CA may have changed. */
	again = SSL_new(SSL_get_SSL_CTX(again));
	SSL_set_connect_state(again);
	SSL_set_session(again, ticket);
	part(&c, &s);
	join(&c, again, &s, mu_tls_session(after, true));
	run(&c, &s);
	ck_assert_int_eq(SSL_session_reused(s.ssl), 0);
	part(&c, &s);
	SSL_SESSION_free(ticket);
	mu_tls_unref(m);
	mu_tls_unref(after);
}
END_TEST

/* The client reads its ticket; then the connection breaks, as they do. */
static void
dial(struct mu_tls *w, const char *node, struct mu_tls *m, bool reused)
{
	struct end c, s;

	join(&c, mu_tls_dial(w, node), &s, mu_tls_session(m, true));
	run(&c, &s);
	ck_assert_msg(is_up(&c) && is_up(&s), "%s / %s", c.text, s.text);
	ck_assert_int_eq(SSL_session_reused(c.ssl), reused);
	ck_assert_int_eq(SSL_session_reused(s.ssl), reused);
	ck_assert(mu_tls_peer_has_name(c.ssl, "manager"));
	ck_assert(!mu_tls_peer_has_name(c.ssl, "worker-1"));
	ck_assert(mu_tls_peer_has_name(s.ssl, "worker-1"));
	part(&c, &s);
}

START_TEST(dialling_a_node_again_resumes)
{
	struct mu_tls *m = authenticated("manager");
	struct mu_tls *w = authenticated("worker-1");
	struct mu_tls *fresh = authenticated("manager");

	dial(w, "manager", m, false);
	dial(w, "manager", m, true);
	dial(w, "manager", m, true);
	/* a ticket is for one node only */
	dial(w, "logger", m, false);
	/* that process was restarted, or it was reloaded */
	dial(w, "manager", fresh, false);
	dial(w, "manager", fresh, true);
	mu_tls_unref(fresh);
	mu_tls_unref(m);
	/* this one was */
	m = authenticated("manager");
	dial(w, "manager", m, false);
	mu_tls_unref(w);
	w = authenticated("worker-1");
	dial(w, "manager", m, false);
	mu_tls_unref(m);
	mu_tls_unref(w);
}
END_TEST

START_TEST(no_session_outlives_a_certificate)
{
	X509 *cert = read_cert("manager");
	time_t before = time(NULL) - 86400, after = time(NULL) + 11 * 86400;

	ck_assert(mu_tls_dates_hold(cert, NULL));
	ck_assert(!mu_tls_dates_hold(cert, &before));
	ck_assert(!mu_tls_dates_hold(cert, &after));
	ck_assert(!mu_tls_dates_hold(NULL, NULL));
	X509_free(cert);
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
	Suite *s = suite_create("tls_peer");
	TCase *t = tcase_create("peer");

	tcase_add_checked_fixture(t, pair_setup, scratch_close);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, common_name_counts_without_dns_names);
	tcase_add_test(t, dns_names_hide_the_common_name);
	tcase_add_test(t, nul_in_a_name_does_not_end_it);
	tcase_add_test(t, certificate_without_names_has_none);
	tcase_add_test(t, certificate_for_servers_is_no_clients);
	tcase_add_loop_test(t, intermediate_ca_comes_with_the_chain, 0, 2);
	tcase_add_loop_test(t, resumed_session_still_knows_its_peer, 0, 2);
	tcase_add_test(t, dialling_a_node_again_resumes);
	tcase_add_test(t, no_session_outlives_a_certificate);
	tcase_add_test(t, sessions_survive_a_reload);
	tcase_add_test(t, bytes_read_ahead_are_seen_as_pending);
	tcase_add_test(t, days_left_are_counted);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(suite());
}
