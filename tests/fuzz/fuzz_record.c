/*
 * What lies in an LMDB file: the first byte says whether the rest is a record
 * below a stored key (one byte length, the key, the record) or a whole file.
 * A record that is read is written again the same.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "stores/backend_lmdb_check.h"
#include "stores/backend_lmdb_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
one_record(const uint8_t *data, size_t size)
{
	struct mu_bytes stored, rest;
	uint8_t *again;
	struct record r;

	if (size < 1 || size - 1 < data[0])
		return;
	stored = (struct mu_bytes){ data + 1, data[0] };
	rest = (struct mu_bytes){ data + 1 + data[0], size - 1 - data[0] };
	if (record_dec(rest, stored, &r) != 0)
		return;
	assert(record_size(&r) == rest.len);
	again = malloc(rest.len);
	if (again == NULL)
		abort();
	record_enc(&r, stored, again);
	assert(memcmp(again, rest.at, rest.len) == 0);
	free(again);
}

/* Any bytes below any key, with the check made right, as the fuzzer would
 * never find one. */
static void
sealed_record(const uint8_t *data, size_t size)
{
	struct record r = { .deadline = 0 }, back;
	struct mu_bytes stored;
	uint8_t space[MU_KEY_SHORT], *out;
	size_t len;

	if (size < 3)
		return;
	r.deadline = data[0];
	len = ((size_t)data[1] << 8 | data[2]) % (size - 2);
	r.key = (struct mu_bytes){ data + 3, len };
	r.value = (struct mu_bytes){ data + 3 + len, size - 3 - len };
	stored = mu_key_short(r.key, space);
	out = malloc(record_size(&r));
	if (out == NULL)
		abort();
	record_enc(&r, stored, out);
	assert(record_dec((struct mu_bytes){ out, record_size(&r) }, stored,
		   &back) == 0);
	assert(back.deadline == r.deadline);
	assert(mu_bytes_cmp(back.key, r.key) == 0);
	assert(mu_bytes_cmp(back.value, r.value) == 0);
	free(out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[256];
	uint8_t *copy;

	if (size == 0)
		return 0;
	/* A file's pages are aligned and end where the memory ends. */
	copy = malloc(size - 1);
	if (copy == NULL)
		abort();
	memcpy(copy, data + 1, size - 1);
	if (data[0] == 'r')
		one_record(copy, size - 1);
	else if (data[0] == 's')
		sealed_record(copy, size - 1);
	else
		lmdb_check(copy, size - 1, true, text, sizeof text);
	free(copy);
	return 0;
}
