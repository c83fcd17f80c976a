/*
 * What the drivers of golden vectors have in common: rows of JSON lines, the
 * list of accepted deviations, and the score.
 *
 * A line of exceptions.txt is
 *
 *   FILE  ID  CHECK  reason to the end of the line
 *
 * where ID is a shell pattern for ids of rows, or @NAME: a rule that the
 * driver knows and that says of any row whether it is concerned.
 */
#ifndef TESTS_GOLDEN_GOLDEN_H
#define TESTS_GOLDEN_GOLDEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

struct bytes {
	uint8_t *p; /* owned; NULL: absent */
	size_t len;
};

/* A row under test. */
struct row {
	const char *file; /* without folder */
	const char *id;
	json_t *json;     /* its numbers are reals: they may be large */
	const char *line; /* as it stands in the file */
	unsigned nbad; /* checks that failed */
};

/* Read the exceptions and remember the folder; exits on failure.  argv[1]
 * names the folder, else it is golden/ of the tests. */
void golden_init(int argc, char **argv);

/* Is the folder our own, in which every exception must be of use? */
bool golden_is_own(void);

/* Run check on each row of a file of the folder; a missing file has none.
 * wanted (or NULL) tells rows that are not ours. */
void golden_run(const char *file, bool (*wanted)(json_t *row),
    void (*check)(struct row *r));

/* The outcome of one check of a row: says what is wrong unless an exception
 * covers it; an exception for what is right is wrong too. */
void golden_check(struct row *r, const char *check, bool good, const char *fmt,
    ...) __attribute__((format(printf, 4, 5)));

/* The same where rule (without @) describes the deviation and excused tells
 * that the row is one of its kind and behaves as the rule wants. */
void golden_check_rule(struct row *r, const char *check, bool good,
    const char *rule, bool excused, const char *fmt, ...)
    __attribute__((format(printf, 6, 7)));

/* Complain about exceptions for file that covered nothing. */
void golden_unused(const char *file);

/* Print "N passed, N failed"; the exit status. */
int golden_finish(void);

/* Fields of a row; absent ones give NULL (hex: p is NULL). */
const char *golden_string(const struct row *r, const char *name);
struct bytes golden_hex(const struct row *r, const char *name);
/* The bytes of name, or those given in hex as name_hex. */
struct bytes golden_bytes(const struct row *r, const char *name);
bool golden_same(struct bytes a, const void *p, size_t len);
void golden_free(struct bytes b);

#endif
