/*
 * Errors of the whole project: functions return 0 or one of these negative
 * numbers.  The list is append-only: numbers are part of the library's ABI.
 */
#ifndef MUSTER_ERR_H
#define MUSTER_ERR_H

enum muster_err {
	MUSTER_OK = 0,
	MUSTER_ENOMEM = -1,    /* out of memory */
	MUSTER_EPROTO = -2,    /* input violates its format or protocol */
	MUSTER_ELIMIT = -3,    /* a stated limit was reached */
	MUSTER_EINVAL = -4,    /* an argument makes no sense */
	MUSTER_ETYPE = -5,     /* the value has another type */
	MUSTER_EEXIST = -6,    /* exists already (duplicate element, name) */
	MUSTER_ENOENT = -7,    /* no such thing */
	MUSTER_ESYS = -8,      /* a system call failed; see errno */
	MUSTER_ETIMEOUT = -9,  /* the time allowed is over */
	MUSTER_ECLOSED = -10,  /* the other side is gone */
	MUSTER_EPERM = -11,    /* not permitted */
	MUSTER_EVERSION = -12, /* no common protocol version */
	MUSTER_ETLS = -13,     /* TLS or certificate failure */
	MUSTER_EAGAIN = -14,   /* more input is needed, or try later */
	MUSTER_ECONFIG = -15   /* the layout has mistakes */
};

/*
 * The text of an error, lower case, without a full stop.
 *
 * err  a value of enum muster_err; others give "unknown error"
 *
 * Returns a static string, never NULL.
 */
const char *muster_strerror(int err);

#endif
