/* The keys of "logs"; see fields.h.  Nothing of it must be the same on all
 * nodes: each logger reads its own file. */
#include "layout/fields.h"

#include "layout/layout.h"
#include "layout/units.h"

#define LOGS(m) offsetof(struct mu_logs, m)

/* clang-format off */
const struct mu_word mu_words_format[] = {
	{ "tsv",  MU_LOGS_TSV },
	{ "json", MU_LOGS_JSON },
	{ NULL, 0 }
};

static const struct mu_word time_words[] = {
	{ "epoch",           MU_LOGS_EPOCH },
	{ "millis",          MU_LOGS_MILLIS },
	{ "millis_unsigned", MU_LOGS_MILLIS_UNSIGNED },
	{ "iso8601",         MU_LOGS_ISO8601 },
	{ NULL, 0 }
};

static const struct mu_word compress_words[] = {
	{ "none", MU_LOGS_PLAIN },
	{ "gzip", MU_LOGS_GZIP },
	{ "zstd", MU_LOGS_ZSTD },
	{ NULL, 0 }
};

static const struct mu_word naming_words[] = {
	{ "zeek",     MU_LOGS_ZEEK },
	{ "archiver", MU_LOGS_ARCHIVER },
	{ NULL, 0 }
};

static const struct mu_word never_words[] = { { "never", 0 }, { NULL, 0 } };
static const struct mu_word forever_words[] = {
	{ "forever", 0 }, { NULL, 0 }
};

static const struct mu_word full_words[] = {
	{ "refuse",      MU_LOGS_REFUSE },
	{ "drop_oldest", MU_LOGS_DROP_OLDEST },
	{ NULL, 0 }
};

static const struct mu_field logs_fields[] = {
	{ "directory", MU_KIND_DIRECTORY, MU_FIELD_FIXED, LOGS(directory),
	  .about = "where records are written, in one folder per logger; "
	  "default: logs in the folder of directories.log" },
	{ "format", MU_KIND_CHOICE, 0, LOGS(format),
	  .fallback = "tsv", .words = mu_words_format,
	  .about = "of files, unless a stream's own configuration says so" },
	{ "json_timestamps", MU_KIND_CHOICE, 0, LOGS(json_time),
	  .fallback = "epoch", .words = time_words,
	  .about = "how JSON shows times" },
	{ "json_unset_fields", MU_KIND_BOOL, 0, LOGS(json_unset),
	  .fallback = "false", .about = "JSON shows unset fields as null" },
	{ "rotate", MU_KIND_DURATION, 0, LOGS(rotate_ns),
	  .fallback = "1 h", .words = never_words,
	  .min = SEC, .max = 366 * DAY,
	  .about = "a new file at each multiple of it after rotate_base" },
	{ "rotate_base", MU_KIND_DURATION, 0, LOGS(rotate_base_ns),
	  .fallback = "0", .min = 0, .max = DAY,
	  .about = "time after local midnight from which rotations count" },
	{ "rotate_size", MU_KIND_SIZE, 0, LOGS(rotate_bytes),
	  .fallback = "none", .words = mu_words_none,
	  .min = 4 * KiB, .max = 16 * TiB,
	  .about = "a new file beyond this size, too" },
	{ "rotated", MU_KIND_DIRECTORY, MU_FIELD_FIXED, LOGS(rotated),
	  .about = "where rotated files go, in one folder per logger; "
	  "default: they stay in the directory" },
	{ "naming", MU_KIND_CHOICE, 0, LOGS(naming),
	  .fallback = "zeek", .words = naming_words,
	  .about = "how rotated files are named" },
	{ "compress", MU_KIND_CHOICE, 0, LOGS(compress),
	  .fallback = "none", .words = compress_words,
	  .about = "what is done with rotated files" },
	{ "postprocessor", MU_KIND_PATH, 0, LOGS(postprocessor),
	  .about = "program that is run for each rotated file" },
	{ "postprocessor_time", MU_KIND_DURATION, 0, LOGS(postprocessor_ns),
	  .fallback = "10 min", .min = SEC, .max = DAY,
	  .about = "how long the postprocessor may run" },
	{ "postprocessors", MU_KIND_COUNT, 0, LOGS(postprocessors),
	  .fallback = "4", .min = 1, .max = 64,
	  .about = "how many of them run at once" },
	{ "flush", MU_KIND_DURATION, 0, LOGS(flush_ns),
	  .fallback = "1 s", .min = 10 * MS, .max = MIN,
	  .about = "records are in the file within that time" },
	{ "sync", MU_KIND_BOOL, 0, LOGS(sync),
	  .fallback = "true",
	  .about = "records of Muster nodes are acknowledged when they would "
	  "survive a power cut; else when they survive the daemon" },
	{ "keep", MU_KIND_DURATION, 0, LOGS(keep_ns),
	  .fallback = "forever", .words = forever_words,
	  .min = MIN, .max = 36500 * DAY,
	  .about = "age at which rotated files are removed" },
	{ "keep_size", MU_KIND_SIZE, 0, LOGS(keep_bytes),
	  .fallback = "none", .words = mu_words_none,
	  .min = 64 * KiB, .max = 16 * 1024 * TiB,
	  .about = "size of all rotated files beyond which the oldest are "
	  "removed" },
	{ "buffer", MU_KIND_SIZE, 0, LOGS(buffer_bytes),
	  .fallback = "64 MiB", .min = MiB, .max = 64 * GiB,
	  .about = "records that wait for the disk" },
	{ "files", MU_KIND_COUNT, 0, LOGS(files),
	  .fallback = "1000", .min = 1, .max = 100000,
	  .about = "files open at once" },
	{ "local", MU_KIND_BOOL, 0, LOGS(local),
	  .fallback = "true",
	  .about = "every node writes its cluster.log and broker.log itself, "
	  "too" },
	{ "remote", MU_KIND_BOOL, MU_FIELD_FIXED, LOGS(remote),
	  .fallback = "true",
	  .about = "nodes send records to the loggers" },
	{ "spool", MU_KIND_SIZE, MU_FIELD_FIXED, LOGS(spool_bytes),
	  .fallback = "1 GiB", .min = 64 * KiB, .max = TiB,
	  .about = "records of a node that no logger has taken yet" },
	{ "spool_full", MU_KIND_CHOICE, 0, LOGS(when_full),
	  .fallback = "refuse", .words = full_words,
	  .about = "what happens to records at that limit" },
	{ "failover", MU_KIND_DURATION, 0, LOGS(failover_ns),
	  .fallback = "5 min", .min = SEC, .max = 366 * DAY,
	  .about = "another logger gets what was sent to one and not answered "
	  "when that one was away so long" },
	{ "batch_records", MU_KIND_COUNT, 0, LOGS(batch_records),
	  .fallback = "400", .min = 1, .max = 100000,
	  .about = "records of a stream that are sent together" },
	{ "batch_interval", MU_KIND_DURATION, 0, LOGS(batch_ns),
	  .fallback = "1 s", .min = MS, .max = MIN,
	  .about = "records are sent after this time at the latest" },
};

const struct mu_section mu_fields_logs = {
	"logs", logs_fields, sizeof logs_fields / sizeof logs_fields[0]
};
/* clang-format on */
