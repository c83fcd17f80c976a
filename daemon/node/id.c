/* Numbers nobody can guess; see id.h. */
#include "node/id.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/uuid.h"
#include "muster/err.h"
#include "sys/file.h"

#define MOST_BYTES 256 /* of the file; more is not ours */

static int
fill(void *p, size_t len)
{
	uint8_t *at = p;

	while (len > 0) {
		ssize_t n = getrandom(at, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return MUSTER_ESYS;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int
id_random(struct mu_uuid *id)
{
	uint8_t bytes[16];

	if (fill(bytes, sizeof bytes) != 0)
		return MUSTER_ESYS;
	mu_uuid_from_random(id, bytes);
	return 0;
}

int
id_seed(uint64_t *seed)
{
	return fill(seed, sizeof *seed);
}

/* 0, MUSTER_ENOENT, or as id_keep. */
static int
read_id(const char *path, struct mu_uuid *id, char *err, size_t err_size)
{
	char *text = NULL;
	size_t len;
	int rc;

	errno = 0;
	rc = file_read_all(path, MOST_BYTES, &text, &len);
	if (rc == MUSTER_ESYS && errno == ENOENT)
		return MUSTER_ENOENT;
	if (rc == MUSTER_ESYS)
		snprintf(err, err_size, "%s: %s", path, strerror(errno));
	else if (rc == MUSTER_ENOMEM)
		snprintf(err, err_size, "%s: out of memory", path);
	if (rc == MUSTER_ESYS || rc == MUSTER_ENOMEM)
		return rc;
	if (rc == 0)
		text[strcspn(text, "\n")] = '\0';
	if (rc != 0 || mu_uuid_parse(id, text) != 0 || mu_uuid_is_nil(id)) {
		snprintf(err, err_size, "%s: is no endpoint id", path);
		rc = MUSTER_EPROTO;
	}
	mu_free(text);
	return rc;
}

static int
make_id(const char *path, struct mu_uuid *id, char *err, size_t err_size)
{
	char text[MU_UUID_TEXT + 1];
	int rc = id_random(id);

	if (rc == 0) {
		mu_uuid_format(id, text);
		strcat(text, "\n");
		errno = 0;
		rc = mu_file_write(path, text, strlen(text), 0600, true);
	}
	if (rc != 0)
		snprintf(err, err_size, "%s: %s", path,
		    rc == MUSTER_ESYS ? strerror(errno) : muster_strerror(rc));
	return rc;
}

int
id_keep(const char *folder, struct mu_uuid *id, char *err, size_t err_size)
{
	char *path = mu_asprintf("%s/endpoint-id", folder);
	int rc;

	if (path == NULL) {
		snprintf(err, err_size, "out of memory");
		return MUSTER_ENOMEM;
	}
	rc = read_id(path, id, err, err_size);
	if (rc == MUSTER_ENOENT)
		rc = make_id(path, id, err, err_size);
	mu_free(path);
	return rc;
}
