/*
 * The connections with other endpoints: gives the links of core/endpoint
 * their sockets and carries out what the endpoint wants of the network.
 */
#ifndef IO_PEERS_H
#define IO_PEERS_H

#include <stdint.h>
#include <sys/socket.h>

struct conns;
struct endpoint;
struct endpoint_out;
struct loop;
struct mu_tls;
struct peers;

struct peers_config {
	struct loop *loop;
	struct conns *conns;
	struct endpoint *endpoint;
	struct mu_tls *tls; /* a reference is kept; NULL: plain */
	/* Consequences that concern no connection: log lines, states. */
	void (*note)(void *ctx, const struct endpoint_out *out);
	/* Outputs were written before the turn ended, because much came in:
	 * others with bounded queues may want to do the same.  Or NULL. */
	void (*flushed)(void *ctx);
	void *ctx;
};

/* NULL when memory or descriptors are out. */
struct peers *peers_new(const struct peers_config *cfg);
/* Closes what is left; the endpoint hears of it. */
void peers_free(struct peers *p);

/* For connections made from now on. */
void peers_set_tls(struct peers *p, struct mu_tls *tls);

/* A connection was accepted; fd is taken. */
void peers_accepted(
    struct peers *p, int fd, const struct sockaddr *from, socklen_t from_len);

/* Carry out everything the endpoint wants by now: once at the end of a turn,
 * and whatever else changed the endpoint will be seen there. */
void peers_drain(struct peers *p, uint64_t now);

#endif
