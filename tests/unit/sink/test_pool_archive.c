/* SPDX-License-Identifier: MIT */
/* A pool whose pipeline is archived. */
#include "archive_case.h"
#include "pool_fixture.h"

/* The archive's thread ends what was in flight, with no worker there to see that there is room
 * again. The clock stands still, so that no worker wakes by itself. */
static void what_waits_for_bytes_in_flight_goes_when_the_archive_has_written(void **state)
{
	const struct archive_case *at = *state;
	static const size_t first[] = {0};
	static char url[160];
	struct clock_fake clock;
	struct rig r = {.max_inflight_bytes = 1500};
	int i;

	r.clock = clock_fake_init(&clock, CLOCK_US_PER_S, CLOCK_US_PER_S);
	(void)snprintf(url, sizeof(url), "file://%s", at->path);
	settings_init(&r.settings[0], url);
	r.settings[0].archive_flush_every = 1000;
	rig_open(&r, 1, first, 2);
	for (i = 1; i <= 50; i++)
		push(&r, 0, i, i);
	assert_int_equal(pool_start(r.pool, NULL), ERR_OK);
	await(&r, 50);
	rig_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			what_waits_for_bytes_in_flight_goes_when_the_archive_has_written,
			archive_case_setup, archive_case_teardown),
	};

	return cmocka_run_group_tests(tests, group_open, group_close);
}
