/* SPDX-License-Identifier: MIT */
#include "ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/random.h"

static struct ledger *ledger;

static int setup(void **state)
{
	(void)state;
	return ledger_new(&ledger, NULL) == ERR_OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	ledger_free(ledger);
	return 0;
}

/* An event of `install`-`n` on key k; was: its old key in old_data. */
static void event_make(struct ledger_entry *t, const char *install, int64_t n, int k, int was)
{
	char id[64], key[64], old[64];
	struct notice note = {.table = TEXT_LIT("users"), .pipeline = TEXT_LIT("default")};

	(void)snprintf(id, sizeof(id), "%s-%lld", install, (long long)n);
	(void)snprintf(key, sizeof(key), "{\"id\":%d}", k);
	(void)snprintf(old, sizeof(old), "{\"name\":\"x\",\"id\":%d}", was);
	note.key = text_of(key);
	note.old_data = text_of(old);
	ledger_entry_init(t, text_of(id), &note);
}

static struct ledger_entry begin(int64_t n, int k, int was)
{
	struct ledger_entry t;

	event_make(&t, "a-b", n, k, was);
	assert_int_equal(ledger_begin(ledger, &t, NULL), ERR_OK);
	return t;
}

static enum ledger_verdict give(int64_t n, int k, bool accepted)
{
	struct ledger_entry t = begin(n, k, k);

	return ledger_end(ledger, &t, accepted);
}

static void rising_ids_of_a_key_are_in_order(void **state)
{
	(void)state;
	assert_int_equal(give(1, 7, true), LEDGER_FIRST);
	assert_int_equal(give(5, 7, true), LEDGER_FIRST);
	assert_int_equal(give(6, 7, true), LEDGER_FIRST);
	assert_int_equal(ledger_stats(ledger).distinct, 3);
	assert_int_equal(ledger_stats(ledger).lanes, 1);
}

static void a_lower_id_of_the_same_key_is_out_of_order(void **state)
{
	(void)state;
	assert_int_equal(give(5, 7, true), LEDGER_FIRST);
	assert_int_equal(give(4, 7, true), LEDGER_DISORDER);
	assert_int_equal(give(6, 7, true), LEDGER_FIRST);
	assert_int_equal(ledger_stats(ledger).out_of_order, 1);
	assert_int_equal(ledger_stats(ledger).distinct, 3);
}

static void keys_do_not_know_each_other(void **state)
{
	(void)state;
	assert_int_equal(give(5, 7, true), LEDGER_FIRST);
	assert_int_equal(give(4, 8, true), LEDGER_FIRST);
	assert_int_equal(ledger_stats(ledger).out_of_order, 0);
	assert_int_equal(ledger_stats(ledger).lanes, 2);
}

static void a_redelivery_is_a_duplicate_and_no_disorder(void **state)
{
	(void)state;
	assert_int_equal(give(1, 7, true), LEDGER_FIRST);
	assert_int_equal(give(2, 7, true), LEDGER_FIRST);
	assert_int_equal(give(1, 7, true), LEDGER_DUPLICATE);
	assert_int_equal(give(2, 7, true), LEDGER_DUPLICATE);
	assert_int_equal(give(3, 7, true), LEDGER_FIRST);
	assert_int_equal(ledger_stats(ledger).duplicates, 2);
	assert_int_equal(ledger_stats(ledger).out_of_order, 0);
}

static void an_event_that_failed_counts_when_it_is_accepted(void **state)
{
	struct ledger_entry t;

	(void)state;
	assert_int_equal(give(1, 7, false), LEDGER_FAILED);
	assert_int_equal(ledger_stats(ledger).seen, 1);
	assert_int_equal(ledger_stats(ledger).distinct, 0);
	t = begin(1, 7, 7);
	assert_int_equal(t.attempt, 2);
	assert_int_equal(ledger_end(ledger, &t, true), LEDGER_FIRST);
	assert_int_equal(ledger_stats(ledger).retries, 1);
	assert_int_equal(ledger_stats(ledger).duplicates, 0);
}

static void overtaking_a_failed_event_is_out_of_order(void **state)
{
	(void)state;
	assert_int_equal(give(1, 7, false), LEDGER_FAILED);
	assert_int_equal(give(2, 7, true), LEDGER_FIRST);
	assert_int_equal(give(1, 7, true), LEDGER_DISORDER);
}

static void an_update_of_the_key_belongs_to_both_keys(void **state)
{
	struct ledger_entry t;

	(void)state;
	assert_int_equal(give(1, 7, true), LEDGER_FIRST);
	t = begin(3, 8, 7); /* 7 becomes 8 */
	assert_int_equal(t.lane_count, 2);
	assert_int_equal(ledger_end(ledger, &t, true), LEDGER_FIRST);
	assert_int_equal(give(2, 7, true), LEDGER_DISORDER);
	assert_int_equal(give(4, 8, true), LEDGER_FIRST);
	t = begin(5, 9, 9);
	assert_int_equal(ledger_end(ledger, &t, true), LEDGER_FIRST);
	t = begin(2, 9, 3);
	assert_int_equal(ledger_end(ledger, &t, true), LEDGER_DUPLICATE);
}

static void two_events_of_a_key_at_a_time_overlap(void **state)
{
	struct ledger_entry one = begin(1, 7, 7), two, other;

	(void)state;
	other = begin(3, 8, 8);
	assert_int_equal(ledger_stats(ledger).overlaps, 0);
	two = begin(2, 7, 7);
	assert_int_equal(ledger_stats(ledger).overlaps, 1);
	(void)ledger_end(ledger, &one, true);
	(void)ledger_end(ledger, &two, true);
	(void)ledger_end(ledger, &other, true);
	two = begin(4, 7, 7);
	(void)ledger_end(ledger, &two, true);
	assert_int_equal(ledger_stats(ledger).overlaps, 1);
}

static void installations_number_on_their_own(void **state)
{
	struct ledger_entry a, b;

	(void)state;
	event_make(&a, "11111111-1111", 9, 7, 7);
	event_make(&b, "22222222-2222", 9, 7, 7);
	assert_int_equal(ledger_begin(ledger, &a, NULL), ERR_OK);
	assert_int_equal(ledger_end(ledger, &a, true), LEDGER_FIRST);
	assert_int_equal(ledger_begin(ledger, &b, NULL), ERR_OK);
	assert_int_equal(ledger_end(ledger, &b, true), LEDGER_FIRST);
	event_make(&b, "22222222-2222", 3, 7, 7);
	assert_int_equal(ledger_begin(ledger, &b, NULL), ERR_OK);
	assert_int_equal(ledger_end(ledger, &b, true), LEDGER_DISORDER);
	assert_int_equal(ledger_stats(ledger).distinct, 3);
}

static void ids_without_a_number_are_counted_apart(void **state)
{
	static const char *const ids[] = {"", "7", "-7", "abc", "abc-", "abc-x1"};
	struct notice note = {.table = TEXT_LIT("users")};
	struct ledger_entry t;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(ids); i++) {
		ledger_entry_init(&t, text_of(ids[i]), &note);
		if (t.n >= 0)
			fail_msg("\"%s\" has the number %lld", ids[i], (long long)t.n);
		assert_int_equal(ledger_begin(ledger, &t, NULL), ERR_OK);
		assert_int_equal(ledger_end(ledger, &t, true), LEDGER_UNKNOWN);
	}
	assert_int_equal(ledger_stats(ledger).unknown, ARRAY_LEN(ids));
	assert_int_equal(ledger_stats(ledger).distinct, 0);
}

/* Against a model: the last accepted id of each of 5,000 keys, over 300,000 ids given twice. */
static void many_ids_and_keys_are_told_apart(void **state)
{
	static int64_t last[5000];
	struct random r;
	int64_t n, disorder = 0;
	int k;

	(void)state;
	random_init_seed(&r, 42);
	for (n = 300000; n < 600000; n++) {
		int64_t id = n ^ (int64_t)random_below(&r, 2); /* neighbours change places */

		k = (int)(id / 2 % 5000);
		if (ledger_stats(ledger).seen && give(id, k, true) == LEDGER_DISORDER)
			disorder++;
		else if (!ledger_stats(ledger).seen)
			(void)give(id, k, true);
		last[k] = id > last[k] ? id : last[k];
	}
	assert_int_equal(ledger_stats(ledger).out_of_order, disorder);
	assert_int_equal(ledger_stats(ledger).lanes, 5000);
	assert_int_equal(ledger_stats(ledger).distinct + ledger_stats(ledger).duplicates, 300000);
	for (k = 0; k < 5000; k++)
		assert_int_equal(give(last[k], k, true), LEDGER_DUPLICATE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
		TEST(rising_ids_of_a_key_are_in_order),
		TEST(a_lower_id_of_the_same_key_is_out_of_order),
		TEST(keys_do_not_know_each_other),
		TEST(a_redelivery_is_a_duplicate_and_no_disorder),
		TEST(an_event_that_failed_counts_when_it_is_accepted),
		TEST(overtaking_a_failed_event_is_out_of_order),
		TEST(an_update_of_the_key_belongs_to_both_keys),
		TEST(two_events_of_a_key_at_a_time_overlap),
		TEST(installations_number_on_their_own),
		TEST(ids_without_a_number_are_counted_apart),
		TEST(many_ids_and_keys_are_told_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
