/*
 * Small text helpers: durations and sizes with units, spelling distance,
 * UTF-8, hex.  Nothing here allocates.
 */
#ifndef MU_BASE_TEXT_H
#define MU_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Levenshtein distance with transpositions, of strings up to 64 bytes; longer
 * ones give SIZE_MAX. */
size_t mu_text_distance(const char *a, const char *b);

/* The candidate nearest to word, or NULL when none is near enough to be worth
 * a "did you mean".  candidates [n] may contain NULLs. */
const char *mu_text_nearest(const char *word, const char *const *candidates,
    size_t n);

/* Is [len] bytes well-formed UTF-8 (RFC 3629)? *bad is the first bad offset. */
bool mu_text_utf8(const uint8_t *p, size_t len, size_t *bad);

/*
 * JSON's escape of a character (RFC 8259, 7), read from behind its "\\u".
 *
 * p    the four digits; moved behind what was read: both halves of a pair
 * end  of the text
 *
 * Returns the code point; of a half without the other the half itself (from
 * 0xd800 to 0xdfff), which is no character; -1 without four digits.
 */
int32_t mu_text_unicode(const char **p, const char *end);

/* UTF-8 of code point c, below 0x110000, to out; returns its bytes, 1 to 4. */
size_t mu_text_put_utf8(uint32_t c, char *out);

/* The value of a hex digit of either case, or -1. */
int mu_text_hex_digit(char c);
/* Hex, lower case; out has 2 * len + 1 bytes. */
void mu_text_hex(const uint8_t *p, size_t len, char *out);
/* Hex to bytes; returns their number or -1.  out has strlen(hex) / 2. */
long mu_text_unhex(const char *hex, uint8_t *out);

/* Duration "1 day", "90s", "500 ms", "1 hour", "2.5min" to nanoseconds.  A
 * unit is required unless the number is 0.  0 or MUSTER_EINVAL / ELIMIT.
 * Units: ns us ms s sec m min h hr hour d day, plurals too. */
int mu_text_duration(const char *s, int64_t *ns);

/* Size "64 MiB", "10kB", "4096" to bytes; B, kB, MB, GB, KiB, MiB, GiB.  0 or
 * MUSTER_EINVAL / ELIMIT. */
int mu_text_size(const char *s, uint64_t *bytes);

/*
 * printf into an error text of err_size bytes; err may be NULL.
 *
 * Returns code, so that "return mu_text_fail(...)" reads well.
 */
int mu_text_fail(int code, char *err, size_t err_size, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Copy untrusted bytes for a log line: control bytes and non-ASCII become
 * \xHH, at most out_size - 1 bytes, "..." at the end when cut.  Returns out. */
char *mu_text_printable(const void *p, size_t len, char *out, size_t out_size);

#endif
