/* SPDX-License-Identifier: MIT */
/* Sources and the runner without memory. Runs under tests/support/with-postgres. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"
#include "base/mem.h"
#include "pgtest.h"
#include "source/fake.h"
#include "source/pg_owners.h"
#include "source/runner.h"
#include "torture.h"

#define ROWS 6

static char default_name[] = "default";
static char db_name[] = "torture";
static struct pipeline_settings pipeline = {.name = default_name};

static struct source_settings fake_settings = {.name = db_name,
					       .type = SOURCE_FAKE,
					       .database = db_name,
					       .reconnect_max_delay_us = 1000,
					       .poll_interval_us = 1000,
					       .batch_size = 10};

/* ---- a source: everything it is told apart from waiting ---- */

struct life {
	const struct source_ops *ops;
	const struct source_settings *settings;
	void (*prepare)(struct life *life); /* an outbox with ROWS rows */
	struct fake_db *fake;
	struct pgtest pg;
};

struct reading {
	size_t total;
	enum err_code first;
	struct ack acks[ROWS];
};

/* Outcomes; the fake's database has memory, or parks nothing. */
static size_t kinds_of(const struct source *s)
{
	return s->ops == &source_fake ? ACK_PARKED : ACK_PARKED + 1;
}

/* To the end, over a failure: what was not returned must come with the next call. */
static void read_all(struct source *s, struct reading *r)
{
	struct source_limit limit = {.events = 4, .bytes = 1 << 20};
	struct event *events[4];
	bool more = true;
	enum err_code code;
	size_t n, i;
	int failures = 0;

	while (more && failures < 2) {
		code = s->ops->read(s, 0, limit, events, &n, &more, NULL);
		if (code != ERR_OK) {
			assert_int_equal(code, ERR_NOMEM);
			r->first = code;
			failures++;
			continue;
		}
		for (i = 0; i < n; i++) {
			assert_true(r->total < ROWS);
			r->acks[r->total] =
				(struct ack){.id = events[i]->f.id,
					     .outcome = (enum ack_outcome)(r->total % kinds_of(s)),
					     .row_hash = {r->total, 0}};
			r->total++;
			event_free(events[i]);
		}
	}
	if (failures < 2)
		assert_int_equal(r->total, ROWS);
}

static enum err_code count_group(void *ctx, const struct parked_group *g)
{
	*(int64_t *)ctx += g->count;
	return ERR_OK;
}

/* A third of the rows, put off, given up and delivered; what failed changed nothing. */
static enum err_code work_with_parked(struct source *s)
{
	static const uint64_t hashes[] = {2, 5};
	struct parked_select sel = {
		.by = PARKED_BY_ROW, .hashes = hashes, .hash_count = ARRAY_LEN(hashes)};
	struct source_limit limit = {.events = 4, .bytes = 1 << 20};
	struct ack acks[2] = {{.from_parked = true, .outcome = ACK_PARKED, .due_wall_us = 1},
			      {.from_parked = true, .outcome = ACK_DEAD}};
	struct event *events[4];
	int64_t total = 0;
	bool more = true;
	size_t n = 0, i;
	enum err_code code = s->ops->parked_list(s, 0, count_group, &total, NULL);

	if (code != ERR_OK)
		return code;
	assert_int_equal(total, ROWS / 3);
	code = s->ops->parked_read(s, 0, &sel, limit, events, &n, &more, NULL);
	if (code != ERR_OK)
		return code;
	assert_int_equal(n, ROWS / 3);
	assert_false(more);
	for (i = 0; i < n; i++) {
		acks[i].id = events[i]->f.id;
		event_free(events[i]);
	}
	code = s->ops->acknowledge(s, acks, 2, NULL);
	sel.by = PARKED_DUE;
	sel.due_wall_us = 1;
	if (code == ERR_OK)
		code = s->ops->parked_read(s, 0, &sel, limit, events, &n, &more, NULL);
	if (code != ERR_OK)
		return code;
	assert_int_equal(n, 1);
	event_free(events[0]);
	acks[0].outcome = ACK_DELIVERED;
	return s->ops->acknowledge(s, acks, 1, NULL);
}

static enum err_code work_with(struct source *s)
{
	struct reading r = {.first = ERR_OK};
	struct source_sweep sweep = {.rows = 10};
	struct source_status st;
	struct standing standing;
	enum err_code code;
	int64_t far = 1LL << 40, deadline_us = clock_now_us(clock_system()) + 60 * CLOCK_US_PER_S;

	do { /* the server may not yet have seen the end of the last life */
		code = s->ops->open(s, NULL);
	} while (code == ERR_BUSY && clock_now_us(clock_system()) < deadline_us);
	if (code != ERR_OK)
		return code;
	code = s->ops->hold(s, 0, &far, 1, NULL);
	if (code != ERR_OK)
		return code;
	read_all(s, &r);
	code = s->ops->inspect(s, &st, NULL);
	if (code == ERR_OK)
		code = s->ops->standing_load(s, 0, &standing, NULL);
	if (code == ERR_OK)
		code = s->ops->standing_save(s, 0, &standing, NULL);
	if (code == ERR_OK)
		read_all(s, &r);
	if (code == ERR_OK && r.total)
		code = s->ops->acknowledge(s, r.acks, r.total, NULL);
	if (code == ERR_OK && r.total == ROWS && s->ops != &source_fake)
		code = work_with_parked(s);
	if (code == ERR_OK)
		code = s->ops->purge(s, 0, &sweep, NULL);
	return r.first != ERR_OK ? r.first : code;
}

static enum err_code live(void *ctx)
{
	struct life *life = ctx;
	struct source_pipeline shared = {.settings = &pipeline};
	struct source_env env = {.settings = life->settings,
				 .pipelines = &shared,
				 .pipeline_count = 1,
				 .clock = clock_system()};
	struct source *s;
	enum err_code code;

	torture_suspend();
	life->prepare(life);
	torture_resume();
	code = life->ops->new (&env, &s, NULL);
	if (code != ERR_OK)
		return code;
	code = work_with(s);
	s->ops->free(s);
	return code;
}

static void prepare_fake(struct life *life)
{
	struct event_fields f = {.op = OP_INSERT, .table = TEXT_LIT("t")};
	int i;

	fake_db_free(life->fake);
	assert_int_equal(fake_db_new(db_name, &life->fake, NULL), ERR_OK);
	for (i = 0; i < ROWS; i++)
		(void)fake_db_insert(life->fake, default_name, &f);
}

static void a_fake_source_survives_without_memory(void **state)
{
	struct life life = {
		.ops = &source_fake, .settings = &fake_settings, .prepare = prepare_fake};

	(void)state;
	assert_true(torture_run(live, &life) >= 5);
	fake_db_free(life.fake);
}

static void prepare_postgres(struct life *life)
{
	int i;

	pgtest_exec(life->pg.conn, "TRUNCATE app_db_listener.outbox, app_db_listener.parked");
	for (i = 0; i < ROWS; i++) {
		(void)pgtest_put(life->pg.conn, default_name, "1", 10);
		(void)pgtest_i64(life->pg.conn, "SELECT nextval('app_db_listener.outbox_id_seq')");
	}
}

static void a_postgres_source_survives_without_memory(void **state)
{
	struct life life = {.ops = &source_postgres, .prepare = prepare_postgres};

	(void)state;
	pgtest_open(&life.pg);
	life.settings = &life.pg.settings;
	assert_true(torture_run(live, &life) >= 15);
	pgtest_close(&life.pg);
}

static enum err_code make_postgres(void *ctx)
{
	struct source_pipeline shared = {.settings = &pipeline};
	struct source_env env = {.settings = &fake_settings,
				 .pipelines = &shared,
				 .pipeline_count = 1,
				 .clock = clock_system()};
	struct source *s;
	enum err_code code = source_postgres.new(&env, &s, NULL);

	(void)ctx;
	if (code == ERR_OK)
		s->ops->free(s);
	return code;
}

static void a_postgres_source_is_made_whole_or_not_at_all(void **state)
{
	(void)state;
	assert_true(torture_run(make_postgres, NULL) >= 4);
}

/* ---- the runner ---- */

static enum err_code make_runner(void *ctx)
{
	struct runner_pipeline rp = {.settings = &pipeline};
	struct runner_options o = {.settings = &fake_settings,
				   .ops = &source_fake,
				   .pipelines = &rp,
				   .pipeline_count = 1,
				   .clock = clock_system()};
	struct runner *r;
	enum err_code code = runner_new(&o, &r, NULL);

	(void)ctx;
	if (code == ERR_OK)
		runner_free(r);
	return code;
}

static void a_runner_is_made_whole_or_not_at_all(void **state)
{
	struct fake_db *db;

	(void)state;
	assert_int_equal(fake_db_new(db_name, &db, NULL), ERR_OK);
	assert_true(torture_run(make_runner, NULL) >= 6);
	fake_db_free(db);
}

/* ---- owners: no memory only delays ---- */

static void look(struct pg_owners *o, int64_t upto, size_t n)
{
	pg_owner *holders;
	size_t i;

	torture_suspend();
	holders = mem_alloc((n + 1) * sizeof(*holders));
	torture_resume();
	for (i = 0; i < n; i++)
		holders[i] = upto + (int64_t)i;
	if (n && upto % 3 == 0)
		holders[0] = -upto;
	pg_owners_begin(o);
	pg_owners_look(o, upto, holders, n);
}

static enum err_code live_owners(void *ctx)
{
	struct pg_owners o;
	int64_t i;

	(void)ctx;
	pg_owners_init(&o);
	for (i = 1; i < 30; i++) {
		look(&o, i, 3);
		assert_true(pg_owners_settle(&o) < i);
	}
	look(&o, 100, 0);
	(void)pg_owners_settle(&o);
	look(&o, 100, 0);
	assert_int_equal(pg_owners_settle(&o), 100);
	pg_owners_done(&o);
	return ERR_OK;
}

static void owners_survive_without_memory(void **state)
{
	(void)state;
	assert_true(torture_run(live_owners, NULL) >= 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_fake_source_survives_without_memory),
		cmocka_unit_test(a_postgres_source_survives_without_memory),
		cmocka_unit_test(a_postgres_source_is_made_whole_or_not_at_all),
		cmocka_unit_test(a_runner_is_made_whole_or_not_at_all),
		cmocka_unit_test(owners_survive_without_memory),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("source", tests, NULL, NULL);
}
