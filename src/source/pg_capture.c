/* SPDX-License-Identifier: MIT */
/*
 * The function behind every trigger. It must not be possible for it to fail, because then the
 * application's statement fails. What that forbids, and what stands here instead:
 *
 * - NEW.id: raises when the column was dropped or renamed, and, in sessions with a cached plan,
 *   when its type was altered. So NEW and OLD are only ever used as whole rows.
 * - WHEN (OLD.* IS DISTINCT FROM NEW.*): raises for types without equality (json, point), fetches
 *   every value stored out of line, and fails when those are over 1 GB together. Instead the JSON
 *   texts are compared here; what is left out by columns and exclude does not count either.
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
 * A partition truncated by itself goes under the name of its root, as its rows do, so that it keeps
 * its place among them; its own name is in data, its schema in old_data, each as a JSON string.
 *
 * Triggers keep the arguments they were created with, so install replaces this function some
 * moments before the last of them: another layout of the arguments needs another name.
 *
 * Errors in the handlers take only what they guard; a statement that is cancelled stays cancelled.
 * What remains: somebody drops the outbox by hand while triggers exist. Uninstall never does.
 */
#include "source/pg_capture.h"
#include "source/pg_schema.h"
#include "source/pg_trigger.h"

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
	"  fast boolean := true;\n"
	"  cut boolean := false;\n"
	"  cap integer;\n"
	"  fields text;\n"
	"BEGIN\n"
	"  IF TG_OP = 'TRUNCATE' THEN\n"
	"    BEGIN\n"
	"      SELECT to_json(TG_TABLE_NAME::text)::text, to_json(TG_TABLE_SCHEMA::text)::text\n"
	"        INTO new_data, old_data\n"
	"        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace\n"
	"        WHERE c.oid = pg_partition_root(TG_RELID) AND c.oid <> TG_RELID\n"
	"          AND n.nspname = TG_ARGV[1] AND c.relname = TG_ARGV[2];\n"
	"    EXCEPTION WHEN OTHERS THEN\n"
	"      new_data := NULL; old_data := NULL;\n"
	"    END;\n"
	"    INSERT INTO " PG_SCHEMA ".outbox (id, pipeline, operation, schema_name, table_name,\n"
	"        bytes, data, old_data)\n"
	"      VALUES (" PG_CAPTURE_ID ",\n"
	"              TG_ARGV[0], 'truncate',\n"
	"              CASE WHEN new_data IS NULL THEN TG_TABLE_SCHEMA ELSE TG_ARGV[1] END,\n"
	"              CASE WHEN new_data IS NULL THEN TG_TABLE_NAME ELSE TG_ARGV[2] END,\n"
	"              coalesce(octet_length(new_data) + octet_length(old_data), 0),\n"
	"              new_data, old_data);\n"
	"  ELSE\n"
	"    BEGIN\n"
	"    IF TG_OP <> 'DELETE' THEN\n" PG_CAPTURE_DATA("NEW", "new_json", "new_data") /**/
	"    END IF;\n"
	"    IF TG_OP <> 'INSERT' AND fast THEN\n" PG_CAPTURE_DATA("OLD", "old_json",
								   "old_data") /**/
	"      IF new_data = old_data THEN\n"
	"        RETURN NULL;\n"
	"      END IF;\n" PG_CAPTURE_KEY("old_json", "prior_key") /**/
	"    END IF;\n"
	"    IF TG_OP <> 'DELETE' AND fast THEN\n" PG_CAPTURE_KEY("new_json", "new_key") /**/
	"    END IF;\n"
	"    EXCEPTION WHEN OTHERS THEN\n"
	"      fast := false;\n"
	"    END;\n"
	"    IF NOT fast OR octet_length(new_data) > 1024 OR octet_length(old_data) > 1024 THEN\n"
	"      cap := TG_ARGV[3];\n"
	"      IF NOT fast THEN\n"
	"        new_data := NULL; new_key := NULL; old_data := NULL; prior_key := NULL;\n"
	"        IF TG_OP <> 'DELETE' THEN\n" PG_CAPTURE_SLOW("NEW", "new_data", "new_key") /**/
	"        END IF;\n"
	"        IF TG_OP <> 'INSERT' THEN\n" PG_CAPTURE_SLOW("OLD", "old_data", "prior_key") /**/
	"        END IF;\n"
	"        IF new_data = old_data THEN\n"
	"          RETURN NULL;\n"
	"        END IF;\n"
	"      END IF;\n"
	"      IF octet_length(new_key) > 65536 OR octet_length(prior_key) > 65536 THEN\n"
	"        new_key := NULL; prior_key := NULL;\n"
	"      END IF;\n"
	"      IF TG_OP <> 'DELETE' AND (new_data IS NULL OR octet_length(new_data) > cap)\n"
	"         OR TG_OP <> 'INSERT' AND (old_data IS NULL OR octet_length(old_data) > cap) "
	"THEN\n"
	"        cut := true;\n"
	"        new_data := CASE WHEN TG_OP <> 'DELETE' THEN coalesce(new_key, '{}') END;\n"
	"        old_data := CASE WHEN TG_OP <> 'INSERT' THEN coalesce(prior_key, '{}') END;\n"
	"      END IF;\n"
	"    END IF;\n"
	"    INSERT INTO " PG_SCHEMA ".outbox (id, pipeline, operation, schema_name, table_name,\n"
	"        row_key, old_key, bytes, truncated, data, old_data)\n"
	"      VALUES (" PG_CAPTURE_ID ",\n"
	"              TG_ARGV[0], lower(TG_OP COLLATE \"C\"), TG_ARGV[1], TG_ARGV[2],\n"
	"              coalesce(new_key, prior_key),\n"
	"              CASE WHEN prior_key <> new_key THEN prior_key END,\n"
	"              coalesce(octet_length(new_data), 0) + coalesce(octet_length(old_data), 0)\n"
	"              + coalesce(octet_length(coalesce(new_key, prior_key)), 0)\n"
	"              + CASE WHEN prior_key <> new_key THEN octet_length(prior_key) ELSE 0 END,\n"
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
	_Static_assert(PG_CAP_MIN_BYTES == 1024, "rows below it are not compared with the cap");
	return capture_sql;
}
