/*
 * What a process needs before anything else, and what it asks of the signals
 * that arrive before somebody listens to them.
 */
#ifndef SYS_PROCESS_H
#define SYS_PROCESS_H

/*
 * Descriptors 0 to 2 exist from here on: a program that was started without
 * them would get its lock or a peer as standard error.  Signals that mean
 * something only to a running node (SIGHUP, SIGUSR1) wait until
 * process_hear.  To be called first; -1 with errno when /dev/null cannot be
 * opened.
 */
int process_init(void);

/* Handlers are there: deliver what waited. */
void process_hear(void);

#endif
