/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/random.h"

static void a_new_buffer_is_the_empty_string(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 10);
	assert_string_equal(buf_str(&b), "");
	assert_non_null(buf_text(&b).s);
	assert_int_equal(buf_text(&b).len, 0);
	assert_int_equal(buf_error(&b), ERR_OK);
	buf_done(&b);
	buf_done(NULL);
}

static void appends_follow_each_other(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	buf_add_str(&b, "a");
	buf_add(&b, "b\0c", 3);
	buf_add_text(&b, TEXT_LIT("de"));
	buf_add_text(&b, TEXT_NONE);
	buf_add_char(&b, '-');
	buf_add_fmt(&b, "%s=%03d", "k", 7);
	buf_add_fmt(&b, "%s", "");
	assert_int_equal(buf_error(&b), ERR_OK);
	assert_int_equal(b.len, 12);
	assert_memory_equal(buf_str(&b), "ab\0cde-k=007", 13);
	buf_done(&b);
}

static void numbers_are_written_in_full(void **state)
{
	static const int64_t cases[] = {0, 1, -1, 9, 10, -10, INT64_MAX, INT64_MIN};
	struct buf b;
	char want[64];
	size_t i;

	(void)state;
	buf_init(&b, 100);
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		buf_reset(&b);
		buf_add_i64(&b, cases[i]);
		(void)snprintf(want, sizeof(want), "%" PRId64, cases[i]);
		assert_string_equal(buf_str(&b), want);
		buf_reset(&b);
		buf_add_u64(&b, (uint64_t)cases[i]);
		(void)snprintf(want, sizeof(want), "%" PRIu64, (uint64_t)cases[i]);
		assert_string_equal(buf_str(&b), want);
	}
	buf_done(&b);
}

static void the_maximum_holds_exactly_and_sticks(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 5);
	buf_add_str(&b, "12345");
	assert_int_equal(buf_error(&b), ERR_OK);
	assert_true(b.cap <= 6);
	buf_add_str(&b, "");
	assert_int_equal(buf_error(&b), ERR_OK);
	buf_add_char(&b, '6');
	assert_int_equal(buf_error(&b), ERR_FULL);
	buf_truncate(&b, 2);
	buf_add_char(&b, 'x');
	buf_add_fmt(&b, "%d", 1);
	assert_int_equal(buf_error(&b), ERR_FULL);
	assert_string_equal(buf_str(&b), "12");
	assert_null(buf_take(&b));
	buf_reset(&b);
	buf_add_str(&b, "again");
	assert_int_equal(buf_error(&b), ERR_OK);
	assert_string_equal(buf_str(&b), "again");
	buf_done(&b);
}

static void an_append_that_does_not_fit_adds_nothing(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 5);
	buf_add_str(&b, "123");
	buf_add_fmt(&b, "%s", "456");
	assert_string_equal(buf_str(&b), "123");
	assert_int_equal(buf_error(&b), ERR_FULL);
	buf_done(&b);
}

static void a_maximum_of_zero_takes_nothing(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 0);
	buf_add_str(&b, "");
	assert_int_equal(buf_error(&b), ERR_OK);
	buf_add_char(&b, 'x');
	assert_int_equal(buf_error(&b), ERR_FULL);
	buf_done(&b);
}

static void absurd_sizes_are_refused_and_not_wrapped(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, SIZE_MAX);
	assert_int_equal(buf_reserve(&b, SIZE_MAX), ERR_NOMEM);
	buf_done(&b);
	buf_init(&b, SIZE_MAX - 1);
	buf_add_char(&b, 'x');
	assert_int_equal(buf_reserve(&b, SIZE_MAX - 1), ERR_FULL);
	buf_done(&b);
}

static void reserve_makes_room_that_later_appends_use(void **state)
{
	struct buf b;
	const char *data;

	(void)state;
	buf_init(&b, 10000);
	assert_int_equal(buf_reserve(&b, 5000), ERR_OK);
	data = b.data;
	while (b.len < 5000)
		buf_add_char(&b, 'x');
	assert_ptr_equal(b.data, data);
	buf_done(&b);
}

static void reset_keeps_the_memory(void **state)
{
	struct buf b;
	const char *data;

	(void)state;
	buf_init(&b, 100);
	buf_add_str(&b, "text");
	data = b.data;
	buf_reset(&b);
	assert_string_equal(buf_str(&b), "");
	buf_add_str(&b, "other");
	assert_ptr_equal(b.data, data);
	buf_done(&b);
}

static void truncate_terminates(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	buf_truncate(&b, 0);
	buf_add_str(&b, "text");
	buf_truncate(&b, 4);
	assert_string_equal(buf_str(&b), "text");
	buf_truncate(&b, 3);
	assert_string_equal(buf_str(&b), "tex");
	buf_done(&b);
}

static void take_hands_the_content_over(void **state)
{
	struct buf b;
	char *taken;

	(void)state;
	buf_init(&b, 100);
	taken = buf_take(&b);
	assert_string_equal(taken, "");
	mem_free(taken);
	buf_add_str(&b, "text");
	taken = buf_take(&b);
	assert_string_equal(taken, "text");
	assert_null(b.data);
	buf_add_str(&b, "new");
	assert_string_equal(taken, "text");
	assert_string_equal(buf_str(&b), "new");
	mem_free(taken);
	buf_done(&b);
}

/* Random appends against a plain array. */
static void content_equals_a_model(void **state)
{
	enum { MAX = 5000 };
	char model[MAX], piece[300];
	struct random r;
	struct buf b;
	size_t len = 0, n, i, round;

	(void)state;
	random_init_seed(&r, 42);
	buf_init(&b, MAX);
	for (round = 0; round < 2000; round++) {
		n = random_below(&r, sizeof(piece));
		for (i = 0; i < n; i++)
			piece[i] = (char)random_u64(&r);
		if (n > MAX - len) {
			buf_truncate(&b, len / 3);
			len /= 3;
			continue;
		}
		memcpy(model + len, piece, n);
		buf_add(&b, piece, n);
		len += n;
		assert_int_equal(b.len, len);
		assert_true(b.cap <= MAX + 1);
		if (len)
			assert_memory_equal(b.data, model, len);
		assert_int_equal(buf_str(&b)[len], 0);
	}
	assert_int_equal(buf_error(&b), ERR_OK);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_buffer_is_the_empty_string),
		cmocka_unit_test(appends_follow_each_other),
		cmocka_unit_test(numbers_are_written_in_full),
		cmocka_unit_test(the_maximum_holds_exactly_and_sticks),
		cmocka_unit_test(an_append_that_does_not_fit_adds_nothing),
		cmocka_unit_test(a_maximum_of_zero_takes_nothing),
		cmocka_unit_test(absurd_sizes_are_refused_and_not_wrapped),
		cmocka_unit_test(reserve_makes_room_that_later_appends_use),
		cmocka_unit_test(reset_keeps_the_memory),
		cmocka_unit_test(truncate_terminates),
		cmocka_unit_test(take_hands_the_content_over),
		cmocka_unit_test(content_equals_a_model),
	};

	return cmocka_run_group_tests_name("base/buf", tests, NULL, NULL);
}
