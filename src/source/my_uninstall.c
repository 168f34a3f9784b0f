/* SPDX-License-Identifier: MIT */
/*
 * Triggers first: an outbox that is gone under a trigger would make the application's writes fail.
 */
#include <stdio.h>
#include <string.h>

#include "source/my_inlet.h"
#include "source/my_install.h"
#include "source/my_locks.h"

/* Leadership is taken, not only looked at, so that no daemon starts while things go. */
static ATTR_MUST_CHECK enum err_code refuse_active(struct my_admin *a, struct err *e)
{
	int64_t got;
	enum err_code code =
		my_admin_number(a, 0, &got, e, "SELECT GET_LOCK(" MY_LOCK_LEADER ", 0)");

	if (code == ERR_OK && !got)
		return err_set(e, ERR_BUSY, "a daemon is active on this database: stop it first");
	return code;
}

/* The names of the outboxes that are there, and of the tables of parked events, whatever is
 * configured. */
static ATTR_MUST_CHECK enum err_code find_undelivered(struct my_admin *a, struct my_result **ret_r,
						      struct err *e)
{
	return my_admin_query(a, ret_r, e,
			      "SELECT table_name FROM information_schema.tables WHERE table_schema "
			      "= $ AND (table_name IN ('" MY_OUTBOX "', '" MY_PARKED
			      "') OR table_name "
			      "LIKE 'app\\_db\\_listener\\_outbox\\_%' OR table_name LIKE "
			      "'app\\_db\\_listener\\_parked\\_%')",
			      a->database);
}

static ATTR_MUST_CHECK enum err_code count_rows(struct my_admin *a, int64_t *ret_rows,
						struct err *e)
{
	struct my_result *r = NULL;
	int64_t n = 0;
	struct buf sql;
	enum err_code code = find_undelivered(a, &r, e);

	*ret_rows = 0;
	buf_init(&sql, MY_SQL_MAX_BYTES);
	while (code == ERR_OK && my_result_next(r)) {
		buf_reset(&sql);
		buf_add_str(&sql, "SELECT COUNT(*) FROM ");
		my_quote_name(&sql, a->database, my_result_str(r, 0));
		code = buf_error(&sql) == ERR_OK
			       ? my_conn_number(a->conn, buf_str(&sql), 0, &n, e)
			       : err_set(e, ERR_NOMEM, "no memory for a statement");
		if (code == ERR_OK)
			*ret_rows += n;
	}
	buf_done(&sql);
	my_result_free(r);
	return code;
}

static ATTR_MUST_CHECK enum err_code refuse_undelivered(struct my_admin *a, const char *advice,
							struct err *e)
{
	int64_t rows;
	enum err_code code;

	if (!a->options->keep_data || a->options->print_only)
		return ERR_OK;
	code = count_rows(a, &rows, e);
	if (code == ERR_OK && rows)
		return err_set(e, ERR_BUSY, "%lld events are undelivered%s", (long long)rows,
			       advice);
	return code;
}

static ATTR_MUST_CHECK enum err_code remove_triggers(struct my_admin *a, struct err *e)
{
	struct my_result *r = NULL;
	enum err_code code = my_triggers_installed(a, NULL, NULL, &r, e);

	while (code == ERR_OK && my_result_next(r)) {
		code = my_trigger_remove(a, my_result_str(r, 0), my_result_str(r, 1),
					 my_result_str(r, 2), e);
		if (code == ERR_OK)
			my_admin_find(a, FINDING_OK, my_result_str(r, 1), NULL,
				      "removed trigger %s", my_result_str(r, 2));
	}
	my_result_free(r);
	return code;
}

/* Is one of the triggers (commas between) there, and not to be seen? */
static ATTR_MUST_CHECK enum err_code find_unseen(struct my_admin *a, const char *schema,
						 const char *names, bool *ret_unseen, struct err *e)
{
	struct my_result *r = NULL;
	char name[MY_NAME_BYTES];
	enum err_code code = ERR_OK;
	struct buf sql;
	size_t len;

	*ret_unseen = false;
	buf_init(&sql, MY_SQL_MAX_BYTES);
	for (; *names && code == ERR_OK && !*ret_unseen; names += len + (names[len] != '\0')) {
		len = strcspn(names, ",");
		(void)snprintf(name, sizeof(name), "%.*s", (int)len, names);
		buf_reset(&sql);
		buf_add_str(&sql, "SHOW CREATE TRIGGER ");
		my_quote_name(&sql, schema, name);
		code = my_conn_query_buf(a->conn, &sql, &r, e);
		my_result_free(r);
		r = NULL;
		*ret_unseen = code == ERR_DENIED;
		if (code == ERR_DENIED || code == ERR_NOT_FOUND)
			code = ERR_OK;
	}
	buf_done(&sql);
	return code;
}

/* A trigger that we may not see would fail without its outbox, and with it the application: the
 * server shows triggers only to those who have that privilege on the table. */
static ATTR_MUST_CHECK enum err_code refuse_unseen(struct my_admin *a, struct err *e)
{
	struct my_result *r = NULL;
	bool has = false, unseen = false;
	struct buf sql;
	enum err_code code = my_objects_has(a, MY_CAPTURED, &has, e);

	if (code != ERR_OK || !has)
		return code;
	buf_init(&sql, MY_SQL_MAX_BYTES);
	buf_add_str(&sql, "SELECT schema_name, table_name, trigger_names FROM ");
	my_quote_name(&sql, a->database, MY_CAPTURED);
	code = my_conn_query_buf(a->conn, &sql, &r, e);
	buf_done(&sql);
	while (code == ERR_OK && my_result_next(r)) {
		code = find_unseen(a, my_result_str(r, 0), my_result_str(r, 2), &unseen, e);
		if (code == ERR_OK && unseen)
			code = err_set(e, ERR_DENIED,
				       "%s.%s: this user may not see its triggers, and cannot "
				       "remove them: GRANT TRIGGER on it",
				       my_result_str(r, 0), my_result_str(r, 1));
	}
	my_result_free(r);
	return code;
}

static ATTR_MUST_CHECK enum err_code drop_table(struct my_admin *a, void *ctx, struct err *e)
{
	struct buf sql;
	enum err_code code;

	buf_init(&sql, MY_SQL_MAX_BYTES);
	buf_add_str(&sql, "DROP TABLE IF EXISTS ");
	my_quote_name(&sql, a->database, ctx);
	code = my_admin_run_buf(a, &sql, e);
	buf_done(&sql);
	return code;
}

/* Who may not drop the tables shall not find that out when the triggers are gone. The server asks
 * for the privilege before it looks whether the table is there; for one given for single tables it
 * has to be asked otherwise. */
static ATTR_MUST_CHECK enum err_code refuse_undroppable(struct my_admin *a, struct err *e)
{
	static char nothing[] = "app_db_listener_nothing";
	struct err here;
	int64_t n = 0;
	enum err_code code;

	if (a->options->print_only)
		return ERR_OK;
	code = my_admin_locked(a, a->database, nothing, drop_table, nothing, &here);
	if (code != ERR_DENIED)
		return code == ERR_OK ? code : err_set(e, code, "%s", here.msg);
	code = my_admin_number(a, 0, &n, e,
			       "SELECT COUNT(*) FROM information_schema.table_privileges WHERE "
			       "table_schema = $ AND table_name = $ AND privilege_type = 'DROP'",
			       a->database, MY_INSTALL);
	if (code == ERR_OK && !n)
		return err_set(e, ERR_DENIED,
			       "this user may not drop the tables, so the triggers stay: GRANT "
			       "DROP ON %s.*",
			       a->database);
	return code;
}

static ATTR_MUST_CHECK enum err_code drop_tables(struct my_admin *a, struct err *e)
{
	static char captured[] = MY_CAPTURED, dead[] = MY_DEAD_LETTER, installed[] = MY_INSTALL;
	static char webhook[] = MY_WEBHOOK, delivered[] = MY_DELIVERED, keys[] = MY_INGEST_KEY;
	static char backfill[] = MY_BACKFILL;
	char *const last[] = {captured, dead, delivered, webhook, keys, backfill, installed};
	struct my_result *r = NULL;
	char name[MY_NAME_BYTES];
	size_t i;
	enum err_code code = find_undelivered(a, &r, e);

	while (code == ERR_OK && my_result_next(r)) {
		(void)snprintf(name, sizeof(name), "%s", my_result_str(r, 0));
		code = my_admin_locked(a, a->database, name, drop_table, name, e);
	}
	my_result_free(r);
	for (i = 0; i < ARRAY_LEN(last) && code == ERR_OK; i++)
		code = my_admin_locked(a, a->database, last[i], drop_table, last[i], e);
	return code;
}

static ATTR_MUST_CHECK enum err_code uninstall(struct my_admin *a, struct err *e)
{
	enum err_code code = ERR_OK;

	if (!a->options->print_only) {
		code = my_admin_lock(a, e);
		if (code == ERR_OK)
			code = refuse_active(a, e);
	}
	if (code == ERR_OK)
		code = refuse_undelivered(a, ": deliver them first", e);
	if (code == ERR_OK)
		code = refuse_unseen(a, e);
	if (code == ERR_OK)
		code = refuse_undroppable(a, e);
	if (code == ERR_OK)
		code = remove_triggers(a, e);
	if (code == ERR_OK)
		code = refuse_undelivered(
			a,
			", written while the triggers went; those are gone now: run the daemon "
			"until nothing is left, then uninstall",
			e);
	if (code == ERR_OK) {
		my_admin_comment(a, "tables");
		code = drop_tables(a, e);
	}
	if (code == ERR_OK)
		my_admin_find(a, FINDING_OK, a->database, NULL, "removed");
	return code;
}

static ATTR_MUST_CHECK enum err_code has_anything(struct my_admin *a, bool *ret_has, struct err *e)
{
	int64_t n;
	enum err_code code = my_admin_number(
		a, 0, &n, e,
		"SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = $ AND "
		"table_name LIKE 'app\\_db\\_listener\\_%'",
		a->database);

	if (code == ERR_OK)
		*ret_has = n > 0;
	return code;
}

enum err_code my_uninstall(const struct settings *s, size_t source, const struct install_options *o,
			   struct err *e)
{
	struct my_admin a;
	bool has = false;
	enum err_code code = my_admin_open(&a, s, source, o, e);

	if (code != ERR_OK)
		return code;
	code = has_anything(&a, &has, e);
	if (code == ERR_OK && !has && !a.options->print_only)
		my_admin_find(&a, FINDING_OK, a.database, NULL, "nothing is installed");
	else if (code == ERR_OK)
		code = uninstall(&a, e);
	my_admin_close(&a);
	return code;
}
