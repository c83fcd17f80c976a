/* The part of "logs" about files that a node follows. */
#ifndef CTL_LOGS_INPUTS_H
#define CTL_LOGS_INPUTS_H

#include <jansson.h>

/* The member "inputs" of what a node sends, as a table; NULL or empty:
 * nothing. */
void print_log_inputs(const json_t *inputs);

#endif
