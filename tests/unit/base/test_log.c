/* SPDX-License-Identifier: MIT */
#include "log_place.h"

#include <jansson.h>

#include "base/thread.h"

static void without_a_log_lines_go_to_stderr_at_once(void **state)
{
	struct place *p = *state;

	log_error("early", LOG_I("n", 1));
	log_debug("not this");
	assert_line(p->err_path, "Z error msg=\"early\" n=1\n");
	start(p);
	log_info("middle");
	log_stop();
	log_info("late");
	assert_line(p->err_path, "info  msg=\"late\"\n");
	assert_no_line(p->err_path, "middle");
	assert_no_line(p->err_path, "not this");
	assert_string_equal(content(p->path), "2026-03-01T12:00:00.123456Z info  msg=\"middle\"\n");
	log_stop();
}

static void an_orderly_stop_loses_nothing(void **state)
{
	struct place *p = *state;
	const char *at;
	char want[32];
	int i, round;

	for (round = 0; round < 20; round++) {
		start(p);
		for (i = 0; i < 100; i++)
			log_info("line", LOG_I("n", round * 100 + i));
		log_stop();
		assert_int_equal(log_stats().lines_written, 100);
		assert_int_equal(log_stats().lines_dropped, 0);
		assert_int_equal(log_stats().queue_lines, 0);
	}
	at = content(p->path);
	for (i = 0; i < 2000; i++) {
		(void)snprintf(want, sizeof(want), " n=%d\n", i);
		at = strstr(at, want);
		assert_non_null(at);
	}
}

static void lines_are_written_without_a_stop(void **state)
{
	struct place *p = *state;

	start(p);
	log_info("one");
	WAIT_UNTIL(log_stats().lines_written == 1);
	assert_line(p->path, "one");
	log_info("two");
	WAIT_UNTIL(log_stats().lines_written == 2);
	assert_line(p->path, "two");
	assert_int_equal(log_stats().file_bytes, strlen(content(p->path)));
}

static void the_level_is_obeyed_and_changes_at_once(void **state)
{
	struct place *p = *state;

	p->options.level = LOG_LEVEL_WARN;
	start(p);
	assert_false(log_is_enabled(LOG_LEVEL_INFO));
	log_info("no 1");
	log_warn("yes 2");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("yes 3");
	log_set_level(LOG_LEVEL_ERROR);
	log_warn("no 4");
	log_error("yes 5");
	log_stop();
	assert_int_equal(count(p->path, "yes"), 3);
	assert_int_equal(count(p->path, "no "), 0);
	assert_int_equal(log_stats().errors_logged, 1);
	assert_int_equal(log_stats().warnings_logged, 1);
}

static void log_with_context(void *arg)
{
	(void)arg;
	log_info("inside, none");
	log_set_context("webhook", "other");
	log_info("inside");
}

static void the_context_belongs_to_its_thread(void **state)
{
	struct place *p = *state;
	struct thread t;

	start(p);
	log_set_context("source", "shop");
	assert_int_equal(thread_start(&t, "x", 0, log_with_context, NULL, NULL), ERR_OK);
	thread_join(&t);
	log_info("outside");
	log_set_context("source", "two words");
	log_info("quoted");
	log_set_context(NULL, NULL);
	log_info("cleared");
	log_stop();
	assert_line(p->path, "info  msg=\"inside, none\"\n");
	assert_line(p->path, "info  webhook=other msg=\"inside\"\n");
	assert_line(p->path, "info  source=shop msg=\"outside\"\n");
	assert_line(p->path, "info  source=\"two words\" msg=\"quoted\"\n");
	assert_line(p->path, "info  msg=\"cleared\"\n");
}

static void a_long_context_is_cut_at_63_bytes(void **state)
{
	struct place *p = *state;
	char value[100], want[200];

	start(p);
	memset(value, 'x', sizeof(value));
	value[56] = '\0';
	log_set_context("source", value); /* 6 + 1 + 56 */
	log_info("just");
	(void)snprintf(want, sizeof(want), " source=%s msg=\"just\"", value);
	value[56] = 'x';
	value[99] = '\0';
	log_set_context("source", value);
	log_info("just");
	memcpy(value + 55, "\xE2\x82\xAC", 4); /* would be torn */
	log_set_context("source", value);
	log_info("torn");
	log_stop();
	assert_int_equal(count(p->path, want), 2);
	value[55] = '\0';
	(void)snprintf(want, sizeof(want), " source=%s msg=\"torn\"", value);
	assert_line(p->path, want);
}

static void json_lines_are_json(void **state)
{
	struct place *p = *state;
	const char *at, *end;
	json_t *v;
	int n = 0;

	p->options.format = LOG_FORMAT_JSON;
	start(p);
	log_set_context("source", "sh\"op\xFF");
	log_error("a\n\"b\"", LOG_S("text", "\x01\xC3"), LOG_S("none", NULL), LOG_I("i", 1),
		  LOG_F("f", 0.5), LOG_T("slice", ((struct text){"abc", 2})));
	log_info("no fields");
	log_stop();
	for (at = content(p->path); *at; at = end + 1, n++) {
		end = strchr(at, '\n');
		assert_non_null(end);
		v = json_loadb(at, (size_t)(end - at), JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(v);
		assert_string_equal(json_string_value(json_object_get(v, "time")),
				    "2026-03-01T12:00:00.123456Z");
		assert_string_equal(json_string_value(json_object_get(v, "source")),
				    "sh\"op\xEF\xBF\xBD");
		if (n == 0) {
			assert_string_equal(json_string_value(json_object_get(v, "msg")),
					    "a\n\"b\"");
			assert_string_equal(json_string_value(json_object_get(v, "slice")), "ab");
		}
		json_decref(v);
	}
	assert_int_equal(n, 2);
}

static void the_journal_prefix_is_for_stderr(void **state)
{
	static const char *const names[] = {NULL, "", "stderr", "/dev/stderr"};
	struct place *p = *state;
	size_t i;

	p->options.journal_prefix = true;
	for (i = 0; i < ARRAY_LEN(names); i++) {
		p->options.file = names[i];
		start(p);
		log_warn("to the journal");
		log_stop();
		assert_int_equal(log_stats().file_bytes, 0);
		assert_int_equal(count(p->err_path, "<4>msg=\"to the journal\"\n"), i + 1);
	}
	p->options.file = p->path;
	start(p);
	log_warn("to the file");
	log_stop();
	log_warn("after");
	assert_line(p->path, "2026-03-01T12:00:00.123456Z warn  msg=\"to the file\"\n");
	assert_line(p->err_path, "<4>msg=\"after\"\n");
}

static void files_that_cannot_be_opened_leave_the_log_as_it_was(void **state)
{
	struct place *p = *state;
	struct err e;

	p->options.file = "/nowhere/at/all";
	p->options.level = LOG_LEVEL_DEBUG;
	assert_int_equal(log_start(&p->options, &e), ERR_NOT_FOUND);
	assert_non_null(strstr(e.msg, "/nowhere/at/all"));
	log_info("said");
	log_debug("not said");
	assert_line(p->err_path, "msg=\"said\"\n");
	assert_no_line(p->err_path, "not said");
}

static void errors_of_the_last_hour_slide(void **state)
{
	struct place *p = *state;
	const int64_t minute_us = 60 * CLOCK_US_PER_S;

	start(p);
	log_error("1");
	log_warn("no error");
	p->fake.now_us = 30 * minute_us;
	log_error("2");
	assert_int_equal(log_stats().errors_last_hour, 2);
	p->fake.now_us = 60 * minute_us;
	assert_int_equal(log_stats().errors_last_hour, 1);
	p->fake.now_us = 90 * minute_us;
	assert_int_equal(log_stats().errors_last_hour, 0);
	assert_int_equal(log_stats().errors_logged, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACE_TEST(without_a_log_lines_go_to_stderr_at_once),
		PLACE_TEST(an_orderly_stop_loses_nothing),
		PLACE_TEST(lines_are_written_without_a_stop),
		PLACE_TEST(the_level_is_obeyed_and_changes_at_once),
		PLACE_TEST(the_context_belongs_to_its_thread),
		PLACE_TEST(a_long_context_is_cut_at_63_bytes),
		PLACE_TEST(json_lines_are_json),
		PLACE_TEST(the_journal_prefix_is_for_stderr),
		PLACE_TEST(files_that_cannot_be_opened_leave_the_log_as_it_was),
		PLACE_TEST(errors_of_the_last_hour_slide),
	};

	return cmocka_run_group_tests_name("base/log", tests, NULL, NULL);
}
