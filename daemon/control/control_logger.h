/*
 * A logger in the control protocol: what it says about itself
 * (control_logger.c), and sessions that follow what it writes (control_tail.c).
 */
#ifndef CONTROL_CONTROL_LOGGER_H
#define CONTROL_CONTROL_LOGGER_H

#include <stdbool.h>

struct control;
struct control_args;
struct control_session;
struct logger_report;

/* What a node that is a logger must answer. */
struct control_logger {
	void (*report)(void *ctx, struct logger_report *out);
	/* Somebody, or nobody, follows records from now on. */
	void (*tail)(void *ctx, bool on);
	void *ctx;
};

void control_on_logs(struct control_session *s, const struct control_args *a);
void control_on_log_tail(
    struct control_session *s, const struct control_args *a);
/* The members "logger_error" and "logger_journal" of the answer to "status", if
 * there is trouble, and if the journal was damaged. */
struct mu_buf;
void control_put_logger_trouble(const struct control *c, struct mu_buf *b);
/* The session ends. */
void control_tail_end(struct control_session *s);

#endif
