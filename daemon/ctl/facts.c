/* Facts of answers; see facts.h. */
#include "ctl/facts.h"

#include <stdio.h>

#include "base/buf.h"
#include "ctl/table.h"

const char *
fact_text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s == NULL ? "-" : s;
}

unsigned long long
fact_number(const json_t *o, const char *key)
{
	return (unsigned long long)json_integer_value(json_object_get(o, key));
}

bool
fact_truth(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

void
fact_text_cell(struct table *t, const json_t *o, const char *key)
{
	table_cell(t, PLAIN, "%s", fact_text(o, key));
}

void
fact_number_cell(struct table *t, const json_t *o, const char *key)
{
	table_cell(t, PLAIN, "%llu", fact_number(o, key));
}

void
fact_bad_cell(struct table *t, const json_t *o, const char *key)
{
	unsigned long long n = fact_number(o, key);

	table_cell(t, n > 0 ? RED : PLAIN, "%llu", n);
}

void
fact_words_cell(struct table *t, const json_t *o, const char *key)
{
	struct mu_buf b;
	const json_t *v;
	size_t i;

	mu_buf_init(&b, 0);
	json_array_foreach(json_object_get(o, key), i, v)
	    mu_buf_printf(&b, "%s%s", i == 0 ? "" : " ", json_string_value(v));
	table_cell(t, PLAIN, "%.*s", (int)mu_buf_len(&b),
	    mu_buf_len(&b) == 0 ? "" : (const char *)mu_buf_data(&b));
	mu_buf_clear(&b);
}

void
fact_table(const json_t *list, const struct fact_column *columns)
{
	const struct fact_column *c;
	char head[256] = "";
	struct table t;
	const json_t *o;
	size_t i, n = 0;

	for (c = columns; c->head != NULL && n < sizeof head; c++)
		n += (size_t)snprintf(head + n, sizeof head - n, "%s%s",
		    c == columns ? "" : "|", c->head);
	table_begin(&t, head);
	json_array_foreach(list, i, o) for (c = columns; c->head != NULL; c++)
	    c->cell(&t, o, c->key);
	table_end(&t);
}
