/* SPDX-License-Identifier: MIT */
/*
 * One round of reading: what is parked and due first, then each pipeline's outbox.
 */
#include "source/runner_loop.h"
#include "source/runner_park.h"
#include "source/runner_tenant.h"

static void note_read(struct runner *r, struct runner_pipe *p)
{
	mutex_lock(&r->lock);
	r->stats.reads++;
	r->stats.empty_reads += p->last_rows == 0;
	r->stats.read_total += (int64_t)p->last_count;
	r->stats.read_bytes += (int64_t)p->last_bytes;
	r->stats.packed += (int64_t)p->packed_events;
	r->stats.packed_saved_bytes += (int64_t)p->packed_saved_bytes;
	p->packed_events = p->packed_saved_bytes = 0;
	mutex_unlock(&r->lock);
}

static void unblock(struct runner *r)
{
	bool again = atomic_exchange(&r->has_room, false);
	size_t i;

	for (i = 0; i < r->pipe_count; i++)
		if (again || clock_now_us(r->clock) >= r->pipes[i].retry_us)
			r->pipes[i].blocked = false;
}

/* What is read here goes into the ring in runner_read, before anything from the outbox. */
static ATTR_MUST_CHECK enum err_code load_parked(struct runner *r, struct err *e)
{
	struct parked_pick pick;
	enum err_code code;
	size_t i;

	for (i = 0; i < r->pipe_count; i++) {
		if (!runner_park_pick(&r->pipes[i], r->clock, &pick))
			continue;
		code = runner_acknowledge_all(r, e);
		if (code == ERR_OK)
			code = runner_park_read(&r->pipes[i], r->source, &pick, e);
		else
			runner_park_cancel(&r->pipes[i], &pick);
		if (code != ERR_OK)
			return code;
	}
	return ERR_OK;
}

enum err_code runner_read(struct runner *r, struct err *e)
{
	enum err_code code;
	size_t i;

	if (atomic_load(&r->quiesced))
		return ERR_OK;
	unblock(r);
	code = load_parked(r, e);
	if (code != ERR_OK)
		return code;
	for (i = 0; i < r->pipe_count; i++) {
		struct runner_pipe *p = &r->pipes[i];
		bool did_read = false;

		if (p->blocked || (!runner_pipe_has_events(p) && !runner_tenant_wants(p)))
			continue;
		code = runner_pipe_read(p, r->source, r->acks, clock_now_us(r->clock), &did_read,
					e);
		if (did_read) {
			note_read(r, p);
			runner_backlog_read(r, p);
		}
		if (code != ERR_OK)
			return err_prefix(e, "cannot read pipeline %s", p->settings->name);
	}
	return ERR_OK;
}
