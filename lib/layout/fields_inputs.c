/* The table of "inputs", files of records that nodes follow; see fields.h. */
#include "layout/fields.h"

#include "layout/layout.h"
#include "layout/units.h"

#define INPUT(m) offsetof(struct mu_layout_input, m)

/* clang-format off */
static const struct mu_word start_words[] = {
	{ "beginning", MU_INPUT_BEGINNING },
	{ "end",       MU_INPUT_END },
	{ NULL, 0 }
};

static const struct mu_field input_fields[] = {
	{ "file", MU_KIND_PATH, MU_FIELD_REQUIRED, INPUT(file),
	  .about = "that is followed, through rotation and truncation" },
	{ "stream", MU_KIND_EVENT, MU_FIELD_REQUIRED, INPUT(stream),
	  .about = "id of the log stream, such as Conn::LOG" },
	{ "path", MU_KIND_NAME, 0, INPUT(path),
	  .about = "name of the log; default: as Zeek derives it from the "
	  "stream" },
	{ "on", MU_KIND_NAMES, MU_FIELD_REQUIRED, INPUT(on), INPUT(non),
	  .about = "nodes and roles that follow the file, each its own" },
	{ "format", MU_KIND_CHOICE, 0, INPUT(format),
	  .fallback = "tsv", .words = mu_words_format,
	  .about = "of the file" },
	{ "types", MU_KIND_ARGV, 0, INPUT(types), INPUT(ntypes),
	  .about = "columns as name:type; for JSON, and TSV without header" },
	{ "start", MU_KIND_CHOICE, 0, INPUT(start),
	  .fallback = "beginning", .words = start_words,
	  .about = "where a file is begun that was never read before" },
	{ "poll", MU_KIND_DURATION, 0, INPUT(poll_ns),
	  .fallback = "1 s", .min = 50 * MS, .max = HOUR,
	  .about = "how often the file is looked at" },
};

const struct mu_section mu_fields_input = { "inputs", input_fields,
	sizeof input_fields / sizeof input_fields[0],
	sizeof(struct mu_layout_input), INPUT(place), NULL };
/* clang-format on */
