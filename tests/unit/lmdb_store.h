/*
 * Short words for tests of the LMDB backend: opening in the test's folder,
 * text keys and values, waiting for a batch.
 */
#ifndef UNIT_LMDB_STORE_H
#define UNIT_LMDB_STORE_H

#include <check.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>

#include "muster/err.h"
#include "scratch.h"
#include "stores/backend_lmdb.h"

#define HERE __attribute__((unused)) static

static char why[1024];

HERE struct backend_lmdb_options
options(void)
{
	return (struct backend_lmdb_options){ .folder = scratch("stores"),
		.name = "a::store" };
}

HERE struct mu_backend *
store_open_with(struct backend_lmdb_options o)
{
	struct mu_backend *b;
	int rc = backend_lmdb_open(&o, &b, why, sizeof why);

	ck_assert_msg(rc == 0, "open: %d, %s", rc, why);
	ck_assert_ptr_nonnull(b);
	return b;
}

HERE struct mu_backend *
store_open(void)
{
	return store_open_with(options());
}

HERE int
store_open_error(struct backend_lmdb_options o)
{
	struct mu_backend *b;
	int rc;

	why[0] = '\0';
	rc = backend_lmdb_open(&o, &b, why, sizeof why);
	ck_assert_int_ne(rc, 0);
	ck_assert_ptr_null(b);
	ck_assert_str_ne(why, "");
	return rc;
}

HERE struct mu_bytes
bytes(const char *s)
{
	return (struct mu_bytes){ (const uint8_t *)s, strlen(s) };
}

HERE int
put_text(struct mu_backend *b, const char *key, const char *value)
{
	return b->ops->put(b, bytes(key), bytes(value), 0);
}

/* The value under key as a string, NULL when there is none; eight at a time. */
HERE const char *
get_text(struct mu_backend *b, const char *key)
{
	static char texts[8][256];
	static unsigned next;
	char *text = texts[next++ % 8];
	struct mu_bytes value;
	int64_t deadline;
	int rc = b->ops->get(b, bytes(key), &value, &deadline);

	if (rc == MUSTER_ENOENT)
		return NULL;
	ck_assert_int_eq(rc, 0);
	ck_assert_uint_lt(value.len, sizeof texts[0]);
	memcpy(text, value.at, value.len);
	text[value.len] = '\0';
	return text;
}

#define ck_assert_value(b, key, value)                                         \
	ck_assert_pstr_eq(get_text((b), (key)), (value))

/*
 * Wait until batch n is decided; 0 or why it failed.  Without assertions, as
 * a child that will be killed calls it, too: check notes where each one stands
 * in a file that parent and child share, and half a note would end the run.
 */
HERE int
store_wait(struct mu_backend *b, uint64_t n)
{
	struct pollfd p = { backend_lmdb_fd(b), POLLIN, 0 };
	int err;

	for (;;) {
		if (b->ops->durable(b, &err) >= n)
			return err;
		if (err != 0)
			return err;
		if (poll(&p, 1, 60000) != 1)
			return MUSTER_ETIMEOUT;
	}
}

HERE int
store_commit(struct mu_backend *b)
{
	return store_wait(b, b->ops->seal(b));
}

HERE void
store_close(struct mu_backend *b)
{
	b->ops->close(b);
}

#endif
