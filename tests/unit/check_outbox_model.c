/*
 * The outbox, a disk that crashes, a network that loses and loggers that die,
 * by chance: whatever happens, each accepted record is in the loggers' files
 * exactly once, in order if there is one logger, and no refused one is.  What
 * nobody answered for before a crash is there at most once.  Where loggers are
 * given up, or the spool drops, more and fewer are there, but not more and not
 * fewer than was counted.
 *
 * A seed that fails is printed; CK_SEED=n runs that one alone, CK_SEEDS=n so
 * many of each kind.
 */
#include "outbox_world.h"
#include "unit.h"

/* --- chance -------------------------------------------------------------- */

static void
one_logger(struct world *w)
{
	struct model_logger *l =
	    &w->loggers[mu_rng_below(&w->rng, w->nloggers)];
	struct message *m;

	if (!l->linked) {
		if (chance(w, 3))
			link_logger(w, l);
		return;
	}
	switch (mu_rng_below(&w->rng, 40)) {
	case 0:
		logger_crash(w, l);
		return;
	case 1:
		unlink_logger(w, l);
		return;
	case 2:
		l->refusing = !l->refusing && chance(w, 3);
		return;
	default:
		break;
	}
	if (chance(w, 2)) {
		m = pipe_get(&l->in);
		if (m != NULL)
			logger_feed(w, l, m);
		free(m);
	}
	if (chance(w, 3))
		logger_commit(l);
	m = chance(w, 2) ? pipe_get(&l->out) : NULL;
	if (m != NULL && !chance(w, 20))
		ck_assert_int_eq(
		    outbox_answer(w->o, l->name, m->bytes, m->len, w->now), 0);
	free(m);
}

static void
step(struct world *w)
{
	switch (mu_rng_below(&w->rng, 12)) {
	case 0:
	case 1:
		add(w);
		break;
	case 2:
		w->now += mu_rng_below(
		    &w->rng, chance(w, 20) ? 20 * SECOND : 300 * MS);
		break;
	case 3:
	case 4:
		if (w->disk->committed < w->disk->sealed)
			disk_commit(w->disk,
			    w->disk->committed + 1 +
				mu_rng_below(&w->rng,
				    w->disk->sealed - w->disk->committed));
		outbox_durable(w->o, w->now);
		break;
	case 5:
		if (chance(w, 25))
			w->disk->fail = MUSTER_ELIMIT;
		else if (chance(w, 60))
			sender_crash(w);
		break;
	default:
		one_logger(w);
		break;
	}
	turn(w);
}

/* Everything works again: what is left arrives. */
static void
heal(struct world *w)
{
	struct outbox_facts f;
	struct message *m;

	w->disk->automatic = true;
	w->disk->fail = 0;
	for (int i = 0; i < 20000; i++) {
		outbox_facts(w->o, &f);
		if (f.waiting == 0 && f.collected == 0 && f.batches == 0)
			return;
		for (size_t k = 0; k < w->nloggers; k++) {
			struct model_logger *l = &w->loggers[k];

			l->refusing = false;
			if (!l->linked)
				link_logger(w, l);
			while ((m = pipe_get(&l->in)) != NULL) {
				logger_feed(w, l, m);
				free(m);
			}
			logger_commit(l);
			while ((m = pipe_get(&l->out)) != NULL) {
				outbox_answer(
				    w->o, l->name, m->bytes, m->len, w->now);
				free(m);
			}
		}
		w->now += 50 * MS;
		turn(w);
	}
	ck_abort_msg(
	    "%llu records never arrive", (unsigned long long)f.waiting);
}

static void
check_order(const struct world *w, uint64_t seed)
{
	const struct model_logger *l = &w->loggers[0];

	for (size_t st = 0; st < STREAMS; st++) {
		uint32_t last = 0;

		for (size_t i = 0; i < l->committed; i++) {
			uint32_t n = l->files[i];

			if (w->stream_of[n] != st)
				continue;
			ck_assert_msg(n >= last, "seed %llu: %u comes after %u",
			    (unsigned long long)seed, n, last);
			last = n;
		}
	}
}

static void
check_files(struct world *w, uint64_t seed)
{
	static unsigned times[RECORDS];
	struct outbox_facts f;
	uint64_t twice = 0, missing = 0;

	memset(times, 0, sizeof times);
	outbox_facts(w->o, &f);
	for (size_t k = 0; k < w->nloggers; k++)
		for (size_t i = 0; i < w->loggers[k].committed; i++)
			times[w->loggers[k].files[i]]++;
	for (uint32_t n = 0; n < w->nrecords; n++) {
		ck_assert_int_ne(w->fate[n], PENDING);
		ck_assert_msg(w->fate[n] != REFUSED || times[n] == 0,
		    "seed %llu: refused record %u is there",
		    (unsigned long long)seed, n);
		twice += times[n] > 1 ? times[n] - 1 : 0;
		missing += w->fate[n] == ACCEPTED && times[n] == 0;
	}
	ck_assert_msg(twice <= w->doubtful + f.doubtful,
	    "seed %llu: %llu records are there twice", (unsigned long long)seed,
	    (unsigned long long)twice);
	ck_assert_msg(missing <= w->dropped + f.dropped,
	    "seed %llu: %llu accepted records are lost",
	    (unsigned long long)seed, (unsigned long long)missing);
	/* what was dropped may come back late, after a crash */
	if (w->nloggers == 1 && !w->cfg.drop_oldest)
		check_order(w, seed);
}

static void
world_free(struct world *w)
{
	outbox_free(w->o);
	for (size_t i = 0; i < w->nloggers; i++) {
		pipe_cut(&w->loggers[i].in);
		pipe_cut(&w->loggers[i].out);
	}
	disk_free(w->disk);
	free(w);
}

/* The limit is one of bytes on disk, however small the batches.  What was
 * dropped just before a crash may be back: then there is more until it has gone
 * again, and nothing is added meanwhile. */
static void
check_limit(struct world *w, uint64_t seed)
{
	struct outbox_facts f;

	outbox_facts(w->o, &f);
	if (w->found > f.bytes)
		w->found = f.bytes;
	ck_assert_msg(f.bytes <= f.limit || f.bytes <= w->found, "seed %llu: %llu bytes of %llu",
	    (unsigned long long)seed, (unsigned long long)f.bytes,
	    (unsigned long long)f.limit);
}

static void
run(uint64_t seed, bool give_up, bool drop)
{
	struct world *w = calloc(1, sizeof *w);

	ck_assert_ptr_nonnull(w);
	mu_rng_init(&w->rng, seed);
	w->now = 1;
	w->cfg = outbox_defaults();
	/* so long that nobody is given up: then nothing is written twice */
	w->cfg.failover_ns = give_up ? 2 * SECOND : UINT64_MAX / 4;
	w->cfg.drop_oldest = drop;
	if (drop)
		w->cfg.spool_bytes = 20000;
	w->cfg.batch_records = 40;
	w->cfg.window_bytes = chance(w, 2) ? 1500 : 1u << 20;
	w->nloggers = 1 + mu_rng_below(&w->rng, LOGGERS);
	w->disk = disk_new();
	w->disk->automatic = chance(w, 4);
	for (size_t i = 0; i < w->nloggers; i++) {
		struct model_logger *l = &w->loggers[i];

		snprintf(l->name, sizeof l->name, "logger-%zu", i + 1);
		l->in.last = &l->in.first;
		l->out.last = &l->out.first;
	}
	open_outbox(w);
	for (int i = 0; i < STEPS; i++) {
		step(w);
		check_limit(w, seed);
	}
	heal(w);
	check_files(w, seed);
	world_free(w);
}

static void
run_all(unsigned kind, bool give_up, bool drop)
{
	const char *only = getenv("CK_SEED"), *many = getenv("CK_SEEDS");
	uint64_t n = many == NULL ? 10 : strtoull(many, NULL, 10);

	if (only != NULL) {
		run(strtoull(only, NULL, 10), give_up, drop);
		return;
	}
	for (uint64_t i = 0; i < n; i++)
		run(kind * 1000000 + i, give_up, drop);
}

START_TEST(each_accepted_record_arrives_once)
{
	run_all(1 + (unsigned)_i, false, false);
}
END_TEST

/* Seeds beyond the usual ones that found something once. */
START_TEST(seeds_that_found_something)
{
	static const uint64_t seeds[] = {
		2000096, /* a logger that stalled while it was refused */
	};

	for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++)
		run(seeds[i], false, false);
}
END_TEST

START_TEST(what_may_be_there_twice_is_counted)
{
	run_all(10, true, false);
}
END_TEST

START_TEST(what_is_dropped_is_counted)
{
	run_all(20, false, true);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("outbox_model");
	TCase *t = tcase_create("chance");

	tcase_set_timeout(t, 300);
	tcase_add_loop_test(t, each_accepted_record_arrives_once, 0, 4);
	tcase_add_test(t, seeds_that_found_something);
	tcase_add_test(t, what_may_be_there_twice_is_counted);
	tcase_add_test(t, what_is_dropped_is_counted);
	suite_add_tcase(s, t);
	return unit_run(s);
}
