/*
 * A master and four clones on virtual time, joined by links that delay and
 * break, on a disk that is slow and fails, in a process that is killed.  Two
 * of the clones speak our own messages, two those of Broker's clones; the
 * master sometimes forgets who wrote.  The same seed gives the same run.
 *
 * At rest every copy equals the master's; every write acknowledged is there,
 * once; a put_unique has one winner; what expired is gone everywhere.
 */
#include <check.h>

#include "store_disk.h"

#include <stdio.h>

#include "base/rng.h"
#include "store/clone.h"
#include "store/entry.h"
#include "store/master.h"
#include "unit.h"

#define NCLONES 4
#define MS      UINT64_C(1000000)
#define SECOND  UINT64_C(1000000000)
#define NUNIQUE 6
#define NSLOTS  12
#define WALL    INT64_C(1700000000000000000)

struct message {
	struct message *next;
	uint64_t at;
	size_t len;
	uint8_t data[];
};

struct link {
	struct message *queue[2]; /* 0: to the master */
	uint64_t last[2];
	bool up;
};

enum kind { KIND_PUT, KIND_ADD, KIND_UNIQUE, KIND_OTHER, KIND_READ };

struct ask {
	enum kind kind;
	unsigned clone;  /* NCLONES: at the master */
	uint64_t number; /* of the put, amount, or which unique */
	bool done;
	enum mu_store_status status;
};

static struct {
	struct mu_rng rng;
	uint64_t now;
	struct mu_backend *platter;
	struct disk *disk;
	struct mu_master *master;
	struct mu_clone *clones[NCLONES];
	struct link links[NCLONES];
	struct ask asks[4000];
	uint64_t nasks;
	uint64_t commit_at;
	bool failing; /* commits may fail */
	bool killing;
	bool late; /* what is acknowledged may not be on the disk */
	bool calm;
	uint64_t nput;
	unsigned expired_at_master, expired_at_clones;
	unsigned nstatus[MU_STORE_NSTATUS];
	unsigned kills, cuts, undone;
} w;

static struct mu_store_now
clock_now(void)
{
	struct mu_store_now now = { w.now, WALL + (int64_t)w.now };

	return now;
}

static struct mu_entity
entity(unsigned n)
{
	struct mu_entity e = { { { (uint8_t)(0x10 + n) } }, 8 };

	if (n != NCLONES)
		e.object = (uint64_t)(n + 1) << 20;
	return e;
}

static bool
is_ours(unsigned clone)
{
	return clone < 2;
}

/* --- links ------------------------------------------------------------- */

static void
post(unsigned clone, int dir, const uint8_t *data, size_t len)
{
	struct link *l = &w.links[clone];
	struct message *m, **at = &l->queue[dir];
	uint64_t when = w.now + mu_rng_below(&w.rng, 30 * MS);

	if (!l->up)
		return;
	m = malloc(sizeof *m + len);
	m->next = NULL;
	m->len = len;
	memcpy(m->data, data, len);
	m->at = when > l->last[dir] ? when : l->last[dir];
	l->last[dir] = m->at;
	while (*at != NULL)
		at = &(*at)->next;
	*at = m;
}

static void
empty(struct link *l)
{
	for (int dir = 0; dir < 2; dir++)
		while (l->queue[dir] != NULL) {
			struct message *m = l->queue[dir];

			l->queue[dir] = m->next;
			free(m);
		}
}

static void
cut(unsigned clone)
{
	struct mu_store_now now = clock_now();

	empty(&w.links[clone]);
	w.links[clone].up = false;
	mu_clone_set_master(w.clones[clone], NULL, false, &now);
}

static void
join(unsigned clone)
{
	struct mu_store_now now = clock_now();
	struct mu_entity e = entity(NCLONES);

	w.links[clone].up = true;
	mu_clone_set_master(w.clones[clone], &e.endpoint, is_ours(clone), &now);
}

/* --- consequences ------------------------------------------------------ */

static void
on_done(const struct mu_store_out *out)
{
	struct ask *a;

	ck_assert_uint_lt(out->id, w.nasks);
	a = &w.asks[out->id];
	ck_assert_msg(!a->done, "answered twice");
	a->done = true;
	a->status = out->status;
	w.nstatus[out->status]++;
}

static void
drain_master(void)
{
	struct mu_store_out out;

	if (w.master == NULL)
		return;
	mu_master_flush(w.master);
	while (mu_master_next(w.master, &out)) {
		if (out.kind == MU_STORE_DONE)
			on_done(&out);
		if (out.kind == MU_STORE_EVENT && out.event == MU_STORE_EXPIRED)
			w.expired_at_master++;
		if (getenv("MODEL_LOG") != NULL && out.kind == MU_STORE_LOG)
			fprintf(stderr, "%.3f master: %s\n",
			    (double)w.now / 1e9, out.text);
		for (unsigned i = 0; i < NCLONES; i++) {
			struct mu_entity e = entity(i);

			if (out.kind == MU_STORE_SEND &&
			    (out.receiver == NULL ||
				mu_uuid_eq(out.receiver, &e.endpoint)))
				post(i, 1, out.payload, out.len);
		}
	}
}

static void
drain_clone(unsigned i)
{
	struct mu_store_out out;

	mu_clone_flush(w.clones[i]);
	while (mu_clone_next(w.clones[i], &out)) {
		if (out.kind == MU_STORE_SEND)
			post(i, 0, out.payload, out.len);
		if (out.kind == MU_STORE_DONE)
			on_done(&out);
		if (out.kind == MU_STORE_EVENT && out.event == MU_STORE_EXPIRED)
			w.expired_at_clones++;
		if (getenv("MODEL_LOG") != NULL && out.kind == MU_STORE_LOG)
			fprintf(stderr, "%.3f clone %u: %s\n",
			    (double)w.now / 1e9, i, out.text);
		if (getenv("MODEL_LOG") != NULL && out.kind == MU_STORE_STATE)
			fprintf(stderr, "%.3f clone %u: state %d %u\n",
			    (double)w.now / 1e9, i, (int)out.state,
			    out.percent);
	}
}

/* --- processes --------------------------------------------------------- */

static void
start_master(void)
{
	struct mu_store_now now = clock_now();
	struct mu_master_config config;

	mu_master_config_init(&config);
	config.entity = entity(NCLONES);
	config.epoch = 1 + mu_rng_u64(&w.rng) / 2;
	config.resume = true;
	config.may_lose = w.late;
	config.chunk_bytes = 1 + mu_rng_below(&w.rng, 200);
	config.limits.keep_actions = mu_rng_below(&w.rng, 60);
	config.limits.keep_bytes = 1u << 20;
	w.disk = disk_open(w.platter);
	w.disk->interval = w.late;
	w.master = mu_master_new(&config, &w.disk->base, &now);
	ck_assert_ptr_nonnull(w.master);
	w.commit_at = 0;
	for (unsigned i = 0; i < NCLONES; i++)
		join(i);
}

/* More clones wrote than a master remembers: it knows none of our kind.  (Those
 * of Broker's send again what was not acknowledged, whoever forgets.) */
static void
forget_writers(void)
{
	struct mu_bytes record;
	uint8_t another[32];

	memset(another, 0xff, sizeof another);
	for (unsigned i = 0; i < 1024; i++) {
		uint8_t raw[3] = { 'w', (uint8_t)(i >> 8), (uint8_t)i };
		struct mu_bytes key = { raw, sizeof raw };
		struct mu_bytes value = { another, sizeof another };

		if (w.platter->ops->meta_get(w.platter, key, &record) != 0 ||
		    is_ours(record.at[0] - 0x10u))
			w.platter->ops->meta_put(w.platter, key, value);
	}
}

/* A killed process answers nobody: its own callers died with it. */
static void
kill_master(void)
{
	for (unsigned i = 0; i < NCLONES; i++)
		cut(i);
	for (uint64_t i = 0; i < w.nasks; i++)
		if (w.asks[i].clone == NCLONES && !w.asks[i].done) {
			w.asks[i].done = true;
			w.asks[i].status = MU_STORE_TIMEOUT;
		}
	/* Some commits were done, and nobody was told. */
	if (mu_rng_below(&w.rng, 2) == 0)
		disk_commit(w.disk, w.disk->sealed);
	if (mu_rng_below(&w.rng, 4) == 0)
		forget_writers();
	mu_master_free(w.master);
	w.master = NULL;
	w.kills++;
}

static void
start_clone(unsigned i)
{
	struct mu_store_now now = clock_now();
	struct mu_clone_config config;

	mu_clone_config_init(&config);
	config.entity = entity(i);
	config.max_aside = 1 + mu_rng_below(&w.rng, 3000);
	w.clones[i] = mu_clone_new(&config, mu_backend_memory_new(0), &now);
	ck_assert_ptr_nonnull(w.clones[i]);
}

/* --- requests ---------------------------------------------------------- */

static void
request(struct ask ask, struct mu_store_request *req)
{
	struct mu_store_now now = clock_now();

	if (w.nasks == sizeof w.asks / sizeof w.asks[0])
		return;
	if (ask.clone == NCLONES && w.master == NULL)
		ask.clone = 0;
	req->id = w.nasks;
	req->timeout_ns = 5 * SECOND;
	w.asks[w.nasks++] = ask;
	if (ask.clone == NCLONES)
		ck_assert_int_eq(mu_master_request(w.master, req, &now), 0);
	else
		ck_assert_int_eq(
		    mu_clone_request(w.clones[ask.clone], req, &now), 0);
}

static struct muster_value *
text(const char *prefix, uint64_t n)
{
	char buf[40];

	snprintf(buf, sizeof buf, "%s%llu", prefix, (unsigned long long)n);
	return muster_value_cstring(buf);
}

static void
random_request(void)
{
	struct ask ask = {
		.clone = (unsigned)mu_rng_below(&w.rng, NCLONES + 1),
	};
	struct mu_store_request req = { 0 };
	struct muster_value *key = NULL, *value = NULL;

	switch (mu_rng_below(&w.rng, 8)) {
	case 0:
	case 1: /* kept for ever */
		ask.kind = KIND_PUT;
		ask.number = w.nput++;
		key = text("put", ask.number);
		value = muster_value_count(ask.number);
		req.op = MU_STORE_PUT;
		break;
	case 2:
		ask.kind = KIND_ADD;
		ask.number = 1 + mu_rng_below(&w.rng, 9);
		key = muster_value_cstring("sum");
		value = muster_value_count(ask.number);
		req.op = MU_STORE_ADD;
		req.init_type = MUSTER_COUNT;
		break;
	case 3:
		ask.kind = KIND_UNIQUE;
		ask.number = mu_rng_below(&w.rng, NUNIQUE);
		key = text("unique", ask.number);
		value = muster_value_count(w.nasks);
		req.op = MU_STORE_PUT_UNIQUE;
		break;
	case 4:
		ask.kind = KIND_OTHER;
		key = text("slot", mu_rng_below(&w.rng, NSLOTS));
		req.op = MU_STORE_ERASE;
		break;
	case 5:
		ask.kind = KIND_READ;
		key = text("slot", mu_rng_below(&w.rng, NSLOTS));
		req.op = MU_STORE_GET;
		break;
	default:
		ask.kind = KIND_OTHER;
		key = text("slot", mu_rng_below(&w.rng, NSLOTS));
		value = muster_value_count(mu_rng_below(&w.rng, 1000));
		req.op = MU_STORE_PUT;
		if (mu_rng_below(&w.rng, 3) == 0)
			req.expiry_ns =
			    (int64_t)mu_rng_below(&w.rng, 3 * SECOND);
	}
	req.key = key;
	req.value = value;
	request(ask, &req);
	muster_value_unref(key);
	muster_value_unref(value);
}

/* --- time -------------------------------------------------------------- */

static void
deliver(unsigned i, int dir)
{
	struct mu_store_now now = clock_now();
	struct message *m;

	while ((m = w.links[i].queue[dir]) != NULL && m->at <= w.now) {
		w.links[i].queue[dir] = m->next;
		if (dir == 0 && w.master != NULL)
			ck_assert_int_eq(
			    mu_master_feed(w.master, m->data, m->len, &now), 0);
		if (dir == 1)
			ck_assert_int_eq(
			    mu_clone_feed(w.clones[i], m->data, m->len, &now),
			    0);
		free(m);
	}
}

static void
move_disk(void)
{
	if (w.master == NULL || w.now < w.commit_at)
		return;
	w.commit_at = w.now + mu_rng_below(&w.rng, 50 * MS);
	if (w.disk->sealed == w.disk->durable)
		return;
	if (w.failing && !w.calm && mu_rng_below(&w.rng, 40) == 0) {
		w.disk->fail = MUSTER_ELIMIT;
		w.undone++;
	} else {
		disk_commit(w.disk, w.disk->sealed);
	}
}

static void
disturb(void)
{
	unsigned i = (unsigned)mu_rng_below(&w.rng, NCLONES);

	if (w.master == NULL) {
		if (mu_rng_below(&w.rng, 100) == 0)
			start_master();
		return;
	}
	if (mu_rng_below(&w.rng, 300) == 0) {
		w.cuts += w.links[i].up;
		if (w.links[i].up)
			cut(i);
		else
			join(i);
	}
	if (w.killing && mu_rng_below(&w.rng, 2000) == 0)
		kill_master();
}

static void
step(void)
{
	struct mu_store_now now;

	w.now += 10 * MS;
	now = clock_now();
	if (!w.calm) {
		disturb();
		if (mu_rng_below(&w.rng, 4) == 0)
			random_request();
	}
	move_disk();
	for (unsigned i = 0; i < NCLONES; i++)
		deliver(i, 0);
	if (w.master != NULL && now.mono >= mu_master_deadline(w.master))
		mu_master_tick(w.master, &now);
	drain_master();
	for (unsigned i = 0; i < NCLONES; i++) {
		deliver(i, 1);
		if (now.mono >= mu_clone_deadline(w.clones[i]))
			mu_clone_tick(w.clones[i], &now);
		drain_clone(i);
	}
}

/* --- what must hold ---------------------------------------------------- */

/* A KEYS and GETs through the doors, as a caller would. */
static void
contents(struct mu_buf *b, unsigned where)
{
	struct mu_store_request req = { .id = w.nasks, .op = MU_STORE_KEYS };
	struct muster_value *keys = NULL;
	struct mu_store_now now = clock_now();
	struct mu_store_out out;

	for (size_t i = 0; keys == NULL || i < muster_value_size(keys);) {
		bool found = false;

		if (keys != NULL)
			req.key = muster_value_at(keys, i++);
		if (where == NCLONES)
			mu_master_request(w.master, &req, &now);
		else
			mu_clone_request(w.clones[where], &req, &now);
		while (where == NCLONES
			   ? mu_master_next(w.master, &out)
			   : mu_clone_next(w.clones[where], &out)) {
			uint8_t *bytes;
			size_t len;

			if (out.kind != MU_STORE_DONE)
				continue;
			ck_assert_msg(out.status == MU_STORE_OK,
			    "at rest %u says %s", where,
			    mu_store_status_name(out.status));
			muster_value_enc(out.result, &bytes, &len);
			mu_buf_put(b, bytes, len);
			free(bytes);
			found = true;
			if (req.op == MU_STORE_KEYS)
				keys = muster_value_ref(out.result);
		}
		ck_assert_msg(found, "%u does not answer at rest", where);
		req.op = MU_STORE_GET;
	}
	muster_value_unref(keys);
}

static struct muster_value *
lookup(const char *prefix, uint64_t n)
{
	struct muster_value *key = text(prefix, n), *value = NULL;
	struct mu_buf b;

	if (n == UINT64_MAX) {
		muster_value_unref(key);
		key = muster_value_cstring(prefix);
	}
	mu_buf_init(&b, 0);
	mu_entry_key(&b, key);
	mu_entry_get(&w.disk->base, mu_bytes_of(&b), &value);
	mu_buf_clear(&b);
	muster_value_unref(key);
	return value;
}

static void
check_asks(uint64_t seed)
{
	uint64_t sure = 0, maybe = 0, total, winners[NUNIQUE] = { 0 };
	struct muster_value *v;

	for (uint64_t i = 0; i < w.nasks; i++) {
		const struct ask *a = &w.asks[i];
		bool ok = a->status == MU_STORE_OK;

		ck_assert_msg(a->done,
		    "seed %llu: request %llu of %u is not "
		    "answered",
		    (unsigned long long)seed, (unsigned long long)i, a->clone);
		if (a->kind == KIND_ADD && ok)
			sure += a->number;
		if (a->kind == KIND_ADD && a->status == MU_STORE_TIMEOUT)
			maybe += a->number;
		if (a->kind == KIND_UNIQUE && ok) {
			v = lookup("unique", a->number);
			ck_assert_msg(winners[a->number]++ == 0,
			    "seed %llu: two winners", (unsigned long long)seed);
			ck_assert(v != NULL && muster_value_get_count(v) == i);
			muster_value_unref(v);
		}
		if (a->kind == KIND_PUT && ok) {
			v = lookup("put", a->number);
			ck_assert_msg(
			    v != NULL && muster_value_get_count(v) == a->number,
			    "seed %llu: put %llu of %u is lost",
			    (unsigned long long)seed,
			    (unsigned long long)a->number, a->clone);
			muster_value_unref(v);
		}
	}
	v = lookup("sum", UINT64_MAX);
	total = v == NULL ? 0 : muster_value_get_count(v);
	ck_assert_msg(total >= sure && total <= sure + maybe,
	    "seed %llu: sum is not between %llu and %llu",
	    (unsigned long long)seed, (unsigned long long)sure,
	    (unsigned long long)(sure + maybe));
	muster_value_unref(v);
}

static void
check_copies(uint64_t seed)
{
	struct mu_buf want, got;

	mu_buf_init(&want, 0);
	contents(&want, NCLONES);
	for (unsigned i = 0; i < NCLONES; i++) {
		struct mu_clone_stats stats;

		mu_clone_stats(w.clones[i], &stats);
		ck_assert_msg(stats.state == MU_STORE_FRESH,
		    "seed %llu: clone %u is in state %d at rest",
		    (unsigned long long)seed, i, (int)stats.state);
		mu_buf_init(&got, 0);
		contents(&got, i);
		ck_assert_msg(mu_buf_len(&want) == mu_buf_len(&got) &&
				  memcmp(mu_buf_data(&want), mu_buf_data(&got),
				      mu_buf_len(&want)) == 0,
		    "seed %llu: clone %u differs", (unsigned long long)seed, i);
		mu_buf_clear(&got);
	}
	mu_buf_clear(&want);
}

static void
run(uint64_t seed, bool killing, bool failing, bool late)
{
	memset(&w, 0, sizeof w);
	mu_rng_init(&w.rng, seed);
	w.now = SECOND;
	w.killing = killing;
	w.failing = failing;
	w.late = late;
	w.platter = mu_backend_memory_new(0);
	for (unsigned i = 0; i < NCLONES; i++)
		start_clone(i);
	start_master();
	for (unsigned i = 0; i < 1500; i++)
		step();
	w.calm = true;
	if (w.master == NULL)
		start_master();
	for (unsigned i = 0; i < NCLONES; i++)
		if (!w.links[i].up)
			join(i);
	for (unsigned i = 0; i < 4000; i++)
		step();
	if (!late)
		check_asks(seed);
	check_copies(seed);
	if (getenv("MODEL_LOG") != NULL)
		for (unsigned i = 0; i < MU_STORE_NSTATUS; i++)
			fprintf(stderr, "%s: %u\n", mu_store_status_name(i),
			    w.nstatus[i]);
	for (unsigned i = 0; i < NCLONES; i++) {
		empty(&w.links[i]);
		mu_clone_free(w.clones[i]);
	}
	mu_master_free(w.master);
	w.platter->ops->close(w.platter);
}

static uint64_t
nseeds(void)
{
	const char *n = getenv("MODEL_SEEDS");

	return n == NULL ? 30 : strtoull(n, NULL, 10);
}

static uint64_t
first_seed(void)
{
	const char *n = getenv("MODEL_SEED");

	return n == NULL ? 1 : strtoull(n, NULL, 10);
}

START_TEST(links_break)
{
	for (uint64_t i = 0; i < nseeds(); i++)
		run(first_seed() + i, false, false, false);
}
END_TEST

START_TEST(the_master_is_killed)
{
	for (uint64_t i = 0; i < nseeds(); i++)
		run(first_seed() + i, true, false, false);
}
END_TEST

START_TEST(commits_fail_too)
{
	for (uint64_t i = 0; i < nseeds(); i++)
		run(first_seed() + i, true, true, false);
}
END_TEST

/* Then some of it is lost, but for all alike. */
START_TEST(what_is_acknowledged_is_not_on_the_disk)
{
	for (uint64_t i = 0; i < nseeds(); i++)
		run(first_seed() + i, true, false, true);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("store_model");
	TCase *tc = tcase_create("model");

	tcase_set_timeout(tc, 0);
	tcase_add_test(tc, links_break);
	tcase_add_test(tc, the_master_is_killed);
	tcase_add_test(tc, commits_fail_too);
	tcase_add_test(tc, what_is_acknowledged_is_not_on_the_disk);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
