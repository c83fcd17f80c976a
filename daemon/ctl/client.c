/* The socket side of musterctl; see client.h. */
#include "ctl/client.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "ctl/ctl.h"
#include "muster/err.h"
#include "proto/jtext.h"
#include "sys/clock.h"
#include "sys/exit.h"

#define LONGEST_LINE                                                           \
	(256u << 20) /* an event is at most a frame, written out               \
		      */
#define MS 1000000u  /* ns */

/* Wait for the socket.  0, MUSTER_ETIMEOUT or MUSTER_ESYS. */
static int
await(int fd, short events, uint64_t deadline)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		uint64_t now = clock_now(), left;
		int ms, n;

		left = deadline > now ? deadline - now : 0;
		ms = deadline == UINT64_MAX ? -1
		     : left / MS > 60000    ? 60000
					    : (int)((left + MS - 1) / MS);
		n = poll(&p, 1, ms);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return MUSTER_ESYS;
		if (n == 0 && clock_now() >= deadline)
			return MUSTER_ETIMEOUT;
	}
}

static uint64_t
deadline_in(int timeout_ms)
{
	return timeout_ms < 0 ? UINT64_MAX
			      : clock_now() + (uint64_t)timeout_ms * MS;
}

int
client_connect(struct client *cl, const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	cl->fd = -1;
	cl->path = NULL;
	mu_lines_init(&cl->in, LONGEST_LINE);
	if (strlen(path) >= sizeof a.sun_path) {
		errno = ENAMETOOLONG;
		return MUSTER_ESYS;
	}
	memcpy(a.sun_path, path, strlen(path) + 1);
	cl->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (cl->fd < 0)
		return MUSTER_ESYS;
	/* A full backlog would block: SO_SNDTIMEO bounds connect too. */
	client_patience(cl, CLIENT_TIMEOUT_MS);
	if (connect(cl->fd, (struct sockaddr *)&a, sizeof a) != 0) {
		int saved = errno;

		close(cl->fd);
		cl->fd = -1;
		errno = saved;
		return MUSTER_ESYS;
	}
	cl->path = mu_strdup(path);
	return 0;
}

void
client_close(struct client *cl)
{
	if (cl->fd >= 0)
		close(cl->fd);
	cl->fd = -1;
	mu_lines_clear(&cl->in);
	mu_free(cl->path);
	cl->path = NULL;
}

int
client_open(struct client *cl, const struct ctl *c)
{
	char err[2048], *path = find_socket(c, err, sizeof err);
	int r;

	cl->fd = -1;
	cl->path = NULL;
	mu_lines_init(&cl->in, LONGEST_LINE);
	if (path == NULL) {
		complain("%s", err);
		return EXIT_FAILED;
	}
	r = client_connect(cl, path);
	if (r != 0)
		complain("%s: %s%s", path, strerror(errno),
		    errno == ECONNREFUSED ? " (musterd is not running)" : "");
	mu_free(path);
	return r == 0 ? EXIT_OK : EXIT_FAILED;
}

void
client_patience(struct client *cl, int ms)
{
	struct timeval tv = { .tv_sec = ms / 1000,
		.tv_usec = (suseconds_t)(ms % 1000) * 1000 };

	setsockopt(cl->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
}

int
client_send(struct client *cl, struct mu_buf *b)
{
	if (mu_buf_error(b) != 0)
		return mu_buf_error(b);
	while (mu_buf_len(b) > 0) {
		ssize_t n =
		    send(cl->fd, mu_buf_data(b), mu_buf_len(b), MSG_NOSIGNAL);

		if (n > 0)
			mu_buf_consume(b, (size_t)n);
		else if (errno == EPIPE || errno == ECONNRESET)
			return MUSTER_ECLOSED;
		else if (errno == EAGAIN)
			return MUSTER_ETIMEOUT; /* SO_SNDTIMEO */
		else if (errno != EINTR)
			return MUSTER_ESYS;
	}
	return 0;
}

bool
client_pending(struct client *cl, char **line, size_t *len)
{
	return mu_lines_next(&cl->in, line, len);
}

int
client_line(struct client *cl, char **line, size_t *len, int timeout_ms)
{
	uint64_t deadline = deadline_in(timeout_ms);
	char chunk[65536];

	while (!mu_lines_next(&cl->in, line, len)) {
		ssize_t n;
		int r = await(cl->fd, POLLIN, deadline);

		if (r != 0)
			return r;
		n = recv(cl->fd, chunk, sizeof chunk, 0);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return MUSTER_ECLOSED;
		if (n < 0 && errno != EINTR)
			return MUSTER_ESYS;
		if (n > 0 &&
		    (r = mu_lines_feed(&cl->in, chunk, (size_t)n)) != 0)
			return r;
	}
	return 0;
}

int
client_request(struct client *cl, struct mu_buf *b, char **line, size_t *len,
    int timeout_ms)
{
	int r = client_send(cl, b);

	/* A daemon that turns us away says why before it closes, perhaps
	 * before it heard us. */
	if (r == 0 || r == MUSTER_ECLOSED)
		r = client_line(cl, line, len, timeout_ms);
	return r;
}

int
client_hello(struct client *cl, char **line, size_t *len)
{
	struct mu_buf b;
	int r;

	mu_buf_init(&b, 0);
	mu_buf_str(&b, "{\"op\":\"version\"}\n");
	r = client_request(cl, &b, line, len, CLIENT_TIMEOUT_MS);
	mu_buf_clear(&b);
	return r;
}

int
client_greet(struct client *cl)
{
	char *line;
	size_t len;
	int r = client_hello(cl, &line, &len);

	return r == 0 ? client_verdict(line, len) : client_lost(r);
}

bool
client_is_ok(const char *answer, size_t len)
{
	struct mu_jtext v, ok;

	if (mu_jtext_check(answer, len, NULL) != 0)
		return false;
	v = mu_jtext_over(answer, len);
	ok = mu_jtext_member(&v, "ok");
	return ok.len == 4 && memcmp(ok.at, "true", 4) == 0;
}

int
client_lost(int err)
{
	if (err == MUSTER_ECLOSED)
		complain("the daemon closed the connection");
	else if (err == MUSTER_ETIMEOUT)
		complain("the daemon does not answer");
	else if (err == MUSTER_ESYS)
		complain("control socket: %s", strerror(errno));
	else
		complain("control socket: %s", muster_strerror(err));
	return EXIT_FAILED;
}

/* Codes that say "no", not "failed". */
static bool
is_no(const struct mu_jtext *code)
{
	static const char *const codes[] = { "nobody", "no_such_identifier",
		"no_such_key", "condition" };

	for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
		if (mu_jtext_is(code, codes[i]))
			return true;
	return false;
}

int
client_verdict_of(const char *prefix, const char *answer, size_t len)
{
	struct mu_jtext v, error, code;
	char *text;

	if (client_is_ok(answer, len))
		return EXIT_OK;
	if (mu_jtext_check(answer, len, NULL) != 0) {
		complain("the daemon's answer is not JSON");
		return EXIT_FAILED;
	}
	v = mu_jtext_over(answer, len);
	error = mu_jtext_member(&v, "error");
	code = mu_jtext_member(&v, "code");
	text = mu_jtext_cstring(&error);
	complain("%s%s", prefix, text == NULL ? "refused" : text);
	mu_free(text);
	if (is_no(&code))
		return EXIT_FALSE;
	if (mu_jtext_is(&code, "usage"))
		return EXIT_USAGE;
	return mu_jtext_is(&code, "config") ? EXIT_CONFIG : EXIT_FAILED;
}

int
client_verdict(const char *answer, size_t len)
{
	return client_verdict_of("", answer, len);
}

int
client_ask(const struct ctl *c, const char *request, char **answer)
{
	struct client cl;
	struct mu_buf b;
	char *line;
	size_t len;
	int status = client_open(&cl, c), r;

	*answer = NULL;
	if (status != EXIT_OK) {
		client_close(&cl);
		return status;
	}
	mu_buf_init(&b, 0);
	mu_buf_printf(&b, "%s\n", request);
	r = client_request(&cl, &b, &line, &len, CLIENT_TIMEOUT_MS);
	if (r != 0) {
		status = client_lost(r);
	} else {
		status = client_verdict(line, len);
		*answer = status == EXIT_OK ? mu_memdup0(line, len) : NULL;
	}
	mu_buf_clear(&b);
	client_close(&cl);
	return status;
}
