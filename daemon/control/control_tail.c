/* Sessions that follow what a logger writes; see control_logger.h. */
#include "control/control_logger.h"

#include <string.h>

#include "base/alloc.h"
#include "control/control_request.h"
#include "control/control_session.h"
#include "core/answer.h"
#include "proto/jtext.h"

void
control_set_logger(struct control *c, const struct control_logger *l)
{
	c->logger = l;
}

void
control_on_log_tail(struct control_session *s, const struct control_args *a)
{
	const struct control_logger *l = s->control->logger;
	char *stream = NULL;

	if (l == NULL) {
		answer_refuse(&s->out, "no_logger",
		    "this node is no logger: it writes no records");
		return;
	}
	if ((a->present & HAS(STREAM)) != 0) {
		stream = mu_jtext_cstring(&a->field[CONTROL_STREAM]);
		if (stream == NULL) {
			answer_refuse(&s->out, "usage", "stream: not a name");
			return;
		}
	}
	mu_free(s->tail_stream);
	s->tail_stream = stream;
	if (!s->tailing && s->control->ntailing++ == 0)
		l->tail(l->ctx, true);
	s->tailing = true;
	answer_ok(&s->out);
	answer_end(&s->out);
}

void
control_tail_end(struct control_session *s)
{
	const struct control_logger *l = s->control->logger;

	mu_free(s->tail_stream);
	s->tail_stream = NULL;
	if (s->tailing && --s->control->ntailing == 0 && l != NULL)
		l->tail(l->ctx, false);
	s->tailing = false;
}

static bool
wants(const struct control_session *s, const struct mu_jtext *log)
{
	struct mu_jtext stream, path;

	if (s->tail_stream == NULL)
		return true;
	stream = mu_jtext_member(log, "stream");
	path = mu_jtext_member(log, "path");
	return mu_jtext_is(&stream, s->tail_stream) ||
	       mu_jtext_is(&path, s->tail_stream);
}

static void
show(struct control *c, const char *line, size_t len)
{
	struct mu_jtext all = mu_jtext_over(line, len);
	struct mu_jtext log = mu_jtext_member(&all, "log");
	size_t before;

	for (struct control_session *s = c->sessions; s != NULL; s = s->next) {
		if (!s->tailing || !wants(s, &log) ||
		    !control_event_begin(s, &before))
			continue;
		mu_buf_put(&s->out, line, len);
		mu_buf_u8(&s->out, '\n');
		control_event_end(s, before);
	}
}

void
control_log_lines(struct control *c, const char *lines, size_t len)
{
	while (len > 0 && c->ntailing > 0) {
		const char *end = memchr(lines, '\n', len);

		if (end == NULL)
			return;
		show(c, lines, (size_t)(end - lines));
		len -= (size_t)(end - lines) + 1;
		lines = end + 1;
	}
}
