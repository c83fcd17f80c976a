/* Lines to a control session, and what it answers. */
#ifndef UNIT_CONTROL_ASK_H
#define UNIT_CONTROL_ASK_H

#include <check.h>
#include <string.h>

#include "control/control.h"

/* All that the session says to a line; lives until the next one. */
static const char *
control_ask(struct control_session *s, const char *line, uint64_t now)
{
	static char all[1 << 20];
	const uint8_t *p;
	size_t len, n = 0;

	control_session_feed(s, line, strlen(line), now);
	control_session_feed(s, "\n", 1, now);
	while (control_session_peek(s, &p, &len)) {
		ck_assert_uint_lt(n + len, sizeof all);
		memcpy(all + n, p, len);
		n += len;
		control_session_consume(s, len);
	}
	all[n] = '\0';
	return all;
}

__attribute__((unused)) static void
control_expect(struct control_session *s, const char *line, const char *part,
    uint64_t now)
{
	const char *answer = control_ask(s, line, now);

	ck_assert_msg(
	    strstr(answer, part) != NULL, "%s gives %s", line, answer);
}

#endif
