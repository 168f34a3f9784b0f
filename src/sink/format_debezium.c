/* SPDX-License-Identifier: MIT */
/*
 * The value of a Debezium change event without its schema, as its HTTP sink posts it with
 * schemas.enable=false (Debezium documentation, "Change event values").
 *
 * A row that a backfill read is what Debezium's incremental snapshot makes of one: op "r".
 *
 * Both ts_ms are the time of the change, so that a retry sends the same bytes. What Debezium
 * has of the log (txId, lsn, file, pos) is not known here; what a message of its has as its key
 * stands in source, with the event's id.
 */
#include "base/clock.h"
#include "base/version.h"
#include "sink/format.h"

static const char *const ops[OP_COUNT] = {[OP_INSERT] = "c",
					  [OP_UPDATE] = "u",
					  [OP_DELETE] = "d",
					  [OP_TRUNCATE] = "t",
					  [OP_READ] = "r"};

static const char *connector_name(const struct source_settings *s)
{
	switch (s ? s->type : SOURCE_FAKE) {
	case SOURCE_POSTGRES:
		return "postgresql";
	case SOURCE_MYSQL:
		return "mysql";
	case SOURCE_SQLITE:
		return "sqlite";
	case SOURCE_HTTP:
		return "http";
	case SOURCE_FAKE:
		break;
	}
	return "app-db-listener";
}

static void add_time(const struct format_event *ev, struct json *j)
{
	if (ev->f->changed_wall_us)
		json_i64(j, "ts_ms", ev->f->changed_wall_us / CLOCK_US_PER_MS);
	else
		json_add_null(j, "ts_ms");
}

static void add_source(const struct format_event *ev, struct json *j)
{
	const struct event_fields *f = ev->f;
	bool is_mysql = ev->source && ev->source->type == SOURCE_MYSQL;

	json_open_object(j, "source");
	json_str(j, "version", APP_VERSION);
	json_str(j, "connector", connector_name(ev->source));
	json_str(j, "name", ev->pipeline);
	add_time(ev, j);
	json_str(j, "snapshot", f->op == OP_READ ? "incremental" : "false");
	/* MySQL's schemas are its databases */
	if (is_mysql)
		json_text(j, "db", f->schema);
	else
		json_str(j, "db", ev->source ? ev->source->database : NULL);
	if (!is_mysql)
		json_text(j, "schema", f->schema);
	json_text(j, "table", f->table);
	json_text(j, "id", ev->values[TEMPLATE_ID]);
	format_raw(ev, j, "key", f->key);
	if (f->old_key.s)
		format_raw(ev, j, "old_key", f->old_key);
	format_missing(ev, j);
	format_root(ev, j);
	json_end(j);
}

void format_debezium_body(const struct format_event *ev, struct json *j)
{
	json_open_object(j, NULL);
	format_raw(ev, j, "before", ev->f->old_data);
	format_raw(ev, j, "after", ev->f->data);
	add_source(ev, j);
	json_str(j, "op", ops[ev->f->op]);
	add_time(ev, j);
	json_add_null(j, "transaction");
	json_end(j);
}
