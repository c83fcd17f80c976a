/* A node's own records; see shipper_own.h. */
#include "logs/shipper_own.h"

#include <string.h>

#include "muster/err.h"
#include "muster/value.h"

struct column {
	const char *name;
	enum mu_log_type type;
	bool optional;
};

static const struct column cluster_columns[] = {
	{ "ts", MU_LOG_TIME, false },
	{ "node", MU_LOG_STRING, false },
	{ "message", MU_LOG_STRING, false },
};

static const struct column broker_columns[] = {
	{ "ts", MU_LOG_TIME, false },
	{ "ty", MU_LOG_ENUM, false },
	{ "ev", MU_LOG_STRING, false },
	{ "peer.address", MU_LOG_STRING, false },
	{ "peer.bound_port", MU_LOG_PORT, false },
	{ "message", MU_LOG_STRING, true },
};

#define N(a) (sizeof(a) / sizeof(a)[0])

static int
declare(struct outbox *o, const char *stream, const char *path,
    const struct column *c, size_t n, uint32_t *number)
{
	struct mu_log_stream s = { 0 };
	char why[OUTBOX_WHY];
	int rc =
	    mu_log_stream_init(&s, stream, MU_LOG_WRITER_ASCII, path, NULL);

	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = mu_log_stream_add(&s, c[i].name, strlen(c[i].name),
		    c[i].type, MU_LOG_VOID, c[i].optional, NULL);
	if (rc == 0)
		rc = outbox_stream(o, &s, number, why);
	mu_log_stream_clear(&s);
	return rc;
}

int
shipper_own_init(struct shipper_own *own, struct outbox *o)
{
	int rc = declare(o, "Cluster::LOG", "cluster", cluster_columns,
	    N(cluster_columns), &own->cluster);

	if (rc == 0)
		rc = declare(o, "Broker::LOG", "broker", broker_columns,
		    N(broker_columns), &own->broker);
	return rc;
}

/* --- records ------------------------------------------------------------- */

static void
set_time(struct mu_log_value *v, int64_t ns)
{
	v->set = true;
	/* whole microseconds, as in files: records.c */
	v->u.real = (double)((ns + 500) / 1000) / 1e6;
}

static void
set_text(struct mu_log_value *v, const char *s)
{
	v->set = true;
	v->u.text.at = (const uint8_t *)s;
	v->u.text.len = strlen(s);
}

static void
set_optional(struct mu_log_value *v, const char *s)
{
	if (s != NULL && s[0] != '\0')
		set_text(v, s);
}

/* At its limit the outbox counts what it does not take, and says so. */
static void
add(struct outbox *o, uint32_t stream, const struct mu_log_record *r,
    uint64_t now)
{
	struct mu_bytes bytes;
	struct outbox_add a = { .stream = stream, .records = &bytes, .n = 1 };
	struct mu_buf b;
	int rc;

	mu_buf_init(&b, 0);
	mu_log_record_enc(&b, r);
	bytes = (struct mu_bytes){ mu_buf_data(&b), mu_buf_len(&b) };
	rc = mu_buf_error(&b);
	if (rc == 0)
		rc = outbox_add(o, &a, now);
	if (rc != 0 && rc != MUSTER_ELIMIT)
		outbox_lost(o, 1);
	mu_buf_clear(&b);
}

void
shipper_own_cluster(const struct shipper_own *own, struct outbox *o, int64_t ts,
    const char *node, const char *message, uint64_t now)
{
	struct mu_log_record r = { 0 };

	if (mu_log_record_begin(&r, outbox_stream_of(o, own->cluster)) == 0) {
		set_time(&r.values[0], ts);
		set_text(&r.values[1], node);
		set_text(&r.values[2], message);
		add(o, own->cluster, &r, now);
	} else {
		outbox_lost(o, 1);
	}
	mu_log_record_clear(&r);
}

void
shipper_own_broker(const struct shipper_own *own, struct outbox *o,
    const struct shipper_own_broker *b, uint64_t now)
{
	struct mu_log_record r = { 0 };

	if (mu_log_record_begin(&r, outbox_stream_of(o, own->broker)) == 0) {
		set_time(&r.values[0], b->ts);
		set_text(&r.values[1], b->ty);
		set_text(&r.values[2], b->ev);
		set_optional(&r.values[3], b->address);
		if (r.values[3].set) {
			r.values[4].set = true;
			r.values[4].u.port.number = b->port;
			r.values[4].u.port.proto = MUSTER_PROTO_TCP;
		}
		set_optional(&r.values[5], b->message);
		add(o, own->broker, &r, now);
	} else {
		outbox_lost(o, 1);
	}
	mu_log_record_clear(&r);
}
