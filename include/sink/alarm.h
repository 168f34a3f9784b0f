/* SPDX-License-Identifier: MIT */
/*
 * Small messages to a URL of the operator's: a POST of JSON each, by a thread of its own, so that
 * who has something to tell never waits. Only the latest message counts: one that has not gone out
 * when the next comes is not sent. At most one request in ALARM_INTERVAL_US, failed ones included,
 * and ALARM_TRIES of one message.
 */
#ifndef SINK_ALARM_H
#define SINK_ALARM_H

#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"

#define ALARM_INTERVAL_US (10 * CLOCK_US_PER_S)
#define ALARM_TRIES 3
#define ALARM_MESSAGE_BYTES 512

struct alarm;

struct alarm_stats {
	int64_t sent;   /* answered 2xx */
	int64_t failed; /* requests that were not, or could not be made */
};

/* To url, which is copied. Starts the thread; http_global_start has been called. clock is a loan.
 * Errors: ERR_NOMEM, ERR_CONFIG, ERR_IO. */
enum err_code alarm_start(const char *url, const struct clock *clock, struct alarm **ret_a,
			  struct err *e) ATTR_MUST_CHECK;

/* What has not gone out is dropped. NULL is fine. */
void alarm_stop(struct alarm *a);

/* Send text, a JSON document of less than ALARM_MESSAGE_BYTES. Any thread, never blocks. a may
 * be NULL; an empty text only makes it look at the time. */
void alarm_send(struct alarm *a, const char *text);

/* NULL: all zero. Any thread. */
struct alarm_stats alarm_stats(struct alarm *a);

#endif
