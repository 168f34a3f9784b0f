/* SPDX-License-Identifier: MIT */
/*
 * Time, injected. Inside the daemon time is monotonic microseconds (`int64_t x_us`); wall time
 * (`x_wall_us`, microseconds since 1970 UTC) appears in payloads and logs only. No module but this
 * one asks the system for the time.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define CLOCK_US_PER_MS 1000LL
#define CLOCK_US_PER_S 1000000LL

struct clock {
	int64_t (*now_us)(void *ctx);  /* monotonic; never goes back */
	int64_t (*wall_us)(void *ctx); /* since the epoch; may jump */
	void *ctx;
};

/* The system's clock. Never NULL; any thread. */
const struct clock *clock_system(void);

static inline int64_t clock_now_us(const struct clock *c)
{
	return c->now_us(c->ctx);
}

static inline int64_t clock_wall_us(const struct clock *c)
{
	return c->wall_us(c->ctx);
}

/* A clock that stands still until a test moves it: give clock_fake_init's result to the code
 * under test, then change now_us and wall_us. Not for use from several threads at once. */
struct clock_fake {
	struct clock clock;
	int64_t now_us;
	int64_t wall_us;
};

const struct clock *clock_fake_init(struct clock_fake *f, int64_t now_us, int64_t wall_us);

#define CLOCK_TEXT_BYTES 28

/* "2026-03-01T12:00:00.123456Z" (RFC 3339, UTC) into out; out is terminated. */
void clock_format_wall(int64_t wall_us, char out[static CLOCK_TEXT_BYTES]);

/* Milliseconds to hand to poll or epoll_wait until deadline_us: 0 when it has passed, rounded
 * up so that no wait ends early; INT64_MAX gives -1 (for ever). */
int clock_poll_ms(int64_t now_us, int64_t deadline_us);

#endif
