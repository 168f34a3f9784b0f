/* SPDX-License-Identifier: MIT */
#include "sink/request.h"

#include <stdio.h>

#include "base/json.h"

/* What stands around the values; names of tables are short, so doubling them covers escapes. */
#define REQUEST_FRAME_BYTES 320

void request_id(const char *install_id, int64_t id, char out[static REQUEST_ID_BYTES])
{
	(void)snprintf(out, REQUEST_ID_BYTES, "%s-%lld", install_id, (long long)id);
}

static bool is_partition(const struct event_fields *f)
{
	return f->op == OP_TRUNCATE && f->data.s;
}

/* What was changed. A receiver that knows nothing of partitions must not take the truncation of one
 * for that of the whole. */
static void write_table(struct json *j, const struct event_fields *f)
{
	if (is_partition(f)) {
		json_raw(j, "schema", f->old_data);
		json_raw(j, "table", f->data);
	} else {
		json_text(j, "schema", f->schema);
		json_text(j, "table", f->table);
	}
}

enum err_code request_body(const struct event *ev, const char *install_id, const char *pipeline,
			   struct buf *out)
{
	const struct event_fields *f = &ev->f;
	char id[REQUEST_ID_BYTES];
	struct json j;
	enum err_code code;

	/* once, so that a large row is not copied again and again while the body grows */
	code = buf_reserve(out, REQUEST_FRAME_BYTES + f->key.len + f->data.len + f->old_data.len +
					2 * (f->schema.len + f->table.len));
	if (code != ERR_OK)
		return code;
	request_id(install_id, f->id, id);
	json_begin(&j, out);
	json_open_object(&j, NULL);
	json_str(&j, "id", id);
	json_str(&j, "pipeline", pipeline);
	json_str(&j, "operation", op_name(f->op));
	write_table(&j, f);
	json_raw(&j, "key", f->key);
	json_text(&j, "changed_at", f->changed_at);
	json_raw(&j, "data", is_partition(f) ? TEXT_NONE : f->data);
	json_raw(&j, "old_data", is_partition(f) ? TEXT_NONE : f->old_data);
	if (f->truncated)
		json_bool(&j, "truncated", true);
	if (is_partition(f)) {
		json_open_object(&j, "partition_of");
		json_text(&j, "schema", f->schema);
		json_text(&j, "table", f->table);
		json_end(&j);
	}
	json_end(&j);
	return buf_error(out);
}
