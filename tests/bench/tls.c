/*
 * TLS for the generator: records are collected in memory, so that one system
 * call takes 64 KiB of them; input is read ahead by as much.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "peer.h"

#define READ_AHEAD (64 * 1024)

struct pipe {
	int *fd;
	struct bytes *sealed;
};

static int
pipe_read(BIO *b, char *to, int len)
{
	struct pipe *p = BIO_get_data(b);
	ssize_t n;

	BIO_clear_retry_flags(b);
	n = recv(*p->fd, to, (size_t)len, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_read(b);
	return n < 0 ? -1 : (int)n;
}

static int
pipe_write(BIO *b, const char *from, int len)
{
	struct pipe *p = BIO_get_data(b);

	BIO_clear_retry_flags(b);
	bytes_add(p->sealed, from, (size_t)len);
	return len;
}

static long
pipe_ctrl(BIO *b, int cmd, long larg, void *parg)
{
	(void)b;
	(void)larg;
	(void)parg;
	return cmd == BIO_CTRL_FLUSH;
}

static int
pipe_destroy(BIO *b)
{
	OPENSSL_free(BIO_get_data(b));
	return 1;
}

static BIO_METHOD *
pipe_method(void)
{
	static BIO_METHOD *m;

	if (m != NULL)
		return m;
	m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "pipe");
	if (m == NULL)
		die("no BIO");
	BIO_meth_set_read(m, pipe_read);
	BIO_meth_set_write(m, pipe_write);
	BIO_meth_set_ctrl(m, pipe_ctrl);
	BIO_meth_set_destroy(m, pipe_destroy);
	return m;
}

SSL_CTX *
tls_context(const char *ca, const char *cert, const char *key,
    const char *cipher)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_method());

	if (ctx == NULL || SSL_CTX_load_verify_locations(ctx, ca, NULL) != 1 ||
	    SSL_CTX_use_certificate_chain_file(ctx, cert) != 1 ||
	    SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 ||
	    (cipher != NULL && SSL_CTX_set_ciphersuites(ctx, cipher) != 1)) {
		ERR_print_errors_fp(stderr);
		die("cannot use %s, %s, %s", ca, cert, key);
	}
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER |
	    SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	SSL_CTX_set_session_id_context(ctx, (const unsigned char *)"bench", 5);
	SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
	    SSL_MODE_ENABLE_PARTIAL_WRITE |
	    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	SSL_CTX_set_read_ahead(ctx, 1);
	SSL_CTX_set_default_read_buffer_len(ctx, READ_AHEAD);
	return ctx;
}

SSL *
tls_session(SSL_CTX *ctx, bool server, int *fd, struct bytes *sealed)
{
	SSL *ssl = SSL_new(ctx);
	BIO *b = BIO_new(pipe_method());
	struct pipe *p = OPENSSL_zalloc(sizeof *p);

	if (ssl == NULL || b == NULL || p == NULL)
		die("out of memory");
	p->fd = fd;
	p->sealed = sealed;
	BIO_set_data(b, p);
	BIO_set_init(b, 1);
	SSL_set_bio(ssl, b, b);
	if (server)
		SSL_set_accept_state(ssl);
	else
		SSL_set_connect_state(ssl);
	return ssl;
}
