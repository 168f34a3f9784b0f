/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"
#include "base/buf.h"
#include "source/tables.h"

static char id_name[] = "id", naem_name[] = "naem", star_name[] = "*", users_name[] = "users",
	    orders_name[] = "orders";

static struct table *add(struct tables *list, const struct table_settings *s)
{
	struct table *t = NULL;

	assert_int_equal(tables_add(list, 0, s, "shop", "users", &t, NULL), ERR_OK);
	assert_int_equal(table_list_add(&t->columns, "id", NULL), ERR_OK);
	assert_int_equal(table_list_add(&t->columns, "name", NULL), ERR_OK);
	return t;
}

static void a_table_is_found_by_pipeline_and_whole_name(void **state)
{
	struct table_settings s = {0};
	struct tables list = {0};

	(void)state;
	assert_string_equal(add(&list, &s)->label, "shop.users");
	assert_true(tables_has(&list, 0, "shop", "users"));
	assert_false(tables_has(&list, 1, "shop", "users"));
	assert_false(tables_has(&list, 0, "other", "users"));
	assert_false(tables_has(&list, 0, "shop", "user"));
	tables_done(&list);
	assert_int_equal(list.count, 0);
}

static void a_label_without_schema_is_the_name(void **state)
{
	struct table_settings s = {0};
	struct tables list = {0};
	struct table *t = NULL;

	(void)state;
	assert_int_equal(tables_add(&list, 0, &s, "", "users", &t, NULL), ERR_OK);
	assert_string_equal(t->label, "users");
	tables_done(&list);
}

static void an_unknown_column_is_refused_with_the_nearest_name(void **state)
{
	char *names[] = {naem_name};
	struct table_settings s = {.exclude = {names, 1}};
	struct tables list = {0};
	struct table *t = add(&list, &s);

	(void)state;
	table_refuse_unknown_columns(t);
	assert_int_equal(t->problem, ERR_CONFIG);
	assert_string_equal(t->message, "has no column \"naem\", named in exclude");
	assert_string_equal(t->hint, "did you mean \"name\"?");
	tables_done(&list);
}

static void the_first_problem_is_kept(void **state)
{
	struct table_settings s = {0};
	struct tables list = {0};
	struct table *t = add(&list, &s);

	(void)state;
	table_refuse(t, ERR_NOT_FOUND, "no such table", "");
	table_refuse(t, ERR_CONFIG, "is a view", "no");
	assert_int_equal(t->problem, ERR_NOT_FOUND);
	assert_string_equal(t->message, "no such table");
	assert_string_equal(t->hint, "");
	tables_done(&list);
}

static void a_configured_key_is_taken(void **state)
{
	char *names[] = {id_name};
	struct table_settings none = {0}, s = {.key = {names, 1}};
	struct tables list = {0};
	struct table *t = add(&list, &none);
	bool taken = true;

	(void)state;
	assert_int_equal(table_take_configured_key(t, &taken, NULL), ERR_OK);
	assert_false(taken);
	assert_int_equal(t->key.count, 0);
	t = add(&list, &s);
	assert_int_equal(table_take_configured_key(t, &taken, NULL), ERR_OK);
	assert_true(taken);
	assert_int_equal(t->key.count, 1);
	assert_string_equal(t->key.items[0], "id");
	tables_done(&list);
}

static enum err_code note(void *ctx, size_t pipeline, const struct table_settings *settings,
			  struct err *e)
{
	struct buf *seen = ctx;

	buf_add_fmt(seen, "%zu.%s ", pipeline, settings->table);
	if (strcmp(settings->table, "orders") == 0 && pipeline == 2)
		return err_set(e, ERR_DB, "stop");
	return ERR_OK;
}

static void named_entries_come_before_stars_and_only_of_this_source(void **state)
{
	struct table_settings entries[] = {
		{.table = star_name}, {.table = users_name}, {.table = orders_name}};
	struct pipeline_settings pipelines[] = {
		{.source = 0, .tables = entries, .table_count = 3},
		{.source = 1, .tables = entries, .table_count = 3},
		{.source = 0, .tables = entries, .table_count = 3},
	};
	struct settings s = {.pipelines = pipelines, .pipeline_count = ARRAY_LEN(pipelines)};
	struct buf seen;

	(void)state;
	buf_init(&seen, 1024);
	assert_int_equal(tables_each_entry(&s, 1, note, &seen, NULL), ERR_OK);
	assert_string_equal(buf_str(&seen), "1.users 1.orders 1.* ");
	buf_reset(&seen);
	assert_int_equal(tables_each_entry(&s, 0, note, &seen, NULL), ERR_DB);
	assert_string_equal(buf_str(&seen), "0.users 0.orders 0.* 2.users 2.orders ");
	buf_done(&seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_table_is_found_by_pipeline_and_whole_name),
		cmocka_unit_test(a_label_without_schema_is_the_name),
		cmocka_unit_test(an_unknown_column_is_refused_with_the_nearest_name),
		cmocka_unit_test(the_first_problem_is_kept),
		cmocka_unit_test(a_configured_key_is_taken),
		cmocka_unit_test(named_entries_come_before_stars_and_only_of_this_source),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
