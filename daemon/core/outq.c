/*
 * The output of one connection; see outq.h.
 *
 * A list of segments.  A chunk holds small frames behind each other, a
 * reference holds one large frame in somebody else's blob, a control segment
 * holds bytes that are never dropped: those of the peering machine, or frames
 * that were routed.  In a segment
 *
 *	head        keep        resume            tail
 *	 |  pinned   |  dropped   |  frames that wait  |
 *
 * the bytes from head to keep were shown to the connection and stay, those up
 * to resume are dropped, and resume equals keep while nothing is.  Dropping
 * the oldest frame moves resume by one frame; oldest remembers the segment and
 * only ever moves forward: every frame is looked at once for being pinned, once
 * for being sent or dropped, so all operations are O(1) amortised.
 */
#include "core/outq.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "base/blob.h"
#include "core/router.h"

#define CHUNK_SIZE    65536 /* with its head; what a full write takes */
#define CHUNK_SMALL   1024  /* first one behind a reference or control bytes */
#define CONTROL_SMALL 256
#define SPARES_MAX    16      /* chunks in a pool */
#define CONTROL_LEAST (1u << 20)
#define PREFIX        4

struct seg {
	struct seg *prev, *next;
	struct mu_blob *blob; /* the bytes of a reference, or NULL */
	uint8_t *at;          /* the bytes: mem, or the blob's */
	size_t cap;           /* of mem */
	size_t head, keep, resume, tail; /* see above */
	bool control;
	bool routed; /* a control segment of frames that were routed */
	uint8_t mem[];
};

#define CHUNK_CAP (CHUNK_SIZE - sizeof(struct seg))

struct outq {
	struct outq_limits limits;
	struct seg *first, *last;
	struct seg *oldest;    /* no frame waits before this segment */
	struct outq_pool *pool; /* empty chunks of CHUNK_CAP, linked by next */
	size_t wait_bytes;     /* of frames that may be dropped */
	size_t wait_messages;
	size_t kept_bytes;     /* in control segments */
	size_t frame_left;     /* of the routed frame being written */
	bool pressed;          /* see outq_pressed */
	struct outq_stats stats;
};

static uint32_t
prefix_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];
}

/* Bytes of the frame at offset off of s; frames in here are our own work. */
static size_t
frame_at(const struct seg *s, size_t off)
{
	size_t len;

	assert(s->tail - off >= PREFIX);
	len = PREFIX + (size_t)prefix_at(s->at + off);
	assert(len <= s->tail - off);
	return len;
}

/* --- segments ------------------------------------------------------------ */

static struct seg *
seg_new(size_t cap)
{
	struct seg *s = mu_malloc(sizeof *s + cap);

	if (s == NULL)
		return NULL;
	memset(s, 0, sizeof *s);
	s->at = s->mem;
	s->cap = cap;
	return s;
}

static struct seg *
take_chunk(struct outq *q, size_t cap)
{
	struct seg *s = q->pool->first;

	if (cap < CHUNK_CAP || s == NULL)
		return seg_new(cap);
	q->pool->first = s->next;
	q->pool->n--;
	s->next = NULL;
	return s;
}

static void
append(struct outq *q, struct seg *s)
{
	s->prev = q->last;
	s->next = NULL;
	if (q->last != NULL)
		q->last->next = s;
	else
		q->first = s;
	q->last = s;
	if (q->oldest == NULL)
		q->oldest = s;
}

static void
retire(struct outq *q, struct seg *s)
{
	if (s->prev != NULL)
		s->prev->next = s->next;
	else
		q->first = s->next;
	if (s->next != NULL)
		s->next->prev = s->prev;
	else
		q->last = s->prev;
	if (q->oldest == s)
		q->oldest = s->next;
	mu_blob_unref(s->blob);
	if (s->cap < CHUNK_CAP || q->pool->n >= SPARES_MAX) {
		mu_free(s);
		return;
	}
	memset(s, 0, sizeof *s);
	s->at = s->mem;
	s->cap = CHUNK_CAP;
	s->next = q->pool->first;
	q->pool->first = s;
	q->pool->n++;
}

static bool
seg_is_empty(const struct seg *s)
{
	return s->head == s->keep && s->resume == s->tail;
}

/* Where a small frame of len bytes can be appended; NULL: memory is out.  A
 * queue that mixes kinds gets small chunks that double, so that a few bytes
 * between two references don't cost 64 KiB. */
static struct seg *
chunk_for(struct outq *q, size_t len)
{
	struct seg *s = q->last;
	size_t cap = CHUNK_CAP;

	if (s != NULL) {
		bool chunk = s->blob == NULL && !s->control;

		if (chunk && s->cap - s->tail >= len)
			return s;
		if (!chunk)
			cap = CHUNK_SMALL;
		else if (s->cap < CHUNK_CAP / 2)
			cap = s->cap * 2;
		if (cap < len)
			cap = len;
	}
	s = take_chunk(q, cap);
	if (s != NULL)
		append(q, s);
	return s;
}

/* --- accounts ------------------------------------------------------------ */

static void
grew(struct outq *q, size_t len)
{
	q->stats.bytes += len;
	if (q->stats.bytes > q->stats.peak_bytes)
		q->stats.peak_bytes = q->stats.bytes;
}

static bool
fits(const struct outq *q, size_t len)
{
	if (q->wait_messages == 0)
		return true;
	return q->wait_messages < q->limits.messages &&
	    len <= q->limits.bytes &&
	    q->wait_bytes <= q->limits.bytes - len;
}

static void
count_drop(struct outq *q, size_t len)
{
	q->stats.dropped++;
	q->stats.dropped_bytes += len;
	q->stats.episode_dropped++;
}

static void
press(struct outq *q)
{
	if (q->wait_bytes > q->limits.bytes / 2 ||
	    q->wait_messages > q->limits.messages / 2)
		q->pressed = true;
}

static void
ease(struct outq *q)
{
	if (q->pressed && q->wait_bytes <= q->limits.bytes / 4 &&
	    q->wait_messages <= q->limits.messages / 4)
		q->pressed = false;
}

/* Half the limits, not the limits: a queue that hovers at its bound is one
 * episode and not one per message. */
static void
end_episode(struct outq *q)
{
	if (q->stats.dropping && q->wait_bytes <= q->limits.bytes / 2 &&
	    q->wait_messages <= q->limits.messages / 2)
		q->stats.dropping = false;
}

static enum outq_result
dropped(struct outq *q)
{
	if (q->stats.dropping)
		return OUTQ_DROPPED;
	q->stats.dropping = true;
	q->stats.episodes++;
	return OUTQ_EPISODE;
}

/* --- dropping and pinning ------------------------------------------------ */

static bool
has_waiting(const struct seg *s)
{
	return !s->control && s->resume < s->tail;
}

/* Drop the oldest frame that waits; there is one. */
static void
drop_oldest(struct outq *q)
{
	struct seg *s = q->oldest;
	size_t len;

	while (!has_waiting(s))
		s = s->next;
	q->oldest = s;
	len = frame_at(s, s->resume);
	s->resume += len;
	q->wait_bytes -= len;
	q->wait_messages--;
	q->stats.bytes -= len;
	q->stats.messages--;
	count_drop(q, len);
	if (seg_is_empty(s))
		retire(q, s);
}

/* The frames that begin before offset end now belong to the connection. */
static void
pin(struct outq *q, struct seg *s, size_t end)
{
	if (s->control || s->keep != s->resume)
		return; /* what follows the gap was not shown */
	while (s->keep < end) {
		size_t len = frame_at(s, s->keep);

		s->keep += len;
		q->wait_bytes -= len;
		q->wait_messages--;
	}
	s->resume = s->keep;
}

/* --- pushing ------------------------------------------------------------- */

static int
put(struct outq *q, struct message *m)
{
	size_t len = m->env.len;
	struct seg *s;

	if (len < OUTQ_BY_REFERENCE) {
		s = chunk_for(q, len);
		if (s == NULL)
			return -1;
		memcpy(s->at + s->tail, m->env.frame, len);
		s->tail += len;
		if (q->oldest == NULL)
			q->oldest = s; /* all behind it was dropped */
		return 0;
	}
	s = seg_new(0);
	if (s == NULL)
		return -1;
	s->blob = message_blob(m);
	if (s->blob == NULL) {
		mu_free(s);
		return -1;
	}
	s->at = s->blob->data;
	s->tail = len;
	append(q, s);
	return 0;
}

enum outq_result
outq_push(struct outq *q, struct message *m)
{
	enum outq_result result = OUTQ_QUEUED;
	size_t len = m->env.len;

	if (!fits(q, len)) {
		if (q->limits.policy == MU_OVERFLOW_DISCONNECT)
			return OUTQ_OVERFLOW;
		if (!q->stats.dropping)
			q->stats.episode_dropped = 0;
		if (q->limits.policy == MU_OVERFLOW_DROP_NEWEST) {
			count_drop(q, len);
			return dropped(q);
		}
		while (!fits(q, len))
			drop_oldest(q);
		result = dropped(q);
	}
	if (put(q, m) != 0)
		return OUTQ_NOMEM;
	q->wait_bytes += len;
	q->wait_messages++;
	q->stats.messages++;
	grew(q, len);
	press(q);
	return result;
}

static size_t
control_limit(const struct outq *q)
{
	size_t twice = q->limits.bytes > SIZE_MAX / 2 ? SIZE_MAX
						      : q->limits.bytes * 2;

	return twice < CONTROL_LEAST ? CONTROL_LEAST : twice;
}

/* Of frames that may be dropped no more than their limit counts: one that is
 * longer than it may be queued, and is no reason to end the connection. */
static size_t
counted(const struct outq *q)
{
	size_t others = q->stats.bytes - q->kept_bytes;

	return q->kept_bytes +
	    (others > q->limits.bytes ? q->limits.bytes : others);
}

static enum outq_result
push_kept(struct outq *q, const uint8_t *bytes, size_t len, bool routed)
{
	struct seg *s = q->last;
	size_t limit = control_limit(q);

	if (len > limit || counted(q) > limit - len)
		return OUTQ_OVERFLOW;
	if (s == NULL || !s->control || s->routed != routed ||
	    s->cap - s->tail < len) {
		s = seg_new(len > CONTROL_SMALL ? len : CONTROL_SMALL);
		if (s == NULL)
			return OUTQ_NOMEM;
		s->control = true;
		s->routed = routed;
		append(q, s);
	}
	memcpy(s->at + s->tail, bytes, len);
	s->tail += len;
	q->kept_bytes += len;
	grew(q, len);
	return OUTQ_QUEUED;
}

enum outq_result
outq_push_control(struct outq *q, const uint8_t *bytes, size_t len)
{
	return push_kept(q, bytes, len, false);
}

enum outq_result
outq_push_kept(struct outq *q, struct message *m)
{
	enum outq_result result;

	if (m->env.len > CONTROL_LEAST / 2)
		return outq_push(q, m);
	result = push_kept(q, m->env.frame, m->env.len, true);
	if (result == OUTQ_QUEUED)
		q->stats.messages++;
	return result;
}

/* --- writing ------------------------------------------------------------- */

bool
outq_peek(struct outq *q, const uint8_t **bytes, size_t *len)
{
	struct seg *s = q->first;
	size_t end;

	if (s == NULL)
		return false;
	if (s->head == s->keep)
		s->head = s->keep = s->resume;
	end = s->keep == s->resume ? s->tail : s->keep;
	*bytes = s->at + s->head;
	*len = end - s->head;
	pin(q, s, *len > OUTQ_PINNED ? s->head + OUTQ_PINNED : end);
	return true;
}

/* Count what of [n] bytes at the head of s completes routed frames. */
static void
count_sent(struct outq *q, const struct seg *s, size_t n)
{
	size_t off = s->head;

	while (n > 0) {
		size_t part;

		if (q->frame_left == 0)
			q->frame_left = frame_at(s, off);
		part = n < q->frame_left ? n : q->frame_left;
		off += part;
		n -= part;
		q->frame_left -= part;
		if (q->frame_left == 0) {
			q->stats.sent_messages++;
			q->stats.messages--;
		}
	}
}

void
outq_consume(struct outq *q, size_t n)
{
	struct seg *s = q->first;

	if (n == 0)
		return;
	assert(s != NULL);
	pin(q, s, s->head + n);
	if (!s->control || s->routed)
		count_sent(q, s, n);
	s->head += n;
	if (s->control) {
		s->keep = s->resume = s->head;
		q->kept_bytes -= n;
	}
	assert(s->head <= s->keep);
	q->stats.bytes -= n;
	q->stats.sent_bytes += n;
	if (seg_is_empty(s))
		retire(q, s);
	end_episode(q);
	ease(q);
}

/* --- the rest ------------------------------------------------------------ */

struct outq *
outq_new(const struct outq_limits *limits, struct outq_pool *pool)
{
	struct outq *q = mu_calloc(1, sizeof *q);

	if (q == NULL)
		return NULL;
	q->limits = *limits;
	q->pool = pool;
	return q;
}

void
outq_free(struct outq *q)
{
	if (q == NULL)
		return;
	while (q->first != NULL)
		retire(q, q->first);
	mu_free(q);
}

void
outq_set_limits(struct outq *q, const struct outq_limits *limits)
{
	q->limits = *limits;
	end_episode(q);
	ease(q);
}

bool
outq_pressed(const struct outq *q)
{
	return q->pressed;
}

bool
outq_empty(const struct outq *q)
{
	return q->first == NULL;
}

const struct outq_stats *
outq_stats(const struct outq *q)
{
	return &q->stats;
}

void
outq_pool_clear(struct outq_pool *p)
{
	while (p->first != NULL) {
		struct seg *s = p->first;

		p->first = s->next;
		mu_free(s);
	}
	p->n = 0;
}
