/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as JSON in which big numbers become strings: nothing is lost, a second time changes
 * nothing, and what was JSON is JSON with the same members, of which no number is too large.
 */
#include "fuzz.h"

#include <assert.h>
#include <jansson.h>

#include "sink/big_number.h"

/* Without the quotes that were put in, out is in. */
static void check_same(struct text in, struct text out)
{
	size_t at = 0, i;

	for (i = 0; i < in.len; i++, at++) {
		while (at < out.len && out.s[at] != in.s[i]) {
			assert(out.s[at] == '"');
			at++;
		}
		assert(at < out.len);
	}
	assert(at == out.len || (at + 1 == out.len && out.s[at] == '"'));
}

static void check_json(struct text in, struct text out)
{
	json_error_t e;
	json_t *before = json_loadb(in.s, in.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);
	json_t *after = json_loadb(out.s, out.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, &e);

	assert(!before || after);
	if (before && json_is_object(before))
		assert(json_object_size(before) == json_object_size(after));
	if (after && json_is_integer(after))
		assert(json_integer_value(after) < 1LL << 53 &&
		       json_integer_value(after) > -(1LL << 53));
	json_decref(before);
	json_decref(after);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
	const struct text in = {(const char *)bytes, len};
	struct buf once, twice;

	buf_init(&once, SIZE_MAX / 2);
	buf_init(&twice, SIZE_MAX / 2);
	big_number_quote(&once, in);
	big_number_quote(&twice, buf_text(&once));
	assert(text_eq(buf_text(&once), buf_text(&twice)));
	check_same(in, buf_text(&once));
	if (in.len && !memchr(in.s, '\0', in.len)) /* which jansson takes behind a number */
		check_json(in, buf_text(&once));
	buf_done(&once);
	buf_done(&twice);
	return 0;
}
