/* The limit cases; see limits.h. */
#include "limits.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "peer.h"
#include "proc.h"

#define RECORD     16384
#define BATCH      (4 * RECORD)
#define SMALL      217 /* the frame of a small event */
#define HOP_GAP    (SEC / 1000)
#define HANDSHAKES 21
#define STARTS     10

/* One end of a connection. */
struct end {
	int fd;
	SSL *ssl;
	struct bytes sealed;
};

static uint64_t
cpu_own(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * SEC + (uint64_t)t.tv_nsec;
}

/* Two connected TCP sockets of loopback, not blocking. */
static void
tcp_pair(int fd[2])
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	int l = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	fd[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(l, (struct sockaddr *)&a, sizeof a) != 0 ||
	    listen(l, 1) != 0 ||
	    getsockname(l, (struct sockaddr *)&a, &len) != 0 ||
	    connect(fd[0], (struct sockaddr *)&a, sizeof a) != 0 ||
	    (fd[1] = accept4(l, NULL, NULL, SOCK_CLOEXEC)) < 0)
		die("loopback: %s", strerror(errno));
	close(l);
	for (int i = 0; i < 2; i++) {
		setsockopt(fd[i], IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		fcntl(fd[i], F_SETFL, O_NONBLOCK);
	}
}

static void
open_end(struct end *e, SSL_CTX *ctx, int fd, bool server)
{
	memset(e, 0, sizeof *e);
	e->fd = fd;
	e->ssl = tls_session(ctx, server, &e->fd, &e->sealed);
}

static void
close_end(struct end *e)
{
	SSL_free(e->ssl);
	bytes_free(&e->sealed);
	close(e->fd);
}

static void
wait_for(struct end *e, short events)
{
	struct pollfd p = { .fd = e->fd, .events = events };

	poll(&p, 1, 1000);
}

/* false: the other end is gone. */
static bool
push(struct end *e)
{
	while (bytes_left(&e->sealed) > 0) {
		ssize_t n = send(e->fd, e->sealed.p + e->sealed.at,
		    bytes_left(&e->sealed), MSG_NOSIGNAL);

		if (n > 0)
			bytes_take(&e->sealed, (size_t)n);
		else if (errno == EAGAIN)
			wait_for(e, POLLOUT);
		else
			return false;
	}
	return true;
}

static void
shake(struct end *e)
{
	int r;

	while ((r = SSL_do_handshake(e->ssl)) != 1) {
		if (SSL_get_error(e->ssl, r) != SSL_ERROR_WANT_READ)
			die("handshake failed");
		push(e);
		wait_for(e, POLLIN);
	}
	push(e);
}

/* Memory shared with a child. */
static void *
shared(size_t n)
{
	void *p = mmap(NULL, n, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		die("mmap: %s", strerror(errno));
	return p;
}

/* Fork; the child has one end and runs f until it returns. */
static pid_t
with_child(SSL_CTX *ctx, struct end *own,
    void (*f)(struct end *, void *), void *arg)
{
	int fd[2];
	pid_t pid;

	tcp_pair(fd);
	pid = fork();
	if (pid < 0)
		die("fork: %s", strerror(errno));
	if (pid == 0) {
		struct end e;

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_TIMERSLACK, 1);
		close(fd[1]);
		open_end(&e, ctx, fd[0], false);
		shake(&e);
		f(&e, arg);
		_exit(0);
	}
	close(fd[0]);
	open_end(own, ctx, fd[1], true);
	shake(own);
	return pid;
}

/* --- L1, L2 ---------------------------------------------------------------------- */

static void
send_stream(struct end *e, void *arg)
{
	uint64_t *cpu = arg, since = cpu_own();
	uint8_t *batch = xalloc(BATCH);

	do {
		for (int i = 0; i < BATCH; i += RECORD)
			if (SSL_write(e->ssl, batch + i, RECORD) != RECORD)
				return;
		*cpu = cpu_own() - since;
	} while (push(e));
}

void
limit_stream(SSL_CTX *ctx, double seconds, struct limit_stream *r)
{
	uint64_t *cpu = shared(sizeof *cpu), since, own, sender, end;
	uint8_t *to = xalloc(BATCH);
	uint64_t bytes = 0;
	struct end e;
	pid_t pid = with_child(ctx, &e, send_stream, cpu);

	for (int i = 0; i < 256; i++) /* warm */
		if (SSL_read(e.ssl, to, BATCH) <= 0)
			wait_for(&e, POLLIN);
	since = now_ns();
	own = cpu_own();
	sender = *(volatile uint64_t *)cpu;
	end = since + (uint64_t)(seconds * 1e9);
	while (now_ns() < end) {
		int n;

		while ((n = SSL_read(e.ssl, to, BATCH)) > 0) {
			bytes += (uint64_t)n;
			if (bytes % (64 * RECORD) == 0 && now_ns() >= end)
				break;
		}
		if (n <= 0)
			wait_for(&e, POLLIN);
	}
	own = cpu_own() - own;
	sender = *(volatile uint64_t *)cpu - sender;
	r->bytes_per_s = (double)bytes * 1e9 / (double)(now_ns() - since);
	r->cpu_per_byte = (double)(own + sender) / (double)bytes;
	close_end(&e);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	munmap(cpu, sizeof *cpu);
	free(to);
}

/* --- L3 ---------------------------------------------------------------------------- */

static void
send_ticks(struct end *e, void *arg)
{
	uint64_t due = now_ns() + HOP_GAP;
	uint8_t frame[SMALL] = { 0 };

	(void)arg;
	for (;; due += HOP_GAP) {
		struct timespec t = { .tv_sec = (time_t)(due / SEC),
			.tv_nsec = (long)(due % SEC) };
		uint64_t now;

		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
		now = now_ns();
		memcpy(frame, &now, sizeof now);
		if (SSL_write(e->ssl, frame, SMALL) != SMALL || !push(e))
			return;
	}
}

void
limit_hop(SSL_CTX *ctx, double seconds, struct hist *h)
{
	struct end e;
	pid_t pid = with_child(ctx, &e, send_ticks, NULL);
	uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);
	uint8_t frame[SMALL];

	memset(h, 0, sizeof *h);
	while (now_ns() < end) {
		int n = SSL_read(e.ssl, frame, SMALL);
		uint64_t sent;

		if (n == SMALL) {
			memcpy(&sent, frame, sizeof sent);
			hist_add(h, now_ns() - sent);
		} else {
			wait_for(&e, POLLIN);
		}
	}
	close_end(&e);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* --- handshakes and processes -------------------------------------------------------- */

static int
ascending(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

double
limit_handshake(SSL_CTX *ctx)
{
	double cost[HANDSHAKES];

	for (int i = 0; i < HANDSHAKES; i++) {
		struct end a, b;
		int fd[2], up = 0;
		uint64_t since;

		tcp_pair(fd);
		since = cpu_own();
		open_end(&a, ctx, fd[0], false);
		open_end(&b, ctx, fd[1], true);
		while (up != 3) {
			up |= SSL_do_handshake(a.ssl) == 1 ? 1 : 0;
			push(&a);
			up |= SSL_do_handshake(b.ssl) == 1 ? 2 : 0;
			push(&b);
		}
		cost[i] = (double)(cpu_own() - since);
		close_end(&a);
		close_end(&b);
	}
	qsort(cost, HANDSHAKES, sizeof cost[0], ascending);
	return cost[HANDSHAKES / 2];
}

double
limit_start(const char *program, const char *ca, const char *cert,
    const char *key)
{
	char *argv[] = { strdup(program), strdup("--start-only"), strdup(ca),
		strdup(cert), strdup(key), NULL };
	struct rusage a, b;

	getrusage(RUSAGE_CHILDREN, &a);
	for (int i = 0; i < STARTS; i++)
		if (!proc_run(argv, NULL))
			die("%s --start-only failed", program);
	getrusage(RUSAGE_CHILDREN, &b);
	for (int i = 0; argv[i] != NULL; i++)
		free(argv[i]);
	return ((double)(b.ru_utime.tv_sec - a.ru_utime.tv_sec +
	    b.ru_stime.tv_sec - a.ru_stime.tv_sec) * 1e9 +
	    (double)(b.ru_utime.tv_usec - a.ru_utime.tv_usec +
	    b.ru_stime.tv_usec - a.ru_stime.tv_usec) * 1e3) / STARTS;
}
