/* What is asked of the stores, by whom, when, and what came of it. */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "muster/err.h"
#include "muster/value.h"

#define SLOTS      4 /* keys that are put and erased by everybody */
#define UNIQUES    6
#define TRIES      20
#define CLEAR_ONLY "mem" /* the store that is cleared now and then */

/* How often each kind is asked, of 100. */
static const struct {
	enum ask_kind kind;
	unsigned weight;
	const char *name;
} kinds[] = {
	{ ASK_PUT, 20, "put" },
	{ ASK_ERASE, 5, "erase" },
	{ ASK_ADD, 10, "sum" },
	{ ASK_PUSH, 10, "log" },
	{ ASK_INSERT, 8, "set" },
	{ ASK_REMOVE, 4, "set" },
	{ ASK_UNIQUE, 6, "unique" },
	{ ASK_SWAP, 10, "swap" },
	{ ASK_EXPIRING, 10, "expiring" },
	{ ASK_GET, 16, "get" },
	{ ASK_CLEAR, 1, "clear" },
};

const char *
ask_name(enum ask_kind kind)
{
	size_t i;

	for (i = 0; kinds[i].kind != kind; i++)
		;
	return kinds[i].name;
}

struct muster_value *
ask_key(enum ask_kind kind, size_t slot)
{
	char text[40];
	struct muster_value *v;

	if (kind == ASK_ERASE)
		kind = ASK_PUT;
	switch (kind) {
	case ASK_PUT:
	case ASK_UNIQUE:
	case ASK_EXPIRING:
		snprintf(text, sizeof text, "%s%zu", ask_name(kind), slot);
		break;
	default:
		snprintf(text, sizeof text, "%s", ask_name(kind));
	}
	v = muster_value_cstring(text);
	if (v == NULL)
		abort();
	return v;
}

static size_t
new_ask(struct sim *s, enum ask_kind kind, struct node *n, size_t row)
{
	struct ask *a;

	if (s->nasks == s->asks_cap) {
		s->asks_cap = s->asks_cap == 0 ? 1024 : 2 * s->asks_cap;
		s->asks = realloc(s->asks, s->asks_cap * sizeof *s->asks);
		if (s->asks == NULL)
			abort();
	}
	a = &s->asks[s->nasks];
	memset(a, 0, sizeof *a);
	a->kind = kind;
	a->of = kind;
	a->node = n;
	a->life = n->life;
	a->row = row;
	a->expected = NO_ASK;
	a->start = s->now;
	a->end = UINT64_MAX;
	return s->nasks++;
}

/* --- what to ask ---------------------------------------------------------- */

/* The last ask of a kind at this node that is good for something. */
static size_t
find_back(const struct sim *s, const struct ask *me, enum ask_kind kind,
    enum fate fate)
{
	size_t i;

	for (i = (size_t)(me - s->asks); i-- > 0;) {
		const struct ask *a = &s->asks[i];

		if (a->kind == kind && a->node == me->node &&
		    a->row == me->row && a->fate == fate)
			return i;
	}
	return NO_ASK;
}

/* What this node believes the swapped key to hold: its own swap, or what it
 * read last. */
static size_t
believed(const struct sim *s, const struct ask *me)
{
	size_t i;

	for (i = (size_t)(me - s->asks); i-- > 0;) {
		const struct ask *a = &s->asks[i];

		if (a->node != me->node || a->row != me->row ||
		    a->fate != FATE_HAPPENED)
			continue;
		if (a->kind == ASK_SWAP)
			return i;
		if (a->kind == ASK_GET && a->of == ASK_SWAP)
			return a->expected;
	}
	return NO_ASK;
}

/* What to read: mostly keys that were written. */
static void
choose_read(struct sim *s, struct ask *a)
{
	static const enum ask_kind of[] = { ASK_PUT, ASK_SWAP, ASK_EXPIRING,
		ASK_UNIQUE, ASK_SWAP };
	size_t i;

	a->of = of[mu_rng_below(&s->rng, sizeof of / sizeof of[0])];
	if (a->of == ASK_PUT)
		a->slot = mu_rng_below(&s->rng, SLOTS);
	if (a->of == ASK_UNIQUE)
		a->slot = mu_rng_below(&s->rng, UNIQUES);
	if (a->of == ASK_EXPIRING) {
		i = find_back(s, a, ASK_EXPIRING, FATE_HAPPENED);
		if (i == NO_ASK)
			a->of = ASK_PUT;
		else
			a->slot = i;
	}
}

static void
choose(struct sim *s, size_t self)
{
	struct ask *a = &s->asks[self];

	switch (a->kind) {
	case ASK_PUT:
	case ASK_ERASE:
		a->slot = mu_rng_below(&s->rng, SLOTS);
		break;
	case ASK_UNIQUE:
		a->slot = mu_rng_below(&s->rng, UNIQUES);
		break;
	case ASK_ADD:
		a->amount = 1 + mu_rng_below(&s->rng, 9);
		break;
	case ASK_REMOVE:
		a->slot = find_back(s, a, ASK_INSERT, FATE_HAPPENED);
		if (a->slot == NO_ASK)
			a->kind = a->of = ASK_INSERT;
		break;
	case ASK_SWAP:
		a->expected = believed(s, a);
		break;
	case ASK_EXPIRING:
		a->slot = self;
		a->amount = 100 * MS + mu_rng_below(&s->rng, 8 * SECOND);
		break;
	case ASK_GET:
		choose_read(s, a);
		break;
	default:
		break;
	}
}

/* --- asking --------------------------------------------------------------- */

static const struct {
	enum ask_kind kind;
	enum mu_store_op op;
	enum muster_type init;
} ops[] = {
	{ ASK_PUT, MU_STORE_PUT, 0 },
	{ ASK_ERASE, MU_STORE_ERASE, 0 },
	{ ASK_ADD, MU_STORE_ADD, MUSTER_COUNT },
	{ ASK_PUSH, MU_STORE_ADD, MUSTER_VECTOR },
	{ ASK_INSERT, MU_STORE_ADD, MUSTER_SET },
	{ ASK_REMOVE, MU_STORE_SUBTRACT, 0 },
	{ ASK_UNIQUE, MU_STORE_PUT_UNIQUE, 0 },
	{ ASK_SWAP, MU_STORE_PUT_IF, 0 },
	{ ASK_EXPIRING, MU_STORE_PUT, 0 },
	{ ASK_GET, MU_STORE_GET, 0 },
	{ ASK_CLEAR, MU_STORE_CLEAR, 0 },
};

static void
send_ask(struct sim *s, size_t self)
{
	struct ask *a = &s->asks[self];
	struct mu_store_request req = { .id = self };
	struct muster_value *key = NULL, *value = NULL, *expected = NULL;
	struct node *n = a->node;
	int rc;

	req.op = ops[a->kind].op;
	req.init_type = ops[a->kind].init;
	req.timeout_ns = SECOND + mu_rng_below(&s->rng, 9 * SECOND);
	if (a->kind != ASK_CLEAR)
		key = ask_key(a->of, a->slot);
	if (a->kind != ASK_CLEAR && a->kind != ASK_ERASE && a->kind != ASK_GET)
		value = muster_value_count(a->kind == ASK_ADD      ? a->amount
					   : a->kind == ASK_REMOVE ? a->slot
								   : self);
	if (a->kind == ASK_SWAP && a->expected != NO_ASK)
		expected = muster_value_count(a->expected);
	if (a->kind == ASK_EXPIRING)
		req.expiry_ns = (int64_t)a->amount;
	req.key = key;
	req.value = value;
	req.expected = expected;
	rc = stores_request(n->stores, s->layout->stores[a->row].name, &req, n,
	    s->now, sim_wall(s));
	if (rc != 0)
		fail(s, "%s: a request gives %d", n->row->name, rc);
	muster_value_unref(key);
	muster_value_unref(value);
	muster_value_unref(expected);
	node_drain(n);
}

static enum ask_kind
random_kind(struct sim *s)
{
	uint64_t at = mu_rng_below(&s->rng, 100);
	size_t i = 0;

	while (at >= kinds[i].weight)
		at -= kinds[i++].weight;
	return kinds[i].kind;
}

void
ask_random(struct sim *s)
{
	enum ask_kind kind = random_kind(s);
	unsigned i;

	for (i = 0; i < TRIES; i++) {
		struct node *n = sim_any_node(s);
		size_t row = mu_rng_below(&s->rng, s->layout->nstores), self;
		bool master;

		if (n->stores == NULL || n->stopped ||
		    !node_has_store(n, row, &master))
			continue;
		if (kind == ASK_CLEAR &&
		    strcmp(s->layout->stores[row].name, CLEAR_ONLY) != 0)
			continue;
		self = new_ask(s, kind, n, row);
		choose(s, self);
		send_ask(s, self);
		return;
	}
}

/* --- answers -------------------------------------------------------------- */

static enum fate
fate_of(enum mu_store_status status)
{
	switch (status) {
	case MU_STORE_OK:
		return FATE_HAPPENED;
	case MU_STORE_TIMEOUT:
	case MU_STORE_CLOSED:
		return FATE_UNKNOWN;
	default:
		return FATE_FAILED;
	}
}

void
ask_answered(struct node *n, const struct stores_out *out)
{
	struct sim *s = n->sim;
	struct ask *a;

	if (out->what.id >= s->nasks) {
		fail(s, "%s: an answer to nothing", n->row->name);
		return;
	}
	a = &s->asks[out->what.id];
	if (a->fate != FATE_OPEN || a->node != n || a->life != n->life) {
		fail(s, "%s: a request is answered twice", n->row->name);
		return;
	}
	if (s->verbose)
		printf("%10.6f %s: %s: request %llu, %s, asked at %.6f: %s\n",
		    (double)s->now / 1e9, n->row->name, out->name,
		    (unsigned long long)out->what.id, ask_name(a->kind),
		    (double)a->start / 1e9,
		    mu_store_status_name(out->what.status));
	a->status = out->what.status;
	a->fate = fate_of(a->status);
	a->end = s->now;
	if (a->kind == ASK_GET)
		oracle_read(s, a, out->what.result);
	else if (a->fate == FATE_FAILED && a->seen && !oracle_loses(s, a->row))
		fail(s, "%s: a clone showed request %llu, %s, which failed",
		    n->row->name, (unsigned long long)out->what.id,
		    ask_name(a->kind));
}

void
asks_orphan(struct node *n)
{
	struct sim *s = n->sim;
	size_t i;

	for (i = 0; i < s->nasks; i++)
		if (s->asks[i].node == n && s->asks[i].fate == FATE_OPEN)
			s->asks[i].fate = FATE_UNKNOWN;
}

bool
asks_open(const struct sim *s, size_t *which)
{
	for (*which = 0; *which < s->nasks; ++*which)
		if (s->asks[*which].fate == FATE_OPEN)
			return true;
	return false;
}
