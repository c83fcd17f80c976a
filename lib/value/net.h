/*
 * Addresses, subnets and ports as text, the way Broker writes and reads them
 * (reference "broker-protocol" 4.4, 4.5).  Texts to be read are [len] bytes,
 * not NUL-terminated.
 */
#ifndef MU_VALUE_NET_H
#define MU_VALUE_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "muster/value.h"

#define MU_NET_TEXT 56 /* room for any of the three, with NUL */

/* Is it an IPv4 address, ::ffff:a.b.c.d? */
bool mu_net_is_v4(const uint8_t addr[16]);

/* Clear the bits behind the first width (at most 128). */
void mu_net_mask(uint8_t addr[16], unsigned width);

/* All return out. */
char *mu_net_format_address(const uint8_t addr[16], char out[MU_NET_TEXT]);
char *mu_net_format_subnet(
    const uint8_t addr[16], uint8_t width, char out[MU_NET_TEXT]);
char *mu_net_format_port(uint16_t number, uint8_t proto, char out[MU_NET_TEXT]);

bool mu_net_parse_address(const char *s, size_t len, uint8_t addr[16]);

/* ADDRESS/LEN.  *width is in 128-bit terms and may exceed 128 when LEN is too
 * large for the address; it saturates. */
bool mu_net_parse_subnet(
    const char *s, size_t len, uint8_t addr[16], unsigned *width);

/*
 * NUMBER[/PROTO]: no protocol means tcp.  Broker's reader is lax: an unknown
 * word is an unknown protocol, and numbers wrap at 65536.  strict refuses
 * both, except "unknown" and "?".
 */
bool mu_net_parse_port(const char *s, size_t len, bool strict, uint16_t *number,
    enum muster_proto *proto);

#endif
