/* SPDX-License-Identifier: MIT */
/*
 * What SQLite's triggers write, as JSON. The first byte says what the others are: a row as it may
 * stand in an outbox that anybody can write to, of which only its end matters; or a text, as
 * quote() and hex() write it, which must come back as what it was.
 */
#include "fuzz.h"

#include <assert.h>
#include <jansson.h>

#include "base/json.h"
#include "source/sqlite_value.h"

static void add_hex(struct buf *out, char kind, struct text t)
{
	size_t i;

	buf_add_char(out, kind);
	buf_add_char(out, '\'');
	for (i = 0; i < t.len; i++)
		buf_add_fmt(out, "%02X", (unsigned char)t.s[i]);
	buf_add_char(out, '\'');
}

static void add_quoted(struct buf *out, struct text t)
{
	size_t i;

	buf_add_char(out, '\'');
	for (i = 0; i < t.len; i++) {
		if (t.s[i] == '\'')
			buf_add_char(out, '\'');
		buf_add_char(out, t.s[i]);
	}
	buf_add_char(out, '\'');
}

/* The row is {"a":VALUE,"b":'it''s'}. */
static void assert_value(struct buf *literals, const struct buf *value)
{
	struct buf out;
	struct buf want;

	buf_init(&out, SIZE_MAX / 2);
	buf_init(&want, SIZE_MAX / 2);
	buf_add_str(literals, ",\"b\":'it''s'}");
	sqlite_value_json(&out, buf_text(literals), 0);
	buf_add_str(&want, "{\"a\":");
	buf_add_text(&want, buf_text(value));
	buf_add_str(&want, ",\"b\":\"it's\"}");
	assert(text_eq(buf_text(&out), buf_text(&want)));
	buf_done(&want);
	buf_done(&out);
}

static void check_text(struct text t, bool is_hex)
{
	struct buf literals, value;

	buf_init(&literals, SIZE_MAX / 2);
	buf_init(&value, SIZE_MAX / 2);
	buf_add_str(&literals, "{\"a\":");
	if (is_hex)
		add_hex(&literals, 'T', t);
	else
		add_quoted(&literals, t);
	json_quote(&value, t);
	assert_value(&literals, &value);
	buf_done(&value);
	buf_done(&literals);
}

static void check_blob(struct text t)
{
	struct buf literals, value;

	buf_init(&literals, SIZE_MAX / 2);
	buf_init(&value, SIZE_MAX / 2);
	buf_add_str(&literals, "{\"a\":");
	add_hex(&literals, 'X', t);
	add_hex(&value, 'X', t);
	value.data[0] = '[';
	value.data[1] = value.data[value.len - 1] = '"';
	buf_add_char(&value, ']');
	assert_value(&literals, &(struct buf){.data = value.data + 1, .len = value.len - 2});
	buf_done(&value);
	buf_done(&literals);
}

/* Half pairs and odd bytes too: always a string. */
static void check_utf16(struct text t, int utf16)
{
	struct buf literals, out;
	json_error_t error;
	json_t *tree;

	buf_init(&literals, SIZE_MAX / 2);
	buf_init(&out, SIZE_MAX / 2);
	buf_add_char(&literals, '[');
	add_hex(&literals, 'T', t);
	buf_add_char(&literals, ']');
	sqlite_value_json(&out, buf_text(&literals), utf16);
	tree = json_loadb(out.data, out.len, JSON_ALLOW_NUL, &error);
	assert(json_is_array(tree) && json_array_size(tree) == 1 &&
	       json_is_string(json_array_get(tree, 0)));
	json_decref(tree);
	buf_done(&out);
	buf_done(&literals);
}

/* Any bytes; what another parser takes for JSON of texts and words alone is left as it is. */
static void check_row(struct text row, int utf16)
{
	struct buf out;

	buf_init(&out, SIZE_MAX / 2);
	sqlite_value_json(&out, row, utf16);
	assert(buf_error(&out) == ERR_OK);
	/* a byte that is no UTF-8 becomes three, one that is escaped six */
	assert(out.len <= 6 * row.len + 16);
	buf_done(&out);
	buf_init(&out, row.len / 2);
	sqlite_value_json(&out, row, utf16);
	assert(out.len <= row.len / 2);
	buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const struct text t = {(const char *)bytes + 1, len - 1};

	if (len < 2)
		return 0;
	switch (bytes[0] % 8) {
	case 0:
	case 1:
	case 2:
		check_row(t, (int)(bytes[0] % 8) - 1);
		break;
	case 3:
		check_text(t, false);
		break;
	case 4:
		check_text(t, true);
		break;
	case 5:
		check_blob(t);
		break;
	default:
		check_utf16(t, bytes[0] % 8 == 6 ? 1 : -1);
		break;
	}
	return 0;
}
