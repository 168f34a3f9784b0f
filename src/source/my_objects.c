/* SPDX-License-Identifier: MIT */
/*
 * The tables. DDL commits by itself, so each step leaves something that the next install goes on
 * from: an outbox is there before its pipeline is told to be installed, and both before any
 * trigger.
 */
#include <stdio.h>
#include <string.h>

#include "source/my_audit_table.h"
#include "source/my_inlet.h"
#include "source/my_install.h"

enum err_code my_objects_has(struct my_admin *a, const char *name, bool *ret_has, struct err *e)
{
	int64_t n;
	enum err_code code = my_admin_number(a, 0, &n, e,
					     "SELECT COUNT(*) FROM information_schema.tables WHERE "
					     "table_schema = $ AND table_name = $",
					     a->database, name);

	if (code == ERR_OK)
		*ret_has = n > 0;
	return code;
}

enum err_code my_objects_is_installed(struct my_admin *a, bool *ret_installed, struct err *e)
{
	return my_objects_has(a, MY_INSTALL, ret_installed, e);
}

/* Run what a builder makes, when the table is not there: CREATE TABLE wants a privilege also when
 * there is nothing to create. *ret_made (may be NULL). */
typedef void (*table_builder_fn)(struct buf *out, const char *database);

static ATTR_MUST_CHECK enum err_code put_table(struct my_admin *a, const char *name,
					       table_builder_fn build, struct err *e)
{
	struct buf sql;
	bool has = false;
	enum err_code code = my_objects_has(a, name, &has, e);

	if (code != ERR_OK || (has && !a->options->print_only))
		return code;
	buf_init(&sql, MY_SQL_MAX_BYTES);
	build(&sql, a->database);
	code = my_admin_run_buf(a, &sql, e);
	buf_done(&sql);
	return code;
}

/* Raise *ret_id above the ids in that table, if it is there; pipeline NULL: it is all one's. */
static ATTR_MUST_CHECK enum err_code go_above(struct my_admin *a, const char *table,
					      const char *pipeline, int64_t *ret_id, struct err *e)
{
	struct my_result *r = NULL;
	struct buf sql;
	bool has = false;
	int64_t id = 1;
	enum err_code code = my_objects_has(a, table, &has, e);

	if (code != ERR_OK || !has)
		return code;
	buf_init(&sql, MY_SQL_MAX_BYTES);
	buf_add_str(&sql, "SELECT COALESCE(MAX(id), 0) + 1 FROM ");
	my_quote_name(&sql, a->database, table);
	if (pipeline) {
		buf_add_str(&sql, " WHERE pipeline = ");
		my_quote_literal(&sql, text_of(pipeline));
	}
	code = my_conn_query_buf(a->conn, &sql, &r, e);
	buf_done(&sql);
	if (code == ERR_OK && my_result_next(r))
		id = my_result_i64(r, 0, 1);
	my_result_free(r);
	if (id > *ret_id)
		*ret_id = id;
	return code;
}

/* Ids begin above those of dead letters, parked and delivered events that an earlier outbox left.
 */
static ATTR_MUST_CHECK enum err_code first_id(struct my_admin *a, const char *pipeline,
					      int64_t *ret_id, struct err *e)
{
	char parked[MY_TABLE_NAME_BYTES];
	enum err_code code;

	*ret_id = 1;
	my_schema_parked_name(pipeline, parked);
	code = go_above(a, MY_DEAD_LETTER, pipeline, ret_id, e);
	if (code == ERR_OK)
		code = go_above(a, MY_DELIVERED, pipeline, ret_id, e);
	return code == ERR_OK ? go_above(a, parked, NULL, ret_id, e) : code;
}

/* A new outbox counts its ids anew: that is a new installation, with a new install_id. */
static ATTR_MUST_CHECK enum err_code forget_pipeline(struct my_admin *a, const char *pipeline,
						     struct err *e)
{
	struct buf sql;
	enum err_code code;

	buf_init(&sql, MY_SQL_MAX_BYTES);
	buf_add_str(&sql, "DELETE FROM ");
	my_quote_name(&sql, a->database, MY_INSTALL);
	buf_add_str(&sql, " WHERE pipeline = ");
	my_quote_literal(&sql, text_of(pipeline));
	code = my_admin_run_buf(a, &sql, e);
	buf_done(&sql);
	return code;
}

static ATTR_MUST_CHECK enum err_code add_origin(struct my_admin *a, void *ctx, struct err *e)
{
	struct buf sql;
	enum err_code code;

	buf_init(&sql, MY_SQL_MAX_BYTES);
	buf_add_str(&sql, "ALTER TABLE ");
	my_quote_name(&sql, a->database, ctx);
	buf_add_str(&sql, " ADD COLUMN origin_id BIGINT NULL");
	code = my_admin_run_buf(a, &sql, e);
	buf_done(&sql);
	return code;
}

/* What an outbox of before lacks. */
static ATTR_MUST_CHECK enum err_code put_origin(struct my_admin *a, char *outbox, struct err *e)
{
	int64_t has;
	enum err_code code =
		my_admin_number(a, 0, &has, e,
				"SELECT COUNT(*) FROM information_schema.columns WHERE "
				"table_schema = $ AND table_name = $ AND column_name = "
				"'origin_id'",
				a->database, outbox);

	if (code != ERR_OK || has)
		return code;
	return my_admin_locked(a, a->database, outbox, add_origin, outbox, e);
}

static ATTR_MUST_CHECK enum err_code put_outbox(struct my_admin *a, const char *pipeline,
						struct err *e)
{
	char name[MY_TABLE_NAME_BYTES];
	struct buf sql;
	bool has = false;
	int64_t first;
	enum err_code code;

	my_schema_outbox_name(pipeline, name);
	code = my_objects_has(a, name, &has, e);
	if (code == ERR_OK && has && !a->options->print_only)
		return put_origin(a, name, e);
	if (code != ERR_OK)
		return code;
	code = first_id(a, pipeline, &first, e);
	if (code == ERR_OK && !has)
		code = forget_pipeline(a, pipeline, e);
	if (code != ERR_OK)
		return code;
	buf_init(&sql, MY_SQL_MAX_BYTES);
	my_schema_create_outbox(&sql, a->database, pipeline, first);
	code = my_admin_run_buf(a, &sql, e);
	buf_done(&sql);
	return code;
}

static ATTR_MUST_CHECK enum err_code put_parked(struct my_admin *a, const char *pipeline,
						struct err *e)
{
	char name[MY_TABLE_NAME_BYTES];
	struct buf sql;
	bool has = false;
	enum err_code code;

	my_schema_parked_name(pipeline, name);
	code = my_objects_has(a, name, &has, e);
	if (code != ERR_OK || (has && !a->options->print_only))
		return code;
	buf_init(&sql, MY_SQL_MAX_BYTES);
	my_schema_create_parked(&sql, a->database, pipeline);
	code = my_admin_run_buf(a, &sql, e);
	buf_done(&sql);
	return code;
}

static ATTR_MUST_CHECK enum err_code put_pipeline(struct my_admin *a, const char *pipeline,
						  struct err *e)
{
	struct buf sql;
	enum err_code code = ERR_OK;

	if (!my_audit_table_is(a)) {
		code = put_outbox(a, pipeline, e);
		if (code == ERR_OK)
			code = put_parked(a, pipeline, e);
	}
	if (code != ERR_OK)
		return code;
	buf_init(&sql, MY_SQL_MAX_BYTES);
	buf_add_str(&sql, "INSERT INTO ");
	my_quote_name(&sql, a->database, MY_INSTALL);
	buf_add_str(&sql, " (pipeline, install_id, version, installed_at)\n\tVALUES (");
	my_quote_literal(&sql, text_of(pipeline));
	buf_add_fmt(&sql,
		    ", UUID(), %d, UTC_TIMESTAMP(6)) ON DUPLICATE KEY UPDATE version = "
		    "VALUES(version)",
		    MY_SCHEMA_VERSION);
	code = my_admin_run_buf(a, &sql, e);
	buf_done(&sql);
	return code;
}

enum err_code my_objects_install(struct my_admin *a, const struct my_tables *t, struct err *e)
{
	static const struct {
		const char *name;
		table_builder_fn build;
		bool outbox; /* not for an audit table */
	} objects[] = {
		{MY_INSTALL, my_schema_create_install, false},
		{MY_CAPTURED, my_schema_create_captured, true},
		{MY_DEAD_LETTER, my_schema_create_dead_letter, false},
		{MY_DELIVERED, my_schema_create_delivered, true},
		{MY_WEBHOOK, my_schema_create_webhook, false},
		{MY_BACKFILL, my_schema_create_backfill, true},
	};
	const struct settings *s = a->settings;
	enum err_code code = ERR_OK;
	size_t i;

	my_admin_comment(a, "tables");
	for (i = 0; i < ARRAY_LEN(objects) && code == ERR_OK; i++)
		if (!objects[i].outbox || !my_audit_table_is(a))
			code = put_table(a, objects[i].name, objects[i].build, e);
	if (code == ERR_OK && source_admin_takes_events(s, a->source_index))
		code = put_table(a, MY_INGEST_KEY, my_inlet_create, e);
	for (i = 0; i < s->pipeline_count && code == ERR_OK; i++)
		if (my_admin_has_pipeline(a, i))
			code = put_pipeline(a, s->pipelines[i].name, e);
	if (code == ERR_OK)
		code = my_grants_install(a, t, e);
	return code;
}
