/* SPDX-License-Identifier: MIT */
/*
 * The rows of the key table for tables and for the lists of the long form.
 */
#include "config/key_rows.h"

static const struct key_word priority_words[] = {
	{"optional", PRIORITY_OPTIONAL},
	{"standard", PRIORITY_STANDARD},
	{"important", PRIORITY_IMPORTANT},
	{"critical", PRIORITY_CRITICAL},
	{NULL, 0},
};

/* A field that is a pointer to a struct has a pointer's size: that is what is meant. */
/* NOLINTBEGIN(bugprone-sizeof-expression) */
static const struct key rows[] = {
	{"tables.name", KEY_NAME_OF, TABLE(schema), INSTALL,
	 .help = "The table as TABLE or SCHEMA.TABLE, * in place of TABLE for all of the schema; "
		 "required."},
	{"tables.columns", KEY_LIST, TABLE(columns), .check = check_text, INSTALL,
	 .help = "The columns to send; all when not given."},
	{"tables.exclude", KEY_LIST, TABLE(exclude), .check = check_text, INSTALL,
	 .help = "The columns not to send; not together with columns."},
	{"tables.key", KEY_LIST, TABLE(key), .check = check_text, INSTALL,
	 .help = "The columns that identify a row; the primary key when not given."},
	{"tables.where", KEY_WHERE, TABLE(where), INSTALL,
	 .help = "Which rows to capture: SQL on OLD and NEW, one for all operations or a mapping "
		 "of "
		 "insert, update and delete."},

	{"sources.name", KEY_STRING, SOURCE(name), .check = check_name,
	 .help = "What pipelines call this source; required."},

	{"webhooks.name", KEY_STRING, WEBHOOK(name), .check = check_name,
	 .help = "What pipelines call this webhook; required."},

	{"pipelines.name", KEY_STRING, PIPELINE(name), .check = check_name, INSTALL,
	 .help = "The name in events, metrics and log lines; required."},
	{"pipelines.source", KEY_SOURCE, PIPELINE(source), INSTALL,
	 .help = "The source; the one called default, or the only one, when not given."},
	{"pipelines.webhook", KEY_WEBHOOK, PIPELINE(webhook),
	 .help = "The webhook; the one called default, or the only one, when not given."},
	{"pipelines.table", KEY_TABLE, PIPELINE(tables), .alias = true, INSTALL,
	 .help = "The one table, as TABLE or SCHEMA.TABLE."},
	{"pipelines.tables", KEY_TABLES, PIPELINE(tables), INSTALL,
	 .help = "The tables, a list as described under tables; those of the source when not "
		 "given."},
	{"pipelines.operations", KEY_OPS, PIPELINE(operations), .alias = true, NOT_HTTP, INSTALL,
	 .help = "Another name for listener.modes."},
	{"pipelines.capacity", KEY_INT, PIPELINE(capacity), .def = "0", RANGE(0, 10000000),
	 .help = "The most events of this pipeline in memory; 0: an equal share of "
		 "queue.capacity."},
	{"pipelines.max_bytes", KEY_SIZE, PIPELINE(max_bytes), .def = "0", RANGE(0, 64 * GB),
	 .help = "The most bytes of events in memory; 0: an equal share of queue.max_bytes."},
	{"pipelines.priority", KEY_WORD, PIPELINE(priority), .def = "standard",
	 .words = priority_words,
	 .help = "Who is read last when memory is short: optional stops first, critical has a "
		 "share of "
		 "its own."},
	{"pipelines.always", KEY_BOOL, PIPELINE(always), .def = "false", INSTALL,
	 ONLY_POSTGRES("session_replication_role is PostgreSQL's"),
	 .help = "Whether changes under session_replication_role=replica are captured too."},
};
/* NOLINTEND(bugprone-sizeof-expression) */

const struct key_rows key_rows_of_pipeline = {rows, ARRAY_LEN(rows)};
