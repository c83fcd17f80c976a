/* Identifiers; see idents.h. */
#include "core/idents_impl.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/text.h"
#include "core/endpoint.h"
#include "core/pools.h"
#include "layout/layout.h"
#include "muster/err.h"
#include "muster/event.h"
#include "muster/topic.h"
#include "sys/log.h"
#include "value/codec.h"
#include "value/identifier.h"

/* --- what happened ---------------------------------------------------------
 */

void
episode_add(struct episode *e, const char *fmt, ...)
{
	va_list ap;

	if (e->n++ > 0)
		return;
	va_start(ap, fmt);
	vsnprintf(e->first, sizeof e->first, fmt, ap);
	va_end(ap);
}

const char *
idents_who(
    const struct idents *i, const struct mu_uuid *id, char *buf, size_t size)
{
	const char *name = members_name_of(endpoint_members(i->e), id);
	char text[MU_UUID_TEXT];

	snprintf(
	    buf, size, "%s", name != NULL ? name : mu_uuid_format(id, text));
	return buf;
}

/* --- values ----------------------------------------------------------------
 */

static int
by_name(const void *a, const void *b)
{
	const struct ident *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static struct ident *
find(const struct idents *i, const char *name)
{
	for (size_t k = 0; k < i->n; k++)
		if (strcmp(i->list[k].name, name) == 0)
			return &i->list[k];
	return NULL;
}

static const struct idents_setting *
find_setting(const struct idents *i, const char *name)
{
	for (size_t k = 0; k < i->hooks.nsettings; k++)
		if (strcmp(i->hooks.settings[k].name, name) == 0)
			return &i->hooks.settings[k];
	return NULL;
}

static void
free_list(struct ident *list, size_t n)
{
	for (size_t k = 0; list != NULL && k < n; k++) {
		mu_free(list[k].name);
		mu_free(list[k].text);
		muster_value_unref(list[k].value);
	}
	mu_free(list);
}

/* One of the layout: what it was if the layout says the same as before. */
static int
take(const struct idents *i, const struct mu_layout_identifier *from,
    struct ident *to)
{
	const struct ident *was = find(i, from->name);

	to->name = mu_strdup(from->name);
	to->text = mu_strdup(from->value);
	if (to->name == NULL || to->text == NULL)
		return MUSTER_ENOMEM;
	if (was == NULL || strcmp(was->text, to->text) != 0)
		return muster_value_from_text(to->text, &to->value);
	to->value = muster_value_ref(was->value);
	to->updates = was->updates;
	return 0;
}

static int
take_all(struct idents *i, const struct mu_layout *l)
{
	struct ident *list = mu_calloc(l->nidentifiers, sizeof *list);
	int rc = list == NULL ? MUSTER_ENOMEM : 0;

	for (size_t k = 0; k < l->nidentifiers && rc == 0; k++)
		rc = take(i, &l->identifiers[k], &list[k]);
	if (rc != 0) {
		free_list(list, l->nidentifiers);
		return rc;
	}
	free_list(i->list, i->n);
	i->list = list;
	i->n = l->nidentifiers;
	if (i->n > 1)
		qsort(i->list, i->n, sizeof *i->list, by_name);
	return 0;
}

struct muster_value *
idents_get(const struct idents *i, const char *name, int *err)
{
	const struct idents_setting *s = find_setting(i, name);
	const struct ident *d = find(i, name);
	struct muster_value *v;

	*err = MUSTER_ENOENT;
	if (s == NULL && d == NULL)
		return NULL;
	*err = MUSTER_ENOMEM;
	v = s != NULL ? s->get(i->hooks.ctx) : muster_value_ref(d->value);
	if (v != NULL)
		*err = 0;
	return v;
}

static int
set_setting(struct idents *i, const struct idents_setting *s,
    const struct muster_value *v, char *why)
{
	int rc;

	if (s->set == NULL)
		return MUSTER_EPERM;
	if (muster_value_type(v) != s->type)
		return MUSTER_ETYPE;
	rc = s->set(i->hooks.ctx, v, why, IDENTS_WHY);
	if (rc == 0)
		i->setting_updates[s - i->hooks.settings]++;
	return rc;
}

int
idents_set(
    struct idents *i, const char *name, const struct muster_value *v, char *why)
{
	const struct idents_setting *s = find_setting(i, name);
	struct ident *d = find(i, name);

	why[0] = '\0';
	if (s != NULL)
		return set_setting(i, s, v, why);
	if (d == NULL)
		return MUSTER_ENOENT;
	/* As Zeek's globals they keep their type; none takes any. */
	if (muster_value_type(d->value) != MUSTER_NONE &&
	    muster_value_type(v) != muster_value_type(d->value))
		return MUSTER_ETYPE;
	muster_value_unref(d->value);
	d->value = muster_value_ref(v);
	d->updates++;
	return 0;
}

int
idents_publish(
    struct idents *i, const char *name, const char *topic, size_t topic_len)
{
	struct muster_value *v;
	struct mu_buf b;
	int rc;

	v = idents_get(i, name, &rc);
	if (v == NULL)
		return rc;
	mu_buf_init(&b, 0);
	mu_identifier_enc(&b, name, strlen(name), v);
	rc = mu_buf_error(&b);
	if (rc == 0)
		rc = router_publish(endpoint_router(i->e), &i->sub, topic,
		    topic_len, mu_buf_data(&b), mu_buf_len(&b));
	mu_buf_clear(&b);
	muster_value_unref(v);
	return rc;
}

/* --- updates from others ---------------------------------------------------
 */

static bool
may_update(const struct idents *i, const struct mu_uuid *id)
{
	const struct mu_layout *l = endpoint_layout(i->e);
	const char *name = members_name_of(endpoint_members(i->e), id);
	const struct mu_layout_node *n =
	    name == NULL ? NULL : mu_layout_node(l, name);

	if (n != NULL && n->role == MU_ROLE_MANAGER)
		return true;
	return l->control.updates;
}

static void
refuse(struct idents *i, const struct message *m, const char *name,
    const char *why)
{
	char who[64], shown[80];

	i->stats.refused++;
	episode_add(&i->refused, "identifier %s from %s refused: %s",
	    mu_text_printable(name, strlen(name), shown, sizeof shown),
	    idents_who(i, &m->origin, who, sizeof who), why);
}

static void
update(struct idents *i, const struct message *m, const char *name,
    const struct muster_value *v)
{
	char why[IDENTS_WHY], who[64];
	int rc;

	if (find(i, name) == NULL && find_setting(i, name) == NULL) {
		refuse(i, m, name, "unknown");
		return;
	}
	if (!may_update(i, &m->origin)) {
		refuse(i, m, name, "only the manager may change it");
		return;
	}
	rc = idents_set(i, name, v, why);
	if (rc == 0) {
		i->stats.updated++;
		episode_add(&i->updated, "identifier %s set by %s", name,
		    idents_who(i, &m->origin, who, sizeof who));
		return;
	}
	refuse(i, m, name,
	    why[0] != '\0'       ? why
	    : rc == MUSTER_ETYPE ? "of another type"
	    : rc == MUSTER_EPERM ? "read only"
				 : muster_strerror(rc));
}

static void
hear_update(struct idents *i, const struct message *m)
{
	struct muster_value *v = NULL;
	const char *name;
	char text[MU_IDENTIFIER_MAX + 1];
	size_t len;

	if (muster_value_dec(m->env.payload, m->env.payload_len, &v) != 0)
		return; /* the peer's problem, counted by the router */
	name = mu_identifier_name(v, &len);
	if (name != NULL && mu_identifier_is_name(name, len)) {
		memcpy(text, name, len);
		text[len] = '\0';
		update(i, m, text, mu_identifier_value(v));
	} else if (name != NULL) {
		refuse(i, m, "?", "not a name");
	}
	muster_value_unref(v);
}

static void
hear(struct subscriber *self, struct message *m)
{
	struct idents *i = (struct idents *)self;
	struct mu_peek peek;

	if (m->env.type != MU_DATA ||
	    mu_peek_message(m->env.payload, m->env.payload_len, &peek) != 0)
		return;
	if (peek.kind == MUSTER_MESSAGE_IDENTIFIER_UPDATE)
		hear_update(i, m);
	else if (peek.kind == MUSTER_MESSAGE_EVENT)
		requests_hear(i, m);
}

/* --- construction ----------------------------------------------------------
 */

static const char *
class_topic(const struct mu_layout *l, enum mu_role role)
{
	return role == MU_ROLE_LOGGER    ? l->topics.logger
	       : role == MU_ROLE_MANAGER ? l->topics.manager
	       : role == MU_ROLE_PROXY   ? l->topics.proxy
	       : role == MU_ROLE_WORKER  ? l->topics.worker
					 : NULL;
}

static int
add(struct muster_filter *f, const char *a, const char *b, const char *c)
{
	char *topic = mu_asprintf("%s%s%s", a, b, c);
	int rc = topic == NULL ? MUSTER_ENOMEM
			       : muster_filter_add(f, topic, strlen(topic));

	mu_free(topic);
	return rc < 0 ? rc : 0;
}

/* All ways to address this node, and Zeek's for control tools. */
static int
subscribe(struct idents *i, const struct mu_layout *l)
{
	const struct mu_layout_node *self = endpoint_node(i->e);
	const char *class = class_topic(l, self->role);
	struct muster_filter *f = muster_filter_new();
	char id[MU_UUID_TEXT];
	int rc = f == NULL ? MUSTER_ENOMEM : 0;

	mu_uuid_format(endpoint_id(i->e), id);
	if (rc == 0 && class != NULL)
		rc = add(f, class, "", "");
	if (rc == 0)
		rc = add(f, l->topics.node_prefix, self->name, "/");
	if (rc == 0)
		rc = add(f, l->topics.nodeid_prefix, id, "/");
	if (rc == 0)
		rc = pools_subscribe(endpoint_pools(i->e), self, f);
	if (rc == 0 && l->control.requests)
		rc = add(f, "zeek/control/", id, "");
	if (rc == 0)
		rc = router_attach(endpoint_router(i->e), &i->sub, f);
	muster_filter_free(f);
	return rc;
}

struct idents *
idents_new(struct endpoint *e, const struct mu_layout *l,
    const struct idents_hooks *hooks)
{
	struct idents *i = mu_calloc(1, sizeof *i);

	if (i == NULL)
		return NULL;
	i->sub.kind = SUBSCRIBER_SERVICE;
	i->sub.deliver = hear;
	i->e = e;
	i->hooks = *hooks;
	i->last = &i->first;
	i->stop_at = UINT64_MAX;
	i->setting_updates =
	    mu_calloc(hooks->nsettings, sizeof *i->setting_updates);
	if (i->setting_updates != NULL && take_all(i, l) == 0 &&
	    subscribe(i, l) == 0)
		return i;
	idents_free(i);
	return NULL;
}

void
idents_free(struct idents *i)
{
	if (i == NULL)
		return;
	router_detach(endpoint_router(i->e), &i->sub);
	requests_clear(i);
	free_list(i->list, i->n);
	mu_free(i->setting_updates);
	mu_free(i);
}

int
idents_reload(struct idents *i, const struct mu_layout *l)
{
	int rc = take_all(i, l);

	return rc == 0 ? subscribe(i, l) : rc;
}

/* --- facts -----------------------------------------------------------------
 */

size_t
idents_count(const struct idents *i)
{
	return i->hooks.nsettings + i->n;
}

void
idents_fact(const struct idents *i, size_t at, struct idents_fact *out)
{
	const struct idents_setting *s;
	const struct ident *d;

	memset(out, 0, sizeof *out);
	if (at < i->hooks.nsettings) {
		s = &i->hooks.settings[at];
		out->name = s->name;
		out->type = s->type;
		out->about = s->about;
		out->fixed = s->set == NULL;
		out->updates = i->setting_updates[at];
		return;
	}
	d = &i->list[at - i->hooks.nsettings];
	out->name = d->name;
	out->type = muster_value_type(d->value);
	out->updates = d->updates;
}

const struct idents_stats *
idents_stats(const struct idents *i)
{
	return &i->stats;
}

/* --- the end of a turn -----------------------------------------------------
 */

void
idents_turn(struct idents *i, uint64_t now, int64_t wall)
{
	requests_turn(i, now, wall);
	if (now < i->stop_at)
		return;
	i->stop_at = UINT64_MAX;
	i->hooks.stop(i->hooks.ctx);
}

uint64_t
idents_deadline(const struct idents *i)
{
	return i->nwaiting > 0 ? 0 : i->stop_at;
}

bool
idents_next(struct idents *i, int *level, const char **text)
{
	static const int levels[] = { LOG_LEVEL_WARN, LOG_LEVEL_INFO,
		LOG_LEVEL_WARN };
	struct episode *const list[] = { &i->refused, &i->updated, &i->asked };

	for (size_t k = 0; k < sizeof list / sizeof list[0]; k++) {
		struct episode *e = list[k];

		if (e->n == 0)
			continue;
		if (e->n == 1)
			snprintf(i->line, sizeof i->line, "%s", e->first);
		else
			snprintf(i->line, sizeof i->line,
			    "%s, and %" PRIu64 " more", e->first, e->n - 1);
		e->n = 0;
		*level = levels[k];
		*text = i->line;
		return true;
	}
	return false;
}
