/* SPDX-License-Identifier: MIT */
#include "source/runner_tenant.h"

#include "base/mem.h"
#include "core/share.h"

enum err_code runner_tenant_bind(struct runner_pipe *p, struct deferral *deferral, struct err *e)
{
	p->left_ids = mem_calloc(p->max, sizeof(*p->left_ids));
	if (!p->left_ids)
		return err_set(e, ERR_NOMEM, "no memory for the tenants of a pipeline");
	p->deferral = deferral;
	return ERR_OK;
}

bool runner_tenant_wants(struct runner_pipe *p)
{
	struct deferral_read next;

	return p->deferral ? deferral_next(p->deferral, p->more, &next) : p->more;
}

bool runner_tenant_is_at_end(const struct runner_pipe *p)
{
	return !p->more && (!p->deferral || deferral_floor(p->deferral) == INT64_MAX);
}

/* Keep what is taken; what is not stays in the outbox. */
static void sort_out(struct runner_pipe *p, struct source *s, const struct deferral_read *r,
		     int64_t next)
{
	size_t i, kept = 0, left = 0;

	p->last_rows = p->count;
	deferral_begin(p->deferral, r, s->ops->may_leave(s, p->index));
	for (i = 0; i < p->count; i++) {
		struct event *ev = p->events[i];

		if (deferral_takes(p->deferral, ev)) {
			p->events[kept++] = ev;
			continue;
		}
		p->left_ids[left++] = ev->f.id;
		event_free(ev);
	}
	p->count = kept;
	deferral_end(p->deferral, next);
	s->ops->leave(s, p->index, p->left_ids, left, deferral_floor(p->deferral));
}

enum err_code runner_tenant_read(struct runner_pipe *p, struct source *s, struct source_limit limit,
				 struct err *e)
{
	struct deferral_read r;
	int64_t next;
	enum err_code code;

	if (!p->deferral)
		return s->ops->read(s, p->index, limit, p->events, &p->count, &p->more, e);
	p->count = 0;
	if (!deferral_next(p->deferral, p->more, &r))
		return ERR_OK;
	next = r.from;
	if (!r.from) {
		code = s->ops->read(s, p->index, limit, p->events, &p->count, &p->more, e);
	} else {
		if (r.events < limit.events)
			limit.events = r.events;
		if (r.bytes < limit.bytes)
			limit.bytes = r.bytes;
		code = s->ops->reread(s, p->index, limit, &next, p->events, &p->count, e);
	}
	if (code == ERR_OK)
		sort_out(p, s, &r, next);
	return code;
}

void runner_tenant_charge(struct runner_pipe *p, struct event *ev)
{
	if (p->deferral)
		deferral_charge(p->deferral, ev);
}

void runner_tenant_drop(struct event *ev)
{
	if (ev->share)
		(void)share_give_back(ev->share, ev->bytes);
	event_free(ev);
}

void runner_tenant_reset(struct runner_pipe *p)
{
	if (p->deferral)
		deferral_reset(p->deferral);
}
