/* SPDX-License-Identifier: MIT */
#include "control/notify.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <systemd/sd-daemon.h>

#define STATUS_BYTES 256

void notify_ready(void)
{
	(void)sd_notify(0, "READY=1");
}

void notify_reloading(const struct clock *clock)
{
	/* MONOTONIC_USEC is what Type=notify-reload of systemd 253 wants; older ones ignore it */
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_now_us(clock));
}

void notify_stopping(void)
{
	(void)sd_notify(0, "STOPPING=1");
}

void notify_status(const char *fmt, ...)
{
	char line[STATUS_BYTES];
	va_list ap;
	char *c;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	/* a line break would begin another assignment */
	for (c = line; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
	(void)sd_notifyf(0, "STATUS=%s", line);
}

void notify_watchdog(void)
{
	(void)sd_notify(0, "WATCHDOG=1");
}

void notify_watchdog_limit(int64_t us)
{
	(void)sd_notifyf(0, "WATCHDOG_USEC=%" PRId64, us);
}

void notify_extend_timeout(int64_t us)
{
	(void)sd_notifyf(0, "EXTEND_TIMEOUT_USEC=%" PRId64, us);
}

int64_t notify_watchdog_interval_us(void)
{
	uint64_t us;

	if (sd_watchdog_enabled(0, &us) <= 0)
		return 0;
	return (int64_t)(us / 2);
}
