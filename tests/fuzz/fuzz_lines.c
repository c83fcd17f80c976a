/*
 * Lines: the first byte sets the size of pieces, the second the longest line;
 * what comes out in pieces is what comes out at once, as far as the first line
 * that is too long.
 */
#include <assert.h>
#include <string.h>

#include "base/buf.h"
#include "proto/lines.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
run(const uint8_t *p, size_t len, size_t piece, size_t max, struct mu_buf *out)
{
	struct mu_lines l;
	int rc = 0;

	mu_lines_init(&l, max);
	while (len > 0 && rc == 0) {
		size_t n = piece < len ? piece : len, length;
		char *line;

		rc = mu_lines_feed(&l, p, n);
		p += n;
		len -= n;
		while (mu_lines_next(&l, &line, &length)) {
			assert(length <= max && line[length] == '\0');
			mu_buf_put(out, line, length + 1);
		}
	}
	mu_lines_clear(&l);
	return rc;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mu_buf whole, split;
	int rc_whole, rc_split;

	if (size < 2)
		return 0;
	mu_buf_init(&whole, 0);
	mu_buf_init(&split, 0);
	rc_whole = run(data + 2, size - 2, SIZE_MAX, data[1], &whole);
	rc_split =
	    run(data + 2, size - 2, (size_t)data[0] + 1, data[1], &split);
	assert(rc_whole == rc_split);
	if (rc_whole == 0) {
		assert(mu_buf_len(&whole) == mu_buf_len(&split));
		assert(mu_buf_len(&whole) == 0 ||
		       memcmp(mu_buf_data(&whole), mu_buf_data(&split),
			   mu_buf_len(&whole)) == 0);
	}
	mu_buf_clear(&whole);
	mu_buf_clear(&split);
	return 0;
}
