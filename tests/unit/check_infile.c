/*
 * Files as they are followed: what is not in memory is fetched and not waited
 * for, and comes all the same.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io/infile.h"
#include "muster/err.h"
#include "unit.h"

#define SIZE (1u << 20)

START_TEST(bytes_come_from_memory_or_later)
{
	static uint8_t want[SIZE], got[SIZE];
	const struct input_hooks *h = &infile_hooks;
	const char *tmp = getenv("TMPDIR");
	struct input_file f;
	size_t n = 0, later = 0;
	char path[300];
	int fd;

	snprintf(
	    path, sizeof path, "%s/infile.XXXXXX", tmp == NULL ? "/tmp" : tmp);
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	for (size_t i = 0; i < SIZE; i++)
		want[i] = (uint8_t)(i * 7 + i / 251);
	ck_assert_int_eq(write(fd, want, SIZE), SIZE);
	ck_assert_int_eq(fsync(fd), 0);
	ck_assert_int_eq(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
	close(fd);
	ck_assert_int_eq(h->open(h->ctx, path, &fd, &f), 0);
	while (n < SIZE) {
		long rc =
		    h->read(h->ctx, fd, n, got + n, SIZE - n, later > 5000);

		if (rc == MUSTER_EAGAIN) {
			later++;
			usleep(1000);
			continue;
		}
		ck_assert_int_gt(rc, 0);
		n += (size_t)rc;
	}
	ck_assert_mem_eq(got, want, SIZE);
	ck_assert_int_eq(h->read(h->ctx, fd, SIZE, got, 10, false), 0);
	ck_assert_int_eq(h->read(h->ctx, fd, 5, got, 10, true), 10);
	ck_assert_mem_eq(got, want + 5, 10);
	h->close(h->ctx, fd);
	ck_assert_int_eq(h->read(h->ctx, fd, 0, got, 10, true), MUSTER_ESYS);
	unlink(path);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("infile");
	TCase *t = tcase_create("files");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, bytes_come_from_memory_or_later);
	suite_add_tcase(s, t);
	return unit_run(s);
}
