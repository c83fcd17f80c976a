/*
 * Records of a conn-like stream of 20 columns as a Broker peer sends them:
 * one message that describes the stream, batches of 400 records, encoded once.
 */
#ifndef BENCH_LOGLOAD_H
#define BENCH_LOGLOAD_H

#include <stdint.h>

#include "util.h"

#define LOGLOAD_BATCHES 64 /* different ones */
#define LOGLOAD_RECORDS 400
#define LOGLOAD_TOPIC   "zeek/logs/Conn::LOG"

struct logload {
	struct bytes create; /* payloads of data envelopes */
	struct bytes batch[LOGLOAD_BATCHES];
};

void logload_init(struct logload *l);
void logload_clear(struct logload *l);

#endif
