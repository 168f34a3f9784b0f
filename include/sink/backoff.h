/* SPDX-License-Identifier: MIT */
/*
 * How long to wait before another try: exponential with full jitter, so that many failures at one
 * moment do not come back at one moment.
 */
#ifndef SINK_BACKOFF_H
#define SINK_BACKOFF_H

#include <stdint.h>

#include "base/random.h"

struct backoff {
	int64_t base_us; /* > 0 */
	int64_t max_us;  /* >= base_us */
};

/* Uniform in [base/10, min(max, base * 2^(attempt - 1))]; attempt counts from 1. Never overflows.
 */
int64_t backoff_delay_us(const struct backoff *b, int attempt, struct random *r);

/* A receiver's Retry-After in seconds (curl has parsed both forms; < 0: none) against our own
 * delay: the longer of the two, at most max_us. */
int64_t backoff_with_retry_after_us(const struct backoff *b, int64_t own_us, int64_t retry_after_s);

#endif
