/* SPDX-License-Identifier: MIT */
/*
 * A job on PostgreSQL that a test does page by page.
 */
#ifndef TESTS_PG_BACKFILL_LAB_H
#define TESTS_PG_BACKFILL_LAB_H

#include "pg_fixture.h"
#include "source/source.h"

struct walker {
	struct fixture *f;
	struct source_pipeline pipelines[FIXTURE_PIPELINES];
	struct source *s;
	int64_t job;
	struct backfill_result result; /* of the last page */
};

/* A table items (id, v) with so many rows, captured by pipeline default; nothing in the outbox. */
static inline void items(struct fixture *f, int n)
{
	char sql[256];

	run(f, "CREATE TABLE items (id int PRIMARY KEY, v text)");
	if (!f->pipelines[0].table_count)
		capture(f, 0, NULL, "items");
	install(f);
	(void)snprintf(sql, sizeof(sql),
		       "INSERT INTO items SELECT g, 'v' || g FROM generate_series(1, "
		       "%d) g; DELETE FROM app_db_listener.outbox",
		       n);
	run(f, sql);
}

static inline enum err_code create_job(struct fixture *f, const char *table,
				       const struct backfill_request *wanted, int64_t *ret_id)
{
	struct backfill_request r = wanted ? *wanted : (struct backfill_request){.rate = 0};

	r.pipeline = "default";
	r.table = table;
	r.flush_every = 50;
	r.max_concurrent_pages = 1;
	return source_admin_postgres.backfill_create(&f->settings, 0, &r, ret_id, &f->err);
}

static inline enum err_code try_create(struct fixture *f, const char *table, const char *where,
				       const char *column)
{
	char *columns[] = {(char *)(uintptr_t)column, NULL};
	struct backfill_request r = {.where = where, .columns = {columns, column ? 1 : 0}};
	int64_t id;

	return create_job(f, table, &r, &id);
}

static inline void walker_open(struct walker *w, struct fixture *f, const char *table,
			       const struct backfill_request *wanted)
{
	int64_t deadline_us = clock_now_us(clock_system()) + 60 * CLOCK_US_PER_S;
	struct source_env env;
	enum err_code code;
	size_t i;

	*w = (struct walker){.f = f};
	if (create_job(f, table, wanted, &w->job) != ERR_OK)
		fail_msg("create: %s", f->err.msg);
	for (i = 0; i < f->settings.pipeline_count; i++)
		w->pipelines[i] = (struct source_pipeline){.settings = &f->pipelines[i],
							   .index = (uint32_t)i};
	env = (struct source_env){.settings = &f->source,
				  .pipelines = w->pipelines,
				  .pipeline_count = f->settings.pipeline_count,
				  .clock = clock_system()};
	assert_int_equal(source_postgres.new(&env, &w->s, &f->err), ERR_OK);
	do { /* the server may not yet have seen the end of the one before */
		code = w->s->ops->open(w->s, &f->err);
	} while (code == ERR_BUSY && clock_now_us(clock_system()) < deadline_us);
	if (code != ERR_OK)
		fail_msg("open: %s", f->err.msg);
}

/* Another job, on the same source. */
static inline void walker_open_again(struct walker *w, const struct walker *first,
				     struct fixture *f, const char *table)
{
	*w = *first;
	if (create_job(f, table, NULL, &w->job) != ERR_OK)
		fail_msg("create: %s", f->err.msg);
}

static inline void walker_close(struct walker *w)
{
	w->s->ops->free(w->s);
}

static inline enum err_code try_page(struct walker *w, int64_t n, bool again)
{
	const struct backfill_page p = {
		.job = w->job, .rows = n, .bytes = BACKFILL_PAGE_BYTES, .again = again};

	return w->s->ops->backfill_page(w->s, 0, &p, &w->result, &w->f->err);
}

static inline enum backfill_state walker_page(struct walker *w, int64_t n)
{
	if (try_page(w, n, false) != ERR_OK)
		fail_msg("page: %s", w->f->err.msg);
	return w->result.progress.state;
}

static inline enum backfill_state walker_again(struct walker *w, int64_t n)
{
	if (try_page(w, n, true) != ERR_OK)
		fail_msg("page: %s", w->f->err.msg);
	return w->result.progress.state;
}

#endif
