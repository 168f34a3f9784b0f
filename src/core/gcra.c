/* SPDX-License-Identifier: MIT */
#include "core/gcra.h"

size_t gcra_take(struct gcra *g, int64_t now_us, size_t want)
{
	int64_t tat_us = g->tat_us > now_us ? g->tat_us : now_us;
	int64_t ahead_us = now_us + g->tolerance_us - tat_us;
	size_t n;

	if (ahead_us < 0)
		return 0;
	n = (size_t)(ahead_us / g->interval_us) + 1;
	if (n > want)
		n = want;
	g->tat_us = tat_us + (int64_t)n * g->interval_us;
	return n;
}
