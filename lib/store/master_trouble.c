/*
 * What ails a store: writes that its medium refuses, records that turn out to
 * be damaged.  An episode of refusals begins with the first and ends with the
 * first write that succeeds; each is one line for the operator, and status
 * says it meanwhile.  Damage stays until the node is restarted.
 */
#include <string.h>

#include "store/master_impl.h"
#include "value/codec.h"

#define LOG_EVERY 600 /* ticks between two lines about damage */
#define TRIES     3   /* of a write that may be the cause */

void
master_refused(struct mu_master *m, enum mu_store_status why, uint64_t n)
{
	m->nrefused += n;
	if (m->trouble == MU_STORE_OK)
		mu_outq_log(&m->out, 3, "writes are refused: %s",
		    mu_store_status_name(why));
	m->trouble = why;
}

void
master_recovered(struct mu_master *m)
{
	m->commit_failed = false;
	if (m->trouble == MU_STORE_OK)
		return;
	mu_outq_log(&m->out, 5,
	    "writes succeed again, after %llu that were refused",
	    (unsigned long long)m->nrefused);
	m->trouble = MU_STORE_OK;
	m->nrefused = 0;
}

/* The key as text, cut to what fits. */
static void
note_key(struct mu_master *m, const struct muster_value *key)
{
	struct mu_buf text;
	size_t n = 0;

	mu_buf_init(&text, 0);
	if (key != NULL)
		mu_value_enc_text(&text, key);
	for (; mu_buf_error(&text) == 0 && n < mu_buf_len(&text) &&
	       n + 1 < sizeof m->damaged;
	     n++) {
		uint8_t c = mu_buf_data(&text)[n];

		m->damaged[n] = c < ' ' || c >= 0x7f ? '?' : (char)c;
	}
	m->damaged[n] = '\0';
	mu_buf_clear(&text);
}

void
master_damaged(struct mu_master *m, const struct muster_value *key)
{
	m->ndamaged++;
	if (m->ndamaged > 1 && m->ticks - m->damaged_told < LOG_EVERY)
		return;
	m->damaged_told = m->ticks;
	note_key(m, key);
	if (m->damaged[0] != '\0')
		mu_outq_log(&m->out, 3,
		    "the record of key %s is damaged: it is left as it is, "
		    "and what needs it is refused",
		    m->damaged);
	else
		mu_outq_log(&m->out, 3,
		    "a record is damaged: it is left as it is, and what "
		    "needs it is refused");
}

/* A full disk gets room again, a damaged file does not heal.  Whose write of a
 * batch met the damage nobody knows: each is tried again alone. */
bool
master_gives_up(
    struct mu_master *m, const struct change *c, enum mu_store_status why)
{
	struct writer *w = master_writer(m, &c->writer);

	if (why != MU_STORE_DAMAGED || w == NULL || w->is_ours ||
	    mu_consumer_next_seq(w->in) <= c->seq)
		return false; /* or one before it is tried again already */
	if (w->suspect != c->seq) {
		w->suspect = c->seq;
		w->tries = 0;
	}
	return ++w->tries >= TRIES;
}
