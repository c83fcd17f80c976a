/* Lines, bounded, cut where they lie; see lines.h. */
#include "proto/lines.h"

#include <string.h>

#include "muster/err.h"

void
mu_lines_init(struct mu_lines *l, size_t max)
{
	memset(l, 0, sizeof *l);
	mu_buf_init(&l->in, 0);
	l->max = max;
}

void
mu_lines_clear(struct mu_lines *l)
{
	mu_buf_clear(&l->in);
	l->taken = l->scanned = l->unfinished = 0;
	l->broken = false;
}

static void
release(struct mu_lines *l)
{
	if (l->taken == 0)
		return;
	mu_buf_consume(&l->in, l->taken);
	l->taken = 0;
}

/* Length of the unfinished line after p [len], or MUSTER_ELIMIT as soon as a
 * line is longer than permitted.  A CR before the LF does not count. */
static int
measure(const struct mu_lines *l, const char *p, size_t len, size_t *unfinished)
{
	size_t line = l->unfinished;
	bool cr = l->ends_with_cr;

	while (len > 0) {
		const char *lf = memchr(p, '\n', len);
		size_t n = lf == NULL ? len : (size_t)(lf - p);

		line += n;
		if (n > 0)
			cr = p[n - 1] == '\r';
		if (line > l->max && !(line == l->max + 1 && cr))
			return MUSTER_ELIMIT;
		if (lf == NULL)
			break;
		line = 0;
		cr = false;
		p += n + 1;
		len -= n + 1;
	}
	*unfinished = line;
	return 0;
}

int
mu_lines_feed(struct mu_lines *l, const void *p, size_t len)
{
	size_t unfinished = 0, room;
	uint8_t *at;
	int rc;

	release(l);
	if (l->broken)
		return MUSTER_ELIMIT;
	if (len == 0)
		return 0;
	rc = measure(l, p, len, &unfinished);
	if (rc != 0) {
		l->broken = true;
		return rc;
	}
	rc = mu_buf_reserve(&l->in, len, &at, &room);
	if (rc != 0)
		return rc;
	memcpy(at, p, len);
	mu_buf_commit(&l->in, len);
	l->unfinished = unfinished;
	l->ends_with_cr = at[len - 1] == '\r';
	return 0;
}

bool
mu_lines_next(struct mu_lines *l, char **line, size_t *len)
{
	char *data, *lf;
	size_t used, n;

	release(l);
	used = mu_buf_len(&l->in);
	if (used == l->scanned)
		return false;
	data = (char *)mu_buf_data(&l->in);
	lf = memchr(data + l->scanned, '\n', used - l->scanned);
	if (lf == NULL) {
		l->scanned = used;
		return false;
	}
	n = (size_t)(lf - data);
	l->taken = n + 1;
	l->scanned = 0;
	if (n > 0 && data[n - 1] == '\r')
		n--;
	data[n] = '\0';
	*line = data;
	*len = n;
	return true;
}
