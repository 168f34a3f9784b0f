/* SPDX-License-Identifier: MIT */
/*
 * Opening: the file, the leader's lock beside it, our rows in app_db_listener_install, statements.
 * A standby keeps nothing open but tries again; the connection is made once it has the lock, so
 * that it never stands in the application's way.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "source/sqlite_backfill.h"
#include "source/sqlite_source.h"
#include "source/sqlite_webhook.h"

#define GAPS_MAX 16
#define ROW_BYTES_MAX (1UL << 30)

/* The columns that sqlite_read.c takes; %s is the outbox. */
#define ROW                                                                                        \
	"SELECT id, operation, table_name, changed_at, truncated, row_key, old_key, data, "        \
	"old_data, origin_id FROM main."

static const struct {
	const char *before, *after; /* the name of the outbox */
	const char *again;          /* ... and once more, before this; NULL: once */
} stmt_table[SQLITE_STMT_PARK] = {
	[SQLITE_STMT_READ] = {ROW, " WHERE id > ?1 ORDER BY id", NULL},
	[SQLITE_STMT_ONE] = {ROW, " WHERE id = ?1", NULL},
	[SQLITE_STMT_DELETE] = {"DELETE FROM main.", " WHERE id = ?1", NULL},
	[SQLITE_STMT_BURY] = {SQLITE_BURY_BEFORE "main.", SQLITE_BURY_AFTER "main.",
			      " AS o WHERE o.id = ?1"},
	[SQLITE_STMT_SEQUENCE] = {"SELECT coalesce((SELECT seq FROM main.sqlite_sequence WHERE "
				  "name = '",
				  "'), 0)", NULL},
	[SQLITE_STMT_NUMBER] = {"INSERT INTO main.sqlite_sequence (name, seq) SELECT o, ?1 FROM "
				"(SELECT '",
				"' AS o) WHERE NOT EXISTS (SELECT 1 FROM main.sqlite_sequence "
				"WHERE name = o)",
				NULL},
	[SQLITE_STMT_RAISE] = {"UPDATE main.sqlite_sequence SET seq = ?1 WHERE seq < ?1 AND "
			       "name = '",
			       "'", NULL},
	/* exact while it is cheap, then as if none were missing between the ends */
	[SQLITE_STMT_FIGURES] = {"WITH o AS (SELECT id FROM main.",
				 ") SELECT CASE WHEN n > 10000 THEN (SELECT max(id) FROM o) - "
				 "(SELECT min(id) FROM o) + 1 ELSE n END, (SELECT count(*) FROM "
				 "main." SQLITE_DEAD_LETTER
				 " WHERE pipeline = ?1) FROM (SELECT count(*) AS n FROM (SELECT 1 "
				 "FROM o LIMIT 10001))",
				 NULL},
	[SQLITE_STMT_OLDEST] = {"SELECT id, changed_at FROM main.", " ORDER BY id LIMIT ?1", NULL},
};

/* ---- new and free ---- */

static void sqlite_free(struct source *base);

static ATTR_MUST_CHECK enum err_code pipe_init(struct sqlite_pipe *p, struct source_pipeline *pub,
					       struct err *e)
{
	p->pub = pub;
	p->strays = mem_calloc(SQLITE_STRAYS_MAX, sizeof(*p->strays));
	if (!p->strays)
		return err_set(e, ERR_NOMEM, "no memory for a source");
	return position_new(GAPS_MAX, &p->position, e);
}

static void pipe_done(struct sqlite_pipe *p)
{
	position_free(p->position);
	mem_free(p->strays);
}

static ATTR_MUST_CHECK enum err_code sqlite_new(const struct source_env *env, struct source **ret_s,
						struct err *e)
{
	struct sqlite_source *s = mem_calloc(1, sizeof(*s));
	enum err_code code = ERR_OK;
	size_t i;

	if (!s)
		return err_set(e, ERR_NOMEM, "no memory for a source");
	s->base.ops = &source_sqlite;
	s->env = *env;
	s->interrupt_fd = s->lock_fd = s->wake.hint_fd = s->wake.alarm_fd = -1;
	s->status = source_status_unknown;
	for (i = 0; i < ARRAY_LEN(s->row); i++)
		buf_init(&s->row[i], ROW_BYTES_MAX);
	s->pipes = mem_calloc(env->pipeline_count, sizeof(*s->pipes));
	if (!s->pipes)
		code = err_set(e, ERR_NOMEM, "no memory for a source");
	for (i = 0; code == ERR_OK && i < env->pipeline_count; i++)
		code = pipe_init(&s->pipes[i], &env->pipelines[i], e);
	if (code == ERR_OK)
		code = fd_wake_open(&s->interrupt_fd, e);
	if (code != ERR_OK) {
		sqlite_free(&s->base);
		return code;
	}
	*ret_s = &s->base;
	return ERR_OK;
}

static void sqlite_close_source(struct source *base)
{
	struct sqlite_source *s = sqlite_source_of(base);
	size_t i, k;

	for (i = 0; i < s->env.pipeline_count; i++) {
		struct sqlite_pipe *p = &s->pipes[i];

		for (k = 0; k < SQLITE_STMT_COUNT; k++) {
			(void)sqlite3_finalize(p->stmts[k]);
			p->stmts[k] = NULL;
		}
		p->stray_count = 0;
		p->has_parked = false;
		if (p->position) /* not half built */
			position_reset(p->position);
	}
	sqlite_conn_close(s->conn);
	s->conn = NULL;
	sqlite_wake_close(s);
	/* last: who takes over finds our connection closed */
	fd_close(&s->lock_fd);
	s->leader = false;
	s->status.connections = 0;
	s->identity[0] = '\0';
}

static void sqlite_free(struct source *base)
{
	struct sqlite_source *s = sqlite_source_of(base);
	size_t i;

	if (s->pipes) {
		sqlite_close_source(base);
		for (i = 0; i < s->env.pipeline_count; i++)
			pipe_done(&s->pipes[i]);
	}
	for (i = 0; i < ARRAY_LEN(s->row); i++)
		buf_done(&s->row[i]);
	fd_close(&s->interrupt_fd);
	mem_free(s->pipes);
	mem_free(s);
}

/* ---- open ---- */

enum err_code sqlite_source_check(struct sqlite_source *s, struct err *e)
{
	if (fd_wait(s->interrupt_fd, -1, 0, 0))
		return err_set(e, ERR_UNAVAILABLE, "interrupted");
	return sqlite_file_check(sqlite_conn_file(s->conn), e);
}

static ATTR_MUST_CHECK enum err_code become_leader(struct sqlite_source *s, struct err *e)
{
	struct sqlite_file f;
	enum err_code code = sqlite_file_look(s->env.settings->path, &f, e);

	if (code != ERR_OK)
		return code;
	code = sqlite_lock_open(&f, &s->lock_fd, e);
	if (code == ERR_OK)
		code = sqlite_lock_take(&f, s->lock_fd, SQLITE_LOCK_LEADER, e);
	sqlite_file_done(&f);
	return code;
}

static ATTR_MUST_CHECK enum err_code connect_file(struct sqlite_source *s, struct err *e)
{
	const struct source_settings *settings = s->env.settings;
	struct sqlite_conn_options o = {
		.path = settings->path,
		.patience_us = settings->connect_timeout_us,
		.clock = s->env.clock,
		.interrupt_fd = s->interrupt_fd,
	};
	enum err_code code = sqlite_conn_open(&o, &s->conn, e);

	if (code != ERR_OK)
		return code;
	sqlite_conn_set_patience(s->conn, settings->statement_timeout_us);
	s->status.connections = 1;
	(void)snprintf(s->status.server, sizeof(s->status.server), "SQLite %.50s",
		       sqlite3_libversion());
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code not_installed(const struct sqlite_source *s,
						   const char *pipeline, struct err *e)
{
	return err_set(e, ERR_NOT_FOUND,
		       "pipeline %s is not installed in %s: run app-db-listener install", pipeline,
		       s->env.settings->path);
}

static ATTR_MUST_CHECK enum err_code read_install(struct sqlite_source *s,
						  struct source_pipeline *pub, sqlite3_stmt *stmt,
						  struct err *e)
{
	struct text id;
	bool row = false;
	int version = 0;
	enum err_code code = sqlite_conn_bind(s->conn, stmt, 1, pub->settings->name, e);

	if (code == ERR_OK)
		code = sqlite_conn_step(s->conn, stmt, &row, e);
	if (code != ERR_OK)
		return code;
	if (!row)
		return not_installed(s, pub->settings->name, e);
	id = sqlite_conn_text(stmt, 0);
	version = sqlite3_column_int(stmt, 1);
	(void)snprintf(pub->install_id, sizeof(pub->install_id), "%.*s", (int)id.len,
		       id.s ? id.s : "");
	(void)sqlite3_reset(stmt);
	if (version == SQLITE_SCHEMA_VERSION)
		return ERR_OK;
	return err_set(e, ERR_DB,
		       "the installation has version %d, this daemon needs %d: run "
		       "app-db-listener install with the newer of both",
		       version, SQLITE_SCHEMA_VERSION);
}

static ATTR_MUST_CHECK enum err_code find_installs(struct sqlite_source *s, struct err *e)
{
	sqlite3_stmt *stmt = NULL;
	size_t i;
	enum err_code code = sqlite_conn_prepare(s->conn,
						 "SELECT install_id, version FROM "
						 "main." SQLITE_INSTALL " WHERE pipeline = ?1",
						 &stmt, e);

	if (code == ERR_NOT_FOUND)
		return not_installed(s, s->env.pipelines[0].settings->name, e);
	for (i = 0; code == ERR_OK && i < s->env.pipeline_count; i++)
		code = read_install(s, &s->env.pipelines[i], stmt, e);
	(void)sqlite3_finalize(stmt);
	return code;
}

static ATTR_MUST_CHECK enum err_code prepare_one(struct sqlite_source *s, struct sqlite_pipe *p,
						 enum sqlite_stmt_id id, struct err *e)
{
	enum err_code code;
	struct buf sql;

	buf_init(&sql, SQLITE_SQL_MAX_BYTES);
	buf_add_str(&sql, stmt_table[id].before);
	sqlite_outbox_name(&sql, p->pub->settings->name);
	buf_add_str(&sql, stmt_table[id].after);
	if (stmt_table[id].again) {
		sqlite_outbox_name(&sql, p->pub->settings->name);
		buf_add_str(&sql, stmt_table[id].again);
	}
	if (buf_error(&sql) != ERR_OK)
		code = err_set(e, ERR_NOMEM, "no memory for a statement");
	else
		code = sqlite_conn_prepare(s->conn, buf_str(&sql), &p->stmts[id], e);
	buf_done(&sql);
	if (code == ERR_NOT_FOUND)
		return err_prefix(e, "the installation is damaged: run app-db-listener install");
	return code;
}

static ATTR_MUST_CHECK enum err_code prepare(struct sqlite_source *s, struct err *e)
{
	enum err_code code = ERR_OK;
	size_t i, k;

	for (i = 0; code == ERR_OK && i < s->env.pipeline_count; i++) {
		for (k = 0; code == ERR_OK && k < ARRAY_LEN(stmt_table); k++)
			code = prepare_one(s, &s->pipes[i], (enum sqlite_stmt_id)k, e);
		if (code == ERR_OK)
			code = sqlite_parked_open(s, &s->pipes[i], e);
		if (code == ERR_OK)
			code = sqlite_retain_open(s, &s->pipes[i], e);
	}
	return code;
}

/* Which file, and which history of it, the ids belong to. */
static void find_identity(struct sqlite_source *s)
{
	const struct sqlite_file *f = sqlite_conn_file(s->conn);
	size_t i, len;

	len = (size_t)snprintf(s->identity, sizeof(s->identity), "%llx:%llx:%lld",
			       (unsigned long long)f->device, (unsigned long long)f->inode,
			       (long long)s->epoch);
	for (i = 0; i < s->env.pipeline_count && len < sizeof(s->identity); i++)
		len += (size_t)snprintf(s->identity + len, sizeof(s->identity) - len, "/%.8s",
					s->env.pipelines[i].install_id);
}

/* Another file with our installation is a copy of the one before: whatever it was restored from,
 * its numbers were, or will be, given out twice. */
static ATTR_MUST_CHECK enum err_code tell_copies_apart(struct sqlite_source *s, struct err *e)
{
	const struct sqlite_file *f = sqlite_conn_file(s->conn);
	const char *install = s->env.pipelines[0].install_id;
	enum err_code code = ERR_OK;

	if (strcmp(install, s->seen_install) == 0 &&
	    (f->device != s->seen_device || f->inode != s->seen_inode)) {
		code = sqlite_source_renew(s, e);
		if (code == ERR_OK)
			code = find_installs(s, e);
	}
	if (code != ERR_OK)
		return code;
	(void)snprintf(s->seen_install, sizeof(s->seen_install), "%s", install);
	s->seen_device = f->device;
	s->seen_inode = f->inode;
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code sqlite_open_source(struct source *base, struct err *e)
{
	struct sqlite_source *s = sqlite_source_of(base);
	enum err_code code;

	assert(!s->leader);
	code = become_leader(s, e);
	if (code == ERR_OK)
		code = connect_file(s, e);
	if (code == ERR_OK)
		code = find_installs(s, e);
	if (code == ERR_OK)
		code = tell_copies_apart(s, e);
	if (code == ERR_OK)
		code = prepare(s, e);
	if (code == ERR_OK)
		code = sqlite_source_check(s, e);
	if (code != ERR_OK) {
		sqlite_close_source(base);
		return code;
	}
	find_identity(s);
	sqlite_wake_open(s);
	s->leader = true;
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code sqlite_hold(struct source *base, uint32_t p,
						 const int64_t *ids, size_t n, struct err *e)
{
	struct sqlite_source *s = sqlite_source_of(base);
	enum err_code code = ERR_OK;
	size_t i;

	for (i = 0; code == ERR_OK && i < n; i++)
		code = position_hold(s->pipes[p].position, ids[i], e);
	return code;
}

static const char *sqlite_identity(struct source *base)
{
	return sqlite_source_of(base)->identity;
}

static void sqlite_interrupt_source(struct source *base)
{
	fd_wake(sqlite_source_of(base)->interrupt_fd);
}

static void sqlite_leave(struct source *base, uint32_t p, const int64_t *ids, size_t n,
			 int64_t from)
{
	position_leave(sqlite_source_of(base)->pipes[p].position, ids, n, from);
}

static bool sqlite_may_leave(struct source *base, uint32_t p)
{
	(void)base;
	(void)p;
	return true;
}

const struct source_ops source_sqlite = {
	.type = "sqlite",
	.new = sqlite_new,
	.free = sqlite_free,
	.open = sqlite_open_source,
	.close = sqlite_close_source,
	.identity = sqlite_identity,
	.hold = sqlite_hold,
	.read = sqlite_read,
	.leave = sqlite_leave,
	.may_leave = sqlite_may_leave,
	.reread = sqlite_reread,
	.acknowledge = sqlite_acknowledge,
	.parked_list = sqlite_parked_list,
	.parked_read = sqlite_parked_read,
	.wait = sqlite_wait,
	.inspect = sqlite_inspect,
	.standing_load = sqlite_standing_load,
	.standing_save = sqlite_standing_save,
	.purge = sqlite_purge,
	.backfill_is_local = true,
	.backfill_load = sqlite_backfill_load,
	.backfill_page = sqlite_backfill_page,
	.backfill_fail = sqlite_backfill_fail,
	.interrupt = sqlite_interrupt_source,
};
