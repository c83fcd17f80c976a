/*
 * Stores: durable puts against raw LMDB on the same disk in the same round,
 * puts without a disk, copies of a large store by clones of both kinds and by
 * other daemons, reads there and within one process.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "control.h"
#include "proc.h"
#include "store.h"

#define WINDOWS  3
#define PATH     512
#define OPEN_NS  (10 * SEC)
#define FILL_NS  (5 * SEC) /* at most, to fill the small store */
#define LARGE    1000000   /* pairs of the others */
#define SMALL    40000     /* what Broker's one message can hold */
#define ATTEMPTS 100       /* of a daemon to be asked */

static const unsigned windows[WINDOWS] = { 1, 100, 1000 };

/* A program of ours, beside the probe. */
static void
beside(char *path, const struct lab *lab, const char *name)
{
	snprintf(path, PATH, "%.*s/%s",
	    (int)(strrchr(lab->probe, '/') - lab->probe), lab->probe, name);
}

/* --- puts --------------------------------------------------------------------
 */

/* The raw loop, with as many puts in each synced transaction. */
static void
raw_puts(const struct lab *lab, struct report *rep)
{
	char program[PATH], json[PATH], log[PATH], text[2048] = "", name[24];
	const char *const argv[] = { program, "-d", lab->folder, "-j", json,
		"-r", "1", "-s", "0.4", NULL };
	const char *at;
	FILE *f;

	beside(program, lab, "bench_lmdb");
	snprintf(json, sizeof json, "%s/lmdb.json", lab->folder);
	snprintf(log, sizeof log, "%s/lmdb.log", lab->folder);
	if (!proc_run((char *const *)(uintptr_t)argv, log) ||
	    (f = fopen(json, "r")) == NULL)
		die("%s failed", program);
	text[fread(text, 1, sizeof text - 1, f)] = '\0';
	fclose(f);
	at = text;
	for (unsigned i = 0; i < WINDOWS; i++) {
		at = strstr(at, "\"raw\":");
		if (at == NULL)
			die("%s: no numbers", json);
		at += 6;
		snprintf(name, sizeof name, "raw puts/s by %u", windows[i]);
		report_add(rep, "limit", "-", name, strtod(at, NULL));
	}
}

/* One rate, and what it cost the daemon. */
static const char *
puts_rate(const struct target *t, const struct lab *lab, const char *store,
    unsigned window, const char *what, struct report *rep, const char *load)
{
	uint64_t cpu, since, n, number = mix64(now_ns()) >> 1;
	struct store s;
	char name[24];
	double took;

	if (store_open(&s, lab->ctx, t->port, store, true, false, OPEN_NS)) {
		store_puts(&s, number, UINT64_MAX, window, 100 * MS);
		cpu = proc_cpu(t->pid);
		since = now_ns();
		n = store_puts(&s, number, UINT64_MAX, window, 800 * MS);
		took = (double)(now_ns() - since) / 1e9;
		cpu = proc_cpu(t->pid) - cpu;
		if (s.why == NULL && n > 0) {
			snprintf(name, sizeof name, "%s/s by %u", what, window);
			report_add(rep, load, "muster", name, (double)n / took);
			snprintf(
			    name, sizeof name, "us/%s by %u", what, window);
			report_add(rep, load, "muster", name,
			    (double)cpu / 1e3 / (double)n);
		} else if (s.why == NULL) {
			s.why = "nothing was confirmed";
		}
	}
	store_close(&s);
	return s.why;
}

void
case_store_puts(
    const struct bench_case *c, const struct lab *lab, struct report *rep)
{
	struct target t = { .name = "muster",
		.layout = "stores: {d: {backend: lmdb}, m: {}}\n" };
	const char *why = NULL;

	raw_puts(lab, rep);
	if (!target_start(&t, lab))
		die("muster does not start");
	for (unsigned i = 0; i < WINDOWS && why == NULL; i++)
		why = puts_rate(&t, lab, "d", windows[i], "puts", rep, c->name);
	if (why == NULL)
		why = puts_rate(&t, lab, "m", 4096, "unsynced", rep, c->name);
	if (why != NULL)
		report_failed(rep, c->name, "muster", why);
	target_stop(&t);
}

/* --- copies ------------------------------------------------------------------
 */

/* A clone of ours that only counts: there must be so many. */
static const char *
copy_rate(const struct target *t, const struct lab *lab, const char *store,
    bool muster, uint64_t want, struct report *rep, const char *load)
{
	const char *kind = muster ? "chunked" : "one message";
	uint64_t cpu = proc_cpu(t->pid), since = now_ns();
	struct store s;
	char name[24];
	double took;

	if (store_open(
		&s, lab->ctx, t->port, store, muster, true, 3 * OPEN_NS)) {
		took = (double)(now_ns() - since) / 1e9;
		cpu = proc_cpu(t->pid) - cpu;
		snprintf(name, sizeof name, "pairs, %s", kind);
		report_add(rep, load, "muster", name, (double)s.pairs);
		snprintf(name, sizeof name, "s/M, %s", kind);
		report_add(
		    rep, load, "muster", name, took * 1e6 / (double)s.pairs);
		snprintf(name, sizeof name, "us/pair, %s", kind);
		report_add(rep, load, "muster", name,
		    (double)cpu / 1e3 / (double)s.pairs);
		if (s.pairs != want)
			s.why = "pairs are missing in a copy";
	}
	store_close(&s);
	return s.why;
}

/* Puts them; *pairs: how many there are then. */
static const char *
fill(const struct target *t, const struct lab *lab, const char *store,
    uint64_t want, uint64_t *pairs)
{
	struct store s;

	*pairs = 0;
	if (store_open(&s, lab->ctx, t->port, store, true, false, OPEN_NS)) {
		store_puts(&s, 0, want, 4096, FILL_NS);
		*pairs = s.decided - 1; /* with those under way at the end */
	}
	store_close(&s);
	return s.why;
}

/* The large store, before the node starts. */
static void
prefill(const struct lab *lab, const char *root)
{
	char program[PATH], log[PATH], folder[2 * PATH], pairs[24];
	const char *const argv[] = { program, "-o", folder, "m", pairs, NULL };

	beside(program, lab, "storefill");
	snprintf(log, sizeof log, "%s/storefill.log", lab->folder);
	snprintf(pairs, sizeof pairs, "%d", LARGE);
	snprintf(
	    folder, sizeof folder, "%s/var/lib/muster/manager/stores", root);
	if (!proc_run((char *const *)(uintptr_t)argv, log))
		die("%s failed", program);
}

/* The same layout, in which copies are on LMDB. */
static void
layout_on_lmdb(const char *from, const char *to)
{
	FILE *in = fopen(from, "r"), *out = fopen(to, "w");
	char line[2 * PATH];

	if (in == NULL || out == NULL)
		die("%s cannot be written", to);
	while (fgets(line, sizeof line, in) != NULL) {
		char *at = strstr(line, "clone_backend: memory");

		if (at != NULL)
			memcpy(at, "clone_backend: lmdb  ", 21);
		fputs(line, out);
	}
	fclose(in);
	fclose(out);
}

/* Resident memory beyond pages of files: before, and the most. */
struct grows {
	pid_t pid;
	uint64_t before, peak;
};

static void
look(struct grows *g)
{
	uint64_t now = proc_rss_anon(g->pid);

	if (now > g->peak)
		g->peak = now;
}

/* Wait until the copy is fresh: the control socket, or -1. */
static int
await_fresh(const char *path, struct grows *master, struct grows *clone)
{
	for (unsigned i = 0; i < ATTEMPTS * 30; i++) {
		int fd = control_open(path);

		while (fd >= 0 && i++ < ATTEMPTS * 30) {
			bool fresh = control_says(
			    fd, "{\"op\":\"stores\"}\n", "\"state\":\"fresh\"");

			look(master);
			look(clone);
			if (fresh)
				return fd;
			usleep(10000);
		}
		usleep(10000);
	}
	return -1;
}

/* Another daemon with a copy. */
struct copier {
	const char *node;
	const char *what; /* of its copy; "": it is in memory */
	pid_t pid;
	int fd; /* its control socket */
};

static const char *
copier_start(struct copier *w, const struct target *t, const struct lab *lab,
    struct report *rep, const char *load)
{
	char layout[PATH], own[PATH], root[PATH], log[PATH], path[2 * PATH];
	char name[32];
	const char *const issue[] = { lab->musterctl, "-q", "-f", layout, "tls",
		"issue", w->node, NULL };
	const char *const argv[] = { lab->musterd, "-d", "-f", own, "-r", root,
		w->node, NULL };
	struct grows master = { .pid = t->pid,
		.before = proc_rss_anon(t->pid) };
	struct grows clone = { 0 };
	uint64_t since;

	snprintf(layout, sizeof layout, "%s/node%d.yaml", lab->folder, t->port);
	snprintf(own, sizeof own, "%s/node%d%s.yaml", lab->folder, t->port,
	    w->what[0] == '\0' ? "" : "lmdb");
	if (w->what[0] != '\0')
		layout_on_lmdb(layout, own);
	snprintf(root, sizeof root, "%s/root%d", lab->folder, t->port);
	snprintf(log, sizeof log, "%s/%s.log", lab->folder, w->node);
	snprintf(path, sizeof path, "%s/run/muster/%s.sock", root, w->node);
	if (!lab->plain && !proc_run((char *const *)(uintptr_t)issue, log))
		return "no certificate";
	since = now_ns();
	w->pid = proc_start((char *const *)(uintptr_t)argv, log);
	clone.pid = w->pid;
	w->fd = await_fresh(path, &master, &clone);
	if (w->fd < 0)
		return "a daemon's copy does not become fresh";
	snprintf(name, sizeof name, "s/M, daemon%s", w->what);
	report_add(rep, load, "muster", name,
	    (double)(now_ns() - since) * 1e6 / LARGE / 1e9);
	snprintf(name, sizeof name, "clone bytes%s", w->what);
	report_add(rep, load, "muster", name, (double)clone.peak);
	snprintf(name, sizeof name, "master grew%s", w->what);
	report_add(rep, load, "muster", name,
	    (double)master.peak - (double)master.before);
	return NULL;
}

static void
copier_stop(const struct copier *w)
{
	if (w->fd >= 0)
		close(w->fd);
	if (w->pid != 0)
		proc_stop(w->pid);
}

static const char *
reads(const struct copier *w, struct report *rep, const char *load)
{
	uint64_t n = control_gets(w->fd, "m", LARGE, 512, 700 * MS);
	double p50 = control_get_p50(w->fd, "m", LARGE, 300 * MS);

	report_add(rep, load, "muster", "gets/s", (double)n / 0.7);
	report_add(rep, load, "muster", "p50 us/get", p50);
	return n == 0 || p50 == 0 ? "a read failed" : NULL;
}

/* Without a socket: the store library in a process of its own. */
static void
reads_within(const struct lab *lab, struct report *rep, const char *load)
{
	char program[PATH], log[PATH], text[256] = "";
	const char *const argv[] = { program, NULL };
	FILE *f;

	beside(program, lab, "bench_clone");
	snprintf(log, sizeof log, "%s/clone.log", lab->folder);
	if (!proc_run((char *const *)(uintptr_t)argv, log) ||
	    (f = fopen(log, "r")) == NULL)
		die("%s failed", program);
	text[fread(text, 1, sizeof text - 1, f)] = '\0';
	fclose(f);
	report_add(
	    rep, load, "muster", "gets/s, in process", strtod(text, NULL));
}

/* The small store, in Broker's one message. */
static const char *
small(const struct target *t, const struct lab *lab, struct report *rep,
    const char *load)
{
	uint64_t pairs;
	const char *why = fill(t, lab, "b", SMALL, &pairs);

	return why != NULL ? why
			   : copy_rate(t, lab, "b", false, pairs, rep, load);
}

void
case_store_copy(
    const struct bench_case *c, const struct lab *lab, struct report *rep)
{
	struct target t = { .name = "muster",
		.prepare = prefill,
		.layout = "  one: {role: worker, host: 127.0.0.1}\n"
			  "  two: {role: worker, host: 127.0.0.1}\n"
			  "stores:\n"
			  "  m: {backend: lmdb, clones: [one, two],"
			  " clone_backend: memory}\n"
			  "  b: {clones: none}\n" };
	struct copier one = { "one", "", 0, -1 };
	struct copier two = { "two", ", lmdb", 0, -1 };
	const char *why;

	if (!target_start(&t, lab))
		die("muster does not start");
	why = small(&t, lab, rep, c->name);
	if (why == NULL)
		why = copy_rate(&t, lab, "m", true, LARGE, rep, c->name);
	if (why == NULL)
		why = copier_start(&one, &t, lab, rep, c->name);
	if (why == NULL)
		why = reads(&one, rep, c->name);
	copier_stop(&one);
	if (why == NULL)
		why = copier_start(&two, &t, lab, rep, c->name);
	copier_stop(&two);
	if (why != NULL)
		report_failed(rep, c->name, "muster", why);
	target_stop(&t);
	reads_within(lab, rep, c->name);
}
