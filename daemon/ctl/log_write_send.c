/*
 * The requests of "log write".  A window of them is under way; each is answered
 * when its records are on the daemon's disk.  They are ordered: after a refused
 * one none is accepted in that session.  What was refused because the spool is
 * full is sent again, in its order and in another session, when loggers have
 * made room; what was refused for good ends everything, and --after can go on
 * exactly there.
 */
#include "ctl/log_write.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/alloc.h"
#include "ctl/ctl.h"
#include "muster/err.h"
#include "proto/jtext.h"
#include "sys/clock.h"
#include "sys/exit.h"

#define NS      UINT64_C(1000000000)
#define LOOK_MS 100 /* between two looks at the spool */
#define TRY_NS  NS  /* between two attempts of which the first was in vain */

void
shipment_base64(struct mu_buf *b, const struct mu_buf *from)
{
	size_t len = mu_buf_len(from), room;
	uint8_t *at;
	int rc = mu_buf_reserve(b, (len + 2) / 3 * 4 + 1, &at, &room);

	if (rc != 0) {
		b->error = b->error == 0 ? rc : b->error;
		return;
	}
	if (len > 0)
		mu_buf_commit(b,
		    (size_t)EVP_EncodeBlock(at, mu_buf_data(from), (int)len));
}

/* --- answers ---------------------------------------------------------------
 */

static struct ask *
ask_at(struct shipment *s, uint64_t number)
{
	return &s->asks[number % SHIPMENT_WINDOW];
}

/* For good.  What was on its way behind a refused one is refused with it. */
static void
refuse(struct shipment *s, struct ask *a, const char *why)
{
	if (!s->stop)
		complain("%s:%llu-%llu: %zu records not accepted: %s", s->name,
		    (unsigned long long)a->first, (unsigned long long)a->last,
		    a->n, why);
	s->refused += a->n;
	if (s->bad_line == 0 || a->first < s->bad_line)
		s->bad_line = a->first;
	a->state = ASK_FREE;
	s->stop = true;
}

static void
give_up(struct shipment *s)
{
	for (unsigned i = 0; i < SHIPMENT_WINDOW; i++) {
		struct ask *a = ask_at(s, s->nsent + i);

		if (a->state == ASK_KEPT)
			refuse(s, a, s->why);
	}
	s->full = false;
}

/* Is that for want of room, or because of an earlier one for want of it? */
static bool
may_pass(struct shipment *s, const struct mu_jtext *code, const char *why)
{
	if (s->stop || s->patience == 0)
		return false;
	if (!mu_jtext_is(code, "full"))
		return s->full && mu_jtext_is(code, "order");
	snprintf(s->why, sizeof s->why, "%s", why);
	return true;
}

static void
on_refusal(struct shipment *s, struct ask *a, const struct mu_jtext *v)
{
	struct mu_jtext code = mu_jtext_member(v, "code"),
			error = mu_jtext_member(v, "error");
	char *text = mu_jtext_cstring(&error);
	const char *why = text == NULL ? "refused" : text;

	if (may_pass(s, &code, why)) {
		a->state = ASK_KEPT;
		s->full = true;
	} else {
		refuse(s, a, why);
	}
	mu_free(text);
}

static int
take_answer(struct shipment *s, const char *line, size_t len)
{
	struct mu_jtext v, id, error;
	bool ok = client_is_ok(line, len);
	struct ask *a;
	char *text;
	int64_t n = -1;

	if (mu_jtext_check(line, len, NULL) != 0)
		return MUSTER_EPROTO;
	v = mu_jtext_over(line, len);
	id = mu_jtext_member(&v, "id");
	if (!ok && mu_jtext_kind(&id) == MU_JTEXT_NONE) {
		/* Not about one request: the connection is refused. */
		error = mu_jtext_member(&v, "error");
		text = mu_jtext_cstring(&error);
		complain("%s", text == NULL ? "refused" : text);
		mu_free(text);
		return MUSTER_EPERM;
	}
	if (mu_jtext_integer(&id, &n) != 0 || n < 0 ||
	    ask_at(s, (uint64_t)n)->state != ASK_SENT)
		return MUSTER_EPROTO;
	a = ask_at(s, (uint64_t)n);
	if (!ok) {
		on_refusal(s, a, &v);
		return 0;
	}
	a->state = ASK_FREE;
	s->accepted += a->n;
	s->waits = false;
	return 0;
}

/* At least one; blocks. */
static int
answers(struct shipment *s)
{
	char *line;
	size_t len;
	int r = client_line(&s->cl, &line, &len, SHIPMENT_ANSWER_MS);

	if (r != 0)
		return r;
	do {
		r = take_answer(s, line, len);
	} while (r == 0 && client_pending(&s->cl, &line, &len));
	shipment_progress(s);
	return r;
}

/* --- waiting for room ------------------------------------------------------
 */

struct spool {
	int64_t delivered, bytes, limit;
};

static int
look(struct shipment *s, struct spool *out)
{
	struct mu_jtext v, spool, delivered, bytes, limit;
	char *line;
	size_t len;
	int r;

	mu_buf_reset(&s->out);
	mu_buf_str(&s->out, "{\"op\":\"logs\"}\n");
	r = client_request(&s->cl, &s->out, &line, &len, SHIPMENT_ANSWER_MS);
	if (r != 0)
		return r;
	if (!client_is_ok(line, len))
		return client_verdict(line, len) == EXIT_OK ? 0 : MUSTER_EPERM;
	v = mu_jtext_over(line, len);
	v = mu_jtext_member(&v, "sender");
	spool = mu_jtext_member(&v, "spool");
	delivered = mu_jtext_member(&spool, "delivered");
	bytes = mu_jtext_member(&spool, "bytes");
	limit = mu_jtext_member(&spool, "limit");
	if (mu_jtext_integer(&delivered, &out->delivered) != 0 ||
	    mu_jtext_integer(&bytes, &out->bytes) != 0 ||
	    mu_jtext_integer(&limit, &out->limit) != 0)
		return MUSTER_EPROTO;
	return 0;
}

static void
say_waits(struct shipment *s)
{
	if (s->told || s->c->quiet)
		return;
	s->told = true;
	if (s->progress)
		fputs("\r\033[K", stderr);
	complain("%s: %s; waiting", s->name, s->why);
}

/* What the next request needs: the first of those that are kept. */
static uint64_t
needed(struct shipment *s)
{
	for (unsigned i = 0; i < SHIPMENT_WINDOW; i++)
		if (ask_at(s, s->nsent + i)->state == ASK_KEPT)
			return ask_at(s, s->nsent + i)->bytes;
	return 0;
}

/* Is a quarter of the spool free, and enough? */
static bool
has_room(const struct spool *f, uint64_t need)
{
	return f->bytes == 0 ||
	       (f->bytes <= f->limit / 4 * 3 &&
		   (uint64_t)f->bytes + need <= (uint64_t)f->limit);
}

/* Until loggers have taken so much that another attempt is worth it: *room; or
 * nothing has moved for too long. */
static int
await_room(struct shipment *s, bool *room)
{
	bool first = !s->waits, moved = false, fits;
	uint64_t now, since = clock_now(), need = needed(s);
	struct spool f = { 0 };
	int r = look(s, &f);

	while (r == 0 && need <= (uint64_t)f.limit) {
		now = clock_now();
		if (!s->waits || (uint64_t)f.delivered != s->delivered) {
			moved = s->waits;
			s->until = now + s->patience;
		}
		s->waits = true;
		s->delivered = (uint64_t)f.delivered;
		fits = has_room(&f, need);
		*room = (first && fits) ||
			(now - since >= TRY_NS && (fits || moved));
		if (*room || now >= s->until)
			break;
		say_waits(s);
		shipment_progress(s);
		poll(NULL, 0, LOOK_MS);
		r = look(s, &f);
	}
	return r;
}

/* What is kept once more, in its order. */
static int
send_kept(struct shipment *s)
{
	int r = 0;

	s->full = false;
	for (unsigned i = 0; r == 0 && i < SHIPMENT_WINDOW; i++) {
		struct ask *a = ask_at(s, s->nsent + i);

		if (a->state != ASK_KEPT)
			continue;
		a->state = ASK_SENT;
		mu_buf_reset(&s->out);
		mu_buf_put(
		    &s->out, mu_buf_data(&a->text), mu_buf_len(&a->text));
		r = client_send(&s->cl, &s->out);
	}
	return r;
}

/* All that is open was refused for want of room. */
static int
again(struct shipment *s)
{
	bool room = false;
	int r = s->stop ? 0 : await_room(s, &room);

	if (r != 0)
		return r;
	if (!room) {
		give_up(s);
		return 0;
	}
	/* In this session nothing ordered is accepted any more. */
	client_close(&s->cl);
	if (client_open(&s->cl, s->c) != EXIT_OK ||
	    client_greet(&s->cl) != EXIT_OK)
		return MUSTER_EPERM;
	client_patience(&s->cl, SHIPMENT_ANSWER_MS);
	return send_kept(s);
}

static int
advance(struct shipment *s)
{
	for (unsigned i = 0; i < SHIPMENT_WINDOW; i++)
		if (s->asks[i].state == ASK_SENT)
			return answers(s);
	return again(s);
}

int
shipment_answer(struct shipment *s)
{
	int r = answers(s);

	while (r == 0 && s->full)
		r = advance(s);
	return r;
}

int
shipment_settle(struct shipment *s)
{
	int r = 0;

	for (unsigned i = 0; r == 0 && i < SHIPMENT_WINDOW; i++)
		while (r == 0 && s->asks[i].state != ASK_FREE)
			r = advance(s);
	return r;
}

/* --- requests --------------------------------------------------------------
 */

int
shipment_send(struct shipment *s, bool last)
{
	struct ask *a = ask_at(s, s->nsent);
	struct mu_buf *b = &a->text;
	int r = 0;

	while (r == 0 && (s->full || a->state != ASK_FREE))
		r = advance(s);
	if (r != 0 || s->n == 0 || s->stop)
		return r;
	a->state = ASK_SENT;
	a->first = s->first;
	a->last = s->last;
	a->n = s->n;
	a->bytes = mu_buf_len(&s->records);
	mu_buf_reset(b);
	mu_buf_str(b, "{\"op\":\"log_write\",\"create\":\"");
	mu_buf_put(b, mu_buf_data(&s->create), mu_buf_len(&s->create));
	mu_buf_str(b, "\",\"records\":\"");
	shipment_base64(b, &s->records);
	mu_buf_printf(b, "\",\"flush\":%s,\"ordered\":true,\"id\":%llu}\n",
	    last ? "true" : "false", (unsigned long long)s->nsent);
	s->nsent++;
	s->n = 0;
	mu_buf_reset(&s->records);
	if (mu_buf_error(b) != 0)
		return mu_buf_error(b);
	mu_buf_reset(&s->out);
	mu_buf_put(&s->out, mu_buf_data(b), mu_buf_len(b));
	return client_send(&s->cl, &s->out);
}
