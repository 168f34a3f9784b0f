/* SPDX-License-Identifier: MIT */
/*
 * The modules that metrics_collect asks are stubbed here, weakly, so that the test does not depend
 * on them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "control/metrics.h"
#include "control/metrics_table.h"

#define WEAK __attribute__((weak))
#define S CLOCK_US_PER_S
#define WALL (1700000000LL * S)

static struct ring_stats ring_of;
static struct runner_stats runner_of;
static struct webhook_stats webhook_of;
static struct pool_stats pool_of;
static struct webhook_settings webhook_settings_of = {.timeout_us = 30 * S};

WEAK struct ring_stats ring_stats(struct ring *r)
{
	(void)r;
	return ring_of;
}

WEAK struct runner_stats runner_stats(struct runner *r)
{
	(void)r;
	return runner_of;
}

WEAK struct webhook_stats webhook_stats(struct webhook *w)
{
	(void)w;
	return webhook_of;
}

WEAK const struct webhook_settings *webhook_settings(const struct webhook *w)
{
	(void)w;
	return &webhook_settings_of;
}

WEAK struct pool_stats pool_stats(struct pool *p)
{
	(void)p;
	return pool_of;
}

WEAK struct log_stats log_stats(void)
{
	return (struct log_stats){.lines_written = 77, .file_bytes = 4096};
}

WEAK const char *runner_state_name(enum runner_state state)
{
	static const char *const names[] = {"stopped", "connecting", "standby", "active"};

	return names[state];
}

WEAK const char *breaker_state_name(enum breaker_state state)
{
	static const char *const names[] = {"closed", "open", "half_open", "disabled"};

	return names[state];
}

WEAK const char *answer_phase_name(enum answer_phase phase)
{
	static const char *const names[] = {"none", "lookup",     "connect", "tls",
					    "send", "first_byte", "body"};

	return names[phase];
}

WEAK const int64_t webhook_latency_bound_us[WEBHOOK_LATENCY_BUCKETS] = {
	500,   1000,   2000,   3000,   5000,   7500,    10000,   20000,    30000,    50000,
	75000, 100000, 200000, 300000, 500000, 1000000, 5000000, 10000000, 30000000, INT64_MAX,
};

/* Of the tests' own making: the bound of the bucket. */
WEAK int64_t webhook_latency_quantile_us(const int64_t count[static WEBHOOK_LATENCY_BUCKETS],
					 double q)
{
	int64_t sum = 0;
	int64_t seen = 0;
	size_t i;

	for (i = 0; i < WEBHOOK_LATENCY_BUCKETS; i++)
		sum += count[i];
	for (i = 0; i < WEBHOOK_LATENCY_BUCKETS; i++) {
		seen += count[i];
		if (sum && (double)seen >= q * (double)sum)
			return webhook_latency_bound_us[i];
	}
	return 0;
}

struct fixture {
	struct metrics_snapshot s;
	struct metrics_history h;
	struct buf out;
};

/* One source, two webhooks, two pipelines with known figures; not yet derived. */
static void fill(struct metrics_snapshot *s)
{
	struct metrics_source *src = &s->sources[0];
	struct metrics_webhook *w = &s->webhooks[0];
	struct metrics_pipeline *p = &s->pipelines[0];

	(void)snprintf(s->version, sizeof(s->version), "1.2.3");
	s->now_us = 1000 * S;
	s->wall_us = WALL;
	s->uptime_us = 90 * S + 500000;
	s->pool = (struct pool_stats){.workers = 10, .busy = 2, .connections = 5};
	s->source_count = 1;
	(void)snprintf(src->name, sizeof(src->name), "shop");
	src->stats = (struct runner_stats){.state = RUNNER_ACTIVE, .failures = 3};
	src->stats.source = (struct source_status){.notify = true,
						   .connections = 1,
						   .outbox_rows = 40,
						   .dead_rows = -1,
						   .dead_letters = -1};
	(void)snprintf(src->stats.source.server, sizeof(src->stats.source.server),
		       "PostgreSQL \"15\"\n");
	s->webhook_count = 2;
	(void)snprintf(w[0].name, sizeof(w[0].name), "crm");
	w[0].stats.delivered = 100;
	w[0].stats.attempts = 109;
	w[0].stats.retried = 4;
	w[0].stats.refused = 2;
	w[0].stats.exhausted = 1;
	w[0].stats.held = 2;
	w[0].stats.by_class[2] = 100;
	w[0].stats.failures_by_phase[ANSWER_PHASE_CONNECT] = 6;
	w[0].stats.latency_count[1] = 90;
	w[0].stats.latency_count[19] = 10;
	w[0].stats.latency_sum_us = 12500000;
	(void)snprintf(w[1].name, sizeof(w[1].name), "we\"ird\\\n");
	w[1].stats.breaker = (struct breaker_stats){.state = BREAKER_OPEN, .since_us = 940 * S};
	(void)snprintf(w[1].stats.last_error, sizeof(w[1].stats.last_error), "HTTP 503");
	s->pipeline_count = 2;
	(void)snprintf(p[0].name, sizeof(p[0].name), "orders");
	(void)snprintf(p[0].source_name, sizeof(p[0].source_name), "shop");
	(void)snprintf(p[0].webhook_name, sizeof(p[0].webhook_name), "crm");
	p[0].ring = (struct ring_stats){.capacity = 100,
					.max_bytes = 1000,
					.events = 7,
					.bytes = 70,
					.inflight = 2,
					.waiting = 1,
					.oldest_read_us = 995 * S,
					.oldest_wall_us = WALL - 8 * S};
	p[1] = p[0];
	(void)snprintf(p[1].name, sizeof(p[1].name), "users");
	p[1].webhook = 1;
	p[1].ring =
		(struct ring_stats){.capacity = 50, .max_bytes = 500, .oldest_read_us = INT64_MAX};
}

static int set_up(void **state)
{
	struct fixture *f = mem_calloc(1, sizeof(*f));

	if (!f)
		return -1;
	metrics_history_init(&f->h);
	buf_init(&f->out, 1 << 20);
	fill(&f->s);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	buf_done(&f->out);
	mem_free(f);
	return 0;
}

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

/*
 * The rules of promtool's check: every line is a comment or a sample; HELP and TYPE once and before
 * the samples of a family, whose lines stand together; names, labels and values well formed; no
 * series twice; counters end in _total, gauges do not; buckets rise to +Inf, which equals _count.
 */
struct family {
	char name[128];
	char type[16];
	size_t samples;
	double bucket;     /* the last, of the series under way */
	double bound;      /* its le */
	bool has_infinity; /* seen in the series under way */
};

static size_t name_length(const char *s)
{
	size_t n = 0;

	while (isalnum((unsigned char)s[n]) || s[n] == '_' || s[n] == ':')
		n++;
	return isdigit((unsigned char)s[0]) ? 0 : n;
}

/* The length of {a="b",...}; 0 without labels. Escapes are \\ \" \n only. */
static size_t labels_length(const char *s)
{
	const char *at = s;

	if (*at != '{')
		return 0;
	do {
		size_t n = name_length(++at);

		assert_true(n > 0 && strncmp(at + n, "=\"", 2) == 0);
		for (at += n + 2; *at != '"'; at++) {
			assert_true(*at != '\0' && *at != '\n');
			if (*at == '\\')
				assert_non_null(memchr("\\\"n", *++at, 3));
		}
		at++;
	} while (*at == ',');
	assert_int_equal(*at, '}');
	return (size_t)(at - s) + 1;
}

static void check_histogram(struct family *fam, const char *suffix, const char *labels, double v)
{
	const char *le = strstr(labels, "le=\"");

	if (strcmp(suffix, "_bucket") == 0) {
		double bound = strncmp(le + 4, "+Inf", 4) == 0 ? INFINITY : strtod(le + 4, NULL);

		if (fam->has_infinity)
			fam->bucket = 0, fam->bound = 0, fam->has_infinity = false;
		assert_true(bound > fam->bound && v >= fam->bucket);
		fam->bound = bound;
		fam->bucket = v;
		fam->has_infinity = isinf(bound);
	} else if (strcmp(suffix, "_count") == 0) {
		assert_true(fam->has_infinity && v == fam->bucket);
	} else {
		assert_string_equal(suffix, "_sum");
	}
}

static void check_sample(struct family *fam, const char *line)
{
	size_t n = name_length(line);
	size_t l = labels_length(line + n);
	size_t own = strlen(fam->name);
	char labels[512];
	char suffix[16];
	char *end;
	double v = strtod(line + n + l + 1, &end);

	assert_true(n >= own && strncmp(line, fam->name, own) == 0);
	assert_true(l < sizeof(labels) && n - own < sizeof(suffix));
	memcpy(labels, line + n, l);
	labels[l] = '\0';
	memcpy(suffix, line + own, n - own);
	suffix[n - own] = '\0';
	assert_int_equal(line[n + l], ' ');
	assert_true(*end == '\0' && isfinite(v) && v >= 0);
	if (strcmp(fam->type, "histogram") == 0)
		check_histogram(fam, suffix, labels, v);
	else
		assert_string_equal(suffix, "");
	fam->samples++;
}

static void check_comment(struct family *fam, const char *line, const char *text)
{
	char name[128];
	char type[16];
	size_t len;

	if (sscanf(line, "# HELP %127s", name) == 1) {
		assert_string_not_equal(name, fam->name);
		/* a family comes once: its HELP line is the only one in the whole text */
		assert_null(strstr(strstr(text, line) + 1, line));
		*fam = (struct family){.has_infinity = true};
		(void)snprintf(fam->name, sizeof(fam->name), "%s", name);
		return;
	}
	assert_int_equal(sscanf(line, "# TYPE %127s %15s", name, type), 2);
	assert_string_equal(name, fam->name);
	assert_int_equal(fam->samples, 0);
	(void)snprintf(fam->type, sizeof(fam->type), "%s", type);
	len = strlen(name);
	assert_true(len > 6);
	if (strcmp(type, "counter") == 0)
		assert_string_equal(name + len - 6, "_total");
	else
		assert_string_not_equal(name + len - 6, "_total");
}

static void check_exposition(const char *text)
{
	struct family fam = {.name = ""};
	char *copy = mem_strdup(text);
	char *at = copy;
	char *line;

	assert_int_equal(text[strlen(text) - 1], '\n');
	while ((line = strsep(&at, "\n")) && at) {
		if (line[0] == '#')
			check_comment(&fam, line, text);
		else
			check_sample(&fam, line);
	}
	mem_free(copy);
}

static void assert_has_line(const char *text, const char *line)
{
	const char *at = strstr(text, line);

	if (!at || (at > text && at[-1] != '\n') || at[strlen(line)] != '\n')
		fail_msg("no line: %s", line);
}

static void prometheus_text_is_valid_and_complete(void **state)
{
	struct fixture *f = *state;
	const char *text;

	metrics_derive(&f->s, &f->h);
	metrics_render_prometheus(&f->s, &f->out);
	assert_int_equal(buf_error(&f->out), ERR_OK);
	text = buf_str(&f->out);
	check_exposition(text);
	assert_has_line(text, "# TYPE app_db_listener_delivered_total counter");
	assert_has_line(text, "app_db_listener_build_info{version=\"1.2.3\"} 1");
	assert_has_line(text, "app_db_listener_queue_size 7");
	assert_has_line(text, "app_db_listener_lag_seconds 8.000000");
	assert_has_line(text, "app_db_listener_source_state{source=\"shop\",state=\"active\"} 1");
	assert_has_line(text, "app_db_listener_source_state{source=\"shop\",state=\"standby\"} 0");
	assert_has_line(text, "app_db_listener_source_notify{source=\"shop\"} 1");
	assert_has_line(text, "app_db_listener_pipeline_queue_capacity{pipeline=\"users\","
			      "source=\"shop\",webhook=\"crm\"} 50");
	assert_has_line(text, "app_db_listener_webhook_breaker{webhook=\"we\\\"ird\\\\\\n\","
			      "state=\"open\"} 1");
	assert_has_line(text, "app_db_listener_webhook_answers_total{webhook=\"crm\","
			      "class=\"2xx\"} 100");
	assert_has_line(text, "app_db_listener_webhook_failures_total{webhook=\"crm\","
			      "phase=\"connect\"} 6");
	assert_has_line(text, "app_db_listener_webhook_latency_seconds_bucket{webhook=\"crm\","
			      "le=\"0.001000\"} 90");
	assert_has_line(text, "app_db_listener_webhook_latency_seconds_bucket{webhook=\"crm\","
			      "le=\"+Inf\"} 100");
	assert_has_line(text, "app_db_listener_webhook_latency_seconds_sum{webhook=\"crm\"} "
			      "12.500000");
	assert_null(strstr(text, "app_db_listener_source_dead_letters{")); /* unknown */
}

static void unknown_figures_are_absent_not_negative(void **state)
{
	struct fixture *f = *state;

	f->s.memory.rss_bytes = METRICS_UNKNOWN;
	metrics_derive(&f->s, &f->h);
	metrics_render_prometheus(&f->s, &f->out);
	assert_null(strstr(buf_str(&f->out), "\napp_db_listener_memory_rss_bytes "));
	assert_null(strstr(buf_str(&f->out), " -"));
}

/* The sizes that settings allow: both pages fit well into what the server gives them. */
static void the_largest_configuration_fits(void **state)
{
	struct fixture *f = *state;
	size_t i;

	f->s.webhook_count = SETTINGS_WEBHOOKS_MAX;
	f->s.pipeline_count = SETTINGS_PIPELINES_MAX;
	for (i = 2; i < SETTINGS_WEBHOOKS_MAX; i++) {
		f->s.webhooks[i] = f->s.webhooks[0];
		f->s.pipelines[i] = f->s.pipelines[0];
	}
	metrics_derive(&f->s, &f->h);
	metrics_render_prometheus(&f->s, &f->out);
	metrics_render_json(&f->s, &f->out);
	assert_int_equal(buf_error(&f->out), ERR_OK);
}

static void no_two_rows_have_the_same_name(void **state)
{
	struct buf a, b;
	size_t i, k;

	(void)state;
	for (i = 0; i < metrics_table_count; i++) {
		const struct metrics_row *x = &metrics_table[i];

		assert_true(x->name || x->json);
		assert_true(x->help && x->help[strlen(x->help) - 1] != '.');
		buf_init(&a, 256);
		if (x->name)
			metrics_row_name(x, &a);
		for (k = 0; k < i; k++) {
			const struct metrics_row *y = &metrics_table[k];

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

static void collecting_asks_every_module(void **state)
{
	struct fixture *f = *state;
	struct clock_fake c;
	const struct metrics_source_input sources[] = {{"shop", NULL}};
	const struct metrics_webhook_input webhooks[] = {{"crm", NULL}, {"erp", NULL}};
	const struct metrics_pipeline_input pipelines[] = {{"a", NULL, 0, 1}, {"b", NULL, 0, 0}};
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

	ring_of = (struct ring_stats){.capacity = 10, .events = 3, .oldest_read_us = 49 * S};
	runner_of = (struct runner_stats){.state = RUNNER_STANDBY, .read_total = 12};
	webhook_of = (struct webhook_stats){.delivered = 4};
	pool_of = (struct pool_stats){.workers = 6};
	metrics_collect(&in, &f->s);
	assert_int_equal(f->s.uptime_us, 30 * S);
	assert_int_equal(f->s.total.queue_size, 6);
	assert_int_equal(f->s.total.delivered, 8);
	assert_int_equal(f->s.total.lag_us, S);
	assert_int_equal(f->s.pool.workers, 6);
	assert_int_equal(f->s.log.lines_written, 77);
	assert_int_equal(f->s.sources[0].stats.read_total, 12);
	assert_int_equal(f->s.webhooks[1].timeout_us, 30 * S);
	assert_string_equal(f->s.pipelines[0].webhook_name, "erp");
	assert_string_equal(f->s.pipelines[1].webhook_name, "crm");
	assert_true(f->s.memory.rss_bytes > 0);
	assert_true(f->s.process.open_fds > 0);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(totals_are_the_sums_of_the_parts),
		WITH(lag_is_the_age_of_the_oldest_undelivered_change),
		WITH(a_new_engine_does_not_lose_the_old_one_s_counts),
		WITH(json_has_what_operators_and_scripts_rely_on),
		WITH(prometheus_text_is_valid_and_complete),
		WITH(unknown_figures_are_absent_not_negative),
		WITH(the_largest_configuration_fits),
		WITH(no_two_rows_have_the_same_name),
		WITH(collecting_asks_every_module),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
