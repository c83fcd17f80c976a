/*
 * The controllee side of Zeek's control framework (reference
 * "cluster-semantics" 7.3): a request on zeek/control/ID or on the node's own
 * topics is answered on zeek/control/WHAT_response/NODE.
 */
#include "core/idents_impl.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "core/endpoint.h"
#include "core/link.h"
#include "layout/layout.h"
#include "muster/err.h"
#include "muster/event.h"
#include "value/codec.h"
#include "value/describe.h"
#include "value/identifier.h"

#define SECOND 1000000000

struct turn {
	struct idents *i;
	const struct request *r;
	uint64_t now;
	int64_t wall;
};

struct request_rule {
	const char *what; /* "id_value": Control::id_value_request */
	size_t nargs;     /* strings */
	/* The arguments of the response; NULL: none is sent. */
	struct muster_value *(*answer)(const struct turn *t);
};

static struct muster_value *
text_of(struct mu_buf *b)
{
	struct muster_value *v =
	    mu_buf_error(b) != 0
		? NULL
		: muster_value_string(
		      mu_buf_len(b) == 0 ? "" : (const char *)mu_buf_data(b),
		      mu_buf_len(b));

	mu_buf_clear(b);
	return v;
}

/* The arguments: one or two strings, taken; NULL when memory is out. */
static struct muster_value *
args_of(struct muster_value *a, struct muster_value *b, size_t n)
{
	struct muster_value *args = muster_value_vector();
	int rc = args == NULL ? MUSTER_ENOMEM : 0;

	if (n > 0)
		rc = muster_value_append(args, a) != 0 ? MUSTER_ENOMEM : rc;
	if (n > 1)
		rc = muster_value_append(args, b) != 0 ? MUSTER_ENOMEM : rc;
	if (rc == 0)
		return args;
	muster_value_unref(args);
	return NULL;
}

static struct muster_value *
answer_id_value(const struct turn *t)
{
	const struct muster_value *id = muster_value_at(t->r->args, 0);
	struct muster_value *v = NULL;
	char name[MU_IDENTIFIER_MAX + 1];
	struct mu_buf b;
	size_t len;
	const char *p = muster_value_get_string(id, &len);
	int rc;

	mu_buf_init(&b, 0);
	if (mu_identifier_is_name(p, len)) {
		memcpy(name, p, len);
		name[len] = '\0';
		v = idents_get(t->i, name, &rc);
	}
	if (v == NULL)
		mu_buf_str(&b, "<unknown id>");
	else
		mu_describe(&b, v);
	muster_value_unref(v);
	return args_of(muster_value_ref(id), text_of(&b), 2);
}

static void
put_time(struct mu_buf *b, int64_t wall)
{
	mu_buf_printf(
	    b, "%" PRId64 ".%06" PRId64, wall / SECOND, wall % SECOND / 1000);
}

/* Who connected to us shows as Zeek's dual-stack listener sees it. */
static struct muster_value *
answer_peer_status(const struct turn *t)
{
	struct mu_buf b;

	mu_buf_init(&b, 0);
	for (size_t k = 0; k < endpoint_nlinks(t->i->e); k++) {
		char id[MU_UUID_TEXT];
		struct link_facts f;

		link_facts(endpoint_link(t->i->e, k), &f);
		if (f.state != LINK_UP)
			continue;
		put_time(&b, t->wall);
		mu_buf_printf(&b, " peer=%s host=%s%s status=Broker::PEERED\n",
		    mu_uuid_format(&f.id, id),
		    f.outbound || strchr(f.address, ':') != NULL ? ""
								 : "::ffff:",
		    f.address);
	}
	return args_of(text_of(&b), NULL, 1);
}

/* Zeek counts packets; a node that captures none counts messages. */
static struct muster_value *
answer_net_stats(const struct turn *t)
{
	uint64_t received = 0, dropped = 0;
	struct mu_buf b;

	for (size_t k = 0; k < endpoint_nlinks(t->i->e); k++) {
		struct link_facts f;

		link_facts(endpoint_link(t->i->e, k), &f);
		received += f.received_messages;
		dropped += f.out.dropped;
	}
	mu_buf_init(&b, 0);
	put_time(&b, t->wall);
	mu_buf_printf(&b,
	    " recvd=%" PRIu64 " dropped=%" PRIu64 " link=%" PRIu64 "\n",
	    received, dropped, received);
	return args_of(text_of(&b), NULL, 1);
}

static struct muster_value *
answer_configuration_update(const struct turn *t)
{
	(void)t;
	return args_of(NULL, NULL, 0);
}

static struct muster_value *
answer_shutdown(const struct turn *t)
{
	struct idents *i = t->i;

	if (!endpoint_layout(i->e)->control.shutdown) {
		i->stats.unanswered++;
		episode_add(&i->asked,
		    "shutdown asked for by %s refused: the layout does not "
		    "permit it (control.shutdown)",
		    t->r->from);
		return NULL;
	}
	if (i->stop_at == UINT64_MAX)
		i->stop_at = t->now + SHUTDOWN_NS;
	episode_add(&i->asked, "shutdown asked for by %s: ending", t->r->from);
	return args_of(NULL, NULL, 0);
}

/* clang-format off */
static const struct request_rule rules[] = {
	{ "id_value",             1, answer_id_value },
	{ "peer_status",          0, answer_peer_status },
	{ "net_stats",            0, answer_net_stats },
	{ "configuration_update", 0, answer_configuration_update },
	{ "shutdown",             0, answer_shutdown },
};
/* clang-format on */

static const struct request_rule *
find_rule(const char *name, size_t len)
{
	for (size_t k = 0; k < sizeof rules / sizeof rules[0]; k++) {
		char full[64];
		int n = snprintf(
		    full, sizeof full, "Control::%s_request", rules[k].what);

		if ((size_t)n == len && memcmp(full, name, len) == 0)
			return &rules[k];
	}
	return NULL;
}

static bool
fits(const struct request_rule *rule, const struct muster_value *args)
{
	if (args == NULL || muster_value_size(args) != rule->nargs)
		return false;
	for (size_t k = 0; k < rule->nargs; k++)
		if (muster_value_type(muster_value_at(args, k)) !=
		    MUSTER_STRING)
			return false;
	return true;
}

static void
enqueue(struct idents *i, const struct message *m,
    const struct request_rule *rule, const struct muster_value *args)
{
	struct request *r;

	if (i->nwaiting == REQUESTS_MAX ||
	    (r = mu_calloc(1, sizeof *r)) == NULL) {
		i->stats.unanswered++;
		episode_add(
		    &i->asked, "%s request not answered: too many", rule->what);
		return;
	}
	r->rule = rule;
	r->args = muster_value_ref(args);
	idents_who(i, &m->origin, r->from, sizeof r->from);
	*i->last = r;
	i->last = &r->next;
	i->nwaiting++;
}

void
requests_hear(struct idents *i, const struct message *m)
{
	const struct request_rule *rule;
	struct muster_value *v = NULL;
	struct mu_peek peek;
	char who[64];

	if (!endpoint_layout(i->e)->control.requests ||
	    mu_peek_message(m->env.payload, m->env.payload_len, &peek) != 0)
		return;
	rule = find_rule(peek.name, peek.name_len);
	if (rule == NULL ||
	    muster_value_dec(m->env.payload, m->env.payload_len, &v) != 0)
		return;
	i->stats.requests++;
	if (fits(rule, muster_event_args(v))) {
		enqueue(i, m, rule, muster_event_args(v));
	} else {
		i->stats.unanswered++;
		episode_add(&i->asked,
		    "%s request from %s not answered: wrong arguments",
		    rule->what, idents_who(i, &m->origin, who, sizeof who));
	}
	muster_value_unref(v);
}

static int
publish(struct idents *i, const char *what, const struct muster_value *args)
{
	char *topic = mu_asprintf(
	    "zeek/control/%s_response/%s", what, endpoint_node(i->e)->name);
	char *event = mu_asprintf("Control::%s_response", what);
	struct mu_buf b;
	int rc = MUSTER_ENOMEM;

	mu_buf_init(&b, 0);
	if (topic != NULL && event != NULL) {
		mu_event_enc(&b, event, strlen(event), args, false);
		rc = mu_buf_error(&b);
	}
	if (rc == 0)
		rc = router_publish(endpoint_router(i->e), &i->sub, topic,
		    strlen(topic), mu_buf_data(&b), mu_buf_len(&b));
	mu_buf_clear(&b);
	mu_free(topic);
	mu_free(event);
	return rc < 0 ? rc : 0;
}

static void
answer(struct idents *i, const struct request *r, uint64_t now, int64_t wall)
{
	const struct turn t = { i, r, now, wall };
	uint64_t unanswered = i->stats.unanswered;
	struct muster_value *args = r->rule->answer(&t);
	int rc = args == NULL ? MUSTER_ENOMEM : publish(i, r->rule->what, args);

	muster_value_unref(args);
	if (rc == 0 || i->stats.unanswered > unanswered)
		return;
	i->stats.unanswered++;
	episode_add(&i->asked, "%s request from %s not answered: %s",
	    r->rule->what, r->from, muster_strerror(rc));
}

static struct request *
pop(struct idents *i)
{
	struct request *r = i->first;

	if (r == NULL)
		return NULL;
	i->first = r->next;
	if (i->first == NULL)
		i->last = &i->first;
	i->nwaiting--;
	return r;
}

static void
request_free(struct request *r)
{
	muster_value_unref(r->args);
	mu_free(r);
}

void
requests_turn(struct idents *i, uint64_t now, int64_t wall)
{
	struct request *r;

	while ((r = pop(i)) != NULL) {
		answer(i, r, now, wall);
		request_free(r);
	}
}

void
requests_clear(struct idents *i)
{
	struct request *r;

	while ((r = pop(i)) != NULL)
		request_free(r);
}
