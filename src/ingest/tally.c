/* SPDX-License-Identifier: MIT */
#include "ingest/tally.h"

void tally_latency(struct tally *t, int64_t us)
{
	size_t i = 0;

	while (us > webhook_latency_bound_us[i])
		i++;
	t->latency_count[i]++;
	t->latency_sum_us += us;
}

struct ingest_stats tally_stats(struct tally *t)
{
	struct ingest_stats s = {
		.connections = t->connections,
		.in_progress = t->in_progress,
		.accepted = t->accepted,
		.duplicates = t->duplicates,
		.events = t->events,
		.bytes = t->bytes,
		.spilled = t->spilled,
		.cut = t->cut,
		.commits = t->commits,
		.latency_sum_us = t->latency_sum_us,
	};
	size_t i;

	for (i = 0; i < REFUSAL_REASON_COUNT; i++) {
		s.refused[i] = t->refused[i];
		s.refused_total += s.refused[i];
	}
	for (i = 0; i < WEBHOOK_LATENCY_BUCKETS; i++)
		s.latency_count[i] = t->latency_count[i];
	return s;
}
