/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "config/column_rules.h"
#include "core/packed.h"
#include "request_fixture.h"
#include "unpack.h"

static const struct event_fields an_update = {
	.id = 42,
	.op = OP_UPDATE,
	.schema = TEXT_LIT("public"),
	.table = TEXT_LIT("users"),
	.key = TEXT_LIT("{\"id\":1}"),
	.changed_at = TEXT_LIT("2026-03-01T12:00:00.123456Z"),
	.data = TEXT_LIT("{\"id\":1,\"n\":\"b\"}"),
	.old_data = TEXT_LIT("{\"id\":1,\"n\":\"a\"}"),
};

static void assert_body(const struct event_fields *f, const char *want)
{
	const struct webhook_settings to = {.format = WEBHOOK_FORMAT_NATIVE};
	struct http_request r;

	fill(&r, &to, f);
	assert_string_equal(buf_str(&r.body), want);
	assert_int_equal(r.lines.len, 0);
	assert_int_equal(r.url.len, 0);
	request_done(&r);
}

static void an_update_carries_both_rows(void **state)
{
	(void)state;
	assert_body(&an_update,
		    "{\"id\":\"" INSTALL "-42\",\"pipeline\":\"default\",\"operation\":\"update\","
		    "\"schema\":\"public\",\"table\":\"users\",\"key\":{\"id\":1},"
		    "\"changed_at\":\"2026-03-01T12:00:00.123456Z\","
		    "\"data\":{\"id\":1,\"n\":\"b\"},\"old_data\":{\"id\":1,\"n\":\"a\"}}");
}

static void a_body_keeps_its_bound(void **state)
{
	const struct webhook_settings to = {.format = WEBHOOK_FORMAT_NATIVE};
	struct http_request r;

	(void)state;
	request_open(&r, 100);
	assert_int_equal(request_fill(&origin, &to, &an_update, &r), ERR_FULL);
	request_done(&r);
}

static void an_id_is_the_installation_and_the_number(void **state)
{
	const struct webhook_settings to = {.format = WEBHOOK_FORMAT_NATIVE};
	struct event_fields f = an_update;
	struct http_request r;

	(void)state;
	f.id = INT64_MAX;
	fill(&r, &to, &f);
	assert_string_equal(r.id, INSTALL "-9223372036854775807");
	/* a replayed event is the one that it was */
	request_done(&r);
	f.origin_id = 41;
	fill(&r, &to, &f);
	assert_string_equal(r.id, INSTALL "-41");
	assert_non_null(strstr(buf_str(&r.body), INSTALL "-41"));
	request_done(&r);
}

static void placeholders_in_the_url_are_percent_encoded(void **state)
{
	static const struct {
		char url[64];
		struct text schema, table;
		const char *want;
	} cases[] = {
		{"http://h/in", TEXT_LIT("s"), TEXT_LIT("t"), ""},
		{"http://u:{p}@h/{schema}/{table}?op={operation}&id={id}#{{x}}", TEXT_LIT("s"),
		 TEXT_LIT("t"), "http://u:{p}@h/s/t?op=update&id=" INSTALL "-42#{x}"},
		{"http://h/{pipeline}/{table}", TEXT_LIT("s"), TEXT_LIT("../a b?c=d&e#f%/{id}"),
		 "http://h/default/%2E%2E%2Fa%20b%3Fc%3Dd%26e%23f%25%2F%7Bid%7D"},
		{"http://h?{table}", TEXT_LIT("s"), TEXT_LIT("a\r\n\xc3\xa4-_~"),
		 "http://h?a%0D%0A%C3%A4-_~"},
		{"http://h/{schema}/{table}", TEXT_NONE, TEXT_LIT("t"), "http://h//t"},
	};
	struct webhook_settings to = {.format = WEBHOOK_FORMAT_NATIVE};
	struct event_fields f = an_update;
	struct http_request r;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		to.url.value = (char *)(uintptr_t)cases[i].url;
		to.url_is_template = i > 0;
		f.schema = cases[i].schema;
		f.table = cases[i].table;
		fill(&r, &to, &f);
		assert_string_equal(buf_str(&r.url), cases[i].want);
		request_done(&r);
	}
}

static void placeholders_in_headers_cannot_begin_another_line(void **state)
{
	static char table[] = "X-Table", value[] = "{{ {schema}.{table} }}";
	static char empty[] = "X-Empty", schema[] = "{schema}";
	static char plain[] = "X-Plain", braces[] = "{table}";
	struct webhook_header headers[] = {
		{table, {value}, true}, {plain, {braces}, false}, {empty, {schema}, true}};
	const struct webhook_settings to = {
		.format = WEBHOOK_FORMAT_NATIVE, .headers = headers, .header_count = 3};
	struct event_fields f = an_update;
	struct http_request r;

	(void)state;
	f.schema = TEXT_NONE;
	f.table = TEXT_LIT("a\r\nX-Evil: \"1\"\x7f\xc3\xa4");
	fill(&r, &to, &f);
	assert_string_equal(r.lines.data, "X-Table: { .a%0D%0AX-Evil:%20%221%22%7F%C3%A4 }");
	assert_string_equal(r.lines.data + strlen(r.lines.data) + 1, "X-Empty;");
	assert_int_equal(r.lines.len, strlen(r.lines.data) + 1 + sizeof("X-Empty;"));
	request_done(&r);
}

static void a_type_of_ones_own_stands_in_body_and_header(void **state)
{
	static char type[] = "com.\"x\".{schema}.{table}.{operation}.{pipeline}.{{";
	struct webhook_settings to = {.type = type};
	struct http_request r;

	(void)state;
	to.format = WEBHOOK_FORMAT_STANDARD;
	fill(&r, &to, &an_update);
	assert_non_null(
		strstr(r.body.data, "\"type\":\"com.\\\"x\\\".public.users.update.default.{\","));
	request_done(&r);
	to.format = WEBHOOK_FORMAT_CLOUDEVENTS;
	fill(&r, &to, &an_update);
	assert_non_null(
		strstr(r.body.data, "\"type\":\"com.\\\"x\\\".public.users.update.default.{\","));
	request_done(&r);
	to.format = WEBHOOK_FORMAT_CLOUDEVENTS_BINARY;
	fill(&r, &to, &an_update);
	assert_non_null(memmem(r.lines.data, r.lines.len,
			       "\0ce-type: com.%22x%22.public.users.update.default.{", 49));
	request_done(&r);
}

static void big_numbers_become_strings_in_rows_and_keys_when_wanted(void **state)
{
	struct webhook_settings to = {.big_numbers = WEBHOOK_BIG_NUMBERS_STRING};
	struct event_fields f = an_update;
	struct http_request r;

	(void)state;
	f.key = f.old_key = TEXT_LIT("{\"id\":12345678901234567}");
	f.data = f.old_data = TEXT_LIT("{\"id\":12345678901234567,\"n\":1}");
	for (to.format = 0; to.format < WEBHOOK_FORMAT_COUNT; to.format++) {
		fill(&r, &to, &f);
		assert_null(strstr(buf_str(&r.body), "{\"id\":12345678901234567"));
		assert_non_null(strstr(buf_str(&r.body), "key\":{\"id\":\"12345678901234567\"}"));
		assert_non_null(strstr(buf_str(&r.body), "_key\":{\"id\":\"12345678901234567\"}"));
		assert_non_null(
			strstr(buf_str(&r.body), ":{\"id\":\"12345678901234567\",\"n\":1}"));
		request_done(&r);
	}
}

/* Not in the body, not in a header (the partition key is one), not in the URL. */
static void what_rules_keep_back_is_in_no_format(void **state)
{
	static char all[] = "*", mask_key[] = "0123456789abcdef0123456789abcdef";
	static char url[] = "http://h/{table}/{id}";
	static char *redacted[] = {all, NULL};
	struct webhook_settings to = {.mask_redact = {redacted, 1},
				      .mask_key = {mask_key},
				      .big_numbers = WEBHOOK_BIG_NUMBERS_STRING,
				      .url.value = url,
				      .url_is_template = true};
	struct event_fields f = an_update;
	struct http_request r;

	(void)state;
	assert_int_equal(column_rules_new(&to, &to.column_rules, NULL), ERR_OK);
	f.key = f.old_key = TEXT_LIT("{\"id\":98765432109876543}");
	f.data = f.old_data = TEXT_LIT("{\"id\":98765432109876543,\"n\":null}");
	for (to.format = 0; to.format < WEBHOOK_FORMAT_COUNT; to.format++) {
		fill(&r, &to, &f);
		assert_null(strstr(buf_str(&r.body), "987"));
		assert_null(memmem(buf_str(&r.lines), r.lines.len, "987", 3));
		assert_null(strstr(buf_str(&r.url), "987"));
		assert_non_null(strstr(buf_str(&r.body), "key\":{\"id\":\"***\"}"));
		assert_non_null(strstr(buf_str(&r.body), "_key\":{\"id\":\"***\"}"));
		assert_non_null(strstr(buf_str(&r.body), ":{\"id\":\"***\",\"n\":null}"));
		request_done(&r);
	}
	to.format = WEBHOOK_FORMAT_NATIVE;
	to.batch_max_events = 2;
	fill(&r, &to, &f);
	assert_int_equal(buf_str(&r.body)[0], '[');
	assert_null(strstr(buf_str(&r.body), "987"));
	request_done(&r);
	column_rules_free(to.column_rules);
}

static void a_truncated_partition_has_no_columns_to_mask(void **state)
{
	static char all[] = "*";
	static char *excluded[] = {all, NULL};
	struct webhook_settings to = {.columns_exclude = {excluded, 1}};
	const struct event_fields f = {.op = OP_TRUNCATE,
				       .table = TEXT_LIT("t"),
				       .data = TEXT_LIT("\"t_1\""),
				       .old_data = TEXT_LIT("\"parts\"")};
	struct http_request r;

	(void)state;
	assert_int_equal(column_rules_new(&to, &to.column_rules, NULL), ERR_OK);
	fill(&r, &to, &f);
	assert_non_null(strstr(buf_str(&r.body), "\"schema\":\"parts\",\"table\":\"t_1\""));
	request_done(&r);
	column_rules_free(to.column_rules);
}

static void a_body_is_compressed_when_it_is_wanted_large_enough_and_worth_it(void **state)
{
	static const struct {
		enum webhook_compression compression;
		int64_t min_bytes;
		bool want;
	} cases[] = {
		{WEBHOOK_COMPRESSION_NONE, 0, false},
		{WEBHOOK_COMPRESSION_GZIP, 0, true},
		{WEBHOOK_COMPRESSION_GZIP, 2218, true},
		{WEBHOOK_COMPRESSION_GZIP, 2219, false},
	};
	struct compressor *c = NULL;
	struct webhook_settings to = {.format = WEBHOOK_FORMAT_NATIVE};
	struct event_fields f = an_update;
	struct http_request r;
	char data[2000];
	size_t i, plain;

	(void)state;
	memset(data, ' ', sizeof(data));
	memcpy(data, "{\"a\":1}", 7);
	f.data = (struct text){data, sizeof(data)};
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		to.compression = cases[i].compression;
		to.compression_min_bytes = cases[i].min_bytes;
		fill(&r, &to, &f);
		plain = r.body.len;
		assert_int_equal(plain, 2218);
		request_compress(&r, &c);
		assert_int_equal(r.plain_bytes, cases[i].want ? plain : 0);
		assert_int_equal(r.body.len < plain, cases[i].want);
		assert_string_equal(buf_str(&r.lines),
				    cases[i].want ? "Content-Encoding: gzip" : "");
		assert_int_equal(c != NULL, i > 0);
		request_done(&r);
	}
	compressor_free(c);
}

/* ---- several events ---- */

static struct event *list_of(size_t n)
{
	struct event *first = NULL;
	struct event_fields f = an_update;

	for (; n > 0; n--) {
		struct event *ev;

		f.id = (int64_t)n;
		assert_int_equal(event_new(&f, &ev, NULL), ERR_OK);
		ev->also = first;
		first = ev;
	}
	return first;
}

static size_t list_free(struct event *ev)
{
	struct event *also;
	size_t n = 0;

	for (; ev; ev = also, n++) {
		also = ev->also;
		event_free(ev);
	}
	return n;
}

static void what_does_not_fit_into_a_batch_is_left_over(void **state)
{
	const struct webhook_settings alone = {.format = WEBHOOK_FORMAT_NATIVE};
	struct webhook_settings to = {.batch_max_events = 10};
	struct event *first = list_of(1), *rest;
	struct http_request r;
	size_t i, one;

	(void)state;
	fill(&r, &alone, &first->f);
	one = r.body.len;
	request_done(&r);
	(void)list_free(first);
	for (i = 0; i < 7; i++) {
		/* brackets and commas: exactly as much, or one byte less */
		const struct {
			size_t max, fit;
		} cases[] = {{1, 1},           {one + 2, 1},     {2 * one + 2, 1}, {2 * one + 3, 2},
			     {3 * one + 3, 2}, {3 * one + 4, 3}, {1 << 20, 3}};

		first = list_of(3);
		to.batch_max_bytes = (int64_t)cases[i].max;
		request_open(&r, 1 << 20);
		assert_int_equal(request_fill_batch(&origin, &to, first, &r, &rest), ERR_OK);
		assert_true(cases[i].fit == 1 || r.body.len <= cases[i].max);
		assert_int_equal(r.body.data[r.body.len - 1], ']');
		assert_int_equal(list_free(rest), 3 - cases[i].fit);
		assert_int_equal(list_free(first), cases[i].fit);
		request_done(&r);
	}
}

/* The same as JSON, once it is unpacked; each element is written as it is added. */
static void a_batch_can_be_written_in_another_encoding(void **state)
{
	struct webhook_settings to = {.batch_max_events = 50, .batch_max_bytes = 1 << 20};
	struct event *rest, *first;
	struct http_request plain, packed;
	struct buf back;
	size_t n;

	(void)state;
	buf_init(&back, 1 << 20);
	for (n = 1; n <= 40; n += 13) {
		first = list_of(n);
		to.encoding = WEBHOOK_ENCODING_JSON;
		request_open(&plain, 1 << 20);
		assert_int_equal(request_fill_batch(&origin, &to, first, &plain, &rest), ERR_OK);
		to.encoding = WEBHOOK_ENCODING_CBOR;
		request_open(&packed, 1 << 20);
		assert_int_equal(request_fill_batch(&origin, &to, first, &packed, &rest), ERR_OK);
		assert_null(rest);
		assert_string_equal(packed.id, plain.id);
		assert_true(packed.body.len < plain.body.len);
		buf_reset(&back);
		assert_true(unpack_cbor(buf_text(&packed.body), &back));
		assert_string_equal(buf_str(&back), buf_str(&plain.body));
		assert_string_equal(request_content_type(&to), "application/cbor");
		assert_int_equal(list_free(first), n);
		request_done(&plain);
		request_done(&packed);
	}
	buf_done(&back);
}

/* What is before it goes; then it is the first, and is refused alone. */
static void what_cannot_be_encoded_is_not_sent(void **state)
{
	struct webhook_settings to = {.batch_max_events = 10,
				      .batch_max_bytes = 1 << 20,
				      .encoding = WEBHOOK_ENCODING_MSGPACK};
	struct event_fields f = an_update;
	struct event *first = list_of(2), *rest = NULL;
	struct http_request r;

	(void)state;
	f.data = (struct text)TEXT_LIT("{\"id\":1,}");
	assert_int_equal(event_new(&f, &first->also->also, NULL), ERR_OK);
	request_open(&r, 1 << 20);
	assert_int_equal(request_fill_batch(&origin, &to, first, &r, &rest), ERR_OK);
	assert_int_equal(list_free(first), 2);
	request_done(&r);
	first = rest;
	request_open(&r, 1 << 20);
	assert_int_equal(request_fill_batch(&origin, &to, first, &r, &rest), ERR_DATA);
	assert_null(rest);
	request_done(&r);
	to.batch_max_events = 1;
	request_open(&r, 1 << 20);
	assert_int_equal(request_fill(&origin, &to, &first->f, &r), ERR_DATA);
	assert_in_range(request_event_bytes(&r), 1, 400);
	request_done(&r);
	assert_int_equal(list_free(first), 1);
}

static void a_row_that_waited_compressed_is_sent_as_it_was(void **state)
{
	const struct webhook_settings to = {.format = WEBHOOK_FORMAT_NATIVE};
	struct http_request plain, packed;
	struct event_fields f = an_update;
	struct event *ev;
	char row[20000];

	(void)state;
	(void)snprintf(row, sizeof(row), "{\"id\":1,\"v\":\"%019900d\"}", 1);
	f.data = text_of(row);
	assert_int_equal(event_new(&f, &ev, NULL), ERR_OK);
	fill(&plain, &to, &ev->f);
	assert_true(packed_event(&ev) > 0);
	fill(&packed, &to, &ev->f);
	assert_string_equal(buf_str(&packed.body), buf_str(&plain.body));
	request_done(&plain);
	request_done(&packed);
	event_free(ev);
}

static void the_id_of_a_batch_is_made_of_those_in_it(void **state)
{
	const struct webhook_settings to = {.batch_max_events = 10, .batch_max_bytes = 1 << 20};
	struct event *first, *second, *rest;
	struct http_request r;
	char ids[3][64];
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		first = list_of(i == 2 ? 3 : 2);
		if (i == 1) { /* the other way round */
			second = first->also;
			second->also = first;
			first->also = NULL;
			first = second;
		}
		request_open(&r, 1 << 20);
		assert_int_equal(request_fill_batch(&origin, &to, first, &r, &rest), ERR_OK);
		memcpy(ids[i], r.id, sizeof(r.id));
		(void)list_free(first);
		request_done(&r);
	}
	assert_memory_equal(ids[0], INSTALL "-b", sizeof(INSTALL "-b") - 1);
	assert_int_equal(strlen(ids[0]), sizeof(INSTALL "-b0123456789abcdef") - 1);
	assert_string_equal(ids[0], ids[1]);
	assert_string_not_equal(ids[0], ids[2]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(big_numbers_become_strings_in_rows_and_keys_when_wanted),
		cmocka_unit_test(what_rules_keep_back_is_in_no_format),
		cmocka_unit_test(a_truncated_partition_has_no_columns_to_mask),
		cmocka_unit_test(an_update_carries_both_rows),
		cmocka_unit_test(a_body_keeps_its_bound),
		cmocka_unit_test(an_id_is_the_installation_and_the_number),
		cmocka_unit_test(placeholders_in_the_url_are_percent_encoded),
		cmocka_unit_test(placeholders_in_headers_cannot_begin_another_line),
		cmocka_unit_test(a_body_is_compressed_when_it_is_wanted_large_enough_and_worth_it),
		cmocka_unit_test(a_type_of_ones_own_stands_in_body_and_header),
		cmocka_unit_test(what_does_not_fit_into_a_batch_is_left_over),
		cmocka_unit_test(a_batch_can_be_written_in_another_encoding),
		cmocka_unit_test(what_cannot_be_encoded_is_not_sent),
		cmocka_unit_test(a_row_that_waited_compressed_is_sent_as_it_was),
		cmocka_unit_test(the_id_of_a_batch_is_made_of_those_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
