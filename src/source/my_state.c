/* SPDX-License-Identifier: MIT */
/*
 * What is installed against what is configured. The server keeps the text of a trigger as it was
 * written (MySQL: its body, behind words of its own), so comparing texts is comparing everything.
 */
#include <stdio.h>
#include <string.h>

#include "source/my_install.h"

/* From " AFTER ..." on: in front of it the server writes a definer. */
static const char *without_head(const char *sql)
{
	const char *at = strstr(sql, "\n\tAFTER ");

	return at ? at : sql;
}

static bool ends_with(struct text got, const char *tail)
{
	size_t len = strlen(tail);

	return got.s && got.len >= len && memcmp(got.s + got.len - len, tail, len) == 0;
}

static bool is_same(const struct my_result *r, const char *wanted, const char *stored)
{
	if (!ends_with(my_result_text(r, 2), without_head(wanted)) &&
	    !ends_with(my_result_text(r, 2), stored))
		return false;
	return strcmp(my_result_str(r, 1), MY_TRIGGER_SQL_MODE) == 0 &&
	       strcmp(my_result_str(r, 3), "utf8mb4") == 0;
}

bool my_definer_is_gone(struct my_admin *a, const char *definer)
{
	int64_t known;

	return my_admin_number(a, 1, &known, NULL,
			       "SELECT COUNT(*) FROM mysql.user WHERE CONCAT(user, '@', host) = $ "
			       "COLLATE utf8mb4_bin",
			       definer) == ERR_OK &&
	       !known;
}

/* Such a trigger has to be made again, by somebody who is there. */
static bool is_orphan(struct my_admin *a, const struct my_trigger *t, const char *name)
{
	struct my_result *r = NULL;
	bool gone = false;

	if (my_admin_query(a, &r, NULL,
			   "SELECT definer FROM information_schema.triggers WHERE "
			   "event_object_schema = $ AND event_object_table = $ AND trigger_name = "
			   "$",
			   t->schema, t->table, name) == ERR_OK &&
	    my_result_next(r))
		gone = my_definer_is_gone(a, my_result_str(r, 0));
	my_result_free(r);
	return gone;
}

enum err_code my_trigger_compare(struct my_admin *a, const struct my_trigger *t,
				 enum my_trigger_state *ret_state, struct err *e)
{
	char name[MY_TRIGGER_NAME_BYTES];
	struct my_result *r = NULL;
	struct buf sql, stored;
	struct err here;
	enum err_code code;

	my_trigger_name(t, name);
	buf_init(&sql, MY_SQL_MAX_BYTES);
	buf_init(&stored, MY_SQL_MAX_BYTES);
	buf_add_str(&sql, "SHOW CREATE TRIGGER ");
	my_quote_name(&sql, t->schema, name);
	code = my_conn_query_buf(a->conn, &sql, &r, &here);
	buf_reset(&sql);
	my_trigger_create(&sql, t, false);
	my_trigger_stored(&stored, t);
	if (code == ERR_OK && (buf_error(&sql) != ERR_OK || buf_error(&stored) != ERR_OK))
		code = err_set(&here, ERR_NOMEM, "no memory for a trigger");
	if (code == ERR_NOT_FOUND)
		*ret_state = MY_TRIGGER_ABSENT;
	else if (code == ERR_OK)
		*ret_state = my_result_next(r) && is_same(r, buf_str(&sql), buf_str(&stored)) &&
					     !is_orphan(a, t, name)
				     ? MY_TRIGGER_OK
				     : MY_TRIGGER_DIFFERS;
	buf_done(&stored);
	buf_done(&sql);
	my_result_free(r);
	if (code == ERR_OK || code == ERR_NOT_FOUND)
		return ERR_OK;
	if (e)
		*e = here;
	return code;
}

enum err_code my_table_each_trigger(struct my_admin *a, const struct my_tables *t, size_t i,
				    my_trigger_fn fn, void *ctx, struct err *e)
{
	const struct pipeline_settings *p = &a->settings->pipelines[t->list.items[i].pipeline];
	char outbox[MY_TABLE_NAME_BYTES];
	struct my_trigger trigger;
	enum err_code code = ERR_OK;
	enum op op;

	for (op = 0; op < OP_TRUNCATE && code == ERR_OK; op++) {
		if (!p->operations[op])
			continue;
		trigger = my_table_trigger(a, t, i, op, outbox);
		code = fn(a, &trigger, ctx, e);
	}
	return code;
}

enum err_code my_triggers_installed(struct my_admin *a, const char *schema, const char *table,
				    struct my_result **ret_r, struct err *e)
{
	static const char sql[] =
		"SELECT event_object_schema, event_object_table, trigger_name, definer FROM "
		"information_schema.triggers WHERE trigger_name LIKE 'app\\_db\\_listener\\_%' AND "
		"LOCATE($, action_statement) > 0";
	char mark[MY_NAME_BYTES * 2 + 64], all[sizeof(sql) + 128];
	struct buf name;
	enum err_code code;

	/* what each body begins its INSERT with */
	buf_init(&name, sizeof(mark));
	my_quote_name(&name, a->database, MY_OUTBOX);
	if (buf_error(&name) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory for a name");
	(void)snprintf(mark, sizeof(mark), "INSERT INTO %.*s", (int)(name.len - 1), buf_str(&name));
	buf_done(&name);
	(void)snprintf(all, sizeof(all), "%s%s ORDER BY 1, 2, 3", sql,
		       schema ? " AND event_object_schema = $ AND event_object_table = $" : "");
	code = my_admin_query(a, ret_r, e, all, mark, schema, table);
	return code;
}

bool my_tables_want(const struct my_admin *a, const struct my_tables *tables, const char *schema,
		    const char *table, const char *trigger)
{
	char name[MY_TRIGGER_NAME_BYTES], outbox[MY_TABLE_NAME_BYTES];
	const struct pipeline_settings *p;
	struct my_trigger wanted;
	const struct table *t;
	enum op op;
	size_t i;

	for (i = 0; i < tables->list.count; i++) {
		t = &tables->list.items[i];
		p = &a->settings->pipelines[t->pipeline];
		if (strcmp(t->name, table) != 0 || strcmp(t->schema, schema) != 0)
			continue;
		for (op = 0; op < OP_TRUNCATE; op++) {
			wanted = my_table_trigger(a, tables, i, op, outbox);
			my_trigger_name(&wanted, name);
			if (p->operations[op] && strcmp(name, trigger) == 0)
				return true;
		}
	}
	return false;
}

struct remove_call {
	const char *schema, *name;
};

static ATTR_MUST_CHECK enum err_code remove_work(struct my_admin *a, void *ctx, struct err *e)
{
	const struct remove_call *r = ctx;
	struct buf sql;
	enum err_code code;

	buf_init(&sql, MY_SQL_MAX_BYTES);
	my_trigger_drop(&sql, r->schema, r->name);
	code = my_admin_run_buf(a, &sql, e);
	buf_done(&sql);
	return code;
}

enum err_code my_trigger_remove(struct my_admin *a, const char *schema, const char *table,
				const char *name, struct err *e)
{
	struct remove_call r = {schema, name};

	return my_admin_locked(a, schema, table, remove_work, &r, e);
}
