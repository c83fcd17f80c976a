/*
 * A log file that survives what disks do; see logfile.h.
 *
 * A file that exists is continued.  It gets a header of its own where the
 * end of the old lines is not the middle of a log like ours: after #close, or
 * below a header with other fields; readers of Zeek's logs take several
 * headers in one file.
 */
#include "io/logfile.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "core/records.h"
#include "sys/log.h"

#define RETRY_NS   1000000000u /* between attempts on a disk that refuses */
#define TAIL_BYTES 256         /* of an old file that are looked at */
#define HEAD_BYTES 1024

struct logfile {
	char *name; /* "cluster" */
	char *path;
	int fd;            /* -1: not open */
	struct mu_buf buf; /* lines that wait for the disk */
	size_t mark;       /* length of buf before the line being made */
	uint64_t retry;    /* not before; 0: no trouble */
	uint64_t lost;     /* lines, all told */
	uint64_t episode;  /* lines lost in the present trouble */
	bool trouble;      /* said, and not over */
};

struct logfile *
logfile_new(const char *folder, const char *name)
{
	struct logfile *f = mu_calloc(1, sizeof *f);

	if (f == NULL)
		return NULL;
	f->fd = -1;
	f->name = mu_strdup(name);
	f->path = mu_asprintf("%s/%s.log", folder, name);
	mu_buf_init(&f->buf, LOGFILE_BUFFER);
	if (f->name == NULL || f->path == NULL) {
		mu_free(f->name);
		mu_free(f->path);
		mu_free(f);
		return NULL;
	}
	return f;
}

/* --- trouble ----------------------------------------------------------- */

static void
begin_trouble(struct logfile *f, int error, uint64_t now)
{
	if (!f->trouble) {
		errno = error;
		log_warn("%s: cannot write", f->path);
	}
	f->trouble = true;
	f->retry = now + RETRY_NS;
}

static void
end_trouble(struct logfile *f)
{
	if (!f->trouble)
		return;
	if (f->episode == 0)
		log_info("%s: writing again, nothing is lost", f->path);
	else
		log_warnx("%s: writing again, %" PRIu64 " line%s lost", f->path,
		    f->episode, f->episode == 1 ? "" : "s");
	f->trouble = false;
	f->episode = 0;
	f->retry = 0;
}

/* --- what is there already --------------------------------------------- */

static bool
has_our_fields(struct logfile *f)
{
	struct mu_buf ours;
	char head[HEAD_BYTES + 1];
	ssize_t n = pread(f->fd, head, HEAD_BYTES, 0);
	char *theirs, *mine, *end;
	bool same = false;

	if (n <= 0)
		return false;
	head[n] = '\0';
	mu_buf_init(&ours, 0);
	records_header(&ours, f->name, 0);
	mu_buf_u8(&ours, 0);
	theirs = strstr(head, "\n#fields\t");
	if (mu_buf_error(&ours) == 0 && theirs != NULL) {
		mine = strstr((char *)mu_buf_data(&ours), "\n#fields\t");
		end = mine == NULL ? NULL : strchr(mine + 1, '\n');
		same = end != NULL &&
		       strncmp(mine, theirs, (size_t)(end - mine) + 1) == 0;
	}
	mu_buf_clear(&ours);
	return same;
}

/* What the end of the file needs before our next line. */
static void
look_at_end(const struct logfile *f, off_t size, bool *torn, bool *closed)
{
	char tail[TAIL_BYTES + 1];
	off_t from = size > TAIL_BYTES ? size - TAIL_BYTES : 0;
	ssize_t n = pread(f->fd, tail, TAIL_BYTES, from);
	char *line;

	*torn = false;
	*closed = true;
	if (n <= 0)
		return;
	tail[n] = '\0';
	*torn = tail[n - 1] != '\n';
	if (!*torn)
		tail[n - 1] = '\0';
	line = strrchr(tail, '\n');
	line = line == NULL ? tail : line + 1;
	*closed = strncmp(line, "#close\t", 7) == 0;
}

/* What has to be in front of the waiting lines; 0 or -1 with errno. */
static int
put_head(struct logfile *f, int64_t wall)
{
	struct mu_buf head;
	struct stat st;
	bool torn = false, closed = false;
	ssize_t n;

	if (fstat(f->fd, &st) != 0)
		return -1;
	mu_buf_init(&head, 0);
	if (st.st_size > 0)
		look_at_end(f, st.st_size, &torn, &closed);
	if (torn)
		mu_buf_u8(&head, '\n');
	if (st.st_size == 0 || closed || !has_our_fields(f))
		records_header(&head, f->name, wall);
	if (mu_buf_len(&head) == 0)
		return 0;
	n = mu_buf_error(&head) != 0
		? -1
		: write(f->fd, mu_buf_data(&head), mu_buf_len(&head));
	if (n >= 0 && (size_t)n < mu_buf_len(&head)) {
		/* Half a header is none: begin again when there is room. */
		n = ftruncate(f->fd, st.st_size);
		errno = ENOSPC;
		n = -1;
	}
	mu_buf_clear(&head);
	return n < 0 ? -1 : 0;
}

static int
open_file(struct logfile *f, int64_t wall)
{
	int saved;

	f->fd = open(f->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
	if (f->fd < 0)
		return -1;
	if (put_head(f, wall) == 0)
		return 0;
	saved = errno;
	close(f->fd);
	f->fd = -1;
	errno = saved;
	return -1;
}

/* --- lines ------------------------------------------------------------- */

struct mu_buf *
logfile_line(struct logfile *f)
{
	f->mark = mu_buf_len(&f->buf);
	return &f->buf;
}

void
logfile_commit(struct logfile *f)
{
	if (mu_buf_error(&f->buf) == 0)
		return;
	/* It did not fit: take back what of it did. */
	f->buf.error = 0;
	mu_buf_truncate(&f->buf, f->mark);
	f->lost++;
	f->episode++;
	if (!f->trouble) {
		log_warnx("%s: lines come faster than they can be written, "
			  "some are lost",
		    f->path);
		f->trouble = true;
	}
}

void
logfile_flush(struct logfile *f, int64_t wall, uint64_t now)
{
	if (mu_buf_len(&f->buf) == 0 || now < f->retry)
		return;
	if (f->fd < 0 && open_file(f, wall) != 0) {
		begin_trouble(f, errno, now);
		return;
	}
	while (mu_buf_len(&f->buf) > 0) {
		ssize_t n =
		    write(f->fd, mu_buf_data(&f->buf), mu_buf_len(&f->buf));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			begin_trouble(f, errno, now);
			return;
		}
		mu_buf_consume(&f->buf, (size_t)n);
	}
	end_trouble(f);
}

uint64_t
logfile_deadline(const struct logfile *f)
{
	return mu_buf_len(&f->buf) == 0 ? UINT64_MAX : f->retry;
}

static void
write_close(struct logfile *f, int64_t wall)
{
	struct mu_buf b;

	mu_buf_init(&b, 0);
	records_close(&b, wall);
	if (mu_buf_error(&b) == 0 &&
	    write(f->fd, mu_buf_data(&b), mu_buf_len(&b)) < 0)
		log_warn("%s: cannot write its last line", f->path);
	mu_buf_clear(&b);
}

void
logfile_reopen(struct logfile *f, int64_t wall)
{
	struct stat there, ours;

	f->retry = 0;
	if (f->fd < 0)
		return;
	if (stat(f->path, &there) == 0 && fstat(f->fd, &ours) == 0 &&
	    there.st_dev == ours.st_dev && there.st_ino == ours.st_ino)
		return;
	logfile_flush(f, wall, 0);
	write_close(f, wall);
	close(f->fd);
	f->fd = -1;
}

void
logfile_free(struct logfile *f, int64_t wall)
{
	if (f == NULL)
		return;
	logfile_flush(f, wall, UINT64_MAX);
	if (f->fd >= 0) {
		if (mu_buf_len(&f->buf) == 0)
			write_close(f, wall);
		close(f->fd);
	}
	if (f->lost > 0)
		log_warnx("%s: %" PRIu64 " line%s lost", f->path, f->lost,
		    f->lost == 1 ? "" : "s");
	mu_buf_clear(&f->buf);
	mu_free(f->name);
	mu_free(f->path);
	mu_free(f);
}

uint64_t
logfile_lost(const struct logfile *f)
{
	return f->lost;
}
