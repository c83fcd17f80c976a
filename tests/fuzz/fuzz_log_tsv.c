/* The reader of TSV log files; see fuzz_log_lines.h. */
#define FORM MU_LOG_FORM_TSV
#include "fuzz_log_lines.h"
