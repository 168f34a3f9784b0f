/* SPDX-License-Identifier: MIT */
#include "source/pg_backfill.h"

#include "base/buf.h"
#include "config/field.h"
#include "source/pg_admin.h"
#include "source/pg_array.h"
#include "source/pg_quote.h"
#include "source/tables.h"

/* Does the index, or the type of the column, compare by operators that a page does not see? It
 * looks in pg_catalog alone, where "new.k > '...'::citext" compares texts, while ORDER BY takes the
 * default operator class of the type: the two would not mean the same order, and rows be lost.
 * PostgreSQL manual, "Operator Classes and Operator Families". */
#define IS_FOREIGN                                                                                 \
	"EXISTS (WITH RECURSIVE b AS (SELECT a.atttypid AS id UNION ALL "                          \
	"SELECT d.typbasetype FROM b JOIN pg_catalog.pg_type AS d ON d.oid = b.id "                \
	"WHERE d.typtype = 'd') "                                                                  \
	"SELECT FROM pg_catalog.pg_opclass AS oc JOIN pg_catalog.pg_amop AS ao "                   \
	"ON ao.amopfamily = oc.opcfamily AND ao.amoplefttype = oc.opcintype "                      \
	"AND ao.amoprighttype = oc.opcintype "                                                     \
	"JOIN pg_catalog.pg_operator AS o ON o.oid = ao.amopopr "                                  \
	"WHERE o.oprnamespace <> 'pg_catalog'::regnamespace "                                      \
	"AND (oc.oid = c.opclass OR oc.opcdefault AND oc.opcintype IN (SELECT id FROM b) "         \
	"AND oc.opcmethod = (SELECT oid FROM pg_catalog.pg_am WHERE amname = 'btree')))"

/* $1 schema, $2 table, $3 the configured key as an array literal */
static const char walk_sql[] =
	"WITH t AS (SELECT c.oid, c.relkind FROM pg_catalog.pg_class AS c JOIN "
	"pg_catalog.pg_namespace AS n "
	"ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2 "
	"AND c.relkind IN ('r', 'p')), "
	"k AS (SELECT i.indexrelid, i.indisprimary, "
	"array_agg(a.attname::text ORDER BY c.pos) AS names, "
	"array_agg(pg_catalog.format_type(a.atttypid, a.atttypmod) ORDER BY c.pos) AS types, "
	"bool_and(a.attnotnull) AS is_full, "
	"min(a.attname::text) FILTER (WHERE x.is_foreign) AS foreigner "
	"FROM t JOIN pg_catalog.pg_index AS i ON i.indrelid = t.oid "
	"CROSS JOIN LATERAL ROWS FROM (unnest(i.indkey::int2[]), unnest(i.indclass::oid[])) "
	"WITH ORDINALITY AS c(num, opclass, pos) "
	"JOIN pg_catalog.pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = c.num "
	"CROSS JOIN LATERAL (SELECT " IS_FOREIGN " AS is_foreign) AS x "
	"WHERE i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL "
	"AND c.pos <= i.indnkeyatts GROUP BY 1, 2), "
	"best AS (SELECT * FROM k WHERE indisprimary OR is_full AND names <@ $3::text[] AND "
	"names @> $3::text[] ORDER BY foreigner IS NOT NULL, indisprimary DESC, indexrelid LIMIT "
	"1) "
	"SELECT u.name, u.type, best.foreigner, t.relkind = 'r' FROM t LEFT JOIN best ON true "
	"LEFT JOIN LATERAL unnest(best.names, best.types) WITH ORDINALITY AS u(name, type, pos) "
	"ON true ORDER BY u.pos";

static void add_array(struct buf *out, const struct string_list *l)
{
	const char *s;
	size_t i;

	buf_add_char(out, '{');
	for (i = 0; i < l->count; i++) {
		buf_add_str(out, i ? ",\"" : "\"");
		for (s = l->items[i]; *s; s++) {
			if (*s == '"' || *s == '\\')
				buf_add_char(out, '\\');
			buf_add_char(out, *s);
		}
		buf_add_char(out, '"');
	}
	buf_add_char(out, '}');
}

static ATTR_MUST_CHECK enum err_code take_rows(const PGresult *res, const char *schema,
					       const char *table, struct pg_walk *w, struct err *e)
{
	enum err_code code = ERR_OK;
	int i;

	if (!PQntuples(res))
		return err_set(e, ERR_NOT_FOUND, "table %s.%s is gone", schema, table);
	if (PQgetisnull(res, 0, 0))
		return err_set(e, ERR_CONFIG,
			       "%s.%s has no primary key, and a backfill walks a table by it: give "
			       "it one, or name in tables.key the columns of a unique index that "
			       "are all NOT NULL",
			       schema, table);
	if (!PQgetisnull(res, 0, 2))
		return err_set(
			e, ERR_CONFIG,
			"%s.%s: the type of key column %s is compared by operators outside "
			"pg_catalog, which a backfill cannot walk by: name in tables.key the "
			"columns of another unique index that are all NOT NULL",
			schema, table, PQgetvalue(res, 0, 2));
	w->is_plain = *PQgetvalue(res, 0, 3) == 't';
	for (i = 0; i < PQntuples(res) && code == ERR_OK; i++) {
		code = table_list_add(&w->key, PQgetvalue(res, i, 0), e);
		if (code == ERR_OK)
			code = table_list_add(&w->types, PQgetvalue(res, i, 1), e);
	}
	return code;
}

enum err_code pg_walk_load(struct pg_conn *c, const char *schema, const char *table,
			   const struct string_list *configured, struct pg_walk *ret, struct err *e)
{
	const char *values[3] = {schema, table};
	struct buf names;
	PGresult *res = NULL;
	enum err_code code;

	*ret = (struct pg_walk){.key = {.count = 0}};
	buf_init(&names, 64UL * 1024);
	add_array(&names, configured);
	values[2] = buf_str(&names);
	code = buf_error(&names) == ERR_OK ? pg_conn_query(c, walk_sql, 3, values, false, &res, e)
					   : err_set(e, ERR_NOMEM, "no memory for a key");
	buf_done(&names);
	if (code != ERR_OK)
		return code;
	code = take_rows(res, schema, table, ret, e);
	PQclear(res);
	return code;
}

void pg_walk_from(struct buf *out, const char *schema, const char *table, const struct pg_walk *w)
{
	buf_add_str(out, w->is_plain ? "FROM ONLY " : "FROM ");
	pg_quote_name(out, schema, table);
	buf_add_str(out, " AS new");
}

void pg_walk_done(struct pg_walk *w)
{
	string_list_done(&w->key);
	string_list_done(&w->types);
}
