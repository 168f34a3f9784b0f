/* SPDX-License-Identifier: MIT */
#include "core/packed.h"

#include <lz4.h>

#include "base/mem.h"

/* Compress *t behind what is in room, and let it point to a place that room->data is added to
 * later: room may move. Returns the size it had; 0: it is left alone. */
static uint32_t squeeze(struct text *t, struct buf *room, size_t *ret_at)
{
	int most, len;

	*ret_at = room->len;
	if (!t->s || t->len < PACKED_LEAST_BYTES / 2 || t->len > LZ4_MAX_INPUT_SIZE)
		return 0;
	most = LZ4_compressBound((int)t->len);
	if (most <= 0 || buf_reserve(room, (size_t)most) != ERR_OK)
		return 0;
	len = LZ4_compress_default(t->s, room->data + room->len, (int)t->len, most);
	if (len <= 0 || (size_t)len > t->len - t->len / 5)
		return 0;
	most = (int)t->len;
	t->len = (size_t)len;
	room->len += (size_t)len;
	return (uint32_t)most;
}

size_t packed_event(struct event **ev)
{
	struct event_fields f = (*ev)->f;
	struct event *small, copy;
	size_t at, old_at, saved = 0;
	struct buf room;

	if (f.data.len + f.old_data.len < PACKED_LEAST_BYTES || packed_is(&f))
		return 0;
	buf_init(&room, SIZE_MAX / 2);
	f.plain_bytes = squeeze(&f.data, &room, &at);
	f.plain_old_bytes = squeeze(&f.old_data, &room, &old_at);
	if (f.plain_bytes)
		f.data.s = room.data + at;
	if (f.plain_old_bytes)
		f.old_data.s = room.data + old_at;
	if (packed_is(&f) && event_new(&f, &small, NULL) == ERR_OK) {
		saved = (*ev)->bytes - small->bytes;
		copy = **ev;
		copy.f = small->f;
		copy.bytes = small->bytes;
		*small = copy;
		event_free(*ev);
		*ev = small;
	}
	buf_done(&room);
	return saved;
}

static ATTR_MUST_CHECK enum err_code stretch(struct text *t, uint32_t plain, struct buf *room)
{
	char *to = room->data + room->len;

	if (!plain)
		return ERR_OK;
	if (LZ4_decompress_safe(t->s, to, (int)t->len, (int)plain) != (int)plain)
		return ERR_DATA;
	room->len += plain;
	*t = (struct text){to, plain};
	return ERR_OK;
}

enum err_code packed_open(const struct event_fields *f, struct event_fields *out, struct buf *room)
{
	enum err_code code;

	*out = *f;
	out->plain_bytes = out->plain_old_bytes = 0;
	if (!packed_is(f))
		return ERR_OK;
	buf_reset(room);
	code = buf_reserve(room, (size_t)f->plain_bytes + f->plain_old_bytes);
	if (code == ERR_OK)
		code = stretch(&out->data, f->plain_bytes, room);
	if (code == ERR_OK)
		code = stretch(&out->old_data, f->plain_old_bytes, room);
	return code;
}
