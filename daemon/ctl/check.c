/* check and schema: the layout, without a daemon. */
#include <stdio.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/diag.h"
#include "ctl/ctl.h"
#include "layout/layout.h"
#include "layout/read.h"
#include "proto/jtext.h"
#include "sys/exit.h"

/* --- for programs ----------------------------------------------------- */

static void
put_mistakes(struct mu_buf *b, struct mu_diags *d)
{
	/* This sorts them. */
	mu_free(mu_diags_line(d, 0));
	mu_buf_printf(
	    b, "false,\"count\":%zu,\"mistakes\":[", mu_diags_count(d));
	for (size_t i = 0; i < d->n; i++) {
		mu_buf_printf(b,
		    "%s{\"line\":%u,\"column\":%u,\"text\":", i == 0 ? "" : ",",
		    d->list[i].place.line, d->list[i].place.column);
		mu_jtext_put_cstring(b, d->list[i].text);
		mu_buf_str(b, "}");
	}
	mu_buf_str(b, "]}\n");
}

static int
check_json(const char *file)
{
	struct mu_layout *l;
	struct mu_diags d;
	struct mu_buf b;
	int status = EXIT_FAILED;

	if (mu_diags_init(&d, file) != 0) {
		complain("out of memory");
		return status;
	}
	l = mu_layout_load(file, &d);
	mu_buf_init(&b, 0);
	mu_buf_str(&b, "{\"file\":");
	mu_jtext_put_cstring(&b, file);
	mu_buf_str(&b, ",\"ok\":");
	if (l == NULL) {
		put_mistakes(&b, &d);
	} else {
		mu_buf_str(&b, "true,\"cluster\":");
		mu_jtext_put_cstring(&b, l->cluster);
		mu_buf_printf(&b, ",\"nodes\":%zu}\n", l->nnodes);
	}
	if (mu_buf_error(&b) != 0) {
		complain("out of memory");
	} else {
		fwrite(mu_buf_data(&b), 1, mu_buf_len(&b), stdout);
		status = l == NULL ? EXIT_CONFIG : EXIT_OK;
	}
	mu_buf_clear(&b);
	mu_diags_clear(&d);
	mu_layout_free(l);
	return status;
}

/* --- for people ------------------------------------------------------- */

static int
check_one(const struct ctl *c, char *file)
{
	struct ctl one = *c;
	struct mu_layout *l;
	int status;

	if (c->json)
		return check_json(file == NULL ? DEFAULT_LAYOUT : file);
	one.layout = file;
	l = find_layout(&one, &status);
	if (l == NULL)
		return status;
	if (!c->quiet)
		printf("%s: ok, cluster %s, %zu node%s\n", l->file, l->cluster,
		    l->nnodes, l->nnodes == 1 ? "" : "s");
	mu_layout_free(l);
	return EXIT_OK;
}

int
cmd_check(struct ctl *c)
{
	int status = EXIT_OK;

	if (c->nargs == 0)
		return check_one(c, c->layout);
	for (int i = 0; i < c->nargs; i++) {
		int r = check_one(c, c->args[i]);

		if (r != EXIT_OK)
			status = r;
	}
	return status;
}

int
cmd_schema(struct ctl *c)
{
	char *schema = mu_layout_schema();

	(void)c;
	if (schema == NULL) {
		complain("out of memory");
		return EXIT_FAILED;
	}
	printf("%s\n", schema);
	mu_free(schema);
	return EXIT_OK;
}
