/* Counting connections by address, against counting them anew. */
#include "core/accepted.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/rng.h"
#include "layout/layout.h"
#include "nomem.h"
#include "unit.h"

#define CONNECTIONS 200
#define ADDRESSES   12

struct one {
	struct accepted_from *from;
	unsigned address;
	bool handshaking;
};

static struct mu_limits limits = {
	.connections = 60,
	.connections_per_address = 12,
	.handshakes = 20,
};

static const char *
name(unsigned address)
{
	static char text[32];

	snprintf(text, sizeof text, "192.0.2.%u", address);
	return text;
}

/* What the limits say when everything is counted. */
static const char *
expected(const struct one *ones, unsigned address)
{
	uint64_t all = 0, same = 0, handshakes = 0, begun = 0;

	for (size_t i = 0; i < CONNECTIONS; i++) {
		if (ones[i].from == NULL)
			continue;
		all++;
		same += ones[i].address == address;
		handshakes += ones[i].handshaking;
		begun += ones[i].handshaking && ones[i].address == address;
	}
	if (all >= limits.connections)
		return "too many connections";
	if (same >= limits.connections_per_address)
		return "too many connections from this address";
	if (handshakes >= limits.handshakes)
		return "too many handshakes in progress";
	if (begun >= 15)
		return "too many handshakes in progress from this address";
	return NULL;
}

static void
step(struct accepted *a, struct one *ones, struct mu_rng *r)
{
	struct one *o = &ones[mu_rng_below(r, CONNECTIONS)];
	/* One address is busier than all others. */
	unsigned address =
	    mu_rng_below(r, 2) == 0 ? 0 : (unsigned)mu_rng_below(r, ADDRESSES);
	const char *want = expected(ones, address);
	const char *got = accepted_refusal(a, &limits, name(address));

	if (want == NULL)
		ck_assert_ptr_null(got);
	else
		ck_assert_str_eq(got, want);
	if (o->from == NULL && got == NULL) {
		o->from = accepted_enter(a, name(address));
		ck_assert_ptr_nonnull(o->from);
		ck_assert_str_eq(o->from->address, name(address));
		o->address = address;
		o->handshaking = true;
	} else if (o->from != NULL && o->handshaking &&
		   mu_rng_below(r, 2) == 0) {
		accepted_settled(a, o->from);
		o->handshaking = false;
	} else if (o->from != NULL) {
		accepted_leave(a, o->from, o->handshaking);
		o->from = NULL;
	}
}

START_TEST(limits_hold_as_if_counted_anew)
{
	struct accepted a = { 0 };
	struct one ones[CONNECTIONS] = { 0 };
	struct mu_rng r;

	mu_rng_init(&r, (uint64_t)_i + 1);
	for (int i = 0; i < 5000; i++)
		step(&a, ones, &r);
	for (size_t i = 0; i < CONNECTIONS; i++)
		if (ones[i].from != NULL)
			accepted_leave(&a, ones[i].from, ones[i].handshaking);
	ck_assert_uint_eq(a.all, 0);
	ck_assert_uint_eq(a.handshakes, 0);
	accepted_clear(&a);
}
END_TEST

static bool
enter_and_leave(void *ctx)
{
	struct accepted a = { 0 };
	struct accepted_from *from = accepted_enter(&a, "2001:db8::1");

	(void)ctx;
	if (from != NULL)
		accepted_leave(&a, from, true);
	ck_assert_uint_eq(a.all, 0);
	accepted_clear(&a);
	return from != NULL;
}

START_TEST(no_memory_counts_nobody)
{
	nomem_each(enter_and_leave, NULL);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("accepted");
	TCase *t = tcase_create("accepted");

	tcase_add_loop_test(t, limits_hold_as_if_counted_anew, 0, 20);
	tcase_add_test(t, no_memory_counts_nobody);
	suite_add_tcase(s, t);
	return unit_run(s);
}
