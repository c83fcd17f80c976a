/*
 * The end of every unit test: run its cases, each in a process of its own.
 */
#ifndef UNIT_UNIT_H
#define UNIT_UNIT_H

#include <check.h>

/*
 * Run suite s and say what failed.  How much is said can be chosen in the
 * environment (CK_VERBOSITY).
 *
 * s  consumed
 *
 * Returns the exit status for main.
 */
static int
unit_run(Suite *s)
{
	SRunner *r = srunner_create(s);
	int failed;

	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}

#endif
