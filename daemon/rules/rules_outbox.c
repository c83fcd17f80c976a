/* Events as log records; see rules_outbox.h. */
#include "rules/rules_outbox.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "logrec/reader.h"
#include "logrec/record.h"
#include "logrec/stream.h"
#include "logs/outbox.h"
#include "muster/err.h"
#include "muster/value.h"
#include "rules/rules.h"
#include "value/codec.h"

static const struct column {
	const char *name;
	enum mu_log_type type, element;
	bool optional;
} columns[] = {
	{ "ts", MU_LOG_TIME, MU_LOG_VOID, false },
	{ "node", MU_LOG_STRING, MU_LOG_VOID, false },
	{ "event", MU_LOG_STRING, MU_LOG_VOID, false },
	{ "topic", MU_LOG_STRING, MU_LOG_VOID, true },
	{ "args", MU_LOG_VECTOR, MU_LOG_STRING, false },
};
#define NCOLUMNS (sizeof columns / sizeof columns[0])

static int
declare(struct outbox *o, const char *stream, uint32_t *number)
{
	char *path = mu_log_path_of(stream);
	struct mu_log_stream s = { 0 };
	char why[OUTBOX_WHY];
	int rc = path == NULL ? MUSTER_ENOMEM
			      : mu_log_stream_init(&s, stream,
				    MU_LOG_WRITER_ASCII, path, NULL);

	for (size_t i = 0; rc == 0 && i < NCOLUMNS; i++)
		rc = mu_log_stream_add(&s, columns[i].name,
		    strlen(columns[i].name), columns[i].type,
		    columns[i].element, columns[i].optional, NULL);
	if (rc == 0)
		rc = outbox_stream(o, &s, number, why);
	mu_log_stream_clear(&s);
	mu_free(path);
	return rc;
}

static void
set_text(struct mu_log_value *v, const void *at, size_t len)
{
	v->set = true;
	v->u.text.at = at;
	v->u.text.len = len;
}

/* The texts of the arguments, one after the other in b. */
static int
add_arguments(struct mu_log_record *rec, const struct muster_value *args,
    struct mu_buf *b)
{
	size_t n = muster_value_size(args), at = 0;
	size_t *ends = mu_calloc(n + 1, sizeof *ends);

	if (ends == NULL)
		return MUSTER_ENOMEM;
	for (size_t i = 0; i < n; i++) {
		mu_value_enc_text(b, muster_value_at(args, i));
		ends[i] = mu_buf_len(b);
	}
	mu_log_record_list(rec, 4, MU_LOG_STRING);
	for (size_t i = 0; i < n && mu_buf_error(b) == 0; i++) {
		struct mu_log_value *v = mu_log_record_add(rec, 4);

		if (v == NULL) {
			mu_free(ends);
			return MUSTER_ENOMEM;
		}
		set_text(v,
		    ends[i] == at ? (const void *)"" : mu_buf_data(b) + at,
		    ends[i] - at);
		at = ends[i];
	}
	mu_free(ends);
	return mu_buf_error(b);
}

static int
fill(struct mu_log_record *rec, const struct rules_record *r, const char *node,
    int64_t wall, struct mu_buf *texts)
{
	rec->values[0].set = true;
	/* whole microseconds, as Zeek's clock has them */
	rec->values[0].u.real = (double)(wall / 1000) / 1e6;
	set_text(&rec->values[1], node, strlen(node));
	set_text(&rec->values[2], r->name, r->name_len);
	if (r->topic_len > 0)
		set_text(&rec->values[3], r->topic, r->topic_len);
	return add_arguments(rec, r->args, texts);
}

int
rules_outbox_add(struct outbox *o, const struct rules_record *r,
    const char *node, int64_t wall, void *caller, uint64_t now)
{
	struct mu_log_record rec = { 0 };
	struct mu_bytes bytes;
	struct outbox_add a = {
		.records = &bytes, .n = 1, .caller = caller, .id = r->id
	};
	struct mu_buf texts, b;
	int rc = declare(o, r->stream, &a.stream);

	mu_buf_init(&texts, 0);
	mu_buf_init(&b, 0);
	if (rc == 0)
		rc = mu_log_record_begin(&rec, outbox_stream_of(o, a.stream));
	if (rc == 0)
		rc = fill(&rec, r, node, wall, &texts);
	if (rc == 0) {
		mu_log_record_enc(&b, &rec);
		rc = mu_buf_error(&b);
	}
	if (rc == 0) {
		bytes = (struct mu_bytes){ mu_buf_data(&b), mu_buf_len(&b) };
		rc = outbox_add(o, &a, now);
	}
	mu_log_record_clear(&rec);
	mu_buf_clear(&texts);
	mu_buf_clear(&b);
	return rc;
}
