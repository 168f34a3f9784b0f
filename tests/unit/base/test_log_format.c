/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <jansson.h>

#include "base/log_format.h"
#include "base/random.h"

#define WALL_US 1772366400123456 /* 2026-03-01T12:00:00.123456Z */

static const struct log_style text = {.format = LOG_FORMAT_TEXT};
static const struct log_style json = {.format = LOG_FORMAT_JSON};
static const struct log_style journal = {.format = LOG_FORMAT_TEXT, .journal_prefix = true};
static const struct log_style journal_json = {.format = LOG_FORMAT_JSON, .journal_prefix = true};

/* The line without its newline, terminated. */
static const char *rendered(const struct log_style *style, const struct log_event *ev)
{
	static char line[LOG_LINE_BYTES + 1];
	size_t len;

	memset(line, 0x5A, sizeof(line));
	len = log_format_line(style, ev, line);
	assert_in_range(len, 2, LOG_LINE_BYTES);
	assert_ptr_equal(memchr(line, '\n', len), line + len - 1);
	assert_int_equal(line[LOG_LINE_BYTES], 0x5A);
	line[len - 1] = '\0';
	return line;
}

/* len times c. Valid until the next call. */
static struct text repeated(char c, size_t len)
{
	static char bytes[5000];

	assert_true(len <= sizeof(bytes));
	memset(bytes, c, len);
	return (struct text){bytes, len};
}

/* msg and the fields in text style, without the time and the level. */
static const char *rendered_fields(const struct log_field *fields, size_t n)
{
	struct log_event ev = {
		.level = LOG_LEVEL_INFO, .wall_us = WALL_US, .msg = "m", .fields = fields, .n = n};
	const char *line = rendered(&text, &ev), *at = strstr(line, "msg=\"m\"");

	assert_non_null(at);
	return at[7] ? at + 8 : at + 7;
}

static void each_style_looks_as_documented(void **state)
{
	const struct log_field fields[] = {LOG_S("host", "db1"), LOG_I("port", 5432)};
	struct log_event ev = {.level = LOG_LEVEL_INFO,
			       .wall_us = WALL_US,
			       .context_key = "source",
			       .context_value = "shop",
			       .msg = "connected",
			       .fields = fields,
			       .n = 2};

	(void)state;
	assert_string_equal(rendered(&text, &ev),
			    "2026-03-01T12:00:00.123456Z info  source=shop msg=\"connected\" "
			    "host=db1 port=5432");
	assert_string_equal(rendered(&json, &ev),
			    "{\"time\":\"2026-03-01T12:00:00.123456Z\",\"level\":\"info\","
			    "\"source\":\"shop\",\"msg\":\"connected\",\"host\":\"db1\","
			    "\"port\":5432}");
	assert_string_equal(rendered(&journal, &ev),
			    "<6>source=shop msg=\"connected\" host=db1 port=5432");
	assert_string_equal(rendered(&journal_json, &ev),
			    "<6>{\"level\":\"info\",\"source\":\"shop\",\"msg\":\"connected\","
			    "\"host\":\"db1\",\"port\":5432}");
}

static void levels_have_names_and_priorities(void **state)
{
	static const struct {
		enum log_level level;
		const char *text, *journal;
	} cases[] = {
		{LOG_LEVEL_ERROR, "error msg=\"m\"", "<3>msg=\"m\""},
		{LOG_LEVEL_WARN, "warn  msg=\"m\"", "<4>msg=\"m\""},
		{LOG_LEVEL_INFO, "info  msg=\"m\"", "<6>msg=\"m\""},
		{LOG_LEVEL_DEBUG, "debug msg=\"m\"", "<7>msg=\"m\""},
	};
	struct log_event ev = {.msg = "m", .wall_us = WALL_US};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		ev.level = cases[i].level;
		assert_string_equal(rendered(&text, &ev) + 28, cases[i].text);
		assert_string_equal(rendered(&journal, &ev), cases[i].journal);
	}
}

static void the_remembered_second_is_never_stale(void **state)
{
	static const int64_t walls_us[] = {
		0,
		1,
		999999,
		1000000,
		1000001,
		WALL_US,
		WALL_US + 1,
		WALL_US + 1000000,
		WALL_US,
		-1,
		0,
		253402300799999999,
		253402300800000000,
		10,
	};
	struct log_event ev = {.level = LOG_LEVEL_INFO, .msg = "m"};
	char want[CLOCK_TEXT_BYTES];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(walls_us); i++) {
		ev.wall_us = walls_us[i];
		clock_format_wall(walls_us[i], want);
		assert_memory_equal(rendered(&text, &ev), want, strlen(want));
	}
}

static void text_values_are_quoted_when_they_need_it(void **state)
{
	static const struct {
		struct text value;
		const char *want;
	} cases[] = {
		{TEXT_LIT("plain/1.5:x_y-z,[]{}'"), "k=plain/1.5:x_y-z,[]{}'"},
		{TEXT_LIT(""), "k=\"\""},
		{{NULL, 0}, "k=-"},
		{TEXT_LIT("-"), "k=\"-\""},
		{TEXT_LIT("--"), "k=--"},
		{TEXT_LIT("two words"), "k=\"two words\""},
		{TEXT_LIT("a=b"), "k=\"a=b\""},
		{TEXT_LIT("say \"x\""), "k=\"say \\\"x\\\"\""},
		{TEXT_LIT("back\\slash"), "k=\"back\\\\slash\""},
		{TEXT_LIT("line\nforged level=error"), "k=\"line\\nforged level=error\""},
		{TEXT_LIT("\r"), "k=\"\\r\""},
		{TEXT_LIT("nul\0nul"), "k=\"nul\\u0000nul\""},
		{TEXT_LIT("\x1b[31m"), "k=\"\\u001b[31m\""},
		{TEXT_LIT("\xC3\xA4"), "k=\"\xC3\xA4\""},
		{TEXT_LIT("\xFF"), "k=\"\xEF\xBF\xBD\""},
	};
	struct log_field field;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		field = LOG_T("k", cases[i].value);
		assert_string_equal(rendered_fields(&field, 1), cases[i].want);
	}
}

static void numbers_are_written_plainly(void **state)
{
	const struct log_field fields[] = {
		LOG_I("i", INT64_MIN), LOG_F("f", 0.25), LOG_F("g", 1e20),
		LOG_F("z", 0),         LOG_F("n", NAN),  LOG_F("inf", INFINITY),
	};

	(void)state;
	assert_string_equal(rendered_fields(fields, ARRAY_LEN(fields)),
			    "i=-9223372036854775808 f=0.25 g=1e+20 z=0 n=- inf=-");
}

static void a_newline_in_the_message_is_escaped(void **state)
{
	struct log_event ev = {.level = LOG_LEVEL_INFO, .wall_us = WALL_US, .msg = "a\nb \"c\""};

	(void)state;
	assert_non_null(strstr(rendered(&text, &ev), "msg=\"a\\nb \\\"c\\\"\""));
}

static json_t *parsed(const char *line)
{
	json_error_t error;
	json_t *v = json_loads(line, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);

	if (!v)
		fail_msg("%s at %d in: %s", error.text, error.position, line);
	return v;
}

static void json_null_and_numbers_keep_their_types(void **state)
{
	const struct log_field fields[] = {LOG_S("none", NULL), LOG_I("i", -5), LOG_F("f", 0.1),
					   LOG_F("nan", NAN), LOG_T("nul", TEXT_LIT("a\0b"))};
	struct log_event ev = {
		.level = LOG_LEVEL_DEBUG, .msg = "m", .fields = fields, .n = ARRAY_LEN(fields)};
	json_t *v = parsed(rendered(&json, &ev));

	(void)state;
	assert_true(json_is_null(json_object_get(v, "none")));
	assert_int_equal(json_integer_value(json_object_get(v, "i")), -5);
	assert_true(json_real_value(json_object_get(v, "f")) == 0.1);
	assert_true(json_is_null(json_object_get(v, "nan")));
	assert_int_equal(json_string_length(json_object_get(v, "nul")), 3);
	assert_null(json_object_get(v, "cut"));
	json_decref(v);
}

static void a_long_value_is_cut_and_the_rest_of_the_line_stays(void **state)
{
	const struct log_field fields[] = {LOG_T("big", repeated('x', 5000)), LOG_I("after", 1)};
	struct log_event ev = {
		.level = LOG_LEVEL_INFO, .msg = "m", .fields = fields, .n = ARRAY_LEN(fields)};
	const char *line;
	json_t *v;

	(void)state;
	v = parsed(rendered(&json, &ev));
	assert_int_equal(json_string_length(json_object_get(v, "big")), LOG_VALUE_BYTES);
	assert_int_equal(json_integer_value(json_object_get(v, "after")), 1);
	assert_true(json_is_true(json_object_get(v, "cut")));
	json_decref(v);
	line = rendered(&text, &ev);
	assert_non_null(strstr(line, "xxx after=1 cut=true"));
}

static void a_value_of_just_the_bound_is_whole(void **state)
{
	struct log_field field = LOG_T("k", repeated('x', LOG_VALUE_BYTES));

	(void)state;
	assert_null(strstr(rendered_fields(&field, 1), "cut=true"));
	field.text = repeated('x', LOG_VALUE_BYTES + 1);
	assert_non_null(strstr(rendered_fields(&field, 1), " cut=true"));
}

static void what_does_not_fit_the_line_is_left_out_or_shortened(void **state)
{
	const struct text value = repeated('x', 999);
	const struct log_field fields[] = {LOG_T("a", value), LOG_T("b", value), LOG_T("c", value),
					   LOG_I("number", 123456789)};
	struct log_event ev = {
		.level = LOG_LEVEL_INFO, .msg = "m", .fields = fields, .n = ARRAY_LEN(fields)};
	const char *line;
	json_t *v;

	(void)state;
	line = rendered(&json, &ev);
	assert_true(strlen(line) > LOG_LINE_BYTES - 60);
	v = parsed(line);
	assert_int_equal(json_string_length(json_object_get(v, "a")), 999);
	assert_in_range(json_string_length(json_object_get(v, "b")), 800, 998);
	assert_null(json_object_get(v, "c"));
	assert_null(json_object_get(v, "number"));
	assert_true(json_is_true(json_object_get(v, "cut")));
	json_decref(v);
}

static void escapes_count_with_the_length_they_have(void **state)
{
	/* six bytes each when escaped */
	const struct log_field field = LOG_T("k", repeated(1, 999));
	struct log_event ev = {.level = LOG_LEVEL_INFO, .msg = "m", .fields = &field, .n = 1};
	json_t *v;

	(void)state;
	v = parsed(rendered(&json, &ev));
	assert_in_range(json_string_length(json_object_get(v, "k")), 310, 340);
	json_decref(v);
}

static void a_cut_does_not_tear_a_character(void **state)
{
	char value[3 * LOG_VALUE_BYTES];
	struct log_field field = {.key = "k", .kind = LOG_FIELD_TEXT};
	struct log_event ev = {.level = LOG_LEVEL_INFO, .msg = "m", .fields = &field, .n = 1};
	const char *line;
	size_t i, shift;
	json_t *v;

	(void)state;
	for (shift = 0; shift < 3; shift++) {
		/* shift plain characters in front, so that the bound falls on each byte of one */
		memset(value, 'x', shift);
		field.text = (struct text){value, 3 * LOG_VALUE_BYTES};
		for (i = 0; shift + 3 * i + 3 <= 3 * LOG_VALUE_BYTES; i++)
			memcpy(value + shift + 3 * i, "\xE2\x82\xAC", 3);
		line = rendered(&json, &ev);
		assert_null(strstr(line, "\xEF\xBF\xBD"));
		v = parsed(line);
		assert_in_range(json_string_length(json_object_get(v, "k")), LOG_VALUE_BYTES - 2,
				LOG_VALUE_BYTES);
		json_decref(v);
	}
}

/* Any number of any bytes: always one line, always valid, never longer than allowed. */
static void random_fields_make_valid_lines(void **state)
{
	static char bytes[6][3000];
	struct log_field fields[6];
	struct log_event ev = {.level = LOG_LEVEL_WARN, .msg = "m", .fields = fields};
	struct random r;
	size_t i, k, len;
	int round;

	(void)state;
	random_init_seed(&r, 99);
	for (round = 0; round < 600; round++) {
		ev.n = random_below(&r, 7);
		for (i = 0; i < ev.n; i++) {
			static const char *const keys[] = {"a", "b", "c", "d", "e", "f"};

			len = random_below(&r, random_below(&r, 2) ? 40 : 3000);
			for (k = 0; k < len; k++)
				bytes[i][k] = (char)random_u64(&r);
			fields[i] = LOG_T(keys[i], ((struct text){bytes[i], len}));
		}
		json_decref(parsed(rendered(&json, &ev)));
		(void)rendered(&text, &ev);
		(void)rendered(&journal, &ev);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_style_looks_as_documented),
		cmocka_unit_test(levels_have_names_and_priorities),
		cmocka_unit_test(the_remembered_second_is_never_stale),
		cmocka_unit_test(text_values_are_quoted_when_they_need_it),
		cmocka_unit_test(numbers_are_written_plainly),
		cmocka_unit_test(a_newline_in_the_message_is_escaped),
		cmocka_unit_test(json_null_and_numbers_keep_their_types),
		cmocka_unit_test(a_long_value_is_cut_and_the_rest_of_the_line_stays),
		cmocka_unit_test(a_value_of_just_the_bound_is_whole),
		cmocka_unit_test(what_does_not_fit_the_line_is_left_out_or_shortened),
		cmocka_unit_test(escapes_count_with_the_length_they_have),
		cmocka_unit_test(a_cut_does_not_tear_a_character),
		cmocka_unit_test(random_fields_make_valid_lines),
	};

	return cmocka_run_group_tests_name("base/log_format", tests, NULL, NULL);
}
