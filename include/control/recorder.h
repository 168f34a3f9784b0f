/* SPDX-License-Identifier: MIT */
/*
 * The metric history: every so often one line of JSON with the figures of /metrics that matter
 * (control/metrics.h, metrics_render_record), kept in memory and written to a file in larger
 * pieces by a thread of its own, so that a slow or full disk hurts nobody but the history.
 *
 *     recorder_note ──► [ line line line ... ] ──► writer ──► FILE, FILE.1 ... FILE.keep
 *                        at most max_records
 *
 * Lines are written when max_records of them wait, when the oldest has waited for flush_us, and at
 * the end. A line that cannot be written is tried again every second; what comes meanwhile pushes
 * out the oldest lines, which are counted. That it begins and that it is over is logged, once.
 */
#ifndef CONTROL_RECORDER_H
#define CONTROL_RECORDER_H

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "core/budget.h"

struct metrics_snapshot; /* control/metrics.h */

struct recorder_options {
	const char *file;
	int64_t interval_us;  /* between records */
	size_t max_records;   /* in memory, >= 1; and no more than RECORDER_MAX_BYTES */
	int64_t flush_us;     /* no record is older in memory */
	int64_t rotate_bytes; /* 0: never; see base/rotation.h */
	int rotate_keep;
	struct budget *budget; /* charged for what waits; NULL: none */
};

#define RECORDER_MAX_BYTES (4UL * 1024 * 1024)

struct recorder;

/* Since it was started. */
struct recorder_stats {
	int64_t records;        /* made */
	int64_t written;        /* to the file */
	int64_t dropped;        /* neither written nor in memory any more */
	int64_t write_failures; /* disk full, ... */
	int64_t in_memory;      /* now */
	int64_t file_bytes;     /* size of the current file, as of the last write */
};

/* Open the file (created with mode 0640; not through a symbolic link) and start the thread; the
 * strings of o are copied. A last line that a crash tore is ended first. Errors: ERR_DENIED,
 * ERR_NOT_FOUND (the directory), ERR_IO, ERR_NOMEM. */
enum err_code recorder_start(const struct recorder_options *o, struct recorder **ret_r,
			     struct err *e) ATTR_MUST_CHECK;

/* Write what waits, end the thread, close the file, free. NULL is fine. Blocks as long as the disk
 * does; what cannot be written now is lost, counted and logged. */
void recorder_stop(struct recorder *r);

/* Make a record of s when one is due by s->now_us; one thread. Never blocks for the disk. NULL is
 * fine. */
void recorder_note(struct recorder *r, const struct metrics_snapshot *s);

/* Something moved the file away: go on in a new one. NULL is fine. */
void recorder_reopen(struct recorder *r);

/* Any thread; all zero for NULL. */
struct recorder_stats recorder_stats(struct recorder *r);

#endif
