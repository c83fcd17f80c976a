/*
 * The store in chunks, for clones of our own kind.  All chunks for a clone
 * come from one picture of the store, which in a file is one reading
 * transaction, with one cursor that moves on; the clone joins them with the
 * actions by the picture's number.
 *
 * A picture of a file keeps pages from being used again, so it is let go when
 * it gets old, when the clone falls silent, when too many actions have passed
 * it by (the clone keeps them in memory) or when the backend finds it costly.
 * What follows comes from a new one, with a number of its own.
 */
#include "base/alloc.h"
#include "muster/err.h"
#include "store/master_impl.h"
#include "value/codec.h"

#define MAX_PICTURES 8   /* of one store; beyond: the one silent longest goes */
#define MAX_LIFE     600 /* ticks */
#define MAX_SILENCE  100 /* ticks without a word of the clone */
#define MAX_PASSED   20000 /* actions since it was taken */
#define MAX_WINDOW   8     /* chunks under way for one clone */
#define REFUSE_AGAIN 600   /* ticks between two lines about a large entry */

/* --- pictures ---------------------------------------------------------- */

static void
let_go(struct mu_master *m, struct session *s)
{
	if (s->picture == NULL)
		return;
	s->picture->ops->close(s->picture);
	s->picture = NULL;
	m->npictures--;
}

static void
end_session(struct mu_master *m, struct session **at)
{
	struct session *s = *at;

	*at = s->next;
	let_go(m, s);
	mu_buf_clear(&s->at);
	mu_free(s);
}

/* The list begins with the one that spoke last. */
static void
make_room(struct mu_master *m)
{
	struct session **at = &m->sessions, **oldest = NULL;

	if (m->npictures < MAX_PICTURES)
		return;
	for (; *at != NULL; at = &(*at)->next)
		if ((*at)->picture != NULL)
			oldest = at;
	end_session(m, oldest);
}

/* Where a crash may take something away, nothing is shown that has no number
 * yet: the next life could not tell who has it. */
static bool
take_picture(struct mu_master *m, struct session *s)
{
	struct mu_bytes at = { NULL, 0 };

	if (mu_buf_len(&s->at) > 0)
		at = mu_bytes_of(&s->at);
	if (m->config.may_lose) {
		master_seal(m);
		master_release(m);
	}
	make_room(m);
	s->picture = m->backend->ops->snapshot(m->backend, at);
	s->number = mu_producer_seq(m->producer);
	s->since = m->ticks;
	if (s->picture != NULL)
		m->npictures++;
	return s->picture != NULL;
}

/* A live one is as good as new each time. */
static bool
is_old(const struct mu_master *m, const struct session *s)
{
	return m->ticks - s->since > MAX_LIFE ||
	       mu_producer_seq(m->producer) - s->number > MAX_PASSED ||
	       (s->picture->ops->is_costly != NULL &&
		   s->picture->ops->is_costly(s->picture));
}

static bool
renew(struct mu_master *m, struct session *s)
{
	if (s->picture->is_live) {
		s->number = mu_producer_seq(m->producer);
		return true;
	}
	if (!is_old(m, s))
		return true;
	let_go(m, s);
	return take_picture(m, s);
}

/* --- sessions ---------------------------------------------------------- */

static struct session **
find(struct mu_master *m, const struct mu_entity *who)
{
	struct session **at = &m->sessions;

	while (*at != NULL && !mu_entity_eq(&(*at)->who, who))
		at = &(*at)->next;
	return at;
}

/* Is what was sent still good for the clone? */
static bool
goes_on(const struct session *s, const struct mu_command *want)
{
	return (want->flags & MU_WANT_AGAIN) == 0 && want->index <= s->index &&
	       s->index - want->index <= MAX_WINDOW && s->number >= want->least;
}

static struct session *
begin_session(struct mu_master *m, const struct mu_command *want)
{
	struct session *s = mu_calloc(1, sizeof *s);
	bool good = true;

	if (s == NULL)
		return NULL;
	s->who = want->sender;
	s->index = want->index;
	mu_buf_init(&s->at, 0);
	if (want->key != NULL)
		good = mu_entry_key(&s->at, want->key) == MU_STORE_OK;
	good = good && take_picture(m, s);
	s->next = m->sessions;
	m->sessions = s;
	if (good)
		return s;
	end_session(m, &m->sessions);
	return NULL;
}

/* The clone's session, first in the list from now on. */
static struct session *
session_of(struct mu_master *m, const struct mu_command *want)
{
	struct session **at = find(m, &want->sender), *s = *at;

	if (s != NULL && !goes_on(s, want)) {
		end_session(m, at);
		s = NULL;
	}
	if (s == NULL)
		return begin_session(m, want);
	*at = s->next;
	s->next = m->sessions;
	m->sessions = s;
	return s;
}

/* --- one chunk --------------------------------------------------------- */

static int
read_pairs(const struct mu_master *m, struct session *s, struct mu_buf *b,
    struct mu_command *chunk)
{
	struct mu_bytes key = { NULL, 0 }, value;
	int64_t deadline;
	uint8_t *at;
	size_t room;
	int err = 0;

	/* with the last pair beyond it; failure will stick */
	mu_buf_reserve(b, m->config.chunk_bytes + 4096, &at, &room);
	while (mu_buf_len(b) < m->config.chunk_bytes) {
		if (!s->picture->ops->next(
			s->picture, &key, &value, &deadline, &err)) {
			chunk->flags = 1;
			break;
		}
		mu_buf_put(b, key.at, key.len);
		mu_buf_put(b, value.at, value.len);
		if (mu_buf_error(b) != 0)
			return mu_buf_error(b);
		chunk->nentries++;
		mu_buf_reset(&s->at);
		mu_buf_put(&s->at, key.at, key.len);
	}
	return err != 0 ? err : mu_buf_error(&s->at);
}

static int
send_chunk(struct mu_master *m, struct session *s)
{
	struct mu_command chunk = {
		.tag = MU_CMD_CHUNK,
		.index = s->index,
		.number = s->number,
	};
	struct mu_buf b;
	int rc = 0;

	if (mu_buf_len(&s->at) > 0)
		rc = muster_value_dec(
		    mu_buf_data(&s->at), mu_buf_len(&s->at), &chunk.key);
	mu_buf_init(&b, m->config.max_snapshot);
	if (rc == 0)
		rc = read_pairs(m, s, &b, &chunk);
	if (rc == 0) {
		chunk.entries = mu_buf_data(&b);
		chunk.entries_len = mu_buf_len(&b);
		master_send(m, &chunk, &s->who, true);
		s->index += chunk.nentries > 0;
	}
	if (rc == 0 && chunk.flags != 0)
		let_go(m, s);
	muster_value_unref(chunk.key);
	mu_buf_clear(&b);
	return rc;
}

/* It was written when messages could be larger. */
static void
refuse_chunk(struct mu_master *m)
{
	if (m->chunk_refused != 0 &&
	    m->ticks + 1 - m->chunk_refused < REFUSE_AGAIN)
		return;
	m->chunk_refused = m->ticks + 1;
	mu_outq_log(&m->out, 3,
	    "cannot copy the store to a clone: an entry is larger than a "
	    "message may be (limit %zu bytes)",
	    m->config.max_snapshot);
}

void
master_on_want(struct mu_master *m, const struct mu_command *want)
{
	uint8_t window = want->window < MAX_WINDOW ? want->window : MAX_WINDOW;
	struct session *s;
	uint64_t offset;
	bool acked;
	int rc = 0;

	if (!mu_producer_has(m->producer, &want->sender, &offset, &acked))
		return; /* it will attach again */
	mu_producer_touch(m->producer, &want->sender);
	s = session_of(m, want);
	if (s == NULL)
		return; /* it will ask again */
	s->used = m->ticks;
	while (rc == 0 && s->picture != NULL && s->index - want->index < window)
		rc = renew(m, s) ? send_chunk(m, s) : MUSTER_ENOMEM;
	if (rc == MUSTER_EPROTO)
		master_damaged(m, NULL);
	if (rc == MUSTER_ELIMIT)
		refuse_chunk(m);
	if (rc != 0)
		end_session(m, find(m, &want->sender));
}

/* --- time -------------------------------------------------------------- */

void
master_tick_chunks(struct mu_master *m)
{
	struct session **at = &m->sessions;

	while (*at != NULL) {
		if (m->ticks - (*at)->used > MAX_SILENCE)
			end_session(m, at);
		else
			at = &(*at)->next;
	}
}

void
master_chunks_free(struct mu_master *m)
{
	while (m->sessions != NULL)
		end_session(m, &m->sessions);
}
