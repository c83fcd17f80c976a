/*
 * A sorted array of addresses: they are few, and most of them have one
 * connection for hours.
 */
#include "core/accepted.h"

#include <assert.h>
#include <string.h>

#include "base/alloc.h"
#include "layout/layout.h"

void
accepted_clear(struct accepted *a)
{
	assert(a->n == 0);
	mu_free(a->from);
	memset(a, 0, sizeof *a);
}

/* Where address stands or would stand. */
static size_t
place(const struct accepted *a, const char *address)
{
	size_t low = 0, high = a->n;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(a->from[mid]->address, address) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct accepted_from *
find(const struct accepted *a, const char *address, size_t *at)
{
	*at = place(a, address);
	if (*at == a->n || strcmp(a->from[*at]->address, address) != 0)
		return NULL;
	return a->from[*at];
}

const char *
accepted_refusal(const struct accepted *a, const struct mu_limits *limits,
    const char *address)
{
	size_t at;
	const struct accepted_from *from = find(a, address, &at);

	if (a->all >= limits->connections)
		return "too many connections";
	if ((from == NULL ? 0 : from->all) >= limits->connections_per_address)
		return "too many connections from this address";
	if (a->handshakes >= limits->handshakes)
		return "too many handshakes in progress";
	/* A quarter stays for others: silence must not lock them out. */
	if ((from == NULL ? 0 : from->handshakes) >=
	    limits->handshakes - limits->handshakes / 4)
		return "too many handshakes in progress from this address";
	return NULL;
}

static int
grow(struct accepted *a)
{
	size_t cap = a->cap == 0 ? 16 : a->cap * 2;
	struct accepted_from **from;

	if (a->n < a->cap)
		return 0;
	from = mu_reallocarray(a->from, cap, sizeof *from);
	if (from == NULL)
		return -1;
	a->from = from;
	a->cap = cap;
	return 0;
}

static void
drop(struct accepted_from *from)
{
	if (from != NULL)
		mu_free(from->address);
	mu_free(from);
}

static struct accepted_from *
add(struct accepted *a, const char *address, size_t at)
{
	struct accepted_from *from;

	if (grow(a) != 0)
		return NULL;
	from = mu_calloc(1, sizeof *from);
	if (from == NULL || (from->address = mu_strdup(address)) == NULL) {
		drop(from);
		return NULL;
	}
	memmove(a->from + at + 1, a->from + at, (a->n - at) * sizeof *a->from);
	a->from[at] = from;
	a->n++;
	return from;
}

struct accepted_from *
accepted_enter(struct accepted *a, const char *address)
{
	size_t at;
	struct accepted_from *from = find(a, address, &at);

	if (from == NULL)
		from = add(a, address, at);
	if (from == NULL)
		return NULL;
	a->all++;
	a->handshakes++;
	from->all++;
	from->handshakes++;
	return from;
}

void
accepted_settled(struct accepted *a, struct accepted_from *from)
{
	assert(from->handshakes > 0);
	a->handshakes--;
	from->handshakes--;
}

void
accepted_leave(struct accepted *a, struct accepted_from *from, bool handshaking)
{
	size_t at;

	assert(from->all > 0);
	if (handshaking)
		accepted_settled(a, from);
	a->all--;
	if (--from->all > 0)
		return;
	at = place(a, from->address);
	assert(at < a->n && a->from[at] == from);
	a->n--;
	memmove(a->from + at, a->from + at + 1, (a->n - at) * sizeof *a->from);
	drop(from);
}
