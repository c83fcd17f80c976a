/*
 * Stores: durable puts against raw LMDB on the same disk in the same round,
 * puts without a disk, copies of a large store by clones of both kinds and by
 * another daemon, reads there.
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
#define FILL_NS  (10 * SEC) /* at most, to fill the large store */
#define LARGE    1000000    /* pairs it shall have */
#define SMALL    40000      /* what Broker's one message can hold */
#define ATTEMPTS 100        /* of a daemon to be asked */

static const unsigned windows[WINDOWS] = { 1, 100, 1000 };

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

	snprintf(program, sizeof program, "%.*s/bench_lmdb",
	    (int)(strrchr(lab->probe, '/') - lab->probe), lab->probe);
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

/* Wait until the worker's copy is fresh. */
static int
await_fresh(const char *path)
{
	for (unsigned i = 0; i < ATTEMPTS * 30; i++) {
		int fd = control_open(path);

		while (fd >= 0 && i++ < ATTEMPTS * 30) {
			if (control_says(fd, "{\"op\":\"stores\"}\n",
				"\"state\":\"fresh\""))
				return fd;
			usleep(10000);
		}
		usleep(10000);
	}
	return -1;
}

/* Another daemon copies the store, and is read. */
static const char *
worker(const struct target *t, const struct lab *lab, uint64_t pairs,
    struct report *rep, const char *load)
{
	char layout[PATH], root[PATH], log[PATH], path[2 * PATH];
	const char *const issue[] = { lab->musterctl, "-q", "-f", layout, "tls",
		"issue", "worker", NULL };
	const char *const argv[] = { lab->musterd, "-d", "-f", layout, "-r",
		root, "worker", NULL };
	uint64_t since, before = proc_rss(t->pid), n;
	double took;
	pid_t pid;
	int fd;

	snprintf(layout, sizeof layout, "%s/node%d.yaml", lab->folder, t->port);
	snprintf(root, sizeof root, "%s/root%d", lab->folder, t->port);
	snprintf(log, sizeof log, "%s/worker.log", lab->folder);
	snprintf(path, sizeof path, "%s/run/muster/worker.sock", root);
	if (!lab->plain && !proc_run((char *const *)(uintptr_t)issue, log))
		return "no certificate";
	since = now_ns();
	pid = proc_start((char *const *)(uintptr_t)argv, log);
	fd = await_fresh(path);
	took = (double)(now_ns() - since) / 1e9;
	if (fd < 0) {
		proc_stop(pid);
		return "a daemon's copy does not become fresh";
	}
	report_add(
	    rep, load, "muster", "s/M, daemon", took * 1e6 / (double)pairs);
	report_add(rep, load, "muster", "peak bytes/pair",
	    (double)proc_rss_peak(pid) / (double)pairs);
	report_add(rep, load, "muster", "master grew bytes",
	    (double)proc_rss_peak(t->pid) - (double)before);
	n = control_gets(fd, "m", pairs, 512, SEC);
	report_add(rep, load, "muster", "gets/s", (double)n);
	n = control_gets(fd, "m", pairs, 1, 500 * MS);
	report_add(rep, load, "muster", "us/get, one by one",
	    n == 0 ? 0 : 5e5 / (double)n);
	close(fd);
	proc_stop(pid);
	return n == 0 ? "a read failed" : NULL;
}

void
case_store_copy(
    const struct bench_case *c, const struct lab *lab, struct report *rep)
{
	struct target t = { .name = "muster",
		.layout = "  worker: {role: worker, host: 127.0.0.1}\n"
			  "stores: {m: {}, b: {clones: none}}\n" };
	const char *why;
	uint64_t pairs;

	if (!target_start(&t, lab))
		die("muster does not start");
	why = fill(&t, lab, "b", SMALL, &pairs);
	if (why == NULL)
		why = copy_rate(&t, lab, "b", false, pairs, rep, c->name);
	if (why == NULL)
		why = fill(&t, lab, "m", LARGE, &pairs);
	if (why == NULL)
		why = copy_rate(&t, lab, "m", true, pairs, rep, c->name);
	if (why == NULL)
		why = worker(&t, lab, pairs, rep, c->name);
	if (why != NULL)
		report_failed(rep, c->name, "muster", why);
	target_stop(&t);
}
