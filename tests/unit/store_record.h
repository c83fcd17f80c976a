/*
 * Commands out of a recorded conversation, the contents that follow from them,
 * and what a master answers to one clone.
 */
#ifndef UNIT_STORE_RECORD_H
#define UNIT_STORE_RECORD_H

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cursor.h"
#include "store/backend.h"
#include "store/command.h"
#include "store/entry.h"
#include "store/store.h"
#include "value/codec.h"

#define MAX_COMMANDS 8000
#define MAX_ACTIONS  2000
#define SECOND       1000000000.0

/* One recorded command. */
struct record {
	uint64_t t; /* nanoseconds */
	char *store;
	bool to_master;
	struct mu_uuid receiver; /* of the envelope */
	char *link;              /* connection */
	uint8_t *payload;
	size_t len;
	struct mu_command cmd;
};

static struct record records[MAX_COMMANDS];
static size_t nrecords;

/* What local subscribers were told of a store, as Broker prints it. */
struct telling {
	bool by_clone;
	char *text; /* owned */
};

static struct telling tellings[MAX_ACTIONS];
static size_t ntellings;

/* --- the recording ----------------------------------------------------- */

static uint8_t *
unhex(const char *hex, size_t *len)
{
	size_t n = strlen(hex) / 2;
	uint8_t *p = malloc(n + 1);

	for (size_t i = 0; i < n; i++) {
		unsigned v;

		ck_assert_int_eq(sscanf(hex + 2 * i, "%2x", &v), 1);
		p[i] = (uint8_t)v;
	}
	*len = n;
	return p;
}

static void
add_record(const json_t *line, const char *hex)
{
	struct record *r = &records[nrecords];
	const char *link = json_string_value(json_object_get(line, "link"));
	size_t len, topic_len;
	uint8_t *frame = unhex(hex, &len);
	char *topic, *suffix;

	ck_assert_uint_lt(nrecords, MAX_COMMANDS);
	topic_len = (size_t)frame[39] << 8 | frame[40];
	topic = strndup((char *)frame + 41, topic_len);
	suffix = strstr(topic, "/<$>/data/");
	ck_assert_ptr_nonnull(suffix);
	*suffix = '\0';
	r->t =
	    (uint64_t)(json_number_value(json_object_get(line, "t")) * SECOND) +
	    1000000000u;
	r->store = topic;
	r->to_master = strcmp(suffix + 10, "master") == 0;
	memcpy(r->receiver.bytes, frame + 20, 16);
	ck_assert_int_ge(
	    asprintf(&r->link, "%s#%d", link == NULL ? "" : link,
		(int)json_integer_value(json_object_get(line, "conn"))),
	    0);
	r->len = len - 41 - topic_len;
	r->payload = malloc(r->len);
	memcpy(r->payload, frame + 41 + topic_len, r->len);
	ck_assert_int_eq(mu_command_dec(&r->cmd, r->payload, r->len), 0);
	free(frame);
	nrecords++;
}

static void
add_telling(const char *note)
{
	const char *text = strstr(note, " local: <$>/local/data/store-events/");

	if (text == NULL || (text = strstr(text, " (")) == NULL)
		return;
	ck_assert_uint_lt(ntellings, MAX_ACTIONS);
	tellings[ntellings].by_clone = strncmp(note, "client ", 7) == 0;
	tellings[ntellings++].text = strdup(text + 1);
}

__attribute__((unused)) static void
load(const char *name)
{
	const char *dir = getenv("MUSTER_TESTS");
	bool zipped = strstr(name, ".gz") != NULL;
	char path[1024], *line = NULL;
	size_t cap = 0;
	FILE *f;

	snprintf(path, sizeof path, "%s%s/golden/transcripts/%s",
	    zipped ? "gzip -dc " : "", dir != NULL ? dir : "tests", name);
	f = zipped ? popen(path, "r") : fopen(path, "r");
	ck_assert_msg(f != NULL, "cannot read %s", path);
	while (getline(&line, &cap, f) > 0) {
		json_t *json = json_loads(line, 0, NULL);
		const char *msg =
		    json_string_value(json_object_get(json, "msg"));

		if (msg != NULL && strcmp(msg, "command") == 0)
			add_record(json,
			    json_string_value(json_object_get(json, "bytes")));
		if (json_object_get(json, "note") != NULL)
			add_telling(
			    json_string_value(json_object_get(json, "note")));
		json_decref(json);
	}
	free(line);
	if (zipped)
		ck_assert_int_eq(pclose(f), 0);
	else
		fclose(f);
	ck_assert_uint_gt(nrecords, 0);
}

__attribute__((unused)) static void
unload(void)
{
	for (size_t i = 0; i < nrecords; i++) {
		free(records[i].store);
		free(records[i].link);
		free(records[i].payload);
		mu_command_clear(&records[i].cmd);
	}
	nrecords = 0;
	while (ntellings > 0)
		free(tellings[--ntellings].text);
}

/* --- contents ---------------------------------------------------------- */

static void
fold_put(struct mu_backend *b, const struct muster_value *key,
    const struct muster_value *value)
{
	struct mu_buf k, v;
	uint8_t *bytes;
	size_t len;

	mu_buf_init(&k, 0);
	mu_buf_init(&v, 0);
	mu_entry_key(&k, key);
	muster_value_enc(value, &bytes, &len);
	mu_buf_put(&v, bytes, len);
	free(bytes);
	b->ops->put(b, mu_bytes_of(&k), mu_bytes_of(&v), 0);
	mu_buf_clear(&k);
	mu_buf_clear(&v);
}

typedef void (*pair_function)(void *ctx, const struct muster_value *key,
    const struct muster_value *value);

static void
each_pair(const struct mu_command *cmd, pair_function f, void *ctx)
{
	struct mu_cursor c = mu_cursor_over(cmd->entries, cmd->entries_len);

	for (uint32_t i = 0; i < cmd->nentries; i++) {
		struct muster_value *key = mu_value_dec(&c);
		struct muster_value *value = mu_value_dec(&c);

		f(ctx, key, value);
		muster_value_unref(key);
		muster_value_unref(value);
	}
}

static void
fold_pair(
    void *ctx, const struct muster_value *key, const struct muster_value *value)
{
	fold_put(ctx, key, value);
}

/* What a copy becomes by a message of the master. */
static void
fold(struct mu_backend *b, const struct mu_command *cmd)
{
	struct mu_buf k;

	mu_buf_init(&k, 0);
	switch (cmd->tag) {
	case MU_CMD_PUT:
		fold_put(b, cmd->key, cmd->value);
		break;
	case MU_CMD_ERASE:
	case MU_CMD_EXPIRE:
		mu_entry_key(&k, cmd->key);
		b->ops->erase(b, mu_bytes_of(&k));
		break;
	case MU_CMD_CLEAR:
		b->ops->clear(b);
		break;
	case MU_CMD_ACK_CLONE:
		b->ops->clear(b);
		each_pair(cmd, fold_pair, b);
		break;
	default:
		break;
	}
	mu_buf_clear(&k);
}

static void
same_contents(struct mu_backend *a, struct mu_backend *b, const char *who)
{
	struct mu_bytes at = { NULL, 0 }, k[2], v[2];
	int64_t deadline;

	ck_assert_msg(a->ops->size(a) == b->ops->size(b),
	    "%s ends with %llu entries instead of %llu", who,
	    (unsigned long long)b->ops->size(b),
	    (unsigned long long)a->ops->size(a));
	while (a->ops->after(a, at, &k[0], &v[0], &deadline) == 0) {
		ck_assert_int_eq(
		    b->ops->after(b, at, &k[1], &v[1], &deadline), 0);
		ck_assert_msg(k[0].len == k[1].len && v[0].len == v[1].len &&
				  memcmp(k[0].at, k[1].at, k[0].len) == 0 &&
				  memcmp(v[0].at, v[1].at, v[0].len) == 0,
		    "%s ends with another pair", who);
		at = k[0];
	}
}

/* --- events ------------------------------------------------------------- */

struct told {
	char *text[MAX_ACTIONS]; /* owned */
	size_t n;
};

static void
append(struct muster_value *v, const struct muster_value *e)
{
	muster_value_append(v,
	    e == NULL ? muster_value_none()
		      : muster_value_ref((struct muster_value *)(uintptr_t)e));
}

/* An event as Broker publishes and prints it. */
__attribute__((unused)) static void
note_told(struct told *list, const char *store, const struct mu_store_out *out)
{
	static const char *const names[] = { "insert", "update", "erase",
		"expire" };
	struct muster_value *v = muster_value_vector();
	char id[MU_UUID_TEXT], *text;
	size_t len;

	muster_value_append(v, muster_value_cstring(names[out->event]));
	muster_value_append(v, muster_value_cstring(store));
	append(v, out->key);
	if (out->event == MU_STORE_UPDATE)
		append(v, out->old_value);
	if (out->event == MU_STORE_INSERT || out->event == MU_STORE_UPDATE) {
		append(v, out->value);
		muster_value_append(
		    v, out->has_expiry ? muster_value_timespan(out->expiry_ns)
				       : muster_value_none());
	}
	muster_value_append(v,
	    muster_value_cstring(mu_uuid_format(&out->publisher.endpoint, id)));
	muster_value_append(v, muster_value_count(out->publisher.object));
	ck_assert_int_eq(muster_value_to_text(v, &text, &len), 0);
	ck_assert_uint_lt(list->n, MAX_ACTIONS);
	list->text[list->n++] = text;
	muster_value_unref(v);
}

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The same events, in any order: clear goes through the keys in its own. */
__attribute__((unused)) static void
same_events(struct told *got, bool by_clone, const char *who)
{
	static char *want[MAX_ACTIONS];
	size_t n = 0;

	for (size_t i = 0; i < ntellings; i++)
		if (tellings[i].by_clone == by_clone)
			want[n++] = tellings[i].text;
	qsort(want, n, sizeof *want, by_text);
	qsort(got->text, got->n, sizeof *got->text, by_text);
	for (size_t i = 0; i < n && i < got->n; i++)
		ck_assert_msg(strcmp(want[i], got->text[i]) == 0,
		    "%s tells %s, not %s", who, got->text[i], want[i]);
	ck_assert_msg(
	    n == got->n, "%s tells %zu events, not %zu", who, got->n, n);
}

__attribute__((unused)) static void
told_clear(struct told *list)
{
	while (list->n > 0)
		free(list->text[--list->n]);
}

/* --- answers ------------------------------------------------------------ */

/* What a master tells one clone: a snapshot, what it lacks, what is gone, an
 * action once more. */
struct said {
	enum mu_command_tag tag;
	struct mu_entity to;
	uint64_t number; /* offset, or the first number of a list */
	size_t n;        /* pairs or numbers */
	uint64_t digest; /* of the pairs in any order, or of the numbers */
};

struct saids {
	struct said at[MAX_ACTIONS];
	size_t n;
};

static uint64_t
mix_bytes(uint64_t h, const struct muster_value *v)
{
	uint8_t *bytes;
	size_t len;

	ck_assert_int_eq(muster_value_enc(v, &bytes, &len), 0);
	for (size_t i = 0; i < len; i++)
		h = (h ^ bytes[i]) * UINT64_C(1099511628211);
	free(bytes);
	return h;
}

static void
digest_pair(
    void *ctx, const struct muster_value *key, const struct muster_value *value)
{
	uint64_t *sum = ctx;

	*sum +=
	    mix_bytes(mix_bytes(UINT64_C(14695981039346656037), key), value);
}

/* Its answers; what is only repeated is said once.  to: the endpoint that the
 * envelope names. */
__attribute__((unused)) static void
note_said(
    struct saids *list, const struct mu_command *cmd, const struct mu_uuid *to)
{
	struct said a = {
		.tag = cmd->tag, .to = cmd->receiver, .number = cmd->number
	};

	if (cmd->tag == MU_CMD_ACK_CLONE) {
		a.n = cmd->nentries;
		each_pair(cmd, digest_pair, &a.digest);
	} else if (cmd->tag == MU_CMD_NACK) {
		a.n = cmd->nnack;
		a.number = a.n == 0 ? 0 : cmd->nack[0];
		for (size_t i = 0; i < a.n; i++)
			a.digest = a.digest * 31 + cmd->nack[i];
	} else if (mu_command_is_action(cmd->tag) && to != NULL &&
		   !mu_uuid_is_nil(to)) {
		a.number = cmd->seq;
		a.to.endpoint = *to;
	} else if (cmd->tag != MU_CMD_RETRANSMIT_FAILED) {
		return;
	}
	for (size_t i = list->n; i > 0; i--) {
		const struct said *b = &list->at[i - 1];

		if (b->tag != a.tag || !mu_entity_eq(&b->to, &a.to))
			continue;
		if (b->number == a.number && b->n == a.n &&
		    b->digest == a.digest)
			return;
		break;
	}
	ck_assert_uint_lt(list->n, MAX_ACTIONS);
	list->at[list->n++] = a;
}

/* The nth answer of that kind to that clone. */
static const struct said *
nth_said(const struct saids *list, const struct said *like, size_t nth)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->at[i].tag == like->tag &&
		    mu_entity_eq(&list->at[i].to, &like->to) && nth-- == 0)
			return &list->at[i];
	return NULL;
}

/* The second snapshot for a clone that has acknowledged the first one. */
static bool
is_fresh_offset(const struct saids *want, const struct said *w, size_t nth,
    const struct said *g)
{
	return w->tag == MU_CMD_ACK_CLONE && nth > 0 &&
	       nth_said(want, w, nth - 1)->number == w->number &&
	       g->number > w->number;
}

__attribute__((unused)) static void
same_answers(const struct saids *want, const struct saids *got, const char *who)
{
	for (size_t i = 0; i < want->n; i++) {
		const struct said *w = &want->at[i], *g;
		size_t nth = 0;

		for (size_t j = 0; j < i; j++)
			nth += want->at[j].tag == w->tag &&
			       mu_entity_eq(&want->at[j].to, &w->to);
		g = nth_said(got, w, nth);
		ck_assert_msg(g != NULL, "%s does not answer %d of %llu", who,
		    w->tag, (unsigned long long)w->number);
		ck_assert_msg((g->number == w->number ||
				  is_fresh_offset(want, w, nth, g)) &&
				  g->n == w->n && g->digest == w->digest,
		    "%s answers %d with %llu (%zu), not %llu (%zu)", who,
		    w->tag, (unsigned long long)g->number, g->n,
		    (unsigned long long)w->number, w->n);
	}
	ck_assert_msg(want->n == got->n, "%s answers %zu times, not %zu", who,
	    got->n, want->n);
}

#endif
