/*
 * Pools in the control protocol: publishing to whoever a pool chooses, the
 * pools as this node sees them, and where keys belong.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "control/control_request.h"
#include "control/control_session.h"
#include "core/answer.h"
#include "core/endpoint.h"
#include "core/pools.h"
#include "muster/err.h"
#include "muster/value.h"
#include "proto/jtext.h"

#define KEYS_MAX    1000 /* of one pool_where */
#define WITHOUT_MAX 100

/* --- what requests have in common ----------------------------------------- */

/* The pool named by a field; NULL after a refusal. */
static struct mu_pool *
find_pool(struct control_session *s, const struct mu_jtext *field)
{
	const struct mu_pools *pools = endpoint_pools(s->control->e);
	size_t n = mu_pools_count(pools);
	const char **names = mu_calloc(n, sizeof(*names));
	char *name = mu_jtext_cstring(field), shown[80];
	struct mu_pool *pool = NULL;
	const char *near = NULL;

	if (name != NULL)
		pool = mu_pools_find(pools, name);
	for (size_t i = 0; names != NULL && i < n; i++)
		names[i] = mu_pool_name(mu_pools_at(pools, i));
	if (pool == NULL && name != NULL && names != NULL)
		near = mu_text_nearest(name, names, n);
	if (pool == NULL)
		answer_refuse(&s->out, "usage", "no pool \"%s\"%s%s%s",
		    mu_text_printable(name == NULL ? "" : name,
			name == NULL ? 0 : strlen(name), shown, sizeof shown),
		    near == NULL ? "" : " (did you mean \"",
		    near == NULL ? "" : near, near == NULL ? "" : "\"?)");
	mu_free(name);
	mu_free(names);
	return pool;
}

/* The type of the keys, or NULL; owned by the caller. */
static char *
key_type(const struct control_args *a)
{
	return (a->present & HAS(TYPE)) == 0
		   ? NULL
		   : mu_jtext_cstring(&a->field[CONTROL_TYPE]);
}

static void
refuse_key(struct control_session *s, int r, const char *why)
{
	if (r == MUSTER_ENOMEM)
		answer_refuse(&s->out, "memory", "out of memory");
	else if (r == MUSTER_ELIMIT)
		answer_refuse(&s->out, "usage", "key: too large");
	else
		answer_refuse(&s->out, "usage", "key: %s", why);
}

/* A key's digest, from its JSON; false after a refusal. */
static bool
read_key(struct control_session *s, const struct mu_jtext *json,
    const char *type, uint32_t *digest)
{
	struct muster_value *v = NULL;
	const char *why = "not a value in the JSON form";
	int r = muster_value_from_json(json->at, json->len, &v);

	if (r == 0)
		r = pools_digest(v, type, digest, &why);
	muster_value_unref(v);
	if (r != 0)
		refuse_key(s, r, why);
	return r == 0;
}

static void
put_names(struct mu_buf *b, const char *key,
    const struct mu_pool_member *const *list, size_t n)
{
	answer_open(b, key, '[');
	for (size_t i = 0; i < n; i++)
		answer_text(b, NULL, list[i]->name);
	answer_close(b, ']');
}

/* --- publish to a pool ---------------------------------------------------- */

struct choice {
	const struct mu_pool_member *list[MU_POOL_MAX_REPLICAS];
	size_t n;
};

static bool
choose_by_key(struct control_session *s, const struct control_args *a,
    struct mu_pool *pool, struct choice *c)
{
	char *type = key_type(a);
	uint32_t digest;
	bool good;

	if ((a->present & HAS(KEY)) == 0) {
		answer_refuse(&s->out, "usage", "publish with hrw wants key");
		return false;
	}
	good = read_key(s, &a->field[CONTROL_KEY], type, &digest);
	mu_free(type);
	if (good)
		c->n = mu_pool_choose(
		    pool, digest, c->list, mu_pool_replicas(pool));
	return good;
}

/* As in Zeek the key of a rotation is a string; "" without one. */
static bool
choose_by_turn(struct control_session *s, const struct control_args *a,
    struct mu_pool *pool, struct choice *c)
{
	const struct mu_jtext *json = &a->field[CONTROL_KEY];
	struct muster_value *v = NULL;
	const char *key = "";
	size_t len = 0;
	int r = 0;

	if ((a->present & HAS(KEY)) != 0) {
		r = muster_value_from_json(json->at, json->len, &v);
		if (r == 0)
			key = muster_value_get_string(v, &len);
		if (r == 0 && muster_value_type(v) != MUSTER_STRING)
			r = MUSTER_ETYPE;
	}
	if (r == 0)
		r = mu_pool_turn(pool, key, len, &c->list[0]);
	muster_value_unref(v);
	c->n = r == 0;
	if (r == 0 || r == MUSTER_ENOENT)
		return true;
	if (r == MUSTER_ENOMEM)
		answer_refuse(&s->out, "memory", "out of memory");
	else if (r == MUSTER_ELIMIT)
		answer_refuse(&s->out, "usage",
		    "key: longer than a round robin remembers");
	else
		answer_refuse(&s->out, "usage", "key: not a string");
	return false;
}

/* To all that were chosen; the receivers, or a negative error. */
static int
send_to(struct control_session *s, const struct choice *c,
    const struct mu_buf *payload)
{
	const struct mu_layout *l = endpoint_layout(s->control->e);
	int total = 0, r = 0;

	for (size_t i = 0; i < c->n && r >= 0; i++) {
		char *topic = pools_topic(l, c->list[i]->name);

		r = topic == NULL
			? MUSTER_ENOMEM
			: router_publish(endpoint_router(s->control->e),
			      &s->sub, topic, strlen(topic),
			      mu_buf_data(payload), mu_buf_len(payload));
		mu_free(topic);
		total += r < 0 ? 0 : r;
	}
	return r < 0 ? r : total;
}

static void
answer_sent(struct control_session *s, const struct mu_pool *pool,
    const struct choice *c, int receivers)
{
	answer_ok(&s->out);
	answer_number(&s->out, "receivers", (uint64_t)receivers);
	answer_text(&s->out, "pool", mu_pool_name(pool));
	answer_text(&s->out, "node", c->list[0]->name);
	answer_bool(&s->out, "self", c->list[0]->self);
	put_names(&s->out, "nodes", c->list, c->n);
	answer_end(&s->out);
}

void
control_publish_pool(struct control_session *s, const struct control_args *a,
    const struct mu_buf *payload)
{
	bool hrw = (a->present & HAS(HRW)) != 0;
	struct choice c = { .n = 0 };
	struct mu_pool *pool;
	int r;

	pool = find_pool(s, &a->field[hrw ? CONTROL_HRW : CONTROL_RR]);
	if (pool == NULL ||
	    !(hrw ? choose_by_key : choose_by_turn)(s, a, pool, &c))
		return;
	if (c.n == 0) {
		answer_refuse(&s->out, "nobody",
		    "nobody of pool \"%s\" is alive here: nothing was sent",
		    mu_pool_name(pool));
		return;
	}
	r = send_to(s, &c, payload);
	if (r < 0)
		answer_refuse(&s->out, r == MUSTER_ENOMEM ? "memory" : "usage",
		    "%s: %s", c.list[0]->name, muster_strerror(r));
	else
		answer_sent(s, pool, &c, r);
}

/* --- pools ---------------------------------------------------------------- */

static void
put_member(struct mu_buf *b, const struct mu_pool_member *m, uint32_t share)
{
	char alias[512];

	snprintf(alias, sizeof alias, "%s.%" PRIu32, m->name, m->alias);
	answer_open(b, NULL, '{');
	answer_text(b, "name", m->name);
	answer_bool(b, "self", m->self);
	answer_bool(b, "alive", m->self || m->up);
	answer_bool(b, "keyed", m->up);
	answer_number(b, "weight", m->weight);
	answer_text(b, "alias", alias);
	answer_number(b, "site", m->sites[0]);
	answer_number(b, "share_ppm", share);
	answer_number(b, "keys", m->nkeys);
	answer_number(b, "turns", m->nturns);
	answer_close(b, '}');
}

static const struct mu_layout_pool *
declared(const struct mu_layout *l, const char *name)
{
	for (size_t i = 0; i < l->npools; i++)
		if (strcmp(l->pools[i].name, name) == 0)
			return &l->pools[i];
	return NULL;
}

static void
put_pool(const struct control *c, struct mu_buf *b, const struct mu_pool *p)
{
	const struct mu_layout_pool *d =
	    declared(endpoint_layout(c->e), mu_pool_name(p));
	size_t n = mu_pool_size(p);
	uint32_t *share = mu_calloc(n, sizeof *share);

	if (share == NULL || d == NULL) {
		b->error = b->error != 0 ? b->error : MUSTER_ENOMEM;
		mu_free(share);
		return;
	}
	mu_pool_shares(p, share);
	answer_open(b, NULL, '{');
	answer_text(b, "name", mu_pool_name(p));
	answer_text(b, "type", mu_role_name((enum mu_role)mu_pool_type(p)));
	answer_text(b, "topic", mu_pool_topic(p));
	if (d->max_nodes == 0)
		answer_text(b, "max_nodes", NULL);
	else
		answer_number(b, "max_nodes", d->max_nodes);
	answer_bool(b, "exclusive", d->exclusive);
	answer_number(b, "replicas", mu_pool_replicas(p));
	answer_number(b, "alive", mu_pool_alive(p));
	answer_open(b, "members", '[');
	for (size_t i = 0; i < n; i++)
		put_member(b, mu_pool_at(p, i), share[i]);
	answer_close(b, ']');
	answer_close(b, '}');
	mu_free(share);
}

void
control_on_pools(struct control_session *s, const struct control_args *a)
{
	const struct mu_pools *pools = endpoint_pools(s->control->e);

	(void)a;
	answer_ok(&s->out);
	answer_text(&s->out, "name", endpoint_node(s->control->e)->name);
	answer_open(&s->out, "pools", '[');
	for (size_t i = 0; i < mu_pools_count(pools); i++)
		put_pool(s->control, &s->out, mu_pools_at(pools, i));
	answer_close(&s->out, ']');
	answer_end(&s->out);
}

/* --- pool_where ----------------------------------------------------------- */

struct question {
	const struct mu_pool *pool;
	char *type; /* of enums, or NULL */
	struct mu_pool_view view;
	const char *without[WITHOUT_MAX];
};

static size_t
count_elements(const struct mu_jtext *array)
{
	struct mu_jtext_walk w = mu_jtext_walk(array);
	struct mu_jtext v;
	size_t n = 0;

	while (mu_jtext_next(&w, NULL, &v))
		n++;
	return n;
}

/* The member that an element names; NULL after a refusal. */
static const struct mu_pool_member *
read_member(struct control_session *s, const struct question *q,
    const struct mu_jtext *v)
{
	char *name =
	    mu_jtext_kind(v) == MU_JTEXT_STRING ? mu_jtext_cstring(v) : NULL;
	const struct mu_pool_member *m =
	    name == NULL ? NULL : mu_pool_find(q->pool, name);
	char shown[80];

	if (m == NULL)
		answer_refuse(&s->out, "usage",
		    "without: no node \"%s\" in pool \"%s\"",
		    mu_text_printable(name == NULL ? "" : name,
			name == NULL ? 0 : strlen(name), shown, sizeof shown),
		    mu_pool_name(q->pool));
	mu_free(name);
	return m;
}

static bool
read_without(
    struct control_session *s, const struct control_args *a, struct question *q)
{
	struct mu_jtext_walk w = mu_jtext_walk(&a->field[CONTROL_WITHOUT]);
	struct mu_jtext v;

	if ((a->present & HAS(WITHOUT)) == 0)
		return true;
	while (mu_jtext_next(&w, NULL, &v)) {
		const struct mu_pool_member *m;

		if (q->view.nwithout == WITHOUT_MAX) {
			answer_refuse(&s->out, "usage",
			    "without: more than %d nodes", WITHOUT_MAX);
			return false;
		}
		m = read_member(s, q, &v);
		if (m == NULL)
			return false;
		q->without[q->view.nwithout++] = m->name;
	}
	q->view.without = q->without;
	return true;
}

/* One key and who has it; false after a refusal. */
static bool
put_key(struct control_session *s, const struct question *q,
    const struct mu_jtext *json, struct mu_buf *b)
{
	const struct mu_pool_member *list[MU_POOL_MAX_REPLICAS];
	uint32_t digest;
	size_t n;

	if (!read_key(s, json, q->type, &digest))
		return false;
	n = mu_pool_where(
	    q->pool, digest, &q->view, list, mu_pool_replicas(q->pool));
	answer_open(b, NULL, '{');
	mu_buf_str(b, "\"key\":");
	mu_buf_put(b, json->at, json->len);
	answer_number(b, "digest", digest);
	put_names(b, "nodes", list, n);
	answer_close(b, '}');
	return true;
}

static void
answer_where(struct control_session *s, const struct question *q,
    const struct mu_jtext *keys)
{
	struct mu_jtext_walk w = mu_jtext_walk(keys);
	struct mu_jtext v;
	struct mu_buf b;
	bool good = true;

	mu_buf_init(&b, 0);
	answer_ok(&b);
	answer_text(&b, "pool", mu_pool_name(q->pool));
	answer_open(&b, "keys", '[');
	while (good && mu_jtext_next(&w, NULL, &v))
		good = put_key(s, q, &v, &b);
	answer_close(&b, ']');
	answer_end(&b);
	if (good && mu_buf_error(&b) != 0)
		answer_refuse(&s->out, "memory", "out of memory");
	else if (good)
		mu_buf_put(&s->out, mu_buf_data(&b), mu_buf_len(&b));
	mu_buf_clear(&b);
}

void
control_on_pool_where(struct control_session *s, const struct control_args *a)
{
	const struct mu_jtext *keys = &a->field[CONTROL_KEYS];
	struct question q = { .pool = find_pool(s, &a->field[CONTROL_POOL]) };

	if (q.pool == NULL)
		return;
	if (count_elements(keys) > KEYS_MAX) {
		answer_refuse(
		    &s->out, "usage", "keys: more than %d at once", KEYS_MAX);
		return;
	}
	q.view.everybody = (a->present & HAS(EVERYBODY)) != 0 &&
			   *a->field[CONTROL_EVERYBODY].at == 't';
	q.type = key_type(a);
	if (read_without(s, a, &q))
		answer_where(s, &q, keys);
	mu_free(q.type);
}
