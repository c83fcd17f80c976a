/* Exit statuses of musterd and musterctl; the numbers of sysexits.h where
 * one fits.  Documented in EXIT STATUS of both manuals. */
#ifndef SYS_EXIT_H
#define SYS_EXIT_H

#define EXIT_OK 0
#define EXIT_FALSE 1    /* musterctl: the answer is no (degraded, no key) */
#define EXIT_FAILED 2   /* musterctl: unreachable, refused, timed out */
#define EXIT_USAGE 64   /* wrong command line */
#define EXIT_NOINPUT 66 /* a file cannot be read (key, certificate) */
#define EXIT_CANTCREAT 73 /* state directory, socket, lock */
#define EXIT_TEMPFAIL 75  /* a second daemon with the same name is running */
#define EXIT_NOPERM 77    /* privileges cannot be dropped */
#define EXIT_CONFIG 78    /* the layout has mistakes, or no such node in it */

#endif
