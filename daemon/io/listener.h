/*
 * A listening TCP port.  A busy port is tried again until it is free; too
 * many open files pause accepting; both are said once.
 */
#ifndef IO_LISTENER_H
#define IO_LISTENER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct listener;
struct loop;

struct listener_config {
	const char *address; /* NULL or "": all, as Broker does it */
	uint16_t port;       /* 0: the kernel chooses */
	uint64_t retry_ns;   /* pause before a busy port is tried again */
	/* A connection came: fd is taken, not blocking. */
	void (*accepted)(
	    void *ctx, int fd, const struct sockaddr *from, socklen_t from_len);
	/* It listens now (once, perhaps before listener_new returns). */
	void (*listening)(void *ctx);
	void *ctx;
};

/*
 * NULL when memory is out or the address can never be bound (not permitted,
 * not an address): err says it.  A port in use is not such a case: it is
 * logged and tried again.
 */
struct listener *listener_new(struct loop *l, const struct listener_config *cfg,
    char *err, size_t err_size);
/* Stops accepting at once. */
void listener_free(struct listener *ls);

bool listener_up(const struct listener *ls);
/* The port in use; 0 before listening. */
uint16_t listener_port(const struct listener *ls);

#endif
