/* SPDX-License-Identifier: MIT */
#include "core/share.h"

#include <assert.h>

static void take(struct share *s, size_t bytes)
{
	(void)atomic_fetch_add(&s->events, 1);
	(void)atomic_fetch_add(&s->bytes, bytes);
}

void share_take(struct share *s, size_t bytes)
{
	take(s, bytes);
	if (s->all)
		take(s->all, bytes);
}

void share_shrink(struct share *s, size_t bytes)
{
	(void)atomic_fetch_sub(&s->bytes, bytes);
	if (s->all)
		(void)atomic_fetch_sub(&s->all->bytes, bytes);
}

static void give_back(struct share *s, size_t bytes)
{
	size_t events = atomic_fetch_sub(&s->events, 1),
	       before = atomic_fetch_sub(&s->bytes, bytes);

	assert(events >= 1 && before >= bytes);
}

static bool is_down(struct share *s)
{
	return atomic_load(&s->events) <= atomic_load(&s->wanted_events) &&
	       atomic_load(&s->bytes) <= atomic_load(&s->wanted_bytes);
}

bool share_give_back(struct share *s, size_t bytes)
{
	give_back(s, bytes);
	if (s->all)
		give_back(s->all, bytes);
	return atomic_load(&s->wanted) && is_down(s) && atomic_exchange(&s->wanted, false);
}

/* wanted is set before looking, and the others look at it after giving back: one of the two sees
 * the other. */
bool share_is_down_to(struct share *s, size_t events, size_t bytes)
{
	atomic_store(&s->wanted_events, events);
	atomic_store(&s->wanted_bytes, bytes);
	atomic_store(&s->wanted, true);
	if (!is_down(s))
		return false;
	atomic_store(&s->wanted, false);
	return true;
}
