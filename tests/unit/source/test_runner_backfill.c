/* SPDX-License-Identifier: MIT */
/* When pages are read: the rules on a fake clock, and the whole with the fake source. */
#include <stdlib.h>

#include "base/mem.h"
#include "runner_bench.h"
#include "source/runner_backfill.h"

#define S CLOCK_US_PER_S
#define MS CLOCK_US_PER_MS

/* ---- by itself ---- */

struct stub {
	struct source base;
	struct clock_fake clock;
	struct runner_backfill b;
	struct runner_pipe pipes[2];
	struct backfill_progress jobs[2]; /* what load tells */
	enum err_code load_fails, page_fails, fail_fails;
	int64_t left;  /* rows of job 1's table */
	int64_t stuck; /* of its rows are locked */
	int loads, pages, fails;
	int pages_of[2];
	struct backfill_page last;
};

static enum err_code stub_load(struct source *s, struct backfill_progress *jobs, struct err *e)
{
	struct stub *t = (struct stub *)(void *)s;

	t->loads++;
	if (t->load_fails != ERR_OK)
		return err_set(e, t->load_fails, "no table");
	jobs[0] = t->jobs[0];
	jobs[1] = t->jobs[1];
	return ERR_OK;
}

static enum err_code stub_page(struct source *s, uint32_t p, const struct backfill_page *page,
			       struct backfill_result *ret, struct err *e)
{
	struct stub *t = (struct stub *)(void *)s;
	struct backfill_progress *job = &t->jobs[p];
	int64_t n = page->rows < t->left ? page->rows : t->left;

	t->pages++;
	t->pages_of[p]++;
	t->last = *page;
	assert_int_equal(page->job, job->id);
	assert_true(page->bytes >= 1);
	if (t->page_fails != ERR_OK)
		return err_set(e, t->page_fails, "the table is locked");
	if (job->state == BACKFILL_RUNNING) {
		t->left -= n;
		job->rows_done += n;
		job->skipped = t->stuck;
		if (!t->left && !t->stuck)
			job->state = BACKFILL_DONE;
	} else {
		n = 0;
	}
	*ret = (struct backfill_result){.progress = *job, .rows = n, .at_end = !t->left};
	return ERR_OK;
}

static enum err_code stub_fail(struct source *s, uint32_t p, int64_t job, const char *why,
			       struct err *e)
{
	struct stub *t = (struct stub *)(void *)s;

	(void)job;
	(void)why;
	t->fails++;
	if (t->fail_fails == ERR_OK)
		t->jobs[p].state = BACKFILL_FAILED;
	return t->fail_fails == ERR_OK ? ERR_OK : err_set(e, t->fail_fails, "no");
}

static const struct source_ops stub_ops = {
	.backfill_load = stub_load, .backfill_page = stub_page, .backfill_fail = stub_fail};

static int stub_open(void **state)
{
	const struct ring_options o = {.capacity = 1000, .max_bytes = 1 << 20};
	struct stub *t = mem_calloc(1, sizeof(*t));
	const struct clock *clock;
	size_t i;

	assert_non_null(t);
	t->base.ops = &stub_ops;
	clock = clock_fake_init(&t->clock, 3600 * S, 0);
	assert_int_equal(runner_backfill_init(&t->b, 2, clock, NULL), ERR_OK);
	runner_backfill_begin(&t->b);
	for (i = 0; i < 2; i++)
		assert_int_equal(ring_new(&o, &t->pipes[i].ring, NULL), ERR_OK);
	t->left = 100;
	*state = t;
	return 0;
}

static int stub_close(void **state)
{
	struct stub *t = *state;

	runner_backfill_done(&t->b);
	ring_free(t->pipes[0].ring);
	ring_free(t->pipes[1].ring);
	mem_free(t);
	return 0;
}

static struct backfill_progress job_of(int64_t id)
{
	return (struct backfill_progress){.id = id,
					  .table = "t",
					  .flush_every = 10,
					  .max_concurrent_pages = 2,
					  .rows_estimate = 100};
}

static enum err_code step(struct stub *t)
{
	struct err e;

	return runner_backfill_step(&t->b, &t->base, t->pipes, &e);
}

/* A step, after which both pipes are read to their end. */
static void step_read(struct stub *t)
{
	assert_int_equal(step(t), ERR_OK);
	t->pipes[0].more = t->pipes[1].more = false;
}

static int64_t due(struct stub *t)
{
	return runner_backfill_due_us(&t->b, &t->base, t->pipes) - t->clock.now_us;
}

static void fill(struct stub *t, size_t n)
{
	struct event_fields f = {.id = 1, .table = TEXT_LIT("t")};
	struct event *ev;

	for (; n; n--, f.id++) {
		assert_int_equal(event_new(&f, &ev, NULL), ERR_OK);
		assert_int_equal(ring_push(t->pipes[0].ring, &ev), ERR_OK);
	}
}

static void jobs_are_looked_for_once_a_second(void **state)
{
	struct stub *t = *state;

	step_read(t);
	step_read(t);
	assert_int_equal(t->loads, 1);
	assert_int_equal(due(t), S);
	t->jobs[0] = job_of(1);
	t->clock.now_us += S;
	step_read(t);
	assert_int_equal(t->loads, 2);
	assert_int_equal(t->pages, 1);
	assert_int_equal(runner_backfill_shown(&t->b, 0).rows_done, 10);
	assert_int_equal(runner_backfill_shown(&t->b, 1).id, 0);
}

static void where_there_is_no_table_it_is_looked_at_rarely(void **state)
{
	static const struct {
		enum err_code code;
		int64_t us;
	} cases[] = {{ERR_NOT_FOUND, 60 * S}, {ERR_DENIED, 60 * S}, {ERR_DB, 10 * S}};
	struct stub *t = *state;
	size_t i;

	for (i = 0; i < ARRAY_LEN(cases); i++) {
		t->load_fails = cases[i].code;
		step_read(t);
		assert_int_equal(due(t), cases[i].us);
		t->clock.now_us += cases[i].us;
	}
	t->load_fails = ERR_UNAVAILABLE;
	assert_int_equal(step(t), ERR_UNAVAILABLE);
	t->load_fails = ERR_NOMEM;
	assert_int_equal(step(t), ERR_NOMEM);
}

static void a_source_that_cannot_is_never_asked(void **state)
{
	static const struct source_ops none = {.type = "none"};
	struct stub *t = *state;

	t->base.ops = &none;
	assert_int_equal(step(t), ERR_OK);
	assert_true(due(t) > 3600 * S);
}

static void changes_go_first(void **state)
{
	struct stub *t = *state;

	t->jobs[0] = job_of(1);
	t->pipes[0].more = true;
	assert_int_equal(step(t), ERR_OK);
	assert_int_equal(t->pages, 0);
	t->pipes[0].more = false;
	t->pipes[0].blocked = true;
	assert_int_equal(step(t), ERR_OK);
	assert_int_equal(t->pages, 0);
	assert_int_equal(due(t), S); /* nothing but the look */
	t->pipes[0].blocked = false;
	assert_int_equal(due(t), 0);
	assert_int_equal(step(t), ERR_OK);
	assert_int_equal(t->pages, 1);
	/* the page is to be read before the next one */
	assert_true(t->pipes[0].more);
	assert_int_equal(step(t), ERR_OK);
	assert_int_equal(t->pages, 1);
}

static void no_more_pages_than_wanted_are_undelivered(void **state)
{
	struct stub *t = *state;

	t->jobs[0] = job_of(1);
	fill(t, 14);
	step_read(t);
	assert_int_equal(t->pages, 1); /* less than one and a half are there */
	fill(t, 1);
	step_read(t);
	assert_int_equal(t->pages, 1);
	assert_in_range(due(t), 1, 50 * MS);
	t->clock.now_us += due(t);
	assert_int_equal(ring_clear(t->pipes[0].ring), 15);
	step_read(t);
	assert_int_equal(t->pages, 2);
}

static void a_rate_spreads_the_rows(void **state)
{
	struct stub *t = *state;
	int64_t began = t->clock.now_us, past;

	t->jobs[0] = job_of(1);
	t->jobs[0].rate = 20;
	t->left = 1000000;
	while (t->clock.now_us < began + 10 * S) {
		step_read(t);
		assert_true(due(t) > 0);
		t->clock.now_us += due(t);
		past = t->clock.now_us - began;
		assert_true(t->jobs[0].rows_done * S <= 20 * past + 4 * S);
	}
	assert_in_range(t->jobs[0].rows_done, 195, 204);
	assert_int_equal(t->last.rows, 4);
}

static void it_pauses_while_memory_is_short(void **state)
{
	const struct budget_options o = {.max_bytes = 1000};
	struct stub *t = *state;
	struct budget *budget;

	assert_int_equal(budget_new(&o, &budget, NULL), ERR_OK);
	budget_charge(budget, BUDGET_QUEUE, 900);
	t->b.budget = budget;
	t->jobs[0] = job_of(1);
	step_read(t);
	assert_int_equal(t->pages, 0);
	assert_in_range(due(t), 1, S);
	budget_release(budget, BUDGET_QUEUE, 900);
	t->clock.now_us += due(t);
	step_read(t);
	assert_int_equal(t->pages, 1);
	budget_free(budget);
	t->b.budget = NULL;
}

static void skipped_rows_are_asked_twice_a_second_at_the_end(void **state)
{
	struct stub *t = *state;

	t->jobs[0] = job_of(1);
	t->left = 10;
	t->stuck = 3;
	step_read(t);
	assert_false(t->last.again);
	assert_int_equal(due(t), 0);
	step_read(t);
	assert_true(t->last.again);
	assert_int_equal(due(t), 500 * MS);
	step_read(t);
	assert_int_equal(t->pages, 2);
	t->clock.now_us += 500 * MS;
	t->stuck = 0;
	step_read(t);
	assert_int_equal(t->pages, 3);
	assert_int_equal(runner_backfill_shown(&t->b, 0).state, BACKFILL_DONE);
	assert_int_equal(due(t), 0); /* for the next job */
}

static void before_the_end_the_walk_goes_on_beside_them(void **state)
{
	struct stub *t = *state;
	int i, asked = 0;

	t->jobs[0] = job_of(1);
	t->stuck = 3;
	for (i = 0; i < 6; i++) {
		step_read(t);
		asked += t->last.again;
		assert_int_equal(due(t), 0);
	}
	assert_int_equal(t->pages, 6);
	assert_int_equal(asked, 1);
	/* too many of them: nothing else is done */
	t->stuck = BACKFILL_SKIPPED_MAX;
	step_read(t);
	assert_int_equal(due(t), 500 * MS);
}

static void what_is_locked_is_tried_again_smaller_for_a_while(void **state)
{
	static const int64_t grown[] = {4, 8, 10, 10};
	struct stub *t = *state;
	size_t i;

	t->jobs[0] = job_of(1);
	t->page_fails = ERR_TIMEOUT;
	step_read(t);
	assert_int_equal(t->last.rows, 10);
	assert_int_equal(due(t), S);
	t->clock.now_us += S;
	step_read(t);
	assert_int_equal(t->last.rows, 5);
	t->page_fails = ERR_BUSY;
	t->clock.now_us += S;
	step_read(t);
	assert_int_equal(t->last.rows, 2);
	t->page_fails = ERR_OK;
	t->clock.now_us += S;
	step_read(t);
	assert_int_equal(t->last.rows, 2);
	assert_int_equal(t->jobs[0].rows_done, 2);
	assert_int_equal(t->fails, 0);
	for (i = 0; i < ARRAY_LEN(grown); i++) {
		step_read(t);
		assert_int_equal(t->last.rows, grown[i]);
	}
}

static void what_cannot_go_on_fails(void **state)
{
	struct stub *t = *state;

	t->jobs[0] = job_of(1);
	t->page_fails = ERR_NOT_FOUND;
	t->fail_fails = ERR_TIMEOUT;
	step_read(t);
	assert_int_equal(t->fails, 1);
	assert_int_equal(due(t), S);
	t->clock.now_us += S;
	t->fail_fails = ERR_OK;
	step_read(t);
	assert_int_equal(t->fails, 2);
	assert_int_equal(runner_backfill_shown(&t->b, 0).state, BACKFILL_FAILED);
	t->jobs[0].id = 0;
	step_read(t);
	assert_int_equal(t->pages, 2);
	t->jobs[0] = job_of(2);
	t->clock.now_us += S;
	t->page_fails = ERR_UNAVAILABLE;
	assert_int_equal(step(t), ERR_UNAVAILABLE);
	t->page_fails = ERR_DB;
	t->fail_fails = ERR_UNAVAILABLE;
	assert_int_equal(step(t), ERR_UNAVAILABLE);
}

static void an_operator_stops_it_at_the_next_page(void **state)
{
	struct stub *t = *state;

	t->jobs[0] = job_of(1);
	step_read(t);
	t->jobs[0].state = BACKFILL_CANCELLED;
	step_read(t);
	assert_int_equal(t->pages, 2);
	assert_int_equal(runner_backfill_shown(&t->b, 0).state, BACKFILL_CANCELLED);
	t->jobs[0] = job_of(0);
	step_read(t);
	assert_int_equal(t->pages, 2);
	/* or at the look, when none is due */
	t->jobs[0] = job_of(3);
	t->jobs[0].rate = 1;
	t->clock.now_us += S;
	step_read(t);
	t->jobs[0].id = 0;
	t->clock.now_us += S;
	step_read(t);
	assert_int_equal(t->pages, 3);
	assert_int_equal(runner_backfill_shown(&t->b, 0).id, 0);
}

static void pipelines_take_turns(void **state)
{
	struct stub *t = *state;
	int i;

	t->jobs[0] = job_of(1);
	t->jobs[1] = job_of(2);
	for (i = 0; i < 4; i++)
		step_read(t);
	assert_int_equal(t->pages_of[0], 4);
	assert_int_equal(t->pages_of[1], 4);
}

/* ---- with the rest of the runner ---- */

static void rows_come_between_changes(void **state)
{
	const struct backfill_progress wanted = {.flush_every = 3, .max_concurrent_pages = 1};
	struct bench *b = *state;
	struct event *ev;
	int64_t job, id = 0;
	int reads = 0, inserts = 0;

	job = fake_db_backfill(b->db, "default", 20, &wanted);
	bench_start(b);
	while (reads < 20) {
		if (reads == 5 && !inserts)
			id = bench_insert(b, "4711");
		ev = bench_take(b, 0);
		if (ev->f.op == OP_READ) {
			reads++;
		} else {
			assert_int_equal(ev->f.id, id);
			inserts++;
			assert_true(reads <= 5 + 2 * 3);
		}
		bench_settle(b, 0, ev, ACK_DELIVERED);
		assert_true(bench_events(b, 0) <= 3 + 1 + 1);
	}
	assert_int_equal(inserts, 1);
	AWAIT(runner_backfill_of(b->runner, 0).state == BACKFILL_DONE);
	assert_int_equal(runner_backfill_of(b->runner, 0).id, job);
	AWAIT(bench_rows(b) == 0);
}

static void a_lost_connection_loses_no_row(void **state)
{
	const struct backfill_progress wanted = {.flush_every = 2, .max_concurrent_pages = 1};
	struct bench *b = *state;
	bool seen[21] = {false};
	struct event *ev;
	int distinct = 0, taken = 0;
	long key;

	(void)fake_db_backfill(b->db, "default", 20, &wanted);
	bench_start(b);
	while (distinct < 20) {
		if (++taken % 4 == 0)
			fake_db_fail(b->db, FAKE_BACKFILL_PAGE, ERR_UNAVAILABLE, 1);
		ev = bench_take(b, 0);
		key = strtol(ev->f.key.s + sizeof("{\"id\":") - 1, NULL, 10);
		assert_in_range(key, 1, 20);
		distinct += !seen[key];
		seen[key] = true;
		bench_settle(b, 0, ev, ACK_DELIVERED);
	}
	AWAIT(bench_rows(b) == 0);
}

int main(void)
{
#define STUB(name) cmocka_unit_test_setup_teardown(name, stub_open, stub_close)
#define BENCH(name) cmocka_unit_test_setup_teardown(name, bench_setup, bench_teardown)
	const struct CMUnitTest tests[] = {
		STUB(jobs_are_looked_for_once_a_second),
		STUB(where_there_is_no_table_it_is_looked_at_rarely),
		STUB(a_source_that_cannot_is_never_asked),
		STUB(changes_go_first),
		STUB(no_more_pages_than_wanted_are_undelivered),
		STUB(a_rate_spreads_the_rows),
		STUB(it_pauses_while_memory_is_short),
		STUB(skipped_rows_are_asked_twice_a_second_at_the_end),
		STUB(before_the_end_the_walk_goes_on_beside_them),
		STUB(what_is_locked_is_tried_again_smaller_for_a_while),
		STUB(what_cannot_go_on_fails),
		STUB(an_operator_stops_it_at_the_next_page),
		STUB(pipelines_take_turns),
		BENCH(rows_come_between_changes),
		BENCH(a_lost_connection_loses_no_row),
	};

	return cmocka_run_group_tests_name("source/runner_backfill", tests, NULL, NULL);
}
