/* SPDX-License-Identifier: MIT */
/*
 * A limit that the receiver enforces: no more than so many requests in any stretch of window_us
 * that ends now. What it refuses does not count. A test that has no minute scales the window.
 */
#ifndef SUPPORT_QUOTA_H
#define SUPPORT_QUOTA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define QUOTA_MAX 1000

/* All zero: nothing came yet. */
struct quota {
	int64_t came_us[QUOTA_MAX]; /* a ring: the last that were let through */
	size_t next;
	size_t count;
};

/* One at now_us: is it let through? limit 0: always. */
bool quota_take(struct quota *q, int64_t now_us, size_t limit, int64_t window_us);

#endif
