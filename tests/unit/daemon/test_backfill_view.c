/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "daemon/backfill_view.h"

#define S CLOCK_US_PER_S

static struct backfill_progress job(int64_t done, int64_t estimate)
{
	return (struct backfill_progress){.id = 3,
					  .pipeline = "default",
					  .table = "public.users",
					  .flush_every = 500,
					  .max_concurrent_pages = 2,
					  .rows_done = done,
					  .rows_estimate = estimate};
}

static void speed_is_that_of_the_last_samples(void **state)
{
	struct backfill_speed s = {.count = 0};
	int64_t i;

	(void)state;
	assert_true(backfill_speed_get(&s) < 0);
	backfill_speed_add(&s, 100 * S, 7);
	assert_true(backfill_speed_get(&s) < 0);
	backfill_speed_add(&s, 102 * S, 27);
	assert_true(backfill_speed_get(&s) == 10);
	/* what was before has no weight any more */
	for (i = 0; i < 2 * BACKFILL_SPEED_SAMPLES; i++)
		backfill_speed_add(&s, (200 + i) * S, 1000 + i * 50);
	assert_true(backfill_speed_get(&s) == 50);
}

static void a_bar_fits_its_terminal(void **state)
{
	static const struct {
		int64_t done, estimate, skipped;
		double speed;
		int width;
		const char *want;
	} cases[] = {
		{0, -1, 0, -1, 79, "public.users 0"},
		{50, 100, 0, -1, 60, "public.users [=========>        ]  50 %, 50 of about 100"},
		{45000, 1000000, 0, 12345.6, 100,
		 "public.users [=>                          ]   4 %, 45,000 of about 1,000,000, "
		 "12,345/s, 1:17 left"},
		{45000, 1000000, 12, 100, 40, "public.users   4 %, 45,000 of about 1,00"},
		{1000, 1000000000, 0, 10000, 79,
		 "public.users   0 %, 1,000 of about 1,000,000,000, 10,000/s, 27:46:39 left"},
		/* more than was thought: not 100 before the end */
		{2000, 1000, 0, 10, 50, "public.users [===========> ]  99 %, 2,000, 10/s"},
		{5, 10, 2, 0, 30, "public.users  50 %, 5 of about"},
		{5, 10, 2, 1, 70,
		 "public.users [==>   ]  50 %, 5 of about 10, 1/s, 0:05 left, 2 locked"},
	};
	struct backfill_progress p;
	struct buf out;
	size_t i;

	(void)state;
	buf_init(&out, 1000);
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		p = job(cases[i].done, cases[i].estimate);
		p.skipped = cases[i].skipped;
		buf_reset(&out);
		backfill_view_bar(&out, &p, cases[i].speed, cases[i].width);
		assert_true(out.len <= (size_t)cases[i].width);
		if (!strchr(cases[i].want, '['))
			assert_string_equal(buf_str(&out), cases[i].want);
		else
			assert_string_equal(strchr(buf_str(&out), ']'), strchr(cases[i].want, ']'));
	}
	buf_done(&out);
}

static void a_line_tells_how_it_stands(void **state)
{
	struct backfill_progress p = job(1, 4);
	struct buf out;

	(void)state;
	buf_init(&out, 1000);
	backfill_view_line(&out, &p, -1);
	assert_string_equal(buf_str(&out), "backfill 3 of public.users:  25 %, 1 of about 4");
	buf_reset(&out);
	p.state = BACKFILL_DONE;
	backfill_view_end(&out, &p);
	assert_string_equal(buf_str(&out), "backfill 3 of public.users is done: 1 row");
	buf_reset(&out);
	p.state = BACKFILL_FAILED;
	p.rows_done = 1234;
	(void)snprintf(p.last_error, sizeof(p.last_error), "it is gone");
	backfill_view_end(&out, &p);
	assert_string_equal(buf_str(&out),
			    "backfill 3 of public.users is failed: 1,234 rows: it is gone; to go "
			    "on: app-db-listener backfill resume 3");
	buf_done(&out);
}

static void a_list_has_a_head_and_a_line_each(void **state)
{
	struct backfill_job j = {.progress = job(10, -1), .where = TEXT_LIT("id > 3")};
	struct buf out;

	(void)state;
	buf_init(&out, 1000);
	backfill_view_row(&out, NULL);
	assert_non_null(strstr(buf_str(&out), "STATE"));
	j.progress.skipped = 2;
	backfill_view_row(&out, &j);
	assert_non_null(strstr(buf_str(&out), "running"));
	assert_non_null(strstr(buf_str(&out), "where id > 3  2 locked\n"));
	buf_done(&out);
}

static void json_has_all_of_a_job(void **state)
{
	struct backfill_job j = {.progress = job(10, -1),
				 .columns = TEXT_LIT("[\"name\"]"),
				 .cursor = TEXT_LIT("[\"42\"]")};
	struct buf out;
	json_t *tree;

	(void)state;
	buf_init(&out, 1000);
	backfill_view_json(&out, "shop", &j);
	tree = json_loadb(buf_str(&out), out.len, 0, NULL);
	assert_non_null(tree);
	assert_int_equal(json_integer_value(json_object_get(tree, "id")), 3);
	assert_string_equal(json_string_value(json_object_get(tree, "source")), "shop");
	assert_string_equal(json_string_value(json_object_get(tree, "state")), "running");
	assert_true(json_is_null(json_object_get(tree, "rows_estimate")));
	assert_true(json_is_null(json_object_get(tree, "where")));
	assert_true(json_is_null(json_object_get(tree, "error")));
	assert_int_equal(json_array_size(json_object_get(tree, "columns")), 1);
	json_decref(tree);
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(speed_is_that_of_the_last_samples),
		cmocka_unit_test(a_bar_fits_its_terminal),
		cmocka_unit_test(a_line_tells_how_it_stands),
		cmocka_unit_test(a_list_has_a_head_and_a_line_each),
		cmocka_unit_test(json_has_all_of_a_job),
	};

	return cmocka_run_group_tests_name("daemon/backfill_view", tests, NULL, NULL);
}
