/* SPDX-License-Identifier: MIT */
/* Bodies over max_body_bytes. */
#include "request_fixture.h"

#define X100                                                                                       \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
	"x"                                                                                        \
	"xxxxxxxxxxx"
#define X1000 X100 X100 X100 X100 X100 X100 X100 X100 X100 X100

static const struct event_fields a_large_update = {
	.id = 42,
	.op = OP_UPDATE,
	.schema = TEXT_LIT("public"),
	.table = TEXT_LIT("users"),
	.key = TEXT_LIT("{\"id\":12345678901234567}"),
	.changed_at = TEXT_LIT("2026-03-01T12:00:00.123456Z"),
	.data = TEXT_LIT("{\"id\":12345678901234567,\"a\":\"" X1000 "\",\"b\":\"b\"}"),
	.old_data = TEXT_LIT("{\"id\":12345678901234567,\"a\":\"" X100 "\",\"b\":\"c\"}"),
};

static void texts_are_cut_until_the_body_is_as_large_as_it_may_be(void **state)
{
	struct webhook_settings to = {.max_body_bytes = 1024,
				      .oversized = WEBHOOK_OVERSIZED_TRUNCATE,
				      .big_numbers = WEBHOOK_BIG_NUMBERS_STRING};
	struct http_request r;

	(void)state;
	for (to.format = 0; to.format < WEBHOOK_FORMAT_COUNT; to.format++) {
		fill(&r, &to, &a_large_update);
		assert_int_equal(r.body.len, 1024);
		assert_int_equal(r.cut_count, 1);
		assert_int_equal(r.key_only_count, 0);
		assert_non_null(strstr(r.body.data, "\"truncated_columns\":[\"a\"]"));
		assert_null(strstr(r.body.data, "\"truncated\":"));
		assert_non_null(strstr(r.body.data, X100 "\",\"b\":\"b\"}"));
		assert_non_null(strstr(r.body.data, ":{\"id\":\"12345678901234567\",\"a\":\"" X100
						    "\",\"b\":\"c\"}"));
		request_done(&r);
	}
}

static void the_key_alone_is_sent_of_what_is_too_large(void **state)
{
	struct webhook_settings to = {.max_body_bytes = 1024,
				      .oversized = WEBHOOK_OVERSIZED_KEY_ONLY};
	struct event_fields f = a_large_update;
	struct http_request r;

	(void)state;
	for (to.format = 0; to.format < WEBHOOK_FORMAT_COUNT; to.format++) {
		fill(&r, &to, &f);
		assert_int_equal(r.key_only_count, 1);
		assert_int_equal(r.cut_count, 0);
		assert_non_null(strstr(r.body.data, "\"truncated\":true"));
		assert_null(strstr(r.body.data, "xx"));
		assert_null(strstr(r.body.data, "truncated_columns"));
		request_done(&r);
	}
	/* also of what texts cannot save */
	f.data = TEXT_LIT("{\"id\":1,\"a\":[\"" X1000 "\"]}");
	to.oversized = WEBHOOK_OVERSIZED_TRUNCATE;
	to.format = WEBHOOK_FORMAT_NATIVE;
	fill(&r, &to, &f);
	assert_int_equal(r.key_only_count, 1);
	request_done(&r);
}

static void what_is_too_large_in_any_form_is_not_sent(void **state)
{
	enum webhook_oversized policy;
	struct webhook_settings to = {.max_body_bytes = 1024};
	struct event_fields f = a_large_update;
	struct http_request r;

	(void)state;
	for (policy = WEBHOOK_OVERSIZED_KEY_ONLY; policy <= WEBHOOK_OVERSIZED_DEAD_LETTER;
	     policy++) {
		to.oversized = policy;
		if (policy != WEBHOOK_OVERSIZED_DEAD_LETTER)
			f.key = TEXT_LIT("{\"id\":\"" X1000 "\"}");
		else
			f.key = a_large_update.key;
		request_open(&r, 1 << 20);
		assert_int_equal(request_fill(&origin, &to, &f, &r), ERR_DATA);
		assert_int_equal(r.cut_count + r.key_only_count, 0);
		request_done(&r);
	}
}

static void a_body_as_large_as_it_may_be_is_whole(void **state)
{
	struct webhook_settings to = {.oversized = WEBHOOK_OVERSIZED_DEAD_LETTER};
	struct http_request r;

	(void)state;
	fill(&r, &to, &a_large_update);
	to.max_body_bytes = (int64_t)r.body.len;
	request_done(&r);
	fill(&r, &to, &a_large_update);
	request_done(&r);
	/* brackets are not the event's */
	to.batch_max_events = 2;
	fill(&r, &to, &a_large_update);
	assert_int_equal(r.body.len, to.max_body_bytes + 2);
	request_done(&r);
	to.max_body_bytes--;
	request_open(&r, 1 << 20);
	assert_int_equal(request_fill(&origin, &to, &a_large_update, &r), ERR_DATA);
	request_done(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_cut_until_the_body_is_as_large_as_it_may_be),
		cmocka_unit_test(the_key_alone_is_sent_of_what_is_too_large),
		cmocka_unit_test(what_is_too_large_in_any_form_is_not_sent),
		cmocka_unit_test(a_body_as_large_as_it_may_be_is_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
