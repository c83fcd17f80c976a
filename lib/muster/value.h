/*
 * Values of the Broker data model (reference "broker-protocol", section 4).
 *
 * A value is a counted object.  Scalars never change.  Containers are built by
 * one owner (append, insert, put) and must not be changed any more once a
 * second reference exists; the builders refuse that with MUSTER_EPERM.
 *
 * Constructors return NULL only when memory is out, so they may be nested: the
 * builders accept NULL for an element, free what they were given and return
 * MUSTER_ENOMEM.  No function here is thread-safe for values that are shared.
 */
#ifndef MUSTER_VALUE_H
#define MUSTER_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The numbers are those of the wire. */
enum muster_type {
	MUSTER_NONE = 0,
	MUSTER_BOOLEAN = 1,
	MUSTER_COUNT = 2,
	MUSTER_INTEGER = 3,
	MUSTER_REAL = 4,
	MUSTER_STRING = 5,
	MUSTER_ADDRESS = 6,
	MUSTER_SUBNET = 7,
	MUSTER_PORT = 8,
	MUSTER_TIMESTAMP = 9,
	MUSTER_TIMESPAN = 10,
	MUSTER_ENUM = 11,
	MUSTER_SET = 12,
	MUSTER_TABLE = 13,
	MUSTER_VECTOR = 14
};
#define MUSTER_NTYPES 15

/* Nesting accepted by every decoder; deeper input is MUSTER_ELIMIT. */
#define MUSTER_MAX_DEPTH 100

enum muster_proto {
	MUSTER_PROTO_UNKNOWN = 0,
	MUSTER_PROTO_TCP = 1,
	MUSTER_PROTO_UDP = 2,
	MUSTER_PROTO_ICMP = 3
};

struct muster_value;

/* Count one more owner (v may be NULL); returns v. */
struct muster_value *muster_value_ref(const struct muster_value *v);
/* Give up one reference; NULL is fine. */
void muster_value_unref(struct muster_value *v);

enum muster_type muster_value_type(const struct muster_value *v);

/* The name in the JSON form: "count", "enum-value", ...; NULL when unknown. */
const char *muster_type_name(enum muster_type type);
/* The type of that name, or -1. */
int muster_type_from_name(const char *name);

/* --- constructors: return owned -------------------------------------- */

struct muster_value *muster_value_none(void);
struct muster_value *muster_value_boolean(bool v);
struct muster_value *muster_value_count(uint64_t v);
struct muster_value *muster_value_integer(int64_t v);
/* Denormals become zero of their sign: the binary form has none. */
struct muster_value *muster_value_real(double v);
/* [len] bytes of any content, copied. */
struct muster_value *muster_value_string(const char *s, size_t len);
struct muster_value *muster_value_cstring(const char *s);
struct muster_value *muster_value_enum(const char *s, size_t len);
/* 16 bytes in network order, IPv4 as ::ffff:a.b.c.d. */
struct muster_value *muster_value_address(const uint8_t addr[16]);
/* width in 128-bit terms (IPv4 /n is 96 + n), at most 128; host bits are
 * cleared.  A larger width gives ::/0, as Broker does. */
struct muster_value *muster_value_subnet(const uint8_t addr[16],
    unsigned width);
struct muster_value *muster_value_port(uint16_t number,
    enum muster_proto proto);
/* Nanoseconds since 1970-01-01 UTC; nanoseconds. */
struct muster_value *muster_value_timestamp(int64_t ns);
struct muster_value *muster_value_timespan(int64_t ns);
struct muster_value *muster_value_vector(void);
struct muster_value *muster_value_set(void);
struct muster_value *muster_value_table(void);

/*
 * Builders.  They take the elements (also on failure).
 * 0; MUSTER_ENOMEM; MUSTER_ETYPE when v is no such container; MUSTER_EPERM
 * when v is shared, or is or was an element of another container;
 * MUSTER_EEXIST for a duplicate set element (the set is unchanged; put
 * replaces the value of a key instead); MUSTER_ELIMIT when e is nested
 * MUSTER_MAX_DEPTH deep already; MUSTER_EINVAL when e is v itself.
 */
int muster_value_append(struct muster_value *vector, struct muster_value *e);
int muster_value_insert(struct muster_value *set, struct muster_value *e);
int muster_value_put(struct muster_value *table, struct muster_value *key,
    struct muster_value *v);

/* --- accessors: of the wrong type they give 0, false, NULL ------------ */

bool muster_value_get_boolean(const struct muster_value *v);
uint64_t muster_value_get_count(const struct muster_value *v);
int64_t muster_value_get_integer(const struct muster_value *v);
double muster_value_get_real(const struct muster_value *v);
/* Bytes of a string or enum, borrowed, NUL-terminated beyond *len. */
const char *muster_value_get_string(const struct muster_value *v, size_t *len);
/* Address of an address or subnet: 16 bytes, borrowed. */
const uint8_t *muster_value_get_address(const struct muster_value *v);
unsigned muster_value_get_width(const struct muster_value *v);
uint16_t muster_value_get_port(const struct muster_value *v,
    enum muster_proto *proto);
/* Nanoseconds of a timestamp or timespan. */
int64_t muster_value_get_ns(const struct muster_value *v);

/* Number of elements of a container (pairs of a table); 0 for others. */
size_t muster_value_size(const struct muster_value *v);
/* Element i, borrowed: of a vector by position, of a set in order; of a table
 * the key.  NULL out of range. */
const struct muster_value *muster_value_at(const struct muster_value *v,
    size_t i);
/* Value of pair i of a table, borrowed. */
const struct muster_value *muster_value_at_value(const struct muster_value *v,
    size_t i);
/* Value of that key, borrowed, or NULL; is e an element of the set? */
const struct muster_value *muster_value_lookup(const struct muster_value *table,
    const struct muster_value *key);
bool muster_value_contains(const struct muster_value *set,
    const struct muster_value *e);

/* Total order of Broker (section 4.2): negative, 0, positive. */
int muster_value_cmp(const struct muster_value *a,
    const struct muster_value *b);

/* --- forms: all return 0 or an error; *out is owned by the caller ------- */

/* Binary: tag and content.  dec needs the whole buffer to be one value;
 * MUSTER_EPROTO (also for duplicates in sets and tables), MUSTER_ELIMIT for
 * nesting, MUSTER_ENOMEM.  What enc gives is freed with free(). */
int muster_value_enc(const struct muster_value *v, uint8_t **out, size_t *len);
int muster_value_dec(const uint8_t *buf, size_t len, struct muster_value **out);

/*
 * Broker's JSON form, {"@data-type":...,"data":...}.  Valid JSON always: what
 * Broker prints as invalid JSON (infinities, control bytes, broken UTF-8) is
 * replaced as listed in muster-protocol(7).  from_json: MUSTER_EPROTO for what
 * is no JSON, MUSTER_ETYPE where type and data do not fit, MUSTER_EEXIST for
 * duplicates, MUSTER_ELIMIT for nesting.
 */
int muster_value_to_json(const struct muster_value *v, char **out);
int muster_value_from_json(const char *text, size_t len,
    struct muster_value **out);

/* Broker's text form (section 4.4); may contain any bytes, also NUL. */
int muster_value_to_text(const struct muster_value *v, char **out,
    size_t *len);

/*
 * Short text of the command line: "type:value" with the JSON type names
 * ("count:9", "port:53/udp", "string:x"), or a bare word guessed in Zeek's
 * syntax ("10.0.0.0/8", "80/tcp", "5min", "T", "3.5", "9"), else a string;
 * text that begins with '{' or '[' is JSON.  Of sets, tables and vectors the
 * value in "type:value" is the JSON of the data alone ("vector:[]").
 * MUSTER_EINVAL for what is no value of the type named, MUSTER_ELIMIT for
 * numbers out of range; JSON as from_json.
 */
int muster_value_from_text(const char *text, struct muster_value **out);

#endif
