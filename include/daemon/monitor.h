/* SPDX-License-Identifier: MIT */
/*
 * The daemon's view of itself: one snapshot of all figures and one verdict on its health, made by
 * the main thread, read by the admin thread.
 *
 *     admin thread                       main thread
 *     monitor_read ── asks (wake_fd) ──► monitor_refresh: collect, judge, publish
 *          ▲                                   │
 *          └──────── condition ◄───────────────┘
 *
 * Only the main thread touches the engine, so a reload needs no lock against readers; while it
 * is busy (a reload, the end) readers get the last snapshot after a short wait.
 */
#ifndef DAEMON_MONITOR_H
#define DAEMON_MONITOR_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "control/admin.h"
#include "control/health.h"
#include "control/metrics.h"
#include "daemon/engine.h"

struct monitor;

/* Errors: ERR_NOMEM, ERR_IO. */
enum err_code monitor_new(const struct clock *clock, const struct settings *s,
			  struct monitor **ret_m, struct err *e) ATTR_MUST_CHECK;
void monitor_free(struct monitor *m);

/* Whose figures are told, too; NULL: nobody's. Main thread; r is a loan until the next call. */
void monitor_set_recorder(struct monitor *m, struct recorder *r);

/* Whose figures of posted events are told; NULL: nobody's. Main thread; f is a loan until the next
 * call. */
void monitor_set_front(struct monitor *m, struct front *f);

/* Counters by table, for engine_set_tables; they live as long as m. */
struct label_set *monitor_tables(struct monitor *m);

/* Readable when a reader waits for monitor_refresh. */
int monitor_wake_fd(const struct monitor *m);

/* Collect from g, judge, publish, let readers go on. Main thread. */
void monitor_refresh(struct monitor *m, struct engine *g);

/* The engine is about to be replaced by one with settings s: its counters begin anew. Main
 * thread, after a last monitor_refresh of the old one. */
void monitor_restart(struct monitor *m, const struct settings *s);

/* The verdict of the last refresh. Main thread. */
const struct health_verdict *monitor_verdict(const struct monitor *m);
/* The snapshot of the last refresh; a loan until the next. Main thread. */
const struct metrics_snapshot *monitor_snapshot(const struct monitor *m);

/* Append the page, not older than the call unless the main thread is busy for long; *ret_ok: alive,
 * or ready, when that is asked. Any thread but the main one; blocks up to half a second.
 * Errors: ERR_NOMEM, ERR_FULL. */
enum err_code monitor_read(struct monitor *m, enum admin_page page, struct buf *out,
			   bool *ret_ok) ATTR_MUST_CHECK;

/* Have the main thread let the webhook called name send again, or no more. Any thread but the main
 * one, one at a time. Errors: ERR_NOT_FOUND, ERR_BUSY (a reload is under way). */
enum err_code monitor_enable(struct monitor *m, const char *name, bool enable,
			     struct err *e) ATTR_MUST_CHECK;

#endif
