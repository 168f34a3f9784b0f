/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "core/packed.h"

/* len bytes: digits that repeat, or none that do. */
static struct buf row(size_t len, bool is_random)
{
	struct random r;
	struct buf b;

	random_init_seed(&r, len);
	buf_init(&b, SIZE_MAX / 2);
	buf_add_str(&b, "{\"v\":\"");
	while (b.len + 2 < len)
		buf_add_char(&b, is_random ? (char)('0' + random_below(&r, 64)) : 'x');
	buf_add_str(&b, "\"}");
	return b;
}

static struct event *event_of(struct text data, struct text old_data)
{
	struct event_fields f = {.id = 7,
				 .op = OP_UPDATE,
				 .table = TEXT_LIT("items"),
				 .key = TEXT_LIT("{\"id\":7}"),
				 .changed_at = TEXT_LIT("2026-03-01T12:00:00Z"),
				 .data = data,
				 .old_data = old_data};
	struct event *ev;

	assert_int_equal(event_new(&f, &ev, NULL), ERR_OK);
	ev->read_us = 12;
	ev->steps = 3;
	ev->parked_epoch = 4;
	return ev;
}

static void rows_come_back_as_they_were(void **state)
{
	static const size_t sizes[] = {PACKED_LEAST_BYTES, 100000, 3000000};
	size_t i, before, saved;

	(void)state;
	for (i = 0; i < ARRAY_LEN(sizes); i++) {
		struct buf big = row(sizes[i], false), odd = row(6000, true), room;
		struct event *ev = event_of(buf_text(&big), buf_text(&odd));
		struct event_fields f;

		before = ev->bytes;
		saved = packed_event(&ev);
		assert_true(saved > sizes[i] * 9 / 10);
		assert_int_equal(ev->bytes, before - saved);
		assert_int_equal(event_size(&ev->f), ev->bytes);
		assert_true(packed_is(&ev->f));
		assert_int_equal(ev->read_us + ev->steps + ev->parked_epoch, 12 + 3 + 4);
		assert_string_equal(ev->f.key.s, "{\"id\":7}");
		/* one that is packed is left as it is */
		assert_int_equal(packed_event(&ev), 0);
		buf_init(&room, SIZE_MAX / 2);
		assert_int_equal(packed_open(&ev->f, &f, &room), ERR_OK);
		assert_true(text_eq(f.data, buf_text(&big)));
		assert_true(text_eq(f.old_data, buf_text(&odd)));
		assert_false(packed_is(&f));
		assert_true(text_eq(f.key, ev->f.key));
		event_free(ev);
		buf_done(&room);
		buf_done(&big);
		buf_done(&odd);
	}
}

static void both_rows_are_packed_when_both_are_large(void **state)
{
	struct buf big = row(20000, false), room;
	struct event *ev = event_of(buf_text(&big), buf_text(&big));
	struct event_fields f;

	(void)state;
	assert_true(packed_event(&ev) > 38000);
	buf_init(&room, SIZE_MAX / 2);
	assert_int_equal(packed_open(&ev->f, &f, &room), ERR_OK);
	assert_true(text_eq(f.data, buf_text(&big)) && text_eq(f.old_data, buf_text(&big)));
	event_free(ev);
	buf_done(&room);
	buf_done(&big);
}

static void what_is_not_worth_it_is_left_alone(void **state)
{
	struct buf odd = row(50000, true), small = row(PACKED_LEAST_BYTES - 1, false), room;
	struct event *cases[] = {event_of(buf_text(&odd), TEXT_NONE),
				 event_of(buf_text(&small), TEXT_NONE),
				 event_of(TEXT_NONE, TEXT_NONE)};
	struct event_fields f;
	struct event *ev;
	size_t i;

	(void)state;
	buf_init(&room, SIZE_MAX / 2);
	for (i = 0; i < ARRAY_LEN(cases); i++) {
		ev = cases[i];
		assert_int_equal(packed_event(&ev), 0);
		assert_ptr_equal(ev, cases[i]);
		assert_int_equal(packed_open(&ev->f, &f, &room), ERR_OK);
		assert_ptr_equal(f.data.s, ev->f.data.s);
		event_free(ev);
	}
	buf_done(&room);
	buf_done(&odd);
	buf_done(&small);
}

static void what_is_broken_is_refused(void **state)
{
	struct buf big = row(20000, false), room;
	struct event *ev = event_of(buf_text(&big), TEXT_NONE);
	struct event_fields f;

	(void)state;
	assert_true(packed_event(&ev) > 0);
	buf_init(&room, SIZE_MAX / 2);
	ev->f.plain_bytes++;
	assert_int_equal(packed_open(&ev->f, &f, &room), ERR_DATA);
	ev->f.plain_bytes -= 2;
	assert_int_equal(packed_open(&ev->f, &f, &room), ERR_DATA);
	room.max_bytes = 100;
	assert_int_equal(packed_open(&ev->f, &f, &room), ERR_FULL);
	event_free(ev);
	buf_done(&room);
	buf_done(&big);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_come_back_as_they_were),
		cmocka_unit_test(both_rows_are_packed_when_both_are_large),
		cmocka_unit_test(what_is_not_worth_it_is_left_alone),
		cmocka_unit_test(what_is_broken_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
