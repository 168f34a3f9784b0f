/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "sink/request.h"

#define INSTALL "0f8fad5b-d9cb-469f-a165-70867728950e"

static struct event an_update(void)
{
	return (struct event){.f = {
				      .id = 42,
				      .op = OP_UPDATE,
				      .schema = TEXT_LIT("public"),
				      .table = TEXT_LIT("users"),
				      .key = TEXT_LIT("{\"id\":1}"),
				      .changed_at = TEXT_LIT("2026-03-01T12:00:00.123456Z"),
				      .data = TEXT_LIT("{\"id\":1,\"n\":\"b\"}"),
				      .old_data = TEXT_LIT("{\"id\":1,\"n\":\"a\"}"),
			      }};
}

static void assert_body(const struct event *ev, const char *want)
{
	struct buf out;

	buf_init(&out, 1 << 20);
	assert_int_equal(request_body(ev, INSTALL, "default", &out), ERR_OK);
	assert_string_equal(buf_str(&out), want);
	buf_done(&out);
}

static void an_update_carries_both_rows(void **state)
{
	struct event ev = an_update();

	(void)state;
	assert_body(&ev,
		    "{\"id\":\"" INSTALL "-42\",\"pipeline\":\"default\",\"operation\":\"update\","
		    "\"schema\":\"public\",\"table\":\"users\",\"key\":{\"id\":1},"
		    "\"changed_at\":\"2026-03-01T12:00:00.123456Z\","
		    "\"data\":{\"id\":1,\"n\":\"b\"},\"old_data\":{\"id\":1,\"n\":\"a\"}}");
}

static void what_is_absent_is_null(void **state)
{
	struct event ev = an_update();

	(void)state;
	ev.f.op = OP_TRUNCATE;
	ev.f.schema = TEXT_NONE;
	ev.f.key = TEXT_NONE;
	ev.f.data = TEXT_NONE;
	ev.f.old_data = TEXT_NONE;
	assert_body(
		&ev,
		"{\"id\":\"" INSTALL "-42\",\"pipeline\":\"default\",\"operation\":\"truncate\","
		"\"schema\":null,\"table\":\"users\",\"key\":null,"
		"\"changed_at\":\"2026-03-01T12:00:00.123456Z\",\"data\":null,\"old_data\":null}");
}

static void a_partition_truncated_alone_names_itself_and_its_root(void **state)
{
	struct event ev = an_update();

	(void)state;
	ev.f.op = OP_TRUNCATE;
	ev.f.key = TEXT_NONE;
	ev.f.data = TEXT_LIT("\"users \\\"1\"");
	ev.f.old_data = TEXT_LIT("\"parts\"");
	assert_body(
		&ev,
		"{\"id\":\"" INSTALL "-42\",\"pipeline\":\"default\",\"operation\":\"truncate\","
		"\"schema\":\"parts\",\"table\":\"users \\\"1\",\"key\":null,"
		"\"changed_at\":\"2026-03-01T12:00:00.123456Z\",\"data\":null,\"old_data\":null,"
		"\"partition_of\":{\"schema\":\"public\",\"table\":\"users\"}}");
}

static void a_row_over_the_cap_says_so(void **state)
{
	struct event ev = an_update();
	struct buf out;

	(void)state;
	ev.f.truncated = true;
	buf_init(&out, 1 << 20);
	assert_int_equal(request_body(&ev, INSTALL, "default", &out), ERR_OK);
	assert_non_null(strstr(buf_str(&out), ",\"truncated\":true}"));
	buf_done(&out);
}

static void names_are_escaped_and_rows_are_spliced(void **state)
{
	struct event ev = an_update();
	struct buf out;

	(void)state;
	ev.f.table = TEXT_LIT("we\"ird\n");
	ev.f.data = TEXT_LIT("{ \"as\":  \"it is\" }");
	buf_init(&out, 1 << 20);
	assert_int_equal(request_body(&ev, INSTALL, "default", &out), ERR_OK);
	assert_non_null(strstr(buf_str(&out), "\"table\":\"we\\\"ird\\n\""));
	assert_non_null(strstr(buf_str(&out), "\"data\":{ \"as\":  \"it is\" }"));
	buf_done(&out);
}

static void a_body_is_appended_and_its_bound_is_kept(void **state)
{
	struct event ev = an_update();
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 20);
	buf_add_str(&out, "[");
	assert_int_equal(request_body(&ev, INSTALL, "default", &out), ERR_OK);
	assert_memory_equal(buf_str(&out), "[{\"id\"", 6);
	buf_done(&out);
	buf_init(&out, 100);
	assert_int_equal(request_body(&ev, INSTALL, "default", &out), ERR_FULL);
	buf_done(&out);
}

static void an_id_is_the_installation_and_the_number(void **state)
{
	char id[REQUEST_ID_BYTES];

	(void)state;
	request_id(INSTALL, INT64_MAX, id);
	assert_string_equal(id, INSTALL "-9223372036854775807");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_update_carries_both_rows),
		cmocka_unit_test(what_is_absent_is_null),
		cmocka_unit_test(a_partition_truncated_alone_names_itself_and_its_root),
		cmocka_unit_test(a_row_over_the_cap_says_so),
		cmocka_unit_test(names_are_escaped_and_rows_are_spliced),
		cmocka_unit_test(a_body_is_appended_and_its_bound_is_kept),
		cmocka_unit_test(an_id_is_the_installation_and_the_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
