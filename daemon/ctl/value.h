/* Values on the command line and on the screen. */
#ifndef CTL_VALUE_H
#define CTL_VALUE_H

#include <stdbool.h>
#include <stdio.h>

struct mu_buf;
struct mu_jtext;

/* Append the JSON form of short text ("count:9", "10.0.0.0/8").  0 or a
 * negative error. */
int value_from_text(struct mu_buf *out, const char *text);

/* Append the member "args" with [n] words of short text, behind a comma.  False
 * after a message about the word that is no value. */
bool value_put_args(struct mu_buf *out, char *const *words, int n);

/*
 * Append the JSON form of an element of "args" in a line from outside: the
 * JSON form itself, or, for strings, numbers and booleans, short text.
 */
int value_from_element(struct mu_buf *out, const struct mu_jtext *v);

/* Print a value in JSON form as Broker's text, control bytes as \xHH. */
void value_print(FILE *f, const struct mu_jtext *v);
/* Print untrusted bytes the same way. */
void value_print_bytes(FILE *f, const char *p, size_t len);

#endif
