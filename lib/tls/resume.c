/*
 * Connecting to a node again costs less when both sides still know the
 * session: the dialling side keeps the last ticket of each node, the accepting
 * side all it needs in the ticket, under keys that live as long as its context.
 *
 * What a session inherits was checked once: that the certificate is of our CA,
 * and its names.  Its dates are checked anew, on both sides; a reload makes new
 * contexts, and with them everything is checked anew.
 */
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/alloc.h"
#include "tls/internal.h"
#include "tls/tls.h"

#define KEPT_MAX 1024 /* nodes; beyond, the oldest is forgotten */

struct kept {
	struct kept *next;
	char *node;
	SSL_SESSION *session;
};

/* Newest first; of one context. */
struct mu_tls_kept {
	struct kept *first;
	size_t n;
};

static int kept_index = -1, node_index = -1;

static void
free_one(struct kept *k)
{
	SSL_SESSION_free(k->session);
	mu_free(k->node);
	mu_free(k);
}

static void
free_kept(
    void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
	struct mu_tls_kept *all = ptr;

	(void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
	while (all != NULL && all->first != NULL) {
		struct kept *k = all->first;

		all->first = k->next;
		free_one(k);
	}
	mu_free(all);
}

static void
free_node(
    void *parent, void *ptr, CRYPTO_EX_DATA *ad, int idx, long argl, void *argp)
{
	(void)parent, (void)ad, (void)idx, (void)argl, (void)argp;
	mu_free(ptr);
}

bool
mu_tls_dates_hold(X509 *cert, time_t *at)
{
	bool hold = cert != NULL &&
		    X509_cmp_time(X509_get0_notBefore(cert), at) < 0 &&
		    X509_cmp_time(X509_get0_notAfter(cert), at) > 0;

	ERR_clear_error();
	return hold;
}

/* May s, of a context that wants certificates or does not, be used again? */
static bool
is_good(const SSL *ssl, SSL_SESSION *s)
{
	X509 *cert = SSL_SESSION_get0_peer(s);

	if (SSL_get_verify_mode(ssl) == SSL_VERIFY_NONE)
		return true;
	return mu_tls_dates_hold(cert, NULL);
}

/* --- the accepting side -------------------------------------------------- */

static SSL_TICKET_RETURN
on_ticket(SSL *ssl, SSL_SESSION *s, const unsigned char *name, size_t len,
    SSL_TICKET_STATUS status, void *arg)
{
	(void)name, (void)len, (void)arg;
	switch (status) {
	case SSL_TICKET_SUCCESS:
		return is_good(ssl, s) ? SSL_TICKET_RETURN_USE
				       : SSL_TICKET_RETURN_IGNORE_RENEW;
	case SSL_TICKET_SUCCESS_RENEW:
		return is_good(ssl, s) ? SSL_TICKET_RETURN_USE_RENEW
				       : SSL_TICKET_RETURN_IGNORE_RENEW;
	default: /* of other keys, or none */
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	}
}

/* --- the dialling side --------------------------------------------------- */

/* Take the node's session out: a ticket is used once. */
static struct kept *
take(struct mu_tls_kept *all, const char *node)
{
	for (struct kept **at = &all->first; *at != NULL; at = &(*at)->next) {
		struct kept *k = *at;

		if (strcmp(k->node, node) != 0)
			continue;
		*at = k->next;
		all->n--;
		return k;
	}
	return NULL;
}

static void
forget_oldest(struct mu_tls_kept *all)
{
	struct kept **at = &all->first;

	while ((*at)->next != NULL)
		at = &(*at)->next;
	free_one(*at);
	*at = NULL;
	all->n--;
}

/* A copy: OpenSSL spoils the session of a connection that breaks.  Without
 * memory the next handshake is a full one. */
static int
on_session(SSL *ssl, SSL_SESSION *s)
{
	struct mu_tls_kept *all =
	    SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), kept_index);
	const char *node = SSL_get_ex_data(ssl, node_index);
	struct kept *k;

	if (all == NULL || node == NULL)
		return 0;
	k = take(all, node);
	if (k != NULL)
		free_one(k);
	k = mu_calloc(1, sizeof *k);
	if (k == NULL)
		return 0;
	k->node = mu_strdup(node);
	k->session = SSL_SESSION_dup(s);
	if (k->node == NULL || k->session == NULL) {
		free_one(k);
		return 0;
	}
	if (all->n == KEPT_MAX)
		forget_oldest(all);
	k->next = all->first;
	all->first = k;
	all->n++;
	return 0;
}

int
mu_tls_resumption(SSL_CTX *ctx)
{
	struct mu_tls_kept *all;

	if (kept_index < 0)
		kept_index =
		    SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, free_kept);
	if (node_index < 0)
		node_index =
		    SSL_get_ex_new_index(0, NULL, NULL, NULL, free_node);
	if (kept_index < 0 || node_index < 0)
		return -1;
	all = mu_calloc(1, sizeof *all);
	if (all == NULL || SSL_CTX_set_ex_data(ctx, kept_index, all) != 1) {
		mu_free(all);
		return -1;
	}
	SSL_CTX_sess_set_new_cb(ctx, on_session);
	return SSL_CTX_set_session_ticket_cb(ctx, NULL, on_ticket, NULL) == 1
		   ? 0
		   : -1;
}

struct ssl_st *
mu_tls_dial(struct mu_tls *t, const char *node)
{
	SSL *ssl = mu_tls_session(t, false);
	struct mu_tls_kept *all;
	struct kept *k;
	char *name;

	if (ssl == NULL)
		return NULL;
	name = mu_strdup(node);
	if (name == NULL || SSL_set_ex_data(ssl, node_index, name) != 1) {
		mu_free(name);
		SSL_free(ssl);
		return NULL;
	}
	all = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), kept_index);
	k = take(all, node);
	if (k == NULL)
		return ssl;
	if (is_good(ssl, k->session))
		SSL_set_session(ssl, k->session);
	free_one(k);
	ERR_clear_error();
	return ssl;
}

bool
mu_tls_resumed(const struct ssl_st *ssl)
{
	return SSL_session_reused(ssl) == 1;
}
