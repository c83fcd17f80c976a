/*
 * Complaints about strangers that come again and again: a node with a
 * certificate of another CA, say, tries each second for weeks.  The first ones
 * about an address are said as they come, the same from there once a minute.
 */
#ifndef CORE_ECHOES_H
#define CORE_ECHOES_H

#include <stdint.h>

#define ECHOES_LISTED 32 /* kinds of complaints that are remembered */
#define ECHOES_SAID   8  /* of one kind within a minute */
#define ECHOES_NS     (60 * (uint64_t)1000000000)

struct echo {
	uint64_t key;    /* of address and text; 0: free */
	uint64_t since;  /* of the minute */
	unsigned said;   /* in it */
	uint64_t unsaid; /* since one was said */
};

/* Zero it to begin; it owns nothing. */
struct echoes {
	struct echo list[ECHOES_LISTED];
};

enum echoes_answer {
	ECHOES_SAY,
	ECHOES_SAY_LAST, /* and that it is said once a minute from now on */
	ECHOES_COUNT     /* do not say it */
};

/*
 * May this be said?
 *
 * now     monotonic, ns, not smaller than before
 * unsaid  how often the same was only counted since it was said
 */
enum echoes_answer echoes_ask(struct echoes *es, const char *address,
    const char *text, uint64_t now, uint64_t *unsaid);

#endif
