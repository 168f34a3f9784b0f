/* SPDX-License-Identifier: MIT */
#include "parking.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct parked_select everything = {.by = PARKED_ALL};

static void drop(struct event **events, size_t *count)
{
	while (*count)
		event_free(events[--*count]);
}

enum err_code parking_try_open(struct parking *k)
{
	struct source_env env = {.settings = k->settings,
				 .pipelines = &k->shared,
				 .pipeline_count = 1,
				 .clock = clock_system()};
	int64_t deadline_us = clock_now_us(clock_system()) + 60 * CLOCK_US_PER_S;
	enum err_code code;

	k->shared = (struct source_pipeline){.settings = k->pipeline, .parks = k->parks};
	assert_int_equal(k->ops->new (&env, &k->s, NULL), ERR_OK);
	do { /* the server may not yet have seen the end of the one before */
		code = k->ops->open(k->s, &k->e);
	} while (code == ERR_BUSY && clock_now_us(clock_system()) < deadline_us);
	if (code != ERR_OK)
		parking_close(k);
	return code;
}

void parking_open(struct parking *k)
{
	if (parking_try_open(k) != ERR_OK)
		fail_msg("%s", k->e.msg);
}

void parking_close(struct parking *k)
{
	drop(k->events, &k->count);
	drop(k->parked, &k->parked_count);
	k->ops->free(k->s);
	k->s = NULL;
}

size_t parking_read(struct parking *k)
{
	struct source_limit limit = {.events = PARKING_MAX, .bytes = 1UL << 30};

	drop(k->events, &k->count);
	if (k->ops->read(k->s, 0, limit, k->events, &k->count, &k->more, &k->e) != ERR_OK)
		fail_msg("%s", k->e.msg);
	return k->count;
}

struct ack parking_ack(const struct event *ev, int64_t due_wall_us)
{
	return (struct ack){.id = ev->f.id,
			    .outcome = ACK_PARKED,
			    .attempts = 3,
			    .last_status = 500,
			    .step = 1,
			    .due_wall_us = due_wall_us,
			    .row_hash = {11, 0},
			    .table_hash = 22};
}

enum err_code parking_try_give(struct parking *k, const struct ack *acks, size_t n)
{
	return k->ops->acknowledge(k->s, acks, n, &k->e);
}

void parking_give(struct parking *k, const struct ack *acks, size_t n)
{
	if (parking_try_give(k, acks, n) != ERR_OK)
		fail_msg("%s", k->e.msg);
}

void parking_park(struct parking *k, int64_t due_wall_us)
{
	static struct ack acks[PARKING_MAX];
	size_t i;

	for (i = 0; i < k->count; i++)
		acks[i] = parking_ack(k->events[i], due_wall_us);
	parking_give(k, acks, k->count);
}

size_t parking_load(struct parking *k, const struct parked_select *sel, size_t events)
{
	struct source_limit limit = {.events = events, .bytes = 1UL << 30};

	drop(k->parked, &k->parked_count);
	if (k->ops->parked_read(k->s, 0, sel, limit, k->parked, &k->parked_count, &k->more,
				&k->e) != ERR_OK)
		fail_msg("%s", k->e.msg);
	return k->parked_count;
}

static void expect_text(struct text a, struct text b)
{
	if (!text_eq(a, b) || !a.s != !b.s)
		fail_msg("%.*s is not %.*s", (int)a.len, a.s ? a.s : "-", (int)b.len,
			 b.s ? b.s : "-");
}

void parking_expect_same(struct parking *k)
{
	size_t i;

	assert_int_equal(parking_load(k, &everything, PARKING_MAX), k->count);
	for (i = 0; i < k->count; i++) {
		const struct event_fields *a = &k->parked[i]->f, *b = &k->events[i]->f;

		assert_int_equal(a->id, b->id);
		assert_int_equal(a->origin_id, b->origin_id);
		assert_int_equal(a->op, b->op);
		assert_int_equal(a->truncated, b->truncated);
		assert_int_equal(a->changed_wall_us, b->changed_wall_us);
		expect_text(a->schema, b->schema);
		expect_text(a->table, b->table);
		expect_text(a->key, b->key);
		expect_text(a->old_key, b->old_key);
		expect_text(a->changed_at, b->changed_at);
		expect_text(a->data, b->data);
		expect_text(a->old_data, b->old_data);
		assert_true(a->parked && !b->parked);
	}
}

void parking_expect_death(struct parking *k, int64_t origin_id)
{
	struct ack a = {.from_parked = true, .outcome = ACK_DEAD, .attempts = 9};

	assert_int_equal(parking_load(k, &everything, PARKING_MAX), 1);
	assert_int_equal(event_public_id(&k->parked[0]->f), origin_id);
	a.id = k->parked[0]->f.id;
	parking_give(k, &a, 1);
	assert_int_equal(parking_rows(k), 0);
}

void parking_bury(struct parking *k)
{
	static struct ack acks[PARKING_MAX];
	char reason[] = "HTTP 400";
	size_t i;

	for (i = 0; i < k->count; i++)
		acks[i] = (struct ack){.id = k->events[i]->f.id,
				       .outcome = ACK_DEAD,
				       .attempts = 1,
				       .last_status = 400,
				       .reason = reason};
	parking_give(k, acks, k->count);
}

static enum err_code add_up(void *ctx, const struct parked_group *g)
{
	*(int64_t *)ctx += g->count;
	return ERR_OK;
}

int64_t parking_rows(struct parking *k)
{
	int64_t n = 0;

	if (k->ops->parked_list(k->s, 0, add_up, &n, &k->e) != ERR_OK)
		fail_msg("%s", k->e.msg);
	return n;
}

void parking_expect_many(struct parking *k, size_t rows, size_t due, int64_t until_wall_us)
{
	struct parked_select sel = {.by = PARKED_DUE, .due_wall_us = until_wall_us};
	size_t found = 0, i;

	do {
		(void)parking_load(k, &sel, PARKING_MAX);
		for (i = 0; i < k->parked_count; i++) {
			assert_true(k->parked[i]->f.parked_seq > sel.after_seq);
			sel.after_seq = k->parked[i]->f.parked_seq;
			assert_true(k->parked[i]->f.parked_due_wall_us <= until_wall_us);
		}
		found += k->parked_count;
		assert_true(k->parked_count || !k->more);
	} while (k->more);
	assert_int_equal(found, due);
	assert_int_equal(parking_rows(k), rows);
}
