/* SPDX-License-Identifier: MIT */
/*
 * A loop over tokens. Outside of quotes the only letters are NULL, X, T, the exponent of a number
 * and Inf, which printf of older SQLite versions makes of an infinity; newer ones write 9.0e+999.
 */
#include "source/sqlite_value.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/utf8.h"

#define NUMBER_BYTES 64

struct cursor {
	const char *at;
	const char *end;
	struct buf *out;
	struct buf plain; /* one string without its quotes */
	int utf16;
};

static bool starts_with(const struct cursor *c, const char *word)
{
	size_t n = strlen(word);

	return (size_t)(c->end - c->at) >= n && memcmp(c->at, word, n) == 0;
}

static void quote_plain(struct cursor *c)
{
	if (buf_error(&c->plain) != ERR_OK)
		c->out->error = buf_error(&c->plain);
	json_quote(c->out, buf_text(&c->plain));
}

/* ---- strings ---- */

/* 'it''s': the content into plain, unless there is nothing doubled in it. */
static void take_string(struct cursor *c)
{
	const char *start = c->at + 1, *quote;

	buf_reset(&c->plain);
	for (;;) {
		quote = memchr(start, '\'', (size_t)(c->end - start));
		if (!quote)
			quote = c->end;
		if (quote + 1 >= c->end || quote[1] != '\'')
			break;
		buf_add(&c->plain, start, (size_t)(quote + 1 - start));
		start = quote + 2;
	}
	c->at = quote < c->end ? quote + 1 : quote;
	if (!c->plain.len && buf_error(&c->plain) == ERR_OK) {
		json_quote(c->out, (struct text){start, (size_t)(quote - start)});
		return;
	}
	buf_add(&c->plain, start, (size_t)(quote - start));
	quote_plain(c);
}

/* "a \" name": JSON already. */
static void take_json_string(struct cursor *c)
{
	const char *start = c->at++;

	while (c->at < c->end && *c->at != '"')
		c->at += *c->at == '\\' && c->at + 1 < c->end ? 2 : 1;
	if (c->at < c->end)
		c->at++;
	buf_add(c->out, start, (size_t)(c->at - start));
}

/* ---- hexadecimal ---- */

/* The digits between the quotes; the cursor moves behind them. */
static struct text take_digits(struct cursor *c)
{
	const char *start = c->at + 2;
	const char *quote = memchr(start, '\'', (size_t)(c->end - start));

	if (!quote)
		quote = c->end;
	c->at = quote < c->end ? quote + 1 : quote;
	return (struct text){start, (size_t)(quote - start)};
}

static unsigned digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	return (unsigned)((c | 0x20) - 'a' + 10) & 15;
}

static unsigned byte_at(struct text hex, size_t i)
{
	return digit(hex.s[2 * i]) << 4 | digit(hex.s[2 * i + 1]);
}

static void take_blob(struct cursor *c)
{
	struct text hex = take_digits(c);

	buf_add_char(c->out, '"');
	buf_add_text(c->out, hex);
	buf_add_char(c->out, '"');
}

/* Append a code point as UTF-8; halves of a pair that stand alone are no characters. */
static void add_utf8(struct buf *out, uint32_t p)
{
	char utf8[UTF8_BYTES_MAX];

	buf_add(out, utf8, utf8_write(utf8, p));
}

static uint32_t unit_at(struct text hex, size_t i, int utf16)
{
	unsigned a = byte_at(hex, 2 * i), b = byte_at(hex, 2 * i + 1);

	return utf16 > 0 ? a << 8 | b : b << 8 | a;
}

static void decode_utf16(struct buf *out, struct text hex, int utf16)
{
	size_t i, n = hex.len / 4;
	uint32_t u, low;

	for (i = 0; i < n; i++) {
		u = unit_at(hex, i, utf16);
		low = i + 1 < n ? unit_at(hex, i + 1, utf16) : 0;
		if (u >= 0xd800 && u < 0xdc00 && low >= 0xdc00 && low < 0xe000) {
			u = 0x10000 + ((u - 0xd800) << 10) + (low - 0xdc00);
			i++;
		}
		add_utf8(out, u);
	}
}

static void take_text_hex(struct cursor *c)
{
	struct text hex = take_digits(c);
	size_t i;

	buf_reset(&c->plain);
	if (c->utf16)
		decode_utf16(&c->plain, hex, c->utf16);
	else
		for (i = 0; i < hex.len / 2; i++)
			buf_add_char(&c->plain, (char)byte_at(hex, i));
	quote_plain(c);
}

/* ---- numbers and the rest ---- */

static bool is_number(char c)
{
	return (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E';
}

/* A number; one beyond a double's range is what newer versions make of an infinity. */
static void take_number(struct cursor *c)
{
	char number[NUMBER_BYTES];
	const char *start = c->at;
	bool has_exponent = false;
	size_t len;
	double v;

	for (; c->at < c->end && is_number(*c->at); c->at++)
		has_exponent |= *c->at == 'e' || *c->at == 'E';
	len = (size_t)(c->at - start);
	if (has_exponent && len < sizeof(number)) {
		memcpy(number, start, len);
		number[len] = '\0';
		v = strtod(number, NULL);
		if (isinf(v)) {
			buf_add_str(c->out, v > 0 ? "\"Infinity\"" : "\"-Infinity\"");
			return;
		}
	}
	buf_add(c->out, start, len);
}

static void take_other(struct cursor *c)
{
	static const struct {
		const char *word, *json;
	} words[] = {
		{"NULL", "null"},
		{"Inf", "\"Infinity\""},
		{"-Inf", "\"-Infinity\""},
		{"+Inf", "\"Infinity\""},
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(words); i++) {
		if (!starts_with(c, words[i].word))
			continue;
		buf_add_str(c->out, words[i].json);
		c->at += strlen(words[i].word);
		return;
	}
	if ((*c->at >= '0' && *c->at <= '9') || *c->at == '-')
		take_number(c);
	else
		buf_add_char(c->out, *c->at++);
}

void sqlite_value_json(struct buf *out, struct text literals, int utf16)
{
	struct cursor c = {
		.at = literals.s,
		.end = literals.s + literals.len,
		.out = out,
		.utf16 = utf16,
	};

	buf_init(&c.plain, out->max_bytes);
	while (c.at < c.end && buf_error(out) == ERR_OK) {
		if (*c.at == '\'')
			take_string(&c);
		else if (*c.at == '"')
			take_json_string(&c);
		else if (starts_with(&c, "X'"))
			take_blob(&c);
		else if (starts_with(&c, "T'"))
			take_text_hex(&c);
		else
			take_other(&c);
	}
	buf_done(&c.plain);
}
