/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "sink/answer.h"

static void every_status_has_its_answer(void **state)
{
	static const struct {
		int lo, hi;
		enum answer_verdict verdict;
		enum answer_blame blame;
		bool disable;
	} cases[] = {
		{100, 199, ANSWER_REFUSED, ANSWER_BLAME_EVENT, false},
		{200, 299, ANSWER_DELIVERED, ANSWER_BLAME_NONE, false},
		{300, 399, ANSWER_REFUSED, ANSWER_BLAME_EVENT, false},
		{400, 407, ANSWER_REFUSED, ANSWER_BLAME_EVENT, false},
		{408, 408, ANSWER_RETRY, ANSWER_BLAME_EVENT, false},
		{409, 409, ANSWER_REFUSED, ANSWER_BLAME_EVENT, false},
		{410, 410, ANSWER_REFUSED, ANSWER_BLAME_RECEIVER, true},
		{411, 424, ANSWER_REFUSED, ANSWER_BLAME_EVENT, false},
		{425, 425, ANSWER_RETRY, ANSWER_BLAME_EVENT, false},
		{426, 428, ANSWER_REFUSED, ANSWER_BLAME_EVENT, false},
		{429, 429, ANSWER_RETRY, ANSWER_BLAME_RECEIVER, false},
		{430, 499, ANSWER_REFUSED, ANSWER_BLAME_EVENT, false},
		{500, 501, ANSWER_RETRY, ANSWER_BLAME_EVENT, false},
		{502, 504, ANSWER_RETRY, ANSWER_BLAME_RECEIVER, false},
		{505, 999, ANSWER_RETRY, ANSWER_BLAME_EVENT, false},
		/* no statuses */
		{-1, 99, ANSWER_RETRY, ANSWER_BLAME_RECEIVER, false},
		{1000, 1001, ANSWER_RETRY, ANSWER_BLAME_RECEIVER, false},
	};
	struct answer a;
	size_t i;
	int status;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		for (status = cases[i].lo; status <= cases[i].hi; status++) {
			a = answer_of_status(status);
			if (a.verdict != cases[i].verdict || a.blame != cases[i].blame ||
			    a.disable != cases[i].disable)
				fail_msg("status %d: verdict %d blame %d disable %d", status,
					 a.verdict, a.blame, a.disable);
		}
	}
}

static void a_failure_without_a_status_is_the_receivers_and_tried_again(void **state)
{
	enum answer_phase phase;
	struct answer a;

	(void)state;
	for (phase = ANSWER_PHASE_NONE; phase < ANSWER_PHASE_COUNT; phase++) {
		a = answer_of_failure(phase);
		assert_int_equal(a.verdict, ANSWER_RETRY);
		assert_int_equal(a.blame, ANSWER_BLAME_RECEIVER);
		assert_false(a.disable);
	}
}

static void phases_have_the_names_of_the_contract(void **state)
{
	static const char *const names[] = {"none",       "lookup", "connect", "tls",  "send",
					    "first_byte", "body",   "denied",  "token"};
	enum answer_phase phase;

	(void)state;
	for (phase = ANSWER_PHASE_NONE; phase < ANSWER_PHASE_COUNT; phase++)
		assert_string_equal(answer_phase_name(phase), names[phase]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_status_has_its_answer),
		cmocka_unit_test(a_failure_without_a_status_is_the_receivers_and_tried_again),
		cmocka_unit_test(phases_have_the_names_of_the_contract),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
