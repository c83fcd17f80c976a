/* The commands about stores: what their files share. */
#ifndef CTL_STORE_H
#define CTL_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client;
struct ctl;
struct mu_buf;
struct mu_jtext;

#define STORE_TIMEOUT_MS 10000 /* of the store, unless --timeout says else */
#define STORE_GRACE_MS   5000  /* then the daemon itself is silent */

/* --timeout in ms; -1 after a message. */
int64_t store_timeout(const struct ctl *c);
/* Begin {"op":OP,"store":NAME,"timeout_ms":N, without the end. */
void store_begin(
    struct mu_buf *b, const char *op, const char *name, int64_t timeout_ms);
/* Append ,"MEMBER":VALUE from short text, read as type if that is not NULL.
 * false after a message. */
bool store_put_value(
    struct mu_buf *b, const char *member, const char *text, const char *type);
/* Print a value, in its text form or with --json in that, and a newline. */
void store_print(const struct ctl *c, const struct mu_jtext *v);

/* The operations that are more than one question. */
int store_watch(struct ctl *c, const char *name);
int store_dump(struct ctl *c, const char *name);
int store_restore(struct ctl *c, const char *name);

#endif
