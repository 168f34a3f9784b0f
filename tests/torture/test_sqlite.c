/* SPDX-License-Identifier: MIT */
/*
 * SQLite's reader and commands without memory: ours, each allocation in turn; and the library's
 * (sqlite.org/c3ref/mem_methods.html), which are thousands: a sample of them.
 */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "source/letter_key.h"
#include "source/sqlite_value.h"
#include "source_lab.h"
#include "sqlitetest.h"
#include "torture.h"

#define ROWS 4

/* ---- the library's memory ---- */

#define HEAD 16 /* holds the size: keeps the alignment */
#define SAMPLE 60

static long lite_calls, lite_fail_from, lite_fail_to;

static bool lite_must_fail(void)
{
	lite_calls++;
	return lite_fail_from && lite_calls >= lite_fail_from && lite_calls <= lite_fail_to;
}

static void *lite_malloc(int n)
{
	char *p;

	if (lite_must_fail())
		return NULL;
	torture_suspend();
	p = malloc((size_t)n + HEAD);
	torture_resume();
	assert_non_null(p);
	memcpy(p, &n, sizeof(n));
	return p + HEAD;
}

static void lite_free(void *p)
{
	free((char *)p - HEAD);
}

static int lite_size(void *p)
{
	int n = 0;

	if (p)
		memcpy(&n, (char *)p - HEAD, sizeof(n));
	return n;
}

static void *lite_realloc(void *p, int n)
{
	char *bigger;

	if (lite_must_fail())
		return NULL;
	torture_suspend();
	bigger = realloc((char *)p - HEAD, (size_t)n + HEAD);
	torture_resume();
	assert_non_null(bigger);
	memcpy(bigger, &n, sizeof(n));
	return bigger + HEAD;
}

static int lite_roundup(int n)
{
	return (n + 7) & ~7;
}

static int lite_init(void *ctx)
{
	(void)ctx;
	return SQLITE_OK;
}

static void lite_shutdown(void *ctx)
{
	(void)ctx;
}

static int group_setup(void **state)
{
	static const sqlite3_mem_methods methods = {lite_malloc,   lite_free,    lite_realloc,
						    lite_size,     lite_roundup, lite_init,
						    lite_shutdown, NULL};

	(void)state;
	assert_int_equal(sqlite3_config(SQLITE_CONFIG_MALLOC, &methods), SQLITE_OK);
	return sqlite3_initialize();
}

/* What the test does and not the code under test, between these. */
static long spared;

static void spare(void)
{
	torture_suspend();
	spared = lite_fail_from;
	lite_fail_from = 0;
}

static void unspare(void)
{
	lite_fail_from = spared;
	torture_resume();
}

/* fn with one of the library's allocations failing, and with that and all behind it. */
static void run_without_library_memory(torture_fn fn, void *ctx)
{
	enum err_code code;
	long total, at;
	int i;

	lite_calls = lite_fail_from = 0;
	assert_int_equal(fn(ctx), ERR_OK);
	total = lite_calls;
	assert_true(total > SAMPLE);
	for (i = 0; i < 2 * SAMPLE; i++) {
		at = 1 + (i / 2) * total / SAMPLE + i / 2 % 7;
		lite_calls = 0;
		lite_fail_from = at;
		lite_fail_to = i % 2 ? LONG_MAX : at;
		code = fn(ctx);
		lite_fail_from = 0;
		/* the library goes on without some of what it asks for */
		if (code != ERR_OK && code != ERR_NOMEM)
			fail_msg("allocation %ld of %ld: %s", at, total, err_name(code));
	}
}

/* ---- lives ---- */

struct life {
	struct sqlitetest t;
	struct lab lab;
};

static int setup(void **state)
{
	struct life *life = calloc(1, sizeof(*life));

	sqlitetest_open(&life->t, "WAL");
	life->t.options.on_finding = NULL;
	life->t.options.on_sql = NULL;
	sqlitetest_exec(life->t.db, "CREATE TABLE users (id INTEGER PRIMARY KEY, name)");
	(void)sqlitetest_capture(&life->t, 0, "users");
	*state = life;
	return 0;
}

static int teardown(void **state)
{
	struct life *life = *state;

	sqlitetest_close(&life->t);
	free(life);
	return 0;
}

static enum err_code count_group(void *ctx, const struct parked_group *g)
{
	*(int64_t *)ctx += g->count;
	return ERR_OK;
}

/* Two parked rows, put off, given up and delivered; what failed changed nothing. */
static enum err_code settle_parked(struct source *s)
{
	static const uint64_t hashes[] = {2, 3};
	struct parked_select sel = {
		.by = PARKED_BY_ROW, .hashes = hashes, .hash_count = ARRAY_LEN(hashes)};
	struct source_limit limit = {.events = 3, .bytes = 1 << 20};
	struct ack acks[2] = {{.from_parked = true, .outcome = ACK_PARKED, .due_wall_us = 1},
			      {.from_parked = true, .outcome = ACK_DEAD}};
	struct event *events[3];
	int64_t total = 0;
	bool more = true;
	size_t n = 0, i;
	enum err_code code = s->ops->parked_list(s, 0, count_group, &total, NULL);

	if (code != ERR_OK)
		return code;
	assert_int_equal(total, 2);
	code = s->ops->parked_read(s, 0, &sel, limit, events, &n, &more, NULL);
	if (code != ERR_OK)
		return code;
	assert_int_equal(n, 2);
	for (i = 0; i < n; i++) {
		acks[i].id = events[i]->f.id;
		event_free(events[i]);
	}
	code = s->ops->acknowledge(s, acks, 2, NULL);
	sel.by = PARKED_DUE;
	sel.due_wall_us = 1;
	if (code == ERR_OK)
		code = s->ops->parked_read(s, 0, &sel, limit, events, &n, &more, NULL);
	if (code != ERR_OK)
		return code;
	assert_int_equal(n, 1);
	event_free(events[0]);
	acks[0].outcome = ACK_DELIVERED;
	return s->ops->acknowledge(s, acks, 1, NULL);
}

static enum err_code read_and_settle(struct source *s)
{
	struct source_limit limit = {.events = 3, .bytes = 1 << 20};
	struct ack acks[ROWS] = {{.id = 0}};
	struct event *events[3];
	struct source_status st;
	struct standing standing;
	size_t n, i, total = 0;
	bool more = true;
	enum err_code code = s->ops->open(s, NULL), failed = ERR_OK;

	while (code == ERR_OK && more && total < ROWS) {
		code = s->ops->read(s, 0, limit, events, &n, &more, NULL);
		if (code == ERR_NOMEM && failed == ERR_OK) {
			failed = code; /* what was not returned comes with the next call */
			code = ERR_OK;
			more = true;
			continue;
		}
		for (i = 0; code == ERR_OK && i < n; i++) {
			assert_true(total < ROWS);
			acks[total].id = events[i]->f.id;
			acks[total].outcome = total > 1   ? ACK_PARKED
					      : total % 2 ? ACK_DEAD
							  : ACK_DELIVERED;
			acks[total].row_hash[0] = total;
			total++;
			event_free(events[i]);
		}
	}
	if (code == ERR_OK)
		assert_int_equal(total, ROWS);
	if (code == ERR_OK)
		code = s->ops->inspect(s, &st, NULL);
	if (code == ERR_OK)
		code = s->ops->standing_load(s, 0, &standing, NULL);
	if (code == ERR_OK)
		code = s->ops->standing_save(s, 0, &standing, NULL);
	if (code == ERR_OK)
		code = s->ops->acknowledge(s, acks, total, NULL);
	if (code == ERR_OK)
		code = settle_parked(s);
	if (code == ERR_OK)
		code = s->ops->purge(s, 0, &(struct source_sweep){.rows = 10}, NULL);
	return code != ERR_OK ? code : failed;
}

static enum err_code live_reader(void *ctx)
{
	static struct pipeline_settings pipeline;
	struct life *life = ctx;
	struct source_pipeline shared = {.settings = &pipeline};
	struct source_env env = {.settings = &life->t.source,
				 .pipelines = &shared,
				 .pipeline_count = 1,
				 .clock = clock_system()};
	struct source *s;
	enum err_code code;

	spare();
	pipeline = life->t.pipelines[0];
	sqlitetest_exec(life->t.db,
			"DELETE FROM app_db_listener_outbox; DELETE FROM app_db_listener_parked; "
			"DELETE FROM app_db_listener_dead_letter; DELETE FROM users; DELETE FROM "
			"app_db_listener_outbox; INSERT INTO users VALUES (1, 'x'), (2, 'it''s'), "
			"(3, x'00'); UPDATE users SET name = 1.5 WHERE id = 1");
	unspare();
	code = source_sqlite.new(&env, &s, NULL);
	if (code != ERR_OK)
		return code;
	code = read_and_settle(s);
	s->ops->free(s);
	return code;
}

static void a_reader_survives_without_memory(void **state)
{
	struct life *life = *state;

	sqlitetest_install(&life->t);
	assert_true(torture_run(live_reader, life) >= 20);
	run_without_library_memory(live_reader, life);
}

static enum err_code live_install(void *ctx)
{
	struct life *life = ctx;
	enum err_code code;

	code = source_admin_sqlite.install(&life->t.settings, 0, &life->t.options, NULL);
	if (code == ERR_OK)
		code = source_admin_sqlite.uninstall(&life->t.settings, 0, &life->t.options, NULL);
	/* whatever is there is whole: the application can write */
	spare();
	sqlitetest_exec(life->t.db, "INSERT INTO users (name) VALUES ('x'); DELETE FROM users");
	unspare();
	return code;
}

static void install_and_uninstall_survive_without_memory(void **state)
{
	assert_true(torture_run(live_install, *state) >= 20);
	run_without_library_memory(live_install, *state);
}

static void count_status(void *ctx, const char *pipeline, const struct outbox_status *s)
{
	(void)ctx;
	(void)pipeline;
	(void)s;
}

static enum err_code count_letter(void *ctx, const struct dead_letter *d, struct err *e)
{
	(void)ctx;
	(void)d;
	(void)e;
	return ERR_OK;
}

/* None of which finds anything to move. */
static enum err_code look_for_key(struct life *life)
{
	static const char *const words[] = {"id=2", "{\"id\":2}"};
	struct dead_letter_filter by_key = {.skip_superseded = true};
	struct letter_key *key = NULL;
	struct dead_letter_counts n;
	enum err_code code = letter_key_new(words, 2, &key, NULL);

	by_key.key = key;
	if (code == ERR_OK)
		code = source_admin_sqlite.dead_letter_purge(&life->t.settings, 0, &by_key, &n,
							     NULL);
	letter_key_free(key);
	return code;
}

static enum err_code live_looking(void *ctx)
{
	struct dead_letter_filter all = {.pipeline = NULL};
	struct life *life = ctx;
	struct dead_letter_counts n;
	enum err_code code;

	code = source_admin_sqlite.check(&life->t.settings, 0, &life->t.options, NULL);
	if (code == ERR_OK)
		code = source_admin_sqlite.status(&life->t.settings, 0, count_status, NULL, NULL);
	if (code == ERR_OK)
		code = source_admin_sqlite.dead_letter_list(&life->t.settings, 0, &all, true,
							    count_letter, NULL, NULL);
	if (code == ERR_OK)
		code = look_for_key(life);
	if (code == ERR_OK)
		code = source_admin_sqlite.dead_letter_replay(&life->t.settings, 0, &all, false, &n,
							      NULL);
	return code;
}

static void looking_and_letters_survive_without_memory(void **state)
{
	struct life *life = *state;

	sqlitetest_install(&life->t);
	sqlitetest_exec(life->t.db,
			"INSERT INTO app_db_listener_dead_letter (pipeline, id, "
			"operation, table_name, row_key, data, attempts) VALUES "
			"('default', 1, 'insert', 'users', '{\"id\":1}', '{\"a\":''x''}', "
			"1)");
	assert_true(torture_run(live_looking, life) >= 20);
	run_without_library_memory(live_looking, life);
}

static enum err_code live_value(void *ctx)
{
	enum err_code code;
	struct buf out;

	(void)ctx;
	buf_init(&out, 1 << 16);
	sqlite_value_json(&out,
			  TEXT_LIT("{\"a\":'it''s',\"b\":T'4100',\"c\":X'00',\"d\":NULL,\"e\":Inf,"
				   "\"f\":1.0e+999}"),
			  0);
	code = buf_error(&out);
	if (code == ERR_OK)
		assert_string_equal(buf_str(&out),
				    "{\"a\":\"it's\",\"b\":\"A\\u0000\",\"c\":\"00\","
				    "\"d\":null,\"e\":\"Infinity\","
				    "\"f\":\"Infinity\"}");
	buf_done(&out);
	return code;
}

static void a_value_is_whole_or_an_error(void **state)
{
	(void)state;
	assert_true(torture_run(live_value, NULL) >= 2);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_reader_survives_without_memory),
		CASE(install_and_uninstall_survive_without_memory),
		CASE(looking_and_letters_survive_without_memory),
		CASE(a_value_is_whole_or_an_error),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("sqlite", tests, group_setup, NULL);
}
