/* SPDX-License-Identifier: MIT */
/*
 * Tenants against a model: the fake database, the reader's side of a pipeline and a ring, and
 * random transactions that insert, delete, replace, rename and truncate rows and move them between
 * tenants, while the receiver is slow, refuses, and the connection is lost. After each step: the
 * order per key, the quota while others wait, and in the end that everything arrived once. Another
 * table is truncated as well, by transactions that may commit late.
 *
 * TEST_SEED=n repeats a run; the seed is printed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/random.h"
#include "source/fake.h"
#include "source/runner_tenant.h"

#define SEEDS 20
#define CHANGES 600
#define KEYS 60
#define OPEN_MAX 6
#define FLIGHTS 6
#define CAPACITY 40
#define QUOTA 10
#define TENANTS 6
#define DONE_ROUNDS 20000
#define ELSEWHERE (-2)

struct change {
	int64_t id;
	int keys[2]; /* -1: none; a TRUNCATE has all; ELSEWHERE: of the other table */
	bool truncates;
	enum { OPEN, COMMITTED, GONE, DELIVERED } state;
};

struct world {
	struct random random;
	uint64_t seed;
	struct fake_db *db;
	struct source *source;
	struct source_pipeline shared;
	struct pipeline_settings settings;
	struct source_settings source_settings;
	struct runner_pipe pipe;
	struct ring *ring;
	struct acks *acks;
	int wake_fd;
	struct deferral *deferral;

	struct change changes[CHANGES + 1]; /* by id, from 1 */
	size_t change_count;
	int tenant_of[KEYS]; /* -1: there is no such row */
	bool locked[KEYS];
	size_t open_count;
	struct event *flights[FLIGHTS];
	size_t tenants; /* told apart by the daemon */
	bool noisy;
};

static size_t below(struct world *w, size_t n)
{
	return (size_t)random_below(&w->random, n);
}

/* ---- the application ---- */

static int some_tenant(struct world *w)
{
	return w->noisy && below(w, 10) < 8 ? 0 : (int)below(w, TENANTS);
}

static int free_key(struct world *w)
{
	int key = (int)below(w, KEYS);

	return w->locked[key] ? -1 : key;
}

static void fill_row(char *out, size_t size, int tenant, int key)
{
	(void)snprintf(out, size, "{\"id\":%d,\"owner\":\"t%d\"}", key, tenant);
}

static void fill_key(char *out, size_t size, int key)
{
	(void)snprintf(out, size, "{\"id\":%d}", key);
}

/* An uncommitted change; its keys are locked until it ends. */
static void begin(struct world *w, enum op op, int key, int old_key, int tenant, int old_tenant)
{
	char data[64], old_data[64], key_text[32], old_text[32];
	struct event_fields f = {.op = op, .table = TEXT_LIT("t"), .changed_wall_us = 1};
	struct change *c;
	int64_t id;

	if (key == ELSEWHERE)
		f.table = TEXT_LIT("u");
	fill_key(key_text, sizeof(key_text), key);
	fill_row(data, sizeof(data), tenant, key);
	fill_row(old_data, sizeof(old_data), old_tenant, old_key >= 0 ? old_key : key);
	if (op != OP_TRUNCATE)
		f.key = text_of(key_text);
	if (op == OP_INSERT || op == OP_UPDATE)
		f.data = text_of(data);
	if (op == OP_DELETE || op == OP_UPDATE)
		f.old_data = text_of(old_data);
	if (old_key >= 0) {
		fill_key(old_text, sizeof(old_text), old_key);
		f.old_key = text_of(old_text);
	}
	/* over the size cap: the tenant is not known */
	if (op != OP_TRUNCATE && below(w, 40) == 0) {
		f.truncated = true;
		f.data = f.data.s ? f.key : TEXT_NONE;
		f.old_data = f.old_data.s ? f.key : TEXT_NONE;
	}
	id = fake_db_begin(w->db, "default", &f);
	assert_in_range(id, 1, CHANGES);
	c = &w->changes[id];
	*c = (struct change){.id = id, .keys = {key, old_key}, .truncates = op == OP_TRUNCATE};
	w->change_count = (size_t)id;
	w->open_count++;
	if (key >= 0)
		w->locked[key] = true;
	if (old_key >= 0)
		w->locked[old_key] = true;
}

static void finish(struct world *w, struct change *c, bool commit)
{
	size_t i;

	if (commit)
		fake_db_commit(w->db, "default", c->id);
	else
		fake_db_rollback(w->db, "default", c->id);
	c->state = commit ? COMMITTED : GONE;
	w->open_count--;
	for (i = 0; i < 2; i++)
		if (c->keys[i] >= 0)
			w->locked[c->keys[i]] = false;
}

static struct change *open_change(struct world *w)
{
	size_t i, at = below(w, w->change_count + 1);

	for (i = 1; i <= w->change_count; i++)
		if (w->changes[i].state == OPEN && (i >= at || w->open_count < 2))
			return &w->changes[i];
	return NULL;
}

/* What a rolled back change did to the table is not undone: the database does not look. */
static void change_row(struct world *w, int key)
{
	int tenant = some_tenant(w), old = w->tenant_of[key], other;

	if (old < 0 || below(w, 12) == 0) { /* REPLACE tells of an INSERT alone */
		begin(w, OP_INSERT, key, -1, tenant, 0);
		w->tenant_of[key] = tenant;
	} else if (below(w, 4) == 0) {
		begin(w, OP_DELETE, key, -1, 0, old);
		w->tenant_of[key] = -1;
	} else if (below(w, 6) == 0 && (other = free_key(w)) >= 0 && other != key) {
		begin(w, OP_UPDATE, other, key, tenant, old);
		w->tenant_of[key] = -1;
		w->tenant_of[other] = tenant;
	} else {
		tenant = below(w, 3) ? old : tenant;
		begin(w, OP_UPDATE, key, -1, tenant, old);
		w->tenant_of[key] = tenant;
	}
}

static void truncate_table(struct world *w)
{
	int i;

	begin(w, OP_TRUNCATE, -1, -1, 0, 0);
	finish(w, &w->changes[w->change_count], true);
	for (i = 0; i < KEYS; i++)
		w->tenant_of[i] = -1;
}

static void do_write(struct world *w)
{
	struct change *c;
	int key;

	if (w->open_count && below(w, 2)) {
		c = open_change(w);
		if (c)
			finish(w, c, below(w, 6) > 0);
		return;
	}
	if (w->change_count == CHANGES)
		return;
	if (!w->open_count && below(w, 60) == 0) {
		truncate_table(w);
		return;
	}
	key = free_key(w);
	if (key < 0 || w->open_count == OPEN_MAX)
		return;
	if (below(w, 60) == 0) {
		begin(w, OP_TRUNCATE, ELSEWHERE, -1, 0, 0);
		return;
	}
	change_row(w, key);
	if (below(w, 3))
		finish(w, &w->changes[w->change_count], true);
}

/* ---- the daemon ---- */

static struct deferral_stats stats(struct world *w)
{
	struct deferral_stats st;

	deferral_stats(w->deferral, &st);
	return st;
}

static int64_t inside(const struct deferral_stats *st, const char *name)
{
	size_t i;

	for (i = 0; i < st->tenants.told; i++)
		if (strcmp(st->tenants.tenants[i].name, name) == 0)
			return st->tenants.tenants[i].inside;
	return 0;
}

/* While several wait, nobody who is over its quota was given more. */
static void check_quota(const struct deferral_stats *before, const struct deferral_stats *after)
{
	const struct tenant_stats *t = after->tenants.tenants;
	size_t i;

	for (i = 0; i < after->tenants.told; i++)
		if (t[i].inside > QUOTA && t[i].inside > inside(before, t[i].name))
			assert_true(before->deferred < 2 || after->deferred < 2);
}

static void do_read(struct world *w)
{
	struct deferral_stats before = stats(w), after;
	bool did_read;
	struct err e;

	w->pipe.blocked = false;
	if (below(w, 3) == 0)
		w->pipe.more = true;
	if (runner_pipe_read(&w->pipe, w->source, w->acks, 1, &did_read, &e) != ERR_OK)
		fail_msg("%s", e.msg);
	after = stats(w);
	check_quota(&before, &after);
}

static bool share_key(const struct change *a, const struct change *b)
{
	size_t i, j;

	if (a->keys[0] == ELSEWHERE || b->keys[0] == ELSEWHERE)
		return false;
	if (a->truncates || b->truncates)
		return true;
	for (i = 0; i < 2; i++)
		for (j = 0; j < 2; j++)
			if (a->keys[i] >= 0 && a->keys[i] == b->keys[j])
				return true;
	return false;
}

/* Everything of its keys that was committed before it has arrived, and nothing behind it has. */
static void check_order(struct world *w, int64_t id)
{
	size_t i;

	for (i = 1; i <= w->change_count; i++) {
		const struct change *c = &w->changes[i];

		if (c->id == id || !share_key(c, &w->changes[id]))
			continue;
		if (c->id < id && c->state == COMMITTED)
			fail_msg("%lld is sent before %lld", (long long)id, (long long)c->id);
		if (c->id > id && c->state == DELIVERED)
			fail_msg("%lld is sent after %lld", (long long)id, (long long)c->id);
	}
}

static void do_send(struct world *w)
{
	struct event **flight = &w->flights[below(w, FLIGHTS)];

	if (*flight || !ring_take(w->ring, 1000, flight, 1))
		return;
	assert_int_equal(w->changes[(*flight)->f.id].state, COMMITTED);
	check_order(w, (*flight)->f.id);
}

static void do_answer(struct world *w)
{
	struct event **flight = &w->flights[below(w, FLIGHTS)];
	struct event *ev = *flight;
	struct ack a = {0};

	if (!ev)
		return;
	*flight = NULL;
	if (below(w, 4) == 0) {
		ring_retry(w->ring, ev, 1000);
		return;
	}
	if (below(w, 10) == 0) {
		ring_release(w->ring, ev);
		return;
	}
	w->changes[ev->f.id].state = DELIVERED;
	a.id = ev->f.id;
	ring_settle(w->ring, ev, EVENT_DELIVERED);
	event_free(ev);
	acks_push(w->acks, &a);
}

static void do_acknowledge(struct world *w)
{
	struct ack acks[16];
	size_t n = acks_take(w->acks, acks, ARRAY_LEN(acks));
	struct err e;

	if (n && w->source->ops->acknowledge(w->source, acks, n, &e) != ERR_OK)
		fail_msg("%s", e.msg);
}

static void do_lose(struct world *w)
{
	struct err e;

	w->source->ops->close(w->source);
	runner_pipe_drop(&w->pipe, w->acks);
	if (w->source->ops->open(w->source, &e) != ERR_OK)
		fail_msg("%s", e.msg);
	runner_pipe_drop(&w->pipe, w->acks);
	assert_int_equal(runner_pipe_hold(&w->pipe, w->source, &e), ERR_OK);
	while (acks_count(w->acks))
		do_acknowledge(w);
	runner_pipes_want(&w->pipe, 1);
	runner_pipes_resume(&w->pipe, 1);
}

/* ---- runs ---- */

static void open_world(struct world *w, uint64_t seed, bool noisy, size_t tenants)
{
	struct ring_options ro = {.capacity = CAPACITY, .max_bytes = 1 << 20};
	struct deferral_options o = {.tenants = {.capacity = CAPACITY,
						 .max_bytes = 1 << 20,
						 .quota = TENANT_QUOTA_WHOLE / 4,
						 .max = tenants},
				     .column = "owner"};
	struct runner_pipeline rp = {.settings = &w->settings};
	struct source_env env = {.settings = &w->source_settings,
				 .pipelines = &w->shared,
				 .pipeline_count = 1,
				 .clock = clock_system()};
	struct err e;
	int i;

	random_init_seed(&w->random, seed);
	w->seed = seed;
	w->noisy = noisy;
	w->settings.name = mem_strdup("default");
	w->source_settings.database = mem_strdup("model");
	w->shared.settings = &w->settings;
	for (i = 0; i < KEYS; i++)
		w->tenant_of[i] = -1;
	assert_int_equal(fake_db_new("model", &w->db, &e), ERR_OK);
	assert_int_equal(source_fake.new(&env, &w->source, &e), ERR_OK);
	assert_int_equal(deferral_new(&o, &w->deferral, &e), ERR_OK);
	assert_int_equal(ring_new(&ro, &w->ring, &e), ERR_OK);
	assert_int_equal(fd_wake_open(&w->wake_fd, &e), ERR_OK);
	assert_int_equal(acks_new(w->wake_fd, 16, &w->acks, &e), ERR_OK);
	assert_int_equal(runner_pipe_init(&w->pipe, &rp, 0, 1 + below(w, 40), clock_system(), &e),
			 ERR_OK);
	runner_pipe_bind(&w->pipe, w->ring);
	assert_int_equal(runner_tenant_bind(&w->pipe, w->deferral, &e), ERR_OK);
	assert_int_equal(w->source->ops->open(w->source, &e), ERR_OK);
}

static void close_world(struct world *w)
{
	w->source->ops->free(w->source);
	runner_pipe_done(&w->pipe);
	ring_free(w->ring);
	acks_free(w->acks);
	fd_close(&w->wake_fd);
	deferral_free(w->deferral);
	fake_db_free(w->db);
	mem_free(w->settings.name);
	mem_free(w->source_settings.database);
}

static void (*const step_kinds[])(struct world *) = {do_write,  do_write,      do_write, do_read,
						     do_read,   do_send,       do_send,  do_answer,
						     do_answer, do_acknowledge};

static size_t count_in(const struct world *w, int state)
{
	size_t i, n = 0;

	for (i = 1; i <= w->change_count; i++)
		n += (int)w->changes[i].state == state;
	return n;
}

static void run(uint64_t seed, bool noisy, size_t tenants)
{
	struct world *w = mem_calloc(1, sizeof(*w));
	size_t i;

	assert_non_null(w);
	open_world(w, seed, noisy, tenants);
	while (w->change_count < CHANGES) {
		step_kinds[below(w, ARRAY_LEN(step_kinds))](w);
		if (below(w, 2000) == 0)
			do_lose(w);
	}
	for (i = 1; i <= w->change_count; i++)
		if (w->changes[i].state == OPEN)
			finish(w, &w->changes[i], true);
	for (i = 0; i < DONE_ROUNDS && (count_in(w, COMMITTED) || acks_count(w->acks)); i++)
		step_kinds[3 + below(w, ARRAY_LEN(step_kinds) - 3)](w);
	if (count_in(w, COMMITTED))
		fail_msg("seed %llu: %zu were never sent", (unsigned long long)seed,
			 count_in(w, COMMITTED));
	for (i = 0; i < 100; i++)
		do_read(w);
	assert_int_equal(fake_db_stats(w->db).rows, 0);
	assert_int_equal(stats(w).deferred, 0);
	assert_true(deferral_floor(w->deferral) == INT64_MAX);
	assert_false(runner_tenant_wants(&w->pipe));
	assert_true(runner_tenant_is_at_end(&w->pipe));
	close_world(w);
	mem_free(w);
}

static void run_seeds(bool noisy, size_t tenants)
{
	const char *given = getenv("TEST_SEED");
	uint64_t seed, first = given ? strtoull(given, NULL, 10) : 1;
	uint64_t last = given ? first : SEEDS;

	for (seed = first; seed <= last; seed++) {
		print_message("seed %llu\n", (unsigned long long)seed);
		run(seed, noisy, tenants);
	}
}

static void order_is_kept_and_nothing_is_lost(void **state)
{
	(void)state;
	run_seeds(false, 100);
}

static void the_same_beside_a_noisy_tenant(void **state)
{
	(void)state;
	run_seeds(true, 100);
}

static void the_same_when_there_are_more_tenants_than_places(void **state)
{
	(void)state;
	run_seeds(true, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_is_kept_and_nothing_is_lost),
		cmocka_unit_test(the_same_beside_a_noisy_tenant),
		cmocka_unit_test(the_same_when_there_are_more_tenants_than_places),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
