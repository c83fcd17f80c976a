/*
 * A worker's endpoint with identifiers and peers that are only subscribers of
 * its router: whatever it sends them is kept.
 */
#ifndef UNIT_IDENTS_NODE_H
#define UNIT_IDENTS_NODE_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "check_layout.h"
#include "core/endpoint.h"
#include "core/idents.h"
#include "core/router.h"
#include "muster/err.h"
#include "muster/event.h"
#include "muster/topic.h"
#include "proto/envelope.h"
#include "sys/log.h"
#include "value/codec.h"
#include "value/identifier.h"

#define WALL INT64_C(1700000000123456789)
#define NOW  UINT64_C(5000000000)

struct peer {
	struct subscriber sub;        /* first */
	struct mu_buf topic, payload; /* of what it got last */
	unsigned got;
};

static struct mu_layout *layout;
static struct endpoint *endpoint;
static struct idents *idents;
static unsigned stops;
static char level[32];

static struct muster_value *
get_level(void *ctx)
{
	(void)ctx;
	return muster_value_cstring(level);
}

static int
set_level(void *ctx, const struct muster_value *v, char *why, size_t size)
{
	size_t len;
	const char *s = muster_value_get_string(v, &len);

	(void)ctx;
	if (strcmp(s, "debug") != 0 && strcmp(s, "info") != 0) {
		snprintf(why, size, "no level");
		return MUSTER_EINVAL;
	}
	strcpy(level, s);
	return 0;
}

static struct muster_value *
get_name(void *ctx)
{
	(void)ctx;
	return muster_value_cstring("worker-1");
}

static void
on_stop(void *ctx)
{
	(void)ctx;
	stops++;
}

static const struct idents_setting settings[] = {
	{ "Cluster::node", MUSTER_STRING, "name", get_name, NULL },
	{ "Muster::log_level", MUSTER_STRING, "level", get_level, set_level },
};
static const struct idents_hooks hooks = { settings, 2, on_stop, NULL };

static void
node_open(const char *text, const char *id)
{
	struct endpoint_config cfg = { .node = "worker-1", .seed = 1 };

	layout = must_read(text);
	cfg.layout = layout;
	ck_assert_int_eq(mu_uuid_parse(&cfg.id, id), 0);
	endpoint = endpoint_new(&cfg, NOW);
	ck_assert_ptr_nonnull(endpoint);
	idents = idents_new(endpoint, layout, &hooks);
	ck_assert_ptr_nonnull(idents);
	strcpy(level, "info");
	stops = 0;
}

static void
node_close(void)
{
	idents_free(idents);
	endpoint_free(endpoint);
	mu_layout_free(layout);
}

static void
keep(struct subscriber *self, struct message *m)
{
	struct peer *p = (struct peer *)self;

	mu_buf_reset(&p->topic);
	mu_buf_reset(&p->payload);
	mu_buf_put(&p->topic, m->env.topic, m->env.topic_len);
	mu_buf_put(&p->payload, m->env.payload, m->env.payload_len);
	p->got++;
}

/* A peer that subscribes a prefix. */
static void
peer_open(struct peer *p, const struct mu_uuid *id, const char *prefix)
{
	struct muster_filter *f = muster_filter_new();

	memset(p, 0, sizeof *p);
	p->sub.kind = SUBSCRIBER_PEER;
	p->sub.id = *id;
	p->sub.deliver = keep;
	mu_buf_init(&p->topic, 0);
	mu_buf_init(&p->payload, 0);
	ck_assert_int_ge(muster_filter_add(f, prefix, strlen(prefix)), 0);
	ck_assert_int_eq(
	    router_attach(endpoint_router(endpoint), &p->sub, f), 0);
	muster_filter_free(f);
}

static void
peer_close(struct peer *p)
{
	router_detach(endpoint_router(endpoint), &p->sub);
	mu_buf_clear(&p->topic);
	mu_buf_clear(&p->payload);
}

/* It says that it is that node. */
__attribute__((unused)) static void
peer_greets(struct peer *p, const char *name)
{
	struct members_peer mp = {
		.id = p->sub.id, .address = "192.0.2.1", .port = 1
	};
	struct muster_value *args = muster_value_vector(), *v;
	char id[MU_UUID_TEXT];
	struct mu_buf b;

	ck_assert_int_eq(
	    members_peer_up(endpoint_members(endpoint), &mp, NOW), 0);
	muster_value_append(args, muster_value_cstring(name));
	muster_value_append(
	    args, muster_value_cstring(mu_uuid_format(&p->sub.id, id)));
	v = muster_event_new("Cluster::hello", args, NULL);
	mu_buf_init(&b, 0);
	mu_value_enc(&b, v);
	members_data(endpoint_members(endpoint), &p->sub.id, "x", 1,
	    mu_buf_data(&b), mu_buf_len(&b), NOW);
	ck_assert_str_eq(
	    members_name_of(endpoint_members(endpoint), &p->sub.id), name);
	mu_buf_clear(&b);
	muster_value_unref(v);
}

/* It sends us that. */
static void
peer_sends(struct peer *p, const char *topic, size_t topic_len,
    const void *payload, size_t len)
{
	struct mu_envelope env;
	struct mu_buf b;

	mu_buf_init(&b, 0);
	mu_envelope_enc(
	    &b, &p->sub.id, NULL, MU_DATA, topic, topic_len, payload, len);
	ck_assert_int_eq(
	    mu_envelope_view(mu_buf_data(&b), mu_buf_len(&b), &env), 0);
	router_receive(endpoint_router(endpoint), &p->sub, &env, NOW);
	mu_buf_clear(&b);
}

#endif
