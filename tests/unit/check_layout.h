/*
 * What the suites about the layout share: reading a text, and a layout or its
 * mistakes as text.
 */
#ifndef CHECK_LAYOUT_H
#define CHECK_LAYOUT_H

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/diag.h"
#include "layout/layout.h"
#include "layout/read.h"

/* Every mistake on a line, with the number of those not kept. */
static inline void
put_diags(struct mu_buf *b, struct mu_diags *d)
{
	for (size_t i = 0; i < d->n; i++) {
		char *line = mu_diags_line(d, i);

		ck_assert_ptr_nonnull(line);
		mu_buf_printf(b, "%s\n", line);
		mu_free(line);
	}
	if (mu_diags_count(d) > d->n)
		mu_buf_printf(b, "%zu more\n", mu_diags_count(d) - d->n);
}

/* A layout that must be without mistakes; the caller frees it. */
static inline struct mu_layout *
must_read(const char *text)
{
	struct mu_diags d;
	struct mu_layout *l;
	struct mu_buf b;

	mu_buf_init(&b, 0);
	ck_assert_int_eq(mu_diags_init(&d, "layout.yaml"), 0);
	l = mu_layout_read("layout.yaml", text, strlen(text), &d);
	put_diags(&b, &d);
	mu_buf_u8(&b, '\0');
	ck_assert_msg(l != NULL, "%s", (const char *)mu_buf_data(&b));
	mu_buf_clear(&b);
	mu_diags_clear(&d);
	return l;
}

/* The mistakes of a text that must have some; the caller frees them. */
static inline char *
mistakes_of(const char *text, size_t len)
{
	struct mu_diags d;
	struct mu_layout *l;
	struct mu_buf b;
	char *result;

	mu_buf_init(&b, 0);
	ck_assert_int_eq(mu_diags_init(&d, "layout.yaml"), 0);
	l = mu_layout_read("layout.yaml", text, len, &d);
	ck_assert_ptr_null(l);
	put_diags(&b, &d);
	mu_diags_clear(&d);
	result = mu_buf_take_string(&b);
	ck_assert_ptr_nonnull(result);
	mu_buf_clear(&b);
	return result;
}

#endif
