/* SPDX-License-Identifier: MIT */
#include "parcel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define EVENT(n, k)                                                                                \
	"{\"id\":\"a-" n "\",\"pipeline\":\"p\",\"schema\":null,\"table\":\"t\",\"key\":{\"k\":" k \
	"}}"

static struct ledger *ledger;
static struct parcel parcel;
static struct journal journal = {.fd = -1};

static int setup(void **state)
{
	(void)state;
	return ledger_new(&ledger, NULL) == ERR_OK ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	parcel_done(&parcel);
	ledger_free(ledger);
	return 0;
}

static void come(struct parcel *p, const char *body)
{
	assert_int_equal(parcel_open(p, TEXT_LIT("r-1"), text_of(body), ledger, NULL), ERR_OK);
}

static void answer(struct parcel *p, int status)
{
	const struct journal_line line = {.status = status};

	parcel_close(p, ledger, &journal, &line);
}

static void assert_item(size_t i, const char *id, int lanes)
{
	char got[64];

	(void)snprintf(got, sizeof(got), "%.*s", (int)parcel.items[i].id.len, parcel.items[i].id.s);
	assert_string_equal(got, id);
	assert_int_equal(parcel.items[i].entry.lane_count, lanes);
}

static void each_event_of_an_array_counts(void **state)
{
	(void)state;
	come(&parcel, " [" EVENT("1", "1") ", " EVENT("2", "2") "," EVENT("3", "1") "]");
	assert_int_equal(parcel.count, 3);
	assert_item(0, "a-1", 1);
	assert_item(2, "a-3", 1);
	answer(&parcel, 200);
	assert_int_equal(ledger_stats(ledger).distinct, 3);
	assert_int_equal(ledger_stats(ledger).overlaps, 0);
	come(&parcel, "[" EVENT("3", "1") "," EVENT("5", "2") "," EVENT("4", "2") "]");
	answer(&parcel, 200);
	assert_int_equal(ledger_stats(ledger).duplicates, 1);
	assert_int_equal(ledger_stats(ledger).out_of_order, 1);
	assert_int_equal(ledger_stats(ledger).lanes, 2);
}

static void two_requests_overlap_in_a_key(void **state)
{
	struct parcel other = {.items = NULL};

	(void)state;
	come(&parcel, "[" EVENT("1", "1") "," EVENT("2", "1") "]");
	come(&other, "[" EVENT("3", "2") "," EVENT("4", "1") "]");
	assert_int_equal(ledger_stats(ledger).overlaps, 1);
	answer(&parcel, 500);
	answer(&other, 0);
	assert_int_equal(ledger_stats(ledger).distinct, 0);
	parcel_done(&other);
}

static void a_single_event_has_the_id_of_its_request(void **state)
{
	(void)state;
	come(&parcel, EVENT("7", "1"));
	assert_false(parcel.is_array);
	assert_item(0, "r-1", 1);
	answer(&parcel, 200);
	come(&parcel, "no JSON");
	assert_item(0, "r-1", 0);
	answer(&parcel, 200);
	come(&parcel, "[]");
	assert_int_equal(parcel.count, 0);
	assert_int_equal(parcel_load(&parcel).attempt, 1);
	answer(&parcel, 200);
}

static void envelopes_are_opened(void **state)
{
	(void)state;
	come(&parcel, "[{\"type\":\"x\",\"data\":" EVENT(
			      "1", "1") "},"
					"{\"specversion\":\"1.0\",\"id\":\"a-2\",\"data\":" EVENT(
						"2", "1") "},"
							  "{\"before\":{\"k\":2},\"after\":null,"
							  "\"source\":{\"name\":\"p\","
							  "\"schema\":null,\"table\":\"t\",\"id\":"
							  "\"a-3\",\"key\":{\"k\":1}}}]");
	assert_item(0, "a-1", 1);
	assert_item(1, "a-2", 1);
	assert_item(2, "a-3", 2);
	assert_true(parcel.items[0].entry.lane[0] == parcel.items[1].entry.lane[0]);
	assert_true(parcel.items[0].entry.lane[0] == parcel.items[2].entry.lane[0]);
	answer(&parcel, 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(each_event_of_an_array_counts, setup, teardown),
		cmocka_unit_test_setup_teardown(two_requests_overlap_in_a_key, setup, teardown),
		cmocka_unit_test_setup_teardown(a_single_event_has_the_id_of_its_request, setup,
						teardown),
		cmocka_unit_test_setup_teardown(envelopes_are_opened, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
