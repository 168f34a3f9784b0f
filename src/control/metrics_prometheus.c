/* SPDX-License-Identifier: MIT */
/*
 * The table in Prometheus' text format 0.0.4 (prometheus.io/docs/instrumenting/exposition_formats):
 * per row one # HELP, one # TYPE and then all its series, as the format demands. Label names come
 * from the table; label values are escaped.
 */
#include <stdbool.h>
#include <string.h>

#include "control/metrics.h"
#include "control/metrics_label.h"
#include "control/metrics_table.h"

/* One more label of a series, behind those of its scope; name NULL: none. */
struct tag {
	const char *name;
	const char *value;
};

#define NO_TAG ((struct tag){NULL, NULL})

static const char *type_name(enum metrics_kind kind)
{
	if (kind == METRICS_COUNTER)
		return "counter";
	return kind == METRICS_HISTOGRAM ? "histogram" : "gauge";
}

static void tag_add(struct buf *out, bool *first, struct tag l)
{
	if (!l.name)
		return;
	buf_add_char(out, *first ? '{' : ',');
	*first = false;
	buf_add_str(out, l.name);
	buf_add_str(out, "=\"");
	metrics_label_escape(out, l.value, true);
	buf_add_char(out, '"');
}

static void tags_add(struct buf *out, enum metrics_scope scope, const void *base, struct tag extra)
{
	bool first = true;

	switch (scope) {
	case METRICS_SOURCE:
		tag_add(out, &first, (struct tag){"source", base});
		break;
	case METRICS_WEBHOOK:
		tag_add(out, &first, (struct tag){"webhook", base});
		break;
	case METRICS_PIPELINE: {
		const struct metrics_pipeline *p = base;

		tag_add(out, &first, (struct tag){"pipeline", p->name});
		tag_add(out, &first, (struct tag){"source", p->source_name});
		tag_add(out, &first, (struct tag){"webhook", p->webhook_name});
		break;
	}
	default:
		break;
	}
	tag_add(out, &first, extra);
	if (!first)
		buf_add_char(out, '}');
}

static void seconds_add(struct buf *out, int64_t us)
{
	buf_add_i64(out, us / CLOCK_US_PER_S);
	buf_add_fmt(out, ".%06d", (int)(us % CLOCK_US_PER_S));
}

static void line_add(struct buf *out, const struct metrics_row *row, const void *base,
		     struct tag extra, int64_t v)
{
	if (v < 0)
		return; /* unknown */
	metrics_row_name(row, out);
	tags_add(out, row->scope, base, extra);
	buf_add_char(out, ' ');
	if (row->unit == METRICS_SECONDS)
		seconds_add(out, v);
	else
		buf_add_i64(out, v);
	buf_add_char(out, '\n');
}

static void states_add(struct buf *out, const struct metrics_row *row, const void *base)
{
	size_t state = (size_t)metrics_row_value(row, base, 0);
	const char *name = metrics_label_name(row->label);
	size_t i;

	for (i = metrics_label_first(row->label); i < metrics_label_values(row->label); i++)
		line_add(out, row, base, (struct tag){name, metrics_label_value(row->label, i)},
			 i == state);
}

static void array_add(struct buf *out, const struct metrics_row *row, const void *base)
{
	const char *name = metrics_label_name(row->label);
	size_t i;

	for (i = metrics_label_first(row->label); i < metrics_label_values(row->label); i++)
		line_add(out, row, base, (struct tag){name, metrics_label_value(row->label, i)},
			 metrics_row_value(row, base, i));
}

static void histogram_part(struct buf *out, const struct metrics_row *row, const void *base,
			   const char *part, struct tag extra)
{
	metrics_row_name(row, out);
	buf_add_str(out, part);
	tags_add(out, row->scope, base, extra);
	buf_add_char(out, ' ');
}

static void histogram_add(struct buf *out, const struct metrics_row *row, const void *base)
{
	int64_t cells[WEBHOOK_LATENCY_BUCKETS + 1]; /* and the sum */
	struct buf bound;
	int64_t count = 0;
	size_t i;

	memcpy(cells, (const char *)base + row->offset, sizeof(cells));
	buf_init(&bound, METRICS_NAME_BYTES);
	for (i = 0; i < WEBHOOK_LATENCY_BUCKETS; i++) {
		count += cells[i];
		buf_reset(&bound);
		if (webhook_latency_bound_us[i] == INT64_MAX)
			buf_add_str(&bound, "+Inf");
		else
			seconds_add(&bound, webhook_latency_bound_us[i]);
		histogram_part(out, row, base, "_bucket", (struct tag){"le", buf_str(&bound)});
		buf_add_i64(out, count);
		buf_add_char(out, '\n');
	}
	if (buf_error(&bound) != ERR_OK)
		out->error = buf_error(&bound);
	buf_done(&bound);
	histogram_part(out, row, base, "_sum", NO_TAG);
	seconds_add(out, cells[WEBHOOK_LATENCY_BUCKETS]);
	buf_add_char(out, '\n');
	histogram_part(out, row, base, "_count", NO_TAG);
	buf_add_i64(out, count);
	buf_add_char(out, '\n');
}

static void row_add(struct buf *out, const struct metrics_row *row, const void *base)
{
	switch (row->kind) {
	case METRICS_TEXT:
		line_add(out, row, base,
			 (struct tag){metrics_label_name(row->label),
				      (const char *)base + row->offset},
			 1);
		return;
	case METRICS_STATE:
		states_add(out, row, base);
		return;
	case METRICS_HISTOGRAM:
		histogram_add(out, row, base);
		return;
	default:
		if (row->label != METRICS_LABEL_NONE)
			array_add(out, row, base);
		else
			line_add(out, row, base, NO_TAG, metrics_row_value(row, base, 0));
	}
}

static void head_add(struct buf *out, const struct metrics_row *row)
{
	buf_add_str(out, "# HELP ");
	metrics_row_name(row, out);
	buf_add_char(out, ' ');
	metrics_label_escape(out, row->help, false);
	buf_add_str(out, "\n# TYPE ");
	metrics_row_name(row, out);
	buf_add_char(out, ' ');
	buf_add_str(out, type_name(row->kind));
	buf_add_char(out, '\n');
}

static void family_add(struct buf *out, const struct metrics_snapshot *s,
		       const struct metrics_row *row)
{
	size_t i;

	head_add(out, row);
	switch (row->scope) {
	case METRICS_SOURCE:
		for (i = 0; i < s->source_count; i++)
			row_add(out, row, &s->sources[i]);
		break;
	case METRICS_PIPELINE:
		for (i = 0; i < s->pipeline_count; i++)
			row_add(out, row, &s->pipelines[i]);
		break;
	case METRICS_WEBHOOK:
		for (i = 0; i < s->webhook_count; i++)
			row_add(out, row, &s->webhooks[i]);
		break;
	default:
		row_add(out, row, s);
	}
}

void metrics_render_prometheus(const struct metrics_snapshot *s, struct buf *out)
{
	const struct metrics_row *row;
	size_t i;

	for (i = 0; (row = metrics_row_at(i)); i++)
		if (row->name)
			family_add(out, s, row);
}
