/* SPDX-License-Identifier: MIT */
#include "control/metrics_budget.h"

static void derive_fragmentation(struct metrics_budget *m, const struct memory_stats *memory)
{
	if (memory->heap_bytes > 0)
		m->fragmentation_percent = memory->heap_free_bytes * 100 / memory->heap_bytes;
}

struct metrics_budget metrics_budget_collect(const struct budget *b,
					     const struct memory_stats *memory)
{
	struct budget_stats st = budget_stats(b);
	struct metrics_budget m = {
		.max_bytes = (int64_t)st.max_bytes,
		.reserve_bytes = (int64_t)st.reserve_bytes,
		.used_bytes = (int64_t)st.used_bytes,
		.peak_bytes = (int64_t)st.peak_bytes,
		.level = st.level,
	};
	size_t i;

	for (i = 0; i < BUDGET_LEVEL_COUNT; i++)
		m.reached[i] = st.reached[i];
	for (i = 0; i < BUDGET_ACCOUNT_COUNT; i++) {
		m.account_bytes[i] = (int64_t)st.accounts[i].used_bytes;
		m.refused[i] = st.accounts[i].refused;
	}
	derive_fragmentation(&m, memory);
	return m;
}
