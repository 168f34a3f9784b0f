/* SPDX-License-Identifier: MIT */
#include "metrics_fixture.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>

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

static void tables_are_a_bounded_family(void **state)
{
	struct fixture *f = *state;
	struct label_set *tables = NULL;
	size_t lines = 0, i;
	char name[32];

	assert_int_equal(metrics_tables_new(&tables, NULL), ERR_OK);
	label_add(label_set_find(tables, TEXT_LIT("a.\"b\\\n")), RUNNER_TABLE_READ, 7);
	metrics_render_tables(tables, &f->out);
	assert_non_null(strstr(buf_str(&f->out),
			       "_total counter\napp_db_listener_table_events_total"
			       "{table=\"a.\\\"b\\\\\\n\"} 7\n"));
	for (i = 0; i < 12000; i++) {
		(void)snprintf(name, sizeof(name), "public.t%zu", i);
		label_add(label_set_find(tables, text_of(name)), RUNNER_TABLE_READ, 1);
	}
	buf_reset(&f->out);
	metrics_render_tables(tables, &f->out);
	assert_int_equal(buf_error(&f->out), ERR_OK);
	for (i = 0; i < f->out.len; i++)
		lines += f->out.data[i] == '\n';
	assert_int_equal(lines, 2 + 10000 + 1);
	assert_non_null(strstr(buf_str(&f->out), "{table=\"other\"} 2001\n"));
	label_set_free(tables);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH(prometheus_text_is_valid_and_complete),
		WITH(unknown_figures_are_absent_not_negative),
		WITH(the_largest_configuration_fits),
		WITH(tables_are_a_bounded_family),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
