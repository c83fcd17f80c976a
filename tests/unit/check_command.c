/* Store commands: what the golden frames do not show. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "muster/err.h"
#include "nomem.h"
#include "store/command.h"
#include "unit.h"

static const struct mu_entity one = { { { 1 } }, 8 };
static const struct mu_entity two = { { { 2 } }, 9 };

/* A command of each of our own tags with every field it has. */
static void
own(struct mu_command *c, enum mu_command_tag tag)
{
	static const uint8_t pairs[] = { 2, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1 };

	memset(c, 0, sizeof *c);
	c->tag = tag;
	c->sender = one;
	c->receiver = two;
	switch (tag) {
	case MU_CMD_PUT_IF:
		c->seq = 7;
		c->key = muster_value_cstring("key");
		c->value = muster_value_count(2);
		c->expected = muster_value_count(1);
		c->has_expiry = true;
		c->expiry_ns = -5;
		c->publisher = one;
		break;
	case MU_CMD_ATTACH:
		c->epoch = 11;
		c->number = 12;
		c->key = muster_value_count(3);
		c->writer = 13;
		break;
	case MU_CMD_ATTACHED:
		c->epoch = 11;
		c->number = 12;
		c->heartbeat = 5;
		c->flags = MU_ATTACHED_FRESH;
		c->total = 99;
		c->writer = 14;
		c->newest = 15;
		break;
	case MU_CMD_WANT:
		c->index = 4;
		c->least = 9;
		c->window = 3;
		c->flags = MU_WANT_AGAIN;
		break;
	case MU_CMD_CHUNK:
		c->index = 4;
		c->number = 12;
		c->flags = 1;
		c->nentries = 1;
		c->entries = pairs;
		c->entries_len = sizeof pairs;
		break;
	default:
		c->number = 20;
		c->visible = 21;
		c->floor = 3;
		c->nfailures = 2;
		c->failures = calloc(2, sizeof *c->failures);
		c->failures[0].seq = 18;
		c->failures[0].status = 3;
		c->failures[1].seq = 19;
		c->failures[1].status = 2;
	}
}

static bool
same_value(const struct muster_value *a, const struct muster_value *b)
{
	return (a == NULL) == (b == NULL) &&
	       (a == NULL || muster_value_cmp(a, b) == 0);
}

START_TEST(our_own_commands_come_back)
{
	for (int tag = MU_CMD_PUT_IF; tag <= MU_CMD_RESULT; tag++) {
		struct mu_command c, d;
		struct mu_buf b, again;

		own(&c, (enum mu_command_tag)tag);
		mu_buf_init(&b, 0);
		mu_buf_init(&again, 0);
		mu_command_enc(&b, &c);
		ck_assert_int_eq(
		    mu_command_dec(&d, mu_buf_data(&b), mu_buf_len(&b)), 0);
		ck_assert_int_eq((int)d.tag, tag);
		ck_assert(mu_entity_eq(&d.sender, &one));
		ck_assert(mu_entity_eq(&d.receiver, &two));
		ck_assert(same_value(c.key, d.key));
		ck_assert(same_value(c.value, d.value));
		ck_assert(same_value(c.expected, d.expected));
		ck_assert_uint_eq(c.seq, d.seq);
		ck_assert_uint_eq(c.number, d.number);
		ck_assert_uint_eq(c.epoch, d.epoch);
		ck_assert_uint_eq(c.writer, d.writer);
		ck_assert_uint_eq(c.total, d.total);
		ck_assert_uint_eq(c.newest, d.newest);
		ck_assert_uint_eq(c.index, d.index);
		ck_assert_uint_eq(c.visible, d.visible);
		ck_assert_uint_eq(c.floor, d.floor);
		ck_assert_uint_eq(c.flags, d.flags);
		ck_assert_uint_eq(c.nfailures, d.nfailures);
		ck_assert_uint_eq(c.nentries, d.nentries);
		mu_command_enc(&again, &d);
		ck_assert_uint_eq(mu_buf_len(&b), mu_buf_len(&again));
		ck_assert_mem_eq(
		    mu_buf_data(&b), mu_buf_data(&again), mu_buf_len(&b));
		mu_command_clear(&c);
		mu_command_clear(&d);
		mu_buf_clear(&b);
		mu_buf_clear(&again);
	}
}
END_TEST

START_TEST(any_cut_is_refused)
{
	for (int tag = MU_CMD_PUT_IF; tag <= MU_CMD_RESULT; tag++) {
		struct mu_command c, d;
		struct mu_buf b;

		own(&c, (enum mu_command_tag)tag);
		mu_buf_init(&b, 0);
		mu_command_enc(&b, &c);
		for (size_t n = 0; n < mu_buf_len(&b); n++) {
			uint8_t *exact = malloc(n + 1);

			memcpy(exact, mu_buf_data(&b), n);
			ck_assert_int_eq(
			    mu_command_dec(&d, exact, n), MUSTER_EPROTO);
			free(exact);
		}
		mu_command_clear(&c);
		mu_buf_clear(&b);
	}
}
END_TEST

START_TEST(bytes_left_over_are_ignored)
{
	struct mu_command c = { .tag = MU_CMD_KEEPALIVE, .number = 5 };
	struct mu_buf b;

	mu_buf_init(&b, 0);
	mu_command_enc(&b, &c);
	mu_buf_str(&b, "more");
	ck_assert_int_eq(
	    mu_command_dec(&c, mu_buf_data(&b), mu_buf_len(&b)), 0);
	ck_assert_uint_eq(c.number, 5);
	mu_buf_clear(&b);
}
END_TEST

START_TEST(a_long_nack_is_refused)
{
	struct mu_command c = { .tag = MU_CMD_NACK };
	size_t n = MU_COMMAND_MAX_NACK + 1;
	struct mu_buf b;

	c.nack = calloc(n, sizeof *c.nack);
	c.nnack = n;
	mu_buf_init(&b, 0);
	mu_command_enc(&b, &c);
	free(c.nack);
	ck_assert_int_eq(
	    mu_command_dec(&c, mu_buf_data(&b), mu_buf_len(&b)), MUSTER_ELIMIT);
	mu_buf_clear(&b);
}
END_TEST

START_TEST(claimed_counts_allocate_nothing)
{
	uint8_t raw[62] = { 0 };
	struct mu_command c;

	for (int tag = 0; tag < 256; tag++) {
		raw[56] = (uint8_t)tag;
		memset(raw + 57, 0xff, 4);
		raw[61] = 0x0f;
		mu_alloc_set_hook(NULL, NULL);
		if (mu_command_dec(&c, raw, sizeof raw) == 0)
			mu_command_clear(&c);
	}
}
END_TEST

START_TEST(names_join_topics)
{
	static const char *const cases[][2] = {
		{ "zeek/known/hosts", "zeek/known/hosts/<$>/data/master" },
		{ "", "<$>/data/master" },
		{ "a/", "a//<$>/data/master" },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		size_t len;
		char *topic = mu_store_topic(cases[i][0], true, &len);

		ck_assert_str_eq(topic, cases[i][1]);
		ck_assert_uint_eq(len, strlen(topic));
		mu_free(topic);
	}
}
END_TEST

static bool
decode_all(void *ctx)
{
	const struct mu_buf *b = ctx;
	struct mu_command c;

	if (mu_command_dec(&c, mu_buf_data(b), mu_buf_len(b)) != 0)
		return false;
	mu_command_clear(&c);
	return true;
}

START_TEST(decoding_survives_any_failed_allocation)
{
	for (int tag = MU_CMD_PUT_IF; tag <= MU_CMD_RESULT; tag++) {
		struct mu_command c;
		struct mu_buf b;

		own(&c, (enum mu_command_tag)tag);
		mu_buf_init(&b, 0);
		mu_command_enc(&b, &c);
		mu_command_clear(&c);
		nomem_each(decode_all, &b);
		mu_buf_clear(&b);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("command");
	TCase *tc = tcase_create("codec");

	tcase_add_test(tc, our_own_commands_come_back);
	tcase_add_test(tc, any_cut_is_refused);
	tcase_add_test(tc, bytes_left_over_are_ignored);
	tcase_add_test(tc, a_long_nack_is_refused);
	tcase_add_test(tc, claimed_counts_allocate_nothing);
	tcase_add_test(tc, names_join_topics);
	tcase_add_test(tc, decoding_survives_any_failed_allocation);
	suite_add_tcase(s, tc);
	return unit_run(s);
}
