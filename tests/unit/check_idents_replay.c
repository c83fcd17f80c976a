/*
 * Our node in the place of worker-1 in recordings of Zeek's control framework
 * and publish_id: it gets what the manager and the controllers sent, and must
 * answer with the bytes of the Zeek node.
 */
#include "recording.h"

#include "idents_node.h"
#include "unit.h"

/* What the script of that run declares, before anybody changes it. */
static const char text[] = "cluster: recorded\ntls: none\nnodes:\n"
			   "  manager: {role: manager, port: 1}\n"
			   "  logger-1: {role: logger, port: 2}\n"
			   "  proxy-1: {role: proxy, port: 3}\n"
			   "  worker-1: {role: worker, port: 4}\n"
			   "  worker-2: {role: worker, port: 5}\n"
			   "identifiers:\n"
			   "  M::tunable: count:1\n"
			   "  M::konst: 'table:[]'\n"
			   "  M::state: 'set:[]'\n"
			   "  Broker::default_port: 1/tcp\n"
			   "control: {updates: true}\n";

#define WORKER "c4ea3715-3f6e-5bf9-854b-931040addc0f"

static struct peer manager, controller;
static unsigned answers, updates;

/* The data frame of an entry that worker-1 got from, or sent to, who; false:
 * another entry. */
static bool
is_between(
    struct entry *e, const char *who, bool to_worker, struct mu_envelope *env)
{
	bool dialled = strcmp(e->from, "worker-1") == 0;
	const char *other = dialled ? e->to : e->from;

	if (e->kind != ENTRY_FRAME || strcmp(other, who) != 0 ||
	    (!dialled && strcmp(e->to, "worker-1") != 0) ||
	    (dialled == e->c2s) == to_worker)
		return false;
	return mu_envelope_view(e->bytes, e->len, env) == 0 &&
	       env->type == MU_DATA;
}

static bool
has(const struct mu_envelope *env, const char *what)
{
	return memmem(env->payload, env->payload_len, what, strlen(what)) !=
	       NULL;
}

/* The answer to the last request is that of the recording, but for times and
 * what the machine is. */
static void
compare(const struct mu_envelope *env)
{
	bool exact = !has(env, "peer_status") && !has(env, "net_stats");

	ck_assert_uint_eq(controller.got, 1);
	/* Zeek takes an empty name over: its topic then lacks it. */
	if (!has(env, "configuration_update")) {
		ck_assert_uint_eq(
		    mu_buf_len(&controller.topic), env->topic_len);
		ck_assert_mem_eq(
		    mu_buf_data(&controller.topic), env->topic, env->topic_len);
	}
	if (exact) {
		ck_assert_uint_eq(
		    mu_buf_len(&controller.payload), env->payload_len);
		ck_assert_mem_eq(mu_buf_data(&controller.payload), env->payload,
		    env->payload_len);
	} else {
		/* head, name of the event, one string */
		ck_assert_mem_eq(
		    mu_buf_data(&controller.payload), env->payload, 50);
		ck_assert_int_eq(
		    mu_value_check(mu_buf_data(&controller.payload),
			mu_buf_len(&controller.payload)),
		    0);
	}
	answers++;
}

static void
send(struct peer *p, const struct mu_envelope *env)
{
	struct mu_peek peek;
	const char *line;
	int l;

	if (mu_peek_message(env->payload, env->payload_len, &peek) != 0)
		return;
	updates += peek.kind == MUSTER_MESSAGE_IDENTIFIER_UPDATE;
	controller.got = 0;
	peer_sends(
	    p, env->topic, env->topic_len, env->payload, env->payload_len);
	idents_turn(idents, NOW, WALL);
	while (idents_next(idents, &l, &line))
		;
}

static void
replay(const char *file)
{
	struct recording rec = recording_open(file);
	struct mu_envelope env;

	for (size_t i = 0; i < rec.n; i++) {
		if (is_between(&rec.e[i], "manager", true, &env))
			send(&manager, &env);
		else if (is_between(&rec.e[i], "controller", true, &env))
			send(&controller, &env);
		else if (is_between(&rec.e[i], "controller", false, &env) &&
			 has(&env, "Control::"))
			compare(&env);
	}
	recording_close(&rec);
}

static void
open_all(void)
{
	static const struct mu_uuid ids[] = { { { 1 } }, { { 2 } } };

	node_open(text, WORKER);
	peer_open(&manager, &ids[0], "zeek/cluster/manager");
	peer_open(&controller, &ids[1], "zeek/control");
	peer_greets(&manager, "manager");
	answers = updates = 0;
}

static void
close_all(void)
{
	peer_close(&manager);
	peer_close(&controller);
	node_close();
}

START_TEST(control_requests_are_answered_as_zeek_does)
{
	open_all();
	replay("zeek-messaging.jsonl.gz");
	/* three values, peer_status, net_stats */
	ck_assert_uint_eq(answers, 5);
	ck_assert_uint_eq(updates, 4);
	/* M::only_on_manager is unknown to a worker, as to Zeek's */
	ck_assert_uint_eq(idents_stats(idents)->updated, 3);
	ck_assert_uint_eq(idents_stats(idents)->refused, 1);
	close_all();
}
END_TEST

START_TEST(a_whole_configuration_update_is_taken)
{
	int err;
	struct muster_value *v;

	open_all();
	replay("zeek-control-update.jsonl.gz");
	ck_assert_uint_eq(answers, 1);
	ck_assert_uint_eq(updates, 377);
	ck_assert_uint_eq(
	    idents_stats(idents)->updated + idents_stats(idents)->refused, 377);
	ck_assert_uint_ge(idents_stats(idents)->updated, 1);
	/* the name is not taken away */
	v = idents_get(idents, "Cluster::node", &err);
	ck_assert_str_eq(
	    muster_value_get_string(v, &(size_t){ 0 }), "worker-1");
	muster_value_unref(v);
	close_all();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("idents_replay");
	TCase *t = tcase_create("recorded control");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, control_requests_are_answered_as_zeek_does);
	tcase_add_test(t, a_whole_configuration_update_is_taken);
	suite_add_tcase(s, t);
	return unit_run(s);
}
