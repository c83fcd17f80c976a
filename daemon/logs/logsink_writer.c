/*
 * Writers: for each stream, writer type and path a file.  When a node creates
 * the same with other columns, because its scripts are newer, it gets a file
 * of its own beside the first; each node's records go where its create went.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "base/text.h"
#include "logs/logsink_impl.h"
#include "muster/err.h"
#include "sys/log.h"

/* --- keys -------------------------------------------------------------- */

static size_t
make_key(char *out, const struct mu_log_write *w)
{
	const char *const part[] = { w->stream, w->writer, w->path };
	const size_t len[] = { w->stream_len, w->writer_len, w->path_len };
	char *p = out;

	for (int i = 0; i < 3; i++) {
		if (len[i] > MU_LOG_MAX_NAME)
			return 0;
		memcpy(p, part[i], len[i]);
		p += len[i];
		*p++ = '\0';
	}
	return (size_t)(p - out);
}

static struct writer_key *
find_key(struct logsink *s, const char *key, size_t len)
{
	struct writer_key *k = s->last_key;

	if (k != NULL && k->len == len && memcmp(k->key, key, len) == 0)
		return k;
	HASH_FIND(hh, s->keys, key, len, k);
	if (k != NULL)
		s->last_key = k;
	return k;
}

static struct writer_key *
add_key(struct logsink *s, const char *key, size_t len)
{
	struct writer_key *k = mu_calloc(1, sizeof *k + len);

	if (k == NULL)
		return NULL;
	memcpy(k->key, key, len);
	k->len = len;
	HASH_ADD(hh, s->keys, key, len, k);
	return k;
}

/* What was refused leaves nothing: names are for anybody to invent. */
static void
drop_key(struct logsink *s, struct writer_key *k)
{
	if (k->newest != NULL)
		return;
	if (s->last_key == k)
		s->last_key = NULL;
	HASH_DEL(s->keys, k);
	mu_free(k->choices);
	mu_free(k);
}

void
writer_forget_keys(struct logsink *s)
{
	struct writer_key *k, *next;

	HASH_ITER(hh, s->keys, k, next)
	{
		HASH_DEL(s->keys, k);
		mu_free(k->choices);
		mu_free(k);
	}
	s->last_key = NULL;
}

static struct choice *
find_choice(const struct writer_key *k, const struct mu_uuid *peer)
{
	for (size_t i = 0; i < k->nchoices; i++)
		if (mu_uuid_eq(&k->choices[i].peer, peer))
			return &k->choices[i];
	return NULL;
}

/* Remember whose create went where; the oldest is forgotten. */
static void
choose(struct writer_key *k, const struct mu_uuid *peer, struct writer *w)
{
	struct choice *c = find_choice(k, peer);

	if (c == NULL) {
		size_t n = k->nchoices + 1;

		if (k->nchoices == SINK_CHOICES) {
			memmove(k->choices, k->choices + 1,
			    (SINK_CHOICES - 1) * sizeof *k->choices);
			k->nchoices--;
		} else if ((k->nchoices & (k->nchoices - 1)) == 0) {
			c = mu_reallocarray(k->choices,
			    k->nchoices == 0 ? 1 : 2 * k->nchoices, sizeof *c);
			if (c == NULL)
				return; /* then the newest is taken */
			k->choices = c;
		}
		(void)n;
		c = &k->choices[k->nchoices++];
		c->peer = *peer;
	}
	c->writer = w;
}

struct writer *
writer_find(
    struct logsink *s, const struct mu_uuid *peer, const struct mu_log_write *w)
{
	char key[SINK_KEY];
	size_t len = make_key(key, w);
	struct writer_key *k = len == 0 ? NULL : find_key(s, key, len);
	struct choice *c;

	if (k == NULL)
		return NULL;
	if (k->nvariants < 2)
		return k->newest;
	c = find_choice(k, peer);
	return c == NULL ? k->newest : c->writer;
}

/* --- names of files ---------------------------------------------------- */

static bool
base_taken(const struct logsink *s, const char *base)
{
	for (const struct writer *w = s->writers; w != NULL; w = w->next)
		if (strcmp(w->base, base) == 0)
			return true;
	return false;
}

/* A path as the name of a file in our folder, whatever it holds. */
static void
plain_name(const char *path, char *out)
{
	static const char good[] = "abcdefghijklmnopqrstuvwxyz"
				   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "0123456789._-+@=:,~%";
	size_t n = 0;

	for (const char *p = path; *p != '\0' && n < SINK_NAME - 40; p++)
		out[n++] = strchr(good, *p) != NULL ? *p : '_';
	out[n] = '\0';
	if (out[0] == '.')
		out[0] = '_';
	if (n == 0)
		strcpy(out, "_");
	if (n < strlen(path))
		snprintf(out + n, 20, "-%016llx",
		    (unsigned long long)mu_hash64(0, path, strlen(path)));
}

/* Nobody else's: "-2" and so on, as Zeek does for two filters of one path. */
static char *
choose_base(const struct logsink *s, const char *path)
{
	char plain[SINK_NAME], base[SINK_NAME + 12];

	plain_name(path, plain);
	snprintf(base, sizeof base, "%s", plain);
	for (unsigned i = 2; base_taken(s, base); i++)
		snprintf(base, sizeof base, "%s-%u", plain, i);
	return mu_strdup(base);
}

void
writer_file(const struct writer *w, char *out, size_t size)
{
	snprintf(out, size, "%s%s", w->base, w->ext);
}

/* --- creation ---------------------------------------------------------- */

void
writer_free(struct logsink *s, struct writer *w)
{
	if (w == NULL)
		return;
	if (w->file >= 0)
		s->fs.close(s->fs.ctx, w->file);
	mu_log_stream_clear(&w->desc);
	format_free(w->fmt);
	format_free(w->next_fmt);
	mu_buf_clear(&w->lines);
	mu_free(w->base);
	mu_free(w->target);
	mu_free(w);
}

/* desc is taken. */
static struct writer *
new_writer(
    struct logsink *s, struct mu_log_stream *desc, struct mu_log_why *why)
{
	struct writer *w = mu_calloc(1, sizeof *w);

	if (w == NULL) {
		mu_log_stream_clear(desc);
		return NULL;
	}
	w->desc = *desc;
	memset(desc, 0, sizeof *desc);
	w->file = -1;
	w->opened = s->now.wall;
	mu_buf_init(&w->lines, 0);
	w->fmt = format_new(s, &w->desc, why);
	w->base = w->fmt == NULL ? NULL : choose_base(s, w->desc.path);
	if (w->base == NULL) {
		writer_free(s, w);
		return NULL;
	}
	w->ext = format_ext(w->fmt);
	*s->last_writer = w;
	s->last_writer = &w->next;
	s->nwriters++;
	return w;
}

static bool
same_config(const struct mu_log_stream *a, const struct mu_log_stream *b)
{
	if (a->nconfig != b->nconfig)
		return false;
	for (size_t i = 0; i < a->nconfig; i++) {
		const char *v = mu_log_stream_get(b, a->config[i].key);

		if (v == NULL || strcmp(v, a->config[i].value) != 0)
			return false;
	}
	return true;
}

static struct writer *
find_variant(const struct writer_key *k, const struct mu_log_stream *desc)
{
	struct writer *w;

	for (w = k->newest; w != NULL; w = w->older)
		if (mu_log_stream_same_fields(&w->desc, desc) &&
		    same_config(&w->desc, desc))
			return w;
	return NULL;
}

static const char no_memory[] = "out of memory";
static const char many_columns[] = "it has too many sets of columns";
static const char many_files[] = "the limit logs.files is reached";

/* What may be different later, or with another logger, makes a sender that can
 * keep its records keep them. */
static void
refuse_create(struct logsink *s, const struct logitem *it, const char *stream,
    const char *why)
{
	if (it->kind == LOGITEM_BATCH &&
	    (why == many_columns || why == many_files || why == no_memory))
		s->no_writer = why;
	if (!s->again && !sink_told(s, it->name, why, strlen(why)))
		sink_say(s, LOG_LEVEL_WARN,
		    "logs: stream %s of %s is not written: %s", stream,
		    it->name, why);
}

/* Of no writer: without memory it is the text that refuse_create knows. */
static const char *
reason(const struct mu_log_why *why)
{
	bool known = why->text[0] != '\0' && strcmp(why->text, no_memory) != 0;

	return known ? why->text : no_memory;
}

static bool
is_ours(const struct mu_log_stream *d)
{
	return strcmp(d->writer, MU_LOG_WRITER_ASCII) == 0;
}

static void
describe(struct logsink *s, const struct logitem *it, struct writer_key *k,
    struct mu_log_stream *desc)
{
	struct mu_log_why why = { "" };
	struct writer *w = find_variant(k, desc);
	char name[SINK_NAME + 16], stream[128];

	snprintf(stream, sizeof stream, "%s", desc->stream);
	if (w != NULL) {
		choose(k, &it->peer, w);
		return;
	}
	if (k->nvariants == SINK_VARIANTS || s->nwriters >= s->logs.files) {
		refuse_create(s, it, stream,
		    k->nvariants == SINK_VARIANTS ? many_columns : many_files);
		return;
	}
	w = new_writer(s, desc, &why);
	if (w == NULL) {
		refuse_create(s, it, stream, reason(&why));
		return;
	}
	w->older = k->newest;
	k->newest = w;
	k->nvariants++;
	choose(k, &it->peer, w);
	/* As Zeek does: the file is there before its first record. */
	if (writer_works(s, w)) {
		writer_touch(s, w);
		format_header(w->fmt, &w->lines, s->now.wall);
	}
	writer_file(w, name, sizeof name);
	if (k->nvariants > 1)
		sink_say(s, LOG_LEVEL_INFO,
		    "logs: stream %s of %s has other columns: written to %s",
		    stream, it->name, name);
	else if (strcmp(w->base, w->desc.path) != 0)
		sink_say(s, LOG_LEVEL_INFO, "logs: stream %s is written to %s",
		    stream, name);
}

void
writer_describe(struct logsink *s, const struct logitem *it,
    const uint8_t *message, size_t len)
{
	struct mu_log_stream desc;
	struct mu_log_why why;
	struct writer_key *k;
	struct mu_log_write id;
	char key[SINK_KEY];
	size_t key_len;
	int rc;

	if (s->again)
		return; /* it was heard */
	rc = mu_log_stream_dec(&desc, message, len, &why);
	if (rc != 0) {
		refuse_create(s, it, "(unreadable)",
		    rc == MUSTER_ENOMEM ? no_memory : why.text);
		return;
	}
	if (!is_ours(&desc)) {
		refuse_create(s, it, desc.stream,
		    "only the writer Log::WRITER_ASCII is known");
		mu_log_stream_clear(&desc);
		return;
	}
	id.stream = desc.stream;
	id.writer = desc.writer;
	id.path = desc.path;
	id.stream_len = strlen(desc.stream);
	id.writer_len = strlen(desc.writer);
	id.path_len = strlen(desc.path);
	key_len = make_key(key, &id);
	k = find_key(s, key, key_len);
	if (k == NULL)
		k = add_key(s, key, key_len);
	if (k != NULL) {
		describe(s, it, k, &desc);
		drop_key(s, k);
	} else {
		refuse_create(s, it, desc.stream, no_memory);
	}
	mu_log_stream_clear(&desc);
}

int
writer_format_all(struct logsink *s)
{
	struct format **made = mu_calloc(s->nwriters + 1, sizeof(*made));
	struct mu_log_why why;
	size_t n = 0;

	if (made == NULL)
		return MUSTER_ENOMEM;
	for (struct writer *w = s->writers; w != NULL; w = w->next) {
		made[n] = format_new(s, &w->desc, &why);
		if (made[n++] != NULL)
			continue;
		while (n > 0)
			format_free(made[--n]);
		mu_free(made);
		return MUSTER_ENOMEM;
	}
	n = 0;
	for (struct writer *w = s->writers; w != NULL; w = w->next) {
		/* The last line of the file that is open is in its form. */
		format_free(w->next_fmt);
		w->next_fmt = made[n++];
		if (w->file < 0)
			writer_renew(w);
	}
	mu_free(made);
	return 0;
}

void
writer_renew(struct writer *w)
{
	if (w->next_fmt == NULL)
		return;
	format_free(w->fmt);
	w->fmt = w->next_fmt;
	w->next_fmt = NULL;
}
