/*
 * The sink: what was answered is in the files exactly once; what cannot be
 * written is refused and costs nothing else; names, times, strangers.
 */
#include "logsink_world.h"

#include "logs/logsink_impl.h"
#include "nomem.h"
#include "unit.h"

/* --- the cases --------------------------------------------------------- */

START_TEST(everything_is_written_once)
{
	struct world w;
	size_t rotated;

	world_init(&w, (uint64_t)_i);
	w.logs.rotate_ns = 3 * (int64_t)NS;
	w.logs.rotate_bytes = _i % 2 == 0 ? 0 : 600;
	w.apart = _i % 3 == 0;
	start(&w);
	for (int i = 0; i < 200; i++)
		round_of(&w, true);
	rotated = w.rotated;
	finish(&w);
	ck_assert_uint_gt(rotated, 10);
	ck_assert_uint_eq(w.warnings, 0);
	/* the plain ones, too */
	for (uint64_t n = 1; n < w.next_plain; n += 2)
		ck_assert_uint_eq(w.seen[n], 1);
}
END_TEST

START_TEST(a_disk_that_fails_now_and_then)
{
	struct world w;

	world_init(&w, (uint64_t)_i);
	w.logs.rotate_ns = 4 * (int64_t)NS;
	w.disk->fail_percent = 5 + (unsigned)_i;
	w.disk->fail_with = _i % 2 == 0 ? -ENOSPC : -EIO;
	start(&w);
	for (int i = 0; i < 150; i++)
		round_of(&w, true);
	ck_assert_uint_gt(w.refused, 0);
	w.disk->fail_percent = 0;
	pass(&w, 2 * NS);
	finish(&w);
}
END_TEST

START_TEST(a_full_disk_refuses_and_recovers)
{
	struct logsink_total t;
	struct world w;

	world_init(&w, 1);
	start(&w);
	for (int i = 0; i < 10; i++)
		round_of(&w, true);
	w.disk->room = 100;
	for (int i = 0; i < 20; i++)
		round_of(&w, true);
	ck_assert_uint_gt(w.refused, 5);
	logsink_total(w.sink, &t);
	ck_assert(t.trouble);
	ck_assert_ptr_nonnull(strstr(t.error, "No space left"));
	ck_assert_uint_gt(t.dropped, 0);  /* of those without numbers */
	ck_assert_uint_le(w.warnings, 4); /* once per episode and stream */
	w.disk->room = UINT64_MAX;
	pass(&w, 2 * NS);
	for (int i = 0; i < 10; i++)
		round_of(&w, true);
	logsink_total(w.sink, &t);
	ck_assert(!t.trouble);
	finish(&w);
}
END_TEST

/* --- one bad file, bad records ----------------------------------------- */

static struct logsink_fact
fact_of(struct world *w, const char *path)
{
	struct logsink_fact f[8];
	size_t n = logsink_count(w->sink);

	ck_assert_uint_le(n, 8);
	logsink_facts(w->sink, f, n);
	for (size_t i = 0; i < n; i++)
		if (strcmp(f[i].path, path) == 0)
			return f[i];
	ck_abort_msg("no path %s", path);
}

START_TEST(one_file_that_fails_costs_the_others_nothing)
{
	struct world w;

	world_init(&w, 3);
	start(&w);
	w.disk->bad_name = "a";
	for (int i = 0; i < 40; i++) {
		/* b by batches, a by messages and by one batch at the end */
		struct sender *s = &w.senders[0];

		new_batch(&w, s);
		s->out[s->nout - 1].stream = 1;
		send_plain(&w);
		send_all(&w, 0);
		pass(&w, NS / 4);
	}
	pass(&w, 2 * NS);
	ck_assert_uint_eq(w.senders[0].nout, 0);
	ck_assert_uint_eq(w.refused, 0);
	ck_assert_uint_gt(fact_of(&w, "a").dropped, 5);
	ck_assert_uint_eq(fact_of(&w, "a").records, 0);
	ck_assert_ptr_nonnull(strstr(fact_of(&w, "a").error, "Read-only"));
	new_batch(&w, &w.senders[1]);
	w.senders[1].out[0].stream = 0;
	for (int i = 0; i < 5; i++) {
		send_all(&w, 1);
		pass(&w, NS / 2);
	}
	ck_assert_uint_gt(w.refused, 0);
	w.disk->bad_name = NULL;
	finish(&w);
}
END_TEST

static void
feed(struct world *w, struct mu_buf *b)
{
	logsink_feed(
	    w->sink, make_item(LOGITEM_MESSAGE, b, "worker-9"), &w->now);
	pass(w, 2 * NS);
}

START_TEST(broken_records_cost_themselves)
{
	struct logsink_total t;
	struct mu_buf b, serial;
	struct world w;

	world_init(&w, 4);
	start(&w);
	mu_buf_init(&b, 0);
	mu_buf_init(&serial, 0);
	put_batch(&b, 7);
	put_create(&b, "A::LOG", "a");
	put_record(&b, "A::LOG", "a", 1, "good");
	mu_buf_u32(&serial, 3); /* three fields */
	put_write(&b, "A::LOG", "a", &serial);
	mu_buf_reset(&serial);
	mu_buf_u32(&serial, UINT32_MAX); /* absurd */
	put_write(&b, "A::LOG", "a", &serial);
	mu_buf_reset(&serial);
	put_serial(&serial, 1, "x");
	mu_buf_data(&serial)[7] = 99; /* a type that is none */
	put_write(&b, "A::LOG", "a", &serial);
	mu_buf_reset(&serial);
	put_serial(&serial, 1, "x");
	mu_buf_data(&serial)[7] = MU_LOG_INT; /* another type */
	put_write(&b, "A::LOG", "a", &serial);
	put_record(&b, "A::LOG", "a", 3, "good");
	feed(&w, &b);
	logsink_total(w.sink, &t);
	ck_assert_uint_eq(t.rejected, 4);
	ck_assert_uint_eq(t.records, 2);
	ck_assert_uint_eq(w.warnings, 1);
	ck_assert_ptr_nonnull(strstr(w.last_log, "A::LOG"));
	ck_assert_ptr_nonnull(strstr(w.last_log, "worker-9"));
	/* nobody's stream: once per stream and node */
	for (int i = 0; i < 3; i++) {
		put_record(&b, "C::LOG", "c", 5, "x");
		feed(&w, &b);
	}
	logsink_total(w.sink, &t);
	ck_assert_uint_eq(t.unknown, 3);
	ck_assert_uint_eq(w.warnings, 2);
	ck_assert_ptr_nonnull(strstr(w.last_log, "C::LOG"));
	mu_buf_clear(&b);
	mu_buf_clear(&serial);
	w.next_record = 0;
	finish(&w);
}
END_TEST

static bool
has_file(const struct world *w, const char *name)
{
	return inode_named(w->disk, false, name) != NULL;
}

static void
create_and_write(
    struct world *w, const char *stream, const char *path, uint64_t n)
{
	struct mu_buf b;

	mu_buf_init(&b, 0);
	put_batch(&b, 2);
	put_create(&b, stream, path);
	put_record(&b, stream, path, n, "x");
	feed(w, &b);
	mu_buf_clear(&b);
}

START_TEST(paths_stay_in_the_folder)
{
	static const char *const hostile[] = { "../../etc/passwd", "/dev/null",
		".hidden", "a/b", "x y\"z" };
	char huge[500];
	struct world w;

	world_init(&w, 5);
	start(&w);
	for (size_t i = 0; i < 5; i++)
		create_and_write(&w, "H::LOG", hostile[i], 2 * i + 1);
	memset(huge, 'p', sizeof huge - 1);
	huge[sizeof huge - 1] = '\0';
	create_and_write(&w, "H::LOG", huge, 21);
	huge[400] = 'q';
	create_and_write(&w, "H::LOG", huge, 23);
	for (size_t i = 0; i < MODEL_INODES; i++) {
		const char *name = w.disk->in[i].name;

		ck_assert(strchr(name, '/') == NULL && name[0] != '.');
		ck_assert_uint_lt(strlen(name), 200);
	}
	ck_assert(has_file(&w, "_._.._etc_passwd.log"));
	ck_assert(has_file(&w, "_dev_null.log"));
	ck_assert(has_file(&w, "_hidden.log"));
	ck_assert(has_file(&w, "a_b.log"));
	ck_assert(has_file(&w, "x_y_z.log"));
	ck_assert_uint_eq(logsink_count(w.sink), 7);
	finish(&w);
}
END_TEST

START_TEST(two_streams_of_one_path_get_two_files)
{
	struct world w;

	world_init(&w, 6);
	start(&w);
	create_and_write(&w, "A::LOG", "same", 1);
	create_and_write(&w, "B::LOG", "same", 3);
	create_and_write(&w, "A::LOG", "same", 5);
	ck_assert(has_file(&w, "same.log"));
	ck_assert(has_file(&w, "same-2.log"));
	ck_assert_uint_eq(logsink_count(w.sink), 2);
	finish(&w);
}
END_TEST

START_TEST(a_stranger_in_the_way_is_moved)
{
	struct logfs_id id;
	struct world w;
	int f;

	world_init(&w, 7);
	f = m_create(w.disk, "a.log", &id);
	ck_assert_int_eq(
	    m_write(w.disk, f, 0,
		"#separator \\x09\n#open\t2020-02-03-04-05-06\n", 42),
	    0);
	m_close(w.disk, f);
	start(&w);
	create_and_write(&w, "A::LOG", "a", 1);
	ck_assert(has_file(&w, "a.log"));
	ck_assert(has_file(&w, "a.2020-02-03-04-05-06.log"));
	finish(&w);
}
END_TEST

static struct minode *
file_of(struct world *w, const char *name)
{
	struct minode *n = inode_named(w->disk, false, name);

	ck_assert_ptr_nonnull(n);
	return n;
}

/* How many records are in that file, which begins with a header. */
static unsigned
records_in(struct world *w, const char *name)
{
	const struct minode *n = file_of(w, name);
	unsigned count = 0;

	ck_assert_uint_gt(n->len, 10);
	ck_assert_int_eq(memcmp(n->data, "#separator", 10), 0);
	for (size_t i = 1; i < n->len; i++)
		count += n->data[i - 1] == '\n' && n->data[i] != '#';
	return count;
}

/* What is acknowledged after that is in a file that is there. */
START_TEST(a_file_that_somebody_removed_is_begun_anew)
{
	struct world w;

	world_init(&w, 8);
	start(&w);
	create_and_write(&w, "A::LOG", "a", 1);
	create_and_write(&w, "B::LOG", "b", 3);
	file_of(&w, "a.log")->name[0] = '\0';
	create_and_write(&w, "A::LOG", "a", 5);
	ck_assert_str_eq(w.last_log,
	    "logs: a.log was removed by somebody, with records in it; another "
	    "one is begun");
	ck_assert_uint_eq(records_in(&w, "a.log"), 1);
	create_and_write(&w, "A::LOG", "a", 7);
	ck_assert_uint_eq(records_in(&w, "a.log"), 2);
	ck_assert_uint_eq(records_in(&w, "b.log"), 1);
	/* removed before it is rotated: not brought back */
	file_of(&w, "b.log")->name[0] = '\0';
	pass(&w, 3600 * NS);
	ck_assert(!has_file(&w, "b.log"));
	w.disk->aside = 1; /* counters count what was removed */
	finish(&w);
}
END_TEST

START_TEST(nor_is_one_that_was_truncated_filled_with_nothing)
{
	struct world w;

	world_init(&w, 9);
	start(&w);
	create_and_write(&w, "A::LOG", "a", 1);
	file_of(&w, "a.log")->len = 0;
	create_and_write(&w, "A::LOG", "a", 3);
	ck_assert_str_eq(w.last_log,
	    "logs: a.log was truncated by somebody, with records in it; "
	    "another one is begun");
	ck_assert_uint_eq(records_in(&w, "a.log"), 1);
	/* what is left of it is kept */
	file_of(&w, "a.log")->len -= 5;
	create_and_write(&w, "A::LOG", "a", 5);
	ck_assert_uint_eq(records_in(&w, "a.log"), 1);
	file_of(&w, "a.log")->len = 0;
	pass(&w, 3600 * NS);
	ck_assert_uint_eq(w.disk->nopen, 0);
	for (size_t i = 0; i < MODEL_INODES; i++)
		w.disk->in[i].used = w.disk->in[i].used &&
				     strcmp(w.disk->in[i].name, "a.log") == 0;
	w.disk->aside = 1;
	stop(&w);
	mdisk_free(w.disk);
}
END_TEST

/* A file that is too large waits for the next second; what came meanwhile is
 * not on disk yet when that begins, and belongs into it. */
START_TEST(rotation_by_size_loses_nothing_that_waits)
{
	struct logitem *it;
	struct world w;
	struct mu_buf b;

	world_init(&w, 10);
	w.logs.rotate_bytes = 100;
	w.logs.flush_ns = 5 * (int64_t)NS;
	start(&w);
	mu_buf_init(&b, 0);
	for (uint64_t n = 1; n <= 3; n += 2) {
		put_batch(&b, 2);
		put_create(&b, "A::LOG", "a");
		put_record(&b, "A::LOG", "a", n, "x");
		it = make_item(LOGITEM_MESSAGE, &b, "worker-9");
		logsink_feed(w.sink, it, &w.now);
		if (n == 1)
			logsink_flush(w.sink, &w.now);
	}
	mu_buf_clear(&b);
	pass(&w, NS / 2); /* the same second */
	ck_assert(has_file(&w, "a.log"));
	ck_assert_uint_gt(logsink_deadline(w.sink), w.now.mono);
	pass(&w, NS / 2 + NS / 4); /* the next, before the flush is due */
	ck_assert(!has_file(&w, "a.log"));
	finish(&w);
	ck_assert_uint_eq(w.seen[1], 1);
	ck_assert_uint_eq(w.seen[3], 1);
}
END_TEST

/* Whether it was taken; a batch of one record, which describes its stream. */
static bool
batch_taken(struct world *w, const char *stream, const char *path, uint64_t seq)
{
	size_t before = w->refused;
	struct logitem *it;
	struct mu_buf b;

	mu_buf_init(&b, 0);
	put_batch(&b, 2);
	put_create(&b, stream, path);
	put_record(&b, stream, path, 2 * seq + 1, "x");
	it = make_item(LOGITEM_BATCH, &b, "worker-1");
	it->session = w->senders[0].session;
	it->seq = seq;
	it->prev = seq - 1;
	logsink_feed(w->sink, it, &w->now);
	mu_buf_clear(&b);
	pass(w, 2 * NS);
	return w->refused == before;
}

/* A stream that can have no file stays with its sender, who was promised that
 * nothing is lost, until somebody allows more files. */
START_TEST(what_can_have_no_file_is_refused)
{
	struct world w;

	world_init(&w, 11);
	w.logs.files = 1;
	start(&w);
	ck_assert(batch_taken(&w, "A::LOG", "a", 1));
	ck_assert(!batch_taken(&w, "B::LOG", "b", 2));
	ck_assert_str_eq(w.last_log,
	    "logs: stream B::LOG of worker-1 is not written: the limit "
	    "logs.files is reached");
	ck_assert(!batch_taken(&w, "B::LOG", "b", 2));
	w.logs.files = 2;
	ck_assert_int_eq(logsink_reload(w.sink, &w.logs, false), 0);
	ck_assert(batch_taken(&w, "B::LOG", "b", 2));
	ck_assert(has_file(&w, "b.log"));
	stop(&w);
	check_all(&w);
	ck_assert_uint_eq(w.seen[3], 1);
	ck_assert_uint_eq(w.seen[5], 1);
	mdisk_free(w.disk);
}
END_TEST

/* More streams than complaints are remembered, over and over: the log is not
 * filled with them, and they leave nothing. */
START_TEST(many_unknown_streams_do_not_fill_the_log)
{
	struct logitem *it;
	struct world w;
	struct mu_buf b;
	char stream[32];
	size_t before;

	world_init(&w, 14);
	w.logs.files = 1;
	start(&w);
	create_and_write(&w, "A::LOG", "a", 1);
	before = w.logs_seen;
	mu_buf_init(&b, 0);
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(stream, sizeof stream, "X%u::LOG", i % 300);
		put_batch(&b, 2);
		put_create(&b, stream, "x");
		put_record(&b, stream, "x", 3, "x");
		it = make_item(LOGITEM_MESSAGE, &b, "worker-9");
		logsink_feed(w.sink, it, &w.now);
		drain(&w);
	}
	mu_buf_clear(&b);
	ck_assert_uint_le(w.logs_seen - before, 256);
	/* nor is memory: names are for anybody to invent */
	ck_assert_uint_eq(HASH_COUNT(w.sink->keys), 1);
	before = w.logs_seen;
	pass(&w, 61 * NS);
	create_and_write(&w, "New::LOG", "x", 5);
	ck_assert_uint_eq(w.logs_seen - before, 1);
	stop(&w);
	ck_assert_uint_eq(w.total.unknown, 3001);
	mdisk_free(w.disk);
}
END_TEST

static struct mu_uuid
session_of(unsigned n)
{
	struct mu_uuid id = { { 1, 2, 3, (uint8_t)n } };

	return id;
}

/* The only batch of that session, with one record. */
static void
feed_session(struct world *w, unsigned n)
{
	struct logitem *it;
	struct mu_buf b;

	mu_buf_init(&b, 0);
	put_batch(&b, 2);
	put_create(&b, "A::LOG", "a");
	put_record(&b, "A::LOG", "a", 2 * n + 1, "x");
	it = make_item(LOGITEM_BATCH, &b, "worker-1");
	it->session = session_of(n);
	it->seq = 1;
	logsink_feed(w->sink, it, &w->now);
	mu_buf_clear(&b);
}

/* How many sessions the journal has; *has: that one too. */
static unsigned
sessions_kept(struct world *w, unsigned n, bool *has)
{
	struct mu_uuid id = session_of(n);
	unsigned count = 0;

	*has = false;
	for (size_t i = 0; i < w->disk->npairs; i++) {
		const struct mpair *p = &w->disk->pairs[i];

		if (p->key[0] != 's')
			continue;
		count++;
		*has = *has || memcmp(p->key + 1, id.bytes, 16) == 0;
	}
	return count;
}

/* Sessions of senders beyond the bound, those not used for longest, leave the
 * journal as they leave memory: it does not grow, and it has all others. */
START_TEST(old_sessions_leave_the_journal)
{
	struct world w;
	bool has;

	world_init(&w, 12);
	w.sessions = 16;
	w.deaf = true;
	start(&w);
	for (unsigned n = 0; n < 100; n++) {
		feed_session(&w, n);
		pass(&w, 2 * NS);
		ck_assert_uint_le(sessions_kept(&w, n, &has), 16);
		ck_assert(has);
	}
	ck_assert_uint_ge(sessions_kept(&w, 80, &has), 13);
	ck_assert(!has);
	crash(&w);
	start(&w);
	for (unsigned n = 88; n < 100; n++) {
		feed_session(&w, n);
		pass(&w, 2 * NS);
	}
	sessions_kept(&w, 99, &has);
	ck_assert(has);
	stop(&w);
	check_all(&w);
	for (unsigned n = 0; n < 100; n++)
		ck_assert_uint_eq(w.seen[2 * n + 1], 1);
	mdisk_free(w.disk);
}
END_TEST

/* One that comes back in the group in which it was forgotten is not erased. */
START_TEST(a_session_that_comes_back_stays)
{
	struct world w;
	bool has;

	world_init(&w, 13);
	w.sessions = 8;
	w.deaf = true;
	start(&w);
	for (unsigned n = 0; n < 8; n++) {
		feed_session(&w, n);
		pass(&w, 2 * NS);
	}
	feed_session(&w, 8); /* 0 and 1 are forgotten for it */
	feed_session(&w, 0);
	pass(&w, 2 * NS);
	sessions_kept(&w, 1, &has);
	ck_assert(!has);
	sessions_kept(&w, 0, &has);
	ck_assert(has);
	crash(&w);
	start(&w);
	feed_session(&w, 0);
	pass(&w, 2 * NS);
	stop(&w);
	w.twice[1] = 1;
	check_all(&w);
	ck_assert_uint_eq(w.seen[1], 2); /* and not three times */
	mdisk_free(w.disk);
}
END_TEST

START_TEST(names_and_times_of_rotation)
{
	struct world w;

	world_init(&w, 8);
	w.logs.rotate_ns = INT64_C(3600) * (int64_t)NS;
	start(&w);
	create_and_write(&w, "A::LOG", "a", 1); /* 22:13:20 */
	pass(&w, 60 * NS);
	ck_assert_uint_eq(w.rotated, 0);
	/* to 23:00:00 */
	pass(&w,
	    (uint64_t)(THE_WALL + INT64_C(2800) * (int64_t)NS - w.now.wall));
	ck_assert_uint_eq(w.rotated, 1);
	ck_assert(has_file(&w, "a.2023-11-14-22-13-20.log"));
	ck_assert(!has_file(&w, "a.log"));
	/* an idle stream gives no file, but its time begins anew */
	pass(&w, 3600 * NS);
	ck_assert_uint_eq(w.rotated, 1);
	create_and_write(&w, "A::LOG", "a", 3);
	pass(&w, 3600 * NS);
	ck_assert(has_file(&w, "a.2023-11-15-00-00-00.log"));
	w.logs.naming = MU_LOGS_ARCHIVER;
	ck_assert_int_eq(logsink_reload(w.sink, &w.logs, true), 0);
	create_and_write(&w, "A::LOG", "a", 5);
	pass(&w, 3600 * NS);
	ck_assert(has_file(&w, "a__2023-11-15-01-00-02__2023-11-15-02-00-04__"
			       "log_suffix=logger-1__.log"));
	w.logs.rotate_base_ns = INT64_C(600) * (int64_t)NS;
	ck_assert_int_eq(logsink_reload(w.sink, &w.logs, false), 0);
	create_and_write(&w, "A::LOG", "a", 7);
	pass(&w, 600 * NS);
	ck_assert(has_file(&w, "a__2023-11-15-02-00-04__2023-11-15-02-10-06__"
			       ".log"));
	finish(&w);
}
END_TEST

static uint64_t
seq_of(struct world *w)
{
	return w->senders[0].nout == 0 ? 0 : w->senders[0].out[0].seq;
}

START_TEST(batches_come_again_or_too_early)
{
	struct logsink_total t;
	struct world w;
	struct sender *s = &w.senders[0];

	world_init(&w, 9);
	start(&w);
	new_batch(&w, s);
	new_batch(&w, s);
	new_batch(&w, s);
	/* the second without the first: it shows that one is missing */
	send(&w, 0, 1);
	pass(&w, 2 * NS);
	ck_assert_uint_eq(s->nout, 3);
	ck_assert(s->again);
	send(&w, 0, 0);
	send(&w, 0, 0);
	send(&w, 0, 1);
	pass(&w, 2 * NS);
	ck_assert_uint_eq(s->nout, 1);
	ck_assert_uint_ne(seq_of(&w), 0);
	logsink_total(w.sink, &t);
	ck_assert_uint_eq(t.gaps, 1);
	ck_assert_uint_eq(t.repeated, 1);
	ck_assert_uint_eq(t.batches, 2);
	finish(&w);
}
END_TEST

static struct nomem nomem_state;

static void
nomem_at(unsigned n)
{
	nomem_state.left = n;
	mu_alloc_set_hook(nomem_hook, &nomem_state);
}

static void
nomem_off(void)
{
	mu_alloc_set_hook(NULL, NULL);
}

START_TEST(no_memory_is_survived)
{
	struct world w;

	world_init(&w, 10);
	for (size_t n = 0; n < 60; n++) {
		struct logsink_config cfg = { .node = "l", .logs = &w.logs };
		struct logjournal j;
		struct logfs fs;
		struct logsink *s;

		mdisk_hooks(w.disk, &fs, &j);
		cfg.fs = &fs;
		cfg.journal = &j;
		nomem_at((unsigned)n);
		s = logsink_new(&cfg);
		nomem_off();
		logsink_free(s);
	}
	start(&w);
	for (int i = 0; i < 60; i++) {
		new_batch(&w, &w.senders[0]);
		send_plain(&w);
		nomem_at((unsigned)i);
		pass(&w, NS / 4);
		nomem_off();
		send_all(&w, 0);
		nomem_at((unsigned)i / 2);
		logsink_flush(w.sink, &w.now);
		nomem_off();
		drain(&w);
	}
	finish(&w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("logsink");
	TCase *t = tcase_create("sink");

	setenv("TZ", "UTC", 1);
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, everything_is_written_once, 0, 6);
	tcase_add_loop_test(t, a_disk_that_fails_now_and_then, 0, 20);
	tcase_add_test(t, a_full_disk_refuses_and_recovers);
	tcase_add_test(t, one_file_that_fails_costs_the_others_nothing);
	tcase_add_test(t, broken_records_cost_themselves);
	tcase_add_test(t, paths_stay_in_the_folder);
	tcase_add_test(t, two_streams_of_one_path_get_two_files);
	tcase_add_test(t, a_stranger_in_the_way_is_moved);
	tcase_add_test(t, a_file_that_somebody_removed_is_begun_anew);
	tcase_add_test(t, nor_is_one_that_was_truncated_filled_with_nothing);
	tcase_add_test(t, rotation_by_size_loses_nothing_that_waits);
	tcase_add_test(t, what_can_have_no_file_is_refused);
	tcase_add_test(t, many_unknown_streams_do_not_fill_the_log);
	tcase_add_test(t, old_sessions_leave_the_journal);
	tcase_add_test(t, a_session_that_comes_back_stays);
	tcase_add_test(t, names_and_times_of_rotation);
	tcase_add_test(t, batches_come_again_or_too_early);
	tcase_add_test(t, no_memory_is_survived);
	suite_add_tcase(s, t);
	return unit_run(s);
}
