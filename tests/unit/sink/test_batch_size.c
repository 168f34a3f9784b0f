/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "sink/batch_size.h"

#define TIMEOUT_US 1000

static struct batch_size b;

static void end(size_t events, int status, enum answer_phase phase, int64_t elapsed_us)
{
	const struct http_result r = {.status = status, .phase = phase, .elapsed_us = elapsed_us};

	batch_size_note(&b, events, &r, TIMEOUT_US);
}

static void took(size_t events, int times)
{
	while (times-- > 0)
		end(events, 200, ANSWER_PHASE_NONE, 1);
}

static int setup(void **state)
{
	(void)state;
	batch_size_init(&b, 100);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	batch_size_done(&b);
	return 0;
}

static void only_what_says_too_much_makes_it_smaller(void **state)
{
	static const struct {
		int status;
		enum answer_phase phase;
		int64_t elapsed_us;
		size_t size;
	} cases[] = {
		{413, ANSWER_PHASE_NONE, 1, 50},
		{504, ANSWER_PHASE_NONE, 1, 50},
		{0, ANSWER_PHASE_FIRST_BYTE, TIMEOUT_US, 50},
		{0, ANSWER_PHASE_SEND, TIMEOUT_US + 5, 50},
		{0, ANSWER_PHASE_BODY, TIMEOUT_US, 50},
		{0, ANSWER_PHASE_FIRST_BYTE, TIMEOUT_US - 1, 100}, /* reset */
		{0, ANSWER_PHASE_CONNECT, TIMEOUT_US, 100},
		{0, ANSWER_PHASE_DENIED, TIMEOUT_US, 100},
		{503, ANSWER_PHASE_NONE, TIMEOUT_US, 100},
		{500, ANSWER_PHASE_NONE, 1, 100},
		{400, ANSWER_PHASE_NONE, 1, 100},
		{429, ANSWER_PHASE_NONE, 1, 100},
		{200, ANSWER_PHASE_NONE, 1, 100},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		batch_size_init(&b, 100);
		end(100, cases[i].status, cases[i].phase, cases[i].elapsed_us);
		assert_int_equal(batch_size_get(&b), cases[i].size);
	}
}

static void it_is_halved_again_and_again_but_once_for_requests_of_one_size(void **state)
{
	static const size_t sizes[] = {50, 25, 13, 7, 4, 2, 1, 1};
	size_t i, before = 100;

	(void)state;
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		end(before, 413, ANSWER_PHASE_NONE, 1);
		end(before, 413, ANSWER_PHASE_NONE, 1);
		assert_int_equal(batch_size_get(&b), sizes[i]);
		before = sizes[i];
	}
	end(30, 413, ANSWER_PHASE_NONE, 1);
	assert_int_equal(batch_size_get(&b), 1);
}

static void it_grows_with_full_requests_up_to_what_was_too_much(void **state)
{
	(void)state;
	end(80, 413, ANSWER_PHASE_NONE, 1);
	assert_int_equal(batch_size_get(&b), 40);
	took(39, 1000);
	took(40, 15);
	assert_int_equal(batch_size_get(&b), 40);
	took(40, 1);
	assert_int_equal(batch_size_get(&b), 46);
	took(46, 16);
	took(52, 16);
	took(59, 16);
	assert_int_equal(batch_size_get(&b), 67);
	took(67, 16);
	assert_int_equal(batch_size_get(&b), 76);
	took(76, 511);
	assert_int_equal(batch_size_get(&b), 76);
	took(76, 1);
	assert_int_equal(batch_size_get(&b), 86);
	took(86, 32);
	took(97, 16);
	took(100, 1000);
	assert_int_equal(batch_size_get(&b), 100);
}

static void one_is_the_least_and_stays(void **state)
{
	(void)state;
	batch_size_init(&b, 0);
	assert_int_equal(batch_size_get(&b), 1);
	end(1, 413, ANSWER_PHASE_NONE, 1);
	took(1, 1000);
	assert_int_equal(batch_size_get(&b), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(only_what_says_too_much_makes_it_smaller, setup,
						teardown),
		cmocka_unit_test_setup_teardown(
			it_is_halved_again_and_again_but_once_for_requests_of_one_size, setup,
			teardown),
		cmocka_unit_test_setup_teardown(it_grows_with_full_requests_up_to_what_was_too_much,
						setup, teardown),
		cmocka_unit_test_setup_teardown(one_is_the_least_and_stays, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
