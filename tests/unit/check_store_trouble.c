/* Masters and clones when something goes wrong at the wrong moment. */
#include "store_pair.h"

#define MASTER PAIR_CLONES

START_TEST(a_change_before_the_answer_to_attach_is_not_forgotten)
{
	struct mu_clone_stats stats;

	pair_begin();
	pair_open_master();
	pair_open_clone(0, true);
	pair_pass(PAIR_SECOND);
	pair_do(MASTER, MU_STORE_PUT, "a", "count:1");
	pair_cut(0);
	pair_pass(PAIR_SECOND);
	/* The link is back and the question under way when the master tells
	 * everybody of a change; its answer comes after that. */
	pair_join(0, true);
	pair_ask(MASTER, MU_STORE_PUT, "a", "count:2",
	    (struct mu_store_request){ 0 });
	pair_drain_master();
	pair_pass(PAIR_SECOND);
	mu_clone_stats(pw.clones[0], &stats);
	ck_assert_int_eq((int)stats.state, MU_STORE_FRESH);
	ck_assert(pair_reads(0, "a", "count:2"));
	pair_end();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("store_trouble");
	TCase *tc = tcase_create("stories");
	SRunner *sr;
	int failed;

	tcase_add_test(
	    tc, a_change_before_the_answer_to_attach_is_not_forgotten);
	suite_add_tcase(s, tc);
	sr = srunner_create(s);
	srunner_run_all(sr, CK_NORMAL);
	failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? 0 : 1;
}
