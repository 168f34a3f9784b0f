/* SPDX-License-Identifier: MIT */
/* What a backfill job on PostgreSQL may be, and what operators make of it. */
#include "pg_backfill_lab.h"

static void what_cannot_be_is_refused(void **state)
{
	static const struct {
		const char *table;
		const char *where;
		const char *column;
		enum err_code code;
		const char *says;
	} cases[] = {
		{"itms", NULL, NULL, ERR_USAGE, "captures no table itms, did you mean items?"},
		{"public.other", NULL, NULL, ERR_USAGE, "captures no table public.other"},
		{"heap", NULL, NULL, ERR_CONFIG, "public.heap has no primary key"},
		{"items", "v = ", NULL, ERR_USAGE, "--where"},
		{"items", "w = 1", NULL, ERR_USAGE, "column \"w\" does not exist"},
		{"items", "v", NULL, ERR_USAGE, "--where: "},
		{"items", "v = 'a'; DROP TABLE items", NULL, ERR_USAGE, "semicolon"},
		{"items", "v = 'a') OR (true", NULL, ERR_USAGE, "--where: a ) without its ("},
		{"items", "OLD.v = 'a'", NULL, ERR_USAGE, "no OLD row"},
		{"items", "", NULL, ERR_USAGE, "--where: must not be empty"},
		{"items", NULL, "vv", ERR_USAGE, "public.items has no column vv"},
		{"items", NULL, "secret", ERR_USAGE, "leaves column secret of public.items out"},
	};
	struct fixture *f = *state;
	size_t i;

	run(f,
	    "CREATE TABLE items (id int PRIMARY KEY, v text, secret text); CREATE TABLE heap (id "
	    "int); CREATE TABLE other (id int PRIMARY KEY)");
	capture(f, 0, NULL, "items")->exclude = LIST("secret");
	capture(f, 0, NULL, "heap");
	assert_int_equal(try_create(f, "items", NULL, NULL), ERR_NOT_FOUND);
	assert_has(f->err.msg, "run app-db-listener install");
	install(f);
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		f->err.msg[0] = '\0';
		if (try_create(f, cases[i].table, cases[i].where, cases[i].column) != cases[i].code)
			fail_msg("%s, %s: %s", cases[i].table, cases[i].where, f->err.msg);
		assert_has(f->err.msg, cases[i].says);
	}
	assert_string_equal(rows(f, "SELECT count(*) FROM app_db_listener.backfill"), "0");
}

/* A page would compare them as texts. */
static void keys_compared_by_foreign_operators_are_refused(void **state)
{
	static const char *const tables[] = {"a", "b", "c", "d"};
	const struct string_list key = LIST("k");
	struct fixture *f = *state;
	struct walker w;
	size_t i;

	run(f,
	    "CREATE EXTENSION citext; CREATE DOMAIN mail AS citext; CREATE DOMAIN best AS mail; "
	    "CREATE TABLE a (k citext PRIMARY KEY); "
	    "CREATE TABLE b (id int, k best, PRIMARY KEY (id, k)); "
	    "CREATE TABLE c (k citext NOT NULL); CREATE UNIQUE INDEX ON c (k text_ops); "
	    "CREATE TABLE d (k citext NOT NULL); CREATE UNIQUE INDEX ON d (k citext_pattern_ops); "
	    "CREATE TABLE e (k citext PRIMARY KEY, id int NOT NULL UNIQUE); "
	    "CREATE TABLE g (k citext[] PRIMARY KEY)");
	for (i = 0; i < ARRAY_LEN(tables); i++)
		capture(f, 0, NULL, tables[i])->key = key;
	capture(f, 0, NULL, "e")->key = LIST("id");
	capture(f, 0, NULL, "g");
	install(f);
	for (i = 0; i < ARRAY_LEN(tables); i++) {
		assert_int_equal(try_create(f, tables[i], NULL, NULL), ERR_CONFIG);
		assert_has(f->err.msg, "key column k is compared by operators outside pg_catalog");
	}
	run(f, "INSERT INTO e SELECT chr(65 + g % 2 * 32 + g / 2) || g, g FROM generate_series(0, "
	       "49) g;"
	       "INSERT INTO g SELECT ARRAY[k] FROM e; DELETE FROM app_db_listener.outbox");
	/* another index will do, and so does what pg_catalog compares by the element's operators */
	walker_open(&w, f, "e", NULL);
	while (walker_page(&w, 7) == BACKFILL_RUNNING)
		;
	assert_int_equal(w.result.progress.rows_done, 50);
	walker_close(&w);
	walker_open(&w, f, "g", NULL);
	while (walker_page(&w, 7) == BACKFILL_RUNNING)
		;
	assert_int_equal(w.result.progress.rows_done, 50);
	walker_close(&w);
}

static void a_key_that_became_foreign_fails_the_job(void **state)
{
	struct fixture *f = *state;
	struct walker w;

	run(f, "CREATE EXTENSION citext; CREATE TABLE t (k text PRIMARY KEY)");
	capture(f, 0, NULL, "t");
	install(f);
	walker_open(&w, f, "t", NULL);
	run(f, "ALTER TABLE t ALTER k TYPE citext");
	assert_int_equal(try_page(&w, 10, false), ERR_CONFIG);
	assert_has(f->err.msg, "operators outside pg_catalog");
	walker_close(&w);
}

static void a_role_without_rights_is_told_what_to_grant(void **state)
{
	struct fixture *f = *state;
	struct walker w;
	char *grant;

	run(f, "CREATE ROLE listener LOGIN");
	items(f, 3);
	f->source.user = (char *)(uintptr_t) "listener";
	f->options.user = "postgres";
	install(f);
	assert_int_equal(try_create(f, "items", NULL, NULL), ERR_DENIED);
	grant = strstr(f->err.msg, "GRANT ");
	assert_non_null(grant);
	assert_string_equal(
		grant, "GRANT SELECT, UPDATE (\"id\") ON \"public\".\"items\" TO \"listener\"");
	run(f, grant);
	walker_open(&w, f, "items", NULL);
	run(f, "REVOKE UPDATE (id) ON items FROM listener");
	assert_int_equal(try_page(&w, 10, false), ERR_DENIED);
	run(f, grant);
	run(f, "ALTER TABLE items ENABLE ROW LEVEL SECURITY");
	assert_int_equal(try_page(&w, 10, false), ERR_DENIED);
	assert_int_equal(try_create(f, "items", NULL, NULL), ERR_DENIED);
	run(f, "ALTER TABLE items DISABLE ROW LEVEL SECURITY");
	assert_int_equal(walker_page(&w, 10), BACKFILL_DONE);
	assert_int_equal(w.result.rows, 3);
	walker_close(&w);
	run(f, "DROP OWNED BY listener CASCADE; DROP ROLE listener");
}

static void a_job_goes_by_what_the_configuration_says_now(void **state)
{
	struct fixture *f = *state;
	struct backfill_request r = {.columns = LIST("v")};
	struct walker w;

	items(f, 5);
	walker_open(&w, f, "items", &r);
	assert_int_equal(walker_page(&w, 2), BACKFILL_RUNNING);
	f->tables[0][0].exclude = LIST("v");
	assert_int_equal(try_page(&w, 2, false), ERR_CONFIG);
	assert_has(f->err.msg, "leaves column v out since");
	f->tables[0][0].exclude = (struct string_list){.count = 0};
	f->tables[0][0].table = (char *)(uintptr_t) "others";
	assert_int_equal(try_page(&w, 2, false), ERR_CONFIG);
	assert_has(f->err.msg, "does not capture public.items any more");
	f->tables[0][0].table = (char *)(uintptr_t) "*";
	run(f, "ALTER TABLE items DROP CONSTRAINT items_pkey, ADD PRIMARY KEY (v)");
	assert_int_equal(try_page(&w, 2, false), ERR_CONFIG);
	assert_has(f->err.msg, "is another one since");
	run(f, "ALTER TABLE items DROP CONSTRAINT items_pkey, ADD PRIMARY KEY (id)");
	assert_int_equal(walker_page(&w, 2), BACKFILL_RUNNING);
	run(f, "DROP TABLE items");
	assert_int_equal(try_page(&w, 2, false), ERR_NOT_FOUND);
	assert_has(f->err.msg, "table public.items is gone");
	assert_int_equal(w.s->ops->backfill_fail(w.s, 0, w.job, f->err.msg, NULL), ERR_OK);
	assert_string_equal(rows(f, "SELECT state, last_error FROM app_db_listener.backfill"),
			    "failed|table public.items is gone");
	walker_close(&w);
}

static enum err_code count_job(void *ctx, const struct backfill_job *job, struct err *e)
{
	(void)e;
	((struct backfill_progress *)ctx)[job->progress.id] = job->progress;
	return ERR_OK;
}

static void operators_list_and_decide(void **state)
{
	const struct source_admin_ops *ops = &source_admin_postgres;
	struct fixture *f = *state;
	struct backfill_progress seen[4] = {{.id = 0}}, jobs[FIXTURE_PIPELINES];
	struct walker w, second;

	capture(f, 1, NULL, "items");
	items(f, 5);
	walker_open(&w, f, "items", NULL);
	walker_open_again(&second, &w, f, "items");
	assert_int_equal(w.s->ops->backfill_load(w.s, jobs, NULL), ERR_OK);
	assert_int_equal(jobs[0].id, w.job);
	assert_int_equal(jobs[1].id, 0);
	assert_int_equal(walker_page(&w, 2), BACKFILL_RUNNING);
	assert_int_equal(ops->backfill_list(&f->settings, 0, 0, count_job, seen, &f->err), ERR_OK);
	assert_int_equal(seen[1].rows_done, 2);
	assert_int_equal(seen[1].rows_estimate, 5);
	assert_int_equal(seen[1].flush_every, 50);
	assert_string_equal(seen[1].table, "public.items");
	assert_int_equal(seen[2].id, 2);
	assert_int_equal(ops->backfill_decide(&f->settings, 0, 1, BACKFILL_PAUSED, &f->err),
			 ERR_OK);
	assert_int_equal(walker_page(&w, 2), BACKFILL_PAUSED);
	assert_int_equal(w.result.rows, 0);
	assert_int_equal(w.s->ops->backfill_load(w.s, jobs, NULL), ERR_OK);
	assert_int_equal(jobs[0].id, 2);
	assert_int_equal(ops->backfill_decide(&f->settings, 0, 1, BACKFILL_RUNNING, &f->err),
			 ERR_OK);
	while (walker_page(&w, 2) == BACKFILL_RUNNING)
		;
	assert_int_equal(ops->backfill_decide(&f->settings, 0, 1, BACKFILL_RUNNING, &f->err),
			 ERR_USAGE);
	assert_int_equal(ops->backfill_decide(&f->settings, 0, 2, BACKFILL_CANCELLED, &f->err),
			 ERR_OK);
	assert_int_equal(w.s->ops->backfill_fail(w.s, 0, 2, "late", NULL), ERR_OK);
	assert_int_equal(ops->backfill_list(&f->settings, 0, 2, count_job, seen, &f->err), ERR_OK);
	assert_int_equal(seen[2].state, BACKFILL_CANCELLED);
	assert_int_equal(ops->backfill_list(&f->settings, 0, 9, count_job, seen, &f->err),
			 ERR_NOT_FOUND);
	assert_int_equal(ops->backfill_decide(&f->settings, 0, 9, BACKFILL_PAUSED, &f->err),
			 ERR_NOT_FOUND);
	/* what ended long ago goes when another is made */
	run(f, "UPDATE app_db_listener.backfill SET updated_at = updated_at - interval '31 days'");
	assert_int_equal(try_create(f, "items", NULL, NULL), ERR_OK);
	assert_string_equal(rows(f, "SELECT id FROM app_db_listener.backfill"), "3");
	walker_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_cannot_be_is_refused),
		TEST(keys_compared_by_foreign_operators_are_refused),
		TEST(a_key_that_became_foreign_fails_the_job),
		TEST(a_role_without_rights_is_told_what_to_grant),
		TEST(a_job_goes_by_what_the_configuration_says_now),
		TEST(operators_list_and_decide),
	};

	return cmocka_run_group_tests_name("source/pg_backfill_admin", tests, NULL, NULL);
}
