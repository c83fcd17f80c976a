/* Numbers nobody can guess; see id.h. */
#include "node/id.h"

#include <errno.h>
#include <stddef.h>
#include <sys/random.h>

#include "base/uuid.h"
#include "muster/err.h"

static int
fill(void *p, size_t len)
{
	uint8_t *at = p;

	while (len > 0) {
		ssize_t n = getrandom(at, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return MUSTER_ESYS;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int
id_random(struct mu_uuid *id)
{
	uint8_t bytes[16];

	if (fill(bytes, sizeof bytes) != 0)
		return MUSTER_ESYS;
	mu_uuid_from_random(id, bytes);
	return 0;
}

int
id_seed(uint64_t *seed)
{
	return fill(seed, sizeof *seed);
}
