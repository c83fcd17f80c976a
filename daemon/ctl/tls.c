/*
 * tls init, tls issue, tls show: a private CA and the certificates of the
 * nodes, at the paths that the layout names.  The CA's key lies beside its
 * certificate (ca.pem, ca.key); it is needed to issue and by no daemon.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/text.h"
#include "ctl/ctl.h"
#include "ctl/table.h"
#include "layout/layout.h"
#include "muster/err.h"
#include "proto/jtext.h"
#include "sys/exit.h"
#include "sys/file.h"
#include "sys/priv.h"
#include "tls/tls.h"

#define CA_DAYS   3650
#define NODE_DAYS 825
#define SOON_DAYS 30 /* shown in yellow */

/* ca.pem -> ca.key; owned by the caller. */
static char *
key_beside(const char *cert)
{
	const char *slash = strrchr(cert, '/');
	const char *dot = strrchr(slash == NULL ? cert : slash, '.');
	size_t len = dot == NULL ? strlen(cert) : (size_t)(dot - cert);

	return mu_asprintf("%.*s.key", (int)len, cert);
}

struct ca {
	char *cert, *key;
};

/* The layout with certificates, and the paths of its CA. */
static struct mu_layout *
open_layout(const struct ctl *c, struct ca *ca, int *status)
{
	struct mu_layout *l = find_layout(c, status);

	ca->cert = ca->key = NULL;
	if (l == NULL)
		return NULL;
	if (l->tls != MU_TLS_CERTIFICATES) {
		complain("%s: tls is %s: there are no certificates", l->file,
		    l->tls == MU_TLS_NONE ? "none" : "anonymous");
		*status = EXIT_CONFIG;
		mu_layout_free(l);
		return NULL;
	}
	ca->cert = mu_layout_path(l, l->ca, "");
	ca->key = ca->cert == NULL ? NULL : key_beside(ca->cert);
	if (ca->key == NULL) {
		complain("out of memory");
		*status = EXIT_FAILED;
		mu_free(ca->cert);
		mu_layout_free(l);
		return NULL;
	}
	return l;
}

static void
close_layout(struct mu_layout *l, struct ca *ca)
{
	mu_free(ca->cert);
	mu_free(ca->key);
	mu_layout_free(l);
}

/* The folder of path exists afterwards. */
static bool
make_folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir;
	bool ok;

	if (slash == NULL || slash == path)
		return true;
	dir = mu_memdup0(path, (size_t)(slash - path));
	ok = dir != NULL && file_make_folder(dir, 0755, NULL) == 0;
	if (!ok)
		complain("%s: %s", dir == NULL ? path : dir, strerror(errno));
	mu_free(dir);
	return ok;
}

/* {"NAME":"value",...}, of pairs that end with NULL */
static void
print_object(const char *const *pairs)
{
	struct mu_buf b;

	mu_buf_init(&b, 0);
	for (size_t i = 0; pairs[i] != NULL; i += 2) {
		mu_buf_printf(&b, "%c\"%s\":", i == 0 ? '{' : ',', pairs[i]);
		mu_jtext_put_cstring(&b, pairs[i + 1]);
	}
	mu_buf_str(&b, "}\n");
	fwrite(mu_buf_data(&b), 1, mu_buf_len(&b), stdout);
	mu_buf_clear(&b);
}

/* --- init ------------------------------------------------------------ */

int
cmd_tls_init(struct ctl *c)
{
	long days = CA_DAYS;
	struct mu_layout *l;
	char err[1024] = "";
	struct ca ca;
	int status, r;

	if (c->days != NULL && !number_option("days", c->days, 1, 36500, &days))
		return EXIT_USAGE;
	l = open_layout(c, &ca, &status);
	if (l == NULL)
		return status;
	status = EXIT_CANTCREAT;
	if (make_folder_of(ca.cert)) {
		r = mu_tls_ca_create(
		    l->cluster, (int)days, ca.cert, ca.key, err, sizeof err);
		if (r == 0)
			status = EXIT_OK;
		else
			complain(
			    "%s", err[0] != '\0' ? err : muster_strerror(r));
	}
	if (status == EXIT_OK && c->json)
		print_object((const char *const[]){
		    "ca", ca.cert, "key", ca.key, NULL });
	else if (status == EXIT_OK && !c->quiet)
		printf("%s\n%s (keep it to yourself)\n", ca.cert, ca.key);
	close_layout(l, &ca);
	return status;
}

/* --- issue ----------------------------------------------------------- */

struct issue {
	const struct ctl *c;
	const struct mu_layout *l;
	const struct ca *ca;
	long days, start_days;
};

/* Whose a key is: of the one it replaces, or of the user nodes become. */
struct owner {
	bool known;
	uid_t uid;
	gid_t gid;
	mode_t mode;
};

static struct owner
find_owner(const struct issue *i, const char *key)
{
	const struct mu_layout *l = i->l;
	struct owner o = { .mode = 0600 };
	struct stat st;
	char err[256];

	if (geteuid() != 0) /* what we make is ours */
		return o;
	if (lstat(key, &st) == 0 && S_ISREG(st.st_mode)) {
		o = (struct owner){ true, st.st_uid, st.st_gid,
			st.st_mode & (st.st_uid == 0 ? 0640 : 0600) };
		return o;
	}
	if (l->user == NULL)
		return o;
	o.known =
	    priv_find(l->user, l->group, &o.uid, &o.gid, err, sizeof err) == 0;
	if (!o.known)
		complain("%s: stays root's: %s on this host", key, err);
	return o;
}

/* The folder may be that user's: links are not followed. */
static int
give_key(const char *key, const struct owner *o)
{
	int fd, r;

	if (!o->known)
		return EXIT_OK;
	fd = open(key, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	r = fd < 0 ? -1 : fchown(fd, o->uid, o->gid);
	if (r == 0)
		r = fchmod(fd, o->mode);
	if (r != 0)
		complain("%s: cannot give it to user %u: %s", key,
		    (unsigned)o->uid, strerror(errno));
	if (fd >= 0)
		close(fd);
	return r == 0 ? EXIT_OK : EXIT_CANTCREAT;
}

static int
issue_to(const struct issue *i, const struct mu_layout_node *n,
    const char *cert, const char *key)
{
	const char *alt[] = { n->host };
	struct mu_tls_issue what = {
		.cluster = i->l->cluster,
		.name = n->name,
		.alt = alt,
		.nalt = n->host != NULL,
		.days = (int)i->days,
		.start_days = (int)i->start_days,
	};
	struct owner owner;
	char err[1024] = "";
	int r;

	if (!make_folder_of(cert) || !make_folder_of(key))
		return EXIT_CANTCREAT;
	owner = find_owner(i, key);
	r = mu_tls_issue(&what, i->ca->cert, i->ca->key, cert, key, i->c->force,
	    err, sizeof err);
	if (r == 0) {
		if (i->c->json)
			print_object((const char *const[]){ "name", n->name,
			    "certificate", cert, "key", key, NULL });
		else if (!i->c->quiet)
			printf("%s\n", cert);
		return give_key(key, &owner);
	}
	complain("node %s: %s%s", n->name,
	    err[0] != '\0' ? err : muster_strerror(r),
	    r == MUSTER_EEXIST ? " (--force overwrites)" : "");
	return access(i->ca->key, R_OK) != 0 ? EXIT_NOINPUT : EXIT_CANTCREAT;
}

static int
issue_node(const struct issue *i, const struct mu_layout_node *n)
{
	const struct mu_layout *l = i->l;
	char *cert = mu_layout_path(l,
	    n->certificate != NULL ? n->certificate : l->certificate, n->name);
	char *key =
	    mu_layout_path(l, n->key != NULL ? n->key : l->key, n->name);
	int status = EXIT_FAILED;

	if (cert == NULL || key == NULL)
		complain("out of memory");
	else
		status = issue_to(i, n, cert, key);
	mu_free(cert);
	mu_free(key);
	return status;
}

static const struct mu_layout_node *
find_node(const struct mu_layout *l, const char *name)
{
	const struct mu_layout_node *n = mu_layout_node(l, name);
	const char **names, *near = NULL;

	if (n != NULL)
		return n;
	names = mu_calloc(l->nnodes, sizeof *names);
	for (size_t i = 0; names != NULL && i < l->nnodes; i++)
		names[i] = l->nodes[i].name;
	if (names != NULL)
		near = mu_text_nearest(name, names, l->nnodes);
	complain("%s: no node \"%s\"%s%s%s", l->file, name,
	    near == NULL ? "" : " (did you mean \"", near == NULL ? "" : near,
	    near == NULL ? "" : "\"?)");
	mu_free(names);
	return NULL;
}

static int
issue_named(const struct issue *i)
{
	int status = EXIT_OK, r;

	for (int k = 0; k < i->c->nargs; k++) {
		const struct mu_layout_node *n = find_node(i->l, i->c->args[k]);

		r = n == NULL ? EXIT_CONFIG : issue_node(i, n);
		if (r != EXIT_OK)
			status = r;
	}
	return status;
}

static int
issue_all(const struct issue *i)
{
	int status = EXIT_OK, r;

	for (size_t k = 0; k < i->l->nnodes; k++) {
		r = issue_node(i, &i->l->nodes[k]);
		if (r != EXIT_OK)
			status = r;
	}
	return status;
}

int
cmd_tls_issue(struct ctl *c)
{
	struct issue i = { .c = c, .days = NODE_DAYS };
	struct mu_layout *l;
	struct ca ca;
	int status;

	if (c->all == (c->nargs > 0)) {
		complain("tls issue wants names of nodes, or --all");
		return EXIT_USAGE;
	}
	if ((c->days != NULL &&
		!number_option("days", c->days, -36500, 36500, &i.days)) ||
	    (c->start_days != NULL &&
		!number_option(
		    "start-days", c->start_days, -36500, 36500, &i.start_days)))
		return EXIT_USAGE;
	l = open_layout(c, &ca, &status);
	if (l == NULL)
		return status;
	i.l = l;
	i.ca = &ca;
	status = c->all ? issue_all(&i) : issue_named(&i);
	close_layout(l, &ca);
	return status;
}

/* --- show ------------------------------------------------------------ */

/* All certificates of a file, owned by the caller; NULL: there are none. */
static STACK_OF(X509) * read_certificates(const char *path)
{
	FILE *f = fopen(path, "r");
	STACK_OF(X509) *list = NULL;
	X509 *x;

	while (f != NULL && (x = PEM_read_X509(f, NULL, NULL, NULL)) != NULL) {
		if (list == NULL)
			list = sk_X509_new_null();
		if (list == NULL || sk_X509_push(list, x) == 0)
			X509_free(x);
	}
	if (f != NULL)
		fclose(f);
	ERR_clear_error();
	return list;
}

static void
free_certificates(STACK_OF(X509) * list)
{
	sk_X509_pop_free(list, X509_free);
}

/* Days from now until the end, negative when over. */
static int
days_left(const X509 *x)
{
	int days = 0, seconds = 0;

	if (ASN1_TIME_diff(&days, &seconds, NULL, X509_get0_notAfter(x)) != 1)
		return 0;
	return seconds < 0 && days == 0 ? -1 : days;
}

/* The CN and the alternative names, as text for people. */
static void
names_of(X509 *x, char *out, size_t size)
{
	BIO *b = BIO_new(BIO_s_mem());
	int at = X509_get_ext_by_NID(x, NID_subject_alt_name, -1);
	long n = 0;
	char *text = NULL;

	if (b != NULL && at >= 0 &&
	    X509V3_EXT_print(b, X509_get_ext(x, at), 0, 0) == 1)
		n = BIO_get_mem_data(b, &text);
	mu_text_printable(n > 0 ? text : "-", n > 0 ? (size_t)n : 1, out, size);
	BIO_free(b);
}

/* Does the first of a chain come from one of the anchors? */
static bool
is_trusted(
    STACK_OF(X509) * chain, STACK_OF(X509) * anchors, unsigned long flags)
{
	X509_STORE *store = X509_STORE_new();
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	bool good = store != NULL && ctx != NULL;

	for (int i = 0; good && i < sk_X509_num(anchors); i++)
		good = X509_STORE_add_cert(store, sk_X509_value(anchors, i));
	good = good && X509_STORE_set_flags(store, flags) == 1 &&
	       X509_STORE_CTX_init(
		   ctx, store, sk_X509_value(chain, 0), chain) == 1 &&
	       X509_verify_cert(ctx) == 1;
	X509_STORE_CTX_free(ctx);
	X509_STORE_free(store);
	ERR_clear_error();
	return good;
}

/* node NULL: it is the CA's. */
static const char *
judge(STACK_OF(X509) * chain, STACK_OF(X509) * anchors, const char *node,
    int days)
{
	X509 *x = sk_X509_value(chain, 0);

	if (anchors != NULL &&
	    !is_trusted(chain, anchors, X509_V_FLAG_NO_CHECK_TIME))
		return "of another ca";
	if (node != NULL && !mu_tls_has_name(x, node))
		return "of another name";
	if (X509_cmp_current_time(X509_get0_notBefore(x)) > 0)
		return "not yet valid";
	if (days < 0)
		return "expired";
	return anchors == NULL || is_trusted(chain, anchors, 0)
		   ? "ok"
		   : "of an expired ca";
}

static void
show_json(const char *name, const char *verdict, int days, const char *names,
    size_t nth)
{
	struct mu_buf b;

	mu_buf_init(&b, 0);
	mu_buf_str(&b, nth == 0 ? "{\"name\":" : ",{\"name\":");
	mu_jtext_put_cstring(&b, name);
	mu_buf_printf(
	    &b, ",\"state\":\"%s\",\"days\":%d,\"names\":", verdict, days);
	mu_jtext_put_cstring(&b, names);
	mu_buf_str(&b, "}");
	fwrite(mu_buf_data(&b), 1, mu_buf_len(&b), stdout);
	mu_buf_clear(&b);
}

/* One row; false unless the certificate is good. */
static bool
show_row(const struct ctl *c, struct table *t, const char *name,
    const char *path, STACK_OF(X509) * anchors, size_t nth)
{
	STACK_OF(X509) *chain = read_certificates(path);
	X509 *x = chain == NULL ? NULL : sk_X509_value(chain, 0);
	int days = x == NULL ? 0 : days_left(x);
	const char *verdict =
	    x == NULL ? (access(path, R_OK) != 0 ? "missing" : "no certificate")
		      : judge(chain, anchors, nth == 0 ? NULL : name, days);
	bool good = strcmp(verdict, "ok") == 0;
	char names[256] = "-";

	if (x != NULL)
		names_of(x, names, sizeof names);
	if (c->json) {
		show_json(name, verdict, days, names, nth);
	} else {
		table_cell(t, PLAIN, "%s", name);
		table_cell(t, good ? GREEN : RED, "%s", verdict);
		if (x == NULL)
			table_cell(t, PLAIN, "-");
		else
			table_cell(
			    t, days < SOON_DAYS ? YELLOW : PLAIN, "%d", days);
		table_cell(t, PLAIN, "%s", names);
		table_cell(t, DIM, "%s", path);
	}
	free_certificates(chain);
	return good;
}

static bool
show_nodes(const struct ctl *c, const struct mu_layout *l, struct table *t,
    STACK_OF(X509) * anchors)
{
	bool good = true;

	for (size_t i = 0; i < l->nnodes; i++) {
		const struct mu_layout_node *n = &l->nodes[i];
		char *path = mu_layout_path(l,
		    n->certificate != NULL ? n->certificate : l->certificate,
		    n->name);

		good = path != NULL &&
		       show_row(c, t, n->name, path, anchors, i + 1) && good;
		mu_free(path);
	}
	return good;
}

int
cmd_tls_show(struct ctl *c)
{
	struct mu_layout *l;
	struct table t;
	struct ca ca;
	STACK_OF(X509) * anchors;
	int status;
	bool good;

	l = open_layout(c, &ca, &status);
	if (l == NULL)
		return status;
	anchors = read_certificates(ca.cert);
	if (c->json)
		printf("[");
	else
		table_begin(&t, "NODE|STATE|DAYS|NAMES|FILE");
	good = show_row(c, &t, "(ca)", ca.cert, anchors, 0);
	good = show_nodes(c, l, &t, anchors) && good;
	if (c->json)
		printf("]\n");
	else
		table_end(&t);
	free_certificates(anchors);
	close_layout(l, &ca);
	return good ? EXIT_OK : EXIT_FALSE;
}
