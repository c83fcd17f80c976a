/* The tables of rules: subscriptions, relay, auto_publish, handlers; see
 * fields.h. */
#include "layout/fields.h"

#include "layout/layout.h"
#include "layout/units.h"

#define SUBSCRIPTION(m) offsetof(struct mu_layout_subscription, m)
#define RELAY(m)        offsetof(struct mu_layout_relay, m)
#define ACCESS(m)	offsetof(struct mu_layout_access, m)
#define AUTO(m)         offsetof(struct mu_layout_auto, m)
#define HANDLER(m)      offsetof(struct mu_layout_handler, m)
#define WRITE(m)        offsetof(struct mu_layout_write, m)
#define ROWS(name, fields, type, word)                                         \
	{                                                                      \
		name, fields, sizeof fields / sizeof fields[0],                \
		    sizeof(struct type), offsetof(struct type, place), word    \
	}

#define ON    "nodes and roles it is for; default: everybody"

/* clang-format off */
static const struct mu_word write_words[] = {
	{ "put",               MU_WRITE_PUT },
	{ "put_unique",        MU_WRITE_PUT_UNIQUE },
	{ "erase",             MU_WRITE_ERASE },
	{ "increment",         MU_WRITE_INCREMENT },
	{ "decrement",         MU_WRITE_DECREMENT },
	{ "append",            MU_WRITE_APPEND },
	{ "insert_into_set",   MU_WRITE_INSERT_INTO_SET },
	{ "insert_into_table", MU_WRITE_INSERT_INTO_TABLE },
	{ "remove_from",       MU_WRITE_REMOVE_FROM },
	{ "push",              MU_WRITE_PUSH },
	{ "pop",               MU_WRITE_POP },
	{ NULL, 0 }
};

static const struct mu_field subscription_fields[] = {
	{ "topic", MU_KIND_TOPIC, MU_FIELD_REQUIRED, SUBSCRIPTION(topic),
	  .about = "prefix that is subscribed" },
	{ "on", MU_KIND_NAMES, 0, SUBSCRIPTION(on), SUBSCRIPTION(non),
	  .about = ON },
};

static const struct mu_field relay_fields[] = {
	{ "topic", MU_KIND_TOPIC, MU_FIELD_REQUIRED, RELAY(topic),
	  .about = "events on topics with this prefix are passed on" },
	{ "by", MU_KIND_NAMES, MU_FIELD_REQUIRED, RELAY(by), RELAY(nby),
	  .about = "nodes, roles and pools of which one passes an event on" },
	{ "to", MU_KIND_TOPIC, MU_FIELD_REQUIRED, RELAY(to),
	  .about = "topic on which it is published again" },
};

static const struct mu_field access_fields[] = {
	{ "topic", MU_KIND_TOPIC, MU_FIELD_REQUIRED, ACCESS(topic),
	  .about = "messages on topics with this prefix are taken" },
	{ "by", MU_KIND_NAMES, MU_FIELD_REQUIRED, ACCESS(by), ACCESS(nby),
	  .about = "from these nodes and roles only" },
};

static const struct mu_field auto_fields[] = {
	{ "event", MU_KIND_EVENT, MU_FIELD_REQUIRED, AUTO(event),
	  .about = "name of the event, or its beginning and *" },
	{ "to", MU_KIND_TOPIC, MU_FIELD_REQUIRED, AUTO(to),
	  .about = "topic on which it is published when it is raised here" },
	{ "on", MU_KIND_NAMES, 0, AUTO(on), AUTO(non), .about = ON },
};

static const struct mu_field write_fields[] = {
	{ "name", MU_KIND_TOPIC, 0, WRITE(name), .about = "of the store" },
	{ "op", MU_KIND_CHOICE, 0, WRITE(op), .fallback = "put",
	  .words = write_words, .about = "what is done to the key" },
	{ "key", MU_KIND_COUNT, 0, WRITE(key), .fallback = "0",
	  .min = 0, .max = 1000,
	  .about = "which argument of the event is the key; the first is 0" },
	{ "value", MU_KIND_COUNT, 0, WRITE(value), .min = 0, .max = 1000,
	  .about = "which argument is the value; increment and decrement: "
	  "default 1" },
	{ "index", MU_KIND_COUNT, 0, WRITE(index), .min = 0, .max = 1000,
	  .about = "insert_into_table: which argument is the index" },
	{ "expiry", MU_KIND_DURATION, 0, WRITE(expiry_ns), .fallback = "0",
	  .min = 0, .max = 36500 * DAY,
	  .about = "life of the entry; 0: as the store says" },
};
static const struct mu_section write_section =
    { "store", write_fields, sizeof write_fields / sizeof write_fields[0] };

static const struct mu_field handler_fields[] = {
	{ "event", MU_KIND_EVENT, MU_FIELD_REQUIRED, HANDLER(event),
	  .about = "name of the event, or its beginning and *" },
	{ "topic", MU_KIND_TOPIC, 0, HANDLER(topic),
	  .about = "only on topics with this prefix, which is subscribed" },
	{ "on", MU_KIND_NAMES, 0, HANDLER(on), HANDLER(non), .about = ON },
	{ "run", MU_KIND_ARGV, 0, HANDLER(run), HANDLER(nrun),
	  .about = "program and its arguments; it reads the event as JSON" },
	{ "store", MU_KIND_SECTION, 0, HANDLER(store),
	  .section = &write_section, .about = "write to a store" },
	{ "log", MU_KIND_EVENT, 0, HANDLER(log),
	  .about = "stream of logs that gets a record of it: App::ALERTS" },
	{ "time", MU_KIND_DURATION, 0, HANDLER(time_ns), .fallback = "30 s",
	  .min = 100 * MS, .max = DAY,
	  .about = "after which the program is ended" },
	{ "at_once", MU_KIND_COUNT, 0, HANDLER(at_once), .fallback = "1",
	  .min = 1, .max = 64, .about = "programs that run at the same time" },
	{ "queue", MU_KIND_COUNT, 0, HANDLER(queue), .fallback = "1000",
	  .min = 0, .max = 1000000,
	  .about = "events that wait; the next ones are dropped" },
	{ "queue_size", MU_KIND_SIZE, 0, HANDLER(queue_bytes),
	  .fallback = "8 MiB", .min = 4 * KiB, .max = GiB,
	  .about = "bytes of events that wait, as JSON" },
	{ "output", MU_KIND_SIZE, 0, HANDLER(output_bytes),
	  .fallback = "64 KiB", .min = 0, .max = GiB,
	  .about = "of one run; a program that writes more is ended" },
};

const struct mu_section mu_fields_subscription = ROWS("subscriptions",
    subscription_fields, mu_layout_subscription, "topic");
const struct mu_section mu_fields_relay = ROWS("relay", relay_fields,
    mu_layout_relay, NULL);
const struct mu_section mu_fields_access = ROWS("access", access_fields,
    mu_layout_access, NULL);
const struct mu_section mu_fields_auto = ROWS("auto_publish", auto_fields,
    mu_layout_auto, NULL);
const struct mu_section mu_fields_handler = ROWS("handlers", handler_fields,
    mu_layout_handler, NULL);
/* clang-format on */
