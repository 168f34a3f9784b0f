/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "core/tenant_column.h"
#include "core/tenant_guard.h"
#include "core/tenants.h"

static struct tenants *open_tenants(size_t capacity, size_t max)
{
	static const struct tenant_quota named[] = {{"gold", 500}, {"silver", 300}};
	struct tenants_options o = {.capacity = capacity,
				    .max_bytes = capacity * 10000,
				    .quota = 100,
				    .named = named,
				    .named_count = 2,
				    .max = max};
	struct tenants *t = NULL;

	assert_int_equal(tenants_new(&o, &t, NULL), ERR_OK);
	return t;
}

static struct tenant *find(struct tenants *t, const char *name)
{
	return tenants_find(t, text_of(name));
}

static void quotas_are_parts_of_the_ring(void **state)
{
	struct tenants *t = open_tenants(10000, 10);

	(void)state;
	assert_int_equal(find(t, "any")->quota_events, 100);
	assert_int_equal(find(t, "any")->quota_bytes, 1000000);
	assert_int_equal(find(t, "gold")->quota_events, 500);
	assert_int_equal(find(t, "silver")->quota_events, 300);
	assert_int_equal(find(t, "any")->share.step, 5 * find(t, "gold")->share.step);
	tenants_free(t);
}

static void quotas_of_small_rings_let_something_through(void **state)
{
	static const struct {
		size_t capacity, quota;
	} cases[] = {{1, 1}, {4, 1}, {8, 2}, {40, 10}, {100, 16}, {1600, 16}, {2000, 20}};
	struct tenants *t;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		t = open_tenants(cases[i].capacity, 10);
		assert_int_equal(find(t, "any")->quota_events, cases[i].quota);
		tenants_free(t);
	}
}

static void the_longest_unused_gives_up_its_place(void **state)
{
	struct tenants *t = open_tenants(1000, 2);
	struct tenant *a = find(t, "a"), *b = find(t, "b"), *c;
	struct tenants_stats st;

	(void)state;
	a->taken = 5;
	assert_ptr_equal(find(t, "a"), a);
	c = find(t, "c");
	assert_ptr_equal(c, b);
	assert_string_equal(c->name, "c");
	assert_ptr_equal(find(t, "a"), a);
	assert_string_equal(find(t, "gold")->name, "gold");
	/* what it was counted is not lost */
	c->taken = 3;
	assert_ptr_equal(find(t, "a"), a);
	assert_ptr_equal(find(t, "d"), c);
	tenants_stats(t, &st);
	assert_int_equal(st.others.taken, 3);
	assert_string_equal(st.others.name, "other");
	assert_int_equal(st.known, 4);
	assert_string_equal(st.tenants[0].name, "a");
	assert_int_equal(st.tenants[0].taken, 5);
	tenants_free(t);
}

static void who_has_something_keeps_its_place_and_others_share_one(void **state)
{
	struct tenants *t = open_tenants(1000, 2);
	struct tenant *a = find(t, "a"), *b = find(t, "b"), *other;

	(void)state;
	share_take(&a->share, 10);
	b->from = b->upto = 7;
	other = find(t, "c");
	assert_ptr_equal(other, find(t, "d"));
	assert_ptr_not_equal(other, a);
	assert_ptr_not_equal(other, b);
	assert_ptr_equal(tenants_at(t, other->index), other);
	assert_ptr_equal(tenants_at(t, b->index), b);
	assert_null(tenants_at(t, 0));
	assert_null(tenants_at(t, 99));
	/* something of the shared one is left behind: nobody new is told apart */
	other->from = other->upto = 9;
	(void)share_give_back(&a->share, 10);
	assert_ptr_equal(find(t, "e"), other);
	other->from = 0;
	assert_ptr_equal(find(t, "e"), a);
	tenants_free(t);
}

static void a_long_name_is_cut_between_characters(void **state)
{
	struct tenants *t = open_tenants(1000, 2);
	char name[80];

	(void)state;
	memset(name, 'x', sizeof(name));
	memcpy(name + 63, "\xc3\xa4", 2);
	name[79] = '\0';
	assert_int_equal(strlen(find(t, name)->name), 63);
	assert_ptr_equal(find(t, name), find(t, name));
	tenants_free(t);
}

static void the_first_twenty_are_told_and_the_rest_summed(void **state)
{
	struct tenants *t = open_tenants(1000, 40);
	struct tenants_stats st;
	char name[16];
	int i;

	(void)state;
	for (i = 0; i < 30; i++) {
		(void)snprintf(name, sizeof(name), "t%d", i);
		find(t, name)->taken = 100 + (i * 7) % 30;
	}
	find(t, "other")->taken = 1000;
	tenants_stats(t, &st);
	assert_int_equal(st.told, TENANTS_TOLD);
	for (i = 0; i < TENANTS_TOLD; i++)
		assert_int_equal(st.tenants[i].taken, 129 - i);
	/* 100 ... 109, and the one that is called like their sum */
	assert_int_equal(st.others.taken, 1045 + 1000);
	tenants_free(t);
}

static void a_share_tells_once_when_there_is_room(void **state)
{
	struct share all = {0}, s = {.all = &all};
	int i;

	(void)state;
	for (i = 0; i < 4; i++)
		share_take(&s, 10);
	assert_int_equal(all.events, 4);
	assert_false(share_is_down_to(&s, 2, 1000));
	assert_false(share_give_back(&s, 10));
	assert_true(share_give_back(&s, 10));
	assert_false(share_give_back(&s, 10));
	assert_true(share_is_down_to(&s, 2, 1000));
	assert_false(share_is_down_to(&s, 2, 9));
	assert_true(share_give_back(&s, 10));
	assert_int_equal(all.bytes, 0);
	/* one that gets smaller inside is smaller for both */
	share_take(&s, 10);
	share_shrink(&s, 4);
	assert_int_equal(s.bytes, 6);
	assert_int_equal(all.bytes, 6);
	assert_false(share_give_back(&s, 6));
	assert_int_equal(all.bytes, 0);
}

/* ---- keys ---- */

static void a_guard_knows_whose_keys_were_left(void **state)
{
	struct tenant_guard *g = NULL;
	uint64_t key;

	(void)state;
	assert_int_equal(tenant_guard_new(&g, NULL), ERR_OK);
	for (key = 1; key <= 1000; key++)
		tenant_guard_add(g, key * 0x9e3779b97f4a7c15ULL, 2, (int64_t)key, 1);
	for (key = 1; key <= 1000; key++) {
		assert_int_equal(tenant_guard_find(g, key * 0x9e3779b97f4a7c15ULL, 2), 0);
		assert_int_equal(tenant_guard_find(g, key * 0x9e3779b97f4a7c15ULL, 3), 2);
	}
	for (key = 2000; key <= 3000; key++)
		assert_int_equal(tenant_guard_find(g, key * 0x9e3779b97f4a7c15ULL, 3), 0);
	tenant_guard_add(g, 0x9e3779b97f4a7c15ULL, 3, 2000, 1);
	assert_int_equal(tenant_guard_find(g, 0x9e3779b97f4a7c15ULL, 2), GUARD_SEVERAL);
	tenant_guard_clear(g);
	assert_int_equal(tenant_guard_find(g, 0x9e3779b97f4a7c15ULL, 4), 0);
	tenant_guard_free(g);
}

/* Keys of one generation after the other; those of the last two are known. */
static void a_guard_forgets_what_has_been_taken(void **state)
{
	const uint64_t odd = 0x9e3779b97f4a7c15ULL;
	struct tenant_guard *g = NULL;
	uint64_t key, wrong = 0;

	(void)state;
	assert_int_equal(tenant_guard_new(&g, NULL), ERR_OK);
	for (key = 1; key <= 4 * GUARD_ROWS; key++)
		tenant_guard_add(g, key * odd, 2, (int64_t)key,
				 (int64_t)key - GUARD_ROWS + 1 > 0 ? (int64_t)key - GUARD_ROWS + 1
								   : 1);
	for (key = 3 * GUARD_ROWS + 1; key <= 4 * GUARD_ROWS; key += 100)
		assert_int_equal(tenant_guard_find(g, key * odd, 3), 2);
	for (key = 1; key <= GUARD_ROWS; key += 100)
		wrong += tenant_guard_find(g, key * odd, 3) != 0;
	assert_true(wrong < GUARD_ROWS / 100 / 20);
	tenant_guard_free(g);
}

/* ---- columns ---- */

static void the_column_is_found_in_the_row(void **state)
{
	static const struct {
		const char *data, *old_data, *want;
	} cases[] = {
		{"{\"id\":1,\"owner\":\"acme\"}", NULL, "acme"},
		{"{ \"owner\" : 17 , \"id\":1}", NULL, "17"},
		{"{\"owner\":\"a\\u00e4\\\"b\"}", NULL, "a\xc3\xa4\"b"},
		{"{\"own\\u0065r\":\"x\"}", NULL, "x"},
		{"{\"owner\":null}", NULL, ""},
		{"{\"owner\":\"\"}", NULL, ""},
		{"{\"id\":1}", NULL, ""},
		{NULL, "{\"owner\":\"gone\"}", "gone"},
		{"{\"owner\":\"new\"}", "{\"owner\":\"old\"}", "new"},
		{"{\"x\":{\"owner\":\"inner\"},\"owner\":true}", NULL, "true"},
		{"no json", NULL, ""},
		{NULL, NULL, ""},
	};
	struct event_fields f = {.id = 1};
	struct buf scratch;
	struct text got;
	size_t i;

	(void)state;
	buf_init(&scratch, 100);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		f.data = text_of(cases[i].data);
		f.old_data = text_of(cases[i].old_data);
		got = tenant_column_of(&f, TEXT_LIT("owner"), &scratch);
		assert_true(text_eq(got, text_of(cases[i].want)));
	}
	buf_done(&scratch);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quotas_are_parts_of_the_ring),
		cmocka_unit_test(quotas_of_small_rings_let_something_through),
		cmocka_unit_test(the_longest_unused_gives_up_its_place),
		cmocka_unit_test(who_has_something_keeps_its_place_and_others_share_one),
		cmocka_unit_test(a_long_name_is_cut_between_characters),
		cmocka_unit_test(the_first_twenty_are_told_and_the_rest_summed),
		cmocka_unit_test(a_share_tells_once_when_there_is_room),
		cmocka_unit_test(a_guard_knows_whose_keys_were_left),
		cmocka_unit_test(a_guard_forgets_what_has_been_taken),
		cmocka_unit_test(the_column_is_found_in_the_row),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
