/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/where.h"

struct shared_case {
	const char *sql;
	const char *insert, *update, *delete;
};

static void check_write(const char *sql, enum where_form form, enum op op, const char *expected)
{
	struct buf out;
	struct err e;

	buf_init(&out, 1000);
	if (where_write(text_of(sql), form, op, &out, &e) != ERR_OK)
		fail_msg("%s: %s", sql, e.msg);
	assert_string_equal(buf_str(&out), expected);
	buf_done(&out);
}

static void a_shared_filter_names_the_row_that_each_operation_has(void **state)
{
	static const struct shared_case cases[] = {
		{"NEW.a > 1", "NEW.a > 1", "NEW.a > 1", "OLD.a > 1"},
		{"old.a = new.a", "NEW.a = NEW.a", "OLD.a = NEW.a", "OLD.a = OLD.a"},
		{"Old.old is null", "NEW.old is null", "OLD.old is null", "OLD.old is null"},
		{"NEW . new = 1", "NEW . new = 1", "NEW . new = 1", "OLD . new = 1"},
		{"new IS NOT NULL", "NEW IS NOT NULL", "NEW IS NOT NULL", "OLD IS NOT NULL"},
		{"NEW.a = 'old ''new'' x'", "NEW.a = 'old ''new'' x'", "NEW.a = 'old ''new'' x'",
		 "OLD.a = 'old ''new'' x'"},
		{"NEW.\"new \"\"old\"", "NEW.\"new \"\"old\"", "NEW.\"new \"\"old\"",
		 "OLD.\"new \"\"old\""},
		{"NEW.`new` = 1", "NEW.`new` = 1", "NEW.`new` = 1", "OLD.`new` = 1"},
		{"NEW.a = E'it\\'s new'", "NEW.a = E'it\\'s new'", "NEW.a = E'it\\'s new'",
		 "OLD.a = E'it\\'s new'"},
		{"NEW.a = 'c:\\'", "NEW.a = 'c:\\'", "NEW.a = 'c:\\'", "OLD.a = 'c:\\'"},
		{"NEW.a = $$new;$$", "NEW.a = $$new;$$", "NEW.a = $$new;$$", "OLD.a = $$new;$$"},
		{"NEW.a = $q$new $$ ' $q$", "NEW.a = $q$new $$ ' $q$", "NEW.a = $q$new $$ ' $q$",
		 "OLD.a = $q$new $$ ' $q$"},
		{"newer + renew + new_ + new1 + new$", "newer + renew + new_ + new1 + new$",
		 "newer + renew + new_ + new1 + new$", "newer + renew + new_ + new1 + new$"},
		{"\xc3\xa9new = 1new", "\xc3\xa9new = 1new", "\xc3\xa9new = 1new",
		 "\xc3\xa9new = 1new"},
		{" \n NEW.a -- new; )\n /* new /* ; */ ' */ > 1 \n", "NEW.a > 1", "NEW.a > 1",
		 "OLD.a > 1"},
		{"NEW.a > 1 -- end", "NEW.a > 1", "NEW.a > 1", "OLD.a > 1"},
		{"(NEW).a->>'x' = '1' and ((true))", "(NEW).a->>'x' = '1' and ((true))",
		 "(NEW).a->>'x' = '1' and ((true))", "(OLD).a->>'x' = '1' and ((true))"},
		{"NEW.a - -1 / 2 * 3", "NEW.a - -1 / 2 * 3", "NEW.a - -1 / 2 * 3",
		 "OLD.a - -1 / 2 * 3"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		check_write(cases[i].sql, WHERE_SHARED, OP_INSERT, cases[i].insert);
		check_write(cases[i].sql, WHERE_SHARED, OP_UPDATE, cases[i].update);
		check_write(cases[i].sql, WHERE_SHARED, OP_DELETE, cases[i].delete);
	}
}

static void a_filter_of_one_operation_is_kept_as_it_is(void **state)
{
	(void)state;
	check_write("NEW.a = 'x'", WHERE_OWN, OP_INSERT, "NEW.a = 'x'");
	check_write("OLD.a <> NEW.a", WHERE_OWN, OP_UPDATE, "OLD.a <> NEW.a");
	check_write("OLD.new = 1", WHERE_OWN, OP_DELETE, "OLD.new = 1");
}

static void what_would_leave_its_parentheses_is_refused(void **state)
{
	static const struct {
		const char *sql;
		enum where_form form;
		enum op op;
		const char *complaint;
	} cases[] = {
		{"", WHERE_SHARED, OP_INSERT, "must not be empty"},
		{"  /* x */ -- y", WHERE_SHARED, OP_INSERT, "must not be empty"},
		{"true; drop table x", WHERE_SHARED, OP_INSERT, "semicolon"},
		{"true) or (true", WHERE_SHARED, OP_INSERT, ") without its ("},
		{"(true", WHERE_SHARED, OP_INSERT, "( without its )"},
		{"NEW.a = 'x", WHERE_SHARED, OP_INSERT, "quote that is never closed"},
		{"NEW.a = 'x''", WHERE_SHARED, OP_INSERT, "quote that is never closed"},
		{"NEW.a = E'x\\'", WHERE_SHARED, OP_INSERT, "quote that is never closed"},
		{"NEW.\"a", WHERE_SHARED, OP_INSERT, "quote that is never closed"},
		{"$$ x $a$", WHERE_SHARED, OP_INSERT, "quote that is never closed"},
		{"true /* /* */", WHERE_SHARED, OP_INSERT, "comment that is never closed"},
		{"true \x01", WHERE_SHARED, OP_INSERT, "control character"},
		{"OLD.a = 1", WHERE_OWN, OP_INSERT, "an insert has no OLD row"},
		{"NEW.a = 1", WHERE_OWN, OP_DELETE, "a delete has no NEW row"},
	};
	struct buf out;
	struct err e;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		buf_init(&out, 1000);
		assert_int_equal(
			where_write(text_of(cases[i].sql), cases[i].form, cases[i].op, &out, &e),
			ERR_DATA);
		if (!strstr(e.msg, cases[i].complaint))
			fail_msg("%s: %s", cases[i].sql, e.msg);
		buf_done(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_shared_filter_names_the_row_that_each_operation_has),
		cmocka_unit_test(a_filter_of_one_operation_is_kept_as_it_is),
		cmocka_unit_test(what_would_leave_its_parentheses_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
