/* SPDX-License-Identifier: MIT */
/*
 * What every store of pushed events does: SQLite here, PostgreSQL and MariaDB when their server is
 * there (tests/integration/test_pg_inlet_contract.c, test_my_inlet_contract.c).
 */
#include "inlet_world.h"

#define THREADS 4

/* ---- tests ---- */

static void events_come_out_as_they_went_in_for_every_pipeline(void **state)
{
	static const char data[] = "{\"id\":7,\"text\":\"it's \\\"\\u0000\\\\ \\ud83d\\ude00 "
				   "\xc3\xa4\",\"n\":[1.50,-2e3,true,false,null,{\"a\":{}}]}";
	struct world *w = *state;
	bool has_schema = w->lab->schema;
	struct inlet_event ev = {.op = OP_UPDATE,
				 .schema = has_schema ? TEXT_LIT("sales") : TEXT_NONE,
				 .table = TEXT_LIT("Orders \xc3\xa4"),
				 .key = TEXT_LIT(" { \"b\" : \"\\u0041'\" , \"a\" : 1 } "),
				 .data = text_of(data),
				 .old_data = TEXT_LIT("{\"id\":6}")};
	struct reader r;
	uint32_t p;

	assert_int_equal(begin(w->in, NULL, 0).outcome, INLET_STORED);
	assert_int_equal(inlet_add(w->in, &ev, NULL), ERR_OK);
	ev = (struct inlet_event){.op = OP_DELETE, .table = TEXT_LIT("t")};
	assert_int_equal(inlet_add(w->in, &ev, NULL), ERR_OK);
	assert_int_equal(w->commits, 0);
	commit(w->in);
	assert_int_equal(w->commits, 1);
	reader_new(&r, w->lab);
	reader_open(&r);
	for (p = 0; p < 2; p++) {
		const struct event_fields *f;

		assert_int_equal(reader_read(&r, p), 2);
		f = &r.events[0]->f;
		assert_int_equal(f->op, OP_UPDATE);
		assert_text(f->schema, has_schema ? "sales" : NULL);
		assert_text(f->table, "Orders \xc3\xa4");
		assert_text(f->key, "{\"a\":1,\"b\":\"A'\"}");
		assert_text(f->data, data);
		assert_text(f->old_data, "{\"id\":6}");
		assert_null(f->old_key.s);
		assert_false(f->truncated);
		f = &r.events[1]->f;
		assert_int_equal(f->op, OP_DELETE);
		assert_text(f->schema, NULL);
		assert_text(f->table, "t");
		assert_null(f->key.s);
		assert_null(f->data.s);
		assert_null(f->old_data.s);
		assert_true(r.events[0]->f.id < f->id);
	}
	reader_free(&r);
}

static void nothing_is_there_before_the_commit_nor_after_a_rollback(void **state)
{
	struct world *w = *state;

	assert_int_equal(begin(w->in, "k", 1).outcome, INLET_STORED);
	add_data(w->in, "{\"id\":1}", "{}");
	assert_int_equal(rows(w), 0);
	inlet_rollback(w->in);
	assert_int_equal(rows(w), 0);
	assert_int_equal(w->commits, 0);
	/* nor is the key */
	assert_int_equal(begin(w->in, "k", 2).outcome, INLET_STORED);
	add_data(w->in, "{\"id\":1}", "{}");
	commit(w->in);
	assert_int_equal(rows(w), 2);
	commit(w->in);
	assert_int_equal(w->commits, 1);
}

static void a_key_is_taken_once_within_its_window(void **state)
{
	struct world *w = *state;
	struct inlet_begun b;
	struct inlet_request other = request_of("key 1", 1);

	assert_int_equal(begin(w->in, "key 1", 1).outcome, INLET_STORED);
	add_data(w->in, "{\"id\":1}", "{}");
	add_data(w->in, "{\"id\":2}", "{}");
	commit(w->in);
	b = begin(w->in, "key 1", 1);
	assert_int_equal(b.outcome, INLET_DUPLICATE);
	assert_int_equal(b.events, 2);
	b = begin(w->in, "key 1", 2);
	assert_int_equal(b.outcome, INLET_CONFLICT);
	assert_int_equal(b.events, 0);
	/* keys are of a token */
	other.token = TEXT_LIT("billing");
	assert_int_equal(inlet_begin(w->in, &other, &b, NULL), ERR_OK);
	assert_int_equal(b.outcome, INLET_STORED);
	commit(w->in);
	/* and are told apart by case */
	assert_int_equal(begin(w->in, "KEY 1", 2).outcome, INLET_STORED);
	commit(w->in);
	w->clock.wall_us += WINDOW_US / 2;
	assert_int_equal(begin(w->in, "key 1", 1).outcome, INLET_DUPLICATE);
	w->clock.wall_us += WINDOW_US;
	assert_int_equal(begin(w->in, "key 1", 2).outcome, INLET_STORED);
	commit(w->in);
	assert_int_equal(begin(w->in, "key 1", 1).outcome, INLET_CONFLICT);
	b = begin(w->in, "key 1", 2);
	assert_int_equal(b.outcome, INLET_DUPLICATE);
	assert_int_equal(b.events, 0);
	assert_int_equal(rows(w), 4);
}

static int64_t keys(struct world *w)
{
	static const char sql[] = "SELECT count(*) FROM app_db_listener_ingest_key";

	if (w->lab == &lab_kinds[LAB_POSTGRES])
		return pgtest_i64(w->lab->pg.conn,
				  "SELECT count(*) FROM app_db_listener.ingest_key");
	if (w->lab == &lab_kinds[LAB_MYSQL])
		return mytest_i64(w->lab->my.conn, sql);
	return sqlitetest_i64(w->lab->sqlite.db, sql);
}

/* In small steps; but however many come, as many go. */
static void old_keys_go_with_every_commit_while_there_are_more(void **state)
{
	static const int64_t left[] = {701, 202, 3, 4};
	struct world *w = *state;
	char key[24];
	size_t i;

	for (i = 0; i < 1200; i++) {
		(void)snprintf(key, sizeof(key), "old %zu", i);
		assert_int_equal(begin(w->in, key, 1).outcome, INLET_STORED);
	}
	commit(w->in);
	inlet_close(w->in); /* the next step is due at once */
	w->in = open_inlet(w);
	w->clock.wall_us += 2 * WINDOW_US;
	for (i = 0; i < ARRAY_LEN(left); i++) {
		(void)snprintf(key, sizeof(key), "new %zu", i);
		assert_int_equal(begin(w->in, key, 1).outcome, INLET_STORED);
		commit(w->in);
		assert_int_equal(keys(w), left[i]);
	}
}

static void requests_share_a_commit_and_one_can_be_cancelled(void **state)
{
	struct world *w = *state;
	struct inlet *in = w->in;

	assert_int_equal(begin(in, "a", 1).outcome, INLET_STORED);
	add_data(in, "{\"id\":1}", "{\"of\":\"a\"}");
	assert_int_equal(begin(in, "b", 1).outcome, INLET_STORED);
	add_data(in, "{\"id\":2}", "{\"of\":\"b\"}");
	assert_int_equal(inlet_cancel(in, NULL), ERR_OK);
	assert_int_equal(inlet_cancel(in, NULL), ERR_OK);
	assert_int_equal(begin(in, "a", 1).outcome, INLET_DUPLICATE);
	assert_int_equal(begin(in, "a", 2).outcome, INLET_CONFLICT);
	assert_int_equal(begin(in, "c", 1).outcome, INLET_STORED);
	add_data(in, "{\"id\":3}", "{\"of\":\"c\"}");
	add_data(in, "{\"id\":4}", "{\"of\":\"c\"}");
	commit(in);
	assert_int_equal(w->commits, 1);
	assert_int_equal(rows(w), 6);
	assert_int_equal(begin(in, "a", 1).events, 1);
	assert_int_equal(begin(in, "c", 1).events, 2);
	assert_int_equal(begin(in, "b", 2).outcome, INLET_STORED);
	/* the only one */
	add_data(in, "{\"id\":5}", "{}");
	assert_int_equal(inlet_cancel(in, NULL), ERR_OK);
	commit(in);
	assert_int_equal(rows(w), 6);
	assert_int_equal(begin(in, "b", 3).outcome, INLET_STORED);
	inlet_rollback(in);
}

/* Each is refused, and the request goes on without it. */
static void what_is_wrong_with_an_event_is_the_clients_fault(void **state)
{
	static char large[(1 << 20) + 2];
	static const struct inlet_event good = {
		.op = OP_INSERT, .table = {"t", 1}, .key = {"{\"id\":1}", 8}, .data = {"{}", 2}};
	struct world *w = *state;
	struct inlet_event bad[12];
	size_t i, n = 0;

	for (i = 0; i < ARRAY_LEN(bad); i++)
		bad[i] = good;
	memset(large, '1', sizeof(large) - 1);
	bad[n++].data = text_of(large);
	bad[n++].old_data = text_of(large);
	bad[n++].op = OP_TRUNCATE;
	bad[n++].table = TEXT_NONE;
	bad[n++].table = (struct text){large, 65};
	bad[n++].table = TEXT_LIT("a\nb");
	bad[n++].schema = TEXT_LIT("");
	bad[n++].key = TEXT_LIT("[1]");
	bad[n++].key = TEXT_LIT("{}");
	bad[n++].key = TEXT_LIT("{\"id\":1,\"i\\u0064\":2}");
	bad[n++].key = TEXT_LIT("{\"id\":{\"a\":1}}");
	bad[n++].data = TEXT_LIT("\"\xff\"");
	assert_int_equal(n, ARRAY_LEN(bad));
	assert_int_equal(begin(w->in, "faults", 1).outcome, INLET_STORED);
	add_data(w->in, "{\"id\":1}", "{}");
	for (i = 0; i < n; i++)
		assert_int_equal(inlet_add(w->in, &bad[i], NULL), i < 2 ? ERR_FULL : ERR_DATA);
	add_data(w->in, "{\"id\":2}", "{}");
	commit(w->in);
	assert_int_equal(rows(w), 4);
	assert_int_equal(begin(w->in, "faults", 1).events, 2);
}

static void what_is_wrong_with_a_request_is_refused(void **state)
{
	static const char *const keys[] = {"", "a\tb", "\xc3\xa4", NULL};
	static char text[INLET_KEY_BYTES_MAX + 2];
	struct world *w = *state;
	struct inlet_request r;
	struct inlet_begun b;
	size_t i;

	for (i = 0; keys[i]; i++) {
		r = request_of(keys[i], 1);
		assert_int_equal(inlet_begin(w->in, &r, &b, NULL), ERR_DATA);
	}
	memset(text, 'k', sizeof(text) - 1);
	r = request_of(text, 1);
	assert_int_equal(inlet_begin(w->in, &r, &b, NULL), ERR_DATA);
	r.key.len--;
	assert_int_equal(inlet_begin(w->in, &r, &b, NULL), ERR_OK);
	commit(w->in);
	assert_int_equal(inlet_begin(w->in, &r, &b, NULL), ERR_OK);
	assert_int_equal(b.outcome, INLET_DUPLICATE);
	r = request_of(NULL, 0);
	r.token = (struct text){text, INLET_TOKEN_BYTES_MAX + 1};
	assert_int_equal(inlet_begin(w->in, &r, &b, NULL), ERR_DATA);
}

/* ---- several at once ---- */

struct contender {
	struct world *w;
	struct thread thread;
	atomic_int *stored, *duplicates;
	int round;
};

static void contend(void *arg)
{
	struct contender *c = arg;
	struct inlet *in = open_inlet(c->w);
	struct inlet_request r;
	struct inlet_begun b;
	struct inlet_event ev = {.op = OP_INSERT,
				 .table = TEXT_LIT("t"),
				 .key = TEXT_LIT("{\"id\":1}"),
				 .data = TEXT_LIT("{}")};
	char key[32];
	int i;

	for (i = 0; i < 20; i++) {
		(void)snprintf(key, sizeof(key), "same %d", i);
		r = request_of(key, 1);
		if (inlet_begin(in, &r, &b, NULL) != ERR_OK)
			continue;
		if (b.outcome == INLET_DUPLICATE)
			atomic_fetch_add(c->duplicates, 1);
		if (b.outcome != INLET_STORED)
			continue;
		if (inlet_add(in, &ev, NULL) == ERR_OK && inlet_commit(in, NULL) == ERR_OK)
			atomic_fetch_add(c->stored, 1);
	}
	inlet_close(in);
}

static void the_same_key_on_several_connections_is_stored_once(void **state)
{
	struct world *w = *state;
	struct contender c[THREADS];
	atomic_int stored = 0, duplicates = 0;
	size_t i;

	for (i = 0; i < THREADS; i++) {
		c[i] = (struct contender){.w = w, .stored = &stored, .duplicates = &duplicates};
		assert_int_equal(
			thread_start(&c[i].thread, "contender", 1UL << 20, contend, &c[i], NULL),
			ERR_OK);
	}
	for (i = 0; i < THREADS; i++)
		thread_join(&c[i].thread);
	assert_int_equal(stored, 20);
	assert_int_equal(duplicates, 20 * (THREADS - 1));
	assert_int_equal(rows(w), 2 * 20);
}

/* ---- many ---- */

static void a_large_request_keeps_its_order(void **state)
{
	enum { COUNT = 1500 };
	struct world *w = *state;
	struct reader r;
	char key[32], data[64];
	int i, got = 0;
	size_t k;

	assert_int_equal(begin(w->in, "large", 1).outcome, INLET_STORED);
	for (i = 0; i < COUNT; i++) {
		(void)snprintf(key, sizeof(key), "{\"id\":%d}", i % 10);
		(void)snprintf(data, sizeof(data), "{\"n\":%d}", i);
		add_data(w->in, key, data);
	}
	commit(w->in);
	assert_int_equal(begin(w->in, "large", 1).events, COUNT);
	reader_new(&r, w->lab);
	reader_open(&r);
	while (got < COUNT) {
		assert_true(reader_read(&r, 0) > 0);
		for (k = 0; k < r.count; k++) {
			(void)snprintf(data, sizeof(data), "{\"n\":%d}", got++);
			assert_text(r.events[k]->f.data, data);
		}
	}
	assert_int_equal(got, COUNT);
	reader_free(&r);
}

static void a_large_event_is_stored_whole(void **state)
{
	struct world *w = *state;
	size_t len = 1000000, i;
	char *data = malloc(len + 1);
	struct reader r;

	assert_non_null(data);
	for (i = 0; i < len; i++)
		data[i] = "ab'c\\\"xyz,"[i % 10];
	memcpy(data, "{\"a\":\"", 6);
	memcpy(data + len - 2, "\"}", 3);
	push(w->in, "{\"id\":1}", data);
	reader_new(&r, w->lab);
	reader_open(&r);
	assert_int_equal(reader_read_limited(&r, 0, 1, 1UL << 30), 1);
	assert_int_equal(r.events[0]->f.data.len, len);
	assert_memory_equal(r.events[0]->f.data.s, data, len);
	reader_free(&r);
	free(data);
}

static size_t ingest_bytes(const struct world *w)
{
	return budget_stats(w->budget).accounts[BUDGET_INGEST].used_bytes;
}

static void copies_of_events_are_charged_and_given_back(void **state)
{
	const struct budget_options o = {.max_bytes = 64UL << 20};
	struct world *w = *state;
	size_t len = 3UL << 20;
	char *data = malloc(len + 1);
	bool copies = w->lab != &lab_kinds[LAB_SQLITE];

	assert_non_null(data);
	assert_int_equal(budget_new(&o, &w->budget, NULL), ERR_OK);
	w->lab->settings.max_event_bytes = (int64_t)len;
	inlet_close(w->in);
	w->in = open_inlet(w);
	memset(data, '1', len);
	data[len] = '\0';
	assert_int_equal(begin(w->in, "large", 1).outcome, INLET_STORED);
	add_data(w->in, "{\"id\":1}", data);
	assert_true(!copies || ingest_bytes(w) >= len);
	commit(w->in);
	assert_int_equal(ingest_bytes(w), 0);
	assert_int_equal(begin(w->in, "large", 1).outcome, INLET_DUPLICATE);
	assert_int_equal(rows(w), 2);
	assert_int_equal(begin(w->in, NULL, 1).outcome, INLET_STORED);
	add_data(w->in, "{\"id\":1}", "{}");
	inlet_close(w->in);
	assert_int_equal(ingest_bytes(w), 0);
	budget_free(w->budget);
	w->budget = NULL;
	w->in = open_inlet(w);
	free(data);
}

static void an_idle_reader_wakes_up(void **state)
{
	struct world *w = *state;
	struct reader r;
	int woken = 0;

	reader_new(&r, w->lab);
	reader_open(&r);
	assert_int_equal(reader_read(&r, 0), 0);
	push(w->in, "{\"id\":1}", "{}");
	assert_int_equal(r.s->ops->wait(r.s, true, r.wake_fd,
					clock_now_us(clock_system()) + PATIENCE_US, &woken, NULL),
			 ERR_OK);
	assert_true(woken & SOURCE_WOKEN_CHANGE);
	assert_int_equal(reader_read(&r, 0), 1);
	reader_free(&r);
}

#define IN(kind, test)                                                                             \
	{                                                                                          \
#test, test, setup, teardown, &lab_kinds[kind]                                     \
	}
#define TESTS(kind)                                                                                \
	{                                                                                          \
		IN(kind, events_come_out_as_they_went_in_for_every_pipeline),                      \
			IN(kind, nothing_is_there_before_the_commit_nor_after_a_rollback),         \
			IN(kind, a_key_is_taken_once_within_its_window),                           \
			IN(kind, old_keys_go_with_every_commit_while_there_are_more),              \
			IN(kind, requests_share_a_commit_and_one_can_be_cancelled),                \
			IN(kind, what_is_wrong_with_an_event_is_the_clients_fault),                \
			IN(kind, what_is_wrong_with_a_request_is_refused),                         \
			IN(kind, the_same_key_on_several_connections_is_stored_once),              \
			IN(kind, a_large_request_keeps_its_order),                                 \
			IN(kind, a_large_event_is_stored_whole),                                   \
			IN(kind, copies_of_events_are_charged_and_given_back),                     \
			IN(kind, an_idle_reader_wakes_up),                                         \
	}
#ifndef TEST_ONLY
#define TEST_ONLY LAB_KINDS /* all whose server is there */
#endif
#define RUN(kind, is_there, tests)                                                                 \
	((TEST_ONLY == (kind) || TEST_ONLY == LAB_KINDS) && (is_there)                             \
		 ? cmocka_run_group_tests_name(#tests " inlet", tests, NULL, NULL)                 \
		 : 0)

int main(void)
{
	const struct CMUnitTest sqlite[] = TESTS(LAB_SQLITE);
	const struct CMUnitTest postgres[] = TESTS(LAB_POSTGRES);
	const struct CMUnitTest mysql[] = TESTS(LAB_MYSQL);

	return RUN(LAB_SQLITE, true, sqlite) + RUN(LAB_POSTGRES, getenv("TEST_PG_PORT"), postgres) +
	       RUN(LAB_MYSQL, getenv("TEST_MY_PORT"), mysql);
}
