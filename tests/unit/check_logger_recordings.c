/*
 * Recorded clusters with the files that Zeek's loggers wrote: what the loggers
 * were sent, fed to our sink on a real disk, gives the same lines in the same
 * order, open and close times apart.  Of cluster.log, broker.log and
 * reporter.log Zeek's loggers wrote lines of their own between them.
 */
#include "logsink.h"
#include "recording.h"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "io/logdir.h"
#include "logs/logjournal.h"
#include "proto/envelope.h"
#include "proto/handshake.h"
#include "unit.h"
#include "value/codec.h"

static const char *
tests_dir(void)
{
	const char *dir = getenv("MUSTER_TESTS");

	return dir == NULL ? "tests" : dir;
}

static char *
slurp_gz(const char *name)
{
	char path[512], *text = malloc(8 << 20);
	gzFile f;
	int n;

	snprintf(path, sizeof path, "%s/golden/%s", tests_dir(), name);
	f = gzopen(path, "rb");
	ck_assert_msg(f != NULL && text != NULL, "%s", path);
	n = gzread(f, text, (8 << 20) - 1);
	ck_assert_int_gt(n, 0);
	text[n] = '\0';
	gzclose(f);
	return text;
}

static char *
slurp(const char *path)
{
	FILE *f = fopen(path, "rb");
	char *text = malloc(4 << 20);
	size_t n;

	if (f == NULL) {
		free(text);
		return NULL;
	}
	n = fread(text, 1, (4 << 20) - 1, f);
	text[n] = '\0';
	fclose(f);
	return text;
}

/* --- our logger -------------------------------------------------------- */

struct ours {
	char dir[256];
	struct logdir *files;
	struct logjournal_lmdb *journal;
	struct logsink *sink;
	struct logsink_now now;
};

static void
begin(struct ours *o)
{
	const char *tmp = getenv("TMPDIR");
	struct mu_logs logs = default_logs();
	struct logsink_config cfg = { .node = "logger-1", .logs = &logs };
	struct logjournal journal;
	struct logfs fs;
	char path[300];

	snprintf(o->dir, sizeof o->dir, "%s/mlog.XXXXXX",
	    tmp == NULL ? "/tmp" : tmp);
	ck_assert_ptr_nonnull(mkdtemp(o->dir));
	logs.rotate_ns = 0;
	logs.sync = false;
	o->files = logdir_new(o->dir, NULL);
	snprintf(path, sizeof path, "%s/journal", o->dir);
	o->journal = logjournal_lmdb_new(path, false);
	logdir_hooks(o->files, &fs);
	logjournal_lmdb_hooks(o->journal, &journal);
	cfg.fs = &fs;
	cfg.journal = &journal;
	o->sink = logsink_new(&cfg);
	ck_assert_ptr_nonnull(o->sink);
	o->now.mono = NS;
	o->now.wall = THE_WALL;
	logsink_tick(o->sink, &o->now);
}

static void
drain(struct ours *o)
{
	struct logsink_out out;

	while (logsink_next(o->sink, &out)) {
		if (out.kind == LOGSINK_BACK)
			free_item(out.item);
		ck_assert_msg(
		    out.kind != LOGSINK_LOG || out.level > 4, "%s", out.text);
	}
}

static void
finish(struct ours *o)
{
	char cmd[400];

	logsink_free(o->sink);
	logdir_free(o->files);
	logjournal_lmdb_free(o->journal);
	snprintf(cmd, sizeof cmd, "rm -rf '%s'", o->dir);
	ck_assert_int_eq(system(cmd), 0);
}

/* Everything that somebody sent to the node and that is a log message. */
static size_t
feed(struct ours *o, const struct recording *r, const char *node)
{
	struct mu_envelope env;
	struct mu_peek peek;
	struct mu_buf b;
	size_t n = 0;

	mu_buf_init(&b, 0);
	for (size_t i = 0; i < r->n; i++) {
		const struct entry *e = &r->e[i];

		if (e->kind != ENTRY_FRAME ||
		    strcmp(e->c2s ? e->to : e->from, node) != 0 ||
		    mu_envelope_view(e->bytes, e->len, &env) != 0 ||
		    env.type != MU_DATA ||
		    mu_peek_message(env.payload, env.payload_len, &peek) != 0 ||
		    peek.kind == MUSTER_MESSAGE_EVENT ||
		    peek.kind == MUSTER_MESSAGE_IDENTIFIER_UPDATE)
			continue;
		mu_buf_put(&b, env.payload, env.payload_len);
		logsink_feed(o->sink,
		    make_item(LOGITEM_MESSAGE, &b, e->c2s ? e->from : e->to),
		    &o->now);
		n++;
		o->now.mono += NS / 50;
		logsink_tick(o->sink, &o->now);
		drain(o);
	}
	mu_buf_clear(&b);
	logsink_end(o->sink, &o->now);
	drain(o);
	return n;
}

/* --- comparison -------------------------------------------------------- */

static bool
is_time(const char *line)
{
	return strncmp(line, "#open\t", 6) == 0 ||
	       strncmp(line, "#close\t", 7) == 0;
}

static bool
same_line(const char *a, const char *b, size_t *la, size_t *lb)
{
	*la = strcspn(a, "\n");
	*lb = strcspn(b, "\n");
	if (is_time(a) && is_time(b))
		return strncmp(a, b, 6) == 0 && *la == *lb;
	return *la == *lb && memcmp(a, b, *la) == 0;
}

/* extra: theirs has lines that ours lacks. */
static void
compare(const char *name, const char *ours, const char *theirs, bool extra)
{
	size_t line = 0, la, lb;

	while (*ours != '\0' || (*theirs != '\0' && !extra)) {
		line++;
		if (same_line(ours, theirs, &la, &lb)) {
			ours += la + (ours[la] == '\n');
		} else {
			ck_assert_msg(extra && *theirs != '\0',
			    "%s, line %zu:\n%.*s\nand not\n%.*s", name, line,
			    (int)la, ours, (int)lb, theirs);
		}
		theirs += lb + (theirs[lb] == '\n');
	}
}

/* Each file of that run and node; ours are counted, too. */
static void
check_files(const struct ours *o, char *expected, const char *run,
    const char *node, size_t want)
{
	char *at = expected, *next, name[64], r[64], n[64], path[400];
	struct dirent *e;
	size_t theirs = 0, ours = 0;
	DIR *d;

	for (; at != NULL; at = next) {
		char *body = strchr(at, '\n') + 1, saved, *mine;

		next = strstr(body, "\n=== ");
		next = next == NULL ? NULL : next + 1;
		ck_assert_int_eq(
		    sscanf(at, "=== %63s %63s %63s", r, n, name), 3);
		if (strcmp(r, run) != 0 || strcmp(n, node) != 0)
			continue;
		snprintf(path, sizeof path, "%s/%s", o->dir, name);
		mine = slurp(path);
		ck_assert_msg(mine != NULL, "%s %s", node, name);
		saved = next == NULL ? '\0' : *next;
		if (next != NULL)
			*next = '\0';
		compare(name, mine, body,
		    strcmp(name, "broker.log") == 0 ||
			strcmp(name, "cluster.log") == 0 ||
			strcmp(name, "reporter.log") == 0);
		if (next != NULL)
			*next = saved;
		free(mine);
		theirs++;
	}
	d = opendir(o->dir);
	while ((e = readdir(d)) != NULL)
		ours += strstr(e->d_name, ".log") != NULL;
	closedir(d);
	ck_assert_uint_eq(ours, theirs);
	ck_assert_uint_eq(theirs, want);
}

static void
replay(const char *run, const char *node, size_t messages, size_t files)
{
	char name[64], *expected;
	struct recording r;
	struct ours o;

	snprintf(name, sizeof name, "%s.jsonl.gz", run);
	r = recording_open(name);
	begin(&o);
	ck_assert_uint_ge(feed(&o, &r, node), messages);
	expected = slurp_gz("zeek-logging-expected.txt.gz");
	check_files(&o, expected, run, node, files);
	free(expected);
	recording_close(&r);
	finish(&o);
}

START_TEST(two_loggers_give_the_files_of_zeek)
{
	replay("zeek-logging", "logger-1", 200, 42);
	replay("zeek-logging", "logger-2", 200, 42);
}
END_TEST

START_TEST(a_manager_that_is_logger_gives_the_files_of_zeek)
{
	replay("zeek-manager-logger", "manager", 15, 3);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("logger_recordings");
	TCase *t = tcase_create("recordings");

	setenv("TZ", "UTC", 1);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, two_loggers_give_the_files_of_zeek);
	tcase_add_test(t, a_manager_that_is_logger_gives_the_files_of_zeek);
	suite_add_tcase(s, t);
	return unit_run(s);
}
