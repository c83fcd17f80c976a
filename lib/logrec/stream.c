/* What a LogCreate message says; see stream.h. */
#include "logrec/stream.h"

#include <string.h>

#include "base/alloc.h"
#include "muster/err.h"

/* Is [len] bytes a name: neither empty nor too long, no control bytes? */
static int
check_name(const char *what, const char *s, size_t len, struct mu_log_why *why)
{
	if (len == 0)
		return mu_log_fail(why, MUSTER_EINVAL, "the %s is empty", what);
	if (len > MU_LOG_MAX_NAME)
		return mu_log_fail(why, MUSTER_ELIMIT,
		    "the %s has %zu bytes, more than %d", what, len,
		    MU_LOG_MAX_NAME);
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			return mu_log_fail(why, MUSTER_EINVAL,
			    "the %s has a control byte", what);
	return 0;
}

static int
no_memory(struct mu_log_why *why)
{
	return mu_log_fail(
	    why, MUSTER_ENOMEM, "%s", muster_strerror(MUSTER_ENOMEM));
}

int
mu_log_stream_init(struct mu_log_stream *s, const char *stream,
    const char *writer, const char *path, struct mu_log_why *why)
{
	int rc;

	memset(s, 0, sizeof *s);
	if ((rc = check_name("stream name", stream, strlen(stream), why)) !=
		0 ||
	    (rc = check_name("writer name", writer, strlen(writer), why)) !=
		0 ||
	    (rc = check_name("path", path, strlen(path), why)) != 0)
		return rc;
	s->stream = mu_strdup(stream);
	s->writer = mu_strdup(writer);
	s->path = mu_strdup(path);
	s->postprocessor = mu_strdup("");
	if (s->stream != NULL && s->writer != NULL && s->path != NULL &&
	    s->postprocessor != NULL)
		return 0;
	mu_log_stream_clear(s);
	return no_memory(why);
}

void
mu_log_stream_clear(struct mu_log_stream *s)
{
	mu_free(s->stream);
	mu_free(s->writer);
	mu_free(s->path);
	mu_free(s->postprocessor);
	for (size_t i = 0; i < s->nconfig; i++) {
		mu_free(s->config[i].key);
		mu_free(s->config[i].value);
	}
	mu_free(s->config);
	for (size_t i = 0; i < s->nfields; i++) {
		mu_free(s->fields[i].name);
		mu_free(s->fields[i].secondary);
	}
	mu_free(s->fields);
	memset(s, 0, sizeof *s);
}

/* --- columns ----------------------------------------------------------- */

long
mu_log_stream_find(const struct mu_log_stream *s, const char *name, size_t len)
{
	/* The other name may hold a NUL: strncmp would end there. */
	for (size_t i = 0; i < s->nfields; i++)
		if (strlen(s->fields[i].name) == len &&
		    memcmp(s->fields[i].name, name, len) == 0)
			return (long)i;
	return -1;
}

static int
check_column(const struct mu_log_stream *s, const char *name, size_t len,
    unsigned type, unsigned subtype, struct mu_log_why *why)
{
	int rc;

	if (s->nfields == MU_LOG_MAX_FIELDS)
		return mu_log_fail(why, MUSTER_ELIMIT, "more than %d fields",
		    MU_LOG_MAX_FIELDS);
	if ((rc = check_name("name of a field", name, len, why)) != 0)
		return rc;
	if (!mu_log_type_ok(type, subtype))
		return mu_log_fail(why, MUSTER_ETYPE,
		    "field %.*s: type %u (subtype %u) cannot be logged",
		    (int)len, name, type, subtype);
	if (mu_log_stream_find(s, name, len) >= 0)
		return mu_log_fail(why, MUSTER_EEXIST,
		    "field %.*s: there are two of that name", (int)len, name);
	return 0;
}

int
mu_log_stream_add(struct mu_log_stream *s, const char *name, size_t len,
    enum mu_log_type type, enum mu_log_type subtype, bool optional,
    struct mu_log_why *why)
{
	struct mu_log_field *f;
	int rc = check_column(s, name, len, type, subtype, why);

	if (rc != 0)
		return rc;
	if (s->nfields == s->fields_cap) {
		size_t cap = s->fields_cap == 0 ? 16 : s->fields_cap * 2;

		f = mu_reallocarray(s->fields, cap, sizeof *f);
		if (f == NULL)
			return no_memory(why);
		s->fields = f;
		s->fields_cap = cap;
	}
	f = &s->fields[s->nfields];
	memset(f, 0, sizeof *f);
	f->name = mu_memdup0(name, len);
	if (f->name == NULL)
		return no_memory(why);
	f->type = type;
	f->subtype = mu_log_is_list(type) ? subtype : MU_LOG_VOID;
	f->optional = optional;
	s->nfields++;
	return 0;
}

/* --- configuration ----------------------------------------------------- */

const char *
mu_log_stream_get(const struct mu_log_stream *s, const char *key)
{
	for (size_t i = 0; i < s->nconfig; i++)
		if (strcmp(s->config[i].key, key) == 0)
			return s->config[i].value;
	return NULL;
}

static int
add_setting(
    struct mu_log_stream *s, char *key, char *value, struct mu_log_why *why)
{
	struct mu_log_setting *config =
	    key == NULL || value == NULL
		? NULL
		: mu_reallocarray(s->config, s->nconfig + 1, sizeof *s->config);

	if (config == NULL) {
		mu_free(key);
		mu_free(value);
		return no_memory(why);
	}
	s->config = config;
	s->config[s->nconfig].key = key;
	s->config[s->nconfig++].value = value;
	return 0;
}

int
mu_log_stream_config(struct mu_log_stream *s, const char *key,
    const char *value, struct mu_log_why *why)
{
	if (strlen(key) > MU_LOG_MAX_SETTING ||
	    strlen(value) > MU_LOG_MAX_SETTING)
		return mu_log_fail(why, MUSTER_ELIMIT,
		    "a setting has more than %d bytes", MU_LOG_MAX_SETTING);
	for (size_t i = 0; i < s->nconfig; i++) {
		char *copy;

		if (strcmp(s->config[i].key, key) != 0)
			continue;
		copy = mu_strdup(value);
		if (copy == NULL)
			return no_memory(why);
		mu_free(s->config[i].value);
		s->config[i].value = copy;
		return 0;
	}
	if (s->nconfig == MU_LOG_MAX_CONFIG)
		return mu_log_fail(why, MUSTER_ELIMIT, "more than %d settings",
		    MU_LOG_MAX_CONFIG);
	return add_setting(s, mu_strdup(key), mu_strdup(value), why);
}

/* --- whole ------------------------------------------------------------- */

static int
copy_parts(struct mu_log_stream *to, const struct mu_log_stream *from)
{
	int rc = 0;

	for (size_t i = 0; i < from->nconfig && rc == 0; i++)
		rc = add_setting(to, mu_strdup(from->config[i].key),
		    mu_strdup(from->config[i].value), NULL);
	for (size_t i = 0; i < from->nfields && rc == 0; i++) {
		const struct mu_log_field *f = &from->fields[i];

		rc = mu_log_stream_add(to, f->name, strlen(f->name), f->type,
		    f->subtype, f->optional, NULL);
		if (rc != 0 || f->secondary == NULL)
			continue;
		to->fields[i].secondary = mu_strdup(f->secondary);
		if (to->fields[i].secondary == NULL)
			rc = MUSTER_ENOMEM;
	}
	return rc;
}

int
mu_log_stream_copy(struct mu_log_stream *to, const struct mu_log_stream *from)
{
	int rc = mu_log_stream_init(
	    to, from->stream, from->writer, from->path, NULL);

	if (rc != 0)
		return rc;
	to->rotation_base = from->rotation_base;
	to->rotation_interval = from->rotation_interval;
	to->network_time = from->network_time;
	mu_free(to->postprocessor);
	to->postprocessor = mu_strdup(from->postprocessor);
	rc = to->postprocessor == NULL ? MUSTER_ENOMEM : copy_parts(to, from);
	if (rc != 0)
		mu_log_stream_clear(to);
	return rc;
}

bool
mu_log_stream_same(const struct mu_log_stream *a, const struct mu_log_stream *b)
{
	return strcmp(a->stream, b->stream) == 0 &&
	       strcmp(a->writer, b->writer) == 0 &&
	       strcmp(a->path, b->path) == 0;
}

bool
mu_log_stream_same_fields(
    const struct mu_log_stream *a, const struct mu_log_stream *b)
{
	if (a->nfields != b->nfields)
		return false;
	for (size_t i = 0; i < a->nfields; i++)
		if (strcmp(a->fields[i].name, b->fields[i].name) != 0 ||
		    a->fields[i].type != b->fields[i].type ||
		    a->fields[i].subtype != b->fields[i].subtype)
			return false;
	return true;
}
