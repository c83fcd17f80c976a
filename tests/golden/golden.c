/* Rows, exceptions and score of golden vectors; see golden.h. */
#include "golden.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define MAX_EXCEPTIONS 100

static struct exception {
	char *file, *id, *check;
	bool used;
} exceptions[MAX_EXCEPTIONS];
static size_t nexceptions;
static char folder[1024];
static bool own;
static unsigned npassed, nfailed;

static void
die(const char *what, const char *name)
{
	fprintf(stderr, "%s: %s\n", name, what);
	exit(2);
}

static const char *
tests_dir(void)
{
	const char *dir = getenv("MUSTER_TESTS");

	return dir != NULL && *dir != '\0' ? dir : "tests";
}

static void
read_exceptions(void)
{
	char path[1100], line[1024], file[64], id[64], check[32];
	FILE *f;

	snprintf(path, sizeof path, "%s/golden/exceptions.txt", tests_dir());
	f = fopen(path, "r");
	if (f == NULL)
		die("cannot read", path);
	while (fgets(line, sizeof line, f) != NULL) {
		struct exception *e = &exceptions[nexceptions];
		int reason = 0;

		if (line[0] == '#' || line[0] == '\n')
			continue;
		if (sscanf(line, "%63s %63s %31s %n", file, id, check,
			&reason) != 3 ||
		    line[reason] == '\0')
			die("want: FILE ID CHECK REASON", line);
		if (++nexceptions == MAX_EXCEPTIONS)
			die("too many exceptions", path);
		e->file = strdup(file);
		e->id = strdup(id);
		e->check = strdup(check);
	}
	fclose(f);
}

void
golden_init(int argc, char **argv)
{
	own = argc < 2;
	if (own)
		snprintf(folder, sizeof folder, "%s/golden", tests_dir());
	else
		snprintf(folder, sizeof folder, "%s", argv[1]);
	read_exceptions();
}

bool
golden_is_own(void)
{
	return own;
}

void
golden_run(
    const char *file, bool (*wanted)(json_t *row), void (*check)(struct row *r))
{
	char path[1200], *line = NULL;
	size_t cap = 0;
	FILE *f;

	snprintf(path, sizeof path, "%s/%s", folder, file);
	f = fopen(path, "r");
	if (f == NULL)
		return;
	while (getline(&line, &cap, f) > 0) {
		json_error_t error;
		json_t *json = json_loads(
		    line, JSON_ALLOW_NUL | JSON_DECODE_INT_AS_REAL, &error);
		struct row r = { file, NULL, json, line, 0 };

		if (json == NULL)
			die(error.text, path);
		r.id = json_string_value(json_object_get(json, "id"));
		if (r.id == NULL)
			r.id = "?";
		if (wanted == NULL || wanted(json)) {
			check(&r);
			if (r.nbad == 0)
				npassed++;
			else
				nfailed++;
		}
		json_decref(json);
	}
	free(line);
	fclose(f);
}

static struct exception *
find_exception(const struct row *r, const char *check, const char *rule)
{
	for (size_t i = 0; i < nexceptions; i++) {
		struct exception *e = &exceptions[i];

		if (strcmp(e->file, r->file) != 0 ||
		    strcmp(e->check, check) != 0)
			continue;
		if (e->id[0] == '@'
			? rule != NULL && strcmp(e->id + 1, rule) == 0
			: fnmatch(e->id, r->id, 0) == 0) {
			e->used = true;
			return e;
		}
	}
	return NULL;
}

static void __attribute__((format(printf, 3, 0)))
complain(struct row *r, const char *check, const char *fmt, va_list ap)
{
	printf("%s: %s: %s: ", r->file, r->id, check);
	vprintf(fmt, ap);
	printf("\n");
	r->nbad++;
}

static void __attribute__((format(printf, 5, 0)))
judge(struct row *r, const char *check, bool good, const struct exception *e,
    const char *fmt, va_list ap)
{
	if (e != NULL && good) {
		printf("%s: %s: %s: no deviation, but listed as one\n", r->file,
		    r->id, check);
		r->nbad++;
	} else if (e == NULL && !good) {
		complain(r, check, fmt, ap);
	}
}

void
golden_check(struct row *r, const char *check, bool good, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	judge(r, check, good, find_exception(r, check, NULL), fmt, ap);
	va_end(ap);
}

void
golden_check_rule(struct row *r, const char *check, bool good, const char *rule,
    bool excused, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	judge(r, check, good, find_exception(r, check, excused ? rule : NULL),
	    fmt, ap);
	va_end(ap);
}

void
golden_unused(const char *file)
{
	for (size_t i = 0; i < nexceptions; i++)
		if (strcmp(exceptions[i].file, file) == 0 &&
		    !exceptions[i].used) {
			printf("exceptions.txt: %s %s %s covers nothing\n",
			    file, exceptions[i].id, exceptions[i].check);
			nfailed++;
		}
}

int
golden_finish(void)
{
	for (size_t i = 0; i < nexceptions; i++) {
		free(exceptions[i].file);
		free(exceptions[i].id);
		free(exceptions[i].check);
	}
	printf("%u passed, %u failed\n", npassed, nfailed);
	return nfailed == 0 ? 0 : 1;
}

const char *
golden_string(const struct row *r, const char *name)
{
	return json_string_value(json_object_get(r->json, name));
}

struct bytes
golden_hex(const struct row *r, const char *name)
{
	const char *hex = golden_string(r, name);
	struct bytes b = { NULL, 0 };
	long n;

	if (hex == NULL)
		return b;
	b.p = malloc(strlen(hex) / 2 + 1);
	n = b.p == NULL ? -1 : mu_text_unhex(hex, b.p);
	if (n < 0) {
		free(b.p);
		b.p = NULL;
		return b;
	}
	b.len = (size_t)n;
	return b;
}

struct bytes
golden_bytes(const struct row *r, const char *name)
{
	json_t *s = json_object_get(r->json, name);
	struct bytes b = { NULL, 0 };
	char hex_name[64];

	if (s == NULL) {
		snprintf(hex_name, sizeof hex_name, "%s_hex", name);
		return golden_hex(r, hex_name);
	}
	b.len = json_string_length(s);
	b.p = malloc(b.len + 1);
	if (b.p == NULL)
		die("out of memory", name);
	memcpy(b.p, json_string_value(s), b.len);
	return b;
}

bool
golden_same(struct bytes a, const void *p, size_t len)
{
	return a.p != NULL && a.len == len &&
	       (len == 0 || memcmp(a.p, p, len) == 0);
}

void
golden_free(struct bytes b)
{
	free(b.p);
}
