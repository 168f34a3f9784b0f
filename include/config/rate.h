/* SPDX-License-Identifier: MIT */
/*
 * "So many in such a time", as a field of the key table: what config/field_type.h asks of a type.
 *
 *     100/min   10/s   5/10s   2000/h   none
 *
 * A whole number, a slash, and a unit of time or a duration (config/value.h).
 */
#ifndef CONFIG_RATE_H
#define CONFIG_RATE_H

#include <stdbool.h>

#include "base/buf.h"
#include "config/keys.h"

#define RATE_COUNT_MAX 1000000
#define RATE_PERIOD_MIN_US (100 * CLOCK_US_PER_MS)
#define RATE_PERIOD_MAX_US (24 * 3600 * CLOCK_US_PER_S)

/* Errors: ERR_DATA with a message fit to stand behind "key: ". */
enum err_code rate_set(const struct key *k, void *field, struct text v,
		       struct err *e) ATTR_MUST_CHECK;
void rate_done(void *field);
/* What is printed parses to the same again. */
void rate_print(const struct key *k, const void *field, struct buf *out);
bool rate_is_equal(const void *a, const void *b);

#endif
