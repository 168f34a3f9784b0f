/* SPDX-License-Identifier: MIT */
/* Backfill jobs on PostgreSQL without memory. Runs under tests/support/with-postgres. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/log.h"
#include "pgtest.h"
#include "source/admin.h"
#include "source/pg_backfill.h"
#include "source/source.h"
#include "torture.h"

#define NAME(s) ((char *)(uintptr_t)(s))

struct life {
	struct pgtest pg;
	struct table_settings table;
	struct pipeline_settings pipeline;
	struct source_pipeline shared;
	struct settings settings;
	struct source *s;
	int64_t job;
};

static void life_open(struct life *l)
{
	struct source_env env;

	pgtest_open(&l->pg);
	pgtest_exec(l->pg.conn, "%s", pg_backfill_create_sql);
	pgtest_exec(l->pg.conn, "INSERT INTO items SELECT g FROM generate_series(1, 3) AS g");
	l->table = (struct table_settings){.table = NAME("items")};
	l->pipeline = (struct pipeline_settings){
		.name = NAME("default"), .tables = &l->table, .table_count = 1};
	l->shared.settings = &l->pipeline;
	l->settings = (struct settings){.sources = &l->pg.settings,
					.source_count = 1,
					.pipelines = &l->pipeline,
					.pipeline_count = 1};
	env = (struct source_env){.settings = &l->pg.settings,
				  .pipelines = &l->shared,
				  .pipeline_count = 1,
				  .clock = clock_system()};
	assert_int_equal(source_postgres.new(&env, &l->s, NULL), ERR_OK);
	assert_int_equal(l->s->ops->open(l->s, NULL), ERR_OK);
}

static void life_close(struct life *l)
{
	l->s->ops->free(l->s);
	pgtest_close(&l->pg);
}

static enum err_code make_job(void *ctx)
{
	struct life *l = ctx;
	char *columns[] = {NAME("n"), NULL};
	const struct backfill_request r = {.pipeline = "default",
					   .table = "items",
					   .where = "id < 3 -- few",
					   .columns = {columns, 1},
					   .flush_every = 10,
					   .max_concurrent_pages = 1};

	return source_admin_postgres.backfill_create(&l->settings, 0, &r, &l->job, NULL);
}

static enum err_code read_page(void *ctx)
{
	struct life *l = ctx;
	const struct backfill_page page = {.job = l->job, .rows = 10, .bytes = 1000};
	struct backfill_result r;
	struct backfill_progress job;
	enum err_code code;

	torture_suspend();
	pgtest_exec(l->pg.conn, "UPDATE app_db_listener.backfill SET state = 'running', "
				"cursor_key = '[\"0\"]', rows_done = 0");
	pgtest_exec(l->pg.conn, "DELETE FROM app_db_listener.outbox");
	torture_resume();
	code = l->s->ops->backfill_load(l->s, &job, NULL);
	if (code == ERR_OK)
		code = l->s->ops->backfill_page(l->s, 0, &page, &r, NULL);
	torture_suspend();
	/* a page and its place are there together, or neither is */
	assert_int_equal(pgtest_i64(l->pg.conn, "SELECT count(*) FROM app_db_listener.outbox"),
			 code == ERR_OK ? 2 : 0);
	assert_int_equal(pgtest_i64(l->pg.conn,
				    "SELECT rows_done FROM app_db_listener.backfill "
				    "WHERE id = %lld",
				    (long long)l->job),
			 code == ERR_OK ? 2 : 0);
	torture_resume();
	return code;
}

static void jobs_are_made_and_done_without_memory(void **state)
{
	struct life l = {.job = 0};

	(void)state;
	life_open(&l);
	assert_true(torture_run(make_job, &l) >= 10);
	pgtest_exec(l.pg.conn, "DELETE FROM app_db_listener.backfill WHERE id <> %lld",
		    (long long)l.job);
	assert_true(torture_run(read_page, &l) >= 10);
	life_close(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(jobs_are_made_and_done_without_memory),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("backfill", tests, NULL, NULL);
}
