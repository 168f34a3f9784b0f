/* SPDX-License-Identifier: MIT */
#include "source/my_admin.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "config/suggest.h"
#include "source/my_locks.h"
#include "source/report.h"

#define LOCK_TIMEOUT_US (500 * CLOCK_US_PER_MS)
#define GIVE_UP_US (30 * CLOCK_US_PER_S)

static const struct install_options no_options;

/* ---- connecting ---- */

/* "did you mean" for the database: look at all there are, without choosing one. */
static void suggest_database(const struct my_conn_options *options, struct err *e)
{
	struct source_settings settings = *options->settings;
	struct my_conn_options open = *options;
	struct my_result *r = NULL;
	struct my_conn *conn;
	struct suggest near;

	settings.database = NULL;
	open.settings = &settings;
	if (!e || my_conn_open(&open, &conn, NULL) != ERR_OK)
		return;
	suggest_init(&near, text_of(options->settings->database));
	if (my_conn_query(conn, "SHOW DATABASES", &r, NULL) == ERR_OK)
		while (my_result_next(r))
			suggest_add(&near, my_result_str(r, 0));
	if (suggest_best(&near))
		(void)snprintf(e->msg + strlen(e->msg), sizeof(e->msg) - strlen(e->msg),
			       "; did you mean \"%.64s\"?", suggest_best(&near));
	my_result_free(r);
	my_conn_close(conn);
}

enum err_code my_admin_open(struct my_admin *a, const struct settings *s, size_t source,
			    const struct install_options *o, struct err *e)
{
	struct my_conn_options open = {.settings = &s->sources[source], .clock = clock_system()};
	int64_t give_up_us;
	enum err_code code;

	assert(source < s->source_count);
	*a = (struct my_admin){
		.settings = s,
		.source = &s->sources[source],
		.source_index = source,
		.options = o ? o : &no_options,
		.clock = open.clock,
		.database = s->sources[source].database,
	};
	open.user = a->options->user;
	open.password = a->options->password;
	a->lock_timeout_us =
		a->options->lock_timeout_us > 0 ? a->options->lock_timeout_us : LOCK_TIMEOUT_US;
	give_up_us = a->options->give_up_us > 0 ? a->options->give_up_us : GIVE_UP_US;
	attempts_init(&a->attempts, a->clock, give_up_us);
	code = my_conn_open(&open, &a->conn, e);
	if (code == ERR_NOT_FOUND)
		suggest_database(&open, e);
	if (code != ERR_OK)
		return code;
	a->flavour = my_conn_is_mariadb(a->conn) ? MY_MARIADB : MY_MYSQL;
	a->server = my_conn_server(a->conn);
	return ERR_OK;
}

void my_admin_close(struct my_admin *a)
{
	my_conn_close(a->conn);
	a->conn = NULL;
}

bool my_admin_has_pipeline(const struct my_admin *a, size_t p)
{
	return a->settings->pipelines[p].source == a->source_index;
}

/* ---- running or printing ---- */

enum err_code my_admin_run(struct my_admin *a, const char *sql, struct err *e)
{
	if (a->options->print_only) {
		report_sql(a->options, sql, ";\n");
		return ERR_OK;
	}
	return my_conn_exec(a->conn, sql, e);
}

enum err_code my_admin_run_buf(struct my_admin *a, const struct buf *sql, struct err *e)
{
	if (buf_error(sql) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory for a statement");
	return my_admin_run(a, buf_str(sql), e);
}

/* The clients know DELIMITER only at the start of a line. */
enum err_code my_admin_run_compound(struct my_admin *a, const struct buf *sql, struct err *e)
{
	static const char *const delimiters[] = {"$$", "//", "||", ";;", "$adbl$"};
	char begin[32], end[48];
	size_t i = 0;

	if (buf_error(sql) != ERR_OK || !a->options->print_only)
		return my_admin_run_buf(a, sql, e);
	while (i + 1 < ARRAY_LEN(delimiters) && strstr(buf_str(sql), delimiters[i]))
		i++;
	(void)snprintf(begin, sizeof(begin), "DELIMITER %s\n", delimiters[i]);
	(void)snprintf(end, sizeof(end), "\n%s\nDELIMITER ;\n", delimiters[i]);
	report_sql(a->options, begin, "");
	report_sql(a->options, buf_str(sql), end);
	return ERR_OK;
}

void my_admin_comment(struct my_admin *a, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report_comment(a->options, fmt, ap);
	va_end(ap);
}

/* ---- looking ---- */

static ATTR_MUST_CHECK enum err_code query(struct my_admin *a, struct my_result **ret_r,
					   struct err *e, const char *fmt, va_list ap)
{
	enum err_code code;
	struct buf sql;

	buf_init(&sql, MY_SQL_MAX_BYTES);
	for (; *fmt; fmt++) {
		if (*fmt == '$')
			my_quote_literal(&sql, text_of(va_arg(ap, const char *)));
		else
			buf_add_char(&sql, *fmt);
	}
	code = my_conn_query_buf(a->conn, &sql, ret_r, e);
	buf_done(&sql);
	return code;
}

enum err_code my_admin_query(struct my_admin *a, struct my_result **ret_r, struct err *e,
			     const char *fmt, ...)
{
	enum err_code code;
	va_list ap;

	va_start(ap, fmt);
	code = query(a, ret_r, e, fmt, ap);
	va_end(ap);
	return code;
}

enum err_code my_admin_number(struct my_admin *a, int64_t absent, int64_t *ret_v, struct err *e,
			      const char *fmt, ...)
{
	struct my_result *r = NULL;
	enum err_code code;
	va_list ap;

	va_start(ap, fmt);
	code = query(a, &r, e, fmt, ap);
	va_end(ap);
	if (code != ERR_OK)
		return code;
	*ret_v = my_result_next(r) ? my_result_i64(r, 0, absent) : absent;
	my_result_free(r);
	return ERR_OK;
}

/* ---- locks ---- */

/* How long a statement may wait for a metadata lock. lock_wait_timeout is in seconds; MariaDB's
 * max_statement_time ends a wait within milliseconds. MariaDB documentation, "Metadata Locking". */
static ATTR_MUST_CHECK enum err_code set_timeout(struct my_admin *a, struct err *e)
{
	long long ms = a->lock_timeout_us / CLOCK_US_PER_MS;
	char sql[128];

	if (a->options->print_only)
		return ERR_OK;
	if (a->flavour == MY_MARIADB)
		(void)snprintf(sql, sizeof(sql),
			       "SET SESSION max_statement_time = %lld.%03lld, "
			       "lock_wait_timeout = %lld",
			       ms / 1000, ms % 1000, ms / 1000 + 1);
	else
		(void)snprintf(sql, sizeof(sql), "SET SESSION lock_wait_timeout = %lld",
			       (ms + 999) / 1000);
	return my_conn_exec(a->conn, sql, e);
}

static ATTR_MUST_CHECK enum err_code reset_timeout(struct my_admin *a, struct err *e)
{
	if (a->options->print_only)
		return ERR_OK;
	return my_conn_exec(a->conn,
			    a->flavour == MY_MARIADB ? "SET SESSION max_statement_time = DEFAULT, "
						       "lock_wait_timeout = 2"
						     : "SET SESSION lock_wait_timeout = 2",
			    e);
}

/* Who stands in the way, for the message; "" when it is not known. */
static void describe_holder(struct my_admin *a, const char *schema, const char *table,
			    char out[static 160])
{
	static const char mysql_sql[] =
		"SELECT t.processlist_id, t.processlist_user, COALESCE(t.processlist_command, "
		"'?'), "
		"t.processlist_time FROM performance_schema.metadata_locks l JOIN "
		"performance_schema.threads t ON t.thread_id = l.owner_thread_id WHERE "
		"l.object_type = 'TABLE' AND l.object_schema = $ AND l.object_name = $ AND "
		"l.lock_status = 'GRANTED' AND t.processlist_id <> CONNECTION_ID() LIMIT 1";
	/* a plugin of MariaDB that is seldom installed */
	static const char mariadb_sql[] =
		"SELECT p.id, p.user, p.command, p.time FROM information_schema.metadata_lock_info "
		"l "
		"JOIN information_schema.processlist p ON p.id = l.thread_id WHERE l.table_schema "
		"= "
		"$ AND l.table_name = $ AND l.thread_id <> CONNECTION_ID() LIMIT 1";
	/* without it: the oldest open transaction is the likeliest one */
	static const char oldest_sql[] =
		"SELECT p.id, p.user, CONCAT('likely, ', p.command), TIMESTAMPDIFF(SECOND, "
		"x.trx_started, SYSDATE()) FROM information_schema.innodb_trx x JOIN "
		"information_schema.processlist p ON p.id = x.trx_mysql_thread_id WHERE p.id <> "
		"CONNECTION_ID() ORDER BY x.trx_started LIMIT 1";
	struct my_result *r = NULL;
	enum err_code code;

	out[0] = '\0';
	code = my_admin_query(a, &r, NULL, a->flavour == MY_MARIADB ? mariadb_sql : mysql_sql,
			      schema, table);
	if (code != ERR_OK)
		code = my_admin_query(a, &r, NULL, oldest_sql);
	if (code != ERR_OK)
		return;
	if (my_result_next(r))
		(void)snprintf(out, 160, "; held by connection %.20s (%.32s, %.40s for %.20s s)",
			       my_result_str(r, 0), my_result_str(r, 1), my_result_str(r, 2),
			       my_result_str(r, 3));
	my_result_free(r);
}

enum err_code my_admin_locked(struct my_admin *a, const char *schema, const char *table,
			      my_admin_work_fn work, void *ctx, struct err *e)
{
	char holder[160];
	enum err_code code, after;
	int attempt;

	for (attempt = 0;; attempt++) {
		code = set_timeout(a, e);
		if (code != ERR_OK)
			return code;
		code = work(a, ctx, e);
		after = reset_timeout(a, code == ERR_OK ? e : NULL);
		if (code != ERR_TIMEOUT && code != ERR_BUSY)
			return code == ERR_OK ? after : code;
		if (!attempts_pause(&a->attempts, attempt))
			break;
	}
	describe_holder(a, schema, table, holder);
	return err_set(e, ERR_TIMEOUT, "%s.%s: no lock after %d attempts of %lld ms each%s", schema,
		       table, attempt + 1, (long long)(a->lock_timeout_us / CLOCK_US_PER_MS),
		       holder);
}

enum err_code my_admin_lock(struct my_admin *a, struct err *e)
{
	enum err_code code;
	int64_t got;
	int attempt;

	for (attempt = 0;; attempt++) {
		code = my_admin_number(a, 0, &got, e, "SELECT GET_LOCK(" MY_LOCK_INSTALL ", 0)");
		if (code != ERR_OK || got)
			return code;
		if (!attempts_pause(&a->attempts, attempt))
			return err_set(e, ERR_BUSY, "another install or uninstall is running");
	}
}

/* ---- findings ---- */

void my_admin_find(struct my_admin *a, enum finding_level level, const char *subject,
		   const char *hint, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report_finding(a->options, level, subject, hint, fmt, ap);
	va_end(ap);
}
