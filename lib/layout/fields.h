/*
 * The layout's format as tables: each key with its kind, its place in the
 * structs, default, permitted range and one line of text.  The reader, the
 * defaults, the differences shown by a reload and the JSON Schema all come
 * from these rows, so they cannot drift apart.
 */
#ifndef MU_LAYOUT_FIELDS_H
#define MU_LAYOUT_FIELDS_H

#include <stddef.h>
#include <stdint.h>

enum mu_kind {
	MU_KIND_NAME = 0,  /* char *: letters, digits, . _ - */
	MU_KIND_TEXT,      /* char *: any short text (user, group) */
	MU_KIND_HOST,      /* char *: host name or address */
	MU_KIND_ADDRESS,   /* char *: IPv4 or IPv6 address */
	MU_KIND_PORT,      /* uint16_t */
	MU_KIND_BOOL,      /* bool */
	MU_KIND_COUNT,     /* uint64_t */
	MU_KIND_SIZE,      /* uint64_t, bytes */
	MU_KIND_DURATION,  /* int64_t, nanoseconds */
	MU_KIND_CHOICE,    /* an enum: one of words */
	MU_KIND_WORD,      /* char *: one of words */
	MU_KIND_PATH,      /* char *: may hold {node} */
	MU_KIND_DIRECTORY, /* char *: absolute path */
	MU_KIND_TOPIC,     /* char * */
	MU_KIND_TOPICS,    /* char ** and its count at aside */
	MU_KIND_NAMES,     /* the same, of names with ranges */
	MU_KIND_SECTION,   /* mapping of section, at offset; or one of words,
			      an enum at aside */
	MU_KIND_NODES,     /* mapping of node names to rows */
	MU_KIND_STORES,    /* mapping of store names to stores */
	MU_KIND_EVENT,     /* char *: name of an event, * at its end */
	MU_KIND_ARGV,      /* char ** and its count at aside, any text */
	MU_KIND_ROWS,      /* list of mappings of section: an array of structs
			      and its count at aside */
	MU_KIND_POOLS,     /* mapping of pool names to pools */
	MU_KIND_IDENTIFIERS, /* mapping of names to values */
	MU_KIND_WEIGHTS,   /* mapping of node names to numbers: structs and
			      their count at aside */
	MU_KIND_REFUSED    /* known, but not to be used: about says why */
};

enum mu_field_flags {
	MU_FIELD_REQUIRED = 1,
	MU_FIELD_RANGED = 2, /* [1-4] in the text counts with the name's */
	MU_FIELD_FIXED = 4,  /* a reload cannot change it */
	MU_FIELD_MANAGER = 8 /* that of the manager cannot */
};

/* A word of a choice and what it is in the struct. */
struct mu_word {
	const char *word;
	unsigned value;
};

/* Those that several tables use. */
extern const struct mu_word mu_words_none[];   /* "none" */
extern const struct mu_word mu_words_format[]; /* of log files */

struct mu_section;

struct mu_field {
	const char *key;
	enum mu_kind kind;
	unsigned flags;              /* enum mu_field_flags */
	size_t offset;               /* in the section's struct */
	size_t aside;                /* of the count or the section's word */
	const char *fallback;        /* text of the default, or NULL */
	int64_t min, max;            /* of counts, bytes and nanoseconds */
	const struct mu_word *words; /* up to one without a word; of durations
					and names: in place of them */
	const struct mu_section *section;
	const char *about; /* one line, for the schema */
};

struct mu_section {
	const char *name; /* subject of its mistakes; NULL: the key itself */
	const struct mu_field *fields;
	size_t nfields;
	/* of rows: */
	size_t size;      /* of the struct */
	size_t place;     /* offset of its struct mu_place */
	const char *word; /* key that a plain word is the value of, or NULL */
};

/* The whole file (struct mu_layout), one node (struct mu_layout_node), one
 * store (struct mu_layout_store). */
extern const struct mu_section mu_fields_top;
extern const struct mu_section mu_fields_node;
extern const struct mu_section mu_fields_store;
/* One row of each kind of rule; struct mu_layout_subscription and so on. */
extern const struct mu_section mu_fields_subscription;
extern const struct mu_section mu_fields_relay;
extern const struct mu_section mu_fields_access;
extern const struct mu_section mu_fields_auto;
extern const struct mu_section mu_fields_handler;
/* One followed file (struct mu_layout_input). */
extern const struct mu_section mu_fields_input;
/* One pool (struct mu_layout_pool). */
extern const struct mu_section mu_fields_pool;

/* Part of the whole file: what loggers do (struct mu_logs). */
extern const struct mu_section mu_fields_logs;

/* The row of that key, or NULL. */
const struct mu_field *mu_fields_find(
    const struct mu_section *s, const char *key);

/* The key nearest to a misspelt one, or NULL. */
const char *mu_fields_nearest(const struct mu_section *s, const char *key);

/* The place of a field of the struct at base. */
static inline void *
mu_field_at(const struct mu_field *f, void *base)
{
	return (char *)base + f->offset;
}

static inline const void *
mu_field_peek(const struct mu_field *f, const void *base)
{
	return (const char *)base + f->offset;
}

#endif
