/* SPDX-License-Identifier: MIT */
/*
 * What became of posted requests, in numbers: written by the server's thread and the committers,
 * read by anybody.
 */
#ifndef INGEST_TALLY_H
#define INGEST_TALLY_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/cache.h"
#include "ingest/refusal.h"
#include "sink/webhook.h"

struct tally {
	_Atomic int64_t connections; /* open */
	_Atomic int64_t in_progress; /* requests, from head to answer */
	_Atomic int64_t accepted;    /* answered 202, repeated ones among them */
	_Atomic int64_t duplicates;  /* of them: stored by an earlier request */
	_Atomic int64_t events;      /* stored */
	_Atomic int64_t bytes;       /* of bodies, as they came */
	_Atomic int64_t spilled;     /* bodies that went into a file */
	_Atomic int64_t cut;         /* requests whose client went away */
	_Atomic int64_t commits;
	_Atomic int64_t refused[REFUSAL_REASON_COUNT];
	_Atomic int64_t latency_sum_us; /* from a whole body to its commit */
	_Atomic int64_t latency_count[WEBHOOK_LATENCY_BUCKETS];
};

/* The same by value. */
struct ingest_stats {
	int64_t connections;
	int64_t in_progress;
	int64_t max_concurrent;
	int64_t accepted;
	int64_t duplicates;
	int64_t events;
	int64_t bytes;
	int64_t spilled;
	int64_t cut;
	int64_t commits;
	int64_t refused[REFUSAL_REASON_COUNT];
	int64_t refused_total;
	struct cache_stats recent; /* idempotency keys in memory */
	int64_t recent_percent;    /* of the questions to them that had an answer there */
	int64_t latency_count[WEBHOOK_LATENCY_BUCKETS];
	int64_t latency_sum_us; /* behind the counts, as control/metrics_table.h wants it */
};

/* A body waited us for its commit. */
void tally_latency(struct tally *t, int64_t us);

/* All but max_concurrent and what is recent. */
struct ingest_stats tally_stats(struct tally *t);

#endif
