/*
 * Recorded clusters (tests/golden/zeek-cluster...jsonl.gz): one entry per
 * frame, event of a connection or remark, in order of time.
 */
#ifndef UNIT_RECORDING_H
#define UNIT_RECORDING_H

#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

enum entry_kind {
	ENTRY_OPEN,
	ENTRY_FAILED,
	ENTRY_FRAME,
	ENTRY_END,  /* eof or reset */
	ENTRY_NOTE
};

struct entry {
	enum entry_kind kind;
	double t;
	char from[40], to[40]; /* the link: who dials whom */
	int conn;
	bool c2s;              /* sent by from */
	uint8_t *bytes;
	size_t len;
	char *note;
};

struct recording {
	struct entry *e;
	size_t n;
};

static bool
read_link(json_t *o, struct entry *e)
{
	const char *link = json_string_value(json_object_get(o, "link"));
	const char *dir = json_string_value(json_object_get(o, "dir"));

	if (link == NULL || sscanf(link, "%39[^>]>%39s", e->from, e->to) != 2)
		return false;
	e->conn = (int)json_integer_value(json_object_get(o, "conn"));
	e->c2s = dir != NULL && strcmp(dir, "c2s") == 0;
	return true;
}

/* False: an entry without meaning for a replay. */
static bool
read_entry(json_t *o, struct entry *e)
{
	const char *note = json_string_value(json_object_get(o, "note"));
	const char *event = json_string_value(json_object_get(o, "event"));
	const char *bytes = json_string_value(json_object_get(o, "bytes"));

	memset(e, 0, sizeof *e);
	e->t = json_number_value(json_object_get(o, "t"));
	if (note != NULL) {
		e->kind = ENTRY_NOTE;
		e->note = strdup(note);
		return true;
	}
	if (!read_link(o, e))
		return false;
	if (bytes != NULL) {
		e->kind = ENTRY_FRAME;
		e->bytes = malloc(strlen(bytes) / 2 + 1);
		ck_assert_ptr_nonnull(e->bytes);
		e->len = (size_t)mu_text_unhex(bytes, e->bytes);
		return true;
	}
	ck_assert_ptr_nonnull(event);
	if (strcmp(event, "open") == 0)
		e->kind = ENTRY_OPEN;
	else if (strcmp(event, "connect to server failed") == 0)
		e->kind = ENTRY_FAILED;
	else if (strcmp(event, "eof") == 0 || strcmp(event, "reset") == 0)
		e->kind = ENTRY_END;
	else
		return false;
	return true;
}

static struct recording
recording_open(const char *name)
{
	const char *dir = getenv("MUSTER_TESTS");
	struct recording r = { .n = 0 };
	char command[500];
	char *line = NULL;
	size_t size = 0, cap = 0;
	FILE *f;

	snprintf(command, sizeof command, "gzip -dc '%s/golden/%s'",
	    dir == NULL ? "tests" : dir, name);
	f = popen(command, "r");
	ck_assert_ptr_nonnull(f);
	while (getline(&line, &size, f) > 0) {
		json_t *o = json_loads(line, 0, NULL);

		ck_assert_ptr_nonnull(o);
		if (r.n == cap) {
			cap = cap == 0 ? 1024 : cap * 2;
			r.e = realloc(r.e, cap * sizeof *r.e);
			ck_assert_ptr_nonnull(r.e);
		}
		if (read_entry(o, &r.e[r.n]))
			r.n++;
		json_decref(o);
	}
	free(line);
	ck_assert_int_eq(pclose(f), 0);
	ck_assert_uint_gt(r.n, 40);
	return r;
}

static void
recording_close(struct recording *r)
{
	for (size_t i = 0; i < r->n; i++) {
		free(r->e[i].bytes);
		free(r->e[i].note);
	}
	free(r->e);
}

#endif
