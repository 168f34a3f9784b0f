/* SPDX-License-Identifier: MIT */
/*
 * How the files of the table of metrics are written, src/control/metrics_rows_*.c: the macros of a
 * row, and what each of them gives to control/metrics_table.h. Only they and
 * src/control/metrics_table.c include this.
 */
#ifndef CONTROL_METRICS_ROWS_H
#define CONTROL_METRICS_ROWS_H

#include "base/attr.h"
#include "control/metrics.h"
#include "control/metrics_table.h"

struct metrics_rows {
	const struct metrics_row *rows;
	size_t count;
};

extern const struct metrics_rows metrics_rows_of_daemon;
extern const struct metrics_rows metrics_rows_of_source;
extern const struct metrics_rows metrics_rows_of_pipeline;
extern const struct metrics_rows metrics_rows_of_webhook;

/* the columns scope, offset and size of a field */
#define AT(type, field)                                                                            \
	.offset = offsetof(struct type, field), .size = sizeof(((struct type *)NULL)->field)
#define GLOBAL(field) .scope = METRICS_GLOBAL, AT(metrics_snapshot, field)
#define GLOBAL_ARRAY(field)                                                                        \
	.scope = METRICS_GLOBAL, .offset = offsetof(struct metrics_snapshot, field),               \
	.size = sizeof(((struct metrics_snapshot *)NULL)->field[0])
#define SOURCE(field) .scope = METRICS_SOURCE, AT(metrics_source, field)
#define PIPELINE(field) .scope = METRICS_PIPELINE, AT(metrics_pipeline, field)
#define WEBHOOK(field) .scope = METRICS_WEBHOOK, AT(metrics_webhook, field)
#define GAUGE .kind = METRICS_GAUGE
#define COUNTER .kind = METRICS_COUNTER
#define TEXT .kind = METRICS_TEXT
#define BYTES .unit = METRICS_BYTES
#define SECONDS .unit = METRICS_SECONDS
#define MS .unit = METRICS_MS
#define BOOL .unit = METRICS_BOOL

#endif
