/* Handlers that write to stores and logs. */
#include "rules/rules_impl.h"

#include <stdio.h>
#include <string.h>

#include "muster/err.h"
#include "muster/event.h"
#include "muster/value.h"
#include "store/store.h"

/* What an operation of the layout is to the stores. */
struct verb {
	enum mu_store_op op;
	enum muster_type init; /* NONE: that of the value */
};

/* clang-format off */
static const struct verb verbs[] = {
	[MU_WRITE_PUT] =               { MU_STORE_PUT,        MUSTER_NONE },
	[MU_WRITE_PUT_UNIQUE] =        { MU_STORE_PUT_UNIQUE, MUSTER_NONE },
	[MU_WRITE_ERASE] =             { MU_STORE_ERASE,      MUSTER_NONE },
	[MU_WRITE_INCREMENT] =         { MU_STORE_ADD,        MUSTER_NONE },
	[MU_WRITE_DECREMENT] =         { MU_STORE_SUBTRACT,   MUSTER_NONE },
	[MU_WRITE_APPEND] =            { MU_STORE_ADD,        MUSTER_STRING },
	[MU_WRITE_INSERT_INTO_SET] =   { MU_STORE_ADD,        MUSTER_SET },
	[MU_WRITE_INSERT_INTO_TABLE] = { MU_STORE_ADD,        MUSTER_TABLE },
	[MU_WRITE_REMOVE_FROM] =       { MU_STORE_SUBTRACT,   MUSTER_NONE },
	[MU_WRITE_PUSH] =              { MU_STORE_ADD,        MUSTER_VECTOR },
	[MU_WRITE_POP] =               { MU_STORE_SUBTRACT,   MUSTER_NONE },
};
/* clang-format on */

/* The argument of that number; NULL after a failure of the rule. */
static const struct muster_value *
argument(struct rules *rs, struct handler *h, const struct muster_value *args,
    uint64_t number)
{
	const struct muster_value *v = muster_value_at(args, (size_t)number);
	char why[RULES_WHY];

	if (v != NULL)
		return v;
	snprintf(why, sizeof why,
	    "the event has no argument %llu, only %zu of them",
	    (unsigned long long)number, muster_value_size(args));
	handler_failed(rs, h, why);
	return NULL;
}

/* The value to write, owned: an argument, a pair of two, or one.  NULL after a
 * failure. */
static struct muster_value *
value_of(struct rules *rs, struct handler *h, const struct muster_value *args)
{
	const struct mu_layout_write *w = &h->row->store;
	const struct muster_value *value, *index;
	struct muster_value *pair;

	if (!w->has_value)
		return muster_value_count(1);
	value = argument(rs, h, args, w->value);
	if (value == NULL || w->op != MU_WRITE_INSERT_INTO_TABLE)
		return muster_value_ref(value);
	index = argument(rs, h, args, w->index);
	if (index == NULL)
		return NULL;
	pair = muster_value_vector();
	if (pair == NULL ||
	    muster_value_append(pair, muster_value_ref(index)) != 0 ||
	    muster_value_append(pair, muster_value_ref(value)) != 0) {
		muster_value_unref(pair);
		handler_failed(rs, h, "out of memory");
		return NULL;
	}
	return pair;
}

static void
write_event(struct rules *rs, struct handler *h, struct rules_event *ev)
{
	const struct mu_layout_write *w = &h->row->store;
	const struct muster_value *args = muster_event_args(rules_value(ev));
	struct mu_store_request req = { .id = h->id };
	struct muster_value *value;
	int rc;

	req.key = argument(rs, h, args, w->key);
	value = req.key == NULL ? NULL : value_of(rs, h, args);
	if (value == NULL)
		return;
	req.op = verbs[w->op].op;
	req.value = w->op == MU_WRITE_POP ? req.key : value;
	req.init_type = verbs[w->op].init != MUSTER_NONE
			    ? verbs[w->op].init
			    : muster_value_type(value);
	req.expiry_ns = w->expiry_ns;
	rc = rs->hooks.write(rs->hooks.ctx, w->name, &req);
	muster_value_unref(value);
	if (rc == 0)
		h->writes++;
	else if (rc == MUSTER_ELIMIT)
		handler_full(rs, h);
	else
		handler_failed(rs, h,
		    rc == MUSTER_ENOENT ? "no such store on this node"
					: muster_strerror(rc));
}

/* May the event be asked about? */
static bool
is_fine(struct rules *rs, struct handler *h, struct rules_event *ev)
{
	if (h->writes > h->row->queue)
		handler_full(rs, h);
	else if (rules_value(ev) == NULL)
		handler_failed(rs, h,
		    ev->error == MUSTER_ENOMEM ? "out of memory"
					       : "the event is malformed");
	else
		return true;
	return false;
}

void
write_take(struct rules *rs, struct handler *h, struct rules_event *ev)
{
	if (is_fine(rs, h, ev))
		write_event(rs, h, ev);
}

/* An answer; the rule may have gone with a reload. */
static void
answered(struct rules *rs, uint64_t id, const char *why)
{
	struct handler *h = rules_list_find(rs, id);

	if (h == NULL)
		return;
	h->writes--;
	if (h->writes <= h->row->queue / 2)
		h->dropping = false;
	if (why == NULL)
		handler_did(rs, h);
	else
		handler_failed(rs, h, why);
}

void
rules_written(struct rules *rs, const struct mu_store_out *what, uint64_t now)
{
	rs->now = now;
	/* that a key was there already is what put_unique asks */
	answered(rs, what->id,
	    what->status == MU_STORE_OK || what->status == MU_STORE_CONDITION
		? NULL
		: mu_store_status_name(what->status));
}

/* --- logs ------------------------------------------------------------------
 */

void
log_take(struct rules *rs, struct handler *h, struct rules_event *ev)
{
	struct rules_record r = { .id = h->id,
		.stream = h->row->log,
		.name = ev->name,
		.name_len = ev->name_len,
		.topic = ev->topic,
		.topic_len = ev->topic_len };
	int rc;

	if (!is_fine(rs, h, ev))
		return;
	r.args = muster_event_args(rules_value(ev));
	rc = rs->hooks.log(rs->hooks.ctx, &r);
	if (rc == 0)
		h->writes++;
	else if (rc == MUSTER_ELIMIT || rc == MUSTER_EAGAIN)
		handler_full(rs, h);
	else
		handler_failed(rs, h,
		    rc == MUSTER_ENOENT ? "this node sends no logs"
		    : rc == MUSTER_EEXIST
			? "the stream has other columns already"
			: muster_strerror(rc));
}

void
rules_logged(struct rules *rs, uint64_t id, int error, uint64_t now)
{
	rs->now = now;
	answered(rs, id, error == 0 ? NULL : muster_strerror(error));
}
