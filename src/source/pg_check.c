/* SPDX-License-Identifier: MIT */
/*
 * The session is made read-only first, so that nothing below can change anything by mistake.
 */
#include "source/pg_check.h"

#include <stdlib.h>
#include <string.h>

#include "source/pg_admin.h"
#include "source/pg_schema.h"

#define LONG_TRANSACTION "10 minutes"

/* ---- the server ---- */

static ATTR_MUST_CHECK enum err_code check_recovery(struct pg_admin *a, struct err *e)
{
	int64_t standby;
	enum err_code code =
		pg_admin_number(a, "SELECT pg_is_in_recovery()::int", 0, NULL, 0, &standby, e);

	if (code != ERR_OK)
		return code;
	if (standby)
		pg_admin_find(a, FINDING_FAIL, "connection",
			      "give the primary, or several hosts with "
			      "target_session_attrs: read-write",
			      "this server is a standby: nothing can be acknowledged here");
	else
		pg_admin_find(a, FINDING_OK, "connection", NULL, "connected to %s", a->server);
	return ERR_OK;
}

static void check_pooler(struct pg_admin *a)
{
	if (a->pooled)
		pg_admin_find(a, FINDING_WARN, "connection",
			      "connect the daemon directly; applications may use the pooler",
			      "goes through a pooler: changes are polled for, and leadership is "
			      "not safe in transaction mode");
}

static ATTR_MUST_CHECK enum err_code check_two_phase(struct pg_admin *a, struct err *e)
{
	int64_t n;
	enum err_code code =
		pg_admin_number(a, "SELECT current_setting('max_prepared_transactions')::bigint", 0,
				NULL, 0, &n, e);

	if (code == ERR_OK && n > 0)
		pg_admin_find(a, FINDING_WARN, "wakeup", NULL,
			      "max_prepared_transactions is %lld: changes are polled for, because "
			      "NOTIFY would break PREPARE TRANSACTION",
			      (long long)n);
	return code;
}

static ATTR_MUST_CHECK enum err_code check_notify_queue(struct pg_admin *a, struct err *e)
{
	int64_t percent;
	enum err_code code = pg_admin_number(
		a, "SELECT (pg_notification_queue_usage() * 100)::bigint", 0, NULL, 0, &percent, e);

	if (code == ERR_OK && percent >= 10)
		pg_admin_find(a, percent >= 50 ? FINDING_FAIL : FINDING_WARN, "notify queue",
			      "find the session that listens with an old transaction open: "
			      "pg_stat_activity ordered by xact_start",
			      "%lld %% full: at 50 %% triggers stop notifying, at 100 %% others' "
			      "commits fail",
			      (long long)percent);
	return code;
}

static ATTR_MUST_CHECK enum err_code check_long_transactions(struct pg_admin *a, struct err *e)
{
	static const char sql[] =
		"SELECT s.pid, coalesce(nullif(s.application_name, ''), s.usename, '?'), "
		"date_trunc('second', clock_timestamp() - s.xact_start) FROM pg_stat_activity s "
		"WHERE s.backend_xmin IS NOT NULL AND s.xact_start < clock_timestamp() - "
		"interval '" LONG_TRANSACTION "' AND s.pid <> pg_backend_pid() "
		"ORDER BY s.xact_start LIMIT 1";
	PGresult *res;
	enum err_code code = pg_admin_query(a, sql, 0, NULL, &res, e);

	if (code != ERR_OK)
		return code;
	if (PQntuples(res) > 0)
		pg_admin_find(a, FINDING_WARN, "transactions", "end it, or expect slower polls",
			      "pid %s (%s) has a transaction open for %s: delivered rows of the "
			      "outbox cannot be cleaned up behind it",
			      PQgetvalue(res, 0, 0), PQgetvalue(res, 0, 1), PQgetvalue(res, 0, 2));
	PQclear(res);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code check_server(struct pg_admin *a, struct err *e)
{
	enum err_code code = check_recovery(a, e);

	check_pooler(a);
	if (code == ERR_OK)
		code = check_two_phase(a, e);
	if (code == ERR_OK)
		code = check_notify_queue(a, e);
	if (code == ERR_OK)
		code = check_long_transactions(a, e);
	return code;
}

/* ---- the whole ---- */

/* Rights to install: told as a failure only when there is something to install. */
static ATTR_MUST_CHECK enum err_code check_may_install(struct pg_admin *a, bool installed,
						       struct err *e)
{
	int64_t may;
	enum err_code code =
		pg_admin_number(a,
				"SELECT (rolsuper OR CASE WHEN n.oid IS NULL THEN "
				"has_database_privilege(current_database(), 'CREATE') ELSE "
				"pg_has_role(n.nspowner, 'USAGE') END)::int FROM pg_roles "
				"LEFT JOIN pg_namespace n ON n.nspname = '" PG_SCHEMA "' "
				"WHERE rolname = current_user",
				0, NULL, 0, &may, e);

	if (code != ERR_OK || may)
		return code;
	pg_admin_find(a, installed ? FINDING_OK : FINDING_FAIL, "install",
		      installed ? NULL : "run install as another role, or GRANT CREATE ON DATABASE",
		      "this role may not install%s", installed ? "; another one did" : "");
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code check_all(struct pg_admin *a, struct err *e)
{
	bool installed = false;
	enum err_code code = ERR_OK;

	/* what is set through a pooler stays for the next user of its connection */
	if (!a->pooled)
		code = pg_conn_exec(a->conn, "SET default_transaction_read_only = on", e);
	if (code == ERR_OK)
		code = check_server(a, e);
	if (code == ERR_OK)
		code = pg_schema_is_installed(a, &installed, e);
	if (code == ERR_OK)
		code = check_may_install(a, installed, e);
	if (code == ERR_OK && !installed)
		pg_admin_find(a, FINDING_FAIL, PG_SCHEMA, "run install", "nothing is installed");
	if (code == ERR_OK && installed)
		code = pg_check_outbox(a, e);
	if (code == ERR_OK)
		code = pg_check_tables(a, installed, e);
	return code;
}

enum err_code pg_check(const struct settings *s, size_t source, const struct install_options *o,
		       struct err *e)
{
	struct pg_admin a;
	struct err here;
	enum err_code code = pg_admin_open(&a, s, source, o, &here);

	if (code != ERR_OK) {
		pg_admin_find(&a, FINDING_FAIL, "connection", NULL, "%s", here.msg);
		if (e)
			*e = here;
		return code;
	}
	code = check_all(&a, e);
	pg_admin_close(&a);
	return code;
}
