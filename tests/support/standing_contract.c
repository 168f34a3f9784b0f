/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "source_lab.h"
#include "standing_contract.h"

void what_is_known_of_a_webhook_is_kept_by_pipeline(void **state)
{
	static const struct standing gone = {.webhook = "crm",
					     .disabled = true,
					     .since_wall_us = 1700000000123456,
					     .failing_wall_us = 1700000000000001,
					     .reason = "HTTP 410: it's \\ \"gone\""};
	static const struct standing other = {
		.webhook = "erp", .disabled = true, .since_wall_us = 1, .reason = "HTTP 410"};
	static const struct standing nothing = {.disabled = false};
	struct standing back = gone, got = gone;
	struct lab *lab = *state;
	struct reader r, after;

	reader_new(&r, lab);
	reader_open(&r);
	assert_int_equal(r.s->ops->standing_load(r.s, 0, &got, NULL), ERR_OK);
	assert_true(standing_is_equal(&got, &nothing));
	assert_string_equal(got.webhook, "");
	assert_int_equal(r.s->ops->standing_save(r.s, 0, &gone, NULL), ERR_OK);
	assert_int_equal(r.s->ops->standing_load(r.s, 1, &got, NULL), ERR_OK);
	assert_true(standing_is_equal(&got, &nothing));
	reader_free(&r);

	reader_new(&after, lab);
	reader_open(&after);
	assert_int_equal(after.s->ops->standing_load(after.s, 0, &got, NULL), ERR_OK);
	assert_true(standing_is_equal(&got, &gone));
	assert_string_equal(got.webhook, "crm");
	back.disabled = false;
	back.since_wall_us++;
	back.reason[0] = '\0';
	assert_int_equal(after.s->ops->standing_save(after.s, 0, &back, NULL), ERR_OK);
	assert_int_equal(after.s->ops->standing_load(after.s, 0, &got, NULL), ERR_OK);
	assert_true(standing_is_equal(&got, &back));
	/* what was decided before that comes too late, unless it is about another webhook */
	assert_int_equal(after.s->ops->standing_save(after.s, 0, &gone, NULL), ERR_OK);
	assert_int_equal(after.s->ops->standing_load(after.s, 0, &got, NULL), ERR_OK);
	assert_true(standing_is_equal(&got, &back));
	assert_int_equal(after.s->ops->standing_save(after.s, 0, &other, NULL), ERR_OK);
	assert_int_equal(after.s->ops->standing_load(after.s, 0, &got, NULL), ERR_OK);
	assert_true(standing_is_equal(&got, &other));
	assert_string_equal(got.webhook, "erp");
	reader_free(&after);
}
