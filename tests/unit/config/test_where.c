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

static void check_write_in(enum source_type type, const char *sql, enum where_form form, enum op op,
			   const char *expected)
{
	struct buf out, again;
	struct err e;

	buf_init(&out, 1000);
	buf_init(&again, 1000);
	if (where_write(text_of(sql), type, form, op, &out, &e) != ERR_OK)
		fail_msg("%s: %s", sql, e.msg);
	assert_string_equal(buf_str(&out), expected);
	/* what is written says the same when it is read again */
	assert_int_equal(where_write(buf_text(&out), type, WHERE_OWN, op, &again, &e), ERR_OK);
	assert_string_equal(buf_str(&again), expected);
	buf_done(&again);
	buf_done(&out);
}

static void check_write(const char *sql, enum where_form form, enum op op, const char *expected)
{
	check_write_in(SOURCE_POSTGRES, sql, form, op, expected);
}

static void check_refused(enum source_type type, const char *sql, enum where_form form, enum op op,
			  const char *complaint)
{
	struct buf out;
	struct err e;

	buf_init(&out, 1000);
	if (where_write(text_of(sql), type, form, op, &out, &e) != ERR_DATA)
		fail_msg("%s: %s is taken", source_type_name(type), sql);
	if (!strstr(e.msg, complaint))
		fail_msg("%s: %s: %s", source_type_name(type), sql, e.msg);
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

static void each_dialect_has_its_own_quotes_and_comments(void **state)
{
	static const struct {
		enum source_type type;
		const char *sql, *written;
	} cases[] = {
		{SOURCE_POSTGRES, "NEW.a = 'c:\\'", "NEW.a = 'c:\\'"},
		{SOURCE_POSTGRES, "NEW.a #> '{a}' is null", "NEW.a #> '{a}' is null"},
		{SOURCE_POSTGRES, "NEW.a[1] = 1", "NEW.a[1] = 1"},
		{SOURCE_POSTGRES, "NEW.a = ` ' ` '", "NEW.a = ` ' ` '"},

		{SOURCE_MYSQL, "NEW.`new ``x\\` = 1", "NEW.`new ``x\\` = 1"},
		{SOURCE_MYSQL, "NEW.a = 'it\\'s \\\\'", "NEW.a = 'it''s \\\\'"},
		{SOURCE_MYSQL, "NEW.a = \"it's \\\" new\"", "NEW.a = \"it's \"\" new\""},
		{SOURCE_MYSQL, "NEW.a = 'it\\\"s'", "NEW.a = 'it\\\"s'"},
		{SOURCE_MYSQL, "NEW.a = '\\n\\\\'", "NEW.a = '\\n\\\\'"},
		{SOURCE_MYSQL, "NEW.a > 1 # new ; ) '", "NEW.a > 1"},
		{SOURCE_MYSQL, "NEW.a > # )\n 1", "NEW.a > 1"},
		{SOURCE_MYSQL, "NEW.a > 1 -- ; )", "NEW.a > 1"},
		{SOURCE_MYSQL, "NEW.a > 1 --\t; )\n", "NEW.a > 1"},
		{SOURCE_MYSQL, "NEW.a > 1 --", "NEW.a > 1"},
		{SOURCE_MYSQL, "NEW.a > 1 --1", "NEW.a > 1 - -1"},
		{SOURCE_MYSQL, "NEW.a > 1--/* x */ 1", "NEW.a > 1- - 1"},
		{SOURCE_MYSQL, "NEW.a > 1 ---1", "NEW.a > 1 - - -1"},
		{SOURCE_MYSQL, "NEW.a > /* /* x */ 1", "NEW.a > 1"},
		{SOURCE_MYSQL, "NEW.a > /*+ x */ 1", "NEW.a > 1"},
		{SOURCE_MYSQL, "NEW.a->>'$.old' = N'x'", "NEW.a->>'$.old' = N'x'"},
		{SOURCE_MYSQL, "(@a := 1) and NEW.a$b", "(@a := 1) and NEW.a$b"},
		{SOURCE_MYSQL, "DELIMITER ( NEW.a )", "DELIMITER ( NEW.a )"},
		{SOURCE_MYSQL, "NEW.a = E'it\\'s'", "NEW.a = E'it''s'"},
		{SOURCE_MYSQL, "NEW.a <=> _utf8mb4 x'41'", "NEW.a <=> _utf8mb4 x'41'"},

		{SOURCE_SQLITE, "NEW.[new \" ' ` ;)] = 1", "NEW.[new \" ' ` ;)] = 1"},
		{SOURCE_SQLITE, "NEW.`new ``x` = 1", "NEW.`new ``x` = 1"},
		{SOURCE_SQLITE, "NEW.\"new \"\"x\" = 'a\\'", "NEW.\"new \"\"x\" = 'a\\'"},
		{SOURCE_SQLITE, "NEW.a > 1--1", "NEW.a > 1"},
		{SOURCE_SQLITE, "NEW.a > /* /* x */ 1", "NEW.a > 1"},
		{SOURCE_SQLITE, "NEW.a = x'41' and NEW.a$b", "NEW.a = x'41' and NEW.a$b"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++)
		check_write_in(cases[i].type, cases[i].sql, WHERE_OWN, OP_UPDATE, cases[i].written);
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
		{"NEW.\"a", WHERE_SHARED, OP_INSERT, "quote that is never closed"},
		{"NEW.\"a\"\"", WHERE_SHARED, OP_INSERT, "quote that is never closed"},
		{"true /* ", WHERE_SHARED, OP_INSERT, "comment that is never closed"},
		{"true /*/", WHERE_SHARED, OP_INSERT, "comment that is never closed"},
		{"true \x01", WHERE_SHARED, OP_INSERT, "control character"},
		{"OLD.a = 1", WHERE_OWN, OP_INSERT, "an insert has no OLD row"},
		{"NEW.a = 1", WHERE_OWN, OP_DELETE, "a delete has no NEW row"},
		{"1E'x'", WHERE_SHARED, OP_INSERT, "quote directly behind a number"},
		{"1'x'", WHERE_SHARED, OP_INSERT, "quote directly behind a number"},
	};
	static const enum source_type types[] = {SOURCE_POSTGRES, SOURCE_MYSQL, SOURCE_SQLITE};
	size_t i, t;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		for (t = 0; t < ARRAY_LEN(types); t++)
			check_refused(types[t], cases[i].sql, cases[i].form, cases[i].op,
				      cases[i].complaint);
	}
}

static void what_would_leave_them_in_one_dialect_is_refused_there(void **state)
{
	static const struct {
		enum source_type type;
		const char *sql, *complaint;
	} cases[] = {
		{SOURCE_POSTGRES, "1$$ ) $$", "quote directly behind a number"},
		{SOURCE_POSTGRES, "$1$$ ) $$", "quote directly behind a number"},
		{SOURCE_POSTGRES, "NEW.a = ` ' ` or 'x'", "quote that is never closed"},
		{SOURCE_POSTGRES, "NEW.a = E'x\\'", "quote that is never closed"},
		{SOURCE_POSTGRES, "$$ x $a$", "quote that is never closed"},
		{SOURCE_POSTGRES, "true /* /* */", "comment that is never closed"},
		{SOURCE_POSTGRES, "NEW.` ) ` > 1", ") without its ("},
		{SOURCE_POSTGRES, "NEW.[ ) ] > 1", ") without its ("},
		{SOURCE_POSTGRES, "true # )", ") without its ("},
		{SOURCE_POSTGRES, "NEW.a = '\\' ) '", ") without its ("},

		{SOURCE_MYSQL, "NEW.a = 'x\\'", "quote that is never closed"},
		{SOURCE_MYSQL, "NEW.a = \"x\\\"", "quote that is never closed"},
		{SOURCE_MYSQL, "NEW.`a\\``", "quote that is never closed"},
		{SOURCE_MYSQL, "NEW.`a", "quote that is never closed"},
		{SOURCE_MYSQL, "NEW.[ ) ] > 1", ") without its ("},
		{SOURCE_MYSQL, "NEW.a = 1 --) + 1", ") without its ("},
		{SOURCE_MYSQL, "true /* /* */ */ )", ") without its ("},
		{SOURCE_MYSQL, "true /*! or true */", "comment that the server executes"},
		{SOURCE_MYSQL, "true /*!50000 or true */", "comment that the server executes"},
		{SOURCE_MYSQL, "true /*M! or true */", "comment that the server executes"},
		{SOURCE_MYSQL, "true or $$ ' $$", "$ is not allowed outside quotes"},
		{SOURCE_MYSQL, "1$$ ' $$", "$ is not allowed outside quotes"},
		{SOURCE_MYSQL, "NEW.a = \\N", "\\ is not allowed outside quotes"},
		{SOURCE_MYSQL, "true \\g", "\\ is not allowed outside quotes"},
		{SOURCE_MYSQL, "NEW.a DELIMITER ;; 1", "semicolon"},

		{SOURCE_SQLITE, "NEW.[a", "quote that is never closed"},
		{SOURCE_SQLITE, "NEW.`a", "quote that is never closed"},
		{SOURCE_SQLITE, "NEW.a = '\\' ) '", ") without its ("},
		{SOURCE_SQLITE, "true /* /* */ */ )", ") without its ("},
		{SOURCE_SQLITE, "$a( ' )", "$ is not allowed outside quotes"},
		{SOURCE_SQLITE, "@a", "@ is not allowed outside quotes"},
		{SOURCE_SQLITE, "NEW.a = :b", ": is not allowed outside quotes"},
		{SOURCE_SQLITE, "?1", "? is not allowed outside quotes"},
		{SOURCE_SQLITE, "#1", "# is not allowed outside quotes"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++)
		check_refused(cases[i].type, cases[i].sql, WHERE_SHARED, OP_UPDATE,
			      cases[i].complaint);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_shared_filter_names_the_row_that_each_operation_has),
		cmocka_unit_test(a_filter_of_one_operation_is_kept_as_it_is),
		cmocka_unit_test(each_dialect_has_its_own_quotes_and_comments),
		cmocka_unit_test(what_would_leave_its_parentheses_is_refused),
		cmocka_unit_test(what_would_leave_them_in_one_dialect_is_refused_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
