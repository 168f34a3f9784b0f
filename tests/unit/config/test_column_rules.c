/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "config/column_rules.h"

#define KEY "0123456789abcdef0123456789abcdef"

static char key[] = KEY;

static struct string_list list_of(const char *one, const char *two, char **room)
{
	room[0] = (char *)(uintptr_t)one;
	room[1] = (char *)(uintptr_t)two;
	return (struct string_list){room, one ? two ? 2 : 1 : 0};
}

static const struct {
	const char *pattern, *schema, *table, *column;
	enum source_type type;
	bool want;
} meanings[] = {
	{"email", "public", "users", "email", SOURCE_POSTGRES, true},
	{"email", NULL, "users", "email", SOURCE_SQLITE, true},
	{"email", "public", "users", "emails", SOURCE_POSTGRES, false},
	{"email", "public", "users", "e_mail", SOURCE_POSTGRES, false},
	{"users.email", "any", "users", "email", SOURCE_POSTGRES, true},
	{"users.email", "any", "orders", "email", SOURCE_POSTGRES, false},
	{"shop.users.email", "shop", "users", "email", SOURCE_POSTGRES, true},
	{"shop.users.email", "crm", "users", "email", SOURCE_POSTGRES, false},
	{"shop.users.email", NULL, "users", "email", SOURCE_SQLITE, false},
	{"main.users.email", NULL, "users", "email", SOURCE_SQLITE, true},
	{"main.users.email", "crm", "users", "email", SOURCE_POSTGRES, false},
	{"*.email", "public", "users", "email", SOURCE_POSTGRES, true},
	{"*.*.email", NULL, "users", "email", SOURCE_SQLITE, true},
	{"users.*", "public", "users", "anything", SOURCE_POSTGRES, true},
	{"*", "public", "users", "", SOURCE_POSTGRES, true},
	{"*_phone", "public", "users", "home_phone", SOURCE_POSTGRES, true},
	{"*_phone", "public", "users", "_phone", SOURCE_POSTGRES, true},
	{"*_phone", "public", "users", "phone", SOURCE_POSTGRES, false},
	{"a*b*c", "public", "users", "abxbc", SOURCE_POSTGRES, true},
	{"a*b*c", "public", "users", "abxb", SOURCE_POSTGRES, false},
	{"a**", "public", "users", "a", SOURCE_POSTGRES, true},
	{"**a", "public", "users", "", SOURCE_POSTGRES, false},
	{"\"a.b\".\"c*\"", "public", "a.b", "c*", SOURCE_POSTGRES, true},
	{"\"a.b\".\"c*\"", "public", "a.b", "cd", SOURCE_POSTGRES, false},
	{"\"a\"\"b\"", "public", "users", "a\"b", SOURCE_POSTGRES, true},
	{"\"\"\"\"", "public", "users", "\"", SOURCE_POSTGRES, true},
	{"\"two words\"", "public", "users", "two words", SOURCE_POSTGRES, true},
	{"n\xc3\xa4me", "public", "users", "n\xc3\xa4me", SOURCE_POSTGRES, true},
	/* as the databases compare names */
	{"Email", "public", "users", "email", SOURCE_POSTGRES, false},
	{"Email", "shop", "users", "eMAIL", SOURCE_MYSQL, true},
	{"E*L", "shop", "users", "email", SOURCE_MYSQL, true},
	{"Users.email", "shop", "users", "email", SOURCE_MYSQL, false},
	{"Users.Email", NULL, "users", "email", SOURCE_SQLITE, true},
	{"[a", "shop", "users", "{A", SOURCE_MYSQL, false},
};

static void patterns_mean_columns(void **state)
{
	struct webhook_settings w = {.name = NULL};
	struct column_rules *rules = NULL;
	struct column_name name;
	const char *where;
	char *room[2];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(meanings); i++) {
		w.columns_exclude = list_of(meanings[i].pattern, NULL, room);
		assert_null(check_column_pattern(meanings[i].pattern));
		assert_int_equal(column_rules_new(&w, &rules, NULL), ERR_OK);
		assert_int_equal(column_rules_count(rules), 1);
		assert_string_equal(column_rules_pattern(rules, 0, &where), meanings[i].pattern);
		assert_string_equal(where, "columns_exclude");
		name = (struct column_name){text_of(meanings[i].schema), text_of(meanings[i].table),
					    text_of(meanings[i].column), meanings[i].type};
		if (column_rules_match(rules, 0, &name) != meanings[i].want)
			fail_msg("%zu: %s", i, meanings[i].pattern);
		assert_int_equal(column_rules_find(rules, &name),
				 meanings[i].want ? COLUMN_DROP : COLUMN_SEND);
		column_rules_free(rules);
	}
}

static void what_is_no_pattern_is_refused(void **state)
{
	static const char *const cases[] = {
		"",    ".",      "a.",     ".a",   "a..b",   "a.b.c.d", "a b",
		"\"a", "\"a\"b", "a\"b\"", "\"\"", "a.\"\"", "\"a\".",  "tab\there",
	};
	char longest[1100];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++)
		if (!check_column_pattern(cases[i]))
			fail_msg("%s", cases[i]);
	memset(longest, 'a', sizeof(longest));
	longest[1001] = '\0';
	assert_string_equal(check_column_pattern(longest), "a pattern is longer than 1000 bytes");
	longest[1000] = '\0';
	assert_null(check_column_pattern(longest));
}

static void a_key_must_be_long(void **state)
{
	(void)state;
	assert_null(check_mask_key(KEY));
	assert_non_null(check_mask_key(KEY + 1));
}

static enum column_action action_of(const struct column_rules *rules, const char *column)
{
	const struct column_name name = {TEXT_LIT("public"), TEXT_LIT("users"), text_of(column),
					 SOURCE_POSTGRES};

	return column_rules_find(rules, &name);
}

static void of_several_rules_the_one_that_keeps_most_back_counts(void **state)
{
	struct webhook_settings w = {.mask_key = {key}};
	struct column_rules *rules = NULL;
	char *room[4][2];

	(void)state;
	w.columns_exclude = list_of("secret", "*_id", room[0]);
	w.mask_redact = list_of("note", "phone_*", room[1]);
	w.mask_hash = list_of("email", "*o*", room[2]);
	assert_int_equal(column_rules_new(&w, &rules, NULL), ERR_OK);
	assert_int_equal(column_rules_count(rules), 6);
	assert_non_null(column_rules_hmac(rules));
	assert_int_equal(action_of(rules, "id"), COLUMN_SEND);
	assert_int_equal(action_of(rules, "secret"), COLUMN_DROP);
	assert_int_equal(action_of(rules, "phone_id"), COLUMN_DROP);
	assert_int_equal(action_of(rules, "note"), COLUMN_REDACT);
	assert_int_equal(action_of(rules, "email"), COLUMN_HASH);
	assert_int_equal(action_of(rules, "notes"), COLUMN_HASH);
	column_rules_free(rules);
}

static void what_is_not_included_is_dropped(void **state)
{
	struct webhook_settings w = {.mask_key = {NULL}};
	struct column_rules *rules = NULL;
	char *room[2][2];

	(void)state;
	w.columns_include = list_of("id", "users.n*", room[0]);
	w.mask_redact = list_of("note", "total", room[1]);
	assert_int_equal(column_rules_new(&w, &rules, NULL), ERR_OK);
	assert_null(column_rules_hmac(rules));
	assert_int_equal(action_of(rules, "id"), COLUMN_SEND);
	assert_int_equal(action_of(rules, "name"), COLUMN_SEND);
	assert_int_equal(action_of(rules, "note"), COLUMN_REDACT);
	assert_int_equal(action_of(rules, "total"), COLUMN_DROP);
	assert_int_equal(action_of(rules, "email"), COLUMN_DROP);
	column_rules_free(rules);
}

static void without_patterns_there_are_no_rules(void **state)
{
	const struct webhook_settings w = {.mask_key = {key}};
	struct column_rules *rules = NULL;

	(void)state;
	assert_int_equal(column_rules_new(&w, &rules, NULL), ERR_OK);
	assert_null(rules);
	assert_int_equal(column_rules_count(rules), 0);
	column_rules_free(rules);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(patterns_mean_columns),
		cmocka_unit_test(what_is_no_pattern_is_refused),
		cmocka_unit_test(a_key_must_be_long),
		cmocka_unit_test(of_several_rules_the_one_that_keeps_most_back_counts),
		cmocka_unit_test(what_is_not_included_is_dropped),
		cmocka_unit_test(without_patterns_there_are_no_rules),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
