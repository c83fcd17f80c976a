/* Starting targets; see target.h. */
#include "target.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "peer.h"
#include "proc.h"

#define START_NS (60 * SEC)
#define PATH     512

/* --- the lab --------------------------------------------------------------------- */

static FILE *
create(char *path, size_t size, const struct lab *lab, const char *name)
{
	FILE *f;

	snprintf(path, size, "%s/%s", lab->folder, name);
	f = fopen(path, "w");
	if (f == NULL)
		die("%s: %s", path, strerror(errno));
	return f;
}

/* What every layout has: certificates, a foreign node for the generator's. */
static void
common(FILE *f, const struct lab *lab)
{
	fputs("cluster: bench\nforward: [bench/]\n", f);
	fputs(lab->plain ? "tls: none\n"
			 : "tls: {ca: tls/ca.pem, certificate: "
			   "'tls/{node}.pem', key: 'tls/{node}.key'}\n", f);
	fputs("limits: {connections: 4096, connections_per_address: 4096, "
	      "handshakes: 4096}\n", f);
	fputs("nodes:\n  generator: {role: control, host: 192.0.2.1}\n", f);
}

static void
ctl(const struct lab *lab, const char *layout, const char *a, const char *b,
    const char *c)
{
	char log[PATH];
	const char *const argv[] = { lab->musterctl, "-q", "-f", layout, "tls",
		a, b, c, NULL };

	snprintf(log, sizeof log, "%s/ctl.log", lab->folder);
	if (!proc_run((char *const *)(uintptr_t)argv, log))
		die("musterctl tls %s failed", a);
}

static void
make_certificates(struct lab *lab)
{
	char path[PATH];
	FILE *f = create(path, sizeof path, lab, "tls.yaml");

	common(f, lab);
	fputs("  manager: {role: manager, port: 9}\n", f);
	fclose(f);
	ctl(lab, path, "init", NULL, NULL);
	ctl(lab, path, "issue", "--all", NULL);
}

void
lab_open(struct lab *lab, const char *programs, const char *cipher, bool plain)
{
	memset(lab, 0, sizeof *lab);
	make_folder(lab->folder, sizeof lab->folder);
	snprintf(lab->musterd, sizeof lab->musterd, "%s/musterd", programs);
	snprintf(lab->musterctl, sizeof lab->musterctl, "%s/musterctl",
	    programs);
	snprintf(lab->probe, sizeof lab->probe, "%s/tests/bench-probe",
	    programs);
	snprintf(lab->ca, sizeof lab->ca, "%s/tls/ca.pem", lab->folder);
	snprintf(lab->cert, sizeof lab->cert, "%s/tls/generator.pem",
	    lab->folder);
	snprintf(lab->key, sizeof lab->key, "%s/tls/generator.key",
	    lab->folder);
	snprintf(lab->server_cert, sizeof lab->server_cert,
	    "%s/tls/manager.pem", lab->folder);
	snprintf(lab->server_key, sizeof lab->server_key,
	    "%s/tls/manager.key", lab->folder);
	lab->cipher = cipher;
	lab->plain = plain;
	if (plain)
		return;
	make_certificates(lab);
	lab->ctx = tls_context(lab->ca, lab->cert, lab->key, cipher);
}

void
lab_close(struct lab *lab)
{
	SSL_CTX_free(lab->ctx);
	remove_folder(lab->folder);
}

/* --- targets --------------------------------------------------------------------- */

static void
start_muster(struct target *t, const struct lab *lab, const char *log)
{
	char path[PATH], name[64], root[PATH];
	const char *const argv[] = { lab->musterd, "-d", "-f", path, "-r", root,
		"manager", NULL };
	FILE *f;

	snprintf(name, sizeof name, "node%d.yaml", t->port);
	snprintf(root, sizeof root, "%s/root%d", lab->folder, t->port);
	mkdir(root, 0700);
	f = create(path, sizeof path, lab, name);
	common(f, lab);
	fprintf(f, "  manager: {role: manager, host: 127.0.0.1, port: %d}\n",
	    t->port);
	if (t->layout != NULL)
		fputs(t->layout, f);
	fclose(f);
	if (t->prepare != NULL)
		t->prepare(lab, root);
	t->pid = proc_start((char *const *)(uintptr_t)argv, log);
}

static void
start_probe(struct target *t, const struct lab *lab, const char *log)
{
	char port[16];
	const char *argv[] = { lab->probe, port, lab->ca, lab->server_cert,
		lab->server_key, lab->cipher, NULL };

	snprintf(port, sizeof port, "%d", t->port);
	if (lab->plain) {
		argv[2] = "-";
		argv[3] = NULL;
	}
	t->pid = proc_start((char *const *)(uintptr_t)argv, log);
}

static void
start_command(struct target *t, const struct lab *lab, const char *log)
{
	char line[4096] = "exec ", port[16];
	const char *const argv[] = { "/bin/sh", "-c", line, NULL };
	size_t n = strlen(line);

	snprintf(port, sizeof port, "%d", t->port);
	for (const char *c = t->command; *c != '\0'; c++) {
		char one[2] = { *c, '\0' };
		const char *put = one;

		if (*c == '%' && c[1] != '\0') {
			c++;
			put = *c == 'p'	  ? port
			    : *c == 'a'	  ? lab->ca
			    : *c == 'c'	  ? lab->server_cert
			    : *c == 'k'	  ? lab->server_key
			    : *c == 'd'	  ? lab->folder
					  : "%";
		}
		if (n + strlen(put) >= sizeof line)
			die("the command of %s is too long", t->name);
		memcpy(line + n, put, strlen(put) + 1);
		n += strlen(put);
	}
	t->pid = proc_start((char *const *)(uintptr_t)argv, log);
}

bool
nats_find(char *path, size_t size)
{
	const char *dirs = getenv("PATH");
	char copy[4096], *next = copy, *dir;

	snprintf(copy, sizeof copy, "%s:/usr/sbin:/usr/local/bin",
	    dirs == NULL ? "" : dirs);
	while ((dir = strsep(&next, ":")) != NULL) {
		snprintf(path, size, "%s/nats-server", dir);
		if (*dir != '\0' && access(path, X_OK) == 0)
			return true;
	}
	return false;
}

/* With the same certificates, checked on both sides. */
static void
start_nats(struct target *t, const struct lab *lab, const char *log)
{
	char path[PATH], name[64];
	const char *const argv[] = { t->command, "-c", path, NULL };
	FILE *f;

	snprintf(name, sizeof name, "nats%d.conf", t->port);
	f = create(path, sizeof path, lab, name);
	fprintf(f, "listen: 127.0.0.1:%d\n", t->port);
	if (!lab->plain)
		fprintf(f, "tls {\n cert_file: \"%s\"\n key_file: \"%s\"\n "
		    "ca_file: \"%s\"\n verify: true\n}\n",
		    lab->server_cert, lab->server_key, lab->ca);
	fclose(f);
	t->pid = proc_start((char *const *)(uintptr_t)argv, log);
}

bool
target_start(struct target *t, const struct lab *lab)
{
	char log[PATH];
	struct peer *p;
	struct net n;

	t->port = free_port();
	snprintf(log, sizeof log, "%s/%s.log", lab->folder, t->name);
	if (t->nats)
		start_nats(t, lab, log);
	else if (t->command != NULL)
		start_command(t, lab, log);
	else if (strcmp(t->name, "muster") == 0)
		start_muster(t, lab, log);
	else
		start_probe(t, lab, log);
	net_init(&n, lab->ctx);
	n.nats = t->nats;
	p = peer_open(&n, t->port, true, NULL, START_NS);
	peer_free(p);
	net_clear(&n);
	if (p == NULL)
		target_stop(t);
	return p != NULL;
}

void
target_stop(struct target *t)
{
	proc_stop(t->pid);
	t->pid = 0;
}

/* --- clusters -------------------------------------------------------------------- */

#define STARTED "zeek/cluster/experimental/started"

static bool started;

static void
on_started(struct peer *p, uint8_t *f, size_t len)
{
	(void)p;
	started = started || memmem(f, len, "cluster_started", 15) != NULL;
}

/* One manager, a logger per 100 nodes, a proxy per 50, workers. */
static void
cluster_layout(FILE *f, const struct lab *lab, unsigned n, int port,
    unsigned *links)
{
	unsigned loggers = (n + 99) / 100, proxies = (n + 49) / 50;
	unsigned workers = n - 1 - loggers - proxies;

	*links = workers * (1 + loggers + proxies) + proxies * (1 + loggers) +
	    loggers;
	common(f, lab);
	fprintf(f, "  manager: {role: manager, port: %d}\n", port);
	for (unsigned i = 1; i <= loggers; i++)
		fprintf(f, "  logger-%u: {role: logger, port: %d}\n", i,
		    free_port());
	for (unsigned i = 1; i <= proxies; i++)
		fprintf(f, "  proxy-%u: {role: proxy, port: %d}\n", i,
		    free_port());
	fprintf(f, "  worker-[1-%u]: {role: worker}\n", workers);
}

static bool
await_started(const struct lab *lab, int port, pid_t pid)
{
	uint64_t end = now_ns() + 3 * START_NS;
	struct filter own = { .n = 0 };
	struct peer *p;
	struct net n;

	started = false;
	net_init(&n, lab->ctx);
	filter_add(&own, STARTED);
	p = peer_open(&n, port, true, &own, START_NS);
	if (p != NULL)
		p->frame = on_started;
	while (p != NULL && !started && now_ns() < end && n.broken == 0 &&
	    proc_alive(pid))
		net_turn(&n, 100 * MS);
	peer_free(p);
	net_clear(&n);
	bytes_free(&own.enc);
	return started;
}

double
cluster_start(const struct lab *lab, unsigned n, double *cpu, unsigned *links)
{
	char path[PATH], name[64], root[PATH], log[PATH];
	const char *const argv[] = { lab->musterd, "-a", "-d", "-f", path, "-r",
		root, NULL };
	int port = free_port();
	FILE *f;
	uint64_t since, took;
	bool ok;
	pid_t pid;

	snprintf(name, sizeof name, "cluster%d.yaml", port);
	snprintf(root, sizeof root, "%s/cluster%d", lab->folder, port);
	snprintf(log, sizeof log, "%s/cluster%d.log", lab->folder, port);
	mkdir(root, 0700);
	f = create(path, sizeof path, lab, name);
	cluster_layout(f, lab, n, port, links);
	fclose(f);
	if (!lab->plain)
		ctl(lab, path, "issue", "--force", "--all");
	since = now_ns();
	pid = proc_start((char *const *)(uintptr_t)argv, log);
	ok = await_started(lab, port, pid);
	took = now_ns() - since;
	*cpu = (double)proc_cpu_tree(pid);
	proc_stop(pid);
	return ok ? (double)took / 1e9 : -1;
}
