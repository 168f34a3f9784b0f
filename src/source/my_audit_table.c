/* SPDX-License-Identifier: MIT */
#include "source/my_audit_table.h"

#include <stdio.h>
#include <string.h>

#include "config/suggest.h"
#include "source/my_columns.h"

struct names {
	char schema[MY_NAME_BYTES];
	char table[MY_NAME_BYTES];
	char label[2 * MY_NAME_BYTES + 2];
};

bool my_audit_table_is(const struct my_admin *a)
{
	return a->source->audit_table != NULL;
}

static void split(const struct my_admin *a, struct names *n)
{
	const char *name = a->source->audit_table, *dot = strchr(name, '.');

	if (dot)
		(void)snprintf(n->schema, sizeof(n->schema), "%.*s", (int)(dot - name), name);
	else
		(void)snprintf(n->schema, sizeof(n->schema), "%s", a->database);
	(void)snprintf(n->table, sizeof(n->table), "%s", dot ? dot + 1 : name);
	(void)snprintf(n->label, sizeof(n->label), "%s.%s", n->schema, n->table);
}

void my_audit_table_name(struct buf *out, const struct my_admin *a)
{
	struct names n;

	split(a, &n);
	my_quote_name(out, n.schema, n.table);
}

/* ---- columns ---- */

static const char *const numbers[] = {"tinyint", "smallint", "mediumint", "int",
				      "bigint",  "bit",      NULL};
static const char *const texts[] = {"char",     "varchar", "tinytext", "text", "mediumtext",
				    "longtext", "enum",    "json",     NULL};
static const char *const times[] = {"timestamp", "datetime", NULL};

static const struct {
	const char *name;
	const char *const *types;
	const char *definition; /* as it should be */
} wanted[] = {
	{"id", numbers, "BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY"},
	{"operation", texts, "VARCHAR(16) NOT NULL"},
	{"table_name", texts, "VARCHAR(129) NOT NULL"},
	{"changed_at", times, "TIMESTAMP(6) NOT NULL DEFAULT CURRENT_TIMESTAMP(6)"},
	{"data", texts, "LONGTEXT CHARACTER SET utf8mb4 NULL"},
	{"old_data", texts, "LONGTEXT CHARACTER SET utf8mb4 NULL"},
	{"processed", numbers, "BOOLEAN NOT NULL DEFAULT FALSE"},
};

static const struct my_column *find_column(const struct my_columns *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->count; i++)
		if (strcasecmp(c->items[i].name, name) == 0)
			return &c->items[i];
	return NULL;
}

static bool is_one_of(const char *const *types, const char *type)
{
	for (; *types; types++)
		if (strcmp(*types, type) == 0)
			return true;
	return false;
}

static void check_columns(struct my_admin *a, const struct names *n, const struct my_columns *c,
			  int *wrong)
{
	const struct my_column *column;
	char hint[256];
	size_t i;

	for (i = 0; i < ARRAY_LEN(wanted); i++) {
		column = find_column(c, wanted[i].name);
		if (column && is_one_of(wanted[i].types, column->data_type))
			continue;
		(void)snprintf(hint, sizeof(hint), "ALTER TABLE %.64s %s %s %s", n->table,
			       column ? "MODIFY" : "ADD", wanted[i].name, wanted[i].definition);
		++*wrong;
		if (column)
			my_admin_find(a, FINDING_FAIL, n->label, hint,
				      "column %s has type %s, which cannot be read as it",
				      wanted[i].name, column->column_type);
		else
			my_admin_find(a, FINDING_FAIL, n->label, hint, "has no column %s",
				      wanted[i].name);
	}
}

/* ---- key and index ---- */

static ATTR_MUST_CHECK enum err_code check_id(struct my_admin *a, const struct names *n, int *wrong,
					      struct err *e)
{
	int64_t good;
	enum err_code code = my_admin_number(
		a, 0, &good, e,
		"SELECT COUNT(*) = 1 AND SUM(c.column_name = 'id' AND c.extra LIKE "
		"'%auto_increment%') FROM information_schema.statistics s JOIN "
		"information_schema.columns c ON c.table_schema = s.table_schema AND c.table_name "
		"= s.table_name AND c.column_name = s.column_name WHERE s.table_schema = $ AND "
		"s.table_name = $ AND s.index_name = 'PRIMARY'",
		n->schema, n->table);

	if (code != ERR_OK || good)
		return code;
	++*wrong;
	my_admin_find(a, FINDING_FAIL, n->label,
		      "make id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY",
		      "id is not its primary key, or does not count by itself");
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code check_index(struct my_admin *a, const struct names *n,
						 struct err *e)
{
	char hint[128];
	int64_t has;
	enum err_code code = my_admin_number(
		a, 0, &has, e,
		"SELECT COUNT(*) FROM information_schema.statistics WHERE table_schema = $ AND "
		"table_name = $ AND column_name = 'processed' AND seq_in_index = 1",
		n->schema, n->table);

	if (code != ERR_OK || has)
		return code;
	(void)snprintf(hint, sizeof(hint), "CREATE INDEX processed ON %.64s (processed, id)",
		       n->table);
	my_admin_find(a, FINDING_WARN, n->label, hint,
		      "has no index that begins with processed: the more rows it keeps, the longer "
		      "the daemon takes to start");
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code check_engine(struct my_admin *a, const struct names *n,
						  int *wrong, struct err *e)
{
	struct my_result *r = NULL;
	enum err_code code = my_admin_query(a, &r, e,
					    "SELECT engine FROM information_schema.tables WHERE "
					    "table_schema = $ AND table_name = $",
					    n->schema, n->table);

	if (code == ERR_OK && my_result_next(r) && strcmp(my_result_str(r, 0), "InnoDB") != 0) {
		++*wrong;
		my_admin_find(a, FINDING_FAIL, n->label, "ALTER TABLE ... ENGINE = InnoDB",
			      "has engine %s: rows of transactions that are rolled back stay in it",
			      my_result_str(r, 0));
	}
	my_result_free(r);
	return code;
}

/* ---- the whole ---- */

static ATTR_MUST_CHECK enum err_code find_missing(struct my_admin *a, const struct names *n,
						  struct err *e)
{
	char hint[160] = "";
	struct my_result *r = NULL;
	struct suggest near;
	enum err_code code = my_admin_query(
		a, &r, e, "SELECT table_name FROM information_schema.tables WHERE table_schema = $",
		n->schema);

	if (code != ERR_OK)
		return code;
	suggest_init(&near, text_of(n->table));
	while (my_result_next(r))
		suggest_add(&near, my_result_str(r, 0));
	if (suggest_best(&near))
		(void)snprintf(hint, sizeof(hint), "did you mean %.129s?", suggest_best(&near));
	my_admin_find(a, FINDING_FAIL, n->label, hint[0] ? hint : "docs/mysql.md has an example",
		      "no such table, named in audit_table");
	my_result_free(r);
	return ERR_OK;
}

enum err_code my_audit_table_check(struct my_admin *a, int *ret_wrong, struct err *e)
{
	struct my_columns columns = {0};
	struct names n;
	int wrong = 0;
	enum err_code code;

	split(a, &n);
	code = my_columns_load(a->conn, n.schema, n.table, &columns, e);
	if (code == ERR_OK && columns.count == 0) {
		wrong++;
		code = find_missing(a, &n, e);
	} else if (code == ERR_OK) {
		check_columns(a, &n, &columns, &wrong);
		code = check_id(a, &n, &wrong, e);
		if (code == ERR_OK)
			code = check_engine(a, &n, &wrong, e);
		if (code == ERR_OK)
			code = check_index(a, &n, e);
	}
	my_columns_done(&columns);
	if (code == ERR_OK && !wrong)
		my_admin_find(a, FINDING_OK, n.label, NULL, "is read in place of an outbox");
	*ret_wrong = wrong;
	return code;
}
