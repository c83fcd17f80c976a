/*
 * TLS contexts exactly as Broker expects them (reference "broker-protocol",
 * section 1.2), certificate names and error text.  No sockets: sessions run
 * over memory or whatever the caller attaches.
 */
#ifndef MU_TLS_TLS_H
#define MU_TLS_TLS_H

#include <stdbool.h>
#include <stddef.h>

struct ssl_ctx_st;
struct ssl_st;
struct x509_st;

struct mu_tls_files {
	const char *ca;              /* PEM trust anchors */
	const char *certificate;     /* PEM chain, own certificate first */
	const char *key;             /* PEM private key */
	const char *passphrase_file; /* first line is the passphrase; or NULL */
};

/* One pair of contexts, shared by all connections of a process. */
struct mu_tls;

/*
 * Contexts with mutual certificates, TLS 1.2 or later.
 *
 * files  borrowed for the call
 * err    [err_size] filled with what is wrong, naming the file: unreadable,
 *        not PEM, key does not match, expired or not yet valid (these last
 *        two are refused for the own certificate), key readable by others
 *
 * 0 with *out owned by the caller; MUSTER_ETLS, MUSTER_ESYS or MUSTER_ENOMEM.
 */
int mu_tls_new(const struct mu_tls_files *files, struct mu_tls **out, char *err,
    size_t err_size);

/* Contexts for anonymous mode: AECDH-AES256-SHA, P-384, TLS 1.2 in effect. */
int mu_tls_new_anonymous(struct mu_tls **out, char *err, size_t err_size);

/* Counted: sessions keep the contexts they were made from alive, so a reload
 * replaces the pointer and unrefs the old one. */
struct mu_tls *mu_tls_ref(struct mu_tls *t);
void mu_tls_unref(struct mu_tls *t);

bool mu_tls_is_anonymous(const struct mu_tls *t);

/*
 * A session in server (accepting) or client state; owned by the caller
 * (SSL_free).  NULL when memory is out.
 *
 * The contexts read ahead into 64 KiB, so bytes may wait inside the session
 * while the socket is silent: after each turn read until SSL_ERROR_WANT_READ,
 * or ask SSL_has_pending (not SSL_pending, which knows only of the current
 * record) and come back.  Writes may be partial and may be repeated from
 * another address, but never with fewer bytes.  Call ERR_clear_error before
 * each operation, or SSL_get_error may tell of another session.
 */
struct ssl_st *mu_tls_session(struct mu_tls *t, bool server);

/*
 * The same in client state, for a connection to that node of the layout: it
 * resumes the session of the last one, if that was with these contexts, the
 * accepting process still runs and its certificate has not expired.  Names are
 * those of the session's certificate.
 */
struct ssl_st *mu_tls_dial(struct mu_tls *t, const char *node);
bool mu_tls_resumed(const struct ssl_st *ssl);

/* Notice whether the own certificate expires within days: days left, negative
 * when over; INT_MAX in anonymous mode. */
int mu_tls_days_left(const struct mu_tls *t);

/*
 * Does a certificate carry name as a DNS subject alternative name (or, without
 * any DNS name, as its CN)?  Names compare byte by byte; wildcards do not
 * count.
 */
bool mu_tls_has_name(struct x509_st *certificate, const char *name);

/* Does the peer's, and is it verified? */
bool mu_tls_peer_has_name(struct ssl_st *ssl, const char *name);

/* Does the own one, so that peers will believe it?  If not, names [size] has
 * those it carries, comma separated.  True in anonymous mode: nobody asks. */
bool mu_tls_own_has_name(
    const struct mu_tls *t, const char *name, char *names, size_t size);

/* The names a peer's certificate carries, comma separated, for messages.
 * Returns out. */
char *mu_tls_peer_names(struct ssl_st *ssl, char *out, size_t out_size);

/*
 * One line on why a session failed: what the queue of errors and the verify
 * result say, in the operator's words ("certificate of another ca", "expired
 * on ...", "the peer speaks no tls").  ssl_error is what SSL_get_error said;
 * with SSL_ERROR_SYSCALL errno must still be that of the operation.  Clears
 * the error queue.  Returns out.
 */
char *mu_tls_error(
    struct ssl_st *ssl, int ssl_error, char *out, size_t out_size);

/* --- a private CA ------------------------------------------------------- */

struct mu_tls_issue {
	const char *cluster;    /* O= of the names */
	const char *name;       /* CN and DNS name: the node's name */
	const char *const *alt; /* [nalt] further DNS names or addresses */
	size_t nalt;
	int days;       /* validity; may be negative in tests */
	int start_days; /* begin of validity from now; 0 usual */
};

/* Create a P-256 CA key and certificate.  Existing files are never
 * overwritten: MUSTER_EEXIST.  Modes 0600 and 0644. */
int mu_tls_ca_create(const char *cluster, int days, const char *cert_path,
    const char *key_path, char *err, size_t err_size);

/* Issue a P-256 node certificate for client and server use. */
int mu_tls_issue(const struct mu_tls_issue *what, const char *ca_cert,
    const char *ca_key, const char *cert_path, const char *key_path,
    bool overwrite, char *err, size_t err_size);

#endif
