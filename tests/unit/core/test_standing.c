/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/thread.h"
#include "core/standing.h"

#define S CLOCK_US_PER_S
#define WALL (1700000000 * S)

static struct standing_box *box;
static int changes, tolds;

static void on_changed(void *ctx)
{
	++*(int *)ctx;
}

static int open_box(void **state)
{
	(void)state;
	changes = tolds = 0;
	if (standing_box_new("crm", 3600 * S, 7200 * S, &box, NULL) != ERR_OK)
		return 1;
	standing_box_on_changed(box, on_changed, &changes);
	standing_box_on_told(box, on_changed, &tolds);
	return 0;
}

static int free_box(void **state)
{
	(void)state;
	standing_box_free(box);
	return 0;
}

static struct standing value(void)
{
	struct standing s;

	(void)standing_box_get(box, &s);
	return s;
}

static uint64_t version(void)
{
	struct standing s;

	return standing_box_get(box, &s);
}

static bool failed(int64_t at_us)
{
	return standing_box_failed(box, at_us, WALL + at_us);
}

/* ---- merging ---- */

static void of_two_the_later_decision_counts(void **state)
{
	const struct standing gone = {
		.disabled = true, .since_wall_us = 20, .failing_wall_us = 5, .reason = "HTTP 410"};
	const struct standing back = {.since_wall_us = 30, .failing_wall_us = 6};
	struct standing s;

	(void)state;
	s = standing_merge(&gone, &back, false);
	assert_false(s.disabled);
	assert_int_equal(s.since_wall_us, 30);
	assert_string_equal(s.reason, "");
	assert_int_equal(s.failing_wall_us, 5);
	s = standing_merge(&back, &gone, true);
	assert_false(s.disabled);
	assert_int_equal(s.failing_wall_us, 5);
	/* what was never decided here gives way to everything */
	s = standing_merge(&gone, &(struct standing){.disabled = false}, false);
	assert_true(standing_is_equal(&s, &gone));
}

/* ---- the sink's side ---- */

static void a_decision_is_told_once_and_has_its_reason(void **state)
{
	(void)state;
	assert_int_equal(version(), 0);
	standing_box_decide(box, true, WALL, "HTTP 410");
	assert_true(value().disabled);
	assert_int_equal(value().since_wall_us, WALL);
	assert_string_equal(value().reason, "HTTP 410");
	assert_int_equal(changes, 1);
	assert_int_equal(tolds, 0);
	standing_box_decide(box, false, WALL + 5, NULL);
	assert_false(value().disabled);
	assert_string_equal(value().reason, "");
	assert_int_equal(changes, 2);
}

static void a_clock_that_was_set_back_does_not_undo_a_decision(void **state)
{
	(void)state;
	standing_box_decide(box, true, WALL, "HTTP 410");
	standing_box_decide(box, false, WALL - 3600 * S, NULL);
	assert_false(value().disabled);
	assert_true(value().since_wall_us > WALL);
}

static void failures_are_news_when_they_last_and_when_they_end(void **state)
{
	(void)state;
	standing_box_delivered(box);
	assert_false(failed(S));
	assert_false(failed(30 * S));
	assert_int_equal(changes, 0);
	assert_int_equal(value().failing_wall_us, 0);
	assert_false(failed(61 * S));
	assert_int_equal(changes, 1);
	assert_int_equal(value().failing_wall_us, WALL + S);
	assert_false(failed(90 * S));
	assert_int_equal(changes, 1);
	standing_box_delivered(box);
	assert_int_equal(changes, 2);
	assert_int_equal(value().failing_wall_us, 0);
	standing_box_delivered(box);
	assert_int_equal(changes, 2);
}

static void too_long_an_outage_is_told_until_somebody_decides(void **state)
{
	(void)state;
	assert_false(failed(0));
	assert_false(failed(3600 * S - 1));
	assert_true(failed(3600 * S));
	assert_true(failed(3601 * S));
	standing_box_decide(box, true, WALL + 3601 * S, "too long");
	assert_int_equal(value().failing_wall_us, 0);
	/* enabled again, it has another hour */
	standing_box_decide(box, false, WALL + 4000 * S, NULL);
	assert_false(failed(4000 * S));
	assert_false(failed(4100 * S));
}

/* ---- the source's side ---- */

static struct standing_told told(struct standing s, int64_t now_us)
{
	return (struct standing_told){s, version(), now_us, WALL + now_us};
}

static void what_a_database_tells_counts_unless_there_is_news(void **state)
{
	struct standing_told t =
		told((struct standing){.disabled = true, .since_wall_us = 9, .reason = "gone"}, S);

	(void)state;
	assert_int_equal(standing_box_tell(box, &t), 1);
	assert_int_equal(version(), 1);
	assert_true(value().disabled);
	assert_int_equal(tolds, 1);
	assert_int_equal(changes, 1);
	standing_box_decide(box, false, WALL, NULL);
	t.version = 1; /* it was asked before that */
	assert_int_equal(standing_box_tell(box, &t), 0);
	assert_false(value().disabled);
	assert_int_equal(tolds, 1);
}

static void an_outage_of_before_the_restart_goes_on(void **state)
{
	struct standing_told t =
		told((struct standing){.failing_wall_us = WALL - 3500 * S}, 10 * S);

	(void)state;
	assert_int_equal(standing_box_tell(box, &t), 1);
	assert_false(failed(20 * S));
	assert_false(failed(120 * S));
	assert_true(failed(20 * S + 600 * S));
	assert_int_equal(value().failing_wall_us, WALL - 3500 * S);
	standing_box_delivered(box);
	assert_int_equal(value().failing_wall_us, 0);
}

static void a_delivery_by_another_daemon_ends_it_too(void **state)
{
	struct standing_told t;

	(void)state;
	assert_false(failed(0));
	assert_false(failed(100 * S));
	t = told((struct standing){.disabled = false}, 3000 * S);
	assert_int_equal(standing_box_tell(box, &t), 2);
	assert_false(failed(3600 * S));
	assert_int_equal(value().failing_wall_us, 0);
}

/* ---- threads ---- */

static void hammer(void *arg)
{
	struct standing s;
	int i;

	(void)arg;
	for (i = 0; i < 300; i++) {
		(void)failed(i * 61 * S);
		if (i % 7 == 0)
			standing_box_delivered(box);
		if (i % 11 == 0)
			standing_box_decide(box, i % 2, WALL + i, "why");
		(void)standing_box_tell(box, &(struct standing_told){.version = version()});
		(void)standing_box_get(box, &s);
	}
}

static void it_may_be_used_from_several_threads(void **state)
{
	struct thread threads[3] = {0};
	size_t i;

	(void)state;
	standing_box_on_changed(box, NULL, NULL);
	standing_box_on_told(box, NULL, NULL);
	for (i = 0; i < 3; i++)
		assert_int_equal(thread_start(&threads[i], "hammer", 0, hammer, NULL, NULL),
				 ERR_OK);
	for (i = 0; i < 3; i++)
		thread_join(&threads[i]);
	standing_box_delivered(box);
	assert_int_equal(value().failing_wall_us, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_box, free_box)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_two_the_later_decision_counts),
		TEST(a_decision_is_told_once_and_has_its_reason),
		TEST(a_clock_that_was_set_back_does_not_undo_a_decision),
		TEST(failures_are_news_when_they_last_and_when_they_end),
		TEST(too_long_an_outage_is_told_until_somebody_decides),
		TEST(what_a_database_tells_counts_unless_there_is_news),
		TEST(an_outage_of_before_the_restart_goes_on),
		TEST(a_delivery_by_another_daemon_ends_it_too),
		TEST(it_may_be_used_from_several_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
