/* A node's control socket: reads of its stores, many at a time. */
#ifndef BENCH_CONTROL_H
#define BENCH_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Connect; -1: nobody listens there. */
int control_open(const char *path);

/* Ask one thing, a line; the answer, cut to fit.  False: there was none within
 * a second. */
bool control_ask(int fd, const char *request, char *answer, size_t size);

/* The number behind the first "name": in an answer; 0: there is none. */
uint64_t control_number(const char *answer, const char *name);

/* Ask one thing, a line; is text in the answer?  False also when there is no
 * answer within a second. */
bool control_says(int fd, const char *request, const char *text);

/* Get keys of a store, as store.h numbers them, from 0 to keys - 1 and over
 * again; at most window unanswered, for ns.  Returns how many were answered
 * with a value; 0 when one was missing. */
uint64_t control_gets(
    int fd, const char *store, uint64_t keys, unsigned window, uint64_t ns);

/* The same one by one: the median time of one in microseconds; 0 when one was
 * missing. */
double control_get_p50(
    int fd, const char *store, uint64_t keys, uint64_t ns);

#endif
