/* SPDX-License-Identifier: MIT */
#include "engine_fixture.h"
#include "sink/webhook.h"

static char name_default[] = "default";
static char name_crm[] = "crm";
static char name_third[] = "third";

/* What a receiver saw: how many of each pipeline. */
struct seen {
	_Atomic int of_default;
	_Atomic int of_crm;
};

static bool serve_and_count(struct peer *p, struct peer_request *r)
{
	struct seen *s = p->ctx;

	if (strstr(r->body, "\"pipeline\":\"default\""))
		atomic_fetch_add(&s->of_default, 1);
	if (strstr(r->body, "\"pipeline\":\"crm\""))
		atomic_fetch_add(&s->of_crm, 1);
	return peer_answer(r->fd, 200, "", "");
}

static bool serve_never(struct peer *p, struct peer_request *r)
{
	(void)r;
	(void)peer_pause(p, -1);
	return false;
}

/* ctx: how many requests are answered with 410 before all is well. */
static bool serve_gone(struct peer *p, struct peer_request *r)
{
	_Atomic int *gone = p->ctx;

	return peer_answer(r->fd, atomic_fetch_sub(gone, 1) > 0 ? 410 : 200, "", "");
}

static void rows_reach_the_receiver_and_leave_the_outbox(void **state)
{
	struct seen seen = {0};
	struct fixture f;
	struct peer p;
	int i;

	(void)state;
	assert_true(peer_start(&p, serve_and_count, &seen));
	fixture_open_short(&f, p.url);
	for (i = 0; i < 50; i++)
		fixture_insert(&f, "default", i);
	fixture_start(&f);
	FIXTURE_AWAIT(fixture_rows(&f) == 0);
	fixture_insert(&f, "default", 50);
	FIXTURE_AWAIT(fixture_rows(&f) == 0);
	assert_int_equal(seen.of_default, 51);
	fixture_close(&f);
	peer_stop(&p);
}

static void each_pipeline_goes_from_its_source_to_its_webhook(void **state)
{
	struct seen one = {0}, two = {0};
	struct fixture f;
	struct peer p1, p2;
	int i;

	(void)state;
	assert_true(peer_start(&p1, serve_and_count, &one));
	assert_true(peer_start(&p2, serve_and_count, &two));
	fixture_open(&f);
	(void)fixture_source(&f, name_default);
	(void)fixture_webhook(&f, name_default, p1.url);
	(void)fixture_pipeline(&f, name_default);
	(void)fixture_webhook(&f, name_crm, p2.url);
	(void)fixture_pipeline(&f, name_crm);
	fixture_start(&f);
	for (i = 0; i < 10; i++)
		fixture_insert(&f, "default", i);
	for (i = 0; i < 7; i++)
		fixture_insert(&f, "crm", i);
	FIXTURE_AWAIT(fixture_rows(&f) == 0);
	assert_int_equal(one.of_default, 10);
	assert_int_equal(one.of_crm, 0);
	assert_int_equal(two.of_default, 0);
	assert_int_equal(two.of_crm, 7);
	fixture_close(&f);
	peer_stop(&p1);
	peer_stop(&p2);
}

static void what_is_not_delivered_in_time_stays_and_goes_with_the_next_engine(void **state)
{
	struct seen seen = {0};
	struct fixture f;
	struct peer silent, p;
	int64_t start_us;
	int i;

	(void)state;
	assert_true(peer_start(&silent, serve_never, NULL));
	assert_true(peer_start(&p, serve_and_count, &seen));
	fixture_open_short(&f, silent.url);
	f.webhooks[0].timeout_us = 3600 * CLOCK_US_PER_S;
	for (i = 0; i < 20; i++)
		fixture_insert(&f, "default", i);
	fixture_start(&f);
	FIXTURE_AWAIT(atomic_load(&silent.requests) > 0);
	start_us = fixture_now_us();
	fixture_stop(&f, 50 * CLOCK_US_PER_MS);
	assert_true(fixture_now_us() - start_us < PEER_WAIT_US);
	assert_int_equal(fixture_rows(&f), 20);
	assert_int_equal(fake_db_stats(f.db).dead_letters, 0);
	f.webhooks[0].url.value = p.url;
	fixture_start(&f);
	FIXTURE_AWAIT(fixture_rows(&f) == 0);
	assert_int_equal(seen.of_default, 20);
	fixture_close(&f);
	peer_stop(&silent);
	peer_stop(&p);
}

static void a_type_of_source_that_this_build_lacks_is_refused(void **state)
{
	static char url[] = "http://127.0.0.1:1/";
	struct fixture f;
	struct err e;

	(void)state;
	fixture_open_short(&f, url);
	f.sources[0].type = (enum source_type)99;
	assert_int_equal(engine_new(&f.settings, NULL, clock_system(), &f.engine, &e), ERR_CONFIG);
	assert_string_equal(e.msg, "source default: this build cannot read from its type");
	assert_null(f.engine);
	fixture_close(&f);
}

static void pipelines_without_bounds_share_what_the_others_leave(void **state)
{
	static char url[] = "http://127.0.0.1:1/";
	const struct metrics_inputs *in;
	struct fixture f;
	struct ring_stats r[3];
	size_t i;

	(void)state;
	fixture_open_short(&f, url);
	(void)fixture_pipeline(&f, name_crm);
	(void)fixture_pipeline(&f, name_third);
	f.settings.queue.capacity = 100;
	f.settings.queue.max_bytes = 10000;
	f.pipelines[1].capacity = 40;
	f.pipelines[2].max_bytes = 4000;
	assert_int_equal(engine_new(&f.settings, NULL, clock_system(), &f.engine, NULL), ERR_OK);
	in = engine_inputs(f.engine);
	assert_int_equal(in->pipeline_count, 3);
	for (i = 0; i < 3; i++)
		r[i] = ring_stats(in->pipelines[i].ring);
	assert_int_equal(r[0].capacity, 30);
	assert_int_equal(r[1].capacity, 40);
	assert_int_equal(r[2].capacity, 30);
	assert_int_equal(r[0].max_bytes, 3000);
	assert_int_equal(r[1].max_bytes, 3000);
	assert_int_equal(r[2].max_bytes, 4000);
	fixture_close(&f);
}

static void a_pipeline_gets_one_event_at_least(void **state)
{
	static char url[] = "http://127.0.0.1:1/";
	const struct metrics_inputs *in;
	struct fixture f;

	(void)state;
	fixture_open_short(&f, url);
	(void)fixture_pipeline(&f, name_crm);
	f.settings.queue.capacity = 1;
	assert_int_equal(engine_new(&f.settings, NULL, clock_system(), &f.engine, NULL), ERR_OK);
	in = engine_inputs(f.engine);
	assert_int_equal(ring_stats(in->pipelines[0].ring).capacity, 1);
	assert_int_equal(ring_stats(in->pipelines[1].ring).capacity, 1);
	fixture_close(&f);
}

static void what_metrics_look_at_bears_the_names_of_the_settings(void **state)
{
	static char url[] = "http://127.0.0.1:1/";
	const struct metrics_inputs *in;
	struct fixture f;

	(void)state;
	fixture_open_short(&f, url);
	(void)fixture_webhook(&f, name_crm, url);
	(void)fixture_pipeline(&f, name_third);
	assert_int_equal(engine_new(&f.settings, NULL, clock_system(), &f.engine, NULL), ERR_OK);
	in = engine_inputs(f.engine);
	assert_int_equal(in->source_count, 1);
	assert_string_equal(in->sources[0].name, "default");
	assert_int_equal(in->webhook_count, 2);
	assert_string_equal(in->webhooks[1].name, "crm");
	assert_int_equal(in->pipeline_count, 2);
	assert_string_equal(in->pipelines[1].name, "third");
	assert_int_equal(in->pipelines[1].source, 0);
	assert_int_equal(in->pipelines[1].webhook, 1);
	assert_non_null(in->pool);
	fixture_close(&f);
}

static enum breaker_state fixture_breaker(const struct fixture *f)
{
	return webhook_stats(engine_inputs(f->engine)->webhooks[0].webhook).breaker.state;
}

/* Both: the breaker is a moment earlier, and who enables it in between is overruled. */
static bool fixture_is_disabled(const struct fixture *f)
{
	return fixture_breaker(f) == BREAKER_DISABLED &&
	       webhook_stats(engine_inputs(f->engine)->webhooks[0].webhook).standing.disabled;
}

static void a_webhook_that_said_gone_sends_again_when_enabled_by_its_name(void **state)
{
	_Atomic int gone = 1;
	struct fixture f;
	struct peer p;
	struct err e;

	(void)state;
	assert_true(peer_start(&p, serve_gone, &gone));
	fixture_open_short(&f, p.url);
	fixture_insert(&f, "default", 1);
	fixture_start(&f);
	FIXTURE_AWAIT(fixture_is_disabled(&f));
	assert_int_equal(engine_enable_webhook(f.engine, "none", true, &e), ERR_NOT_FOUND);
	fixture_insert(&f, "default", 2);
	assert_true(fixture_rows(&f) > 0);
	assert_int_equal(engine_enable_webhook(f.engine, "default", true, &e), ERR_OK);
	FIXTURE_AWAIT(fixture_rows(&f) == 0);
	assert_int_equal(webhook_stats(engine_inputs(f.engine)->webhooks[0].webhook).breaker.state,
			 BREAKER_CLOSED);
	fixture_close(&f);
	peer_stop(&p);
}

static void a_410_holds_over_a_restart_until_the_webhook_is_enabled(void **state)
{
	_Atomic int gone = 1;
	struct fixture f;
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_gone, &gone));
	fixture_open_short(&f, p.url);
	fixture_insert(&f, "default", 1);
	fixture_start(&f);
	FIXTURE_AWAIT(fixture_is_disabled(&f));
	FIXTURE_AWAIT(fake_db_standing(f.db, "default").disabled);
	fixture_stop(&f, PEER_WAIT_US);
	/* the events are read again, and none is sent */
	fixture_insert(&f, "default", 2);
	fixture_start(&f);
	FIXTURE_AWAIT(fixture_is_disabled(&f));
	FIXTURE_AWAIT(ring_stats(engine_inputs(f.engine)->pipelines[0].ring).ready == 2);
	assert_int_equal(p.requests, 1);
	assert_int_equal(fixture_rows(&f), 2);
	assert_int_equal(engine_enable_webhook(f.engine, "default", true, NULL), ERR_OK);
	FIXTURE_AWAIT(fixture_rows(&f) == 0);
	FIXTURE_AWAIT(!fake_db_standing(f.db, "default").disabled);
	fixture_close(&f);
	peer_stop(&p);
}

static void a_reload_enables_nothing_even_when_no_database_knows(void **state)
{
	struct engine_memory memory = {.count = 0};
	_Atomic int gone = 1;
	struct fixture f;
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_gone, &gone));
	fixture_open_short(&f, p.url);
	fake_db_fail(f.db, FAKE_STANDING, ERR_NOT_FOUND, 1000000);
	fixture_insert(&f, "default", 1);
	fixture_start(&f);
	FIXTURE_AWAIT(fixture_is_disabled(&f));
	engine_remember(f.engine, &memory);
	fixture_stop(&f, PEER_WAIT_US);
	assert_int_equal(engine_new(&f.settings, NULL, clock_system(), &f.engine, NULL), ERR_OK);
	engine_recall(f.engine, &memory);
	assert_int_equal(engine_start(f.engine, NULL), ERR_OK);
	assert_int_equal(fixture_breaker(&f), BREAKER_DISABLED);
	FIXTURE_AWAIT(ring_stats(engine_inputs(f.engine)->pipelines[0].ring).ready == 1);
	assert_int_equal(p.requests, 1);
	/* now that the database does, an operator may say so there */
	fake_db_fail(f.db, FAKE_STANDING, ERR_OK, 0);
	fake_db_kill(f.db);
	FIXTURE_AWAIT(fake_db_standing(f.db, "default").disabled);
	fixture_close(&f);
	peer_stop(&p);
}

static void an_operator_disables_by_name_what_is_well(void **state)
{
	_Atomic int gone = 0;
	struct fixture f;
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_gone, &gone));
	fixture_open_short(&f, p.url);
	fixture_start(&f);
	assert_int_equal(engine_enable_webhook(f.engine, "default", false, NULL), ERR_OK);
	assert_int_equal(fixture_breaker(&f), BREAKER_DISABLED);
	FIXTURE_AWAIT(fake_db_standing(f.db, "default").disabled);
	assert_string_equal(fake_db_standing(f.db, "default").reason, STANDING_BY_OPERATOR);
	fixture_close(&f);
	peer_stop(&p);
}

static void an_engine_that_does_not_run_is_stopped_and_freed_all_the_same(void **state)
{
	static char url[] = "http://127.0.0.1:1/";
	struct fixture f;

	(void)state;
	fixture_open_short(&f, url);
	assert_int_equal(engine_new(&f.settings, NULL, clock_system(), &f.engine, NULL), ERR_OK);
	engine_stop(f.engine, 0);
	engine_stop(f.engine, 0);
	engine_free(f.engine);
	f.engine = NULL;
	engine_free(NULL);
	fixture_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_reach_the_receiver_and_leave_the_outbox),
		cmocka_unit_test(each_pipeline_goes_from_its_source_to_its_webhook),
		cmocka_unit_test(what_is_not_delivered_in_time_stays_and_goes_with_the_next_engine),
		cmocka_unit_test(a_type_of_source_that_this_build_lacks_is_refused),
		cmocka_unit_test(pipelines_without_bounds_share_what_the_others_leave),
		cmocka_unit_test(a_pipeline_gets_one_event_at_least),
		cmocka_unit_test(what_metrics_look_at_bears_the_names_of_the_settings),
		cmocka_unit_test(a_webhook_that_said_gone_sends_again_when_enabled_by_its_name),
		cmocka_unit_test(a_410_holds_over_a_restart_until_the_webhook_is_enabled),
		cmocka_unit_test(a_reload_enables_nothing_even_when_no_database_knows),
		cmocka_unit_test(an_operator_disables_by_name_what_is_well),
		cmocka_unit_test(an_engine_that_does_not_run_is_stopped_and_freed_all_the_same),
	};

	return cmocka_run_group_tests(tests, fixture_group_open, fixture_group_close);
}
