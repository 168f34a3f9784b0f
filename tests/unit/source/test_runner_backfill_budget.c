/* SPDX-License-Identifier: MIT */
/* What pages of a backfill take of the memory budget. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "source/runner_backfill.h"

#define MB ((size_t)1024 * 1024)
#define S CLOCK_US_PER_S

/* A source with one job that never ends, and one pipeline that was read to its end. */
struct stub {
	struct source base;
	struct clock_fake clock;
	struct runner_backfill b;
	struct runner_pipe pipe;
	struct budget *budget;
	enum err_code page_fails;
	int pages;
	struct backfill_page last;
	size_t held; /* of the budget while the last page was read */
};

static const struct backfill_progress job = {
	.id = 1, .flush_every = 10, .max_concurrent_pages = 2, .rows_estimate = 1000};

static struct stub *stub_of(struct source *s)
{
	return (struct stub *)(void *)s;
}

static size_t used_by_backfill(const struct stub *t)
{
	return budget_stats(t->budget).accounts[BUDGET_BACKFILL].used_bytes;
}

static enum err_code stub_load(struct source *s, struct backfill_progress *jobs, struct err *e)
{
	(void)s;
	(void)e;
	jobs[0] = job;
	return ERR_OK;
}

static enum err_code stub_page(struct source *s, uint32_t p, const struct backfill_page *page,
			       struct backfill_result *ret, struct err *e)
{
	struct stub *t = stub_of(s);

	(void)p;
	t->pages++;
	t->last = *page;
	t->held = used_by_backfill(t);
	if (t->page_fails != ERR_OK)
		return err_set(e, t->page_fails, "the table is locked");
	*ret = (struct backfill_result){.progress = job, .rows = page->rows};
	return ERR_OK;
}

static const struct source_ops local_ops = {
	.backfill_load = stub_load, .backfill_page = stub_page, .backfill_is_local = true};
static const struct source_ops remote_ops = {.backfill_load = stub_load,
					     .backfill_page = stub_page};

static struct stub open_stub(size_t max, size_t max_event)
{
	const struct budget_options o = {.max_bytes = max};
	struct stub t = {.base.ops = &local_ops};

	assert_int_equal(budget_new(&o, &t.budget, NULL), ERR_OK);
	runner_budget_init(&t.pipe.budget, t.budget, PRIORITY_STANDARD, max_event);
	return t;
}

/* Apart: the clock and the lock stay where they are. */
static void open_rest(struct stub *t)
{
	const struct ring_options o = {.capacity = 1000, .max_bytes = MB};

	assert_int_equal(
		runner_backfill_init(&t->b, 1, clock_fake_init(&t->clock, 3600 * S, 0), NULL),
		ERR_OK);
	runner_backfill_begin(&t->b);
	assert_int_equal(ring_new(&o, &t->pipe.ring, NULL), ERR_OK);
	t->b.budget = t->budget;
}

static void close_all(struct stub *t)
{
	runner_backfill_done(&t->b);
	ring_free(t->pipe.ring);
	budget_free(t->budget);
}

static enum err_code step(struct stub *t)
{
	struct err e;
	enum err_code code = runner_backfill_step(&t->b, &t->base, &t->pipe, &e);

	t->pipe.more = false;
	return code;
}

static int64_t due_us(const struct stub *t)
{
	return runner_backfill_due_us(&t->b, &t->base, &t->pipe) - t->clock.now_us;
}

static void a_page_is_charged_while_it_is_here(void **state)
{
	struct stub t = open_stub(64 * MB, 2 * MB);

	(void)state;
	open_rest(&t);
	assert_int_equal(step(&t), ERR_OK);
	assert_int_equal(t.pages, 1);
	assert_int_equal(t.last.bytes, BACKFILL_PAGE_BYTES);
	assert_int_equal(t.last.rows, 10);
	/* the page and the row that ends it, and both once more in what is written */
	assert_true(t.held >= 2 * (BACKFILL_PAGE_BYTES + 2 * MB));
	assert_int_equal(used_by_backfill(&t), 0);
	t.page_fails = ERR_BUSY;
	assert_int_equal(step(&t), ERR_OK);
	assert_int_equal(t.pages, 2);
	assert_int_equal(used_by_backfill(&t), 0);
	t.page_fails = ERR_UNAVAILABLE;
	t.clock.now_us += 10 * S;
	assert_int_equal(step(&t), ERR_UNAVAILABLE);
	assert_int_equal(t.pages, 3);
	assert_int_equal(used_by_backfill(&t), 0);
	close_all(&t);
}

static void a_page_that_stays_in_the_server_is_not(void **state)
{
	struct stub t = open_stub(64 * MB, 2 * MB);

	(void)state;
	open_rest(&t);
	t.base.ops = &remote_ops;
	assert_int_equal(step(&t), ERR_OK);
	assert_int_equal(t.pages, 1);
	assert_int_equal(t.held, 0);
	assert_int_equal(budget_stats(t.budget).peak_bytes, 0);
	close_all(&t);
}

/* Below the alert, nobody reads, and still there is no room for the largest row beside what others
 * have queued: changes would go past the budget, a page does not. */
static void it_waits_until_a_page_has_room(void **state)
{
	struct stub t = open_stub(64 * MB, 10 * MB);

	(void)state;
	open_rest(&t);
	budget_charge(t.budget, BUDGET_QUEUE, 40 * MB);
	assert_int_equal(step(&t), ERR_OK);
	assert_int_equal(t.pages, 0);
	assert_in_range(due_us(&t), 1, S);
	assert_int_equal(used_by_backfill(&t), 0);
	budget_release(t.budget, BUDGET_QUEUE, 40 * MB);
	t.clock.now_us += due_us(&t);
	assert_int_equal(step(&t), ERR_OK);
	assert_int_equal(t.pages, 1);
	close_all(&t);
}

static void in_a_small_budget_pages_are_small(void **state)
{
	struct stub t = open_stub(8 * MB, 10000);

	(void)state;
	open_rest(&t);
	assert_int_equal(step(&t), ERR_OK);
	assert_int_equal(t.last.bytes, 8 * MB / 64);
	assert_true(t.held < MB);
	close_all(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_is_charged_while_it_is_here),
		cmocka_unit_test(a_page_that_stays_in_the_server_is_not),
		cmocka_unit_test(it_waits_until_a_page_has_room),
		cmocka_unit_test(in_a_small_budget_pages_are_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
