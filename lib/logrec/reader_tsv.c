/*
 * Lines of TSV files: the header and the records.  Texts are unescaped where
 * they lie, since that never makes them longer.
 */
#include <string.h>

#include "base/alloc.h"
#include "logrec/escape.h"
#include "logrec/reader_impl.h"
#include "logrec/scalar.h"
#include "logrec/shown.h"
#include "muster/err.h"

#define MAX_PREFIX 16 /* bytes of a meta prefix that a file may introduce */

static bool
is(const struct mu_log_marker *m, const uint8_t *s, size_t len)
{
	return len == m->len && memcmp(s, m->text, len) == 0;
}

/* The first place of the separator in s, or NULL. */
static uint8_t *
find(const struct mu_log_marker *m, uint8_t *s, size_t len)
{
	if (m->len == 1)
		return memchr(s, m->text[0], len);
	return memmem(s, len, m->text, m->len);
}

/* The next part of *s up to the separator; *left is false behind the last. */
static uint8_t *
part(const struct mu_log_marker *m, uint8_t **s, size_t *len, size_t *n,
    bool *left)
{
	uint8_t *from = *s, *sep = find(m, from, *len);

	*left = sep != NULL;
	*n = sep == NULL ? *len : (size_t)(sep - from);
	if (sep != NULL) {
		*s = sep + m->len;
		*len -= *n + m->len;
	}
	return from;
}

/* --- header ------------------------------------------------------------------
 */

static int
set_marker(struct mu_log_reader *r, struct mu_log_marker *m, const char *what,
    uint8_t *s, size_t len)
{
	len = mu_log_unescape(s, len);
	if (mu_log_marker_set(m, (char *)s, len) != 0)
		return mu_log_bad(r, "#%s: more than %d bytes, or a NUL", what,
		    MU_LOG_MARKER);
	if (len == 0 && m != &r->format.unset && m != &r->format.empty)
		return mu_log_bad(r, "#%s: it is empty", what);
	return MU_LOG_MORE;
}

static int
keep(char **to, size_t *to_len, const uint8_t *s, size_t len)
{
	mu_free(*to);
	*to = mu_memdup0(s, len);
	if (to_len != NULL)
		*to_len = len;
	return *to == NULL ? MUSTER_ENOMEM : MU_LOG_MORE;
}

/* A fresh description of the stream, without columns. */
static int
describe(struct mu_log_reader *r, struct mu_log_stream *s)
{
	const char *path =
	    r->header_path && r->path != NULL ? r->path : r->given.path;
	int rc = mu_log_stream_init(
	    s, r->given.stream, r->given.writer, path, &r->why);

	if (rc == MUSTER_ENOMEM)
		return rc;
	return rc == 0 ? MU_LOG_MORE : MU_LOG_BAD;
}

/* The outcome of adding a column or of the end of a header. */
static int
outcome(struct mu_log_stream *s, int rc)
{
	mu_log_stream_clear(s);
	return rc == MUSTER_ENOMEM ? rc : MU_LOG_BAD;
}

/* #types: with the names kept from #fields, the columns. */
static int
on_types(struct mu_log_reader *r, uint8_t *s, size_t len)
{
	const struct mu_log_marker *sep = &r->format.separator;
	uint8_t *names = (uint8_t *)r->names;
	size_t names_len = r->names_len;
	struct mu_log_stream made;
	bool more_names = true, more = true;
	int rc;

	if (names == NULL)
		return mu_log_bad(r, "#types without #fields");
	rc = describe(r, &made);
	if (rc != MU_LOG_MORE)
		return rc;
	while (more && more_names) {
		size_t n, k;
		const char *name =
		    (char *)part(sep, &names, &names_len, &n, &more_names);
		const char *type = (char *)part(sep, &s, &len, &k, &more);
		enum mu_log_type t, sub;

		if (!mu_log_type_parse(type, k, &t, &sub)) {
			mu_log_bad(r, "field %.*s: no such type as %.*s",
			    (int)n, name, (int)(k > 40 ? 40 : k), type);
			return outcome(&made, 0);
		}
		rc = mu_log_stream_add(&made, name, n, t, sub, true, &r->why);
		if (rc != 0)
			return outcome(&made, rc);
	}
	if (more || more_names) {
		mu_log_bad(r, "#fields and #types are not equally many");
		return outcome(&made, 0);
	}
	return mu_log_columns(r, &made);
}

/* A header line behind its prefix. */
static int
on_header(struct mu_log_reader *r, uint8_t *s, size_t len)
{
	struct mu_log_format *f = &r->format;
	static const struct {
		const char *name;
		size_t at;
	} markers[] = {
		{ "set_separator",
		    offsetof(struct mu_log_format, set_separator) },
		{ "empty_field", offsetof(struct mu_log_format, empty) },
		{ "unset_field", offsetof(struct mu_log_format, unset) },
	};
	bool more;
	size_t n;
	const uint8_t *name = part(&f->separator, &s, &len, &n, &more);

	if (!more)
		return MU_LOG_MORE; /* a remark */
	for (size_t i = 0; i < sizeof markers / sizeof markers[0]; i++)
		if (n == strlen(markers[i].name) &&
		    memcmp(name, markers[i].name, n) == 0)
			return set_marker(r,
			    (struct mu_log_marker *)((char *)f + markers[i].at),
			    markers[i].name, s, len);
	if (n == 4 && memcmp(name, "path", n) == 0)
		return keep(&r->path, NULL, s, mu_log_unescape(s, len));
	if (n == 6 && memcmp(name, "fields", n) == 0)
		return keep(&r->names, &r->names_len, s, len);
	if (n == 5 && memcmp(name, "types", n) == 0)
		return on_types(r, s, len);
	r->opened = r->opened || (n == 4 && memcmp(name, "open", n) == 0);
	return MU_LOG_MORE; /* close, and what we do not know */
}

/* PREFIXseparator TEXT begins a file. */
static bool
is_separator_line(
    const struct mu_log_reader *r, const uint8_t *s, size_t len, size_t *prefix)
{
	static const char word[] = "separator ";
	size_t n = sizeof word - 1, most = r->fresh ? MAX_PREFIX : 0;

	if (!r->fresh) {
		*prefix = r->format.meta_prefix.len;
		return len > *prefix + n &&
		       memcmp(s, r->format.meta_prefix.text, *prefix) == 0 &&
		       memcmp(s + *prefix, word, n) == 0;
	}
	for (*prefix = 1; *prefix <= most && *prefix + n < len; ++*prefix)
		if (memcmp(s + *prefix, word, n) == 0)
			return true;
	return false;
}

static int
on_separator(struct mu_log_reader *r, uint8_t *s, size_t len, size_t prefix)
{
	size_t skip = prefix + strlen("separator ");
	int rc = mu_log_marker_set(&r->format.meta_prefix, (char *)s, prefix);

	if (rc != 0)
		return mu_log_bad(r, "no header prefix");
	mu_free(r->names);
	r->names = NULL;
	r->opened = false;
	return set_marker(
	    r, &r->format.separator, "separator", s + skip, len - skip);
}

/* --- records --------------------------------------------------------- */

static int
bad_value(struct mu_log_reader *r, size_t i, const uint8_t *s, size_t len)
{
	const struct mu_log_field *f = &r->stream.fields[i];
	char type[MU_LOG_TYPE_TEXT], shown[44];
	size_t n = len > 40 ? 40 : len;

	for (size_t k = 0; k < n; k++)
		shown[k] = s[k] >= 0x20 && s[k] < 0x7f ? (char)s[k] : '?';
	shown[n] = '\0';
	return mu_log_bad(r, "field %s: '%s'%s is no %s", f->name, shown,
	    n < len ? "..." : "",
	    mu_log_type_format(
		mu_log_is_list(f->type) ? f->subtype : f->type, 0, type));
}

/* A value that is no set or vector, and not unset. */
static bool
read_scalar(const struct mu_log_reader *r, struct mu_log_value *v, uint8_t *s,
    size_t len)
{
	bool empty = is(&r->format.empty, s, len);

	if (mu_log_is_text(v->type)) {
		v->set = true;
		v->u.text.at = s;
		v->u.text.len = empty ? 0 : mu_log_unescape(s, len);
		return true;
	}
	len = mu_log_unescape(s, len);
	return r->zeek || r->opened ? mu_log_get_shown(v, (char *)s, len)
				    : mu_log_get_scalar(v, (char *)s, len);
}

static int
read_list(struct mu_log_reader *r, size_t i, uint8_t *s, size_t len)
{
	const struct mu_log_format *f = &r->format;
	bool more = !is(&f->empty, s, len);

	mu_log_record_list(&r->record, i, r->stream.fields[i].subtype);
	while (more) {
		size_t n;
		uint8_t *p = part(&f->set_separator, &s, &len, &n, &more);
		struct mu_log_value *e = mu_log_record_add(&r->record, i);

		if (e == NULL)
			return MUSTER_ENOMEM;
		if (!is(&f->unset, p, n) && !read_scalar(r, e, p, n))
			return bad_value(r, i, p, n);
	}
	return 0;
}

static int
read_value(struct mu_log_reader *r, size_t i, uint8_t *s, size_t len)
{
	struct mu_log_value *v = &r->record.values[i];

	if (is(&r->format.unset, s, len))
		return 0;
	if (mu_log_is_list(v->type))
		return read_list(r, i, s, len);
	return read_scalar(r, v, s, len) ? 0 : bad_value(r, i, s, len);
}

/* How many parts the line has, for a message. */
static size_t
count_parts(const struct mu_log_marker *sep, uint8_t *s, size_t len)
{
	size_t n, count = 0;
	bool more = true;

	for (; more; count++)
		(void)part(sep, &s, &len, &n, &more);
	return count;
}

static int
read_record(struct mu_log_reader *r, uint8_t *s, size_t len)
{
	const struct mu_log_marker *sep = &r->format.separator;
	size_t i, n, wanted = r->stream.nfields;
	bool more = true;
	int rc = mu_log_record_begin(&r->record, &r->stream);

	for (i = 0; rc == 0 && more && i < wanted; i++) {
		uint8_t *p = part(sep, &s, &len, &n, &more);

		if (!more && i + 1 < wanted)
			break;
		rc = read_value(r, i, p, n);
	}
	if (rc < 0)
		return rc;
	/* A wrong number of fields explains a bad value among them. */
	if (rc != 0)
		n = i + (more ? count_parts(sep, s, len) : 0);
	else
		n = more ? i + count_parts(sep, s, len) : i + (i < wanted);
	if (n != wanted)
		return mu_log_bad(
		    r, "%zu fields where %zu are expected", n, wanted);
	return rc == 0 ? MU_LOG_RECORD : rc;
}

/* --- files without a header ------------------------------------------ */

/* A first line of nothing but names that we were told: those are the columns,
 * in that order.  MORE: it is no such line. */
static int
on_names(struct mu_log_reader *r, uint8_t *s, size_t len)
{
	struct mu_log_stream made;
	bool more = true;
	int rc = describe(r, &made);

	if (rc != MU_LOG_MORE)
		return rc;
	while (more) {
		size_t n;
		const char *name =
		    (char *)part(&r->format.separator, &s, &len, &n, &more);
		long k = mu_log_stream_find(&r->given, name, n);
		const struct mu_log_field *f;

		if (k < 0) {
			mu_log_stream_clear(&made);
			return MU_LOG_MORE;
		}
		f = &r->given.fields[k];
		rc = mu_log_stream_add(
		    &made, name, n, f->type, f->subtype, true, &r->why);
		if (rc != 0)
			return outcome(&made, rc);
	}
	return mu_log_columns(r, &made);
}

/* No header came: the columns are those told, or it is an error. */
static int
without_header(struct mu_log_reader *r, uint8_t *s, size_t len)
{
	struct mu_log_stream made;
	int rc;

	if (r->given.nfields == 0)
		return mu_log_bad(
		    r, "no header (#fields, #types) tells the columns");
	rc = on_names(r, s, len);
	if (rc != MU_LOG_MORE)
		return rc;
	if (mu_log_stream_copy(&made, &r->given) != 0)
		return MUSTER_ENOMEM;
	rc = mu_log_columns(r, &made);
	/* The line is still to be read as a record. */
	r->again = true;
	return rc;
}

int
mu_log_tsv_read(struct mu_log_reader *r, uint8_t *s, size_t len)
{
	const struct mu_log_marker *prefix = &r->format.meta_prefix;
	size_t n;

	if (is_separator_line(r, s, len, &n))
		return on_separator(r, s, len, n);
	if (prefix->len > 0 && len >= prefix->len &&
	    memcmp(s, prefix->text, prefix->len) == 0)
		return on_header(r, s + prefix->len, len - prefix->len);
	if (len == 0 && (!r->known || r->stream.nfields != 1))
		return MU_LOG_MORE;
	if (!r->known)
		return without_header(r, s, len);
	return read_record(r, s, len);
}
