/*
 * The cases that are shipped: one row each, in the order in which they are
 * run.  A case that is more than a load has a function (case_*.c).
 */
#include "cases.h"

#include "event.h"

#define CLOSED(p, s, size, w)                                          \
	.publishers = (p), .subscribers = (s), .payload = (size),      \
	.window = (w), .warm_s = 0.2, .run_s = 0.8
#define RATE(r, w, t)                                                  \
	.publishers = 1, .subscribers = 1, .payload = EVENT_SMALL,     \
	.rate = (r), .warm_s = (w), .run_s = (t)

/* clang-format off */
const struct bench_case bench_cases[] = {
	{ "relay-150", "1 publisher, 1 subscriber, 150 B",
	    { CLOSED(1, 1, EVENT_SMALL, CASE_WINDOW_SMALL) }, .rounds = 5, .nats = true },
	{ "relay-1k", "the same, 1 KiB",
	    { CLOSED(1, 1, EVENT_MEDIUM, CASE_WINDOW_1K) }, .rounds = 5, .nats = true },
	{ "relay-16k", "the same, 16 KiB",
	    { CLOSED(1, 1, EVENT_LARGE, CASE_WINDOW_16K) }, .rounds = 3 },
	{ "fan-8-150", "1 publisher, 8 subscribers, 150 B",
	    { CLOSED(1, 8, EVENT_SMALL, CASE_WINDOW_SMALL) }, .rounds = 5, .nats = true },
	{ "fan-in-150", "8 publishers, 1 subscriber, 150 B",
	    { CLOSED(8, 1, EVENT_SMALL, CASE_WINDOW_SMALL / 8) }, .rounds = 2 },
	{ "latency-1k", "1000 events per second",
	    { RATE(1000, 0.1, 0.8) }, .rounds = 5 },
	{ "latency-10k", "10000 events per second",
	    { RATE(10000, 0.1, 0.8) }, .rounds = 5, .nats = true },
	{ "latency-20", "20 events per second",
	    { RATE(20, 0.1, 1.0) }, .rounds = 5 },
	{ "echo-1k", "there and back, 1000 per second",
	    { RATE(1000, 0.2, 0.8), .echoes = 1 }, .rounds = 2 },
	{ "topics-4096", "4096 topics by Zipf's law",
	    { CLOSED(1, 1, EVENT_SMALL, CASE_WINDOW_SMALL), .topics = 4096 },
	    .rounds = 2, .own = true },
	{ "topics-65535", "65535 topics by Zipf's law",
	    { CLOSED(1, 1, EVENT_SMALL, CASE_WINDOW_SMALL), .topics = 65535 },
	    .rounds = 2, .own = true },
	{ "peers-2x1", "for comparison with the next",
	    { CLOSED(1, 1, EVENT_SMALL, CASE_WINDOW_SMALL) },
	    .rounds = 3, .own = true },
	{ "peers-200x100", "198 idle peers and the subscriber, 100 prefixes",
	    { CLOSED(1, 1, EVENT_SMALL, CASE_WINDOW_SMALL), .idle = 198,
	        .prefixes = 100 }, .rounds = 3, .own = true },
	{ "peers-1000x100", "998 idle peers, 100,000 prefixes in all",
	    { CLOSED(1, 1, EVENT_SMALL, CASE_WINDOW_SMALL), .idle = 998,
	        .prefixes = 100 }, .rounds = 2, .own = true },
	{ "stopped-none", "for comparison: 1 to 7",
	    { CLOSED(1, 7, EVENT_SMALL, CASE_WINDOW_SMALL) },
	    .rounds = 3, .own = true },
	{ "stopped-reader", "1 to 8, one of which does not read",
	    { CLOSED(1, 8, EVENT_SMALL, CASE_WINDOW_SMALL), .stopped = 1 },
	    .rounds = 3, .own = true },
	{ "churn", "1 to 1 while a peer comes and goes",
	    { CLOSED(1, 1, EVENT_SMALL, CASE_WINDOW_SMALL), .churn = true,
	        .prefixes = 10 }, .rounds = 2, .own = true },
	{ "memory", "resident memory and CPU while idle",
	    { .publishers = 0 }, .rounds = 1, .own = true, .run = case_memory },
	{ "store-puts", "confirmed puts, durable and not, by window",
	    { .publishers = 0 }, .rounds = 3, .own = true,
	    .run = case_store_puts },
	{ "store-copy", "a store of a million pairs: copied, read",
	    { .publishers = 0 }, .rounds = 1, .own = true,
	    .run = case_store_copy },
#define LOGS(what, n)                                                  \
	{ "logs-" what, "conn-like log records through a logger, " what,       \
	    { .publishers = 0 }, .rounds = 1, .own = true, .run = case_logs,   \
	    .number = (n) }
	LOGS("tsv", 0),
	LOGS("json", 1),
	LOGS("tsv-gzip", 2),
	LOGS("json-gzip", 3),
	LOGS("tsv-zstd", 4),
	LOGS("json-zstd", 5),
	{ "start-5", "a cluster of 5, exec to cluster_started",
	    { .publishers = 0 }, .rounds = 3, .own = true, .run = case_start,
	    .number = 5 },
	{ "start-20", "a cluster of 20",
	    { .publishers = 0 }, .rounds = 2, .own = true, .run = case_start,
	    .number = 20 },
	{ "start-50", "a cluster of 50",
	    { .publishers = 0 }, .rounds = 2, .own = true, .run = case_start,
	    .number = 50 },
	{ "start-200", "a cluster of 200",
	    { .publishers = 0 }, .rounds = 1, .own = true, .run = case_start,
	    .number = 200 },
};
/* clang-format on */
const unsigned bench_ncases = sizeof bench_cases / sizeof bench_cases[0];
