/* SPDX-License-Identifier: MIT */
/*
 * The labels of metrics with several values: the states of an enum, the elements of an array.
 */
#ifndef CONTROL_METRICS_LABEL_H
#define CONTROL_METRICS_LABEL_H

#include <stdbool.h>
#include <stddef.h>

#include "control/metrics_table.h"

/* "state", "class", "phase", "reason", "version"; NULL for METRICS_LABEL_NONE. */
const char *metrics_label_name(enum metrics_label label);

/* How many values it has; the first that is used is metrics_label_first. */
size_t metrics_label_values(enum metrics_label label);
size_t metrics_label_first(enum metrics_label label);

/* "active", "2xx", ... i < metrics_label_values. */
const char *metrics_label_value(enum metrics_label label, size_t i);

/* Append s as Prometheus text wants it: backslash and line feed escaped, in the value of a label
 * the quote too. Errors stick to out. */
void metrics_label_escape(struct buf *out, const char *s, bool is_value);

#endif
