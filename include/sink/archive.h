/* SPDX-License-Identifier: MIT */
/*
 * One archive: a queue of events that are INFLIGHT, and a thread that writes them, so that no
 * worker waits for a disk.
 *
 *     workers ──archive_put──► queue ──► render, write, sync ──► done: acknowledge
 *                                │              │ fails
 *                                └──◄── paused ◄┘  tried again: 1 s, 2 s, ... 30 s
 *
 * An event keeps its place in the ring, and its lanes, until it is written. So order per key holds
 * in the file, and the ring's bounds are the queue's: what is here is charged there. Only the text
 * of one write, at most ARCHIVE_BATCH_BYTES or one event, comes on top, and is charged as
 * BUDGET_ARCHIVE. When memory is short, writes are small and nothing is compressed; writing goes
 * on, for that is what frees memory.
 *
 * A file that cannot be written (full, read-only, gone with its directory) pauses the pipeline: it
 * is given nothing more, keeps what it has, counts no attempt, and goes on by itself.
 */
#ifndef SINK_ARCHIVE_H
#define SINK_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "core/budget.h"
#include "core/event.h"
#include "sink/archive_file.h"

struct archive;

/* What the events' pipeline does for them. All but on_room in the archive's thread; lists by
 * ev->also, in the order of archive_put. */
struct archive_ops {
	/* Append ev's record to out. Errors: ERR_NOMEM (asked again), ERR_DATA (it is not to be
	 * written: refuse follows). */
	enum err_code (*render)(void *ctx, const struct event *ev, struct buf *out, struct err *e);
	/* They are written: the list is the pipeline's again. */
	void (*done)(void *ctx, struct event *list);
	/* ev, alone, is the pipeline's again; false: no memory for that now, it stays. */
	bool (*refuse)(void *ctx, struct event *ev, const char *why);
	/* The archive ends, and they are not written. */
	void (*give_back)(void *ctx, struct event *list);
	/* There is room again after archive_room said 0. Must not block. */
	void (*on_room)(void *ctx);
};

struct archive_options {
	const char *pipeline; /* for the log; a loan */
	struct archive_file_options file;
	size_t flush_every; /* >= 1 */
	int64_t flush_interval_us;
	bool compress;
	const struct clock *clock;
	struct budget *budget; /* a loan; NULL: none */
	const struct archive_ops *ops;
	void *ctx;
};

enum err_code archive_new(const struct archive_options *o, struct archive **ret_a,
			  struct err *e) ATTR_MUST_CHECK;
void archive_free(struct archive *a); /* a stopped one; NULL is fine */

/* Open the file and begin. A file that cannot be had now is no error: the archive is paused then.
 * Errors: ERR_BUSY (somebody else writes it), ERR_CONFIG (it is something else), ERR_NOMEM, ERR_IO
 * (no thread). */
enum err_code archive_start(struct archive *a, struct err *e) ATTR_MUST_CHECK;
/* Write what is in the queue, give back what could not be written by deadline_us (monotonic), and
 * close. Nothing is put any more. */
void archive_stop(struct archive *a, int64_t deadline_us);

/* Take over a list. Any thread, never blocks for the disk. */
void archive_put(struct archive *a, struct event *list);
/* How many more it would have; 0: none, on_room follows. A hint: put takes any number. */
size_t archive_room(struct archive *a);

struct archive_stats {
	bool paused;
	int64_t since_us; /* of being paused */
	char error[200];  /* why */
	size_t queue;     /* events */
	int64_t events;   /* written, totals from here on */
	int64_t bytes;
	int64_t flushes;
	int64_t syncs;
	int64_t errors;
	int64_t file_bytes; /* size now */
	int64_t rotated;
	int64_t repaired; /* times that a torn end was cut off */
	int64_t compressed;
};

struct archive_stats archive_stats(struct archive *a);

/* The file's path; a loan. */
const char *archive_path(const struct archive *a);

#endif
