/*
 * Followed files: whatever happens to them and to the daemon, each line is in
 * the outbox exactly once and in order.
 *
 * A seed that fails is printed; CK_SEED=n runs that one alone, CK_SEEDS=n so
 * many.
 */
#include "check_outbox.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "layout/inputs.h"
#include "layout/layout.h"
#include "layout/read.h"
#include "logs/inputs.h"
#include "model_disk.h"
#include "nomem.h"
#include "unit.h"

#define PATH   "/log/t.log"
#define NFILES 400
#define POLL   SECOND

/* --- a file system ----------------------------------------------------------
 */

struct file {
	struct mu_buf content;
	unsigned handles;
};

struct world {
	struct mu_rng rng;
	uint64_t now;
	struct file files[NFILES]; /* inode n is files[n - 1] */
	size_t nfiles;
	size_t at_path; /* inode, 0: none */
	bool gone[NFILES + 1];
	bool cold; /* the last read had to come from the disk */
	int fail; /* opening fails with that, once */
	struct mu_layout *layout;
	struct disk *disk;
	struct outbox *o;
	struct inputs *in;
	uint64_t lines;  /* written, each a number */
	bool open_line;  /* the last one lacks its end */
	uint64_t polled; /* when the inputs were ticked last */
	uint64_t next;   /* number expected in what is sent */
	uint64_t wrong;
	uint64_t spool;        /* its size; 0: the default */
	uint64_t narrow, wide; /* records received, of one field and of more */
	char said[4096];
};

static void
facts_of(const struct world *w, size_t inode, struct input_file *f)
{
	f->device = 7;
	f->inode = inode;
	f->size = mu_buf_len(&w->files[inode - 1].content);
}

static int
fs_look(void *ctx, const char *path, struct input_file *f)
{
	struct world *w = ctx;

	ck_assert_str_eq(path, PATH);
	if (w->at_path == 0)
		return MUSTER_ENOENT;
	facts_of(w, w->at_path, f);
	return 0;
}

static int
fs_open(void *ctx, const char *path, int *handle, struct input_file *f)
{
	struct world *w = ctx;
	int rc = fs_look(ctx, path, f);

	if (w->fail != 0) {
		rc = w->fail;
		w->fail = 0;
	}
	if (rc != 0)
		return rc;
	*handle = (int)f->inode;
	w->files[f->inode - 1].handles++;
	return 0;
}

static int
fs_find(void *ctx, const char *path, int *handle, struct input_file *f)
{
	struct world *w = ctx;

	ck_assert_str_eq(path, PATH);
	if (f->device != 7 || f->inode == 0 || f->inode > w->nfiles ||
	    w->gone[f->inode])
		return MUSTER_ENOENT;
	facts_of(w, f->inode, f);
	*handle = (int)f->inode;
	w->files[f->inode - 1].handles++;
	return 0;
}

static int
fs_facts(void *ctx, int handle, struct input_file *f)
{
	facts_of(ctx, (size_t)handle, f);
	return 0;
}

static long
fs_read(void *ctx, int handle, uint64_t offset, uint8_t *buf, size_t len,
    bool wait)
{
	struct world *w = ctx;
	const struct mu_buf *b = &w->files[handle - 1].content;
	size_t have = mu_buf_len(b), n;

	ck_assert_uint_gt(w->files[handle - 1].handles, 0);
	/* Now and then it is not in memory yet. */
	w->cold = !wait && !w->cold && mu_rng_below(&w->rng, 4) == 0;
	if (w->cold)
		return MUSTER_EAGAIN;
	if (offset >= have)
		return 0;
	n = have - offset < len ? have - offset : len;
	if (n > 1 && mu_rng_below(&w->rng, 4) == 0)
		n = 1 + mu_rng_below(&w->rng, n); /* a short read */
	memcpy(buf, mu_buf_data(b) + offset, n);
	return (long)n;
}

static void
fs_close(void *ctx, int handle)
{
	struct world *w = ctx;

	ck_assert_uint_gt(w->files[handle - 1].handles, 0);
	w->files[handle - 1].handles--;
}

static const struct input_hooks fs = { fs_look, fs_open, fs_find, fs_facts,
	fs_read, fs_close, NULL };

static struct mu_buf *
current(struct world *w)
{
	return &w->files[w->at_path - 1].content;
}

static void
write_header(struct world *w, struct mu_buf *b)
{
	/* now and then another separator: a new header tells it */
	if (mu_rng_below(&w->rng, 2) == 0)
		mu_buf_str(b, "#separator \\x09\n#set_separator\t,\n"
			      "#empty_field\t(empty)\n#unset_field\t-\n");
	else
		mu_buf_str(b, "#separator \\x7c\n#set_separator|,\n"
			      "#empty_field|(empty)\n#unset_field|-\n");
	mu_buf_printf(b, "#path\tt\n#open\t%llu\n", (unsigned long long)w->now);
	if (memmem(mu_buf_data(b), mu_buf_len(b), "x7c", 3) != NULL)
		mu_buf_str(b, "#fields|n\n#types|count\n");
	else
		mu_buf_str(b, "#fields\tn\n#types\tcount\n");
}

static void
new_file(struct world *w)
{
	ck_assert_uint_lt(w->nfiles, NFILES);
	mu_buf_init(&w->files[w->nfiles].content, 0);
	w->at_path = ++w->nfiles;
	write_header(w, current(w));
}

/* Lines with the next numbers; the last one may be cut anywhere. */
static void
append(struct world *w, struct mu_buf *b, unsigned n)
{
	char line[32];
	int len, cut;

	for (unsigned i = 0; i < n; i++) {
		if (mu_rng_below(&w->rng, 50) == 0) {
			mu_buf_str(b, "no number\n");
			w->wrong++;
		}
		len = snprintf(line, sizeof line, "%llu\n",
		    (unsigned long long)w->lines++);
		cut = i + 1 == n ? (int)mu_rng_below(&w->rng, (uint64_t)len + 1)
				 : len;
		mu_buf_put(b, line, (size_t)cut);
		if (cut < len && mu_rng_below(&w->rng, 2) == 0) {
			mu_buf_put(b, line + cut, (size_t)(len - cut));
			cut = len;
		}
		/* What is cut is completed before anything else is written:
		 * here, the digits now and the end later. */
		if (cut < len) {
			mu_buf_put(b, line + cut, (size_t)(len - cut) - 1);
			w->open_line = true;
		}
	}
}

static void
end_line(struct world *w, struct mu_buf *b)
{
	if (w->open_line)
		mu_buf_u8(b, '\n');
	w->open_line = false;
}

/* --- the daemon ------------------------------------------------------ */

static void
start(struct world *w)
{
	struct outbox_config cfg = outbox_defaults();
	struct input_hooks hooks = fs;
	const char *const logger = "logger-1";
	char why[OUTBOX_WHY] = "";

	if (w->spool != 0)
		cfg.spool_bytes = w->spool;
	w->o = outbox_new(&cfg, &w->disk->base, w->now, why);
	ck_assert_msg(w->o != NULL, "%s", why);
	ck_assert_int_eq(outbox_set_loggers(w->o, &logger, 1), 0);
	hooks.ctx = w;
	w->in = inputs_new(w->layout, "worker-1", w->o, &hooks, w->now);
	ck_assert_ptr_nonnull(w->in);
	ck_assert_uint_eq(inputs_count(w->in), 1);
}

static void
stop(struct world *w, bool crash)
{
	inputs_free(w->in);
	w->disk->dead = crash;
	outbox_free(w->o);
	if (crash)
		disk_crash(w->disk);
	for (size_t i = 0; i < w->nfiles; i++)
		ck_assert_uint_eq(w->files[i].handles, 0);
}

/* Records of a batch that went to the logger. */
static void
receive(struct world *w, const uint8_t *payload, size_t len)
{
	struct mu_log_walk walk;
	struct mu_log_item item;

	ck_assert_int_eq(mu_log_walk_init(&walk, payload, len), 0);
	while (mu_log_walk_next(&walk, &item)) {
		uint64_t n;

		if (item.kind != MUSTER_MESSAGE_LOG_WRITE)
			continue;
		/* The first field is the number; there may be another. */
		n = get_count_record(
		    item.write.serial, item.write.serial_len > COUNT_RECORD
					   ? COUNT_RECORD
					   : item.write.serial_len);
		if (item.write.serial_len > COUNT_RECORD)
			w->wide++;
		else
			w->narrow++;
		ck_assert_msg(n == w->next, "%llu where %llu is due",
		    (unsigned long long)n, (unsigned long long)w->next);
		w->next++;
	}
}

/* The end of a turn. */
static void
turn(struct world *w, bool commit)
{
	struct outbox_out out;
	const char *text;
	int level;

	inputs_tick(w->in, w->now);
	w->polled = w->now;
	outbox_tick(w->o, w->now);
	outbox_flush(w->o);
	if (commit && w->disk->committed < w->disk->sealed)
		disk_commit(w->disk, w->disk->sealed);
	outbox_durable(w->o, w->now);
	while (outbox_next(w->o, &out)) {
		if (out.kind == OUTBOX_DONE) {
			ck_assert_ptr_eq(out.caller, inputs_caller(w->in));
			inputs_done(w->in, &out, w->now);
		} else if (out.kind == OUTBOX_BATCH) {
			outbox_sent(w->o, true);
			receive(w, out.payload, out.len);
		}
	}
	while (inputs_next(w->in, &level, &text))
		snprintf(w->said, sizeof w->said, "%s", text);
}

/* Nothing else happens for a while. */
static void
rest(struct world *w, unsigned polls)
{
	for (unsigned i = 0; i < polls * 8; i++) {
		w->now += POLL / 4;
		for (int k = 0; k < 4; k++) {
			turn(w, true);
			w->now += 5 * MS;
		}
	}
}

static void
rotate(struct world *w)
{
	/* Another file comes at the earliest after the last was seen. */
	w->fail = 0;
	if (w->at_path != 0 && w->polled < w->now)
		turn(w, true);
	w->now += POLL;
	turn(w, true);
	if (mu_rng_below(&w->rng, 3) == 0 && w->at_path != 0) {
		struct mu_buf *old = current(w);

		/* The writer goes on with the old one for a moment. */
		end_line(w, old);
		append(w, old, 3);
	}
	/* What has no end now will not get one. */
	w->open_line = false;
	w->at_path = 0;
	if (mu_rng_below(&w->rng, 3) == 0)
		turn(w, true);
	new_file(w);
	w->now += POLL;
	turn(w, true);
}

/* As copytruncate does, when everything was read. */
static void
truncate_file(struct world *w)
{
	end_line(w, current(w));
	rest(w, 3);
	mu_buf_reset(current(w));
	w->now++;
	write_header(w, current(w));
	append(w, current(w), 1 + (unsigned)mu_rng_below(&w->rng, 60));
}

static void
step(struct world *w)
{
	switch (mu_rng_below(&w->rng, 40)) {
	case 0:
		rotate(w);
		break;
	case 1:
		truncate_file(w);
		break;
	case 2:
	case 3:
		stop(w, true);
		w->now++;
		start(w);
		break;
	case 4:
		w->disk->fail = MUSTER_ELIMIT;
		break;
	case 5:
		stop(w, false);
		start(w);
		break;
	case 6:
		w->fail = MUSTER_ESYS;
		break;
	case 7: /* a header in the middle of a file */
		end_line(w, current(w));
		mu_buf_str(current(w),
		    "#separator \\x09\n#fields\tn\n#types\tcount\n");
		break;
	case 8:
	case 9:
	case 10:
	case 11:
	case 12:
	case 13:
		end_line(w, current(w));
		append(w, current(w),
		    (unsigned)mu_rng_below(
			&w->rng, mu_rng_below(&w->rng, 8) == 0 ? 3000 : 20));
		break;
	default:
		w->now += mu_rng_below(&w->rng, POLL);
		turn(w, mu_rng_below(&w->rng, 2) == 0);
		break;
	}
}

/* --- layouts --------------------------------------------------------- */

static struct mu_layout *
layout_of(const char *row)
{
	char text[600];
	struct mu_diags diags;
	struct mu_layout *l;

	ck_assert_int_eq(mu_diags_init(&diags, "t"), 0);
	snprintf(text, sizeof text,
	    "cluster: t\ntls: none\nnodes:\n"
	    "  manager: {role: manager, port: 1}\n"
	    "  worker-1: {role: worker}\ninputs:\n  - {%s}\n",
	    row);
	l = mu_layout_read("/t.yaml", text, strlen(text), &diags);
	ck_assert_msg(l != NULL, "%s", mu_diags_line(&diags, 0));
	mu_diags_clear(&diags);
	return l;
}

static void
world_init(struct world *w, uint64_t seed, const char *row)
{
	memset(w, 0, sizeof *w);
	mu_rng_init(&w->rng, seed);
	w->now = SECOND;
	w->layout = layout_of(row);
	w->disk = disk_new();
}

static void
world_clear(struct world *w)
{
	stop(w, false);
	disk_free(w->disk);
	mu_layout_free(w->layout);
	for (size_t i = 0; i < w->nfiles; i++)
		mu_buf_clear(&w->files[i].content);
}

/* Everything that was written arrives. */
static void
all_arrive(struct world *w)
{
	rest(w, 3 * (unsigned)w->nfiles + 8);
	outbox_logger_up(w->o, "logger-1", false, w->now);
	for (int i = 0; i < 2000 && w->next < w->lines; i++) {
		w->now += POLL / 4;
		turn(w, true);
	}
	ck_assert_uint_eq(w->next, w->lines);
}

#define TSV "file: " PATH ", stream: T::LOG, on: [worker]"

static void
run_seed(uint64_t seed)
{
	static struct world w;

	fprintf(stderr, getenv("CK_SEED") ? "seed %llu\n" : "",
	    (unsigned long long)seed);
	world_init(&w, seed, TSV);
	if (mu_rng_below(&w.rng, 2) == 0)
		new_file(&w);
	start(&w);
	if (w.at_path == 0) {
		rest(&w, 1);
		new_file(&w);
	}
	for (int i = 0; i < 600 && w.nfiles < NFILES - 1; i++)
		step(&w);
	end_line(&w, current(&w));
	all_arrive(&w);
	world_clear(&w);
}

START_TEST(each_line_arrives_exactly_once)
{
	const char *one = getenv("CK_SEED"), *many = getenv("CK_SEEDS");
	uint64_t n = many == NULL ? 30 : strtoull(many, NULL, 10);

	if (one != NULL) {
		run_seed(strtoull(one, NULL, 10));
		return;
	}
	for (uint64_t seed = 1; seed <= n; seed++) {
		printf("seed %llu\n", (unsigned long long)seed);
		run_seed(seed);
	}
}
END_TEST

START_TEST(a_file_may_be_begun_at_its_end)
{
	static struct world w;
	struct input_facts f;

	world_init(&w, 1, TSV ", start: end");
	new_file(&w);
	mu_buf_str(current(&w), "900\n901\n90");
	start(&w);
	rest(&w, 2);
	mu_buf_str(current(&w), "2\n");
	w.lines = 903;
	w.next = 902;
	append(&w, current(&w), 5);
	end_line(&w, current(&w));
	all_arrive(&w);
	inputs_facts(w.in, 0, &f);
	ck_assert_uint_eq(f.records, 6);
	ck_assert_str_eq(f.state, "following");
	ck_assert_uint_eq(f.lag, 0);
	world_clear(&w);
}
END_TEST

START_TEST(what_is_gone_is_said_and_counted)
{
	static struct world w;
	struct input_facts f;

	world_init(&w, 1, TSV);
	new_file(&w);
	mu_buf_str(current(&w), "0\n1\n");
	start(&w);
	rest(&w, 2);
	stop(&w, true);
	/* while nobody looks: three more lines, rotated, removed */
	mu_buf_str(current(&w), "7\n8\n9\n");
	w.gone[w.at_path] = true;
	new_file(&w);
	mu_buf_str(current(&w), "2\n");
	w.lines = 3;
	start(&w);
	turn(&w, true);
	ck_assert_str_eq(w.said, "input " PATH ": the file that was read up to"
				 " line 10 is gone: what else it had is not"
				 " sent");
	all_arrive(&w);
	inputs_facts(w.in, 0, &f);
	ck_assert_uint_eq(f.lost, 1);
	world_clear(&w);
}
END_TEST

START_TEST(wrong_lines_are_said_once_and_counted)
{
	static struct world w;
	struct input_facts f;

	world_init(&w, 1, TSV);
	new_file(&w);
	mu_buf_str(current(&w), "a\nb\n0\nc\n1\n");
	w.lines = 2;
	start(&w);
	turn(&w, true);
	ck_assert_str_eq(w.said, "input " PATH ": line 9: field n: 'a' is no"
				 " count");
	all_arrive(&w);
	inputs_facts(w.in, 0, &f);
	ck_assert_uint_eq(f.wrong, 3);
	ck_assert_uint_eq(f.line, 13);
	world_clear(&w);
}
END_TEST

START_TEST(other_columns_stall_the_input_until_they_fit)
{
	static struct world w;
	struct input_facts f;

	world_init(&w, 1,
	    "file: " PATH ", stream: T::LOG, on: [worker-1],"
	    " format: json, types: [n:count]");
	w.nfiles = w.at_path = 1;
	mu_buf_init(current(&w), 0);
	mu_buf_str(current(&w), "{\"n\":0}\n{\"x\":1}\n{\"n\":1}\n");
	w.lines = 2;
	start(&w);
	all_arrive(&w);
	inputs_facts(w.in, 0, &f);
	ck_assert_uint_eq(f.wrong, 1);
	ck_assert_str_eq(f.path, "t");
	world_clear(&w);
}
END_TEST

static void
put_wide(struct world *w, unsigned n)
{
	mu_buf_str(current(w),
	    "#separator \\x09\n#fields\tn\ts\n#types\tcount\tstring\n");
	while (n-- > 0)
		mu_buf_printf(
		    current(w), "%llu\tx\n", (unsigned long long)w->lines++);
}

static void
put_narrow(struct world *w, unsigned n)
{
	while (n-- > 0)
		mu_buf_printf(
		    current(w), "%llu\n", (unsigned long long)w->lines++);
}

/* Of the stream that the outbox has. */
static size_t
columns(const struct world *w)
{
	size_t n = 0;

	for (uint32_t number = 0; number < 10; number++) {
		const struct mu_log_stream *s = outbox_stream_of(w->o, number);

		ck_assert(s == NULL || n == 0);
		n = s == NULL ? n : s->nfields;
	}
	return n;
}

/* Both sorts of columns, the other one first there after a restart. */
static void
narrow_then_wide(struct world *w, unsigned narrow, unsigned wide)
{
	struct input_facts f;

	outbox_logger_up(w->o, "logger-1", false, w->now);
	rest(w, 12);
	ck_assert_uint_eq(w->narrow, narrow);
	ck_assert_uint_eq(w->wide, 0);
	ck_assert_uint_eq(columns(w), 1);
	inputs_facts(w->in, 0, &f);
	ck_assert_str_eq(f.state, "stalled");
	ck_assert_ptr_nonnull(strstr(f.error, "has other columns"));
	stop(w, false);
	start(w);
	all_arrive(w);
	ck_assert_uint_eq(w->narrow, narrow);
	ck_assert_uint_eq(w->wide, wide);
	ck_assert_uint_eq(columns(w), 2);
	inputs_facts(w->in, 0, &f);
	ck_assert_str_eq(f.state, "following");
	ck_assert_uint_eq(f.wrong, 0);
	world_clear(w);
}

START_TEST(other_columns_in_the_same_bytes_are_told_apart)
{
	static struct world w;

	world_init(&w, (uint64_t)_i, TSV);
	new_file(&w);
	put_narrow(&w, 3);
	put_wide(&w, 2);
	start(&w);
	narrow_then_wide(&w, 3, 2);
}
END_TEST

START_TEST(columns_may_change_while_it_waits_for_the_spool)
{
	static struct world w;
	struct input_facts f;
	unsigned wide = 5;

	world_init(&w, (uint64_t)_i, TSV);
	w.spool = 64 * 1024;
	new_file(&w);
	put_narrow(&w, 6000);
	start(&w);
	rest(&w, 2);
	inputs_facts(w.in, 0, &f);
	ck_assert_str_eq(f.state, "stalled");
	ck_assert_str_eq(f.error, "waits: the spool is full");
	ck_assert_uint_gt(f.records, 0);
	ck_assert_uint_lt(f.records, 6000);
	/* In the file that is read, or in one that takes its place. */
	if (_i % 2 == 1) {
		mu_buf_init(&w.files[w.nfiles].content, 0);
		w.at_path = ++w.nfiles;
	}
	put_wide(&w, wide);
	rest(&w, 1);
	if (_i % 4 >= 2) { /* and the daemon is killed while it waits */
		stop(&w, true);
		start(&w);
		rest(&w, 2);
	}
	narrow_then_wide(&w, 6000, wide);
}
END_TEST

static bool
make_inputs(void *ctx)
{
	struct world *w = ctx;
	struct input_hooks hooks = fs;
	struct inputs *in;

	hooks.ctx = w;
	in = inputs_new(w->layout, "worker-1", w->o, &hooks, w->now);
	inputs_free(in);
	return in != NULL;
}

START_TEST(memory_may_run_out)
{
	static struct world w;

	world_init(&w, 1,
	    "file: " PATH ", stream: T::LOG, on: [worker-1],"
	    " format: json, types: [n:count, s:string]");
	start(&w);
	ck_assert_uint_gt(nomem_each(make_inputs, &w), 8);
	world_clear(&w);
}
END_TEST

START_TEST(the_layout_knows_the_types_of_logs)
{
	static const char *const types[] = { "bool", "int", "count", "double",
		"time", "interval", "string", "enum", "port", "addr", "subnet",
		"func", "file", "set[addr]", "table[addr]", "vector[time]",
		"set[set]", "set[]", "record", "any", "void", "pattern",
		"Count", "" };
	char word[64];

	for (size_t k = 0; k < sizeof types / sizeof types[0]; k++) {
		enum mu_log_type t, sub;

		snprintf(word, sizeof word, "a.b:%s", types[k]);
		ck_assert_msg(
		    mu_input_type_ok(word) ==
			mu_log_type_parse(types[k], strlen(types[k]), &t, &sub),
		    "%s", word);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("inputs");
	TCase *t = tcase_create("inputs");

	tcase_set_timeout(t, 300);
	tcase_add_test(t, each_line_arrives_exactly_once);
	tcase_add_test(t, a_file_may_be_begun_at_its_end);
	tcase_add_test(t, what_is_gone_is_said_and_counted);
	tcase_add_test(t, wrong_lines_are_said_once_and_counted);
	tcase_add_test(t, other_columns_stall_the_input_until_they_fit);
	tcase_add_loop_test(
	    t, other_columns_in_the_same_bytes_are_told_apart, 0, 4);
	tcase_add_loop_test(
	    t, columns_may_change_while_it_waits_for_the_spool, 0, 8);
	tcase_add_test(t, the_layout_knows_the_types_of_logs);
	tcase_add_test(t, memory_may_run_out);
	suite_add_tcase(s, t);
	return unit_run(s);
}
