/* SPDX-License-Identifier: MIT */
/*
 * Posted events in the daemon: the front (ingest/front.h), and the engine that reads what was
 * posted, of which a reload replaces each at its own time. Counters go on over reloads.
 */
#ifndef DAEMON_POSTING_H
#define DAEMON_POSTING_H

#include "base/clock.h"
#include "base/err.h"
#include "config/settings.h"
#include "core/budget.h"
#include "daemon/engine.h"
#include "daemon/monitor.h"

struct posting;

/* m tells its figures, and bodies are charged to budget (NULL: none); both are loans for the
 * posting's life. Errors: ERR_NOMEM. Main thread, like all of these. */
enum err_code posting_new(const struct clock *clock, struct monitor *m, struct budget *budget,
			  struct posting **ret_p, struct err *e) ATTR_MUST_CHECK;
/* Not while it is started; NULL is fine. */
void posting_free(struct posting *p);

/* Let clients post by these settings, a loan until posting_stop, and tell g, which has the same,
 * when something came. Nothing is done where they want no front. Errors: those of front_start. */
enum err_code posting_start(struct posting *p, const struct settings *s, struct engine *g,
			    struct err *e) ATTR_MUST_CHECK;

/* No more; what is whole is stored until deadline_us (monotonic). */
void posting_stop(struct posting *p, int64_t deadline_us);

/* Tell another engine of the same settings; NULL: none. */
void posting_bind(struct posting *p, struct engine *g);

#endif
