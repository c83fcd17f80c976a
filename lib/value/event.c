/*
 * Zeek's messages: (1, kind, content, ...), with the validity rules of Broker
 * (reference "broker-protocol" 5.1).  Surplus fields are ignored on every
 * level, except in metadata, whose entries are pairs.
 */
#include "muster/event.h"

#include <string.h>

#include "base/export.h"
#include "value/node.h"

#define VERSION           1
#define META_NETWORK_TIME 1 /* metadata id that must hold a timestamp */

/* Two fields into a new vector; takes both, also on failure. */
static struct muster_value *
pair(struct muster_value *a, struct muster_value *b)
{
	struct muster_value *v = muster_value_vector();
	int rc = muster_value_append(v, a);

	if (muster_value_append(v, b) == 0 && rc == 0)
		return v;
	muster_value_unref(v);
	return NULL;
}

MU_EXPORT struct muster_value *
muster_event_new(
    const char *name, struct muster_value *args, struct muster_value *meta)
{
	struct muster_value *content, *v;

	content = pair(muster_value_cstring(name), args);
	if (meta != NULL && muster_value_append(content, meta) != 0) {
		muster_value_unref(content);
		content = NULL;
	}
	v = pair(muster_value_count(VERSION),
	    muster_value_count(MUSTER_MESSAGE_EVENT));
	if (muster_value_append(v, content) == 0)
		return v;
	muster_value_unref(v);
	return NULL;
}

static bool
is(const struct muster_value *v, size_t i, enum muster_type type)
{
	const struct muster_value *e = muster_value_at(v, i);

	return e != NULL && e->type == type;
}

static bool
is_metadata(const struct muster_value *meta)
{
	if (meta->type != MUSTER_VECTOR)
		return false;
	for (size_t i = 0; i < muster_value_size(meta); i++) {
		const struct muster_value *entry = muster_value_at(meta, i);

		if (entry->type != MUSTER_VECTOR ||
		    muster_value_size(entry) != 2 ||
		    !is(entry, 0, MUSTER_COUNT))
			return false;
		if (muster_value_get_count(muster_value_at(entry, 0)) ==
			META_NETWORK_TIME &&
		    !is(entry, 1, MUSTER_TIMESTAMP))
			return false;
	}
	return true;
}

static bool
is_event(const struct muster_value *content)
{
	return is(content, 0, MUSTER_STRING) && is(content, 1, MUSTER_VECTOR) &&
	       (muster_value_size(content) < 3 ||
		   is_metadata(muster_value_at(content, 2)));
}

static bool
is_log_create(const struct muster_value *content)
{
	return muster_value_size(content) >= 4 && is(content, 0, MUSTER_ENUM) &&
	       is(content, 1, MUSTER_ENUM);
}

static bool
is_log_write(const struct muster_value *content)
{
	return is(content, 0, MUSTER_ENUM) && is(content, 1, MUSTER_ENUM) &&
	       is(content, 2, MUSTER_STRING) && is(content, 3, MUSTER_STRING);
}

static bool
is_identifier_update(const struct muster_value *content)
{
	return muster_value_size(content) >= 2 && is(content, 0, MUSTER_STRING);
}

static bool
is_batch(const struct muster_value *content)
{
	for (size_t i = 0; i < muster_value_size(content); i++)
		if (muster_message_kind(muster_value_at(content, i)) ==
		    MUSTER_MESSAGE_INVALID)
			return false;
	return true;
}

MU_EXPORT enum muster_message
muster_message_kind(const struct muster_value *v)
{
	static bool (*const valid[])(const struct muster_value *) = {
		[MUSTER_MESSAGE_EVENT] = is_event,
		[MUSTER_MESSAGE_LOG_CREATE] = is_log_create,
		[MUSTER_MESSAGE_LOG_WRITE] = is_log_write,
		[MUSTER_MESSAGE_IDENTIFIER_UPDATE] = is_identifier_update,
		[MUSTER_MESSAGE_BATCH] = is_batch,
	};
	uint64_t kind;

	if (v->type != MUSTER_VECTOR || !is(v, 0, MUSTER_COUNT) ||
	    !is(v, 1, MUSTER_COUNT) || !is(v, 2, MUSTER_VECTOR) ||
	    muster_value_get_count(muster_value_at(v, 0)) != VERSION)
		return MUSTER_MESSAGE_INVALID;
	kind = muster_value_get_count(muster_value_at(v, 1));
	if (kind < MUSTER_MESSAGE_EVENT || kind > MUSTER_MESSAGE_BATCH ||
	    !valid[kind](muster_value_at(v, 2)))
		return MUSTER_MESSAGE_INVALID;
	return (enum muster_message)kind;
}

/* Field i of a valid event's content, or NULL. */
static const struct muster_value *
event_part(const struct muster_value *v, size_t i)
{
	if (muster_message_kind(v) != MUSTER_MESSAGE_EVENT)
		return NULL;
	return muster_value_at(muster_value_at(v, 2), i);
}

MU_EXPORT const char *
muster_event_name(const struct muster_value *v, size_t *len)
{
	const struct muster_value *name = event_part(v, 0);

	if (len != NULL)
		*len = 0;
	return name == NULL ? NULL : muster_value_get_string(name, len);
}

MU_EXPORT const struct muster_value *
muster_event_args(const struct muster_value *v)
{
	return event_part(v, 1);
}

MU_EXPORT const struct muster_value *
muster_event_meta(const struct muster_value *v)
{
	return event_part(v, 2);
}
