/*
 * Zeek's messages about logs, written from what muster-protocol(7) and Zeek's
 * own format say of them; see logload.h.
 */
#include "logload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

#define STREAM "Conn::LOG"
#define WRITER "Log::WRITER_ASCII"
#define PATH   "conn"

enum tag {
	TAG_BOOLEAN = 1,
	TAG_COUNT = 2,
	TAG_REAL = 4,
	TAG_STRING = 5,
	TAG_ENUM = 11,
	TAG_TABLE = 13,
	TAG_VECTOR = 14
};

enum message { LOG_CREATE = 2, LOG_WRITE = 3, BATCH = 5 };

/* Zeek's numbers of types. */
enum type {
	T_BOOL = 1,
	T_COUNT = 3,
	T_TIME = 5,
	T_INTERVAL = 6,
	T_STRING = 7,
	T_ENUM = 9,
	T_PORT = 10,
	T_ADDR = 11
};

static const struct column {
	const char *name;
	enum type type;
} columns[] = {
	{ "ts", T_TIME },
	{ "uid", T_STRING },
	{ "id.orig_h", T_ADDR },
	{ "id.orig_p", T_PORT },
	{ "id.resp_h", T_ADDR },
	{ "id.resp_p", T_PORT },
	{ "proto", T_ENUM },
	{ "service", T_STRING },
	{ "duration", T_INTERVAL },
	{ "orig_bytes", T_COUNT },
	{ "resp_bytes", T_COUNT },
	{ "conn_state", T_STRING },
	{ "local_orig", T_BOOL },
	{ "local_resp", T_BOOL },
	{ "missed_bytes", T_COUNT },
	{ "history", T_STRING },
	{ "orig_pkts", T_COUNT },
	{ "orig_ip_bytes", T_COUNT },
	{ "resp_pkts", T_COUNT },
	{ "resp_ip_bytes", T_COUNT },
};
#define COLUMNS (sizeof columns / sizeof columns[0])

/* --- values ------------------------------------------------------------------
 */

static void
put_u32(struct bytes *b, uint32_t v)
{
	uint8_t n[4];

	wire_put32(n, v);
	bytes_add(b, n, sizeof n);
}

static void
put_u64(struct bytes *b, uint64_t v)
{
	uint8_t n[8];

	wire_put64(n, v);
	bytes_add(b, n, sizeof n);
}

static void
put_count(struct bytes *b, uint64_t v)
{
	wire_u8(b, TAG_COUNT);
	put_u64(b, v);
}

static void
put_text(struct bytes *b, enum tag tag, const char *text)
{
	wire_length(b, tag, strlen(text));
	bytes_add(b, text, strlen(text));
}

/* vector(1, kind, vector[n]); what is in it follows. */
static void
put_message(struct bytes *b, enum message kind, size_t n)
{
	wire_length(b, TAG_VECTOR, 3);
	put_count(b, 1);
	put_count(b, kind);
	wire_length(b, TAG_VECTOR, n);
}

/* --- the stream --------------------------------------------------------------
 */

static void
make_create(struct bytes *b)
{
	put_message(b, LOG_CREATE, 4);
	put_text(b, TAG_ENUM, STREAM);
	put_text(b, TAG_ENUM, WRITER);
	wire_length(b, TAG_VECTOR, 6);
	put_text(b, TAG_STRING, PATH);
	for (int i = 0; i < 3; i++) { /* rotation and time, none */
		wire_u8(b, TAG_REAL);
		put_u64(b, 0);
	}
	wire_length(b, TAG_TABLE, 0);
	put_text(b, TAG_STRING, "");
	wire_length(b, TAG_VECTOR, COLUMNS);
	for (size_t i = 0; i < COLUMNS; i++) {
		wire_length(b, TAG_VECTOR, 5);
		put_text(b, TAG_STRING, columns[i].name);
		wire_u8(b, 0);
		put_count(b, columns[i].type);
		put_count(b, 0);
		wire_u8(b, TAG_BOOLEAN);
		wire_u8(b, 1);
	}
}

static void
put_double(struct bytes *b, double v)
{
	uint64_t bits;

	memcpy(&bits, &v, sizeof bits);
	put_u64(b, bits);
}

static void
put_string(struct bytes *b, size_t column, uint64_t x)
{
	static const char *const words[] = { "http", "dns", "ssl", "SF", "S0",
		"ShADadFf", "Dd", "tcp" };
	const char *text = words[x % 8];
	char uid[24];

	if (column == 1) {
		snprintf(
		    uid, sizeof uid, "C%017llx", (unsigned long long)x >> 1);
		text = uid;
	}
	put_u32(b, (uint32_t)strlen(text));
	bytes_add(b, text, strlen(text));
}

static void
put_field(struct bytes *b, size_t column, uint64_t x)
{
	enum type type = columns[column].type;
	bool set = column < 7 || x % 10 != 0;

	put_u32(b, type);
	put_u32(b, 0);
	wire_u8(b, set);
	if (!set)
		return;
	switch (type) {
	case T_BOOL:
		put_u64(b, x % 2);
		break;
	case T_COUNT:
		put_u64(b, x % 100000);
		break;
	case T_TIME:
		put_double(b, 1.7e9 + (double)(x % 100000000) / 1e3);
		break;
	case T_INTERVAL:
		put_double(b, (double)(x % 100000) / 1e4);
		break;
	case T_PORT:
		put_u64(b, x % 65536);
		put_u32(b, 1);
		break;
	case T_ADDR:
		wire_u8(b, 4);
		put_u32(b, (uint32_t)x);
		break;
	default:
		put_string(b, column, x);
	}
}

static void
make_batch(struct bytes *b, uint64_t seed)
{
	struct bytes record = { NULL };

	put_message(b, BATCH, LOGLOAD_RECORDS);
	for (int i = 0; i < LOGLOAD_RECORDS; i++) {
		record.at = record.len = 0;
		put_u32(&record, COLUMNS);
		for (size_t k = 0; k < COLUMNS; k++) {
			seed += UINT64_C(0x9e3779b97f4a7c15);
			put_field(&record, k, mix64(seed));
		}
		put_message(b, LOG_WRITE, 4);
		put_text(b, TAG_ENUM, STREAM);
		put_text(b, TAG_ENUM, WRITER);
		put_text(b, TAG_STRING, PATH);
		wire_length(b, TAG_STRING, record.len);
		bytes_add(b, record.p, record.len);
	}
	bytes_free(&record);
}

void
logload_init(struct logload *l)
{
	memset(l, 0, sizeof *l);
	make_create(&l->create);
	for (uint64_t i = 0; i < LOGLOAD_BATCHES; i++)
		make_batch(&l->batch[i], i << 32);
}

void
logload_clear(struct logload *l)
{
	bytes_free(&l->create);
	for (int i = 0; i < LOGLOAD_BATCHES; i++)
		bytes_free(&l->batch[i]);
}
