/* A table on stdout: columns as wide as their widest cell. */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

#include <stddef.h>

#define TABLE_COLUMNS 12

enum colour { PLAIN, GREEN, YELLOW, RED, DIM };

struct table_cell {
	char *text; /* owned */
	enum colour colour;
};

struct table {
	size_t ncolumns;
	struct table_cell *cells; /* nrows * ncolumns, the first row a head */
	size_t n, cap;
};

/* Begin with the words of the head, separated by '|'. */
void table_begin(struct table *t, const char *head);
/* The next cell, row by row.  Memory shortage ends the program. */
void table_cell(struct table *t, enum colour colour, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Print and free. */
void table_end(struct table *t);

/* text in a colour when stdout can show it. */
const char *colour_on(enum colour c);
const char *colour_off(enum colour c);

#endif
