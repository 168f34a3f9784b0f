/* SPDX-License-Identifier: MIT */
/* Who is taken and who is left, case by case; at random: ../source/test_tenant_model.c. */
#include "rings.h"

#include <stdio.h>
#include <string.h>

#include "core/deferral.h"

#define CAPACITY 40 /* quota 10, half 20 */
#define TAKEN_MAX 64

struct desk {
	struct deferral *d;
	struct event *taken[TAKEN_MAX];
	size_t count;
};

static void open_desk(struct desk *k, enum ordering order)
{
	const struct deferral_options o = {
		.tenants = {.capacity = CAPACITY, .max_bytes = 400000, .quota = 2500, .max = 10},
		.column = "c",
		.ordering = order};

	*k = (struct desk){.count = 0};
	assert_int_equal(deferral_new(&o, &k->d, NULL), ERR_OK);
}

static void settle_one(struct desk *k, size_t i)
{
	(void)share_give_back(k->taken[i]->share, k->taken[i]->bytes);
	event_free(k->taken[i]);
	k->taken[i] = k->taken[--k->count];
}

/* So many of a tenant's. */
static void settle_some(struct desk *k, const char *tenant, size_t n)
{
	size_t i = 0;

	while (n && i < k->count) {
		if (strstr(k->taken[i]->f.data.s, tenant)) {
			settle_one(k, i);
			n--;
		} else {
			i++;
		}
	}
}

static void settle_of(struct desk *k, const char *tenant)
{
	settle_some(k, tenant, SIZE_MAX);
}

static void close_desk(struct desk *k)
{
	while (k->count)
		settle_one(k, 0);
	deferral_free(k->d);
}

/* Offer one row; was it taken? bytes: of a text in it. */
static bool offer_large(struct desk *k, int64_t id, enum op op, const char *tenant, const char *key,
			int bytes)
{
	char data[50000];
	struct event_fields f = {.id = id, .op = op, .table = TEXT_LIT("t")};
	struct event *ev;

	(void)snprintf(data, sizeof(data), "{\"c\":\"%s\",\"x\":\"%0*d\"}", tenant, bytes, 0);
	if (op != OP_TRUNCATE) {
		f.key = text_of(key);
		f.data = text_of(data);
	}
	assert_int_equal(event_new(&f, &ev, NULL), ERR_OK);
	if (!deferral_takes(k->d, ev)) {
		event_free(ev);
		return false;
	}
	assert_true(k->count < TAKEN_MAX);
	k->taken[k->count++] = ev;
	return true;
}

static bool offer(struct desk *k, int64_t id, const char *tenant, const char *key)
{
	return offer_large(k, id, OP_INSERT, tenant, key, 1);
}

static void begin(struct desk *k, int64_t from)
{
	const struct deferral_read r = {.from = from};

	deferral_begin(k->d, &r, true);
}

/* News: rows first ... last of a tenant, each of a key of its own. How many were taken. */
static size_t news(struct desk *k, int64_t first, int64_t last, const char *tenant)
{
	size_t taken = 0;
	char key[24];

	begin(k, 0);
	for (; first <= last; first++) {
		(void)snprintf(key, sizeof(key), "%lld", (long long)first);
		taken += offer(k, first, tenant, key);
	}
	deferral_end(k->d, 0);
	return taken;
}

static struct deferral_read next(struct desk *k, bool is_more)
{
	struct deferral_read r = {.from = -1};

	if (!deferral_next(k->d, is_more, &r))
		assert_true(r.from == -1);
	return r;
}

static void alone_a_tenant_has_half_of_the_ring(void **state)
{
	struct desk k;

	(void)state;
	open_desk(&k, ORDERING_KEY);
	assert_int_equal(news(&k, 1, 30, "a"), 20);
	assert_int_equal(deferral_floor(k.d), 21);
	/* the others find the other half, within their quotas */
	assert_int_equal(news(&k, 31, 50, "b"), 10);
	assert_int_equal(news(&k, 51, 60, "c"), 10);
	assert_int_equal(news(&k, 61, 70, "a"), 0);
	assert_int_equal(deferral_floor(k.d), 21);
	close_desk(&k);
}

static void beside_others_that_wait_it_has_its_quota(void **state)
{
	struct deferral_read r;
	struct desk k;

	(void)state;
	open_desk(&k, ORDERING_KEY);
	assert_int_equal(news(&k, 1, 30, "a"), 20);
	assert_int_equal(news(&k, 31, 50, "b"), 10);
	/* of 20 it may have 10, and is not asked for at 6 or more */
	settle_some(&k, "\"a\"", 14);
	r = next(&k, false);
	assert_int_equal(r.from, -1);
	settle_of(&k, "\"a\"");
	r = next(&k, false);
	assert_int_equal(r.from, 21);
	assert_int_equal(r.events, 10);
	close_desk(&k);
}

static void it_goes_on_where_it_was_left(void **state)
{
	struct deferral_read r;
	struct desk k;
	int64_t id;
	size_t taken = 0;
	char key[24];

	(void)state;
	open_desk(&k, ORDERING_KEY);
	assert_int_equal(news(&k, 1, 30, "a"), 20);
	settle_of(&k, "\"a\"");
	r = next(&k, false);
	assert_int_equal(r.from, 21);
	begin(&k, r.from);
	for (id = 21; id <= 25; id++) {
		(void)snprintf(key, sizeof(key), "%lld", (long long)id);
		taken += offer(&k, id, "a", key);
	}
	deferral_end(k.d, 26);
	assert_int_equal(taken, 5);
	assert_int_equal(deferral_floor(k.d), 26);
	/* what comes meanwhile is left */
	assert_int_equal(news(&k, 31, 31, "a"), 0);
	/* a read that found nothing more up to the end */
	begin(&k, 26);
	deferral_end(k.d, INT64_MAX);
	assert_true(deferral_floor(k.d) == INT64_MAX);
	assert_int_equal(news(&k, 40, 40, "a"), 1);
	close_desk(&k);
}

/* However often it is asked whose turn it is. */
static void those_with_something_left_take_turns(void **state)
{
	struct desk k;
	int64_t from, last = 0;
	int i;

	(void)state;
	open_desk(&k, ORDERING_KEY);
	assert_int_equal(news(&k, 1, 60, "a"), 20);
	assert_int_equal(news(&k, 61, 100, "b"), 10);
	settle_of(&k, "\"a\"");
	settle_of(&k, "\"b\"");
	for (i = 0; i < 6; i++) {
		from = next(&k, false).from;
		assert_true(from == 21 || from == 71);
		assert_true(from != last);
		assert_int_equal(next(&k, false).from, from);
		assert_int_equal(next(&k, false).from, from);
		begin(&k, from);
		deferral_end(k.d, from);
		last = from;
	}
	close_desk(&k);
}

static void news_and_what_was_left_take_turns(void **state)
{
	struct deferral_read r;
	struct desk k;
	int i, again = 0;

	(void)state;
	open_desk(&k, ORDERING_KEY);
	assert_int_equal(news(&k, 1, 30, "a"), 20);
	settle_of(&k, "\"a\"");
	for (i = 0; i < 10; i++) {
		r = next(&k, true);
		assert_true(r.from >= 0);
		again += r.from > 0;
		begin(&k, r.from);
		deferral_end(k.d, r.from);
	}
	assert_int_equal(again, 5);
	close_desk(&k);
}

static void a_source_that_cannot_return_them_is_left_nothing(void **state)
{
	const struct deferral_read r = {.from = 0};
	struct desk k;
	int64_t id;

	(void)state;
	open_desk(&k, ORDERING_KEY);
	deferral_begin(k.d, &r, false);
	for (id = 1; id <= 40; id++)
		assert_true(offer(&k, id, "a", "1"));
	deferral_end(k.d, 0);
	assert_true(deferral_floor(k.d) == INT64_MAX);
	close_desk(&k);
}

/* Quota and half in bytes: 100,000 and 200,000. */
static void a_large_row_is_not_asked_for_before_it_fits(void **state)
{
	struct deferral_read r;
	struct desk k;
	int64_t id;

	(void)state;
	open_desk(&k, ORDERING_KEY);
	begin(&k, 0);
	for (id = 1; id <= 4; id++)
		assert_true(offer_large(&k, id, OP_INSERT, "a", "1", 39000));
	for (id = 5; id <= 6; id++)
		(void)offer_large(&k, id, OP_INSERT, "a", "1", 49000);
	deferral_end(k.d, 0);
	assert_int_equal(k.count, 4);
	assert_int_equal(news(&k, 11, 40, "b"), 10); /* so that nobody may borrow */
	settle_some(&k, "\"a\"", 3);
	/* 39,000 of 100,000, and 49,000 fit */
	r = next(&k, false);
	assert_int_equal(r.from, 5);
	begin(&k, 5);
	assert_true(offer_large(&k, 5, OP_INSERT, "a", "1", 49000));
	assert_false(offer_large(&k, 6, OP_INSERT, "a", "1", 49000));
	deferral_end(k.d, 7);
	r = next(&k, false);
	assert_int_equal(r.from, -1);
	close_desk(&k);
}

static void one_row_is_let_through_however_large(void **state)
{
	struct desk k;

	(void)state;
	open_desk(&k, ORDERING_KEY);
	assert_int_equal(news(&k, 1, 30, "b"), 20);
	begin(&k, 0);
	assert_true(offer_large(&k, 31, OP_INSERT, "a", "1", 49000));
	deferral_end(k.d, 0);
	close_desk(&k);
}

static void a_row_that_moves_waits_for_the_tenant_it_comes_from(void **state)
{
	struct deferral_read r;
	struct desk k;

	(void)state;
	open_desk(&k, ORDERING_KEY);
	assert_int_equal(news(&k, 1, 30, "a"), 20);
	begin(&k, 0);
	assert_true(offer(&k, 31, "b", "7"));   /* row 7 was taken for a */
	assert_false(offer(&k, 32, "b", "25")); /* row 25 was left */
	assert_false(offer(&k, 33, "b", "99")); /* behind it */
	assert_true(offer(&k, 34, "c", "98"));
	deferral_end(k.d, 0);
	settle_of(&k, "\"b\"");
	/* b has room, but waits for a, which has none */
	assert_int_equal(next(&k, false).from, -1);
	settle_of(&k, "\"a\"");
	r = next(&k, false);
	assert_int_equal(r.from, 21);
	begin(&k, 21);
	deferral_end(k.d, 30); /* a's are gone, but for 30 */
	r = next(&k, false);
	assert_true(r.from == 30 || r.from == 32);
	begin(&k, 32);
	assert_false(offer(&k, 32, "b", "25"));
	deferral_end(k.d, 33);
	begin(&k, 30);
	assert_true(offer(&k, 30, "a", "30"));
	assert_true(offer(&k, 32, "b", "25"));
	assert_true(offer(&k, 33, "b", "99"));
	deferral_end(k.d, INT64_MAX);
	assert_true(deferral_floor(k.d) == INT64_MAX);
	close_desk(&k);
}

static void without_order_nobody_waits_for_a_key(void **state)
{
	struct desk k;

	(void)state;
	open_desk(&k, ORDERING_NONE);
	assert_int_equal(news(&k, 1, 30, "a"), 20);
	begin(&k, 0);
	assert_true(offer(&k, 31, "b", "25"));
	assert_true(offer_large(&k, 32, OP_TRUNCATE, "", "", 1));
	deferral_end(k.d, 0);
	close_desk(&k);
}

static void rows_without_key_wait_for_each_other(void **state)
{
	struct desk k;
	int64_t id;

	(void)state;
	open_desk(&k, ORDERING_KEY);
	begin(&k, 0);
	for (id = 1; id <= 30; id++)
		(void)offer(&k, id, "a", NULL);
	assert_int_equal(k.count, 20);
	assert_false(offer(&k, 31, "b", NULL));
	assert_true(offer(&k, 32, "c", "1"));
	deferral_end(k.d, 0);
	close_desk(&k);
}

static void a_truncate_is_a_wall(void **state)
{
	struct deferral_stats st;
	struct desk k;

	(void)state;
	open_desk(&k, ORDERING_KEY);
	assert_int_equal(news(&k, 1, 30, "a"), 20);
	begin(&k, 0);
	assert_true(offer(&k, 31, "b", "31"));
	assert_false(offer_large(&k, 32, OP_TRUNCATE, "", "", 1));
	assert_false(offer(&k, 33, "b", "33"));
	deferral_end(k.d, 0);
	deferral_stats(k.d, &st);
	assert_true(st.walled);
	assert_int_equal(next(&k, true).from, -1); /* news, too, wait */
	settle_of(&k, "\"a\"");
	assert_int_equal(next(&k, true).from, 21);
	begin(&k, 21);
	assert_false(offer(&k, 33, "b", "33"));
	deferral_end(k.d, INT64_MAX);
	/* nothing before it is left: it is news again, from there on */
	assert_int_equal(next(&k, false).from, 32);
	begin(&k, 32);
	assert_true(offer_large(&k, 32, OP_TRUNCATE, "", "", 1));
	assert_true(offer(&k, 33, "b", "33"));
	deferral_end(k.d, INT64_MAX);
	deferral_stats(k.d, &st);
	assert_false(st.walled);
	assert_int_equal(next(&k, false).from, -1);
	close_desk(&k);
}

/* A transaction that truncates and commits late: there are rows left behind its number, one of
 * them tied to all that is before it. */
static void a_late_wall_waits_only_for_what_is_before_it(void **state)
{
	struct deferral_stats st;
	struct desk k;

	(void)state;
	open_desk(&k, ORDERING_KEY);
	assert_int_equal(news(&k, 1, 21, "a"), 20);
	assert_int_equal(news(&k, 31, 40, "b"), 10);
	begin(&k, 0);
	assert_false(offer(&k, 41, "b", "21")); /* the key of the row that "a" has left */
	assert_false(offer(&k, 60, "c", "21")); /* ... and now two of them */
	deferral_end(k.d, 0);
	begin(&k, 0);
	assert_false(offer_large(&k, 55, OP_TRUNCATE, "", "", 1));
	deferral_end(k.d, 0);
	while (k.count)
		settle_one(&k, 0);
	assert_int_equal(next(&k, true).from, 21);
	begin(&k, 21);
	assert_true(offer(&k, 21, "a", "21"));
	deferral_end(k.d, 22);
	assert_int_equal(next(&k, true).from, 41);
	begin(&k, 41);
	assert_true(offer(&k, 41, "b", "21"));
	deferral_end(k.d, 42);
	/* nobody has anything left before the wall */
	assert_int_equal(next(&k, false).from, 55);
	begin(&k, 55);
	assert_true(offer_large(&k, 55, OP_TRUNCATE, "", "", 1));
	assert_true(offer(&k, 60, "c", "21"));
	deferral_end(k.d, INT64_MAX);
	deferral_stats(k.d, &st);
	assert_false(st.walled);
	assert_int_equal(next(&k, false).from, -1);
	close_desk(&k);
}

static void a_lost_connection_forgets_what_was_left(void **state)
{
	struct desk k;

	(void)state;
	open_desk(&k, ORDERING_KEY);
	assert_int_equal(news(&k, 1, 30, "a"), 20);
	while (k.count)
		settle_one(&k, 0);
	deferral_reset(k.d);
	assert_true(deferral_floor(k.d) == INT64_MAX);
	assert_int_equal(news(&k, 21, 30, "a"), 10);
	close_desk(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(alone_a_tenant_has_half_of_the_ring),
		cmocka_unit_test(beside_others_that_wait_it_has_its_quota),
		cmocka_unit_test(it_goes_on_where_it_was_left),
		cmocka_unit_test(those_with_something_left_take_turns),
		cmocka_unit_test(news_and_what_was_left_take_turns),
		cmocka_unit_test(a_source_that_cannot_return_them_is_left_nothing),
		cmocka_unit_test(a_large_row_is_not_asked_for_before_it_fits),
		cmocka_unit_test(one_row_is_let_through_however_large),
		cmocka_unit_test(a_row_that_moves_waits_for_the_tenant_it_comes_from),
		cmocka_unit_test(without_order_nobody_waits_for_a_key),
		cmocka_unit_test(rows_without_key_wait_for_each_other),
		cmocka_unit_test(a_truncate_is_a_wall),
		cmocka_unit_test(a_late_wall_waits_only_for_what_is_before_it),
		cmocka_unit_test(a_lost_connection_forgets_what_was_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
