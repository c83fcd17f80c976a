/* Settings of the ASCII writer; see format.h. */
#include "logrec/format.h"

#include <string.h>

#include "muster/err.h"

int
mu_log_marker_set(struct mu_log_marker *m, const char *text, size_t len)
{
	if (len > MU_LOG_MARKER || memchr(text, '\0', len) != NULL)
		return MUSTER_EINVAL;
	memcpy(m->text, text, len);
	m->text[len] = '\0';
	m->len = len;
	return 0;
}

void
mu_log_format_init(struct mu_log_format *f)
{
	memset(f, 0, sizeof *f);
	f->utf8 = f->meta = true;
	(void)mu_log_marker_set(&f->separator, "\t", 1);
	(void)mu_log_marker_set(&f->set_separator, ",", 1);
	(void)mu_log_marker_set(&f->empty, "(empty)", 7);
	(void)mu_log_marker_set(&f->unset, "-", 1);
	(void)mu_log_marker_set(&f->meta_prefix, "#", 1);
	(void)mu_log_marker_set(&f->gzip_extension, "gz", 2);
}

/* --- kinds of values ---------------------------------------------------- */

static bool
set_bool(void *at, const char *value)
{
	if (strcmp(value, "T") != 0 && strcmp(value, "F") != 0)
		return false;
	*(bool *)at = value[0] == 'T';
	return true;
}

static bool
set_level(void *at, const char *value)
{
	if (value[0] < '0' || value[0] > '9' || value[1] != '\0')
		return false;
	*(int *)at = value[0] - '0';
	return true;
}

static bool
set_json_time(void *at, const char *value)
{
	static const char *const names[] = {
		[MU_LOG_JSON_EPOCH] = "JSON::TS_EPOCH",
		[MU_LOG_JSON_MILLIS] = "JSON::TS_MILLIS",
		[MU_LOG_JSON_MILLIS_UNSIGNED] = "JSON::TS_MILLIS_UNSIGNED",
		[MU_LOG_JSON_ISO8601] = "JSON::TS_ISO8601",
	};

	for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(value, names[i]) == 0) {
			*(enum mu_log_json_time *)at = (enum mu_log_json_time)i;
			return true;
		}
	return false;
}

static bool
set_marker(void *at, const char *value)
{
	return mu_log_marker_set(at, value, strlen(value)) == 0;
}

static bool
set_separator(void *at, const char *value)
{
	return value[0] != '\0' && strchr(value, '\n') == NULL &&
	       set_marker(at, value);
}

struct setting {
	const char *key;
	size_t at; /* offset in the format */
	bool (*set)(void *at, const char *value);
	const char *want; /* what a value must be */
};

#define AT(member) offsetof(struct mu_log_format, member)
#define YES_NO     "T or F"
#define MARKER     "at most 64 bytes"
#define SEPARATOR  "1 to 64 bytes without a newline"

/* clang-format off */
static const struct setting settings[] = {
	{ "tsv", AT(tsv), set_bool, YES_NO },
	{ "use_json", AT(json), set_bool, YES_NO },
	{ "enable_utf_8", AT(utf8), set_bool, YES_NO },
	{ "include_meta", AT(meta), set_bool, YES_NO },
	{ "output_to_stdout", AT(to_stdout), set_bool, YES_NO },
	{ "json_include_unset_fields", AT(json_unset), set_bool, YES_NO },
	{ "json_timestamps", AT(json_time), set_json_time,
	    "JSON::TS_EPOCH, JSON::TS_MILLIS, JSON::TS_MILLIS_UNSIGNED or"
	    " JSON::TS_ISO8601" },
	{ "gzip_level", AT(gzip_level), set_level, "0 to 9" },
	{ "separator", AT(separator), set_separator, SEPARATOR },
	{ "set_separator", AT(set_separator), set_separator, SEPARATOR },
	{ "empty_field", AT(empty), set_marker, MARKER },
	{ "unset_field", AT(unset), set_marker, MARKER },
	{ "meta_prefix", AT(meta_prefix), set_marker, MARKER },
	{ "gzip_file_extension", AT(gzip_extension), set_marker, MARKER },
};
/* clang-format on */
#define NSETTINGS (sizeof settings / sizeof settings[0])

int
mu_log_format_set(struct mu_log_format *f, const char *key, const char *value,
    struct mu_log_why *why)
{
	for (size_t i = 0; i < NSETTINGS; i++) {
		const struct setting *s = &settings[i];

		if (strcmp(s->key, key) != 0)
			continue;
		if (s->set((char *)f + s->at, value))
			return 0;
		return mu_log_fail(why, MUSTER_EINVAL, "%s: '%.40s' is not %s",
		    key, value, s->want);
	}
	return mu_log_fail(
	    why, MUSTER_ENOENT, "%.40s: there is no such setting", key);
}

int
mu_log_format_apply(struct mu_log_format *f, const struct mu_log_stream *s,
    struct mu_log_why *why)
{
	for (size_t i = 0; i < s->nconfig; i++) {
		int rc = mu_log_format_set(
		    f, s->config[i].key, s->config[i].value, why);

		if (rc != 0 && rc != MUSTER_ENOENT)
			return rc;
	}
	return 0;
}
