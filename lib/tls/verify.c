/*
 * Who the peer is: the names its certificate carries and, when verification
 * failed, why.  OpenSSL forgets a certificate it refused, so the reason is
 * put into words while it is at hand and kept on the session.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/alloc.h"
#include "base/text.h"
#include "tls/internal.h"
#include "tls/tls.h"

#define VERDICT_SIZE 320
#define NAMES_SIZE   128

/* --- certificates in words ----------------------------------------------- */

char *
mu_tls_time_text(const ASN1_TIME *t, char *out, size_t out_size)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(t, &tm) != 1 ||
	    strftime(out, out_size, "%Y-%m-%d %H:%M UTC", &tm) == 0)
		snprintf(out, out_size, "an unreadable date");
	ERR_clear_error();
	return out;
}

static void
append_name(char *out, size_t out_size, const char *name)
{
	size_t len = strlen(out);

	snprintf(out + len, out_size - len, "%s%s", len > 0 ? ", " : "", name);
}

/* The first common name as UTF-8, owned by the caller (OPENSSL_free). */
static int
common_name(X509 *cert, unsigned char **text)
{
	const X509_NAME *subject = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);

	*text = NULL;
	if (at < 0)
		return -1;
	return ASN1_STRING_to_UTF8(
	    text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
}

/*
 * What a certificate says about its names: each DNS name in turn, or the
 * common name if there is none.  visit returns true to stop.
 */
typedef bool (*visit_name)(const unsigned char *name, size_t len, void *ctx);

static bool
visit_names(X509 *cert, visit_name visit, void *ctx)
{
	GENERAL_NAMES *alt;
	unsigned char *cn;
	bool stopped = false, any_dns = false;
	int len;

	alt = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; !stopped && i < sk_GENERAL_NAME_num(alt); i++) {
		const GENERAL_NAME *n = sk_GENERAL_NAME_value(alt, i);

		if (n->type != GEN_DNS)
			continue;
		any_dns = true;
		stopped = visit(ASN1_STRING_get0_data(n->d.dNSName),
		    (size_t)ASN1_STRING_length(n->d.dNSName), ctx);
	}
	GENERAL_NAMES_free(alt);
	if (!any_dns) {
		len = common_name(cert, &cn);
		if (len >= 0)
			stopped = visit(cn, (size_t)len, ctx);
		OPENSSL_free(cn);
	}
	ERR_clear_error();
	return stopped;
}

struct names_text {
	char *out;   /* the list so far */
	size_t size; /* of out */
};

static bool
list_name(const unsigned char *name, size_t len, void *ctx)
{
	struct names_text *t = ctx;
	char text[NAMES_SIZE];

	append_name(
	    t->out, t->size, mu_text_printable(name, len, text, sizeof text));
	return strlen(t->out) + 1 >= t->size;
}

char *
mu_tls_names_text(X509 *cert, char *out, size_t out_size)
{
	struct names_text t = { out, out_size };

	out[0] = '\0';
	visit_names(cert, list_name, &t);
	return out;
}

struct wanted {
	const char *name; /* looked for */
	size_t len;       /* of name */
};

static bool
is_wanted(const unsigned char *name, size_t len, void *ctx)
{
	const struct wanted *w = ctx;

	/* By length and bytes: a NUL inside a name must not end it. */
	return len == w->len && memcmp(name, w->name, len) == 0;
}

bool
mu_tls_has_name(struct x509_st *cert, const char *name)
{
	struct wanted w = { name, strlen(name) };

	return visit_names(cert, is_wanted, &w);
}

/* --- the peer ------------------------------------------------------------ */

bool
mu_tls_peer_has_name(struct ssl_st *ssl, const char *name)
{
	X509 *cert = SSL_get0_peer_certificate(ssl);

	if (cert == NULL || SSL_get_verify_result(ssl) != X509_V_OK)
		return false;
	return mu_tls_has_name(cert, name);
}

char *
mu_tls_peer_names(struct ssl_st *ssl, char *out, size_t out_size)
{
	X509 *cert = SSL_get0_peer_certificate(ssl);

	if (cert == NULL) {
		snprintf(out, out_size, "no certificate");
		return out;
	}
	mu_tls_names_text(cert, out, out_size);
	if (out[0] == '\0')
		snprintf(out, out_size, "a certificate without a name");
	return out;
}

/* --- the verdict --------------------------------------------------------- */

static int verdict_index = -1;

static void
free_verdict(
    void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
	(void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
	mu_free(ptr);
}

static int
get_verdict_index(void)
{
	if (verdict_index < 0)
		verdict_index =
		    SSL_get_ex_new_index(0, NULL, NULL, NULL, free_verdict);
	return verdict_index;
}

static void
describe_date(X509 *cert, int error, const char *who, char *out, size_t size)
{
	char when[64];

	if (error == X509_V_ERR_CERT_NOT_YET_VALID)
		snprintf(out, size, "%s is not valid before %s", who,
		    mu_tls_time_text(
			X509_get0_notBefore(cert), when, sizeof when));
	else
		snprintf(out, size, "%s expired on %s", who,
		    mu_tls_time_text(
			X509_get0_notAfter(cert), when, sizeof when));
}

static void
describe(X509 *cert, int error, int depth, char *out, size_t size)
{
	char names[NAMES_SIZE] = "", who[NAMES_SIZE + 64];

	if (cert != NULL)
		mu_tls_names_text(cert, names, sizeof names);
	snprintf(who, sizeof who, "the peer's %s (%s)",
	    depth == 0 ? "certificate" : "certificate chain: ca",
	    names[0] == '\0' ? "no name" : names);
	switch (error) {
	case X509_V_ERR_CERT_NOT_YET_VALID:
	case X509_V_ERR_CERT_HAS_EXPIRED:
		describe_date(cert, error, who, out, size);
		break;
	case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
		snprintf(out, size, "%s is self-signed, not of our ca", who);
		break;
	case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
	case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
	case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
	case X509_V_ERR_CERT_SIGNATURE_FAILURE:
		snprintf(out, size, "%s is of another ca", who);
		break;
	case X509_V_ERR_INVALID_PURPOSE:
		snprintf(out, size,
		    "%s is not for this use (extended key usage must have "
		    "both serverAuth and clientAuth)",
		    who);
		break;
	default:
		snprintf(out, size, "%s is refused: %s", who,
		    X509_verify_cert_error_string(error));
	}
}

int
mu_tls_verify(int ok, X509_STORE_CTX *store)
{
	SSL *ssl = X509_STORE_CTX_get_ex_data(
	    store, SSL_get_ex_data_X509_STORE_CTX_idx());
	int error = X509_STORE_CTX_get_error(store);
	char *text;

	if (ok || ssl == NULL || get_verdict_index() < 0 ||
	    SSL_get_ex_data(ssl, verdict_index) != NULL)
		return ok;
	text = mu_malloc(VERDICT_SIZE);
	if (text == NULL)
		return ok; /* mu_tls_error falls back on OpenSSL's words */
	describe(X509_STORE_CTX_get_current_cert(store), error,
	    X509_STORE_CTX_get_error_depth(store), text, VERDICT_SIZE);
	if (SSL_set_ex_data(ssl, verdict_index, text) != 1)
		mu_free(text);
	X509_STORE_CTX_set_error(store, error);
	return ok;
}

const char *
mu_tls_verdict(SSL *ssl)
{
	return verdict_index < 0 ? NULL : SSL_get_ex_data(ssl, verdict_index);
}
