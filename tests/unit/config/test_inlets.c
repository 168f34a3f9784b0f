/* SPDX-License-Identifier: MIT */
/* Sources of type http: what they must not say, and what becomes of them. */
#include "config_fixture.h"

#define HOOK                                                                                       \
	"webhook: {url: http://h}\n"                                                               \
	"ingest: {listen: '127.0.0.1:0', tokens: {shop: 0123456789abcdef0123456789abcdef}}\n"
#define PUSHED "applications push the events of a source of type http"
#define TYPE "events come in when they are posted, and say what they are\n"

static const struct config_case cases[] = {
	{"database: {type: http}\n" HOOK,
	 "f:1:11: database.path: required for http: the file that keeps the events, or store, a "
	 "source whose database does\n"},
	{"sources: [{name: a, database: d, tables: t},\n"
	 "  {name: b, type: http, path: /x, store: a}]\n" HOOK
	 "pipelines: [{name: p, source: a}, {name: q, source: b}]\n",
	 "f:2:35: sources[1].store: not with path: the events are kept in one of the two\n"},
	{"sources: [{name: shop, database: d, tables: t},\n"
	 "  {name: b, type: http, store: shep}]\n" HOOK
	 "pipelines: [{name: p, source: shop}, {name: q, source: b}]\n",
	 "f:2:32: sources[1].store: no source is called \"shep\", did you mean shop?\n"},
	{"sources: [{name: a, type: http, path: /x},\n"
	 "  {name: b, type: http, store: a}]\n" HOOK
	 "pipelines: [{name: p, source: a}, {name: q, source: b}]\n",
	 "f:2:32: sources[1].store: source a is of type http too: a store is a database\n"},
	{"sources: [{name: a, type: mysql, database: d, audit_table: log},\n"
	 "  {name: b, type: http, store: a}]\n" HOOK
	 "pipelines: [{name: p, source: a}, {name: q, source: b}]\n",
	 "f:2:32: sources[1].store: source a reads an audit_table, and has no outbox to put "
	 "events into\n"},
	{"sources: [{name: a, database: d, tables: t},\n"
	 "  {name: b, type: http, store: a, max_event_bytes: 2MB,\n"
	 "   batch_size: 10}]\n" HOOK "pipelines: [{name: p, source: a}, {name: q, source: b}]\n",
	 "f:2:35: sources[1].max_event_bytes: not with store: that source reads the events, and "
	 "says how\n"
	 "f:3:4: sources[1].batch_size: not with store: that source reads the events, and says "
	 "how\n"},
	{"database: {type: http, path: /x, host: db, table: t}\n" HOOK,
	 "f:1:34: database.host: not with http: a file has no server, only path\n"
	 "f:1:44: database.table: not with http: " PUSHED ", no table is captured\n"},
	{"database: {type: http, path: /x}\ntables: [a]\n" HOOK,
	 "f:2:1: tables: not with http: " PUSHED ", no table is captured\n"},
	{"database: {type: http, path: /x}\n" HOOK
	 "pipelines: [{name: p, tables: [{name: t, where: 'NEW.a > 1'}], modes: insert}]\n",
	 "f:4:23: pipelines[0].tables: not with http: " PUSHED ", no table is captured\n"
	 "f:4:64: pipelines[0].modes: not with http: " TYPE},
	{"database: {type: http, path: /x}\n" HOOK "listener: {modes: insert, wakeup: poll}\n",
	 "f:4:12: listener.modes: not with http: " TYPE
	 "f:4:27: listener.wakeup: not with http: " TYPE},
	{"database: {type: http, path: /x}\n" HOOK "pipelines: [{name: p, always: true}]\n",
	 "f:4:23: pipelines[0].always: not with http: session_replication_role is PostgreSQL's\n"},
	{"database: {type: sqlite, path: /x, store: y, table: t}\nwebhook: {url: http://h}\n",
	 "f:1:36: database.store: not with sqlite: it is where the events of a source of type http "
	 "are kept\n"},
	{"database: {type: http, path: ':memory:'}\n" HOOK,
	 "f:1:30: database.path: a database in memory has no writers but its own process\n"},
	{"database: {type: http, path: /x}\nwebhook: {url: http://h}\n",
	 "f:1:18: database.type: needs ingest.listen, which is off: " PUSHED "\n"},
	{"database: {type: http, path: /x}\nwebhook: {url: http://h}\ningest: {listen: off}\n",
	 "f:1:18: database.type: needs ingest.listen, which is off: " PUSHED "\n"},
	{"sources: [{name: a, database: d, tables: t}, {name: b, type: http, path: /x}]\n" HOOK
	 "pipelines: [{name: p, source: a}]\n",
	 "f:1:46: sources[1].name: no pipeline reads this source: what is posted would go "
	 "nowhere\n"},
};

static void contradictions_are_refused_where_they_stand(void **state)
{
	(void)state;
	assert_cases(&bare_env, cases, ARRAY_LEN(cases));
}

static void one_with_a_path_stays_a_source(void **state)
{
	struct settings s;

	(void)state;
	s = must_load(&bare_env, "database: {type: http, path: /x}\n" HOOK);
	assert_int_equal(s.source_count, 1);
	assert_int_equal(s.sources[0].type, SOURCE_HTTP);
	assert_string_equal(s.sources[0].path, "/x");
	assert_int_equal(s.sources[0].poll_interval_us, 250000);
	assert_int_equal(s.inlet_count, 1);
	assert_string_equal(s.inlets[0].name, "default");
	assert_true(s.inlets[0].is_own);
	assert_int_equal(s.pipeline_count, 1);
	assert_true(s.pipelines[0].pushed);
	assert_int_equal(s.pipelines[0].table_count, 0);
	settings_done(&s);
}

#define MANY                                                                                       \
	"sources: [{name: up, type: http, store: pg}, {name: pg, database: d, tables: t},\n"       \
	"  {name: own, type: http, path: /x}, {name: up2, type: http, store: lite},\n"             \
	"  {name: lite, type: sqlite, path: /y, tables: t}]\n" HOOK                                \
	"listener: {modes: insert, wakeup: poll}\n"                                                \
	"pipelines: [{name: a, source: up}, {name: b, source: pg}, {name: c, source: own},\n"      \
	"  {name: d, source: up2}, {name: e, source: lite}, {name: f, source: up2}]\n"

static void one_with_a_store_lends_its_pipelines_to_it(void **state)
{
	static const struct {
		const char *source; /* who reads it */
		const char *named;  /* what the configuration calls its source */
		bool pushed;
	} want[] = {
		{"pg", "up", true},    {"pg", "pg", false},     {"own", "own", true},
		{"lite", "up2", true}, {"lite", "lite", false}, {"lite", "up2", true},
	};
	struct settings s;
	size_t i;

	(void)state;
	s = must_load(&bare_env, MANY);
	assert_int_equal(s.source_count, 3);
	assert_int_equal(s.inlet_count, 3);
	for (i = 0; i < s.inlet_count; i++)
		assert_int_equal(s.inlets[i].is_own, i == 1);
	assert_string_equal(s.sources[s.inlets[0].source].name, "pg");
	assert_string_equal(s.sources[s.inlets[1].source].name, "own");
	assert_string_equal(s.sources[s.inlets[2].source].name, "lite");
	assert_int_equal(s.pipeline_count, ARRAY_LEN(want));
	for (i = 0; i < ARRAY_LEN(want); i++) {
		const struct pipeline_settings *p = &s.pipelines[i];

		assert_string_equal(s.sources[p->source].name, want[i].source);
		assert_string_equal(pipeline_source_name(&s, p), want[i].named);
		assert_int_equal(p->pushed, want[i].pushed);
		assert_int_equal(p->table_count, want[i].pushed ? 0 : 1);
	}
	settings_done(&s);
}

static void it_is_printed_as_it_was_written(void **state)
{
	struct settings s;
	struct buf out;

	(void)state;
	s = must_load(
		&bare_env,
		"sources: [{name: up, type: http, store: pg}, {name: pg, database: d, tables: "
		"t},\n  {name: own, type: http, path: /x}]\n" HOOK
		"pipelines: [{name: a, source: up}, {name: b, source: pg}, {name: c, source: "
		"own}]\n");
	buf_init(&out, 1UL << 20);
	config_print(&s, &out);
	assert_non_null(
		strstr(buf_str(&out), "  - name: \"up\"\n    type: http\n    store: \"pg\"\n"));
	assert_non_null(strstr(buf_str(&out), "    source: \"up\"\n"));
	assert_non_null(strstr(buf_str(&out), "    type: http\n    path: \"/x\"\n"));
	settings_done(&s);
	buf_done(&out);
}

static void a_reload_tells_what_changed(void **state)
{
	static const char before[] =
		"sources: [{name: up, type: http, store: pg}, {name: pg, database: d, tables: t},\n"
		"  {name: my, type: mysql, database: d, tables: t}]\n" HOOK
		"pipelines: [{name: a, source: up}, {name: b, source: pg}, {name: c, source: "
		"my}, {name: d, source: pg}]\n";
	static const char after[] =
		"sources: [{name: up, type: http, store: my}, {name: pg, database: d, tables: t},\n"
		"  {name: my, type: mysql, database: d, tables: t}]\n" HOOK
		"pipelines: [{name: a, source: up}, {name: b, source: up}, {name: c, source: "
		"my}, {name: d, source: pg}]\n";
	struct settings one, other;
	struct buf out;

	(void)state;
	one = must_load(&bare_env, before);
	other = must_load(&bare_env, after);
	buf_init(&out, 1UL << 16);
	assert_int_equal(config_diff(&one, &one, &out), 0);
	assert_string_equal(buf_str(&out), "");
	(void)config_diff(&one, &other, &out);
	assert_string_equal(buf_str(&out), "pipelines.tables of b: changed (install); "
					   "pipelines.source of b: changed (install); "
					   "source: up with store pg removed (install); "
					   "source: up with store my added (install)");
	buf_done(&out);
	settings_done(&other);
	settings_done(&one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(contradictions_are_refused_where_they_stand),
		cmocka_unit_test(one_with_a_path_stays_a_source),
		cmocka_unit_test(one_with_a_store_lends_its_pipelines_to_it),
		cmocka_unit_test(it_is_printed_as_it_was_written),
		cmocka_unit_test(a_reload_tells_what_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
