/* SPDX-License-Identifier: MIT */
#include "source_lab.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/thread.h"

/* ---- the fake ---- */

static struct event_fields fields(const char *key, char *data, int bytes)
{
	memset(data, '1', (size_t)bytes);
	return (struct event_fields){.op = OP_INSERT,
				     .schema = TEXT_LIT("public"),
				     .table = TEXT_LIT("items"),
				     .key = text_of(key),
				     .changed_at = TEXT_LIT("2026-01-01T00:00:00.000000Z"),
				     .data = {data, (size_t)bytes}};
}

static void fake_lab_open(struct lab *lab)
{
	static char name[] = "lab";

	assert_int_equal(fake_db_new(name, &lab->fake, NULL), ERR_OK);
	lab->ops = &source_fake;
	lab->settings = (struct source_settings){.name = name,
						 .type = SOURCE_FAKE,
						 .database = name,
						 .poll_interval_us = CLOCK_US_PER_S};
}

static void fake_lab_close(struct lab *lab)
{
	fake_db_free(lab->fake);
}

static int64_t fake_lab_insert(struct lab *lab, const char *pipeline, const char *key, int bytes)
{
	char *data = malloc((size_t)bytes + 1);
	struct event_fields f = fields(key, data, bytes);
	int64_t id = fake_db_insert(lab->fake, pipeline, &f);

	free(data);
	return id;
}

static int64_t fake_lab_begin(struct lab *lab, const char *pipeline, const char *key)
{
	char data[16];
	struct event_fields f = fields(key, data, 10);

	return fake_db_begin(lab->fake, pipeline, &f);
}

static void fake_lab_end(struct lab *lab, const char *pipeline, int64_t id, bool commit)
{
	if (commit)
		fake_db_commit(lab->fake, pipeline, id);
	else
		fake_db_rollback(lab->fake, pipeline, id);
}

static int64_t fake_lab_rows(struct lab *lab)
{
	return (int64_t)fake_db_stats(lab->fake).rows;
}

static int64_t fake_lab_dead(struct lab *lab)
{
	return (int64_t)fake_db_stats(lab->fake).dead_letters;
}

/* ---- PostgreSQL ---- */

static void pg_lab_open(struct lab *lab)
{
	pgtest_open(&lab->pg);
	pgtest_add_pipeline(lab->pg.conn, "second");
	lab->ops = &source_postgres;
	lab->settings = lab->pg.settings;
	lab->writer = NULL;
}

static void pg_lab_close(struct lab *lab)
{
	pgtest_close(&lab->pg);
}

static int64_t pg_lab_insert(struct lab *lab, const char *pipeline, const char *key, int bytes)
{
	return pgtest_put(lab->pg.conn, pipeline, key, bytes);
}

static int64_t pg_lab_begin(struct lab *lab, const char *pipeline, const char *key)
{
	lab->writer = pgtest_connect(&lab->pg, NULL);
	pgtest_exec(lab->writer, "BEGIN");
	return pgtest_put(lab->writer, pipeline, key, 10);
}

static void pg_lab_end(struct lab *lab, const char *pipeline, int64_t id, bool commit)
{
	(void)pipeline;
	(void)id;
	pgtest_exec(lab->writer, "%s", commit ? "COMMIT" : "ROLLBACK");
	PQfinish(lab->writer);
}

static int64_t pg_lab_rows(struct lab *lab)
{
	return pgtest_i64(lab->pg.conn, "SELECT count(*) FROM app_db_listener.outbox");
}

static int64_t pg_lab_dead(struct lab *lab)
{
	return pgtest_i64(lab->pg.conn, "SELECT count(*) FROM app_db_listener.dead_letter");
}

/* ---- SQLite ---- */

static void sqlite_lab_open(struct lab *lab)
{
	sqlitetest_open(&lab->sqlite, "WAL");
	sqlitetest_install(&lab->sqlite);
	lab->ops = &source_sqlite;
	lab->settings = lab->sqlite.source;
}

static void sqlite_lab_close(struct lab *lab)
{
	sqlitetest_close(&lab->sqlite);
}

static int64_t sqlite_lab_insert(struct lab *lab, const char *pipeline, const char *key, int bytes)
{
	return sqlitetest_put(&lab->sqlite, pipeline, key, bytes);
}

static int64_t sqlite_lab_rows(struct lab *lab)
{
	return sqlitetest_i64(lab->sqlite.db, "SELECT (SELECT count(*) FROM "
					      "app_db_listener_outbox) + (SELECT count(*) FROM "
					      "app_db_listener_outbox_second)");
}

static int64_t sqlite_lab_dead(struct lab *lab)
{
	return sqlitetest_i64(lab->sqlite.db, "SELECT count(*) FROM app_db_listener_dead_letter");
}

/* ---- MySQL, MariaDB ---- */

static void my_lab_open(struct lab *lab)
{
	mytest_open(&lab->my);
	mytest_add_pipeline(lab->my.conn, "second");
	lab->ops = &source_mysql;
	lab->settings = lab->my.settings;
	lab->my_writer = NULL;
}

static void my_lab_close(struct lab *lab)
{
	mytest_close(&lab->my);
}

static int64_t my_lab_insert(struct lab *lab, const char *pipeline, const char *key, int bytes)
{
	return mytest_put(lab->my.conn, pipeline, key, bytes);
}

static int64_t my_lab_begin(struct lab *lab, const char *pipeline, const char *key)
{
	lab->my_writer = mytest_connect(&lab->my);
	mytest_exec(lab->my_writer, "START TRANSACTION");
	return mytest_put(lab->my_writer, pipeline, key, 10);
}

static void my_lab_end(struct lab *lab, const char *pipeline, int64_t id, bool commit)
{
	(void)pipeline;
	(void)id;
	mytest_exec(lab->my_writer, "%s", commit ? "COMMIT" : "ROLLBACK");
	mysql_close(lab->my_writer);
}

static int64_t my_lab_rows(struct lab *lab)
{
	return mytest_i64(lab->my.conn, "SELECT (SELECT COUNT(*) FROM app_db_listener_outbox) + "
					"(SELECT COUNT(*) FROM app_db_listener_outbox_second)");
}

static int64_t my_lab_dead(struct lab *lab)
{
	return mytest_i64(lab->my.conn, "SELECT COUNT(*) FROM app_db_listener_dead_letter");
}

struct lab lab_kinds[LAB_KINDS] = {
	[LAB_FAKE] = {.name = "fake",
		      .schema = "public",
		      .open = fake_lab_open,
		      .close = fake_lab_close,
		      .insert = fake_lab_insert,
		      .begin = fake_lab_begin,
		      .end = fake_lab_end,
		      .count_rows = fake_lab_rows,
		      .count_dead = fake_lab_dead},
	[LAB_POSTGRES] = {.name = "postgres",
			  .schema = "public",
			  .open = pg_lab_open,
			  .close = pg_lab_close,
			  .insert = pg_lab_insert,
			  .begin = pg_lab_begin,
			  .end = pg_lab_end,
			  .count_rows = pg_lab_rows,
			  .count_dead = pg_lab_dead},
	[LAB_MYSQL] = {.name = "mysql",
		       .schema = "public",
		       .open = my_lab_open,
		       .close = my_lab_close,
		       .insert = my_lab_insert,
		       .begin = my_lab_begin,
		       .end = my_lab_end,
		       .count_rows = my_lab_rows,
		       .count_dead = my_lab_dead},
	[LAB_SQLITE] = {.name = "sqlite",
			.open = sqlite_lab_open,
			.close = sqlite_lab_close,
			.insert = sqlite_lab_insert,
			.count_rows = sqlite_lab_rows,
			.count_dead = sqlite_lab_dead},
};

/* ---- the reader ---- */

static struct pipeline_settings pipelines[] = {{.name = (char[]){"default"}},
					       {.name = (char[]){"second"}}};

void reader_new(struct reader *r, struct lab *lab)
{
	struct source_env env = {.settings = &lab->settings,
				 .pipelines = r->shared,
				 .pipeline_count = 2,
				 .clock = clock_system()};
	struct err e;
	size_t i;

	memset(r, 0, sizeof(*r));
	for (i = 0; i < 2; i++) {
		r->shared[i].settings = &pipelines[i];
		r->shared[i].index = (uint32_t)i;
	}
	assert_int_equal(fd_wake_open(&r->wake_fd, NULL), ERR_OK);
	if (lab->ops->new (&env, &r->s, &e) != ERR_OK)
		fail_msg("%s", e.msg);
}

void reader_open(struct reader *r)
{
	int64_t deadline_us = clock_now_us(clock_system()) + PATIENCE_US;
	enum err_code code;
	struct err e;

	do { /* the server may not yet have seen the end of the one before */
		code = r->s->ops->open(r->s, &e);
	} while (code == ERR_BUSY && clock_now_us(clock_system()) < deadline_us);
	if (code != ERR_OK)
		fail_msg("%s", e.msg);
}

void reader_drop_events(struct reader *r)
{
	while (r->count)
		event_free(r->events[--r->count]);
}

void reader_free(struct reader *r)
{
	reader_drop_events(r);
	r->s->ops->free(r->s);
	fd_close(&r->wake_fd);
}

size_t reader_read_limited(struct reader *r, uint32_t p, size_t events, size_t bytes)
{
	struct source_limit limit = {.events = events, .bytes = bytes};
	struct err e;

	reader_drop_events(r);
	if (r->s->ops->read(r->s, p, limit, r->events, &r->count, &r->more, &e) != ERR_OK)
		fail_msg("%s", e.msg);
	assert_true(r->count <= events);
	return r->count;
}

size_t reader_read(struct reader *r, uint32_t p)
{
	return reader_read_limited(r, p, EVENTS_MAX, 1 << 20);
}

void reader_await(struct reader *r, uint32_t p)
{
	int64_t deadline = clock_now_us(clock_system()) + PATIENCE_US;
	int woken;

	while (!reader_read(r, p)) {
		assert_true(clock_now_us(clock_system()) < deadline);
		if (!r->more)
			assert_int_equal(
				r->s->ops->wait(r->s, true, r->wake_fd, deadline, &woken, NULL),
				ERR_OK);
	}
}

void reader_ack(struct reader *r, uint32_t p, int64_t id, enum ack_outcome outcome)
{
	struct ack a = {.id = id, .pipeline = p, .outcome = outcome};
	struct err e;

	if (outcome == ACK_DEAD) {
		a.attempts = 4;
		a.last_status = 500;
		a.reason = mem_strdup("bad \xff bytes");
	}
	if (r->s->ops->acknowledge(r->s, &a, 1, &e) != ERR_OK)
		fail_msg("%s", e.msg);
	mem_free(a.reason);
}

void reader_expect(const struct reader *r, size_t n, const int64_t *ids)
{
	size_t i;

	assert_int_equal(r->count, n);
	for (i = 0; i < n; i++)
		assert_int_equal(r->events[i]->f.id, ids[i]);
}

/* ---- parking ---- */

void reader_begin(struct reader *r, struct lab *lab, size_t n, int64_t *ids)
{
	char key[32];
	size_t i;

	for (i = 0; i < n; i++) {
		(void)snprintf(key, sizeof(key), "{\"id\":%zu}", i);
		ids[i] = lab->insert(lab, "default", key, 10);
	}
	reader_new(r, lab);
	reader_open(r);
	assert_int_equal(reader_read(r, 0), n);
}

void reader_give(struct reader *r, const struct ack *acks, size_t n)
{
	struct err e;

	if (r->s->ops->acknowledge(r->s, acks, n, &e) != ERR_OK)
		fail_msg("%s", e.msg);
}

void reader_read_parked(struct reader *r, uint32_t p, const struct parked_select *sel,
			size_t events, size_t bytes)
{
	struct source_limit limit = {.events = events, .bytes = bytes};
	struct err e;

	reader_drop_events(r);
	if (r->s->ops->parked_read(r->s, p, sel, limit, r->events, &r->count, &r->more, &e) !=
	    ERR_OK)
		fail_msg("%s", e.msg);
	assert_true(r->count <= events);
}

void reader_read_all_parked(struct reader *r, uint32_t p)
{
	const struct parked_select all = {.by = PARKED_ALL};

	reader_read_parked(r, p, &all, EVENTS_MAX, 1 << 20);
	assert_false(r->more);
}

struct ack lab_park(int64_t id, uint64_t hash1, uint64_t hash2, uint64_t table_hash,
		    int64_t due_wall_us)
{
	return (struct ack){.id = id,
			    .outcome = ACK_PARKED,
			    .row_hash = {hash1, hash2},
			    .table_hash = table_hash,
			    .due_wall_us = due_wall_us};
}

struct ack lab_of_parked(int64_t id, enum ack_outcome outcome)
{
	return (struct ack){.id = id, .outcome = outcome, .from_parked = true};
}

/* ---- time ---- */

void lab_wait_until(int64_t at_us)
{
	struct mutex m;
	struct cond c;

	mutex_init(&m);
	cond_init(&c);
	mutex_lock(&m);
	while (clock_now_us(clock_system()) < at_us)
		cond_wait_until(&c, &m, at_us);
	mutex_unlock(&m);
	cond_done(&c);
	mutex_done(&m);
}

/* ---- cmocka ---- */

int lab_setup(void **state)
{
	struct lab *lab = *state;

	lab->open(lab);
	return 0;
}

int lab_teardown(void **state)
{
	struct lab *lab = *state;

	lab->close(lab);
	return 0;
}
