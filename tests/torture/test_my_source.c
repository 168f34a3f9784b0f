/* SPDX-License-Identifier: MIT */
/* The MySQL/MariaDB source without memory. Runs under tests/support/with-mariadb. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "mytest.h"
#include "source/source.h"
#include "torture.h"

#define ROWS 6

static char default_name[] = "default", audit_name[] = "trail";
static struct pipeline_settings pipeline = {.name = default_name,
					    .operations = {true, true, true, false}};

struct life {
	struct mytest my;
	void (*prepare)(struct life *life); /* ROWS rows, and gaps */
	size_t expected;
};

static void prepare_outbox(struct life *life)
{
	int64_t i;

	mytest_exec(life->my.conn, "TRUNCATE app_db_listener_outbox");
	mytest_exec(life->my.conn, "DELETE FROM app_db_listener_parked");
	for (i = 1; i <= ROWS; i++)
		mytest_exec(
			life->my.conn,
			"INSERT INTO app_db_listener_outbox (id, operation, schema_name, "
			"table_name, changed_at, bytes, data) VALUES (%lld, 'insert', 's', 't', "
			"NOW(6), 1, 'x')",
			(long long)i * 2);
}

static void prepare_audit(struct life *life)
{
	int i;

	mytest_exec(life->my.conn, "TRUNCATE trail");
	for (i = 0; i < ROWS; i++)
		mytest_exec(
			life->my.conn,
			"INSERT INTO trail (operation, table_name, data) VALUES ('%s', 'items', "
			"'%s')",
			i == 2 ? "what" : "i", i == 1 ? "no json" : "{\"id\":1}");
}

/* To the end, over a failure: what was not returned must come with the next call. */
static enum err_code read_all(struct source *s, size_t expected, struct ack *acks, size_t *ret_n)
{
	struct source_limit limit = {.events = 4, .bytes = 1 << 20};
	struct event *events[4];
	enum err_code code = ERR_OK, first = ERR_OK;
	int failures = 0;
	bool more = true;
	size_t n, i;

	while (more && failures < 2) {
		code = s->ops->read(s, 0, limit, events, &n, &more, NULL);
		if (code != ERR_OK) {
			assert_int_equal(code, ERR_NOMEM);
			first = code;
			failures++;
			continue;
		}
		for (i = 0; i < n; i++) {
			assert_true(*ret_n < expected);
			acks[*ret_n] = (struct ack){
				.id = events[i]->f.id,
				.outcome = *ret_n % 2 ? ACK_DEAD : ACK_DELIVERED,
				.row_hash = {*ret_n, 0},
			};
			/* an audit table's cannot be parked */
			if (expected == ROWS && *ret_n % 3 == 2)
				acks[*ret_n].outcome = ACK_PARKED;
			(*ret_n)++;
			event_free(events[i]);
		}
	}
	if (failures < 2)
		assert_int_equal(*ret_n, expected);
	return first;
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
	assert_int_equal(total, 2);
	code = s->ops->parked_read(s, 0, &sel, limit, events, &n, &more, NULL);
	if (code != ERR_OK)
		return code;
	assert_int_equal(n, 2);
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

static enum err_code work_with(struct source *s, size_t expected)
{
	int64_t deadline_us = clock_now_us(clock_system()) + 60 * CLOCK_US_PER_S;
	struct source_sweep sweep = {.rows = 10};
	struct source_status st;
	struct standing standing;
	struct ack acks[ROWS];
	enum err_code code, first;
	size_t n = 0;

	do { /* the server may not yet have seen the end of the last life */
		code = s->ops->open(s, NULL);
	} while (code == ERR_BUSY && clock_now_us(clock_system()) < deadline_us);
	if (code == ERR_OK)
		code = s->ops->hold(s, 0, &(int64_t){1000}, 1, NULL);
	if (code != ERR_OK)
		return code;
	first = read_all(s, expected, acks, &n);
	code = s->ops->inspect(s, &st, NULL);
	if (code == ERR_OK)
		code = s->ops->standing_load(s, 0, &standing, NULL);
	if (code == ERR_OK)
		code = s->ops->standing_save(s, 0, &standing, NULL);
	if (code == ERR_OK && first == ERR_OK)
		first = read_all(s, expected, acks, &n);
	if (code == ERR_OK)
		code = s->ops->acknowledge(s, acks, n, NULL);
	if (code == ERR_OK && n == ROWS)
		code = work_with_parked(s);
	if (code == ERR_OK)
		code = s->ops->purge(s, 0, &sweep, NULL);
	return first != ERR_OK ? first : code;
}

static enum err_code live(void *ctx)
{
	struct life *life = ctx;
	struct source_pipeline shared = {.settings = &pipeline};
	struct source_env env = {.settings = &life->my.settings,
				 .pipelines = &shared,
				 .pipeline_count = 1,
				 .clock = clock_system()};
	struct source *s;
	enum err_code code;

	torture_suspend();
	life->prepare(life);
	torture_resume();
	code = source_mysql.new(&env, &s, NULL);
	if (code != ERR_OK)
		return code;
	code = work_with(s, life->expected);
	s->ops->free(s);
	return code;
}

static void an_outbox_is_read_without_memory(void **state)
{
	struct life life = {.prepare = prepare_outbox, .expected = ROWS};

	(void)state;
	mytest_open(&life.my);
	assert_true(torture_run(live, &life) >= 15);
	mytest_close(&life.my);
}

static void an_audit_table_is_read_without_memory(void **state)
{
	struct life life = {.prepare = prepare_audit, .expected = ROWS - 1};

	(void)state;
	mytest_open(&life.my);
	life.my.settings.audit_table = audit_name;
	mytest_exec(
		life.my.conn,
		"CREATE TABLE trail (id BIGINT AUTO_INCREMENT PRIMARY KEY, operation "
		"VARCHAR(40), table_name VARCHAR(200), changed_at TIMESTAMP(6) NOT NULL DEFAULT "
		"CURRENT_TIMESTAMP(6), data LONGTEXT, old_data LONGTEXT, processed BOOLEAN NOT "
		"NULL DEFAULT FALSE, KEY (processed)) ENGINE=InnoDB");
	assert_true(torture_run(live, &life) >= 20);
	mytest_close(&life.my);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_outbox_is_read_without_memory),
		cmocka_unit_test(an_audit_table_is_read_without_memory),
	};

	return cmocka_run_group_tests_name("mysql source without memory", tests, NULL, NULL);
}
