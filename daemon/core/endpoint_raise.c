/*
 * Events that membership raises on this node and that do not travel, as Zeek
 * raises them: for whoever handles events here.
 */
#include "core/endpoint_impl.h"

#include <string.h>

#include "muster/value.h"
#include "sys/log.h"
#include "value/codec.h"

void
endpoint_set_raiser(struct endpoint *e, struct endpoint_raiser *r)
{
	e->raiser = r;
}

/* args is taken; NULL: memory is out, and the event with it. */
static void
raise(struct endpoint *e, const char *name, struct muster_value *args)
{
	struct mu_buf b;

	mu_buf_init(&b, 0);
	if (args != NULL)
		mu_event_enc(&b, name, strlen(name), args, false);
	if (args == NULL || mu_buf_error(&b) != 0)
		note_log(
		    e, LOG_LEVEL_ERR, "%s is not raised: out of memory", name);
	else
		e->raiser->raise(e->raiser, mu_buf_data(&b), mu_buf_len(&b));
	mu_buf_clear(&b);
	muster_value_unref(args);
}

/* A vector with v added; both are taken. */
static struct muster_value *
with(struct muster_value *vector, struct muster_value *v)
{
	if (vector == NULL) {
		muster_value_unref(v);
		return NULL;
	}
	if (muster_value_append(vector, v) == 0)
		return vector;
	muster_value_unref(vector);
	return NULL;
}

static struct muster_value *
name_and_id(const struct members_out *out)
{
	char id[MU_UUID_TEXT];

	return with(
	    with(muster_value_vector(), muster_value_cstring(out->name)),
	    muster_value_cstring(mu_uuid_format(&out->id, id)));
}

/* "worker-3, link worker-1 - proxy-2" as a vector in a vector. */
static struct muster_value *
missing(const char *text)
{
	struct muster_value *list = muster_value_vector();

	while (*text != '\0') {
		const char *end = strstr(text, ", ");
		size_t len = end == NULL ? strlen(text) : (size_t)(end - text);

		list = with(list, muster_value_string(text, len));
		text += end == NULL ? len : len + 2;
	}
	return with(muster_value_vector(), list);
}

void
endpoint_raise(struct endpoint *e, const struct members_out *out)
{
	bool manager = e->node->role == MU_ROLE_MANAGER;

	/* Our own goodbye is no news. */
	if (e->raiser == NULL || e->stopping)
		return;
	switch (out->kind) {
	case MEMBERS_NODE_UP:
		raise(e, "Cluster::node_up", name_and_id(out));
		break;
	case MEMBERS_NODE_DOWN:
		raise(e, "Cluster::node_down", name_and_id(out));
		break;
	case MEMBERS_FULLY_CONNECTED:
		raise(e, "Cluster::Experimental::node_fully_connected",
		    with(name_and_id(out),
			muster_value_boolean(out->resending)));
		break;
	/* the others get these from the manager */
	case MEMBERS_STARTED:
		if (manager && !out->resending)
			raise(e, "Cluster::Experimental::cluster_started",
			    muster_value_vector());
		break;
	case MEMBERS_DEGRADED:
		if (manager)
			raise(
			    e, "Muster::cluster_degraded", missing(out->text));
		break;
	case MEMBERS_RESTORED:
		if (manager)
			raise(e, "Muster::cluster_restored",
			    muster_value_vector());
		break;
	default:
		break;
	}
}
