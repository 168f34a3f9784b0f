/* SPDX-License-Identifier: MIT */
#include "source/pg_sequence.h"

#include <stdio.h>
#include <string.h>

#include "source/pg_quote.h"
#include "source/pg_trigger.h"

void pg_sequence_name(struct buf *out, const char *pipeline)
{
	char name[PG_NAME_BYTES];

	if (strcmp(pipeline, "default") == 0) {
		buf_add_str(out, PG_SCHEMA ".outbox_id_seq");
		return;
	}
	(void)snprintf(name, sizeof(name), "outbox_%.40s_id_seq", pipeline);
	buf_add_str(out, PG_SCHEMA ".");
	pg_quote_ident(out, name);
}

/* Ids up to where the sequence is now are in no order; the lock that ALTER SEQUENCE took lets
 * nobody draw another before this commits. What the daemon makes of it: pg_read.c. */
static ATTR_MUST_CHECK enum err_code note_cached(struct pg_admin *a, const char *name,
						 const char *pipeline, struct err *e)
{
	struct buf sql;
	enum err_code code;

	buf_init(&sql, PG_SQL_MAX_BYTES);
	buf_add_fmt(&sql,
		    "UPDATE " PG_SCHEMA ".install SET cached_upto = (SELECT last_value FROM %s) "
		    "WHERE pipeline = ",
		    name);
	pg_quote_literal(&sql, text_of(pipeline));
	code = pg_admin_run_buf(a, &sql, e);
	buf_done(&sql);
	return code;
}

static ATTR_MUST_CHECK enum err_code repair_sequence(struct pg_admin *a, const char *name,
						     const char *pipeline, struct err *e)
{
	const char *const values[] = {name};
	char sql[256];
	int64_t cache;
	enum err_code code;

	if (a->options->print_only)
		return ERR_OK;
	code = pg_admin_number(
		a,
		"SELECT seqcache FROM pg_sequence WHERE seqrelid = $1::regclass AND seqcache <> 1",
		1, values, 1, &cache, e);
	if (code != ERR_OK || cache == 1)
		return code;
	/* also makes open sessions forget the ids they hold: the sequence gets a new file */
	(void)snprintf(sql, sizeof(sql), "ALTER SEQUENCE %s CACHE 1", name);
	code = pg_admin_run(a, sql, e);
	if (code == ERR_OK)
		code = note_cached(a, name, pipeline, e);
	if (code == ERR_OK)
		pg_admin_find(a, FINDING_WARN, name, NULL,
			      "had CACHE %lld, which breaks the order of events; set to 1",
			      (long long)cache);
	return code;
}

enum err_code pg_sequence_install(struct pg_admin *a, const char *pipeline, struct err *e)
{
	struct buf name, sql;
	bool is_default = strcmp(pipeline, "default") == 0;
	enum err_code code;

	buf_init(&name, PG_SQL_MAX_BYTES);
	buf_init(&sql, PG_SQL_MAX_BYTES);
	pg_sequence_name(&name, pipeline);
	buf_add_fmt(&sql,
		    "CREATE SEQUENCE IF NOT EXISTS %s CACHE 1 OWNED BY " PG_SCHEMA ".outbox.id",
		    buf_str(&name));
	code = pg_admin_run_buf(a, &sql, e);
	if (code == ERR_OK)
		code = repair_sequence(a, buf_str(&name), pipeline, e);
	if (code == ERR_OK && is_default)
		code = pg_admin_run(a,
				    "ALTER TABLE " PG_SCHEMA ".outbox ALTER COLUMN id SET DEFAULT "
				    "nextval('" PG_SCHEMA ".outbox_id_seq')",
				    e);
	buf_done(&sql);
	buf_done(&name);
	return code;
}

enum err_code pg_sequence_install_default(struct pg_admin *a, struct err *e)
{
	int64_t has;
	enum err_code code = ERR_OK;

	/* SET DEFAULT takes an exclusive lock on the outbox: once is enough */
	if (!a->options->print_only) {
		code = pg_admin_number(a,
				       "SELECT count(*) FROM pg_attribute WHERE attrelid = "
				       "'" PG_SCHEMA ".outbox'::regclass AND attname = 'id' AND "
				       "atthasdef",
				       0, NULL, 0, &has, e);
		if (code == ERR_OK && has)
			return repair_sequence(a, PG_SCHEMA ".outbox_id_seq", "default", e);
	}
	return code == ERR_OK ? pg_sequence_install(a, "default", e) : code;
}
