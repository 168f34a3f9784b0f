/* SPDX-License-Identifier: MIT */
/*
 * The committer, with a SQLite store behind it, while each allocation and each call about a file
 * fails in turn, SQLite's among them.
 */
#include "ingest_world.h"

#include "ingest/body.h"
#include "ingest/committer.h"

/* ---- requests ---- */

enum { KEYED, LINES, WRONG, LARGE, AGAIN, ENTRIES };

#define LARGE_EVENTS 3

struct entry {
	struct job job;
	struct body body;
	char key[32], table[32];
	int events;
	_Atomic int done;
};

static void entry_done(struct job *j)
{
	struct entry *n = (struct entry *)(void *)j;

	n->done++;
}

static void entry_add(struct entry *n, size_t bytes)
{
	struct buf out;

	buf_init(&out, 1 << 18);
	buf_add_fmt(
		&out,
		"{\"table\":\"%s\",\"operation\":\"insert\",\"key\":{\"b\":\"\\u0041\",\"a\":1},"
		"\"data\":{\"a\":\"",
		n->table);
	buf_add_fmt(&out, "%0*d", (int)bytes, 1);
	buf_add_str(&out, "\"}}\n");
	assert_int_equal(body_add(&n->body, out.data, out.len, NULL), ERR_OK);
	n->events++;
	buf_done(&out);
}

static void entry_new(struct world *w, struct entry *n, int i)
{
	static const char wrong[] = "{\"table\":\"wrong\",\"operation\":\"insert\"}\n";
	int like = i == AGAIN ? KEYED : i, left = i == LINES || i == LARGE ? LARGE_EVENTS : 1;

	*n = (struct entry){.events = 0};
	n->job = (struct job){.body = &n->body, .format = POSTED_NDJSON, .done = entry_done};
	(void)snprintf(n->table, sizeof(n->table), "t%lld_%d", (long long)w->life, like);
	(void)snprintf(n->key, sizeof(n->key), "k%lld_%d", (long long)w->life, like);
	n->job.request = (struct inlet_request){.token = text_of(w->token_name),
						.window_us = 60 * CLOCK_US_PER_S};
	if (i != LINES)
		n->job.request.key = text_of(n->key);
	assert_int_equal(body_init(&n->body, w->dir, w->budget, false, NULL), ERR_OK);
	while (left--)
		entry_add(n, i == LARGE ? 30000 : 10);
	if (i == WRONG)
		assert_int_equal(body_add(&n->body, wrong, sizeof(wrong) - 1, NULL), ERR_OK);
}

static bool is_taken(const struct entry *n)
{
	return n->job.refusal.reason == REFUSAL_NONE;
}

/* What is answered is so, here and after a restart. */
static void entries_judge(struct world *w, const struct entry all[static ENTRIES])
{
	const struct entry *n;
	sqlite3 *later = restart(w);
	int64_t rows, again;
	bool taken;
	int i;

	for (i = 0; i < AGAIN; i++) {
		n = &all[i];
		taken = is_taken(n) || (i == KEYED && is_taken(&all[AGAIN]));
		rows = count_in(w->db, n->table);
		again = count_in(later, n->table);
		if (rows != (taken ? n->events : 0) || (taken && again != rows) ||
		    (!taken && again && again != n->events))
			fail_msg("%d: %s, and %lld rows, %lld after a restart", i,
				 refusal_name(n->job.refusal.reason), (long long)rows,
				 (long long)again);
	}
	for (i = 0; i < ENTRIES; i++) {
		n = &all[i];
		assert_int_equal(n->done, 1);
		if (!is_taken(n) && n->job.refusal.reason != REFUSAL_STORE &&
		    (i != WRONG || n->job.refusal.reason != REFUSAL_EVENT))
			fail_msg("%d: %s", i, n->job.refusal.why);
		if (life_is_sound(w))
			assert_int_equal(is_taken(n), i != WRONG);
		assert_true(i != WRONG || !is_taken(n));
	}
	restart_end(w, later);
}

static enum err_code commit_life(void *ctx)
{
	struct world *w = ctx;
	const struct committer_options o = {.settings = &w->settings,
					    .ops = &inlet_ops_real,
					    .clock = &w->clock,
					    .budget = w->budget,
					    .tally = &w->tally};
	static struct entry all[ENTRIES];
	struct committer *c = NULL;
	struct err e = {.code = ERR_OK};
	enum err_code code;
	int i;

	life_begin(w);
	w->ahead_us += AWAY_US;
	torture_suspend();
	for (i = 0; i < ENTRIES; i++)
		entry_new(w, &all[i], i);
	torture_resume();
	code = committer_new(&o, &c, &e);
	for (i = 0; i < ENTRIES && code == ERR_OK; i++)
		committer_push(c, &all[i].job);
	if (code == ERR_OK)
		code = committer_start(c, &e);
	committer_stop(c, clock_now_us(&w->clock) + WAIT_US);
	committer_free(c);
	torture_suspend();
	if (code == ERR_OK)
		entries_judge(w, all);
	for (i = 0; i < ENTRIES; i++)
		body_done(&all[i].body);
	torture_resume();
	life_end(w);
	return life_code(w, code, &e);
}

static void what_is_answered_is_stored_and_nothing_else(void **state)
{
	struct world *w = *state;

	assert_true(torture_sample(TORTURE_MEMORY, 45, commit_life, w) >= 100);
	for (w->kind = TORTURE_ERROR; w->kind <= TORTURE_EINTR; w->kind++)
		assert_true(torture_sample(w->kind, w->kind == TORTURE_ERROR ? 40 : 10, commit_life,
					   w) >= 20);
}

/* Where each text that is read has to be made anew. */
static int setup_utf16(void **state)
{
	return world_setup_as(state, "UTF-16le");
}

static enum err_code repeat_life(void *ctx)
{
	struct world *w = ctx;
	const struct inlet_options o = {
		.settings = &w->settings, .clock = &w->clock, .interrupt_fd = -1};
	const struct inlet_event ev = {
		.op = OP_INSERT, .table = TEXT_LIT("t"), .data = TEXT_LIT("{}")};
	struct inlet_request q = {.token = text_of(w->token_name),
				  .key = TEXT_LIT("key"),
				  .window_us = 60 * CLOCK_US_PER_S};
	struct inlet_begun b;
	struct inlet *in;
	struct err e;
	enum err_code code;

	life_begin(w);
	torture_suspend();
	assert_int_equal(inlet_open(&o, &in, NULL), ERR_OK);
	assert_int_equal(inlet_begin(in, &q, &b, NULL), ERR_OK);
	assert_int_equal(inlet_add(in, &ev, NULL), ERR_OK);
	assert_int_equal(inlet_commit(in, NULL), ERR_OK);
	torture_resume();
	code = inlet_begin(in, &q, &b, &e);
	if (code == ERR_OK) {
		assert_int_equal(b.outcome, INLET_DUPLICATE);
		assert_int_equal(b.events, 1);
	}
	torture_suspend();
	inlet_close(in);
	torture_resume();
	life_end(w);
	return code;
}

static void a_key_is_not_taken_for_another_without_memory(void **state)
{
	assert_true(torture_run(repeat_life, *state) >= 5);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_answered_is_stored_and_nothing_else),
		cmocka_unit_test_setup_teardown(a_key_is_not_taken_for_another_without_memory,
						setup_utf16, world_teardown),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("torture/committer", tests, NULL, NULL);
}
