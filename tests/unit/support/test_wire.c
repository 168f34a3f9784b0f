/* SPDX-License-Identifier: MIT */
#include "wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/attr.h"

static void a_head_is_parsed_when_it_is_complete(void **state)
{
	static const char head[] = "POST /hook?a=1 HTTP/1.1\r\nHost: x\r\nContent-Length:  12 \r\n"
				   "WEBHOOK-ID: a-7\r\nExpect: 100-continue\r\n\r\nbody";
	struct wire_head h;
	size_t n, full = sizeof(head) - 1 - 4;

	(void)state;
	for (n = 0; n < full; n++)
		assert_int_equal(wire_head_parse(head, n, &h), WIRE_MORE);
	assert_int_equal(wire_head_parse(head, sizeof(head) - 1, &h), WIRE_DONE);
	assert_int_equal(h.head_bytes, full);
	assert_int_equal(h.content_length, 12);
	assert_true(text_eq(h.method, TEXT_LIT("POST")));
	assert_true(text_eq(h.target, TEXT_LIT("/hook?a=1")));
	assert_true(text_eq(h.id, TEXT_LIT("a-7")));
	assert_true(h.keep_alive && h.expect_continue && !h.chunked);
}

static void what_is_no_head_is_refused(void **state)
{
	static const char *const heads[] = {
		"hello\r\n\r\n",
		"POST /\r\n\r\n",
		"POST / SPDY/1\r\n\r\n",
		"POST / HTTP/1.1\r\nno colon\r\n\r\n",
		"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
		"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
	};
	struct wire_head h;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(heads); i++)
		if (wire_head_parse(heads[i], strlen(heads[i]), &h) != WIRE_BAD)
			fail_msg("%s was taken", heads[i]);
}

static void closing_is_seen(void **state)
{
	static const char close[] = "POST / HTTP/1.1\r\nConnection: Close\r\n\r\n";
	static const char old[] = "POST / HTTP/1.0\r\n\r\n";
	struct wire_head h;

	(void)state;
	assert_int_equal(wire_head_parse(close, sizeof(close) - 1, &h), WIRE_DONE);
	assert_false(h.keep_alive);
	assert_int_equal(wire_head_parse(old, sizeof(old) - 1, &h), WIRE_DONE);
	assert_false(h.keep_alive);
}

static void a_gzip_body_is_decoded_when_it_is_whole(void **state)
{
	/* echo -n '{"a":1}' | gzip -n */
	static const char gzip[] =
		"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\x56\x4a\x54\xb2\x32"
		"\xac\x05\x00\xaf\xac\x1b\x56\x07\x00\x00\x00";
	static const char text[] = "POST / HTTP/1.1\r\nContent-Encoding: GZIP\r\n\r\n";
	size_t len = sizeof(gzip) - 1;
	struct wire_head h;
	struct buf body;

	(void)state;
	buf_init(&body, 100);
	assert_int_equal(wire_head_parse(text, sizeof(text) - 1, &h), WIRE_DONE);
	assert_true(h.gzip);
	h.content_length = (int64_t)len;
	assert_int_equal(wire_body_take(&h, gzip, len - 1, &body), WIRE_MORE);
	assert_int_equal(wire_body_take(&h, gzip, len, &body), WIRE_DONE);
	assert_string_equal(buf_str(&body), "{\"a\":1}");
	buf_reset(&body);
	assert_int_equal(wire_body_take(&h, "{\"a\":1}{\"a\":1}{\"a\":1}{\"a\":1}", len, &body),
			 WIRE_BAD);
	h.content_length--;
	assert_int_equal(wire_body_take(&h, gzip, len, &body), WIRE_BAD);
	buf_done(&body);
}

/* Feed step bytes at a time, as a socket would; what is not used comes again. */
static enum wire_result feed(const char *in, size_t step, struct buf *body)
{
	struct wire_chunks c = {.left = 0};
	enum wire_result r = WIRE_MORE;
	size_t len = strlen(in), start = 0, end, used;

	for (end = step; r == WIRE_MORE && end < len + step; end += step) {
		r = wire_chunks_feed(&c, in + start, (end < len ? end : len) - start, body, &used);
		start += used;
	}
	return r;
}

static void chunks_are_put_together_however_they_come(void **state)
{
	static const char in[] = "5\r\nhello\r\nA;x=y\r\n, the mill\r\n1\r\ns\r\n0\r\nT: v\r\n\r\n";
	struct buf body;
	size_t step;

	(void)state;
	for (step = 1; step < sizeof(in); step++) {
		buf_init(&body, 1000);
		assert_int_equal(feed(in, step, &body), WIRE_DONE);
		assert_string_equal(buf_str(&body), "hello, the mills");
		buf_done(&body);
	}
}

static void bad_chunks_are_refused(void **state)
{
	struct buf body;

	(void)state;
	buf_init(&body, 4);
	assert_int_equal(feed("x\r\n", 10, &body), WIRE_BAD);
	assert_int_equal(feed("5\r\nhello\r\n", 100, &body), WIRE_BAD);
	buf_done(&body);
}

static void a_query_is_looked_up_by_its_whole_name(void **state)
{
	struct text q = TEXT_LIT("xmode=1&mode=a%20b+c%2&empty=&flag");
	char out[8];

	(void)state;
	assert_true(wire_query_get(q, "mode", out, sizeof(out)));
	assert_string_equal(out, "a b c%2");
	assert_true(wire_query_get(q, "empty", out, sizeof(out)));
	assert_string_equal(out, "");
	assert_true(wire_query_get(q, "flag", out, sizeof(out)));
	assert_false(wire_query_get(q, "mod", out, sizeof(out)));
	assert_false(wire_query_get(TEXT_NONE, "mode", out, sizeof(out)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_gzip_body_is_decoded_when_it_is_whole),
		cmocka_unit_test(a_head_is_parsed_when_it_is_complete),
		cmocka_unit_test(what_is_no_head_is_refused),
		cmocka_unit_test(closing_is_seen),
		cmocka_unit_test(chunks_are_put_together_however_they_come),
		cmocka_unit_test(bad_chunks_are_refused),
		cmocka_unit_test(a_query_is_looked_up_by_its_whole_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
