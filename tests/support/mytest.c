/* SPDX-License-Identifier: MIT */
#include "mytest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "source/my_drift.h"
#include "source/my_schema.h"

#define SQL_MAX 16384

/* What the triggers of an installation do, as short as can be. */
#define TRIGGER(when, row, op)                                                                     \
	"CREATE TRIGGER items_" op " AFTER " when " ON items FOR EACH ROW BEGIN "                  \
	"DECLARE j LONGTEXT; SET j = CONCAT('{\"id\": ', " row ".id, ', \"n\": ', " row            \
	".n, '}'); "                                                                               \
	"INSERT INTO app_db_listener_outbox (operation, schema_name, table_name, row_key, "        \
	"changed_at, bytes, data) VALUES ('" op "', 'test', 'items', JSON_OBJECT('id', " row       \
	".id), UTC_TIMESTAMP(6), LENGTH(j) + 20, j); END"

static const char *const schema[] = {
	"CREATE TABLE items (id BIGINT PRIMARY KEY, n BIGINT NOT NULL DEFAULT 0, v TEXT) "
	"ENGINE=InnoDB",
	TRIGGER("INSERT", "NEW", "insert"),
	TRIGGER("UPDATE", "NEW", "update"),
	TRIGGER("DELETE", "OLD", "delete"),
};

static const char *env(const char *name)
{
	const char *value = getenv(name);

	if (!value)
		fail_msg("%s is not set: run this under tests/support/with-mariadb", name);
	return value;
}

static MYSQL *try_connect(const char *database, char *ret_why, size_t size)
{
	MYSQL *conn = mysql_init(NULL);

	(void)mysql_options(conn, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	if (mysql_real_connect(conn, env("TEST_MY_HOST"), env("TEST_MY_USER"), NULL, database,
			       (unsigned)strtoul(env("TEST_MY_PORT"), NULL, 10), NULL, 0))
		return conn;
	(void)snprintf(ret_why, size, "%s", mysql_error(conn));
	mysql_close(conn);
	return NULL;
}

static MYSQL *connect_to(const char *database)
{
	char why[512];
	MYSQL *conn = try_connect(database, why, sizeof(why));

	if (!conn)
		fail_msg("%s", why);
	return conn;
}

MYSQL *mytest_connect(const struct mytest *t)
{
	return connect_to(t->database);
}

MYSQL *mytest_reconnect(const struct mytest *t)
{
	char why[512];

	return try_connect(t->database, why, sizeof(why));
}

static unsigned run(MYSQL *conn, MYSQL_RES **ret_res, const char *fmt, va_list args)
{
	char sql[SQL_MAX];
	MYSQL_RES *res;

	assert_true(vsnprintf(sql, sizeof(sql), fmt, args) < (int)sizeof(sql));
	if (mysql_query(conn, sql) != 0)
		return mysql_errno(conn);
	res = mysql_store_result(conn);
	if (mysql_errno(conn))
		return mysql_errno(conn);
	if (ret_res)
		*ret_res = res;
	else
		mysql_free_result(res);
	return 0;
}

void mytest_exec(MYSQL *conn, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	if (run(conn, NULL, fmt, args))
		fail_msg("%s: %s", fmt, mysql_error(conn));
	va_end(args);
}

unsigned mytest_try(MYSQL *conn, const char *fmt, ...)
{
	unsigned number;
	va_list args;

	va_start(args, fmt);
	number = run(conn, NULL, fmt, args);
	va_end(args);
	return number;
}

int64_t mytest_i64(MYSQL *conn, const char *fmt, ...)
{
	MYSQL_RES *res = NULL;
	MYSQL_ROW row;
	va_list args;
	int64_t v;

	va_start(args, fmt);
	if (run(conn, &res, fmt, args))
		fail_msg("%s: %s", fmt, mysql_error(conn));
	va_end(args);
	assert_non_null(res);
	row = mysql_fetch_row(res);
	if (!row || !row[0])
		fail_msg("%s: no number", fmt);
	v = strtoll(row[0], NULL, 10);
	mysql_free_result(res);
	return v;
}

static void fill_settings(struct mytest *t)
{
	(void)snprintf(t->host, sizeof(t->host), "%s", env("TEST_MY_HOST"));
	(void)snprintf(t->user, sizeof(t->user), "%s", env("TEST_MY_USER"));
	(void)snprintf(t->name, sizeof(t->name), "default");
	t->settings = (struct source_settings){
		.name = t->name,
		.type = SOURCE_MYSQL,
		.host = t->host,
		.port = strtol(env("TEST_MY_PORT"), NULL, 10),
		.user = t->user,
		.database = t->database,
		.connect_timeout_us = 60 * CLOCK_US_PER_S,
		.statement_timeout_us = 10 * CLOCK_US_PER_S,
		.reconnect_max_delay_us = 200 * CLOCK_US_PER_MS,
		.wakeup = SOURCE_WAKEUP_POLL,
		.poll_interval_us = 250 * CLOCK_US_PER_MS,
		.batch_size = 1000,
		.ack_delay_us = 5 * CLOCK_US_PER_MS,
	};
}

static void create(MYSQL *conn, void (*builder)(struct buf *out, const char *database))
{
	struct buf sql;

	buf_init(&sql, SQL_MAX);
	builder(&sql, NULL);
	mytest_exec(conn, "%s", buf_str(&sql));
	buf_done(&sql);
}

static void capture_items(struct mytest *t)
{
	struct buf sql;

	buf_init(&sql, SQL_MAX);
	buf_add_str(&sql, "INSERT INTO app_db_listener_captured SELECT 'default', DATABASE(), "
			  "'items', ");
	my_drift_fingerprint(&sql, t->database, "items");
	buf_add_str(&sql, ", '', 'items_insert,items_update,items_delete', UTC_TIMESTAMP(6)");
	mytest_exec(t->conn, "%s", buf_str(&sql));
	buf_done(&sql);
}

void mytest_open(struct mytest *t)
{
	static int made;
	MYSQL *root = connect_to(NULL);
	size_t i;

	(void)snprintf(t->database, sizeof(t->database), "test_%d_%d", (int)getpid(), ++made);
	mytest_exec(root, "CREATE DATABASE %s", t->database);
	mysql_close(root);
	t->conn = mytest_connect(t);
	create(t->conn, my_schema_create_install);
	create(t->conn, my_schema_create_captured);
	create(t->conn, my_schema_create_dead_letter);
	create(t->conn, my_schema_create_delivered);
	create(t->conn, my_schema_create_webhook);
	mytest_add_pipeline(t->conn, "default");
	for (i = 0; i < ARRAY_LEN(schema); i++)
		mytest_exec(t->conn, "%s", schema[i]);
	capture_items(t);
	fill_settings(t);
}

/* What a failed test left behind may hold locks. */
static void kill_others(MYSQL *root, const char *database)
{
	MYSQL_RES *res;
	MYSQL_ROW row;
	char sql[256];

	(void)snprintf(sql, sizeof(sql),
		       "SELECT ID FROM information_schema.PROCESSLIST WHERE DB = '%s'", database);
	assert_int_equal(mysql_query(root, sql), 0);
	res = mysql_store_result(root);
	while ((row = mysql_fetch_row(res)) != NULL)
		(void)mytest_try(root, "KILL %s", row[0]);
	mysql_free_result(res);
}

void mytest_close(struct mytest *t)
{
	MYSQL *root;

	mysql_close(t->conn);
	t->conn = NULL;
	root = connect_to(NULL);
	kill_others(root, t->database);
	mytest_exec(root, "SET lock_wait_timeout = 60");
	mytest_exec(root, "DROP DATABASE %s", t->database);
	mysql_close(root);
}

void mytest_add_pipeline(MYSQL *conn, const char *name)
{
	struct buf sql;

	buf_init(&sql, SQL_MAX);
	my_schema_create_outbox(&sql, NULL, name, 1);
	mytest_exec(conn, "%s", buf_str(&sql));
	buf_reset(&sql);
	my_schema_create_parked(&sql, NULL, name);
	mytest_exec(conn, "%s", buf_str(&sql));
	buf_done(&sql);
	mytest_exec(conn,
		    "INSERT INTO app_db_listener_install VALUES ('%s', UUID(), 1, "
		    "UTC_TIMESTAMP(6))",
		    name);
}

int64_t mytest_put(MYSQL *conn, const char *pipeline, const char *key, int bytes)
{
	char table[MY_TABLE_NAME_BYTES];

	my_schema_outbox_name(pipeline, table);
	mytest_exec(conn,
		    "INSERT INTO %s (operation, schema_name, table_name, row_key, changed_at, "
		    "bytes, data) VALUES ('insert', 'public', 'items', '%s', UTC_TIMESTAMP(6), "
		    "%d, REPEAT('1', %d))",
		    table, key, bytes + (int)strlen(key), bytes);
	return (int64_t)mysql_insert_id(conn);
}

bool mytest_is_mysql(void)
{
	return strcmp(env("TEST_MY_SERVER"), "mysql") == 0;
}

void mytest_ctl(const char *words)
{
	char command[512];

	(void)snprintf(command, sizeof(command), "%s %s >/dev/null 2>&1", env("TEST_MY_CTL"),
		       words);
	assert_int_equal(system(command), 0);
}
