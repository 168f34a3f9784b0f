/* SPDX-License-Identifier: MIT */
#include "daemon/letter_out.h"

#include "base/json.h"

static void add_json(const struct letter_out *o, struct buf *b, const struct dead_letter *d)
{
	struct json j;

	json_begin(&j, b);
	json_open_object(&j, NULL);
	json_i64(&j, "id", d->id);
	json_text(&j, "event_id", d->event_id);
	json_text(&j, "pipeline", d->pipeline);
	json_text(&j, "operation", d->operation);
	json_text(&j, "schema", d->schema);
	json_text(&j, "table", d->table);
	json_raw(&j, "key", d->key);
	json_text(&j, "changed_at", d->changed_at);
	if (!o->waiting)
		json_text(&j, o->delivered ? "delivered_at" : "died_at", d->died_at);
	if (!o->delivered && !o->waiting) {
		json_i64(&j, "attempts", d->attempts);
		json_i64(&j, "last_status", d->last_status);
		json_text(&j, "last_error", d->last_error);
	}
	if (o->with_data) {
		json_raw(&j, "old_key", d->old_key);
		json_bool(&j, "truncated", d->truncated);
		json_raw(&j, "data", d->data);
		json_raw(&j, "old_data", d->old_data);
	}
	json_end(&j);
}

#define AS_PRINTED(t) (int)(t).len, (t).s ? (t).s : ""

static void add_row(const struct letter_out *o, struct buf *b, const struct dead_letter *d)
{
	size_t start;

	if (!o->to.count) {
		buf_add_fmt(b, "%-10s %-12s %-8s %-24s %-20s ", "ID", "PIPELINE", "OP", "TABLE",
			    "KEY");
		if (o->delivered)
			buf_add_str(b, "DELIVERED\n");
		else
			buf_add_fmt(b, "%-20.20s %3s %6s  %s\n", "DIED", "TRY", "STATUS", "ERROR");
	}
	buf_add_fmt(b, "%-10lld %-12.*s %-8.*s ", (long long)d->id, AS_PRINTED(d->pipeline),
		    AS_PRINTED(d->operation));
	start = b->len;
	buf_add_fmt(b, "%.*s%s%.*s", AS_PRINTED(d->schema), d->schema.len ? "." : "",
		    AS_PRINTED(d->table));
	while (b->len < start + 24 && buf_error(b) == ERR_OK)
		buf_add_char(b, ' ');
	/* to the second: 2026-03-01T12:00:00Z */
	buf_add_fmt(b, " %-20.*s %.*s%s", AS_PRINTED(d->key),
		    d->died_at.len > 19 ? 19 : (int)d->died_at.len,
		    d->died_at.s ? d->died_at.s : "", d->died_at.len > 19 ? "Z" : "");
	if (!o->delivered)
		buf_add_fmt(b, " %3lld %6lld  %.*s", (long long)d->attempts,
			    (long long)d->last_status, AS_PRINTED(d->last_error));
}

enum err_code letter_out_open(struct letter_out *o, const char *path, enum letter_format format,
			      bool with_data, struct err *e)
{
	*o = (struct letter_out){.format = format, .with_data = with_data};
	return export_out_open(&o->to, path, format == LETTER_JSON, e);
}

enum err_code letter_out_put(struct letter_out *o, const struct dead_letter *d, struct err *e)
{
	struct buf *b = export_out_begin(&o->to);

	if (o->format == LETTER_TABLE)
		add_row(o, b, d);
	else
		add_json(o, b, d);
	return export_out_end(&o->to, e);
}

enum err_code letter_out_close(struct letter_out *o, struct err *e)
{
	return export_out_close(&o->to, e);
}

void letter_out_drop(struct letter_out *o)
{
	export_out_drop(&o->to);
}
