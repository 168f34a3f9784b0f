/* SPDX-License-Identifier: MIT */
/* Two pipelines of one webhook, in two databases. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "source/fake.h"
#include "source/runner_standing.h"

#define S CLOCK_US_PER_S
#define SIDES 2

static char names[SIDES][8] = {"east", "west"};
static struct pipeline_settings settings = {.name = (char[]){"default"}};
static struct standing_box *box;

/* A database, a source that reads it, and what a runner keeps for it. */
static struct side {
	struct source_settings settings;
	struct source_pipeline pipeline;
	struct fake_db *db;
	struct source *source;
	struct runner_standing standing;
} sides[SIDES];

static int open_all(void **state)
{
	struct source_env env = {.pipeline_count = 1, .clock = clock_system()};
	size_t i;

	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	assert_int_equal(standing_box_new("crm", 3600 * S, 7200 * S, &box, NULL), ERR_OK);
	for (i = 0; i < SIDES; i++) {
		struct side *s = &sides[i];

		*s = (struct side){.settings = {.name = names[i], .database = names[i]},
				   .pipeline = {.settings = &settings},
				   .standing = {.box = box, .clock = clock_system()}};
		assert_int_equal(fake_db_new(names[i], &s->db, NULL), ERR_OK);
		env.settings = &s->settings;
		env.pipelines = &s->pipeline;
		assert_int_equal(source_fake.new(&env, &s->source, NULL), ERR_OK);
		assert_int_equal(source_fake.open(s->source, NULL), ERR_OK);
	}
	return 0;
}

static int close_all(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < SIDES; i++) {
		source_fake.free(sides[i].source);
		fake_db_free(sides[i].db);
	}
	standing_box_free(box);
	return 0;
}

static enum err_code sync(size_t i, bool always)
{
	return runner_standing_sync(&sides[i].standing, sides[i].source, 0, always, NULL);
}

static struct standing kept(size_t i)
{
	return fake_db_standing(sides[i].db, "default");
}

static int64_t loads(size_t i)
{
	return fake_db_stats(sides[i].db).calls[FAKE_STANDING];
}

static struct standing value(void)
{
	struct standing s;

	(void)standing_box_get(box, &s);
	return s;
}

static struct standing disabled_at(int64_t wall_us)
{
	return (struct standing){
		.webhook = "crm", .disabled = true, .since_wall_us = wall_us, .reason = "HTTP 410"};
}

static void without_news_nothing_is_asked_or_written(void **state)
{
	(void)state;
	assert_int_equal(sync(0, false), ERR_OK);
	assert_int_equal(loads(0), 0);
	assert_int_equal(sync(0, true), ERR_OK);
	assert_int_equal(loads(0), 1);
	assert_int_equal(fake_db_stats(sides[0].db).standings_saved, 0);
}

static void a_decision_reaches_every_database(void **state)
{
	size_t i;

	(void)state;
	standing_box_decide(box, true, 100, "HTTP 410");
	for (i = 0; i < SIDES; i++) {
		assert_int_equal(sync(i, false), ERR_OK);
		assert_true(kept(i).disabled);
		assert_string_equal(kept(i).reason, "HTTP 410");
		assert_string_equal(kept(i).webhook, "crm");
		/* and is done with */
		assert_int_equal(sync(i, false), ERR_OK);
		assert_int_equal(fake_db_stats(sides[i].db).standings_saved, 1);
	}
	standing_box_decide(box, false, 200, NULL);
	for (i = 0; i < SIDES; i++) {
		assert_int_equal(sync(i, false), ERR_OK);
		assert_false(kept(i).disabled);
	}
}

static void after_a_restart_one_database_that_says_so_disables(void **state)
{
	const struct standing gone = disabled_at(100);

	(void)state;
	fake_db_set_standing(sides[1].db, "default", &gone);
	assert_int_equal(sync(0, true), ERR_OK);
	assert_false(value().disabled);
	assert_int_equal(sync(1, true), ERR_OK);
	assert_true(value().disabled);
	assert_int_equal(sync(0, false), ERR_OK);
	assert_true(kept(0).disabled);
	assert_int_equal(fake_db_stats(sides[1].db).standings_saved, 0);
}

static void what_an_operator_wrote_into_a_database_counts(void **state)
{
	struct standing s;

	(void)state;
	standing_box_decide(box, true, 100, "HTTP 410");
	assert_int_equal(sync(0, false), ERR_OK);
	assert_int_equal(sync(1, false), ERR_OK);
	s = (struct standing){.webhook = "crm", .since_wall_us = 300};
	fake_db_set_standing(sides[0].db, "default", &s);
	assert_int_equal(sync(0, true), ERR_OK);
	assert_false(value().disabled);
	assert_int_equal(sync(1, false), ERR_OK);
	assert_false(kept(1).disabled);
}

static void a_database_that_was_away_does_not_undo_a_later_decision(void **state)
{
	const struct standing gone = disabled_at(100);

	(void)state;
	fake_db_set_standing(sides[0].db, "default", &gone);
	standing_box_decide(box, false, 200, NULL);
	assert_int_equal(sync(0, true), ERR_OK);
	assert_false(value().disabled);
	assert_false(kept(0).disabled);
	assert_int_equal(kept(0).since_wall_us, 200);
}

static void what_is_kept_of_another_webhook_says_nothing(void **state)
{
	struct standing other = disabled_at(100);

	(void)state;
	memcpy(other.webhook, "erp", 4);
	other.failing_wall_us = 50;
	fake_db_set_standing(sides[0].db, "default", &other);
	assert_int_equal(sync(0, true), ERR_OK);
	assert_false(value().disabled);
	assert_int_equal(value().failing_wall_us, 0);
}

static void since_when_it_fails_survives_and_ends(void **state)
{
	const int64_t begin = clock_wall_us(clock_system()) - 1000 * S;
	const struct standing s = {.webhook = "crm", .failing_wall_us = begin};

	(void)state;
	fake_db_set_standing(sides[0].db, "default", &s);
	assert_int_equal(sync(0, true), ERR_OK);
	assert_int_equal(sync(1, true), ERR_OK);
	assert_int_equal(value().failing_wall_us, begin);
	assert_int_equal(kept(1).failing_wall_us, begin);
	standing_box_delivered(box);
	assert_int_equal(sync(0, false), ERR_OK);
	assert_int_equal(sync(1, false), ERR_OK);
	assert_int_equal(kept(0).failing_wall_us, 0);
	assert_int_equal(kept(1).failing_wall_us, 0);
}

static void a_lost_connection_is_the_callers_and_nothing_is_forgotten(void **state)
{
	struct err e;

	(void)state;
	standing_box_decide(box, true, 100, "HTTP 410");
	fake_db_fail(sides[0].db, FAKE_STANDING, ERR_UNAVAILABLE, 1);
	assert_int_equal(runner_standing_sync(&sides[0].standing, sides[0].source, 0, false, &e),
			 ERR_UNAVAILABLE);
	source_fake.close(sides[0].source);
	assert_int_equal(source_fake.open(sides[0].source, NULL), ERR_OK);
	runner_standing_reset(&sides[0].standing);
	assert_int_equal(sync(0, true), ERR_OK);
	assert_true(kept(0).disabled);
}

static void what_cannot_be_written_now_is_written_later(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	standing_box_decide(box, true, 100, "HTTP 410");
	fake_db_fail(sides[0].db, FAKE_STANDING, ERR_TIMEOUT, 1);
	assert_int_equal(sync(0, false), ERR_OK);
	assert_true(sides[0].standing.retry_us > clock_now_us(clock_system()));
	/* not at once again */
	assert_int_equal(sync(0, false), ERR_OK);
	assert_int_equal(loads(0), 1);
	sides[0].standing.retry_us = clock_now_us(clock_system());
	assert_int_equal(sync(0, false), ERR_OK);
	assert_true(kept(0).disabled);
	assert_int_equal(sides[0].standing.retry_us, 0);
}

/* Also when nothing else is new: or nobody would look, with a time to look that is over. */
static void what_cannot_be_read_now_is_read_later(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	assert_int_equal(sync(0, true), ERR_OK);
	fake_db_fail(sides[0].db, FAKE_STANDING, ERR_TIMEOUT, 1);
	assert_int_equal(sync(0, true), ERR_OK);
	assert_true(sides[0].standing.retry_us > 0);
	sides[0].standing.retry_us = clock_now_us(clock_system());
	assert_int_equal(sync(0, false), ERR_OK);
	assert_int_equal(loads(0), 3);
	assert_int_equal(sides[0].standing.retry_us, 0);
}

static void an_installation_without_a_place_for_it_is_asked_once(void **state)
{
	(void)state;
	standing_box_decide(box, true, 100, "HTTP 410");
	fake_db_fail(sides[0].db, FAKE_STANDING, ERR_NOT_FOUND, 100);
	assert_int_equal(sync(0, true), ERR_OK);
	assert_int_equal(sync(0, true), ERR_OK);
	assert_int_equal(sync(0, false), ERR_OK);
	assert_int_equal(loads(0), 1);
	/* install was run, and the daemon connects again */
	fake_db_fail(sides[0].db, FAKE_STANDING, ERR_OK, 0);
	runner_standing_reset(&sides[0].standing);
	assert_int_equal(sync(0, true), ERR_OK);
	assert_true(kept(0).disabled);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, open_all, close_all)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(without_news_nothing_is_asked_or_written),
		TEST(a_decision_reaches_every_database),
		TEST(after_a_restart_one_database_that_says_so_disables),
		TEST(what_an_operator_wrote_into_a_database_counts),
		TEST(a_database_that_was_away_does_not_undo_a_later_decision),
		TEST(what_is_kept_of_another_webhook_says_nothing),
		TEST(since_when_it_fails_survives_and_ends),
		TEST(a_lost_connection_is_the_callers_and_nothing_is_forgotten),
		TEST(what_cannot_be_written_now_is_written_later),
		TEST(what_cannot_be_read_now_is_read_later),
		TEST(an_installation_without_a_place_for_it_is_asked_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
