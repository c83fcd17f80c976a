/*
 * The BIO below TLS.  Input comes from the socket as OpenSSL asks for it;
 * records go to a buffer and leave several at a time, since OpenSSL would
 * spend a system call on each.
 */
#include <errno.h>
#include <sys/socket.h>

#include "io/conn_impl.h"
#include "muster/err.h"

/*
 * OpenSSL reads on until there is data, however much it is given that is none:
 * key updates, which it answers, or alerts.  A peer could keep it, and with it
 * this process, inside one call for ever, and its unread answers growing.
 */
static int
bio_read(BIO *b, char *buf, int len)
{
	struct conn *c = BIO_get_data(b);
	ssize_t n;

	BIO_clear_retry_flags(b);
	if (c->chores > CONN_CHORES) {
		c->error = EPROTO;
		return -1;
	}
	if (c->dry) {
		BIO_set_retry_read(b);
		return -1;
	}
	n = recv(c->fd, buf, (size_t)len, 0);
	if (n > 0) {
		c->dry = n < len;
		c->taken += (size_t)n;
		c->chores += (size_t)n;
		return (int)n;
	}
	if (n == 0)
		c->eof = true;
	else if (errno == EAGAIN || errno == EINTR)
		BIO_set_retry_read(b);
	else
		c->error = errno;
	return n == 0 ? 0 : -1;
}

static int
bio_write(BIO *b, const char *buf, int len)
{
	struct conn *c = BIO_get_data(b);

	BIO_clear_retry_flags(b);
	if (c->out.mem == NULL)
		mu_buf_lend(&c->all->spare, &c->out);
	mu_buf_put(&c->out, buf, (size_t)len);
	if (mu_buf_error(&c->out) != 0) {
		/* Beyond its limit are only answers that TLS gives by itself
		 * to a peer that does not read them. */
		c->error =
		    mu_buf_error(&c->out) == MUSTER_ELIMIT ? ENOBUFS : ENOMEM;
		return -1;
	}
	return len;
}

static long
bio_ctrl(BIO *b, int cmd, long larg, void *parg)
{
	const struct conn *c = BIO_get_data(b);

	(void)larg;
	(void)parg;
	if (cmd == BIO_CTRL_EOF)
		return c->eof;
	return cmd == BIO_CTRL_FLUSH;
}

static int
bio_create(BIO *b)
{
	BIO_set_init(b, 1);
	return 1;
}

BIO_METHOD *
conn_bio_method(void)
{
	BIO_METHOD *m = BIO_meth_new(
	    BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection");

	if (m != NULL && (BIO_meth_set_read(m, bio_read) != 1 ||
			     BIO_meth_set_write(m, bio_write) != 1 ||
			     BIO_meth_set_ctrl(m, bio_ctrl) != 1 ||
			     BIO_meth_set_create(m, bio_create) != 1)) {
		BIO_meth_free(m);
		m = NULL;
	}
	return m;
}

bool
conn_bio_attach(struct conn *c)
{
	BIO *b = BIO_new(c->all->method);

	if (b == NULL)
		return false;
	BIO_set_data(b, c);
	SSL_set_bio(c->ssl, b, b);
	return true;
}
