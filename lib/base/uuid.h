/*
 * Endpoint ids: 16 bytes; text in RFC 4122 form, lower case.  Nil means
 * nobody or everybody.  Reference "broker-protocol" 1.4.
 */
#ifndef MU_BASE_UUID_H
#define MU_BASE_UUID_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define MU_UUID_TEXT 37 /* 36 characters and NUL */

struct mu_uuid {
	uint8_t bytes[16];
};

static inline int
mu_uuid_cmp(const struct mu_uuid *a, const struct mu_uuid *b)
{
	return memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

static inline bool
mu_uuid_eq(const struct mu_uuid *a, const struct mu_uuid *b)
{
	return mu_uuid_cmp(a, b) == 0;
}

bool mu_uuid_is_nil(const struct mu_uuid *u);

/* Make random bytes an id as Broker forms them: version nibble 5, variant 10. */
void mu_uuid_from_random(struct mu_uuid *u, const uint8_t random[16]);

/* Write the text form; returns out. */
char *mu_uuid_format(const struct mu_uuid *u, char out[MU_UUID_TEXT]);

/* Read the text form (either case, any version).  0 or MUSTER_EINVAL. */
int mu_uuid_parse(struct mu_uuid *u, const char *text);

#endif
