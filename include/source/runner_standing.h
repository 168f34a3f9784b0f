/* SPDX-License-Identifier: MIT */
/*
 * Keeps the boxes of the webhooks (core/standing.h) and what their pipelines' databases know of
 * them in line. Owned by the runner's thread.
 */
#ifndef SOURCE_RUNNER_STANDING_H
#define SOURCE_RUNNER_STANDING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "core/standing.h"
#include "source/source.h"

struct runner_standing {
	struct standing_box *box; /* a loan; NULL: nothing is kept */
	uint64_t version;         /* of the box, that the database has */
	const struct clock *clock;
	bool absent;      /* this database has no place for it */
	int64_t retry_us; /* it could not be written: again then; 0: it could */
};

/* The connection is lost: the next may be to another database. */
void runner_standing_reset(struct runner_standing *s);

/* Read what the database knows of pipeline p's webhook, when the box has news for it or always;
 * then tell the box and write, where they differ. Errors: ERR_UNAVAILABLE, ERR_NOMEM; what else
 * goes wrong is logged, and tried again later. */
enum err_code runner_standing_sync(struct runner_standing *s, struct source *source, uint32_t p,
				   bool always, struct err *e) ATTR_MUST_CHECK;

#endif
