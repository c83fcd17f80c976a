/* Values on the command line and on the screen; see value.h. */
#include "ctl/value.h"

#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "ctl/ctl.h"
#include "muster/err.h"
#include "muster/value.h"
#include "proto/jtext.h"

int
value_from_text(struct mu_buf *out, const char *text)
{
	struct muster_value *v = NULL;
	char *json = NULL;
	int r = muster_value_from_text(text, &v);

	if (r == 0)
		r = muster_value_to_json(v, &json);
	if (r == 0)
		mu_buf_str(out, json);
	mu_free(json);
	muster_value_unref(v);
	return r != 0 ? r : mu_buf_error(out);
}

bool
value_put_args(struct mu_buf *out, char *const *words, int n)
{
	mu_buf_str(out, ",\"args\":[");
	for (int i = 0; i < n; i++) {
		int r;

		mu_buf_str(out, i > 0 ? "," : "");
		r = value_from_text(out, words[i]);
		if (r != 0) {
			complain("argument %d, \"%s\": %s", i + 1, words[i],
			    r == MUSTER_ENOMEM
				? muster_strerror(r)
				: "not a value (type:value or JSON)");
			return false;
		}
	}
	mu_buf_str(out, "]");
	return true;
}

int
value_from_element(struct mu_buf *out, const struct mu_jtext *v)
{
	char *text;
	int r;

	switch (mu_jtext_kind(v)) {
	case MU_JTEXT_OBJECT:
		mu_buf_put(out, v->at, v->len);
		return mu_buf_error(out);
	case MU_JTEXT_STRING:
		text = mu_jtext_cstring(v);
		break;
	case MU_JTEXT_NUMBER:
		text = mu_memdup0(v->at, v->len);
		break;
	case MU_JTEXT_BOOLEAN:
		text = mu_strdup(*v->at == 't' ? "T" : "F");
		break;
	default:
		return MUSTER_ETYPE;
	}
	if (text == NULL)
		return MUSTER_EINVAL;
	r = value_from_text(out, text);
	mu_free(text);
	return r;
}

void
value_print_bytes(FILE *f, const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)p[i];

		/* Nothing from the net may drive the terminal. */
		if (c < 0x20 || c == 0x7f)
			fprintf(f, "\\x%02x", c);
		else
			putc(c, f);
	}
}

void
value_print(FILE *f, const struct mu_jtext *v)
{
	struct muster_value *value = NULL;
	char *text = NULL;
	size_t len;
	int r = muster_value_from_json(v->at, v->len, &value);

	if (r == 0)
		r = muster_value_to_text(value, &text, &len);
	if (r == 0)
		value_print_bytes(f, text, len);
	else
		value_print_bytes(f, v->at, v->len);
	mu_free(text);
	muster_value_unref(value);
}
