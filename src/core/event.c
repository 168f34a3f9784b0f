/* SPDX-License-Identifier: MIT */
#include "core/event.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

/* Bytes of a copy of t: with a NUL behind it, for debuggers and for what takes C strings. */
static size_t event_text_size(struct text t)
{
	return t.s ? t.len + 1 : 0;
}

size_t event_size(const struct event_fields *f)
{
	return sizeof(struct event) + event_text_size(f->schema) + event_text_size(f->table) +
	       event_text_size(f->key) + event_text_size(f->old_key) +
	       event_text_size(f->changed_at) + event_text_size(f->data) +
	       event_text_size(f->old_data);
}

/* Copy *t to at and let it point there; returns the place behind the copy. */
static char *event_copy_text(struct text *t, char *at)
{
	if (!t->s)
		return at;
	memcpy(at, t->s, t->len);
	at[t->len] = '\0';
	t->s = at;
	return at + t->len + 1;
}

enum err_code event_new(const struct event_fields *f, struct event **ret_ev, struct err *e)
{
	size_t size = event_size(f);
	struct event *ev = mem_alloc(size);
	char *at;

	if (!ev)
		return err_set(e, ERR_NOMEM, "no memory for an event of %zu bytes", size);
	memset(ev, 0, sizeof(*ev));
	ev->f = *f;
	ev->bytes = size;
	ev->state = EVENT_NEW;
	at = (char *)(ev + 1);
	at = event_copy_text(&ev->f.schema, at);
	at = event_copy_text(&ev->f.table, at);
	at = event_copy_text(&ev->f.key, at);
	at = event_copy_text(&ev->f.old_key, at);
	at = event_copy_text(&ev->f.changed_at, at);
	at = event_copy_text(&ev->f.data, at);
	at = event_copy_text(&ev->f.old_data, at);
	assert(at == (char *)ev + size);
	*ret_ev = ev;
	return ERR_OK;
}

void event_free(struct event *ev)
{
	if (!ev)
		return;
	assert(ev->state == EVENT_NEW || ev->state == EVENT_DELIVERED || ev->state == EVENT_DEAD ||
	       ev->state == EVENT_PARKED);
	mem_free(ev);
}
