/* SPDX-License-Identifier: MIT */
#include "source/batch.h"

size_t batch_overhead(size_t name_bytes)
{
	static const struct event_fields empty = {.id = 1};

	/* names and time, and a NUL behind each text, whether event_new adds it or not */
	return event_size(&empty) + 2 * name_bytes + CLOCK_TEXT_BYTES + 8;
}

static ATTR_MUST_CHECK enum err_code see(struct batch *b, struct event *ev, struct err *e)
{
	enum err_code code = ERR_OK;
	bool is_new = true;

	if (b->position)
		code = position_see(b->position, ev->f.id, &is_new, e);
	if (code != ERR_OK || !is_new) {
		event_free(ev);
		return code;
	}
	ev->read_us = b->now_us;
	b->bytes += ev->bytes;
	b->out[b->count++] = ev;
	return ERR_OK;
}

enum err_code batch_add(struct batch *b, struct event_fields *f, struct err *e)
{
	char changed_at[CLOCK_TEXT_BYTES];
	struct event *ev = NULL;
	enum err_code code;

	if (b->is_full || b->count == b->limit.events) {
		b->is_full = true;
		return ERR_OK;
	}
	clock_format_wall(f->changed_wall_us, changed_at);
	f->changed_at = text_of(changed_at);
	code = event_new(f, &ev, e);
	if (code != ERR_OK)
		return code;
	if (b->count && b->bytes + ev->bytes > b->limit.bytes) {
		event_free(ev);
		b->is_full = true;
		return ERR_OK;
	}
	b->last_id = ev->f.id;
	return see(b, ev, e);
}

void batch_drop(struct batch *b)
{
	while (b->count)
		event_free(b->out[--b->count]);
}
