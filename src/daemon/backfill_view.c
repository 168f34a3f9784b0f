/* SPDX-License-Identifier: MIT */
#include "daemon/backfill_view.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"

#define BAR_MIN 10
#define BAR_MAX 40
#define PIECE_BYTES 192
#define HOUR_S 3600

/* ---- speed ---- */

void backfill_speed_add(struct backfill_speed *s, int64_t now_us, int64_t rows_done)
{
	size_t at = s->count++ % BACKFILL_SPEED_SAMPLES;

	s->samples[at].us = now_us;
	s->samples[at].rows = rows_done;
}

double backfill_speed_get(const struct backfill_speed *s)
{
	size_t first = s->count > BACKFILL_SPEED_SAMPLES ? s->count % BACKFILL_SPEED_SAMPLES : 0;
	size_t last = (s->count + BACKFILL_SPEED_SAMPLES - 1) % BACKFILL_SPEED_SAMPLES;
	int64_t us;

	if (s->count < 2)
		return -1;
	us = s->samples[last].us - s->samples[first].us;
	if (us <= 0)
		return -1;
	return (double)(s->samples[last].rows - s->samples[first].rows) * CLOCK_US_PER_S /
	       (double)us;
}

/* ---- pieces ---- */

/* 1,234,567 */
static void add_number(struct buf *out, int64_t n)
{
	char digits[24];
	size_t i, len = (size_t)snprintf(digits, sizeof(digits), "%lld", (long long)n);

	for (i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0 && digits[i - 1] != '-')
			buf_add_char(out, ',');
		buf_add_char(out, digits[i]);
	}
}

/* Of 100, and 100 only when it is done: an estimate is not more than that. -1: unknown. */
static int share_of(const struct backfill_progress *p)
{
	int64_t share;

	if (p->state == BACKFILL_DONE)
		return 100;
	if (p->rows_estimate <= 0)
		return -1;
	share = p->rows_done >= p->rows_estimate
			? 99
			: (int64_t)(100.0 * (double)p->rows_done / (double)p->rows_estimate);
	return (int)(share > 99 ? 99 : share);
}

static void add_rows(struct buf *out, const struct backfill_progress *p)
{
	add_number(out, p->rows_done);
	if (p->state != BACKFILL_DONE && p->rows_estimate > p->rows_done) {
		buf_add_str(out, " of about ");
		add_number(out, p->rows_estimate);
	}
}

static void add_time_left(struct buf *out, const struct backfill_progress *p, double rows_per_s)
{
	double left = (double)(p->rows_estimate - p->rows_done);
	long long s;

	if (p->state != BACKFILL_RUNNING || rows_per_s <= 0 || left <= 0)
		return;
	left /= rows_per_s;
	if (left > 999.0 * HOUR_S)
		return;
	s = (long long)left;
	if (s >= HOUR_S)
		buf_add_fmt(out, ", %lld:%02lld:%02lld left", s / HOUR_S, s / 60 % 60, s % 60);
	else
		buf_add_fmt(out, ", %lld:%02lld left", s / 60, s % 60);
}

static void add_figures(struct buf *out, const struct backfill_progress *p, double rows_per_s)
{
	int share = share_of(p);

	if (share >= 0)
		buf_add_fmt(out, "%3d %%, ", share);
	add_rows(out, p);
	if (p->state == BACKFILL_RUNNING && rows_per_s >= 0) {
		buf_add_str(out, ", ");
		add_number(out, (int64_t)rows_per_s);
		buf_add_str(out, "/s");
	}
	add_time_left(out, p, rows_per_s);
	if (p->skipped)
		buf_add_fmt(out, ", %lld locked", (long long)p->skipped);
}

/* ---- lines ---- */

static void add_bar(struct buf *out, int share, int width)
{
	int filled = (width - 2) * share / 100, i;

	buf_add_char(out, '[');
	for (i = 0; i < width - 2; i++) {
		if (i == filled && share < 100)
			buf_add_char(out, '>');
		else
			buf_add_char(out, i < filled ? '=' : ' ');
	}
	buf_add_str(out, "] ");
}

void backfill_view_bar(struct buf *out, const struct backfill_progress *p, double rows_per_s,
		       int width)
{
	struct buf line;
	int share = share_of(p), room;

	buf_init(&line, 2UL * PIECE_BYTES);
	add_figures(&line, p, rows_per_s);
	room = width - (int)line.len - (int)strlen(p->table) - 2;
	buf_reset(&line);
	buf_add_fmt(&line, "%s ", p->table);
	if (share >= 0 && room >= BAR_MIN)
		add_bar(&line, share, room < BAR_MAX ? room : BAR_MAX);
	add_figures(&line, p, rows_per_s);
	buf_add_text(out, (struct text){buf_str(&line), width > 0 && line.len > (size_t)width
								? (size_t)width
								: line.len});
	buf_done(&line);
}

void backfill_view_line(struct buf *out, const struct backfill_progress *p, double rows_per_s)
{
	buf_add_fmt(out, "backfill %lld of %s: ", (long long)p->id, p->table);
	add_figures(out, p, rows_per_s);
}

void backfill_view_end(struct buf *out, const struct backfill_progress *p)
{
	buf_add_fmt(out, "backfill %lld of %s is %s: ", (long long)p->id, p->table,
		    backfill_state_name(p->state));
	add_number(out, p->rows_done);
	buf_add_str(out, p->rows_done == 1 ? " row" : " rows");
	if (p->last_error[0])
		buf_add_fmt(out, ": %s", p->last_error);
	if (p->state == BACKFILL_FAILED || p->state == BACKFILL_PAUSED)
		buf_add_fmt(out, "; to go on: app-db-listener backfill resume %lld",
			    (long long)p->id);
}

void backfill_view_row(struct buf *out, const struct backfill_job *job)
{
	const struct backfill_progress *p;
	char when[CLOCK_TEXT_BYTES];
	int share;

	if (!job) {
		buf_add_fmt(out, "%4s  %-9s  %-12s  %-24s  %12s  %4s  %s\n", "ID", "STATE",
			    "PIPELINE", "TABLE", "ROWS", "%", "LAST PAGE");
		return;
	}
	p = &job->progress;
	clock_format_wall(p->updated_wall_us, when);
	share = share_of(p);
	buf_add_fmt(out, "%4lld  %-9s  %-12s  %-24s  %12lld  ", (long long)p->id,
		    backfill_state_name(p->state), p->pipeline, p->table, (long long)p->rows_done);
	if (share >= 0)
		buf_add_fmt(out, "%4d", share);
	else
		buf_add_str(out, "   -");
	buf_add_fmt(out, "  %s", when);
	if (job->where.s) {
		buf_add_str(out, "  where ");
		buf_add_text(out, job->where);
	}
	if (p->skipped)
		buf_add_fmt(out, "  %lld locked", (long long)p->skipped);
	if (p->last_error[0])
		buf_add_fmt(out, "  %s", p->last_error);
	buf_add_char(out, '\n');
}

static void add_time(struct json *j, const char *name, int64_t wall_us)
{
	char when[CLOCK_TEXT_BYTES];

	clock_format_wall(wall_us, when);
	json_str(j, name, when);
}

void backfill_view_json(struct buf *out, const char *source, const struct backfill_job *job)
{
	const struct backfill_progress *p = &job->progress;
	struct json j;

	json_begin(&j, out);
	json_open_object(&j, NULL);
	json_i64(&j, "id", p->id);
	json_str(&j, "source", source);
	json_str(&j, "pipeline", p->pipeline);
	json_str(&j, "table", p->table);
	json_str(&j, "state", backfill_state_name(p->state));
	json_text(&j, "where", job->where);
	json_raw(&j, "columns", job->columns);
	json_raw(&j, "cursor", job->cursor);
	json_i64(&j, "rate", p->rate);
	json_i64(&j, "flush_every", p->flush_every);
	json_i64(&j, "max_concurrent_pages", p->max_concurrent_pages);
	json_i64(&j, "rows_done", p->rows_done);
	if (p->rows_estimate >= 0)
		json_i64(&j, "rows_estimate", p->rows_estimate);
	else
		json_add_null(&j, "rows_estimate");
	json_i64(&j, "locked", p->skipped);
	add_time(&j, "created_at", p->created_wall_us);
	add_time(&j, "updated_at", p->updated_wall_us);
	json_str(&j, "error", p->last_error[0] ? p->last_error : NULL);
	json_end(&j);
}
