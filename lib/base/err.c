/* One text per error code; see lib/muster/err.h for the list. */
#include "muster/err.h"

#include <stddef.h>

#include "base/export.h"

static const char *const texts[] = {
	[-MUSTER_OK] = "no error",
	[-MUSTER_ENOMEM] = "out of memory",
	[-MUSTER_EPROTO] = "malformed input",
	[-MUSTER_ELIMIT] = "limit reached",
	[-MUSTER_EINVAL] = "invalid argument",
	[-MUSTER_ETYPE] = "type clash",
	[-MUSTER_EEXIST] = "exists already",
	[-MUSTER_ENOENT] = "not found",
	[-MUSTER_ESYS] = "system call failed",
	[-MUSTER_ETIMEOUT] = "timed out",
	[-MUSTER_ECLOSED] = "connection closed",
	[-MUSTER_EPERM] = "not permitted",
	[-MUSTER_EVERSION] = "no common protocol version",
	[-MUSTER_ETLS] = "tls failure",
	[-MUSTER_EAGAIN] = "not ready",
	[-MUSTER_ECONFIG] = "the layout has mistakes",
};

MU_EXPORT const char *
muster_strerror(int err)
{
	size_t i = err <= 0 && err > -1000 ? (size_t)-err : sizeof texts;

	if (i >= sizeof texts / sizeof texts[0])
		return "unknown error";
	return texts[i];
}
