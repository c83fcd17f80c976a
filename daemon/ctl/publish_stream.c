/*
 * publish -: JSON lines from standard input.  The stream is pipelined: many
 * requests are on the way at once, their answers come back in order and carry
 * the line numbers with them.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/text.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/publish.h"
#include "ctl/value.h"
#include "muster/err.h"
#include "proto/jtext.h"
#include "sys/clock.h"
#include "sys/exit.h"

#define WINDOW       256        /* requests without an answer */
#define SEND_BYTES   65536      /* requests are gathered up to here */
#define LINE_BYTES   (8u << 20) /* of input */
#define PATIENCE_MS  620000 /* limits.backpressure holds for 10 min at most */
#define PROGRESS_NS  200000000u
#define ERRORS_SHOWN 20

struct stream {
	const struct ctl *c;
	struct client cl;
	struct mu_lines in;         /* standard input */
	struct mu_buf out;          /* requests not sent yet */
	unsigned long line;         /* of the input, read last */
	unsigned long sent[WINDOW]; /* their lines, a ring */
	unsigned long nsent, nanswered;
	unsigned long published, refused;
	unsigned long forbidden; /* published, but peers will drop them */
	uint64_t receivers;
	bool eof;
	bool progress;
	uint64_t shown; /* time of the last progress line */
};

static void
refuse(struct stream *s, unsigned long line, const char *why)
{
	s->refused++;
	if (s->refused <= ERRORS_SHOWN)
		complain("line %lu: %s", line, why);
	else if (s->refused == ERRORS_SHOWN + 1)
		complain("more mistakes are only counted");
}

static void
put_member(struct mu_buf *b, const char *name, const struct mu_jtext *v)
{
	mu_buf_printf(b, ",\"%s\":", name);
	mu_buf_put(b, v->at, v->len);
}

static int
put_elements(struct mu_buf *b, const struct mu_jtext *args)
{
	struct mu_jtext_walk w = mu_jtext_walk(args);
	struct mu_jtext v;
	bool first = true;
	int r = 0;

	mu_buf_str(b, ",\"args\":[");
	while (r == 0 && mu_jtext_next(&w, NULL, &v)) {
		if (!first)
			mu_buf_str(b, ",");
		first = false;
		r = value_from_element(b, &v);
	}
	mu_buf_str(b, "]");
	return r;
}

/* Only these may stand in a line; the last two are what "watch --json" adds
 * and what the WebSocket API calls its messages. */
static const char *
strange_member(const struct mu_jtext *object)
{
	static const char *const names[] = { "topic", "event", "name", "args",
		"data", "payload", "@data-type", "type", "from", "meta", "hrw",
		"rr", "key", "key_type" };
	static char shown[80];
	struct mu_jtext_walk w = mu_jtext_walk(object);
	struct mu_jtext key, v;

	while (mu_jtext_next(&w, &key, &v)) {
		bool known = false;

		for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
			known = known || mu_jtext_is(&key, names[i]);
		if (!known) {
			char *name = mu_jtext_cstring(&key);
			const char *near =
			    name == NULL ? NULL
					 : mu_text_nearest(name, names,
					       sizeof names / sizeof names[0]);

			snprintf(shown, sizeof shown,
			    "no member %.24s is known here%s%s%s",
			    name == NULL ? "like that" : name,
			    near == NULL ? "" : " (did you mean ",
			    near == NULL ? "" : near, near == NULL ? "" : "?)");
			mu_free(name);
			return shown;
		}
	}
	return NULL;
}

/* The topic of a line, or the pool and its key. */
static const char *
put_where(struct mu_buf *out, const struct mu_jtext *v)
{
	static const char *const names[] = { "topic", "hrw", "rr" };
	struct mu_jtext key = mu_jtext_member(v, "key");
	struct mu_jtext type = mu_jtext_member(v, "key_type");
	size_t n = 0;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct mu_jtext m = mu_jtext_member(v, names[i]);

		if (mu_jtext_kind(&m) != MU_JTEXT_STRING)
			continue;
		put_member(out, names[i], &m);
		n++;
	}
	if (n != 1)
		return n == 0 ? "no topic" : "more than one of topic, hrw, rr";
	if (mu_jtext_kind(&key) == MU_JTEXT_NONE)
		return NULL;
	mu_buf_str(out, ",\"key\":");
	if (value_from_element(out, &key) != 0)
		return "key is no value";
	if (mu_jtext_kind(&type) == MU_JTEXT_STRING)
		put_member(out, "type", &type);
	else if (mu_jtext_kind(&type) != MU_JTEXT_NONE)
		return "key_type is no string";
	return NULL;
}

/*
 * A line as a request behind out: {topic, event, args}, {topic, data},
 * {topic, payload}, these with {hrw, key, key_type} or {rr} in place of the topic, a data
 * message of the WebSocket API, or a line of "watch --json".  NULL, or what is
 * wrong.
 */
static const char *
translate(struct mu_buf *out, struct mu_jtext v)
{
	struct mu_jtext inner = mu_jtext_member(&v, "event");
	struct mu_jtext name, args, data, type, payload;
	const char *strange;
	int r = 0;

	if (mu_jtext_kind(&inner) == MU_JTEXT_OBJECT)
		v = inner;
	if ((strange = strange_member(&v)) != NULL)
		return strange;
	name = mu_jtext_member(&v, "event");
	if (mu_jtext_kind(&name) == MU_JTEXT_NONE)
		name = mu_jtext_member(&v, "name");
	args = mu_jtext_member(&v, "args");
	data = mu_jtext_member(&v, "data");
	type = mu_jtext_member(&v, "@data-type");
	payload = mu_jtext_member(&v, "payload");
	mu_buf_str(out, "{\"op\":\"publish\"");
	strange = put_where(out, &v);
	if (strange != NULL)
		return strange;
	if (mu_jtext_kind(&name) == MU_JTEXT_STRING) {
		put_member(out, "event", &name);
		r = put_elements(out, &args);
	} else if (mu_jtext_kind(&payload) == MU_JTEXT_STRING) {
		put_member(out, "payload", &payload);
	} else if (mu_jtext_kind(&type) == MU_JTEXT_STRING && data.at != NULL) {
		mu_buf_str(out, ",\"data\":{\"@data-type\":");
		mu_buf_put(out, type.at, type.len);
		put_member(out, "data", &data);
		mu_buf_str(out, "}");
	} else if (data.at != NULL) {
		mu_buf_str(out, ",\"data\":");
		r = value_from_element(out, &data);
	} else {
		return "no event, data or payload";
	}
	mu_buf_str(out, "}\n");
	return r == MUSTER_ENOMEM ? "out of memory"
	       : r != 0           ? "an argument is no value"
				  : NULL;
}

static void
on_input(struct stream *s, char *line, size_t len)
{
	size_t before = mu_buf_len(&s->out);
	const char *wrong = NULL;
	struct mu_jtext v;

	s->line++;
	v = mu_jtext_over(line, len);
	if (v.len == 0)
		return;
	if (mu_jtext_check(line, len, NULL) != 0 ||
	    mu_jtext_kind(&v) != MU_JTEXT_OBJECT)
		wrong = "not a JSON object";
	else
		wrong = translate(&s->out, v);
	if (wrong != NULL) {
		mu_buf_truncate(&s->out, before);
		refuse(s, s->line, wrong);
		return;
	}
	s->sent[s->nsent++ % WINDOW] = s->line;
}

static int
on_answer(struct stream *s, char *line, size_t len)
{
	unsigned long at = s->sent[s->nanswered % WINDOW];
	struct mu_jtext v, ok, error, receivers, access;
	int64_t n = 0;
	char *text;

	if (mu_jtext_check(line, len, NULL) != 0 || s->nanswered == s->nsent)
		return MUSTER_EPROTO;
	s->nanswered++;
	v = mu_jtext_over(line, len);
	ok = mu_jtext_member(&v, "ok");
	if (ok.len == 4) {
		receivers = mu_jtext_member(&v, "receivers");
		mu_jtext_integer(&receivers, &n);
		access = mu_jtext_member(&v, "access");
		s->forbidden += access.at != NULL;
		s->published++;
		s->receivers += (uint64_t)n;
		return 0;
	}
	error = mu_jtext_member(&v, "error");
	text = mu_jtext_cstring(&error);
	refuse(s, at, text == NULL ? "refused" : text);
	mu_free(text);
	return 0;
}

static void
show_progress(struct stream *s)
{
	uint64_t now = clock_now();

	if (!s->progress || now - s->shown < PROGRESS_NS)
		return;
	s->shown = now;
	fprintf(stderr, "\r%lu published", s->published);
	fflush(stderr);
}

/* Read more of standard input. */
static int
read_more(struct stream *s)
{
	char chunk[65536];
	ssize_t n = read(STDIN_FILENO, chunk, sizeof chunk);

	if (n < 0)
		return errno == EINTR ? 0 : MUSTER_ESYS;
	if (n == 0) {
		s->eof = true;
		/* The last line may lack its end. */
		return mu_buf_len(&s->in.in) > s->in.taken
			   ? mu_lines_feed(&s->in, "\n", 1)
			   : 0;
	}
	return mu_lines_feed(&s->in, chunk, (size_t)n);
}

/* Lines that arrived become requests, as many as the window has room for. */
static void
gather(struct stream *s)
{
	char *line;
	size_t len;

	while (s->nsent - s->nanswered < WINDOW &&
	       mu_buf_len(&s->out) < SEND_BYTES &&
	       mu_lines_next(&s->in, &line, &len))
		on_input(s, line, len);
}

/* Answers until there is room for more requests; all: until none is due. */
static int
collect(struct stream *s, bool all)
{
	char *line;
	size_t len;
	int r = 0;

	while (r == 0 && s->nanswered < s->nsent &&
	       (all || s->nsent - s->nanswered >= WINDOW / 2 ||
		   mu_lines_next(&s->cl.in, &line, &len))) {
		if (all || s->nsent - s->nanswered >= WINDOW / 2)
			r = client_line(&s->cl, &line, &len, PATIENCE_MS);
		if (r == 0)
			r = on_answer(s, line, len);
		show_progress(s);
	}
	return r;
}

static int
pump(struct stream *s)
{
	int r = 0;

	while (r == 0 && (!s->eof || mu_buf_len(&s->in.in) > s->in.taken)) {
		unsigned long before = s->line;

		gather(s);
		r = client_send(&s->cl, &s->out);
		/* What was sent is answered before we sleep on the input. */
		if (r == 0)
			r = collect(s, before == s->line);
		if (r == 0 && before == s->line && !s->eof)
			r = read_more(s);
	}
	return r == 0 ? collect(s, true) : r;
}

static int
report(struct stream *s, int r)
{
	if (s->progress)
		fputs("\r\033[K", stderr);
	if (s->c->json)
		printf("{\"lines\":%lu,\"published\":%lu,\"refused\":%lu,"
		       "\"deliveries\":%llu,\"forbidden\":%lu}\n",
		    s->line, s->published, s->refused,
		    (unsigned long long)s->receivers, s->forbidden);
	else if (!s->c->quiet)
		say("%lu published, %lu refused, %llu deliveries", s->published,
		    s->refused, (unsigned long long)s->receivers);
	if (s->forbidden > 0 && !s->c->json && !s->c->quiet)
		complain("%lu of them this node may not publish (see "
			 "\"musterctl rules\"): its peers drop them",
		    s->forbidden);
	if (r == MUSTER_ELIMIT) {
		complain("line %lu: longer than 8 MiB", s->line + 1);
		return EXIT_FAILED;
	}
	if (r != 0)
		return client_lost(r);
	return s->refused == 0 ? EXIT_OK : EXIT_FALSE;
}

int
publish_stream(struct ctl *c)
{
	struct stream *s = mu_calloc(1, sizeof *s);
	int status;

	if (s == NULL) {
		complain("out of memory");
		return EXIT_FAILED;
	}
	s->c = c;
	s->progress = isatty(STDERR_FILENO) && !c->quiet;
	mu_lines_init(&s->in, LINE_BYTES);
	mu_buf_init(&s->out, 0);
	status = client_open(&s->cl, c);
	if (status == EXIT_OK)
		status = client_greet(&s->cl);
	if (status == EXIT_OK) {
		client_patience(&s->cl, PATIENCE_MS);
		status = report(s, pump(s));
	}
	client_close(&s->cl);
	mu_lines_clear(&s->in);
	mu_buf_clear(&s->out);
	mu_free(s);
	return status;
}
