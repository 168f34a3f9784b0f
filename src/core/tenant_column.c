/* SPDX-License-Identifier: MIT */
#include "core/tenant_column.h"

#include <string.h>

#include "base/json_scan.h"

static bool has_escape(struct text t)
{
	return t.len && memchr(t.s, '\\', t.len);
}

/* What stands between quotes, read. */
static struct text plain(struct text inside, struct buf *scratch)
{
	if (!has_escape(inside))
		return inside;
	buf_reset(scratch);
	json_scan_unescape(scratch, inside);
	return buf_error(scratch) == ERR_OK ? buf_text(scratch) : inside;
}

static bool find(struct text json, struct text column, struct buf *scratch, struct text *ret_value)
{
	struct json_member m;
	struct json_scan scan;

	if (!json.s)
		return false;
	json_scan_open(&scan, json);
	while (json_scan_next(&scan, &m) == JSON_STEP_MEMBER) {
		if (!text_eq(plain(m.name, scratch), column))
			continue;
		*ret_value = m.value;
		return true;
	}
	return false;
}

struct text tenant_column_of(const struct event_fields *f, struct text column, struct buf *scratch)
{
	struct text value;

	if (!find(f->data, column, scratch, &value) && !find(f->old_data, column, scratch, &value))
		return TEXT_LIT("");
	if (text_eq(value, TEXT_LIT("null")))
		return TEXT_LIT("");
	if (value.len < 2 || value.s[0] != '"')
		return value;
	value = plain((struct text){value.s + 1, value.len - 2}, scratch);
	return value.len ? value : TEXT_LIT("");
}
