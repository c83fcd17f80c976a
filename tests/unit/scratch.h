/*
 * A folder of the test's own, removed with everything in it, and small
 * helpers to make and look at files there.
 */
#ifndef UNIT_SCRATCH_H
#define UNIT_SCRATCH_H

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch_folder[256];

__attribute__((unused)) static void
scratch_open(void)
{
	const char *base = getenv("TMPDIR");

	snprintf(scratch_folder, sizeof scratch_folder, "%s/muster-XXXXXX",
	    base == NULL || *base == '\0' ? P_tmpdir : base);
	ck_assert_ptr_nonnull(mkdtemp(scratch_folder));
}

static int
scratch_remove(
    const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

__attribute__((unused)) static void
scratch_close(void)
{
	nftw(scratch_folder, scratch_remove, 16, FTW_DEPTH | FTW_PHYS);
}

/* The path of name in the folder; eight of them live at a time. */
__attribute__((unused)) static const char *
scratch(const char *name)
{
	static char paths[8][1024];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof paths[0], "%s/%s", scratch_folder, name);
	return path;
}

__attribute__((unused)) static void
scratch_write(const char *name, const char *text, mode_t mode)
{
	FILE *f = fopen(scratch(name), "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
	ck_assert_int_eq(chmod(scratch(name), mode), 0);
}

__attribute__((unused)) static unsigned
scratch_mode(const char *name)
{
	struct stat st;

	ck_assert_int_eq(stat(scratch(name), &st), 0);
	return st.st_mode & 07777;
}

/* Does text contain part?  Shows both when it does not. */
#define ck_assert_contains(text, part)                                         \
	ck_assert_msg(strstr((text), (part)) != NULL, "\"%s\" lacks \"%s\"",   \
	    (text), (part))

#endif
