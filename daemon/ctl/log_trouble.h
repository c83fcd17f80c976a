/* What "status" says about records on their way from a node. */
#ifndef CTL_LOG_TROUBLE_H
#define CTL_LOG_TROUBLE_H

#include <jansson.h>

/* The member "logs" of the answer: a line for each thing that is wrong. */
void print_log_trouble(const json_t *logs);

#endif
