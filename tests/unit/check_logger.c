/*
 * The logger on the event loop: what it hands to the disk, what it does when
 * that is too slow, and whom it believes.
 */
#include "logsink.h"

#include "base/diag.h"
#include "core/endpoint.h"
#include "core/router.h"
#include "layout/read.h"
#include "logs/delivery.h"
#include "logs/logger.h"
#include "muster/err.h"
#include "nomem.h"
#include "proto/envelope.h"
#include "unit.h"

#define LAYOUT                                                                 \
	"cluster: logs\n"                                                      \
	"tls: none\n"                                                          \
	"nodes:\n"                                                             \
	"  manager: {role: manager, port: 20001}\n"                            \
	"  logger-1: {role: logger, port: 20002}\n"                            \
	"logs: {buffer: 1 MiB}\n"

static struct mu_layout *layout;
static struct endpoint *node;
static struct logger *logger;
static struct subscriber peer; /* a connection of a stranger */
static struct logitem *waiting, **last_waiting;
static size_t nwaiting, nlines, nanswers;
static char line[300];
static struct delivery_answer answer;
static uint8_t answer_bytes[1024];
static struct nomem *failing; /* while something is received, or NULL */

static void
put(void *ctx, struct logitem *it)
{
	(void)ctx;
	it->next = NULL;
	*last_waiting = it;
	last_waiting = &it->next;
	nwaiting++;
}

static void
hear_answer(void *ctx, const uint8_t *payload, size_t len)
{
	(void)ctx;
	ck_assert_uint_le(len, sizeof answer_bytes);
	memcpy(answer_bytes, payload, len);
	ck_assert_int_eq(delivery_answer_dec(&answer, answer_bytes, len), 0);
	nanswers++;
}

static void
say(void *ctx, int level, const char *text)
{
	(void)ctx;
	(void)level;
	nlines++;
	snprintf(line, sizeof line, "%s", text);
}

static void
deaf(struct subscriber *self, struct message *m)
{
	(void)self;
	(void)m;
}

static void
setup(void)
{
	struct logger_hooks hooks = { put, hear_answer, say, NULL };
	struct endpoint_config cfg = { .node = "logger-1", .seed = 1 };
	struct mu_diags d;

	ck_assert_int_eq(mu_diags_init(&d, "layout.yaml"), 0);
	layout = mu_layout_read("layout.yaml", LAYOUT, strlen(LAYOUT), &d);
	ck_assert_ptr_nonnull(layout);
	mu_diags_clear(&d);
	memset(cfg.id.bytes, 1, sizeof cfg.id.bytes);
	cfg.layout = layout;
	node = endpoint_new(&cfg, NS);
	ck_assert_ptr_nonnull(node);
	last_waiting = &waiting;
	waiting = NULL;
	nwaiting = nlines = nanswers = 0;
	logger = logger_new(node, layout, &hooks);
	ck_assert_ptr_nonnull(logger);
	memset(&peer, 0, sizeof peer);
	peer.kind = SUBSCRIBER_PEER;
	memset(peer.id.bytes, 9, sizeof peer.id.bytes);
	peer.deliver = deaf;
	ck_assert_int_eq(router_attach(endpoint_router(node), &peer, NULL), 0);
}

static void
teardown(void)
{
	while (waiting != NULL) {
		struct logitem *it = waiting;

		waiting = it->next;
		logger_item_free(it);
	}
	router_detach(endpoint_router(node), &peer);
	logger_free(logger);
	endpoint_free(node);
	mu_layout_free(layout);
}

/* The oldest item comes back from the disk. */
static void
give_back(bool refused)
{
	struct logsink_out out = { .kind = LOGSINK_BACK, .item = waiting };

	ck_assert_ptr_nonnull(waiting);
	waiting = waiting->next;
	if (waiting == NULL)
		last_waiting = &waiting;
	nwaiting--;
	out.item->refused = refused;
	snprintf(out.item->why, sizeof out.item->why, "disk full");
	logger_out(logger, &out);
}

static void
receive(const char *topic, const struct mu_buf *payload)
{
	struct mu_envelope env;
	struct mu_buf b;

	mu_buf_init(&b, 0);
	mu_envelope_enc(&b, &peer.id, NULL, MU_DATA, topic, strlen(topic),
	    mu_buf_data(payload), mu_buf_len(payload));
	ck_assert_int_eq(mu_buf_error(&b), 0);
	ck_assert_int_eq(
	    mu_envelope_view(mu_buf_data(&b), mu_buf_len(&b), &env), 0);
	if (failing != NULL)
		mu_alloc_set_hook(nomem_hook, failing);
	router_receive(endpoint_router(node), &peer, &env, NS);
	mu_alloc_set_hook(NULL, NULL);
	mu_buf_clear(&b);
}

/* A Batch of one record with so many bytes. */
static void
put_large(struct mu_buf *b, size_t bytes)
{
	char *text = malloc(bytes + 1);

	ck_assert_ptr_nonnull(text);
	memset(text, 'x', bytes);
	text[bytes] = '\0';
	put_batch(b, 1);
	put_record(b, "A::LOG", "a", 1, text);
	free(text);
}

static void
put_numbered(struct mu_buf *b, const char *sender, uint64_t seq, size_t bytes)
{
	struct delivery_batch d = { .sender = sender,
		.sender_len = strlen(sender),
		.seq = seq,
		.round = 3 };
	struct mu_buf batch;

	memset(d.session.bytes, 5, sizeof d.session.bytes);
	mu_buf_init(&batch, 0);
	put_large(&batch, bytes);
	d.batch = mu_buf_data(&batch);
	d.batch_len = mu_buf_len(&batch);
	delivery_batch_enc(b, &d);
	mu_buf_clear(&batch);
}

START_TEST(log_messages_go_to_the_disk_as_they_came)
{
	struct mu_buf b;

	mu_buf_init(&b, 0);
	put_large(&b, 100);
	receive("zeek/logs/A::LOG", &b);
	receive("zeek/cluster/node/logger-1/", &b);
	receive("zeek/cluster/node/logger-2/", &b);
	ck_assert_uint_eq(nwaiting, 2);
	ck_assert_uint_eq(waiting->len, mu_buf_len(&b));
	ck_assert_mem_eq(waiting->payload, mu_buf_data(&b), mu_buf_len(&b));
	ck_assert_int_eq(waiting->kind, LOGITEM_MESSAGE);
	mu_buf_reset(&b);
	mu_buf_str(&b, "no message at all");
	receive("zeek/logs/A::LOG", &b);
	ck_assert_uint_eq(nwaiting, 2);
	give_back(false);
	give_back(false);
	ck_assert_uint_eq(nanswers, 0);
	mu_buf_clear(&b);
}
END_TEST

START_TEST(a_slow_disk_loses_what_nobody_numbers_and_says_so_once)
{
	struct logger_facts f;
	struct mu_buf b;

	mu_buf_init(&b, 0);
	put_large(&b, 200000);
	for (int i = 0; i < 20; i++)
		receive("zeek/logs/A::LOG", &b);
	logger_facts(logger, &f);
	ck_assert_uint_eq(nwaiting, 5); /* of 200 kB in 1 MiB */
	ck_assert_uint_eq(f.lost, 15);
	ck_assert_uint_le(f.waiting_bytes, f.limit_bytes);
	ck_assert_uint_eq(nlines, 1);
	give_back(false);
	receive("zeek/logs/A::LOG", &b); /* room again, episode not over */
	while (nwaiting > 0)
		give_back(false);
	ck_assert_uint_eq(nlines, 2);
	ck_assert_ptr_nonnull(strstr(line, "15 messages lost"));
	logger_facts(logger, &f);
	ck_assert_uint_eq(f.waiting, 0);
	ck_assert_uint_eq(f.waiting_bytes, 0);
	mu_buf_clear(&b);
}
END_TEST

START_TEST(a_message_larger_than_the_buffer_goes_alone)
{
	struct mu_buf b;

	mu_buf_init(&b, 0);
	put_large(&b, 3 << 20);
	receive("zeek/logs/A::LOG", &b);
	receive("zeek/logs/A::LOG", &b);
	ck_assert_uint_eq(nwaiting, 1);
	mu_buf_clear(&b);
}
END_TEST

START_TEST(numbered_batches_are_refused_instead)
{
	struct logger_facts f;
	struct mu_buf b;

	mu_buf_init(&b, 0);
	for (uint64_t i = 1; i <= 8; i++) {
		mu_buf_reset(&b);
		put_numbered(&b, "logger-1", i, 200000);
		ck_assert_int_eq(
		    logger_self(logger, mu_buf_data(&b), mu_buf_len(&b)), 0);
	}
	logger_facts(logger, &f);
	ck_assert_uint_eq(f.batches, 5);
	ck_assert_uint_eq(f.busy, 3);
	ck_assert_uint_eq(f.lost, 0);
	ck_assert_uint_eq(nwaiting, 8); /* refusals keep their place */
	for (int i = 0; i < 5; i++)
		give_back(false);
	ck_assert_uint_eq(nanswers, 0);
	ck_assert_int_eq(waiting->kind, LOGITEM_BUSY);
	ck_assert_uint_eq(waiting->seq, 6);
	give_back(true);
	ck_assert_uint_eq(nanswers, 1);
	ck_assert(answer.refused);
	ck_assert_uint_eq(answer.seq, 6);
	ck_assert_uint_eq(answer.round, 3);
	ck_assert_int_eq(strncmp(answer.why, "disk full", answer.why_len), 0);
	ck_assert_int_eq(strncmp(answer.logger, "logger-1", 8), 0);
	mu_buf_clear(&b);
}
END_TEST

START_TEST(what_is_taken_is_answered)
{
	struct logsink_out out = {
		.kind = LOGSINK_TAKEN, .name = "logger-1", .seq = 7
	};

	out.peer = *endpoint_id(node);
	memset(out.session.bytes, 5, sizeof out.session.bytes);
	logger_out(logger, &out);
	ck_assert_uint_eq(nanswers, 1);
	ck_assert(!answer.refused);
	ck_assert_uint_eq(answer.seq, 7);
	ck_assert(mu_uuid_eq(&answer.session, &out.session));
	/* to a peer that is gone: nothing happens */
	memset(out.peer.bytes, 77, sizeof out.peer.bytes);
	logger_out(logger, &out);
	ck_assert_uint_eq(nanswers, 1);
}
END_TEST

START_TEST(nobody_speaks_for_another)
{
	struct logger_facts f;
	struct mu_buf b;

	mu_buf_init(&b, 0);
	put_numbered(&b, "manager", 1, 10);
	receive("muster/logs/batch/logger-1/", &b);
	receive("muster/logs/batch/logger-1/", &b);
	ck_assert_uint_eq(nwaiting, 0);
	logger_facts(logger, &f);
	ck_assert_uint_eq(f.malformed, 2);
	ck_assert_uint_eq(nlines, 1);
	mu_buf_truncate(&b, mu_buf_len(&b) - 3);
	ck_assert_int_ne(
	    logger_self(logger, mu_buf_data(&b), mu_buf_len(&b)), 0);
	mu_buf_clear(&b);
}
END_TEST

/* The logger is made again with the n-th allocation failing; true: with none.
 */
static bool
make_without(unsigned n)
{
	struct logger_hooks hooks = { put, hear_answer, say, NULL };
	struct nomem state = { n, false };

	logger_free(logger);
	mu_alloc_set_hook(nomem_hook, &state);
	logger = logger_new(node, layout, &hooks);
	mu_alloc_set_hook(NULL, NULL);
	ck_assert(logger != NULL || state.failed);
	return !state.failed;
}

/* A batch while an allocation fails is taken, refused, or as if it had never
 * come: its sender sends it again, and then it is taken. */
static bool
take_one(void *ctx)
{
	struct mu_buf *b = ctx;
	size_t had = nanswers;
	int rc = logger_self(logger, mu_buf_data(b), mu_buf_len(b));
	bool queued = nwaiting == 1 && waiting->kind == LOGITEM_BATCH;

	ck_assert_uint_eq(nwaiting, rc == 0);
	if (nwaiting == 1)
		give_back(!queued);
	if (rc == 0 && !queued)
		ck_assert_uint_le(nanswers, had + 1);
	return queued;
}

START_TEST(memory_may_run_out)
{
	struct logger_facts f;
	struct mu_buf b, m;

	mu_buf_init(&b, 0);
	mu_buf_init(&m, 0);
	put_numbered(&b, "logger-1", 1, 1000);
	put_large(&m, 1000);
	for (unsigned n = 0; !make_without(n); n++)
		ck_assert_uint_lt(n, 1000);
	ck_assert_uint_gt(nomem_each(take_one, &b), 0);
	/* What nobody numbers is lost then, counted, and said. */
	receive("zeek/logs/A::LOG", &m); /* the router knows the topic now */
	give_back(false);
	for (unsigned n = 0; n < 8; n++) {
		struct nomem state = { n, false };

		failing = &state;
		receive("zeek/logs/A::LOG", &m);
		failing = NULL;
		logger_facts(logger, &f);
		if (nwaiting == 1)
			give_back(false);
		else if (state.failed && f.lost > 0)
			ck_assert_ptr_nonnull(strstr(line, "lost"));
	}
	logger_facts(logger, &f);
	ck_assert_uint_gt(f.lost, 0);
	ck_assert_uint_eq(f.waiting, 0);
	ck_assert_uint_eq(f.waiting_bytes, 0);
	mu_buf_clear(&b);
	mu_buf_clear(&m);
}
END_TEST

START_TEST(who_is_a_logger)
{
	ck_assert(logger_wanted(layout, "logger-1"));
	ck_assert(!logger_wanted(layout, "manager"));
	ck_assert(!logger_wanted(layout, "nobody"));
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("logger");
	TCase *t = tcase_create("loop");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, log_messages_go_to_the_disk_as_they_came);
	tcase_add_test(
	    t, a_slow_disk_loses_what_nobody_numbers_and_says_so_once);
	tcase_add_test(t, a_message_larger_than_the_buffer_goes_alone);
	tcase_add_test(t, numbered_batches_are_refused_instead);
	tcase_add_test(t, what_is_taken_is_answered);
	tcase_add_test(t, nobody_speaks_for_another);
	tcase_add_test(t, memory_may_run_out);
	tcase_add_test(t, who_is_a_logger);
	suite_add_tcase(s, t);
	return unit_run(s);
}
