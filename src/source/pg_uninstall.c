/* SPDX-License-Identifier: MIT */
/*
 * Triggers first: an outbox that is gone under a trigger would make the application's writes fail.
 * The server helps: the function cannot be dropped while a trigger calls it.
 */
#include <stdio.h>
#include <string.h>

#include "source/pg_inlet.h"
#include "source/pg_install.h"
#include "source/pg_schema.h"

/* Leadership is taken, not only looked at, so that no daemon starts while things go. */
static ATTR_MUST_CHECK enum err_code refuse_active(struct pg_admin *a, struct err *e)
{
	char sql[96];
	int64_t got;
	enum err_code code;

	(void)snprintf(sql, sizeof(sql), "SELECT pg_try_advisory_lock(%d, %d)::int", PG_LOCK_CLASS,
		       PG_LOCK_LEADER);
	code = pg_admin_number(a, sql, 0, NULL, 0, &got, e);
	if (code == ERR_OK && !got)
		return err_set(e, ERR_BUSY, "a daemon is active on this database: stop it first");
	return code;
}

static ATTR_MUST_CHECK enum err_code count_parked(struct pg_admin *a, int64_t *ret_rows,
						  struct err *e)
{
	bool has = false;
	enum err_code code = pg_schema_has_parked(a, &has, e);

	*ret_rows = 0;
	if (code != ERR_OK || !has)
		return code;
	return pg_admin_number(a, "SELECT count(*) FROM " PG_PARKED, 0, NULL, 0, ret_rows, e);
}

static ATTR_MUST_CHECK enum err_code refuse_undelivered(struct pg_admin *a, const char *advice,
							struct err *e)
{
	int64_t rows, parked;
	enum err_code code;

	if (!a->options->keep_data)
		return ERR_OK;
	code = pg_admin_number(a, "SELECT count(*) FROM " PG_SCHEMA ".outbox", 0, NULL, 0, &rows,
			       e);
	if (code == ERR_OK)
		code = count_parked(a, &parked, e);
	if (code == ERR_OK && (rows || parked))
		return err_set(e, ERR_BUSY, "%lld events are undelivered%s%s",
			       (long long)rows + parked, parked ? ", parked ones included" : "",
			       advice);
	return code;
}

static ATTR_MUST_CHECK enum err_code remove_triggers(struct pg_admin *a, struct err *e)
{
	PGresult *res;
	int i;
	enum err_code code = pg_triggers_installed(a, &res, e);

	if (code != ERR_OK)
		return code;
	for (i = 0; i < PQntuples(res) && code == ERR_OK; i++) {
		code = pg_trigger_remove(a, PQgetvalue(res, i, 0), PQgetvalue(res, i, 1),
					 PQgetvalue(res, i, 2), e);
		if (code == ERR_OK)
			pg_admin_find(a, FINDING_OK, PQgetvalue(res, i, 1), NULL,
				      "removed trigger %s", PQgetvalue(res, i, 2));
	}
	PQclear(res);
	return code;
}

static ATTR_MUST_CHECK enum err_code drop_objects(struct pg_admin *a, void *ctx, struct err *e)
{
	static const char *const sql[] = {
		("DROP FUNCTION IF EXISTS " PG_SCHEMA ".capture()"),
		("DROP TABLE IF EXISTS " PG_SCHEMA ".outbox, " PG_SCHEMA ".dead_letter, " PG_PARKED
		 ", " PG_DELIVERED ", " PG_SCHEMA ".captured, " PG_SCHEMA ".install"),
		("DROP TABLE IF EXISTS " PG_SCHEMA ".webhook, " PG_INGEST_KEY ", " PG_BACKFILL),
		("DROP SCHEMA IF EXISTS " PG_SCHEMA),
	};
	enum err_code code = ERR_OK;
	bool installed = false;
	size_t i;

	(void)ctx;
	if (!a->options->print_only)
		code = pg_schema_is_installed(a, &installed, e);
	if (code == ERR_OK && installed)
		code = pg_conn_exec(a->conn,
				    "LOCK TABLE " PG_SCHEMA ".outbox IN ACCESS EXCLUSIVE MODE", e);
	if (code == ERR_OK && installed)
		code = refuse_undelivered(a,
					  ", written while the triggers went; those are gone now: "
					  "run the daemon until nothing is left, then uninstall",
					  e);
	for (i = 0; i < ARRAY_LEN(sql) && code == ERR_OK; i++)
		code = pg_admin_run(a, sql[i], e);
	return code;
}

static ATTR_MUST_CHECK enum err_code has_schema(struct pg_admin *a, bool *ret_has, struct err *e)
{
	int64_t n;
	enum err_code code = pg_admin_number(
		a, "SELECT count(*) FROM pg_namespace WHERE nspname = '" PG_SCHEMA "'", 0, NULL, 0,
		&n, e);

	if (code == ERR_OK)
		*ret_has = n > 0;
	return code;
}

static ATTR_MUST_CHECK enum err_code uninstall(struct pg_admin *a, struct err *e)
{
	bool installed = false;
	enum err_code code = ERR_OK;

	if (!a->options->print_only) {
		code = pg_admin_lock(a, e);
		if (code == ERR_OK)
			code = refuse_active(a, e);
	}
	if (code == ERR_OK)
		code = pg_schema_is_installed(a, &installed, e);
	if (code == ERR_OK && installed && !a->options->print_only)
		code = refuse_undelivered(a, ": deliver them first", e);
	if (code == ERR_OK)
		code = remove_triggers(a, e);
	if (code == ERR_OK) {
		pg_admin_comment(a, "function, tables, sequences, schema");
		code = pg_admin_transaction(a, PG_SCHEMA ".outbox", drop_objects, NULL, e);
	}
	if (code == ERR_OK)
		pg_admin_find(a, FINDING_OK, PG_SCHEMA, NULL, "removed");
	return code;
}

enum err_code pg_uninstall(const struct settings *s, size_t source, const struct install_options *o,
			   struct err *e)
{
	struct pg_admin a;
	bool has = false;
	enum err_code code = pg_admin_open(&a, s, source, o, e);

	if (code != ERR_OK)
		return code;
	code = has_schema(&a, &has, e);
	if (code == ERR_OK && !has && !a.options->print_only)
		pg_admin_find(&a, FINDING_OK, PG_SCHEMA, NULL, "nothing is installed");
	else if (code == ERR_OK)
		code = uninstall(&a, e);
	pg_admin_close(&a);
	return code;
}
