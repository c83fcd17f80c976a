/* Identifiers: who may change which, and what control tools are told. */
#include "idents_node.h"

#include "unit.h"
#include "value/describe.h"

#define ID "f323c66f-ab99-520e-9ad2-610f3d3fc35d"
#define LAYOUT                                                                 \
	"cluster: lab\ntls: none\nnodes:\n"                                    \
	"  manager: {role: manager, port: 1}\n"                                \
	"  proxy-1: {role: proxy, port: 2}\n"                                  \
	"  worker-1: {role: worker}\n"                                         \
	"identifiers:\n"                                                       \
	"  App::limit: count:5\n"                                              \
	"  App::any: '{\"@data-type\":\"none\",\"data\":{}}'\n"                \
	"  App::names: 'set:[]'\n"

static const struct mu_uuid ids[] = { { { 1 } }, { { 2 } }, { { 3 } } };
static struct peer manager, proxy, tool;

static void
begin(const char *more)
{
	char text[2048];

	snprintf(text, sizeof text, "%s%s", LAYOUT, more);
	node_open(text, ID);
	peer_open(&manager, &ids[0], "zeek/");
	peer_open(&proxy, &ids[1], "zeek/");
	peer_open(&tool, &ids[2], "zeek/control");
	peer_greets(&manager, "manager");
	peer_greets(&proxy, "proxy-1");
}

static void
end(void)
{
	peer_close(&manager);
	peer_close(&proxy);
	peer_close(&tool);
	node_close();
}

static void
update(struct peer *p, const char *name, struct muster_value *v)
{
	struct mu_buf b;

	mu_buf_init(&b, 0);
	mu_identifier_enc(&b, name, strlen(name), v);
	peer_sends(
	    p, "zeek/cluster/worker", 19, mu_buf_data(&b), mu_buf_len(&b));
	mu_buf_clear(&b);
	muster_value_unref(v);
}

/* The value of an identifier as Zeek prints it. */
static const char *
value(const char *name)
{
	static char text[200];
	struct mu_buf b;
	int err;
	struct muster_value *v = idents_get(idents, name, &err);

	if (v == NULL)
		return muster_strerror(err);
	mu_buf_init(&b, 0);
	mu_describe(&b, v);
	snprintf(text, sizeof text, "%.*s", (int)mu_buf_len(&b),
	    (const char *)mu_buf_data(&b));
	mu_buf_clear(&b);
	muster_value_unref(v);
	return text;
}

/* All lines it has to say, joined by newlines. */
static const char *
said(void)
{
	static char all[2000];
	const char *text;
	int l;

	all[0] = '\0';
	idents_turn(idents, NOW, WALL);
	while (idents_next(idents, &l, &text)) {
		strcat(all, text);
		strcat(all, "\n");
	}
	return all;
}

START_TEST(the_manager_sets_identifiers_and_settings)
{
	begin("");
	update(&manager, "App::limit", muster_value_count(7));
	ck_assert_str_eq(value("App::limit"), "7");
	ck_assert_str_eq(said(), "identifier App::limit set by manager\n");
	update(&manager, "Muster::log_level", muster_value_cstring("debug"));
	ck_assert_str_eq(level, "debug");
	ck_assert_str_eq(value("Muster::log_level"), "debug");
	update(&manager, "App::any", muster_value_real(1.5));
	ck_assert_str_eq(value("App::any"), "1.5");
	ck_assert_uint_eq(idents_stats(idents)->updated, 3);
	ck_assert_uint_eq(idents_stats(idents)->refused, 0);
	end();
}
END_TEST

START_TEST(nobody_else_does)
{
	begin("");
	update(&proxy, "App::limit", muster_value_count(7));
	ck_assert_str_eq(value("App::limit"), "5");
	ck_assert_str_eq(said(), "identifier App::limit from proxy-1 refused: "
				 "only the manager may change it\n");
	update(&tool, "App::limit", muster_value_count(7));
	update(&tool, "App::limit", muster_value_count(8));
	ck_assert_str_eq(value("App::limit"), "5");
	ck_assert_str_eq(said(),
	    "identifier App::limit from 03000000-0000-0000-0000-000000000000 "
	    "refused: only the manager may change it, and 1 more\n");
	end();
	/* unless the layout says so */
	begin("control: {updates: true}\n");
	update(&tool, "App::limit", muster_value_count(7));
	ck_assert_str_eq(value("App::limit"), "7");
	end();
}
END_TEST

START_TEST(what_does_not_fit_is_refused_with_a_line)
{
	begin("");
	update(&manager, "App::nothing", muster_value_count(7));
	ck_assert_str_eq(
	    said(), "identifier App::nothing from manager refused: unknown\n");
	update(&manager, "App::limit", muster_value_integer(7));
	ck_assert_str_eq(said(),
	    "identifier App::limit from manager refused: of another type\n");
	update(&manager, "Cluster::node", muster_value_cstring("x"));
	ck_assert_str_eq(said(),
	    "identifier Cluster::node from manager refused: read only\n");
	update(&manager, "Muster::log_level", muster_value_cstring("loud"));
	ck_assert_str_eq(said(),
	    "identifier Muster::log_level from manager refused: no level\n");
	update(&manager, "Muster::log_level", muster_value_count(1));
	ck_assert_str_eq(said(), "identifier Muster::log_level from manager "
				 "refused: of another type\n");
	update(&manager, "no name", muster_value_count(1));
	ck_assert_str_eq(
	    said(), "identifier ? from manager refused: not a name\n");
	ck_assert_uint_eq(idents_stats(idents)->refused, 6);
	ck_assert_str_eq(value("App::limit"), "5");
	ck_assert_str_eq(level, "info");
	end();
}
END_TEST

START_TEST(a_reload_keeps_what_was_set_and_takes_what_is_new)
{
	struct mu_layout *next;

	begin("");
	update(&manager, "App::limit", muster_value_count(7));
	next = must_read(LAYOUT "  App::more: T\n");
	ck_assert_int_eq(idents_reload(idents, next), 0);
	ck_assert_str_eq(value("App::limit"), "7");
	ck_assert_str_eq(value("App::more"), "T");
	mu_layout_free(next);
	next = must_read("cluster: lab\ntls: none\nnodes:\n"
			 "  manager: {role: manager, port: 1}\n"
			 "  worker-1: {role: worker}\n"
			 "identifiers: {App::limit: count:9}\n");
	ck_assert_int_eq(idents_reload(idents, next), 0);
	ck_assert_str_eq(value("App::limit"), "9");
	ck_assert_str_eq(value("App::more"), "not found");
	ck_assert_uint_eq(idents_count(idents), 3);
	mu_layout_free(next);
	end();
}
END_TEST

/* The last thing the tool got, as text. */
static const char *
response(void)
{
	static char text[1000];
	struct muster_value *v;
	char *t;
	size_t len;

	if (tool.got == 0)
		return "";
	ck_assert_int_eq(muster_value_dec(mu_buf_data(&tool.payload),
			     mu_buf_len(&tool.payload), &v),
	    0);
	ck_assert_int_eq(muster_value_to_text(v, &t, &len), 0);
	snprintf(text, sizeof text, "%.*s %.*s", (int)mu_buf_len(&tool.topic),
	    (const char *)mu_buf_data(&tool.topic), (int)len, t);
	free(t);
	muster_value_unref(v);
	return text;
}

static void
request(const char *topic, const char *name, struct muster_value *arg)
{
	struct muster_value *args = muster_value_vector(), *v;
	struct mu_buf b;

	if (arg != NULL)
		muster_value_append(args, arg);
	v = muster_event_new(name, args, muster_value_vector());
	mu_buf_init(&b, 0);
	mu_value_enc(&b, v);
	tool.got = 0;
	peer_sends(
	    &tool, topic, strlen(topic), mu_buf_data(&b), mu_buf_len(&b));
	mu_buf_clear(&b);
	muster_value_unref(v);
}

#define OWN "zeek/control/" ID

START_TEST(questions_are_answered_at_the_end_of_the_turn)
{
	begin("");
	request(OWN, "Control::id_value_request",
	    muster_value_cstring("App::limit"));
	ck_assert_uint_eq(tool.got, 0);
	ck_assert_uint_eq(idents_deadline(idents), 0);
	ck_assert_str_eq(said(), "");
	ck_assert_str_eq(response(),
	    "zeek/control/id_value_response/worker-1 "
	    "(1, 1, (Control::id_value_response, (App::limit, 5)))");
	request(
	    OWN, "Control::id_value_request", muster_value_cstring("no such"));
	said();
	ck_assert_ptr_nonnull(strstr(response(), "<unknown id>"));
	/* zeekctl over the WebSocket API uses the node's topic */
	request(
	    "zeek/cluster/node/worker-1/", "Control::net_stats_request", NULL);
	said();
	ck_assert_str_eq(response(),
	    "zeek/control/net_stats_response/worker-1 (1, 1, "
	    "(Control::net_stats_response, (1700000000.123456 recvd=0 "
	    "dropped=0 link=0\n)))");
	request(OWN, "Control::configuration_update_request", NULL);
	said();
	ck_assert_str_eq(response(),
	    "zeek/control/configuration_update_response/worker-1 (1, 1, "
	    "(Control::configuration_update_response, ()))");
	request(OWN, "Control::peer_status_request", muster_value_cstring("x"));
	ck_assert_str_eq(said(),
	    "peer_status request from 03000000-0000-0000-0000-000000000000 "
	    "not answered: wrong arguments\n");
	ck_assert_uint_eq(tool.got, 0);
	end();
}
END_TEST

START_TEST(shutdown_is_refused_unless_permitted)
{
	begin("");
	request(OWN, "Control::shutdown_request", NULL);
	ck_assert_ptr_nonnull(strstr(said(), "does not permit it"));
	ck_assert_uint_eq(tool.got, 0);
	idents_turn(idents, NOW + 9 * NOW, WALL);
	ck_assert_uint_eq(stops, 0);
	end();
	begin("control: {shutdown: true}\n");
	request(OWN, "Control::shutdown_request", NULL);
	ck_assert_ptr_nonnull(strstr(said(), "ending"));
	ck_assert_uint_eq(tool.got, 1);
	ck_assert_uint_eq(stops, 0);
	ck_assert_uint_eq(idents_deadline(idents), NOW + 1000000000);
	idents_turn(idents, NOW + 1000000000, WALL);
	ck_assert_uint_eq(stops, 1);
	end();
}
END_TEST

START_TEST(no_requests_when_the_layout_says_so)
{
	begin("control: {requests: false}\n");
	request(
	    "zeek/cluster/node/worker-1/", "Control::net_stats_request", NULL);
	ck_assert_str_eq(said(), "");
	ck_assert_uint_eq(tool.got, 0);
	end();
}
END_TEST

START_TEST(a_flood_of_requests_is_bounded)
{
	begin("");
	for (int i = 0; i < 1000; i++)
		request(OWN, "Control::net_stats_request", NULL);
	tool.got = 0;
	ck_assert_str_eq(
	    said(), "net_stats request not answered: too many, and 743 more\n");
	ck_assert_uint_eq(tool.got, 256);
	end();
}
END_TEST

START_TEST(a_value_is_published_to_others)
{
	struct muster_value *v;
	size_t len;

	begin("");
	ck_assert_int_eq(idents_publish(idents, "App::limit", "zeek/x", 6), 2);
	ck_assert_int_eq(muster_value_dec(mu_buf_data(&proxy.payload),
			     mu_buf_len(&proxy.payload), &v),
	    0);
	ck_assert_str_eq(mu_identifier_name(v, &len), "App::limit");
	ck_assert_uint_eq(muster_value_get_count(mu_identifier_value(v)), 5);
	muster_value_unref(v);
	ck_assert_int_eq(
	    idents_publish(idents, "App::x", "zeek/x", 6), MUSTER_ENOENT);
	end();
}
END_TEST

START_TEST(names_are_words_with_colons)
{
	static const char *const good[] = { "a", "_a1", "A::b", "A::B::c_2" };
	static const char *const bad[] = { "", "1a", ":a", "::a",
		"a:", "a::", "a:b", "a:::b", "a b", "a-b", "a::::b" };

	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		ck_assert_msg(mu_identifier_is_name(good[i], strlen(good[i])),
		    "%s", good[i]);
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		ck_assert_msg(!mu_identifier_is_name(bad[i], strlen(bad[i])),
		    "%s", bad[i]);
}
END_TEST

START_TEST(values_are_printed_as_zeek_does)
{
	static const struct {
		const char *text, *zeek;
	} rows[] = { { "T", "T" }, { "integer:-5", "-5" }, { "count:5", "5" },
		{ "real:2.5", "2.5" }, { "real:2", "2.0" },
		{ "timespan:90s", "1.0 min 30.0 secs" },
		{ "timespan:0s", "0 secs" },
		{ "timespan:-1500ms", "-1.0 sec -500.0 msecs" },
		{ "53/udp", "53/udp" }, { "1.2.3.4", "1.2.3.4" },
		{ "10.0.0.0/8", "10.0.0.0/8" }, { "set:[]", "{\n\n}" },
		{ "enum-value:M::GREEN", "M::GREEN" }, { "vector:[]", "[]" } };

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct muster_value *v;
		struct mu_buf b;
		char *text;

		ck_assert_int_eq(muster_value_from_text(rows[i].text, &v), 0);
		mu_buf_init(&b, 0);
		mu_describe(&b, v);
		text = mu_buf_take_string(&b);
		ck_assert_str_eq(text, rows[i].zeek);
		mu_free(text);
		mu_buf_clear(&b);
		muster_value_unref(v);
	}
}
END_TEST

static bool
nth_fails(void *ctx)
{
	return (*(int *)ctx)-- == 0;
}

START_TEST(without_memory_there_are_none)
{
	begin("");
	for (int n = 0;; n++) {
		int left = n;
		struct idents *i;

		mu_alloc_set_hook(nth_fails, &left);
		i = idents_new(endpoint, layout, &hooks);
		mu_alloc_set_hook(NULL, NULL);
		idents_free(i);
		if (left >= 0) {
			ck_assert_ptr_nonnull(i);
			break;
		}
		ck_assert_ptr_null(i);
	}
	end();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("idents");
	TCase *t = tcase_create("idents");

	tcase_add_test(t, the_manager_sets_identifiers_and_settings);
	tcase_add_test(t, nobody_else_does);
	tcase_add_test(t, what_does_not_fit_is_refused_with_a_line);
	tcase_add_test(t, a_reload_keeps_what_was_set_and_takes_what_is_new);
	tcase_add_test(t, questions_are_answered_at_the_end_of_the_turn);
	tcase_add_test(t, shutdown_is_refused_unless_permitted);
	tcase_add_test(t, no_requests_when_the_layout_says_so);
	tcase_add_test(t, a_flood_of_requests_is_bounded);
	tcase_add_test(t, a_value_is_published_to_others);
	tcase_add_test(t, names_are_words_with_colons);
	tcase_add_test(t, values_are_printed_as_zeek_does);
	tcase_add_test(t, without_memory_there_are_none);
	suite_add_tcase(s, t);
	return unit_run(s);
}
