/*
 * The request log_write: records of somebody who has them already serialized.
 * They are looked at, so that no logger gets what it cannot write, and answered
 * for when the spool has them on disk.
 */
#include "control/control_ship.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/alloc.h"
#include "base/cursor.h"
#include "control/control_request.h"
#include "control/control_session.h"
#include "core/answer.h"
#include "logrec/record.h"
#include "logs/outbox.h"
#include "logs/shipper.h"
#include "muster/err.h"

/* A request the outbox has not answered yet. */
struct log_ask {
	struct log_ask *next;
	uint64_t number;
	struct answer_tag tag;
	bool ordered; /* only if all before it were accepted */
};

/* A request as it is read; what is owned is freed by wish_clear. */
struct wish {
	struct log_ask how;
	struct mu_log_stream stream;
	struct mu_buf bytes; /* of the records */
	struct mu_bytes *records;
	size_t n;
	uint32_t number; /* of the stream */
	bool flush;
};

struct control_ship {
	struct log_ask *asks;
	size_t nasks;
	bool untagged;     /* one of them is */
	bool broken;       /* an ordered one was refused */
	struct wish *late; /* waits for the disk, or NULL */
};

/* --- refusals ------------------------------------------------------------ */

__attribute__((format(printf, 4, 5))) static void
refuse(struct control_session *s, const struct log_ask *how, const char *code,
    const char *fmt, ...)
{
	va_list ap;

	if (how->ordered)
		s->ship->broken = true;
	va_start(ap, fmt);
	answer_refuse_tagged(&s->out, &how->tag, code, fmt, ap);
	va_end(ap);
}

static void
refuse_error(struct control_session *s, const struct log_ask *how, int error)
{
	struct outbox_facts f;

	switch (error) {
	case MUSTER_ENOMEM:
		refuse(s, how, "memory", "out of memory");
		break;
	case MUSTER_EINVAL:
		refuse(s, how, "too_large",
		    "a record is larger than a message may be");
		break;
	case MUSTER_ELIMIT:
		outbox_facts(shipper_outbox(s->control->shipper), &f);
		if (f.error[0] == '\0')
			refuse(s, how, "full",
			    "the spool has reached its limit of %llu bytes: "
			    "loggers take none, or not fast enough",
			    (unsigned long long)f.limit);
		else
			refuse(s, how, "full", "the spool: %s", f.error);
		break;
	default:
		refuse(
		    s, how, "backend", "the spool: %s", muster_strerror(error));
		break;
	}
}

/* --- reading ------------------------------------------------------------- */

static void
wish_clear(struct wish *w)
{
	mu_log_stream_clear(&w->stream);
	mu_buf_clear(&w->bytes);
	mu_free(w->records);
	w->records = NULL;
}

/* BASE64 as of RFC 4648, 4, appended; 0, EINVAL or ENOMEM. */
static int
read_base64(const struct mu_jtext *text, struct mu_buf *out)
{
	struct mu_buf raw;
	uint8_t *at, *p;
	size_t room, len, pad = 0;
	int n, rc;

	mu_buf_init(&raw, 0);
	rc = mu_jtext_string(text, &raw);
	len = mu_buf_len(&raw);
	p = mu_buf_data(&raw);
	if (rc == 0 && len % 4 != 0)
		rc = MUSTER_EINVAL;
	while (rc == 0 && pad < 2 && pad < len && p[len - 1 - pad] == '=')
		pad++;
	if (rc == 0 && len > 0 && memchr(p, '=', len - pad) != NULL)
		rc = MUSTER_EINVAL;
	if (rc == 0 && len > 0)
		rc = mu_buf_reserve(out, len / 4 * 3 + 1, &at, &room);
	if (rc == 0 && len > 0) {
		n = EVP_DecodeBlock(at, p, (int)len);
		if (n < 0)
			rc = MUSTER_EINVAL;
		else
			mu_buf_commit(out, (size_t)n - pad);
	}
	mu_buf_clear(&raw);
	return rc;
}

static int
read_create(
    struct control_session *s, const struct control_args *a, struct wish *w)
{
	struct mu_log_why why = { "" };
	struct mu_buf b;
	int rc;

	mu_buf_init(&b, 0);
	rc = read_base64(&a->field[CONTROL_CREATE], &b);
	if (rc == MUSTER_EINVAL)
		snprintf(why.text, sizeof why.text, "not base64");
	if (rc == 0)
		rc = mu_log_stream_dec(
		    &w->stream, mu_buf_data(&b), mu_buf_len(&b), &why);
	mu_buf_clear(&b);
	if (rc == MUSTER_ENOMEM)
		refuse(s, &w->how, "memory", "out of memory");
	else if (rc != 0)
		refuse(s, &w->how, "usage", "create: %s",
		    why.text[0] == '\0' ? muster_strerror(rc) : why.text);
	return rc;
}

static int
count_records(const struct mu_buf *b, size_t *n)
{
	struct mu_cursor c = mu_cursor_over(mu_buf_data(b), mu_buf_len(b));

	for (*n = 0; mu_cursor_left(&c) > 0; ++*n)
		mu_cursor_bytes(&c, mu_cursor_u32(&c));
	return mu_cursor_done(&c);
}

/* Every record must be one of the stream: a Zeek logger stops writing a file
 * for one that is not (reference "cluster-semantics", 4.5). */
static int
check_records(struct control_session *s, struct wish *w)
{
	struct mu_log_record r = { 0 };
	struct mu_log_why why = { "" };
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < w->n; i++) {
		rc = mu_log_record_dec(
		    &r, &w->stream, w->records[i].at, w->records[i].len, &why);
		if (rc == MUSTER_ENOMEM)
			refuse(s, &w->how, "memory", "out of memory");
		else if (rc != 0)
			refuse(s, &w->how, "record", "record %zu: %s", i + 1,
			    why.text[0] == '\0' ? muster_strerror(rc)
						: why.text);
	}
	mu_log_record_clear(&r);
	return rc;
}

static int
read_records(
    struct control_session *s, const struct control_args *a, struct wish *w)
{
	struct mu_cursor c;
	int rc = read_base64(&a->field[CONTROL_RECORDS], &w->bytes);

	if (rc == 0 && (count_records(&w->bytes, &w->n) != 0 || w->n == 0))
		rc = MUSTER_EINVAL;
	if (rc == 0)
		w->records = mu_calloc(w->n, sizeof *w->records);
	if (rc != 0 || w->records == NULL) {
		if (rc == MUSTER_EINVAL)
			refuse(s, &w->how, "usage",
			    "records: not base64 of records behind their "
			    "lengths");
		else
			refuse(s, &w->how, "memory", "out of memory");
		return rc != 0 ? rc : MUSTER_ENOMEM;
	}
	c = mu_cursor_over(mu_buf_data(&w->bytes), mu_buf_len(&w->bytes));
	for (size_t i = 0; i < w->n; i++) {
		w->records[i].len = mu_cursor_u32(&c);
		w->records[i].at = mu_cursor_bytes(&c, w->records[i].len);
	}
	return check_records(s, w);
}

static int
find_stream(struct control_session *s, struct wish *w)
{
	char why[OUTBOX_WHY] = "";
	int rc = outbox_stream(
	    shipper_outbox(s->control->shipper), &w->stream, &w->number, why);

	if (rc == MUSTER_EEXIST)
		refuse(s, &w->how, "columns", "%s", why);
	else if (rc == MUSTER_ELIMIT)
		refuse(s, &w->how, "limit", "%s", why);
	else if (rc != 0)
		refuse(s, &w->how, "memory", "out of memory");
	return rc;
}

static bool
is_true(const struct control_args *a, uint64_t bit, int field)
{
	return (a->present & bit) != 0 && a->field[field].at[0] == 't';
}

/* What comes behind a refused one would change places with it. */
static bool
in_order(struct control_session *s, const struct log_ask *how)
{
	if (!how->ordered || !s->ship->broken)
		return true;
	refuse(s, how, "order", "an earlier request was refused");
	return false;
}

/* false after a refusal. */
static bool
wish_read(
    struct control_session *s, const struct control_args *a, struct wish *w)
{
	mu_buf_init(&w->bytes, 0);
	w->how.tag.given = (a->present & HAS(ID)) != 0;
	if (w->how.tag.given &&
	    mu_jtext_integer(&a->field[CONTROL_ID], &w->how.tag.id) != 0) {
		w->how.tag.given = false;
		refuse(s, &w->how, "usage", "id: not a whole number");
		return false;
	}
	w->flush = is_true(a, HAS(FLUSH), CONTROL_FLUSH);
	w->how.ordered = is_true(a, HAS(ORDERED), CONTROL_ORDERED);
	if (s->control->shipper == NULL) {
		refuse(s, &w->how, "off", "this node sends no logs");
		return false;
	}
	return in_order(s, &w->how) && read_create(s, a, w) == 0 &&
	       read_records(s, a, w) == 0 && find_stream(s, w) == 0;
}

/* --- asking -------------------------------------------------------------- */

static struct control_ship *
logs_of(struct control_session *s)
{
	if (s->ship == NULL)
		s->ship = mu_calloc(1, sizeof *s->ship);
	return s->ship;
}

/* 0: there will be an answer; MUSTER_EAGAIN: the disk is behind. */
static int
ask(struct control_session *s, const struct wish *w)
{
	struct control *c = s->control;
	struct control_ship *mine = s->ship;
	struct log_ask *a = mu_calloc(1, sizeof *a);
	struct outbox_add add = {
		.stream = w->number,
		.records = w->records,
		.n = w->n,
		.flush = w->flush,
		.caller = s,
	};
	int rc;

	if (a == NULL)
		return MUSTER_ENOMEM;
	*a = w->how;
	add.id = a->number = ++c->logged;
	rc = outbox_add(shipper_outbox(c->shipper), &add, c->now);
	if (rc != 0) {
		mu_free(a);
		return rc;
	}
	a->next = mine->asks;
	mine->asks = a;
	mine->nasks++;
	mine->untagged = mine->untagged || !a->tag.given;
	return 0;
}

static void
keep(struct control_session *s, struct wish *w)
{
	struct wish *late = mu_calloc(1, sizeof *late);

	if (late == NULL) {
		refuse(s, &w->how, "memory", "out of memory");
		return;
	}
	*late = *w;
	memset(w, 0, sizeof *w);
	s->ship->late = late;
}

void
control_on_log_write(struct control_session *s, const struct control_args *a)
{
	struct wish w = { .n = 0 };
	int rc;

	if (logs_of(s) == NULL) {
		answer_refuse(&s->out, "memory", "out of memory");
		return;
	}
	if (wish_read(s, a, &w)) {
		rc = ask(s, &w);
		if (rc == MUSTER_EAGAIN)
			keep(s, &w);
		else if (rc != 0)
			refuse_error(s, &w.how, rc);
	}
	wish_clear(&w);
}

bool
control_ship_pause(const struct control_session *s)
{
	return s->ship != NULL && (s->ship->late != NULL || s->ship->untagged ||
				      s->ship->nasks >= CONTROL_LOG_ASKS);
}

/* --- answers ------------------------------------------------------------- */

/* Takes the request of that number out of the list; NULL: not ours. */
static struct log_ask *
take(struct control_ship *mine, uint64_t number)
{
	struct log_ask **at = &mine->asks, *a;

	while ((a = *at) != NULL && a->number != number)
		at = &a->next;
	if (a == NULL)
		return NULL;
	*at = a->next;
	mine->nasks--;
	if (!a->tag.given)
		mine->untagged = false;
	return a;
}

/* Output that memory has no room for ends the session. */
static void
finish(struct control_session *s, size_t before)
{
	if (mu_buf_error(&s->out) != 0) {
		mu_buf_truncate(&s->out, before);
		s->out.error = 0;
		s->failed = true;
	}
	s->fresh = true;
	control_session_run(s);
}

void
control_log_done(struct control *c, const struct outbox_out *out)
{
	struct control_session *s = out->caller;
	size_t before = mu_buf_len(&s->out);
	struct log_ask *a;

	(void)c;
	a = s->ship == NULL ? NULL : take(s->ship, out->id);
	if (a == NULL)
		return;
	if (out->error != 0) {
		refuse_error(s, a, out->error);
	} else {
		answer_ok(&s->out);
		answer_tag(&s->out, &a->tag);
		answer_number(&s->out, "accepted", out->n);
		answer_end(&s->out);
	}
	mu_free(a);
	finish(s, before);
}

/* The one that waited for the disk. */
static void
try_late(struct control_session *s)
{
	struct wish *w = s->ship->late;
	size_t before = mu_buf_len(&s->out);
	int rc = in_order(s, &w->how) ? ask(s, w) : 0;

	if (rc == MUSTER_EAGAIN)
		return;
	s->ship->late = NULL;
	if (rc != 0)
		refuse_error(s, &w->how, rc);
	wish_clear(w);
	mu_free(w);
	finish(s, before);
}

void
control_log_turn(struct control *c)
{
	for (struct control_session *s = c->sessions; s != NULL; s = s->next)
		if (s->ship != NULL && s->ship->late != NULL && !s->failed)
			try_late(s);
}

void
control_ship_end(struct control_session *s)
{
	struct control_ship *mine = s->ship;
	struct log_ask *a;

	if (mine == NULL)
		return;
	if (s->control->shipper != NULL)
		outbox_forget(shipper_outbox(s->control->shipper), s);
	while ((a = mine->asks) != NULL) {
		mine->asks = a->next;
		mu_free(a);
	}
	if (mine->late != NULL)
		wish_clear(mine->late);
	mu_free(mine->late);
	mu_free(mine);
	s->ship = NULL;
}

void
control_set_shipper(struct control *c, struct shipper *s)
{
	c->shipper = s;
}
