/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/field.h"
#include "config/keys.h"

/* Room for any of the structs. */
union any_settings {
	struct source_settings source;
	struct webhook_settings webhook;
	struct pipeline_settings pipeline;
	struct table_settings table;
	struct settings settings;
};

static void names_are_unique_and_stand_in_a_known_section(void **state)
{
	const struct key *k;
	size_t i, j, s;

	(void)state;
	for (i = 0; (k = key_at(i)); i++) {
		for (j = 0; j < i; j++)
			assert_string_not_equal(k->name, key_at(j)->name);
		for (s = 0; s < key_section_count; s++) {
			if (text_eq(text_of(key_sections[s].name), key_section_of(k)))
				break;
		}
		assert_true(s < key_section_count);
	}
}

static void fields_have_the_size_of_their_type(void **state)
{
	const struct key *k;
	static const size_t sizes[KEY_TYPE_COUNT] = {
		[KEY_INT] = sizeof(int64_t),
		[KEY_BOOL] = sizeof(bool),
		[KEY_DURATION] = sizeof(int64_t),
		[KEY_SIZE] = sizeof(int64_t),
		[KEY_STRING] = sizeof(char *),
		[KEY_CHOICE] = sizeof(char *),
		[KEY_SECRET] = sizeof(struct secret),
		[KEY_URL] = sizeof(struct secret),
		[KEY_WORD] = sizeof(int),
		[KEY_LIST] = sizeof(struct string_list),
		[KEY_DURATIONS] = sizeof(struct duration_list),
		[KEY_OPS] = sizeof(bool[OP_COUNT]),
		[KEY_RATE] = sizeof(struct rate),
		[KEY_PERCENT] = sizeof(int64_t),
		[KEY_PAIRS] = sizeof(struct string_list),
		[KEY_TOKENS] = sizeof(struct ingest_tokens),
		[KEY_TABLES] = sizeof(void *),
		[KEY_TABLE] = sizeof(void *),
		[KEY_NAME_OF] = sizeof(char *),
		[KEY_WHERE] = sizeof(char *[OP_COUNT]),
		[KEY_HEADERS] = sizeof(void *),
		[KEY_SOURCE] = sizeof(size_t),
		[KEY_WEBHOOK] = sizeof(size_t),
		[KEY_SIGNING] = sizeof(struct signing_keys),
	};
	size_t i;

	(void)state;
	for (i = 0; (k = key_at(i)); i++) {
		if (k->size != sizes[k->type])
			fail_msg("%s", k->name);
	}
}

static void rows_are_complete(void **state)
{
	const struct key *k;
	size_t i;

	(void)state;
	for (i = 0; (k = key_at(i)); i++) {
		bool is_number =
			k->type == KEY_INT || k->type == KEY_DURATION || k->type == KEY_SIZE;

		if (!k->help || k->help[strlen(k->help) - 1] != '.')
			fail_msg("%s: no sentence", k->name);
		if (is_number && k->max <= k->min)
			fail_msg("%s: no range", k->name);
		if ((k->type == KEY_WORD || k->type == KEY_CHOICE) && !k->words)
			fail_msg("%s: no words", k->name);
		if ((k->type == KEY_STRING || k->type == KEY_LIST) && !k->check)
			fail_msg("%s: any text at all", k->name);
		assert_non_null(key_type_name(k->type));
		assert_ptr_equal(key_find("", TEXT_LIT("x")), NULL);
	}
}

static void every_default_passes_its_own_parser_and_prints_back(void **state)
{
	const struct key *k;
	union any_settings a, b;
	struct buf out;
	struct err e;
	size_t i;

	(void)state;
	buf_init(&out, 1000);
	for (i = 0; (k = key_at(i)); i++) {
		if (!k->def)
			continue;
		memset(&a, 0, sizeof(a));
		memset(&b, 0, sizeof(b));
		if (field_set(k, &a, text_of(k->def), &e) != ERR_OK)
			fail_msg("%s: %s", k->name, e.msg);
		assert_true(field_is_given(k, &a));
		buf_reset(&out);
		field_print(k, &a, &out);
		if (k->type != KEY_STRING && k->type != KEY_CHOICE && k->type != KEY_OPS &&
		    k->type != KEY_LIST) {
			assert_int_equal(field_set(k, &b, buf_text(&out), &e), ERR_OK);
			assert_true(field_is_equal(k, &a, &b));
		}
		field_done_all(k->target, &a);
		field_done_all(k->target, &b);
	}
	buf_done(&out);
}

static void numbers_are_taken_at_their_limits_and_refused_past_them(void **state)
{
	const struct key *k;
	union any_settings a;
	struct buf text;
	struct err e;
	size_t i;
	int64_t bound[4];
	int n;

	(void)state;
	buf_init(&text, 100);
	for (i = 0; (k = key_at(i)); i++) {
		if (k->type != KEY_INT)
			continue;
		memset(&a, 0, sizeof(a));
		bound[0] = k->min;
		bound[1] = k->max;
		bound[2] = k->min - 1;
		bound[3] = k->max + 1;
		for (n = 0; n < 4; n++) {
			buf_reset(&text);
			buf_add_i64(&text, bound[n]);
			assert_int_equal(field_set(k, &a, buf_text(&text), &e),
					 n < 2 ? ERR_OK : ERR_DATA);
		}
		assert_int_equal(*(int64_t *)key_field(k, &a), k->max);
	}
	buf_done(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_unique_and_stand_in_a_known_section),
		cmocka_unit_test(fields_have_the_size_of_their_type),
		cmocka_unit_test(rows_are_complete),
		cmocka_unit_test(every_default_passes_its_own_parser_and_prints_back),
		cmocka_unit_test(numbers_are_taken_at_their_limits_and_refused_past_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
