/* SPDX-License-Identifier: MIT */
/*
 * Fail each allocation of the core layer in turn: the error comes back, nothing leaks, nothing is
 * half done, and what cannot fail does not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/fd.h"
#include "core/acks.h"
#include "core/deferral.h"
#include "core/event.h"
#include "core/label_set.h"
#include "core/position.h"
#include "core/ring.h"
#include "torture.h"

#define EVENTS 200

/* Push one event; on an error it is freed, and the ring is as before. */
static ATTR_MUST_CHECK enum err_code push_one(struct ring *r, int64_t id)
{
	char key[24];
	struct event_fields f = {.id = id, .table = TEXT_LIT("t"), .old_key = TEXT_LIT("0")};
	struct ring_stats before = ring_stats(r);
	struct event *ev;
	enum err_code rc;

	(void)snprintf(key, sizeof(key), "%d", (int)id);
	f.key = text_of(key);
	f.op = id % 50 == 0 ? OP_TRUNCATE : OP_UPDATE;
	if (id % 3 != 0)
		f.old_key = TEXT_NONE;
	rc = event_new(&f, &ev, NULL);
	if (rc != ERR_OK)
		return rc;
	rc = ring_push(r, &ev);
	if (rc != ERR_OK) {
		assert_int_equal(rc, ERR_NOMEM);
		assert_non_null(ev);
		event_free(ev);
		assert_int_equal(ring_stats(r).events, before.events);
		assert_int_equal(ring_stats(r).bytes, before.bytes);
		assert_int_equal(ring_stats(r).lanes, before.lanes);
	}
	return rc;
}

/* Take what there is, settle it, and so on until the ring is empty: none of it can fail. */
static void drain(struct ring *r)
{
	struct event *out[16];
	int64_t now_us = 0;
	size_t n, i;

	while ((n = ring_take(r, ++now_us, out, ARRAY_LEN(out))) > 0) {
		for (i = 1; i < n; i++) {
			ring_settle(r, out[i], EVENT_DELIVERED);
			event_free(out[i]);
		}
		if (now_us % 2 == 0) {
			ring_retry(r, out[0], now_us);
			continue;
		}
		ring_settle(r, out[0], EVENT_DEAD);
		event_free(out[0]);
	}
	assert_int_equal(ring_stats(r).events, 0);
	assert_int_equal(ring_stats(r).lanes, 0);
}

static enum err_code use_ring(void *ctx)
{
	struct ring_options o = {.capacity = EVENTS, .max_bytes = 1 << 20};
	struct event *inflight;
	struct ring *r;
	enum err_code rc;
	int64_t id;

	(void)ctx;
	rc = ring_new(&o, &r, NULL);
	if (rc != ERR_OK)
		return rc;
	for (id = 1; id <= EVENTS && rc == ERR_OK; id++)
		rc = push_one(r, id);
	drain(r);
	if (rc != ERR_OK)
		goto out_free;
	for (id = 1; id <= EVENTS && rc == ERR_OK; id++)
		rc = push_one(r, id);
	if (ring_take(r, 0, &inflight, 1) == 1) {
		(void)ring_clear(r);
		assert_int_equal(ring_stats(r).events, 1);
		ring_release(r, inflight);
	}
out_free:
	ring_free(r);
	return rc;
}

/* Grow with most acks not taken, then take them little by little, which shrinks. */
static ATTR_MUST_CHECK enum err_code fill_and_drain(struct acks *a)
{
	struct ack out[EVENTS / 4];
	enum err_code rc = ERR_OK;
	size_t count = 0;
	size_t n;
	int i;

	for (i = 1; i <= EVENTS * 3 && rc == ERR_OK; i++) {
		rc = acks_reserve(a, 1, NULL);
		if (rc != ERR_OK)
			break;
		acks_push(a, &(struct ack){.id = i});
		count++;
	}
	for (i = 1; count > 0; count -= n) {
		size_t at;

		n = acks_take(a, out, ARRAY_LEN(out));
		for (at = 0; at < n; at++)
			assert_int_equal(out[at].id, i++);
	}
	return rc;
}

static enum err_code use_acks(void *ctx)
{
	struct acks *a;
	int fd = -1;
	enum err_code rc = fd_wake_open(&fd, NULL);

	(void)ctx;
	assert_int_equal(rc, ERR_OK);
	rc = acks_new(fd, EVENTS, &a, NULL);
	if (rc != ERR_OK)
		goto out_close;
	rc = fill_and_drain(a);
	acks_free(a);
out_close:
	fd_close(&fd);
	return rc;
}

static ATTR_MUST_CHECK enum err_code see_one(struct position *p, int64_t id)
{
	struct position_stats before = position_stats(p);
	struct position_stats after;
	enum err_code rc;
	bool is_new;

	rc = position_see(p, id, &is_new, NULL);
	if (rc == ERR_OK)
		return rc;
	after = position_stats(p);
	assert_int_equal(after.cursor, before.cursor);
	assert_int_equal(after.gaps, before.gaps);
	assert_int_equal(after.outstanding, before.outstanding);
	return rc;
}

static enum err_code use_position(void *ctx)
{
	struct position *p;
	enum err_code rc;
	int64_t id;

	(void)ctx;
	rc = position_new(100, &p, NULL);
	if (rc != ERR_OK)
		return rc;
	rc = position_hold(p, 3, NULL);
	for (id = 1; id <= 300 && rc == ERR_OK; id++)
		rc = see_one(p, id * 3);
	for (id = 1; id <= 300 && rc == ERR_OK; id++)
		rc = see_one(p, id * 3 - 1);
	for (id = 1; id <= 900; id++)
		position_forget(p, id);
	position_close_gaps(p, 890);
	position_reset(p);
	if (rc == ERR_OK)
		rc = see_one(p, 7);
	position_free(p);
	return rc;
}

static void a_ring_survives_every_failed_allocation(void **state)
{
	(void)state;
	torture_run(use_ring, NULL);
}

static void acks_survive_every_failed_allocation(void **state)
{
	(void)state;
	torture_run(use_acks, NULL);
}

static void a_position_survives_every_failed_allocation(void **state)
{
	(void)state;
	torture_run(use_position, NULL);
}

/* Without memory for a label it is other; what is there stays. */
static ATTR_MUST_CHECK enum err_code use_label_set(void *ctx)
{
	const struct label_set_options o = {.max_values = 4, .counters = 1};
	struct label_set *s = NULL;
	struct err e;
	enum err_code rc = label_set_new(&o, &s, &e);

	(void)ctx;
	if (rc != ERR_OK)
		return rc;
	label_add(label_set_find(s, TEXT_LIT("a")), 0, 1);
	if (label_set_stats(s).values == 0)
		rc = ERR_NOMEM;
	label_add(label_set_find(s, TEXT_LIT("a")), 0, 1);
	assert_true(label_get(label_set_find(s, TEXT_LIT("a")), 0) >= (rc == ERR_OK ? 2 : 1));
	label_set_free(s);
	return rc;
}

static void a_label_set_survives_every_failed_allocation(void **state)
{
	(void)state;
	torture_run(use_label_set, NULL);
}

/* Rows of one tenant that are over its quota, and of another: none needs memory. */
static ATTR_MUST_CHECK enum err_code use_deferral(void *ctx)
{
	struct deferral_options o = {
		.tenants = {.capacity = 4, .max_bytes = 1 << 20, .quota = 100, .max = 4},
		.column = "c"};
	struct event_fields f = {.op = OP_INSERT,
				 .table = TEXT_LIT("t"),
				 .key = TEXT_LIT("1"),
				 .data = TEXT_LIT("{\"c\":\"a\\u0020b\"}")};
	struct deferral_read news = {.from = 0};
	struct event *events[4] = {NULL};
	struct deferral *d = NULL;
	struct err e;
	enum err_code rc = deferral_new(&o, &d, &e);
	size_t i, taken = 0;

	(void)ctx;
	if (rc != ERR_OK)
		return rc;
	deferral_begin(d, &news, true);
	for (i = 0; i < 4 && rc == ERR_OK; i++) {
		f.id = (int64_t)i + 1;
		rc = event_new(&f, &events[i], &e);
		if (rc == ERR_OK)
			taken += deferral_takes(d, events[i]);
	}
	deferral_end(d, 0);
	if (rc == ERR_OK)
		assert_int_equal(taken, 2);
	for (i = 0; i < 4; i++)
		event_free(events[i]);
	deferral_free(d);
	return rc;
}

static void a_deferral_survives_every_failed_allocation(void **state)
{
	(void)state;
	torture_run(use_deferral, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_ring_survives_every_failed_allocation),
		cmocka_unit_test(acks_survive_every_failed_allocation),
		cmocka_unit_test(a_position_survives_every_failed_allocation),
		cmocka_unit_test(a_label_set_survives_every_failed_allocation),
		cmocka_unit_test(a_deferral_survives_every_failed_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
