/*
 * A reader of log files: any split gives the same facts, what it reads can be
 * serialized and written.  The first byte says where to split.  Before it is
 * included FORM is the format that is read.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "logrec/reader.h"
#include "logrec/writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Read all of it in two pieces; what came of it goes to b. */
static void
read_all(struct mu_buf *b, const uint8_t *data, size_t size, size_t split)
{
	struct mu_log_stream s;
	struct mu_log_reader_config c = {
		.form = FORM, .stream = &s, .max_line = 4096
	};
	struct mu_log_format f;
	struct mu_log_writer *w = NULL;
	struct mu_log_reader *r;
	int what;

	mu_log_format_init(&f);
	f.json = (size & 1) != 0;
	if (mu_log_stream_init(&s, "T::LOG", MU_LOG_WRITER_ASCII, "t", NULL))
		abort();
	r = mu_log_reader_new(&c);
	for (int i = 0; i < 2; i++) {
		mu_log_reader_feed(r, data + (i == 0 ? 0 : split),
		    i == 0 ? split : size - split);
		if (i == 1)
			mu_log_reader_end(r);
		while ((what = mu_log_reader_next(r)) > MU_LOG_MORE) {
			mu_buf_u8(b, (uint8_t)what);
			if (what == MU_LOG_COLUMNS) {
				mu_log_writer_free(w);
				w = mu_log_writer_new(
				    mu_log_reader_stream(r), &f);
				mu_log_writer_open(w, b, 0);
			} else if (what == MU_LOG_RECORD) {
				mu_log_record_enc(b, mu_log_reader_record(r));
				mu_log_writer_line(
				    w, b, mu_log_reader_record(r));
			} else {
				mu_buf_str(b, mu_log_reader_why(r));
			}
		}
	}
	mu_buf_u64(b, mu_log_reader_line(r));
	mu_log_writer_free(w);
	mu_log_reader_free(r);
	mu_log_stream_clear(&s);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mu_buf one, two;

	if (size == 0)
		return 0;
	mu_buf_init(&one, 0);
	mu_buf_init(&two, 0);
	read_all(&one, data + 1, size - 1, size - 1);
	read_all(&two, data + 1, size - 1, data[0] % size);
	if (mu_buf_error(&one) != 0 || mu_buf_len(&one) != mu_buf_len(&two) ||
	    memcmp(mu_buf_data(&one), mu_buf_data(&two), mu_buf_len(&one)) != 0)
		abort();
	mu_buf_clear(&one);
	mu_buf_clear(&two);
	return 0;
}
