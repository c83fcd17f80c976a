/*
 * Golden vectors of the store room: the commands in frames.jsonl decode to the
 * facts beside them and encode to the same bytes.
 *
 *   vectors_store [DIR]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden.h"

#include "base/cursor.h"
#include "muster/err.h"
#include "store/command.h"
#include "value/codec.h"

#define PAYLOAD_AT 41 /* frame length and head of the envelope */

static bool
is_command(json_t *row)
{
	const char *msg = json_string_value(json_object_get(row, "msg"));

	return msg != NULL && strcmp(msg, "command") == 0;
}

/* "object@uuid" or "none" */
static bool
same_entity(const struct mu_entity *e, const json_t *json)
{
	char text[80], id[MU_UUID_TEXT];

	if (mu_entity_is_nil(e))
		snprintf(text, sizeof text, "none");
	else
		snprintf(text, sizeof text, "%llu@%s",
		    (unsigned long long)e->object,
		    mu_uuid_format(&e->endpoint, id));
	return json_is_string(json) &&
	       strcmp(json_string_value(json), text) == 0;
}

static bool
same_facts(const struct row *r, const struct mu_command *cmd)
{
	json_t *fields = json_object_get(r->json, "fields");
	json_t *inner = json_object_get(fields, "cmd");
	json_t *offset = json_object_get(inner, "offset");
	json_t *inserted = json_object_get(inner, "inserted");

	return cmd->seq == (uint64_t)json_number_value(
			       json_object_get(fields, "seq")) &&
	       (int)cmd->tag == (int)json_number_value(
				    json_object_get(fields, "command_tag")) &&
	       same_entity(&cmd->sender, json_object_get(fields, "sender")) &&
	       same_entity(
		   &cmd->receiver, json_object_get(fields, "receiver")) &&
	       (offset == NULL ||
		   cmd->number == (uint64_t)json_number_value(offset)) &&
	       (inserted == NULL || cmd->inserted == json_is_true(inserted));
}

static void
check_topic(struct row *r, const char *topic, size_t len)
{
	const char *want = json_string_value(json_object_get(r->json, "topic"));
	const char *end = want == NULL ? NULL : strstr(want, "/<$>/");
	size_t made_len = 0;
	char *name, *made;

	if (end == NULL) {
		golden_check(r, "topic", false, "no topic");
		return;
	}
	name = strndup(want, (size_t)(end - want));
	made = mu_store_topic(name, strstr(want, "/master") != NULL, &made_len);
	golden_check(r, "topic",
	    made != NULL && made_len == len && memcmp(made, topic, len) == 0,
	    "%s", made == NULL ? "no memory" : made);
	free(name);
	free(made);
}

static void
check_frame(struct row *r)
{
	struct bytes frame = golden_hex(r, "frame");
	struct mu_command cmd;
	struct mu_buf b;
	size_t topic_len, at;
	int rc;

	if (frame.len < PAYLOAD_AT) {
		golden_check(r, "decode", false, "no envelope");
		golden_free(frame);
		return;
	}
	topic_len = (size_t)frame.p[39] << 8 | frame.p[40];
	at = PAYLOAD_AT + topic_len;
	rc = at > frame.len
		 ? MUSTER_EPROTO
		 : mu_command_dec(&cmd, frame.p + at, frame.len - at);
	golden_check(r, "decode", rc == 0, "%s", muster_strerror(rc));
	if (rc == 0) {
		struct bytes payload = { frame.p + at, frame.len - at };

		golden_check(r, "fields", same_facts(r, &cmd), "differ");
		check_topic(r, (const char *)frame.p + PAYLOAD_AT, topic_len);
		mu_buf_init(&b, 0);
		mu_command_enc(&b, &cmd);
		golden_check(r, "encode",
		    golden_same(payload, mu_buf_data(&b), mu_buf_len(&b)),
		    "other bytes");
		mu_buf_clear(&b);
		mu_command_clear(&cmd);
	}
	golden_free(frame);
}

int
main(int argc, char **argv)
{
	golden_init(argc, argv);
	golden_run("frames.jsonl", is_command, check_frame);
	return golden_finish();
}
