/*
 * A clone that behaves as Zeek's do to the letter, joined to our master: it
 * attaches once and never again, ignores keepalives and every other entity,
 * and gives up for good when it is told that an action is gone.  It must follow
 * a master that is killed and comes back, with its file or without, and what it
 * wrote meanwhile must arrive once.
 */
#include "store_record.h"

#include "store/master.h"
#include "store_disk.h"
#include "unit.h"

#define SECOND64 UINT64_C(1000000000)
#define TICK     MU_CHANNEL_TICK_NS
#define MOST     64 /* actions of a test, each way */

static struct {
	struct mu_store_now now;
	struct mu_backend *platter;
	struct disk *disk;
	struct mu_master *master;
	struct mu_master_config config;
	bool cut; /* nothing reaches the clone */
	unsigned handshakes;
	/* the clone */
	struct mu_entity me;
	struct mu_backend *copy;
	uint64_t next; /* 0: not attached yet */
	uint64_t ticks, idle;
	uint8_t *early[MOST]; /* owned, by number */
	size_t early_len[MOST];
	bool broken;
	struct mu_command written[MOST]; /* by number */
	uint64_t wrote, wrote_acked;
	unsigned resent[MOST];
} z;

/* --- the clone ---------------------------------------------------------- */

static void
zeek_send(struct mu_command *cmd, bool names_master)
{
	struct mu_buf b;

	cmd->sender = z.me;
	cmd->receiver =
	    names_master ? z.config.entity : (struct mu_entity){ 0 };
	mu_buf_init(&b, 0);
	mu_command_enc(&b, cmd);
	if (z.master != NULL)
		ck_assert_int_eq(mu_master_feed(z.master, mu_buf_data(&b),
				     mu_buf_len(&b), &z.now),
		    0);
	mu_buf_clear(&b);
}

static void
zeek_control(enum mu_command_tag tag, uint64_t number, bool names_master)
{
	struct mu_command cmd = {
		.tag = tag, .number = number, .heartbeat = MU_CHANNEL_HEARTBEAT
	};

	zeek_send(&cmd, names_master);
}

static void
zeek_add(const char *key, uint64_t amount)
{
	struct mu_command *cmd = &z.written[++z.wrote];

	ck_assert_uint_lt(z.wrote, MOST);
	*cmd = (struct mu_command){ .tag = MU_CMD_ADD,
		.seq = z.wrote,
		.init_type = MUSTER_COUNT,
		.publisher = z.me,
		.key = muster_value_cstring(key),
		.value = muster_value_count(amount) };
	zeek_send(cmd, true);
}

static void
zeek_drain(void)
{
	while (z.next < MOST && z.early[z.next] != NULL) {
		struct mu_command cmd;

		ck_assert_int_eq(
		    mu_command_dec(&cmd, z.early[z.next], z.early_len[z.next]),
		    0);
		fold(z.copy, &cmd);
		mu_command_clear(&cmd);
		z.next++;
		z.idle = 0;
	}
}

static void
zeek_action(const struct mu_command *cmd, const uint8_t *payload, size_t len)
{
	ck_assert_uint_lt(cmd->seq, MOST);
	if (z.next == 0 || cmd->seq < z.next || z.early[cmd->seq] != NULL)
		return;
	z.early[cmd->seq] = malloc(len);
	memcpy(z.early[cmd->seq], payload, len);
	z.early_len[cmd->seq] = len;
	zeek_drain();
}

static void
zeek_addressed(const struct mu_command *cmd)
{
	switch (cmd->tag) {
	case MU_CMD_ACK_CLONE:
		z.handshakes++;
		if (z.next != 0)
			break;
		fold(z.copy, cmd);
		z.next = cmd->number + 1;
		zeek_control(MU_CMD_CUMULATIVE_ACK, cmd->number, true);
		z.wrote = 1;
		zeek_control(MU_CMD_ATTACH_WRITER, 1, true);
		break;
	case MU_CMD_CUMULATIVE_ACK:
		if (cmd->number > z.wrote_acked)
			z.wrote_acked = cmd->number;
		break;
	case MU_CMD_NACK:
		for (size_t i = 0; i < cmd->nnack; i++) {
			uint64_t seq = cmd->nack[i];

			ck_assert_uint_le(seq, z.wrote);
			if (seq <= z.wrote_acked) {
				zeek_control(
				    MU_CMD_RETRANSMIT_FAILED, seq, true);
				continue;
			}
			z.resent[seq]++;
			zeek_send(&z.written[seq], true);
		}
		break;
	case MU_CMD_RETRANSMIT_FAILED:
		z.broken |= cmd->number == z.next;
		break;
	default:
		break; /* what no master of Broker's says */
	}
}

static void
zeek_feed(const uint8_t *payload, size_t len)
{
	struct mu_command cmd;

	ck_assert_int_eq(mu_command_dec(&cmd, payload, len), 0);
	ck_assert_int_lt((int)cmd.tag, MU_CMD_PUT_IF);
	if (mu_entity_eq(&cmd.sender, &z.config.entity) && !z.broken) {
		if (mu_command_is_action(cmd.tag))
			zeek_action(&cmd, payload, len);
		else if (mu_entity_eq(&cmd.receiver, &z.me))
			zeek_addressed(&cmd);
	}
	mu_command_clear(&cmd);
}

static void
zeek_ask_missing(void)
{
	uint64_t list[MOST];
	struct mu_command nack = { .tag = MU_CMD_NACK, .nack = list };
	uint64_t last = MOST;

	while (last > z.next && z.early[last - 1] == NULL)
		last--;
	for (uint64_t seq = z.next; seq < last; seq++)
		if (z.early[seq] == NULL)
			list[nack.nnack++] = seq;
	if (nack.nnack > 0)
		zeek_send(&nack, true);
}

static void
zeek_tick(void)
{
	uint64_t zero = 0;
	struct mu_command ask = {
		.tag = MU_CMD_NACK, .nack = &zero, .nnack = 1
	};

	z.ticks++;
	z.idle++;
	if (z.next == 0) {
		if (z.ticks % MU_CHANNEL_NACK_TICKS == 0)
			zeek_send(&ask, false);
		return;
	}
	if (z.idle % MU_CHANNEL_NACK_TICKS == 0)
		zeek_ask_missing();
	if (z.ticks % MU_CHANNEL_HEARTBEAT == 0) {
		zeek_control(MU_CMD_CUMULATIVE_ACK, z.next - 1, true);
		zeek_control(MU_CMD_KEEPALIVE, z.wrote, false);
	}
}

/* --- the world ----------------------------------------------------------- */

static void
settle(void)
{
	struct mu_store_out out;

	if (z.master == NULL)
		return;
	mu_master_flush(z.master);
	disk_commit(z.disk, z.disk->sealed);
	while (mu_master_next(z.master, &out))
		if (out.kind == MU_STORE_SEND && !z.cut &&
		    (out.receiver == NULL ||
			mu_uuid_eq(out.receiver, &z.me.endpoint)))
			zeek_feed(out.payload, out.len);
}

static void
pass(uint64_t ns)
{
	for (uint64_t end = z.now.mono + ns; z.now.mono < end;) {
		z.now.mono += TICK;
		z.now.wall += (int64_t)TICK;
		if (z.master != NULL)
			mu_master_tick(z.master, &z.now);
		settle();
		zeek_tick();
		settle();
	}
}

static void
master_put(const char *key, uint64_t value)
{
	struct muster_value *k = muster_value_cstring(key);
	struct muster_value *v = muster_value_count(value);
	struct mu_store_request req = {
		.op = MU_STORE_PUT, .key = k, .value = v
	};

	ck_assert_int_eq(mu_master_request(z.master, &req, &z.now), 0);
	settle();
	muster_value_unref(k);
	muster_value_unref(v);
}

static uint64_t
count_of(const char *key)
{
	struct muster_value *k = muster_value_cstring(key), *v = NULL;
	struct mu_buf b;
	uint64_t n = 0;

	mu_buf_init(&b, 0);
	mu_entry_key(&b, k);
	if (mu_entry_get(&z.disk->base, mu_bytes_of(&b), &v) == MU_STORE_OK)
		n = muster_value_get_count(v);
	mu_buf_clear(&b);
	muster_value_unref(k);
	muster_value_unref(v);
	return n;
}

static void
open_master(void)
{
	z.disk = disk_open(z.platter);
	z.master = mu_master_new(&z.config, &z.disk->base, &z.now);
	ck_assert_ptr_nonnull(z.master);
}

static void
kill_master(bool with_file)
{
	mu_master_free(z.master);
	z.master = NULL;
	if (with_file)
		return;
	z.platter->ops->close(z.platter);
	z.platter = mu_backend_memory_new(0);
}

static void
setup(void)
{
	memset(&z, 0, sizeof z);
	z.now.mono = SECOND64;
	z.now.wall = INT64_C(1700000000000000000);
	z.me = (struct mu_entity){ { { 7 } }, 23 };
	z.copy = mu_backend_memory_new(0);
	z.platter = mu_backend_memory_new(0);
	mu_master_config_init(&z.config);
	z.config.entity = (struct mu_entity){ { { 9 } }, 17 };
	z.config.resume = true;
	open_master();
	master_put("a", 1);
	pass(SECOND64);
	ck_assert_uint_eq(z.handshakes, 1);
	master_put("b", 2);
	zeek_add("n", 1);
	zeek_add("n", 10);
	pass(SECOND64);
	ck_assert_uint_eq(z.wrote_acked, 3);
	same_contents(&z.disk->base, z.copy, "a clone that only listened");
}

static void
teardown(void)
{
	mu_master_free(z.master);
	z.platter->ops->close(z.platter);
	z.copy->ops->close(z.copy);
	for (size_t i = 0; i < MOST; i++) {
		free(z.early[i]);
		if (i >= 2 && i <= z.wrote)
			mu_command_clear(&z.written[i]);
	}
}

static void
check_follows(void)
{
	ck_assert(!z.broken);
	ck_assert_uint_eq(z.handshakes, 1);
	same_contents(&z.disk->base, z.copy, "a clone of Zeek's");
	master_put("last", 9);
	zeek_add("m", 5);
	pass(2 * SECOND64);
	ck_assert_uint_eq(count_of("m"), 5);
	ck_assert_uint_eq(z.wrote_acked, z.wrote);
	same_contents(&z.disk->base, z.copy, "a clone of Zeek's, later");
}

/* --- stories ------------------------------------------------------------- */

START_TEST(it_follows_a_master_that_comes_back_with_its_file)
{
	z.cut = true;
	zeek_add("n", 5); /* done, but it does not hear of it */
	settle();
	kill_master(true);
	z.cut = false;
	pass(SECOND64);
	zeek_add("n", 100); /* nobody hears it */
	zeek_add("n", 1000);
	pass(SECOND64);
	open_master();
	pass(3 * SECOND64);
	ck_assert_uint_eq(count_of("n"), 1116); /* each once */
	check_follows();
}
END_TEST

/* Of what is gone with the old life it is told that it is as it is now. */
START_TEST(it_is_given_what_it_missed_of_an_earlier_life)
{
	z.cut = true;
	master_put("b", 3);
	master_put("c", 4);
	kill_master(true);
	z.cut = false;
	pass(SECOND64);
	open_master();
	master_put("d", 5);
	pass(5 * SECOND64);
	check_follows();
}
END_TEST

/* Its own numbers go on; what only the lost file knew is gone from it too. */
START_TEST(it_follows_a_master_that_lost_its_file)
{
	kill_master(false);
	pass(SECOND64);
	zeek_add("n", 100);
	pass(SECOND64);
	open_master();
	master_put("d", 5);
	pass(5 * SECOND64);
	ck_assert_uint_eq(count_of("n"), 100);
	check_follows();
}
END_TEST

/* Its path is remembered for 50 s; a gap shorter than that is filled. */
START_TEST(it_is_given_what_a_short_gap_took)
{
	z.cut = true;
	master_put("b", 3);
	master_put("c", 4);
	z.cut = false;
	master_put("d", 5); /* it hears of nothing before the next action */
	pass(2 * SECOND64);
	check_follows();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("store_zeek");
	TCase *tc = tcase_create("stories");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, it_follows_a_master_that_comes_back_with_its_file);
	tcase_add_test(tc, it_is_given_what_it_missed_of_an_earlier_life);
	tcase_add_test(tc, it_follows_a_master_that_lost_its_file);
	tcase_add_test(tc, it_is_given_what_a_short_gap_took);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
