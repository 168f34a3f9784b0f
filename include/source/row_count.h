/* SPDX-License-Identifier: MIT */
/*
 * How many rows wait, without looking at all of them: exact up to ROW_COUNT_EXACT, which is as many
 * rows as are looked at; beyond that the lowest and the highest id, and of ROW_COUNT_POINTS ids
 * evenly between them how many are there:
 *
 *     lowest │x xx  x   xxxxxxx  xxxxxxxxxxxxxx│ highest       rows ~ span * hits / points
 *            ^    ^    ^    ^    ^    ^    ^    ^
 *
 * Outbox ids are nearly dense, so the estimate is good where it matters; where few rows are left of
 * many (one in ten), it is within a tenth two times of three.
 */
#ifndef SOURCE_ROW_COUNT_H
#define SOURCE_ROW_COUNT_H

#include <stdbool.h>
#include <stdint.h>

#define ROW_COUNT_EXACT 10000
#define ROW_COUNT_POINTS 1000

/* The same as text, for statements: LIMIT ROW_COUNT_LIMIT, and the point for i in [0, 999]. */
#define ROW_COUNT_LIMIT "10001"
#define ROW_COUNT_LAST "999"

struct row_count {
	int64_t rows;            /* counted, at most ROW_COUNT_EXACT + 1 */
	int64_t lowest, highest; /* ids; 0 without rows */
	int64_t hits;            /* of the points; only when rows is above ROW_COUNT_EXACT */
};

/* The number, and whether it is an estimate. */
int64_t row_count_about(const struct row_count *c, bool *ret_about);

#endif
