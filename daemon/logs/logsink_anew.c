/*
 * A damaged journal.  It is moved away and a new one begun, which is the
 * lesser evil: records would not be taken at all otherwise.
 *
 * While the sink runs it knows everything that the journal had, but for the
 * rotated files that somebody works on, and writes it into the new one.  At
 * the start nothing is known.  Then what was acknowledged is on disk, because
 * files are synced before that, and batches whose acknowledgement did not
 * reach their sender are written again.  Numbers that a damaged journal may
 * still have are not believed: one too high would lose records.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "logs/logsink_impl.h"
#include "sys/log.h"

#define PAUSE_NS UINT64_C(3600000000000) /* a disk that spoils each new one */

static void
forget_journal(struct logsink *s)
{
	struct session *ss, *next;

	memset(&s->before, 0, sizeof s->before);

	HASH_ITER(hh, s->sessions, ss, next)
	{
		ss->taken = ss->seen = 0;
	}
}

/* The new one gets what is known; false: not yet. */
static bool
fill(struct logsink *s)
{
	int rc = journal_commit_all(s);

	s->incomplete = rc != 0;
	if (rc == 0)
		return true;
	s->journal_retry = s->now.mono + SINK_RETRY_NS;
	sink_trouble(s, "journal", rc);
	return false;
}

static void
say(struct logsink *s)
{
	if (s->ready)
		sink_say(s, LOG_LEVEL_ERR,
		    "logs: the journal was damaged: %s; a new one has all that "
		    "this run knows: nothing is lost or written twice, but "
		    "rotated files that wait for compression or their program "
		    "are forgotten if the daemon is killed",
		    s->total.damaged);
	else
		sink_say(s, LOG_LEVEL_ERR,
		    "logs: the journal was damaged: %s; a new one is begun: "
		    "what was acknowledged is on disk, batches whose "
		    "acknowledgement was under way may be written twice, and "
		    "rotated files that waited for compression or their "
		    "program stay as they are",
		    s->total.damaged);
}

void
anew(struct logsink *s)
{
	int rc;

	if (!s->damaged || s->now.mono < s->anew_at) {
		if (s->incomplete && s->journal_retry <= s->now.mono)
			(void)fill(s);
		return;
	}
	rc = s->journal.set_aside(s->journal.ctx, s->now.wall, s->total.damaged,
	    sizeof s->total.damaged);
	if (rc != 0) {
		s->anew_at = s->now.mono + SINK_RETRY_NS;
		s->total.damaged[0] = '\0';
		sink_trouble(s, "the damaged journal cannot be moved away", rc);
		return;
	}
	s->anew_at = s->now.mono + PAUSE_NS;
	s->damaged = false;
	say(s);
	if (s->ready) {
		(void)fill(s);
		return;
	}
	forget_journal(s);
	s->recover_at = 0;
}
