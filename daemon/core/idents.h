/*
 * Identifiers: named values of a node that others may read and, if permitted,
 * replace.  Some are settings of the daemon itself, some are declared in the
 * layout.  A service of the router: it hears Zeek's IdentifierUpdate and the
 * requests of Zeek's control framework (reference "cluster-semantics" 6.4,
 * 7.3), and answers at the end of the turn.
 *
 * Who may change what: the manager, by IdentifierUpdate; whoever has the
 * control socket, by idents_set; other endpoints only when the layout says
 * control.updates.
 */
#ifndef CORE_IDENTS_H
#define CORE_IDENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "muster/value.h"

struct endpoint;
struct idents;
struct mu_layout;

/* A setting of the daemon; rows of the owner's table. */
struct idents_setting {
	const char *name; /* "Muster::log_level" */
	enum muster_type type;
	const char *about; /* one line */
	/* The present value, owned by the caller; NULL: no memory. */
	struct muster_value *(*get)(void *ctx);
	/* Of that type.  0, MUSTER_EINVAL with why; NULL: it is read only. */
	int (*set)(void *ctx, const struct muster_value *v, char *why,
	    size_t why_size);
};

#define IDENTS_WHY 160

struct idents_hooks {
	const struct idents_setting *settings; /* borrowed [nsettings] */
	size_t nsettings;
	void (*stop)(void *ctx); /* an orderly end */
	void *ctx;
};

/* Attaches to the router of e.  NULL: no memory, or a value of the layout that
 * is none (idents_fault finds it). */
struct idents *idents_new(struct endpoint *e, const struct mu_layout *l,
    const struct idents_hooks *hooks);
void idents_free(struct idents *i);

/* The layout was replaced: identifiers come, go, and where the layout has
 * another value than before get that.  0 or MUSTER_ENOMEM. */
int idents_reload(struct idents *i, const struct mu_layout *l);

/* --- verbs, for the control socket ------------------------------------------
 */

/* The value, owned; NULL with *err MUSTER_ENOENT or MUSTER_ENOMEM. */
struct muster_value *idents_get(
    const struct idents *i, const char *name, int *err);
/* 0; MUSTER_ENOENT; MUSTER_ETYPE; MUSTER_EPERM: read only; MUSTER_EINVAL with
 * why [IDENTS_WHY]; MUSTER_ENOMEM. */
int idents_set(struct idents *i, const char *name, const struct muster_value *v,
    char *why);
/* Publish the present value to a topic, as Zeek's publish_id.  The number of
 * receivers or an error as idents_get, router_publish. */
int idents_publish(
    struct idents *i, const char *name, const char *topic, size_t topic_len);

/* All of them, sorted by name within settings and declared ones. */
struct idents_fact {
	const char *name;
	enum muster_type type;
	const char *about; /* NULL: declared in the layout */
	bool fixed;        /* read only */
	uint64_t updates;  /* changes since the start */
};
size_t idents_count(const struct idents *i);
void idents_fact(const struct idents *i, size_t at, struct idents_fact *out);

struct idents_stats {
	uint64_t updated; /* by IdentifierUpdate */
	uint64_t refused; /* not known, not permitted, wrong type */
	uint64_t requests, unanswered; /* of the control framework */
};
const struct idents_stats *idents_stats(const struct idents *i);

/* --- at the end of a turn ------------------------------------------------- */

/* Send answers, write lines.  wall: ns. */
void idents_turn(struct idents *i, uint64_t now, int64_t wall);
uint64_t idents_deadline(const struct idents *i);
/* A line for the operator: level and text, borrowed; false: none. */
bool idents_next(struct idents *i, int *level, const char **text);

#endif
