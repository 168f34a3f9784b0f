/* SPDX-License-Identifier: MIT */
#include "base/clock.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <time.h>

static int64_t system_read_us(clockid_t id)
{
	struct timespec ts;

	/* CLOCK_MONOTONIC and CLOCK_REALTIME with a valid pointer cannot fail: clock_gettime(2) */
	(void)clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * CLOCK_US_PER_S + ts.tv_nsec / 1000;
}

static int64_t system_now_us(void *ctx)
{
	(void)ctx;
	return system_read_us(CLOCK_MONOTONIC);
}

static int64_t system_wall_us(void *ctx)
{
	(void)ctx;
	return system_read_us(CLOCK_REALTIME);
}

const struct clock *clock_system(void)
{
	static const struct clock c = {system_now_us, system_wall_us, NULL};

	return &c;
}

static int64_t fake_now_us(void *ctx)
{
	const struct clock_fake *f = ctx;

	return f->now_us;
}

static int64_t fake_wall_us(void *ctx)
{
	const struct clock_fake *f = ctx;

	return f->wall_us;
}

const struct clock *clock_fake_init(struct clock_fake *f, int64_t now_us, int64_t wall_us)
{
	f->clock = (struct clock){fake_now_us, fake_wall_us, f};
	f->now_us = now_us;
	f->wall_us = wall_us;
	return &f->clock;
}

void clock_format_wall(int64_t wall_us, char out[static CLOCK_TEXT_BYTES])
{
	int64_t s = wall_us / CLOCK_US_PER_S;
	int64_t us = wall_us % CLOCK_US_PER_S;
	struct tm tm;
	time_t t;
	size_t n;

	if (us < 0) {
		us += CLOCK_US_PER_S;
		s--;
	}
	t = (time_t)s;
	(void)gmtime_r(&t, &tm);
	n = strftime(out, CLOCK_TEXT_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(out + n, CLOCK_TEXT_BYTES - n, ".%06dZ", (int)us);
}

int clock_poll_ms(int64_t now_us, int64_t deadline_us)
{
	int64_t left_us, ms;

	if (deadline_us == INT64_MAX)
		return -1;
	if (deadline_us <= now_us)
		return 0;
	left_us = deadline_us - now_us;
	ms = left_us / CLOCK_US_PER_MS + (left_us % CLOCK_US_PER_MS != 0);
	return ms > INT_MAX ? INT_MAX : (int)ms;
}
