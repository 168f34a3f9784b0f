/* SPDX-License-Identifier: MIT */
/*
 * The session is made read-only first, so that nothing below can change anything by mistake.
 */
#include "source/my_check.h"
#include "source/my_inlet.h"

#include <stdio.h>
#include <string.h>

#include "source/my_audit_table.h"
#include "source/my_install.h"

/* ---- our tables ---- */

static ATTR_MUST_CHECK enum err_code check_present(struct my_admin *a, struct err *e)
{
	static const char *const names[] = {MY_INSTALL, MY_CAPTURED, MY_DEAD_LETTER, MY_WEBHOOK};
	enum err_code code = ERR_OK;
	bool has = false;
	size_t i;

	for (i = 0; i < ARRAY_LEN(names) && code == ERR_OK; i++) {
		if (my_audit_table_is(a) && strcmp(names[i], MY_CAPTURED) == 0)
			continue;
		code = my_objects_has(a, names[i], &has, e);
		if (code == ERR_OK && !has)
			my_admin_find(a, FINDING_FAIL, a->database, "run install",
				      "table %s is missing", names[i]);
	}
	return code;
}

/* Prepared and not run: the server looks at the privileges of this account. */
static ATTR_MUST_CHECK enum err_code try_statement(struct my_admin *a, const char *verb,
						   const char *head, const char *table,
						   const char *tail, struct err *e)
{
	struct buf probe;
	struct err here;
	enum err_code code;

	buf_init(&probe, MY_SQL_MAX_BYTES);
	buf_add_str(&probe, head);
	my_quote_name(&probe, a->database, table);
	buf_add_str(&probe, tail);
	code = my_admin_probe(a, &probe, &here);
	buf_done(&probe);
	if (code == ERR_DENIED) {
		my_admin_find(a, FINDING_FAIL, table,
			      "run install with an administrator's credentials",
			      "this user may not %s", verb);
		return ERR_OK;
	}
	/* a table that is missing, a server that is read-only: told elsewhere */
	if (code == ERR_OK || code == ERR_NOT_FOUND ||
	    (code == ERR_UNAVAILABLE && my_conn_fd(a->conn) >= 0))
		return ERR_OK;
	if (e)
		*e = here;
	return code;
}

static ATTR_MUST_CHECK enum err_code check_table_rights(struct my_admin *a, const char *table,
							bool writes, struct err *e)
{
	enum err_code code = try_statement(a, "read it", "SELECT 1 FROM ", table, "", e);

	if (code == ERR_OK && writes)
		code = try_statement(a, "insert into it", "INSERT INTO ", table,
				     " (bytes) VALUES (0)", e);
	if (code == ERR_OK && writes)
		code = try_statement(a, "delete from it", "DELETE FROM ", table, " WHERE id = 0",
				     e);
	return code;
}

/* An installation of before parked events has no table for them; and what an account has no right
 * to at all it does not see. */
static ATTR_MUST_CHECK enum err_code check_parked(struct my_admin *a, const char *pipeline,
						  struct err *e)
{
	char parked[MY_TABLE_NAME_BYTES];
	bool has = false;
	enum err_code code;

	my_schema_parked_name(pipeline, parked);
	code = my_objects_has(a, parked, &has, e);
	if (code != ERR_OK)
		return code;
	if (!has) {
		my_admin_find(a, source_admin_needs_parked(a->settings, a->source_index), parked,
			      "run install",
			      "is missing, or this user may not see it: retry_schedule needs it");
		return ERR_OK;
	}
	code = check_table_rights(a, parked, true, e);
	return code == ERR_OK ? try_statement(a, "update it", "UPDATE ", parked,
					      " SET step = 0 WHERE id = 0", e)
			      : code;
}

/* Likewise of delivered events. */
static ATTR_MUST_CHECK enum err_code check_delivered(struct my_admin *a, struct err *e)
{
	bool has = false;
	enum err_code code = my_objects_has(a, MY_DELIVERED, &has, e);

	if (code != ERR_OK)
		return code;
	if (has)
		return check_table_rights(a, MY_DELIVERED, true, e);
	my_admin_find(a, source_admin_needs_delivered(a->settings, a->source_index), MY_DELIVERED,
		      "run install", "is missing, or this user may not see it: retain needs it");
	return ERR_OK;
}

/* And of backfill jobs. */
static ATTR_MUST_CHECK enum err_code check_backfill(struct my_admin *a, struct err *e)
{
	bool has = false;
	enum err_code code = my_objects_has(a, MY_BACKFILL, &has, e);

	if (code == ERR_OK && !has)
		my_admin_find(a, FINDING_WARN, MY_BACKFILL, "run install",
			      "is missing, or this user may not see it: backfill needs it");
	if (code == ERR_OK && has)
		code = try_statement(a, "update it", "UPDATE ", MY_BACKFILL,
				     " SET rate = 0 WHERE id = 0", e);
	return code;
}

/* Likewise of the keys of pushed events. */
static ATTR_MUST_CHECK enum err_code check_ingest(struct my_admin *a, struct err *e)
{
	bool has = false;
	enum err_code code = my_objects_has(a, MY_INGEST_KEY, &has, e);

	if (code != ERR_OK)
		return code;
	if (has)
		return check_table_rights(a, MY_INGEST_KEY, true, e);
	my_admin_find(a, FINDING_FAIL, MY_INGEST_KEY, "run install",
		      "is missing, or this user may not see it: a source of type http needs it");
	return ERR_OK;
}

/* Of the account that checks, so only when that is the daemon's. */
static ATTR_MUST_CHECK enum err_code check_rights(struct my_admin *a, struct err *e)
{
	const struct settings *s = a->settings;
	char outbox[MY_TABLE_NAME_BYTES];
	enum err_code code;
	size_t i;

	if (a->options->user && a->source->user && strcmp(a->options->user, a->source->user) != 0)
		return ERR_OK;
	/* what writes cannot even be prepared in a read-only session */
	code = my_conn_exec(a->conn, "SET SESSION TRANSACTION READ WRITE", e);
	if (code == ERR_OK)
		code = check_table_rights(a, MY_INSTALL, false, e);
	if (code == ERR_OK && !my_audit_table_is(a))
		code = check_table_rights(a, MY_CAPTURED, false, e);
	if (code == ERR_OK && !my_audit_table_is(a))
		code = check_delivered(a, e);
	if (code == ERR_OK && !my_audit_table_is(a))
		code = check_backfill(a, e);
	if (code == ERR_OK && source_admin_takes_events(s, a->source_index))
		code = check_ingest(a, e);
	if (code == ERR_OK)
		code = check_table_rights(a, MY_DEAD_LETTER, true, e);
	for (i = 0; i < s->pipeline_count && code == ERR_OK; i++) {
		if (!my_admin_has_pipeline(a, i) || my_audit_table_is(a))
			continue;
		my_schema_outbox_name(s->pipelines[i].name, outbox);
		code = check_table_rights(a, outbox, true, e);
		if (code == ERR_OK)
			code = check_parked(a, s->pipelines[i].name, e);
	}
	if (code == ERR_OK)
		code = my_conn_exec(a->conn, "SET SESSION TRANSACTION READ ONLY", e);
	return code;
}

static ATTR_MUST_CHECK enum err_code check_outbox(struct my_admin *a, const char *pipeline,
						  struct err *e)
{
	char outbox[MY_TABLE_NAME_BYTES];
	struct my_result *r = NULL;
	enum err_code code;

	my_schema_outbox_name(pipeline, outbox);
	code = my_admin_query(a, &r, e,
			      "SELECT engine FROM information_schema.tables WHERE table_schema = $ "
			      "AND table_name = $",
			      a->database, outbox);
	if (code != ERR_OK)
		return code;
	if (!my_result_next(r))
		my_admin_find(a, FINDING_FAIL, outbox, "run install",
			      "is missing: writes to captured tables fail");
	else if (strcmp(my_result_str(r, 0), "InnoDB") != 0)
		my_admin_find(a, FINDING_FAIL, outbox, "ALTER TABLE ... ENGINE = InnoDB",
			      "has engine %s: its events stay when the application rolls back",
			      my_result_str(r, 0));
	my_result_free(r);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code check_pipelines(struct my_admin *a, struct err *e)
{
	const struct settings *s = a->settings;
	enum err_code code = ERR_OK;
	struct buf sql;
	int64_t version = -1;
	size_t p;

	buf_init(&sql, MY_SQL_MAX_BYTES);
	for (p = 0; p < s->pipeline_count && code == ERR_OK; p++) {
		if (!my_admin_has_pipeline(a, p))
			continue;
		buf_reset(&sql);
		buf_add_str(&sql, "SELECT version FROM ");
		my_quote_name(&sql, a->database, MY_INSTALL);
		buf_add_str(&sql, " WHERE pipeline = ");
		my_quote_literal(&sql, text_of(s->pipelines[p].name));
		code = buf_error(&sql) == ERR_OK
			       ? my_conn_number(a->conn, buf_str(&sql), -1, &version, e)
			       : err_set(e, ERR_NOMEM, "no memory for a statement");
		if (code == ERR_OK && version != MY_SCHEMA_VERSION)
			my_admin_find(a, FINDING_FAIL, s->pipelines[p].name, "run install",
				      version < 0 ? "this pipeline is not installed"
						  : "installed by another version");
		if (code == ERR_OK && version >= 0 && !my_audit_table_is(a))
			code = check_outbox(a, s->pipelines[p].name, e);
	}
	buf_done(&sql);
	return code == ERR_OK ? my_find_orphans(a, e) : code;
}

static ATTR_MUST_CHECK enum err_code check_objects(struct my_admin *a, struct err *e)
{
	struct err here;
	enum err_code code = check_present(a, e);

	if (code == ERR_OK)
		code = check_rights(a, e);
	if (code != ERR_OK)
		return code;
	code = check_pipelines(a, &here);
	if (code == ERR_DENIED || code == ERR_NOT_FOUND)
		return ERR_OK; /* told above as a privilege or a table that is missing */
	if (code != ERR_OK && e)
		*e = here;
	return code;
}

/* ---- the whole ---- */

static ATTR_MUST_CHECK enum err_code check_all(struct my_admin *a, struct err *e)
{
	bool installed = false;
	int wrong;
	enum err_code code = my_conn_exec(a->conn, "SET SESSION TRANSACTION READ ONLY", e);

	if (code == ERR_OK)
		code = my_check_server(a, e);
	if (code == ERR_OK)
		code = my_objects_is_installed(a, &installed, e);
	if (code == ERR_OK && !installed)
		my_admin_find(a, FINDING_FAIL, a->database, "run install", "nothing is installed");
	if (code == ERR_OK && installed)
		code = check_objects(a, e);
	if (code == ERR_OK && my_audit_table_is(a))
		return my_audit_table_check(a, &wrong, e);
	return code == ERR_OK ? my_check_tables(a, installed, e) : code;
}

enum err_code my_check(const struct settings *s, size_t source, const struct install_options *o,
		       struct err *e)
{
	struct my_admin a;
	struct err here;
	enum err_code code = my_admin_open(&a, s, source, o, &here);

	if (code != ERR_OK) {
		my_admin_find(&a, FINDING_FAIL, "connection", NULL, "%s", here.msg);
		if (e)
			*e = here;
		return code;
	}
	code = check_all(&a, e);
	my_admin_close(&a);
	return code;
}
