/*
 * Names to addresses without ever blocking the loop: literal addresses at
 * once, names in helper threads, a few at a time.
 */
#ifndef IO_RESOLVE_H
#define IO_RESOLVE_H

#include <stdint.h>

struct addrinfo;
struct loop;
struct resolver;
struct resolve;

/*
 * The answer: list is taken by the callee (freeaddrinfo) and never empty; or
 * NULL with the reason in why (borrowed).
 */
typedef void (*resolve_done)(void *ctx, struct addrinfo *list, const char *why);

/* NULL when memory or descriptors are out. */
struct resolver *resolver_new(struct loop *l);
/* Look-ups under way are forgotten; a thread that hangs in one ends with the
 * process. */
void resolver_free(struct resolver *r);

/*
 * Look up stream addresses of host and port.  done is called in a later turn,
 * never from within this call.  NULL when memory is out or RESOLVE_MAX
 * look-ups wait.
 */
#define RESOLVE_MAX 4096
struct resolve *resolve_start(struct resolver *r, const char *host,
    uint16_t port, resolve_done done, void *ctx);
/* done will not be called.  Not after it was. */
void resolve_cancel(struct resolve *q);

#endif
