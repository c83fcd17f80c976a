/*
 * Files of certificates and keys.  Every failure names the file and says what
 * an operator has to mend; contents never appear in a message.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/alloc.h"
#include "base/file.h"
#include "muster/err.h"
#include "tls/internal.h"

#define FILE_MAX (1024 * 1024)

int
mu_tls_fail(int code, char *err, size_t err_size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (err != NULL && err_size > 0)
		vsnprintf(err, err_size, fmt, ap);
	va_end(ap);
	ERR_clear_error();
	return code;
}

static int
check_file(const struct stat *st, const char *path, enum mu_pem_secrecy secrecy,
    char *err, size_t err_size)
{
	mode_t excess = st->st_uid == 0 ? 037 : 077;

	if (!S_ISREG(st->st_mode))
		return mu_tls_fail(MUSTER_ETLS, err, err_size,
		    "%s is not a regular file", path);
	if (st->st_size > FILE_MAX)
		return mu_tls_fail(MUSTER_ETLS, err, err_size,
		    "%s is larger than 1 MiB", path);
	if (secrecy == PEM_SECRET && (st->st_mode & excess) != 0)
		return mu_tls_fail(MUSTER_ETLS, err, err_size,
		    "%s is secret but its mode is %04o (chmod 0600 it)", path,
		    (unsigned)st->st_mode & 07777);
	return 0;
}

/* errno says why.  Keys that root made for another user are the usual case. */
static int
cannot_read(const char *path, char *err, size_t err_size)
{
	if (errno == EACCES)
		return mu_tls_fail(MUSTER_ESYS, err, err_size,
		    "cannot read %s: %s (it must be readable for user %u)",
		    path, strerror(errno), (unsigned)geteuid());
	return mu_tls_fail(MUSTER_ESYS, err, err_size, "cannot read %s: %s",
	    path, strerror(errno));
}

/* Read what fits into data; the file may have shrunk or grown since stat. */
static ssize_t
read_fully(int fd, char *data, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t n = read(fd, data + len, size - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	return (ssize_t)len;
}

int
mu_pem_read(const char *path, enum mu_pem_secrecy secrecy, char **data,
    size_t *len, char *err, size_t err_size)
{
	struct stat st;
	char *mem = NULL;
	ssize_t n;
	int fd, r;

	*data = NULL;
	*len = 0;
	/* Non-blocking: a fifo must not hold up the start. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) != 0) {
		r = cannot_read(path, err, err_size);
		goto out;
	}
	r = check_file(&st, path, secrecy, err, err_size);
	if (r != 0)
		goto out;
	mem = mu_malloc((size_t)st.st_size + 1);
	if (mem == NULL) {
		r = mu_tls_fail(MUSTER_ENOMEM, err, err_size, "out of memory");
		goto out;
	}
	n = read_fully(fd, mem, (size_t)st.st_size);
	if (n < 0) {
		r = cannot_read(path, err, err_size);
		mu_free(mem);
		goto out;
	}
	mem[n] = '\0';
	*data = mem;
	*len = (size_t)n;
out:
	if (fd >= 0)
		close(fd);
	return r;
}

/* Certificates until the end of the PEM; anything malformed is an error. */
static int
parse_certificates(BIO *bio, STACK_OF(X509) * list)
{
	X509 *cert;

	ERR_clear_error();
	while ((cert = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL)) != NULL)
		if (sk_X509_push(list, cert) == 0) {
			X509_free(cert);
			return MUSTER_ENOMEM;
		}
	/* "No start line" is how the end looks. */
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return MUSTER_ETLS;
	ERR_clear_error();
	return sk_X509_num(list) > 0 ? 0 : MUSTER_ENOENT;
}

int
mu_pem_certificates(const char *path, const char *what, STACK_OF(X509) * *out,
    char *err, size_t err_size)
{
	STACK_OF(X509) *list = NULL;
	BIO *bio = NULL;
	size_t len;
	char *data;
	int r;

	*out = NULL;
	r = mu_pem_read(path, PEM_PUBLIC, &data, &len, err, err_size);
	if (r != 0)
		return r;
	list = sk_X509_new_null();
	bio = BIO_new_mem_buf(data, (int)len);
	r = list == NULL || bio == NULL ? MUSTER_ENOMEM
					: parse_certificates(bio, list);
	BIO_free(bio);
	mu_free(data);
	if (r == 0) {
		*out = list;
		return 0;
	}
	sk_X509_pop_free(list, X509_free);
	if (r == MUSTER_ENOENT)
		return mu_tls_fail(MUSTER_ETLS, err, err_size,
		    "%s %s holds no pem certificate", what, path);
	if (r == MUSTER_ETLS)
		return mu_tls_fail(r, err, err_size,
		    "%s %s is damaged: not a pem certificate", what, path);
	return mu_tls_fail(r, err, err_size, "out of memory");
}

struct passphrase {
	const char *text; /* NULL: there is none */
	bool asked;       /* the key turned out to be encrypted */
};

static int
give_passphrase(char *buf, int size, int writing, void *ctx)
{
	struct passphrase *p = ctx;
	size_t len;

	(void)writing;
	p->asked = true;
	if (p->text == NULL)
		return -1;
	len = strlen(p->text);
	if (size < 0 || len > (size_t)size)
		return -1;
	memcpy(buf, p->text, len);
	return (int)len;
}

static int
parse_key(const char *path, const char *data, size_t len,
    struct passphrase *pass, EVP_PKEY **out, char *err, size_t err_size)
{
	BIO *bio = BIO_new_mem_buf(data, (int)len);

	if (bio == NULL)
		return mu_tls_fail(
		    MUSTER_ENOMEM, err, err_size, "out of memory");
	*out = PEM_read_bio_PrivateKey(bio, NULL, give_passphrase, pass);
	BIO_free(bio);
	if (*out != NULL)
		return 0;
	if (pass->asked && pass->text == NULL)
		return mu_tls_fail(MUSTER_ETLS, err, err_size,
		    "key %s is encrypted and there is no passphrase_file",
		    path);
	if (pass->asked)
		return mu_tls_fail(MUSTER_ETLS, err, err_size,
		    "key %s cannot be decrypted: wrong passphrase or damaged",
		    path);
	return mu_tls_fail(MUSTER_ETLS, err, err_size,
	    "key %s holds no pem private key", path);
}

int
mu_pem_key(const char *path, const char *passphrase_file, EVP_PKEY **out,
    char *err, size_t err_size)
{
	struct passphrase pass = { NULL, false };
	char *words = NULL, *data = NULL;
	size_t words_len = 0, len = 0;
	int r = 0;

	*out = NULL;
	if (passphrase_file != NULL) {
		r = mu_pem_read(passphrase_file, PEM_SECRET, &words, &words_len,
		    err, err_size);
		if (r != 0)
			return r;
		words[strcspn(words, "\r\n")] = '\0';
		pass.text = words;
	}
	r = mu_pem_read(path, PEM_SECRET, &data, &len, err, err_size);
	if (r == 0)
		r = parse_key(path, data, len, &pass, out, err, err_size);
	if (data != NULL)
		mu_wipe(data, len);
	if (words != NULL)
		mu_wipe(words, words_len);
	mu_free(data);
	mu_free(words);
	return r;
}

/* --- writing ------------------------------------------------------------- */

int
mu_pem_write(const char *path, const void *data, size_t len, mode_t mode,
    bool overwrite, char *err, size_t err_size)
{
	int r = mu_file_write(path, data, len, mode, overwrite);

	if (r == MUSTER_ENOMEM)
		return mu_tls_fail(r, err, err_size, "out of memory");
	if (r != 0 && errno == EEXIST)
		return mu_tls_fail(
		    MUSTER_EEXIST, err, err_size, "%s exists already", path);
	if (r != 0)
		return mu_tls_fail(r, err, err_size, "cannot write %s: %s",
		    path, strerror(errno));
	return 0;
}
