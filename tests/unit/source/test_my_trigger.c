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
#include "source/my_trigger.h"

#define GOLDEN_DIR "tests/golden/"
#define SQL_MAX_BYTES (1 << 20)

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
	buf_init(&want, SQL_MAX_BYTES);
	if (fd_read_file(path, &want, &e) != ERR_OK)
		fail_msg("%s", e.msg);
	assert_string_equal(buf_str(text), buf_str(&want));
	buf_done(&want);
}

#define LIST(...)                                                                                  \
	(struct string_list)                                                                       \
	{                                                                                          \
		(char **)(uintptr_t)(const char *[]){__VA_ARGS__, NULL},                           \
			sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)                     \
	}
#define COLUMN(NAME, TYPE, FULL, CHARSET, OCTETS, NULLABLE)                                        \
	{                                                                                          \
		.name = (char *)(uintptr_t)(NAME), .data_type = (char *)(uintptr_t)(TYPE),         \
		.column_type = (char *)(uintptr_t)(FULL), .charset = (char *)(uintptr_t)(CHARSET), \
		.octets = (OCTETS), .nullable = (NULLABLE)                                         \
	}

static const struct string_list none;

static const struct my_column narrow_columns[] = {
	COLUMN("id", "bigint", "bigint(20) unsigned", NULL, 0, false),
	COLUMN("name", "varchar", "varchar(50)", "latin1", 50, true),
	COLUMN("n", "int", "int(8) unsigned zerofill", NULL, 0, true),
	COLUMN("at", "timestamp", "timestamp(3)", NULL, 0, true),
};

static const struct my_column wide_columns[] = {
	COLUMN("it's `odd\"\\", "int", "int(11)", NULL, 0, false),
	COLUMN("doc", "longtext", "longtext", "utf8mb4", 4294967295, true),
	COLUMN("pic", "mediumblob", "mediumblob", NULL, 16777215, false),
	COLUMN("j", "json", "json", NULL, 0, true),
	COLUMN("g", "geometry", "geometry", NULL, 0, true),
	COLUMN("f", "float", "float", NULL, 0, true),
	COLUMN("e", "enum", "enum('a')", "utf8mb4", 4, true),
};

static struct my_trigger trigger(enum my_flavour flavour, const struct my_column *columns,
				 size_t count, const struct string_list *key)
{
	return (struct my_trigger){
		.flavour = flavour,
		.pipeline = "default",
		.schema = "shop",
		.table = "users",
		.outbox_schema = "shop",
		.outbox = "app_db_listener_outbox",
		.cap_bytes = 1048576,
		.columns = columns,
		.column_count = count,
		.only = &none,
		.exclude = &none,
		.key = key,
	};
}

static void all_operations(struct buf *out, struct my_trigger *t)
{
	for (t->op = OP_INSERT; t->op < OP_TRUNCATE; t->op++) {
		my_trigger_create(out, t, t->flavour == MY_MARIADB);
		buf_add_str(out, ";\n\n");
	}
}

static void a_narrow_table_is_one_insert(void **state)
{
	const struct string_list key = LIST("id");
	struct my_trigger t = trigger(MY_MARIADB, narrow_columns, ARRAY_LEN(narrow_columns), &key);
	struct buf out;

	(void)state;
	t.where = "NEW.n > 5";
	buf_init(&out, SQL_MAX_BYTES);
	all_operations(&out, &t);
	assert_golden("my_trigger_narrow.sql", &out);
	buf_done(&out);
}

static void a_wide_table_is_measured_first(void **state)
{
	const struct string_list key = LIST("it's `odd\"\\");
	struct my_trigger t = trigger(MY_MYSQL, wide_columns, ARRAY_LEN(wide_columns), &key);
	struct buf out;

	(void)state;
	buf_init(&out, SQL_MAX_BYTES);
	all_operations(&out, &t);
	assert_golden("my_trigger_wide_mysql.sql", &out);
	buf_done(&out);
}

static void without_memory_the_error_is_kept(void **state)
{
	const struct string_list key = LIST("id");
	struct my_trigger t = trigger(MY_MARIADB, narrow_columns, ARRAY_LEN(narrow_columns), &key);
	struct buf out;

	(void)state;
	buf_init(&out, 100);
	my_trigger_create(&out, &t, true);
	assert_int_equal(buf_error(&out), ERR_FULL);
	buf_done(&out);
}

/* ---- names ---- */

static size_t characters(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += ((unsigned char)*s & 0xC0) != 0x80;
	return n;
}

static void names_are_short_and_their_own(void **state)
{
	static const char *const tables[] = {
		"t",
		"a,b\nc",
		"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk1",
		"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijk2",
		"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
		"\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82"
		"\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2"
		"\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac",
	};
	struct my_trigger t = trigger(MY_MARIADB, NULL, 0, &none);
	char names[ARRAY_LEN(tables)][MY_TRIGGER_NAME_BYTES], other[MY_TRIGGER_NAME_BYTES];
	size_t i, k;

	(void)state;
	for (i = 0; i < ARRAY_LEN(tables); i++) {
		t.table = tables[i];
		my_trigger_name(&t, names[i]);
		assert_true(characters(names[i]) <= 64);
		assert_null(strpbrk(names[i], ",\n"));
		for (k = 0; k < i; k++)
			assert_string_not_equal(names[i], names[k]);
	}
	t.table = "t";
	t.pipeline = "second";
	my_trigger_name(&t, other);
	assert_string_not_equal(names[0], other);
	t.pipeline = "default";
	t.outbox_schema = "other";
	my_trigger_name(&t, other);
	assert_string_not_equal(names[0], other);
	t.outbox_schema = "shop";
	my_trigger_name(&t, other);
	assert_string_equal(names[0], other);
}

/* ---- types ---- */

static void types_belong_to_their_servers(void **state)
{
	struct my_column c = COLUMN("c", "uuid", "uuid", NULL, 0, true);

	(void)state;
	assert_non_null(my_type_find(MY_MARIADB, &c));
	assert_null(my_type_find(MY_MYSQL, &c));
	c.data_type = (char *)(uintptr_t) "json";
	assert_null(my_type_find(MY_MARIADB, &c));
	assert_non_null(my_type_find(MY_MYSQL, &c));
	c.data_type = (char *)(uintptr_t) "longtext";
	c.is_json = true;
	assert_string_equal(my_type_find(MY_MARIADB, &c)->name, "json check");
	assert_string_equal(my_type_find(MY_MYSQL, &c)->name, "longtext");
	c.is_json = false;
	c.data_type = (char *)(uintptr_t) "xmltype";
	assert_null(my_type_find(MY_MARIADB, &c));
	assert_null(my_type_find(MY_MYSQL, &c));
}

static void the_longest_value_of_any_column_fits_a_sum(void **state)
{
	struct my_column c = COLUMN("c", "longtext", "longtext", "utf8mb4", INT64_MAX, true);
	const struct my_type *t = my_type_find(MY_MARIADB, &c);

	(void)state;
	assert_true(my_type_longest(t, &c) <= INT64_MAX / 4096);
	c.octets = 10;
	assert_int_equal(my_type_longest(t, &c), 62);
	c.data_type = (char *)(uintptr_t) "longblob";
	t = my_type_find(MY_MARIADB, &c);
	assert_int_equal(my_type_longest(t, &c), 23);
	c.octets = INT64_MAX;
	assert_true(my_type_longest(t, &c) <= INT64_MAX / 4096);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_narrow_table_is_one_insert),
		cmocka_unit_test(a_wide_table_is_measured_first),
		cmocka_unit_test(without_memory_the_error_is_kept),
		cmocka_unit_test(names_are_short_and_their_own),
		cmocka_unit_test(types_belong_to_their_servers),
		cmocka_unit_test(the_longest_value_of_any_column_fits_a_sum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
