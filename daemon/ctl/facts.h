/*
 * Facts of a daemon's answers as words, numbers and cells of tables; and lists
 * of them as tables whose columns are rows of a table themselves.
 */
#ifndef CTL_FACTS_H
#define CTL_FACTS_H

#include <stdbool.h>

#include <jansson.h>

struct table;

/* Members of an object: "-" for what is no string, 0 for what is no number. */
const char *fact_text(const json_t *o, const char *key);
unsigned long long fact_number(const json_t *o, const char *key);
bool fact_truth(const json_t *o, const char *key);

/* A member as a cell; a count of something bad is red; the words of a list
 * have blanks between them. */
void fact_text_cell(struct table *t, const json_t *o, const char *key);
void fact_number_cell(struct table *t, const json_t *o, const char *key);
void fact_bad_cell(struct table *t, const json_t *o, const char *key);
void fact_words_cell(struct table *t, const json_t *o, const char *key);

struct fact_column {
	const char *head; /* NULL: there are no more */
	void (*cell)(struct table *t, const json_t *o, const char *key);
	const char *key;
};

/* A list of objects as a table on stdout. */
void fact_table(const json_t *list, const struct fact_column *columns);

#endif
