/*
 * Keys and certificates on the disk: what is refused and in which words, and
 * what the private CA writes.
 */
#include <check.h>
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/alloc.h"
#include "muster/err.h"
#include "others.h"
#include "scratch.h"
#include "tls/tls.h"
#include "unit.h"

static char err[512];

static int
issue_as(const char *name, int days, int start_days)
{
	struct mu_tls_issue what = { "lab", name, NULL, 0, days, start_days };
	char cert[300], key[300];

	snprintf(cert, sizeof cert, "%s.pem", name);
	snprintf(key, sizeof key, "%s.key", name);
	return mu_tls_issue(&what, scratch("ca.pem"), scratch("ca.key"),
	    scratch(cert), scratch(key), false, err, sizeof err);
}

static void
setup(void)
{
	scratch_open();
	ck_assert_int_eq(mu_tls_ca_create("lab", 100, scratch("ca.pem"),
			     scratch("ca.key"), err, sizeof err),
	    0);
	ck_assert_int_eq(issue_as("n", 10, 0), 0);
}

/* --- loading ------------------------------------------------------------- */

static int
load(const char *ca, const char *cert, const char *key, const char *pass)
{
	struct mu_tls_files files = { scratch(ca), scratch(cert), scratch(key),
		pass == NULL ? NULL : scratch(pass) };
	struct mu_tls *t = NULL;
	int r = mu_tls_new(&files, &t, err, sizeof err);

	ck_assert((r == 0) == (t != NULL));
	mu_tls_unref(t);
	return r;
}

static void
assert_refused(const char *ca, const char *cert, const char *key, int code,
    const char *file, const char *says)
{
	ck_assert_int_eq(load(ca, cert, key, NULL), code);
	ck_assert_contains(err, scratch(file));
	ck_assert_contains(err, says);
}

START_TEST(missing_files_are_named)
{
	assert_refused(
	    "no.pem", "n.pem", "n.key", MUSTER_ESYS, "no.pem", "cannot read");
	assert_refused(
	    "ca.pem", "no.pem", "n.key", MUSTER_ESYS, "no.pem", "No such file");
	assert_refused(
	    "ca.pem", "n.pem", "no.key", MUSTER_ESYS, "no.key", "No such file");
	assert_refused(
	    "ca.pem", "", "n.key", MUSTER_ETLS, "", "not a regular file");
}
END_TEST

START_TEST(files_that_are_not_pem_are_named)
{
	scratch_write("empty.pem", "", 0644);
	scratch_write("text.pem", "hello\n", 0644);
	scratch_write("torn.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n", 0644);
	scratch_write("text.key", "hello\n", 0600);
	assert_refused("empty.pem", "n.pem", "n.key", MUSTER_ETLS, "empty.pem",
	    "holds no pem certificate");
	assert_refused("ca.pem", "text.pem", "n.key", MUSTER_ETLS, "text.pem",
	    "holds no pem certificate");
	assert_refused(
	    "ca.pem", "torn.pem", "n.key", MUSTER_ETLS, "torn.pem", "damaged");
	assert_refused("ca.pem", "n.pem", "text.key", MUSTER_ETLS, "text.key",
	    "no pem private key");
	/* The two swapped, as happens. */
	ck_assert_int_eq(chmod(scratch("n.pem"), 0600), 0);
	assert_refused("ca.pem", "n.key", "n.pem", MUSTER_ETLS, "n.key",
	    "holds no pem certificate");
}
END_TEST

START_TEST(key_of_another_certificate_is_refused)
{
	ck_assert_int_eq(issue_as("m", 10, 0), 0);
	assert_refused("ca.pem", "n.pem", "m.key", MUSTER_ETLS, "m.key",
	    "does not belong to");
	ck_assert_contains(err, scratch("n.pem"));
}
END_TEST

START_TEST(own_certificate_must_be_valid_now)
{
	ck_assert_int_eq(issue_as("old", -2, 0), 0);
	ck_assert_int_eq(issue_as("new", 10, 3), 0);
	assert_refused("ca.pem", "old.pem", "old.key", MUSTER_ETLS, "old.pem",
	    "expired on 20");
	assert_refused("ca.pem", "new.pem", "new.key", MUSTER_ETLS, "new.pem",
	    "is not valid before 20");
}
END_TEST

START_TEST(key_open_to_others_is_refused)
{
	static const unsigned bad[] = { 0644, 0604, 0666, 0620, 0602, 0660 };

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		chmod(scratch("n.key"), bad[i]);
		assert_refused("ca.pem", "n.pem", "n.key", MUSTER_ETLS, "n.key",
		    "chmod 0600");
	}
	chmod(scratch("n.key"), 0400);
	ck_assert_int_eq(load("ca.pem", "n.pem", "n.key", NULL), 0);
	/* A group may read what root alone may change. */
	chmod(scratch("n.key"), 0640);
	ck_assert_int_eq(load("ca.pem", "n.pem", "n.key", NULL),
	    getuid() == 0 ? 0 : MUSTER_ETLS);
}
END_TEST

START_TEST(key_of_another_user_is_told_from_others)
{
	bool root = getuid() == 0;
	char who[64];

	if (no_others(scratch_folder))
		return;
	if (root) {
		ck_assert_int_eq(chmod(scratch(""), 0711), 0);
		ck_assert_int_eq(seteuid(OTHER), 0);
	} else {
		ck_assert_int_eq(chmod(scratch("n.key"), 0), 0);
	}
	snprintf(who, sizeof who, "must be readable for user %u",
	    (unsigned)geteuid());
	assert_refused("ca.pem", "n.pem", "n.key", MUSTER_ESYS, "n.key", who);
	if (root)
		ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

static void
encrypt_key(const char *from, const char *to, const char *words)
{
	char copy[64];
	FILE *f = fopen(scratch(from), "r");
	EVP_PKEY *key = PEM_read_PrivateKey(f, NULL, NULL, NULL);

	fclose(f);
	f = fopen(scratch(to), "w");
	snprintf(copy, sizeof copy, "%s", words);
	ck_assert_int_eq(PEM_write_PKCS8PrivateKey(f, key, EVP_aes_256_cbc(),
			     copy, (int)strlen(copy), NULL, NULL),
	    1);
	fclose(f);
	chmod(scratch(to), 0600);
	EVP_PKEY_free(key);
}

START_TEST(passphrase_comes_from_its_file)
{
	encrypt_key("n.key", "locked.key", "open sesame");
	scratch_write("right", "open sesame\r\nsecond line\n", 0600);
	scratch_write("wrong", "open barley\n", 0600);
	scratch_write("loose", "open sesame\n", 0644);
	ck_assert_int_eq(load("ca.pem", "n.pem", "locked.key", "right"), 0);
	assert_refused("ca.pem", "n.pem", "locked.key", MUSTER_ETLS,
	    "locked.key", "is encrypted and there is no passphrase_file");
	ck_assert_int_eq(
	    load("ca.pem", "n.pem", "locked.key", "wrong"), MUSTER_ETLS);
	ck_assert_contains(err, "wrong passphrase");
	ck_assert_ptr_null(strstr(err, "barley"));
	ck_assert_int_eq(
	    load("ca.pem", "n.pem", "locked.key", "loose"), MUSTER_ETLS);
	ck_assert_contains(err, "chmod 0600");
}
END_TEST

static int
count_files(void)
{
	DIR *d = opendir(scratch_folder);
	int n = 0;

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n - 2;
}

/* --- memory -------------------------------------------------------------- */

static bool
nth_fails(void *ctx)
{
	int *left = ctx;

	return (*left)-- == 0;
}

START_TEST(every_allocation_may_fail)
{
	int left, n = 0, r;

	encrypt_key("n.key", "locked.key", "words");
	scratch_write("right", "words\n", 0600);
	do {
		left = n++;
		mu_alloc_set_hook(nth_fails, &left);
		r = load("ca.pem", "n.pem", "locked.key", "right");
		mu_alloc_set_hook(NULL, NULL);
		ck_assert(r == 0 || r == MUSTER_ENOMEM);
	} while (r != 0);
	ck_assert_int_ge(n, 5);
	for (n = 0, r = -1; r != 0; n++) {
		struct mu_tls *t;

		left = n;
		mu_alloc_set_hook(nth_fails, &left);
		r = mu_tls_new_anonymous(&t, err, sizeof err);
		mu_alloc_set_hook(NULL, NULL);
		mu_tls_unref(t);
	}
	ck_assert_int_eq(n, 3);
}
END_TEST

START_TEST(issuing_survives_failing_allocations)
{
	struct mu_tls_issue what = { "lab", "n", NULL, 0, 10, 0 };
	int left, n = 0, r;

	do {
		left = n++;
		mu_alloc_set_hook(nth_fails, &left);
		r = mu_tls_issue(&what, scratch("ca.pem"), scratch("ca.key"),
		    scratch("n.pem"), scratch("n.key"), true, err, sizeof err);
		mu_alloc_set_hook(NULL, NULL);
		ck_assert(r == 0 || r == MUSTER_ENOMEM || r == MUSTER_ESYS);
	} while (r != 0);
	ck_assert_int_eq(load("ca.pem", "n.pem", "n.key", NULL), 0);
	ck_assert_int_eq(count_files(), 4);
}
END_TEST

/* --- the private CA ------------------------------------------------------ */

static X509 *
read_cert(const char *name)
{
	FILE *f = fopen(scratch(name), "r");
	X509 *x = PEM_read_X509(f, NULL, NULL, NULL);

	fclose(f);
	ck_assert_ptr_nonnull(x);
	return x;
}

START_TEST(ca_is_made_once)
{
	X509 *ca = read_cert("ca.pem");

	ck_assert_uint_eq(scratch_mode("ca.key"), 0600);
	ck_assert_uint_eq(scratch_mode("ca.pem"), 0644);
	ck_assert_int_eq(X509_check_ca(ca), 1);
	ck_assert_int_eq(X509_get_pathlen(ca), 0);
	ck_assert_uint_eq(
	    X509_get_key_usage(ca), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
	ck_assert_int_eq(X509_verify(ca, X509_get0_pubkey(ca)), 1);
	X509_free(ca);
	ck_assert_int_eq(mu_tls_ca_create("lab", 100, scratch("ca.pem"),
			     scratch("x.key"), err, sizeof err),
	    MUSTER_EEXIST);
	ck_assert_contains(err, scratch("ca.pem"));
	ck_assert_int_eq(mu_tls_ca_create("lab", 100, scratch("x.pem"),
			     scratch("ca.key"), err, sizeof err),
	    MUSTER_EEXIST);
	ck_assert_contains(err, scratch("ca.key"));
	ck_assert_int_eq(mu_tls_ca_create("lab", 36501, scratch("x.pem"),
			     scratch("x.key"), err, sizeof err),
	    MUSTER_EINVAL);
	ck_assert_contains(err, "36501 days");
	/* ca and n, and nothing half-made. */
	ck_assert_int_eq(count_files(), 4);
}
END_TEST

START_TEST(node_certificate_has_what_peers_check)
{
	X509 *x = read_cert("n.pem"), *ca = read_cert("ca.pem");
	const ASN1_INTEGER *serial = X509_get0_serialNumber(x);
	char group[32];

	ck_assert_uint_eq(scratch_mode("n.key"), 0600);
	ck_assert_uint_eq(scratch_mode("n.pem"), 0644);
	ck_assert_int_eq((int)X509_get_version(x), X509_VERSION_3);
	ck_assert_int_eq(X509_verify(x, X509_get0_pubkey(ca)), 1);
	ck_assert_int_eq(X509_check_issued(ca, x), X509_V_OK);
	ck_assert_int_eq(X509_check_ca(x), 0);
	ck_assert_uint_eq(X509_get_key_usage(x), KU_DIGITAL_SIGNATURE);
	ck_assert_uint_eq(
	    X509_get_extended_key_usage(x), XKU_SSL_SERVER | XKU_SSL_CLIENT);
	ck_assert_int_eq(ASN1_STRING_length(serial), 16);
	ck_assert_int_eq(ASN1_STRING_type(serial), V_ASN1_INTEGER);
	EVP_PKEY_get_group_name(X509_get0_pubkey(x), group, sizeof group, NULL);
	ck_assert_str_eq(group, "prime256v1");
	ck_assert_ptr_nonnull(X509_get0_subject_key_id(x));
	ck_assert_ptr_nonnull(X509_get0_authority_key_id(x));
	X509_free(x);
	X509_free(ca);
}
END_TEST

START_TEST(alternative_names_are_names_or_addresses)
{
	static const char *const alt[] = { "192.0.2.7", "2001:db8::7",
		"host.example", "a,DNS:evil" };
	struct mu_tls_issue what = { "lab", "w", alt, 4, 10, 0 };
	X509 *x;

	ck_assert_int_eq(
	    mu_tls_issue(&what, scratch("ca.pem"), scratch("ca.key"),
		scratch("w.pem"), scratch("w.key"), false, err, sizeof err),
	    0);
	x = read_cert("w.pem");
	ck_assert_int_eq(X509_check_ip_asc(x, "192.0.2.7", 0), 1);
	ck_assert_int_eq(X509_check_ip_asc(x, "2001:db8::7", 0), 1);
	ck_assert_int_eq(X509_check_host(x, "host.example", 0, 0, NULL), 1);
	ck_assert_int_eq(X509_check_host(x, "w", 0, 0, NULL), 1);
	/* A comma is no way to a second name. */
	ck_assert_int_eq(X509_check_host(x, "evil", 0, 0, NULL), 0);
	X509_free(x);
}
END_TEST

START_TEST(issue_overwrites_only_when_told)
{
	struct mu_tls_issue what = { "lab", "n", NULL, 0, 10, 0 };
	X509 *before = read_cert("n.pem"), *after;

	ck_assert_int_eq(issue_as("n", 10, 0), MUSTER_EEXIST);
	ck_assert_contains(err, "exists already");
	ck_assert_int_eq(
	    mu_tls_issue(&what, scratch("ca.pem"), scratch("ca.key"),
		scratch("n.pem"), scratch("n.key"), true, err, sizeof err),
	    0);
	after = read_cert("n.pem");
	ck_assert_int_ne(X509_cmp(before, after), 0);
	ck_assert_int_eq(load("ca.pem", "n.pem", "n.key", NULL), 0);
	ck_assert_int_eq(count_files(), 4);
	X509_free(before);
	X509_free(after);
}
END_TEST

START_TEST(no_certificate_outlives_its_ca)
{
	X509 *x, *ca = read_cert("ca.pem");

	ck_assert_int_eq(issue_as("long", 5000, 0), 0);
	x = read_cert("long.pem");
	ck_assert_int_eq(
	    ASN1_TIME_compare(X509_get0_notAfter(x), X509_get0_notAfter(ca)),
	    0);
	X509_free(x);
	X509_free(ca);
}
END_TEST

START_TEST(issue_refuses_bad_names_and_cas)
{
	char name[300] = "";
	struct mu_tls_issue what = { "lab", name, NULL, 0, 10, 0 };

	ck_assert_int_eq(issue_as("", 10, 0), MUSTER_EINVAL);
	ck_assert_int_eq(issue_as("a\nb", 10, 0), MUSTER_EINVAL);
	ck_assert_int_eq(issue_as("n\xc3\xa4me", 10, 0), MUSTER_EINVAL);
	ck_assert_int_eq(issue_as("m", 1000000, 0), MUSTER_EINVAL);
	memset(name, 'x', 200); /* longer than a common name may be */
	ck_assert_int_eq(
	    mu_tls_issue(&what, scratch("ca.pem"), scratch("ca.key"),
		scratch("l.pem"), scratch("l.key"), false, err, sizeof err),
	    0);
	strcpy(name, "m");
	ck_assert_int_eq(
	    mu_tls_issue(&what, scratch("ca.pem"), scratch("n.key"),
		scratch("m.pem"), scratch("m.key"), false, err, sizeof err),
	    MUSTER_ETLS);
	ck_assert_contains(err, "does not belong to ca");
	ck_assert_int_eq(
	    mu_tls_issue(&what, scratch("n.pem"), scratch("n.key"),
		scratch("m.pem"), scratch("m.key"), false, err, sizeof err),
	    MUSTER_ETLS);
	ck_assert_contains(err, "is not a ca's certificate");
	ck_assert_int_eq(
	    mu_tls_issue(&what, scratch("ca.pem"), scratch("ca.key"),
		scratch("no/m.pem"), scratch("m.key"), false, err, sizeof err),
	    MUSTER_ESYS);
	ck_assert_contains(err, scratch("no/m.pem"));
	/* The key written before is taken back. */
	ck_assert_int_ne(access(scratch("m.key"), F_OK), 0);
}
END_TEST

START_TEST(expired_ca_signs_nothing)
{
	struct mu_tls_issue what = { "lab", "m", NULL, 0, 10, 0 };

	ck_assert_int_eq(mu_tls_ca_create("past", -5, scratch("p.pem"),
			     scratch("p.key"), err, sizeof err),
	    0);
	ck_assert_int_eq(
	    mu_tls_issue(&what, scratch("p.pem"), scratch("p.key"),
		scratch("m.pem"), scratch("m.key"), false, err, sizeof err),
	    MUSTER_ETLS);
	ck_assert_contains(err, "expired on");
}
END_TEST

static Suite *
suite(void)
{
	Suite *s = suite_create("tls_files");
	TCase *t = tcase_create("loading");

	tcase_add_checked_fixture(t, setup, scratch_close);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, missing_files_are_named);
	tcase_add_test(t, files_that_are_not_pem_are_named);
	tcase_add_test(t, key_of_another_certificate_is_refused);
	tcase_add_test(t, own_certificate_must_be_valid_now);
	tcase_add_test(t, key_open_to_others_is_refused);
	tcase_add_test(t, key_of_another_user_is_told_from_others);
	tcase_add_test(t, passphrase_comes_from_its_file);
	tcase_add_test(t, every_allocation_may_fail);
	suite_add_tcase(s, t);
	t = tcase_create("issuing");
	tcase_add_checked_fixture(t, setup, scratch_close);
	tcase_set_timeout(t, 30);
	tcase_add_test(t, ca_is_made_once);
	tcase_add_test(t, node_certificate_has_what_peers_check);
	tcase_add_test(t, alternative_names_are_names_or_addresses);
	tcase_add_test(t, issue_overwrites_only_when_told);
	tcase_add_test(t, no_certificate_outlives_its_ca);
	tcase_add_test(t, issue_refuses_bad_names_and_cas);
	tcase_add_test(t, expired_ca_signs_nothing);
	tcase_add_test(t, issuing_survives_failing_allocations);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(suite());
}
