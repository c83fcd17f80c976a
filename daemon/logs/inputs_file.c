/* Which file is read and from where: opening, rotation, truncation. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/rng.h"
#include "logs/inputs_impl.h"
#include "muster/err.h"
#include "sys/log.h"

static const struct input_mark nowhere;

void
input_close(struct input *i)
{
	if (i->handle >= 0)
		i->owner->hooks.close(i->owner->hooks.ctx, i->handle);
	i->handle = -1;
	mu_log_reader_free(i->reader);
	i->reader = NULL;
	i->resuming = i->waited = i->leaving = i->finished = false;
}

/* Those that came after it, too. */
static void
forget_next(struct input *i)
{
	for (size_t k = 0; k < i->nnext; k++)
		i->owner->hooks.close(i->owner->hooks.ctx, i->next[k].handle);
	i->nnext = 0;
}

void
input_clear(struct input *i)
{
	input_close(i);
	forget_next(i);
}

/* --- is it the same file? -------------------------------------------- */

static long
read_head(struct input *i, uint8_t head[INPUT_HEAD])
{
	const struct input_hooks *h = &i->owner->hooks;
	long got = 0, n = 1;

	while (got < INPUT_HEAD && n > 0) {
		n = h->read(h->ctx, i->handle, (uint64_t)got, head + got,
		    (size_t)(INPUT_HEAD - got), true);
		if (n < 0)
			return n;
		got += n;
	}
	return got;
}

int
input_mark_file(struct input *i, struct input_mark *m)
{
	uint8_t head[INPUT_HEAD];
	long n = read_head(i, head);

	if (n < 0)
		return (int)n;
	m->device = i->facts.device;
	m->inode = i->facts.inode;
	m->known =
	    (uint32_t)((uint64_t)n < m->offset ? (uint64_t)n : m->offset);
	m->digest = mu_hash64(0, head, m->known);
	m->nnext = (uint8_t)i->nnext;
	for (size_t k = 0; k < i->nnext; k++)
		m->next[k] = i->next[k].file;
	return 0;
}

/* Does the open file hold what was read up to the mark? */
static bool
continues(struct input *i, const struct input_mark *m)
{
	uint8_t head[INPUT_HEAD];

	if (i->facts.device != m->device || i->facts.inode != m->inode ||
	    i->facts.size < m->offset)
		return false;
	return m->known == 0 || (read_head(i, head) >= (long)m->known &&
				    mu_hash64(0, head, m->known) == m->digest);
}

static bool
is_same(const struct input_file *a, const struct input_file *b)
{
	return a->device == b->device && a->inode == b->inode;
}

/* --- beginning ------------------------------------------------------- */

/* Read the open file from that position on. */
static bool
begin(struct input *i, const struct input_mark *from)
{
	struct mu_log_reader_config c = {
		.form = i->form,
		.stream = &i->given,
	};

	i->done = i->sent = *from;
	i->reader = mu_log_reader_new(&c);
	if (i->reader == NULL) {
		input_close(i);
		input_stall(
		    i, INPUT_AGAIN, "%s", muster_strerror(MUSTER_ENOMEM));
		return false;
	}
	i->head = i->at = from->head;
	/* The header has to be read again, then the place is looked up. */
	i->resuming = from->offset > 0;
	i->missing_told = false;
	i->look_at = i->owner->now;
	i->mark_due = true; /* which file it is, before its first record */
	input_works(i);
	return true;
}

static bool
begin_anew(struct input *i)
{
	struct input_mark m = nowhere;

	m.device = i->facts.device;
	m.inode = i->facts.inode;
	return begin(i, &m);
}

/* The first byte behind the last complete line, for "start: end". */
static bool
begin_at_end(struct input *i)
{
	const struct input_hooks *h = &i->owner->hooks;
	uint8_t chunk[4096];
	struct input_mark m = nowhere;
	uint64_t end = i->facts.size;
	uint64_t least = end > INPUTS_TURN ? end - INPUTS_TURN : 0;

	/* In the middle of a longer line its rest is no record. */
	m.offset = least > 0 ? end : 0;
	while (end > least) {
		size_t n = end < sizeof chunk ? (size_t)end : sizeof chunk;
		const uint8_t *nl;

		if (h->read(h->ctx, i->handle, end - n, chunk, n, true) !=
		    (long)n)
			break;
		nl = memrchr(chunk, '\n', n);
		if (nl != NULL) {
			m.offset = end - n + (uint64_t)(nl - chunk) + 1;
			break;
		}
		end -= n;
	}
	m.device = i->facts.device;
	m.inode = i->facts.inode;
	return begin(i, &m);
}

/* A file that is written anew all the time is said once per episode. */
static void
say_truncated(struct input *i)
{
	uint64_t now = i->owner->now;

	i->count.truncations++;
	if (i->truncated_told_at != 0 &&
	    now - i->truncated_told_at < INPUT_EPISODE)
		return;
	i->truncated_told_at = now;
	input_say(
	    i, LOG_LEVEL_INFO, "was truncated: it is read from the beginning");
}

/* --- opening --------------------------------------------------------- */

/* Next to the call that failed. */
static const char *
why_not(int rc)
{
	return rc != MUSTER_ESYS ? muster_strerror(rc)
	       : errno == EINVAL ? "it is no regular file"
				 : strerror(errno);
}

static bool
no_file(struct input *i, int rc)
{
	if (rc == MUSTER_ENOENT) {
		i->state = "waiting";
		if (!i->missing_told)
			input_say(i, LOG_LEVEL_INFO,
			    "there is no such file"
			    " yet");
		i->missing_told = true;
		return false;
	}
	input_stall(i, i->poll_ns, "%s", why_not(rc));
	return false;
}

/* A file of that identity, wherever it lies in the folder.  0; ENOENT: it is
 * gone; other errors may pass. */
static int
open_anywhere(struct input *i, const struct input_file *want, int *handle,
    struct input_file *f)
{
	const struct input_hooks *h = &i->owner->hooks;
	int rc = h->open(h->ctx, i->file, handle, f), other;

	if (rc == 0) {
		if (is_same(f, want))
			return 0;
		h->close(h->ctx, *handle);
		rc = MUSTER_ENOENT;
	}
	*f = *want;
	other = h->find(h->ctx, i->file, handle, f);
	return other == MUSTER_ENOENT ? rc : other;
}

static bool
push_next(struct input *i, int handle, const struct input_file *f)
{
	if (i->nnext == INPUT_NEXT)
		return false;
	i->next[i->nnext].handle = handle;
	i->next[i->nnext++].file = *f;
	return true;
}

/* Files that an earlier life knew to follow. */
static int
open_next(struct input *i, const struct input_mark *m)
{
	struct input_file f;
	int handle, rc = 0;

	for (size_t k = 0; k < m->nnext && rc == 0; k++) {
		rc = open_anywhere(i, &m->next[k], &handle, &f);
		if (rc == 0) {
			push_next(i, handle, &f);
		} else if (rc == MUSTER_ENOENT) {
			i->count.lost++;
			input_say(i, LOG_LEVEL_WARN,
			    "a file that was rotated is gone: it was not read");
			rc = 0;
		}
	}
	if (rc != 0)
		forget_next(i);
	return rc;
}

/* What an earlier life was reading; from its position or, if it was truncated
 * since, its beginning.  ENOENT: it is gone. */
static int
open_known(struct input *i)
{
	struct input_mark m = i->done;
	struct input_file want = { m.device, m.inode, 0 };
	int rc = i->nnext == 0 ? open_next(i, &m) : 0;

	if (rc == 0)
		rc = open_anywhere(i, &want, &i->handle, &i->facts);
	if (rc != 0) {
		i->handle = -1;
		return rc;
	}
	if (continues(i, &m)) {
		begin(i, &m);
		return 0;
	}
	say_truncated(i);
	begin_anew(i);
	return 0;
}

/* The next file in line, if there is one. */
static bool
take_next(struct input *i)
{
	if (i->nnext == 0)
		return false;
	i->handle = i->next[0].handle;
	i->facts = i->next[0].file;
	memmove(i->next, i->next + 1, --i->nnext * sizeof i->next[0]);
	i->mark_due = true;
	begin_anew(i);
	return true;
}

bool
input_open(struct input *i)
{
	const struct input_hooks *h = &i->owner->hooks;
	bool known = i->done.inode != 0;
	int rc;

	if (known) {
		rc = open_known(i);
		if (rc == 0)
			return i->handle >= 0;
		if (rc != MUSTER_ENOENT)
			return no_file(i, rc);
		i->count.lost++;
		input_say(i, LOG_LEVEL_WARN,
		    "the file that was read up to line %llu is gone: what else"
		    " it had is not sent",
		    (unsigned long long)i->done.line);
		i->done = nowhere;
	}
	if (take_next(i))
		return i->handle >= 0;
	rc = h->open(h->ctx, i->file, &i->handle, &i->facts);
	if (rc != 0) {
		i->handle = -1;
		return no_file(i, rc);
	}
	if (!known && i->from_end) {
		i->from_end = false; /* the next one is new: all of it */
		return begin_at_end(i);
	}
	return begin_anew(i);
}

void
input_rewind(struct input *i)
{
	struct input_mark m = i->done;

	mu_buf_reset(&i->records);
	i->n = 0;
	i->ready = i->new_columns = i->has_stream = i->has_columns = false;
	i->waited = i->leaving = i->finished = false;
	i->deadline = i->owner->now;
	mu_log_reader_free(i->reader);
	i->reader = NULL;
	begin(i, &m);
}

/* --- while it is read ------------------------------------------------------
 */

void
input_verify(struct input *i)
{
	const struct input_hooks *h = &i->owner->hooks;

	i->waited = false;
	if (h->facts(h->ctx, i->handle, &i->facts) != 0)
		return; /* reading will tell */
	if (continues(i, &i->seen))
		return;
	say_truncated(i);
	mu_log_reader_free(i->reader);
	i->reader = NULL;
	begin_anew(i);
}

/* What has the name now cannot be opened, or can it?  That none has it is how
 * rotation begins. */
static void
in_the_way(struct input *i, int rc)
{
	char why[sizeof i->in_the_way];

	if (rc == 0 || rc == MUSTER_ENOENT) {
		i->in_the_way[0] = '\0';
		return;
	}
	snprintf(why, sizeof why, "what has its name now: %.70s", why_not(rc));
	if (strcmp(why, i->in_the_way) == 0)
		return;
	snprintf(i->in_the_way, sizeof i->in_the_way, "%s", why);
	input_say(i, LOG_LEVEL_WARN, "%s", why);
}

void
input_watch(struct input *i)
{
	const struct input_hooks *h = &i->owner->hooks;
	const struct input_file *newest =
	    i->nnext > 0 ? &i->next[i->nnext - 1].file : &i->facts;
	struct input_file f;
	int handle, rc;

	i->look_at = i->owner->now + i->poll_ns;
	/* Again each time: nobody says whether it reached the disk. */
	i->mark_due = i->mark_due || i->nnext > 0;
	if (i->handle < 0)
		return;
	rc = h->look(h->ctx, i->file, &f);
	if (rc != 0 || is_same(&f, newest)) {
		in_the_way(i, rc);
		return;
	}
	rc = h->open(h->ctx, i->file, &handle, &f);
	in_the_way(i, rc);
	if (rc != 0) {
		i->look_at = i->owner->now + i->poll_ns / 4;
		return;
	}
	if (!is_same(&f, newest) && push_next(i, handle, &f)) {
		i->mark_due = true;
		return;
	}
	h->close(h->ctx, handle);
	if (i->nnext == INPUT_NEXT)
		input_stall(i, i->poll_ns,
		    "%d files wait to be read: further ones may be missed",
		    INPUT_NEXT);
}

/* The end of a file that is not followed any more: a last line without a
 * newline counts. */
static void
finish(struct input *i)
{
	i->deadline = i->owner->now;
	if (!i->finished) {
		i->finished = true;
		mu_log_reader_end(i->reader);
		return; /* what the reader still has is fetched first */
	}
	i->count.rotations++;
	input_say(i, LOG_LEVEL_INFO, "was rotated after line %llu",
	    (unsigned long long)mu_log_reader_line(i->reader));
	input_close(i);
	i->done = nowhere;
}

/* While there is no other file, whoever writes may still have this one; and
 * for one poll after. */
void
input_at_end(struct input *i)
{
	/* By these bytes, accepted or not, it is known again. */
	i->seen = i->sent;
	i->seen.offset = i->at;
	i->waited = input_mark_file(i, &i->seen) == 0;
	if (i->finished || (i->leaving && i->nnext > 0)) {
		finish(i);
		return;
	}
	i->leaving = i->nnext > 0;
	input_works(i);
}
