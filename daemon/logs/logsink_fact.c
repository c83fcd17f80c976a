/* What a sink says about itself, for status. */
#include <stdio.h>
#include <string.h>

#include "logs/logsink_impl.h"

size_t
logsink_count(const struct logsink *s)
{
	return s->nwriters;
}

static void
fill(const struct writer *w, struct logsink_fact *out)
{
	char name[SINK_NAME + 16];

	memset(out, 0, sizeof *out);
	snprintf(out->stream, sizeof out->stream, "%.95s", w->desc.stream);
	snprintf(out->path, sizeof out->path, "%.95s", w->desc.path);
	writer_file(w, name, sizeof name);
	snprintf(out->file, sizeof out->file, "%.191s", name);
	snprintf(out->error, sizeof out->error, "%s", w->error);
	out->records = w->records;
	out->bytes = w->bytes;
	out->rejected = w->rejected;
	out->dropped = w->dropped;
	out->size = w->size;
	out->waiting = w->group_records;
	out->last = w->last;
}

void
logsink_facts(const struct logsink *s, struct logsink_fact *out, size_t n)
{
	const struct writer *w = s->writers;

	for (size_t i = 0; i < n && w != NULL; i++, w = w->next)
		fill(w, &out[i]);
}

void
logsink_total(const struct logsink *s, struct logsink_total *out)
{
	*out = s->total;
	out->ever_records = s->before.records + s->total.records;
	out->ever_bytes = s->before.bytes + s->total.bytes;
	out->ever_since = s->before.since;
	out->ready = s->ready;
	out->trouble = s->trouble;
	out->tail_dropped = s->tail_dropped;
	for (const struct writer *w = s->writers; w != NULL; w = w->next)
		out->waiting += w->group_records;
}
