/* SPDX-License-Identifier: MIT */
#include <assert.h>

#include "source/runner_loop.h"
#include "source/runner_tenant.h"

void runner_backlog_inspected(struct runner *r)
{
	struct runner_backlog b;
	size_t i;

	for (i = 0; i < r->pipe_count; i++) {
		b = (struct runner_backlog){.rows = r->shared[i].outbox_rows,
					    .settled = ring_stats(r->pipes[i].ring).settled,
					    .more = !runner_tenant_is_at_end(&r->pipes[i])};
		mutex_lock(&r->lock);
		r->pipes[i].backlog = b;
		mutex_unlock(&r->lock);
	}
}

void runner_backlog_read(struct runner *r, struct runner_pipe *p)
{
	struct runner_backlog b;
	struct ring_stats st;

	mutex_lock(&r->lock);
	p->backlog.more = !runner_tenant_is_at_end(p);
	b = p->backlog;
	mutex_unlock(&r->lock);
	if (!p->more || r->inspect_us <= r->inspect_early_us)
		return;
	/* more is read than there was: it came since */
	st = ring_stats(p->ring);
	if (b.rows - (st.settled - b.settled) <= (int64_t)st.events)
		r->inspect_us = r->inspect_early_us;
}

struct runner_backlog runner_backlog(struct runner *r, size_t p)
{
	struct runner_backlog b;

	assert(p < r->pipe_count);
	mutex_lock(&r->lock);
	b = r->pipes[p].backlog;
	mutex_unlock(&r->lock);
	return b;
}
