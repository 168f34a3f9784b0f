/* SPDX-License-Identifier: MIT */
/* Pushed events in PostgreSQL: a server that goes away, durability, rights. */
#include "inlet_world.h"

static enum err_code try_push(struct world *w, const char *key, struct err *e)
{
	struct inlet_event ev = {
		.op = OP_INSERT, .table = TEXT_LIT("t"), .data = TEXT_LIT("{\"n\":1}")};
	struct inlet_request r = request_of(key, 1);
	struct inlet_begun b;
	enum err_code code = inlet_begin(w->in, &r, &b, e);

	if (code == ERR_OK && b.outcome == INLET_STORED)
		code = inlet_add(w->in, &ev, e);
	return code == ERR_OK ? inlet_commit(w->in, e) : code;
}

static PGconn *superuser(struct world *w)
{
	return w->lab->pg.conn;
}

static void kill_connections(struct world *w)
{
	pgtest_exec(superuser(w), "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity "
				  "WHERE application_name = 'app-db-listener' AND datname = "
				  "current_database()");
}

static void a_connection_that_was_lost_is_made_anew(void **state)
{
	struct world *w = *state;
	struct inlet_event ev = {
		.op = OP_INSERT, .table = TEXT_LIT("t"), .data = TEXT_LIT("{\"n\":1}")};

	push(w->in, "{\"id\":1}", "{}");
	/* between two requests: nobody notices */
	kill_connections(w);
	assert_int_equal(try_push(w, "k", NULL), ERR_OK);
	kill_connections(w);
	assert_int_equal(begin(w->in, "k", 1).outcome, INLET_DUPLICATE);
	assert_int_equal(rows(w), 4);
	/* within one */
	assert_int_equal(begin(w->in, "k 2", 1).outcome, INLET_STORED);
	assert_int_equal(inlet_add(w->in, &ev, NULL), ERR_OK);
	kill_connections(w);
	assert_int_equal(inlet_commit(w->in, NULL), ERR_UNAVAILABLE);
	assert_int_equal(begin(w->in, "k 2", 1).outcome, INLET_STORED);
	assert_int_equal(inlet_add(w->in, &ev, NULL), ERR_OK);
	commit(w->in);
	assert_int_equal(rows(w), 6);
}

/* A server that ends in the middle of its work loses what was not flushed: acknowledgements, which
 * may be lost, and nothing that was accepted. */
static void what_was_accepted_survives_the_server(void **state)
{
	struct world *w = *state;
	int64_t deadline;
	enum err_code code;
	int i;

	pgtest_exec(superuser(w), "ALTER ROLE CURRENT_USER SET synchronous_commit = off");
	for (i = 0; i < 3; i++) {
		push(w->in, "{\"id\":1}", "{}");
		pgtest_ctl("stop -m immediate");
		assert_int_equal(try_push(w, "while away", NULL), ERR_UNAVAILABLE);
		pgtest_ctl("start");
		PQreset(superuser(w));
		assert_int_equal(rows(w), 2 * (i + 1));
		deadline = clock_now_us(clock_system()) + PATIENCE_US;
		do
			code = inlet_begin(w->in, &(struct inlet_request){.window_us = 0},
					   &(struct inlet_begun){.events = 0}, NULL);
		while (code != ERR_OK && clock_now_us(clock_system()) < deadline);
		assert_int_equal(code, ERR_OK);
		inlet_rollback(w->in);
	}
	pgtest_exec(superuser(w), "ALTER ROLE CURRENT_USER RESET synchronous_commit");
}

static void it_commits_with_the_disk(void **state)
{
	struct world *w = *state;

	pgtest_exec(superuser(w), "ALTER ROLE CURRENT_USER SET synchronous_commit = off");
	pgtest_exec(superuser(w),
		    "CREATE TABLE public.seen (setting text); "
		    "CREATE FUNCTION public.see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
		    "INSERT INTO public.seen VALUES (current_setting('synchronous_commit')); "
		    "RETURN NEW; END $$; CREATE TRIGGER see BEFORE INSERT ON "
		    "app_db_listener.outbox FOR EACH ROW EXECUTE FUNCTION public.see()");
	push(w->in, "{\"id\":1}", "{}");
	assert_int_equal(pgtest_i64(superuser(w), "SELECT count(*) FROM public.seen WHERE setting "
						  "= 'on'"),
			 2);
	/* what an administrator chose otherwise stays */
	pgtest_exec(superuser(w), "ALTER ROLE CURRENT_USER SET synchronous_commit = local");
	kill_connections(w);
	assert_int_equal(try_push(w, NULL, NULL), ERR_OK);
	assert_int_equal(pgtest_i64(superuser(w), "SELECT count(*) FROM public.seen WHERE setting "
						  "= 'local'"),
			 2);
	pgtest_exec(superuser(w), "ALTER ROLE CURRENT_USER RESET synchronous_commit");
	assert_non_null(strstr(inlet_warning(w->in), "fsync off"));
}

static void ids_are_drawn_and_the_reader_told_as_the_trigger_does(void **state)
{
	struct world *w = *state;
	PGconn *daemon = pgtest_connect(&w->lab->pg, NULL);
	PGnotify *n;

	/* a reader that sleeps */
	pgtest_exec(daemon, "LISTEN app_db_listener");
	(void)pgtest_i64(daemon, "SELECT pg_try_advisory_lock(1633968748, 1)::int");
	push(w->in, "{\"id\":1}", "{}");
	pgtest_exec(daemon, "SELECT 1");
	n = PQnotifies(daemon);
	assert_non_null(n);
	PQfreemem(n);
	assert_null(PQnotifies(daemon));
	/* and one that does not */
	pgtest_exec(daemon, "SELECT pg_advisory_unlock(1633968748, 1)");
	push(w->in, "{\"id\":1}", "{}");
	pgtest_exec(daemon, "SELECT 1");
	assert_null(PQnotifies(daemon));
	PQfinish(daemon);
	assert_int_equal(pgtest_i64(superuser(w), "SELECT last_value FROM "
						  "app_db_listener.outbox_id_seq"),
			 2);
	assert_int_equal(pgtest_i64(superuser(w), "SELECT last_value FROM "
						  "app_db_listener.outbox_second_id_seq"),
			 2);
	assert_int_equal(pgtest_i64(superuser(w), "SELECT bytes FROM app_db_listener.outbox WHERE "
						  "pipeline = 'second' AND id = 2"),
			 10);
}

static void what_is_missing_is_told(void **state)
{
	struct world *w = *state;
	struct err e;

	pgtest_exec(superuser(w), "DELETE FROM app_db_listener.install WHERE pipeline = 'second'");
	assert_int_equal(try_push(w, NULL, &e), ERR_NOT_FOUND);
	assert_non_null(strstr(e.msg, "run app-db-listener install"));
	/* known for a second, and not asked again */
	pgtest_exec(superuser(w), "DROP TABLE app_db_listener.ingest_key");
	inlet_close(w->in);
	w->in = open_inlet(w);
	assert_int_equal(try_push(w, NULL, &e), ERR_NOT_FOUND);
	assert_non_null(strstr(e.msg, "ingest_key"));
}

static void another_role_gets_what_it_needs(void **state)
{
	static char role[] = "pusher";
	struct world *w = *state;
	struct install_options o = {.lock_timeout_us = CLOCK_US_PER_S,
				    .give_up_us = 60 * CLOCK_US_PER_S,
				    .user = w->lab->settings.user};

	pgtest_exec(superuser(w), "CREATE ROLE pusher LOGIN");
	w->lab->settings.user = role;
	assert_int_equal(try_push(w, "k", NULL), ERR_DENIED);
	assert_int_equal(source_admin_postgres.install(&w->settings, 0, &o, NULL), ERR_OK);
	inlet_close(w->in);
	w->in = open_inlet(w);
	assert_int_equal(try_push(w, "k", NULL), ERR_OK);
	assert_int_equal(begin(w->in, "k", 1).outcome, INLET_DUPLICATE);
	pgtest_exec(superuser(w), "DROP OWNED BY pusher; DROP ROLE pusher");
}

/* ---- a database that does not spell everything ---- */

static void latin_open(struct lab *lab)
{
	pgtest_open_encoded(&lab->pg, "LATIN1");
	pgtest_add_pipeline(lab->pg.conn, "second");
	lab->ops = &source_postgres;
	lab->settings = lab->pg.settings;
	lab->writer = NULL;
}

static int latin_setup(void **state)
{
	static struct lab latin;

	latin = lab_kinds[LAB_POSTGRES];
	latin.open = latin_open;
	*state = &latin;
	return setup(state);
}

#define EURO "\xe2\x82\xac" /* LATIN1 has none */

static void an_event_that_the_encoding_cannot_spell_is_refused(void **state)
{
	static const struct inlet_event odd[] = {
		{.table = TEXT_LIT("t"), .data = TEXT_LIT("{\"n\":\"" EURO "\"}")},
		{.table = TEXT_LIT("t"), .old_data = TEXT_LIT("{\"n\":\"" EURO "\"}")},
		{.table = TEXT_LIT("t"), .key = TEXT_LIT("{\"n\":\"" EURO "\"}")},
		{.table = TEXT_LIT(EURO), .data = TEXT_LIT("{}")},
		{.schema = TEXT_LIT(EURO), .table = TEXT_LIT("t"), .data = TEXT_LIT("{}")},
	};
	struct world *w = *state;
	struct err e = {.code = ERR_OK};
	size_t i;

	assert_int_equal(begin(w->in, "first", 1).outcome, INLET_STORED);
	add_data(w->in, "{\"id\":1}", "{}");
	for (i = 0; i < ARRAY_LEN(odd); i++) {
		assert_int_equal(begin(w->in, "k", 1).outcome, INLET_STORED);
		add_data(w->in, "{\"id\":2}", "{\"n\":\"\xc3\xa9\"}");
		add_data(w->in, "{\"id\":2}", "{}");
		assert_int_equal(inlet_add(w->in, &odd[i], &e), ERR_DATA);
		assert_non_null(strstr(e.msg, "the database has the encoding LATIN1: "));
		assert_int_equal(inlet_cancel(w->in, NULL), ERR_OK);
	}
	/* what it was in company with is stored, and its key is not used up */
	commit(w->in);
	assert_int_equal(rows(w), 2);
	assert_int_equal(begin(w->in, "k", 1).outcome, INLET_STORED);
	add_data(w->in, "{\"id\":3}", "{\"n\":\"\xc3\xa9 \\u20ac \\u0000\"}");
	commit(w->in);
	assert_int_equal(rows(w), 4);
	assert_int_equal(begin(w->in, "first", 1).outcome, INLET_DUPLICATE);
}

#define IN(test)                                                                                   \
	{                                                                                          \
#test, test, setup, teardown, &lab_kinds[LAB_POSTGRES]                             \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN(a_connection_that_was_lost_is_made_anew),
		IN(what_was_accepted_survives_the_server),
		IN(it_commits_with_the_disk),
		IN(ids_are_drawn_and_the_reader_told_as_the_trigger_does),
		IN(what_is_missing_is_told),
		IN(another_role_gets_what_it_needs),
		cmocka_unit_test_setup_teardown(an_event_that_the_encoding_cannot_spell_is_refused,
						latin_setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
