/*
 * Chunks: which are asked for and when, and what one does to the copy.  A few
 * are under way at a time; each that comes asks for one more.
 */
#include "muster/err.h"
#include "store/clone_impl.h"

#define ASK_CHUNK  5 /* ticks between two want, at least */
#define ASK_SLOWLY 300

struct muster_value *
clone_last_held(const struct mu_clone *c)
{
	struct muster_value *v = NULL;

	if (!c->loading || mu_buf_len(&c->held) == 0)
		return NULL;
	if (muster_value_dec(mu_buf_data(&c->held), mu_buf_len(&c->held), &v) !=
	    0)
		return NULL;
	return v;
}

/* --- asking ------------------------------------------------------------ */

static void
note_asked(struct mu_clone *c)
{
	if (c->allowed < c->index)
		c->allowed = c->index;
	for (; c->allowed < c->index + CLONE_WINDOW; c->allowed++)
		c->asked_at[c->allowed % CLONE_WINDOW] = c->ticks;
}

static void
want(struct mu_clone *c, bool again)
{
	struct mu_command cmd = {
		.tag = MU_CMD_WANT,
		.index = c->index,
		.least = c->passed,
		.window = CLONE_WINDOW,
		.flags = again ? MU_WANT_AGAIN : 0,
	};

	cmd.key = clone_last_held(c);
	if (cmd.key == NULL && mu_buf_len(&c->held) > 0)
		return; /* no memory: at the next tick */
	note_asked(c);
	c->wanted = c->ticks;
	clone_send(c, &cmd, &c->master.endpoint, &c->master);
	muster_value_unref(cmd.key);
}

bool
clone_is_behind(const struct mu_clone *c)
{
	return c->backend->ops->behind != NULL &&
	       c->backend->ops->behind(c->backend);
}

/* The flow is as fast as the slower of the way and the medium. */
static void
want_more(struct mu_clone *c, bool again)
{
	c->held_back = clone_is_behind(c);
	if (!c->held_back)
		want(c, again);
}

void
clone_want_first(struct mu_clone *c)
{
	c->allowed = c->index;
	c->want_every = ASK_CHUNK;
	want_more(c, true);
}

void
clone_go_on(struct mu_clone *c)
{
	int rc;

	if (c->held_back && c->loading && !c->seeking)
		want_more(c, false);
	if (c->stuck == NULL || c->seeking || clone_is_behind(c))
		return;
	rc = clone_drain(c);
	if (rc != 0) {
		clone_restart(c, muster_strerror(rc));
		return;
	}
	clone_check_whole(c);
	clone_answer_writes(c);
}

/* On a slow way a chunk takes its time, and asking again meanwhile would only
 * bring it twice: be patient for twice as long as the last one took, and more
 * each time. */
void
clone_tick_chunks(struct mu_clone *c)
{
	if (c->held_back) {
		clone_go_on(c);
		return;
	}
	if (!c->loading || c->ticks - c->wanted < c->want_every)
		return;
	c->want_every *= 2;
	if (c->want_every > ASK_SLOWLY)
		c->want_every = ASK_SLOWLY;
	want(c, true);
}

static void
measure_way(struct mu_clone *c)
{
	uint64_t took = c->ticks - c->asked_at[c->index % CLONE_WINDOW];

	c->want_every = 2 * took < ASK_CHUNK ? ASK_CHUNK : 2 * took;
	if (c->want_every > ASK_SLOWLY)
		c->want_every = ASK_SLOWLY;
}

/* --- one that comes ---------------------------------------------------- */

/* Does it begin where the last one ended? */
static bool
is_next(const struct mu_clone *c, const struct mu_command *chunk)
{
	struct mu_buf after;
	bool is;

	if (chunk->index != c->index)
		return false;
	if (chunk->key == NULL)
		return mu_buf_len(&c->held) == 0;
	mu_buf_init(&after, 0);
	is = mu_entry_key(&after, chunk->key) == MU_STORE_OK &&
	     mu_bytes_cmp(mu_bytes_of(&after), mu_bytes_of(&c->held)) == 0;
	mu_buf_clear(&after);
	return is;
}

static int
merge(struct mu_clone *c, const struct mu_command *chunk)
{
	struct mu_bytes from = { NULL, 0 };
	bool is_last = (chunk->flags & 1) != 0;
	struct mu_buf last;
	int rc;

	if (mu_buf_len(&c->held) > 0)
		from = mu_bytes_of(&c->held);
	mu_buf_init(&last, 0);
	rc = clone_merge(c, from, chunk, is_last, &last);
	if (rc == 0 && mu_buf_len(&last) > 0) {
		mu_buf_clear(&c->held);
		c->held = last;
		return 0;
	}
	mu_buf_clear(&last);
	return rc;
}

static void
is_merged(struct mu_clone *c, const struct mu_command *chunk)
{
	c->loaded += chunk->nentries;
	measure_way(c);
	c->index++;
	if (c->need < chunk->number)
		c->need = chunk->number;
	if ((chunk->flags & 1) != 0) {
		c->loading = false;
		mu_buf_clear(&c->held);
	}
}

void
clone_on_chunk(struct mu_clone *c, const struct mu_command *chunk)
{
	int rc;

	if (!c->loading || c->seeking || !is_next(c, chunk))
		return;
	if (chunk->number < c->passed) {
		want(c, true); /* older than what we passed over */
		return;
	}
	rc = merge(c, chunk);
	if (rc == MUSTER_ELIMIT)
		return; /* no room at present: asked for again at its time */
	if (rc == 0) {
		is_merged(c, chunk);
		rc = clone_take_up(c, chunk->number);
	}
	if (rc != 0) {
		clone_restart(c, muster_strerror(rc));
		return;
	}
	if (c->loading) {
		want_more(c, false);
		return;
	}
	clone_check_whole(c);
	clone_answer_writes(c);
}
