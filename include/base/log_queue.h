/* SPDX-License-Identifier: MIT */
/*
 * The lines between the callers and the writer of the log: two halves of memory, taken once.
 * Callers fill one while the writer empties the other, then they change places:
 *
 *     push ──► [ line line line ......]   fill          swap, when drain is empty
 *     wrote ◄─ [ line line (at) line  ]   drain
 *
 * Bounded by lines (both halves together) and by bytes. No lock of its own: push, swap, wrote and
 * the counts under the log's; the writer reads the drain half without it.
 */
#ifndef BASE_LOG_QUEUE_H
#define BASE_LOG_QUEUE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct log_half {
	char *bytes;
	size_t len;
	size_t at; /* the first byte not yet written */
	size_t lines;
};

struct log_queue {
	struct log_half half[2];
	struct log_half *fill;
	struct log_half *drain;
	size_t max_lines;
	size_t max_bytes; /* of one half */
};

/* For at most max_lines >= 1 lines. Errors: ERR_NOMEM. */
enum err_code log_queue_init(struct log_queue *q, size_t max_lines, struct err *e) ATTR_MUST_CHECK;
void log_queue_done(struct log_queue *q);

/* How much memory a queue of so many lines holds, about. */
size_t log_queue_bytes(size_t max_lines);

/* Copy the line in; false when there is no room for it. */
bool log_queue_push(struct log_queue *q, const char *line, size_t len);

size_t log_queue_lines(const struct log_queue *q);

/* Lines wait, and one of the bounds is half reached: time to write. */
bool log_queue_is_busy(const struct log_queue *q);

/* What was filled becomes what is drained, which must be empty. */
void log_queue_swap(struct log_queue *q);

/* Put one line of at most LOG_LINE_BYTES behind what is drained: there is room for one, whatever
 * the bounds. For the writer's own "dropped N lines". */
void log_queue_append(struct log_queue *q, const char *line, size_t len);

/* n bytes of the drain half were written; returns the lines that ended among them. */
size_t log_queue_wrote(struct log_queue *q, size_t n);

/* Go back to the beginning of the line that is written in part. */
void log_queue_rewind(struct log_queue *q);

#endif
