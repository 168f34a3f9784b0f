/* SPDX-License-Identifier: MIT */
/*
 * The memory budget's part of the metrics.
 */
#ifndef CONTROL_METRICS_BUDGET_H
#define CONTROL_METRICS_BUDGET_H

#include <stdint.h>

#include "control/memory.h"
#include "core/budget.h"

/* core/budget.h's figures, as the table of metrics can take them. */
struct metrics_budget {
	int64_t max_bytes; /* 0: there is no budget */
	int64_t reserve_bytes;
	int64_t used_bytes;
	int64_t peak_bytes;
	enum budget_level level;
	int64_t reached[BUDGET_LEVEL_COUNT];
	int64_t account_bytes[BUDGET_ACCOUNT_COUNT];
	int64_t refused[BUDGET_ACCOUNT_COUNT];
	int64_t fragmentation_percent; /* of what malloc holds, free but kept */
};

/* b may be NULL. Any thread. */
struct metrics_budget metrics_budget_collect(const struct budget *b,
					     const struct memory_stats *memory);

#endif
