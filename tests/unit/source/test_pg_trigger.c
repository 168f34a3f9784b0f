/* SPDX-License-Identifier: MIT */
/* The generated SQL, against tests/golden. A wanted change: run with GOLDEN_WRITE=1, read the diff.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "source/pg_schema.h"
#include "source/pg_sequence.h"
#include "source/pg_trigger.h"

#define GOLDEN_DIR "tests/golden/"

static void write_golden(const char *path, const struct buf *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(buf_str(text), 1, text->len, file), text->len);
	assert_int_equal(fclose(file), 0);
}

static void assert_golden(const char *name, const struct buf *text)
{
	char path[128];
	struct buf want;
	struct err e = {0};

	assert_int_equal(buf_error(text), ERR_OK);
	(void)snprintf(path, sizeof(path), GOLDEN_DIR "%s", name);
	if (getenv("GOLDEN_WRITE"))
		write_golden(path, text);
	buf_init(&want, 1 << 20);
	if (fd_read_file(path, &want, &e) != ERR_OK)
		fail_msg("%s", e.msg);
	assert_string_equal(buf_str(text), buf_str(&want));
	buf_done(&want);
}

static struct string_list list(const char **items, size_t count)
{
	return (struct string_list){(char **)(uintptr_t)items, count};
}

static const char *const id_name[] = {"id"};
static const struct string_list none;

static struct pg_trigger plain(enum op op)
{
	static struct string_list key;

	key = list((const char **)(uintptr_t)id_name, 1);
	return (struct pg_trigger){
		.pipeline = "default",
		.schema = "public",
		.table = "users",
		.on_schema = "public",
		.on_table = "users",
		.op = op,
		.cap_bytes = 1048576,
		.columns = &none,
		.exclude = &none,
		.key = &key,
	};
}

static void the_short_configuration_gives_four_triggers(void **state)
{
	struct pg_trigger t;
	struct buf out;
	enum op op;

	(void)state;
	buf_init(&out, PG_SQL_MAX_BYTES);
	for (op = 0; op < OP_READ; op++) {
		t = plain(op);
		pg_trigger_create(&out, &t, true);
		buf_add_str(&out, ";\n");
		pg_trigger_enable(&out, &t);
		buf_add_str(&out, ";\n");
	}
	pg_trigger_drop(&out, "public", "users", "!app_db_listener_default_insert");
	buf_add_str(&out, ";\n");
	assert_golden("pg_trigger_short.sql", &out);
	buf_done(&out);
}

static void everything_that_needs_quoting_is_quoted(void **state)
{
	const char *columns[] = {"a\"b\\c'", "plain", "hidden"}, *exclude[] = {"hidden"};
	const char *key[] = {"Id", "a\"b\\c'"};
	struct string_list columns_list = list(columns, 3), exclude_list = list(exclude, 1),
			   key_list = list(key, 2);
	struct pg_trigger t = plain(OP_UPDATE);
	struct buf out;

	(void)state;
	t.pipeline = "audit_2";
	t.schema = t.on_schema = "Sch\"ema";
	t.table = "ta'ble\\";
	t.on_table = "part\n1";
	t.where = "NEW.\"Id\" > 5 -- the new ones";
	t.columns = &columns_list;
	t.exclude = &exclude_list;
	t.key = &key_list;
	t.always = true;
	buf_init(&out, PG_SQL_MAX_BYTES);
	pg_trigger_create(&out, &t, false);
	buf_add_str(&out, ";\n");
	pg_trigger_enable(&out, &t);
	buf_add_str(&out, ";\n");
	pg_trigger_filter_probe(&out, &t);
	buf_add_str(&out, ";\n");
	assert_golden("pg_trigger_quoted.sql", &out);
	buf_done(&out);
}

static void the_capture_function_is_as_reviewed(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, PG_SQL_MAX_BYTES);
	buf_add_fmt(&out, "%s;\n", pg_schema_capture_sql());
	assert_golden("pg_capture.sql", &out);
	/* its meaning must not depend on standard_conforming_strings */
	assert_null(strchr(buf_str(&out), '\\'));
	buf_done(&out);
}

static const char *args(const struct pg_trigger *t)
{
	static char text[1024];
	struct buf out;

	buf_init(&out, sizeof(text) - 1);
	pg_trigger_args(&out, t, '|');
	assert_int_equal(buf_error(&out), ERR_OK);
	(void)snprintf(text, sizeof(text), "%s", buf_str(&out));
	buf_done(&out);
	return text;
}

static void exclude_never_leaves_out_the_key(void **state)
{
	const char *exclude[] = {"id", "secret"};
	struct string_list exclude_list = list(exclude, 2);
	struct pg_trigger t = plain(OP_INSERT);

	(void)state;
	t.exclude = &exclude_list;
	assert_string_equal(args(&t), "default|public|users|1048576||-{\"secret\"}||{\"id\":|id|");
}

static void columns_always_bring_the_key(void **state)
{
	const char *columns[] = {"name"};
	struct string_list columns_list = list(columns, 1);
	struct pg_trigger t = plain(OP_INSERT);

	(void)state;
	t.columns = &columns_list;
	assert_string_equal(args(&t),
			    "default|public|users|1048576||+{\"name\",\"id\"}||{\"id\":|id|");
}

static void truncate_carries_no_columns_and_no_key(void **state)
{
	struct pg_trigger t = plain(OP_TRUNCATE);

	(void)state;
	t.pipeline = "second";
	assert_string_equal(
		args(&t),
		"second|public|users|1048576|app_db_listener.\"outbox_second_id_seq\"|||");
}

static void the_cap_is_kept_within_what_a_row_of_the_outbox_can_hold(void **state)
{
	static const struct {
		int64_t given;
		const char *want;
	} cases[] = {
		{0, "|1024|"},
		{1024, "|1024|"},
		{5000, "|5000|"},
		{INT64_MAX, "|268435456|"},
	};
	struct pg_trigger t = plain(OP_INSERT);
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		t.cap_bytes = cases[i].given;
		assert_non_null(strstr(args(&t), cases[i].want));
	}
}

static void names_are_cut_as_the_server_cuts_them(void **state)
{
	static const char forty[] = "a_pipeline_whose_name_has_forty_bytes_00";
	char name[PG_NAME_BYTES];
	struct buf out;

	(void)state;
	pg_trigger_name("default", OP_DELETE, name);
	assert_string_equal(name, "!app_db_listener_default_delete");
	pg_trigger_name(forty, OP_TRUNCATE, name);
	assert_int_equal(strlen(name), 63);
	assert_string_equal(name,
			    "!app_db_listener_a_pipeline_whose_name_has_forty_bytes_00_trunc");
	buf_init(&out, 256);
	pg_sequence_name(&out, "default");
	assert_string_equal(buf_str(&out), "app_db_listener.outbox_id_seq");
	buf_reset(&out);
	pg_sequence_name(&out, forty);
	assert_string_equal(
		buf_str(&out),
		"app_db_listener.\"outbox_a_pipeline_whose_name_has_forty_bytes_00_id_seq\"");
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_short_configuration_gives_four_triggers),
		cmocka_unit_test(everything_that_needs_quoting_is_quoted),
		cmocka_unit_test(the_capture_function_is_as_reviewed),
		cmocka_unit_test(exclude_never_leaves_out_the_key),
		cmocka_unit_test(columns_always_bring_the_key),
		cmocka_unit_test(truncate_carries_no_columns_and_no_key),
		cmocka_unit_test(the_cap_is_kept_within_what_a_row_of_the_outbox_can_hold),
		cmocka_unit_test(names_are_cut_as_the_server_cuts_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
