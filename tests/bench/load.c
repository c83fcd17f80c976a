/*
 * Running a load; see load.h.
 *
 * Everything is one loop: fill the publishers' outputs as far as window or
 * clock permit, let the network turn, count what came.  There are four phases:
 * connecting, warming up, measuring, and draining, in which all that is still
 * under way must arrive.
 */
#include "load.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "event.h"
#include "nats.h"
#include "proc.h"
#include "track.h"

#define OUT_MOST    (128u * 1024) /* waiting in a publisher's output */
#define DEEP_EACH   1000          /* every byte of each 1000th is compared */
#define OPEN_NS     (30 * SEC)    /* to connect, and for a first event */
#define DRAIN_NS    (5 * SEC)
#define STALL_NS    SEC           /* nothing comes for so long */
#define STALL_ALL   (30 * SEC)    /* ... where the events are what counts */
#define ZIPF        65536

struct run {
	const struct load *l;
	struct load_result *r;
	struct net net;
	int port;
	struct event event;
	uint8_t remote[WIRE_ID];  /* the target's id */
	struct peer **pub, **sub, **echo, **idle;
	struct peer *churn;
	struct track *tracks;     /* [sub * publishers + pub] */
	uint8_t *scratch;         /* nats: a frame [event.len] */
	uint64_t *sent;           /* by publisher */
	uint16_t *zipf;           /* topics in the order they are used */
	uint64_t total;           /* sent by all */
	uint64_t start;           /* of the open loop */
	uint64_t deliveries;
	uint64_t corrupt;
	bool timed;               /* latencies count now */
	uint64_t heard;           /* when something came last */
};

/* --- hearing ------------------------------------------------------------------- */

static void
on_event(struct peer *p, uint8_t *f, size_t len)
{
	struct run *run = p->owner;
	struct track *t;
	unsigned pub;
	uint64_t seq, time;

	if (len != run->event.len ||
	    memcmp(f + WIRE_SENDER, p->remote, WIRE_ID) != 0 ||
	    !event_read(&run->event, f, run->deliveries % DEEP_EACH == 0, &pub,
	    &seq, &time) || pub >= run->l->publishers) {
		run->corrupt++;
		return;
	}
	run->deliveries++;
	t = &run->tracks[p->index * run->l->publishers + pub];
	track_add(t, seq);
	if (run->timed && run->l->rate > 0 && time >= run->start) {
		uint64_t now = now_ns();

		hist_add(&run->r->latency, now > time ? now - time : 0);
	}
}

static void
on_echo(struct peer *p, uint8_t *f, size_t len)
{
	memcpy(f + WIRE_SENDER, p->id, WIRE_ID);
	f[EVENT_ECHO_AT] = EVENT_ECHOES[6];
	bytes_add(&p->out, f, len);
	peer_queued(p);
}

/* --- connecting ---------------------------------------------------------------- */

/* Prefixes that match nothing, and the one that does. */
static void
make_filter(struct filter *f, unsigned n, unsigned who, const char *match)
{
	char topic[64];

	for (unsigned i = 0; i + (match != NULL) < n; i++) {
		snprintf(topic, sizeof topic, "bench/p/%04u/%04u/", who, i);
		filter_add(f, topic);
	}
	if (match != NULL)
		filter_add(f, match);
}

static struct peer **
open_peers(struct run *run, unsigned n, unsigned first, const char *match,
    void (*frame)(struct peer *, uint8_t *, size_t))
{
	struct peer **all = xalloc((n + 1) * sizeof *all);
	unsigned prefixes = run->l->prefixes;

	for (unsigned i = 0; i < n; i++) {
		struct filter f = { .n = 0 };

		make_filter(&f, prefixes, first + i, match);
		/* Both handshake roles, in turn. */
		all[i] = peer_open(&run->net, run->port, (first + i) % 2 == 0,
		    &f, OPEN_NS);
		bytes_free(&f.enc);
		if (all[i] == NULL) {
			snprintf(run->r->why, sizeof run->r->why,
			    "connection %u was not accepted", first + i);
			return all;
		}
		all[i]->owner = run;
		all[i]->index = i;
		all[i]->frame = frame;
	}
	return all;
}

static void
connect_all(struct run *run)
{
	const struct load *l = run->l;
	unsigned first = 0;

	run->pub = open_peers(run, l->publishers, first, NULL, NULL);
	first += l->publishers;
	if (run->r->why[0] == '\0')
		run->sub = open_peers(run, l->subscribers, first,
		    l->echoes > 0 ? EVENT_ECHOES : EVENT_TOPICS, on_event);
	first += l->subscribers;
	if (run->r->why[0] == '\0')
		run->echo = open_peers(run, l->echoes, first, EVENT_TOPICS,
		    on_echo);
	first += l->echoes;
	if (run->r->why[0] == '\0')
		run->idle = open_peers(run, l->idle, first, NULL, NULL);
}

static void
free_peers(struct peer **p, unsigned n)
{
	for (unsigned i = 0; p != NULL && i < n; i++)
		peer_free(p[i]);
	free(p);
}

static void
churn(struct run *run)
{
	if (run->churn != NULL && run->churn->state < PEER_UP)
		return;
	if (run->churn != NULL && run->churn->state == PEER_UP)
		run->r->churned++;
	peer_free(run->churn);
	run->churn = peer_dial(&run->net, run->port, run->r->churned % 2 == 0);
	if (run->churn != NULL)
		make_filter(&run->churn->own, run->l->prefixes, 9999, NULL);
}

/* --- publishing ---------------------------------------------------------------- */

static void
make_zipf(struct run *run)
{
	unsigned n = run->l->topics;
	double sum = 0, at = 0;
	unsigned k = 0;

	if (n <= 1)
		return;
	run->zipf = xalloc(ZIPF * sizeof *run->zipf);
	for (unsigned i = 1; i <= n; i++)
		sum += 1.0 / i;
	for (unsigned i = 1; i <= n; i++) {
		at += 1.0 / i / sum;
		while (k < ZIPF && k < at * ZIPF)
			run->zipf[k++] = (uint16_t)i;
	}
	for (unsigned i = ZIPF - 1; i > 0; i--) {
		unsigned j = (unsigned)(mix64(i) % (i + 1));
		uint16_t t = run->zipf[i];

		run->zipf[i] = run->zipf[j];
		run->zipf[j] = t;
	}
}

static void
publish(struct run *run, unsigned i, uint64_t time)
{
	struct peer *p = run->pub[i];
	unsigned topic = run->zipf == NULL ? 0 : run->zipf[run->total % ZIPF];

	if (run->l->nats) {
		event_write(&run->event, run->scratch, 0, i, run->sent[i]++,
		    time);
		nats_publish(p, run->scratch, run->event.len);
		run->total++;
		return;
	}
	event_write(&run->event, bytes_room(&p->out, run->event.len), topic, i,
	    run->sent[i]++, time);
	/* The publisher's id is written after the copy: each has its own. */
	memcpy(p->out.p + p->out.len + WIRE_SENDER, p->id, WIRE_ID);
	p->out.len += run->event.len;
	run->total++;
	peer_queued(p);
}

/* The first number of publisher i that somebody has not heard. */
static uint64_t
acknowledged(const struct run *run, unsigned i)
{
	uint64_t least = run->sent[i];

	for (unsigned s = run->l->stopped; s < run->l->subscribers; s++) {
		uint64_t next = run->tracks[s * run->l->publishers + i].next;

		if (next < least)
			least = next;
	}
	return least;
}

static uint64_t
under_way(const struct run *run)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < run->l->publishers; i++)
		n += run->sent[i] - acknowledged(run, i);
	return n;
}

static bool
may_send(const struct run *run)
{
	return run->l->most == 0 || run->total < run->l->most;
}

static void
fill_windows(struct run *run)
{
	for (unsigned i = 0; i < run->l->publishers; i++) {
		uint64_t limit = acknowledged(run, i) + run->l->window;

		while (run->sent[i] < limit && may_send(run) &&
		    bytes_left(&run->pub[i]->out) < OUT_MOST)
			publish(run, i, run->start);
	}
}

/* Send what is due; returns nanoseconds to the next. */
static uint64_t
keep_time(struct run *run)
{
	double gap = 1e9 / run->l->rate;
	uint64_t now = now_ns(), due;

	for (;;) {
		due = run->start + (uint64_t)((double)run->total * gap);
		if (due > now || !may_send(run))
			break;
		if (run->timed)
			hist_add(&run->r->late, now - due);
		publish(run, (unsigned)(run->total % run->l->publishers), due);
	}
	return due > now ? due - now : MS;
}

/* --- phases -------------------------------------------------------------------- */

static void
turn(struct run *run, bool sending)
{
	uint64_t before = run->deliveries, wait = 10 * MS, now;

	if (sending && run->l->rate > 0)
		wait = keep_time(run);
	else if (sending)
		fill_windows(run);
	if (run->l->churn)
		churn(run);
	net_turn(&run->net, wait);
	now = now_ns();
	if (run->deliveries != before || under_way(run) == 0) {
		run->heard = now;
	} else if (now - run->heard >
		   (run->l->most > 0 ? STALL_ALL : STALL_NS)) {
		run->r->stalls++;
		run->heard = now;
	}
}

static void
run_for(struct run *run, double seconds)
{
	uint64_t end = now_ns() + (uint64_t)(seconds * 1e9);

	while (now_ns() < end && run->net.broken == 0 &&
	    (may_send(run) || under_way(run) > 0))
		turn(run, true);
}

static uint64_t
slowest(const struct run *run)
{
	uint64_t least = UINT64_MAX;

	for (unsigned s = run->l->stopped; s < run->l->subscribers; s++) {
		uint64_t n = 0;

		for (unsigned i = 0; i < run->l->publishers; i++)
			n += run->tracks[s * run->l->publishers + i].count;
		if (n < least)
			least = n;
	}
	return least;
}

static void
measure(struct run *run, pid_t pid)
{
	struct load_result *r = run->r;
	uint64_t events = slowest(run), deliveries = run->deliveries;
	uint64_t cpu = pid > 0 ? proc_cpu_tree(pid) : 0;
	uint64_t own = proc_cpu(getpid());
	uint64_t switches = pid > 0 ? proc_switches(pid) : 0;
	uint64_t since = now_ns(), churned = r->churned;

	run->timed = true;
	run_for(run, run->l->run_s);
	run->timed = false;
	r->seconds = (double)(now_ns() - since) / 1e9;
	r->events = slowest(run) - events;
	r->deliveries = run->deliveries - deliveries;
	r->own_ns = proc_cpu(getpid()) - own;
	r->churned -= churned;
	if (pid > 0) {
		r->target_ns = proc_cpu_tree(pid) - cpu;
		r->switches = proc_switches(pid) - switches;
		r->rss = proc_rss(pid);
		r->rss_peak = proc_rss_peak(pid);
	}
}

static void
drain(struct run *run)
{
	uint64_t end = now_ns() + DRAIN_NS;

	while (under_way(run) > 0 && now_ns() < end && run->net.broken == 0)
		turn(run, false);
}

static void
judge(struct run *run)
{
	struct load_result *r = run->r;

	for (unsigned s = run->l->stopped; s < run->l->subscribers; s++) {
		for (unsigned i = 0; i < run->l->publishers; i++) {
			struct track *t =
			    &run->tracks[s * run->l->publishers + i];

			r->lost += t->lost + (run->sent[i] - t->next);
			r->duplicate += t->duplicate;
			r->reordered += t->reordered;
		}
	}
	r->sent = run->total;
	r->corrupt = run->corrupt;
	r->broken = run->net.broken;
	if (r->lost + r->duplicate + r->reordered + r->corrupt + r->stalls +
	    r->broken > (run->l->lossy ? r->lost : 0))
		snprintf(r->why, sizeof r->why, "%ju lost, %ju twice, %ju "
		    "late, %ju corrupt, %ju stalls, %ju broken",
		    (uintmax_t)r->lost, (uintmax_t)r->duplicate,
		    (uintmax_t)r->reordered, (uintmax_t)r->corrupt,
		    (uintmax_t)r->stalls, (uintmax_t)r->broken);
	else if (r->events == 0)
		snprintf(r->why, sizeof r->why, "nothing arrived");
}

/* Subscriptions are in force when a first event came through to everybody:
 * sent again and again under numbers that nobody counts. */
static bool
probe_paths(struct run *run)
{
	uint64_t end = now_ns() + OPEN_NS;
	unsigned n = run->l->subscribers * run->l->publishers;
	bool all;

	do {
		for (unsigned i = 0; i < run->l->publishers; i++)
			publish(run, i, 0);
		for (uint64_t t = now_ns() + 20 * MS; now_ns() < t;)
			net_turn(&run->net, 5 * MS);
		all = true;
		for (unsigned i = 0; i < n; i++)
			all = all && run->tracks[i].count > 0;
	} while (!all && now_ns() < end && run->net.broken == 0);
	/* whatever is still under way arrives before we start to count */
	for (uint64_t t = now_ns() + 50 * MS; now_ns() < t;)
		net_turn(&run->net, 10 * MS);
	for (unsigned i = 0; i < n; i++) {
		memset(&run->tracks[i], 0, sizeof run->tracks[i]);
		run->tracks[i].next = run->sent[i % run->l->publishers];
	}
	run->total = run->deliveries = run->corrupt = 0;
	return all;
}

static void
go(struct run *run, pid_t pid)
{
	if (!probe_paths(run)) {
		snprintf(run->r->why, sizeof run->r->why,
		    "no event came through, %ju were spoilt",
		    (uintmax_t)run->corrupt);
		return;
	}
	for (unsigned s = 0; s < run->l->stopped; s++)
		peer_pause(run->sub[s], true);
	run->start = run->heard = now_ns();
	if (run->l->most == 0)
		run_for(run, run->l->warm_s);
	if (run->l->rate > 0) {
		drain(run);
		run->start = now_ns();
		run->total = 0;
	}
	measure(run, pid);
	drain(run);
	judge(run);
}

void
load_run(const struct load *l, struct ssl_ctx_st *ctx, int port, pid_t pid,
    struct load_result *r)
{
	static const uint8_t nobody[WIRE_ID];
	struct run *run = xalloc(sizeof *run);

	memset(r, 0, sizeof *r);
	prctl(PR_SET_TIMERSLACK, 1);
	run->l = l;
	run->r = r;
	run->port = port;
	net_init(&run->net, ctx);
	event_init(&run->event, l->payload, nobody);
	run->net.nats = l->nats;
	run->net.head = run->event.frame;
	run->scratch = xalloc(run->event.len);
	run->tracks = xalloc((size_t)l->publishers * l->subscribers *
	    sizeof *run->tracks);
	run->sent = xalloc(l->publishers * sizeof *run->sent);
	make_zipf(run);
	connect_all(run);
	if (r->why[0] == '\0')
		go(run, pid);
	peer_free(run->churn);
	free_peers(run->idle, l->idle);
	free_peers(run->echo, l->echoes);
	free_peers(run->sub, l->subscribers);
	free_peers(run->pub, l->publishers);
	net_clear(&run->net);
	event_clear(&run->event);
	free(run->tracks);
	free(run->sent);
	free(run->scratch);
	free(run->zipf);
	free(run);
}
