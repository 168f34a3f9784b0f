/* SPDX-License-Identifier: MIT */
/*
 * Texts are LONGTEXT, not JSON: in MariaDB JSON is LONGTEXT with a check, and in MySQL a binary
 * form that loses the order of columns and the digits of numbers. No secondary index on an
 * outbox: it would make every captured write and every acknowledgement dearer, and all reading is
 * by id.
 */
#include "source/my_schema.h"

#include <stdio.h>
#include <string.h>

#include "source/my_conn.h"

#define TABLE_OPTIONS "ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"

#define EVENT_COLUMNS                                                                              \
	"\toperation VARCHAR(16) NOT NULL,\n"                                                      \
	"\tschema_name VARCHAR(64) NOT NULL,\n"                                                    \
	"\ttable_name VARCHAR(64) NOT NULL,\n"                                                     \
	"\trow_key LONGTEXT NULL,\n"                                                               \
	"\told_key LONGTEXT NULL,\n"                                                               \
	"\tchanged_at DATETIME(6) NOT NULL,\n"                                                     \
	"\ttruncated TINYINT NOT NULL DEFAULT 0,\n"                                                \
	"\tbytes INT UNSIGNED NOT NULL DEFAULT 0,\n"                                               \
	"\tdata LONGTEXT NULL,\n"                                                                  \
	"\told_data LONGTEXT NULL"

static void table_name(const char *base, const char *pipeline, char out[static MY_TABLE_NAME_BYTES])
{
	if (strcmp(pipeline, "default") == 0)
		(void)snprintf(out, MY_TABLE_NAME_BYTES, "%s", base);
	else
		(void)snprintf(out, MY_TABLE_NAME_BYTES, "%s_%s", base, pipeline);
}

void my_schema_outbox_name(const char *pipeline, char out[static MY_TABLE_NAME_BYTES])
{
	table_name(MY_OUTBOX, pipeline, out);
}

void my_schema_parked_name(const char *pipeline, char out[static MY_TABLE_NAME_BYTES])
{
	table_name(MY_PARKED, pipeline, out);
}

void my_schema_outbox(struct buf *out, const char *database, const char *pipeline)
{
	char name[MY_TABLE_NAME_BYTES];

	my_schema_outbox_name(pipeline, name);
	my_quote_name(out, database, name);
}

void my_schema_parked(struct buf *out, const char *database, const char *pipeline)
{
	char name[MY_TABLE_NAME_BYTES];

	my_schema_parked_name(pipeline, name);
	my_quote_name(out, database, name);
}

static void create(struct buf *out, const char *database, const char *name, const char *columns)
{
	buf_add_str(out, "CREATE TABLE IF NOT EXISTS ");
	my_quote_name(out, database, name);
	buf_add_fmt(out, " (\n%s\n) " TABLE_OPTIONS, columns);
}

void my_schema_create_install(struct buf *out, const char *database)
{
	create(out, database, MY_INSTALL,
	       "\tpipeline VARCHAR(40) NOT NULL PRIMARY KEY,\n"
	       "\tinstall_id CHAR(36) NOT NULL,\n"
	       "\tversion INT NOT NULL,\n"
	       "\tinstalled_at DATETIME(6) NOT NULL");
}

void my_schema_create_captured(struct buf *out, const char *database)
{
	create(out, database, MY_CAPTURED,
	       "\tpipeline VARCHAR(40) NOT NULL,\n"
	       "\tschema_name VARCHAR(64) NOT NULL,\n"
	       "\ttable_name VARCHAR(64) NOT NULL,\n"
	       "\tfingerprint VARCHAR(64) NOT NULL,\n"
	       "\toptions MEDIUMTEXT NOT NULL,\n"
	       "\ttrigger_names TEXT NOT NULL,\n"
	       "\tinstalled_at DATETIME(6) NOT NULL,\n"
	       "\tPRIMARY KEY (pipeline, schema_name, table_name)");
}

void my_schema_create_dead_letter(struct buf *out, const char *database)
{
	create(out, database, MY_DEAD_LETTER,
	       "\tpipeline VARCHAR(40) NOT NULL,\n"
	       "\tid BIGINT NOT NULL,\n" EVENT_COLUMNS ",\n"
	       "\tattempts INT NOT NULL,\n"
	       "\tlast_status INT NULL,\n"
	       "\tlast_error TEXT NOT NULL,\n"
	       "\tdied_at DATETIME(6) NOT NULL,\n"
	       "\tPRIMARY KEY (pipeline, id)");
}

void my_schema_create_delivered(struct buf *out, const char *database)
{
	create(out, database, MY_DELIVERED,
	       "\tpipeline VARCHAR(40) NOT NULL,\n"
	       "\tid BIGINT NOT NULL,\n" EVENT_COLUMNS ",\n"
	       "\tdelivered_at DATETIME(6) NOT NULL,\n"
	       "\tPRIMARY KEY (pipeline, id),\n"
	       "\tKEY by_time (pipeline, delivered_at)");
}

void my_schema_create_webhook(struct buf *out, const char *database)
{
	create(out, database, MY_WEBHOOK,
	       "\tpipeline VARCHAR(40) NOT NULL PRIMARY KEY,\n"
	       "\twebhook VARCHAR(64) NOT NULL,\n"
	       "\tdisabled TINYINT NOT NULL,\n"
	       "\tsince_us BIGINT NOT NULL,\n"
	       "\tfailing_us BIGINT NOT NULL,\n"
	       "\treason VARCHAR(255) NOT NULL");
}

/* end_key, cursor_key, skipped: source/backfill.h and source/my_walk.h have their form. */
void my_schema_create_backfill(struct buf *out, const char *database)
{
	create(out, database, MY_BACKFILL,
	       "\tid BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,\n"
	       "\tpipeline VARCHAR(40) NOT NULL,\n"
	       "\tschema_name VARCHAR(64) NOT NULL,\n"
	       "\ttable_name VARCHAR(64) NOT NULL,\n"
	       "\tcolumn_names MEDIUMTEXT NULL,\n"
	       "\twhere_sql MEDIUMTEXT NULL,\n"
	       "\trate BIGINT NOT NULL,\n"
	       "\tflush_every BIGINT NOT NULL,\n"
	       "\tmax_concurrent_pages BIGINT NOT NULL,\n"
	       "\tstate VARCHAR(16) NOT NULL,\n"
	       "\tend_key MEDIUMTEXT NULL,\n"
	       "\tcursor_key MEDIUMTEXT NULL,\n"
	       "\tskipped MEDIUMTEXT NULL,\n"
	       "\tskipped_count BIGINT NOT NULL DEFAULT 0,\n"
	       "\trows_done BIGINT NOT NULL DEFAULT 0,\n"
	       "\trows_estimate BIGINT NOT NULL,\n"
	       "\tcreated_at DATETIME(6) NOT NULL,\n"
	       "\tupdated_at DATETIME(6) NOT NULL,\n"
	       "\tlast_error VARCHAR(255) NOT NULL DEFAULT ''");
}

void my_schema_create_outbox(struct buf *out, const char *database, const char *pipeline,
			     int64_t first_id)
{
	char name[MY_TABLE_NAME_BYTES];

	my_schema_outbox_name(pipeline, name);
	create(out, database, name,
	       "\tid BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,\n" EVENT_COLUMNS
	       ",\n\torigin_id BIGINT NULL");
	buf_add_fmt(out, " AUTO_INCREMENT=%lld", (long long)first_id);
}

void my_schema_create_parked(struct buf *out, const char *database, const char *pipeline)
{
	char name[MY_TABLE_NAME_BYTES];

	my_schema_parked_name(pipeline, name);
	create(out, database, name,
	       "\tseq BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,\n"
	       "\tid BIGINT NOT NULL,\n" EVENT_COLUMNS ",\n"
	       "\torigin_id BIGINT NULL,\n"
	       "\tattempts INT NOT NULL,\n"
	       "\tlast_status INT NULL,\n"
	       "\tlast_error TEXT NULL,\n"
	       "\tstep INT NOT NULL,\n"
	       "\tdue_at DATETIME(6) NULL,\n"
	       "\trow_hash1 BIGINT NOT NULL,\n"
	       "\trow_hash2 BIGINT NOT NULL,\n"
	       "\ttable_hash BIGINT NOT NULL,\n"
	       "\tparked_at DATETIME(6) NOT NULL,\n"
	       "\tUNIQUE KEY by_id (id),\n"
	       "\tKEY by_row1 (row_hash1, seq),\n"
	       "\tKEY by_row2 (row_hash2, seq),\n"
	       "\tKEY by_table (table_hash, seq),\n"
	       "\tKEY by_due (due_at, seq)");
}
