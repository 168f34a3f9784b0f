/* SPDX-License-Identifier: MIT */
/*
 * The table of metrics: one row each, from which both renderings and docs/metrics.md come. The rows
 * stand in src/control/metrics_rows_*.c.
 *
 * A row's Prometheus name is "app_db_listener_" + the scope's prefix + name; its JSON place is the
 * member json of the scope's object ("memory.rss_bytes" is a member of a member). A value is a
 * field of struct metrics_snapshot, or of one of its array elements, given by offset and size.
 */
#ifndef CONTROL_METRICS_TABLE_H
#define CONTROL_METRICS_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

enum metrics_kind {
	METRICS_GAUGE,
	METRICS_COUNTER,
	METRICS_HISTOGRAM, /* WEBHOOK_LATENCY_BUCKETS counts of int64_t, and their sum behind them
			    */
	METRICS_STATE,     /* an enum: its name in JSON, one 0/1 series per state in Prometheus */
	METRICS_TEXT,      /* a char array: JSON only, or a label of an info series of value 1 */
};

enum metrics_scope {
	METRICS_GLOBAL,
	METRICS_SOURCE,
	METRICS_PIPELINE,
	METRICS_WEBHOOK,
	METRICS_SCOPE_COUNT
};

enum metrics_unit {
	METRICS_ONE,     /* a plain number */
	METRICS_BYTES,   /* bytes */
	METRICS_SECONDS, /* kept in microseconds, shown in seconds */
	METRICS_MS,      /* kept in microseconds, shown in milliseconds: JSON only */
	METRICS_BOOL,    /* true and false in JSON, 1 and 0 in Prometheus */
};

/* What the elements of an array field, or the values of a METRICS_STATE, are called. */
enum metrics_label {
	METRICS_LABEL_NONE,
	METRICS_LABEL_VERSION,
	METRICS_LABEL_RUNNER_STATE,
	METRICS_LABEL_BREAKER_STATE,
	METRICS_LABEL_CLASS,   /* of answers: none, 1xx ... 5xx */
	METRICS_LABEL_PHASE,   /* of failures: lookup, connect, ... */
	METRICS_LABEL_LEVEL,   /* of the memory budget: normal, ... */
	METRICS_LABEL_ACCOUNT, /* of it: read, queue, ... */
	METRICS_LABEL_REASON,  /* of refused posts: busy, size, ... */
	METRICS_LABEL_COUNT
};

struct metrics_row {
	const char *name; /* without prefix; NULL: not in Prometheus */
	const char *json; /* NULL: not in JSON */
	enum metrics_scope scope;
	enum metrics_kind kind;
	enum metrics_unit unit;
	enum metrics_label label;
	size_t offset; /* in the scope's struct */
	size_t size; /* of the field; of one element with METRICS_LABEL_CLASS, _PHASE and _REASON */
	const char *help;
};

/* The i-th row, NULL behind the last one. */
const struct metrics_row *metrics_row_at(size_t i);

/* Append the row's whole Prometheus name. It has one. */
void metrics_row_name(const struct metrics_row *row, struct buf *out);

/* The value of a number field of base, which is row->scope's struct. */
int64_t metrics_row_value(const struct metrics_row *row, const void *base, size_t element);

#endif
