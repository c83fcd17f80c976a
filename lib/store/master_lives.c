/*
 * The histories a clone may know.  Each life of a master begins one of its
 * own, with the number that the backend remembers; an earlier one counts up to
 * where the next one began.  What an earlier life told beyond that, with a
 * medium that syncs now and then, never was: a clone that has it begins anew,
 * also when the numbers have reached it again.
 */
#include "base/cursor.h"
#include "muster/err.h"
#include "store/master_impl.h"

static const struct mu_bytes epoch_key = { (const uint8_t *)"epoch", 5 };
static const struct mu_bytes lives_key = { (const uint8_t *)"lives", 5 };

static void
add_life(struct mu_master *m, uint64_t epoch, uint64_t end)
{
	if (m->nlives == MAX_LIVES || epoch == 0)
		return;
	m->lives[m->nlives].epoch = epoch;
	m->lives[m->nlives].end = end;
	m->nlives++;
}

/* 0 also when there is none. */
static int
read_meta(struct mu_master *m, struct mu_bytes key, struct mu_cursor *c)
{
	struct mu_bytes value = { NULL, 0 };
	int rc = m->backend->ops->meta_get(m->backend, key, &value);

	*c = mu_cursor_over(value.at, rc == 0 ? value.len : 0);
	return rc == MUSTER_ENOENT ? 0 : rc;
}

int
master_lives_load(struct mu_master *m)
{
	struct mu_cursor c;
	int rc = read_meta(m, epoch_key, &c);

	if (rc != 0)
		return rc;
	if (mu_cursor_left(&c) > 0)
		add_life(m, mu_cursor_u64(&c), m->saved_seq);
	rc = mu_cursor_done(&c);
	if (rc == 0)
		rc = read_meta(m, lives_key, &c);
	while (rc == 0 && mu_cursor_left(&c) > 0) {
		uint64_t epoch = mu_cursor_u64(&c);

		add_life(m, epoch, mu_cursor_u64(&c));
		rc = c.error;
	}
	return rc;
}

int
master_lives_save(struct mu_master *m)
{
	uint8_t raw[16 * MAX_LIVES];
	struct mu_bytes value = { raw, 8 };
	int rc;

	if (m->lives_saved)
		return 0;
	mu_command_set_seq(raw, m->epoch);
	rc = m->backend->ops->meta_put(m->backend, epoch_key, value);
	for (size_t i = 0; i < m->nlives; i++) {
		mu_command_set_seq(raw + 16 * i, m->lives[i].epoch);
		mu_command_set_seq(raw + 16 * i + 8, m->lives[i].end);
	}
	value.len = 16 * m->nlives;
	if (rc == 0)
		rc = m->backend->ops->meta_put(m->backend, lives_key, value);
	m->lives_saved = rc == 0;
	return rc;
}

bool
master_has_lived(const struct mu_master *m, uint64_t epoch, uint64_t seq)
{
	size_t i = 0;

	if (epoch == 0 || epoch == m->epoch)
		return epoch != 0;
	while (i < m->nlives && m->lives[i].epoch != epoch)
		i++;
	return i < m->nlives && seq <= m->lives[i].end;
}
