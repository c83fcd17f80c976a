/* The shipper of a worker among other endpoints: what a logger gets from it,
 * in which order, and what nobody gets. */
#include "check_outbox.h"

#include <stdio.h>
#include <stdlib.h>

#include "endpoint_net.h"
#include "logs/shipper.h"
#include "model_disk.h"
#include "muster/topic.h"
#include "unit.h"

static const char text[] =
    "cluster: t\ntls: none\n"
    "nodes:\n"
    "  manager:  {role: manager, host: 127.0.0.1, port: 27761}\n"
    "  logger-1: {role: logger, host: 127.0.0.1, port: 27762}\n"
    "  worker-1: {role: worker, host: 127.0.0.1}\n";

static struct net net;
static struct mu_layout *layout;
static struct disk *disk;
static struct shipper *shipper;
static size_t logger, worker;

/* A part of logger-1 that hears what its filter asks for. */
static struct subscriber ear;
static struct muster_filter *wants;
static char heard[4096];   /* topics */
static struct mu_buf last; /* the batch it got last */
static struct mu_uuid sender;

static void
on_message(struct subscriber *self, struct message *m)
{
	size_t n = strlen(heard);

	(void)self;
	snprintf(heard + n, sizeof heard - n, "%.*s\n", (int)m->env.topic_len,
	    m->env.topic);
	sender = m->origin;
	mu_buf_reset(&last);
	mu_buf_put(&last, m->env.payload, m->env.payload_len);
}

/* Attach the ear to the present life of logger-1. */
static void
listen_to(const char *topic)
{
	ck_assert_int_ge(muster_filter_add(wants, topic, strlen(topic)), 0);
	ck_assert_int_eq(
	    router_attach(endpoint_router(net.nodes[logger].e), &ear, wants),
	    0);
}

static void
setup(void)
{
	static const struct shipper_hooks none;
	char why[OUTBOX_WHY];

	layout = must_read(text);
	net_init(&net, layout);
	mu_buf_init(&last, 0);
	heard[0] = '\0';
	memset(&ear, 0, sizeof ear);
	ear.kind = SUBSCRIBER_SERVICE;
	ear.deliver = on_message;
	wants = muster_filter_new();
	worker = net_start(&net, "worker-1");
	logger = net_start(&net, "logger-1");
	disk = disk_new();
	disk->automatic = true;
	shipper = shipper_new(
	    net.nodes[worker].e, layout, &none, &disk->base, 7, net.now, why);
	ck_assert_msg(shipper != NULL, "%s", why);
}

static void
teardown(void)
{
	shipper_free(shipper);
	net_clear(&net);
	muster_filter_free(wants);
	disk_free(disk);
	mu_buf_clear(&last);
	mu_layout_free(layout);
}

/* Both clocks go on. */
static void
run(uint64_t ns)
{
	for (uint64_t end = net.now + ns; net.now < end;) {
		struct outbox_out out;

		net_run(&net, 10 * NET_MS);
		shipper_tick(shipper, net.now);
		shipper_flush(shipper);
		while (shipper_next(shipper, &out))
			;
		net_settle(&net);
	}
}

static struct outbox_facts
facts(void)
{
	struct outbox_facts f;

	outbox_facts(shipper_outbox(shipper), &f);
	return f;
}

static void
acknowledge(void)
{
	struct delivery_batch d;
	struct delivery_answer a = { .logger = "logger-1", .logger_len = 8 };
	static const char topic[] = "muster/logs/taken/worker-1/";
	struct mu_buf b;

	ck_assert_int_eq(
	    delivery_batch_dec(&d, mu_buf_data(&last), mu_buf_len(&last)), 0);
	a.session = d.session;
	a.seq = d.seq;
	mu_buf_init(&b, 0);
	delivery_answer_enc(&b, &a);
	ck_assert_int_eq(
	    router_unicast(endpoint_router(net.nodes[logger].e), &ear, &sender,
		topic, strlen(topic), mu_buf_data(&b), mu_buf_len(&b)),
	    1);
	mu_buf_clear(&b);
}

static size_t
count(const char *topic)
{
	size_t n = 0, len = strlen(topic);

	for (const char *p = heard; *p != '\0'; p += strcspn(p, "\n") + 1)
		n += strncmp(p, topic, len) == 0;
	return n;
}

START_TEST(streams_are_described_before_the_hello)
{
	char id[MU_UUID_TEXT], want[256];

	listen_to("zeek/logs/");
	listen_to("zeek/cluster/nodeid/");
	run(NET_S);
	snprintf(want, sizeof want,
	    "zeek/logs/Cluster::LOG\nzeek/logs/Broker::LOG\n"
	    "zeek/cluster/nodeid/%s/\n",
	    mu_uuid_format(endpoint_id(net.nodes[logger].e), id));
	ck_assert_msg(
	    strncmp(heard, want, strlen(want)) == 0, "heard:\n%s", heard);
}
END_TEST

START_TEST(a_new_stream_is_described_to_everybody)
{
	listen_to("zeek/logs/");
	run(NET_S);
	heard[0] = '\0';
	outbox_counts(shipper_outbox(shipper), "A::LOG");
	run(NET_S);
	ck_assert_uint_eq(count("zeek/logs/A::LOG"), 1);
}
END_TEST

START_TEST(a_muster_logger_takes_and_acknowledges)
{
	uint32_t s = outbox_counts(shipper_outbox(shipper), "A::LOG");

	listen_to("muster/logs/batch/logger-1/");
	run(NET_S);
	ck_assert_int_eq(outbox_add_counts(shipper_outbox(shipper), s, 0, 400,
			     NULL, 0, false, net.now),
	    0);
	run(NET_S);
	ck_assert_uint_eq(count("muster/logs/batch/logger-1/"), 1);
	ck_assert_uint_eq(facts().waiting, 400);
	acknowledge();
	run(NET_S);
	ck_assert_uint_eq(facts().waiting, 0);
	ck_assert_uint_eq(facts().delivered, 400);
}
END_TEST

START_TEST(a_muster_node_without_a_logger_gets_nothing)
{
	uint32_t s = outbox_counts(shipper_outbox(shipper), "A::LOG");

	listen_to("zeek/cluster/node/logger-1/");
	run(NET_S);
	heard[0] = '\0';
	ck_assert_int_eq(outbox_add_counts(shipper_outbox(shipper), s, 0, 400,
			     NULL, 0, false, net.now),
	    0);
	run(NET_S);
	ck_assert_uint_eq(count("zeek/cluster/node/"), 0);
	ck_assert_uint_eq(facts().waiting, 400);
	/* it has one now */
	listen_to("muster/logs/batch/logger-1/");
	run(NET_S);
	ck_assert_uint_eq(count("muster/logs/batch/logger-1/"), 1);
}
END_TEST

START_TEST(a_logger_that_was_killed_is_sent_it_again)
{
	uint32_t s = outbox_counts(shipper_outbox(shipper), "A::LOG");
	struct delivery_batch a, b;
	struct mu_buf first;

	listen_to("muster/logs/batch/logger-1/");
	run(NET_S);
	outbox_add_counts(
	    shipper_outbox(shipper), s, 0, 400, NULL, 0, false, net.now);
	run(NET_S);
	mu_buf_init(&first, 0);
	mu_buf_put(&first, mu_buf_data(&last), mu_buf_len(&last));
	router_detach(endpoint_router(net.nodes[logger].e), &ear);
	net_kill(&net, logger);
	run(NET_S);
	logger = net_start(&net, "logger-1");
	listen_to("muster/logs/batch/logger-1/");
	run(5 * NET_S);
	ck_assert_uint_eq(count("muster/logs/batch/logger-1/"), 2);
	ck_assert_int_eq(
	    delivery_batch_dec(&a, mu_buf_data(&first), mu_buf_len(&first)), 0);
	ck_assert_int_eq(
	    delivery_batch_dec(&b, mu_buf_data(&last), mu_buf_len(&last)), 0);
	ck_assert_uint_eq(a.seq, b.seq);
	ck_assert(mu_uuid_eq(&a.session, &b.session));
	ck_assert_uint_eq(a.batch_len, b.batch_len);
	acknowledge();
	run(NET_S);
	ck_assert_uint_eq(facts().delivered, 400);
	mu_buf_clear(&first);
}
END_TEST

/* The manager is no logger: its word is not taken for one's. */
START_TEST(others_cannot_acknowledge)
{
	static const char topic[] = "muster/logs/taken/worker-1/";
	uint32_t s = outbox_counts(shipper_outbox(shipper), "A::LOG");
	struct delivery_batch d;
	struct delivery_answer a = { .logger = "logger-1", .logger_len = 8 };
	size_t manager = net_start(&net, "manager");
	struct mu_buf b;

	listen_to("muster/logs/batch/logger-1/");
	run(3 * NET_S);
	outbox_add_counts(
	    shipper_outbox(shipper), s, 0, 400, NULL, 0, false, net.now);
	run(NET_S);
	ck_assert_int_eq(
	    delivery_batch_dec(&d, mu_buf_data(&last), mu_buf_len(&last)), 0);
	a.session = d.session;
	a.seq = d.seq;
	mu_buf_init(&b, 0);
	delivery_answer_enc(&b, &a);
	ck_assert_int_gt(
	    router_publish(endpoint_router(net.nodes[manager].e), NULL, topic,
		strlen(topic), mu_buf_data(&b), mu_buf_len(&b)),
	    0);
	mu_buf_clear(&b);
	run(NET_S);
	ck_assert_uint_eq(facts().waiting, 400);
}
END_TEST

static struct outbox_logger_facts
logger_facts(size_t i)
{
	struct outbox_logger_facts f;

	outbox_logger_facts(shipper_outbox(shipper), i, &f);
	return f;
}

/* A logger more, then that one alone: what waited for the other goes to it. */
START_TEST(a_reload_may_change_the_loggers)
{
	static const char more[] =
	    "cluster: t\ntls: none\nlogs: {failover: 1 s}\n"
	    "nodes:\n"
	    "  manager:  {role: manager, host: 127.0.0.1, port: 27761}\n"
	    "  logger-2: {role: logger, host: 127.0.0.1, port: 27763}\n";
	char *both = mu_asprintf("%s  logger-1: {role: logger, "
				 "host: 127.0.0.1, port: 27762}\n"
				 "  worker-1: {role: worker, "
				 "host: 127.0.0.1}\n",
	    more);
	char *one = mu_asprintf(
	    "%s  worker-1: {role: worker, host: 127.0.0.1}\n", more);
	struct mu_layout *l2 = must_read(both), *l3 = must_read(one);
	uint32_t s = outbox_counts(shipper_outbox(shipper), "A::LOG");

	listen_to("muster/logs/batch/logger-1/");
	run(NET_S);
	outbox_add_counts(
	    shipper_outbox(shipper), s, 0, 400, NULL, 0, false, net.now);
	run(NET_S);
	ck_assert_uint_eq(facts().waiting, 400);
	ck_assert_int_eq(endpoint_reload(net.nodes[worker].e, l2, net.now), 0);
	ck_assert_int_eq(shipper_reload(shipper, l2), 0);
	run(NET_S);
	ck_assert_uint_eq(outbox_nloggers(shipper_outbox(shipper)), 2);
	ck_assert_str_eq(logger_facts(0).state, "up");
	ck_assert_str_eq(logger_facts(1).state, "down");
	ck_assert_int_eq(endpoint_reload(net.nodes[worker].e, l3, net.now), 0);
	ck_assert_int_eq(shipper_reload(shipper, l3), 0);
	run(NET_S);
	ck_assert_str_eq(logger_facts(0).state, "gone");
	ck_assert_uint_eq(logger_facts(0).batches, 1);
	/* the node that takes its place */
	router_detach(endpoint_router(net.nodes[logger].e), &ear);
	net_kill(&net, logger);
	net.layout = l3;
	logger = net_start(&net, "logger-2");
	muster_filter_free(wants);
	wants = muster_filter_new();
	listen_to("muster/logs/batch/logger-2/");
	run(5 * NET_S);
	ck_assert_uint_eq(count("muster/logs/batch/logger-2/"), 1);
	ck_assert_uint_eq(facts().doubtful, 400);
	ck_assert_uint_eq(outbox_nloggers(shipper_outbox(shipper)), 1);
	shipper_free(shipper);
	shipper = NULL;
	net_clear(&net);
	mu_layout_free(l2);
	mu_layout_free(l3);
	mu_free(both);
	mu_free(one);
}
END_TEST

START_TEST(who_is_to_send)
{
	struct mu_layout *l = must_read(
	    "cluster: t\ntls: none\nlogs: {remote: false}\n"
	    "nodes:\n"
	    "  manager:  {role: manager, host: 127.0.0.1, port: 27761}\n"
	    "  control:  {role: control, host: 127.0.0.1}\n"
	    "  logger-1: {role: logger, host: 127.0.0.1, port: 27762}\n"
	    "  worker-1: {role: worker, host: 127.0.0.1}\n");

	ck_assert(shipper_wanted(layout, "worker-1"));
	ck_assert(shipper_wanted(layout, "manager"));
	ck_assert(shipper_wanted(layout, "logger-1"));
	ck_assert(!shipper_wanted(l, "worker-1"));
	ck_assert(!shipper_wanted(l, "manager"));
	ck_assert(!shipper_wanted(l, "control"));
	ck_assert(shipper_wanted(l, "logger-1")); /* to itself */
	mu_layout_free(l);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("shipper");
	TCase *t = tcase_create("net");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, streams_are_described_before_the_hello);
	tcase_add_test(t, a_new_stream_is_described_to_everybody);
	tcase_add_test(t, a_muster_logger_takes_and_acknowledges);
	tcase_add_test(t, a_muster_node_without_a_logger_gets_nothing);
	tcase_add_test(t, a_logger_that_was_killed_is_sent_it_again);
	tcase_add_test(t, others_cannot_acknowledge);
	tcase_add_test(t, a_reload_may_change_the_loggers);
	tcase_add_test(t, who_is_to_send);
	suite_add_tcase(s, t);
	return unit_run(s);
}
