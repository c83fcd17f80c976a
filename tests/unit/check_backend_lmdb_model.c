/*
 * The LMDB backend over many turns: random writes against a model, reopened
 * now and then, and a writer that is killed two hundred times.
 */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/rng.h"
#include "lmdb_store.h"
#include "stores/backend_lmdb_record.h"
#include "unit.h"

/* --- against a model -------------------------------------------------------
 */

#define NKEYS 96

struct model {
	bool there[NKEYS];
	int64_t deadline[NKEYS];
	uint32_t value[NKEYS]; /* its length and first bytes */
	uint64_t n;
};

/* Keys of all kinds, in the order of their numbers. */
static struct mu_bytes
model_key(unsigned i)
{
	static uint8_t keys[NKEYS][1100];
	size_t len = i % 8 == 7 ? 600 + i : i % 8 == 6 ? 486 : 8;

	snprintf((char *)keys[i], 8, "%06u", i);
	memset(keys[i] + 6, 'x', len - 6);
	return (struct mu_bytes){ keys[i], len };
}

static struct mu_bytes
model_value(uint32_t v)
{
	static uint8_t data[9000];
	size_t len = v % 7 == 0 ? 4 + v % 8000 : 4 + v % 100;

	memset(data, (int)(v & 0xff), len);
	memcpy(data, &v, 4);
	return (struct mu_bytes){ data, len };
}

static void
check_pair(const struct model *m, unsigned i, struct mu_bytes v, int64_t d)
{
	struct mu_bytes want = model_value(m->value[i]);

	ck_assert_uint_eq(v.len, want.len);
	ck_assert_mem_eq(v.at, want.at, v.len);
	ck_assert_int_eq(d, m->deadline[i]);
}

static void
check_equal(const struct model *m, struct mu_backend *b)
{
	struct mu_bytes key = { NULL, 0 }, found, v;
	int64_t d, first = 0;
	unsigned due = 0;

	ck_assert_uint_eq(b->ops->size(b), m->n);
	for (unsigned i = 0; i < NKEYS; i++) {
		if (m->there[i] && m->deadline[i] != 0 &&
		    (first == 0 || m->deadline[i] < first)) {
			first = m->deadline[i];
			due = i;
		}
		if (!m->there[i]) {
			ck_assert_int_eq(b->ops->get(b, model_key(i), &v, &d),
			    MUSTER_ENOENT);
			continue;
		}
		ck_assert_int_eq(b->ops->after(b, key, &found, &v, &d), 0);
		key = model_key(i);
		ck_assert_int_eq(mu_bytes_cmp(found, key), 0);
		check_pair(m, i, v, d);
		ck_assert_int_eq(b->ops->get(b, key, &v, &d), 0);
		check_pair(m, i, v, d);
	}
	ck_assert_int_eq(b->ops->after(b, key, &found, &v, &d), MUSTER_ENOENT);
	if (first == 0) {
		ck_assert_int_eq(
		    b->ops->first_deadline(b, &v, &d), MUSTER_ENOENT);
		return;
	}
	ck_assert_int_eq(b->ops->first_deadline(b, &v, &d), 0);
	ck_assert_int_eq(d, first);
	ck_assert_int_eq(mu_bytes_cmp(v, model_key(due)), 0);
}

static void
step(struct model *m, struct mu_backend *b, struct mu_rng *r)
{
	unsigned i = (unsigned)mu_rng_below(r, NKEYS);
	uint64_t dice = mu_rng_below(r, 200);

	if (dice == 0) {
		ck_assert_int_eq(b->ops->clear(b), 0);
		memset(m, 0, sizeof *m);
	} else if (dice < 60) {
		ck_assert_int_eq(b->ops->erase(b, model_key(i)),
		    m->there[i] ? 0 : MUSTER_ENOENT);
		m->n -= m->there[i];
		m->there[i] = false;
	} else {
		m->n += !m->there[i];
		m->there[i] = true;
		m->value[i] = (uint32_t)mu_rng_u64(r);
		/* Every deadline is another key's. */
		m->deadline[i] =
		    dice < 120 ? 0
			       : (int64_t)(1 + mu_rng_below(r, 50) * NKEYS + i);
		ck_assert_int_eq(b->ops->put(b, model_key(i),
				     model_value(m->value[i]), m->deadline[i]),
		    0);
	}
}

/* i: a seed; odd ones with an interval, every third with a slow disk, so that
 * layers lie over the file in all ways */
START_TEST(random_writes_equal_the_model)
{
	struct backend_lmdb_options o = options();
	struct mu_backend *b;
	struct model m = { .n = 0 };
	struct mu_rng r;
	uint64_t n;
	int err;

	o.sync_interval_ms = _i % 2 ? 3 : 0;
	o.test_sync_delay_ns = _i % 3 == 0 ? 3000000 : 0;
	b = store_open_with(o);
	mu_rng_init(&r, (uint64_t)_i + 1);
	for (unsigned turn = 0; turn < 150; turn++) {
		for (uint64_t k = mu_rng_below(&r, 20); k > 0; k--)
			step(&m, b, &r);
		if (turn % 3 == 0)
			check_equal(&m, b);
		n = b->ops->seal(b);
		b->ops->durable(b, &err);
		ck_assert_int_eq(err, 0);
		check_equal(&m, b);
		if (turn % 8 == 7 || turn == 149) {
			if (n > 0)
				ck_assert_int_eq(store_wait(b, n), 0);
			check_equal(&m, b);
			store_close(b);
			b = store_open_with(o);
			check_equal(&m, b);
		}
	}
	store_close(b);
}
END_TEST

/* --- killed ----------------------------------------------------------------
 */

/*
 * Write for ever: key i of a batch says which batch wrote it last.  Each
 * acknowledged batch number goes down the pipe.  It is killed at any moment,
 * hence without assertions: see store_wait.
 */
static void
write_until_killed(int out, uint32_t batch)
{
	struct backend_lmdb_options o = options();
	struct mu_backend *b;
	char key[32], value[32];

	if (backend_lmdb_open(&o, &b, why, sizeof why) != 0)
		_exit(1);
	for (;; batch++) {
		for (uint32_t i = 0; i < 1 + batch % 7; i++) {
			snprintf(key, sizeof key, "key-%u", (batch + i) % 40);
			snprintf(value, sizeof value, "%u", batch);
			if (put_text(b, key, value) != 0)
				_exit(1);
		}
		snprintf(value, sizeof value, "%u", batch);
		if (b->ops->meta_put(b, bytes("batch"), bytes(value)) != 0 ||
		    store_commit(b) != 0)
			_exit(1);
		if (write(out, &batch, sizeof batch) != sizeof batch)
			_exit(0);
	}
}

/* All of a batch, all before it, and nothing behind the one under way. */
static uint32_t
check_batches(uint32_t acknowledged)
{
	struct mu_backend *b = store_open();
	uint32_t last[40] = { 0 }, found = 0;
	struct mu_bytes v;
	char key[32], value[32] = "0";

	if (b->ops->meta_get(b, bytes("batch"), &v) == 0) {
		memcpy(value, v.at, v.len);
		value[v.len] = '\0';
	}
	found = (uint32_t)atoi(value);
	ck_assert_uint_ge(found, acknowledged);
	ck_assert_uint_le(found, acknowledged + 1);
	for (uint32_t n = 1; n <= found; n++)
		for (uint32_t i = 0; i < 1 + n % 7; i++)
			last[(n + i) % 40] = n;
	for (unsigned i = 0; i < 40; i++) {
		snprintf(key, sizeof key, "key-%u", i);
		snprintf(value, sizeof value, "%u", last[i]);
		ck_assert_value(b, key, last[i] == 0 ? NULL : value);
	}
	store_close(b);
	return found;
}

static uint32_t
run_and_kill(uint32_t batch, struct mu_rng *r)
{
	uint32_t acknowledged = batch, n;
	uint64_t let = mu_rng_below(r, 12);
	int fds[2];
	pid_t child;

	ck_assert_int_eq(pipe(fds), 0);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		close(fds[0]);
		write_until_killed(fds[1], batch + 1);
	}
	close(fds[1]);
	for (uint64_t i = 0; i < let; i++) {
		ck_assert_int_eq(read(fds[0], &n, sizeof n), (ssize_t)sizeof n);
		acknowledged = n;
	}
	/* Somewhere in the midst of the next one. */
	usleep((useconds_t)mu_rng_below(r, 800));
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	while (read(fds[0], &n, sizeof n) == (ssize_t)sizeof n)
		acknowledged = n;
	close(fds[0]);
	return check_batches(acknowledged);
}

START_TEST(kill_at_any_moment_loses_nothing_acknowledged)
{
	struct mu_rng r;
	uint32_t batch = 0;

	mu_rng_init(&r, 4);
	store_close(store_open());
	for (int i = 0; i < 200; i++)
		batch = run_and_kill(batch, &r);
	ck_assert_uint_gt(batch, 200);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("backend_lmdb_model");
	TCase *t = tcase_create("runs");

	tcase_add_checked_fixture(t, scratch_open, scratch_close);
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, random_writes_equal_the_model, 0, 18);
	tcase_add_test(t, kill_at_any_moment_loses_nothing_acknowledged);
	suite_add_tcase(s, t);
	return unit_run(s);
}
