/* SPDX-License-Identifier: MIT */
/*
 * Keeps a webhook's breaker and its standing (core/standing.h) together: what disables the one is
 * noted in the other, and what a database or an operator says of the other is done to the one.
 *
 *     410, disable_header, disable_after ─► breaker DISABLED ─► standing ─► the databases
 *     operator, another daemon ─► the databases, or the admin endpoint ─► standing ─► breaker
 */
#ifndef SINK_KEEPER_H
#define SINK_KEEPER_H

#include <stdint.h>

#include "sink/answer.h"
#include "sink/webhook.h"

struct keeper_attempt {
	struct answer answer;
	int64_t now_us;
	const struct clock *clock; /* for the wall time, which is rarely needed */
	const char *reason;        /* of a failure, or of why it is disabled */
};

/* An attempt has ended, and the breaker knows. Any thread. */
void keeper_note(struct webhook *w, const struct keeper_attempt *a);

/* An operator says so; reason: why it is disabled. Any thread. */
void keeper_enable(struct webhook *w, const struct clock *clock);
void keeper_disable(struct webhook *w, const struct clock *clock, const char *reason);

/* Do to the breaker what the standing says, and log it when it is news: after a database told of
 * something else. Any thread. */
void keeper_apply(struct webhook *w, const struct clock *clock);

#endif
