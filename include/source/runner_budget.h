/* SPDX-License-Identifier: MIT */
/*
 * What one pipeline's reads, and its pages of a backfill, take of the memory budget
 * (core/budget.h). Before a read everything that it may need is taken; when its events are in the
 * ring, which charges them itself, nothing is held any more. Owned by the runner's thread.
 *
 *     runner_budget_begin ──► read ──► runner_budget_kept (events not yet in the ring) ──► ... (0)
 */
#ifndef SOURCE_RUNNER_BUDGET_H
#define SOURCE_RUNNER_BUDGET_H

#include <stdbool.h>
#include <stddef.h>

#include "core/budget.h"
#include "core/ring.h"
#include "source/source.h"

struct runner_budget {
	struct budget *budget; /* a loan; NULL: no bound */
	enum budget_account account;
	enum priority priority;
	size_t max_event_bytes; /* one row may be as large, whatever a read's limit */
	size_t share_bytes;     /* of all, that one read may be */
	size_t charged;
	bool is_short; /* the last read was refused, or had to be smaller than it could be */
};

/* budget is a loan, NULL: no bound; all zero is the same. max_event_bytes: see above. */
void runner_budget_init(struct runner_budget *b, struct budget *budget, enum priority p,
			size_t max_event_bytes);

/* The same for a page of a backfill of this pipeline, to be given to runner_budget_begin and, with
 * 0, to runner_budget_kept: it ends behind the row that fills it, so that a row may come on top.
 * b NULL: it needs nothing. */
struct runner_budget runner_budget_of_page(const struct runner_budget *b);

/* May this pipeline read now? *limit, which has events and bytes >= 1, is made smaller, the more so
 * the higher the level; false: not now. ring is its ring: who has nothing there, and is not
 * optional, may read a little where others of its priority may not, so that a webhook that hangs
 * does not stop the others. */
bool runner_budget_begin(struct runner_budget *b, struct ring *ring, struct source_limit *limit);

/* So many bytes of what was read are still with the runner. */
void runner_budget_kept(struct runner_budget *b, size_t bytes);

#endif
