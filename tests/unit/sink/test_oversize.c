/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "sink/oversize.h"

/* A body of excess bytes too many, of which only the rows matter here. */
static enum err_code cut(struct event_fields *f, size_t excess, struct buf *room,
			 struct text *ret_columns)
{
	buf_init(room, 1 << 20);
	return oversize_truncate(f, excess, room, ret_columns);
}

static void assert_cut(const char *data, size_t excess, const char *want, const char *columns)
{
	struct event_fields f = {.data = text_of(data)};
	struct text names = TEXT_NONE;
	struct buf room;

	assert_int_equal(cut(&f, excess, &room, &names), ERR_OK);
	assert_int_equal(f.data.len, strlen(want));
	assert_memory_equal(f.data.s, want, f.data.len);
	assert_int_equal(names.len, strlen(columns));
	assert_memory_equal(names.s, columns, names.len);
	/* what is saved pays for the names too */
	assert_true(strlen(data) - f.data.len >=
		    excess + strlen(",\"" OVERSIZE_COLUMNS "\":") + names.len);
	buf_done(&room);
}

#define A10 "aaaaaaaaaa"
#define A50 A10 A10 A10 A10 A10
#define B20 "bbbbbbbbbbbbbbbbbbbb"

static void the_longest_strings_are_cut_to_one_length(void **state)
{
	(void)state;
	/* 22 bytes of the member and 4 of each name, and two excess bytes */
	assert_cut("{\"a\":\"" A50 "\"}", 2, "{\"a\":\"" A10 A10 "aa\"}", "[\"a\"]");
	assert_cut("{\"id\":7,\"a\":\"" A50 "\",\"b\":\"" B20 "\",\"n\":null}", 2,
		   "{\"id\":7,\"a\":\"" A10 A10 "aa\",\"b\":\"" B20 "\",\"n\":null}", "[\"a\"]");
	assert_cut("{\"a\":\"" A50 "\",\"b\":\"" A50 "\"}", 2,
		   "{\"a\":\"" A10 A10 A10 "aaaa\",\"b\":\"" A10 A10 A10 "aaaa\"}",
		   "[\"a\",\"b\"]");
	/* the shorter one only when the longer one is not enough */
	assert_cut("{\"b\":\"" B20 "\",\"a\":\"" A50 "\"}", 11,
		   "{\"b\":\"bbbbbbbbbbbbbb\",\"a\":\"" A10 "aaaa\"}", "[\"b\",\"a\"]");
	/* to nothing, if it must be */
	assert_cut("{\"a\":\"" A50 "\"}", 24, "{\"a\":\"\"}", "[\"a\"]");
}

static void escapes_and_characters_stay_whole(void **state)
{
	(void)state;
	assert_cut("{\"a\":\"" A10 A10 "a\\u00e4" A10 A10 A10 "\"}", 6, "{\"a\":\"" A10 A10 "a\"}",
		   "[\"a\"]");
	assert_cut("{\"a\":\"" A10 A10 "a\xc3\xa4" A10 A10 A10 "\"}", 5, "{\"a\":\"" A10 A10 "a\"}",
		   "[\"a\"]");
	assert_cut("{\"\\u0061\\\"\":\"" A50 "\\\"\"}", 2,
		   "{\"\\u0061\\\"\":\"aaaaaaaaaaaaaaaaa\"}", "[\"\\u0061\\\"\"]");
}

static void what_is_no_string_is_left(void **state)
{
	(void)state;
	assert_cut("{\"o\":{\"x\":\"" A50 A50 "\"},\"l\":[\"" A50 A50 "\"],\"a\":\"" A50 "\"}", 2,
		   "{\"o\":{\"x\":\"" A50 A50 "\"},\"l\":[\"" A50 A50 "\"],\"a\":\"" A10 A10
		   "aa\"}",
		   "[\"a\"]");
}

static void both_rows_are_cut_and_a_name_is_told_once(void **state)
{
	struct event_fields f = {
		.data = TEXT_LIT("{\"a\":\"" A50 "\",\"c\":\"x\"}"),
		.old_data = TEXT_LIT("{\"a\":\"" A50 "\",\"b\":\"" A50 "\"}"),
	};
	struct text names = TEXT_NONE;
	struct buf room;

	(void)state;
	/* 150 - (22 + 12 + 2) = 114 = 3 * 38 */
	assert_int_equal(cut(&f, 2, &room, &names), ERR_OK);
	assert_true(text_eq(names, TEXT_LIT("[\"a\",\"b\"]")));
	assert_true(text_eq(f.data, TEXT_LIT("{\"a\":\"" A10 A10 A10 "aaaaaaaa\",\"c\":\"x\"}")));
	assert_true(text_eq(f.old_data, TEXT_LIT("{\"a\":\"" A10 A10 A10
						 "aaaaaaaa\",\"b\":\"" A10 A10 A10 "aaaaaaaa\"}")));
	buf_done(&room);
	f = (struct event_fields){.old_data = TEXT_LIT("{\"a\":\"" A50 "\"}")};
	assert_int_equal(cut(&f, 2, &room, &names), ERR_OK);
	assert_null(f.data.s);
	assert_true(text_eq(f.old_data, TEXT_LIT("{\"a\":\"" A10 A10 "aa\"}")));
	buf_done(&room);
}

static void what_strings_cannot_save_is_refused(void **state)
{
	static const struct {
		const char *data;
		size_t excess;
	} cases[] = {
		{"{\"a\":\"" A50 "\"}", 25}, {"{\"a\":[\"" A50 "\"]}", 1}, {"{}", 1},
		{"{\"a\":\"" A50 "\"", 1},   {"\"" A50 "\"", 1},
	};
	struct event_fields f, before;
	struct text names;
	struct buf room;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		f = (struct event_fields){.data = text_of(cases[i].data)};
		before = f;
		assert_int_equal(cut(&f, cases[i].excess, &room, &names), ERR_DATA);
		assert_memory_equal(&f, &before, sizeof(f));
		buf_done(&room);
	}
	f = (struct event_fields){.key = TEXT_LIT("{}")};
	assert_int_equal(cut(&f, 2, &room, &names), ERR_DATA);
	buf_done(&room);
}

static void no_more_than_a_thousand_are_cut(void **state)
{
	struct event_fields f = {.id = 1};
	struct text names;
	struct buf row, room;
	size_t count, i;

	(void)state;
	for (count = 1000; count <= 1001; count++) {
		buf_init(&row, 1 << 20);
		for (i = 0; i < count; i++)
			buf_add_str(&row, i ? ",\"a\":\"" B20 "\"" : "{\"a\":\"" B20 "\"");
		buf_add_char(&row, '}');
		f.data = buf_text(&row);
		assert_int_equal(cut(&f, 1000, &room, &names), count == 1000 ? ERR_OK : ERR_DATA);
		assert_true(count > 1000 || text_eq(names, TEXT_LIT("[\"a\"]")));
		buf_done(&room);
		buf_done(&row);
	}
}

static void the_key_stands_for_the_row(void **state)
{
	struct event_fields f = {.key = TEXT_LIT("{\"id\":2}"),
				 .old_key = TEXT_LIT("{\"id\":1}"),
				 .data = TEXT_LIT("{\"id\":2,\"a\":3}"),
				 .old_data = TEXT_LIT("{\"id\":1,\"a\":3}")};

	(void)state;
	oversize_key_only(&f);
	assert_true(f.truncated);
	assert_true(text_eq(f.data, f.key));
	assert_true(text_eq(f.old_data, f.old_key));
	f.old_key = TEXT_NONE;
	oversize_key_only(&f);
	assert_true(text_eq(f.old_data, f.key));
	f.data = TEXT_NONE;
	oversize_key_only(&f);
	assert_null(f.data.s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_longest_strings_are_cut_to_one_length),
		cmocka_unit_test(escapes_and_characters_stay_whole),
		cmocka_unit_test(what_is_no_string_is_left),
		cmocka_unit_test(both_rows_are_cut_and_a_name_is_told_once),
		cmocka_unit_test(what_strings_cannot_save_is_refused),
		cmocka_unit_test(no_more_than_a_thousand_are_cut),
		cmocka_unit_test(the_key_stands_for_the_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
