/* Tables; see table.h. */
#include "ctl/table.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "ctl/ctl.h"
#include "sys/exit.h"

static void
out_of_memory(void)
{
	complain("out of memory");
	exit(EXIT_FAILED);
}

const char *
colour_on(enum colour c)
{
	static const char *const codes[] = { "", "\033[32m", "\033[33m",
		"\033[31m", "\033[2m" };

	return coloured() ? codes[c] : "";
}

const char *
colour_off(enum colour c)
{
	return c != PLAIN && coloured() ? "\033[0m" : "";
}

static void
put(struct table *t, enum colour colour, char *text)
{
	struct table_cell *cells;

	if (t->n == t->cap) {
		t->cap = t->cap == 0 ? 64 : t->cap * 2;
		cells = mu_reallocarray(t->cells, t->cap, sizeof *cells);
		if (cells == NULL)
			out_of_memory();
		t->cells = cells;
	}
	if (text == NULL)
		out_of_memory();
	t->cells[t->n++] = (struct table_cell){ text, colour };
}

void
table_begin(struct table *t, const char *head)
{
	const char *p = head;

	memset(t, 0, sizeof *t);
	for (;;) {
		size_t len = strcspn(p, "|");

		put(t, PLAIN, mu_memdup0(p, len));
		t->ncolumns++;
		if (p[len] == '\0')
			break;
		p += len + 1;
	}
}

void
table_cell(struct table *t, enum colour colour, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	put(t, colour, mu_strdup(text));
}

void
table_end(struct table *t)
{
	size_t width[TABLE_COLUMNS] = { 0 };

	for (size_t i = 0; i < t->n; i++) {
		size_t column = i % t->ncolumns, len = strlen(t->cells[i].text);

		if (len > width[column])
			width[column] = len;
	}
	for (size_t i = 0; i < t->n; i++) {
		struct table_cell *cell = &t->cells[i];
		size_t column = i % t->ncolumns;
		int last = column + 1 == t->ncolumns;

		printf("%s%s%s", colour_on(cell->colour), cell->text,
		    colour_off(cell->colour));
		if (last)
			putchar('\n');
		else
			printf("%*s",
			    (int)(width[column] - strlen(cell->text)) + 2, "");
		mu_free(cell->text);
	}
	mu_free(t->cells);
}
