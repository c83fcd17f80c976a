/*
 * A small private CA: one self-signed P-256 certificate and node certificates
 * below it.  Everything a site needs to run with mutual TLS, and nothing more:
 * no requests, no revocation (a cluster's layout names its nodes).
 */
#include "tls/tls.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include "base/alloc.h"
#include "muster/err.h"
#include "tls/internal.h"

#define SERIAL_BYTES 16
#define DAY          86400
#define SKEW         3600 /* clocks of nodes may be this far behind */
#define CN_MAX       64   /* upper bound of X.520 */
#define DAYS_MAX     36500

/* --- building ------------------------------------------------------------ */

static bool
set_serial(X509 *x)
{
	unsigned char bytes[SERIAL_BYTES];
	BIGNUM *n;
	bool ok;

	if (RAND_bytes(bytes, sizeof bytes) != 1)
		return false;
	/* Positive and of full length: RFC 5280 section 4.1.2.2. */
	bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40);
	n = BN_bin2bn(bytes, sizeof bytes, NULL);
	ok = n != NULL && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
	BN_free(n);
	return ok;
}

static bool
add_entry(X509_NAME *name, const char *field, const char *text)
{
	char cut[CN_MAX + 1];

	/* The alternative name carries it whole. */
	snprintf(cut, sizeof cut, "%s", text);
	return X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8,
		   (const unsigned char *)cut, -1, -1, 0) == 1;
}

static bool
set_dates(X509 *x, int start_days, int days, const X509 *issuer)
{
	time_t now = time(NULL);
	time_t from = now + (time_t)start_days * DAY;
	time_t to = from + (time_t)days * DAY;

	if (start_days == 0)
		from -= SKEW;
	if (to < from) /* made expired, for tests */
		from = to - DAY;
	if (ASN1_TIME_set(X509_getm_notBefore(x), from) == NULL ||
	    ASN1_TIME_set(X509_getm_notAfter(x), to) == NULL)
		return false;
	/* Outliving the ca would only hide the day it all stops. */
	if (issuer != NULL && ASN1_TIME_compare(X509_get0_notAfter(x),
				  X509_get0_notAfter(issuer)) > 0)
		return X509_set1_notAfter(x, X509_get0_notAfter(issuer)) == 1;
	return true;
}

static bool
add_ext(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;
	bool ok;

	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ok = ext != NULL && X509_add_ext(x, ext, -1) == 1;
	X509_EXTENSION_free(ext);
	return ok;
}

/* One alternative name: an address if it reads as one, else a DNS name. */
static GENERAL_NAME *
general_name(const char *text)
{
	GENERAL_NAME *n = GENERAL_NAME_new();
	unsigned char addr[16];
	ASN1_STRING *s;
	int type = GEN_DNS, len = (int)strlen(text);
	const void *bytes = text;

	if (inet_pton(AF_INET, text, addr) == 1) {
		type = GEN_IPADD, bytes = addr, len = 4;
	} else if (inet_pton(AF_INET6, text, addr) == 1) {
		type = GEN_IPADD, bytes = addr, len = 16;
	}
	s = type == GEN_DNS ? (ASN1_STRING *)ASN1_IA5STRING_new()
			    : (ASN1_STRING *)ASN1_OCTET_STRING_new();
	if (n == NULL || s == NULL || ASN1_STRING_set(s, bytes, len) != 1) {
		GENERAL_NAME_free(n);
		ASN1_STRING_free(s);
		return NULL;
	}
	GENERAL_NAME_set0_value(n, type, s);
	return n;
}

static bool
push_name(GENERAL_NAMES *names, const char *text)
{
	GENERAL_NAME *n = general_name(text);

	if (n == NULL || sk_GENERAL_NAME_push(names, n) == 0) {
		GENERAL_NAME_free(n);
		return false;
	}
	return true;
}

/* Through the structures, not the text form, whose commas would let a name
 * smuggle in another. */
static bool
add_alt_names(X509 *x, const struct mu_tls_issue *what)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();
	bool ok = names != NULL && push_name(names, what->name);

	for (size_t i = 0; ok && i < what->nalt; i++)
		if (strcmp(what->alt[i], what->name) != 0)
			ok = push_name(names, what->alt[i]);
	ok = ok && X509_add1_ext_i2d(x, NID_subject_alt_name, names, 0,
		       X509V3_ADD_DEFAULT) == 1;
	GENERAL_NAMES_free(names);
	return ok;
}

static bool
fill_ca(X509 *x, EVP_PKEY *key, const char *cluster, int days)
{
	X509_NAME *name = X509_get_subject_name(x);

	return X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) &&
	       set_dates(x, 0, days, NULL) && add_entry(name, "O", cluster) &&
	       add_entry(name, "CN", "muster ca") &&
	       X509_set_issuer_name(x, name) == 1 &&
	       X509_set_pubkey(x, key) == 1 &&
	       add_ext(
		   x, x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
	       add_ext(x, x, NID_key_usage, "critical,keyCertSign,cRLSign") &&
	       add_ext(x, x, NID_subject_key_identifier, "hash") &&
	       X509_sign(x, key, EVP_sha256()) != 0;
}

static bool
fill_node(X509 *x, EVP_PKEY *key, const struct mu_tls_issue *what, X509 *ca,
    EVP_PKEY *ca_key)
{
	X509_NAME *name = X509_get_subject_name(x);

	return X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) &&
	       set_dates(x, what->start_days, what->days, ca) &&
	       add_entry(name, "O", what->cluster) &&
	       add_entry(name, "CN", what->name) &&
	       X509_set_issuer_name(x, X509_get_subject_name(ca)) == 1 &&
	       X509_set_pubkey(x, key) == 1 &&
	       add_ext(x, ca, NID_basic_constraints, "critical,CA:FALSE") &&
	       add_ext(x, ca, NID_key_usage, "critical,digitalSignature") &&
	       add_ext(x, ca, NID_ext_key_usage, "serverAuth,clientAuth") &&
	       add_ext(x, ca, NID_subject_key_identifier, "hash") &&
	       add_ext(x, ca, NID_authority_key_identifier, "keyid") &&
	       add_alt_names(x, what) &&
	       X509_sign(x, ca_key, EVP_sha256()) != 0;
}

/* --- writing ------------------------------------------------------------- */

static int
write_bio(BIO *bio, const char *path, mode_t mode, bool overwrite, char *err,
    size_t err_size)
{
	char *data;
	long len = BIO_get_mem_data(bio, &data);

	return mu_pem_write(
	    path, data, (size_t)len, mode, overwrite, err, err_size);
}

/* The key first: a certificate without its key is of no use, and the other
 * way round the next attempt would find a file in its way. */
static int
write_pair(X509 *x, EVP_PKEY *key, const char *cert_path, const char *key_path,
    bool overwrite, char *err, size_t err_size)
{
	BIO *secret = BIO_new(BIO_s_secmem()), *open = BIO_new(BIO_s_mem());
	int r;

	if (secret == NULL || open == NULL ||
	    PEM_write_bio_PKCS8PrivateKey(
		secret, key, NULL, NULL, 0, NULL, NULL) != 1 ||
	    PEM_write_bio_X509(open, x) != 1) {
		r = mu_tls_fail(MUSTER_ENOMEM, err, err_size,
		    "cannot encode key and certificate");
		goto out;
	}
	r = write_bio(secret, key_path, 0600, overwrite, err, err_size);
	if (r != 0)
		goto out;
	r = write_bio(open, cert_path, 0644, overwrite, err, err_size);
	if (r != 0 && !overwrite)
		unlink(key_path);
out:
	BIO_free(secret);
	BIO_free(open);
	return r;
}

/* Nothing of a pair may exist: found out before a key is made. */
static int
check_absent(
    const char *cert_path, const char *key_path, char *err, size_t err_size)
{
	const char *path = access(cert_path, F_OK) == 0  ? cert_path
			   : access(key_path, F_OK) == 0 ? key_path
							 : NULL;

	if (path == NULL)
		return 0;
	return mu_tls_fail(
	    MUSTER_EEXIST, err, err_size, "%s exists already", path);
}

/* Names go into files other programs read: visible ASCII only. */
static int
check_name(const char *name, const char *what, char *err, size_t err_size)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		if (name[i] < 0x20 || name[i] > 0x7e)
			len = 0;
	if (len == 0 || len > 255)
		return mu_tls_fail(MUSTER_EINVAL, err, err_size,
		    "%s must have 1 to 255 printable ascii characters", what);
	return 0;
}

static int
check_days(int days, char *err, size_t err_size)
{
	if (days > DAYS_MAX || days < -DAYS_MAX)
		return mu_tls_fail(MUSTER_EINVAL, err, err_size,
		    "%d days: at most %d are possible", days, DAYS_MAX);
	return 0;
}

/* --- doors --------------------------------------------------------------- */

int
mu_tls_ca_create(const char *cluster, int days, const char *cert_path,
    const char *key_path, char *err, size_t err_size)
{
	EVP_PKEY *key = NULL;
	X509 *x = NULL;
	int r;

	r = check_name(cluster, "the cluster's name", err, err_size);
	if (r == 0)
		r = check_days(days, err, err_size);
	if (r == 0)
		r = check_absent(cert_path, key_path, err, err_size);
	if (r != 0)
		return r;
	key = EVP_EC_gen("P-256");
	x = X509_new();
	if (key == NULL || x == NULL || !fill_ca(x, key, cluster, days))
		r = mu_tls_fail(MUSTER_ETLS, err, err_size,
		    "cannot make the ca's certificate: %s",
		    ERR_reason_error_string(ERR_peek_error()));
	else
		r = write_pair(
		    x, key, cert_path, key_path, false, err, err_size);
	X509_free(x);
	EVP_PKEY_free(key);
	return r;
}

/* The CA as it lies on the disk, fit for signing. */
static int
load_ca(const char *cert_path, const char *key_path, STACK_OF(X509) * *cert,
    EVP_PKEY **key, char *err, size_t err_size)
{
	char when[64];
	X509 *ca;
	int r = mu_pem_certificates(cert_path, "ca", cert, err, err_size);

	if (r == 0)
		r = mu_pem_key(key_path, NULL, key, err, err_size);
	if (r != 0)
		return r;
	ca = sk_X509_value(*cert, 0);
	if (X509_check_private_key(ca, *key) != 1)
		return mu_tls_fail(MUSTER_ETLS, err, err_size,
		    "key %s does not belong to ca %s", key_path, cert_path);
	if (X509_check_ca(ca) == 0)
		return mu_tls_fail(MUSTER_ETLS, err, err_size,
		    "%s is not a ca's certificate", cert_path);
	if (X509_cmp_current_time(X509_get0_notAfter(ca)) < 0)
		return mu_tls_fail(MUSTER_ETLS, err, err_size,
		    "ca %s expired on %s", cert_path,
		    mu_tls_time_text(
			X509_get0_notAfter(ca), when, sizeof when));
	return 0;
}

static int
check_issue(const struct mu_tls_issue *what, const char *cert_path,
    const char *key_path, bool overwrite, char *err, size_t err_size)
{
	int r = check_name(what->name, "the node's name", err, err_size);

	if (r == 0)
		r = check_name(
		    what->cluster, "the cluster's name", err, err_size);
	for (size_t i = 0; r == 0 && i < what->nalt; i++)
		r = check_name(
		    what->alt[i], "an alternative name", err, err_size);
	if (r == 0)
		r = check_days(what->days, err, err_size);
	if (r == 0)
		r = check_days(what->start_days, err, err_size);
	if (r == 0 && !overwrite)
		r = check_absent(cert_path, key_path, err, err_size);
	return r;
}

int
mu_tls_issue(const struct mu_tls_issue *what, const char *ca_cert,
    const char *ca_key, const char *cert_path, const char *key_path,
    bool overwrite, char *err, size_t err_size)
{
	STACK_OF(X509) *ca = NULL;
	EVP_PKEY *signer = NULL, *key = NULL;
	X509 *x = NULL;
	int r =
	    check_issue(what, cert_path, key_path, overwrite, err, err_size);

	if (r == 0)
		r = load_ca(ca_cert, ca_key, &ca, &signer, err, err_size);
	if (r != 0)
		goto out;
	key = EVP_EC_gen("P-256");
	x = X509_new();
	if (key == NULL || x == NULL ||
	    !fill_node(x, key, what, sk_X509_value(ca, 0), signer))
		r = mu_tls_fail(MUSTER_ETLS, err, err_size,
		    "cannot make the certificate of %s: %s", what->name,
		    ERR_reason_error_string(ERR_peek_error()));
	else
		r = write_pair(
		    x, key, cert_path, key_path, overwrite, err, err_size);
out:
	X509_free(x);
	EVP_PKEY_free(key);
	EVP_PKEY_free(signer);
	sk_X509_pop_free(ca, X509_free);
	return r;
}
