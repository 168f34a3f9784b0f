/* SPDX-License-Identifier: MIT */
/*
 * Telling the service manager how we are: sd_notify(3). Without one (no $NOTIFY_SOCKET) every call
 * does nothing. A message that cannot be sent is not an error of ours: the manager's own timeouts
 * deal with it.
 */
#ifndef CONTROL_NOTIFY_H
#define CONTROL_NOTIFY_H

#include <stdint.h>

#include "base/attr.h"
#include "base/clock.h"

/* Start-up, or a reload, is complete. */
void notify_ready(void);

/* A reload begins; notify_ready ends it. */
void notify_reloading(const struct clock *clock);

void notify_stopping(void);

/* One line for `systemctl status`; cut at 255 bytes, control characters become spaces. */
void notify_status(const char *fmt, ...) ATTR_PRINTF(1, 2);

/* Still alive. Only from the main loop, and only when control/health.h says so. */
void notify_watchdog(void);

/* From now on the watchdog bites after us without notify_watchdog; this counts as one. For a step
 * in which the main loop stands still by design. */
void notify_watchdog_limit(int64_t us);

/* The manager is to wait at least this long for the present step (stopping). */
void notify_extend_timeout(int64_t us);

/* How often to call notify_watchdog: half of WatchdogSec=; 0: no watchdog asked for. Wants a call
 * before any thread starts: it reads the environment. */
int64_t notify_watchdog_interval_us(void);

#endif
