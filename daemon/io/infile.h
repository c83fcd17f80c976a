/* Files that are followed: the hooks of logs/inputs.h over the system's own
 * calls. */
#ifndef IO_INFILE_H
#define IO_INFILE_H

#include "logs/inputs.h"

/* ctx is not used.  Only regular files are opened. */
extern const struct input_hooks infile_hooks;

#endif
