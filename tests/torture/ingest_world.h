/* SPDX-License-Identifier: MIT */
/*
 * For the torture of what is pushed in: a SQLite file that keeps it, a budget, a clock that can be
 * put forward, and somebody who looks into the file from outside.
 */
#ifndef TORTURE_INGEST_WORLD_H
#define TORTURE_INGEST_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "ingest/front.h"
#include "source/inlet.h"
#include "torture.h"
#include "torture_calls.h"

#define TOKEN "a-token-of-the-shop"
#define WAIT_US (60 * CLOCK_US_PER_S)
/* After a store could not be reached it is not asked for a second. */
#define AWAY_US (2 * CLOCK_US_PER_S)

struct world {
	char dir[64], path[128], copy[128];
	char name[16], listen[16], token_name[8], token[32];
	struct source_settings source;
	struct pipeline_settings pipeline;
	struct inlet_settings inlet;
	struct ingest_token tokens[1];
	struct settings settings;
	struct budget *budget;
	struct tally tally;
	struct clock clock;
	_Atomic int64_t ahead_us; /* of the system's clock */
	sqlite3 *db;              /* who looks */
	enum torture_kind kind;
	int64_t life; /* its number: names are of one life */
	int descriptors;
};

static inline int64_t world_now_us(void *ctx)
{
	struct world *w = ctx;

	return clock_now_us(clock_system()) + w->ahead_us;
}

static inline int64_t world_wall_us(void *ctx)
{
	struct world *w = ctx;

	return clock_wall_us(clock_system()) + w->ahead_us;
}

static inline void exec(struct world *w, const char *sql)
{
	char *why = NULL;

	if (sqlite3_exec(w->db, sql, NULL, NULL, &why) != SQLITE_OK)
		fail_msg("%s: %s", sql, why);
}

static inline void world_look(struct world *w)
{
	assert_int_equal(sqlite3_open_v2(w->path, &w->db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	(void)sqlite3_busy_timeout(w->db, 10000);
	exec(w, "DELETE FROM app_db_listener_outbox"); /* opens all that it ever will */
}

/* A database keeps the encoding that it had before its first table. */
static inline void store_begin(struct world *w, const char *encoding)
{
	char sql[128];

	(void)snprintf(sql, sizeof(sql),
		       "PRAGMA encoding = '%s'; CREATE TABLE app_db_listener_t (a); DROP TABLE "
		       "app_db_listener_t",
		       encoding);
	assert_int_equal(sqlite3_open(w->path, &w->db), SQLITE_OK);
	exec(w, sql);
	assert_int_equal(sqlite3_close(w->db), SQLITE_OK);
}

static inline int world_setup_as(void **state, const char *encoding)
{
	const struct budget_options b = {.max_bytes = (size_t)64 << 20};
	struct world *w = calloc(1, sizeof(*w));
	struct err e;

	assert_non_null(w);
	(void)snprintf(w->dir, sizeof(w->dir), "/tmp/torture-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	(void)snprintf(w->path, sizeof(w->path), "%s/ingest.db", w->dir);
	(void)snprintf(w->copy, sizeof(w->copy), "%s/copy.db", w->dir);
	(void)snprintf(w->name, sizeof(w->name), "default");
	(void)snprintf(w->listen, sizeof(w->listen), "127.0.0.1:0");
	(void)snprintf(w->token_name, sizeof(w->token_name), "shop");
	(void)snprintf(w->token, sizeof(w->token), TOKEN);
	w->tokens[0] = (struct ingest_token){w->token_name, {w->token}};
	w->source = (struct source_settings){.name = w->name,
					     .type = SOURCE_HTTP,
					     .path = w->path,
					     .connect_timeout_us = CLOCK_US_PER_S,
					     .statement_timeout_us = CLOCK_US_PER_S,
					     .max_event_bytes = 1 << 20};
	w->pipeline = (struct pipeline_settings){.name = w->name, .pushed = true};
	w->inlet = (struct inlet_settings){.name = w->name, .is_own = true};
	w->settings = (struct settings){.sources = &w->source,
					.source_count = 1,
					.inlets = &w->inlet,
					.inlet_count = 1,
					.pipelines = &w->pipeline,
					.pipeline_count = 1,
					.ingest = {.listen = w->listen,
						   .tokens = {w->tokens, 1},
						   .max_body_bytes = 1 << 18,
						   .max_concurrent = 20,
						   .idempotency_window_us = 60 * CLOCK_US_PER_S,
						   .idempotency_cache = 100,
						   .body_timeout_us = 60 * CLOCK_US_PER_S,
						   .idle_timeout_us = 60 * CLOCK_US_PER_S,
						   .spill_dir = w->dir}};
	w->clock = (struct clock){world_now_us, world_wall_us, w};
	assert_int_equal(budget_new(&b, &w->budget, NULL), ERR_OK);
	store_begin(w, encoding);
	if (inlet_make_store(&w->settings, 0, &e) != ERR_OK)
		fail_msg("%s", e.msg);
	world_look(w);
	*state = w;
	return 0;
}

static inline int world_setup(void **state)
{
	return world_setup_as(state, "UTF-8");
}

static inline int world_teardown(void **state)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", "-app-db-listener.lock"};
	struct world *w = *state;
	char name[192];
	size_t i;
	int result;

	(void)sqlite3_close(w->db);
	for (i = 0; i < ARRAY_LEN(suffixes); i++) {
		(void)snprintf(name, sizeof(name), "%s%s", w->path, suffixes[i]);
		(void)unlink(name);
	}
	budget_free(w->budget);
	result = rmdir(w->dir); /* nothing was left in it */
	free(w);
	return result;
}

/* ---- a life ---- */

/* Whether all has to go well: nothing fails, or what does is nobody's business. */
static inline bool life_is_sound(const struct world *w)
{
	return !torture_fails() || w->kind == TORTURE_SHORT || w->kind == TORTURE_EINTR;
}

static inline void life_begin(struct world *w)
{
	w->life++;
	w->descriptors = torture_descriptors(w->path);
}

/* What was taken was given back. */
static inline void life_end(struct world *w)
{
	struct budget_stats s = budget_stats(w->budget);

	torture_end();
	if (s.used_bytes)
		fail_msg("%zu bytes are still charged", s.used_bytes);
	assert_int_equal(torture_descriptors(w->path), w->descriptors);
	exec(w, "DELETE FROM app_db_listener_outbox; DELETE FROM app_db_listener_ingest_key; "
		"PRAGMA wal_checkpoint(TRUNCATE)");
}

/* What fn returns of a failed call, which is no more its concern. */
static inline enum err_code life_code(const struct world *w, enum err_code code,
				      const struct err *e)
{
	if (code == ERR_OK || w->kind != TORTURE_ERROR)
		return code;
	assert_true(strlen(e->msg) > 0);
	assert_int_equal(e->code, code);
	return ERR_OK;
}

/* ---- what is stored ---- */

static inline int64_t count_in(sqlite3 *db, const char *table)
{
	sqlite3_stmt *stmt;
	int64_t n;

	assert_int_equal(sqlite3_prepare_v2(db,
					    "SELECT count(*) FROM app_db_listener_outbox "
					    "WHERE table_name = ?1",
					    -1, &stmt, NULL),
			 SQLITE_OK);
	(void)sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	n = sqlite3_column_int64(stmt, 0);
	(void)sqlite3_finalize(stmt);
	return n;
}

static inline void copy_file(const char *from, const char *to)
{
	struct buf bytes;

	buf_init(&bytes, (size_t)64 << 20);
	if (access(from, F_OK) == 0) {
		assert_int_equal(fd_read_file(from, &bytes, NULL), ERR_OK);
		assert_int_equal(fd_write_file(to, buf_text(&bytes), 0600, true, NULL), ERR_OK);
	}
	buf_done(&bytes);
}

/* The store as whoever comes after a kill of everybody finds it. */
static inline sqlite3 *restart(struct world *w)
{
	char from[192], to[192];
	sqlite3 *db;

	copy_file(w->path, w->copy);
	(void)snprintf(from, sizeof(from), "%s-wal", w->path);
	(void)snprintf(to, sizeof(to), "%s-wal", w->copy);
	copy_file(from, to);
	assert_int_equal(sqlite3_open(w->copy, &db), SQLITE_OK);
	return db;
}

static inline void restart_end(struct world *w, sqlite3 *db)
{
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	char name[192];
	size_t i;

	(void)sqlite3_close(db);
	for (i = 0; i < ARRAY_LEN(suffixes); i++) {
		(void)snprintf(name, sizeof(name), "%s%s", w->copy, suffixes[i]);
		(void)unlink(name);
	}
}

#endif
