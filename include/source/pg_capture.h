/* SPDX-License-Identifier: MIT */
/*
 * The plpgsql that makes JSON of a row, for all that write rows into the outbox: the capture
 * function (pg_capture.c, which says why each thing is as it is) and the pages of a backfill
 * (pg_backfill_page.c). What one of them makes of a row, the other makes of it too.
 *
 * It uses TG_ARGV (pg_trigger.h, from 0), TG_NARGS and TG_RELID, which a trigger has and anybody
 * else declares; and the variables fast boolean, cap integer, fields text, i.
 */
#ifndef SOURCE_PG_CAPTURE_H
#define SOURCE_PG_CAPTURE_H

#include "source/pg_conn.h"

/* The JSON of ROW, all of it or the columns asked for; `fast` goes when ROW is too large. */
#define PG_CAPTURE_DATA(ROW, JSON, DATA)                                                           \
	"      IF pg_column_size(" ROW ") > 65536 THEN\n"                                          \
	"        fast := false;\n"                                                                 \
	"      ELSE\n"                                                                             \
	"        " JSON " := row_to_json(" ROW ");\n"                                              \
	"        IF TG_ARGV[5] = '' THEN\n"                                                        \
	"          " DATA " := " JSON ";\n"                                                        \
	"        ELSE\n"                                                                           \
	"          SELECT concat('{', string_agg(concat(to_json(c.key)::text, ':', c.value::text)" \
	", ','), '}')\n"                                                                           \
	"            INTO " DATA " FROM json_each(" JSON ") AS c\n"                                \
	"            WHERE (c.key = ANY (substr(TG_ARGV[5], 2)::text[]))"                          \
	" = starts_with(TG_ARGV[5], '+');\n"                                                       \
	"        END IF;\n"                                                                        \
	"      END IF;\n"

#define PG_CAPTURE_KEY(JSON, KEY)                                                                  \
	"      IF TG_NARGS = 9 THEN\n"                                                             \
	"        " KEY " := concat(TG_ARGV[7], coalesce((" JSON " -> TG_ARGV[8])::text, 'null'),"  \
	" '}');\n"                                                                                 \
	"      ELSIF TG_NARGS > 9 THEN\n"                                                          \
	"        FOR i IN 7 .. TG_NARGS - 1 BY 2 LOOP\n"                                           \
	"          " KEY " := concat(" KEY ", TG_ARGV[i],\n"                                       \
	"            coalesce((" JSON " -> TG_ARGV[i + 1])::text, 'null'));\n"                     \
	"        END LOOP;\n"                                                                      \
	"        " KEY " := concat(" KEY ", '}');\n"                                               \
	"      END IF;\n"

/* The same with statements made for the row's type as it is now. */
#define PG_CAPTURE_SLOW(ROW, DATA, KEY)                                                            \
	"      BEGIN\n"                                                                            \
	"        IF TG_NARGS > 7 THEN\n"                                                           \
	"          SELECT string_agg(CASE WHEN a.attnum IS NULL THEN format('NULL::text AS %I'"    \
	", k.name)\n"                                                                              \
	"              ELSE format('($1).%I', k.name) END, ', ' ORDER BY k.pos) INTO fields\n"     \
	"            FROM (SELECT TG_ARGV[8 + 2 * g], g FROM generate_series(0, (TG_NARGS - 9) "   \
	"/ 2) AS g) AS k(name, pos)\n"                                                             \
	"            LEFT JOIN pg_attribute AS a ON a.attrelid = TG_RELID AND a.attnum > 0\n"      \
	"              AND NOT a.attisdropped AND a.attname = k.name;\n"                           \
	"          EXECUTE format('SELECT row_to_json(r)::text FROM (SELECT %s) AS r', fields)\n"  \
	"            INTO " KEY " USING " ROW ";\n"                                                \
	"        END IF;\n"                                                                        \
	"      EXCEPTION WHEN OTHERS THEN\n"                                                       \
	"        " KEY " := NULL;\n"                                                               \
	"      END;\n"                                                                             \
	"      BEGIN\n"                                                                            \
	"        IF TG_ARGV[5] <> '' OR pg_column_size(" ROW ") <= cap THEN\n"                     \
	"          SELECT string_agg(format('($1).%I', a.attname), ', ' ORDER BY a.attnum)"        \
	" INTO fields\n"                                                                           \
	"            FROM pg_attribute AS a WHERE a.attrelid = TG_RELID AND a.attnum > 0\n"        \
	"              AND NOT a.attisdropped AND (TG_ARGV[5] = ''\n"                              \
	"              OR (a.attname = ANY (substr(TG_ARGV[5], 2)::text[]))"                       \
	" = starts_with(TG_ARGV[5], '+'));\n"                                                      \
	"          EXECUTE format('SELECT CASE WHEN pg_column_size(r) <= $2 THEN "                 \
	"row_to_json(r)::text END '\n"                                                             \
	"              'FROM (SELECT %s) AS r', fields)\n"                                         \
	"            INTO " DATA " USING " ROW ", cap;\n"                                          \
	"        END IF;\n"                                                                        \
	"      EXCEPTION WHEN OTHERS THEN\n"                                                       \
	"        " DATA " := NULL;\n"                                                              \
	"      END;\n"

#define PG_CAPTURE_ID                                                                              \
	"CASE WHEN TG_ARGV[4] = '' THEN nextval('" PG_SCHEMA ".outbox_id_seq')\n"                  \
	"              ELSE nextval(TG_ARGV[4]::regclass) END"

#endif
