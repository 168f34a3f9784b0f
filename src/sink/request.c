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
	json_text(&j, "schema", f->schema);
	json_text(&j, "table", f->table);
	json_raw(&j, "key", f->key);
	json_text(&j, "changed_at", f->changed_at);
	json_raw(&j, "data", f->data);
	json_raw(&j, "old_data", f->old_data);
	if (f->truncated)
		json_bool(&j, "truncated", true);
	json_end(&j);
	return buf_error(out);
}
