/*
 * The lines an endpoint has to say, in order.  They are bounded: operator
 * messages give way when a turn causes too many, and their number is said
 * afterwards; records of what happened to the cluster never do, as each of them
 * belongs to a connection or a node that came or went.
 */
#include "core/endpoint_impl.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "sys/log.h"

#define MANY_NOTES 1000 /* messages waiting at once */

static struct note *note_new(struct endpoint *e, enum endpoint_out_kind kind,
    const char *fmt, va_list ap) __attribute__((format(printf, 3, 0)));

static struct note *
note_new(struct endpoint *e, enum endpoint_out_kind kind, const char *fmt,
    va_list ap)
{
	struct note *n;
	va_list again;
	int len;

	va_copy(again, ap);
	len = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	n = len < 0 ? NULL : mu_calloc(1, sizeof *n + (size_t)len + 1);
	if (n == NULL) {
		e->lost_notes++;
		return NULL;
	}
	n->kind = kind;
	vsnprintf(n->text, (size_t)len + 1, fmt, ap);
	*e->last_note = n;
	e->last_note = &n->next;
	e->nnotes++;
	return n;
}

/* Nobody reads debug messages that are not shown: a peer must not make us
 * write them by the thousand into memory. */
static bool
is_shown(int level)
{
	return level <= (int)log_get_level();
}

void
note_log(struct endpoint *e, int level, const char *fmt, ...)
{
	struct note *n;
	va_list ap;

	if (!is_shown(level))
		return;
	if (e->nnotes >= MANY_NOTES) {
		e->lost_notes++;
		return;
	}
	va_start(ap, fmt);
	n = note_new(e, ENDPOINT_LOG, fmt, ap);
	va_end(ap);
	if (n != NULL)
		n->level = level;
}

void
note_cluster_log(struct endpoint *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	note_new(e, ENDPOINT_CLUSTER_LOG, fmt, ap);
	va_end(ap);
}

void
note_broker_log(struct endpoint *e, const char *ty, const char *ev,
    const char *address, uint16_t port, const char *fmt, ...)
{
	struct note *n;
	va_list ap;

	va_start(ap, fmt);
	n = note_new(e, ENDPOINT_BROKER_LOG, fmt, ap);
	va_end(ap);
	if (n == NULL)
		return;
	n->ty = ty;
	n->ev = ev;
	n->port = port;
	if (address != NULL)
		snprintf(n->address, sizeof n->address, "%s", address);
}

void
note_state(struct endpoint *e, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	note_new(e, ENDPOINT_STATE, fmt, ap);
	va_end(ap);
}

static void
confess(struct endpoint *e)
{
	uint64_t n = e->lost_notes;

	if (n == 0 || e->nnotes > 0)
		return;
	e->lost_notes = 0;
	note_log(e, LOG_LEVEL_WARN,
	    "%" PRIu64 " messages were not written: too many at once", n);
	if (e->nnotes == 0)
		e->lost_notes = n; /* later */
}

bool
notes_next(struct endpoint *e, struct endpoint_out *out)
{
	struct note *n;

	mu_free(e->given);
	e->given = NULL;
	confess(e);
	n = e->first_note;
	if (n == NULL)
		return false;
	e->first_note = n->next;
	if (e->first_note == NULL)
		e->last_note = &e->first_note;
	e->nnotes--;
	e->given = n;
	out->kind = n->kind;
	out->level = n->level;
	out->text = n->text;
	out->ty = n->ty;
	out->ev = n->ev;
	out->address = n->address[0] == '\0' ? NULL : n->address;
	out->port = n->port;
	return true;
}

void
notes_clear(struct endpoint *e)
{
	struct note *n;

	while ((n = e->first_note) != NULL) {
		e->first_note = n->next;
		mu_free(n);
	}
	e->last_note = &e->first_note;
	e->nnotes = 0;
	mu_free(e->given);
	e->given = NULL;
}
