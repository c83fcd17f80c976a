/*
 * Short text of the command line: never crashes; what it gives can be written
 * in every form.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "muster/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
must(bool holds)
{
	if (!holds)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *out;
	struct muster_value *v;
	uint8_t *bytes;
	size_t len;

	must(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	if (muster_value_from_text(text, &v) == 0) {
		must(muster_value_enc(v, &bytes, &len) == 0);
		free(bytes);
		must(muster_value_to_json(v, &out) == 0);
		free(out);
		must(muster_value_to_text(v, &out, &len) == 0);
		free(out);
		muster_value_unref(v);
	}
	free(text);
	return 0;
}
