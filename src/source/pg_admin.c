/* SPDX-License-Identifier: MIT */
#include "source/pg_admin.h"
#include "source/pg_quote.h"
#include "source/report.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOCK_TIMEOUT_US (500 * CLOCK_US_PER_MS)
#define GIVE_UP_US (30 * CLOCK_US_PER_S)

static const struct install_options no_options;

enum err_code pg_admin_open(struct pg_admin *a, const struct settings *s, size_t source,
			    const struct install_options *o, struct err *e)
{
	struct pg_conn_options open = {.settings = &s->sources[source], .clock = clock_system()};
	const char *version;
	int64_t give_up_us;
	enum err_code code;

	assert(source < s->source_count);
	*a = (struct pg_admin){
		.settings = s,
		.source = &s->sources[source],
		.source_index = source,
		.options = o ? o : &no_options,
		.clock = open.clock,
	};
	open.user = a->options->user;
	open.password = a->options->password;
	a->lock_timeout_us =
		a->options->lock_timeout_us > 0 ? a->options->lock_timeout_us : LOCK_TIMEOUT_US;
	give_up_us = a->options->give_up_us > 0 ? a->options->give_up_us : GIVE_UP_US;
	attempts_init(&a->attempts, a->clock, give_up_us);
	code = pg_conn_open(&open, &a->conn, e);
	if (code != ERR_OK)
		return code;
	a->version = PQserverVersion(pg_conn_raw(a->conn));
	version = PQparameterStatus(pg_conn_raw(a->conn), "server_version");
	(void)snprintf(a->server, sizeof(a->server), "PostgreSQL %.40s", version ? version : "?");
	if (a->version < PG_VERSION_MIN) {
		pg_admin_close(a);
		return err_set(e, ERR_CONFIG, "%s is too old, 12 is the oldest supported",
			       a->server);
	}
	code = pg_conn_is_pooled(a->conn, &a->pooled, e);
	if (code != ERR_OK)
		pg_admin_close(a);
	return code;
}

void pg_admin_close(struct pg_admin *a)
{
	pg_conn_close(a->conn);
	a->conn = NULL;
}

bool pg_admin_has_pipeline(const struct pg_admin *a, size_t p)
{
	return a->settings->pipelines[p].source == a->source_index;
}

/* ---- running or printing ---- */

enum err_code pg_admin_run(struct pg_admin *a, const char *sql, struct err *e)
{
	if (a->options->print_only) {
		report_sql(a->options, sql, ";\n");
		return ERR_OK;
	}
	return pg_conn_exec(a->conn, sql, e);
}

enum err_code pg_admin_run_buf(struct pg_admin *a, const struct buf *sql, struct err *e)
{
	if (buf_error(sql) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory for a statement");
	return pg_admin_run(a, buf_str(sql), e);
}

void pg_admin_comment(struct pg_admin *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report_comment(a->options, fmt, ap);
	va_end(ap);
}

enum err_code pg_admin_query(struct pg_admin *a, const char *sql, int n, const char *const *values,
			     PGresult **ret_res, struct err *e)
{
	return pg_conn_query(a->conn, sql, n, values, false, ret_res, e);
}

enum err_code pg_admin_query_by_key(struct pg_admin *a, const char *sql, int n,
				    const char *const *values, PGresult **ret_res, struct err *e)
{
	PGresult *res = NULL;
	enum err_code code = pg_conn_exec(a->conn,
					  "BEGIN READ ONLY; SET LOCAL enable_seqscan = off; "
					  "SET LOCAL enable_bitmapscan = off; "
					  "SET LOCAL enable_sort = off",
					  e);

	if (code != ERR_OK)
		return code;
	code = pg_admin_query(a, sql, n, values, &res, e);
	if (code != ERR_OK)
		return pg_conn_exec(a->conn, "ROLLBACK", NULL) == ERR_OK ? code : ERR_UNAVAILABLE;
	code = pg_conn_exec(a->conn, "COMMIT", e);
	if (code != ERR_OK) {
		PQclear(res);
		return code;
	}
	*ret_res = res;
	return ERR_OK;
}

enum err_code pg_admin_number(struct pg_admin *a, const char *sql, int n, const char *const *values,
			      int64_t absent, int64_t *ret_v, struct err *e)
{
	PGresult *res;
	enum err_code code = pg_admin_query(a, sql, n, values, &res, e);

	if (code != ERR_OK)
		return code;
	*ret_v = absent;
	if (PQntuples(res) > 0 && !PQgetisnull(res, 0, 0))
		*ret_v = strtoll(PQgetvalue(res, 0, 0), NULL, 10);
	PQclear(res);
	return ERR_OK;
}

/* ---- locks ---- */

static ATTR_MUST_CHECK enum err_code transaction_once(struct pg_admin *a, pg_admin_work_fn work,
						      void *ctx, struct err *e)
{
	char sql[64];
	enum err_code code;

	(void)snprintf(sql, sizeof(sql), "SET LOCAL lock_timeout = '%lldms'",
		       (long long)(a->lock_timeout_us / CLOCK_US_PER_MS));
	code = pg_admin_run(a, "BEGIN", e);
	if (code == ERR_OK)
		code = pg_admin_run(a, sql, e);
	/* what is acknowledged as installed must be there after a crash */
	if (code == ERR_OK)
		code = pg_admin_run(a, "SET LOCAL synchronous_commit = on", e);
	if (code == ERR_OK)
		code = work(a, ctx, e);
	if (code == ERR_OK)
		code = pg_admin_run(a, "COMMIT", e);
	if (code != ERR_OK && !a->options->print_only &&
	    pg_conn_exec(a->conn, "ROLLBACK", NULL) != ERR_OK)
		return code;
	return code;
}

/* Who stands in the way, for the message; "" when it is not known. */
static void describe_holder(struct pg_admin *a, const char *what, char out[static 160])
{
	const char *const values[] = {what};
	PGresult *res;

	out[0] = '\0';
	if (pg_admin_query(
		    a,
		    "SELECT l.pid, coalesce(nullif(s.application_name, ''), s.usename, '?'), "
		    "coalesce(s.state, '?'), date_trunc('second', clock_timestamp() - "
		    "s.xact_start) FROM pg_locks l LEFT JOIN pg_stat_activity s USING (pid) "
		    "JOIN pg_class c ON c.oid = l.relation "
		    "JOIN pg_namespace n ON n.oid = c.relnamespace "
		    "WHERE l.granted AND l.database = (SELECT oid FROM pg_database WHERE "
		    "datname = current_database()) AND n.nspname || '.' || c.relname = $1 AND "
		    "l.mode IN ('RowExclusiveLock', 'ShareLock', 'ShareUpdateExclusiveLock', "
		    "'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock') AND "
		    "l.pid IS DISTINCT FROM pg_backend_pid() ORDER BY s.xact_start LIMIT 1",
		    1, values, &res, NULL) != ERR_OK)
		return;
	if (PQntuples(res) > 0)
		(void)snprintf(out, 160, "; held by pid %.10s (%.40s, %.24s for %.20s)",
			       PQgetvalue(res, 0, 0), PQgetvalue(res, 0, 1), PQgetvalue(res, 0, 2),
			       PQgetvalue(res, 0, 3));
	PQclear(res);
}

enum err_code pg_admin_transaction(struct pg_admin *a, const char *what, pg_admin_work_fn work,
				   void *ctx, struct err *e)
{
	char holder[160];
	enum err_code code;
	int attempt;

	for (attempt = 0;; attempt++) {
		code = transaction_once(a, work, ctx, e);
		if (code != ERR_TIMEOUT && code != ERR_BUSY)
			return code;
		if (!attempts_pause(&a->attempts, attempt))
			break;
	}
	describe_holder(a, what, holder);
	return err_set(e, ERR_TIMEOUT, "%s: no lock after %d attempts of %lld ms each%s", what,
		       attempt + 1, (long long)(a->lock_timeout_us / CLOCK_US_PER_MS), holder);
}

enum err_code pg_admin_lock(struct pg_admin *a, struct err *e)
{
	char sql[96];
	enum err_code code;
	int64_t got;
	int attempt;

	if (a->pooled)
		return err_set(e, ERR_CONFIG,
			       "this connection goes through a pooler: "
			       "install and uninstall need a direct one");
	(void)snprintf(sql, sizeof(sql), "SELECT pg_try_advisory_lock(%d, %d)::int", PG_LOCK_CLASS,
		       PG_LOCK_INSTALL);
	for (attempt = 0;; attempt++) {
		code = pg_admin_number(a, sql, 0, NULL, 0, &got, e);
		if (code != ERR_OK || got)
			return code;
		if (!attempts_pause(&a->attempts, attempt))
			return err_set(e, ERR_BUSY, "another install or uninstall is running");
	}
}

/* ---- findings and names ---- */

void pg_admin_find(struct pg_admin *a, enum finding_level level, const char *subject,
		   const char *hint, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report_finding(a->options, level, subject, hint, fmt, ap);
	va_end(ap);
}

void pg_quote_name(struct buf *out, const char *schema, const char *name)
{
	pg_quote_ident(out, schema);
	buf_add_char(out, '.');
	pg_quote_ident(out, name);
}
