/* SPDX-License-Identifier: MIT */
/* One pipeline has rows without end, and its ring always has room; another has none. */
#include "runner_stage.h"

#define POLL_US (500 * MS)

static struct ring *second_ring;
static int64_t last_us, longest_us;
static int looks;

static void note_pause(const struct stage *g)
{
	if (g->now_us - last_us > longest_us)
		longest_us = g->now_us - last_us;
	last_us = g->now_us;
}

/* Each read takes 1 ms, and what came with the one before is delivered by then. */
static void deliver_all(struct stage *g, uint32_t p)
{
	g->calls = 0;
	if (p) {
		note_pause(g);
		looks++;
		return;
	}
	g->now_us += MS;
	while (ring_stats(g->ring).ready)
		settle_one(g);
}

static int all_is_read(struct stage *g, bool idle, int64_t deadline_us)
{
	(void)deadline_us;
	assert_true(idle);
	assert_int_equal(g->rows, 0);
	note_pause(g);
	assert_in_range(longest_us, POLL_US, POLL_US + MS);
	/* and no more of them: one in POLL_US, and those of the start */
	assert_in_range(looks, 6, 8);
	return 0;
}

static void a_pipeline_that_always_has_more_does_not_keep_the_others_from_being_read(void **state)
{
	static const step_fn script[] = {all_is_read, NULL};
	static char name[] = "second";
	struct pipeline_settings second = {.name = name};
	const struct ring_options ro = {
		.capacity = CAPACITY, .max_bytes = 1 << 20, .order = ORDERING_NONE};
	struct stage *g = *state;
	struct runner_pipeline pipes[2] = {{.settings = &g->pipeline}, {.settings = &second}};
	const struct runner_options o = {.settings = &g->settings,
					 .ops = &ops,
					 .pipelines = pipes,
					 .pipeline_count = 2,
					 .clock = &g->clock};

	g->settings.poll_interval_us = POLL_US;
	g->rows = 3 * S / MS * BATCH;
	g->on_read = deliver_all;
	last_us = g->now_us;
	assert_int_equal(ring_new(&ro, &g->ring, NULL), ERR_OK);
	assert_int_equal(ring_new(&ro, &second_ring, NULL), ERR_OK);
	pipes[0].ring = g->ring;
	pipes[1].ring = second_ring;
	assert_int_equal(runner_new(&o, &g->r, NULL), ERR_OK);
	play(g, script);
}

static int teardown_both(void **state)
{
	int failed = teardown(state);

	ring_free(second_ring);
	return failed;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_pipeline_that_always_has_more_does_not_keep_the_others_from_being_read,
			setup, teardown_both),
	};

	return cmocka_run_group_tests_name("turns of pipelines", tests, NULL, NULL);
}
