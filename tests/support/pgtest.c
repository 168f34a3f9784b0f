/* SPDX-License-Identifier: MIT */
#include "pgtest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

#define SQL_MAX 8192

static const char schema[] =
	"CREATE SCHEMA app_db_listener;"
	"CREATE TABLE app_db_listener.install (pipeline text PRIMARY KEY, install_id uuid NOT NULL "
	"DEFAULT gen_random_uuid(), version int NOT NULL, installed_at timestamptz NOT NULL "
	"DEFAULT "
	"now());"
	"CREATE TABLE app_db_listener.captured (pipeline text NOT NULL, schema_name text NOT NULL, "
	"table_name text NOT NULL, fingerprint text NOT NULL, PRIMARY KEY (pipeline, schema_name, "
	"table_name));"
	"CREATE TABLE app_db_listener.outbox (id bigint NOT NULL, pipeline text NOT NULL, "
	"operation "
	"text NOT NULL, schema_name text NOT NULL, table_name text NOT NULL, row_key text, old_key "
	"text, changed_at timestamptz NOT NULL DEFAULT clock_timestamp(), bytes integer NOT NULL, "
	"truncated boolean NOT NULL DEFAULT false, data text, old_data text, origin_id bigint, "
	"PRIMARY KEY "
	"(pipeline, "
	"id));"
	"CREATE TABLE app_db_listener.dead_letter (id bigint NOT NULL, pipeline text NOT NULL, "
	"operation text NOT NULL, schema_name text NOT NULL, table_name text NOT NULL, row_key "
	"text, "
	"old_key text, changed_at timestamptz NOT NULL, truncated boolean NOT NULL DEFAULT false, "
	"data text, old_data text, attempts int NOT NULL, last_status int, last_error text, "
	"died_at "
	"timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (pipeline, id));"
	"CREATE TABLE app_db_listener.delivered (id bigint NOT NULL, pipeline text NOT NULL, "
	"operation text NOT NULL, schema_name text NOT NULL, table_name text NOT NULL, row_key "
	"text, old_key text, changed_at timestamptz NOT NULL, truncated boolean NOT NULL DEFAULT "
	"false, data text, old_data text, delivered_at timestamptz NOT NULL DEFAULT now(), PRIMARY "
	"KEY (pipeline, id), UNIQUE (pipeline, delivered_at, id));"
	"CREATE TABLE app_db_listener.parked (seq bigint GENERATED ALWAYS AS IDENTITY, id bigint "
	"NOT NULL, pipeline text NOT NULL, operation text NOT NULL, schema_name text NOT NULL, "
	"table_name text NOT NULL, row_key text, old_key text, changed_at timestamptz NOT NULL, "
	"bytes integer NOT NULL, truncated boolean NOT NULL DEFAULT false, data text, old_data "
	"text, origin_id bigint, attempts int NOT NULL, last_status int, last_error text, step int "
	"NOT NULL, due_at "
	"timestamptz, row_hash1 bigint NOT NULL, row_hash2 bigint NOT NULL, table_hash bigint NOT "
	"NULL, parked_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (pipeline, seq), UNIQUE "
	"(pipeline, id), UNIQUE (pipeline, row_hash1, seq), UNIQUE (pipeline, row_hash2, seq), "
	"UNIQUE (pipeline, table_hash, seq), UNIQUE (pipeline, due_at, seq));"
	"CREATE TABLE app_db_listener.webhook (pipeline text PRIMARY KEY, webhook text NOT NULL, "
	"disabled boolean NOT NULL, since_us bigint NOT NULL, failing_us bigint NOT NULL, "
	"reason text NOT NULL);"
	"CREATE SEQUENCE app_db_listener.outbox_id_seq CACHE 1 OWNED BY app_db_listener.outbox.id;"
	"INSERT INTO app_db_listener.install (pipeline, version) VALUES ('default', 1);"
	"CREATE TABLE public.items (id bigint PRIMARY KEY, n bigint NOT NULL DEFAULT 0, v text);"
	"CREATE FUNCTION app_db_listener.gate() RETURNS void LANGUAGE plpgsql AS $$ BEGIN "
	"IF NOT pg_try_advisory_xact_lock_shared(1633968748, 1) AND "
	"pg_notification_queue_usage() < 0.5 THEN PERFORM pg_notify('app_db_listener', ''); END "
	"IF; "
	"END $$;"
	"CREATE FUNCTION app_db_listener.put(p text, k text, size int) RETURNS bigint LANGUAGE "
	"plpgsql AS $$ DECLARE got bigint; BEGIN INSERT INTO app_db_listener.outbox (id, pipeline, "
	"operation, schema_name, table_name, row_key, bytes, data) VALUES (nextval(CASE p WHEN "
	"'default' THEN 'app_db_listener.outbox_id_seq' ELSE 'app_db_listener.outbox_' || p || "
	"'_id_seq' END), p, 'insert', 'public', 'items', k, size, repeat('1', size)) RETURNING id "
	"INTO got; PERFORM app_db_listener.gate(); RETURN got; END $$;"
	"CREATE FUNCTION app_db_listener.capture() RETURNS trigger LANGUAGE plpgsql SECURITY "
	"DEFINER "
	"SET search_path = pg_catalog, pg_temp AS $$ DECLARE r record; j text; BEGIN IF TG_OP = "
	"'DELETE' THEN r := OLD; ELSE r := NEW; END IF; j := row_to_json(r)::text; INSERT INTO "
	"app_db_listener.outbox (id, pipeline, operation, schema_name, table_name, row_key, bytes, "
	"data) VALUES (nextval('app_db_listener.outbox_id_seq'), 'default', lower(TG_OP), "
	"TG_TABLE_SCHEMA, TG_TABLE_NAME, json_build_object('id', r.id)::text, octet_length(j), j); "
	"PERFORM app_db_listener.gate(); RETURN NULL; END $$;"
	"CREATE TRIGGER app_db_listener_row AFTER INSERT OR UPDATE OR DELETE ON public.items FOR "
	"EACH ROW EXECUTE FUNCTION app_db_listener.capture('default');"
	"INSERT INTO app_db_listener.captured VALUES ('default', 'public', 'items', '');";

static const char *env(const char *name)
{
	const char *value = getenv(name);

	if (!value)
		fail_msg("%s is not set: run this under tests/support/with-postgres", name);
	return value;
}

PGconn *pgtest_connect(const struct pgtest *t, const char *database)
{
	char info[512];
	PGconn *conn;

	(void)snprintf(info, sizeof(info),
		       "host=%s port=%s user=%s dbname=%s application_name=test",
		       env("TEST_PG_HOST"), env("TEST_PG_PORT"), env("TEST_PG_USER"),
		       database ? database : t->database);
	conn = PQconnectdb(info);
	if (PQstatus(conn) != CONNECTION_OK)
		fail_msg("%s", PQerrorMessage(conn));
	return conn;
}

static PGresult *run(PGconn *conn, const char *fmt, va_list args)
{
	char sql[SQL_MAX];
	PGresult *res;

	assert_true(vsnprintf(sql, sizeof(sql), fmt, args) < (int)sizeof(sql));
	res = PQexec(conn, sql);
	if (PQresultStatus(res) != PGRES_COMMAND_OK && PQresultStatus(res) != PGRES_TUPLES_OK)
		fail_msg("%s: %s", sql, PQerrorMessage(conn));
	return res;
}

void pgtest_exec(PGconn *conn, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	PQclear(run(conn, fmt, args));
	va_end(args);
}

int64_t pgtest_i64(PGconn *conn, const char *fmt, ...)
{
	PGresult *res;
	va_list args;
	int64_t v;

	va_start(args, fmt);
	res = run(conn, fmt, args);
	va_end(args);
	assert_int_equal(PQntuples(res), 1);
	v = strtoll(PQgetvalue(res, 0, 0), NULL, 10);
	PQclear(res);
	return v;
}

static void fill_settings(struct pgtest *t)
{
	(void)snprintf(t->host, sizeof(t->host), "%s", env("TEST_PG_HOST"));
	(void)snprintf(t->user, sizeof(t->user), "%s", env("TEST_PG_USER"));
	(void)snprintf(t->name, sizeof(t->name), "default");
	t->settings = (struct source_settings){
		.name = t->name,
		.type = SOURCE_POSTGRES,
		.host = t->host,
		.port = strtol(env("TEST_PG_PORT"), NULL, 10),
		.user = t->user,
		.database = t->database,
		.connect_timeout_us = 60 * CLOCK_US_PER_S,
		.statement_timeout_us = 10 * CLOCK_US_PER_S,
		.reconnect_max_delay_us = 200 * CLOCK_US_PER_MS,
		.wakeup = SOURCE_WAKEUP_AUTO,
		.poll_interval_us = CLOCK_US_PER_S,
		.batch_size = 1000,
		.ack_delay_us = 5 * CLOCK_US_PER_MS,
	};
}

void pgtest_open(struct pgtest *t)
{
	pgtest_open_encoded(t, "UTF8");
}

void pgtest_open_encoded(struct pgtest *t, const char *encoding)
{
	static int made;
	PGconn *postgres;

	(void)snprintf(t->database, sizeof(t->database), "test_%d_%d", (int)getpid(), ++made);
	postgres = pgtest_connect(t, "postgres");
	pgtest_exec(postgres, "CREATE DATABASE %s TEMPLATE template0 ENCODING '%s'", t->database,
		    encoding);
	PQfinish(postgres);
	t->conn = pgtest_connect(t, NULL);
	PQclear(PQexec(t->conn, "SET client_min_messages = warning"));
	pgtest_exec(t->conn, "%s", schema);
	fill_settings(t);
}

void pgtest_close(struct pgtest *t)
{
	PGconn *postgres;

	PQfinish(t->conn);
	t->conn = NULL;
	postgres = pgtest_connect(t, "postgres");
	pgtest_exec(postgres, "DROP DATABASE %s WITH (FORCE)", t->database);
	PQfinish(postgres);
}

void pgtest_add_pipeline(PGconn *conn, const char *name)
{
	pgtest_exec(conn,
		    "INSERT INTO app_db_listener.install (pipeline, version) VALUES ('%s', 1); "
		    "CREATE SEQUENCE app_db_listener.outbox_%s_id_seq CACHE 1",
		    name, name);
}

int64_t pgtest_put(PGconn *conn, const char *pipeline, const char *key, int bytes)
{
	return pgtest_i64(conn, "SELECT app_db_listener.put('%s', '%s', %d)", pipeline, key, bytes);
}

void pgtest_ctl(const char *words)
{
	char command[512];

	(void)snprintf(command, sizeof(command), "%s %s >/dev/null 2>&1", env("TEST_PG_CTL"),
		       words);
	assert_int_equal(system(command), 0);
}
