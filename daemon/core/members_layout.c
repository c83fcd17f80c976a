/*
 * Do two nodes have the same layout?  With the hello each tells the digest of
 * its own; when they differ, each sends the digests of all rows and says what
 * it finds, once per peering and layout.
 *
 *   Muster::layout(count digest, table[string] of count rows)
 */
#include "core/members_impl.h"

#include <string.h>

#include "base/text.h"
#include "muster/err.h"

#define NAMED    8  /* rows named in one message */
#define COMPARED 16 /* messages about one peering, however often it reloads */

static struct muster_value *
all_rows(const struct members *m)
{
	struct muster_value *t = muster_value_table();
	size_t i;

	for (i = 0; i < m->nrows && t != NULL; i++) {
		const struct mu_layout_node *n = m->rows[i].pub.node;

		if (muster_value_put(t, muster_value_cstring(n->name),
			muster_value_count(mu_layout_node_digest(n))) != 0) {
			muster_value_unref(t);
			t = NULL;
		}
	}
	return t;
}

static int
send(struct members *m, const struct peer *p, struct muster_value *rows)
{
	return mout_event(m, &p->id, STATE_TOPIC, "Muster::layout",
	    mout_args(2, muster_value_count(m->digest), rows), false);
}

void
mlayout_tell(struct members *m, struct peer *p, uint64_t now)
{
	if (p->told_digest || !p->speaks_muster)
		return;
	p->told_digest = send(m, p, muster_value_table()) == 0;
	if (!p->told_digest)
		m->retry = now + RETRY_NS;
}

/* --- the differences, in words -------------------------------------------- */

struct diff {
	struct mu_buf text;
	size_t n;
};

static void
note(struct diff *d, const char *title, const char *name, size_t len)
{
	char shown[80];

	if (d->n < NAMED)
		mu_buf_printf(&d->text, "%s%s", d->n == 0 ? title : ", ",
		    mu_text_printable(name, len, shown, sizeof shown));
	d->n++;
}

static void
finish(struct diff *d, struct mu_buf *out)
{
	if (d->n > NAMED)
		mu_buf_printf(&d->text, " and %zu more", d->n - NAMED);
	if (d->n > 0)
		mu_buf_put(out, mu_buf_data(&d->text), mu_buf_len(&d->text));
	mu_buf_clear(&d->text);
}

static void
compare_ours(const struct members *m, const struct muster_value *theirs,
    struct diff *missing, struct diff *differ)
{
	size_t i;

	for (i = 0; i < m->nrows; i++) {
		const char *name = mrows_name(m, i);
		struct muster_value *key = muster_value_cstring(name);
		const struct muster_value *v;

		v = key == NULL ? NULL : muster_value_lookup(theirs, key);
		if (key == NULL)
			continue;
		if (v == NULL)
			note(missing, "; missing there: ", name, strlen(name));
		else if (muster_value_get_count(v) !=
			 mu_layout_node_digest(m->rows[i].pub.node))
			note(differ, "; different: ", name, strlen(name));
		muster_value_unref(key);
	}
}

static void
compare(struct members *m, struct peer *p, const struct muster_value *theirs)
{
	struct diff missing = { .n = 0 }, extra = { .n = 0 },
		    differ = { .n = 0 };
	struct mu_buf text;
	size_t i, len;

	mu_buf_init(&text, 0);
	mu_buf_init(&missing.text, 0);
	mu_buf_init(&extra.text, 0);
	mu_buf_init(&differ.text, 0);
	for (i = 0; i < muster_value_size(theirs); i++) {
		const char *name =
		    muster_value_get_string(muster_value_at(theirs, i), &len);

		if (name != NULL && mrows_find(m, name, len) == NO_ROW)
			note(&extra, "; missing here: ", name, len);
	}
	compare_ours(m, theirs, &missing, &differ);
	if (extra.n + missing.n + differ.n == 0)
		mu_buf_str(&text, "; the nodes are the same, cluster name, "
				  "topics, stores, relays or pools differ");
	finish(&extra, &text);
	finish(&missing, &text);
	finish(&differ, &text);
	mu_buf_u8(&text, '\0');
	if (mu_buf_error(&text) == 0)
		mout_log(m, LOG_LEVEL_WARN, "node %s has another layout%s",
		    mrows_name(m, p->row), (const char *)mu_buf_data(&text));
	mu_buf_clear(&text);
}

void
mlayout_heard(struct members *m, struct peer *p,
    const struct muster_value *args, uint64_t now)
{
	const struct muster_value *rows = muster_value_at(args, 1);
	uint64_t theirs = muster_value_get_count(muster_value_at(args, 0));

	p->digest = theirs;
	if (p->row == m->manager_row)
		m->answers = true;
	mtrack_links_again(m, now);
	if (theirs == m->digest)
		return;
	if (!p->told_rows && p->speaks_muster) {
		p->told_rows = true;
		/* Best effort: only a warning depends on it. */
		(void)send(m, p, all_rows(m));
	}
	if (muster_value_size(rows) > 0 && p->compared < COMPARED) {
		p->compared++;
		compare(m, p, rows);
	}
}
