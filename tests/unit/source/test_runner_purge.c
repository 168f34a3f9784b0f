/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "runner_bench.h"
#include "source/runner_purge.h"

#define S CLOCK_US_PER_S
#define HOUR (3600 * S)

/* A source of three pipelines with so many letters each, a third of which goes. */
struct stub {
	struct source base;
	struct clock_fake clock;
	int64_t left[3];
	int64_t cost_us;
	enum err_code fails;
	int calls;
	int64_t age_us;
	int of_pipe[3]; /* calls */
	bool delivered;
};

static enum err_code stub_purge(struct source *s, uint32_t p, struct source_sweep *sweep,
				struct err *e)
{
	struct stub *stub = (struct stub *)(void *)s;
	int64_t n = stub->left[p] < sweep->rows ? stub->left[p] : sweep->rows;

	stub->calls++;
	stub->of_pipe[p]++;
	stub->delivered = sweep->delivered;
	stub->clock.now_us += stub->cost_us;
	stub->age_us = sweep->older_than_us;
	if (stub->fails != ERR_OK)
		return err_set(e, stub->fails, "the rows are locked");
	assert_true(sweep->rows > 0 && sweep->rows <= 1000);
	stub->left[p] -= n;
	sweep->after_id = n ? sweep->after_id + n : 0;
	sweep->purged = n / 3;
	return ERR_OK;
}

static const struct source_ops stub_ops = {.purge = stub_purge};

static void stub_init(struct stub *s, struct runner_purge *g, int64_t retention_us)
{
	*s = (struct stub){.base.ops = &stub_ops};
	runner_purge_init(g, retention_us, 3, clock_fake_init(&s->clock, HOUR, 0));
}

static enum err_code step(struct stub *s, struct runner_purge *g, int64_t *purged)
{
	struct err e;

	return runner_purge_step(g, &s->base, s->clock.now_us, purged, &e);
}

/* Steps, each at its time, until the round is over; returns how many. */
static int go_round(struct stub *s, struct runner_purge *g, int64_t *purged)
{
	int steps = 0;

	do {
		if (g->next_us > s->clock.now_us)
			s->clock.now_us = g->next_us;
		assert_int_equal(step(s, g, purged), ERR_OK);
		assert_true(g->next_us > s->clock.now_us);
		steps++;
	} while (g->pipe || g->sweep.after_id);
	return steps;
}

static void a_round_goes_over_all_pipelines_in_steps(void **state)
{
	struct runner_purge g;
	struct stub s;
	int64_t purged = 0, end;

	(void)state;
	stub_init(&s, &g, 30 * 24 * HOUR);
	s.left[0] = 1200;
	s.left[2] = 300;
	assert_int_equal(go_round(&s, &g, &purged), 4 + 1 + 2);
	assert_int_equal(purged, 166 + 166 + 66 + 100);
	assert_int_equal(s.age_us, 30 * 24 * HOUR);
	/* the next one not before an hour */
	end = s.clock.now_us;
	assert_int_equal(g.next_us, end + HOUR);
	s.clock.now_us = g.next_us - 1;
	assert_int_equal(step(&s, &g, &purged), ERR_OK);
	assert_int_equal(s.calls, 7);
	assert_int_equal(go_round(&s, &g, &purged), 3);
}

static void a_short_retention_has_short_rounds(void **state)
{
	struct runner_purge g;
	struct stub s;
	int64_t purged = 0;

	(void)state;
	stub_init(&s, &g, 24 * S);
	(void)go_round(&s, &g, &purged);
	assert_int_equal(g.next_us, s.clock.now_us + S);
	stub_init(&s, &g, 1);
	(void)go_round(&s, &g, &purged);
	assert_int_equal(g.next_us, s.clock.now_us + S / 10);
}

static void dear_steps_have_long_pauses(void **state)
{
	struct runner_purge g;
	struct stub s;
	int64_t purged = 0, begin;

	(void)state;
	stub_init(&s, &g, HOUR);
	s.left[0] = 1000;
	s.cost_us = S;
	begin = s.clock.now_us;
	assert_int_equal(step(&s, &g, &purged), ERR_OK);
	assert_int_equal(g.next_us, begin + 20 * S);
	s.cost_us = 0;
	s.clock.now_us = g.next_us;
	assert_int_equal(step(&s, &g, &purged), ERR_OK);
	assert_int_equal(g.next_us, s.clock.now_us + S / 20);
}

static void delivered_events_go_where_they_are_kept_each_at_its_age(void **state)
{
	struct pipeline_settings none = {0}, day = {.retain_us = 24 * HOUR},
				 short_one = {.retain_us = 240 * S};
	struct source_pipeline pipes[] = {
		{.settings = &day}, {.settings = &none}, {.settings = &short_one}};
	struct runner_purge g;
	struct stub s;
	int64_t purged = 0;

	(void)state;
	stub_init(&s, &g, 0);
	s.left[0] = 700;
	runner_purge_init_delivered(&g, pipes, 3, g.clock);
	assert_int_equal(step(&s, &g, &purged), ERR_OK);
	assert_true(s.delivered);
	assert_int_equal(s.age_us, 24 * HOUR);
	(void)go_round(&s, &g, &purged);
	assert_int_equal(s.age_us, 240 * S);
	assert_int_equal(s.of_pipe[0], 3);
	assert_int_equal(s.of_pipe[1], 0);
	assert_int_equal(s.of_pipe[2], 1);
	assert_int_equal(purged, 166 + 66);
	/* as often as the shortest needs it */
	assert_int_equal(g.next_us, s.clock.now_us + 10 * S);
	day.retain_us = short_one.retain_us = 0;
	runner_purge_init_delivered(&g, pipes, 3, g.clock);
	assert_true(g.next_us == INT64_MAX);
}

static void without_a_retention_nothing_is_done(void **state)
{
	struct runner_purge g;
	struct stub s;
	int64_t purged = 0;

	(void)state;
	stub_init(&s, &g, 0);
	s.clock.now_us = INT64_MAX - 1;
	assert_int_equal(step(&s, &g, &purged), ERR_OK);
	assert_int_equal(s.calls, 0);
}

static void what_cannot_be_had_is_left_until_the_next_round(void **state)
{
	struct runner_purge g;
	struct stub s;
	int64_t purged = 0;

	(void)state;
	stub_init(&s, &g, 24 * S);
	s.left[0] = 600;
	assert_int_equal(step(&s, &g, &purged), ERR_OK);
	s.fails = ERR_TIMEOUT;
	s.clock.now_us = g.next_us;
	assert_int_equal(step(&s, &g, &purged), ERR_OK);
	assert_int_equal(purged, 166);
	assert_int_equal(g.next_us, s.clock.now_us + S);
	assert_int_equal(g.sweep.after_id, 0);
	/* what the runner must know, it is told, and the same step is made again */
	s.fails = ERR_UNAVAILABLE;
	s.clock.now_us = g.next_us;
	assert_int_equal(step(&s, &g, &purged), ERR_UNAVAILABLE);
	s.fails = ERR_NOMEM;
	assert_int_equal(step(&s, &g, &purged), ERR_NOMEM);
	s.fails = ERR_OK;
	assert_int_equal(step(&s, &g, &purged), ERR_OK);
	assert_int_equal(s.calls, 5);
}

/* ---- in the runner ---- */

static void old_letters_leave_and_are_counted(void **state)
{
	struct bench *b = *state;
	size_t i;

	b->settings.dead_letter_retention_us = CLOCK_US_PER_MS;
	for (i = 0; i < 3; i++)
		(void)bench_insert(b, "1");
	bench_start(b);
	for (i = 0; i < 3; i++)
		bench_settle(b, 0, bench_take(b, 0), ACK_DEAD);
	AWAIT(bench_stats(b).purged_total == 3);
	assert_int_equal(fake_db_stats(b->db).dead_letters, 0);
	assert_int_equal(bench_stats(b).dead_total, 3);
}

static void a_purge_that_fails_holds_nothing_up(void **state)
{
	struct bench *b = *state;
	int64_t id = bench_insert(b, "1");

	b->settings.dead_letter_retention_us = CLOCK_US_PER_MS;
	fake_db_fail(b->db, FAKE_PURGE, ERR_TIMEOUT, 3);
	bench_start(b);
	assert_int_equal(bench_deliver(b, 0), id);
	AWAIT(bench_rows(b) == 0);
	AWAIT(fake_db_stats(b->db).calls[FAKE_PURGE] > 3);
	assert_int_equal(bench_stats(b).failures, 0);
}

static void letters_are_kept_when_no_retention_is_set(void **state)
{
	struct bench *b = *state;

	(void)bench_insert(b, "1");
	bench_start(b);
	bench_settle(b, 0, bench_take(b, 0), ACK_DEAD);
	AWAIT(bench_stats(b).dead_total == 1);
	assert_int_equal(fake_db_stats(b->db).calls[FAKE_PURGE], 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_round_goes_over_all_pipelines_in_steps),
		cmocka_unit_test(a_short_retention_has_short_rounds),
		cmocka_unit_test(dear_steps_have_long_pauses),
		cmocka_unit_test(delivered_events_go_where_they_are_kept_each_at_its_age),
		cmocka_unit_test(without_a_retention_nothing_is_done),
		cmocka_unit_test(what_cannot_be_had_is_left_until_the_next_round),
		TEST(old_letters_leave_and_are_counted),
		TEST(a_purge_that_fails_holds_nothing_up),
		TEST(letters_are_kept_when_no_retention_is_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
