/* SPDX-License-Identifier: MIT */
/*
 * Retry-After: RFC 9110 section 10.2.3. libcurl parses it too, but what is too large for it counts
 * as nothing there, "120 seconds" as 120, and a date is held against this machine's clock, which
 * need not be the receiver's.
 */
#ifndef SINK_RETRY_AFTER_H
#define SINK_RETRY_AFTER_H

#include <stdbool.h>
#include <stdint.h>

/* What is asked for is never longer. */
#define RETRY_AFTER_MAX_S INT32_MAX

/* The seconds that value asks to wait, 1 to RETRY_AFTER_MAX_S; -1: it asks for nothing, is in the
 * past, or is neither number nor date. date is the answer's Date, NULL when it has none; without it
 * a time is measured from wall_us. */
int64_t retry_after_s(const char *value, const char *date, int64_t wall_us);

#endif
