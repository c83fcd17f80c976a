/* One word of the layout into one field and back; see scalars.h. */
#include "layout/scalars.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/text.h"
#include "layout/fields.h"
#include "layout/layout.h"
#include "layout/names.h"
#include "layout/section_rows.h"
#include "muster/err.h"

#define SHOWN      80 /* of a word from the file, in a message */
#define MOST_WORDS 16

/* clang-format off */
static const struct kind {
	const char *wanted;                 /* for the wrong type */
	const char *(*fault)(const char *); /* of kinds that are strings */
} kinds[] = {
	[MU_KIND_NAME]      = { "a name", mu_name_fault },
	[MU_KIND_TEXT]      = { "a name", mu_text_fault },
	[MU_KIND_HOST]      = { "a host name or address", mu_host_fault },
	[MU_KIND_ADDRESS]   = { "an address", mu_address_fault },
	[MU_KIND_PORT]      = { "a port number", NULL },
	[MU_KIND_BOOL]      = { "true or false", NULL },
	[MU_KIND_COUNT]     = { "a number", NULL },
	[MU_KIND_SIZE]      = { "a size such as 64 MiB", NULL },
	[MU_KIND_DURATION]  = { "a duration such as 3 s", NULL },
	[MU_KIND_CHOICE]    = { "a word", NULL },
	[MU_KIND_WORD]      = { "a word", NULL },
	[MU_KIND_PATH]      = { "a path", mu_path_fault },
	[MU_KIND_DIRECTORY] = { "a path", mu_directory_fault },
	[MU_KIND_TOPIC]     = { "a topic", mu_topic_fault },
	[MU_KIND_TOPICS]    = { "a list of topics such as [app/]", NULL },
	[MU_KIND_NAMES]     = { "a list of names such as [manager]", NULL },
	[MU_KIND_SECTION]   = { "a mapping of keys to values", NULL },
	[MU_KIND_NODES]     = { "a mapping of node names to nodes", NULL },
	[MU_KIND_STORES]    = { "a mapping of store names to stores", NULL },
	[MU_KIND_EVENT]     = { "the name of an event", mu_event_fault },
	[MU_KIND_ARGV]      = { "a list such as [/usr/bin/logger, text]",
				mu_argument_fault },
	[MU_KIND_ROWS]      = { "a list of mappings", NULL },
	[MU_KIND_POOLS]     = { "a mapping of pool names to pools", NULL },
	[MU_KIND_IDENTIFIERS] = { "a mapping of names to values", NULL },
	[MU_KIND_WEIGHTS]   = { "a mapping such as {proxy-1: 2}", NULL },
	[MU_KIND_REFUSED]   = { "nothing", NULL },
};

struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit duration_units[] = {
	{ "day", 86400000000000 }, { "h", 3600000000000 },
	{ "min", 60000000000 }, { "s", 1000000000 }, { "ms", 1000000 },
	{ "us", 1000 }, { "ns", 1 },
};

static const struct unit size_units[] = {
	{ "GiB", 1 << 30 }, { "MiB", 1 << 20 }, { "KiB", 1 << 10 }, { "B", 1 },
};
/* clang-format on */

/* "drop_oldest, drop_newest or disconnect" */
static char *
list_words(const struct mu_field *f, char *buf, size_t size)
{
	size_t used = 0;

	buf[0] = '\0';
	for (const struct mu_word *w = f->words; w->word != NULL; w++) {
		const char *join = w[1].word == NULL ? " or " : ", ";

		if (w == f->words)
			join = "";
		if (used < size)
			used += (size_t)snprintf(
			    buf + used, size - used, "%s%s", join, w->word);
	}
	return buf;
}

char *
mu_scalar_wanted(const struct mu_field *f, char buf[MU_SCALAR_WANTED])
{
	char words[MU_SCALAR_WANTED / 2];

	if (f->words == NULL)
		snprintf(buf, MU_SCALAR_WANTED, "%s", kinds[f->kind].wanted);
	else if (f->kind != MU_KIND_CHOICE && f->kind != MU_KIND_WORD)
		snprintf(buf, MU_SCALAR_WANTED, "%s, or %s",
		    kinds[f->kind].wanted, list_words(f, words, sizeof words));
	else
		list_words(f, buf, MU_SCALAR_WANTED);
	return buf;
}

int
mu_spot_mistake(const struct mu_spot *s, const char *key, const char *fmt, ...)
{
	char what[512];
	va_list ap;

	if (s->diags == NULL)
		return MUSTER_EINVAL;
	va_start(ap, fmt);
	vsnprintf(what, sizeof what, fmt, ap);
	va_end(ap);
	if (s->subject != NULL)
		mu_diags_add(
		    s->diags, s->at, "%s: %s %s", s->subject, key, what);
	else
		mu_diags_add(s->diags, s->at, "%s: %s", key, what);
	return MUSTER_EINVAL;
}

#define QUANTITY 40 /* bytes for a formatted one */

static const char *
format_quantity(const struct mu_field *f, int64_t v, char buf[QUANTITY])
{
	bool size = f->kind == MU_KIND_SIZE;
	const struct unit *u = size ? size_units : duration_units;

	if (v == 0)
		return "0";
	/* The largest unit that needs no fraction; the last one is 1. */
	while (v % u->factor != 0)
		u++;
	snprintf(buf, QUANTITY, "%" PRId64 " %s", v / u->factor, u->name);
	return buf;
}

static const char *
shown(const char *text, char buf[SHOWN])
{
	return mu_text_printable(text, strlen(text), buf, SHOWN);
}

static bool
is_integer(const char *s)
{
	if (*s == '-')
		s++;
	return *s != '\0' && s[strspn(s, "0123456789")] == '\0';
}

/* 010 is ten to some readers of YAML and eight to others. */
static bool
is_ambiguous(const char *integer)
{
	if (*integer == '-')
		integer++;
	return integer[0] == '0' && integer[1] != '\0';
}

static int
read_number(const struct mu_spot *s, const struct mu_field *f, const char *text,
    int64_t min, int64_t max, int64_t *out)
{
	char buf[SHOWN];

	if (!is_integer(text))
		return mu_spot_mistake(s, f->key,
		    "\"%s\" is not a number in "
		    "%" PRId64 "-%" PRId64,
		    shown(text, buf), min, max);
	if (is_ambiguous(text))
		return mu_spot_mistake(s, f->key,
		    "%s is ambiguous: many readers of YAML take it as octal "
		    "(leave the zeros in front out)",
		    shown(text, buf));
	errno = 0;
	*out = strtoll(text, NULL, 10);
	if (errno != 0 || *out < min || *out > max)
		return mu_spot_mistake(s, f->key,
		    "%s is not in %" PRId64 "-%" PRId64, shown(text, buf), min,
		    max);
	return 0;
}

static int
read_port(const struct mu_spot *s, const struct mu_field *f, const char *text,
    uint16_t *out)
{
	int64_t v;
	int rc = read_number(s, f, text, 1, 65535, &v);

	if (rc == 0)
		*out = (uint16_t)v;
	return rc;
}

static int
read_count(const struct mu_spot *s, const struct mu_field *f, const char *text,
    uint64_t *out)
{
	int64_t v;
	int rc = read_number(s, f, text, f->min, f->max, &v);

	if (rc == 0)
		*out = (uint64_t)v;
	return rc;
}

/* A number with a unit; a bare number is what people forget most often. */
static int
read_quantity(const struct mu_spot *s, const struct mu_field *f,
    const char *text, int64_t *out)
{
	bool size = f->kind == MU_KIND_SIZE;
	uint64_t bytes = 0;
	char buf[SHOWN], low[QUANTITY], high[QUANTITY];
	int rc;

	if (f->words != NULL && strcmp(text, f->words->word) == 0) {
		*out = f->words->value;
		return 0;
	}
	if (is_integer(text) && (size || strcmp(text, "0") != 0))
		return mu_spot_mistake(s, f->key, "%s has no unit (give %s)",
		    shown(text, buf), kinds[f->kind].wanted);
	rc = size ? mu_text_size(text, &bytes) : mu_text_duration(text, out);
	if (rc == MUSTER_EINVAL)
		return mu_spot_mistake(s, f->key, "\"%s\" is not %s",
		    shown(text, buf), kinds[f->kind].wanted);
	if (size)
		*out = (int64_t)bytes;
	if (rc != 0 || *out < f->min || *out > f->max)
		return mu_spot_mistake(s, f->key, "%s is not between %s and %s",
		    shown(text, buf), format_quantity(f, f->min, low),
		    format_quantity(f, f->max, high));
	return 0;
}

static int
read_bool(const struct mu_spot *s, const struct mu_field *f, const char *text,
    bool *out)
{
	char buf[SHOWN];

	if (strcasecmp(text, "true") == 0 || strcasecmp(text, "yes") == 0 ||
	    strcasecmp(text, "on") == 0)
		*out = true;
	else if (strcasecmp(text, "false") == 0 ||
		 strcasecmp(text, "no") == 0 || strcasecmp(text, "off") == 0)
		*out = false;
	else
		return mu_spot_mistake(s, f->key,
		    "\"%s\" is neither true nor false", shown(text, buf));
	return 0;
}

/* The word's row; NULL after a mistake was reported. */
static const struct mu_word *
read_word(const struct mu_spot *s, const struct mu_field *f, const char *text)
{
	const char *candidates[MOST_WORDS];
	const char *nearest;
	char words[160], buf[SHOWN];
	size_t n = 0;

	for (; f->words[n].word != NULL && n < MOST_WORDS; n++) {
		candidates[n] = f->words[n].word;
		if (strcmp(candidates[n], text) == 0)
			return &f->words[n];
	}
	list_words(f, words, sizeof words);
	nearest = mu_text_nearest(text, candidates, n);
	if (nearest != NULL)
		mu_spot_mistake(s, f->key,
		    "\"%s\" is not %s (did you mean \"%s\"?)", shown(text, buf),
		    words, nearest);
	else
		mu_spot_mistake(
		    s, f->key, "\"%s\" is not %s", shown(text, buf), words);
	return NULL;
}

int
mu_scalar_read_word(const struct mu_spot *s, const struct mu_field *f,
    const char *text, void *base)
{
	const struct mu_word *w = read_word(s, f, text);

	if (w == NULL)
		return MUSTER_EINVAL;
	memcpy((char *)base + f->aside, &w->value, sizeof w->value);
	return 0;
}

static int
store_string(char **at, const char *text)
{
	char *copy = mu_strdup(text);

	if (copy == NULL)
		return MUSTER_ENOMEM;
	mu_free(*at);
	*at = copy;
	return 0;
}

static int
read_string(const struct mu_spot *s, const struct mu_field *f, const char *text,
    char **out)
{
	const char *fault = kinds[f->kind].fault(text);
	char buf[SHOWN];

	if (fault != NULL && *text == '\0')
		return mu_spot_mistake(s, f->key, "%s", fault);
	if (fault != NULL)
		return mu_spot_mistake(
		    s, f->key, "\"%s\" %s", shown(text, buf), fault);
	return store_string(out, text);
}

int
mu_scalar_read(const struct mu_spot *s, const struct mu_field *f,
    const char *text, void *base)
{
	void *at = mu_field_at(f, base);
	const struct mu_word *w;

	switch (f->kind) {
	case MU_KIND_PORT:
		return read_port(s, f, text, at);
	case MU_KIND_BOOL:
		return read_bool(s, f, text, at);
	case MU_KIND_COUNT:
		return read_count(s, f, text, at);
	case MU_KIND_SIZE:
	case MU_KIND_DURATION:
		return read_quantity(s, f, text, at);
	case MU_KIND_CHOICE:
		w = read_word(s, f, text);
		if (w == NULL)
			return MUSTER_EINVAL;
		memcpy(at, &w->value, sizeof w->value);
		return 0;
	case MU_KIND_WORD:
		w = read_word(s, f, text);
		return w == NULL ? MUSTER_EINVAL : store_string(at, text);
	default:
		return read_string(s, f, text, at);
	}
}

static void
put_list(struct mu_buf *out, char *const *list, size_t n)
{
	mu_buf_str(out, "[");
	for (size_t i = 0; i < n; i++)
		mu_buf_printf(out, "%s%s", i == 0 ? "" : ", ", list[i]);
	mu_buf_str(out, "]");
}

static void
put_weights(struct mu_buf *out, const struct mu_layout_weight *list, size_t n)
{
	mu_buf_str(out, "{");
	for (size_t i = 0; i < n; i++)
		mu_buf_printf(out, "%s%s: %" PRIu64, i == 0 ? "" : ", ",
		    list[i].node, list[i].weight);
	mu_buf_str(out, "}");
}

static void
put_choice(struct mu_buf *out, const struct mu_field *f, unsigned value)
{
	for (const struct mu_word *w = f->words; w->word != NULL; w++)
		if (w->value == value) {
			mu_buf_str(out, w->word);
			return;
		}
	mu_buf_str(out, "none");
}

void
mu_scalar_put(struct mu_buf *out, const struct mu_field *f, const void *base)
{
	const void *at = mu_field_peek(f, base);
	const char *string;
	char buf[QUANTITY];
	int64_t quantity;
	size_t n;

	switch (f->kind) {
	case MU_KIND_PORT:
		mu_buf_printf(out, "%u", *(const uint16_t *)at);
		break;
	case MU_KIND_BOOL:
		mu_buf_str(out, *(const bool *)at ? "true" : "false");
		break;
	case MU_KIND_COUNT:
		mu_buf_printf(out, "%" PRIu64, *(const uint64_t *)at);
		break;
	case MU_KIND_SIZE:
	case MU_KIND_DURATION:
		memcpy(&quantity, at, sizeof quantity);
		if (f->words != NULL && quantity == f->words->value)
			mu_buf_str(out, f->words->word);
		else
			mu_buf_str(out, format_quantity(f, quantity, buf));
		break;
	case MU_KIND_CHOICE:
		put_choice(out, f, *(const unsigned *)at);
		break;
	case MU_KIND_ROWS:
		mu_section_rows_put(out, f, base);
		break;
	case MU_KIND_WEIGHTS:
		memcpy(&n, (const char *)base + f->aside, sizeof n);
		put_weights(out, *(struct mu_layout_weight *const *)at, n);
		break;
	case MU_KIND_TOPICS:
	case MU_KIND_NAMES:
	case MU_KIND_ARGV:
		memcpy(&n, (const char *)base + f->aside, sizeof n);
		put_list(out, *(char *const *const *)at, n);
		break;
	default:
		string = *(const char *const *)at;
		mu_buf_str(out, string == NULL ? "none" : string);
	}
}
