/* Keys of pools on the command line. */
#ifndef CTL_POOL_H
#define CTL_POOL_H

#include <stdbool.h>

struct mu_buf;

/*
 * Append a key given as short text to a request.
 *
 * type  NULL: the text says or lets guess it; else the name of a type of the
 *       API or of Zeek, or "enum:" and the name of the enum's type; or
 *       one with parts as Zeek's scripts write it ("set[addr, port]"), the
 *       text being JSON
 *
 * False after a message.
 */
bool pool_put_key(struct mu_buf *b, const char *type, const char *text);

/* Append the member that says what the key does not tell: an enum's type, a
 * type with parts. */
void pool_put_type(struct mu_buf *b, const char *type);

#endif
