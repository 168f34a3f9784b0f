/* SPDX-License-Identifier: MIT */
/*
 * Backfill jobs for people and for scripts: lines, a progress bar, JSON. Nothing here prints or
 * asks for the time.
 */
#ifndef DAEMON_BACKFILL_VIEW_H
#define DAEMON_BACKFILL_VIEW_H

#include <stdint.h>

#include "base/buf.h"
#include "source/backfill.h"

#define BACKFILL_SPEED_SAMPLES 16

/* How fast it goes, over the last samples. */
struct backfill_speed {
	struct {
		int64_t us;
		int64_t rows;
	} samples[BACKFILL_SPEED_SAMPLES];
	size_t count; /* in all */
};

/* rows_done as of now_us; one sample every second or so. */
void backfill_speed_add(struct backfill_speed *s, int64_t now_us, int64_t rows_done);
/* Rows a second; -1: not known yet. */
double backfill_speed_get(const struct backfill_speed *s);

/* Append one line without its end, at most width columns: the table, a bar, the share, rows, rate
 * and the time that is left, as far as there is room and they are known. */
void backfill_view_bar(struct buf *out, const struct backfill_progress *p, double rows_per_s,
		       int width);

/* Append the same without a bar, as a whole line of a log. */
void backfill_view_line(struct buf *out, const struct backfill_progress *p, double rows_per_s);

/* Append "backfill 3 of public.users is done: 12345 rows", or how else it stands. */
void backfill_view_end(struct buf *out, const struct backfill_progress *p);

/* Append a line of `backfill list`, with its end; a head when job is NULL. */
void backfill_view_row(struct buf *out, const struct backfill_job *job);

/* Append the object of `backfill list --json`. */
void backfill_view_json(struct buf *out, const char *source, const struct backfill_job *job);

#endif
