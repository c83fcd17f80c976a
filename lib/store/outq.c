/* Consequences: made ahead, queued, shown one at a time. */
#include "store/outq.h"

#include <stdarg.h>

#include "base/alloc.h"

#define ORDINARY 256 /* bytes of a command */

void
mu_outq_init(struct mu_outq *q)
{
	q->head = q->shown = NULL;
	q->tail = &q->head;
	q->n = 0;
}

void
mu_outq_clear(struct mu_outq *q)
{
	while (q->head != NULL) {
		struct mu_out *item = q->head;

		q->head = item->next;
		mu_out_free(item);
	}
	mu_out_free(q->shown);
	mu_outq_init(q);
}

void
mu_outq_push(struct mu_outq *q, struct mu_out *item)
{
	if (item == NULL)
		return;
	item->next = NULL;
	*q->tail = item;
	q->tail = &item->next;
	q->n++;
}

void
mu_outq_move(struct mu_outq *q, struct mu_outq *other)
{
	if (other->head == NULL)
		return;
	*q->tail = other->head;
	q->tail = other->tail;
	q->n += other->n;
	other->head = NULL;
	other->tail = &other->head;
	other->n = 0;
}

bool
mu_outq_next(struct mu_outq *q, struct mu_store_out *out)
{
	mu_out_free(q->shown);
	q->shown = q->head;
	if (q->head == NULL)
		return false;
	q->head = q->head->next;
	if (q->head == NULL)
		q->tail = &q->head;
	q->n--;
	*out = q->shown->out;
	return true;
}

struct mu_out *
mu_out_new(enum mu_store_out_kind kind)
{
	struct mu_out *item = mu_calloc(1, sizeof *item);

	if (item != NULL)
		item->out.kind = kind;
	return item;
}

void
mu_out_free(struct mu_out *item)
{
	if (item == NULL)
		return;
	mu_blob_unref(item->payload);
	muster_value_unref(item->key);
	muster_value_unref(item->old_value);
	muster_value_unref(item->value);
	muster_value_unref(item->more);
	mu_free(item->text);
	mu_free(item);
}

struct mu_out *
mu_out_blob(
    struct mu_blob *payload, bool to_master, const struct mu_uuid *receiver)
{
	struct mu_out *item = mu_out_new(MU_STORE_SEND);

	if (item == NULL)
		return NULL;
	item->payload = mu_blob_ref(payload);
	item->out.to_master = to_master;
	item->out.payload = payload->data;
	item->out.len = payload->len;
	if (receiver != NULL) {
		item->receiver = *receiver;
		item->out.receiver = &item->receiver;
	}
	return item;
}

struct mu_out *
mu_out_command(const struct mu_command *cmd, bool to_master,
    const struct mu_uuid *receiver)
{
	struct mu_blob *blob = NULL;
	struct mu_out *item = NULL;
	struct mu_buf b;
	uint8_t *at;
	size_t room;

	mu_buf_init(&b, 0);
	/* most need no more, and failure will stick */
	mu_buf_reserve(&b, ORDINARY + cmd->entries_len, &at, &room);
	mu_command_enc(&b, cmd);
	if (mu_buf_error(&b) == 0)
		blob = mu_blob_new(mu_buf_data(&b), mu_buf_len(&b));
	mu_buf_clear(&b);
	if (blob != NULL)
		item = mu_out_blob(blob, to_master, receiver);
	mu_blob_unref(blob);
	return item;
}

struct mu_out *
mu_out_event(enum mu_store_event event, const struct muster_value *key,
    const struct muster_value *old_value, const struct muster_value *value,
    const struct mu_entity *publisher)
{
	struct mu_out *item = mu_out_new(MU_STORE_EVENT);

	if (item == NULL)
		return NULL;
	item->key = muster_value_ref(key);
	item->old_value = muster_value_ref(old_value);
	item->value = muster_value_ref(value);
	item->out.event = event;
	item->out.key = key;
	item->out.old_value = old_value;
	item->out.value = value;
	item->out.publisher = *publisher;
	return item;
}

void
mu_out_set_result(struct mu_out *item, enum mu_store_status status,
    const struct muster_value *result)
{
	struct muster_value *old = item->value;

	item->value = muster_value_ref(result);
	muster_value_unref(old);
	item->out.status = status;
	item->out.result = result;
}

struct mu_out *
mu_out_done(
    uint64_t id, enum mu_store_status status, const struct muster_value *result)
{
	struct mu_out *item = mu_out_new(MU_STORE_DONE);

	if (item == NULL)
		return NULL;
	item->out.id = id;
	mu_out_set_result(item, status, result);
	return item;
}

void
mu_outq_log(struct mu_outq *q, int level, const char *fmt, ...)
{
	struct mu_out *item = mu_out_new(MU_STORE_LOG);
	struct mu_buf b;
	va_list ap;

	if (item == NULL)
		return;
	mu_buf_init(&b, 0);
	va_start(ap, fmt);
	mu_buf_vprintf(&b, fmt, ap);
	va_end(ap);
	item->text = mu_buf_take_string(&b);
	mu_buf_clear(&b);
	if (item->text == NULL) {
		mu_out_free(item);
		return;
	}
	item->out.level = level;
	item->out.text = item->text;
	mu_outq_push(q, item);
}
