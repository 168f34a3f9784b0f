/* SPDX-License-Identifier: MIT */
/*
 * The function behind every trigger. It must not be possible for it to fail, because then the
 * application's statement fails. What that forbids, and what stands here instead:
 *
 * - NEW.id: raises when the column was dropped or renamed, and, in sessions with a cached plan,
 *   when its type was altered. So NEW and OLD are only ever used as whole rows.
 * - NEW IS DISTINCT FROM OLD: raises for types without equality (json, point), and flattens
 *   rows that may be over 1 GB together. Instead the JSON texts are compared.
 * - json -> name on application data: raises on \u0000 in a json column and on deep nesting. So it
 *   stands in a block with an exception handler; what it refuses goes the slow way.
 * - row_to_json of anything large: raises at 1 GB, and control characters grow sixfold. The fast
 *   way takes rows up to 64 KB as stored, which cannot reach that even when compressed
 *   at the highest possible rate; above, the slow way looks at the size first and is guarded too.
 * - an open search_path, a session with standard_conforming_strings off, an ISO-less DateStyle: the
 *   settings are pinned, and the body holds no backslash. Pinned time zone and formats also keep
 *   one row's key the same text whatever session wrote it, which the order per key relies on.
 * - pg_notify into a full queue: asked before. pg_notify(channel, '') has no payload to exceed.
 *
 * Errors in the handlers take only what they guard; a statement that is cancelled stays cancelled.
 * What remains: somebody drops the outbox by hand while triggers exist. Uninstall never does.
 */
#include "source/pg_schema.h"

#define SIDE(ROW, JSON, DATA, KEY)                                                                 \
	"      IF pg_column_size(" ROW ") > 65536 THEN\n"                                          \
	"        fast := false;\n"                                                                 \
	"      ELSE\n"                                                                             \
	"        " JSON " := row_to_json(" ROW ");\n"                                              \
	"        IF TG_ARGV[5] = 'all' THEN\n"                                                     \
	"          " DATA " := " JSON "::text;\n"                                                  \
	"        ELSE\n"                                                                           \
	"          SELECT concat('{', string_agg(concat(to_json(c.key)::text, ':', c.value::text)" \
	", ','), '}')\n"                                                                           \
	"            INTO " DATA " FROM json_each(" JSON ") AS c\n"                                \
	"            WHERE (c.key = ANY (TG_ARGV[6]::text[])) = (TG_ARGV[5] = 'only');\n"          \
	"        END IF;\n"                                                                        \
	"        FOR i IN 10 .. TG_NARGS - 1 BY 2 LOOP\n"                                          \
	"          " KEY " := concat(" KEY ", TG_ARGV[i],\n"                                       \
	"            coalesce((" JSON " -> TG_ARGV[i + 1])::text, 'null'));\n"                     \
	"        END LOOP;\n"                                                                      \
	"        " KEY " := " KEY " || '}';\n"                                                     \
	"      END IF;\n"

#define SLOW_SIDE(ROW, DATA, KEY)                                                                  \
	"      BEGIN\n"                                                                            \
	"        IF TG_ARGV[8] <> '' THEN\n"                                                       \
	"          EXECUTE TG_ARGV[8] INTO " KEY " USING " ROW ";\n"                               \
	"        END IF;\n"                                                                        \
	"      EXCEPTION WHEN OTHERS THEN\n"                                                       \
	"        " KEY " := NULL;\n"                                                               \
	"      END;\n"                                                                             \
	"      BEGIN\n"                                                                            \
	"        IF TG_ARGV[5] <> 'all' OR pg_column_size(" ROW ") <= cap THEN\n"                  \
	"          EXECUTE TG_ARGV[7] INTO " DATA " USING " ROW ", cap;\n"                         \
	"        END IF;\n"                                                                        \
	"      EXCEPTION WHEN OTHERS THEN\n"                                                       \
	"        " DATA " := NULL;\n"                                                              \
	"      END;\n"

static const char capture_sql[] =
	"CREATE OR REPLACE FUNCTION " PG_SCHEMA ".capture() RETURNS trigger\n"
	"LANGUAGE plpgsql SECURITY DEFINER\n"
	"SET search_path = pg_catalog, pg_temp\n"
	"SET timezone = 'UTC' SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'\n"
	"SET bytea_output = 'hex' SET extra_float_digits = 1\n"
	"AS $capture$\n"
	"DECLARE\n"
	"  new_json json; new_data text; new_key text;\n"
	"  old_json json; old_data text; prior_key text;\n"
	"  cap integer := TG_ARGV[3];\n"
	"  fast boolean := true;\n"
	"  cut boolean := false;\n"
	"BEGIN\n"
	"  IF TG_OP = 'TRUNCATE' THEN\n"
	"    INSERT INTO " PG_SCHEMA ".outbox (id, pipeline, operation, schema_name, table_name,"
	" bytes)\n"
	"      VALUES (CASE WHEN TG_ARGV[4] = '' THEN nextval('" PG_SCHEMA ".outbox_id_seq')\n"
	"                ELSE nextval(TG_ARGV[4]::regclass) END,\n"
	"              TG_ARGV[0], 'truncate', TG_TABLE_SCHEMA, TG_TABLE_NAME, 0);\n"
	"  ELSE\n"
	"    BEGIN\n"
	"    IF TG_OP <> 'DELETE' THEN\n" SIDE("NEW", "new_json", "new_data", "new_key")
	"    END IF;\n"
	"    IF fast AND TG_OP <> 'INSERT' THEN\n" SIDE("OLD", "old_json", "old_data", "prior_key")
	"    END IF;\n"
	"    EXCEPTION WHEN OTHERS THEN\n"
	"      fast := false;\n"
	"    END;\n"
	"    IF NOT fast THEN\n"
	"      new_data := NULL; new_key := NULL; old_data := NULL; prior_key := NULL;\n"
	"      IF TG_OP <> 'DELETE' THEN\n" SLOW_SIDE("NEW", "new_data", "new_key")
	"      END IF;\n"
	"      IF TG_OP <> 'INSERT' THEN\n" SLOW_SIDE("OLD", "old_data", "prior_key")
	"      END IF;\n"
	"    END IF;\n"
	"    IF new_data = old_data THEN\n"
	"      RETURN NULL;\n"
	"    END IF;\n"
	"    IF octet_length(new_key) > 65536 OR octet_length(prior_key) > 65536 THEN\n"
	"      new_key := NULL; prior_key := NULL;\n"
	"    END IF;\n"
	"    IF TG_OP <> 'DELETE' AND (new_data IS NULL OR octet_length(new_data) > cap)\n"
	"       OR TG_OP <> 'INSERT' AND (old_data IS NULL OR octet_length(old_data) > cap) THEN\n"
	"      cut := true;\n"
	"      new_data := CASE WHEN TG_OP <> 'DELETE' THEN coalesce(new_key, '{}') END;\n"
	"      old_data := CASE WHEN TG_OP <> 'INSERT' THEN coalesce(prior_key, '{}') END;\n"
	"    END IF;\n"
	"    IF TG_OP = 'DELETE' THEN\n"
	"      new_key := prior_key; prior_key := NULL;\n"
	"    ELSIF prior_key = new_key THEN\n"
	"      prior_key := NULL;\n"
	"    END IF;\n"
	"    INSERT INTO " PG_SCHEMA ".outbox (id, pipeline, operation, schema_name, table_name,\n"
	"        row_key, old_key, bytes, truncated, data, old_data)\n"
	"      VALUES (CASE WHEN TG_ARGV[4] = '' THEN nextval('" PG_SCHEMA ".outbox_id_seq')\n"
	"                ELSE nextval(TG_ARGV[4]::regclass) END,\n"
	"              TG_ARGV[0], lower(TG_OP COLLATE \"C\"), TG_ARGV[1], TG_ARGV[2], new_key, prior_key,\n"
	"              coalesce(octet_length(new_key), 0) + coalesce(octet_length(prior_key), 0)\n"
	"              + coalesce(octet_length(new_data), 0) + coalesce(octet_length(old_data), 0),\n"
	"              cut, new_data, old_data);\n"
	"  END IF;\n"
	"  IF NOT pg_try_advisory_xact_lock_shared(1633968748, 1)\n"
	"     AND pg_notification_queue_usage() < 0.5 THEN\n"
	"    PERFORM pg_notify('" PG_CHANNEL "', '');\n"
	"  END IF;\n"
	"  RETURN NULL;\n"
	"END\n"
	"$capture$";

const char *pg_schema_capture_sql(void)
{
	_Static_assert(PG_LOCK_CLASS == 1633968748 && PG_LOCK_WAKE == 1, "written in the body");
	return capture_sql;
}
