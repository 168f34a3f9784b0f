/* SPDX-License-Identifier: MIT */
/* The turns of tenants in the ring. */
#include "rings.h"

#include <stdio.h>

#include "core/tenants.h"

static void push_for(struct ring *r, struct tenant *t, int64_t id, const char *key)
{
	struct event *ev = event_of_key(id, key);

	ev->share = &t->share;
	share_take(ev->share, ev->bytes);
	push(r, ev);
}

static void tenants_take_turns_by_their_quotas(void **state)
{
	static const struct tenant_quota named[] = {{"gold", 300}};
	/* one of a for three of gold; b comes late, and goes before the second of a */
	static const int64_t order[] = {101, 102, 103, 1, 104, 105, 106, 201, 2};
	const struct tenants_options o = {.capacity = 1000,
					  .max_bytes = 1 << 20,
					  .quota = 100,
					  .named = named,
					  .named_count = 1,
					  .max = 5};
	struct ring *r = open_ring(1000, 1 << 20, ORDERING_KEY, NULL);
	struct tenants *t = NULL;
	char key[16];
	size_t i;

	(void)state;
	assert_int_equal(tenants_new(&o, &t, NULL), ERR_OK);
	for (i = 1; i <= 20; i++) {
		(void)snprintf(key, sizeof(key), "a%zu", i);
		push_for(r, tenants_find(t, TEXT_LIT("a")), (int64_t)i, key);
	}
	for (i = 1; i <= 20; i++) {
		(void)snprintf(key, sizeof(key), "g%zu", i);
		push_for(r, tenants_find(t, TEXT_LIT("gold")), (int64_t)(100 + i), key);
	}
	for (i = 0; i < ARRAY_LEN(order); i++) {
		if (i == 3)
			push_for(r, tenants_find(t, TEXT_LIT("b")), 201, "b");
		settle(r, take_one(r, NOW, order[i]));
	}
	assert_int_equal(tenants_all(t)->events, 41 - ARRAY_LEN(order));
	ring_free(r);
	assert_int_equal(tenants_all(t)->events, 0);
	tenants_free(t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tenants_take_turns_by_their_quotas),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
