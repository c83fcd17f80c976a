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

#define MOST_BYTES 1024 /* of the file; more is not ours */

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

/* "UUID NODE"; the first versions wrote no node.  0 or MUSTER_EPROTO. */
static int
parse_id(char *line, struct mu_uuid *id, char **node)
{
	line[strcspn(line, "\n")] = '\0';
	*node = strchr(line, ' ');
	if (*node != NULL)
		*(*node)++ = '\0';
	return mu_uuid_parse(id, line) == 0 && !mu_uuid_is_nil(id)
		   ? 0
		   : MUSTER_EPROTO;
}

/* 0, MUSTER_ENOENT, MUSTER_EEXIST: another node's; or as id_keep. */
static int
read_id(const char *path, const char *node, struct mu_uuid *id, char *err,
    size_t err_size)
{
	char *text = NULL, *owner = NULL;
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
	if (rc != 0 || parse_id(text, id, &owner) != 0) {
		snprintf(err, err_size, "%s: is no endpoint id", path);
		rc = MUSTER_EPROTO;
	} else if (owner != NULL && strcmp(owner, node) != 0) {
		snprintf(err, err_size,
		    "%s: it is the id of %.64s, as in a copied folder: %s gets "
		    "one of its own",
		    path, owner, node);
		rc = MUSTER_EEXIST;
	}
	mu_free(text);
	return rc;
}

static int
make_id(const char *path, const char *node, struct mu_uuid *id, char *err,
    size_t err_size)
{
	char uuid[MU_UUID_TEXT + 1], *text = NULL;
	int rc = id_random(id);

	errno = 0;
	if (rc == 0) {
		mu_uuid_format(id, uuid);
		text = mu_asprintf("%s %s\n", uuid, node);
		rc = text == NULL
			 ? MUSTER_ENOMEM
			 : mu_file_write(path, text, strlen(text), 0600, true);
	}
	if (rc != 0)
		snprintf(err, err_size, "%s: %s", path,
		    rc == MUSTER_ESYS ? strerror(errno) : muster_strerror(rc));
	mu_free(text);
	return rc;
}

int
id_keep(const char *folder, const char *node, struct mu_uuid *id, char *text,
    size_t size)
{
	char *path = mu_asprintf("%s/endpoint-id", folder);
	int rc;

	if (path == NULL) {
		snprintf(text, size, "out of memory");
		return MUSTER_ENOMEM;
	}
	text[0] = '\0';
	rc = read_id(path, node, id, text, size);
	if (rc == MUSTER_ENOENT || rc == MUSTER_EEXIST)
		rc = make_id(path, node, id, text, size);
	mu_free(path);
	return rc;
}
