/*
 * Reads of a clone within one process: a master of 300,000 pairs of 32 and
 * 100 bytes, a clone that copied them in chunks, and a caller that asks the
 * clone for one key after the other through its doors.
 *
 *	bench_clone [PAIRS]
 *
 * Prints the reads per second.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "muster/value.h"
#include "store/clone.h"
#include "store/entry.h"
#include "store/master.h"

#define READ_NS 500000000

static struct mu_store_now now = { 1000000000, 1700000000000000000 };

static void
die(const char *what)
{
	fprintf(stderr, "bench_clone: %s\n", what);
	exit(1);
}

static uint64_t
clock_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* Scattered, each once: the factor is odd. */
static struct muster_value *
key(uint64_t i)
{
	char text[40];

	snprintf(text, sizeof text, "k%031llu",
	    (unsigned long long)((i + 1) * UINT64_C(0x9e3779b97f4a7c15)));
	return muster_value_cstring(text);
}

static void
fill(struct mu_backend *b, uint64_t n)
{
	struct muster_value *value, *k;
	struct mu_buf stored, v;
	char text[101];

	memset(text, 'v', 100);
	text[100] = '\0';
	value = muster_value_cstring(text);
	mu_buf_init(&stored, 0);
	mu_buf_init(&v, 0);
	mu_entry_key(&v, value);
	for (uint64_t i = 0; i < n; i++) {
		mu_buf_reset(&stored);
		k = key(i);
		if (mu_entry_key(&stored, k) != MU_STORE_OK ||
		    b->ops->put(b, mu_bytes_of(&stored), mu_bytes_of(&v), 0) !=
			0)
			die("out of memory");
		muster_value_unref(k);
	}
	muster_value_unref(value);
	mu_buf_clear(&stored);
	mu_buf_clear(&v);
}

/* Until neither has anything to say. */
static void
settle(struct mu_master *m, struct mu_clone *c)
{
	struct mu_store_out out;
	bool any = true;

	while (any) {
		any = false;
		mu_master_flush(m);
		mu_clone_flush(c);
		for (; mu_clone_next(c, &out); any = true)
			if (out.kind == MU_STORE_SEND)
				mu_master_feed(m, out.payload, out.len, &now);
		for (; mu_master_next(m, &out); any = true)
			if (out.kind == MU_STORE_SEND)
				mu_clone_feed(c, out.payload, out.len, &now);
	}
}

static double
reads(struct mu_clone *c, uint64_t n)
{
	struct mu_store_request req = { .op = MU_STORE_GET };
	uint64_t since = clock_ns(), done = 0, took;
	struct mu_store_out out;

	do {
		struct muster_value *k = key(done % n);

		req.id = ++done;
		req.key = k;
		if (mu_clone_request(c, &req, &now) != 0 ||
		    !mu_clone_next(c, &out) || out.kind != MU_STORE_DONE ||
		    out.status != MU_STORE_OK)
			die("a read failed");
		muster_value_unref(k);
		took = clock_ns() - since;
	} while (took < READ_NS);
	return (double)done * 1e9 / (double)took;
}

int
main(int argc, char **argv)
{
	uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 300000;
	struct mu_backend *b = mu_backend_memory_new(0);
	struct mu_master_config mc;
	struct mu_clone_config cc;
	struct mu_clone_stats stats;
	struct mu_store_out out;
	struct mu_master *m;
	struct mu_clone *c;

	mu_master_config_init(&mc);
	mu_clone_config_init(&cc);
	mc.entity.object = mc.entity.endpoint.bytes[0] = 1;
	cc.entity.object = cc.entity.endpoint.bytes[0] = 2;
	mc.epoch = cc.first_req_id = 1;
	if (b == NULL)
		die("out of memory");
	fill(b, n);
	m = mu_master_new(&mc, b, &now);
	c = mu_clone_new(&cc, mu_backend_memory_new(0), &now);
	if (m == NULL || c == NULL)
		die("out of memory");
	mu_clone_set_watched(c, false);
	while (mu_clone_next(c, &out))
		; /* it asks Broker's masters first */
	mu_clone_set_master(c, &mc.entity.endpoint, true, &now);
	settle(m, c);
	mu_clone_stats(c, &stats);
	if (stats.state != MU_STORE_FRESH || stats.entries != n)
		die("the copy is not whole");
	printf("%.0f\n", reads(c, n));
	mu_clone_free(c);
	mu_master_free(m);
	return 0;
}
