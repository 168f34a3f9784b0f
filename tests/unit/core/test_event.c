/* SPDX-License-Identifier: MIT */
#include <malloc.h>
#include <string.h>

#include "events.h"

static struct event_fields fields_full(void)
{
	return (struct event_fields){
		.id = 7,
		.op = OP_UPDATE,
		.truncated = true,
		.schema = TEXT_LIT("public"),
		.table = TEXT_LIT("users"),
		.key = TEXT_LIT("{\"id\":1}"),
		.old_key = TEXT_LIT("{\"id\":2}"),
		.changed_at = TEXT_LIT("2026-03-01T12:00:00Z"),
		.changed_wall_us = 1772366400000000,
		.data = TEXT_LIT("{\"a\":\"\0b\"}"),
		.old_data = TEXT_LIT(""),
	};
}

static void assert_copied(struct text copy, struct text original, const struct event *ev)
{
	assert_true(text_eq(copy, original));
	if (!original.s)
		return;
	assert_ptr_not_equal(copy.s, original.s);
	assert_true(copy.s >= (const char *)(ev + 1));
	assert_true(copy.s + copy.len < (const char *)ev + ev->bytes);
	assert_int_equal(copy.s[copy.len], '\0');
}

static void assert_copied_fields(const struct event_fields *f)
{
	struct event *ev = NULL;

	assert_int_equal(event_new(f, &ev, NULL), ERR_OK);
	assert_int_equal(ev->f.id, f->id);
	assert_int_equal(ev->f.op, f->op);
	assert_int_equal(ev->f.truncated, f->truncated);
	assert_int_equal(ev->f.changed_wall_us, f->changed_wall_us);
	assert_copied(ev->f.schema, f->schema, ev);
	assert_copied(ev->f.table, f->table, ev);
	assert_copied(ev->f.key, f->key, ev);
	assert_copied(ev->f.old_key, f->old_key, ev);
	assert_copied(ev->f.changed_at, f->changed_at, ev);
	assert_copied(ev->f.data, f->data, ev);
	assert_copied(ev->f.old_data, f->old_data, ev);
	event_free(ev);
}

static void every_text_is_copied_into_the_allocation_and_terminated(void **state)
{
	struct event_fields f = fields_full();

	(void)state;
	assert_copied_fields(&f);
}

static void a_missing_text_stays_missing_and_an_empty_one_empty(void **state)
{
	struct event_fields f = {.id = 1, .op = OP_TRUNCATE, .table = TEXT_LIT("")};

	(void)state;
	assert_copied_fields(&f);
}

static void a_new_event_has_no_history(void **state)
{
	struct event *ev = event_of_key(3, "1");

	(void)state;
	assert_int_equal(ev->state, EVENT_NEW);
	assert_int_equal(ev->attempts, 0);
	assert_int_equal(ev->failed_us, 0);
	assert_int_equal(ev->last_status, 0);
	assert_int_equal(ev->last_error, ERR_OK);
	assert_string_equal(ev->last_reason, "");
	event_free(ev);
}

static void its_size_is_known_before_and_is_what_is_allocated(void **state)
{
	struct event_fields f = fields_full();
	struct event_fields none = {.id = 1};
	size_t texts = f.schema.len + f.table.len + f.key.len + f.old_key.len + f.changed_at.len +
		       f.data.len + f.old_data.len;
	struct event *ev = NULL;

	(void)state;
	assert_int_equal(event_size(&none), sizeof(struct event));
	assert_int_equal(event_size(&f), sizeof(struct event) + texts + 7);
	assert_int_equal(event_new(&f, &ev, NULL), ERR_OK);
	assert_int_equal(ev->bytes, event_size(&f));
	assert_true(malloc_usable_size(ev) >= ev->bytes);
	assert_true(malloc_usable_size(ev) < ev->bytes + 64);
	event_free(ev);
}

static void freeing_nothing_is_fine(void **state)
{
	(void)state;
	event_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_text_is_copied_into_the_allocation_and_terminated),
		cmocka_unit_test(a_missing_text_stays_missing_and_an_empty_one_empty),
		cmocka_unit_test(a_new_event_has_no_history),
		cmocka_unit_test(its_size_is_known_before_and_is_what_is_allocated),
		cmocka_unit_test(freeing_nothing_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
