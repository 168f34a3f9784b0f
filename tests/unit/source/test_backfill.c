/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "config/field.h"
#include "source/backfill.h"
#include "source/fake_db.h"

static void each_state_has_a_name(void **state)
{
	enum backfill_state s, parsed;

	(void)state;
	for (s = 0; s < BACKFILL_STATE_COUNT; s++) {
		parsed = BACKFILL_STATE_COUNT;
		assert_true(backfill_state_parse(text_of(backfill_state_name(s)), &parsed));
		assert_int_equal(parsed, s);
	}
	assert_false(backfill_state_parse(TEXT_LIT("Running"), &parsed));
}

static void an_operator_may_do_what_makes_sense(void **state)
{
	static const struct {
		enum backfill_state from, to;
	} fine[] = {
		{BACKFILL_RUNNING, BACKFILL_PAUSED},    {BACKFILL_RUNNING, BACKFILL_CANCELLED},
		{BACKFILL_PAUSED, BACKFILL_RUNNING},    {BACKFILL_PAUSED, BACKFILL_CANCELLED},
		{BACKFILL_CANCELLED, BACKFILL_RUNNING}, {BACKFILL_FAILED, BACKFILL_RUNNING},
		{BACKFILL_FAILED, BACKFILL_CANCELLED},
	};
	enum backfill_state from, to;
	size_t i, allowed = 0;
	struct err e;

	(void)state;
	for (i = 0; i < ARRAY_LEN(fine); i++)
		assert_int_equal(backfill_state_allows(fine[i].from, fine[i].to, &e), ERR_OK);
	for (from = 0; from < BACKFILL_STATE_COUNT; from++)
		for (to = 0; to < BACKFILL_STATE_COUNT; to++)
			allowed += backfill_state_allows(from, to, &e) == ERR_OK;
	assert_int_equal(allowed, ARRAY_LEN(fine));
	assert_int_equal(backfill_state_allows(BACKFILL_DONE, BACKFILL_RUNNING, &e), ERR_USAGE);
	assert_non_null(strstr(e.msg, "make a new one"));
	assert_int_equal(backfill_state_allows(BACKFILL_CANCELLED, BACKFILL_PAUSED, &e), ERR_USAGE);
	assert_string_equal(e.msg, "it is cancelled");
}

static void numbers_have_bounds(void **state)
{
	static const struct {
		int64_t rate, flush_every, pages;
		const char *named; /* NULL: fine */
	} cases[] = {
		{0, 1, 1, NULL},
		{BACKFILL_RATE_MAX, BACKFILL_FLUSH_MAX, BACKFILL_PAGES_MAX, NULL},
		{-1, 1, 1, "--rate"},
		{BACKFILL_RATE_MAX + 1, 1, 1, "--rate"},
		{0, 0, 1, "--flush-every"},
		{0, BACKFILL_FLUSH_MAX + 1, 1, "--flush-every"},
		{0, 1, 0, "--max-concurrent-pages"},
		{0, 1, BACKFILL_PAGES_MAX + 1, "--max-concurrent-pages"},
	};
	size_t i;
	struct err e;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		struct backfill_request r = {.pipeline = "default",
					     .table = "t",
					     .rate = cases[i].rate,
					     .flush_every = cases[i].flush_every,
					     .max_concurrent_pages = cases[i].pages};
		enum err_code code = backfill_request_check(&r, &e);

		assert_int_equal(code, cases[i].named ? ERR_USAGE : ERR_OK);
		if (cases[i].named)
			assert_non_null(strstr(e.msg, cases[i].named));
	}
}

static void lists_come_back_as_they_were(void **state)
{
	struct string_list l = {.count = 0}, again;
	static const char *const items[] = {"id", "", "a \"quoted\" one",
					    "gr\xc3\xb6\xc3\x9f"
					    "e",
					    "1,2"};
	struct buf out;
	size_t i;

	(void)state;
	buf_init(&out, 1000);
	for (i = 0; i < ARRAY_LEN(items); i++)
		assert_int_equal(string_list_add(&l, text_of(items[i])), ERR_OK);
	backfill_list_write(&out, &l);
	assert_int_equal(backfill_list_read(buf_text(&out), &again, NULL), ERR_OK);
	assert_int_equal(again.count, ARRAY_LEN(items));
	for (i = 0; i < ARRAY_LEN(items); i++)
		assert_string_equal(again.items[i], items[i]);
	string_list_done(&again);
	string_list_done(&l);
	buf_done(&out);
}

static void what_is_no_list_is_refused(void **state)
{
	static const char *const cases[] = {"",      "{}",      "[", "[1]", "[\"a\",null]",
					    "\"a\"", "[\"a\"]x"};
	struct string_list l = {.count = 0};
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(backfill_list_read(text_of(cases[i]), &l, &e), ERR_DATA);
	assert_int_equal(l.count, 0);
	backfill_unsupported("mysql", &e);
	assert_int_equal(e.code, ERR_CONFIG);
	assert_non_null(strstr(e.msg, "mysql"));
}

/* ---- the fake: what the others are to do ---- */

struct lab {
	struct fake_db *db;
	struct source_settings settings;
	struct pipeline_settings pipeline;
	struct source_pipeline pub;
	struct source *s;
	int64_t job;
};

static int lab_open(void **state)
{
	struct lab *lab = mem_calloc(1, sizeof(*lab));
	const struct backfill_progress wanted = {.flush_every = 3, .max_concurrent_pages = 1};
	struct source_env env;

	assert_non_null(lab);
	assert_int_equal(fake_db_new("backfill", &lab->db, NULL), ERR_OK);
	lab->settings.type = SOURCE_FAKE;
	lab->settings.database = (char *)(uintptr_t) "backfill";
	lab->pipeline.name = (char *)(uintptr_t) "default";
	lab->pub.settings = &lab->pipeline;
	env = (struct source_env){.settings = &lab->settings,
				  .pipelines = &lab->pub,
				  .pipeline_count = 1,
				  .clock = clock_system()};
	assert_int_equal(source_fake.new(&env, &lab->s, NULL), ERR_OK);
	assert_int_equal(lab->s->ops->open(lab->s, NULL), ERR_OK);
	lab->job = fake_db_backfill(lab->db, "default", 7, &wanted);
	*state = lab;
	return 0;
}

static int lab_close(void **state)
{
	struct lab *lab = *state;

	lab->s->ops->free(lab->s);
	fake_db_free(lab->db);
	mem_free(lab);
	return 0;
}

static struct backfill_result page(struct lab *lab, bool again)
{
	const struct backfill_page p = {.job = lab->job, .rows = 3, .bytes = 1000, .again = again};
	struct backfill_result r;

	assert_int_equal(lab->s->ops->backfill_page(lab->s, 0, &p, &r, NULL), ERR_OK);
	return r;
}

static void pages_lead_to_the_end(void **state)
{
	struct lab *lab = *state;
	struct backfill_progress job;
	struct backfill_result r;

	assert_int_equal(lab->s->ops->backfill_load(lab->s, &job, NULL), ERR_OK);
	assert_int_equal(job.id, lab->job);
	assert_int_equal(page(lab, false).rows, 3);
	assert_int_equal(page(lab, false).rows, 3);
	r = page(lab, false);
	assert_int_equal(r.rows, 1);
	assert_true(r.at_end);
	assert_int_equal(r.progress.state, BACKFILL_DONE);
	assert_int_equal(r.progress.rows_done, 7);
	assert_int_equal(fake_db_stats(lab->db).rows, 7);
	assert_int_equal(lab->s->ops->backfill_load(lab->s, &job, NULL), ERR_OK);
	assert_int_equal(job.id, 0);
}

static void locked_rows_are_asked_again(void **state)
{
	struct lab *lab = *state;
	struct backfill_result r;

	fake_db_backfill_lock(lab->db, lab->job, 2, 4);
	assert_int_equal(page(lab, false).rows, 1);
	r = page(lab, true); /* 2 and 3 again, in vain, and 4 */
	assert_int_equal(r.rows, 0);
	assert_int_equal(r.progress.skipped, 3);
	(void)page(lab, false);
	r = page(lab, false);
	assert_true(r.at_end);
	assert_int_equal(r.progress.state, BACKFILL_RUNNING);
	fake_db_backfill_lock(lab->db, lab->job, 0, 0);
	r = page(lab, true);
	assert_int_equal(r.rows, 3);
	assert_int_equal(r.progress.state, BACKFILL_DONE);
	assert_int_equal(fake_db_backfill_progress(lab->db, lab->job).rows_done, 7);
}

static void nothing_is_read_once_it_does_not_run(void **state)
{
	struct lab *lab = *state;
	struct backfill_result r;

	fake_db_backfill_decide(lab->db, lab->job, BACKFILL_CANCELLED);
	r = page(lab, false);
	assert_int_equal(r.rows, 0);
	assert_int_equal(r.progress.state, BACKFILL_CANCELLED);
	fake_db_backfill_decide(lab->db, lab->job, BACKFILL_RUNNING);
	assert_int_equal(lab->s->ops->backfill_fail(lab->s, 0, lab->job, "gone", NULL), ERR_OK);
	assert_int_equal(page(lab, false).progress.state, BACKFILL_FAILED);
	assert_string_equal(fake_db_backfill_progress(lab->db, lab->job).last_error, "gone");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_state_has_a_name),
		cmocka_unit_test(an_operator_may_do_what_makes_sense),
		cmocka_unit_test(numbers_have_bounds),
		cmocka_unit_test(lists_come_back_as_they_were),
		cmocka_unit_test(what_is_no_list_is_refused),
		cmocka_unit_test_setup_teardown(pages_lead_to_the_end, lab_open, lab_close),
		cmocka_unit_test_setup_teardown(locked_rows_are_asked_again, lab_open, lab_close),
		cmocka_unit_test_setup_teardown(nothing_is_read_once_it_does_not_run, lab_open,
						lab_close),
	};

	return cmocka_run_group_tests_name("source/backfill", tests, NULL, NULL);
}
