/* check and schema: the layout, without a daemon. */
#include <stdio.h>

#include "base/alloc.h"
#include "ctl/ctl.h"
#include "layout/layout.h"
#include "layout/read.h"
#include "sys/exit.h"

static int
check_one(const struct ctl *c, char *file)
{
	struct ctl one = *c;
	struct mu_layout *l;
	int status;

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
