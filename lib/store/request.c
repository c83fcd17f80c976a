/* Requests of local callers: names of their outcomes, and the commands that
 * carry them. */
#include <string.h>

#include "store/entry.h"

const char *
mu_store_status_name(enum mu_store_status s)
{
	static const char *const names[MU_STORE_NSTATUS] = {
		[MU_STORE_OK] = "ok",
		[MU_STORE_NO_SUCH_KEY] = "no such key",
		[MU_STORE_CONDITION] = "condition not met",
		[MU_STORE_TYPE_CLASH] = "type clash",
		[MU_STORE_INVALID] = "invalid data",
		[MU_STORE_STALE] = "stale",
		[MU_STORE_TIMEOUT] = "timeout, no answer in time",
		[MU_STORE_NO_MASTER] = "no such master",
		[MU_STORE_TOO_LARGE] = "too large",
		[MU_STORE_FULL] = "store is full",
		[MU_STORE_BACKEND] = "backend failure",
		[MU_STORE_NOMEM] = "out of memory",
		[MU_STORE_BUSY] = "too many requests wait",
		[MU_STORE_UNSUPPORTED] = "not supported by the master",
		[MU_STORE_CLOSED] = "store closed",
		[MU_STORE_DAMAGED] = "the record is damaged",
		[MU_STORE_SECOND] = "another node has the master",
	};

	if ((unsigned)s >= MU_STORE_NSTATUS)
		return "unknown outcome";
	return names[s];
}

bool
mu_store_is_read(enum mu_store_op op)
{
	return op >= MU_STORE_EXISTS;
}

static enum mu_command_tag
tag_of(enum mu_store_op op)
{
	switch (op) {
	case MU_STORE_PUT:
		return MU_CMD_PUT;
	case MU_STORE_PUT_UNIQUE:
		return MU_CMD_PUT_UNIQUE;
	case MU_STORE_PUT_IF:
		return MU_CMD_PUT_IF;
	case MU_STORE_ERASE:
		return MU_CMD_ERASE;
	case MU_STORE_ADD:
		return MU_CMD_ADD;
	case MU_STORE_SUBTRACT:
		return MU_CMD_SUBTRACT;
	default:
		return MU_CMD_CLEAR;
	}
}

void
mu_store_command_of(const struct mu_store_request *req, struct mu_command *cmd)
{
	memset(cmd, 0, sizeof *cmd);
	cmd->tag = tag_of(req->op);
	cmd->key = muster_value_ref(req->key);
	cmd->value = muster_value_ref(req->value);
	cmd->expected = muster_value_ref(req->expected);
	cmd->has_expiry = req->expiry_ns != 0;
	cmd->expiry_ns = req->expiry_ns;
	cmd->init_type = req->init_type;
}

bool
mu_store_request_is_complete(const struct mu_store_request *req)
{
	switch (req->op) {
	case MU_STORE_CLEAR:
	case MU_STORE_KEYS:
		return req->value == NULL ||
		       muster_value_type(req->value) == MUSTER_STRING;
	case MU_STORE_ERASE:
	case MU_STORE_EXISTS:
	case MU_STORE_GET:
		return req->key != NULL;
	default:
		return req->key != NULL && req->value != NULL;
	}
}
