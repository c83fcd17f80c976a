/* The control socket; see control.h. */
#include "control.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "store.h"

#define MAX_TIMED 100000
#define LINE 65536

int
control_open(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof a.sun_path)
		return -1;
	memcpy(a.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&a, sizeof a) == 0)
		return fd;
	close(fd);
	return -1;
}

static bool
readable(int fd, int ms)
{
	struct pollfd p = { fd, POLLIN, 0 };

	return poll(&p, 1, ms) > 0;
}

static bool
send_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		text += n;
		len -= (size_t)n;
	}
	return true;
}

bool
control_ask(int fd, const char *request, char *answer, size_t size)
{
	char text[4096];
	size_t n = 0;
	ssize_t got;

	if (!send_all(fd, request, strlen(request)))
		return false;
	do {
		size_t fits;

		got = readable(fd, 1000) ? read(fd, text, sizeof text) : 0;
		if (got <= 0)
			return false;
		fits = (size_t)got < size - 1 - n ? (size_t)got : size - 1 - n;
		memcpy(answer + n, text, fits);
		n += fits;
	} while (text[got - 1] != '\n');
	answer[n] = '\0';
	return true;
}

uint64_t
control_number(const char *answer, const char *name)
{
	char key[40];
	const char *at;

	snprintf(key, sizeof key, "\"%s\":", name);
	at = strstr(answer, key);
	return at == NULL ? 0 : strtoull(at + strlen(key), NULL, 10);
}

bool
control_says(int fd, const char *request, const char *text)
{
	char line[LINE];

	return control_ask(fd, request, line, sizeof line) &&
	       strstr(line, text) != NULL;
}

/* --- reads -------------------------------------------------------------------
 */

static bool
send_gets(int fd, const char *store, uint64_t from, uint64_t to, uint64_t keys)
{
	struct bytes b = { NULL, 0, 0, 0 };
	char text[256], key[STORE_KEY];
	bool sent;

	for (uint64_t i = from; i < to; i++) {
		int n;

		store_key(key, i % keys);
		n = snprintf(text, sizeof text,
		    "{\"op\":\"store\",\"store\":\"%s\",\"do\":\"get\","
		    "\"id\":%llu,\"key\":{\"@data-type\":\"string\","
		    "\"data\":\"%.*s\"}}\n",
		    store, (unsigned long long)i + 1, STORE_KEY, key);
		bytes_add(&b, text, (size_t)n);
	}
	sent = send_all(fd, (const char *)b.p, b.len);
	bytes_free(&b);
	return sent;
}

/* Answers in a piece of text: each is a line, and those with a value name
 * its type. */
static void
count(const char *text, size_t len, uint64_t *lines, uint64_t *good)
{
	const char *end = text + len, *p = text;

	while ((p = memchr(p, '\n', (size_t)(end - p))) != NULL) {
		++*lines;
		p++;
	}
	for (p = text;
	     (p = memmem(p, (size_t)(end - p), "\"ok\":true", 9)) != NULL;
	     p += 9)
		++*good;
}

uint64_t
control_gets(
    int fd, const char *store, uint64_t keys, unsigned window, uint64_t ns)
{
	uint64_t end = now_ns() + ns, asked = 0, lines = 0, good = 0;
	char text[LINE];
	size_t kept = 0; /* of a line that is not whole */

	while (lines < asked || now_ns() < end) {
		ssize_t n;

		/* Half a window at a time: the daemon answers in batches. */
		if (now_ns() < end && asked - lines <= window / 2) {
			if (!send_gets(fd, store, asked, lines + window, keys))
				return 0;
			asked = lines + window;
		}
		if (!readable(fd, 2000))
			return 0;
		n = read(fd, text + kept, sizeof text - kept);
		if (n <= 0)
			return 0;
		kept += (size_t)n;
		for (size_t whole = kept; whole > 0; whole--)
			if (text[whole - 1] == '\n') {
				count(text, whole, &lines, &good);
				memmove(text, text + whole, kept - whole);
				kept -= whole;
				break;
			}
		if (kept == sizeof text)
			return 0;
	}
	return good == lines ? good : 0;
}

static int
ascending(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

double
control_get_p50(int fd, const char *store, uint64_t keys, uint64_t ns)
{
	static uint32_t took[MAX_TIMED];
	uint64_t end = now_ns() + ns, since;
	char text[LINE];
	size_t n = 0;

	for (; n < MAX_TIMED && (n == 0 || now_ns() < end); n++) {
		size_t kept = 0;

		since = now_ns();
		if (!send_gets(fd, store, n, n + 1, keys))
			return 0;
		do {
			ssize_t got = 0;

			if (readable(fd, 2000))
				got = read(fd, text + kept, sizeof text - 1 - kept);
			if (got <= 0)
				return 0;
			kept += (size_t)got;
		} while (text[kept - 1] != '\n' && kept < sizeof text - 1);
		text[kept] = '\0';
		if (strstr(text, "\"ok\":true") == NULL)
			return 0;
		took[n] = (uint32_t)(now_ns() - since);
	}
	qsort(took, n, sizeof *took, ascending);
	return took[n / 2] / 1e3;
}
