/*
 * Building the JSON lines of the control protocol, member by member, into a
 * buffer whose error sticks.  Commas take care of themselves: one is needed
 * unless the last byte opened something.
 */
#ifndef CORE_ANSWER_H
#define CORE_ANSWER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mu_buf;
struct mu_uuid;

/* key NULL: an element of an array.  Values: text NULL gives null. */
void answer_text(struct mu_buf *b, const char *key, const char *text);
void answer_bytes(struct mu_buf *b, const char *key, const void *p, size_t len);
void answer_number(struct mu_buf *b, const char *key, uint64_t v);
void answer_bool(struct mu_buf *b, const char *key, bool v);
/* The nil id gives null. */
void answer_id(struct mu_buf *b, const char *key, const struct mu_uuid *id);
/* bracket '{' or '[', closed by answer_close with its counterpart. */
void answer_open(struct mu_buf *b, const char *key, char bracket);
void answer_close(struct mu_buf *b, char bracket);

/* {"ok":true, left open for members; answer_end completes the line. */
void answer_ok(struct mu_buf *b);
void answer_end(struct mu_buf *b);
/* A number that the client gave its request: it comes back in the answer, and
 * others may overtake. */
struct answer_tag {
	bool given;
	int64_t id;
};
/* The member, if there is one. */
void answer_tag(struct mu_buf *b, const struct answer_tag *tag);
/* The whole line of a refusal.  code is a word for programs; tag or NULL. */
void answer_refuse_tagged(struct mu_buf *b, const struct answer_tag *tag,
    const char *code, const char *fmt, va_list ap)
    __attribute__((format(printf, 4, 0)));
void answer_refuse(struct mu_buf *b, const char *code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
