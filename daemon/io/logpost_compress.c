/*
 * Compression: into a file beside the old one, synced, renamed, and only then
 * is the old one removed.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "io/logpost_impl.h"
#include "sys/log.h"

#define CHUNK       (256u << 10)
#define GZIP_LEVEL  6
#define GZIP_WINDOW (15 + 16) /* zlib's word for a gzip header */
#define ZSTD_LEVEL  3

/* A compressor: from in [len] to the file; last: there is no more. */
struct packer {
	int out;
	uint8_t *space; /* [CHUNK] */
	z_stream z;
	ZSTD_CCtx *zstd;
};

static int
pack_gzip(struct packer *k, uint8_t *in, size_t len, bool last)
{
	k->z.next_in = in;
	k->z.avail_in = (uInt)len;
	for (;;) {
		int rc;

		k->z.next_out = k->space;
		k->z.avail_out = CHUNK;
		rc = deflate(&k->z, last ? Z_FINISH : Z_NO_FLUSH);
		if (rc == Z_STREAM_ERROR) {
			errno = EIO;
			return -1;
		}
		if (mu_file_write_fully(
			k->out, k->space, CHUNK - k->z.avail_out) != 0)
			return -1;
		if (last ? rc == Z_STREAM_END : k->z.avail_out > 0)
			return 0;
	}
}

static int
pack_zstd(struct packer *k, uint8_t *in, size_t len, bool last)
{
	ZSTD_inBuffer from = { in, len, 0 };

	for (;;) {
		ZSTD_outBuffer to = { k->space, CHUNK, 0 };
		size_t left = ZSTD_compressStream2(
		    k->zstd, &to, &from, last ? ZSTD_e_end : ZSTD_e_continue);

		if (ZSTD_isError(left)) {
			errno = EIO;
			return -1;
		}
		if (mu_file_write_fully(k->out, k->space, to.pos) != 0)
			return -1;
		if (last ? left == 0 : from.pos == len)
			return 0;
	}
}

static int
pack(struct logpost *p, struct packer *k, int in, uint8_t *chunk)
{
	struct timespec times[2];
	struct stat st;
	ssize_t n;

	do {
		int rc;

		if (post_is_over(p)) {
			errno = ECANCELED;
			return -1;
		}
		n = read(in, chunk, CHUNK);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		rc = k->zstd != NULL ? pack_zstd(k, chunk, (size_t)n, n == 0)
				     : pack_gzip(k, chunk, (size_t)n, n == 0);
		if (rc != 0)
			return -1;
	} while (n != 0);
	/* It is as old as what is in it: retention goes by that. */
	if (fstat(in, &st) == 0) {
		times[0] = st.st_atim;
		times[1] = st.st_mtim;
		(void)futimens(k->out, times);
	}
	return fsync(k->out);
}

static int
pack_file(struct logpost *p, const char *from, const char *to, bool zstd)
{
	struct packer k = { .out = -1 };
	uint8_t *chunk = mu_malloc(CHUNK);
	int in = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), rc = -1, saved;
	bool ok;

	k.space = mu_malloc(CHUNK);
	if (zstd)
		k.zstd = ZSTD_createCCtx();
	ok = chunk != NULL && k.space != NULL;
	ok = ok && (zstd ? k.zstd != NULL &&
			       !ZSTD_isError(ZSTD_CCtx_setParameter(
				   k.zstd, ZSTD_c_compressionLevel, ZSTD_LEVEL))
			 : deflateInit2(&k.z, GZIP_LEVEL, Z_DEFLATED,
			       GZIP_WINDOW, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	if (!ok) {
		errno = ENOMEM;
	} else if (in >= 0) {
		unlink(to); /* of an attempt that was killed */
		k.out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
		if (k.out >= 0)
			rc = pack(p, &k, in, chunk);
	}
	if (!zstd && ok)
		deflateEnd(&k.z);
	ZSTD_freeCCtx(k.zstd);
	saved = errno;
	if (k.out >= 0 && close(k.out) != 0)
		rc = -1;
	else
		errno = saved;
	if (in >= 0)
		close(in);
	mu_free(k.space);
	mu_free(chunk);
	return rc;
}

static int
sync_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc, saved;

	if (fd < 0)
		return -1;
	rc = fsync(fd);
	saved = errno;
	close(fd);
	errno = saved;
	return rc;
}

static bool
is_packed(const char *file)
{
	const char *dot = strrchr(file, '.');

	return dot != NULL &&
	       (strcmp(dot, ".gz") == 0 || strcmp(dot, ".zst") == 0);
}

/* Of its compressed file.  If there is one already, of a life that was killed
 * before it could remove the plain one, it is replaced and not joined by one
 * of another kind: rotation gives no name of which there is any. */
static const char *
choose_end(const struct logpost *p, const struct post *t, const char *folder)
{
	static const char *const ends[] = { ".gz", ".zst" };

	for (size_t i = 0; i < 2; i++) {
		char *path = mu_asprintf("%s/%s%s", folder, t->file, ends[i]);
		bool there = path != NULL && access(path, F_OK) == 0;

		mu_free(path);
		if (there)
			return ends[i];
	}
	return p->now.compress == MU_LOGS_PLAIN  ? NULL
	       : p->now.compress == MU_LOGS_ZSTD ? ".zst"
						 : ".gz";
}

/* The plain file goes when the other is there for good; 0 or -1 with errno. */
static int
replace(struct logpost *p, const char *folder, const char *from,
    const char *tmp, const char *to, bool zstd)
{
	int saved;

	if (pack_file(p, from, tmp, zstd) != 0 || rename(tmp, to) != 0) {
		saved = errno;
		unlink(tmp);
		errno = saved;
		return -1;
	}
	if (sync_folder(folder) != 0)
		return -1;
	return unlink(from) == 0 || errno == ENOENT ? 0 : -1;
}

int
post_compress(struct logpost *p, struct post *t)
{
	const char *folder = post_folder(p, t->here), *end = NULL;
	char *from = NULL, *to = NULL, *tmp = NULL, *name = NULL;
	int rc = -1, error;

	if (!is_packed(t->file))
		end = choose_end(p, t, folder);
	if (end == NULL) {
		post_not_plain(p, t);
		return 0;
	}
	name = mu_asprintf("%s%s", t->file, end);
	from = mu_asprintf("%s/%s", folder, t->file);
	to = name == NULL ? NULL : mu_asprintf("%s/%s", folder, name);
	tmp = name == NULL ? NULL : mu_asprintf("%s/.tmp.%s", folder, name);
	errno = ENOMEM;
	if (from != NULL && to != NULL && tmp != NULL)
		rc = replace(p, folder, from, tmp, to, end[1] == 'z');
	error = errno;
	if (rc == 0) {
		mu_free(t->file);
		t->file = name;
		name = NULL;
		post_not_plain(p, t);
		post_packed(p);
	} else if (error == ECANCELED || post_passes(p, t, error)) {
		rc = 1;
	} else {
		post_stays_plain(p, t, error);
	}
	mu_free(name);
	mu_free(from);
	mu_free(to);
	mu_free(tmp);
	return rc;
}
