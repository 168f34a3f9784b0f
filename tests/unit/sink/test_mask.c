/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/mem.h"
#include "sink/mask.h"

#define KEY "0123456789abcdef0123456789abcdef"
/* printf ... | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef */
#define HASH_EMAIL "3886181b3f62cb86a889165310b9fd1359155fe99a53ae3f03be7f10eb23d698"
#define HASH_42 "3b12d0412db185c98ff58825ed4c81cfbc7bdabcf33ac48bdaaae5f39fc65445"
#define HASH_TRUE "2ebc4929adf1d9e0918cdc309ebf64bb0f49f05e520074573f5d108df2717ddd"
#define HASH_EMPTY "796cd3078af14636753d26b3b5555422ff55a3e261cf847b48e95371b9bd0aa2"
#define HASH_UMLAUT "7aa6c27648ce723974998ca32647b0433592785c69bd926c4a80bc3d1a10ac62"
#define HASH_LIST "237b13441808dfff7b5898fcd2c86f94677c0feb4b79202ae3a75d69d802a92d"

static char key[] = KEY;
static char id[] = "id", secret[] = "*secret", email[] = "users.email", phone[] = "phone";
static char odd[] = "\"n\xc3\xa4 me\"";
static char *excluded[] = {secret, NULL}, *redacted[] = {phone, NULL},
	    *hashed[] = {email, odd, NULL};
static char *included[] = {id, NULL};

static const struct webhook_settings hiding = {
	.columns_exclude = {excluded, 1},
	.mask_redact = {redacted, 1},
	.mask_hash = {hashed, 2},
	.mask_key = {key},
};

static struct text data_of(const struct webhook_settings *w, const char *data, struct buf *room)
{
	struct event_fields f = {.table = TEXT_LIT("users"), .data = text_of(data)};
	struct column_rules *rules = NULL;

	assert_int_equal(column_rules_new(w, &rules, NULL), ERR_OK);
	buf_init(room, 1 << 20);
	assert_int_equal(mask_event(rules, SOURCE_POSTGRES, &f, room), ERR_OK);
	column_rules_free(rules);
	return f.data;
}

static void assert_data(const struct webhook_settings *w, const char *data, const char *want)
{
	struct buf room;
	struct text t = data_of(w, data, &room);

	assert_int_equal(t.s != NULL, want != NULL);
	if (want) {
		assert_int_equal(t.len, strlen(want));
		assert_memory_equal(t.s, want, t.len);
	}
	buf_done(&room);
}

static void columns_are_dropped_redacted_and_hashed(void **state)
{
	static const struct {
		const char *data, *want;
	} cases[] = {
		{"{}", "{}"},
		{"{\"id\":1}", "{\"id\":1}"},
		{"{\"secret\":1}", "{}"},
		{"{\"secret\":1,\"id\":2}", "{\"id\":2}"},
		{"{\"id\":2,\"secret\":1}", "{\"id\":2}"},
		{"{\"a\":1,\"my_secret\":{\"id\":[\"x\"]},\"b\":[{}]}", "{\"a\":1,\"b\":[{}]}"},
		{" { \"id\" : 1 ,\n\"phone\" : 12 } ", "{\"id\":1,\"phone\":\"***\"}"},
		{"{\"phone\":null,\"email\":null}", "{\"phone\":null,\"email\":null}"},
		{"{\"phone\":\"+49 30\"}", "{\"phone\":\"***\"}"},
		{"{\"email\":\"a@b.c\"}", "{\"email\":\"" HASH_EMAIL "\"}"},
		{"{\"email\":42}", "{\"email\":\"" HASH_42 "\"}"},
		{"{\"email\":\"42\"}", "{\"email\":\"" HASH_42 "\"}"},
		{"{\"email\":true}", "{\"email\":\"" HASH_TRUE "\"}"},
		{"{\"email\":\"\"}", "{\"email\":\"" HASH_EMPTY "\"}"},
		{"{\"email\":[1, \"a@b.c\"]}", "{\"email\":\"" HASH_LIST "\"}"},
		/* what a string means, however the database spells it */
		{"{\"email\":\"a\\u0040b.c\"}", "{\"email\":\"" HASH_EMAIL "\"}"},
		{"{\"email\":\"\xc3\xa4\\\"\\n\"}", "{\"email\":\"" HASH_UMLAUT "\"}"},
		{"{\"email\":\"\\u00e4\\u0022\\u000A\"}", "{\"email\":\"" HASH_UMLAUT "\"}"},
		/* and what a name means */
		{"{\"\\u0065mail\":\"a@b.c\"}", "{\"\\u0065mail\":\"" HASH_EMAIL "\"}"},
		{"{\"\\u0073ecret\":\"a@b.c\"}", "{}"},
		{"{\"n\\u00e4 me\":\"a@b.c\"}", "{\"n\\u00e4 me\":\"" HASH_EMAIL "\"}"},
		{"{\"n\xc3\xa4 me\":\"a\\u0040b.c\"}", "{\"n\xc3\xa4 me\":\"" HASH_EMAIL "\"}"},
		/* every one of the same name */
		{"{\"phone\":1,\"phone\":2}", "{\"phone\":\"***\",\"phone\":\"***\"}"},
		/* names are the row's, not those of what is in it */
		{"{\"a\":{\"phone\":1}}", "{\"a\":{\"phone\":1}}"},
		/* nobody can tell what is in these */
		{"[{\"phone\":1}]", NULL},
		{"\"phone\"", NULL},
		{"{\"id\":1,\"phone\":1", NULL},
		{"{\"id\":1}{\"phone\":1}", NULL},
		{"", NULL},
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++)
		assert_data(&hiding, cases[i].data, cases[i].want);
}

static void only_what_is_included_is_left(void **state)
{
	const struct webhook_settings w = {.columns_include = {included, 1}};

	(void)state;
	assert_data(&w, "{\"a\":1,\"id\":2,\"b\":\"x\"}", "{\"id\":2}");
	assert_data(&w, "{\"a\":1}", "{}");
}

static void keys_and_old_rows_follow_the_same_rules(void **state)
{
	struct event_fields f = {
		.table = TEXT_LIT("users"),
		.key = TEXT_LIT("{\"email\":\"a@b.c\",\"secret\":1}"),
		.old_key = TEXT_LIT("{\"phone\":\"1\"}"),
		.old_data = TEXT_LIT("{\"phone\":\"1\",\"id\":7}"),
	};
	const struct event_fields before = f;
	struct column_rules *rules = NULL;
	struct buf room;

	(void)state;
	assert_int_equal(column_rules_new(&hiding, &rules, NULL), ERR_OK);
	buf_init(&room, 50);
	assert_int_equal(mask_event(rules, SOURCE_POSTGRES, &f, &room), ERR_FULL);
	assert_memory_equal(&f, &before, sizeof(f));
	buf_init(&room, 1 << 20);
	assert_int_equal(mask_event(rules, SOURCE_POSTGRES, &f, &room), ERR_OK);
	assert_true(text_eq(f.key, TEXT_LIT("{\"email\":\"" HASH_EMAIL "\"}")));
	assert_true(text_eq(f.old_key, TEXT_LIT("{\"phone\":\"***\"}")));
	assert_null(f.data.s);
	assert_true(text_eq(f.old_data, TEXT_LIT("{\"phone\":\"***\",\"id\":7}")));
	buf_done(&room);
	column_rules_free(rules);
}

static void another_table_has_other_rules(void **state)
{
	struct event_fields f = {.table = TEXT_LIT("orders"),
				 .data = TEXT_LIT("{\"email\":\"a@b.c\",\"phone\":1}")};
	struct column_rules *rules = NULL;
	struct buf room;

	(void)state;
	assert_int_equal(column_rules_new(&hiding, &rules, NULL), ERR_OK);
	buf_init(&room, 1 << 20);
	assert_int_equal(mask_event(rules, SOURCE_POSTGRES, &f, &room), ERR_OK);
	assert_true(text_eq(f.data, TEXT_LIT("{\"email\":\"a@b.c\",\"phone\":\"***\"}")));
	buf_done(&room);
	column_rules_free(rules);
}

static void hashes_may_take_more_room_than_the_row(void **state)
{
	struct buf row, room;
	struct text t;
	size_t i;

	(void)state;
	buf_init(&row, 1 << 20);
	for (i = 0; i < 1000; i++)
		buf_add_str(&row, i ? ",\"email\":1" : "{\"email\":1");
	buf_add_char(&row, '}');
	t = data_of(&hiding, buf_str(&row), &room);
	assert_int_equal(t.len, 1000 * sizeof(",\"email\":\"" HASH_42 "\"") + 1 - 1000);
	buf_done(&room);
	buf_done(&row);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_are_dropped_redacted_and_hashed),
		cmocka_unit_test(only_what_is_included_is_left),
		cmocka_unit_test(keys_and_old_rows_follow_the_same_rules),
		cmocka_unit_test(another_table_has_other_rules),
		cmocka_unit_test(hashes_may_take_more_room_than_the_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
