/* SPDX-License-Identifier: MIT */
#include "metrics_fixture.h"

#include <jansson.h>

static void totals_are_the_sums_of_the_parts(void **state)
{
	struct fixture *f = *state;
	const struct metrics_totals *t = &f->s.total;

	metrics_derive(&f->s, &f->h);
	assert_int_equal(t->queue_size, 7);
	assert_int_equal(t->queue_capacity, 150);
	assert_int_equal(t->queue_bytes, 70);
	assert_int_equal(t->queue_max_bytes, 1500);
	assert_int_equal(t->in_flight, 2);
	assert_int_equal(t->delivered, 100);
	assert_int_equal(t->dead, 3);
	assert_int_equal(t->errors, 4 + 2 + 3 + 3);
	assert_int_equal(t->delivered_last_hour, 100);
	assert_int_equal(t->errors_last_hour, 12);
	assert_int_equal(t->outbox_rows, 40);
	assert_int_equal(t->dead_letters, METRICS_UNKNOWN);
	assert_int_equal(t->breakers_open, 1);
	assert_int_equal(f->s.webhooks[0].state_us, f->s.uptime_us);
	assert_int_equal(f->s.webhooks[1].state_us, 60 * S);
	assert_int_equal(t->latency.p50_us, 1000);
}

static void lag_is_the_age_of_the_oldest_undelivered_change(void **state)
{
	static const struct {
		const char *what;
		enum runner_state runner;
		int64_t outbox_wall, ring_read, ring_wall;
		int64_t lag_us, pending_us;
	} cases[] = {
		{"nothing anywhere", RUNNER_ACTIVE, 0, INT64_MAX, 0, 0, 0},
		{"by its commit", RUNNER_ACTIVE, 0, 995 * S, WALL - 8 * S, 8 * S, 5 * S},
		{"by its read when the commit is unknown", RUNNER_ACTIVE, 0, 995 * S, 0, 5 * S,
		 5 * S},
		{"an active source's old look at the outbox does not count", RUNNER_ACTIVE,
		 WALL - 50 * S, INT64_MAX, 0, 0, 0},
		{"a lost source's last look does", RUNNER_CONNECTING, WALL - 50 * S, INT64_MAX, 0,
		 50 * S, 0},
		{"the older of the two", RUNNER_CONNECTING, WALL - 50 * S, 995 * S, WALL - 80 * S,
		 80 * S, 5 * S},
		{"a standby has none", RUNNER_STANDBY, WALL - 50 * S, INT64_MAX, 0, 0, 0},
		{"clocks that disagree give 0", RUNNER_ACTIVE, 0, 1001 * S, WALL + S, 0, 0},
	};
	struct fixture *f = *state;
	size_t i;

	for (i = 0; i < ARRAY_LEN(cases); i++) {
		f->s.sources[0].stats.state = cases[i].runner;
		f->s.sources[0].stats.source.oldest_wall_us = cases[i].outbox_wall;
		f->s.pipelines[0].ring.oldest_read_us = cases[i].ring_read;
		f->s.pipelines[0].ring.oldest_wall_us = cases[i].ring_wall;
		metrics_derive(&f->s, &f->h);
		assert_true(f->s.pipelines[0].lag_us >= 0);
		if (f->s.total.lag_us != cases[i].lag_us ||
		    f->s.sources[0].lag_us != cases[i].lag_us ||
		    f->s.total.oldest_pending_us != cases[i].pending_us)
			fail_msg("%s: lag %lld, pending %lld", cases[i].what,
				 (long long)f->s.total.lag_us,
				 (long long)f->s.total.oldest_pending_us);
	}
}

static void a_new_engine_does_not_lose_the_old_one_s_counts(void **state)
{
	struct fixture *f = *state;

	metrics_derive(&f->s, &f->h);
	metrics_history_restart(&f->h);
	f->s.webhooks[0].stats.delivered = 130; /* more than before, but of a new webhook */
	f->s.now_us += S;
	metrics_derive(&f->s, &f->h);
	assert_int_equal(f->s.total.delivered, 230);
	assert_int_equal(f->s.total.delivered_last_hour, 230);
	f->s.now_us += 3600 * S;
	metrics_derive(&f->s, &f->h);
	assert_int_equal(f->s.total.delivered, 230);
	assert_int_equal(f->s.total.delivered_last_hour, 0);
}

static double number_at(json_t *root, const char *name)
{
	json_t *v = json_object_get(root, name);

	if (!json_is_number(v))
		fail_msg("%s is no number", name);
	return json_number_value(v);
}

static const char *string_at(json_t *root, const char *name)
{
	const char *v = json_string_value(json_object_get(root, name));

	return v ? v : "(none)";
}

static void json_has_what_operators_and_scripts_rely_on(void **state)
{
	struct fixture *f = *state;
	json_t *root, *part;

	metrics_derive(&f->s, &f->h);
	metrics_render_json(&f->s, &f->out);
	assert_int_equal(buf_error(&f->out), ERR_OK);
	root = json_loads(buf_str(&f->out), JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(root);
	assert_true(number_at(root, "queue_size") == 7);
	assert_true(number_at(root, "queue_capacity") == 150);
	assert_true(number_at(root, "workers") == 10);
	assert_true(number_at(root, "uptime_seconds") == 90.5);
	assert_true(number_at(root, "lag_seconds") == 8);
	assert_true(number_at(root, "delivered_last_hour") == 100);
	assert_true(json_is_null(json_object_get(root, "dead_letters")));
	assert_string_equal(string_at(root, "version"), "1.2.3");
	assert_true(number_at(json_object_get(root, "latency_ms"), "p50") == 1);
	assert_non_null(json_object_get(json_object_get(root, "memory"), "rss_bytes"));
	assert_non_null(json_object_get(json_object_get(root, "log"), "file_bytes"));
	part = json_array_get(json_object_get(root, "sources"), 0);
	assert_string_equal(string_at(part, "name"), "shop");
	assert_string_equal(string_at(part, "state"), "active");
	assert_string_equal(string_at(part, "server"), "PostgreSQL \"15\"\n");
	assert_true(json_is_true(json_object_get(part, "notify")));
	part = json_array_get(json_object_get(root, "pipelines"), 0);
	assert_string_equal(string_at(part, "webhook"), "crm");
	assert_true(number_at(part, "oldest_pending_seconds") == 5);
	part = json_array_get(json_object_get(root, "webhooks"), 1);
	assert_string_equal(string_at(part, "breaker"), "open");
	assert_string_equal(string_at(part, "last_error"), "HTTP 503");
	part = json_array_get(json_object_get(root, "webhooks"), 0);
	assert_true(number_at(json_object_get(part, "answers"), "2xx") == 100);
	assert_true(number_at(json_object_get(part, "failures"), "connect") == 6);
	assert_null(json_object_get(json_object_get(part, "failures"), "none"));
	json_decref(root);
}

static void no_two_rows_have_the_same_name(void **state)
{
	const struct metrics_row *x;
	struct buf a, b;
	size_t i, k;

	(void)state;
	for (i = 0; (x = metrics_row_at(i)); i++) {
		assert_true(x->name || x->json);
		assert_true(x->help && x->help[strlen(x->help) - 1] != '.');
		buf_init(&a, 256);
		if (x->name)
			metrics_row_name(x, &a);
		for (k = 0; k < i; k++) {
			const struct metrics_row *y = metrics_row_at(k);

			if (x->json && y->json && x->scope == y->scope)
				assert_string_not_equal(x->json, y->json);
			buf_init(&b, 256);
			if (y->name && x->name) {
				metrics_row_name(y, &b);
				assert_string_not_equal(buf_str(&a), buf_str(&b));
			}
			buf_done(&b);
		}
		buf_done(&a);
	}
}

static void assert_archive(const struct metrics_pipeline *p)
{
	assert_int_equal(p->archive.events, 5);
	assert_int_equal(p->archive_paused_us, 5 * S);
	assert_int_equal(strlen(p->archive_path), METRICS_NAME_BYTES - 1);
	assert_non_null(strstr(p->archive_path, "/and-another/events.json"));
}

static void assert_totals(const struct fixture *f)
{
	assert_int_equal(f->s.total.queue_size, 6);
	assert_int_equal(f->s.total.delivered, 8);
	assert_int_equal(f->s.total.lag_us, S);
	assert_int_equal(f->s.pool.workers, 6);
}

static const struct backfill_progress one_backfill = {
	.id = 8, .rows_done = 20, .rows_estimate = 50, .skipped = 2};

static void assert_backfills(const struct fixture *f)
{
	assert_int_equal(f->s.pipelines[0].backfill.job, 0);
	assert_int_equal(f->s.pipelines[0].backfill.rows_estimate, METRICS_UNKNOWN);
	assert_string_equal(f->s.pipelines[1].backfill.state, "running");
	assert_int_equal(f->s.pipelines[1].backfill.rows_done, 20);
	assert_int_equal(f->s.pipelines[1].backfill.locked, 2);
}

static void assert_budget(const struct metrics_budget *b)
{
	assert_int_equal(b->max_bytes, 1000);
	assert_int_equal(b->level, BUDGET_CRITICAL);
	assert_int_equal(b->reached[BUDGET_ALERT], 1);
	assert_int_equal(b->account_bytes[BUDGET_INGEST], 920);
	assert_int_equal(b->refused[BUDGET_CACHE], 1);
	assert_true(b->fragmentation_percent >= 0);
	assert_true(b->fragmentation_percent <= 100);
}

static void collecting_asks_every_module(void **state)
{
	struct fixture *f = *state;
	struct clock_fake c;
	struct budget *budget = NULL;
	const struct metrics_source_input sources[] = {{"shop", NULL}};
	const struct metrics_webhook_input webhooks[] = {{"crm", NULL}, {"erp", NULL}};
	const struct metrics_pipeline_input pipelines[] = {
		{"a", NULL, NULL, NULL, 0, 0, 1, PRIORITY_OPTIONAL},
		{"b", NULL, NULL, NULL, 0, 0, 0, PRIORITY_CRITICAL}};
	struct metrics_inputs in = {
		.version = "9",
		.clock = clock_fake_init(&c, 50 * S, WALL),
		.start_us = 20 * S,
		.history = &f->h,
		.sources = sources,
		.source_count = 1,
		.webhooks = webhooks,
		.webhook_count = 2,
		.pipelines = pipelines,
		.pipeline_count = 2,
	};

	assert_int_equal(budget_new(&(struct budget_options){.max_bytes = 1000}, &budget, NULL),
			 ERR_OK);
	budget_charge(budget, BUDGET_INGEST, 920);
	assert_false(budget_take(budget, BUDGET_CACHE, 100));
	in.budget = budget;
	ring_of = (struct ring_stats){.capacity = 10, .events = 3, .oldest_read_us = 49 * S};
	runner_of = (struct runner_stats){.state = RUNNER_STANDBY, .read_total = 12};
	backfill_of[1] = one_backfill;
	webhook_of = (struct webhook_stats){.delivered = 4};
	pool_of = (struct pool_stats){.workers = 6};
	archive_of = (struct archive_stats){
		.events = 5, .paused = true, .since_us = 45 * S, .error = "full"};
	metrics_collect(&in, &f->s);
	assert_int_equal(f->s.uptime_us, 30 * S);
	assert_totals(f);
	assert_int_equal(f->s.log.lines_written, 77);
	assert_int_equal(f->s.ingest.refused[REFUSAL_BUSY], 5);
	assert_int_equal(f->s.sources[0].stats.read_total, 12);
	assert_int_equal(f->s.webhooks[1].timeout_us, 30 * S);
	assert_backfills(f);
	assert_string_equal(f->s.pipelines[0].webhook_name, "erp");
	assert_string_equal(f->s.pipelines[1].webhook_name, "crm");
	assert_archive(&f->s.pipelines[1]);
	assert_true(f->s.memory.rss_bytes > 0);
	assert_true(f->s.process.open_fds > 0);
	assert_budget(&f->s.budget);
	assert_string_equal(f->s.pipelines[0].priority, "optional");
	assert_true(f->s.pipelines[0].memory_stopped);
	assert_false(f->s.pipelines[1].memory_stopped);
	budget_free(budget);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(totals_are_the_sums_of_the_parts),
		WITH(lag_is_the_age_of_the_oldest_undelivered_change),
		WITH(a_new_engine_does_not_lose_the_old_one_s_counts),
		WITH(json_has_what_operators_and_scripts_rely_on),
		WITH(no_two_rows_have_the_same_name),
		WITH(collecting_asks_every_module),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
