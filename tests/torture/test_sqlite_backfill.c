/* SPDX-License-Identifier: MIT */
/* A backfill without memory: made, done page by page, decided about. test_my_backfill.c has
 * MariaDB. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rows_lab.h"
#include "torture.h"

#ifndef KIND
#define KIND SOURCE_SQLITE
#endif

#define ROWS 6

static enum err_code count_job(void *ctx, const struct backfill_job *job, struct err *e)
{
	(void)e;
	*(int64_t *)ctx += job->progress.rows_done;
	return ERR_OK;
}

/* What is in the outbox is what the job says. */
static void expect_whole_pages(struct rows_lab *lab, int64_t rows)
{
	const char *lines;
	int64_t id;

	torture_suspend();
	rows_stop(lab);
	lines = rows_read(lab);
	assert_int_equal(rows_count_lines(lines), rows);
	for (id = 1; id <= rows; id++)
		assert_int_equal(rows_count(lines, id), 1);
	rows_stop(lab);
	torture_resume();
}

static enum err_code do_pages(struct rows_lab *lab, int64_t job, int64_t *ret_rows)
{
	const struct source_env env = {.settings = &lab->source,
				       .pipelines = &lab->shared,
				       .pipeline_count = 1,
				       .clock = clock_system()};
	const struct backfill_page page = {
		.job = job, .rows = 4, .bytes = BACKFILL_PAGE_BYTES, .again = true};
	struct backfill_progress jobs[1];
	struct backfill_result r;
	struct source *s;
	enum err_code code = source_find(KIND)->new (&env, &s, NULL);

	if (code != ERR_OK)
		return code;
	do
		code = s->ops->open(s, NULL);
	while (code == ERR_BUSY); /* the server has not yet seen the end of the last life */
	if (code == ERR_OK)
		code = s->ops->backfill_load(s, jobs, NULL);
	do {
		if (code == ERR_OK)
			code = s->ops->backfill_page(s, 0, &page, &r, NULL);
		if (code == ERR_OK)
			*ret_rows = r.progress.rows_done;
	} while (code == ERR_OK && r.progress.state == BACKFILL_RUNNING);
	s->ops->free(s);
	return code;
}

static enum err_code live(void *ctx)
{
	struct rows_lab *lab = ctx;
	char *columns[] = {(char[]){"v"}};
	const struct backfill_request r = {.pipeline = "default",
					   .table = "t",
					   .where = "id > 0",
					   .columns = {.items = columns, .count = 1},
					   .flush_every = 4,
					   .max_concurrent_pages = 1};
	int64_t id = 0, rows = 0, listed = 0;
	enum err_code code = lab->admin->backfill_create(&lab->settings, 0, &r, &id, NULL);

	lab->shared = (struct source_pipeline){.settings = &lab->pipeline};
	if (code == ERR_OK)
		code = lab->admin->backfill_decide(&lab->settings, 0, id, BACKFILL_PAUSED, NULL);
	if (code == ERR_OK)
		code = lab->admin->backfill_decide(&lab->settings, 0, id, BACKFILL_RUNNING, NULL);
	if (code == ERR_OK)
		code = do_pages(lab, id, &rows);
	if (code == ERR_OK)
		code = lab->admin->backfill_list(&lab->settings, 0, id, count_job, &listed, NULL);
	if (code == ERR_OK) {
		assert_int_equal(rows, ROWS);
		assert_int_equal(listed, ROWS);
	}
	expect_whole_pages(lab, rows);
	torture_suspend();
	rows_exec(lab, 0, "DELETE FROM app_db_listener_backfill");
	torture_resume();
	return code;
}

static void a_backfill_survives_without_memory(void **state)
{
	struct rows_lab *lab = *state;

	rows_fill(lab, ROWS);
	(void)rows_read(lab);
	rows_stop(lab);
	assert_true(torture_run(live, lab) >= 50);
}

static const struct rows_test table[] = {
	{"a_backfill_survives_without_memory", a_backfill_survives_without_memory, 1U << KIND},
};

int main(void)
{
	return rows_run("backfill without memory", table, ARRAY_LEN(table), KIND);
}
