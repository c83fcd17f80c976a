/* Complaints that come again and again; see echoes.h. */
#include "core/echoes.h"

#include <stddef.h>
#include <string.h>

#include "base/rng.h"

/* Who finds two texts of one key hides a line about himself. */
static uint64_t
key_of(const char *address, const char *text)
{
	uint64_t h = mu_hash64(0, address, strlen(address));

	h = mu_hash64(h, text, strlen(text));
	return h == 0 ? 1 : h;
}

/* The one of that key, or else the one that has rested longest, anew. */
static struct echo *
find(struct echoes *es, uint64_t key, uint64_t now)
{
	struct echo *oldest = &es->list[0];

	for (size_t i = 0; i < ECHOES_LISTED; i++) {
		struct echo *e = &es->list[i];

		if (e->key == key)
			return e;
		if (e->key == 0 ||
		    (oldest->key != 0 && e->since < oldest->since))
			oldest = e;
	}
	*oldest = (struct echo){ .key = key, .since = now };
	return oldest;
}

enum echoes_answer
echoes_ask(struct echoes *es, const char *address, const char *text,
    uint64_t now, uint64_t *unsaid)
{
	struct echo *e = find(es, key_of(address, text), now);

	*unsaid = e->unsaid;
	if (now - e->since >= ECHOES_NS) {
		e->since = now;
		/* It never stopped: it is not new. */
		e->said = e->said >= ECHOES_SAID ? ECHOES_SAID - 1 : 0;
		if (e->unsaid == 0)
			e->said = 0;
	}
	if (e->said >= ECHOES_SAID) {
		e->unsaid++;
		return ECHOES_COUNT;
	}
	e->unsaid = 0;
	return ++e->said == ECHOES_SAID ? ECHOES_SAY_LAST : ECHOES_SAY;
}
