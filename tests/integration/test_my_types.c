/* SPDX-License-Identifier: MIT */
/* Every column type with its extreme values: what the outbox says against what was stored. */
#include <jansson.h>

#include "my_fixture.h"

struct value {
	const char *type;
	const char *literal; /* SQL, as inserted */
	const char *json;    /* as expected in data, to the letter */
};

static const struct value values[] = {
	{"tinyint", "-128", "-128"},
	{"tinyint unsigned", "255", "255"},
	{"boolean", "TRUE", "1"},
	{"smallint", "-32768", "-32768"},
	{"mediumint unsigned", "16777215", "16777215"},
	{"int", "-2147483648", "-2147483648"},
	{"int(8) zerofill", "42", "42"},
	{"bigint", "-9223372036854775808", "-9223372036854775808"},
	{"bigint unsigned", "18446744073709551615", "18446744073709551615"},
	{"bigint zerofill", "18446744073709551615", "18446744073709551615"},
	{"decimal(65,30)", "-12345678901234567890123456789012345.123456789012345678901234567890",
	 "-12345678901234567890123456789012345.123456789012345678901234567890"},
	{"decimal(4,2)", "1", "1.00"},
	{"decimal(8,2) zerofill", "1.5", "1.50"},
	{"decimal(5)", "-0.4", "0"},
	{"float", "3.14159", "3.141590118408203"},
	{"float", "16777217", "16777216"},
	{"float", "3.4028234663852886e38", "3.4028234663852886e38"},
	{"float(10,3)", "1234567.125", "1234567.125"},
	{"float(7,3) zerofill", "2.5", "2.5"},
	{"double", "1.7976931348623157e308", "1.7976931348623157e308"},
	{"double", "4.9e-324", "5e-324"},
	{"double", "0.1e0 + 0.2e0", "0.30000000000000004"},
	{"double", "-1e22", "-1e22"},
	{"double(20,5)", "1.5", "1.5"},
	{"double zerofill", "1.5", "1.5"},
	{"bit(1)", "b'1'", "1"},
	{"bit(64)", "0xffffffffffffffff", "18446744073709551615"},
	{"year", "2155", "2155"},
	{"year", "0", "0"},
	{"date", "'9999-12-31'", "\"9999-12-31\""},
	{"date", "'0000-00-00'", "\"0000-00-00\""},
	{"date", "'2020-00-00'", "\"2020-00-00\""},
	{"time", "'-838:59:59'", "\"-838:59:59\""},
	{"time(6)", "'-838:59:58.999999'", "\"-838:59:58.999999\""},
	{"time(2)", "'-00:00:00.01'", "\"-00:00:00.01\""},
	{"datetime", "'9999-12-31 23:59:59'", "\"9999-12-31T23:59:59\""},
	{"datetime(3)", "'0000-00-00'", "\"0000-00-00T00:00:00.000\""},
	{"datetime(6)", "'2020-00-10 01:02:03.000004'", "\"2020-00-10T01:02:03.000004\""},
	{"timestamp null", "'2038-01-19 03:14:07'", "\"2038-01-19T03:14:07Z\""},
	{"timestamp(6) null", "'2038-01-19 03:14:07.999999'", "\"2038-01-19T03:14:07.999999Z\""},
	{"timestamp(3) null", "'1970-01-01 00:00:01.5'", "\"1970-01-01T00:00:01.500Z\""},
	{"timestamp null", "0", "\"0000-00-00T00:00:00Z\""},
	{"char(10)", "'a  '", "\"a\""},
	{"varchar(10)", "'a  '", "\"a  \""},
	{"varchar(10)", "''", "\"\""},
	{"varchar(10) character set latin1", "_utf8mb4'\xc3\xa4\xe2\x82\xac'",
	 "\"\xc3\xa4\xe2\x82\xac\""},
	{"varchar(10) character set utf16", "_utf8mb4'\xc3\xa4\xf0\x9f\x98\x80'",
	 "\"\xc3\xa4\xf0\x9f\x98\x80\""},
	{"text character set utf32", "_utf8mb4'\xf0\x9f\x98\x80\"'", "\"\xf0\x9f\x98\x80\\\"\""},
	{"char(5) character set ucs2", "_utf8mb4'\xc3\xbc'", "\"\xc3\xbc\""},
	/* a second byte that is a backslash in ASCII */
	{"varchar(10) character set sjis", "_utf8mb4'\xe8\xa1\xa8\xe3\x82\xbd'",
	 "\"\xe8\xa1\xa8\xe3\x82\xbd\""},
	{"text character set gbk", "_utf8mb4'\xe4\xb8\xad\xe6\x96\x87'",
	 "\"\xe4\xb8\xad\xe6\x96\x87\""},
	{"text character set utf8mb3", "_utf8mb4'\xe2\x82\xac'", "\"\xe2\x82\xac\""},
	{"char(3) character set cp1251", "_utf8mb4'\xd0\xb6'", "\"\xd0\xb6\""},
	{"tinytext", "'t'", "\"t\""},
	{"mediumtext", "'m'", "\"m\""},
	{"longtext", "'l'", "\"l\""},
	{"enum('a', '\xc3\xbc\"')", "2", "\"\xc3\xbc\\\"\""},
	{"enum('a', 'b')", "'nonsense'", "\"\""},
	{"set('x', 'y z')", "'x,y z'", "\"x,y z\""},
	{"set('x', 'y z')", "''", "\"\""},
	{"binary(4)", "'ab'", "\"YWIAAA==\""},
	{"varbinary(10)", "0x00ff5c", "\"AP9c\""},
	{"varchar(10) character set binary", "0x00ff", "\"AP8=\""},
	{"tinyblob", "repeat('x', 60)",
	 "\"eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4eHh4\""},
	{"blob", "''", "\"\""},
	{"mediumblob", "0x0a", "\"Cg==\""},
	{"longblob", "0x00", "\"AA==\""},
	{"json", "'null'", "null"},
	{"json", "'[\"\\\\\\\\x\", 2.5]'", "[\"\\\\x\", 2.5]"},
	{"point", "POINT(1, 2)", "{\"srid\":0,\"wkb\":\"AQEAAAAAAAAAAADwPwAAAAAAAABA\"}"},
	{"linestring", "ST_GeomFromText('LINESTRING(0 0,1 1)')",
	 "{\"srid\":0,\"wkb\":\"AQIAAAACAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAPA/AAAAAAAA8D8=\"}"},
	{"polygon", "ST_GeomFromText('POLYGON((0 0,1 0,1 1,0 0))')", NULL},
	{"multipoint", "ST_GeomFromText('MULTIPOINT(0 0,1 1)')", NULL},
	{"multilinestring", "ST_GeomFromText('MULTILINESTRING((0 0,1 1))')", NULL},
	{"multipolygon", "ST_GeomFromText('MULTIPOLYGON(((0 0,1 0,1 1,0 0)))')", NULL},
	{"geometrycollection", "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1))')", NULL},
};

static const struct value mariadb_values[] = {
	{"varchar(60) character set utf8mb4", "_utf8mb4 x'000108090a0c0d1f225c2f7fc3a4f09f9880'",
	 "\"\\u0000\\u0001\\b\\t\\n\\f\\r\\u001F\\\"\\\\/\x7f\xc3\xa4\xf0\x9f\x98\x80\""},
	{"text compressed", "repeat('c', 10)", "\"cccccccccc\""},
	{"varbinary(10) compressed", "0x00", "\"AA==\""},
	{"json", "'{ \"a\" : 1.00 , \"b\":[1 , 2], \"u\":\"\\\\u00e4 1. x\"}'",
	 "{ \"a\" : 1.00 , \"b\":[1 , 2], \"u\":\"\\u00e4 1. x\"}"},
	/* passed by json_valid(), and no JSON */
	{"json", "'[1.]'", "\"[1.]\""},
	{"json", "'\"\\\\x\"'", "\"\\\"\\\\x\\\"\""},
	{"longtext character set latin1 check (json_valid(c))", "_utf8mb4'[\"\xc3\xa4\"]'",
	 "[\"\xc3\xa4\"]"},
	{"geometry", "ST_GeomFromText('POINT(1.1 2.3)', 4326)",
	 "{\"srid\":4326,\"wkb\":\"AQEAAACamZmZmZnxP2ZmZmZmZgJA\"}"},
	{"uuid", "'123E4567-e89b-12d3-a456-426655440000'",
	 "\"123e4567-e89b-12d3-a456-426655440000\""},
	{"inet4", "'1.2.3.4'", "\"1.2.3.4\""},
	{"inet6", "'::ffff:1.2.3.4'", "\"::ffff:1.2.3.4\""},
	{"inet6", "'2001:db8::1'", "\"2001:db8::1\""},
};

static const struct value mysql_values[] = {
	{"varchar(60) character set utf8mb4", "_utf8mb4 x'000108090a0c0d1f225c2f7fc3a4f09f9880'",
	 "\"\\u0000\\u0001\\b\\t\\n\\f\\r\\u001f\\\"\\\\/\x7f\xc3\xa4\xf0\x9f\x98\x80\""},
	{"json", "'{ \"a\" : 1.00 , \"b\":[1 , 2], \"u\":\"\\\\u00e4 1. x\"}'",
	 "{\"a\": 1.0, \"b\": [1, 2], \"u\": \"\xc3\xa4 1. x\"}"},
	{"json", "CAST(18446744073709551615 AS JSON)", "18446744073709551615"},
	{"json", "CAST(x'00ff' AS JSON)", "\"base64:type15:AP8=\""},
	{"longtext character set latin1 check (json_valid(c))", "_utf8mb4'[\"\xc3\xa4\"]'",
	 "\"[\\\"\xc3\xa4\\\"]\""},
	/* the server keeps longitude and latitude in this order, whatever the texts' is */
	{"geometry", "ST_GeomFromText('POINT(2.3 1.1)', 4326)",
	 "{\"srid\":4326,\"wkb\":\"AQEAAACamZmZmZnxP2ZmZmZmZgJA\"}"},
	{"geomcollection", "ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1))')", NULL},
	{"vector(3)", "STRING_TO_VECTOR('[1,2,3]')", "\"AACAPwAAAEAAAEBA\""},
};

/* data or old_data of the one event, which must be JSON, have the right length noted, and hold
 * "c": expected. */
static void assert_value(struct fixture *f, const char *column, const struct value *v,
			 const char *expected)
{
	char sql[512], want[512];
	json_error_t e;
	const char *text;
	json_t *j;

	(void)snprintf(sql, sizeof(sql),
		       "SELECT %s FROM app_db_listener_outbox WHERE truncated = 0 AND bytes = "
		       "OCTET_LENGTH(row_key) + COALESCE(OCTET_LENGTH(data), 0) + "
		       "COALESCE(OCTET_LENGTH(old_data), 0) ORDER BY id DESC LIMIT 1",
		       column);
	text = rows(f, sql);
	j = json_loads(text, JSON_DECODE_ANY | JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, &e);
	if (!j)
		fail_msg("%s %s: %s in %s", v->type, v->literal, e.text, text);
	json_decref(j);
	if (!expected)
		return;
	(void)snprintf(want, sizeof(want), "{\"id\":1,\"c\":%s}", expected);
	if (strcmp(text, want) != 0)
		fail_msg("%s %s: %s instead of %s", v->type, v->literal, text, want);
}

static void try_value(struct fixture *f, const struct value *v)
{
	char sql[512];

	(void)snprintf(sql, sizeof(sql),
		       "DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, c %s)",
		       v->type);
	run(f, sql);
	install(f);
	(void)snprintf(sql, sizeof(sql), "INSERT INTO t VALUES (1, %s)", v->literal);
	run(f, sql);
	assert_value(f, "data", v, v->json);
	run(f, "UPDATE t SET c = NULL");
	assert_value(f, "old_data", v, v->json);
	assert_value(f, "data", v, "null");
	(void)snprintf(sql, sizeof(sql), "UPDATE t SET c = %s", v->literal);
	run(f, sql);
	assert_value(f, "data", v, v->json);
	/* nothing changes, so nothing is told */
	run(f, sql);
	assert_string_equal(rows(f, "SELECT COUNT(*) FROM app_db_listener_outbox"), "3");
	run(f, "DELETE FROM t");
	assert_value(f, "old_data", v, v->json);
	run(f, "DELETE FROM app_db_listener_outbox");
}

static void every_type_is_captured_without_loss(void **state)
{
	struct fixture *f = *state;
	const struct value *own = mytest_is_mysql() ? mysql_values : mariadb_values;
	size_t i, n = mytest_is_mysql() ? ARRAY_LEN(mysql_values) : ARRAY_LEN(mariadb_values);

	capture(f, 0, NULL, "t");
	run(f, "SET time_zone = '+00:00', sql_mode = ''");
	if (!mytest_is_mysql())
		run(f, "SET check_constraint_checks = 0");
	for (i = 0; i < ARRAY_LEN(values); i++)
		try_value(f, &values[i]);
	for (i = 0; i < n; i++)
		try_value(f, &own[i]);
}

/* The same with everything set that an application's session can have set. */
static void what_the_writers_session_has_set_does_not_matter(void **state)
{
	struct fixture *f = *state;
	const char *const sessions[] = {
		"SET NAMES latin1, sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT'",
		"SET NAMES utf8mb4, sql_mode = 'STRICT_ALL_TABLES,PAD_CHAR_TO_FULL_LENGTH,"
		"NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO'",
		mytest_is_mysql() ? "SET sql_mode = 'ANSI', div_precision_increment = 0"
				  : "SET sql_mode = 'ORACLE', div_precision_increment = 0",
		"SET NAMES sjis, sql_mode = 'HIGH_NOT_PRECEDENCE,REAL_AS_FLOAT,IGNORE_SPACE'",
		"SET collation_connection = 'utf16_bin', lc_time_names = 'de_DE', time_zone = "
		"'-11:00'",
	};
	static const char expected[] =
		"{\"id\":1,\"a\":\"it's\",\"b\":\"AP8=\",\"c\":\"x\",\"d\":1.5,\"e\":\"u\","
		"\"f\":\"2024-07-01T10:00:00.5Z\",\"g\":\"2024-07-01T12:00:00\",\"h\":[1],"
		"\"i\":0.1}";
	size_t i;

	run(f, "CREATE TABLE t (id int PRIMARY KEY, a varchar(20), b blob, c char(5), d "
	       "decimal(3,1), e enum('u'), f timestamp(1) NULL, g datetime, h json, i double)");
	capture(f, 0, NULL, "t");
	install(f);
	for (i = 0; i < ARRAY_LEN(sessions); i++) {
		MYSQL *c = fixture_connect(f->database, "root", "utf8mb4");

		run_on(c, sessions[i]);
		/* the same moment, whatever the session's time zone */
		run_on(c, "INSERT INTO t SELECT 1, 'it''s', x'00ff', 'x', 1.5, 'u', "
			  "FROM_UNIXTIME(1719828000.5), '2024-07-01 12:00:00', '[1]', 0.1");
		run_on(c, "UPDATE t SET id = 1");
		run_on(c, "DELETE FROM t");
		mysql_close(c);
		assert_string_equal(rows(f, "SELECT data FROM app_db_listener_outbox WHERE "
					    "operation = 'insert'"),
				    expected);
		assert_string_equal(rows(f, "SELECT old_data FROM app_db_listener_outbox WHERE "
					    "operation = 'delete'"),
				    expected);
		assert_string_equal(rows(f, "SELECT COUNT(*) FROM app_db_listener_outbox"), "2");
		run(f, "DELETE FROM app_db_listener_outbox");
	}
}

/* A zone of our own, whose clocks are put back an hour at 2021-10-31 01:00 UTC. */
static void an_hour_that_the_clock_shows_twice_is_told_apart(void **state)
{
	struct fixture *f = *state;

	run(f, "SET sql_mode = ''; REPLACE INTO mysql.time_zone (time_zone_id, use_leap_seconds) "
	       "VALUES (4711, 'N'); REPLACE INTO mysql.time_zone_name VALUES ('Test/Dst', 4711);"
	       "REPLACE INTO mysql.time_zone_transition_type VALUES (4711, 0, 7200, 1, 'CEST'), "
	       "(4711, 1, 3600, 0, 'CET');"
	       "REPLACE INTO mysql.time_zone_transition VALUES (4711, 1616893200, 0), "
	       "(4711, 1635642000, 1);"
	       "CREATE TABLE t (id int PRIMARY KEY, c timestamp NULL);"
	       "SET time_zone = '+00:00'; INSERT INTO t VALUES (1, '2021-10-31 00:30:00'), "
	       "(2, '2021-10-31 01:30:00'), (3, 0), (4, NULL)");
	capture(f, 0, NULL, "t");
	install(f);
	run(f, "SET time_zone = 'Test/Dst'");
	assert_string_equal(rows(f, "SELECT COUNT(DISTINCT CONCAT(c)) FROM t WHERE id < 3"), "1");
	run(f, "UPDATE t SET id = id + 4 ORDER BY id");
	assert_string_equal(rows(f, "SELECT data FROM app_db_listener_outbox ORDER BY id"),
			    "{\"id\":5,\"c\":\"2021-10-31T00:30:00Z\"}\n"
			    "{\"id\":6,\"c\":\"2021-10-31T01:30:00Z\"}\n"
			    "{\"id\":7,\"c\":\"0000-00-00T00:00:00Z\"}\n"
			    "{\"id\":8,\"c\":null}");
}

/* MySQL copies by way of the session's clock, and changes nothing then. */
static void a_change_within_that_hour_is_one(void **state)
{
	struct fixture *f = *state;

	if (mytest_is_mysql()) {
		print_message("MySQL makes no such change\n");
		skip();
	}
	run(f, "SET time_zone = '+00:00'; CREATE TABLE s (id int PRIMARY KEY, c timestamp NULL);"
	       "CREATE TABLE t (id int PRIMARY KEY, c timestamp NULL);"
	       "INSERT INTO s VALUES (1, '2021-10-31 00:30:00'), (2, '2021-10-31 01:30:00'), "
	       "(3, 0), (4, NULL); INSERT INTO t SELECT * FROM s WHERE id = 1");
	capture(f, 0, NULL, "t");
	install(f);
	run(f,
	    "SET time_zone = 'Test/Dst', sql_mode = '';"
	    "UPDATE t, s SET t.c = s.c WHERE s.id = 2; UPDATE t, s SET t.c = s.c WHERE s.id = 3;"
	    "UPDATE t, s SET t.c = s.c WHERE s.id = 4; UPDATE t, s SET t.c = s.c WHERE s.id = 3");
	assert_string_equal(rows(f, "SELECT data FROM app_db_listener_outbox ORDER BY id"),
			    "{\"id\":1,\"c\":\"2021-10-31T01:30:00Z\"}\n"
			    "{\"id\":1,\"c\":\"0000-00-00T00:00:00Z\"}\n"
			    "{\"id\":1,\"c\":null}\n"
			    "{\"id\":1,\"c\":\"0000-00-00T00:00:00Z\"}");
}

/* ---- changes ---- */

struct change {
	const char *type;
	const char *from;
	const char *to;
};

static const struct change changes[] = {
	{"varchar(10)", "'a'", "'A'"},
	{"varchar(10)", "'a'", "'a '"},
	{"varchar(10)", "'a'", "_utf8mb4'\xc3\xa4'"},
	{"varchar(10) character set latin1", "'a'", "'A'"},
	{"varchar(10) character set utf16", "'a'", "'A'"},
	{"text", "'a '", "'a'"},
	{"char(3)", "'a'", "'A'"},
	{"enum('', 'b')", "'nonsense'", "''"},
	{"json", "'1'", "'1.0'"},
	{"decimal(3,2)", "1.00", "1.01"},
	{"double", "0.1", "0.10000000000000002"},
	{"float", "16777216", "16777218"},
	{"bit(2)", "1", "2"},
	{"varbinary(5)", "'a'", "'a '"},
	{"varbinary(5)", "0x00", "''"},
	{"point", "POINT(1, 2)", "POINT(1, 3)"},
	{"geometry", "ST_GeomFromText('POINT(1 1)', 0)", "ST_GeomFromText('POINT(1 1)', 4326)"},
	{"datetime(6)", "'2020-01-01'", "'2020-01-01 00:00:00.000001'"},
	{"time(3)", "'00:00:00'", "'-00:00:00.001'"},
	{"date", "'0000-00-00'", "'2020-00-00'"},
	{"year", "0", "2000"},
	{"int", "NULL", "0"},
	{"text", "NULL", "''"},
};

static const struct change mariadb_changes[] = {
	{"json", "'{}'", "'{ }'"},
	{"json", "'[1.]'", "'[2.]'"},
	{"uuid", "'123e4567-e89b-12d3-a456-426655440000'",
	 "'123e4567-e89b-12d3-a456-426655440001'"},
};

static const struct change mysql_changes[] = {
	{"json", "'[1]'", "'[1.0]'"},
	{"json", "'null'", "NULL"},
	{"vector(1)", "STRING_TO_VECTOR('[1]')", "STRING_TO_VECTOR('[2]')"},
};

static void try_change(struct fixture *f, const struct change *c)
{
	char sql[512];

	(void)snprintf(
		sql, sizeof(sql),
		"DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, c %s, other int)",
		c->type);
	run(f, sql);
	install(f);
	(void)snprintf(sql, sizeof(sql), "INSERT INTO t VALUES (1, %s, 1)", c->from);
	run(f, sql);
	run(f, "DELETE FROM app_db_listener_outbox; UPDATE t SET other = 2");
	assert_string_equal(rows(f, "SELECT COUNT(*) FROM app_db_listener_outbox"), "0");
	(void)snprintf(sql, sizeof(sql), "UPDATE t SET c = %s", c->to);
	run(f, sql);
	if (strcmp(rows(f, "SELECT COUNT(*) FROM app_db_listener_outbox"), "1") != 0)
		fail_msg("%s: %s to %s was not noticed", c->type, c->from, c->to);
	run(f, "DELETE FROM app_db_listener_outbox");
}

static void every_stored_change_is_a_change_and_nothing_else(void **state)
{
	const struct change *own = mytest_is_mysql() ? mysql_changes : mariadb_changes;
	size_t i, n = mytest_is_mysql() ? ARRAY_LEN(mysql_changes) : ARRAY_LEN(mariadb_changes);
	struct fixture *f = *state;

	capture(f, 0, NULL, "t")->exclude = LIST("other");
	run(f, "SET sql_mode = ''");
	if (!mytest_is_mysql())
		run(f, "SET check_constraint_checks = 0");
	for (i = 0; i < ARRAY_LEN(changes); i++)
		try_change(f, &changes[i]);
	for (i = 0; i < n; i++)
		try_change(f, &own[i]);
}

/* ---- columns that are special ---- */

static void generated_and_invisible_columns(void **state)
{
	struct fixture *f = *state;

	run(f, "CREATE TABLE g (id int PRIMARY KEY, a int, v int AS (a + 1) VIRTUAL, s varchar(20) "
	       "AS (concat('s', a)) STORED, i int INVISIBLE DEFAULT 3)");
	capture(f, 0, NULL, "g");
	install(f);
	run(f, "INSERT INTO g (id, a) VALUES (1, 1); UPDATE g SET a = 2; DELETE FROM g");
	assert_string_equal(events(f),
			    "insert|g|{\"id\":1}|-|{\"id\":1,\"a\":1,\"v\":2,\"s\":\"s1\",\"i\":3}|"
			    "-\n"
			    "update|g|{\"id\":1}|-|{\"id\":1,\"a\":2,\"v\":3,\"s\":\"s2\",\"i\":3}|"
			    "{\"id\":1,\"a\":1,\"v\":2,\"s\":\"s1\",\"i\":3}\n"
			    "delete|g|{\"id\":1}|-|-|{\"id\":1,\"a\":2,\"v\":3,\"s\":\"s2\",\"i\":"
			    "3}");
}

static void columns_of_periods(void **state)
{
	struct fixture *f = *state;

	if (mytest_is_mysql()) {
		print_message("MySQL has no system versioning\n");
		skip();
	}
	run(f, "CREATE TABLE sv (id int PRIMARY KEY, a int, b timestamp(6) GENERATED ALWAYS AS ROW "
	       "START INVISIBLE, e timestamp(6) GENERATED ALWAYS AS ROW END, PERIOD FOR "
	       "SYSTEM_TIME (b, e)) WITH SYSTEM VERSIONING;"
	       "CREATE TABLE hidden (id int PRIMARY KEY, a int) WITH SYSTEM VERSIONING");
	capture(f, 0, NULL, "sv");
	capture(f, 0, NULL, "hidden");
	install(f);
	run(f, "INSERT INTO sv (id, a) VALUES (1, 1); UPDATE sv SET a = 1; UPDATE sv SET a = 2; "
	       "DELETE FROM sv");
	assert_string_equal(events(f),
			    "insert|sv|{\"id\":1}|-|{\"id\":1,\"a\":1}|-\n"
			    "update|sv|{\"id\":1}|-|{\"id\":1,\"a\":2}|{\"id\":1,\"a\":1}\n"
			    "delete|sv|{\"id\":1}|-|-|{\"id\":1,\"a\":2}");
	run(f, "INSERT INTO hidden VALUES (1, 1); UPDATE hidden SET a = 2; DELETE FROM hidden; "
	       "DELETE HISTORY FROM hidden");
	assert_string_equal(events(f),
			    "insert|hidden|{\"id\":1}|-|{\"id\":1,\"a\":1}|-\n"
			    "update|hidden|{\"id\":1}|-|{\"id\":1,\"a\":2}|{\"id\":1,\"a\":1}\n"
			    "delete|hidden|{\"id\":1}|-|-|{\"id\":1,\"a\":2}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_type_is_captured_without_loss),
		TEST(what_the_writers_session_has_set_does_not_matter),
		TEST(an_hour_that_the_clock_shows_twice_is_told_apart),
		TEST(a_change_within_that_hour_is_one),
		TEST(every_stored_change_is_a_change_and_nothing_else),
		TEST(generated_and_invisible_columns),
		TEST(columns_of_periods),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
