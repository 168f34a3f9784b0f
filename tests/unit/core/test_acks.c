/* SPDX-License-Identifier: MIT */
#include "events.h"

#include "base/fd.h"
#include "base/mem.h"
#include "core/acks.h"

struct fixture {
	struct acks *a;
	int fd;
};

static struct fixture open_acks(size_t batch)
{
	struct fixture f = {NULL, -1};

	assert_int_equal(fd_wake_open(&f.fd, NULL), ERR_OK);
	assert_int_equal(acks_new(f.fd, batch, &f.a, NULL), ERR_OK);
	return f;
}

static void close_acks(struct fixture *f)
{
	acks_free(f->a);
	fd_close(&f->fd);
}

static void push_delivered(struct acks *a, int64_t from, int64_t to)
{
	int64_t id;

	for (id = from; id <= to; id++) {
		struct ack ack = {.id = id, .pipeline = 3, .outcome = ACK_DELIVERED};

		acks_push(a, &ack);
	}
}

static void reserve(struct acks *a, size_t n)
{
	assert_int_equal(acks_reserve(a, n, NULL), ERR_OK);
}

static void assert_taken(struct acks *a, size_t max, int64_t from, int64_t to)
{
	struct ack out[512];
	size_t n = acks_take(a, out, max);
	size_t i;

	assert_true(max <= ARRAY_LEN(out));
	assert_int_equal(n, to - from + 1);
	for (i = 0; i < n; i++)
		assert_int_equal(out[i].id, from + (int64_t)i);
}

static void acks_come_out_in_the_order_they_went_in(void **state)
{
	struct fixture f = open_acks(10);

	(void)state;
	reserve(f.a, 300);
	push_delivered(f.a, 1, 200);
	assert_int_equal(acks_count(f.a), 200);
	assert_taken(f.a, 50, 1, 50);
	push_delivered(f.a, 201, 300);
	assert_taken(f.a, 512, 51, 300);
	assert_taken(f.a, 512, 1, 0);
	assert_int_equal(acks_count(f.a), 0);
	close_acks(&f);
}

static void everything_in_an_ack_comes_back(void **state)
{
	struct fixture f = open_acks(10);
	struct ack dead = {.id = 9,
			   .pipeline = 2,
			   .outcome = ACK_DEAD,
			   .attempts = 4,
			   .last_status = 422,
			   .reason = mem_strdup("refused")};
	struct ack out;

	(void)state;
	reserve(f.a, 1);
	acks_push(f.a, &dead);
	assert_int_equal(acks_take(f.a, &out, 1), 1);
	assert_int_equal(out.id, 9);
	assert_int_equal(out.pipeline, 2);
	assert_int_equal(out.outcome, ACK_DEAD);
	assert_int_equal(out.attempts, 4);
	assert_int_equal(out.last_status, 422);
	assert_ptr_equal(out.reason, dead.reason);
	mem_free(out.reason);
	close_acks(&f);
}

static void reasons_not_taken_are_freed(void **state)
{
	struct fixture f = open_acks(10);
	struct ack dead = {.id = 9, .outcome = ACK_DEAD, .reason = mem_strdup("refused")};

	(void)state;
	reserve(f.a, 1);
	acks_push(f.a, &dead);
	close_acks(&f);
	acks_free(NULL);
}

static void the_first_ack_and_a_full_batch_wake_the_source(void **state)
{
	struct fixture f = open_acks(3);

	(void)state;
	reserve(f.a, 100);
	assert_false(fd_wake_clear(f.fd));
	push_delivered(f.a, 1, 1);
	assert_true(fd_wake_clear(f.fd));
	push_delivered(f.a, 2, 2);
	assert_false(fd_wake_clear(f.fd));
	push_delivered(f.a, 3, 3);
	assert_true(fd_wake_clear(f.fd));
	push_delivered(f.a, 4, 9);
	assert_false(fd_wake_clear(f.fd));
	assert_taken(f.a, 8, 1, 8);
	push_delivered(f.a, 10, 10);
	assert_false(fd_wake_clear(f.fd));
	push_delivered(f.a, 11, 11);
	assert_true(fd_wake_clear(f.fd));
	assert_taken(f.a, 8, 9, 11);
	push_delivered(f.a, 12, 12);
	assert_true(fd_wake_clear(f.fd));
	close_acks(&f);
}

static void reservations_add_up_and_survive_growing_and_shrinking(void **state)
{
	struct fixture f = open_acks(1000);
	int64_t id = 0;
	int round;

	(void)state;
	reserve(f.a, 5);
	for (round = 0; round < 200; round++) {
		reserve(f.a, 20);
		reserve(f.a, 17);
		push_delivered(f.a, id + 1, id + 37);
		assert_taken(f.a, 37, id + 1, id + 37);
		id += 37;
	}
	for (round = 0; round < 50; round++)
		reserve(f.a, 100);
	push_delivered(f.a, id + 1, id + 400);
	assert_taken(f.a, 512, id + 1, id + 400);
	id += 400;
	acks_unreserve(f.a, 4600);
	reserve(f.a, 1);
	push_delivered(f.a, id + 1, id + 6);
	assert_taken(f.a, 512, id + 1, id + 6);
	close_acks(&f);
}

static void what_is_promised_has_its_place_however_many_are_taken(void **state)
{
	struct fixture f = open_acks(1000);

	(void)state;
	reserve(f.a, 500);
	push_delivered(f.a, 1, 100);
	assert_taken(f.a, 512, 1, 100);
	push_delivered(f.a, 101, 500);
	assert_taken(f.a, 512, 101, 500);
	close_acks(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(acks_come_out_in_the_order_they_went_in),
		cmocka_unit_test(everything_in_an_ack_comes_back),
		cmocka_unit_test(reasons_not_taken_are_freed),
		cmocka_unit_test(the_first_ack_and_a_full_batch_wake_the_source),
		cmocka_unit_test(reservations_add_up_and_survive_growing_and_shrinking),
		cmocka_unit_test(what_is_promised_has_its_place_however_many_are_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
