/* Small things about sockets that several files of this room need. */
#ifndef IO_SOCK_H
#define IO_SOCK_H

#include <stdint.h>
#include <sys/socket.h>

#define SOCK_ADDRESS 64 /* bytes that the text of an address takes */

/* Small messages leave at once: what is worth joining was joined before. */
void sock_no_delay(int fd);

/* The address of sa as text ("::ffff:127.0.0.1" for IPv4 accepted on an IPv6
 * socket, as Broker writes it) and the port.  "?" for other families. */
void sock_name(const struct sockaddr *sa, socklen_t len,
    char address[SOCK_ADDRESS], uint16_t *port);

#endif
