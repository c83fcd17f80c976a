/*
 * A master and clones in one process, joined without delay, for tests that
 * tell one story each.  What the machines say is remembered.
 */
#ifndef UNIT_STORE_PAIR_H
#define UNIT_STORE_PAIR_H

#include <check.h>
#include <stdio.h>

#include "store_disk.h"

#include "store/clone.h"
#include "store/entry.h"
#include "store/master.h"

#define PAIR_CLONES 2
#define PAIR_SECOND UINT64_C(1000000000)

struct pair_answer {
	bool done;
	enum mu_store_status status;
	struct muster_value *result; /* counted */
	struct muster_value *more;   /* counted */
	uint64_t stale_ns;
};

static struct {
	struct mu_store_now now;
	struct mu_backend *platter;
	struct disk *disk;
	bool hold_disk; /* commits wait */
	struct mu_master_config mc;
	struct mu_clone_config cc;
	struct mu_master *master;
	struct mu_clone *clones[PAIR_CLONES];
	bool up[PAIR_CLONES];
	struct pair_answer answers[3000];
	uint64_t id;
	unsigned sent[2][256]; /* tags: 0 to the master, 1 to clones */
	unsigned events[4];    /* at the master */
	unsigned clone_events[4];
	char log[4000];
	unsigned percents; /* ATTACHING was told so often */
	unsigned want_from_key;
	bool deaf_master;   /* nothing reaches it */
	bool deaf_clone;    /* nothing of the master reaches clone 0 */
	mu_alloc_hook hook; /* in force but for the test's own reading */
	void *hook_state;
} pw;

__attribute__((unused)) static struct mu_entity
pair_entity(unsigned n)
{
	struct mu_entity e = { { { (uint8_t)(1 + n) } }, (n + 1) << 20 };

	return e;
}

static void
pair_note(const struct mu_store_out *out, bool at_master)
{
	if (out->kind == MU_STORE_DONE) {
		struct pair_answer *a = &pw.answers[out->id];

		ck_assert_msg(!a->done, "answered twice");
		a->done = true;
		a->status = out->status;
		a->stale_ns = out->stale_ns;
		a->result = muster_value_ref(out->result);
		a->more = muster_value_ref(out->more);
	}
	if (out->kind == MU_STORE_EVENT)
		(at_master ? pw.events : pw.clone_events)[out->event]++;
	if (out->kind == MU_STORE_LOG)
		snprintf(pw.log + strlen(pw.log),
		    sizeof pw.log - strlen(pw.log), "%s\n", out->text);
	if (out->kind == MU_STORE_STATE && out->state == MU_STORE_ATTACHING)
		pw.percents++;
}

static bool
pair_drain_master(void)
{
	struct mu_store_out out;
	bool any = false;

	if (pw.master == NULL)
		return false;
	mu_master_flush(pw.master);
	if (!pw.hold_disk && pw.disk != NULL)
		disk_commit(pw.disk, pw.disk->sealed);
	while (mu_master_next(pw.master, &out)) {
		pair_note(&out, true);
		any = true;
		if (out.kind != MU_STORE_SEND)
			continue;
		pw.sent[1][out.payload[56]]++;
		for (unsigned i = 0; i < PAIR_CLONES; i++) {
			struct mu_entity e = pair_entity(i);

			if (pw.clones[i] != NULL && pw.up[i] &&
			    !(pw.deaf_clone && i == 0) &&
			    (out.receiver == NULL ||
				mu_uuid_eq(out.receiver, &e.endpoint)))
				mu_clone_feed(pw.clones[i], out.payload,
				    out.len, &pw.now);
		}
	}
	return any;
}

static bool
pair_drain_clone(unsigned i)
{
	struct mu_store_out out;
	bool any = false;

	if (pw.clones[i] == NULL)
		return false;
	mu_clone_flush(pw.clones[i]);
	while (mu_clone_next(pw.clones[i], &out)) {
		pair_note(&out, false);
		any = true;
		if (out.kind != MU_STORE_SEND)
			continue;
		pw.sent[0][out.payload[56]]++;
		if (out.payload[56] == MU_CMD_WANT && out.payload[75] != 0)
			pw.want_from_key++;
		if (pw.master != NULL && pw.up[i] && !pw.deaf_master)
			mu_master_feed(
			    pw.master, out.payload, out.len, &pw.now);
	}
	return any;
}

/* Everything that follows at this moment. */
__attribute__((unused)) static void
pair_settle(void)
{
	bool any = true;

	for (int i = 0; any && i < 10000; i++) {
		any = pair_drain_master();
		for (unsigned c = 0; c < PAIR_CLONES; c++)
			any |= pair_drain_clone(c);
	}
}

__attribute__((unused)) static void
pair_pass(uint64_t ns)
{
	uint64_t end = pw.now.mono + ns;

	while (pw.now.mono < end) {
		pw.now.mono += 50000000;
		pw.now.wall += 50000000;
		if (pw.master != NULL)
			mu_master_tick(pw.master, &pw.now);
		for (unsigned i = 0; i < PAIR_CLONES; i++)
			if (pw.clones[i] != NULL)
				mu_clone_tick(pw.clones[i], &pw.now);
		pair_settle();
	}
}

__attribute__((unused)) static void
pair_open_master(void)
{
	pw.mc.epoch++;
	pw.disk = disk_open(pw.platter);
	pw.master = mu_master_new(&pw.mc, &pw.disk->base, &pw.now);
	ck_assert_ptr_nonnull(pw.master);
}

/* A world without anybody; configurations may be changed before opening. */
__attribute__((unused)) static void
pair_begin(void)
{
	memset(&pw, 0, sizeof pw);
	pw.now.mono = PAIR_SECOND;
	pw.now.wall = INT64_C(1700000000000000000);
	pw.platter = mu_backend_memory_new(0);
	mu_master_config_init(&pw.mc);
	pw.mc.entity = pair_entity(PAIR_CLONES);
	pw.mc.epoch = 77;
	pw.mc.resume = true;
	mu_clone_config_init(&pw.cc);
	pw.cc.max_stale_ns = 0;
}

__attribute__((unused)) static void
pair_join(unsigned i, bool ours)
{
	pw.up[i] = true;
	mu_clone_set_master(
	    pw.clones[i], &pw.mc.entity.endpoint, ours, &pw.now);
}

__attribute__((unused)) static void
pair_cut(unsigned i)
{
	pw.up[i] = false;
	mu_clone_set_master(pw.clones[i], NULL, false, &pw.now);
}

__attribute__((unused)) static void
pair_open_clone_on(unsigned i, struct mu_backend *b)
{
	pw.cc.entity = pair_entity(i);
	pw.clones[i] = mu_clone_new(&pw.cc, b, &pw.now);
	ck_assert_ptr_nonnull(pw.clones[i]);
}

__attribute__((unused)) static void
pair_open_clone(unsigned i, bool ours)
{
	pair_open_clone_on(i, mu_backend_memory_new(0));
	pair_join(i, ours);
}

__attribute__((unused)) static void
pair_end(void)
{
	for (unsigned i = 0; i < PAIR_CLONES; i++)
		mu_clone_free(pw.clones[i]);
	mu_master_free(pw.master);
	if (pw.platter != NULL)
		pw.platter->ops->close(pw.platter);
	for (uint64_t i = 0; i < pw.id; i++) {
		muster_value_unref(pw.answers[i].result);
		muster_value_unref(pw.answers[i].more);
	}
}

/* A request in short text; where: a clone, or PAIR_CLONES for the master.
 * Returns its answer, to come. */
__attribute__((unused)) static struct pair_answer *
pair_ask(unsigned where, enum mu_store_op op, const char *key,
    const char *value, struct mu_store_request more)
{
	struct muster_value *k = NULL, *v = NULL;
	int rc;

	mu_alloc_set_hook(NULL, NULL);
	if (key != NULL)
		ck_assert_int_eq(muster_value_from_text(key, &k), 0);
	if (value != NULL)
		ck_assert_int_eq(muster_value_from_text(value, &v), 0);
	mu_alloc_set_hook(pw.hook, pw.hook_state);
	more.op = op;
	more.key = k;
	more.value = v;
	more.id = pw.id;
	rc = where == PAIR_CLONES
		 ? mu_master_request(pw.master, &more, &pw.now)
		 : mu_clone_request(pw.clones[where], &more, &pw.now);
	muster_value_unref(k);
	muster_value_unref(v);
	if (rc != 0) {
		pw.answers[pw.id].done = true;
		pw.answers[pw.id].status = MU_STORE_NOMEM;
	}
	return &pw.answers[pw.id++];
}

/* The same, settled, with its outcome. */
__attribute__((unused)) static enum mu_store_status
pair_do(unsigned where, enum mu_store_op op, const char *key, const char *value)
{
	struct pair_answer *a =
	    pair_ask(where, op, key, value, (struct mu_store_request){ 0 });

	pair_settle();
	ck_assert_msg(a->done, "%s is not answered", key);
	return a->status;
}

/* The value of key there, as short text; "-" when there is none. */
__attribute__((unused)) static bool
pair_reads(unsigned where, const char *key, const char *want)
{
	struct pair_answer *a = pair_ask(
	    where, MU_STORE_GET, key, NULL, (struct mu_store_request){ 0 });
	struct muster_value *v;
	bool same;

	pair_settle();
	if (!a->done || a->status != MU_STORE_OK)
		return a->done && a->status == MU_STORE_NO_SUCH_KEY &&
		       strcmp(want, "-") == 0;
	ck_assert_int_eq(muster_value_from_text(want, &v), 0);
	same = muster_value_cmp(v, a->result) == 0;
	muster_value_unref(v);
	return same;
}

#endif
