/* SPDX-License-Identifier: MIT */
/*
 * Every format against docs/formats.md and tests/golden/formats_odd.txt. A wanted change: run with
 * GOLDEN_WRITE=1, read the diff.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "golden.h"
#include "sink/format.h"
#include "sink/request.h"

#define INSTALL "0f8fad5b-d9cb-469f-a165-70867728950e"
#define WALL_US 1772366400123456LL
#define DOC_WIDTH 84
/* A row that is longer is sent in a body with so many bytes less than it should have. */
#define LARGE_BYTES 400

struct example {
	const char *name;
	struct event_fields f;
};

#define ORDER(op_, ...)                                                                            \
	{                                                                                          \
		.id = 42, .op = (op_), .schema = TEXT_LIT("public"), .table = TEXT_LIT("orders"),  \
		.changed_at = TEXT_LIT("2026-03-01T12:00:00.123456Z"), .changed_wall_us = WALL_US, \
		__VA_ARGS__                                                                        \
	}
#define NOTE_100                                                                                   \
	"It was a long night, and longer letters were written to customers who asked for a clock " \
	"of brass. "
#define NOTE NOTE_100 NOTE_100 NOTE_100 NOTE_100 NOTE_100
#define KEY_7 .key = TEXT_LIT("{\"id\":7}")

static const struct example usual[] = {
	{"insert", ORDER(OP_INSERT, KEY_7, .data = TEXT_LIT("{\"id\":7,\"total\":12.50}"))},
	{"update", ORDER(OP_UPDATE, KEY_7, .data = TEXT_LIT("{\"id\":7,\"total\":15.00}"),
			 .old_data = TEXT_LIT("{\"id\":7,\"total\":12.50}"))},
	{"delete", ORDER(OP_DELETE, KEY_7, .old_data = TEXT_LIT("{\"id\":7,\"total\":15.00}"))},
	{"read", ORDER(OP_READ, KEY_7, .data = TEXT_LIT("{\"id\":7,\"total\":12.50}"))},
	{"truncate", ORDER(OP_TRUNCATE, .key = TEXT_NONE)},
	{"truncate of one partition", ORDER(OP_TRUNCATE, .data = TEXT_LIT("\"orders_2025\""),
					    .old_data = TEXT_LIT("\"parts\""))},
	{"an update that changes the key",
	 ORDER(OP_UPDATE, .key = TEXT_LIT("{\"id\":8}"), .old_key = TEXT_LIT("{\"id\":7}"),
	       .data = TEXT_LIT("{\"id\":8,\"total\":15.00}"),
	       .old_data = TEXT_LIT("{\"id\":7,\"total\":15.00}"))},
	{"an update of a row over max_event_bytes",
	 ORDER(OP_UPDATE, KEY_7, .truncated = true, .data = TEXT_LIT("{\"id\":7}"),
	       .old_data = TEXT_LIT("{\"id\":7}"))},
	{"an insert over max_body_bytes, with oversized: truncate",
	 ORDER(OP_INSERT, KEY_7,
	       .data = TEXT_LIT("{\"id\":7,\"note\":\"" NOTE "\",\"total\":12.50}"))},
};

static const struct example odd[] = {
	{"no schema, no key, no time",
	 {.id = INT64_MAX, .table = TEXT_LIT("t"), .data = TEXT_LIT("{ \"a\" : 1e400 }")}},
	{"quotes, line ends, UTF-8 and more in names",
	 {.id = 1,
	  .op = OP_DELETE,
	  .schema = TEXT_LIT("a\"b\\c"),
	  .table = TEXT_LIT("line\r\nend\t\xc2\x85 50% {x} na\xc3\xafve \xf0\x9f\x98\x80"),
	  .key = TEXT_LIT("{\"k\\n\":\"\\\"\xe2\x82\xac\\\"\"}"),
	  .changed_at = TEXT_LIT("2026-03-01T12:00:00Z"),
	  .old_data = TEXT_LIT("{\"k\\n\":\"\\\"\xe2\x82\xac\\\"\"}")}},
	{"a partition with an odd name",
	 {.id = 4,
	  .op = OP_TRUNCATE,
	  .schema = TEXT_LIT("public"),
	  .table = TEXT_LIT("users"),
	  .data = TEXT_LIT("\"us\\\"ers\\u00e4\\n1\""),
	  .old_data = TEXT_LIT("\"parts\"")}},
	{"empty names", {.id = 2, .schema = TEXT_LIT(""), .table = TEXT_LIT("")}},
	{"what is not UTF-8",
	 {.id = 3, .table = TEXT_LIT("a\xff\xc3"), .changed_at = TEXT_LIT("2026-03-01")}},
};

static char test_name[] = "test", test_url[] = "http://h/";
static char test_database[] = "shop";
static const struct source_settings postgres = {.type = SOURCE_POSTGRES, .database = test_database};

static void request_open(struct http_request *r)
{
	*r = (struct http_request){.to = NULL};
	buf_init(&r->body, 1 << 20);
	buf_init(&r->lines, 1 << 20);
	buf_init(&r->url, 1 << 20);
}

static void request_done(struct http_request *r)
{
	buf_done(&r->body);
	buf_done(&r->lines);
	buf_done(&r->url);
}

static void fill(struct http_request *r, enum webhook_format format, const struct event_fields *f)
{
	const struct request_origin origin = {INSTALL, "default", &postgres};
	struct webhook_settings to = {.name = test_name,
				      .url.value = test_url,
				      .format = format,
				      .oversized = WEBHOOK_OVERSIZED_TRUNCATE};

	request_open(r);
	assert_int_equal(request_fill(&origin, &to, f, r), ERR_OK);
	if (f->data.len < LARGE_BYTES)
		return;
	to.max_body_bytes = (int64_t)r->body.len - LARGE_BYTES;
	request_done(r);
	request_open(r);
	assert_int_equal(request_fill(&origin, &to, f, r), ERR_OK);
}

/* Line breaks behind commas that no string holds. */
static void add_wrapped(struct buf *out, const char *s)
{
	bool quoted = false, escaped = false;
	size_t width = 0;

	for (; *s; s++) {
		buf_add_char(out, *s);
		width++;
		if (*s == '"' && !escaped)
			quoted = !quoted;
		escaped = quoted && *s == '\\' && !escaped;
		if (*s == ',' && !quoted && width + strcspn(s + 1, ",") >= DOC_WIDTH) {
			buf_add_str(out, "\n ");
			width = 1;
		}
	}
}

static void add_head(struct buf *out, const struct http_request *r, const struct format *format,
		     bool batch)
{
	size_t at;

	buf_add_fmt(out, "Content-Type: %s\n%s: %s%s/%d\n",
		    batch ? format->batch_content_type : format->content_type,
		    WEBHOOK_FORMAT_HEADER, format->name, batch ? "-batch" : "", format->version);
	for (at = 0; at < r->lines.len; at += strlen(r->lines.data + at) + 1)
		buf_add_fmt(out, "%s\n", r->lines.data + at);
	buf_add_char(out, '\n');
}

static void add_examples(struct buf *out, enum webhook_format format, bool is_doc)
{
	const struct example *all = is_doc ? usual : odd;
	size_t i, count = is_doc ? ARRAY_LEN(usual) : ARRAY_LEN(odd);
	struct http_request r;

	for (i = 0; i < count; i++) {
		fill(&r, format, &all[i].f);
		buf_add_fmt(out, is_doc ? "\n%s:\n\n```\n" : "---- %s\n", all[i].name);
		add_head(out, &r, format_get(format), false);
		if (is_doc)
			add_wrapped(out, buf_str(&r.body));
		else
			buf_add_text(out, buf_text(&r.body));
		buf_add_str(out, is_doc ? "\n```\n" : "\n");
		request_done(&r);
	}
}

static struct event *event_of(const struct event_fields *f, int64_t id)
{
	struct event_fields other = *f;
	struct event *ev;

	other.id = id;
	assert_int_equal(event_new(&other, &ev, NULL), ERR_OK);
	return ev;
}

/* The 42nd event, an insert, and the update behind it in one request. */
static void fill_both(struct http_request *r, const struct webhook_settings *to)
{
	const struct request_origin origin = {INSTALL, "default", &postgres};
	struct event *first = event_of(&usual[0].f, 42), *second = event_of(&usual[1].f, 43);
	struct event *rest;

	first->also = second;
	request_open(r);
	assert_int_equal(request_fill_batch(&origin, to, first, r, &rest), ERR_OK);
	assert_null(rest);
	assert_ptr_equal(first->also, second);
	event_free(first);
	event_free(second);
}

static void add_batch(struct buf *out, enum webhook_format format)
{
	const struct webhook_settings to = {.name = test_name,
					    .url.value = test_url,
					    .format = format,
					    .batch_max_events = 2,
					    .batch_max_bytes = 1 << 20};
	struct http_request r;

	if (!format_get(format)->batch_content_type)
		return;
	fill_both(&r, &to);
	buf_add_str(out, "\ninsert and update as a batch:\n\n```\n");
	buf_add_fmt(out, "webhook-id: %s\n", r.id);
	add_head(out, &r, format_get(format), true);
	add_wrapped(out, buf_str(&r.body));
	buf_add_str(out, "\n```\n");
	request_done(&r);
}

static void add_all(struct buf *out, bool is_doc)
{
	enum webhook_format f;

	for (f = 0; f < WEBHOOK_FORMAT_COUNT; f++) {
		buf_add_fmt(out, is_doc ? "\n### `%s`\n" : "==== %s\n", format_get(f)->name);
		add_examples(out, f, is_doc);
		if (is_doc)
			add_batch(out, f);
	}
}

static void the_examples_of_the_documentation_are_what_is_sent(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 20);
	add_all(&out, true);
	golden_assert("docs/formats.md", "<!-- examples:", &out);
	buf_done(&out);
}

static void odd_events_have_a_form_in_every_format(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 20);
	add_all(&out, false);
	golden_assert("tests/golden/formats_odd.txt", NULL, &out);
	buf_done(&out);
}

static void check_lines(const struct http_request *r)
{
	const char *at, *end = r->lines.data + r->lines.len;
	const char *s;

	for (at = r->lines.data; at && at < end; at += strlen(at) + 1) {
		assert_memory_equal(at, "ce-", 3);
		assert_non_null(strstr(at, ": "));
		for (s = strstr(at, ": ") + 2; *s; s++)
			assert_true(*s > 0x20 && *s < 0x7f && *s != '"');
	}
}

static void check_example(enum webhook_format format, const struct example *x)
{
	struct http_request r;
	json_error_t e;
	json_t *tree;

	fill(&r, format, &x->f);
	tree = json_loadb(r.body.data, r.body.len, JSON_DECODE_INT_AS_REAL, &e);
	if (!tree && !strstr(e.text, "real number overflow"))
		fail_msg("%s: %s: %s", x->name, e.text, r.body.data);
	json_decref(tree);
	check_lines(&r);
	request_done(&r);
}

static void every_body_is_json_and_every_header_is_ascii_on_one_line(void **state)
{
	enum webhook_format f;
	size_t i;

	(void)state;
	for (f = 0; f < WEBHOOK_FORMAT_COUNT; f++) {
		for (i = 0; i < ARRAY_LEN(usual); i++)
			check_example(f, &usual[i]);
		for (i = 0; i < ARRAY_LEN(odd); i++)
			check_example(f, &odd[i]);
	}
}

static void a_key_too_long_for_a_header_is_left_out_of_the_partition_key(void **state)
{
	static const struct {
		size_t len;
		const char *line;
	} cases[] = {
		{1024, "ce-partitionkey: public.orders:xxx"},
		{1025, "ce-partitionkey: public.orders"},
	};
	char *key = mem_calloc(1, 2000);
	struct event_fields f = usual[0].f;
	struct http_request r;
	size_t i, at;

	(void)state;
	memset(key, 'x', 2000);
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		f.key = (struct text){key, cases[i].len};
		fill(&r, WEBHOOK_FORMAT_CLOUDEVENTS_BINARY, &f);
		for (at = 0; strncmp(r.lines.data + at, "ce-part", 7) != 0;)
			at += strlen(r.lines.data + at) + 1;
		if (i)
			assert_string_equal(r.lines.data + at, cases[i].line);
		else
			assert_memory_equal(r.lines.data + at, cases[i].line,
					    strlen(cases[i].line));
		request_done(&r);
	}
	mem_free(key);
}

static void debezium_names_the_database_as_its_connectors_do(void **state)
{
	static const struct {
		enum source_type type;
		const char *want;
	} cases[] = {
		{SOURCE_POSTGRES, "\"connector\":\"postgresql\",\"name\":\"p\",\"ts_ms\":null,"
				  "\"snapshot\":\"false\",\"db\":\"shop\",\"schema\":\"s\","},
		{SOURCE_MYSQL, "\"connector\":\"mysql\",\"name\":\"p\",\"ts_ms\":null,"
			       "\"snapshot\":\"false\",\"db\":\"s\",\"table\":\"t\""},
		{SOURCE_SQLITE, "\"connector\":\"sqlite\",\"name\":\"p\","},
		{SOURCE_FAKE, "\"connector\":\"app-db-listener\",\"name\":\"p\","},
	};
	const struct event_fields f = {.schema = TEXT_LIT("s"), .table = TEXT_LIT("t")};
	const struct webhook_settings to = {.format = WEBHOOK_FORMAT_DEBEZIUM};
	struct source_settings source = {.database = test_database};
	const struct request_origin origin = {INSTALL, "p", &source};
	struct http_request r;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		source.type = cases[i].type;
		request_open(&r);
		assert_int_equal(request_fill(&origin, &to, &f, &r), ERR_OK);
		assert_non_null(strstr(r.body.data, cases[i].want));
		request_done(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_examples_of_the_documentation_are_what_is_sent),
		cmocka_unit_test(odd_events_have_a_form_in_every_format),
		cmocka_unit_test(every_body_is_json_and_every_header_is_ascii_on_one_line),
		cmocka_unit_test(a_key_too_long_for_a_header_is_left_out_of_the_partition_key),
		cmocka_unit_test(debezium_names_the_database_as_its_connectors_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
