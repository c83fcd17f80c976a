/* What is known of the rules, for status. */
#include "rules/rules_impl.h"

size_t
rules_count(const struct rules *rs)
{
	return rs->n;
}

void
rules_fact(const struct rules *rs, size_t i, struct rules_fact *out)
{
	const struct handler *h = rs->list[i];

	out->row = h->row;
	out->number = h->number;
	out->matched = h->matched;
	out->done = h->done;
	out->failed = h->failed;
	out->dropped = h->dropped;
	out->lines = h->lines;
	out->running = h->running + h->writes;
	out->waiting = h->waiting;
	out->pause_ns = h->pause_until > rs->now ? h->pause_until - rs->now : 0;
	out->streak = h->streak;
	out->why = h->why[0] == '\0' ? NULL : h->why;
}

size_t
rules_auto_count(const struct rules *rs)
{
	return rs->nautos;
}

void
rules_auto_fact(const struct rules *rs, size_t i, struct rules_auto_fact *out)
{
	out->row = rs->autos[i].row;
	out->number = rs->autos[i].number;
	out->published = rs->autos[i].published;
}
