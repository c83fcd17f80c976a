/*
 * What the files of this room share: reading and writing PEM, the verdict on
 * a peer's certificate.  Nobody outside includes it.
 */
#ifndef MU_TLS_INTERNAL_H
#define MU_TLS_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

#include <openssl/ssl.h>
#include <openssl/x509.h>

/* printf into an error text; returns code, so that "return mu_tls_fail(...)"
 * reads well.  Drains OpenSSL's queue. */
int mu_tls_fail(int code, char *err, size_t err_size, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Whether a key file may be read by more than its owner. */
enum mu_pem_secrecy { PEM_PUBLIC, PEM_SECRET };

/*
 * Read a file of at most 1 MiB.  A secret one is refused when others than its
 * owner may read or write it; group read is allowed for a file of root's,
 * because that is how an unprivileged daemon gets a key it cannot change.
 *
 * 0 with *data [*len] owned and NUL-terminated (wipe and mu_free); MUSTER_ESYS,
 * MUSTER_ETLS (mode, size) or MUSTER_ENOMEM with err naming the file.
 */
int mu_pem_read(const char *path, enum mu_pem_secrecy secrecy, char **data,
    size_t *len, char *err, size_t err_size);

/* All certificates of a PEM file, at least one; owned by the caller
 * (sk_X509_pop_free).  what names the file's role in messages. */
int mu_pem_certificates(const char *path, const char *what,
    STACK_OF(X509) **out, char *err, size_t err_size);

/* A private key, with its passphrase from the first line of passphrase_file
 * (NULL: none).  Owned by the caller (EVP_PKEY_free). */
int mu_pem_key(const char *path, const char *passphrase_file, EVP_PKEY **out,
    char *err, size_t err_size);

/*
 * Write data to path through a temporary file beside it, synced, with
 * exactly this mode.  Without overwrite an existing path is left alone.
 *
 * 0, MUSTER_EEXIST or MUSTER_ESYS with err naming the file.
 */
int mu_pem_write(const char *path, const void *data, size_t len, mode_t mode,
    bool overwrite, char *err, size_t err_size);

/* A moment of a certificate as "2026-11-22 15:04 UTC"; returns out. */
char *mu_tls_time_text(const ASN1_TIME *t, char *out, size_t out_size);

/* The names of a certificate, comma separated and printable. */
char *mu_tls_names_text(X509 *cert, char *out, size_t out_size);

/* Remembers on the session why verification failed, because OpenSSL drops the
 * peer's certificate then. */
int mu_tls_verify(int ok, X509_STORE_CTX *store);

/* Let a context resume sessions, in both roles; 0, or -1 without memory. */
int mu_tls_resumption(SSL_CTX *ctx);

/* Is cert valid at that time (NULL: now)?  NULL is no certificate. */
bool mu_tls_dates_hold(X509 *cert, time_t *at);

/* What mu_tls_verify remembered, or NULL. */
const char *mu_tls_verdict(SSL *ssl);

#endif
