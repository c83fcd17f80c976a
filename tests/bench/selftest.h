/* Is what the generator says true?  Tried on relays that misbehave. */
#ifndef BENCH_SELFTEST_H
#define BENCH_SELFTEST_H

/* programs: the folder of musterctl.  Returns an exit status. */
int self_test(const char *programs);

#endif
