/* SPDX-License-Identifier: MIT */
/*
 * Who of a pool's workers is asleep, and who of those watches the clock. One is enough: the one
 * that goes to sleep with the earliest time to watch takes the watch over, and gives it up when it
 * wakes.
 */
#include <assert.h>

#include "sink/worker.h"

static void push_locked(struct pool *p, struct worker *w)
{
	w->asleep = true;
	w->above = NULL;
	w->below = p->top;
	if (p->top)
		p->top->above = w;
	p->top = w;
	atomic_fetch_sub(&p->awake, 1);
}

static void remove_locked(struct pool *p, struct worker *w)
{
	if (w->above)
		w->above->below = w->below;
	else
		p->top = w->below;
	if (w->below)
		w->below->above = w->above;
	w->asleep = false;
	atomic_fetch_add(&p->awake, 1);
}

int64_t sleepers_enter(struct worker *w, int64_t next_us)
{
	struct pool *p = w->pool;
	int64_t until_us = INT64_MAX;

	mutex_lock(&p->lock);
	push_locked(p, w);
	if (next_us < p->timer_us) {
		p->timekeeper = w;
		p->timer_us = next_us;
		until_us = next_us;
	}
	mutex_unlock(&p->lock);
	return until_us;
}

void sleepers_leave(struct worker *w)
{
	struct pool *p = w->pool;

	mutex_lock(&p->lock);
	if (w->asleep)
		remove_locked(p, w);
	if (p->timekeeper == w) {
		p->timekeeper = NULL;
		p->timer_us = INT64_MAX;
	}
	mutex_unlock(&p->lock);
}

static bool has_share(const struct worker *w, size_t i)
{
	return atomic_load(&w->to[i]) < w->pool->receivers[i].share;
}

void sleepers_wake_for(struct pool *p, size_t i)
{
	struct worker *w;

	if (webhook_room(p->receivers[i].webhook) == 0)
		return; /* whoever gives room back looks again */
	mutex_lock(&p->lock);
	for (w = p->top; w && !has_share(w, i); w = w->below)
		;
	if (w)
		remove_locked(p, w);
	mutex_unlock(&p->lock);
	if (w)
		http_wake(w->http);
}

void sleepers_wake_one(struct pool *p)
{
	struct worker *w;

	mutex_lock(&p->lock);
	w = p->top;
	if (w)
		remove_locked(p, w);
	mutex_unlock(&p->lock);
	if (w)
		http_wake(w->http);
}
