/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/buf.h"
#include "source/backfill_table.h"

#define NAME(s) ((char *)(uintptr_t)(s))

static void a_named_entry_wins_over_a_star(void **state)
{
	struct table_settings entries[] = {
		{.table = NAME("*")},
		{.table = NAME("users")},
		{.schema = NAME("sales"), .table = NAME("*")},
		{.schema = NAME("sales"), .table = NAME("orders")},
	};
	const struct pipeline_settings p = {.tables = entries, .table_count = 4};

	(void)state;
	assert_ptr_equal(backfill_entry(&p, "public", "public", "users"), &entries[1]);
	assert_ptr_equal(backfill_entry(&p, "public", "public", "other"), &entries[0]);
	assert_ptr_equal(backfill_entry(&p, "public", "sales", "orders"), &entries[3]);
	assert_ptr_equal(backfill_entry(&p, "public", "sales", "users"), &entries[2]);
	assert_null(backfill_entry(&p, "public", "hr", "users"));
	/* without schemas */
	assert_ptr_equal(backfill_entry(&p, NULL, "", "users"), &entries[1]);
}

static void a_name_means_one_table(void **state)
{
	struct pipeline_settings pipelines[] = {{.name = NAME("one")}, {.name = NAME("two")}};
	const struct settings s = {.pipelines = pipelines, .pipeline_count = 2};
	struct table items[] = {
		{.pipeline = 0, .name = NAME("users"), .label = "public.users"},
		{.pipeline = 0, .name = NAME("users"), .label = "sales.users"},
		{.pipeline = 0, .name = NAME("orders"), .label = "sales.orders"},
		{.pipeline = 1, .name = NAME("pets"), .label = "public.pets"},
		{.pipeline = 0,
		 .name = NAME("gone"),
		 .label = "public.gone",
		 .problem = ERR_NOT_FOUND,
		 .message = "no such table"},
	};
	const struct tables all = {.items = items, .count = 5};
	const struct table *t;
	struct err e;

	(void)state;
	assert_int_equal(backfill_find_table(&s, &all, 0, "orders", &t, &e), ERR_OK);
	assert_ptr_equal(t, &items[2]);
	assert_int_equal(backfill_find_table(&s, &all, 0, "sales.users", &t, &e), ERR_OK);
	assert_ptr_equal(t, &items[1]);
	assert_int_equal(backfill_find_table(&s, &all, 0, "users", &t, &e), ERR_USAGE);
	assert_non_null(strstr(e.msg, "name the schema"));
	assert_int_equal(backfill_find_table(&s, &all, 0, "pets", &t, &e), ERR_USAGE);
	assert_non_null(strstr(e.msg, "pipeline one captures no table pets"));
	assert_int_equal(backfill_find_table(&s, &all, 1, "pet", &t, &e), ERR_USAGE);
	assert_non_null(strstr(e.msg, "did you mean pets?"));
	assert_int_equal(backfill_find_table(&s, &all, 0, "gone", &t, &e), ERR_NOT_FOUND);
}

static void only_captured_columns_may_be_wanted(void **state)
{
	char *columns[] = {NAME("id"), NAME("name"), NAME("secret"), NULL};
	char *out[] = {NAME("secret"), NULL}, *only[] = {NAME("name"), NULL};
	struct table_settings c = {.exclude = {out, 1}};
	const struct table t = {.settings = &c,
				.label = "public.users",
				.columns = {columns, 3},
				.key = {columns, 1}};
	char *id[] = {NAME("id"), NULL}, *name[] = {NAME("name"), NULL};
	char *near[] = {NAME("nmae"), NULL};
	struct err e;

	(void)state;
	assert_int_equal(backfill_check_columns(&t, &(struct string_list){name, 1}, &e), ERR_OK);
	assert_int_equal(backfill_check_columns(&t, &(struct string_list){out, 1}, &e), ERR_USAGE);
	assert_non_null(strstr(e.msg, "leaves column secret of public.users out"));
	assert_int_equal(backfill_check_columns(&t, &(struct string_list){near, 1}, &e), ERR_USAGE);
	assert_non_null(strstr(e.msg, "did you mean name?"));
	c = (struct table_settings){.columns = {only, 1}};
	assert_int_equal(backfill_check_columns(&t, &(struct string_list){id, 1}, &e), ERR_OK);
	assert_int_equal(backfill_check_columns(&t, &(struct string_list){out, 1}, &e), ERR_USAGE);
}

static void conditions_stay_inside_their_parentheses(void **state)
{
	struct buf out;
	struct err e;

	(void)state;
	buf_init(&out, 1000);
	assert_int_equal(
		backfill_write_where("a = ';' -- x\n AND new.b", SOURCE_POSTGRES, &out, &e),
		ERR_OK);
	assert_string_equal(buf_str(&out), "a = ';' AND NEW.b");
	assert_int_equal(backfill_write_where("a; b", SOURCE_POSTGRES, &out, &e), ERR_USAGE);
	assert_non_null(strstr(e.msg, "--where: "));
	assert_int_equal(backfill_write_where("OLD.a = 1", SOURCE_SQLITE, &out, &e), ERR_USAGE);
	assert_non_null(strstr(e.msg, "no OLD row"));
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_named_entry_wins_over_a_star),
		cmocka_unit_test(a_name_means_one_table),
		cmocka_unit_test(only_captured_columns_may_be_wanted),
		cmocka_unit_test(conditions_stay_inside_their_parentheses),
	};

	return cmocka_run_group_tests_name("source/backfill_table", tests, NULL, NULL);
}
