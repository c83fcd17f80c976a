/*
 * Log files that Zeek wrote, read and written again: each must come out the
 * same to the byte (open and close times apart), TSV also by way of JSON, with
 * times as numbers and in ISO 8601.
 *
 *   zeek_logs DIR
 *
 * DIR is laid out as data/zeek-logs describes it: tsv/NAME, json/NAME, and
 * options/OPTION.  Columns of files that do not tell them come from the file
 * of the same name that does.  Values that Zeek's JSON does not carry are
 * listed below; nothing is excused where TSV becomes TSV at once.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "logrec/reader.h"
#include "logrec/writer.h"

static unsigned passed, failed, excused;

/* --- files --------------------------------------------------------------- */

/* The contents of a file, unpacked if need be; false: there is none. */
static bool
slurp(const char *path, struct mu_buf *b)
{
	char *command = mu_asprintf("gzip -dc '%s'", path);
	size_t len = strlen(path);
	bool packed = len > 3 && strcmp(path + len - 3, ".gz") == 0;
	FILE *f;
	uint8_t *at;
	size_t room, n;

	mu_buf_init(b, 0);
	f = access(path, R_OK) != 0 ? NULL
	    : packed                ? popen(command, "r")
				    : fopen(path, "r");
	mu_free(command);
	if (f == NULL)
		return false;
	do {
		if (mu_buf_reserve(b, 65536, &at, &room) != 0)
			abort();
		n = fread(at, 1, room, f);
		mu_buf_commit(b, n);
	} while (n > 0);
	if (packed)
		pclose(f);
	else
		fclose(f);
	return mu_buf_len(b) > 0;
}

/* --- what a folder's option sets ------------------------------------------ */

static const struct {
	const char *folder;
	const char *key, *value;
	const char *types; /* folder whose files tell the columns */
} options[] = {
	{ "json-default", "use_json", "T", "default" },
	{ "json-iso8601", "json_timestamps", "JSON::TS_ISO8601", "default" },
	{ "json-millis", "json_timestamps", "JSON::TS_MILLIS", "default" },
	{ "json-millis-unsigned", "json_timestamps", "JSON::TS_MILLIS_UNSIGNED",
	    "default" },
	{ "json-unset-fields", "json_include_unset_fields", "T", "default" },
	{ "extension-json", "use_json", "T", "extension" },
	{ "no-utf8", "enable_utf_8", "F", NULL },
	{ "no-meta", "include_meta", "F", "default" },
	{ "tsv", "tsv", "T", "default" },
};
#define NOPTIONS (sizeof options / sizeof options[0])

/*
 * What Zeek's own JSON, to the byte, does not say any more.  Everything else
 * must come back.
 */
static bool
is_ambiguous(const char *was, const char *is)
{
	static const struct {
		const char *was, *is;
	} pairs[] = {
		/* Both infinities are null, as are unset elements and, where
		 * it is wanted, unset fields; null is read as unset. */
		{ "inf", "-" },
		{ "inf,-inf", "-,-" },
		{ "inf", "NULL" },
		{ "inf;-inf", "NULL;NULL" },
		{ "inf", "" },
		{ "inf::-inf", "::" },
		{ "{\"n\":91,\"note\":\"infinity\",\"d\":null,"
		  "\"vd\":[null,null]}",
		    "{\"n\":91,\"note\":\"infinity\","
		    "\"vd\":[null,null]}" },
		/* A NUL and the four characters \x00 are the same text,
		 * "\\x00", which is taken for a NUL. */
		{ "\\\\x00\\\\x00\\\\x00\\\\x00", "\\x00\\x00\\x00\\x00" },
	};

	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
		if (strcmp(was, pairs[i].was) == 0 &&
		    strcmp(is, pairs[i].is) == 0)
			return true;
	return false;
}

/* --- comparing ---------------------------------------------------------------
 */

/* The next line of *p, NUL-terminated in place of its end. */
static char *
line_of(char **p)
{
	char *line = *p, *nl;

	if (*line == '\0')
		return NULL;
	nl = strchr(line, '\n');
	if (nl == NULL) {
		*p = line + strlen(line);
	} else {
		*nl = '\0';
		*p = nl + 1;
	}
	return line;
}

static bool
is_time_line(const char *line)
{
	return strncmp(line + 1, "open", 4) == 0 ||
	       strncmp(line + 1, "close", 5) == 0;
}

/* Fields of two lines that differ are all ambiguous; separator is sep. */
static bool
same_fields(char *a, char *b, const char *sep, unsigned *pardoned)
{
	size_t n = strlen(sep);

	for (;;) {
		char *ea = strstr(a, sep), *eb = strstr(b, sep);

		if ((ea == NULL) != (eb == NULL))
			return false;
		if (ea != NULL)
			*ea = *eb = '\0';
		if (strcmp(a, b) != 0) {
			if (!is_ambiguous(a, b))
				return false;
			++*pardoned;
		}
		if (ea == NULL)
			return true;
		a = ea + n;
		b = eb + n;
	}
}

static void
compare(const char *path, const char *how, struct mu_buf *was,
    struct mu_buf *is, const char *sep)
{
	char *a, *b, *la, *lb;
	unsigned line = 0, pardoned = 0;

	mu_buf_u8(was, 0);
	mu_buf_u8(is, 0);
	a = (char *)mu_buf_data(was);
	b = (char *)mu_buf_data(is);
	for (;;) {
		la = line_of(&a);
		lb = line_of(&b);
		line++;
		if (la == NULL || lb == NULL)
			break;
		if (strcmp(la, lb) == 0 ||
		    (is_time_line(la) && is_time_line(lb)))
			continue;
		if (sep != NULL && same_fields(la, lb, sep, &pardoned))
			continue;
		break;
	}
	if (la == NULL && lb == NULL) {
		passed++;
		excused += pardoned;
		return;
	}
	failed++;
	printf("%s: %s: line %u:\n  was %.300s\n  is  %.300s\n", path, how,
	    line, la == NULL ? "(end)" : la, lb == NULL ? "(end)" : lb);
}

/* --- reading and writing --------------------------------------------- */

/* Read in and write it in format to; *stream (zeroed) gets the columns. */
static bool
convert(const char *path, struct mu_buf *in,
    const struct mu_log_reader_config *config, const struct mu_log_format *to,
    bool open, bool closed, struct mu_buf *out, struct mu_log_stream *stream)
{
	struct mu_log_reader *r = mu_log_reader_new(config);
	struct mu_log_writer *w = NULL;
	int what;

	mu_buf_init(out, 0);
	mu_log_reader_feed(r, mu_buf_data(in), mu_buf_len(in));
	mu_log_reader_end(r);
	while ((what = mu_log_reader_next(r)) > MU_LOG_MORE) {
		if (what == MU_LOG_BAD) {
			printf("%s:%llu: %s\n", path,
			    (unsigned long long)mu_log_reader_line(r),
			    mu_log_reader_why(r));
			break;
		}
		if (what == MU_LOG_COLUMNS) {
			mu_log_writer_free(w);
			w = mu_log_writer_new(mu_log_reader_stream(r), to);
			if (open)
				mu_log_writer_open(w, out, 0);
			mu_log_stream_clear(stream);
			mu_log_stream_copy(stream, mu_log_reader_stream(r));
			continue;
		}
		mu_log_writer_line(w, out, mu_log_reader_record(r));
	}
	if (closed && w != NULL)
		mu_log_writer_close(w, out, 0);
	mu_log_writer_free(w);
	mu_log_reader_free(r);
	failed += what != MU_LOG_MORE;
	return what == MU_LOG_MORE;
}

/* The separator in a file's first line, and other markers: from the folder. */
static void
format_of(const char *folder, struct mu_log_format *f)
{
	mu_log_format_init(f);
	for (size_t i = 0; i < NOPTIONS; i++)
		if (strcmp(options[i].folder, folder) == 0)
			mu_log_format_set(
			    f, options[i].key, options[i].value, NULL);
	if (strcmp(folder, "separators") == 0) {
		mu_log_format_set(f, "separator", "|", NULL);
		mu_log_format_set(f, "set_separator", ";", NULL);
		mu_log_format_set(f, "unset_field", "NULL", NULL);
		mu_log_format_set(f, "empty_field", "EMPTY", NULL);
		mu_log_format_set(f, "meta_prefix", "!", NULL);
	} else if (strcmp(folder, "separators-long") == 0) {
		mu_log_format_set(f, "separator", "||", NULL);
		mu_log_format_set(f, "set_separator", "::", NULL);
		mu_log_format_set(f, "unset_field", "", NULL);
		mu_log_format_set(f, "empty_field", "<e m>", NULL);
	}
}

static bool
contains(const struct mu_buf *b, const char *text)
{
	return memmem(mu_buf_data(b), mu_buf_len(b), text, strlen(text)) !=
	       NULL;
}

static struct mu_buf
copy(const struct mu_buf *b)
{
	struct mu_buf c;

	mu_buf_init(&c, 0);
	mu_buf_put(&c, mu_buf_data(b), mu_buf_len(b));
	return c;
}

/* TSV by way of JSON with times in that form; columns are the file's. */
static void
check_detour(const char *path, const struct mu_buf *in,
    const struct mu_log_reader_config *tsv, const struct mu_log_stream *columns,
    const char *times, bool head, bool closed)
{
	struct mu_log_reader_config c = { .form = MU_LOG_FORM_JSON,
		.stream = columns };
	struct mu_log_format json;
	struct mu_log_stream again = { 0 };
	struct mu_buf first = copy(in), was = copy(in), lines, back;

	mu_log_format_init(&json);
	json.json = true;
	mu_log_format_set(&json, "json_timestamps", times, NULL);
	c.format = &json;
	if (convert(path, &first, tsv, &json, false, false, &lines, &again)) {
		if (convert(path, &lines, &c, tsv->format, head, closed, &back,
			&again))
			compare(path, times, &was, &back,
			    tsv->format->separator.text);
		mu_buf_clear(&back);
	}
	mu_log_stream_clear(&again);
	mu_buf_clear(&lines);
	mu_buf_clear(&first);
	mu_buf_clear(&was);
}

/* TSV: again, and by way of JSON. */
static void
check_tsv(const char *path, struct mu_buf *in, struct mu_log_format *f,
    const struct mu_log_stream *types)
{
	struct mu_log_reader_config c = {
		.form = MU_LOG_FORM_TSV,
		.stream = types,
		.header_path = true,
		/* Without a header it has to be told. */
		.zeek = !f->meta || f->tsv,
	};
	struct mu_log_stream columns = { 0 };
	struct mu_buf out, was = copy(in);
	bool closed = contains(in, "close"), head = f->meta || f->tsv;

	/* A file without header does not show what separates its fields. */
	c.format = f;
	/* "tsv = T" is a filter's; the synthetic stream was not given it. */
	if (f->tsv && contains(in, "#separator"))
		f->tsv = false;
	if (convert(path, in, &c, f, head, closed, &out, &columns)) {
		compare(path, "TSV", &was, &out, NULL);
		check_detour(path, in, &c, &columns, "JSON::TS_EPOCH", head,
		    closed);
		check_detour(path, in, &c, &columns, "JSON::TS_ISO8601", head,
		    closed);
	}
	mu_log_stream_clear(&columns);
	mu_buf_clear(&was);
	mu_buf_clear(&out);
}

static void
check_json(const char *path, struct mu_buf *in, struct mu_log_format *f,
    const struct mu_log_stream *types)
{
	struct mu_log_reader_config c = {
		.form = MU_LOG_FORM_JSON, .stream = types, .format = f
	};
	struct mu_log_stream columns = { 0 };
	struct mu_buf out, was = copy(in);

	f->json = true;
	if (convert(path, in, &c, f, false, false, &out, &columns))
		compare(path, "JSON", &was, &out, "\n");
	mu_buf_clear(&was);
	mu_buf_clear(&out);
	mu_log_stream_clear(&columns);
}

/* Columns as the file of that name in another folder tells them. */
static bool
columns_of(const char *dir, const char *group, const char *folder,
    const char *file, struct mu_log_stream *types)
{
	struct mu_log_reader_config c = { .form = MU_LOG_FORM_TSV };
	struct mu_log_stream plain;
	struct mu_log_reader *r;
	char *path = mu_asprintf("%s/%s/%s/%s", dir, group, folder, file);
	char *end = path + strlen(path) - 3;
	struct mu_buf b;
	bool found;

	/* Here one of the two may be packed, there the other. */
	if (strcmp(end, ".gz") == 0)
		*end = '\0';
	found = slurp(path, &b);
	if (!found) {
		char *packed = mu_asprintf("%s.gz", path);

		mu_buf_clear(&b);
		found = slurp(packed, &b);
		mu_free(packed);
	}
	mu_free(path);
	if (!found) {
		mu_buf_clear(&b);
		return false;
	}
	mu_log_stream_init(&plain, "T::LOG", MU_LOG_WRITER_ASCII, "t", NULL);
	c.stream = &plain;
	c.header_path = true;
	r = mu_log_reader_new(&c);
	mu_log_reader_feed(r, mu_buf_data(&b), mu_buf_len(&b));
	found = mu_log_reader_next(r) == MU_LOG_COLUMNS;
	if (found)
		mu_log_stream_copy(types, mu_log_reader_stream(r));
	mu_log_reader_free(r);
	mu_log_stream_clear(&plain);
	mu_buf_clear(&b);
	return found;
}

static void
check_file(
    const char *dir, const char *group, const char *folder, const char *file)
{
	struct mu_log_stream types;
	struct mu_log_format f;
	struct mu_buf in;
	char *path = mu_asprintf("%s/%s/%s/%s", dir, group, folder, file);
	const char *types_group = strcmp(group, "json") == 0 ? "tsv" : group;
	const char *types_folder = folder;
	bool json, known;

	if (!slurp(path, &in)) {
		mu_buf_clear(&in);
		mu_free(path);
		return;
	}
	json = mu_buf_data(&in)[0] == '{';
	format_of(folder, &f);
	for (size_t i = 0; i < NOPTIONS; i++)
		if (strcmp(options[i].folder, folder) == 0 &&
		    options[i].types != NULL)
			types_folder = options[i].types;
	known = (json || f.tsv || !f.meta) &&
		columns_of(dir, types_group, types_folder, file, &types);
	if (!known)
		mu_log_stream_init(
		    &types, "T::LOG", MU_LOG_WRITER_ASCII, "t", NULL);
	if (json)
		check_json(path, &in, &f, &types);
	else
		check_tsv(path, &in, &f, &types);
	mu_log_stream_clear(&types);
	mu_buf_clear(&in);
	mu_free(path);
}

/* Every file of a folder in a group; of all its folders if that is NULL. */
static void
each(const char *dir, const char *group, const char *folder)
{
	char *path =
	    mu_asprintf("%s/%s/%s", dir, group, folder == NULL ? "." : folder);
	DIR *d = opendir(path);
	struct dirent *e;

	mu_free(path);
	if (d == NULL)
		return;
	while ((e = readdir(d)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		if (folder == NULL)
			each(dir, group, e->d_name);
		else
			check_file(dir, group, folder, e->d_name);
	}
	closedir(d);
}

int
main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: zeek_logs DIR\n");
		return 2;
	}
	each(argv[1], "tsv", NULL);
	each(argv[1], "json", NULL);
	each(argv[1], "options", NULL);
	printf("%u passed, %u failed, %u ambiguous values\n", passed, failed,
	    excused);
	return failed != 0 || passed == 0;
}
