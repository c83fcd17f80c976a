/*
 * IdentifierUpdate and requests of Zeek's control framework: any bytes from a
 * peer, as a payload on a topic that the node listens to.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/diag.h"
#include "core/endpoint.h"
#include "core/idents.h"
#include "core/router.h"
#include "layout/layout.h"
#include "layout/read.h"
#include "muster/topic.h"
#include "proto/envelope.h"
#include "value/codec.h"
#include "value/describe.h"

static const char text[] =
    "cluster: fuzz\ntls: none\nnodes:\n"
    "  manager: {role: manager, host: 127.0.0.1, port: 1}\n"
    "identifiers:\n"
    "  A::count: count:1\n"
    "  A::any: '{\"@data-type\":\"none\",\"data\":{}}'\n"
    "control: {updates: true}\n";

static struct endpoint *endpoint;
static struct idents *idents;
static struct subscriber peer;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever is answered is a value. */
static void
deliver(struct subscriber *self, struct message *m)
{
	(void)self;
	if (mu_value_check(m->env.payload, m->env.payload_len) != 0)
		abort();
}

static void
build(void)
{
	const struct idents_hooks hooks = { NULL, 0, NULL, NULL };
	struct endpoint_config cfg = { .node = "manager", .seed = 1 };
	struct muster_filter *f = muster_filter_new();
	struct mu_diags d;

	if (f == NULL || mu_diags_init(&d, "fuzz.yaml") != 0)
		abort();
	cfg.layout = mu_layout_read("fuzz.yaml", text, strlen(text), &d);
	mu_diags_clear(&d);
	endpoint = endpoint_new(&cfg, 1);
	idents = idents_new(endpoint, cfg.layout, &hooks);
	memset(peer.id.bytes, 7, sizeof peer.id.bytes);
	peer.kind = SUBSCRIBER_PEER;
	peer.deliver = deliver;
	if (idents == NULL || muster_filter_add(f, "zeek/", 5) < 0 ||
	    router_attach(endpoint_router(endpoint), &peer, f) != 0)
		abort();
	muster_filter_free(f);
}

/* What may be asked for can be printed. */
static void
print_all(void)
{
	struct mu_buf b;

	mu_buf_init(&b, 0);
	for (size_t i = 0; i < idents_count(idents); i++) {
		struct idents_fact f;
		struct muster_value *v;
		int err;

		idents_fact(idents, i, &f);
		v = idents_get(idents, f.name, &err);
		if (v == NULL)
			abort();
		mu_describe(&b, v);
		muster_value_unref(v);
	}
	mu_buf_clear(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char topic[] = "zeek/cluster/manager";
	struct mu_envelope env;
	const char *line;
	struct mu_buf b;
	int level;

	if (idents == NULL)
		build();
	mu_buf_init(&b, 0);
	mu_envelope_enc(
	    &b, &peer.id, NULL, MU_DATA, topic, strlen(topic), data, size);
	if (mu_envelope_view(mu_buf_data(&b), mu_buf_len(&b), &env) == 0)
		router_receive(endpoint_router(endpoint), &peer, &env, 1);
	idents_turn(idents, 1, 1);
	while (idents_next(idents, &level, &line))
		if (strlen(line) > 400)
			abort();
	print_all();
	mu_buf_clear(&b);
	return 0;
}
