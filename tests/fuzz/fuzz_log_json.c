/* The reader of JSON log files; see fuzz_log_lines.h. */
#define FORM MU_LOG_FORM_JSON
#include "fuzz_log_lines.h"
