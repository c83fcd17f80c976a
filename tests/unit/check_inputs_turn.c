/*
 * Many large files at once: a tick reads a bounded number of bytes, each file
 * has its turn, and a disk that does not answer is not waited for.
 */
#include "check_outbox.h"

#include <stdio.h>
#include <stdlib.h>

#include "layout/layout.h"
#include "layout/read.h"
#include "logs/inputs.h"
#include "logs/inputs_impl.h"
#include "model_disk.h"
#include "unit.h"

#define FILES 12
#define LINE  "123456789\n"
#define LINES 300000 /* of each, 3 MB */

struct world {
	uint64_t now;
	bool cold;     /* nothing is in memory */
	size_t turn;   /* bytes read in this tick */
	size_t waited; /* reads that were allowed to wait */
	size_t asked;  /* that were not, and got nothing */
	struct mu_layout *layout;
	struct disk *disk;
	struct outbox *o;
	struct inputs *in;
};

static int
t_look(void *ctx, const char *path, struct input_file *f)
{
	(void)ctx;
	f->device = 1;
	f->inode = strtoul(path + strlen("/log/"), NULL, 10);
	f->size = LINES * strlen(LINE);
	return 0;
}

static int
t_open(void *ctx, const char *path, int *handle, struct input_file *f)
{
	t_look(ctx, path, f);
	*handle = (int)f->inode;
	return 0;
}

static int
t_find(void *ctx, const char *path, int *handle, struct input_file *f)
{
	(void)ctx;
	(void)path;
	(void)handle;
	(void)f;
	return MUSTER_ENOENT;
}

static int
t_facts(void *ctx, int handle, struct input_file *f)
{
	(void)ctx;
	f->device = 1;
	f->inode = (uint64_t)handle;
	f->size = LINES * strlen(LINE);
	return 0;
}

static long
t_read(
    void *ctx, int handle, uint64_t offset, uint8_t *buf, size_t len, bool wait)
{
	struct world *w = ctx;
	uint64_t size = LINES * strlen(LINE);

	(void)handle;
	if (w->cold && !wait) {
		w->asked++;
		return MUSTER_EAGAIN;
	}
	/* The head, by which a file is known again, may be waited for. */
	if (wait && len > INPUT_HEAD)
		w->waited++;
	if (offset >= size)
		return 0;
	len = size - offset < len ? (size_t)(size - offset) : len;
	for (size_t i = 0; i < len; i++)
		buf[i] = (uint8_t)LINE[(offset + i) % strlen(LINE)];
	w->turn += len > INPUT_HEAD ? len : 0;
	return (long)len;
}

static void
t_close(void *ctx, int handle)
{
	(void)ctx;
	(void)handle;
}

static void
world_init(struct world *w)
{
	struct input_hooks hooks = { t_look, t_open, t_find, t_facts, t_read,
		t_close, w };
	struct outbox_config cfg = outbox_defaults();
	char text[4096], why[OUTBOX_WHY];
	struct mu_diags d;
	size_t n;

	memset(w, 0, sizeof *w);
	w->now = SECOND;
	n = (size_t)snprintf(text, sizeof text,
	    "cluster: t\ntls: none\nnodes:\n"
	    "  manager: {role: manager, port: 1}\n"
	    "  worker-1: {role: worker}\ninputs:\n");
	for (int i = 1; i <= FILES; i++)
		n += (size_t)snprintf(text + n, sizeof text - n,
		    "  - {file: /log/%d, stream: \"T%d::LOG\", on: [worker],"
		    " types: [n:count]}\n",
		    i, i);
	ck_assert_int_eq(mu_diags_init(&d, "t"), 0);
	w->layout = mu_layout_read("/t.yaml", text, n, &d);
	ck_assert_msg(w->layout != NULL, "%s", mu_diags_line(&d, 0));
	mu_diags_clear(&d);
	w->disk = disk_new();
	w->o = outbox_new(&cfg, &w->disk->base, w->now, why);
	ck_assert_ptr_nonnull(w->o);
	w->in = inputs_new(w->layout, "worker-1", w->o, &hooks, w->now);
	ck_assert_ptr_nonnull(w->in);
	ck_assert_uint_eq(inputs_count(w->in), FILES);
}

static void
world_clear(struct world *w)
{
	inputs_free(w->in);
	outbox_free(w->o);
	disk_free(w->disk);
	mu_layout_free(w->layout);
}

static void
turn(struct world *w)
{
	struct outbox_out out;

	w->turn = 0;
	inputs_tick(w->in, w->now);
	ck_assert_uint_le(w->turn, INPUTS_TURN);
	outbox_tick(w->o, w->now);
	outbox_flush(w->o);
	disk_commit(w->disk, w->disk->sealed);
	outbox_durable(w->o, w->now);
	while (outbox_next(w->o, &out))
		if (out.kind == OUTBOX_DONE)
			inputs_done(w->in, &out, w->now);
}

START_TEST(a_tick_reads_no_more_than_it_may)
{
	uint64_t before[FILES] = { 0 };
	static struct world w;
	struct input_facts f;
	size_t most = 0;

	world_init(&w);
	for (int round = 0; round < 5; round++) {
		for (int i = 0; i < 4 * FILES; i++) {
			turn(&w);
			most = w.turn > most ? w.turn : most;
		}
		for (size_t i = 0; i < FILES; i++) {
			inputs_facts(w.in, i, &f);
			ck_assert_msg(f.records > before[i],
			    "file %zu does not get on", i);
			before[i] = f.records;
		}
	}
	ck_assert_uint_gt(most, INPUTS_TURN / 2);
	ck_assert_uint_eq(w.waited, 0);
	world_clear(&w);
}
END_TEST

START_TEST(a_disk_that_is_slow_is_asked_again)
{
	static struct world w;
	struct input_facts f;

	world_init(&w);
	turn(&w);
	w.cold = true;
	for (int i = 0; i < 100; i++) {
		uint64_t at;

		turn(&w);
		at = inputs_deadline(w.in);
		/* Once what was in memory is gone: neither at once, nor only
		 * at the next poll. */
		if (i >= 50) {
			ck_assert_uint_gt(at, w.now);
			ck_assert_uint_le(at, w.now + INPUT_DISK);
		}
		w.now += INPUT_DISK;
	}
	ck_assert_uint_gt(w.asked, 50 * FILES);
	ck_assert_uint_eq(w.waited, 0);
	for (size_t i = 0; i < FILES; i++) {
		inputs_facts(w.in, i, &f);
		ck_assert_str_ne(f.state, "stalled");
	}
	/* A second of that is enough: then it is waited for. */
	for (int i = 0; i < INPUT_WAITS; i++) {
		turn(&w);
		w.now += INPUT_DISK;
	}
	ck_assert_uint_gt(w.waited, 0);
	world_clear(&w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("inputs_turn");
	TCase *t = tcase_create("turn");

	tcase_set_timeout(t, 120);
	tcase_add_test(t, a_tick_reads_no_more_than_it_may);
	tcase_add_test(t, a_disk_that_is_slow_is_asked_again);
	suite_add_tcase(s, t);
	return unit_run(s);
}
