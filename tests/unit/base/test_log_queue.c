/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <string.h>

#include <cmocka.h>

#include "base/log_format.h"
#include "base/log_queue.h"

static void queue_make(struct log_queue *q, size_t max_lines)
{
	assert_int_equal(log_queue_init(q, max_lines, NULL), ERR_OK);
}

static bool push(struct log_queue *q, const char *line)
{
	return log_queue_push(q, line, strlen(line));
}

static void lines_come_out_as_they_went_in(void **state)
{
	struct log_queue q;

	(void)state;
	queue_make(&q, 10);
	assert_int_equal(log_queue_lines(&q), 0);
	assert_true(push(&q, "one\n"));
	assert_true(push(&q, "two\n"));
	log_queue_swap(&q);
	assert_true(push(&q, "three\n"));
	assert_int_equal(q.drain->len, 8);
	assert_memory_equal(q.drain->bytes, "one\ntwo\n", 8);
	assert_int_equal(log_queue_lines(&q), 3);
	assert_int_equal(log_queue_wrote(&q, 8), 2);
	log_queue_swap(&q);
	assert_memory_equal(q.drain->bytes, "three\n", 6);
	assert_int_equal(log_queue_wrote(&q, 6), 1);
	assert_int_equal(log_queue_lines(&q), 0);
	log_queue_done(&q);
}

static void both_halves_together_keep_to_the_lines(void **state)
{
	struct log_queue q;

	(void)state;
	queue_make(&q, 3);
	assert_true(push(&q, "1\n"));
	assert_true(push(&q, "2\n"));
	log_queue_swap(&q);
	assert_true(push(&q, "3\n"));
	assert_false(push(&q, "4\n"));
	assert_int_equal(log_queue_wrote(&q, 2), 1);
	assert_true(push(&q, "4\n"));
	assert_false(push(&q, "5\n"));
	log_queue_done(&q);
}

static void bytes_are_bounded_whatever_the_lines(void **state)
{
	static const size_t lines[] = {1, 1000, 1000000000};
	char line[LOG_LINE_BYTES];
	struct log_queue q;
	size_t i, n;

	(void)state;
	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	for (i = 0; i < 3; i++) {
		queue_make(&q, lines[i]);
		assert_in_range(q.max_bytes, 32 * 1024, 4 * 1024 * 1024);
		for (n = 0; log_queue_push(&q, line, sizeof(line)); n++)
			;
		assert_true(n >= 1 && n <= lines[i]);
		assert_true(q.fill->len <= q.max_bytes);
		/* the writer's own line has room always */
		log_queue_swap(&q);
		log_queue_append(&q, line, sizeof(line));
		assert_int_equal(log_queue_lines(&q), n + 1);
		log_queue_done(&q);
	}
}

static void a_part_of_a_line_is_not_a_line(void **state)
{
	struct log_queue q;

	(void)state;
	queue_make(&q, 10);
	assert_true(push(&q, "one\n"));
	assert_true(push(&q, "two\n"));
	log_queue_swap(&q);
	assert_int_equal(log_queue_wrote(&q, 3), 0);
	assert_int_equal(log_queue_lines(&q), 2);
	assert_int_equal(log_queue_wrote(&q, 2), 1);
	assert_int_equal(q.drain->at, 5);
	log_queue_rewind(&q);
	assert_int_equal(q.drain->at, 4);
	log_queue_rewind(&q);
	assert_int_equal(q.drain->at, 4);
	assert_int_equal(log_queue_wrote(&q, 4), 1);
	assert_int_equal(log_queue_lines(&q), 0);
	log_queue_done(&q);
}

static void rewind_finds_the_first_line(void **state)
{
	struct log_queue q;

	(void)state;
	queue_make(&q, 10);
	assert_true(push(&q, "one\n"));
	log_queue_swap(&q);
	assert_int_equal(log_queue_wrote(&q, 2), 0);
	log_queue_rewind(&q);
	assert_int_equal(q.drain->at, 0);
	log_queue_done(&q);
}

static void busy_is_half_of_a_bound(void **state)
{
	char line[LOG_LINE_BYTES];
	struct log_queue q;

	(void)state;
	queue_make(&q, 4);
	assert_false(log_queue_is_busy(&q));
	assert_true(push(&q, "1\n"));
	assert_false(log_queue_is_busy(&q));
	assert_true(push(&q, "2\n"));
	assert_true(log_queue_is_busy(&q));
	log_queue_done(&q);

	memset(line, 'x', sizeof(line));
	queue_make(&q, 1000);
	while (!log_queue_is_busy(&q))
		assert_true(log_queue_push(&q, line, sizeof(line)));
	assert_true(log_queue_lines(&q) < 500);
	assert_in_range(q.fill->len, q.max_bytes / 2, q.max_bytes / 2 + sizeof(line));
	log_queue_done(&q);
	log_queue_done(&q);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_come_out_as_they_went_in),
		cmocka_unit_test(both_halves_together_keep_to_the_lines),
		cmocka_unit_test(bytes_are_bounded_whatever_the_lines),
		cmocka_unit_test(a_part_of_a_line_is_not_a_line),
		cmocka_unit_test(rewind_finds_the_first_line),
		cmocka_unit_test(busy_is_half_of_a_bound),
	};

	return cmocka_run_group_tests_name("base/log_queue", tests, NULL, NULL);
}
