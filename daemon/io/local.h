/* Is a host of the layout this machine? */
#ifndef IO_LOCAL_H
#define IO_LOCAL_H

#include <stdbool.h>

/*
 * Does host, a name or an address, mean an address of this machine?  Names
 * are looked up and may take the resolver's time: for start-up only.
 */
bool local_host(const char *host);

#endif
