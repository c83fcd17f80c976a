/*
 * Remarks of the recorded cluster zeek-pools about which node a key went to,
 * compared with what our node in the same place would have chosen.
 */
#ifndef UNIT_REPLAY_POOLS_H
#define UNIT_REPLAY_POOLS_H

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "core/endpoint.h"
#include "core/pools.h"
#include "muster/value.h"

#define TOPIC_PREFIX "zeek/cluster/node/"

static unsigned pool_remarks; /* compared so far */

/* "1min", "1day+2hr+3min+4sec+5msec+6usec" */
static int64_t
interval_of(const char *text)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = { { "day", 86400000000000 }, { "hr", 3600000000000 },
		{ "min", 60000000000 }, { "sec", 1000000000 },
		{ "msec", 1000000 }, { "usec", 1000 } };
	int64_t ns = 0;

	while (*text != '\0') {
		char *unit;
		long n = strtol(text, &unit, 10);
		size_t len = strcspn(unit, "+"), i = 0;

		while (strncmp(unit, units[i].name, len) != 0 ||
		       units[i].name[len] != '\0')
			i++;
		ns += n * units[i].ns;
		text = unit + len + (unit[len] == '+');
	}
	return ns;
}

/* "count:42", "enum:Conn::LOG"; *type is the name of an enum's type. */
static struct muster_value *
recorded_key(const char *key, const char **type)
{
	static const char *const short_text[][2] = { { "string:", "string:" },
		{ "count:", "count:" }, { "addr:", "address:" },
		{ "port:", "port:" }, { "subnet:", "subnet:" },
		{ "int:", "integer:" }, { "double:", "real:" },
		{ "bool:", "boolean:" } };
	const char *value = strchr(key, ':') + 1;
	struct muster_value *v = NULL;
	char text[200];

	*type =
	    strcmp(value, "Conn::LOG") == 0 ? "Log::ID" : "Cluster::NodeType";
	if (strncmp(key, "enum:", 5) == 0)
		return muster_value_enum(value, strlen(value));
	if (strncmp(key, "interval:", 9) == 0)
		return muster_value_timespan(interval_of(value));
	if (strncmp(key, "time:", 5) == 0)
		return muster_value_timestamp(
		    llround(strtod(value, NULL) * 10) * 100000000);
	for (size_t i = 0; i < sizeof short_text / sizeof short_text[0]; i++) {
		const char *name = short_text[i][0];

		if (strncmp(key, name, strlen(name)) != 0)
			continue;
		snprintf(text, sizeof text, "%s%s", short_text[i][1], value);
		ck_assert_int_eq(muster_value_from_text(text, &v), 0);
		return v;
	}
	ck_abort_msg("key %s", key);
}

static void
expect_topic(
    struct endpoint *e, const struct mu_pool_member *m, const char *want)
{
	char *topic =
	    m == NULL ? NULL : pools_topic(endpoint_layout(e), m->name);

	ck_assert_str_eq(topic == NULL ? "" : topic, want);
	mu_free(topic);
	pool_remarks++;
}

static const struct mu_pool_member *
hrw(struct endpoint *e, const char *pool, const struct muster_value *key,
    const char *type)
{
	const struct mu_pool_member *m = NULL;
	const char *why;
	uint32_t digest;

	ck_assert_int_eq(pools_digest(key, type, &digest, &why), 0);
	mu_pool_choose(mu_pools_find(endpoint_pools(e), pool), digest, &m, 1);
	return m;
}

static const struct mu_pool_member *
rr(struct endpoint *e, const char *pool, const char *key)
{
	const struct mu_pool_member *m = NULL;

	mu_pool_turn(
	    mu_pools_find(endpoint_pools(e), pool), key, strlen(key), &m);
	return m;
}

/* "hrw round=1 key=K topic=T result=T", "rr round=1 key=K topic=T",
 * "proxy pool seen from proxy-1: rr=T hrw(abc)=T", "worker pool ... hrw=T" */
static void
replay_pool_remark(struct endpoint *e, const char *note)
{
	const char *key = strstr(note, " key="), *type;
	const char *topic = strstr(note, " topic=");
	const char *seen = strstr(note, " pool seen from ");
	char text[200], want[200];
	struct muster_value *v;

	if (seen != NULL) {
		bool proxy = strncmp(note, "proxy", 5) == 0;

		v = muster_value_cstring("abc");
		snprintf(want, sizeof want, "%s", strstr(seen, "rr=") + 3);
		*strchr(want, ' ') = '\0';
		expect_topic(e, rr(e, proxy ? "proxy" : "worker", ""), want);
		expect_topic(e, hrw(e, proxy ? "proxy" : "worker", v, NULL),
		    strrchr(seen, '=') + 1);
		muster_value_unref(v);
		return;
	}
	if (key == NULL || topic == NULL ||
	    (strncmp(note, "hrw ", 4) != 0 && strncmp(note, "rr ", 3) != 0))
		return;
	snprintf(text, sizeof text, "%.*s", (int)(topic - key - 5), key + 5);
	snprintf(want, sizeof want, "%s", topic + 7);
	want[strcspn(want, " ")] = '\0';
	if (*note == 'r') {
		expect_topic(e, rr(e, "proxy", text), want);
		return;
	}
	v = recorded_key(text, &type);
	expect_topic(e, hrw(e, "proxy", v, type), want);
	muster_value_unref(v);
}

#endif
