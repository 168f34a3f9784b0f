/* SPDX-License-Identifier: MIT */
/*
 * Acknowledgements between the queue and the source: what was taken stays here until the source
 * has made it durable. Owned by the runner's thread.
 */
#ifndef SOURCE_RUNNER_BATCH_H
#define SOURCE_RUNNER_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "core/acks.h"
#include "source/source.h"

struct runner_batch {
	struct acks *queue; /* a loan */
	struct ack *acks;
	size_t count;
	size_t max;
	int64_t since_us; /* something has waited since then; 0: nothing */
};

enum err_code runner_batch_init(struct runner_batch *b, size_t max, struct err *e) ATTR_MUST_CHECK;
void runner_batch_done(struct runner_batch *b);

/* How many wait, here and in the queue. */
size_t runner_batch_left(const struct runner_batch *b);

/* Is it time: a full batch, or one that has waited for delay_us? */
bool runner_batch_is_due(struct runner_batch *b, int64_t now_us, int64_t delay_us);

/* When it will be; INT64_MAX: nothing waits. */
int64_t runner_batch_due_us(const struct runner_batch *b, int64_t delay_us);

/* Acknowledge one batch; what a failed call was given before goes first. *ret_count and *ret_dead
 * tell how many. Errors: of the source's acknowledge. */
enum err_code runner_batch_give(struct runner_batch *b, struct source *s, size_t *ret_count,
				size_t *ret_dead, struct err *e) ATTR_MUST_CHECK;

/* Throw away all that wait, here and in the queue. */
void runner_batch_drop(struct runner_batch *b);

#endif
