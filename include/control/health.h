/* SPDX-License-Identifier: MIT */
/*
 * Two questions, answered by progress and not by "the process runs":
 *
 *   alive   the threads still go round their loops. When not, only a restart helps: /healthz says
 *           503 and the watchdog is no longer fed.
 *   ready   changes reach their webhooks. When not, /readyz says 503.
 *
 *   what is the case                                          alive   ready   in the body
 *   all sources active                                        yes     yes
 *   a source on standby (another daemon is active)            yes     yes     warning
 *   a source not connected: database outage, start-up         yes     no      reason
 *   events could go, nothing settled or retried for too long  yes     no      reason
 *   rows wait in the outbox, none was read for too long       yes     no      reason
 *   receiver outage: breaker open, half open                  yes     yes     warning
 *   a pause that the receiver asked for with Retry-After      yes     yes     warning
 *   webhook disabled: 410, disable_after, an operator         yes     yes     warning
 *   an archive that cannot be written: disk full, ...         yes     yes     warning
 *   a standing alarm of a source (drift, ...)                 yes     yes     warning
 *   a source's loop, or all workers' with work, stand still   no      no      reason
 *
 * A receiver's outage leaves the daemon ready: it works as designed, holds the events, and
 * neither a restart nor another instance would help. It shows as a warning, in lag_seconds and in
 * the breaker's state, and monitor.sh alarms on those.
 *
 * Not thread-safe: the daemon judges under the lock that guards its engine.
 */
#ifndef CONTROL_HEALTH_H
#define CONTROL_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "config/settings.h"
#include "control/metrics.h"

struct health_limits {
	int64_t worker_stall_us; /* the workers' loops, while there is something to send */
	int64_t source_stall_us; /* a source's loop, which may block in a database call */
	int64_t no_progress_us;  /* work is pending and nothing moves */
};

/* Limits that the timeouts of s can never reach by themselves. */
struct health_limits health_limits_of(const struct settings *s);

struct health_verdict {
	bool alive;
	bool ready;
	char reason[512];   /* why not; "" when both are true */
	char warning[1024]; /* what else an operator should know; "" */
};

struct health;

enum err_code health_new(const struct health_limits *limits, struct health **ret_h,
			 struct err *e) ATTR_MUST_CHECK;
void health_free(struct health *h);

/* After a reload. What was seen of pipelines and sources that kept their place and name stays. */
void health_set_limits(struct health *h, const struct health_limits *limits);

/* Compare s with what was seen before, and judge. Call at least every few seconds: progress is
 * what changed between two calls. */
void health_judge(struct health *h, const struct metrics_snapshot *s, struct health_verdict *ret_v);

/* Append {"status":"ok","reason":null,"warning":null} for alive (about_ready false) or ready;
 * status is "ok", "warning" or "failed". Errors stick to out. */
void health_render(const struct health_verdict *v, bool about_ready, struct buf *out);

#endif
