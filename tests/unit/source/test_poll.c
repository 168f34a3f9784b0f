/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/fd.h"
#include "source/poll.h"
#include "source/source.h"

#define MS CLOCK_US_PER_MS

static void the_delay_doubles_up_to_the_interval(void **state)
{
	struct poll_plan p = {0};

	(void)state;
	assert_int_equal(poll_delay(&p, 10 * MS), 2 * MS);
	assert_int_equal(poll_delay(&p, 10 * MS), 4 * MS);
	assert_int_equal(poll_delay(&p, 10 * MS), 8 * MS);
	assert_int_equal(poll_delay(&p, 10 * MS), 10 * MS);
	assert_int_equal(poll_delay(&p, 10 * MS), 10 * MS);
}

static void rows_make_it_short_again(void **state)
{
	struct poll_plan p = {0};

	(void)state;
	(void)poll_delay(&p, 100 * MS);
	(void)poll_delay(&p, 100 * MS);
	poll_looked(&p, false);
	assert_int_equal(poll_delay(&p, 100 * MS), 8 * MS);
	poll_looked(&p, true);
	assert_int_equal(poll_delay(&p, 100 * MS), 2 * MS);
}

static void an_interval_below_the_first_delay_holds(void **state)
{
	struct poll_plan p = {0};

	(void)state;
	assert_int_equal(poll_delay(&p, MS), MS);
	assert_int_equal(poll_delay(&p, MS), MS);
}

struct waiting {
	struct clock_fake clock;
	struct poll_plan plan;
	int hint_fd;
	int wake_fd;
};

static int setup(void **state)
{
	static struct waiting w;

	w = (struct waiting){.hint_fd = -1, .wake_fd = -1};
	(void)clock_fake_init(&w.clock, 1000 * MS, 0);
	assert_int_equal(fd_wake_open(&w.hint_fd, NULL), ERR_OK);
	assert_int_equal(fd_wake_open(&w.wake_fd, NULL), ERR_OK);
	*state = &w;
	return 0;
}

static int teardown(void **state)
{
	struct waiting *w = *state;

	fd_close(&w->hint_fd);
	fd_close(&w->wake_fd);
	return 0;
}

static int wait_for(struct waiting *w, bool idle, int64_t deadline_us)
{
	return poll_wait(&w->plan, &w->clock.clock, idle, w->hint_fd, w->wake_fd, 50 * MS,
			 deadline_us);
}

static void a_look_that_is_due_is_a_change(void **state)
{
	struct waiting *w = *state;

	w->plan.due_us = 999 * MS;
	assert_int_equal(wait_for(w, true, INT64_MAX), SOURCE_WOKEN_CHANGE);
}

static void a_due_look_stays_due_until_it_was_made(void **state)
{
	struct waiting *w = *state;

	w->plan.due_us = 1005 * MS;
	fd_wake(w->wake_fd);
	assert_int_equal(wait_for(w, true, INT64_MAX), SOURCE_WOKEN_CALLER);
	assert_int_equal(w->plan.due_us, 1005 * MS);
	w->clock.now_us = 1005 * MS;
	(void)fd_wake_clear(w->wake_fd);
	assert_int_equal(wait_for(w, true, INT64_MAX), SOURCE_WOKEN_CHANGE);
	poll_looked(&w->plan, false);
	assert_int_equal(w->plan.due_us, 0);
}

static void the_hint_wakes_only_who_has_room(void **state)
{
	struct waiting *w = *state;

	fd_wake(w->hint_fd);
	assert_int_equal(wait_for(w, true, INT64_MAX), SOURCE_WOKEN_CHANGE);
	assert_int_equal(wait_for(w, false, 1000 * MS), 0);
	fd_wake(w->wake_fd);
	assert_int_equal(wait_for(w, false, INT64_MAX), SOURCE_WOKEN_CALLER);
}

static void the_deadline_ends_the_wait(void **state)
{
	struct waiting *w = *state;

	assert_int_equal(wait_for(w, true, 1000 * MS), 0);
	assert_int_equal(w->plan.due_us, 1002 * MS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_delay_doubles_up_to_the_interval),
		cmocka_unit_test(rows_make_it_short_again),
		cmocka_unit_test(an_interval_below_the_first_delay_holds),
		cmocka_unit_test_setup_teardown(a_look_that_is_due_is_a_change, setup, teardown),
		cmocka_unit_test_setup_teardown(a_due_look_stays_due_until_it_was_made, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_hint_wakes_only_who_has_room, setup, teardown),
		cmocka_unit_test_setup_teardown(the_deadline_ends_the_wait, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
