/* SPDX-License-Identifier: MIT */
/* When the runner wakes by itself, what it does when it is woken, and after a lost connection. */
#include "runner_stage.h"

/* ---- when it wakes by itself ---- */

static int until_the_next_look(struct stage *g, bool idle, int64_t deadline_us)
{
	assert_true(idle);
	assert_int_equal(deadline_us, g->now_us + 10 * S);
	g->reads = 0;
	g->now_us = deadline_us;
	return 0;
}

/* Looking at the database may have found rows that were missed. */
static int after_the_look(struct stage *g, bool idle, int64_t deadline_us)
{
	assert_true(idle);
	assert_int_equal(g->reads, 1);
	assert_int_equal(deadline_us, g->now_us + 10 * S);
	return 0;
}

static void it_wakes_to_look_at_the_database_and_reads_then(void **state)
{
	static const step_fn script[] = {until_the_next_look, after_the_look, NULL};

	play(*state, script);
}

static int full(struct stage *g, bool idle, int64_t deadline_us)
{
	assert_false(idle);
	assert_int_equal(ring_stats(g->ring).events, CAPACITY);
	assert_int_equal(deadline_us, g->now_us + S);
	g->reads = 0;
	settle_one(g);
	g->now_us = deadline_us;
	return 0;
}

/* What is in the way is acknowledged later: one more is all there is room for. */
static int read_one_more(struct stage *g, bool idle, int64_t deadline_us)
{
	assert_false(idle);
	assert_int_equal(g->reads, 1);
	assert_int_equal(ring_stats(g->ring).events, CAPACITY);
	assert_int_equal(deadline_us, g->now_us + S);
	return 0;
}

static void a_full_ring_is_looked_at_again_when_nobody_tells(void **state)
{
	static const step_fn script[] = {full, read_one_more, NULL};
	struct stage *g = *state;

	g->rows = 100;
	play(g, script);
}

static int not_saved(struct stage *g, bool idle, int64_t deadline_us)
{
	assert_true(idle);
	assert_true(g->saves >= 1);
	assert_false(g->kept.disabled);
	assert_int_equal(deadline_us, g->now_us + S);
	g->save_fails = ERR_OK;
	g->now_us = deadline_us;
	return 0;
}

static int saved(struct stage *g, bool idle, int64_t deadline_us)
{
	assert_true(idle);
	assert_true(g->kept.disabled);
	assert_int_equal(deadline_us, g->now_us + 9 * S);
	return 0;
}

static void a_standing_that_could_not_be_saved_is_saved_a_second_later(void **state)
{
	static const step_fn script[] = {not_saved, saved, NULL};
	struct stage *g = *state;

	assert_int_equal(standing_box_new("crm", 3600 * S, 7200 * S, &g->rp.standing, NULL),
			 ERR_OK);
	standing_box_decide(g->rp.standing, true, 100, "HTTP 410");
	g->save_fails = ERR_TIMEOUT;
	play(g, script);
	standing_box_free(g->rp.standing);
}

static int until_it_is_due(struct stage *g, bool idle, int64_t deadline_us)
{
	assert_true(idle);
	assert_int_equal(g->parked_reads, 0);
	assert_int_equal(deadline_us, g->now_us + 5 * S);
	settle_one(g);
	assert_int_equal(g->given, 0);
	g->now_us += 5 * S;
	g->wall_us += 5 * S;
	return 0;
}

static int loaded(struct stage *g, bool idle, int64_t deadline_us)
{
	assert_true(idle);
	assert_int_equal(g->parked_reads, 1);
	assert_int_equal(deadline_us, g->now_us + 5 * S); /* the next look */
	return 0;
}

static void open_parked(struct stage *g, struct parked **ret_p)
{
	static const int64_t steps[] = {60 * S};
	const struct parked_options o = {.ordering = ORDERING_KEY,
					 .steps_us = steps,
					 .step_count = 1,
					 .max_keys = 10,
					 .max_loaded = 10};

	assert_int_equal(parked_new(&o, ret_p, NULL), ERR_OK);
	open_runner(g);
	runner_bind_parked(g->r, 0, *ret_p);
	g->group = (struct parked_group){.row_hash = {7}, .table_hash = 8, .count = 1};
}

static void it_wakes_for_what_is_parked_when_that_is_due(void **state)
{
	static const step_fn script[] = {until_it_is_due, loaded, NULL};
	struct stage *g = *state;
	struct parked *parked;

	open_parked(g, &parked);
	g->group.due_wall_us = g->wall_us + 5 * S;
	g->rows = 1;
	play(g, script);
	parked_free(parked);
}

static int while_one_is_out(struct stage *g, bool idle, int64_t deadline_us)
{
	assert_true(idle);
	assert_int_equal(g->parked_reads, 0);
	assert_int_equal(deadline_us, g->now_us + 20 * MS);
	ring_settle(g->ring, g->out, EVENT_PARKED);
	event_free(g->out);
	g->out = NULL;
	g->now_us = deadline_us;
	return 0;
}

static int then_loaded(struct stage *g, bool idle, int64_t deadline_us)
{
	(void)deadline_us;
	assert_true(idle);
	assert_int_equal(g->parked_reads, 1);
	return 0;
}

/* Of the connection before: it is looked for now and then, without spinning. */
static void nothing_is_loaded_beside_what_was_loaded_before(void **state)
{
	static const step_fn script[] = {while_one_is_out, then_loaded, NULL};
	const struct event_fields f = {.id = 1, .table = TEXT_LIT("t"), .parked = true};
	struct stage *g = *state;
	struct parked *parked;
	struct event *ev;

	open_parked(g, &parked);
	assert_int_equal(event_new(&f, &ev, NULL), ERR_OK);
	assert_int_equal(ring_push(g->ring, &ev), ERR_OK);
	assert_int_equal(ring_take(g->ring, g->now_us, &g->out, 1), 1);
	play(g, script);
	parked_free(parked);
}

static int purged_next(struct stage *g, bool idle, int64_t deadline_us)
{
	assert_true(idle);
	assert_int_equal(g->purges, 1);
	assert_int_equal(deadline_us, g->now_us + S);
	g->now_us = deadline_us;
	return 0;
}

static int purged_again(struct stage *g, bool idle, int64_t deadline_us)
{
	assert_true(idle);
	assert_int_equal(g->purges, 2);
	assert_int_equal(deadline_us, g->now_us + S);
	return 0;
}

static void it_wakes_to_remove_old_letters_and_old_delivered_events(void **state)
{
	static const step_fn script[] = {purged_next, purged_again, NULL};
	struct stage *g = *state;

	g->settings.dead_letter_retention_us = 24 * S;
	play(g, script);
	assert_int_equal(teardown(state), 0);
	assert_int_equal(setup(state), 0);
	g->pipeline.retain_us = 24 * S;
	play(g, script);
}

/* ---- when it is woken ---- */

static int look(struct stage *g, bool idle, int64_t deadline_us)
{
	(void)deadline_us;
	assert_true(idle);
	g->reads = 0;
	runner_look(g->r);
	return SOURCE_WOKEN_CALLER;
}

static int change(struct stage *g, bool idle, int64_t deadline_us)
{
	(void)deadline_us;
	assert_true(idle);
	assert_int_equal(g->reads, 1);
	return SOURCE_WOKEN_CHANGE;
}

static int woken(struct stage *g, bool idle, int64_t deadline_us)
{
	(void)deadline_us;
	assert_true(idle);
	assert_int_equal(g->reads, 2);
	return SOURCE_WOKEN_CALLER;
}

static int not_read(struct stage *g, bool idle, int64_t deadline_us)
{
	(void)deadline_us;
	assert_true(idle);
	assert_int_equal(g->reads, 2);
	return 0;
}

static void it_reads_when_there_is_news_and_not_for_every_wake_up(void **state)
{
	static const step_fn script[] = {look, change, woken, not_read, NULL};

	play(*state, script);
}

static int settle_many(struct stage *g, bool idle, int64_t deadline_us)
{
	size_t i;

	(void)deadline_us;
	assert_true(idle);
	for (i = 0; i < 12; i++)
		settle_one(g);
	return SOURCE_WOKEN_CALLER;
}

/* The rest waits for company. */
static int full_ones_are_given(struct stage *g, bool idle, int64_t deadline_us)
{
	(void)deadline_us;
	assert_true(idle);
	assert_int_equal(g->acks, 2);
	assert_int_equal(g->given, 10);
	return 0;
}

static void all_full_batches_of_acknowledgements_go_before_the_next_wait(void **state)
{
	static const step_fn script[] = {settle_many, full_ones_are_given, NULL};
	struct stage *g = *state;

	g->rows = 12;
	play(g, script);
	assert_int_equal(g->given, 12); /* the end waits for nobody */
}

static int quiesce(struct stage *g, bool idle, int64_t deadline_us)
{
	(void)deadline_us;
	assert_false(idle);
	assert_int_equal(ring_stats(g->ring).events, CAPACITY);
	while (ring_stats(g->ring).events)
		settle_one(g);
	g->reads = 0;
	runner_quiesce(g->r);
	runner_wake(g->r);
	return SOURCE_WOKEN_CALLER;
}

static int acknowledged(struct stage *g, bool idle, int64_t deadline_us)
{
	assert_false(idle);
	assert_int_equal(g->reads, 0);
	assert_int_equal(g->given, CAPACITY);
	assert_true(deadline_us > g->now_us);
	return 0;
}

static void quiesced_it_reads_no_more_into_the_room_there_is(void **state)
{
	static const step_fn script[] = {quiesce, acknowledged, NULL};
	struct stage *g = *state;

	g->rows = 100;
	play(g, script);
	assert_int_equal(g->reads, 0);
}

/* ---- when the connection is lost ---- */

static int lose_it(struct stage *g, bool idle, int64_t deadline_us)
{
	(void)deadline_us;
	assert_true(idle);
	assert_int_equal(ring_stats(g->ring).events, 5);
	assert_int_equal(ring_take(g->ring, g->now_us, &g->out, 1), 1);
	assert_int_equal(ring_take(g->ring, g->now_us, &g->late, 1), 1);
	g->reads = g->opens = g->inspects = 0;
	g->is_lost = g->is_ticking = true;
	return 0;
}

static int all_anew(struct stage *g, bool idle, int64_t deadline_us)
{
	(void)deadline_us;
	assert_true(idle);
	assert_int_equal(g->opens, 1);
	assert_true(g->reads >= 1);
	assert_true(g->inspects >= 1);
	assert_int_equal(ring_stats(g->ring).events, 0);
	return 0;
}

static void what_was_queued_is_dropped_whenever_it_comes_back(void **state)
{
	static const step_fn script[] = {lose_it, all_anew, NULL};
	struct stage *g = *state;

	g->rows = 5;
	g->settings.reconnect_max_delay_us = 1;
	play(g, script);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_wakes_to_look_at_the_database_and_reads_then),
		TEST(a_full_ring_is_looked_at_again_when_nobody_tells),
		TEST(a_standing_that_could_not_be_saved_is_saved_a_second_later),
		TEST(it_wakes_for_what_is_parked_when_that_is_due),
		TEST(nothing_is_loaded_beside_what_was_loaded_before),
		TEST(it_wakes_to_remove_old_letters_and_old_delivered_events),
		TEST(it_reads_when_there_is_news_and_not_for_every_wake_up),
		TEST(quiesced_it_reads_no_more_into_the_room_there_is),
		TEST(what_was_queued_is_dropped_whenever_it_comes_back),
		TEST(all_full_batches_of_acknowledgements_go_before_the_next_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
