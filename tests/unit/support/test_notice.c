/* SPDX-License-Identifier: MIT */
#include "notice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/attr.h"

#define BODY(key, old)                                                                             \
	"{\"id\":\"a-1\",\"pipeline\":\"default\",\"operation\":\"update\",\"schema\":\"public\"," \
	"\"table\":\"t\",\"key\":" key ",\"changed_at\":\"2026\",\"data\":{},\"old_data\":" old    \
	"}"

static void check_text(struct text t, const char *want)
{
	assert_int_equal(t.s != NULL, want != NULL);
	if (!want)
		return;
	assert_int_equal(t.len, strlen(want));
	assert_memory_equal(t.s, want, t.len);
}

static void the_default_body_is_taken_apart(void **state)
{
	static const char body[] =
		" { \"id\" : \"a-1\", "
		"\"pipeline\":\"p\",\n\"operation\":\"insert\",\"schema\":null,"
		"\"table\":\"t\\\"x\\\\\",\"key\":{\"id\":[1,\"}\"]} , \"other\":-1.5e3,"
		"\"changed_at\":\"now\",\"data\":{\"a\":\"{\",\"b\":{\"c\":[]}},\"old_data\":null}";
	struct notice n;

	(void)state;
	assert_true(notice_parse(TEXT_LIT(body), &n));
	check_text(n.id, "a-1");
	check_text(n.pipeline, "p");
	check_text(n.operation, "insert");
	check_text(n.schema, NULL);
	check_text(n.table, "t\\\"x\\\\");
	check_text(n.key, "{\"id\":[1,\"}\"]}");
	check_text(n.changed_at, "now");
	check_text(n.data, "{\"a\":\"{\",\"b\":{\"c\":[]}}");
	check_text(n.old_data, NULL);
}

static void what_is_not_an_object_is_refused(void **state)
{
	static const char *const bodies[] = {
		"",           "  ",       "[1]",         "\"x\"",         "{",
		"{\"id\"",    "{\"id\":", "{\"id\":\"a", "{\"id\":\"a\"", "{\"id\":{\"a\":1}",
		"{\"id\" 1}", "hello",
	};
	struct notice n;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_LEN(bodies); i++)
		if (notice_parse(text_of(bodies[i]), &n))
			fail_msg("%s was taken", bodies[i]);
	assert_false(notice_parse(TEXT_NONE, &n));
	assert_true(notice_parse(TEXT_LIT("{}"), &n));
	assert_true(notice_parse(TEXT_LIT("{\"a\":1}"), &n));
}

static int lanes_of(const char *body, uint64_t lane[static NOTICE_LANES_MAX])
{
	struct notice n;

	assert_true(notice_parse(text_of(body), &n));
	return notice_lanes(&n, lane);
}

static void a_key_is_one_lane_and_a_changed_key_two(void **state)
{
	uint64_t a[2], b[2], c[2];

	(void)state;
	assert_int_equal(lanes_of(BODY("{\"id\":1}", "{\"id\":1,\"x\":2}"), a), 1);
	assert_int_equal(lanes_of(BODY("{ \"id\" : 1 }", "null"), b), 1);
	assert_true(a[0] == b[0]);
	assert_int_equal(lanes_of(BODY("{\"id\":2}", "{\"x\":1,\"id\":1}"), c), 2);
	assert_true(c[1] == a[0]);
	assert_true(c[0] != a[0]);
}

static void columns_of_a_key_do_not_run_together(void **state)
{
	uint64_t a[2], b[2];

	(void)state;
	(void)lanes_of(BODY("{\"a\":1,\"b\":23}", "null"), a);
	(void)lanes_of(BODY("{\"a\":12,\"b\":3}", "null"), b);
	assert_true(a[0] != b[0]);
}

static void without_a_key_the_table_is_the_lane(void **state)
{
	uint64_t a[2];

	(void)state;
	assert_int_equal(lanes_of(BODY("null", "{\"id\":1}"), a), 1);
	assert_int_equal(lanes_of("{\"id\":\"x-1\"}", a), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_default_body_is_taken_apart),
		cmocka_unit_test(what_is_not_an_object_is_refused),
		cmocka_unit_test(a_key_is_one_lane_and_a_changed_key_two),
		cmocka_unit_test(columns_of_a_key_do_not_run_together),
		cmocka_unit_test(without_a_key_the_table_is_the_lane),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
