/* SPDX-License-Identifier: MIT */
/*
 * What depends on the kind of database: which keys and words it knows, and its defaults.
 */
#include "config_fixture.h"

#define WEBHOOK "webhook: {url: http://h}\n"
#define MYSQL "type: mariadb, database: d"
#define SQLITE "type: sqlite, path: /x.db"

/* The settings of yaml, which must be right, and print as what loads and prints the same. */
static struct settings load(const char *yaml)
{
	struct settings s = must_load(&bare_env, yaml), again;
	struct buf first, second;

	buf_init(&first, 1 << 20);
	buf_init(&second, 1 << 20);
	config_print(&s, &first);
	again = must_load(&bare_env, buf_str(&first));
	config_print(&again, &second);
	assert_string_equal(buf_str(&first), buf_str(&second));
	buf_reset(&second);
	assert_int_equal(config_diff(&s, &again, &second), 0);
	assert_string_equal(buf_str(&second), "");
	settings_done(&again);
	buf_done(&second);
	buf_done(&first);
	return s;
}

static const struct config_case refused[] = {
	{"database: {" SQLITE ", host: h, port: 1, user: u, password: p, database: d, "
	 "sslmode: disable,\n"
	 "  sslrootcert: a, sslcert: b, sslkey: c, target_session_attrs: any, table: t}\n" WEBHOOK,
	 "f:1:39: database.host: not with sqlite: a file has no server, only path\n"
	 "f:1:48: database.port: not with sqlite: a file has no server, only path\n"
	 "f:1:57: database.user: not with sqlite: a file has no server, only path\n"
	 "f:1:66: database.password: not with sqlite: a file has no server, only path\n"
	 "f:1:79: database.database: not with sqlite: a file has no server, only path\n"
	 "f:1:92: database.sslmode: not with sqlite: a file has no server, only path\n"
	 "f:2:3: database.sslrootcert: not with sqlite: a file has no server, only path\n"
	 "f:2:19: database.sslcert: not with sqlite: a file has no server, only path\n"
	 "f:2:31: database.sslkey: not with sqlite: a file has no server, only path\n"
	 "f:2:42: database.target_session_attrs: not with sqlite: a choice among several hosts is "
	 "libpq's\n"},
	{"database: {type: sqlite, table: t, path: ':memory:'}\n" WEBHOOK,
	 "f:1:42: database.path: a database in memory has no writers but its own process\n"},
	{"database: {" MYSQL ", path: /x, target_session_attrs: primary, sslmode: allow, table: "
	 "t}\n" WEBHOOK,
	 "f:1:40: database.path: not with mysql: it is the file of an SQLite database\n"
	 "f:1:50: database.target_session_attrs: not with mysql: a choice among several hosts is "
	 "libpq's\n"
	 "f:1:90: database.sslmode: allow is for postgres: mysql knows disable, prefer, require, "
	 "verify-ca and verify-full\n"},
	{"database: {database: d, path: /x, table: t}\n" WEBHOOK,
	 "f:1:25: database.path: not with postgres: it is the file of an SQLite database\n"},
	/* of a type that is a mistake nothing else follows */
	{"database: {type: sqlit, path: /x, table: t}\n" WEBHOOK "listener: {audit_table: a}\n",
	 "f:1:18: database.type: \"sqlit\" is not known, did you mean sqlite?\n"},
	{"database: {" SQLITE ", table: t}\n" WEBHOOK "listener: {wakeup: notify}\n",
	 "f:3:20: listener.wakeup: notify is for postgres: sqlite cannot, it is polled\n"},
	{"sources:\n"
	 "  - {name: a, database: d}\n"
	 "  - {name: b, " MYSQL ", wakeup: notify}\n" WEBHOOK "pipelines:\n"
	 "  - {name: p, source: a, tables: [t], always: true}\n"
	 "  - {name: q, source: b, tables: [t], always: true}\n",
	 "f:3:51: sources[1].wakeup: notify is for postgres: mysql cannot, it is polled\n"
	 "f:7:39: pipelines[1].always: not with mysql: session_replication_role is PostgreSQL's\n"},
	{"database: {" MYSQL ", table: t}\n" WEBHOOK "listener: {modes: 'insert, truncate'}\n",
	 "f:3:19: listener.modes: truncate is for postgres: in mysql a TRUNCATE fires no trigger, "
	 "nothing sees it\n"},
	{"database: {" SQLITE "}\n" WEBHOOK "listener: {modes: [insert]}\n"
	 "pipelines: [{name: p, tables: [t], operations: [delete, truncate]}]\n",
	 "f:4:48: pipelines[0].operations: truncate is for postgres: sqlite has no TRUNCATE, and "
	 "DELETE without WHERE is captured row by row\n"},
	{"database: {" SQLITE ", tables: [a, main.a, aux.b, temp.*]}\n" WEBHOOK,
	 "f:1:51: database.tables[1]: this table is given twice, first in line 1\n"
	 "f:1:59: database.tables[2]: sqlite has no schema but main: write b\n"
	 "f:1:66: database.tables[3]: sqlite has no schema but main: write *\n"},
	{"database: {" SQLITE ", tables: [{name: a, where: \"NEW.[a ; ] = '\\\\'\"},\n"
	 "  {name: b, where: 'NEW.a = $1'}]}\n" WEBHOOK,
	 "f:2:20: database.tables[1].where: $ is not allowed outside quotes: a trigger has no "
	 "parameters\n"},
	{"database: {" MYSQL ", tables: [{name: a, where: \"NEW.a = 'it\\\\'s'\"},\n"
	 "  {name: b, where: {insert: 'NEW.a /*! or 1 */'}}]}\n" WEBHOOK,
	 "f:2:29: database.tables[1].where.insert: a comment that the server executes is not "
	 "allowed\n"},
};

static void what_does_not_fit_the_type_is_refused_with_its_place(void **state)
{
	(void)state;
	assert_cases(&bare_env, refused, ARRAY_LEN(refused));
}

static const struct config_case audit_refused[] = {
	{"database: {" MYSQL "}\n" WEBHOOK "listener: {audit_table: a, retain: 7d}\n",
	 "f:3:28: listener.retain: not with audit_table: its rows stay where they are, and are "
	 "yours to keep\n"},
	{"sources: [{name: a, " MYSQL ", audit_table: a}]\n" WEBHOOK
	 "pipelines: [{name: p, retain: 1h}]\n",
	 "f:3:23: pipelines[0].retain: not with audit_table: its rows stay where they are, and are "
	 "yours to keep\n"},
	{"database: {database: d, table: t}\n" WEBHOOK "listener: {audit_table: a}\n",
	 "f:3:12: listener.audit_table: not with postgres: it is always captured by triggers of "
	 "its own\n"},
	{"database: {" SQLITE ", table: t}\n" WEBHOOK "listener: {audit_table: a}\n",
	 "f:3:12: listener.audit_table: not with sqlite: it is always captured by triggers of its "
	 "own\n"},
	{"sources:\n"
	 "  - {name: a, " MYSQL "}\n"
	 "  - {name: b, database: d}\n" WEBHOOK "listener: {audit_table: a}\n"
	 "pipelines:\n"
	 "  - {name: p, source: a}\n"
	 "  - {name: q, source: b, tables: [t]}\n",
	 "f:5:12: listener.audit_table: not with postgres, which source b is: it is always "
	 "captured by triggers of its own\n"},
	{"sources: [{name: a, " MYSQL ", audit_table: a}]\n" WEBHOOK
	 "pipelines: [{name: p}, {name: q}]\n",
	 "f:3:24: pipelines[1].source: an audit_table is read by one pipeline alone, and p reads "
	 "it already\n"},
	{"database: {" MYSQL ", tables: [{name: t, columns: [a], where: NEW.a},\n"
	 "  {name: u, exclude: [a], key: [b]}]}\n" WEBHOOK "listener: {audit_table: a}\n",
	 "f:1:59: database.tables[0].columns: not with audit_table: the triggers that fill it are "
	 "yours\n"
	 "f:1:73: database.tables[0].where: not with audit_table: the triggers that fill it are "
	 "yours\n"
	 "f:2:13: database.tables[1].exclude: not with audit_table: the triggers that fill it are "
	 "yours\n"},
	{"database: {" MYSQL "}\nwebhook: {url: http://x/, retry_schedule: [5m]}\n"
	 "listener: {audit_table: a}\n",
	 "f:3:12: listener.audit_table: not with retry_schedule, which webhook default has: rows "
	 "of an audit table cannot be parked, they stay where they are\n"},
	{"sources: [{name: a, " MYSQL ", audit_table: a}]\n"
	 "webhooks: [{name: w, url: http://x/, retry_schedule: [5m]}, {name: v, url: http://x/}]\n"
	 "pipelines: [{name: p, source: a, webhook: w}]\n",
	 "f:1:49: sources[0].audit_table: not with retry_schedule, which webhook w has: rows of an "
	 "audit table cannot be parked, they stay where they are\n"},
	{"database: {" MYSQL "}\n" WEBHOOK "listener: {audit_table: a b}\n",
	 "f:3:25: listener.audit_table: must be NAME or SCHEMA.NAME, of letters, digits, _, $ and "
	 "-\n"},
	{"database: {" MYSQL "}\n" WEBHOOK "listener: {audit_table: a.b.c}\n",
	 "f:3:25: listener.audit_table: must be NAME or SCHEMA.NAME, of letters, digits, _, $ and "
	 "-\n"},
	{"database: {" MYSQL "}\n" WEBHOOK "listener: {audit_table: a.}\n",
	 "f:3:25: listener.audit_table: must be NAME or SCHEMA.NAME: a name is missing\n"},
	{"database: {" MYSQL "}\n" WEBHOOK "listener: {audit_table: a`b}\n",
	 "f:3:25: listener.audit_table: must be NAME or SCHEMA.NAME, of letters, digits, _, $ and "
	 "-\n"},
};

static void an_audit_table_has_its_conditions(void **state)
{
	(void)state;
	assert_cases(&bare_env, audit_refused, ARRAY_LEN(audit_refused));
}

static void an_audit_table_needs_no_tables(void **state)
{
	struct settings s = load("database: {" MYSQL "}\n" WEBHOOK
				 "listener: {audit_table: \"log$1.\xc3\xa9t\xc3\xa9-2\"}\n");

	(void)state;
	assert_string_equal(s.sources[0].audit_table, "log$1.\xc3\xa9t\xc3\xa9-2");
	assert_int_equal(s.pipelines[0].table_count, 0);
	assert_true(s.pipelines[0].operations[OP_TRUNCATE]); /* who fills it may tell */
	settings_done(&s);
	s = load("sources: [{name: a, " MYSQL ", audit_table: log}, {name: b, " MYSQL "}]\n" WEBHOOK
		 "pipelines: [{name: p, source: a, tables: [{name: t, key: [id]}]},\n"
		 "  {name: q, source: b, tables: ['*']}]\n");
	assert_string_equal(s.sources[0].audit_table, "log");
	assert_null(s.sources[1].audit_table);
	assert_string_equal(s.pipelines[0].tables[0].key.items[0], "id");
	settings_done(&s);
}

static void databases_without_notification_are_polled_more_often(void **state)
{
	static const struct {
		const char *yaml;
		int64_t us;
	} cases[] = {
		{"database: {database: d, table: t}\n" WEBHOOK, 2000000},
		{"database: {" MYSQL ", table: t}\n" WEBHOOK, 250000},
		{"database: {" SQLITE ", table: t}\n" WEBHOOK, 250000},
		{"database: {" SQLITE ", table: t}\n" WEBHOOK "listener: {poll_interval: 2}\n",
		 2000000},
		{"sources: [{name: a, " SQLITE ", poll_interval: 3s}]\n" WEBHOOK
		 "tables: [t]\nlistener: {poll_interval: 5}\n",
		 3000000},
	};
	struct settings s;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		s = load(cases[i].yaml);
		assert_int_equal(s.sources[0].poll_interval_us, cases[i].us);
		settings_done(&s);
	}
}

static void each_type_has_its_own_defaults(void **state)
{
	struct settings s = load("database: {" SQLITE ", tables: [main.a, Main.b]}\n" WEBHOOK);

	(void)state;
	assert_null(s.sources[0].host);
	assert_null(s.sources[0].sslmode);
	assert_null(s.sources[0].target_session_attrs);
	assert_int_equal(s.sources[0].port, 0);
	assert_null(s.pipelines[0].tables[0].schema);
	assert_null(s.pipelines[0].tables[1].schema);
	assert_true(s.pipelines[0].operations[OP_DELETE]);
	assert_false(s.pipelines[0].operations[OP_TRUNCATE]);
	settings_done(&s);
	s = load("database: {" MYSQL ", sslmode: verify-ca, table: d.t}\n" WEBHOOK);
	assert_string_equal(s.sources[0].host, "localhost");
	assert_string_equal(s.sources[0].sslmode, "verify-ca");
	assert_null(s.sources[0].target_session_attrs);
	assert_int_equal(s.sources[0].port, 3306);
	assert_string_equal(s.pipelines[0].tables[0].schema, "d");
	assert_false(s.pipelines[0].operations[OP_TRUNCATE]);
	settings_done(&s);
}

/* listener is shared: a pipeline that captures less than its default is well. */
static void a_pipeline_may_leave_out_what_the_default_has(void **state)
{
	struct settings s =
		load("sources: [{name: a, database: d}, {name: b, " SQLITE "}]\n" WEBHOOK
		     "listener: {modes: 'delete, truncate'}\ntables: [t]\n"
		     "pipelines: [{name: p, source: a}, {name: q, source: b, modes: delete}]\n");

	(void)state;
	assert_true(s.pipelines[0].operations[OP_TRUNCATE]);
	assert_false(s.pipelines[1].operations[OP_TRUNCATE]);
	settings_done(&s);
}

static void a_change_of_type_is_a_difference(void **state)
{
	struct settings a = load("database: {database: d, host: h, table: t}\n" WEBHOOK);
	struct settings b = load("database: {" SQLITE ", table: t}\n" WEBHOOK);
	struct buf out;

	(void)state;
	buf_init(&out, 10000);
	assert_int_equal(config_diff(&a, &b, &out), 1);
	assert_string_equal(
		buf_str(&out),
		"database.type: postgres -> sqlite; database.host: \"h\" -> none; "
		"database.port: 5432 -> none; database.database: \"d\" -> none; "
		"database.path: none -> \"/x.db\"; database.sslmode: \"prefer\" -> none; "
		"database.target_session_attrs: \"read-write\" -> none; "
		"listener.poll_interval: 2s -> 250ms; listener.modes: [insert, update, delete, "
		"truncate] -> [insert, update, delete] (install)");
	buf_done(&out);
	settings_done(&b);
	settings_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_does_not_fit_the_type_is_refused_with_its_place),
		cmocka_unit_test(an_audit_table_has_its_conditions),
		cmocka_unit_test(an_audit_table_needs_no_tables),
		cmocka_unit_test(databases_without_notification_are_polled_more_often),
		cmocka_unit_test(each_type_has_its_own_defaults),
		cmocka_unit_test(a_pipeline_may_leave_out_what_the_default_has),
		cmocka_unit_test(a_change_of_type_is_a_difference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
