/* SPDX-License-Identifier: MIT */
#include "config/quote.h"

#include "base/json.h"
#include "config/expand.h"

#define QUOTE_BYTES_MAX (1 << 20)

/* What YAML 1.1 takes for a line end or refuses, but JSON leaves alone. */
static const struct {
	const char *bytes;
	const char *escape;
} yaml_only_escapes[] = {
	{"\x7f", "\\x7f"},           {"\xe2\x80\xa8", "\\u2028"}, {"\xe2\x80\xa9", "\\u2029"},
	{"\xef\xbb\xbf", "\\ufeff"}, {"\xef\xbf\xbe", "\\ufffe"}, {"\xef\xbf\xbf", "\\uffff"},
};

/* Append the first character of t, escaped where YAML asks for it; returns its length in bytes. */
static size_t yaml_add_char(struct text t, struct buf *out)
{
	size_t i, len;

	/* the control characters U+0080 to U+009F, and U+00A0 */
	if (t.len > 1 && (unsigned char)t.s[0] == 0xc2 && (unsigned char)t.s[1] <= 0xa0) {
		buf_add_fmt(out, "\\x%02x", (unsigned)(unsigned char)t.s[1]);
		return 2;
	}
	for (i = 0; i < ARRAY_LEN(yaml_only_escapes); i++) {
		len = strlen(yaml_only_escapes[i].bytes);
		if (t.len >= len && !memcmp(t.s, yaml_only_escapes[i].bytes, len)) {
			buf_add_str(out, yaml_only_escapes[i].escape);
			return len;
		}
	}
	buf_add_char(out, t.s[0]);
	return 1;
}

void quote_text(struct text t, struct buf *out)
{
	struct buf escaped, quoted;
	struct text rest;
	size_t n;

	buf_init(&escaped, QUOTE_BYTES_MAX);
	buf_init(&quoted, QUOTE_BYTES_MAX);
	expand_escape(t, &escaped);
	json_quote(&quoted, buf_text(&escaped));
	for (rest = buf_text(&quoted); rest.len; rest.s += n, rest.len -= n)
		n = yaml_add_char(rest, out);
	if (buf_error(&escaped) != ERR_OK)
		out->error = buf_error(&escaped);
	if (buf_error(&quoted) != ERR_OK)
		out->error = buf_error(&quoted);
	buf_done(&quoted);
	buf_done(&escaped);
}
