/* SPDX-License-Identifier: MIT */
#include "source/poll.h"

#include "base/fd.h"
#include "source/source.h"

#define DELAY_MIN_US (2 * CLOCK_US_PER_MS)

void poll_looked(struct poll_plan *p, bool any_rows)
{
	p->due_us = 0;
	if (any_rows)
		p->delay_us = 0;
}

int64_t poll_delay(struct poll_plan *p, int64_t max_us)
{
	p->delay_us = p->delay_us ? p->delay_us * 2 : DELAY_MIN_US;
	if (p->delay_us > max_us)
		p->delay_us = max_us;
	return p->delay_us;
}

int poll_wait(struct poll_plan *p, const struct clock *clock, bool idle, int hint_fd, int wake_fd,
	      int64_t interval_us, int64_t deadline_us)
{
	int64_t now_us = clock_now_us(clock), until_us = deadline_us;
	int got;

	if (idle) {
		if (!p->due_us)
			p->due_us = now_us + poll_delay(p, interval_us);
		if (p->due_us < until_us)
			until_us = p->due_us;
	}
	for (;;) {
		got = fd_wait(idle ? hint_fd : -1, wake_fd, now_us, until_us);
		now_us = clock_now_us(clock);
		if (got & FD_WOKEN)
			return SOURCE_WOKEN_CALLER;
		if ((got & FD_READY) || (idle && now_us >= p->due_us))
			return SOURCE_WOKEN_CHANGE;
		if (now_us >= until_us)
			return 0;
	}
}
