/* SPDX-License-Identifier: MIT */
#include "source/sqlite_admin.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "source/report.h"
#include "source/sqlite_backfill.h"
#include "source/sqlite_dead_letter.h"
#include "source/sqlite_install.h"
#include "source/sqlite_webhook.h"

#define GIVE_UP_US (30 * CLOCK_US_PER_S)

static const struct install_options no_options;

/* Waiting for SQLite's write lock lets nobody queue behind us, so there is one wait and no
 * series of short ones. */
enum err_code sqlite_admin_open(struct sqlite_admin *a, const struct settings *s, size_t source,
				const struct install_options *o, bool is_read_only, struct err *e)
{
	struct sqlite_conn_options open = {
		.path = s->sources[source].path,
		.clock = clock_system(),
		.interrupt_fd = -1,
		.is_read_only = is_read_only,
	};
	enum err_code code;

	assert(source < s->source_count);
	*a = (struct sqlite_admin){
		.settings = s,
		.source = &s->sources[source],
		.source_index = source,
		.options = o ? o : &no_options,
		.clock = open.clock,
		.lock_fd = -1,
	};
	open.patience_us = a->options->give_up_us > 0 ? a->options->give_up_us : GIVE_UP_US;
	code = sqlite_conn_open(&open, &a->conn, e);
	if (code != ERR_OK)
		return code;
	(void)snprintf(a->server, sizeof(a->server), "SQLite %.40s", sqlite3_libversion());
	return ERR_OK;
}

void sqlite_admin_close(struct sqlite_admin *a)
{
	sqlite_conn_close(a->conn);
	a->conn = NULL;
	fd_close(&a->lock_fd);
}

bool sqlite_admin_has_pipeline(const struct sqlite_admin *a, size_t p)
{
	return a->settings->pipelines[p].source == a->source_index;
}

bool sqlite_admin_is_configured(const struct sqlite_admin *a, const char *pipeline)
{
	size_t p;

	for (p = 0; p < a->settings->pipeline_count; p++)
		if (sqlite_admin_has_pipeline(a, p) &&
		    strcmp(a->settings->pipelines[p].name, pipeline) == 0)
			return true;
	return false;
}

/* ---- running or printing ---- */

static ATTR_MUST_CHECK enum err_code run(struct sqlite_admin *a, const char *sql, struct err *e)
{
	if (a->options->print_only) {
		report_sql(a->options, sql, ";\n");
		return ERR_OK;
	}
	return sqlite_conn_exec(a->conn, sql, e);
}

enum err_code sqlite_admin_run_buf(struct sqlite_admin *a, const struct buf *sql, struct err *e)
{
	if (buf_error(sql) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory for a statement");
	return run(a, buf_str(sql), e);
}

void sqlite_admin_comment(struct sqlite_admin *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report_comment(a->options, fmt, ap);
	va_end(ap);
}

enum err_code sqlite_admin_transaction(struct sqlite_admin *a, sqlite_admin_work_fn work, void *ctx,
				       struct err *e)
{
	enum err_code code = run(a, "BEGIN IMMEDIATE", e);

	if (code == ERR_OK)
		code = work(a, ctx, e);
	if (code == ERR_OK)
		code = run(a, "COMMIT", e);
	sqlite_conn_rollback(a->conn);
	return code;
}

/* ---- looking ---- */

enum err_code sqlite_admin_each(struct sqlite_admin *a, const char *sql, int n,
				const char *const *values, sqlite_row_fn fn, void *ctx,
				struct err *e)
{
	sqlite3_stmt *stmt;
	bool row = true;
	int i;
	enum err_code code = sqlite_conn_prepare(a->conn, sql, &stmt, e);

	if (code != ERR_OK)
		return code;
	for (i = 0; i < n && code == ERR_OK; i++)
		code = sqlite_conn_bind(a->conn, stmt, i + 1, values[i], e);
	while (code == ERR_OK && row) {
		code = sqlite_conn_step(a->conn, stmt, &row, e);
		if (code == ERR_OK && row)
			code = fn(ctx, stmt, e);
	}
	(void)sqlite3_finalize(stmt);
	return code;
}

struct number {
	int64_t v;
	bool found;
};

static ATTR_MUST_CHECK enum err_code take_number(void *ctx, sqlite3_stmt *row, struct err *e)
{
	struct number *n = ctx;

	(void)e;
	if (!n->found && sqlite3_column_type(row, 0) != SQLITE_NULL)
		n->v = sqlite3_column_int64(row, 0);
	n->found = true;
	return ERR_OK;
}

enum err_code sqlite_admin_number(struct sqlite_admin *a, const char *sql, int n,
				  const char *const *values, int64_t absent, int64_t *ret_v,
				  struct err *e)
{
	struct number number = {.v = absent};
	enum err_code code = sqlite_admin_each(a, sql, n, values, take_number, &number, e);

	if (code == ERR_OK)
		*ret_v = number.v;
	return code;
}

/* ---- locks and findings ---- */

enum err_code sqlite_admin_lock(struct sqlite_admin *a, bool also_leader, struct err *e)
{
	const struct sqlite_file *f = sqlite_conn_file(a->conn);
	enum err_code code = sqlite_lock_open(f, &a->lock_fd, e);

	if (code == ERR_OK)
		code = sqlite_lock_take(f, a->lock_fd, SQLITE_LOCK_INSTALL, e);
	if (code != ERR_OK || !also_leader)
		return code;
	code = sqlite_lock_take(f, a->lock_fd, SQLITE_LOCK_LEADER, e);
	if (code == ERR_BUSY)
		return err_set(e, ERR_BUSY, "a daemon is active on this database: stop it first");
	return code;
}

void sqlite_admin_find(struct sqlite_admin *a, enum finding_level level, const char *subject,
		       const char *hint, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report_finding(a->options, level, subject, hint, fmt, ap);
	va_end(ap);
}

const struct source_admin_ops source_admin_sqlite = {
	.type = "sqlite",
	.install = sqlite_install,
	.uninstall = sqlite_uninstall,
	.check = sqlite_check,
	.status = sqlite_status,
	.standing_decide = sqlite_standing_decide,
	.dead_letter_list = sqlite_dead_letter_list,
	.dead_letter_replay = sqlite_dead_letter_replay,
	.dead_letter_purge = sqlite_dead_letter_purge,
	.backfill_create = sqlite_backfill_create,
	.backfill_list = sqlite_backfill_list,
	.backfill_decide = sqlite_backfill_decide,
};
