/*
 * Scenarios of stores: requests from everywhere while processes are killed
 * and stopped, paths cut and silent, disks slow and failing; then peace, in
 * which all copies become equal.
 */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"

#define PHASES   3
#define PATIENCE 180 /* seconds of peace in which all must be equal */

/* Masters on two nodes, one of which syncs now and then; copies in memory and
 * on disk.  With small frames a
 * copy is fetched in many pieces. */
void
cases_layout(struct mu_buf *b, struct mu_rng *rng)
{
	if (mu_rng_below(rng, 2) == 0)
		mu_buf_str(
		    b, "limits: {frame: 8 KiB, handshake_frame: 8 KiB}\n");
	mu_buf_str(b,
	    "stores:\n"
	    "  both: {backend: lmdb, clone_backend: lmdb}\n"
	    "  disk: {backend: lmdb}\n"
	    "  late: {backend: lmdb, sync: 2 s, clone_backend: lmdb}\n"
	    "  mem: {}\n"
	    "  proxied: {backend: lmdb, master: proxy-1, clones: [worker, "
	    "manager], clone_backend: lmdb}\n");
}

static void
settle(struct sim *s)
{
	char why[200] = "";
	unsigned i;

	sim_run(s, SECOND); /* news of the last cut may be on their way */
	sim_settle(s);
	for (i = 0; i < PATIENCE && !s->failed; i++) {
		if (oracle_equal(s, why, sizeof why)) {
			oracle_rest(s);
			return;
		}
		sim_run(s, SECOND);
	}
	fail(s, "after %u s of peace: %s", i, why);
}

static struct node *
running(struct sim *s)
{
	struct node *n = sim_any_node(s);

	return n->e == NULL || n->stopped ? NULL : n;
}

static void
disturb(struct sim *s)
{
	struct node *n = running(s);
	size_t a, b;

	switch (mu_rng_below(&s->rng, 6)) {
	case 0:
	case 1:
		if (n != NULL)
			node_kill(n, mu_rng_below(&s->rng, 5) == 0);
		break;
	case 2:
		sim_any_link(s, &a, &b);
		net_set_path(s, a, b, PATH_CUT);
		break;
	case 3:
		sim_any_link(s, &a, &b);
		net_set_path(s, a, b, PATH_SILENT);
		break;
	case 4:
		if (n != NULL)
			n->stopped = true;
		break;
	default:
		net_heal(s);
	}
}

static void
repair(struct sim *s, bool all)
{
	size_t i;

	for (i = 0; i < s->n; i++) {
		struct node *n = &s->nodes[i];

		if (!node_runs_here(n) ||
		    (!all && mu_rng_below(&s->rng, 2) == 0))
			continue;
		if (n->e == NULL)
			node_start(n);
		else if (n->stopped)
			net_resume(n);
	}
	if (all || mu_rng_below(&s->rng, 2) == 0)
		net_heal(s);
}

static void
trouble(struct sim *s)
{
	unsigned steps = 100 + (unsigned)mu_rng_below(&s->rng, 300);
	/* Some runs are wild, some nearly quiet. */
	uint64_t rarely = 10 + mu_rng_below(&s->rng, 100);
	uint64_t pace = 10 * MS + mu_rng_below(&s->rng, 150 * MS);
	unsigned i;

	for (i = 0; i < steps && !s->failed; i++) {
		ask_random(s);
		if (mu_rng_below(&s->rng, rarely) == 0)
			disturb(s);
		if (mu_rng_below(&s->rng, rarely) == 0)
			repair(s, false);
		sim_run(s, mu_rng_below(&s->rng, 2 * pace));
	}
}

void
cases_run(struct sim *s)
{
	unsigned i;

	s->disk_ns = 1 + mu_rng_below(&s->rng, 4) * 50 * MS;
	sim_form(s);
	for (i = 0; i < PHASES && !s->failed; i++) {
		s->disks_fail = mu_rng_below(&s->rng, 3) == 0;
		trouble(s);
		s->disks_fail = false;
		repair(s, true);
		settle(s);
	}
}
