/* Tables of --help; see usage.h. */
#include "sys/usage.h"

#include <string.h>

#define WIDTH    80
#define INDENT   2
#define GAP      2
#define LEFT_MAX 28 /* longer entries get a line of their own */

static size_t
column(const struct usage_row *rows, size_t n)
{
	size_t widest = 0;

	for (size_t i = 0; i < n; i++) {
		size_t len = rows[i].left == NULL ? 0 : strlen(rows[i].left);

		if (len > widest && len <= LEFT_MAX)
			widest = len;
	}
	return INDENT + widest + GAP;
}

/* Words of text from column at; lines after the first start there too. */
static void
print_wrapped(FILE *out, const char *text, size_t at)
{
	size_t used = at;

	while (*text != '\0') {
		size_t len = strcspn(text, " ");

		if (used > at && used + 1 + len > WIDTH) {
			fprintf(out, "\n%*s", (int)at, "");
			used = at;
		}
		if (used > at) {
			fputc(' ', out);
			used++;
		}
		fprintf(out, "%.*s", (int)len, text);
		used += len;
		text += len;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

static void
print_row(FILE *out, const struct usage_row *row, size_t at)
{
	size_t len = INDENT + strlen(row->left);

	fprintf(out, "%*s%s", INDENT, "", row->left);
	if (row->right == NULL) {
		fputc('\n', out);
		return;
	}
	if (len + GAP > at) {
		fputc('\n', out);
		len = 0;
	}
	fprintf(out, "%*s", (int)(at - len), "");
	print_wrapped(out, row->right, at);
}

void
usage_print(FILE *out, const struct usage_row *rows, size_t n)
{
	size_t at = column(rows, n);

	for (size_t i = 0; i < n; i++) {
		if (rows[i].left != NULL)
			print_row(out, &rows[i], at);
		else
			fprintf(out, "%s\n",
			    rows[i].right == NULL ? "" : rows[i].right);
	}
}
