/*
 * Fills an LMDB store before its node runs, faster than any protocol would.
 *
 *	storefill [-o] FOLDER NAME ENTRIES [VALUE_BYTES [EXPIRY_SECONDS]]
 *
 * Keys are strings "k" and 31 digits in scattered order (what hashes and
 * addresses look like to a tree), values are strings.  With -o the same keys in
 * their order: that is many times faster, and the file is smaller.  Prints the
 * entries and the bytes of the file.
 */
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "muster/value.h"
#include "stores/backend_lmdb.h"
#include "sys/clock.h"

#define BATCH     2000  /* entries per commit */
#define MAX_VALUE 65536 /* bytes */

static void
die(const char *what)
{
	fprintf(stderr, "storefill: %s\n", what);
	exit(1);
}

static void
wait_for(struct mu_backend *b, uint64_t batch)
{
	struct pollfd p = { backend_lmdb_fd(b), POLLIN, 0 };
	int err = 0;

	while (b->ops->durable(b, &err) < batch && err == 0)
		poll(&p, 1, -1);
	if (err != 0)
		die("a commit failed");
}

/* A string as the store has it. */
static struct mu_bytes
encoded(const char *text, size_t len, uint8_t **bytes)
{
	struct muster_value *v = muster_value_string(text, len);
	struct mu_bytes b = { NULL, 0 };

	if (v == NULL || muster_value_enc(v, bytes, &b.len) != 0)
		die("out of memory");
	muster_value_unref(v);
	b.at = *bytes;
	return b;
}

static int
ascending(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* The numbers of keys.  Multiplying by an odd number visits each 64 bit number
 * once. */
static uint64_t *
numbers(uint64_t n, bool in_order)
{
	uint64_t *list = calloc(n + 1, sizeof *list), i;

	if (list == NULL)
		die("out of memory");
	for (i = 0; i < n; i++)
		list[i] = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);
	if (in_order)
		qsort(list, n, sizeof *list, ascending);
	return list;
}

static void
put(struct mu_backend *b, uint64_t number, struct mu_bytes value,
    int64_t deadline)
{
	char text[40];
	uint8_t *bytes;
	struct mu_bytes key;

	snprintf(text, sizeof text, "k%031llu", (unsigned long long)number);
	key = encoded(text, 32, &bytes);
	if (b->ops->put(b, key, value, deadline) != 0)
		die("a put failed");
	free(bytes);
}

static void
fill(struct mu_backend *b, uint64_t n, bool in_order, size_t len,
    int64_t expiry_ns)
{
	static char text[MAX_VALUE];
	uint64_t *list = numbers(n, in_order);
	uint8_t *bytes;
	struct mu_bytes value;
	int64_t wall = clock_wall();
	uint64_t i;

	memset(text, 'v', sizeof text);
	value = encoded(text, len, &bytes);
	for (i = 0; i < n; i++) {
		/* a microsecond apart, as writes would be */
		put(b, list[i], value,
		    expiry_ns == 0 ? 0 : wall + expiry_ns + (int64_t)i * 1000);
		if (i % BATCH == BATCH - 1)
			wait_for(b, b->ops->seal(b));
	}
	wait_for(b, b->ops->seal(b));
	free(bytes);
	free(list);
}

int
main(int argc, char **argv)
{
	struct backend_lmdb_options o = { .skip_check = true };
	struct backend_lmdb_facts f;
	struct mu_backend *b;
	char text[512];
	bool in_order = argc > 1 && strcmp(argv[1], "-o") == 0;
	size_t len;

	argc -= in_order;
	argv += in_order;
	len = argc > 4 ? strtoul(argv[4], NULL, 10) : 100;
	if (argc < 4 || argc > 6 || len > MAX_VALUE)
		die("[-o] FOLDER NAME ENTRIES [VALUE_BYTES [EXPIRY_SECONDS]]");
	o.folder = argv[1];
	o.name = argv[2];
	if (backend_lmdb_open(&o, &b, text, sizeof text) != 0)
		die(text);
	fill(b, strtoull(argv[3], NULL, 10), in_order, len,
	    argc > 5 ? strtoll(argv[5], NULL, 10) * 1000000000 : 0);
	backend_lmdb_facts(b, &f);
	printf("%llu entries, %llu bytes\n", (unsigned long long)f.entries,
	    (unsigned long long)f.file_bytes);
	b->ops->close(b);
	return 0;
}
