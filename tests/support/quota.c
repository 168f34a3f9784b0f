/* SPDX-License-Identifier: MIT */
#include "quota.h"

#include <assert.h>

bool quota_take(struct quota *q, int64_t now_us, size_t limit, int64_t window_us)
{
	size_t nth;

	assert(limit <= QUOTA_MAX);
	if (limit == 0)
		return true;
	/* the one before which there were limit - 1 others must be out of the window */
	nth = (q->next + QUOTA_MAX - limit) % QUOTA_MAX;
	if (q->count >= limit && now_us - q->came_us[nth] < window_us)
		return false;
	q->came_us[q->next] = now_us;
	q->next = (q->next + 1) % QUOTA_MAX;
	q->count += q->count < QUOTA_MAX;
	return true;
}
