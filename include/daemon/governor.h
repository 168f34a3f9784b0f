/* SPDX-License-Identifier: MIT */
/*
 * The memory budget of the process, as the configuration has it, and what operators hear of it: a
 * log line for each change of its level, and a POST to memory.alert_url from alert on. Main thread
 * only, but what governor_budget gives is for all.
 */
#ifndef DAEMON_GOVERNOR_H
#define DAEMON_GOVERNOR_H

#include "base/clock.h"
#include "config/settings.h"
#include "core/budget.h"

struct governor;

/* clock is a loan. Errors: ERR_NOMEM. */
enum err_code governor_new(const struct settings *s, const struct clock *clock,
			   struct governor **ret_g, struct err *e) ATTR_MUST_CHECK;
/* NULL is fine. */
void governor_free(struct governor *g);

struct budget *governor_budget(const struct governor *g);

/* These settings are in force: the budget is theirs, and memory.alert_url is where alerts go (which
 * is nowhere before). Without memory for that there are no alerts, and the log says so. */
void governor_configure(struct governor *g, const struct settings *s);

/* About once a second: tell what has changed. A level that was reached and left since the last call
 * is told too; that it fell, only when it has been lower for GOVERNOR_CALM_US. Returns whether
 * something was told. */
#define GOVERNOR_CALM_US 10000000LL
bool governor_tick(struct governor *g, int64_t now_us);

#endif
