/* Positions as they are stored: u8 version, then the members in order, big
 * endian. */
#include <string.h>

#include "base/cursor.h"
#include "logs/inputs_impl.h"
#include "muster/err.h"

#define VERSION 1

void
input_mark_enc(const struct input_mark *m, struct mu_buf *b)
{
	mu_buf_u8(b, VERSION);
	mu_buf_u64(b, m->device);
	mu_buf_u64(b, m->inode);
	mu_buf_u64(b, m->offset);
	mu_buf_u64(b, m->line);
	mu_buf_u64(b, m->head);
	mu_buf_u32(b, m->known);
	mu_buf_u64(b, m->digest);
	mu_buf_u8(b, m->nnext);
	for (size_t i = 0; i < m->nnext; i++) {
		mu_buf_u64(b, m->next[i].device);
		mu_buf_u64(b, m->next[i].inode);
	}
}

int
input_mark_dec(struct input_mark *m, const uint8_t *buf, size_t len)
{
	struct mu_cursor c = mu_cursor_over(buf, len);
	uint8_t version = mu_cursor_u8(&c);
	int rc;

	memset(m, 0, sizeof *m);
	m->device = mu_cursor_u64(&c);
	m->inode = mu_cursor_u64(&c);
	m->offset = mu_cursor_u64(&c);
	m->line = mu_cursor_u64(&c);
	m->head = mu_cursor_u64(&c);
	m->known = mu_cursor_u32(&c);
	m->digest = mu_cursor_u64(&c);
	m->nnext = mu_cursor_u8(&c);
	if (m->nnext > INPUT_NEXT)
		mu_cursor_fail(&c, MUSTER_EPROTO);
	for (size_t i = 0; c.error == 0 && i < m->nnext; i++) {
		m->next[i].device = mu_cursor_u64(&c);
		m->next[i].inode = mu_cursor_u64(&c);
	}
	rc = mu_cursor_done(&c);
	if (rc == 0 && (version != VERSION || m->known > INPUT_HEAD ||
			   m->head > m->offset))
		rc = MUSTER_EPROTO;
	if (rc != 0)
		memset(m, 0, sizeof *m);
	return rc;
}
