/* SPDX-License-Identifier: MIT */
#include "sink/format.h"

#include <assert.h>

#include "sink/big_number.h"
#include "sink/oversize.h"

static void native_body(const struct format_event *ev, struct json *j)
{
	format_native(ev, j, NULL);
}

/* Standard Webhooks 1.0.0, "Payload structure": type, timestamp and data. */
static void standard_body(const struct format_event *ev, struct json *j)
{
	json_open_object(j, NULL);
	json_open_string(j, "type");
	template_write(ev->type, ev->values, json_escape, json_escape, j->out);
	json_end(j);
	json_text(j, "timestamp", ev->f->changed_at);
	format_native(ev, j, "data");
	json_end(j);
}

#define PLAIN "application/json"
#define CE_TYPE "app-db-listener.{table}.{operation}"

static const struct format formats[WEBHOOK_FORMAT_COUNT] = {
	[WEBHOOK_FORMAT_NATIVE] = {"native", 1, PLAIN, PLAIN, NULL, native_body, NULL},
	/* CloudEvents 1.0.2, "JSON Event Format", 4: JSON Batch Format */
	[WEBHOOK_FORMAT_CLOUDEVENTS] = {"cloudevents", 1,
					"application/cloudevents+json; charset=UTF-8",
					"application/cloudevents-batch+json; charset=UTF-8",
					CE_TYPE, format_cloudevents_body, NULL},
	[WEBHOOK_FORMAT_CLOUDEVENTS_BINARY] = {"cloudevents-binary", 1, PLAIN, NULL, CE_TYPE,
					       native_body, format_cloudevents_lines},
	[WEBHOOK_FORMAT_STANDARD] = {"standard", 1, PLAIN, PLAIN, "{table}.{operation}",
				     standard_body, NULL},
	[WEBHOOK_FORMAT_DEBEZIUM] = {"debezium", 1, PLAIN, PLAIN, NULL, format_debezium_body, NULL},
};

const struct format *format_get(enum webhook_format format)
{
	assert(format < WEBHOOK_FORMAT_COUNT);
	return &formats[format];
}

void format_native(const struct format_event *ev, struct json *j, const char *name)
{
	const struct event_fields *f = ev->f;

	json_open_object(j, name);
	json_text(j, "id", ev->values[TEMPLATE_ID]);
	json_str(j, "pipeline", ev->pipeline);
	json_str(j, "operation", op_name(f->op));
	json_text(j, "schema", f->schema);
	json_text(j, "table", f->table);
	format_raw(ev, j, "key", f->key);
	if (f->old_key.s)
		format_raw(ev, j, "old_key", f->old_key);
	json_text(j, "changed_at", f->changed_at);
	format_raw(ev, j, "data", f->data);
	format_raw(ev, j, "old_data", f->old_data);
	format_missing(ev, j);
	format_root(ev, j);
	json_end(j);
}

void format_raw(const struct format_event *ev, struct json *j, const char *name, struct text json)
{
	if (!ev->quote_big || !json.s) {
		json_raw(j, name, json);
		return;
	}
	json_raw(j, name, TEXT_LIT(""));
	big_number_quote(j->out, json);
}

void format_missing(const struct format_event *ev, struct json *j)
{
	if (ev->f->truncated)
		json_bool(j, "truncated", true);
	if (ev->cut_columns.s)
		json_raw(j, OVERSIZE_COLUMNS, ev->cut_columns);
}

void format_root(const struct format_event *ev, struct json *j)
{
	if (!ev->root)
		return;
	json_open_object(j, "partition_of");
	json_text(j, "schema", ev->root->schema);
	json_text(j, "table", ev->root->table);
	json_end(j);
}

void format_table(const struct format_event *ev, template_put_fn put, struct buf *out)
{
	if (ev->f->schema.s) {
		put(out, ev->f->schema);
		put(out, TEXT_LIT("."));
	}
	put(out, ev->f->table);
}
