/* SPDX-License-Identifier: MIT */
/* What is parked by the workers, what goes on, and what becomes of parked events that are sent. */
#include "sink/park.h"

#include <string.h>

#include "pool_fixture.h"

#define S CLOCK_US_PER_S

static const int64_t steps[] = {60 * S, 3600 * S};

static void rig_park(struct rig *r, struct parked **ret_p, size_t max_keys)
{
	const struct parked_options o = {.ordering = ORDERING_KEY,
					 .steps_us = steps,
					 .step_count = ARRAY_LEN(steps),
					 .max_keys = max_keys,
					 .max_loaded = 100};

	assert_int_equal(parked_new(&o, ret_p, NULL), ERR_OK);
	pool_bind_parked(r->pool, 0, *ret_p);
	r->pipelines[0].parked = *ret_p;
	r->pipelines[0].ring = r->ring[0];
}

static const size_t first[] = {0};

/* ---- through the pool ---- */

static bool serve_poison(struct peer *p, struct peer_request *q)
{
	const int *poison = p->ctx;

	return peer_answer(q->fd, id_of(q) <= *poison ? 502 : 200, "", "");
}

static const struct ack *ack_of(const struct rig *r, int64_t id)
{
	size_t i;

	for (i = 0; i < r->got_count; i++)
		if (r->got[i].id == id)
			return &r->got[i];
	fail_msg("no acknowledgement of %lld", (long long)id);
	return NULL;
}

static void begin(struct rig *r, struct peer *p, int *poison, struct parked **parked)
{
	assert_true(peer_start(p, serve_poison, poison));
	settings_init(&r->settings[0], p->url);
	r->settings[0].retry_count = 1;
	rig_open(r, 1, first, 2);
	rig_park(r, parked, 100);
	assert_int_equal(pool_start(r->pool, NULL), ERR_OK);
}

static void end(struct rig *r, struct peer *p, struct parked *parked)
{
	UNTIL(ring_stats(r->ring[0]).events == 0);
	rig_close(r);
	parked_free(parked);
	peer_stop(p);
}

static void what_used_up_its_retries_is_parked_and_its_key_behind_it(void **state)
{
	struct parked *parked;
	struct rig r = {0};
	struct peer p;
	int poison = 1, i;
	int64_t wall_us = clock_wall_us(clock_system());
	const struct ack *a;

	(void)state;
	begin(&r, &p, &poison, &parked);
	for (i = 1; i <= 3; i++)
		push(&r, 0, i, 1);
	/* others get through all the time: it is the event that is to blame */
	for (i = 100; r.got_count < 3 || !parked_stats(parked).rows; i++) {
		push(&r, 0, i, i);
		await(&r, r.got_count + 1);
	}
	UNTIL(parked_stats(parked).rows == 3);
	await(&r, (size_t)(i - 100) + 3);
	a = ack_of(&r, 1);
	assert_int_equal(a->outcome, ACK_PARKED);
	assert_false(a->from_parked);
	assert_int_equal(a->attempts, 2);
	assert_int_equal(a->step, 0);
	assert_int_equal(a->last_status, 502);
	assert_string_equal(a->reason, "HTTP 502");
	assert_in_range(a->due_wall_us, wall_us + steps[0], wall_us + steps[0] + 60 * S);
	for (i = 2; i <= 3; i++) {
		assert_int_equal(ack_of(&r, i)->outcome, ACK_PARKED);
		assert_int_equal(ack_of(&r, i)->due_wall_us, 0);
		assert_int_equal(ack_of(&r, i)->attempts, 0);
		assert_true(ack_of(&r, i)->row_hash[0] == a->row_hash[0]);
		assert_true(ack_of(&r, i)->table_hash == a->table_hash);
		assert_true(ack_of(&r, i) > a);
	}
	assert_true(ack_of(&r, 3) > ack_of(&r, 2));
	assert_true(ack_of(&r, 100)->outcome == ACK_DELIVERED);
	assert_int_equal(p.requests,
			 2 + webhook_stats(r.webhook[0]).held + (int64_t)r.got_count - 3);
	end(&r, &p, parked);
}

/* As the runner does: read what is parked of key 1, `late_us` after now. */
static void load(struct rig *r, struct parked *parked, const struct event_fields *rows, size_t n,
		 int64_t late_us, bool ended)
{
	int64_t wall_us = clock_wall_us(clock_system()) + late_us;
	struct parked_pick pick;
	struct event *ev[2];
	size_t i;

	assert_true(n <= ARRAY_LEN(ev));
	assert_true(parked_pick(parked, now(), wall_us, &pick));
	assert_int_equal(pick.by, PARKED_BY_ROW);
	assert_int_equal(pick.hash_count, 1);
	for (i = 0; i < n; i++) {
		assert_int_equal(event_new(&rows[i], &ev[i], NULL), ERR_OK);
		assert_true(parked_load(parked, &pick, ev[i]));
	}
	/* once the first is in the ring it may have failed, and nothing behind it is loaded */
	for (i = 0; i < n; i++)
		assert_int_equal(ring_push(r->ring[0], &ev[i]), ERR_OK);
	parked_loaded(parked, &pick, ended);
}

/* What is in the database after the first failure of id 1, and id 2 behind it. */
static void fill_rows(struct event_fields rows[static 2], const struct ack *a)
{
	size_t i;

	for (i = 0; i < 2; i++)
		rows[i] = (struct event_fields){.id = (int64_t)i + 1,
						.op = OP_DELETE,
						.table = TEXT_LIT("t"),
						.key = TEXT_LIT("{\"k\":1}"),
						.changed_at = TEXT_LIT("2026-03-01T12:00:00Z"),
						.parked = true,
						.parked_seq = (int64_t)i + 1};
	rows[0].parked_due_wall_us = a->due_wall_us;
	rows[0].parked_step = a->step;
	rows[0].parked_attempts = a->attempts;
}

static void forget_acks(struct rig *r)
{
	size_t i;

	for (i = 0; i < r->got_count; i++)
		mem_free(r->got[i].reason);
	r->got_count = 0;
}

/* Park ids 1 and 2 of key 1. */
static void park_two(struct rig *r, struct parked *parked, struct event_fields rows[static 2])
{
	int i;

	push(r, 0, 1, 1);
	push(r, 0, 2, 1);
	for (i = 100; !parked_stats(parked).rows; i++) {
		push(r, 0, i, i);
		await(r, r->got_count + 1);
	}
	UNTIL(ring_stats(r->ring[0]).events == 0);
	await(r, (size_t)(i - 100) + 2);
	fill_rows(rows, ack_of(r, 1));
	forget_acks(r);
	assert_int_equal(parked_stats(parked).rows, 2);
}

static void parked_events_are_delivered_and_their_key_goes_on(void **state)
{
	struct event_fields rows[2];
	struct parked *parked;
	struct rig r = {0};
	struct peer p;
	int poison = 1;

	(void)state;
	begin(&r, &p, &poison, &parked);
	park_two(&r, parked, rows);
	poison = 0;
	load(&r, parked, rows, 2, steps[0] + S, true);
	await(&r, 2);
	assert_int_equal(r.got[0].id, 1);
	assert_int_equal(r.got[0].outcome, ACK_DELIVERED);
	assert_true(r.got[0].from_parked);
	assert_int_equal(r.got[1].id, 2);
	assert_true(r.got[1].from_parked);
	UNTIL(parked_stats(parked).keys == 0);
	assert_int_equal(parked_stats(parked).unparked, 2);
	push(&r, 0, 3, 1);
	await(&r, 3);
	assert_int_equal(r.got[2].outcome, ACK_DELIVERED);
	assert_false(r.got[2].from_parked);
	end(&r, &p, parked);
}

static void one_attempt_for_each_step_and_then_it_is_dead(void **state)
{
	struct event_fields rows[2];
	struct parked *parked;
	struct rig r = {0};
	struct peer p;
	int poison = 1, before;

	(void)state;
	begin(&r, &p, &poison, &parked);
	park_two(&r, parked, rows);
	before = p.requests;
	load(&r, parked, rows, 2, steps[0] + S, true);
	await(&r, 1);
	UNTIL(ring_stats(r.ring[0]).events == 0);
	assert_int_equal(p.requests, before + 1); /* what is behind it left unsent */
	assert_int_equal(r.got_count + acks_count(r.acks), 1);
	assert_int_equal(r.got[0].outcome, ACK_PARKED);
	assert_true(r.got[0].from_parked);
	assert_int_equal(r.got[0].step, 1);
	assert_int_equal(r.got[0].attempts, 3);
	assert_int_equal(parked_stats(parked).rows, 2);
	fill_rows(rows, &r.got[0]);
	forget_acks(&r);
	load(&r, parked, rows, 2, steps[1] + S, true);
	await(&r, 2);
	assert_int_equal(r.got[0].outcome, ACK_DEAD);
	assert_true(r.got[0].from_parked);
	assert_int_equal(r.got[0].attempts, 4);
	assert_int_equal(r.got[1].id, 2);
	assert_int_equal(r.got[1].outcome, ACK_DELIVERED);
	assert_true(r.got[1].from_parked);
	UNTIL(parked_stats(parked).keys == 0);
	end(&r, &p, parked);
}

static void with_too_many_keys_it_waits_in_the_ring(void **state)
{
	struct parked *parked;
	struct rig r = {0};
	struct peer p;
	int poison = 3, i;

	(void)state;
	assert_true(peer_start(&p, serve_poison, &poison));
	settings_init(&r.settings[0], p.url);
	r.settings[0].retry_count = 0;
	rig_open(&r, 1, first, 2);
	rig_park(&r, &parked, 2);
	assert_int_equal(pool_start(r.pool, NULL), ERR_OK);
	for (i = 1; i <= 3; i++)
		push(&r, 0, i, i);
	for (i = 100; !parked_stats(parked).refused; i++) {
		push(&r, 0, i, i);
		await(&r, r.got_count + 1);
	}
	UNTIL(ring_stats(r.ring[0]).events == 1);
	UNTIL(ring_stats(r.ring[0]).waiting == 1);
	assert_int_equal(parked_stats(parked).rows, 2);
	assert_int_equal(parked_stats(parked).keys, 2);
	rig_close(&r);
	parked_free(parked);
	peer_stop(&p);
}

/* ---- what was taken together ---- */

static bool serve_ok(struct peer *p, struct peer_request *q)
{
	(void)p;
	return peer_answer(q->fd, 200, "", "");
}

/* One that follows loaded ones in a request but must not be sent goes back, and is parked when it
 * follows nothing any more. */
static void what_follows_parked_events_in_a_request_waits_its_turn(void **state)
{
	const struct ack head = {.due_wall_us = 1};
	struct event_fields rows[2];
	struct parked_group g = {.count = 3};
	struct parked_place at;
	struct parked *parked;
	struct rig r = {0};
	struct peer p;

	(void)state;
	assert_true(peer_start(&p, serve_ok, NULL));
	settings_init(&r.settings[0], p.url);
	r.settings[0].batch_max_events = 100;
	r.settings[0].batch_max_bytes = 1 << 20;
	rig_open(&r, 1, first, 1);
	rig_park(&r, &parked, 100);
	fill_rows(rows, &head);
	at = parked_place_of(&rows[0]);
	memcpy(g.row_hash, at.row, sizeof(g.row_hash));
	g.table_hash = at.table;
	assert_int_equal(parked_add(parked, &g), ERR_OK);
	load(&r, parked, rows, 2, 0, false); /* the database has a third one */
	push(&r, 0, 10, 1);
	push(&r, 0, 11, 1);
	push(&r, 0, 12, 2);
	assert_int_equal(pool_start(r.pool, NULL), ERR_OK);
	await(&r, 5);
	assert_int_equal(p.requests, 1);
	assert_int_equal(r.got[0].id, 1);
	assert_true(r.got[0].from_parked);
	assert_int_equal(r.got[1].id, 2);
	assert_int_equal(r.got[2].id, 12);
	assert_int_equal(r.got[2].outcome, ACK_DELIVERED);
	assert_int_equal(r.got[3].id, 10);
	assert_int_equal(r.got[3].outcome, ACK_PARKED);
	assert_int_equal(r.got[4].id, 11);
	assert_int_equal(r.got[4].outcome, ACK_PARKED);
	end(&r, &p, parked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_used_up_its_retries_is_parked_and_its_key_behind_it),
		cmocka_unit_test(parked_events_are_delivered_and_their_key_goes_on),
		cmocka_unit_test(one_attempt_for_each_step_and_then_it_is_dead),
		cmocka_unit_test(with_too_many_keys_it_waits_in_the_ring),
		cmocka_unit_test(what_follows_parked_events_in_a_request_waits_its_turn),
	};

	return cmocka_run_group_tests(tests, group_open, group_close);
}
