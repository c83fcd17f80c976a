/*
 * What nodes say of each other and of the cluster, whatever happens to them:
 * connections that come and go, nodes that are killed or whose host vanishes,
 * managers too, layouts that are read again by one node after the other, while
 * letters between different pairs overtake each other.
 */
#define WORLD_NODES 64
#include "check_members.h"

#include "unit.h"

#define SEEDS 1500
#define STEPS 70
#define NAMES 8
#define LAYOUTS 6
#define NOBODY  SIZE_MAX

static const char *const names[NAMES] = { "manager", "logger-1", "logger-2",
	"proxy-1", "proxy-2", "worker-1", "worker-2", "worker-3" };

/* replay_started or nothing, the manager of logger-1 or nothing, more nodes. */
#define LAYOUT \
	"cluster: test\n" \
	"tls: none\n" \
	"%snodes:\n" \
	"  manager:  {role: manager, host: 127.0.0.1, port: 27761}\n" \
	"  logger-1: {role: logger, host: 127.0.0.1, port: 27762%s}\n" \
	"  proxy-1:  {role: proxy, host: 127.0.0.1, port: 27763}\n" \
	"%s"
#define LOGGER_2 "  logger-2: {role: logger, host: 127.0.0.1, port: 27764}\n"
#define PROXY_2  "  proxy-2:  {role: proxy, host: 127.0.0.1, port: 27765}\n"
#define WORKER_1 "  worker-1: {role: worker, host: 127.0.0.1}\n"
#define WORKER_2 "  worker-2: {role: worker, host: 127.0.0.1}\n"
#define WORKER_3 "  worker-3: {role: worker, host: 127.0.0.1}\n"
#define LISTED \
	"  worker-1: {role: worker, host: 127.0.0.1, " \
	"connect: [logger-1, manager]}\n"

static const char *const others[LAYOUTS] = {
	WORKER_1 WORKER_2,
	PROXY_2 WORKER_1 WORKER_2,
	WORKER_1 WORKER_2 WORKER_3,
	WORKER_1,
	LISTED WORKER_2,
	LOGGER_2 WORKER_1 WORKER_2,
};

/* The manager's last word in a peering. */
enum word { WORD_NONE, WORD_WHOLE, WORD_MISSES };

/* One process. */
struct life {
	size_t layout;
	size_t peer[NAMES]; /* process that is up by that name, or NOBODY */
	unsigned starts;
	bool degraded;
	unsigned whole;     /* manager: times that nothing was missing */
	size_t manager;     /* by whom it was led when it was last restored */
	unsigned restored;  /* ... as often */
	enum word word[WORLD_NODES];
	bool spoken_to; /* a manager told it what Zeek would not */
};

struct history {
	unsigned seed;
	bool reloads, loses, zeek; /* zeek: the manager is a Zeek node */
	struct mu_layout *layouts[LAYOUTS];
	size_t wanted; /* layout that the operator has written */
	size_t now[NAMES]; /* process of that name, or NOBODY */
	struct life lives[WORLD_NODES];
};

#define claim(h, w, a, what) \
	ck_assert_msg(what, "seed %u: %s: not %s", (h)->seed, \
	    (w)->nodes[a].name, #what)

static size_t
number_of(const char *name)
{
	for (size_t i = 0; i < NAMES; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	ck_abort_msg("no node %s", name);
}

static bool
runs(const struct world *w, size_t a)
{
	return a != NOBODY && w->nodes[a].m != NULL;
}

/* --- what is claimed ------------------------------------------------------ */

static void
on_up(struct history *h, struct world *w, size_t a, const struct members_out *o)
{
	size_t *peer = &h->lives[a].peer[number_of(o->name)];
	size_t who = world_by_id(w, &o->id);
	bool stands = w->linked[a][who];
	bool was_down = *peer == NOBODY;

	claim(h, w, a, stands);
	claim(h, w, a, was_down);
	*peer = who;
}

static void
on_down(
    struct history *h, struct world *w, size_t a, const struct members_out *o)
{
	size_t *peer = &h->lives[a].peer[number_of(o->name)];
	bool was_up = *peer == world_by_id(w, &o->id);

	claim(h, w, a, was_up);
	*peer = NOBODY;
}

/* By a manager that lives and is known to be ours the node is led, and says
 * "restored" when that has said so since they met, and no oftener. */
static void
on_restored(struct history *h, struct world *w, size_t a)
{
	struct life *l = &h->lives[a];
	size_t manager = l->peer[0];
	bool was_degraded = l->degraded;

	claim(h, w, a, was_degraded);
	l->degraded = false;
	if (number_of(w->nodes[a].name) == 0)
		l->whole++;
	else if (manager != NOBODY && l->spoken_to) {
		bool manager_said_so = l->word[manager] == WORD_WHOLE;
		bool not_oftener;

		claim(h, w, a, manager_said_so);
		if (l->manager != manager)
			l->restored = 0;
		l->manager = manager;
		not_oftener = ++l->restored <= h->lives[manager].whole;
		claim(h, w, a, not_oftener);
	}
}

static void
watch(struct world *w, size_t a, const struct members_out *o)
{
	struct history *h = w->watcher;
	struct life *l = &h->lives[a];
	bool started_once;

	switch (o->kind) {
	case MEMBERS_NODE_UP:
		on_up(h, w, a, o);
		break;
	case MEMBERS_NODE_DOWN:
		on_down(h, w, a, o);
		break;
	case MEMBERS_STARTED:
		started_once = ++l->starts == 1;
		claim(h, w, a, started_once);
		l->whole++;
		break;
	case MEMBERS_DEGRADED:
		started_once = l->starts == 1;
		claim(h, w, a, started_once);
		l->degraded = true;
		break;
	case MEMBERS_RESTORED:
		on_restored(h, w, a);
		break;
	default:
		break;
	}
}

static bool
is_event(const struct muster_value *v, const char *name)
{
	size_t len;
	const char *is = muster_event_name(v, &len);

	return len == strlen(name) && memcmp(is, name, len) == 0;
}

static bool
heard(struct world *w, const struct letter *l)
{
	struct history *h = w->watcher;
	enum word *word = &h->lives[l->to].word[l->from];
	struct muster_value *v;

	if (number_of(w->nodes[l->from].name) != 0)
		return true;
	/* A Zeek node says none of this. */
	if (h->zeek && memcmp(l->topic, "muster/", 7) == 0)
		return false;
	if (memcmp(l->topic, "muster/", 7) == 0)
		h->lives[l->to].spoken_to = true;
	ck_assert_int_eq(muster_value_dec(l->payload, l->len, &v), 0);
	if (is_event(v, "Muster::cluster_degraded"))
		*word = WORD_MISSES;
	else if (is_event(v, "Muster::cluster_restored"))
		*word = WORD_WHOLE;
	else if (is_event(v, "Muster::cluster_state"))
		*word = muster_value_size(muster_value_at(
			    muster_event_args(v), 1)) > 0
			    ? WORD_MISSES
			    : WORD_WHOLE;
	else if (is_event(v, "Cluster::Experimental::cluster_started") &&
		 *word == WORD_NONE)
		*word = WORD_WHOLE;
	muster_value_unref(v);
	return true;
}

/* Is name one of the entries of a list? */
static bool
lists(const char *list, const char *name)
{
	size_t len = strlen(name);

	for (const char *at = list; (at = strstr(at, name)) != NULL; at += len)
		if ((at == list || (at[-1] == ' ' && at[-2] == ',')) &&
		    (at[len] == ',' || at[len] == '\0'))
			return true;
	return false;
}

/* No letters are on their way: whom the manager has heard believes it. */
static void
agree(struct world *w, struct history *h)
{
	size_t m = h->now[0];
	char *list;

	world_run(w);
	if (!runs(w, m) || !members_started(w->nodes[m].m) || h->zeek)
		return;
	list = missing_of(w, m);
	for (size_t a = 0; a < w->n; a++) {
		char *own;
		bool agrees, degraded;

		if (a == m || !runs(w, a) || h->lives[a].peer[0] != m ||
		    members_name_of(w->nodes[m].m, &w->nodes[a].id) == NULL)
			continue;
		own = missing_of(w, a);
		degraded =
		    members_state(w->nodes[a].m) == MEMBERS_DEGRADED_STATE;
		agrees = lists(list, w->nodes[a].name)
			     ? members_state(w->nodes[a].m) != MEMBERS_RUNNING
			     : strcmp(own, list) == 0 &&
				   degraded == (*list != '\0');
		claim(h, w, a, agrees);
		mu_free(own);
	}
	mu_free(list);
}

/* --- what happens --------------------------------------------------------- */

static void
begin(struct world *w, struct history *h, size_t name, size_t layout)
{
	struct life *l = &h->lives[w->n];

	w->layout = h->layouts[layout];
	if (mu_layout_node(w->layout, names[name]) == NULL)
		return;
	l->layout = layout;
	l->manager = NOBODY;
	for (size_t i = 0; i < NAMES; i++)
		l->peer[i] = NOBODY;
	h->now[name] = world_start(w, names[name]);
	if (name == 0)
		w->nodes[h->now[name]].muster = !h->zeek;
}

static bool
dials(const struct mu_layout *l, const char *from, const char *to)
{
	const struct mu_layout_node *list[NAMES];
	size_t n =
	    mu_layout_connectees(l, mu_layout_node(l, from), list);

	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i]->name, to) == 0)
			return true;
	return false;
}

/* By the layout that it has read; not all at once. */
static void
dial(struct world *w, struct history *h, size_t a)
{
	for (size_t b = 0; b < w->n; b++) {
		if (!runs(w, a) || !runs(w, b) || a == b || w->linked[a][b] ||
		    !dials(h->layouts[h->lives[a].layout], w->nodes[a].name,
			w->nodes[b].name) ||
		    mu_rng_below(&w->rng, 4) == 0)
			continue;
		h->lives[a].word[b] = h->lives[b].word[a] = WORD_NONE;
		world_link(w, a, b);
	}
}

/* Peerings that another layout ends, as the endpoint does. */
static void
reload(struct world *w, struct history *h, size_t a, size_t layout)
{
	const struct mu_layout *old, *l = h->layouts[layout];
	bool ends[WORLD_NODES] = { false };
	struct wnode *n = &w->nodes[a];

	if (!runs(w, a) || mu_layout_node(l, n->name) == NULL ||
	    h->lives[a].layout == layout)
		return;
	old = h->layouts[h->lives[a].layout];
	for (size_t b = 0; b < w->n; b++) {
		const char *name = w->nodes[b].name;

		ends[b] = w->linked[a][b] &&
			  ((h->lives[a].peer[number_of(name)] == b &&
			       mu_layout_node(l, name) == NULL) ||
			      (dials(old, n->name, name) &&
				  !dials(l, n->name, name)));
	}
	n->name = mu_layout_node(l, n->name)->name;
	h->lives[a].layout = layout;
	ck_assert_int_eq(
	    members_reload(n->m, l, mu_layout_node(l, n->name), w->now), 0);
	world_drain(w, a);
	for (size_t b = 0; b < w->n; b++)
		if (ends[b])
			world_cut(w, a, b);
}

static void
replace(struct world *w, struct history *h, size_t name)
{
	size_t a = h->now[name];

	if (w->n + NAMES >= WORLD_NODES)
		return;
	if (runs(w, a)) {
		if (h->loses && mu_rng_below(&w->rng, 2) == 0)
			world_lose(w, a);
		else
			world_kill(w, a);
	}
	begin(w, h, name, h->wanted);
}

/* The silence of hosts that vanished is noticed by all. */
static void
notice(struct world *w)
{
	for (size_t a = 0; a < w->n; a++)
		for (size_t b = 0; b < w->n && !runs(w, a); b++)
			world_cut(w, a, b);
}

static void
pass(struct world *w)
{
	w->now += mu_rng_below(&w->rng, SECOND);
	for (size_t a = 0; a < w->n; a++) {
		if (!runs(w, a) || members_deadline(w->nodes[a].m) > w->now)
			continue;
		members_tick(w->nodes[a].m, w->now);
		world_drain(w, a);
	}
}

static void
something(struct world *w, struct history *h)
{
	size_t name = mu_rng_below(&w->rng, NAMES);
	size_t a = h->now[name], b = h->now[mu_rng_below(&w->rng, NAMES)];

	switch (mu_rng_below(&w->rng, 16)) {
	case 0:
	case 1:
	case 2:
		if (a != NOBODY && b != NOBODY && a != b)
			world_cut(w, a, b);
		break;
	case 3:
		replace(w, h, name);
		break;
	case 4:
		if (h->reloads && mu_rng_below(&w->rng, 3) == 0)
			h->wanted = mu_rng_below(&w->rng, LAYOUTS);
		break;
	case 5:
	case 6:
		if (a != NOBODY)
			reload(w, h, a, h->wanted);
		break;
	case 7:
		pass(w);
		break;
	case 8:
		if (mu_rng_below(&w->rng, 4) == 0)
			agree(w, h);
		break;
	case 9:
		notice(w);
		break;
	default:
		if (a != NOBODY)
			dial(w, h, a);
	}
	for (size_t k = mu_rng_below(&w->rng, 9); k > 0; k--)
		(void)world_step(w);
}

/* Everybody runs, by one layout, and is connected. */
static void
settle(struct world *w, struct history *h)
{
	notice(w);
	for (size_t i = 0; i < NAMES; i++) {
		bool wanted =
		    mu_layout_node(h->layouts[h->wanted], names[i]) != NULL;

		if (!wanted && runs(w, h->now[i]))
			world_kill(w, h->now[i]);
		else if (wanted && !runs(w, h->now[i]))
			begin(w, h, i, h->wanted);
		else if (wanted)
			reload(w, h, h->now[i], h->wanted);
		(void)world_step(w);
	}
	for (unsigned i = 0; i < 10; i++) {
		for (size_t k = 0; k < NAMES; k++)
			if (h->now[k] != NOBODY)
				dial(w, h, h->now[k]);
		world_run(w);
	}
}

static void
all_is_well(struct world *w, struct history *h)
{
	for (size_t a = 0; a < w->n; a++) {
		char *list;
		bool well;

		if (!runs(w, a))
			continue;
		list = missing_of(w, a);
		well = *list == '\0' &&
		       members_state(w->nodes[a].m) == MEMBERS_RUNNING;
		/* A Zeek manager tells no latecomer of the start. */
		if (h->zeek &&
		    members_state(w->nodes[a].m) == MEMBERS_STARTING)
			well = true;
		claim(h, w, a, well);
		mu_free(list);
	}
}

static void
open_layouts(struct world *w, struct history *h)
{
	bool replay = mu_rng_below(&w->rng, 2) == 0;
	bool told = mu_rng_below(&w->rng, 2) == 0;
	char yaml[2000];

	for (size_t i = 0; i < LAYOUTS; i++) {
		snprintf(yaml, sizeof yaml, LAYOUT,
		    replay ? "replay_started: true\n" : "",
		    told ? ", manager: manager" : "", others[i]);
		h->layouts[i] = world_layout(yaml);
	}
}

static void
live(unsigned seed)
{
	struct world *w = world_open(FIVE);
	struct mu_layout *own = w->layout;
	struct history *h = calloc(1, sizeof *h);

	ck_assert_ptr_nonnull(h);
	mu_rng_init(&w->rng, seed);
	h->seed = seed;
	h->reloads = seed % 2 == 0;
	h->loses = seed / 2 % 2 == 0;
	h->zeek = seed / 4 % 8 == 0;
	w->watch = watch;
	w->heard = heard;
	w->watcher = h;
	w->shuffle = true;
	open_layouts(w, h);
	for (size_t i = 0; i < NAMES; i++) {
		h->now[i] = NOBODY;
		begin(w, h, i, 0);
	}
	for (unsigned i = 0; i < STEPS; i++)
		something(w, h);
	settle(w, h);
	all_is_well(w, h);
	for (unsigned i = 0; i < 3; i++)
		something(w, h);
	agree(w, h);
	w->watch = NULL;
	w->heard = NULL;
	w->layout = own;
	world_close(w);
	for (size_t i = 0; i < LAYOUTS; i++)
		mu_layout_free(h->layouts[i]);
	free(h);
}

START_TEST(nodes_say_what_is_so_after_any_history)
{
	for (unsigned seed = 0; seed < SEEDS; seed++)
		live(seed);
}
END_TEST

static Suite *
members_history_suite(void)
{
	Suite *s = suite_create("members_history");
	TCase *t = tcase_create("history");

	tcase_set_timeout(t, 300);
	tcase_add_test(t, nodes_say_what_is_so_after_any_history);
	suite_add_tcase(s, t);
	return s;
}

int
main(void)
{
	return unit_run(members_history_suite());
}
