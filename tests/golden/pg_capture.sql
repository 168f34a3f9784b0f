CREATE OR REPLACE FUNCTION app_db_listener.capture() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC' SET datestyle = 'ISO, MDY' SET intervalstyle = 'postgres'
SET bytea_output = 'hex' SET extra_float_digits = 1
AS $capture$
DECLARE
  new_json json; new_data text; new_key text;
  old_json json; old_data text; prior_key text;
  fast boolean := true;
  cut boolean := false;
  cap integer;
  fields text;
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    BEGIN
      SELECT to_json(TG_TABLE_NAME::text)::text, to_json(TG_TABLE_SCHEMA::text)::text
        INTO new_data, old_data
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.oid = pg_partition_root(TG_RELID) AND c.oid <> TG_RELID
          AND n.nspname = TG_ARGV[1] AND c.relname = TG_ARGV[2];
    EXCEPTION WHEN OTHERS THEN
      new_data := NULL; old_data := NULL;
    END;
    INSERT INTO app_db_listener.outbox (id, pipeline, operation, schema_name, table_name,
        bytes, data, old_data)
      VALUES (CASE WHEN TG_ARGV[4] = '' THEN nextval('app_db_listener.outbox_id_seq')
              ELSE nextval(TG_ARGV[4]::regclass) END,
              TG_ARGV[0], 'truncate',
              CASE WHEN new_data IS NULL THEN TG_TABLE_SCHEMA ELSE TG_ARGV[1] END,
              CASE WHEN new_data IS NULL THEN TG_TABLE_NAME ELSE TG_ARGV[2] END,
              coalesce(octet_length(new_data) + octet_length(old_data), 0),
              new_data, old_data);
  ELSE
    BEGIN
    IF TG_OP <> 'DELETE' THEN
      IF pg_column_size(NEW) > 65536 THEN
        fast := false;
      ELSE
        new_json := row_to_json(NEW);
        IF TG_ARGV[5] = '' THEN
          new_data := new_json;
        ELSE
          SELECT concat('{', string_agg(concat(to_json(c.key)::text, ':', c.value::text), ','), '}')
            INTO new_data FROM json_each(new_json) AS c
            WHERE (c.key = ANY (substr(TG_ARGV[5], 2)::text[])) = starts_with(TG_ARGV[5], '+');
        END IF;
      END IF;
    END IF;
    IF TG_OP <> 'INSERT' AND fast THEN
      IF pg_column_size(OLD) > 65536 THEN
        fast := false;
      ELSE
        old_json := row_to_json(OLD);
        IF TG_ARGV[5] = '' THEN
          old_data := old_json;
        ELSE
          SELECT concat('{', string_agg(concat(to_json(c.key)::text, ':', c.value::text), ','), '}')
            INTO old_data FROM json_each(old_json) AS c
            WHERE (c.key = ANY (substr(TG_ARGV[5], 2)::text[])) = starts_with(TG_ARGV[5], '+');
        END IF;
      END IF;
      IF new_data = old_data THEN
        RETURN NULL;
      END IF;
      IF TG_NARGS = 9 THEN
        prior_key := concat(TG_ARGV[7], coalesce((old_json -> TG_ARGV[8])::text, 'null'), '}');
      ELSIF TG_NARGS > 9 THEN
        FOR i IN 7 .. TG_NARGS - 1 BY 2 LOOP
          prior_key := concat(prior_key, TG_ARGV[i],
            coalesce((old_json -> TG_ARGV[i + 1])::text, 'null'));
        END LOOP;
        prior_key := concat(prior_key, '}');
      END IF;
    END IF;
    IF TG_OP <> 'DELETE' AND fast THEN
      IF TG_NARGS = 9 THEN
        new_key := concat(TG_ARGV[7], coalesce((new_json -> TG_ARGV[8])::text, 'null'), '}');
      ELSIF TG_NARGS > 9 THEN
        FOR i IN 7 .. TG_NARGS - 1 BY 2 LOOP
          new_key := concat(new_key, TG_ARGV[i],
            coalesce((new_json -> TG_ARGV[i + 1])::text, 'null'));
        END LOOP;
        new_key := concat(new_key, '}');
      END IF;
    END IF;
    EXCEPTION WHEN OTHERS THEN
      fast := false;
    END;
    IF NOT fast OR octet_length(new_data) > 1024 OR octet_length(old_data) > 1024 THEN
      cap := TG_ARGV[3];
      IF NOT fast THEN
        new_data := NULL; new_key := NULL; old_data := NULL; prior_key := NULL;
        IF TG_OP <> 'DELETE' THEN
      BEGIN
        IF TG_NARGS > 7 THEN
          SELECT string_agg(CASE WHEN a.attnum IS NULL THEN format('NULL::text AS %I', k.name)
              ELSE format('($1).%I', k.name) END, ', ' ORDER BY k.pos) INTO fields
            FROM (SELECT TG_ARGV[8 + 2 * g], g FROM generate_series(0, (TG_NARGS - 9) / 2) AS g) AS k(name, pos)
            LEFT JOIN pg_attribute AS a ON a.attrelid = TG_RELID AND a.attnum > 0
              AND NOT a.attisdropped AND a.attname = k.name;
          EXECUTE format('SELECT row_to_json(r)::text FROM (SELECT %s) AS r', fields)
            INTO new_key USING NEW;
        END IF;
      EXCEPTION WHEN OTHERS THEN
        new_key := NULL;
      END;
      BEGIN
        IF TG_ARGV[5] <> '' OR pg_column_size(NEW) <= cap THEN
          SELECT string_agg(format('($1).%I', a.attname), ', ' ORDER BY a.attnum) INTO fields
            FROM pg_attribute AS a WHERE a.attrelid = TG_RELID AND a.attnum > 0
              AND NOT a.attisdropped AND (TG_ARGV[5] = ''
              OR (a.attname = ANY (substr(TG_ARGV[5], 2)::text[])) = starts_with(TG_ARGV[5], '+'));
          EXECUTE format('SELECT CASE WHEN pg_column_size(r) <= $2 THEN row_to_json(r)::text END '
              'FROM (SELECT %s) AS r', fields)
            INTO new_data USING NEW, cap;
        END IF;
      EXCEPTION WHEN OTHERS THEN
        new_data := NULL;
      END;
        END IF;
        IF TG_OP <> 'INSERT' THEN
      BEGIN
        IF TG_NARGS > 7 THEN
          SELECT string_agg(CASE WHEN a.attnum IS NULL THEN format('NULL::text AS %I', k.name)
              ELSE format('($1).%I', k.name) END, ', ' ORDER BY k.pos) INTO fields
            FROM (SELECT TG_ARGV[8 + 2 * g], g FROM generate_series(0, (TG_NARGS - 9) / 2) AS g) AS k(name, pos)
            LEFT JOIN pg_attribute AS a ON a.attrelid = TG_RELID AND a.attnum > 0
              AND NOT a.attisdropped AND a.attname = k.name;
          EXECUTE format('SELECT row_to_json(r)::text FROM (SELECT %s) AS r', fields)
            INTO prior_key USING OLD;
        END IF;
      EXCEPTION WHEN OTHERS THEN
        prior_key := NULL;
      END;
      BEGIN
        IF TG_ARGV[5] <> '' OR pg_column_size(OLD) <= cap THEN
          SELECT string_agg(format('($1).%I', a.attname), ', ' ORDER BY a.attnum) INTO fields
            FROM pg_attribute AS a WHERE a.attrelid = TG_RELID AND a.attnum > 0
              AND NOT a.attisdropped AND (TG_ARGV[5] = ''
              OR (a.attname = ANY (substr(TG_ARGV[5], 2)::text[])) = starts_with(TG_ARGV[5], '+'));
          EXECUTE format('SELECT CASE WHEN pg_column_size(r) <= $2 THEN row_to_json(r)::text END '
              'FROM (SELECT %s) AS r', fields)
            INTO old_data USING OLD, cap;
        END IF;
      EXCEPTION WHEN OTHERS THEN
        old_data := NULL;
      END;
        END IF;
        IF new_data = old_data THEN
          RETURN NULL;
        END IF;
      END IF;
      IF octet_length(new_key) > 65536 OR octet_length(prior_key) > 65536 THEN
        new_key := NULL; prior_key := NULL;
      END IF;
      IF TG_OP <> 'DELETE' AND (new_data IS NULL OR octet_length(new_data) > cap)
         OR TG_OP <> 'INSERT' AND (old_data IS NULL OR octet_length(old_data) > cap) THEN
        cut := true;
        new_data := CASE WHEN TG_OP <> 'DELETE' THEN coalesce(new_key, '{}') END;
        old_data := CASE WHEN TG_OP <> 'INSERT' THEN coalesce(prior_key, '{}') END;
      END IF;
    END IF;
    INSERT INTO app_db_listener.outbox (id, pipeline, operation, schema_name, table_name,
        row_key, old_key, bytes, truncated, data, old_data)
      VALUES (CASE WHEN TG_ARGV[4] = '' THEN nextval('app_db_listener.outbox_id_seq')
              ELSE nextval(TG_ARGV[4]::regclass) END,
              TG_ARGV[0], lower(TG_OP COLLATE "C"), TG_ARGV[1], TG_ARGV[2],
              coalesce(new_key, prior_key),
              CASE WHEN prior_key <> new_key THEN prior_key END,
              coalesce(octet_length(new_data), 0) + coalesce(octet_length(old_data), 0)
              + coalesce(octet_length(coalesce(new_key, prior_key)), 0)
              + CASE WHEN prior_key <> new_key THEN octet_length(prior_key) ELSE 0 END,
              cut, new_data, old_data);
  END IF;
  IF NOT pg_try_advisory_xact_lock_shared(1633968748, 1)
     AND pg_notification_queue_usage() < 0.5 THEN
    PERFORM pg_notify('app_db_listener', '');
  END IF;
  RETURN NULL;
END
$capture$;
