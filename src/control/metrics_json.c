/* SPDX-License-Identifier: MIT */
/*
 * The table as JSON: rows of the global scope become members of the top object, those of another
 * scope members of each object of an array. Rows with the same first part of "part.member" stand
 * together in the table and become one object.
 */
#include <assert.h>
#include <string.h>

#include "base/json.h"
#include "control/metrics.h"
#include "control/metrics_label.h"
#include "control/metrics_table.h"

#define SECONDS_DIGITS 3
#define MS_DIGITS 3

static void number_write(struct json *j, const char *name, const struct metrics_row *row, int64_t v)
{
	if (row->unit == METRICS_BOOL)
		json_bool(j, name, v != 0);
	else if (v < 0)
		json_add_null(j, name);
	else if (row->unit == METRICS_SECONDS)
		json_f64(j, name, (double)v / (double)CLOCK_US_PER_S, SECONDS_DIGITS);
	else if (row->unit == METRICS_MS)
		json_f64(j, name, (double)v / (double)CLOCK_US_PER_MS, MS_DIGITS);
	else
		json_i64(j, name, v);
}

static void array_write(struct json *j, const char *name, const struct metrics_row *row,
			const void *base)
{
	size_t i;

	json_open_object(j, name);
	for (i = metrics_label_first(row->label); i < metrics_label_values(row->label); i++)
		number_write(j, metrics_label_value(row->label, i), row,
			     metrics_row_value(row, base, i));
	json_end(j);
}

static void row_write(struct json *j, const char *name, const struct metrics_row *row,
		      const void *base)
{
	switch (row->kind) {
	case METRICS_TEXT:
		json_str(j, name, (const char *)base + row->offset);
		return;
	case METRICS_STATE:
		json_str(j, name,
			 metrics_label_value(row->label, (size_t)metrics_row_value(row, base, 0)));
		return;
	default:
		if (row->label != METRICS_LABEL_NONE)
			array_write(j, name, row, base);
		else
			number_write(j, name, row, metrics_row_value(row, base, 0));
	}
}

/* Length of the "part." that json begins with; 0 without one. */
static size_t part_length(const char *json)
{
	const char *dot = strchr(json, '.');

	return dot ? (size_t)(dot - json) + 1 : 0;
}

/* Leave the open part unless json lies in it, and enter json's. */
static void part_enter(struct json *j, struct text *open, const char *json)
{
	size_t len = part_length(json);
	char name[METRICS_NAME_BYTES];

	if (len == open->len && (len == 0 || memcmp(json, open->s, len) == 0))
		return;
	if (open->len)
		json_end(j);
	*open = (struct text){json, len};
	if (!len)
		return;
	assert(len <= sizeof(name));
	memcpy(name, json, len - 1);
	name[len - 1] = '\0';
	json_open_object(j, name);
}

/* Is the member one of names, which NULL ends? NULL for names: all are. */
static bool is_among(const char *const *names, const char *json)
{
	if (!names)
		return true;
	while (*names && strcmp(*names, json) != 0)
		names++;
	return *names != NULL;
}

static void scope_write(struct json *j, enum metrics_scope scope, const char *const *names,
			const void *base)
{
	struct text open = {"", 0};
	const struct metrics_row *row;
	size_t i;

	for (i = 0; (row = metrics_row_at(i)); i++) {
		if (row->scope != scope || !row->json || !is_among(names, row->json))
			continue;
		part_enter(j, &open, row->json);
		row_write(j, row->json + open.len, row, base);
	}
	if (open.len)
		json_end(j);
}

/* One array element; each scope's struct begins with its name. */
static void element_write(struct json *j, enum metrics_scope scope, const char *const *names,
			  const void *base)
{
	json_open_object(j, NULL);
	json_str(j, "name", base);
	scope_write(j, scope, names, base);
	json_end(j);
}

/* Each scope's array, and of each row the members of the scope's names; NULL: all. */
static void arrays_write(struct json *j, const char *const *const names[METRICS_SCOPE_COUNT],
			 const struct metrics_snapshot *s)
{
	size_t i;

	json_open_array(j, "sources");
	for (i = 0; i < s->source_count; i++)
		element_write(j, METRICS_SOURCE, names[METRICS_SOURCE], &s->sources[i]);
	json_end(j);
	json_open_array(j, "pipelines");
	for (i = 0; i < s->pipeline_count; i++)
		element_write(j, METRICS_PIPELINE, names[METRICS_PIPELINE], &s->pipelines[i]);
	json_end(j);
	json_open_array(j, "webhooks");
	for (i = 0; i < s->webhook_count; i++)
		element_write(j, METRICS_WEBHOOK, names[METRICS_WEBHOOK], &s->webhooks[i]);
	json_end(j);
}

void metrics_render_json(const struct metrics_snapshot *s, struct buf *out)
{
	static const char *const *const all[METRICS_SCOPE_COUNT];
	struct json j;

	json_begin(&j, out);
	json_open_object(&j, NULL);
	scope_write(&j, METRICS_GLOBAL, NULL, s);
	arrays_write(&j, all, s);
	json_end(&j);
	buf_add_char(out, '\n');
}

/* ---- the metric history ---- */

static const char *const record_global[] = {
	"uptime_seconds",
	"queue_size",
	"queue_bytes",
	"in_flight",
	"waiting",
	"attempts_total",
	"delivered_total",
	"retried_total",
	"held_total",
	"dead_total",
	"errors_total",
	"lag_seconds",
	"outbox_rows",
	"dead_letters",
	"parked",
	"breakers_open",
	"latency_ms.p50",
	"latency_ms.p99",
	"memory.rss_bytes",
	"memory.heap_used_bytes",
	"process.open_fds",
	"process.cpu_seconds_total",
	"log.lines_dropped_total",
	"history.dropped_total",
	NULL,
};
static const char *const record_source[] = {
	"state",          "lag_seconds", "outbox_rows",
	"dead_letters",   "parked",      "read_events_total",
	"acked_total",    "dead_total",  "dead_purged_total",
	"failures_total", NULL,
};
static const char *const record_pipeline[] = {
	"queue_size",    "in_flight",     "waiting", "events_total",
	"settled_total", "retries_total", "backlog", "rate",
	"lag_seconds",   "parked",        NULL,
};
static const char *const record_webhook[] = {
	"breaker",          "attempts_total", "delivered_total", "retried_total",
	"held_total",       "dead_total",     "in_flight",       "rate_limited_seconds_total",
	"sent_bytes_total", "latency_ms.p50", "latency_ms.p99",  NULL,
};

void metrics_render_record(const struct metrics_snapshot *s, struct buf *out)
{
	static const char *const *const names[METRICS_SCOPE_COUNT] = {
		[METRICS_GLOBAL] = record_global,
		[METRICS_SOURCE] = record_source,
		[METRICS_PIPELINE] = record_pipeline,
		[METRICS_WEBHOOK] = record_webhook,
	};
	char when[CLOCK_TEXT_BYTES];
	struct json j;

	clock_format_wall(s->wall_us, when);
	json_begin(&j, out);
	json_open_object(&j, NULL);
	json_i64(&j, "v", METRICS_RECORD_VERSION);
	json_str(&j, "time", when);
	scope_write(&j, METRICS_GLOBAL, names[METRICS_GLOBAL], s);
	arrays_write(&j, names, s);
	json_end(&j);
	buf_add_char(out, '\n');
}
