/* SPDX-License-Identifier: MIT */
/* Dead letters: list, filters, replay, purge. */
#include "letter_lab.h"
#include "pg_fixture.h"

struct seen {
	int count;
	int64_t first, last;
	bool has_data;
	char text[4096]; /* the first few */
};

static enum err_code on_letter(void *ctx, const struct dead_letter *d, struct err *e)
{
	struct seen *s = ctx;
	size_t used = strlen(s->text);

	(void)e;
	if (!s->count++)
		s->first = d->id;
	s->last = d->id;
	s->has_data = d->data.s || d->old_data.s;
	if (s->count <= 10)
		(void)snprintf(s->text + used, sizeof(s->text) - used,
			       "%.*s %.*s %.*s %.*s.%.*s %lld %lld %.*s\n", (int)d->pipeline.len,
			       d->pipeline.s, (int)d->operation.len, d->operation.s,
			       d->key.s ? (int)d->key.len : 1, d->key.s ? d->key.s : "-",
			       (int)d->schema.len, d->schema.s, (int)d->table.len, d->table.s,
			       (long long)d->attempts, (long long)d->last_status,
			       (int)d->last_error.len, d->last_error.s ? d->last_error.s : "");
	return ERR_OK;
}

static enum err_code refuse_letter(void *ctx, const struct dead_letter *d, struct err *e)
{
	(void)ctx;
	(void)d;
	return err_set(e, ERR_IO, "the disk is full");
}

static struct seen list(struct fixture *f, struct dead_letter_filter filter, bool with_data)
{
	struct seen s = {0};

	if (source_admin_postgres.dead_letter_list(&f->settings, 0, &filter, with_data, on_letter,
						   &s, &f->err) != ERR_OK)
		fail_msg("list: %s", f->err.msg);
	return s;
}

static int64_t replay(struct fixture *f, struct dead_letter_filter filter)
{
	struct dead_letter_counts n;

	if (source_admin_postgres.dead_letter_replay(&f->settings, 0, &filter, false, &n,
						     &f->err) != ERR_OK)
		fail_msg("replay: %s", f->err.msg);
	return n.moved;
}

static int64_t purge(struct fixture *f, struct dead_letter_filter filter)
{
	struct dead_letter_counts n;

	if (source_admin_postgres.dead_letter_purge(&f->settings, 0, &filter, &n, &f->err) !=
	    ERR_OK)
		fail_msg("purge: %s", f->err.msg);
	return n.moved;
}

#define ALL ((struct dead_letter_filter){0})

/* As the reader moves them, n of pipeline default and half as many of second. */
static void letters(struct fixture *f, int n)
{
	char sql[256];

	run(f, "CREATE TABLE users (id int PRIMARY KEY, name text); "
	       "CREATE TABLE pets (id int PRIMARY KEY)");
	capture(f, 0, NULL, "users");
	capture(f, 1, NULL, "pets");
	install(f);
	(void)snprintf(sql, sizeof(sql),
		       "INSERT INTO users SELECT g, 'n' || g FROM generate_series(1, %d) g; "
		       "INSERT INTO pets SELECT g FROM generate_series(1, %d) g",
		       n, n / 2);
	run(f, sql);
	run(f,
	    "WITH gone AS (DELETE FROM app_db_listener.outbox RETURNING *) "
	    "INSERT INTO app_db_listener.dead_letter SELECT id, pipeline, operation, schema_name, "
	    "table_name, row_key, old_key, changed_at, truncated, data, old_data, 4, 422, "
	    "'refused', now() - id * interval '1 minute' FROM gone");
}

static void a_list_has_every_letter_once_in_order(void **state)
{
	struct fixture *f = *state;
	struct seen s;

	letters(f, 2500);
	s = list(f, ALL, false);
	assert_int_equal(s.count, 3750);
	assert_int_equal(s.first, 1);
	assert_int_equal(s.last, 1250);
	assert_false(s.has_data);
	assert_has(s.text, "default insert {\"id\":1} public.users 4 422 refused\ndefault insert "
			   "{\"id\":2} ");
	assert_int_equal(list(f, ALL, true).count, 3750);
	assert_true(list(f, ALL, true).has_data);
}

static void filters_narrow(void **state)
{
	static const struct {
		struct dead_letter_filter filter;
		int count;
	} cases[] = {
		{{.pipeline = "second"}, 50},
		{{.table = "users"}, 100},
		{{.table = "public.users"}, 100},
		{{.table = "other.users"}, 0},
		{{.table = "use'rs"}, 0},
		{{.id = 7}, 2},
		{{.id = 7, .pipeline = "default"}, 1},
		{{.limit = 13}, 13},
		{{.limit = 1000}, 150},
		{{.older_than_us = 60 * 60 * CLOCK_US_PER_S, .pipeline = "default"}, 41},
		{{.older_than_us = 24 * 3600 * CLOCK_US_PER_S}, 0},
	};
	struct fixture *f = *state;
	size_t i;

	letters(f, 100);
	for (i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(list(f, cases[i].filter, i % 2).count, cases[i].count);
	assert_int_equal(purge(f, cases[9].filter), 41);
	assert_int_equal(list(f, ALL, false).count, 109);
	assert_int_equal(purge(f, (struct dead_letter_filter){.limit = 9, .pipeline = "second"}),
			 9);
	assert_int_equal(purge(f, ALL), 100);
	assert_int_equal(purge(f, ALL), 0);
}

static void replay_moves_letters_back_in_order_to_the_end(void **state)
{
	struct fixture *f = *state;

	letters(f, 2100);
	assert_int_equal(replay(f, ALL), 3150);
	assert_string_equal(rows(f, "SELECT count(*) FROM app_db_listener.dead_letter"), "0");
	assert_string_equal(
		rows(f, "SELECT pipeline, count(*), min(id), max(id), bool_and((row_key::json ->> "
			"'id')"
			"::int = id - CASE pipeline WHEN 'default' THEN 2100 ELSE 1050 END), "
			"bool_and(origin_id = (row_key::json ->> 'id')::int), "
			"bool_and(bytes = octet_length(row_key) + octet_length(data)) "
			"FROM app_db_listener.outbox GROUP BY 1 ORDER BY 1"),
		"default|2100|2101|4200|t|t|t\nsecond|1050|1051|2100|t|t|t");
}

static void replay_keeps_every_column_and_takes_only_what_matches(void **state)
{
	struct fixture *f = *state;

	letters(f, 10);
	run(f,
	    "UPDATE app_db_listener.dead_letter SET operation = 'update', old_key = '{\"id\":0}', "
	    "old_data = '{}', truncated = true, changed_at = '2020-01-01 00:00+00' WHERE id = 4");
	assert_int_equal(replay(f, (struct dead_letter_filter){.id = 4, .pipeline = "default"}), 1);
	assert_string_equal(
		rows(f,
		     "SELECT id, operation, schema_name, table_name, row_key, old_key, truncated, "
		     "data, old_data, bytes, extract(epoch FROM changed_at)::bigint FROM "
		     "app_db_listener.outbox"),
		"11|update|public|users|{\"id\":4}|{\"id\":0}|t|{\"id\":4,\"name\":\"n4\"}|{}|38|"
		"1577836800");
	assert_int_equal(list(f, ALL, false).count, 14);
}

static void replay_wakes_a_reader_that_sleeps(void **state)
{
	struct fixture *f = *state;
	PGnotify *n;

	letters(f, 2);
	run(f, "LISTEN app_db_listener; SELECT pg_advisory_lock(1633968748, 1)");
	assert_int_equal(replay(f, ALL), 3);
	run(f, "SELECT 1");
	n = PQnotifies(f->super);
	assert_non_null(n);
	PQfreemem(n);
}

static void unknown_pipelines_are_told_with_the_known_ones(void **state)
{
	struct dead_letter_filter filter = {.pipeline = "secnod"};
	struct fixture *f = *state;
	struct seen s = {0};
	struct dead_letter_counts n;

	assert_int_equal(source_admin_postgres.dead_letter_list(&f->settings, 0, &filter, false,
								on_letter, &s, &f->err),
			 ERR_NOT_FOUND);
	assert_has(f->err.msg, "nothing is installed");
	letters(f, 2);
	assert_int_equal(
		source_admin_postgres.dead_letter_purge(&f->settings, 0, &filter, &n, &f->err),
		ERR_NOT_FOUND);
	assert_has(f->err.msg, "no pipeline \"secnod\" here; there is default, second");
}

static void lab(struct fixture *f)
{
	letters(f, 0);
	run(f, letter_lab_insert("app_db_listener.dead_letter", "public", "now() - interval '",
				 " minutes'", "'2024-01-02 03:04:05+00'"));
}

static void each_filter_finds_its_letters(void **state)
{
	struct fixture *f = *state;

	lab(f);
	letter_lab_filters(&source_admin_postgres, &f->settings);
}

static void changes_that_wait_and_truncations_supersede(void **state)
{
	struct dead_letter_filter filter = {.skip_superseded = true};
	struct fixture *f = *state;
	struct dead_letter_counts n;

	lab(f);
	run(f, "SELECT setval('app_db_listener.outbox_id_seq', 100); "
	       "INSERT INTO app_db_listener.outbox (pipeline, operation, schema_name, table_name, "
	       "row_key, bytes) VALUES ('default', 'update', 'public', 'notes', "
	       "'{\"a\":1.0,\"b\":\"42\"}', 1), ('default', 'update', 'other', 'users', "
	       "'{\"id\":1}', 1), ('second', 'update', 'public', 'users', '{\"id\":3}', 1)");
	assert_string_equal(letter_lab_list(&source_admin_postgres, &f->settings, &filter),
			    "(1) (2) (3) 4 (5) 6");
	/* a replayed one counts as what it was, not as new */
	run(f, "UPDATE app_db_listener.outbox SET origin_id = 3");
	assert_string_equal(letter_lab_list(&source_admin_postgres, &f->settings, &filter),
			    "(1) (2) (3) 4 5 6");
	/* of one partition */
	run(f, "INSERT INTO app_db_listener.outbox (pipeline, operation, schema_name, table_name, "
	       "bytes, data) VALUES ('default', 'truncate', 'public', 'users', 1, '\"users_1\"')");
	assert_string_equal(letter_lab_list(&source_admin_postgres, &f->settings, &filter),
			    "(1) (2) (3) 4 5 6");
	run(f, "INSERT INTO app_db_listener.outbox (pipeline, operation, schema_name, table_name, "
	       "bytes) VALUES ('default', 'truncate', 'public', 'users', 1)");
	assert_string_equal(letter_lab_list(&source_admin_postgres, &f->settings, &filter),
			    "(1) (2) (3) (4) 5 (6)");
	assert_int_equal(source_admin_postgres.dead_letter_replay(&f->settings, 0, &filter, false,
								  &n, &f->err),
			 ERR_OK);
	assert_int_equal(n.moved, 1);
	assert_int_equal(n.superseded, 5);
	assert_string_equal(rows(f, "SELECT origin_id FROM app_db_listener.outbox WHERE "
				    "table_name = 'notes' ORDER BY id"),
			    "3\n5");
}

static void changes_that_are_parked_supersede(void **state)
{
	struct dead_letter_filter filter = {.skip_superseded = true};
	struct fixture *f = *state;
	struct dead_letter_counts n;

	lab(f);
	/* newer, by the key before, of another pipeline, older by the id that it is known by */
	run(f, "INSERT INTO app_db_listener.parked (id, pipeline, operation, schema_name, "
	       "table_name, row_key, old_key, changed_at, bytes, origin_id, attempts, step, "
	       "row_hash1, row_hash2, table_hash) SELECT id, pipeline, 'update', 'public', "
	       "table_name, row_key, old_key, now(), 1, origin_id, 1, 0, 0, 0, 0 FROM (VALUES "
	       "(100, 'default', 'notes', '{\"a\":1.0,\"b\":\"42\"}', NULL, NULL), "
	       "(101, 'default', 'users', '{\"id\":9}', '{\"id\":3}', NULL), "
	       "(102, 'second', 'users', '{\"id\":1}', NULL, NULL), "
	       "(103, 'default', 'users', '{\"id\":1}', NULL, 3::bigint)) "
	       "AS r (id, pipeline, table_name, row_key, old_key, origin_id)");
	assert_string_equal(letter_lab_list(&source_admin_postgres, &f->settings, &filter),
			    "(1) (2) (3) (4) (5) 6");
	run(f, "UPDATE app_db_listener.parked SET operation = 'truncate', row_key = NULL, "
	       "old_key = NULL WHERE id = 101");
	assert_string_equal(letter_lab_list(&source_admin_postgres, &f->settings, &filter),
			    "(1) (2) (3) (4) (5) (6)");
	run(f, "DELETE FROM app_db_listener.parked WHERE id = 101");
	assert_int_equal(source_admin_postgres.dead_letter_replay(&f->settings, 0, &filter, false,
								  &n, &f->err),
			 ERR_OK);
	assert_int_equal(n.moved, 2);
	assert_int_equal(n.superseded, 4);
	/* an installation of before */
	run(f, "DROP TABLE app_db_listener.parked");
	assert_string_equal(letter_lab_list(&source_admin_postgres, &f->settings, &filter),
			    "(1) (2) (3) 5");
}

static void in_front_is_the_old_place_and_nobody_may_read_meanwhile(void **state)
{
	struct dead_letter_filter filter = {.table = "users"};
	struct fixture *f = *state;
	struct dead_letter_counts n;

	lab(f);
	run(f, "SELECT setval('app_db_listener.outbox_id_seq', 100); "
	       "SELECT pg_advisory_lock(1633968748, 2)");
	assert_int_equal(source_admin_postgres.dead_letter_replay(&f->settings, 0, &filter, true,
								  &n, &f->err),
			 ERR_BUSY);
	assert_has(f->err.msg, "a daemon is active");
	assert_string_equal(rows(f, "SELECT count(*) FROM app_db_listener.dead_letter"), "6");
	run(f, "SELECT pg_advisory_unlock_all()");
	assert_int_equal(source_admin_postgres.dead_letter_replay(&f->settings, 0, &filter, true,
								  &n, &f->err),
			 ERR_OK);
	assert_int_equal(n.moved, 5);
	assert_string_equal(rows(f, "SELECT string_agg(id::text, ' ' ORDER BY id), "
				    "count(origin_id) FROM app_db_listener.outbox"),
			    "1 2 3 4 6|0");
}

/* The sequence was set back: in their old place they would be in the application's way. */
static void in_front_is_no_place_that_is_yet_to_be_given_out(void **state)
{
	struct dead_letter_filter filter = {.table = "users"};
	struct fixture *f = *state;
	struct dead_letter_counts n;

	lab(f);
	run(f, "SELECT setval('app_db_listener.outbox_id_seq', 3)");
	if (source_admin_postgres.dead_letter_replay(&f->settings, 0, &filter, true, &n, &f->err) !=
	    ERR_OK)
		fail_msg("replay: %s", f->err.msg);
	assert_int_equal(n.moved, 5);
	run(f, "INSERT INTO users VALUES (1), (2), (3)");
	assert_string_equal(rows(f, "SELECT string_agg(concat(id, ':' || origin_id), ' ' ORDER BY "
				    "id) FROM app_db_listener.outbox WHERE pipeline = 'default'"),
			    "1 2 3 4:4 5:6 6 7 8");
}

static void a_list_ends_when_its_taker_fails(void **state)
{
	struct dead_letter_filter all = {.pipeline = NULL};
	struct fixture *f = *state;

	lab(f);
	assert_int_equal(source_admin_postgres.dead_letter_list(&f->settings, 0, &all, true,
								refuse_letter, NULL, &f->err),
			 ERR_IO);
	assert_string_equal(f->err.msg, "the disk is full");
}

/* More than a page's bytes, with rows that are larger than that alone. */
static void large_letters_come_in_small_pages(void **state)
{
	struct fixture *f = *state;
	struct seen s;

	letters(f, 40);
	run(f, "UPDATE app_db_listener.dead_letter SET data = to_json(repeat('x', CASE id % 10 "
	       "WHEN 0 THEN 5000000 ELSE 1000000 END))::text WHERE pipeline = 'default'");
	s = list(f, ALL, true);
	assert_int_equal(s.count, 60);
	assert_int_equal(s.first, 1);
}

static void an_outbox_of_before_gets_the_column(void **state)
{
	struct fixture *f = *state;

	letters(f, 4);
	run(f, "ALTER TABLE app_db_listener.outbox DROP COLUMN origin_id");
	install(f);
	assert_int_equal(replay(f, ALL), 6);
	assert_string_equal(rows(f, "SELECT count(origin_id) FROM app_db_listener.outbox"), "6");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_filter_finds_its_letters),
		TEST(changes_that_wait_and_truncations_supersede),
		TEST(changes_that_are_parked_supersede),
		TEST(in_front_is_the_old_place_and_nobody_may_read_meanwhile),
		TEST(in_front_is_no_place_that_is_yet_to_be_given_out),
		TEST(a_list_ends_when_its_taker_fails),
		TEST(large_letters_come_in_small_pages),
		TEST(an_outbox_of_before_gets_the_column),
		TEST(a_list_has_every_letter_once_in_order),
		TEST(filters_narrow),
		TEST(replay_moves_letters_back_in_order_to_the_end),
		TEST(replay_keeps_every_column_and_takes_only_what_matches),
		TEST(replay_wakes_a_reader_that_sleeps),
		TEST(unknown_pipelines_are_told_with_the_known_ones),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
