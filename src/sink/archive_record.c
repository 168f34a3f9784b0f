/* SPDX-License-Identifier: MIT */
#include "sink/archive_record.h"

#include <stdbool.h>

#include "base/json.h"
#include "base/json_check.h"
#include "base/utf8.h"

static void join_lines(struct buf *b)
{
	size_t i;

	for (i = 0; i < b->len; i++)
		if (b->data[i] == '\n' || b->data[i] == '\r')
			b->data[i] = ' ';
}

static void add_as_utf8(struct buf *out, struct text t)
{
	size_t i, n;

	for (i = 0; i < t.len; i += n ? n : 1) {
		n = utf8_length(t.s + i, t.len - i);
		if (n)
			buf_add(out, t.s + i, n);
		else
			buf_add_str(out, UTF8_REPLACEMENT);
	}
}

/* Let other be the record, and free what was. */
static void replace(struct buf *record, struct buf *other)
{
	enum err_code code = buf_error(other);

	buf_reset(record);
	buf_add_text(record, buf_text(other));
	if (code != ERR_OK)
		record->error = code;
	buf_done(other);
}

void archive_record_clean(struct buf *record)
{
	struct buf other;
	struct json j;

	if (buf_error(record) != ERR_OK)
		return;
	join_lines(record);
	if (json_check_is_object(buf_text(record)))
		return;
	buf_init(&other, record->max_bytes);
	add_as_utf8(&other, buf_text(record));
	if (buf_error(&other) == ERR_OK && !json_check_is_object(buf_text(&other))) {
		buf_reset(&other);
		json_begin(&j, &other);
		json_open_object(&j, NULL);
		json_text(&j, "unreadable", buf_text(record));
		json_end(&j);
	}
	replace(record, &other);
}
