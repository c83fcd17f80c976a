/*
 * A sink on a disk in memory, and nodes that send to it as an outbox does:
 * numbered batches, sent again until they are taken; records are numbered
 * through, so that the files tell what is lost or doubled.
 */
#ifndef UNIT_LOGSINK_WORLD_H
#define UNIT_LOGSINK_WORLD_H

#include "disk_model.h"

#include <zlib.h>

#include "logs/logsink.h"

#define SENDERS   2
#define MOST_OUT  200
#define MOST_RECS 8000

/* A batch that was not answered yet. */
struct flying {
	uint64_t seq, first, n; /* records first, first + 1, ... */
	unsigned stream;
	bool sent;
};

struct sender {
	struct mu_uuid session;
	uint64_t next_seq;
	struct flying out[MOST_OUT];
	size_t nout;
	bool again; /* something was refused or is missing */
};

struct world {
	struct mdisk *disk;
	struct mu_logs logs;
	struct logsink *sink;
	struct logsink_now now;
	struct mu_rng rng;
	struct sender senders[SENDERS];
	uint64_t next_record; /* numbered ones: even */
	uint64_t next_plain;  /* others: odd */
	uint8_t seen[2 * MOST_RECS];
	uint8_t twice[2 * MOST_RECS]; /* that may be there twice */
	size_t refused, logs_seen, rotated, warnings;
	bool apart;
	bool deaf;       /* answers do not arrive */
	size_t sessions; /* of which more are forgotten; 0: many */
	bool gone;       /* a file was, it was said */
	bool gzip;       /* files are compressed as they are written */
	char last_log[256];
	struct logsink_total total; /* at the end */
};

static const char *const streams[] = { "A::LOG", "B::LOG" };
static const char *const paths[] = { "a", "b" };

/* --- a life ------------------------------------------------------------ */

__attribute__((unused)) static void
start(struct world *w)
{
	struct logsink_config cfg = {
		.node = "logger-1", .logs = &w->logs, .sessions = w->sessions
	};
	struct logjournal j;
	struct logfs fs;

	mdisk_hooks(w->disk, &fs, &j);
	cfg.fs = &fs;
	cfg.journal = &j;
	w->logs.rotated = w->apart ? (char *)(uintptr_t) "rotated" : NULL;
	w->sink = logsink_new(&cfg);
	ck_assert_ptr_nonnull(w->sink);
	w->disk->wall = w->now.wall;
	logsink_tick(w->sink, &w->now);
	for (size_t i = 0; i < SENDERS; i++)
		w->senders[i].again = true;
}

__attribute__((unused)) static void
world_init(struct world *w, uint64_t seed)
{
	memset(w, 0, sizeof *w);
	w->disk = mdisk_new(seed);
	mu_rng_init(&w->rng, seed ^ 77);
	w->logs = default_logs();
	w->now.mono = NS;
	w->now.wall = THE_WALL;
	w->next_plain = 1;
	for (size_t i = 0; i < SENDERS; i++)
		memset(w->senders[i].session.bytes, (int)i + 1, 16);
}

__attribute__((unused)) static void
taken(struct world *w, const struct logsink_out *out)
{
	struct sender *s = &w->senders[out->session.bytes[0] - 1];
	size_t n = 0;

	while (n < s->nout && s->out[n].seq <= out->seq)
		n++;
	memmove(s->out, s->out + n, (s->nout - n) * sizeof s->out[0]);
	s->nout -= n;
	/* nothing new: it asks for what is missing */
	if (n == 0)
		s->again = true;
}

__attribute__((unused)) static void
drain(struct world *w)
{
	struct logsink_out out;

	while (logsink_next(w->sink, &out)) {
		switch (out.kind) {
		case LOGSINK_BACK:
			if (out.item->refused) {
				ck_assert(out.item->why[0] != '\0');
				w->senders[out.item->session.bytes[0] - 1]
				    .again = true;
				w->refused++;
			}
			free_item(out.item);
			break;
		case LOGSINK_TAKEN:
			if (!w->deaf)
				taken(w, &out);
			break;
		case LOGSINK_LOG:
			w->logs_seen++;
			w->warnings += out.level <= 4;
			w->gone =
			    w->gone || strstr(out.text, "is gone") != NULL;
			snprintf(
			    w->last_log, sizeof w->last_log, "%s", out.text);
			break;
		case LOGSINK_ROTATED:
			w->rotated++;
			logsink_posted(w->sink, out.rotated.name);
			break;
		case LOGSINK_LINE:
			break;
		}
	}
}

__attribute__((unused)) static void
stop(struct world *w)
{
	logsink_end(w->sink, &w->now);
	drain(w);
	logsink_total(w->sink, &w->total);
	logsink_free(w->sink);
	w->sink = NULL;
	ck_assert(w->disk->dead || w->disk->nopen == 0);
}

/* What is in the sink is lost with it, but for the items' memory. */
__attribute__((unused)) static void
crash(struct world *w)
{
	w->disk->dead = true;
	logsink_flush(w->sink, &w->now);
	drain(w);
	logsink_free(w->sink);
	mdisk_restart(w->disk);
}

/* --- senders ----------------------------------------------------------- */

__attribute__((unused)) static void
new_batch(struct world *w, struct sender *s)
{
	struct flying *f = &s->out[s->nout];

	if (s->nout == MOST_OUT || w->next_record > 2 * (MOST_RECS - 10))
		return;
	s->nout++;
	f->seq = s->next_seq += 1 + mu_rng_u64(&w->rng) % 3;
	f->first = w->next_record;
	f->n = 1 + mu_rng_u64(&w->rng) % 5;
	f->stream = mu_rng_u64(&w->rng) % 2;
	f->sent = false;
	w->next_record += 2 * f->n;
}

__attribute__((unused)) static void
describe(
    struct world *w, struct mu_buf *b, const char *stream, const char *path)
{
	struct mu_log_stream s = small_stream(stream, path);

	if (w->gzip)
		ck_assert_int_eq(
		    mu_log_stream_config(&s, "gzip_level", "6", NULL), 0);
	mu_log_stream_enc(b, &s);
	mu_log_stream_clear(&s);
}

__attribute__((unused)) static void
send(struct world *w, size_t which, size_t at)
{
	struct sender *s = &w->senders[which];
	struct flying *f = &s->out[at];
	const char *stream = streams[f->stream], *path = paths[f->stream];
	struct logitem *it;
	struct mu_buf b;

	mu_buf_init(&b, 0);
	put_batch(&b, (uint32_t)f->n + 1);
	describe(w, &b, stream, path);
	for (uint64_t i = 0; i < f->n; i++)
		put_record(&b, stream, path, f->first + 2 * i, "text");
	it = make_item(LOGITEM_BATCH, &b, which == 0 ? "worker-1" : "worker-2");
	it->session = s->session;
	it->seq = f->seq;
	it->prev = at == 0 ? 0 : s->out[at - 1].seq;
	f->sent = true;
	logsink_feed(w->sink, it, &w->now);
	mu_buf_clear(&b);
}

__attribute__((unused)) static void
send_all(struct world *w, size_t which)
{
	struct sender *s = &w->senders[which];

	for (size_t i = 0; i < s->nout && s->again; i++)
		s->out[i].sent = false;
	s->again = false;
	for (size_t i = 0; i < s->nout; i++)
		if (!s->out[i].sent)
			send(w, which, i);
}

__attribute__((unused)) static void
send_plain(struct world *w)
{
	unsigned stream = mu_rng_u64(&w->rng) % 2;
	struct mu_buf b;

	if (w->next_plain > 2 * (MOST_RECS - 10))
		return;
	mu_buf_init(&b, 0);
	put_batch(&b, 2);
	describe(w, &b, streams[stream], paths[stream]);
	put_record(&b, streams[stream], paths[stream], w->next_plain, "plain");
	w->next_plain += 2;
	logsink_feed(
	    w->sink, make_item(LOGITEM_MESSAGE, &b, "zeek-3"), &w->now);
	mu_buf_clear(&b);
}

__attribute__((unused)) static void
pass(struct world *w, uint64_t ns)
{
	w->now.mono += ns;
	w->now.wall += (int64_t)ns;
	w->disk->wall = w->now.wall;
	logsink_tick(w->sink, &w->now);
	drain(w);
}

__attribute__((unused)) static void
round_of(struct world *w, bool more)
{
	for (size_t i = 0; i < SENDERS; i++) {
		if (more && mu_rng_u64(&w->rng) % 2 == 0)
			new_batch(w, &w->senders[i]);
		send_all(w, i);
	}
	if (more && mu_rng_u64(&w->rng) % 3 == 0)
		send_plain(w);
	pass(w, mu_rng_u64(&w->rng) % (NS / 2));
}

/* --- what is in the files ---------------------------------------------- */

/* All members of a gzip file, whole. */
__attribute__((unused)) static void
unzip(const struct minode *n, struct mu_buf *out)
{
	z_stream z = { .next_in = (uint8_t *)n->data,
		.avail_in = (uInt)n->len };
	uint8_t *at;
	size_t room;
	int rc;

	ck_assert_int_eq(inflateInit2(&z, 15 + 16), Z_OK);
	while (z.avail_in > 0) {
		ck_assert_int_eq(mu_buf_reserve(out, 65536, &at, &room), 0);
		z.next_out = at;
		z.avail_out = (uInt)room;
		rc = inflate(&z, Z_NO_FLUSH);
		mu_buf_commit(out, room - z.avail_out);
		ck_assert_msg(rc == Z_OK || rc == Z_STREAM_END,
		    "%s is no gzip file", n->name);
		if (rc == Z_STREAM_END)
			inflateReset(&z);
		else
			ck_assert_msg(
			    z.avail_in > 0, "%s ends in a member", n->name);
	}
	inflateEnd(&z);
}

__attribute__((unused)) static void
read_file(struct world *w, const struct minode *n)
{
	const char *p = n->data, *end = n->data + n->len;
	struct mu_buf plain;

	mu_buf_init(&plain, 0);
	ck_assert(w->gzip == (strstr(n->name, ".log.gz") != NULL));
	if (w->gzip) {
		unzip(n, &plain);
		p = (const char *)mu_buf_data(&plain);
		end = p + mu_buf_len(&plain);
	}
	ck_assert_msg(p == end || p[0] == '#', "%s has no header", n->name);
	while (p < end) {
		const char *eol = memchr(p, '\n', (size_t)(end - p));
		unsigned long long v;

		ck_assert_msg(eol != NULL, "%s ends in a line", n->name);
		if (*p != '#') {
			/* No NUL ends the data, but the line ends. */
			ck_assert(*p >= '0' && *p <= '9');
			v = strtoull(p, NULL, 10);
			ck_assert_uint_lt(v, sizeof w->seen);
			ck_assert_msg(w->seen[v] <= w->twice[v],
			    "%llu is there twice", v);
			w->seen[v]++;
		}
		p = eol + 1;
	}
	mu_buf_clear(&plain);
}

__attribute__((unused)) static void
check_all(struct world *w)
{
	uint64_t there = 0;

	memset(w->seen, 0, sizeof w->seen);
	for (size_t i = 0; i < MODEL_INODES; i++)
		if (w->disk->in[i].used && w->disk->in[i].name[0] != '\0')
			read_file(w, &w->disk->in[i]);
	for (uint64_t n = 0; n < w->next_record; n += 2)
		ck_assert_msg(
		    w->seen[n] >= 1, "%llu is lost", (unsigned long long)n);
	for (size_t n = 0; n < sizeof w->seen; n++)
		there += w->seen[n];
	/* Counters survive everything but the journal. */
	if (w->disk->aside == 0)
		ck_assert_uint_eq(w->total.ever_records, there);
}

__attribute__((unused)) static void
finish(struct world *w)
{
	bool busy = true;

	for (int i = 0; i < 400 && busy; i++) {
		busy = false;
		round_of(w, false);
		pass(w, NS / 2);
		for (size_t k = 0; k < SENDERS; k++)
			busy = busy || w->senders[k].nout > 0;
	}
	ck_assert_msg(!busy, "something is never taken: %s", w->last_log);
	stop(w);
	check_all(w);
	mdisk_free(w->disk);
}

#endif
