/*
 * Tests that root runs as somebody else: not in a user namespace that has
 * nobody else, nor below a folder that is for root alone.
 */
#ifndef UNIT_OTHERS_H
#define UNIT_OTHERS_H

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define OTHER 65534

/* We are root, and nobody else gets to that folder; says so. */
static bool
no_others(const char *folder)
{
	struct stat st;
	bool there;

	if (getuid() != 0)
		return false;
	there = seteuid(OTHER) == 0 && stat(folder, &st) == 0;
	ck_assert_int_eq(seteuid(0), 0);
	if (!there)
		printf("not tested: nobody else gets to %s\n", folder);
	return !there;
}

#endif
