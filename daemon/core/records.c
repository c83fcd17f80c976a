/*
 * Lines of cluster.log and broker.log; see records.h.  The shape is the TSV
 * of Zeek's ASCII writer (reference "cluster-semantics", 4.6): what would be
 * taken for a separator, an empty or an unset field is written as \xHH.
 */
#include "core/records.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/text.h"

#define SECOND 1000000000

struct format {
	const char *path;   /* "cluster" */
	const char *fields; /* tab separated */
	const char *types;
};

static const struct format formats[] = {
	{ "cluster", "ts\tnode\tmessage", "time\tstring\tstring" },
	{ "broker", "ts\tty\tev\tpeer.address\tpeer.bound_port\tmessage",
	    "time\tenum\tstring\tstring\tport\tstring" },
};

static void
put_wall(struct mu_buf *b, const char *what, int64_t wall)
{
	time_t sec = (time_t)(wall / SECOND);
	char text[32] = "-";
	struct tm tm;

	if (localtime_r(&sec, &tm) != NULL)
		strftime(text, sizeof text, "%Y-%m-%d-%H-%M-%S", &tm);
	mu_buf_printf(b, "#%s\t%s\n", what, text);
}

void
records_header(struct mu_buf *b, const char *path, int64_t wall)
{
	const struct format *f = &formats[0];

	for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++)
		if (strcmp(formats[i].path, path) == 0)
			f = &formats[i];
	mu_buf_str(b, "#separator \\x09\n#set_separator\t,\n"
		      "#empty_field\t(empty)\n#unset_field\t-\n");
	mu_buf_printf(b, "#path\t%s\n", path);
	put_wall(b, "open", wall);
	mu_buf_printf(b, "#fields\t%s\n#types\t%s\n", f->fields, f->types);
}

void
records_close(struct mu_buf *b, int64_t wall)
{
	put_wall(b, "close", wall);
}

/* --- fields ------------------------------------------------------------ */

static void
put_time(struct mu_buf *b, int64_t ts)
{
	/* Times before 1970 do not occur on a clock that works. */
	int64_t us = ts < 0 ? 0 : (ts + 500) / 1000;

	mu_buf_printf(b, "%lld.%06lld", (long long)(us / 1000000),
	    (long long)(us % 1000000));
}

static void
put_hex(struct mu_buf *b, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		mu_buf_printf(b, "\\x%02x", p[i]);
}

/* The character at p of valid UTF-8, and its length. */
static uint32_t
decode(const uint8_t *p, size_t *len)
{
	uint32_t c = p[0];

	*len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	if (*len == 1)
		return c;
	c &= 0x7fu >> *len;
	for (size_t i = 1; i < *len; i++)
		c = c << 6 | (p[i] & 0x3f);
	return c;
}

/* Controls, C1 controls, private use, U+FFF0 to U+FFFF are escaped. */
static bool
is_shown(uint32_t c)
{
	return c >= 0x20 && c != 0x7f && (c < 0x80 || c > 0x9f) &&
	       (c < 0xe000 || c > 0xf8ff) && (c < 0xfff0 || c > 0xffff) &&
	       c < 0xf0000;
}

/* A stretch without tab and backslash: valid as a whole or not at all. */
static void
put_piece(struct mu_buf *b, const uint8_t *p, size_t len)
{
	size_t bad, n;
	bool valid = mu_text_utf8(p, len, &bad);

	for (size_t i = 0; i < len; i += n) {
		uint32_t c = p[i];

		n = 1;
		if (valid)
			c = decode(p + i, &n);
		if (is_shown(c) && (valid || c < 0x80))
			mu_buf_put(b, p + i, n);
		else
			put_hex(b, p + i, n);
	}
}

/* The whole text stands for something else: its first byte is escaped. */
static bool
is_reserved(const char *s)
{
	return strcmp(s, "-") == 0 || strcmp(s, "(empty)") == 0;
}

static void
put_string(struct mu_buf *b, const char *s)
{
	const uint8_t *p = (const uint8_t *)s;

	if (*p == '\0') {
		mu_buf_str(b, "(empty)");
		return;
	}
	if (is_reserved(s))
		put_hex(b, p++, 1);
	while (*p != '\0') {
		size_t len = strcspn((const char *)p, "\t\\");

		put_piece(b, p, len);
		p += len;
		if (*p == '\\')
			mu_buf_str(b, "\\\\");
		else if (*p == '\t')
			put_hex(b, p, 1);
		if (*p != '\0')
			p++;
	}
}

static void
put_optional(struct mu_buf *b, const char *s)
{
	if (s == NULL || s[0] == '\0')
		mu_buf_str(b, "-");
	else
		put_string(b, s);
}

/* --- lines ------------------------------------------------------------- */

void
records_cluster(
    struct mu_buf *b, int64_t ts, const char *node, const char *message)
{
	put_time(b, ts);
	mu_buf_u8(b, '\t');
	put_string(b, node);
	mu_buf_u8(b, '\t');
	put_string(b, message);
	mu_buf_u8(b, '\n');
}

void
records_broker(struct mu_buf *b, int64_t ts, const char *ty, const char *ev,
    const char *address, uint16_t port, const char *message)
{
	put_time(b, ts);
	mu_buf_printf(b, "\t%s\t%s\t", ty, ev);
	put_optional(b, address);
	if (address == NULL || address[0] == '\0')
		mu_buf_str(b, "\t-\t");
	else
		mu_buf_printf(b, "\t%u\t", port);
	put_optional(b, message);
	mu_buf_u8(b, '\n');
}
