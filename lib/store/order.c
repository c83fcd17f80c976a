/* The order of keys; see order.h. */
#include "store/order.h"

#include <openssl/sha.h>
#include <string.h>

int
mu_bytes_cmp(struct mu_bytes a, struct mu_bytes b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n == 0 ? 0 : memcmp(a.at, b.at, n);

	if (c != 0)
		return c;
	return a.len < b.len ? -1 : a.len > b.len;
}

bool
mu_keys_are_alike(struct mu_bytes a, struct mu_bytes b)
{
	return a.len > MU_KEY_PLAIN && b.len > MU_KEY_PLAIN &&
	       memcmp(a.at, b.at, MU_KEY_PLAIN + 1) == 0;
}

void
mu_key_sum(struct mu_bytes key, uint8_t *out)
{
	uint8_t sum[SHA256_DIGEST_LENGTH];

	SHA256(key.at, key.len, sum);
	memcpy(out, sum, MU_KEY_SUM);
}

int
mu_key_cmp(struct mu_bytes a, struct mu_bytes b)
{
	uint8_t sum_a[MU_KEY_SUM], sum_b[MU_KEY_SUM];
	int c = mu_bytes_cmp(a, b);

	if (c == 0 || !mu_keys_are_alike(a, b))
		return c;
	mu_key_sum(a, sum_a);
	mu_key_sum(b, sum_b);
	return memcmp(sum_a, sum_b, MU_KEY_SUM);
}

struct mu_bytes
mu_key_short(struct mu_bytes key, uint8_t *out)
{
	if (key.len <= MU_KEY_PLAIN)
		return key;
	memcpy(out, key.at, MU_KEY_PLAIN + 1);
	mu_key_sum(key, out + MU_KEY_PLAIN + 1);
	return (struct mu_bytes){ out, MU_KEY_SHORT };
}
