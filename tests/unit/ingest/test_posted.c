/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "ingest/posted.h"
#include "ingest/posted_columns.h"

#define EVENT_BYTES_MAX 400

/* A body that comes in pieces. */
struct source {
	struct text body;
	size_t at;
	size_t piece;
	bool fails; /* at its end */
};

static enum err_code source_read(void *ctx, char *out, size_t most, size_t *ret_len, struct err *e)
{
	struct source *s = ctx;
	size_t n = s->body.len - s->at;

	n = n < s->piece ? n : s->piece;
	n = n < most ? n : most;
	if (!n && s->fails)
		return err_set(e, ERR_IO, "the disk is gone");
	memcpy(out, s->body.s + s->at, n);
	s->at += n;
	*ret_len = n;
	return ERR_OK;
}

struct reading {
	struct source source;
	struct posted *posted;
	struct buf seen; /* the events, one line each */
	struct refusal refusal;
	struct err e;
};

static void show(struct buf *out, struct text t)
{
	buf_add_char(out, ' ');
	if (t.s)
		buf_add_text(out, t);
	else
		buf_add_char(out, '-');
}

static enum posted_step read_all(struct reading *r, enum posted_format format, struct text body,
				 size_t piece)
{
	struct posted_options o = {.format = format,
				   .max_event_bytes = EVENT_BYTES_MAX,
				   .read = source_read,
				   .ctx = &r->source};
	struct inlet_event ev;
	enum posted_step step;

	memset(r, 0, sizeof(*r));
	r->source = (struct source){.body = body, .piece = piece};
	buf_init(&r->seen, 10000);
	assert_int_equal(posted_new(&o, &r->posted, &r->e), ERR_OK);
	while ((step = posted_next(r->posted, &ev, &r->refusal, &r->e)) == POSTED_EVENT) {
		buf_add_str(&r->seen, op_name(ev.op));
		show(&r->seen, ev.schema);
		show(&r->seen, ev.table);
		show(&r->seen, ev.key);
		show(&r->seen, ev.data);
		show(&r->seen, ev.old_data);
		buf_add_char(&r->seen, '\n');
	}
	return step;
}

static void done(struct reading *r)
{
	posted_free(r->posted);
	buf_done(&r->seen);
}

#define EVENT "{\"table\":\"t\",\"operation\":\"insert\",\"data\":{\"a\":1}}"
#define SEEN "insert - t - {\"a\":1} -\n"

static void bodies_give_their_events(void **state)
{
	static const struct {
		enum posted_format format;
		const char *body;
		const char *seen;
	} cases[] = {
		{POSTED_JSON, EVENT, SEEN},
		{POSTED_JSON, " \r\n\t" EVENT "\n", SEEN},
		{POSTED_JSON, "[" EVENT "]", SEEN},
		{POSTED_JSON, "[ " EVENT " ,\n" EVENT "\n]\n", SEEN SEEN},
		{POSTED_NDJSON, EVENT, SEEN},
		{POSTED_NDJSON, EVENT "\n" EVENT "\r\n\n\n" EVENT "\n", SEEN SEEN SEEN},
		{POSTED_JSON,
		 "{\"schema\":\"s\",\"table\":\"t\",\"operation\":\"update\",\"key\":{\"id\": 7},\n"
		 "\"data\":{\"id\":7, \"n\":[1, {\"x\":\" y\"}]},\"old_data\":{\"id\":7}}",
		 "update s t {\"id\":7} {\"id\":7,\"n\":[1,{\"x\":\" y\"}]} {\"id\":7}\n"},
		{POSTED_JSON,
		 "{\"table\":\"t\",\"operation\":\"delete\",\"key\":{\"id\":7},\"data\":null,"
		 "\"schema\":null,\"old_data\":null}",
		 "delete - t {\"id\":7} - -\n"},
		{POSTED_JSON, "{\"table\":\"t\",\"operation\":\"delete\",\"old_data\":{}}",
		 "delete - t - - {}\n"},
		{POSTED_JSON,
		 "{\"schema\":\"s\\u00e9\",\"table\":\"a\\\"b\\n\",\"operation\":\"ins\\u0065rt\","
		 "\"data\":{\"a\":\"\\u0000\"}}",
		 "insert s\xc3\xa9 a\"b\n - {\"a\":\"\\u0000\"} -\n"},
	};
	struct reading r;
	size_t i, piece;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		for (piece = 1; piece <= strlen(cases[i].body); piece++) {
			if (read_all(&r, cases[i].format, text_of(cases[i].body), piece) !=
			    POSTED_END)
				fail_msg("%s in pieces of %zu: %s", cases[i].body, piece,
					 r.refusal.why);
			assert_string_equal(buf_str(&r.seen), cases[i].seen);
			done(&r);
		}
	}
}

#define WITH(fields) "{\"table\":\"t\",\"operation\":\"insert\",\"data\":{}" fields "}"

static const struct {
	enum posted_format format;
	const char *body;
	enum refusal_reason reason;
	const char *answer;
} refused[] = {
	{POSTED_JSON, "", REFUSAL_SYNTAX,
	 "{\"error\":\"not JSON: the body is empty\",\"line\":1,\"column\":1}"},
	{POSTED_JSON, "\n 7", REFUSAL_SYNTAX,
	 "{\"error\":\"not JSON: expected { or [\",\"line\":2,\"column\":2}"},
	{POSTED_NDJSON, "[", REFUSAL_SYNTAX,
	 "{\"error\":\"not JSON: expected {\",\"line\":1,\"column\":1}"},
	{POSTED_JSON, EVENT EVENT, REFUSAL_SYNTAX,
	 "{\"error\":\"not JSON: something follows\",\"line\":1,\"column\":50}"},
	{POSTED_NDJSON, EVENT EVENT, REFUSAL_SYNTAX,
	 "{\"error\":\"not JSON: with x-ndjson each event has a line of its own\",\"line\":1,"
	 "\"column\":50}"},
	{POSTED_NDJSON, "{\"table\":\"t\",\n\"operation\":\"insert\",\"data\":{}}", REFUSAL_SYNTAX,
	 "{\"error\":\"not JSON: with x-ndjson an event is one line\",\"line\":2,\"column\":32}"},
	{POSTED_JSON, "[" EVENT ",]", REFUSAL_SYNTAX,
	 "{\"error\":\"not JSON: expected {\",\"line\":1,\"column\":52}"},
	{POSTED_JSON, "[" EVENT "\n" EVENT "]", REFUSAL_SYNTAX,
	 "{\"error\":\"not JSON: expected , or ]\",\"line\":2,\"column\":1}"},
	{POSTED_JSON, "[" EVENT, REFUSAL_SYNTAX,
	 "{\"error\":\"not JSON: the body ends within the array\",\"line\":1,\"column\":51}"},
	{POSTED_JSON, "{\"table\":", REFUSAL_SYNTAX,
	 "{\"error\":\"not JSON: the body ends within an event\",\"line\":1,\"column\":10}"},
	{POSTED_JSON, "[]", REFUSAL_EVENT, "{\"error\":\"the array holds no event\"}"},
	{POSTED_JSON, "[" EVENT ",\n" WITH(",\"tables\":1") "]", REFUSAL_EVENT,
	 "{\"error\":\"unknown field\",\"index\":1,\"field\":\"tables\",\"line\":2}"},
	{POSTED_JSON, WITH(",\"type\":\"x\""), REFUSAL_EVENT,
	 "{\"error\":\"unknown field\",\"index\":0,\"field\":\"type\",\"line\":1}"},
	{POSTED_JSON, WITH(",\"table\":\"t\""), REFUSAL_EVENT,
	 "{\"error\":\"stands twice\",\"index\":0,\"field\":\"table\",\"line\":1}"},
	{POSTED_JSON, WITH(",\"key\":null,\"key\":null"), REFUSAL_EVENT,
	 "{\"error\":\"stands twice\",\"index\":0,\"field\":\"key\",\"line\":1}"},
	{POSTED_JSON, WITH(",\"key\":7"), REFUSAL_EVENT,
	 "{\"error\":\"must be an object or null\",\"index\":0,\"field\":\"key\",\"line\":1}"},
	{POSTED_JSON, WITH(",\"schema\":7"), REFUSAL_EVENT,
	 "{\"error\":\"must be text\",\"index\":0,\"field\":\"schema\",\"line\":1}"},
	{POSTED_JSON, WITH(",\"schema\":\"\""), REFUSAL_EVENT,
	 "{\"error\":\"must not be empty\",\"index\":0,\"field\":\"schema\",\"line\":1}"},
	{POSTED_JSON, WITH(",\"key\":{\"a\":1,\"b\":2,\"a\":3}"), REFUSAL_EVENT,
	 "{\"error\":\"the column \\\"a\\\" stands "
	 "twice\",\"index\":0,\"field\":\"key\",\"line\":1}"},
	{POSTED_JSON, WITH(",\"key\":{\"ab\":1,\"\\u0061b\":2}"), REFUSAL_EVENT,
	 "{\"error\":\"the column \\\"ab\\\" stands "
	 "twice\",\"index\":0,\"field\":\"key\",\"line\":1}"},
	{POSTED_JSON, "{\"operation\":\"insert\",\"data\":{}}", REFUSAL_EVENT,
	 "{\"error\":\"required\",\"index\":0,\"field\":\"table\",\"line\":1}"},
	{POSTED_JSON, "{\"table\":\"t\",\"data\":{}}", REFUSAL_EVENT,
	 "{\"error\":\"required\",\"index\":0,\"field\":\"operation\",\"line\":1}"},
	{POSTED_JSON, "{\"table\":\"t\",\"operation\":\"truncate\"}", REFUSAL_EVENT,
	 "{\"error\":\"must be insert, update, delete "
	 "or read\",\"index\":0,\"field\":\"operation\",\"line\":1}"},
	{POSTED_JSON, "{\"table\":\"t\",\"operation\":\"INSERT\",\"data\":{}}", REFUSAL_EVENT,
	 "{\"error\":\"must be insert, update, delete "
	 "or read\",\"index\":0,\"field\":\"operation\",\"line\":1}"},
	{POSTED_JSON, "{\"table\":\"t\",\"operation\":\"update\",\"data\":null}", REFUSAL_EVENT,
	 "{\"error\":\"required: the row as it is "
	 "now\",\"index\":0,\"field\":\"data\",\"line\":1}"},
	{POSTED_JSON, WITH(",\"old_data\":{}"), REFUSAL_EVENT,
	 "{\"error\":\"only with update and "
	 "delete\",\"index\":0,\"field\":\"old_data\",\"line\":1}"},
	{POSTED_JSON, "{\"table\":\"t\",\"operation\":\"delete\",\"key\":{},\"data\":{}}",
	 REFUSAL_EVENT,
	 "{\"error\":\"not with delete: the row as it was is "
	 "old_data\",\"index\":0,\"field\":\"data\",\"line\":1}"},
	{POSTED_JSON, "{\"table\":\"t\",\"operation\":\"delete\"}", REFUSAL_EVENT,
	 "{\"error\":\"required with delete, or "
	 "old_data\",\"index\":0,\"field\":\"key\",\"line\":1}"},
};

static void what_is_wrong_is_named_with_its_place(void **state)
{
	struct reading r;
	struct buf answer;
	size_t i, piece;

	(void)state;
	for (i = 0; i < ARRAY_LEN(refused); i++) {
		for (piece = 1; piece < strlen(refused[i].body) + 2; piece++) {
			assert_int_equal(
				read_all(&r, refused[i].format, text_of(refused[i].body), piece),
				POSTED_REFUSED);
			buf_init(&answer, 1000);
			refusal_write(&r.refusal, &answer);
			assert_int_equal(buf_str(&answer)[answer.len - 1], '\n');
			buf_truncate(&answer, answer.len - 1);
			assert_string_equal(buf_str(&answer), refused[i].answer);
			assert_int_equal(r.refusal.reason, refused[i].reason);
			buf_done(&answer);
			done(&r);
		}
	}
}

/* An insert whose compact form has len bytes, with white space around. */
static void sized_event(struct buf *out, size_t len)
{
	size_t empty = strlen("{\"table\":\"t\",\"operation\":\"insert\",\"data\":{\"a\":\"\"}}");

	buf_add_str(out, "{\"table\":  \"t\",\n\"operation\":\"insert\",\"data\":{\"a\":\"");
	for (; len > empty; len--)
		buf_add_char(out, 'x');
	buf_add_str(out, "\"}}");
}

static void an_event_has_a_largest_size(void **state)
{
	struct reading r;
	struct buf body;

	(void)state;
	buf_init(&body, 10000);
	buf_add_char(&body, '[');
	sized_event(&body, EVENT_BYTES_MAX);
	assert_int_equal(read_all(&r, POSTED_JSON, buf_text(&body), 7), POSTED_REFUSED);
	assert_int_equal(r.refusal.reason, REFUSAL_SYNTAX); /* only the array has no end */
	assert_int_equal(posted_count(r.posted), 1);
	done(&r);
	buf_add_char(&body, ',');
	sized_event(&body, EVENT_BYTES_MAX + 1);
	assert_int_equal(read_all(&r, POSTED_JSON, buf_text(&body), 7), POSTED_REFUSED);
	assert_int_equal(r.refusal.reason, REFUSAL_EVENT_SIZE);
	assert_int_equal(refusal_status(r.refusal.reason), 413);
	assert_int_equal(r.refusal.index, 1);
	assert_int_equal(r.refusal.line, 2);
	assert_true(posted_bytes(r.posted) > EVENT_BYTES_MAX / 2);
	done(&r);
	buf_done(&body);
}

static void columns_have_a_largest_number(void **state)
{
	struct posted_options o = {.max_event_bytes = 1000000, .read = source_read};
	struct source s = {.piece = 100000};
	struct inlet_event ev;
	struct posted *p;
	struct refusal r;
	struct buf body;
	struct err e;
	int n, i;

	(void)state;
	for (n = POSTED_COLUMNS_MAX; n <= POSTED_COLUMNS_MAX + 1; n++) {
		buf_init(&body, 1000000);
		buf_add_str(&body, "{\"table\":\"t\",\"operation\":\"insert\",\"data\":{");
		for (i = 0; i < n; i++)
			buf_add_fmt(&body, "%s\"c%d\":1", i ? "," : "", i);
		buf_add_str(&body, "}}");
		s.body = buf_text(&body);
		s.at = 0;
		o.ctx = &s;
		assert_int_equal(posted_new(&o, &p, &e), ERR_OK);
		assert_int_equal(posted_next(p, &ev, &r, &e),
				 n == POSTED_COLUMNS_MAX ? POSTED_EVENT : POSTED_REFUSED);
		posted_free(p);
		buf_done(&body);
	}
	assert_string_equal(r.field, "data");
}

static void a_body_that_cannot_be_read_is_no_mistake_of_the_client(void **state)
{
	struct posted_options o = {.max_event_bytes = 1000, .read = source_read};
	struct source s = {.body = TEXT_LIT("{\"table\""), .piece = 4, .fails = true};
	struct inlet_event ev;
	struct posted *p;
	struct refusal r;
	struct err e;

	(void)state;
	o.ctx = &s;
	assert_int_equal(posted_new(&o, &p, &e), ERR_OK);
	assert_int_equal(posted_next(p, &ev, &r, &e), POSTED_FAILED);
	assert_int_equal(e.code, ERR_IO);
	assert_int_equal(posted_next(p, &ev, &r, &e), POSTED_END);
	posted_free(p);
	posted_free(NULL);
}

static void the_receiver_of_an_event_may_refuse_it(void **state)
{
	struct reading r;

	(void)state;
	assert_int_equal(read_all(&r, POSTED_JSON, TEXT_LIT("[\n" EVENT ",\n" EVENT "]"), 1000),
			 POSTED_END);
	posted_refuse(r.posted, REFUSAL_EVENT, "no such table", &r.refusal);
	assert_int_equal(r.refusal.index, 1);
	assert_int_equal(r.refusal.line, 3);
	assert_string_equal(r.refusal.why, "no such table");
	done(&r);
}

static void every_reason_has_a_name_and_a_status(void **state)
{
	struct refusal r;
	int i;

	(void)state;
	for (i = 0; i < REFUSAL_REASON_COUNT; i++) {
		refusal_set(&r, (enum refusal_reason)i, "x");
		assert_true(strlen(refusal_name(r.reason)) > 2);
		assert_true(refusal_status(r.reason) >= 202);
		if (refusal_status(r.reason) == 503 || refusal_status(r.reason) == 429)
			assert_true(refusal_retry_after_s(&r) > 0);
	}
	refusal_set(&r, REFUSAL_RATE, "x");
	r.retry_after_us = 1;
	assert_int_equal(refusal_retry_after_s(&r), 1);
	r.retry_after_us = 1500000;
	assert_int_equal(refusal_retry_after_s(&r), 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_give_their_events),
		cmocka_unit_test(what_is_wrong_is_named_with_its_place),
		cmocka_unit_test(an_event_has_a_largest_size),
		cmocka_unit_test(columns_have_a_largest_number),
		cmocka_unit_test(a_body_that_cannot_be_read_is_no_mistake_of_the_client),
		cmocka_unit_test(the_receiver_of_an_event_may_refuse_it),
		cmocka_unit_test(every_reason_has_a_name_and_a_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
