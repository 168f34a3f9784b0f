/* SPDX-License-Identifier: MIT */
#include "source/runner_pipe.h"

#include "base/mem.h"
#include "core/packed.h"
#include "core/share.h"
#include "source/runner_tenant.h"

#define READ_BYTES_MAX                                                                             \
	(2UL << 20) /* the result and its events are in memory twice for a moment                  \
		     */
#define ROOM_SHARE 8
#define LITTLE_ROOM_US (20 * CLOCK_US_PER_MS)
#define NO_ROOM_US CLOCK_US_PER_S
#define IDS_SPARE 64

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

enum err_code runner_pipe_init(struct runner_pipe *p, const struct runner_pipeline *o,
			       uint32_t index, size_t batch, const struct clock *clock,
			       struct err *e)
{
	p->settings = o->settings;
	p->index = index;
	p->standing = (struct runner_standing){.box = o->standing, .clock = clock};
	p->budget = o->budget;
	p->max = batch;
	p->more = true;
	p->events = mem_calloc(batch, sizeof(struct event *));
	if (!p->events)
		return err_set(e, ERR_NOMEM, "no memory for a pipeline");
	if (o->ring)
		runner_pipe_bind(p, o->ring);
	return ERR_OK;
}

static void drop_events(struct runner_pipe *p)
{
	for (; p->at < p->count; p->at++)
		runner_tenant_drop(p->events[p->at]);
	p->at = p->count = 0;
	runner_pipe_account(p);
}

void runner_pipe_done(struct runner_pipe *p)
{
	drop_events(p);
	mem_free(p->events);
	mem_free(p->left_ids);
}

void runner_pipe_bind(struct runner_pipe *p, struct ring *ring)
{
	struct ring_stats st = ring_stats(ring);

	p->ring = ring;
	p->enough_events = min_size(p->max, st.capacity / ROOM_SHARE + 1);
	p->enough_bytes = min_size(READ_BYTES_MAX, st.max_bytes / ROOM_SHARE + 1);
}

bool runner_pipe_has_events(const struct runner_pipe *p)
{
	return p->at < p->count;
}

static void block(struct runner_pipe *p, int64_t until_us)
{
	p->blocked = true;
	p->retry_us = until_us;
}

void runner_pipe_block(struct runner_pipe *p, int64_t now_us)
{
	block(p, now_us + NO_ROOM_US);
}

bool runner_pipe_limit(struct runner_pipe *p, size_t events, int64_t now_us,
		       struct source_limit *ret_limit)
{
	struct ring_room room = ring_room(p->ring);
	struct source_limit limit;

	events = min_size(events, room.events);
	limit = (struct source_limit){
		.events = events ? min_size(p->max, events) : 1,
		.bytes = room.bytes ? min_size(READ_BYTES_MAX, room.bytes) : 1,
	};
	if (!runner_budget_begin(&p->budget, p->ring, &limit)) {
		/* a change of the level wakes the runner; room without one does not */
		block(p, now_us + LITTLE_ROOM_US);
		return false;
	}
	*ret_limit = limit;
	return true;
}

void runner_pipe_account(struct runner_pipe *p)
{
	size_t bytes = 0, i;

	for (i = p->at; i < p->count; i++)
		bytes += p->events[i]->bytes;
	runner_budget_kept(&p->budget, bytes);
}

/* When memory is short, large rows wait compressed. */
static void pack(struct runner_pipe *p, struct event **ev)
{
	size_t saved = budget_pauses(p->budget.budget) ? packed_event(ev) : 0;

	if (saved && (*ev)->share)
		share_shrink((*ev)->share, saved);
	p->packed_events += saved > 0;
	p->packed_saved_bytes += saved;
}

static ATTR_MUST_CHECK enum err_code push_events(struct runner_pipe *p, struct acks *acks,
						 int64_t now_us, struct err *e)
{
	size_t left = p->count - p->at;
	enum err_code code;

	if (p->reserved < left) {
		code = acks_reserve(acks, left - p->reserved, e);
		if (code != ERR_OK)
			return code;
		p->reserved = left;
	}
	for (; p->at < p->count; p->at++, p->reserved--) {
		pack(p, &p->events[p->at]);
		code = ring_push(p->ring, &p->events[p->at]);
		if (code == ERR_FULL) {
			runner_pipe_block(p, now_us);
			return ERR_OK;
		}
		if (code != ERR_OK)
			return err_set(e, code, "no memory in the ring");
	}
	p->at = p->count = 0;
	return ERR_OK;
}

static void count_table(const struct runner_pipe *p, const struct event *ev)
{
	char name[LABEL_VALUE_BYTES];
	struct text schema = ev->f.schema, table = ev->f.table;
	struct text value = {name, schema.len + (schema.len > 0) + table.len};

	if (!p->tables)
		return;
	if (value.len > sizeof(name)) {
		value = TEXT_NONE; /* other */
	} else {
		if (schema.len)
			memcpy(name, schema.s, schema.len);
		if (schema.len)
			name[schema.len] = '.';
		memcpy(name + value.len - table.len, table.s, table.len);
	}
	label_add(label_set_find(p->tables, value), RUNNER_TABLE_READ, 1);
}

enum err_code runner_pipe_read(struct runner_pipe *p, struct source *s, struct acks *acks,
			       int64_t now_us, bool *ret_read, struct err *e)
{
	struct ring_room room;
	struct source_limit limit;
	enum err_code code = ERR_OK;
	size_t i;

	*ret_read = false;
	if (runner_pipe_has_events(p)) {
		code = push_events(p, acks, now_us, e);
		runner_pipe_account(p);
	}
	if (code != ERR_OK || p->blocked || !runner_tenant_wants(p))
		return code;
	room = ring_room(p->ring);
	if (!room.events || !room.bytes) {
		runner_pipe_block(p, now_us);
		return ERR_OK;
	}
	if (!runner_pipe_limit(p, room.events, now_us, &limit))
		return ERR_OK;
	p->last_rows = 0;
	code = runner_tenant_read(p, s, limit, e);
	if (code != ERR_OK) {
		p->count = 0;
		runner_pipe_account(p);
		return code;
	}
	*ret_read = true;
	p->last_count = p->count;
	if (!p->deferral)
		p->last_rows = p->count;
	for (i = 0, p->last_bytes = 0; i < p->count; i++) {
		p->last_bytes += p->events[i]->bytes;
		count_table(p, p->events[i]);
	}
	code = push_events(p, acks, now_us, e);
	runner_pipe_account(p);
	/* little room is left: reading row by row would cost more than waiting a moment */
	if (code == ERR_OK && p->more && !p->blocked) {
		room = ring_room(p->ring);
		if (room.events < p->enough_events || room.bytes < p->enough_bytes)
			block(p,
			      now_us + (room.events && room.bytes ? LITTLE_ROOM_US : NO_ROOM_US));
	}
	return code;
}

void runner_pipe_drop(struct runner_pipe *p, struct acks *acks)
{
	/* what is in flight may come back for a retry: not to be sent by us any more */
	ring_pause(p->ring, true);
	runner_standing_reset(&p->standing);
	drop_events(p);
	acks_unreserve(acks, p->reserved + ring_clear(p->ring));
	runner_tenant_reset(p);
	p->reserved = 0;
	p->blocked = false;
}

enum err_code runner_pipe_hold(struct runner_pipe *p, struct source *s, struct err *e)
{
	size_t max = ring_inflight_ids(p->ring, NULL, 0), n;
	enum err_code code;
	int64_t *ids;

	do {
		max += IDS_SPARE;
		ids = mem_calloc(max, sizeof(*ids));
		if (!ids)
			return err_set(e, ERR_NOMEM, "no memory for what is in flight");
		n = ring_inflight_ids(p->ring, ids, max);
		if (n <= max)
			break;
		mem_free(ids);
		max = n;
	} while (true);
	code = s->ops->hold(s, p->index, ids, n, e);
	mem_free(ids);
	return code;
}

void runner_pipes_resume(struct runner_pipe *pipes, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		ring_pause(pipes[i].ring, false);
}

void runner_pipes_want(struct runner_pipe *pipes, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		pipes[i].more = true;
}

enum err_code runner_pipes_sync(struct runner_pipe *pipes, size_t n, struct source *s, bool all,
				struct err *e)
{
	enum err_code code = ERR_OK;
	size_t i;

	for (i = 0; code == ERR_OK && i < n; i++)
		code = runner_standing_sync(&pipes[i].standing, s, pipes[i].index, all, e);
	return code;
}
