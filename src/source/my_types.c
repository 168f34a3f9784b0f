/* SPDX-License-Identifier: MIT */
/*
 * Each value is written as text and the row is put together with CONCAT, not with JSON_OBJECT:
 * that raises an error over max_allowed_packet, mixes up character sets (MariaDB), loses the
 * columns' order and refuses nesting (MySQL).
 *
 * Triggers have a sql_mode of their own, without ANSI_QUOTES, NO_BACKSLASH_ESCAPES and
 * PAD_CHAR_TO_FULL_LENGTH, which the expressions rely on.
 */
#include "source/my_types.h"

#include <stdio.h>
#include <string.h>

#define MARIADB (1U << MY_MARIADB)
#define MYSQL (1U << MY_MYSQL)
#define BOTH (MARIADB | MYSQL)

#define LONGEST_MAX (INT64_MAX / 4096)

/* Digits only: ZEROFILL pads with zeros, which are no JSON number; + 0 takes them off. */
#define NUMBER(NAME, LONGEST)                                                                      \
	{                                                                                          \
		NAME, BOTH, "$", "($ + 0)", "$", MY_SIZE_FIXED, LONGEST                            \
	}
/* To text by way of FLOAT are six digits only; DOUBLE gives the shortest text that reads back as
 * the same number. */
#define FLOATING(NAME)                                                                             \
	{                                                                                          \
		NAME, BOTH, "CAST($ AS DOUBLE)", "CAST($ AS DOUBLE)", "CAST($ AS DOUBLE)",         \
			MY_SIZE_FIXED, 32                                                          \
	}
#define QUOTED(NAME, FLAVOURS, LONGEST)                                                            \
	{                                                                                          \
		NAME, FLAVOURS, "CONCAT('\"', $, '\"')", NULL, "$", MY_SIZE_FIXED, LONGEST         \
	}
/* Collations call 'a' and 'A' equal, and most 'a' and 'a ' too; only the binary one of the same
 * character set and the length tell them apart. CAST AS BINARY would do it in one, but gives NULL
 * over max_allowed_packet, and NULL is equal to NULL. */
#define TEXT_SAME "$ COLLATE %_bin;OCTET_LENGTH($)"
#define TEXT(NAME)                                                                                 \
	{                                                                                          \
		NAME, BOTH, "JSON_QUOTE(CONVERT($ USING utf8mb4))", NULL, TEXT_SAME, MY_SIZE_TEXT, \
			2                                                                          \
	}
/* The number of the member: '' is also what an invalid value reads as */
#define MEMBERS(NAME)                                                                              \
	{                                                                                          \
		NAME, BOTH, "JSON_QUOTE(CONVERT($ USING utf8mb4))", NULL, "($ + 0)", MY_SIZE_TEXT, \
			2                                                                          \
	}
#define BASE64(NAME)                                                                               \
	{                                                                                          \
		NAME, BOTH, "CONCAT('\"', REPLACE(TO_BASE64($), '\\n', ''), '\"')", NULL, "$",     \
			MY_SIZE_BINARY, 8                                                          \
	}
/* As stored: SRID in four octets, then WKB. Nothing here looks the SRID up, which could fail. */
#define GEOMETRY(NAME, FLAVOURS)                                                                   \
	{                                                                                          \
		NAME, FLAVOURS,                                                                    \
			"CONCAT('{\"srid\":', ST_SRID($), ',\"wkb\":\"', "                         \
			"REPLACE(TO_BASE64(SUBSTR(CAST($ AS BINARY), 5)), '\\n', ''), '\"}')",     \
			NULL, "$", MY_SIZE_BINARY, 48                                              \
	}

/* JSON_VALID lets 1. pass, and \x for any x. Only a text that may hold one of them is looked at
 * closely; what is not JSON is sent as a string. Patterns without backtracking. */
#define DOUBTFUL "[0-9]\\\\.(?![0-9])|\\\\\\\\[^\"\\\\\\\\/bfnrtu]"
#define STRICT                                                                                     \
	"^(?:[^\"0-9]++|[0-9]++(?:\\\\.[0-9]++)?+(?!\\\\.)|"                                       \
	"\"(?:[^\"\\\\\\\\]++|\\\\\\\\[\"\\\\\\\\/bfnrtu])*+\")*+\\\\z"
#define JSON_TEXT                                                                                  \
	"IF(JSON_VALID($) AND ($ NOT RLIKE '" DOUBTFUL "' OR COALESCE($ RLIKE '" STRICT "', 0)), " \
	"CONVERT($ USING utf8mb4), JSON_QUOTE(CONVERT($ USING utf8mb4)))"

/* UNIX_TIMESTAMP reads what is stored, whatever the session's time zone is and also in the hour
 * that a clock shows twice. For the zero date it gives 0, or NULL in a trigger of MariaDB. */
#define TIMESTAMP_TEXT                                                                             \
	"IF(UNIX_TIMESTAMP($) > 0, CONCAT('\"', "                                                  \
	"REPLACE(TIMESTAMP'1970-01-01 00:00:00' + INTERVAL UNIX_TIMESTAMP($) SECOND, ' ', 'T'), "  \
	"'Z\"'), '\"0000-00-00T00:00:00Z\"')"
#define TIMESTAMP_SAME "IF($ IS NULL, -1, COALESCE(UNIX_TIMESTAMP($), 0))"

static const struct my_type types[] = {
	NUMBER("tinyint", 4),
	NUMBER("smallint", 6),
	NUMBER("mediumint", 9),
	NUMBER("int", 11),
	NUMBER("bigint", 20),
	NUMBER("decimal", 68),
	FLOATING("float"),
	FLOATING("double"),
	{"bit", BOTH, "($ + 0)", NULL, "($ + 0)", MY_SIZE_FIXED, 20},
	{"year", BOTH, "($ + 0)", "($ + 0)", "$", MY_SIZE_FIXED, 4},
	QUOTED("date", BOTH, 12),
	QUOTED("time", BOTH, 19),
	{"datetime", BOTH, "CONCAT('\"', REPLACE($, ' ', 'T'), '\"')", NULL, "$", MY_SIZE_FIXED,
	 28},
	{"timestamp", BOTH, TIMESTAMP_TEXT, NULL, TIMESTAMP_SAME, MY_SIZE_FIXED, 29},
	TEXT("char"),
	TEXT("varchar"),
	TEXT("tinytext"),
	TEXT("text"),
	TEXT("mediumtext"),
	TEXT("longtext"),
	MEMBERS("enum"),
	MEMBERS("set"),
	BASE64("binary"),
	BASE64("varbinary"),
	BASE64("tinyblob"),
	BASE64("blob"),
	BASE64("mediumblob"),
	BASE64("longblob"),
	{"vector", BOTH, "CONCAT('\"', REPLACE(TO_BASE64($), '\\n', ''), '\"')", NULL,
	 "CAST($ AS BINARY)", MY_SIZE_BINARY, 8},
	{"json check", MARIADB, JSON_TEXT, NULL, TEXT_SAME, MY_SIZE_TEXT, 2},
	/* also as text: 1 and 1.0 are equal to MySQL, and stored differently */
	{"json", MYSQL, "CAST($ AS CHAR CHARACTER SET utf8mb4)", NULL,
	 "$;CAST(CAST($ AS CHAR CHARACTER SET utf8mb4) AS BINARY)", MY_SIZE_TEXT, 2},
	GEOMETRY("geometry", BOTH),
	GEOMETRY("point", BOTH),
	GEOMETRY("linestring", BOTH),
	GEOMETRY("polygon", BOTH),
	GEOMETRY("multipoint", BOTH),
	GEOMETRY("multilinestring", BOTH),
	GEOMETRY("multipolygon", BOTH),
	GEOMETRY("geometrycollection", BOTH),
	GEOMETRY("geomcollection", MYSQL),
	QUOTED("uuid", MARIADB, 38),
	QUOTED("inet4", MARIADB, 17),
	QUOTED("inet6", MARIADB, 48),
};

const struct my_type *my_type_find(enum my_flavour flavour, const struct my_column *c)
{
	const char *name = c->is_json && flavour == MY_MARIADB ? "json check" : c->data_type;
	size_t i;

	for (i = 0; i < ARRAY_LEN(types); i++)
		if (strcmp(types[i].name, name) == 0 && (types[i].flavours & 1U << flavour))
			return &types[i];
	return NULL;
}

/* ---- expressions ---- */

static void add_column(struct buf *out, const char *row, const char *name)
{
	buf_add_str(out, row);
	buf_add_str(out, ".`");
	for (; *name; name++) {
		if (*name == '`')
			buf_add_char(out, '`');
		buf_add_char(out, *name);
	}
	buf_add_char(out, '`');
}

/* Up to the end of the expression or a semicolon. */
static void fill_in(struct buf *out, const char *expression, const char *row,
		    const struct my_column *c)
{
	for (; *expression && *expression != ';'; expression++) {
		if (*expression == '$')
			add_column(out, row, c->name);
		else if (*expression == '%')
			buf_add_str(out, c->charset ? c->charset : "utf8mb4");
		else
			buf_add_char(out, *expression);
	}
}

static const char *choose_json(const struct my_type *t, const struct my_column *c)
{
	if (t->zerofill && strstr(c->column_type, "zerofill"))
		return t->zerofill;
	return t->json;
}

void my_type_json(struct buf *out, const struct my_type *t, const struct my_column *c,
		  const char *row)
{
	/* not COALESCE of the expression: should that be NULL where the column is not, the row's
	 * JSON is NULL too and the event has the key only, but nothing untrue in it */
	if (c->nullable)
		fill_in(out, "IF($ IS NULL, 'null', ", row, c);
	fill_in(out, choose_json(t, c), row, c);
	if (c->nullable)
		buf_add_char(out, ')');
}

void my_type_same(struct buf *out, const struct my_type *t, const struct my_column *c)
{
	const char *expression = t->same;

	for (;;) {
		fill_in(out, expression, "NEW", c);
		buf_add_str(out, " <=> ");
		fill_in(out, expression, "OLD", c);
		expression += strcspn(expression, ";");
		if (!*expression++)
			break;
		buf_add_str(out, " AND ");
	}
}

int64_t my_type_longest(const struct my_type *t, const struct my_column *c)
{
	int64_t octets = c->octets > 0 ? c->octets : UINT32_MAX;

	switch (t->size) {
	case MY_SIZE_FIXED:
		return t->longest;
	case MY_SIZE_TEXT:
		octets = octets > LONGEST_MAX / 6 ? LONGEST_MAX - 2 : octets * 6;
		return octets + t->longest;
	case MY_SIZE_BINARY:
		octets = octets > LONGEST_MAX / 2 ? LONGEST_MAX - 48 : octets + octets / 2;
		return octets + t->longest;
	}
	return LONGEST_MAX;
}
