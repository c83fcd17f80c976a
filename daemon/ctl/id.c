/* id: identifiers of a node, read, set and published. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/text.h"
#include "ctl/client.h"
#include "ctl/ctl.h"
#include "ctl/pool.h"
#include "ctl/table.h"
#include "ctl/value.h"
#include "proto/jtext.h"
#include "sys/exit.h"

const char *const id_operation_names[] = { "list", "get", "set", "publish",
	NULL };

/* Ask with a request that b holds; the answer is owned by the caller. */
static int
ask(const struct ctl *c, struct mu_buf *b, char **answer)
{
	char *request = mu_buf_take_string(b);
	int status;

	*answer = NULL;
	if (request == NULL) {
		complain("out of memory");
		return EXIT_FAILED;
	}
	status = client_ask(c, request, answer);
	mu_free(request);
	return status;
}

static void
print_value(const char *answer)
{
	struct mu_jtext v = mu_jtext_over(answer, strlen(answer));
	struct mu_jtext value = mu_jtext_member(&v, "value");

	value_print(stdout, &value);
	putchar('\n');
}

/* --- the operations ------------------------------------------------------- */

static void
put_row(struct table *t, const struct mu_jtext *row)
{
	static const char *const texts[] = { "name", "type", "about" };
	struct mu_jtext fixed = mu_jtext_member(row, "fixed");
	struct mu_jtext value = mu_jtext_member(row, "value");
	char *cells[3], *shown = NULL;
	size_t size = 0;
	FILE *f;

	for (size_t i = 0; i < 3; i++) {
		struct mu_jtext m = mu_jtext_member(row, texts[i]);

		cells[i] = mu_jtext_kind(&m) == MU_JTEXT_STRING
			       ? mu_jtext_cstring(&m)
			       : NULL;
	}
	f = open_memstream(&shown, &size);
	if (f != NULL) {
		value_print(f, &value);
		fclose(f);
	}
	table_cell(t, PLAIN, "%s", cells[0] == NULL ? "?" : cells[0]);
	table_cell(t, PLAIN, "%s", cells[1] == NULL ? "?" : cells[1]);
	table_cell(t, PLAIN, "%s", shown == NULL ? "?" : shown);
	table_cell(
	    t, PLAIN, "%s", fixed.len == 4 ? "no" : "yes"); /* true, false */
	table_cell(t, DIM, "%s", cells[2] == NULL ? "of the layout" : cells[2]);
	free(shown);
	for (size_t i = 0; i < 3; i++)
		mu_free(cells[i]);
}

static int
id_list(struct ctl *c, struct mu_buf *b)
{
	struct mu_jtext v, rows, row;
	struct mu_jtext_walk w;
	char *answer;
	struct table t;
	int status;

	mu_buf_str(b, "{\"op\":\"ids\"}");
	status = ask(c, b, &answer);
	if (status == EXIT_OK && c->json) {
		printf("%s\n", answer);
	} else if (status == EXIT_OK && !c->quiet) {
		v = mu_jtext_over(answer, strlen(answer));
		rows = mu_jtext_member(&v, "identifiers");
		w = mu_jtext_walk(&rows);
		table_begin(&t, "IDENTIFIER|TYPE|VALUE|CHANGEABLE|ABOUT");
		while (mu_jtext_next(&w, NULL, &row))
			put_row(&t, &row);
		table_end(&t);
	}
	mu_free(answer);
	return status;
}

static int
id_get(struct ctl *c, struct mu_buf *b)
{
	char *answer;
	int status;

	mu_buf_str(b, "{\"op\":\"id_get\",\"name\":");
	mu_jtext_put_cstring(b, c->args[1]);
	mu_buf_str(b, "}");
	status = ask(c, b, &answer);
	if (status == EXIT_OK && c->json)
		printf("%s\n", answer);
	else if (status == EXIT_OK && !c->quiet)
		print_value(answer);
	mu_free(answer);
	return status;
}

static int
id_set(struct ctl *c, struct mu_buf *b)
{
	char *answer;
	int status;

	mu_buf_str(b, "{\"op\":\"id_set\",\"name\":");
	mu_jtext_put_cstring(b, c->args[1]);
	mu_buf_str(b, ",\"value\":");
	if (!pool_put_key(b, c->type, c->args[2]))
		return EXIT_USAGE;
	mu_buf_str(b, "}");
	status = ask(c, b, &answer);
	if (status == EXIT_OK && c->json)
		printf("%s\n", answer);
	mu_free(answer);
	return status;
}

static int
id_publish(struct ctl *c, struct mu_buf *b)
{
	struct mu_jtext v, receivers;
	char *answer;
	int status;

	mu_buf_str(b, "{\"op\":\"id_publish\",\"name\":");
	mu_jtext_put_cstring(b, c->args[1]);
	mu_buf_str(b, ",\"topic\":");
	mu_jtext_put_cstring(b, c->args[2]);
	mu_buf_str(b, "}");
	status = ask(c, b, &answer);
	if (status == EXIT_OK) {
		v = mu_jtext_over(answer, strlen(answer));
		receivers = mu_jtext_member(&v, "receivers");
		if (c->json)
			printf("%s\n", answer);
		else if (!c->quiet && receivers.len == 1 &&
			 *receivers.at == '0')
			complain("nobody listens to %s", c->args[2]);
	}
	mu_free(answer);
	return status;
}

static const struct {
	const char *name;
	int nargs; /* with the operation */
	const char *wants;
	int (*run)(struct ctl *c, struct mu_buf *b);
} operations[] = {
	{ "list", 1, "nothing more", id_list },
	{ "get", 2, "an identifier", id_get },
	{ "set", 3, "an identifier and a value", id_set },
	{ "publish", 3, "an identifier and a topic", id_publish },
};
#define NOPERATIONS (sizeof operations / sizeof operations[0])

int
cmd_id(struct ctl *c)
{
	const char *near;
	struct mu_buf b;
	int status;

	for (size_t i = 0; i < NOPERATIONS; i++) {
		if (strcmp(c->args[0], operations[i].name) != 0)
			continue;
		if (c->nargs != operations[i].nargs) {
			complain("id %s wants %s", operations[i].name,
			    operations[i].wants);
			return EXIT_USAGE;
		}
		mu_buf_init(&b, 0);
		status = operations[i].run(c, &b);
		mu_buf_clear(&b);
		return status;
	}
	near = mu_text_nearest(c->args[0], id_operation_names, NOPERATIONS);
	complain("id: no operation \"%s\"%s%s%s", c->args[0],
	    near == NULL ? " (list, get, set, publish)" : " (did you mean \"",
	    near == NULL ? "" : near, near == NULL ? "" : "\"?)");
	return EXIT_USAGE;
}
