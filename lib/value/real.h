/*
 * Reals on Broker's wire (reference "broker-protocol" 4.3) and as text.
 *
 * Broker packs doubles by arithmetic, not by their bits, and gets the edges
 * wrong: the infinities are exchanged, a quiet NaN reads as infinity, and
 * denormals turn into huge numbers.  We write what Broker reads.  Denormals
 * have no encoding at all, so they become zero (of their sign) wherever a
 * value is made; a set can then never hold two elements that encode alike.
 */
#ifndef MU_VALUE_REAL_H
#define MU_VALUE_REAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Room for any double in %f, with sign and NUL. */
#define MU_REAL_TEXT 336

/* d, or zero of its sign when d is denormal. */
double mu_real_flush(double d);

uint64_t mu_real_pack(double d);
double mu_real_unpack(uint64_t wire);

/* C's %f with a point in every locale; "inf", "-inf", "nan".  Returns out. */
char *mu_real_format(double d, char out[MU_REAL_TEXT]);

/* A number in C's syntax with a point, NUL-terminated, all of it; overflow
 * gives an infinity.  False when it is none. */
bool mu_real_parse(const char *text, double *out);

#endif
