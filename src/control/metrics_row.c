/* SPDX-License-Identifier: MIT */
#include <assert.h>
#include <string.h>

#include "control/metrics_table.h"

/* What stands before the names of its rows. */
static const char *scope_prefix(enum metrics_scope scope)
{
	static const char *const prefix[METRICS_SCOPE_COUNT] = {
		[METRICS_GLOBAL] = "",
		[METRICS_SOURCE] = "source_",
		[METRICS_PIPELINE] = "pipeline_",
		[METRICS_WEBHOOK] = "webhook_",
	};

	assert(scope < METRICS_SCOPE_COUNT);
	return prefix[scope];
}

void metrics_row_name(const struct metrics_row *row, struct buf *out)
{
	assert(row->name);
	buf_add_str(out, "app_db_listener_");
	buf_add_str(out, scope_prefix(row->scope));
	buf_add_str(out, row->name);
}

int64_t metrics_row_value(const struct metrics_row *row, const void *base, size_t element)
{
	const char *at = (const char *)base + row->offset + element * row->size;
	int64_t v64;
	int32_t v32;
	uint8_t v8;

	switch (row->size) {
	case sizeof(v8): /* bool */
		memcpy(&v8, at, sizeof(v8));
		return v8;
	case sizeof(v32): /* int, enum */
		memcpy(&v32, at, sizeof(v32));
		return v32;
	default:
		/* int64_t, and size_t, whose values here are far below INT64_MAX */
		assert(row->size == sizeof(v64));
		memcpy(&v64, at, sizeof(v64));
		return v64;
	}
}
