/* SPDX-License-Identifier: MIT */
/*
 * Events into SQLite: a transaction that begins with the write lock, so that nothing in it can find
 * out too late that somebody else wrote. A commit is on the disk when it returns: with a WAL that
 * is synchronous = FULL, without one EXTRA, which also makes the journal's removal last
 * (https://www.sqlite.org/pragma.html#pragma_synchronous).
 */
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "source/inlet_store.h"
#include "source/sqlite_conn.h"
#include "source/sqlite_error.h"

/* Without a WAL a commit that waits for readers shuts new ones out: see sqlite_ack.c. */
#define COMMIT_US (50 * CLOCK_US_PER_MS)

/* The WAL is copied into the file when it has so many pages, as SQLite does it by itself, and
 * begins anew at WAL_RESTART_PAGES. Its index, which stays mapped, is a 500th of the most that it
 * ever was.
 */
#define WAL_COPY_PAGES 1000
#define WAL_RESTART_PAGES 4000 /* 16 MB of the usual 4 kB */
/* How long that waits for readers, and so many pages later it is tried again: who reads for minutes
 * costs 50 ms for each 8 MB. */
#define WAL_READERS_US (50 * CLOCK_US_PER_MS)
#define WAL_AGAIN_PAGES 2000

/* What SQLite keeps of pages: it only appends, and what was written is never read again. Given back
 * behind so many bytes of events, so that small requests do not read the same pages for each. */
#define CACHE_BYTES (256 * 1024)
#define CACHE_PRAGMA "PRAGMA cache_size = -256" /* kB */

enum stmt_id {
	STMT_CLAIM,  /* ?1 source, ?2 token, ?3 key, ?4 digest, ?5 now, ?6 expired */
	STMT_CLAIMS, /* ?1 to ?3: digest and events */
	STMT_COUNT,  /* ?1 to ?3, ?4 events */
	STMT_PURGE,  /* ?1 source, ?2 before */
	STMT_ALL
};

static const char *const stmt_sql[STMT_ALL] = {
	[STMT_CLAIM] = "INSERT INTO main." SQLITE_INGEST_KEY " AS old (source, token, key, digest, "
		       "created_at, events) VALUES (?1, ?2, ?3, ?4, ?5, 0) ON CONFLICT (source, "
		       "token, key) DO UPDATE SET digest = excluded.digest, created_at = "
		       "excluded.created_at, events = 0 WHERE old.created_at < ?6",
	[STMT_CLAIMS] = "SELECT digest, events FROM main." SQLITE_INGEST_KEY
			" WHERE source = ?1 AND token = ?2 AND key = ?3",
	[STMT_COUNT] = "UPDATE main." SQLITE_INGEST_KEY
		       " SET events = ?4 WHERE source = ?1 AND token = ?2 AND key = ?3",
	[STMT_PURGE] = "DELETE FROM main." SQLITE_INGEST_KEY
		       " WHERE rowid IN (SELECT rowid FROM main." SQLITE_INGEST_KEY
		       " WHERE source = ?1 AND created_at < ?2 ORDER BY created_at LIMIT ?3)",
};

struct sqlite_inlet {
	struct inlet_store base;
	const struct inlet_env *env;
	struct sqlite_conn *conn;
	sqlite3_stmt *stmts[STMT_ALL];
	sqlite3_stmt
		*adds[SETTINGS_PIPELINES_MAX]; /* ?1 operation, table, key, data, ?5 old_data */
	int64_t purge_before_wall_us;          /* with the next transaction; 0: none */
	int wal_restart_pages;                 /* the WAL has to begin anew from then on */
	int64_t added_bytes;                   /* since SQLite's pages were given back */
	bool has_mark;
};

static struct sqlite_inlet *inlet_of(struct inlet_store *s)
{
	return (struct sqlite_inlet *)(void *)s;
}

/* ---- open and close ---- */

static void sqlite_inlet_close(struct inlet_store *base)
{
	struct sqlite_inlet *s = inlet_of(base);
	size_t i;

	for (i = 0; i < ARRAY_LEN(s->stmts); i++)
		(void)sqlite3_finalize(s->stmts[i]);
	for (i = 0; i < ARRAY_LEN(s->adds); i++)
		(void)sqlite3_finalize(s->adds[i]);
	sqlite_conn_close(s->conn);
	mem_free(s);
}

static ATTR_MUST_CHECK enum err_code prepare_add(struct sqlite_inlet *s, size_t p, struct err *e)
{
	enum err_code code;
	struct buf sql;

	buf_init(&sql, SQLITE_SQL_MAX_BYTES);
	buf_add_str(&sql, "INSERT INTO main.");
	sqlite_outbox_name(&sql, s->env->pipelines[p]);
	buf_add_str(&sql, " (operation, table_name, row_key, data, old_data) "
			  "VALUES (?1, ?2, ?3, ?4, ?5)");
	if (buf_error(&sql) != ERR_OK)
		code = err_set(e, ERR_NOMEM, "no memory for a statement");
	else
		code = sqlite_conn_prepare(s->conn, buf_str(&sql), &s->adds[p], e);
	buf_done(&sql);
	return code;
}

static ATTR_MUST_CHECK enum err_code prepare(struct sqlite_inlet *s, struct err *e)
{
	enum err_code code = ERR_OK;
	size_t i;

	for (i = 0; i < ARRAY_LEN(s->stmts) && code == ERR_OK; i++)
		code = sqlite_conn_prepare(s->conn, stmt_sql[i], &s->stmts[i], e);
	for (i = 0; i < s->env->pipeline_count && code == ERR_OK; i++)
		code = prepare_add(s, i, e);
	if (code == ERR_NOT_FOUND)
		return err_prefix(e, "%s is not installed: run app-db-listener install",
				  s->env->name);
	return code;
}

/* Behind each commit, which is durable already: what cannot be done now is done behind another one.
 * The WAL begins anew only when all of it is in the file and nobody reads it, which among a reader
 * and a writer that never rest is hardly ever so by chance: so readers are waited for.
 * https://www.sqlite.org/c3ref/wal_checkpoint_v2.html */
static int on_wal(void *ctx, sqlite3 *db, const char *name, int pages)
{
	struct sqlite_inlet *s = ctx;
	bool restarts = pages >= s->wal_restart_pages;
	int rc = SQLITE_OK;

	if (restarts)
		sqlite_conn_set_patience(s->conn, WAL_READERS_US);
	if (pages >= WAL_COPY_PAGES)
		rc = sqlite3_wal_checkpoint_v2(
			db, name, restarts ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE,
			NULL, NULL);
	if (restarts) /* or somebody copies already, or reads for long */
		s->wal_restart_pages =
			rc == SQLITE_OK ? WAL_RESTART_PAGES : pages + WAL_AGAIN_PAGES;
	return SQLITE_OK;
}

static ATTR_MUST_CHECK enum err_code connect_file(struct sqlite_inlet *s, struct err *e)
{
	struct sqlite_conn_options o = {
		.path = s->env->source->path,
		.patience_us = s->env->source->connect_timeout_us,
		.clock = s->env->clock,
		.interrupt_fd = s->env->interrupt_fd,
	};
	enum err_code code = sqlite_conn_open(&o, &s->conn, e);

	if (code != ERR_OK)
		return code;
	sqlite_conn_set_patience(s->conn, s->env->source->statement_timeout_us);
	/* what readers made of the WAL under load is cut when it begins anew */
	code = sqlite_conn_exec(s->conn,
				sqlite_conn_is_wal(s->conn) ? "PRAGMA synchronous = FULL; PRAGMA "
							      "main.journal_size_limit = 16777216"
							    : "PRAGMA synchronous = EXTRA",
				e);
	s->wal_restart_pages = WAL_RESTART_PAGES;
	if (s->env->source->type == SOURCE_HTTP) /* an application's writers would wait, too */
		(void)sqlite3_wal_hook(sqlite_conn_raw(s->conn), on_wal, s);
	return code == ERR_OK ? sqlite_conn_exec(s->conn, CACHE_PRAGMA, e) : code;
}

static ATTR_MUST_CHECK enum err_code sqlite_inlet_open(const struct inlet_env *env,
						       struct inlet_store **ret_s, struct err *e)
{
	struct sqlite_inlet *s = mem_calloc(1, sizeof(*s));
	enum err_code code;

	if (!s)
		return err_set(e, ERR_NOMEM, "no memory to connect");
	s->base.ops = &inlet_store_sqlite;
	s->env = env;
	code = connect_file(s, e);
	if (code == ERR_OK)
		code = prepare(s, e);
	if (code != ERR_OK) {
		sqlite_inlet_close(&s->base);
		return code;
	}
	*ret_s = &s->base;
	return ERR_OK;
}

/* ---- statements ---- */

static ATTR_MUST_CHECK enum err_code bind(struct sqlite_inlet *s, sqlite3_stmt *stmt, int n,
					  struct text t, struct err *e)
{
	int rc = t.s ? sqlite3_bind_text64(stmt, n, t.s, t.len, SQLITE_STATIC, SQLITE_UTF8)
		     : sqlite3_bind_null(stmt, n);

	if (rc == SQLITE_OK)
		return ERR_OK;
	return sqlite_error_set(e, sqlite_conn_file(s->conn)->path, rc, sqlite3_errstr(rc), 0);
}

static ATTR_MUST_CHECK enum err_code run(struct sqlite_inlet *s, sqlite3_stmt *stmt, struct err *e)
{
	bool row;

	return sqlite_conn_step(s->conn, stmt, &row, e);
}

/* ?1 to ?3, which say whose key it is. */
static ATTR_MUST_CHECK enum err_code bind_claim(struct sqlite_inlet *s, sqlite3_stmt *stmt,
						const struct inlet_claim *c, struct err *e)
{
	enum err_code code = bind(s, stmt, 1, text_of(s->env->name), e);

	if (code == ERR_OK)
		code = bind(s, stmt, 2, text_of(c->token), e);
	if (code == ERR_OK)
		code = bind(s, stmt, 3, text_of(c->key), e);
	return code;
}

/* ---- transactions ---- */

/* The only writer is whoever has the lock: with the next transaction it costs no commit of its own.
 */
static ATTR_MUST_CHECK enum err_code sqlite_inlet_purge(struct inlet_store *base,
							int64_t before_wall_us, struct err *e)
{
	(void)e;
	inlet_of(base)->purge_before_wall_us = before_wall_us;
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code purge_now(struct sqlite_inlet *s, struct err *e)
{
	sqlite3_stmt *stmt = s->stmts[STMT_PURGE];
	enum err_code code;

	if (!s->purge_before_wall_us)
		return ERR_OK;
	code = bind(s, stmt, 1, text_of(s->env->name), e);
	(void)sqlite3_bind_int64(stmt, 2, s->purge_before_wall_us);
	(void)sqlite3_bind_int64(stmt, 3, INLET_PURGE_ROWS);
	s->purge_before_wall_us = 0;
	if (code == ERR_OK)
		code = run(s, stmt, e);
	if (code == ERR_OK)
		s->base.purged_count = sqlite3_changes(sqlite_conn_raw(s->conn));
	return code;
}

static ATTR_MUST_CHECK enum err_code sqlite_inlet_begin(struct inlet_store *base, struct err *e)
{
	struct sqlite_inlet *s = inlet_of(base);
	enum err_code code = sqlite_file_check(sqlite_conn_file(s->conn), e);

	sqlite_conn_set_patience(s->conn, s->env->source->statement_timeout_us);
	s->has_mark = false;
	if (code == ERR_OK)
		code = sqlite_conn_exec(s->conn, "BEGIN IMMEDIATE", e);
	return code == ERR_OK ? purge_now(s, e) : code;
}

static ATTR_MUST_CHECK enum err_code sqlite_inlet_commit(struct inlet_store *base, bool tell,
							 struct err *e)
{
	struct sqlite_inlet *s = inlet_of(base);
	enum err_code code;

	(void)tell; /* the file tells (source/sqlite_wake.c) */
	if (!sqlite_conn_is_wal(s->conn))
		sqlite_conn_set_patience(s->conn, COMMIT_US);
	code = sqlite_conn_exec(s->conn, "COMMIT", e);
	if (s->added_bytes >= CACHE_BYTES) {
		(void)sqlite3_db_release_memory(sqlite_conn_raw(s->conn));
		s->added_bytes = 0;
	}
	return code;
}

static void sqlite_inlet_rollback(struct inlet_store *base)
{
	const struct sqlite_inlet *s = inlet_of(base);

	sqlite_conn_rollback(s->conn);
	base->is_stuck = !sqlite3_get_autocommit(sqlite_conn_raw(s->conn));
}

static ATTR_MUST_CHECK enum err_code sqlite_inlet_mark(struct inlet_store *base, struct err *e)
{
	struct sqlite_inlet *s = inlet_of(base);
	bool had = s->has_mark;

	s->has_mark = true;
	return sqlite_conn_exec(
		s->conn, had ? "RELEASE request; SAVEPOINT request" : "SAVEPOINT request", e);
}

static ATTR_MUST_CHECK enum err_code sqlite_inlet_go_back(struct inlet_store *base, struct err *e)
{
	return sqlite_conn_exec(inlet_of(base)->conn, "ROLLBACK TO request", e);
}

/* ---- keys ---- */

/* Somebody has it: what came with it then? */
static ATTR_MUST_CHECK enum err_code look_up(struct sqlite_inlet *s, const struct inlet_claim *c,
					     struct inlet_begun *ret_b, struct err *e)
{
	sqlite3_stmt *stmt = s->stmts[STMT_CLAIMS];
	bool row = false;
	struct text digest;
	enum err_code code = bind_claim(s, stmt, c, e);

	if (code == ERR_OK)
		code = sqlite_conn_step(s->conn, stmt, &row, e);
	if (code != ERR_OK || !row)
		return code == ERR_OK ? err_set(e, ERR_DB, "an idempotency key vanished") : code;
	digest = sqlite_conn_text(stmt, 0);
	ret_b->outcome = INLET_CONFLICT;
	if (!digest.s) { /* UTF-16, and no memory to make UTF-8 of it */
		code = err_set(e, ERR_NOMEM, "no memory for an idempotency key");
	} else if (text_eq(digest, text_of(c->digest))) {
		ret_b->outcome = INLET_DUPLICATE;
		ret_b->events = sqlite3_column_int64(stmt, 1);
	}
	(void)sqlite3_reset(stmt);
	return code;
}

static ATTR_MUST_CHECK enum err_code sqlite_inlet_claim(struct inlet_store *base,
							const struct inlet_claim *c,
							struct inlet_begun *ret_b, struct err *e)
{
	struct sqlite_inlet *s = inlet_of(base);
	sqlite3_stmt *stmt = s->stmts[STMT_CLAIM];
	enum err_code code = bind_claim(s, stmt, c, e);

	if (code == ERR_OK)
		code = bind(s, stmt, 4, text_of(c->digest), e);
	(void)sqlite3_bind_int64(stmt, 5, c->now_wall_us);
	(void)sqlite3_bind_int64(stmt, 6, c->expired_wall_us);
	if (code == ERR_OK)
		code = run(s, stmt, e);
	if (code != ERR_OK)
		return code;
	ret_b->outcome = INLET_STORED;
	return sqlite3_changes(sqlite_conn_raw(s->conn)) ? ERR_OK : look_up(s, c, ret_b, e);
}

static ATTR_MUST_CHECK enum err_code sqlite_inlet_count(struct inlet_store *base,
							const struct inlet_claim *c, int64_t events,
							struct err *e)
{
	struct sqlite_inlet *s = inlet_of(base);
	sqlite3_stmt *stmt = s->stmts[STMT_COUNT];
	enum err_code code = bind_claim(s, stmt, c, e);

	(void)sqlite3_bind_int64(stmt, 4, events);
	return code == ERR_OK ? run(s, stmt, e) : code;
}

/* ---- events ---- */

static ATTR_MUST_CHECK enum err_code add_one(struct sqlite_inlet *s, sqlite3_stmt *stmt,
					     const struct inlet_row *row, struct err *e)
{
	const struct text values[] = {text_of(row->operation), row->table, row->key, row->data,
				      row->old_data};
	enum err_code code = ERR_OK;
	size_t i;

	for (i = 0; i < ARRAY_LEN(values) && code == ERR_OK; i++)
		code = bind(s, stmt, (int)i + 1, values[i], e);
	if (code == ERR_OK)
		code = run(s, stmt, e);
	(void)sqlite3_clear_bindings(stmt);
	return code;
}

/* JSON as it is: what the reader makes of literals leaves JSON alone (source/sqlite_value.h). */
static ATTR_MUST_CHECK enum err_code sqlite_inlet_add(struct inlet_store *base,
						      const struct inlet_row *row, struct err *e)
{
	struct sqlite_inlet *s = inlet_of(base);
	enum err_code code = ERR_OK;
	size_t i;

	s->added_bytes += row->bytes;
	for (i = 0; i < s->env->pipeline_count && code == ERR_OK; i++)
		code = add_one(s, s->adds[i], row, e);
	return code;
}

const struct inlet_store_ops inlet_store_sqlite = {
	.open = sqlite_inlet_open,
	.close = sqlite_inlet_close,
	.purge = sqlite_inlet_purge,
	.begin = sqlite_inlet_begin,
	.claim = sqlite_inlet_claim,
	.count = sqlite_inlet_count,
	.add = sqlite_inlet_add,
	.mark = sqlite_inlet_mark,
	.go_back = sqlite_inlet_go_back,
	.commit = sqlite_inlet_commit,
	.rollback = sqlite_inlet_rollback,
};
