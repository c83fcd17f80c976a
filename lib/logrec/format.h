/*
 * How lines of a log look: the settings of Zeek's ASCII writer, from defaults
 * and from the config table of a stream (reference "cluster-semantics", 4.6).
 */
#ifndef MU_LOGREC_FORMAT_H
#define MU_LOGREC_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "logrec/stream.h"

#define MU_LOG_MARKER 64 /* most bytes of a separator or marker */

struct mu_log_marker {
	char text[MU_LOG_MARKER + 1]; /* NUL-terminated, may hold no NUL */
	size_t len;
};

enum mu_log_json_time {
	MU_LOG_JSON_EPOCH = 0, /* seconds as a number */
	MU_LOG_JSON_MILLIS,
	MU_LOG_JSON_MILLIS_UNSIGNED,
	MU_LOG_JSON_ISO8601
};

struct mu_log_format {
	bool json;       /* use_json */
	bool tsv;        /* column names alone as header, no close line */
	bool utf8;       /* enable_utf_8 */
	bool meta;       /* include_meta: header and close line */
	bool json_unset; /* json_include_unset_fields */
	bool to_stdout;  /* output_to_stdout: for the owner of the file */
	enum mu_log_json_time json_time; /* json_timestamps */
	int gzip_level; /* 0: none, to 9; for the owner of the file */
	struct mu_log_marker separator;      /* of fields, never empty */
	struct mu_log_marker set_separator;  /* of elements, never empty */
	struct mu_log_marker empty;          /* empty_field */
	struct mu_log_marker unset;          /* unset_field */
	struct mu_log_marker meta_prefix;    /* of header lines */
	struct mu_log_marker gzip_extension; /* gzip_file_extension: "gz" */
};

/* Zeek's defaults: TSV. */
void mu_log_format_init(struct mu_log_format *f);

/* One setting by its name in Zeek.  0; ENOENT: no such setting, nothing
 * changed; EINVAL, ELIMIT: a bad value (why names key and value). */
int mu_log_format_set(struct mu_log_format *f, const char *key,
    const char *value, struct mu_log_why *why);

/* The settings in a stream's config table; unknown ones are ignored, as Zeek
 * does; the first bad one is the error. */
int mu_log_format_apply(struct mu_log_format *f, const struct mu_log_stream *s,
    struct mu_log_why *why);

/* Set a marker from text; EINVAL when longer than MU_LOG_MARKER. */
int mu_log_marker_set(struct mu_log_marker *m, const char *text, size_t len);

#endif
