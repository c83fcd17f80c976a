/* All inputs of a node: turns, words for the operator, facts. */
#include "logs/inputs.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "layout/layout.h"
#include "logs/inputs_impl.h"
#include "muster/err.h"
#include "sys/log.h"

/* --- making -----------------------------------------------------------------
 */

/* The stream with the columns that the layout tells.  Its words were checked
 * when the layout was read. */
static int
describe(struct input *i, const struct mu_layout_input *row)
{
	char *path = row->path != NULL ? mu_strdup(row->path)
				       : mu_log_path_of(row->stream);
	int rc = path == NULL ? MUSTER_ENOMEM
			      : mu_log_stream_init(&i->given, row->stream,
				    MU_LOG_WRITER_ASCII, path, NULL);

	for (size_t k = 0; rc == 0 && k < row->ntypes; k++)
		rc = mu_log_stream_types(&i->given, row->types[k], NULL);
	mu_free(path);
	return rc;
}

/* What was accepted in an earlier life. */
static int
recall(struct input *i)
{
	struct mu_buf value;
	struct mu_bytes key = { mu_buf_data(&i->key), mu_buf_len(&i->key) };
	int rc;

	mu_buf_init(&value, 0);
	rc = outbox_mark(i->owner->out, key, &value);
	if (rc == 0 && input_mark_dec(&i->done, mu_buf_data(&value),
			   mu_buf_len(&value)) != 0)
		input_say(i, LOG_LEVEL_WARN,
		    "its position cannot be read: it is read from the"
		    " beginning");
	else if (rc != 0 && rc != MUSTER_ENOENT)
		input_say(i, LOG_LEVEL_WARN,
		    "its position cannot be read (%s): it is read from the"
		    " beginning",
		    muster_strerror(rc));
	mu_buf_clear(&value);
	return rc == MUSTER_ENOMEM ? rc : 0;
}

static int
make(struct inputs *in, const struct mu_layout *l, const char *node,
    const struct mu_layout_input *row)
{
	struct input *i = &in->list[in->n++];
	int rc;

	memset(i, 0, sizeof *i);
	i->owner = in;
	i->handle = -1;
	i->most = INPUT_RECORDS;
	i->state = "waiting";
	mu_buf_init(&i->key, 0);
	mu_buf_init(&i->records, 0);
	i->form =
	    row->format == MU_LOGS_JSON ? MU_LOG_FORM_JSON : MU_LOG_FORM_TSV;
	i->from_end = row->start == MU_INPUT_END;
	i->poll_ns = (uint64_t)row->poll_ns;
	i->deadline = in->now;
	i->file = mu_layout_path(l, row->file, node);
	rc = i->file == NULL ? MUSTER_ENOMEM : describe(i, row);
	if (rc != 0)
		return rc;
	mu_buf_str(&i->key, "input ");
	mu_buf_str(&i->key, i->file);
	return mu_buf_error(&i->key) != 0 ? MUSTER_ENOMEM : recall(i);
}

struct inputs *
inputs_new(const struct mu_layout *l, const char *node, struct outbox *out,
    const struct input_hooks *hooks, uint64_t now)
{
	const struct mu_layout_node *self = mu_layout_node(l, node);
	struct inputs *in = mu_calloc(1, sizeof *in);

	if (in == NULL)
		return NULL;
	in->out = out;
	in->hooks = *hooks;
	in->now = now;
	in->list = mu_calloc(l->ninputs + 1, sizeof *in->list);
	if (in->list == NULL)
		goto fail;
	for (size_t k = 0; self != NULL && k < l->ninputs; k++) {
		const struct mu_layout_input *row = &l->inputs[k];

		if (mu_layout_on(row->on, row->non, self) &&
		    make(in, l, node, row) != 0)
			goto fail;
	}
	return in;
fail:
	inputs_free(in);
	return NULL;
}

void
inputs_free(struct inputs *in)
{
	if (in == NULL)
		return;
	outbox_forget(in->out, in);
	for (size_t k = 0; k < in->n; k++) {
		struct input *i = &in->list[k];

		input_clear(i);
		mu_free(i->file);
		mu_log_stream_clear(&i->given);
		mu_log_stream_clear(&i->columns);
		mu_buf_clear(&i->key);
		mu_buf_clear(&i->records);
	}
	for (size_t k = 0; k < INPUT_LINES; k++)
		mu_free(in->lines[k].text);
	mu_free(in->list);
	mu_free(in);
}

void *
inputs_caller(struct inputs *in)
{
	return in;
}

/* --- words ----------------------------------------------------------- */

void
input_say(struct input *i, int level, const char *fmt, ...)
{
	struct inputs *in = i->owner;
	size_t at = in->nlines % INPUT_LINES;
	char text[400];
	va_list ap;

	if (in->nlines - in->taken == INPUT_LINES)
		return; /* the owner drains at the end of each turn */
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	mu_free(in->lines[at].text);
	in->lines[at].level = level;
	in->lines[at].text = mu_asprintf("input %s: %s", i->file, text);
	in->nlines++;
}

void
input_stall(struct input *i, uint64_t delay, const char *fmt, ...)
{
	va_list ap;

	i->deadline = i->owner->now + delay;
	if (strcmp(i->state, "stalled") == 0)
		return;
	i->state = "stalled";
	va_start(ap, fmt);
	vsnprintf(i->error, sizeof i->error, fmt, ap);
	va_end(ap);
	input_say(i, LOG_LEVEL_WARN, "%s", i->error);
}

void
input_works(struct input *i)
{
	if (strcmp(i->state, "stalled") == 0)
		input_say(i, LOG_LEVEL_INFO, "goes on");
	i->state = "following";
	i->error[0] = '\0';
}

bool
inputs_next(struct inputs *in, int *level, const char **text)
{
	while (in->taken < in->nlines) {
		size_t at = in->taken++ % INPUT_LINES;

		if (in->lines[at].text == NULL)
			continue; /* memory was out */
		*level = in->lines[at].level;
		*text = in->lines[at].text;
		return true;
	}
	return false;
}

/* --- turns ----------------------------------------------------------- */

static void
step(struct input *i)
{
	i->deadline = i->owner->now + i->poll_ns;
	if (i->handle < 0 && !i->ready && !input_open(i))
		return;
	if (!i->ready) {
		bool end;

		if (i->waited)
			input_verify(i);
		end = input_fill(i);
		if (i->handle < 0)
			return; /* it went wrong; said already */
		if (i->n == 0 && end) {
			input_at_end(i);
			return;
		}
		if (i->n == 0) {
			/* more to read */
			i->deadline =
			    i->owner->now + (i->waits > 0 ? INPUT_DISK : 0);
			return;
		}
		i->ready = true;
	}
	input_add(i);
}

bool
inputs_busy(const struct inputs *in)
{
	for (size_t k = 0; k < in->n; k++)
		if (in->list[k].flying)
			return true;
	return false;
}

void
inputs_tick(struct inputs *in, uint64_t now)
{
	in->now = now;
	in->budget = INPUTS_TURN;
	for (size_t k = 0; k < in->n; k++) {
		struct input *i = &in->list[(in->first + k) % in->n];

		if (i->look_at <= now)
			input_watch(i);
		if (i->mark_due && !i->flying)
			input_put_mark(i);
		if (!i->flying && i->deadline <= now)
			step(i);
	}
	in->first = in->n == 0 ? 0 : (in->first + 1) % in->n;
}

uint64_t
inputs_deadline(const struct inputs *in)
{
	uint64_t first = UINT64_MAX;

	for (size_t k = 0; k < in->n; k++) {
		const struct input *i = &in->list[k];

		if (!i->flying && i->deadline < first)
			first = i->deadline;
		if (i->look_at < first)
			first = i->look_at;
	}
	return first;
}

void
inputs_done(struct inputs *in, const struct outbox_out *out, uint64_t now)
{
	in->now = now;
	if (out->id < in->n && in->list[out->id].flying)
		input_accepted(&in->list[out->id], out);
}

/* --- facts ----------------------------------------------------------- */

size_t
inputs_count(const struct inputs *in)
{
	return in->n;
}

void
inputs_facts(const struct inputs *in, size_t k, struct input_facts *out)
{
	const struct input *i = &in->list[k];

	*out = i->count;
	out->file = i->file;
	out->stream = i->given.stream;
	out->path = i->given.path;
	out->state = i->state;
	out->error = i->error[0] != '\0' ? i->error : i->in_the_way;
	out->line = i->done.line;
	out->offset = i->done.offset;
	out->lag =
	    i->facts.size > i->done.offset ? i->facts.size - i->done.offset : 0;
}
