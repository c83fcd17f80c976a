/* Keeping a set of processes running; see supervise.h. */
#include "node/supervise.h"

#include <string.h>
#include <sys/wait.h>

#include "base/alloc.h"
#include "muster/err.h"
#include "sys/exit.h"

enum state {
	STATE_WAITING,  /* to be started at due */
	STATE_STARTING, /* runs, is not ready */
	STATE_READY,
	STATE_STOPPING, /* told to end; killed at due */
	STATE_GIVEN_UP, /* ended, useless to start again */
	STATE_GONE      /* ended as wanted */
};

enum pending { /* consequences not yet taken by next */
	PENDING_TERM = 1,
	PENDING_KILL = 2,
	PENDING_GAVE_UP = 4,
	PENDING_RESTART = 8
};

struct process {
	char *name; /* owned */
	enum mu_role role;
	enum state state;
	bool wanted;      /* in the latest list, and not stopping */
	uint64_t due;     /* see the states */
	uint64_t started; /* when it was last started */
	uint64_t pause;   /* before the next restart */
	uint64_t busy;    /* since when another process has its name, or 0 */
	unsigned pending; /* enum pending */
	int code;         /* exit status, for GAVE_UP */
};

struct supervise {
	struct process *list;
	size_t n, cap;
	bool stopping; /* supervise_stop was called */
	bool said_up;  /* ALL_UP was given out since it was last untrue */
	bool said_end; /* FINISHED was given out */
	int code;
};

struct supervise *
supervise_new(void)
{
	return mu_calloc(1, sizeof(struct supervise));
}

void
supervise_free(struct supervise *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->n; i++)
		mu_free(s->list[i].name);
	mu_free(s->list);
	mu_free(s);
}

static struct process *
find(struct supervise *s, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (strcmp(s->list[i].name, name) == 0)
			return &s->list[i];
	return NULL;
}

static bool
runs(const struct process *p)
{
	return p->state == STATE_STARTING || p->state == STATE_READY ||
	       p->state == STATE_STOPPING;
}

/* --- stopping ---------------------------------------------------------- */

/* In the order in which roles are stopped. */
static int
rank(enum mu_role role)
{
	switch (role) {
	case MU_ROLE_WORKER:
		return 0;
	case MU_ROLE_PROXY:
		return 1;
	case MU_ROLE_MANAGER:
		return 2;
	case MU_ROLE_LOGGER:
		return 3;
	case MU_ROLE_NONE:
	case MU_ROLE_CONTROL:
		break;
	}
	return 0;
}

static void
tell_to_stop(struct process *p, uint64_t now)
{
	p->wanted = false;
	if (p->state == STATE_STARTING || p->state == STATE_READY) {
		p->state = STATE_STOPPING;
		p->pending |= PENDING_TERM;
		p->due = now + SUPERVISE_PATIENCE;
	} else if (p->state == STATE_WAITING) {
		p->state = STATE_GONE;
	}
}

/* Tell the lowest rank that still runs; higher ones wait for it. */
static void
stop_in_order(struct supervise *s, uint64_t now)
{
	int lowest = 4;

	for (size_t i = 0; i < s->n; i++)
		if (runs(&s->list[i]) && rank(s->list[i].role) < lowest)
			lowest = rank(s->list[i].role);
	for (size_t i = 0; i < s->n; i++)
		if (rank(s->list[i].role) <= lowest)
			tell_to_stop(&s->list[i], now);
}

void
supervise_stop(struct supervise *s, uint64_t now)
{
	if (s->stopping) {
		for (size_t i = 0; i < s->n; i++)
			if (runs(&s->list[i]))
				s->list[i].pending |= PENDING_KILL;
		return;
	}
	s->stopping = true;
	for (size_t i = 0; i < s->n; i++) {
		s->list[i].wanted = false;
		if (s->list[i].state == STATE_WAITING)
			s->list[i].state = STATE_GONE;
	}
	stop_in_order(s, now);
}

/* --- the list ---------------------------------------------------------- */

static struct process *
add(struct supervise *s, const char *name)
{
	struct process *p;

	if (s->n == s->cap) {
		size_t cap = s->cap == 0 ? 16 : s->cap * 2;
		struct process *list =
		    mu_reallocarray(s->list, cap, sizeof *list);

		if (list == NULL)
			return NULL;
		s->list = list;
		s->cap = cap;
	}
	p = &s->list[s->n];
	memset(p, 0, sizeof *p);
	p->name = mu_strdup(name);
	if (p->name == NULL)
		return NULL;
	p->state = STATE_GONE;
	s->n++;
	return p;
}

int
supervise_set(struct supervise *s, const struct mu_layout_node *const *nodes,
    size_t n, uint64_t now)
{
	bool fresh = false;

	/* Everything that can fail first. */
	for (size_t i = 0; i < n; i++)
		if (find(s, nodes[i]->name) == NULL &&
		    add(s, nodes[i]->name) == NULL)
			return MUSTER_ENOMEM;
	for (size_t i = 0; i < s->n; i++)
		s->list[i].wanted = false;
	for (size_t i = 0; i < n && !s->stopping; i++) {
		struct process *p = find(s, nodes[i]->name);

		p->wanted = true;
		p->role = nodes[i]->role;
		if (p->state == STATE_GONE || p->state == STATE_GIVEN_UP) {
			p->state = STATE_WAITING;
			p->due = now;
			p->pause = 0;
			p->busy = 0;
			fresh = true;
		}
	}
	for (size_t i = 0; i < s->n; i++)
		if (!s->list[i].wanted)
			tell_to_stop(&s->list[i], now);
	if (fresh)
		s->said_up = s->said_end = false;
	return 0;
}

/* --- what happened ----------------------------------------------------- */

void
supervise_ready(struct supervise *s, const char *name)
{
	struct process *p = find(s, name);

	if (p == NULL || p->state != STATE_STARTING)
		return;
	p->state = STATE_READY;
	p->busy = 0;
}

/* Another process of that name is one of ours that is about to end when the
 * supervisor before this one was killed: patience, but not for ever. */
static bool
may_pass(struct process *p, int code, uint64_t now)
{
	if (code != EXIT_TEMPFAIL) {
		p->busy = 0;
		return false;
	}
	if (p->busy == 0)
		p->busy = now;
	return now - p->busy < SUPERVISE_BUSY;
}

static bool
is_useless(struct process *p, int status, uint64_t now)
{
	int code = status != -1 && WIFEXITED(status) ? WEXITSTATUS(status) : 0;

	return !may_pass(p, code, now) && code >= EXIT_USAGE &&
	       code <= EXIT_CONFIG;
}

static void
give_up(struct supervise *s, struct process *p, int code)
{
	p->state = STATE_GIVEN_UP;
	p->pending |= PENDING_GAVE_UP;
	p->code = code;
	if (s->code == 0)
		s->code = code;
}

static void
start_again(struct process *p, uint64_t now)
{
	if (now - p->started >= SUPERVISE_STEADY)
		p->pause = 0;
	p->state = STATE_WAITING;
	p->due = now + p->pause;
	p->pending |= PENDING_RESTART;
	p->pause = p->pause == 0 ? SUPERVISE_PAUSE_MIN : p->pause * 2;
	if (p->pause > SUPERVISE_PAUSE_MAX)
		p->pause = SUPERVISE_PAUSE_MAX;
}

void
supervise_ended(struct supervise *s, const char *name, int status, uint64_t now)
{
	struct process *p = find(s, name);

	if (p == NULL || !runs(p))
		return;
	if (p->wanted)
		s->said_up = false;
	p->pending = 0;
	if (!p->wanted)
		p->state = STATE_GONE;
	else if (is_useless(p, status, now))
		give_up(s, p, WEXITSTATUS(status));
	else
		start_again(p, now);
	if (s->stopping)
		stop_in_order(s, now);
}

void
supervise_tick(struct supervise *s, uint64_t now)
{
	for (size_t i = 0; i < s->n; i++) {
		struct process *p = &s->list[i];

		if (p->state == STATE_STOPPING && now >= p->due) {
			p->pending |= PENDING_KILL;
			p->due = now + SUPERVISE_PATIENCE;
		}
	}
}

uint64_t
supervise_deadline(const struct supervise *s)
{
	uint64_t at = UINT64_MAX;

	for (size_t i = 0; i < s->n; i++) {
		const struct process *p = &s->list[i];

		if ((p->state == STATE_WAITING || p->state == STATE_STOPPING) &&
		    p->due < at)
			at = p->due;
	}
	return at;
}

/* --- what follows ------------------------------------------------------ */

static bool
take_pending(struct process *p, struct supervise_out *out)
{
	static const struct {
		enum pending pending;
		enum supervise_out_kind kind;
	} rows[] = {
		{ PENDING_GAVE_UP, SUPERVISE_GAVE_UP },
		{ PENDING_RESTART, SUPERVISE_RESTART },
		{ PENDING_TERM, SUPERVISE_TERM },
		{ PENDING_KILL, SUPERVISE_KILL },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if ((p->pending & rows[i].pending) == 0)
			continue;
		p->pending &= ~(unsigned)rows[i].pending;
		out->kind = rows[i].kind;
		out->name = p->name;
		out->code = p->code;
		return true;
	}
	return false;
}

/* Nobody is waited for any more: whoever is given up will not come, and must
 * not keep the start of the others from being told. */
static bool
all_up(const struct supervise *s)
{
	size_t n = supervise_nready(s), settled = n;

	for (size_t i = 0; i < s->n; i++)
		settled +=
		    s->list[i].wanted && s->list[i].state == STATE_GIVEN_UP;
	return !s->stopping && n > 0 && settled == supervise_count(s);
}

static bool
all_over(const struct supervise *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (runs(&s->list[i]) || s->list[i].state == STATE_WAITING)
			return false;
	return true;
}

bool
supervise_next(struct supervise *s, struct supervise_out *out, uint64_t now)
{
	memset(out, 0, sizeof *out);
	for (size_t i = 0; i < s->n; i++) {
		struct process *p = &s->list[i];

		if (take_pending(p, out)) {
			if (out->kind == SUPERVISE_RESTART)
				out->pause_ns = p->due > now ? p->due - now : 0;
			return true;
		}
		if (p->state != STATE_WAITING || now < p->due)
			continue;
		p->state = STATE_STARTING;
		p->started = now;
		out->kind = SUPERVISE_SPAWN;
		out->name = p->name;
		return true;
	}
	if (all_up(s) && !s->said_up) {
		s->said_up = true;
		out->kind = SUPERVISE_ALL_UP;
		return true;
	}
	if (all_over(s) && !s->said_end) {
		s->said_end = true;
		out->kind = SUPERVISE_FINISHED;
		return true;
	}
	return false;
}

/* --- facts ------------------------------------------------------------- */

size_t
supervise_count(const struct supervise *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->list[i].wanted;
	return n;
}

size_t
supervise_nready(const struct supervise *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->list[i].wanted && s->list[i].state == STATE_READY;
	return n;
}

int
supervise_code(const struct supervise *s)
{
	return s->code;
}
