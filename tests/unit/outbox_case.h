/* A small world for an outbox, case by case: a disk, a clock, and whatever
 * leaves. */
#ifndef UNIT_OUTBOX_CASE_H
#define UNIT_OUTBOX_CASE_H

#include "check_outbox.h"

#include <stdio.h>
#include <stdlib.h>

#include "model_disk.h"

#define MOST_SENT 64

/* What left the outbox. */
struct sent {
	char logger[32];
	char topic[64];
	uint8_t *payload;
	size_t len;
};

static struct outbox_config cfg;
static struct disk *disk;
static struct outbox *outbox;
static uint64_t now;
static struct sent sent[MOST_SENT];
static size_t nsent;
static bool deaf;                  /* nobody has what is sent */
static size_t naccepted, nrefused; /* by DONE, records */
static char lines[4096];
static char announced[1024]; /* topics */

__attribute__((unused)) static void
forget_sent(void)
{
	for (size_t i = 0; i < nsent; i++)
		free(sent[i].payload);
	nsent = 0;
}

__attribute__((unused)) static void
open_outbox(void)
{
	char why[OUTBOX_WHY];

	outbox = outbox_new(&cfg, &disk->base, now, why);
	ck_assert_msg(outbox != NULL, "%s", why);
}

__attribute__((unused)) static void
loggers(size_t n)
{
	static const char *const names[] = { "logger-1", "logger-2",
		"logger-3" };

	ck_assert_int_eq(outbox_set_loggers(outbox, names, n), 0);
}

__attribute__((unused)) static void
up(const char *name, bool muster)
{
	ck_assert_int_eq(outbox_logger_up(outbox, name, muster, now), 0);
}

__attribute__((unused)) static void
setup(void)
{
	now = SECOND;
	cfg = outbox_defaults();
	disk = disk_new();
	disk->automatic = true;
	deaf = false;
	naccepted = nrefused = 0;
	lines[0] = announced[0] = '\0';
	open_outbox();
	loggers(2);
}

__attribute__((unused)) static void
teardown(void)
{
	outbox_free(outbox);
	disk_free(disk);
	forget_sent();
}

__attribute__((unused)) static void
keep(const struct outbox_out *out)
{
	struct sent *s = &sent[nsent++];

	ck_assert_uint_le(nsent, MOST_SENT);
	snprintf(s->logger, sizeof s->logger, "%s", out->logger);
	snprintf(s->topic, sizeof s->topic, "%s", out->topic);
	s->payload = malloc(out->len);
	s->len = out->len;
	ck_assert_ptr_nonnull(s->payload);
	memcpy(s->payload, out->payload, out->len);
}

__attribute__((unused)) static void
append(char *to, size_t size, const char *text)
{
	size_t n = strlen(to);

	snprintf(to + n, size - n, "%s\n", text);
}

__attribute__((unused)) static void
turn(void)
{
	struct outbox_out out;

	outbox_tick(outbox, now);
	outbox_flush(outbox);
	while (outbox_next(outbox, &out)) {
		switch (out.kind) {
		case OUTBOX_BATCH:
		case OUTBOX_SPREAD:
			if (!deaf)
				keep(&out);
			outbox_sent(outbox, !deaf);
			break;
		case OUTBOX_DONE:
			*(out.error == 0 ? &naccepted : &nrefused) += out.n;
			break;
		case OUTBOX_LINE:
			append(lines, sizeof lines, out.text);
			break;
		case OUTBOX_ANNOUNCE:
			append(announced, sizeof announced, out.topic);
			break;
		}
	}
}

__attribute__((unused)) static void
later(uint64_t ns)
{
	now += ns;
	turn();
}

__attribute__((unused)) static void
add(uint32_t stream, uint64_t first, size_t n)
{
	ck_assert_int_eq(
	    outbox_add_counts(outbox, stream, first, n, &now, 0, false, now),
	    0);
}

__attribute__((unused)) static struct outbox_facts
facts(void)
{
	struct outbox_facts f;

	outbox_facts(outbox, &f);
	return f;
}

/* The numbers of the records in a message. */
__attribute__((unused)) static size_t
numbers_in(const uint8_t *payload, size_t len, uint64_t *out, size_t most)
{
	struct mu_log_walk w;
	struct mu_log_item item;
	size_t n = 0;

	ck_assert_int_eq(mu_log_walk_init(&w, payload, len), 0);
	while (mu_log_walk_next(&w, &item)) {
		if (item.kind != MUSTER_MESSAGE_LOG_WRITE)
			continue;
		ck_assert_uint_lt(n, most);
		out[n++] =
		    get_count_record(item.write.serial, item.write.serial_len);
	}
	return n;
}

__attribute__((unused)) static struct delivery_batch
batch_of(const struct sent *s)
{
	struct delivery_batch d;

	ck_assert_int_eq(delivery_batch_dec(&d, s->payload, s->len), 0);
	return d;
}

__attribute__((unused)) static void
answer(const char *logger, const struct delivery_batch *d, bool refused,
    uint64_t seq)
{
	struct delivery_answer a = {
		.refused = refused,
		.logger = logger,
		.logger_len = strlen(logger),
		.session = d->session,
		.seq = seq,
		.round = d->round,
		.why = "disk full",
		.why_len = 9,
	};
	struct mu_buf b;

	mu_buf_init(&b, 0);
	delivery_answer_enc(&b, &a);
	ck_assert_int_eq(
	    outbox_answer(outbox, logger, mu_buf_data(&b), mu_buf_len(&b), now),
	    0);
	mu_buf_clear(&b);
}

#endif
