/*
 * Log records over the wire through a real logger: a peer sends batches of a
 * conn-like stream as Zeek's workers do, and the logger is asked how many
 * records are on disk.  Against the least that can be done with the same
 * lines: copying, writing, compressing them.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "cases.h"
#include "control.h"
#include "logload.h"
#include "proc.h"

#define PATH      700
#define WINDOW    100000     /* records not yet on disk; 41 MB of the buffer */
#define LAST_LINE 4096       /* bytes: no batch is that small */
#define OUTPUT    (1u << 20) /* bytes waiting for the socket */
#define ASK_NS    (10 * MS)
#define OPEN_NS   (60 * SEC)
#define RUN_NS    (120 * SEC) /* at most */
#define LINES     (6u << 20) /* bytes of the file that floors are taken from */
#define FLOOR     (50 * MS)  /* for each */

/* By the case's number. */
static const struct {
	const char *layout;
	bool rotated; /* and compressed, which belongs to it */
	unsigned records;
} forms[] = {
#define LOGS(more)                                                             \
	"manager_is_logger: true\nlogs: {flush: 100 ms, buffer: 256 "          \
	"MiB, " more "}\n"
	{ LOGS("rotate: never"), false, 200000 },
	{ LOGS("rotate: never, format: json"), false, 200000 },
	{ LOGS("rotate: 1 s, compress: gzip"), true, 100000 },
	{ LOGS("rotate: 1 s, compress: gzip, format: json"), true, 100000 },
	{ LOGS("rotate: 1 s, compress: zstd"), true, 100000 },
	{ LOGS("rotate: 1 s, compress: zstd, format: json"), true, 100000 },
};

struct run {
	struct net net;
	struct peer *peer;
	struct logload load;
	int control;
	uint64_t most; /* records to send */
	uint64_t sent, disk;
	char file[PATH];
	off_t size;         /* of the file when it was looked at last */
	uint64_t began, at; /* when the last records came into the file */
	uint64_t wire;      /* bytes of frames */
	const char *why;
	char answer[8192];
};

/* A number of the stream: the node has logs of its own, too. */
static uint64_t
of_stream(const struct run *r, const char *name)
{
	const char *at = strstr(r->answer, "\"path\":\"conn\"");

	return at == NULL ? 0 : control_number(at, name);
}

/* --- the logger --------------------------------------------------------------
 */

/* What it says about its logs, or why it does not. */
static bool
ask(struct run *r)
{
	if (!control_ask(r->control, "{\"op\":\"logs\"}\n", r->answer,
		sizeof r->answer)) {
		r->why = "the logger does not answer";
		return false;
	}
	if (control_number(r->answer, "rejected") != 0 ||
	    control_number(r->answer, "unknown") != 0 ||
	    control_number(r->answer, "dropped") != 0 ||
	    control_number(r->answer, "lost_messages") != 0) {
		r->why = "records were lost";
		return false;
	}
	r->disk = of_stream(r, "records");
	return true;
}

/* Its counters are a tenth of a second late; the file is not.  A file that is
 * rotated gets one more line, which is none of ours. */
static void
look(struct run *r)
{
	struct stat st;

	if (stat(r->file, &st) != 0)
		return;
	if (st.st_size < r->size)
		r->size = 0;
	if (st.st_size > r->size + LAST_LINE) {
		r->size = st.st_size;
		r->at = now_ns();
	}
}

static void
send_payload(struct run *r, const char *topic, const struct bytes *b)
{
	size_t before = bytes_left(&r->peer->out);

	wire_envelope(
	    &r->peer->out, r->peer->id, NULL, WIRE_DATA, topic, b->p, b->len);
	r->wire += bytes_left(&r->peer->out) - before;
	peer_queued(r->peer);
}

static void
send_some(struct run *r)
{
	while (r->sent < r->most && r->sent - r->disk < WINDOW &&
	       bytes_left(&r->peer->out) < OUTPUT) {
		send_payload(r, LOGLOAD_TOPIC,
		    &r->load
			 .batch[r->sent / LOGLOAD_RECORDS % LOGLOAD_BATCHES]);
		r->sent += LOGLOAD_RECORDS;
	}
}

static bool
is_over(const struct run *r, bool rotated)
{
	return r->disk == r->most &&
	       (!rotated || (of_stream(r, "size") == 0 &&
				control_number(r->answer, "post_done") ==
				    control_number(r->answer, "rotations")));
}

static void
run_load(struct run *r, bool rotated)
{
	uint64_t end = now_ns() + RUN_NS, asked = now_ns();

	r->began = now_ns();
	send_payload(r, LOGLOAD_TOPIC, &r->load.create);
	while (r->why == NULL && !is_over(r, rotated)) {
		send_some(r);
		net_turn(&r->net, MS);
		look(r);
		if (r->net.broken > 0)
			r->why = "the connection was lost";
		else if (now_ns() > end)
			r->why = "records are missing on disk";
		else if (now_ns() - asked < ASK_NS)
			continue;
		else if (ask(r))
			asked = now_ns();
	}
}

static void
log_path(char path[PATH], const struct lab *lab, const struct target *t)
{
	snprintf(path, PATH, "%s/root%d/var/log/muster/manager/logs/conn.log",
	    lab->folder, t->port);
}

static int
open_control(const struct lab *lab, const struct target *t)
{
	char path[PATH];

	snprintf(path, sizeof path, "%s/root%d/run/muster/manager.sock",
	    lab->folder, t->port);
	return control_open(path);
}

static const char *
through_logger(const struct lab *lab, const struct target *t, unsigned form,
    struct report *rep, const char *load)
{
	struct run *r = xalloc(sizeof *r);
	const char *why;
	uint64_t cpu;

	r->most = forms[form].records;
	log_path(r->file, lab, t);
	r->control = open_control(lab, t);
	net_init(&r->net, lab->ctx);
	logload_init(&r->load);
	r->peer = peer_open(&r->net, t->port, true, NULL, OPEN_NS);
	if (r->peer == NULL || r->control < 0)
		r->why = "the logger cannot be reached";
	cpu = proc_cpu(t->pid);
	if (r->why == NULL)
		run_load(r, forms[form].rotated);
	cpu = proc_cpu(t->pid) - cpu;
	if (r->why == NULL) {
		report_add(rep, load, "muster", "records/s",
		    (double)r->most * 1e9 / (double)(r->at - r->began));
		report_add(rep, load, "muster", "us/record",
		    (double)cpu / 1e3 / (double)r->most);
		report_add(rep, load, "muster", "wire bytes/record",
		    (double)r->wire / (double)r->most);
		report_add(rep, load, "muster", "file bytes/record",
		    (double)of_stream(r, "bytes") / (double)r->most);
	}
	why = r->why;
	peer_free(r->peer);
	net_clear(&r->net);
	logload_clear(&r->load);
	if (r->control >= 0)
		close(r->control);
	free(r);
	return why;
}

/* --- floors ------------------------------------------------------------------
 */

struct lines {
	uint8_t *p, *out;
	size_t len, room;
	double records;
	int fd;
};

static uint64_t
cpu_own(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * SEC + (uint64_t)t.tv_nsec;
}

static void
copy(struct lines *l)
{
	memcpy(l->out, l->p, l->len);
	__asm__ volatile("" : : "r"(l->out) : "memory"); /* it is looked at */
}

static void
write_out(struct lines *l)
{
	if (pwrite(l->fd, l->p, l->len, 0) != (ssize_t)l->len ||
	    fdatasync(l->fd) != 0)
		die("a file cannot be written: %s", strerror(errno));
}

/* The levels that the logger compresses with. */
static void
gzip(struct lines *l)
{
	uLongf n = l->room;

	if (compress2(l->out, &n, l->p, l->len, 6) != Z_OK)
		die("zlib failed");
}

static void
zstd(struct lines *l)
{
	if (ZSTD_isError(ZSTD_compress(l->out, l->room, l->p, l->len, 3)))
		die("zstd failed");
}

static bool
read_lines(struct lines *l, const struct lab *lab, const struct target *t)
{
	char path[PATH];
	ssize_t n;
	int fd;

	log_path(path, lab, t);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	l->p = xalloc(LINES);
	n = read(fd, l->p, LINES);
	close(fd);
	l->len = n < 0 ? 0 : (size_t)n;
	for (size_t i = 0; i < l->len; i++)
		l->records += l->p[i] == '\n';
	l->room = compressBound(l->len) + ZSTD_compressBound(l->len);
	l->out = xalloc(l->room);
	return l->records > 0;
}

static const char *
floors(const struct lab *lab, const struct target *t, struct report *rep,
    const char *load)
{
	static const struct {
		const char *name;
		void (*what)(struct lines *l);
	} ways[] = { { "memcpy us/record", copy },
		{ "write us/record", write_out }, { "gzip us/record", gzip },
		{ "zstd us/record", zstd } };
	struct lines l = { .fd = -1 };
	char path[PATH];

	if (!read_lines(&l, lab, t))
		return "there is no conn.log";
	snprintf(path, sizeof path, "%s/lines", lab->folder);
	l.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
		uint64_t since = now_ns(), cpu = cpu_own();
		unsigned n = 0;

		do {
			ways[i].what(&l);
			n++;
		} while (now_ns() - since < FLOOR);
		report_add(rep, load, "-", ways[i].name,
		    (double)(cpu_own() - cpu) / 1e3 / n / l.records);
	}
	close(l.fd);
	unlink(path);
	free(l.p);
	free(l.out);
	return NULL;
}

void
case_logs(const struct bench_case *c, const struct lab *lab, struct report *rep)
{
	struct target t = { .name = "muster",
		.layout = forms[c->number].layout };
	const char *why;
	char path[PATH];

	if (!target_start(&t, lab))
		die("muster does not start");
	why = through_logger(lab, &t, c->number, rep, c->name);
	if (why == NULL && !forms[c->number].rotated)
		why = floors(lab, &t, rep, c->name);
	if (why != NULL)
		report_failed(rep, c->name, "muster", why);
	target_stop(&t);
	snprintf(path, sizeof path, "%s/root%d", lab->folder, t.port);
	remove_folder(path);
}
