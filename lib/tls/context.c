/*
 * One SSL_CTX serves both directions: accepting and dialling differ only in
 * the state of a session.  Certificates are parsed once and the trust store
 * is shared, because loading them is most of what starting a node costs.
 *
 * Read-ahead with a 64 KiB buffer turns four records into one read(2);
 * SSL_MODE_RELEASE_BUFFERS gives that buffer back while a connection is idle.
 */
#include "tls/tls.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/alloc.h"
#include "muster/err.h"
#include "tls/internal.h"

#define READ_BUFFER     (64 * 1024)
#define SESSION_SECONDS 300 /* life of a ticket: reconnects, not absences */

static const unsigned char session_id_context[] = "muster";

struct mu_tls {
	size_t refs;    /* owners of this struct; sessions own the context */
	SSL_CTX *ctx;   /* for both roles */
	bool anonymous; /* no certificates at all */
	X509 *own;      /* own certificate; NULL in anonymous mode */
};

/* --- setting up ---------------------------------------------------------- */

static void
set_modes(SSL_CTX *ctx)
{
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION |
				     SSL_OP_NO_COMPRESSION |
				     SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
				  SSL_MODE_ENABLE_PARTIAL_WRITE |
				  SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_default_read_buffer_len(ctx, READ_BUFFER);
	/* Tickets carry the state; a cache would only grow.  What we dialled
	 * is kept by node, in resume.c. */
	SSL_CTX_set_session_cache_mode(
	    ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_set_timeout(ctx, SESSION_SECONDS);
	SSL_CTX_set_num_tickets(ctx, 1);
}

static struct mu_tls *
tls_alloc(bool anonymous)
{
	struct mu_tls *t = mu_calloc(1, sizeof *t);

	if (t == NULL)
		return NULL;
	t->refs = 1;
	t->anonymous = anonymous;
	t->ctx = SSL_CTX_new(TLS_method());
	if (t->ctx == NULL ||
	    SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_session_id_context(t->ctx, session_id_context,
		sizeof session_id_context - 1) != 1 ||
	    mu_tls_resumption(t->ctx) != 0) {
		mu_tls_unref(t);
		return NULL;
	}
	set_modes(t->ctx);
	return t;
}

/* The own certificate must be usable now: a node that starts with an expired
 * one would be refused by every peer, each with a less helpful message. */
static int
check_dates(X509 *cert, const char *path, char *err, size_t err_size)
{
	char when[64];

	if (X509_cmp_current_time(X509_get0_notBefore(cert)) > 0) {
		mu_tls_time_text(X509_get0_notBefore(cert), when, sizeof when);
		return mu_tls_fail(MUSTER_ETLS, err, err_size,
		    "certificate %s is not valid before %s", path, when);
	}
	if (X509_cmp_current_time(X509_get0_notAfter(cert)) < 0) {
		mu_tls_time_text(X509_get0_notAfter(cert), when, sizeof when);
		return mu_tls_fail(MUSTER_ETLS, err, err_size,
		    "certificate %s expired on %s", path, when);
	}
	return 0;
}

static int
use_chain(struct mu_tls *t, const STACK_OF(X509) * chain, const char *path,
    char *err, size_t err_size)
{
	X509 *own = sk_X509_value(chain, 0);
	int r = check_dates(own, path, err, err_size);

	if (r != 0)
		return r;
	if (SSL_CTX_use_certificate(t->ctx, own) != 1)
		return mu_tls_fail(MUSTER_ETLS, err, err_size,
		    "certificate %s cannot be used: %s", path,
		    ERR_reason_error_string(ERR_peek_error()));
	X509_up_ref(own);
	t->own = own;
	for (int i = 1; i < sk_X509_num(chain); i++)
		if (SSL_CTX_add1_chain_cert(t->ctx, sk_X509_value(chain, i)) !=
		    1)
			return mu_tls_fail(MUSTER_ETLS, err, err_size,
			    "certificate %s: entry %d of the chain cannot be "
			    "used: %s",
			    path, i + 1,
			    ERR_reason_error_string(ERR_peek_error()));
	return 0;
}

static int
load_own(struct mu_tls *t, const struct mu_tls_files *files, char *err,
    size_t err_size)
{
	STACK_OF(X509) *chain = NULL;
	EVP_PKEY *key = NULL;
	int r;

	r = mu_pem_certificates(
	    files->certificate, "certificate", &chain, err, err_size);
	if (r == 0)
		r = use_chain(t, chain, files->certificate, err, err_size);
	if (r == 0)
		r = mu_pem_key(
		    files->key, files->passphrase_file, &key, err, err_size);
	if (r == 0 && X509_check_private_key(t->own, key) != 1)
		r = mu_tls_fail(MUSTER_ETLS, err, err_size,
		    "key %s does not belong to certificate %s", files->key,
		    files->certificate);
	if (r == 0 && SSL_CTX_use_PrivateKey(t->ctx, key) != 1)
		r = mu_tls_fail(MUSTER_ETLS, err, err_size,
		    "key %s cannot be used: %s", files->key,
		    ERR_reason_error_string(ERR_peek_error()));
	sk_X509_pop_free(chain, X509_free);
	EVP_PKEY_free(key);
	return r;
}

static int
load_anchors(struct mu_tls *t, const char *path, char *err, size_t err_size)
{
	STACK_OF(X509) *anchors = NULL;
	X509_STORE *store = X509_STORE_new();
	int r;

	if (store == NULL)
		return mu_tls_fail(
		    MUSTER_ENOMEM, err, err_size, "out of memory");
	r = mu_pem_certificates(path, "ca", &anchors, err, err_size);
	for (int i = 0; r == 0 && i < sk_X509_num(anchors); i++)
		if (X509_STORE_add_cert(store, sk_X509_value(anchors, i)) != 1)
			r = mu_tls_fail(MUSTER_ENOMEM, err, err_size,
			    "ca %s: certificate %d cannot be used", path,
			    i + 1);
	if (r == 0)
		SSL_CTX_set1_cert_store(t->ctx, store);
	sk_X509_pop_free(anchors, X509_free);
	X509_STORE_free(store);
	return r;
}

int
mu_tls_new(const struct mu_tls_files *files, struct mu_tls **out, char *err,
    size_t err_size)
{
	struct mu_tls *t;
	int r;

	*out = NULL;
	ERR_clear_error();
	t = tls_alloc(false);
	if (t == NULL)
		return mu_tls_fail(
		    MUSTER_ENOMEM, err, err_size, "out of memory");
	if (SSL_CTX_set_cipher_list(t->ctx, "HIGH:!aNULL:!MD5") != 1) {
		mu_tls_unref(t);
		return mu_tls_fail(MUSTER_ETLS, err, err_size,
		    "openssl knows none of the ciphers HIGH:!aNULL:!MD5");
	}
	SSL_CTX_set_verify(t->ctx,
	    SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, mu_tls_verify);
	r = load_anchors(t, files->ca, err, err_size);
	if (r == 0)
		r = load_own(t, files, err, err_size);
	if (r != 0) {
		mu_tls_unref(t);
		return r;
	}
	*out = t;
	return 0;
}

int
mu_tls_new_anonymous(struct mu_tls **out, char *err, size_t err_size)
{
	char groups[] = "P-384"; /* OpenSSL's macro wants it writable */
	struct mu_tls *t;

	*out = NULL;
	ERR_clear_error();
	t = tls_alloc(true);
	if (t == NULL)
		return mu_tls_fail(
		    MUSTER_ENOMEM, err, err_size, "out of memory");
	/* Without a certificate there is no TLS 1.3; a peer that offers both
	 * must be answered with 1.2. */
	if (SSL_CTX_set_max_proto_version(t->ctx, TLS1_2_VERSION) != 1 ||
	    SSL_CTX_set_cipher_list(t->ctx, "AECDH-AES256-SHA@SECLEVEL=0") !=
		1 ||
	    SSL_CTX_set1_groups_list(t->ctx, groups) != 1) {
		mu_tls_unref(t);
		return mu_tls_fail(MUSTER_ETLS, err, err_size,
		    "openssl lacks AECDH-AES256-SHA or P-384, which anonymous "
		    "tls needs");
	}
	SSL_CTX_set_verify(t->ctx, SSL_VERIFY_NONE, NULL);
	*out = t;
	return 0;
}

/* --- using --------------------------------------------------------------- */

struct mu_tls *
mu_tls_ref(struct mu_tls *t)
{
	t->refs++;
	return t;
}

void
mu_tls_unref(struct mu_tls *t)
{
	if (t == NULL || --t->refs > 0)
		return;
	X509_free(t->own);
	SSL_CTX_free(t->ctx);
	mu_free(t);
}

bool
mu_tls_is_anonymous(const struct mu_tls *t)
{
	return t->anonymous;
}

struct ssl_st *
mu_tls_session(struct mu_tls *t, bool server)
{
	SSL *ssl;

	ERR_clear_error();
	ssl = SSL_new(t->ctx);
	if (ssl == NULL) {
		ERR_clear_error();
		return NULL;
	}
	if (server)
		SSL_set_accept_state(ssl);
	else
		SSL_set_connect_state(ssl);
	return ssl;
}

bool
mu_tls_own_has_name(
    const struct mu_tls *t, const char *name, char *names, size_t size)
{
	if (t->own == NULL || mu_tls_has_name(t->own, name))
		return true;
	mu_tls_names_text(t->own, names, size);
	return false;
}

int
mu_tls_days_left(const struct mu_tls *t)
{
	int days = 0, seconds = 0;

	if (t->own == NULL)
		return INT_MAX;
	if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(t->own)) !=
	    1)
		return -1;
	/* Over by hours is over. */
	return days == 0 && seconds < 0 ? -1 : days;
}
