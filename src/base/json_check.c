/* SPDX-License-Identifier: MIT */
/*
 * A state for each kind of place in the text. A state's function looks at one byte and says whether
 * it belongs here (PASS), to the state that it has just set (AGAIN), or nowhere (FAIL). Runs of
 * plain characters in strings and white space between tokens are stepped over by the loop.
 */
#include "base/json_check.h"

#include "base/attr.h"

enum state {
	BEFORE, /* the object's own brace */
	VALUE,
	VALUE_OR_END, /* behind [ */
	NAME,
	NAME_OR_END, /* behind { */
	COLON,
	AFTER, /* a value */
	DONE,
	LAST_BETWEEN_TOKENS = DONE,
	STRING,
	ESCAPE,
	HEX,
	LOW_BACKSLASH, /* of the second half of a pair */
	LOW_U,
	CHARACTER, /* within one of several bytes */
	MINUS,
	ZERO,
	DIGITS,
	POINT,
	FRACTION,
	EXPONENT, /* behind e */
	SIGN,     /* behind its sign */
	EXPONENT_DIGITS,
	WORD,
	STATE_COUNT
};

enum verdict { PASS, AGAIN, FAIL };

static enum verdict fail(struct json_check *c, const char *why)
{
	c->why = why;
	return FAIL;
}

static enum verdict go(struct json_check *c, enum state next)
{
	c->state = (int)next;
	return PASS;
}

static bool is_digit(unsigned char b)
{
	return b >= '0' && b <= '9';
}

/* ---- structure ---- */

static void set_array(struct json_check *c, size_t level, bool is_array)
{
	uint8_t bit = (uint8_t)(1U << (level % 8));

	c->is_array[level / 8] &= (uint8_t)~bit;
	if (is_array)
		c->is_array[level / 8] |= bit;
}

static bool in_array(const struct json_check *c)
{
	size_t level = c->depth - 1;

	return (c->is_array[level / 8] & (1U << (level % 8))) != 0;
}

static enum verdict open_nested(struct json_check *c, bool is_array)
{
	if (c->depth == JSON_CHECK_DEPTH_MAX && !c->is_lenient)
		return fail(c, "nested too deeply");
	if (c->depth < JSON_CHECK_DEPTH_KNOWN)
		set_array(c, c->depth, is_array);
	c->depth++;
	return go(c, is_array ? VALUE_OR_END : NAME_OR_END);
}

static enum verdict close_nested(struct json_check *c)
{
	return go(c, --c->depth ? AFTER : DONE);
}

static enum verdict open_string(struct json_check *c, bool in_name)
{
	c->in_name = in_name;
	return go(c, STRING);
}

static enum verdict open_word(struct json_check *c, const char *word)
{
	c->word = word + 1;
	return go(c, WORD);
}

static enum verdict at_before(struct json_check *c, unsigned char b)
{
	return b == '{' ? open_nested(c, false) : fail(c, "expected {");
}

static enum verdict at_value(struct json_check *c, unsigned char b)
{
	switch (b) {
	case '{':
		return open_nested(c, false);
	case '[':
		return open_nested(c, true);
	case '"':
		return open_string(c, false);
	case '-':
		return go(c, MINUS);
	case '0':
		return go(c, ZERO);
	case 't':
		return open_word(c, "true");
	case 'f':
		return open_word(c, "false");
	case 'n':
		return open_word(c, "null");
	default:
		return is_digit(b) ? go(c, DIGITS) : fail(c, "expected a value");
	}
}

static enum verdict at_value_or_end(struct json_check *c, unsigned char b)
{
	return b == ']' ? close_nested(c) : at_value(c, b);
}

static enum verdict at_name(struct json_check *c, unsigned char b)
{
	return b == '"' ? open_string(c, true) : fail(c, "expected a name in double quotes");
}

static enum verdict at_name_or_end(struct json_check *c, unsigned char b)
{
	return b == '}' ? close_nested(c) : at_name(c, b);
}

static enum verdict at_colon(struct json_check *c, unsigned char b)
{
	return b == ':' ? go(c, VALUE) : fail(c, "expected :");
}

/* Too deep to know whether in an object or an array: a name is read as a value. */
static enum verdict at_after_deep(struct json_check *c, unsigned char b)
{
	if (b == ',' || b == ':')
		return go(c, VALUE);
	return b == ']' || b == '}' ? close_nested(c) : fail(c, "expected , or ] or }");
}

static enum verdict at_after(struct json_check *c, unsigned char b)
{
	bool array;

	if (c->depth > JSON_CHECK_DEPTH_KNOWN)
		return at_after_deep(c, b);
	array = in_array(c);
	if (b == ',')
		return go(c, array ? VALUE : NAME);
	if (b == (array ? ']' : '}'))
		return close_nested(c);
	return fail(c, array ? "expected , or ]" : "expected , or }");
}

static enum verdict at_word(struct json_check *c, unsigned char b)
{
	if (b != (unsigned char)*c->word)
		return fail(c, "expected a value");
	c->word++;
	return *c->word ? PASS : go(c, AFTER);
}

/* ---- strings ---- */

/* The first byte of a character of several: RFC 3629, 4. */
static enum verdict open_character(struct json_check *c, unsigned char b)
{
	c->utf8_lo = 0x80;
	c->utf8_hi = 0xbf;
	if (b >= 0xc2 && b <= 0xdf) {
		c->utf8_left = 1;
	} else if ((b & 0xf0) == 0xe0) {
		c->utf8_left = 2;
		c->utf8_lo = b == 0xe0 ? 0xa0 : 0x80;
		c->utf8_hi = b == 0xed ? 0x9f : 0xbf;
	} else if (b >= 0xf0 && b <= 0xf4) {
		c->utf8_left = 3;
		c->utf8_lo = b == 0xf0 ? 0x90 : 0x80;
		c->utf8_hi = b == 0xf4 ? 0x8f : 0xbf;
	} else {
		return fail(c, "not UTF-8");
	}
	return go(c, CHARACTER);
}

static enum verdict at_character(struct json_check *c, unsigned char b)
{
	if (b < c->utf8_lo || b > c->utf8_hi)
		return fail(c, "not UTF-8");
	c->utf8_lo = 0x80;
	c->utf8_hi = 0xbf;
	return --c->utf8_left ? PASS : go(c, STRING);
}

static enum verdict at_string(struct json_check *c, unsigned char b)
{
	if (b == '"')
		return go(c, c->in_name ? COLON : AFTER);
	if (b == '\\')
		return go(c, ESCAPE);
	if (b < 0x20)
		return fail(c, "a control character in a string: it must be escaped");
	return b < 0x80 ? PASS : open_character(c, b);
}

static enum verdict open_hex(struct json_check *c)
{
	c->hex_left = 4;
	c->unit = 0;
	return go(c, HEX);
}

static enum verdict at_escape(struct json_check *c, unsigned char b)
{
	if (b == 'u')
		return open_hex(c);
	return b && strchr("\"\\/bfnrt", b) ? go(c, STRING) : fail(c, "no such escape");
}

static enum verdict unit_is_whole(struct json_check *c)
{
	bool is_high = c->unit >= 0xd800 && c->unit < 0xdc00;
	bool is_low = c->unit >= 0xdc00 && c->unit < 0xe000;

	if (c->is_lenient)
		return go(c, STRING);
	if (is_low != c->wants_low)
		return fail(c, "half of a surrogate pair");
	c->wants_low = is_high;
	return go(c, is_high ? LOW_BACKSLASH : STRING);
}

static enum verdict at_hex(struct json_check *c, unsigned char b)
{
	unsigned char letter = b | 0x20;

	if (is_digit(b))
		c->unit = c->unit * 16 + (unsigned)(b - '0');
	else if (letter >= 'a' && letter <= 'f')
		c->unit = c->unit * 16 + (unsigned)(letter - 'a') + 10;
	else
		return fail(c, "expected a hexadecimal digit");
	return --c->hex_left ? PASS : unit_is_whole(c);
}

static enum verdict at_low_backslash(struct json_check *c, unsigned char b)
{
	return b == '\\' ? go(c, LOW_U) : fail(c, "half of a surrogate pair");
}

static enum verdict at_low_u(struct json_check *c, unsigned char b)
{
	return b == 'u' ? open_hex(c) : fail(c, "half of a surrogate pair");
}

/* ---- numbers ---- */

static enum verdict end_number(struct json_check *c)
{
	c->state = AFTER;
	return AGAIN;
}

static enum verdict at_minus(struct json_check *c, unsigned char b)
{
	if (b == '0')
		return go(c, ZERO);
	return is_digit(b) ? go(c, DIGITS) : fail(c, "expected a digit");
}

static enum verdict at_whole(struct json_check *c, unsigned char b)
{
	if (b == '.')
		return go(c, POINT);
	if ((b | 0x20) == 'e')
		return go(c, EXPONENT);
	return end_number(c);
}

static enum verdict at_zero(struct json_check *c, unsigned char b)
{
	return is_digit(b) ? fail(c, "a number must not begin with 0") : at_whole(c, b);
}

static enum verdict at_digits(struct json_check *c, unsigned char b)
{
	return is_digit(b) ? PASS : at_whole(c, b);
}

static enum verdict at_point(struct json_check *c, unsigned char b)
{
	return is_digit(b) ? go(c, FRACTION) : fail(c, "expected a digit");
}

static enum verdict at_fraction(struct json_check *c, unsigned char b)
{
	if (is_digit(b))
		return PASS;
	return (b | 0x20) == 'e' ? go(c, EXPONENT) : end_number(c);
}

static enum verdict at_sign(struct json_check *c, unsigned char b)
{
	return is_digit(b) ? go(c, EXPONENT_DIGITS) : fail(c, "expected a digit");
}

static enum verdict at_exponent(struct json_check *c, unsigned char b)
{
	return b == '+' || b == '-' ? go(c, SIGN) : at_sign(c, b);
}

static enum verdict at_exponent_digits(struct json_check *c, unsigned char b)
{
	return is_digit(b) ? PASS : end_number(c);
}

static enum verdict (*const steps[STATE_COUNT])(struct json_check *c, unsigned char b) = {
	[BEFORE] = at_before,
	[VALUE] = at_value,
	[VALUE_OR_END] = at_value_or_end,
	[NAME] = at_name,
	[NAME_OR_END] = at_name_or_end,
	[COLON] = at_colon,
	[AFTER] = at_after,
	[STRING] = at_string,
	[ESCAPE] = at_escape,
	[HEX] = at_hex,
	[LOW_BACKSLASH] = at_low_backslash,
	[LOW_U] = at_low_u,
	[CHARACTER] = at_character,
	[MINUS] = at_minus,
	[ZERO] = at_zero,
	[DIGITS] = at_digits,
	[POINT] = at_point,
	[FRACTION] = at_fraction,
	[EXPONENT] = at_exponent,
	[SIGN] = at_sign,
	[EXPONENT_DIGITS] = at_exponent_digits,
	[WORD] = at_word,
};

/* ---- the loop ---- */

void json_check_init(struct json_check *c, struct json_place place)
{
	*c = (struct json_check){.place = place, .why = "", .state = BEFORE};
}

void json_check_init_lenient(struct json_check *c)
{
	json_check_init(c, (struct json_place){1, 1});
	c->is_lenient = true;
}

static bool is_space(unsigned char b)
{
	return b == ' ' || b == '\n' || b == '\r' || b == '\t';
}

/* White space ends a number too: the state behind it is AFTER. */
static bool is_between_tokens(const struct json_check *c)
{
	return c->state <= LAST_BETWEEN_TOKENS || c->state == ZERO || c->state == DIGITS ||
	       c->state == FRACTION || c->state == EXPONENT_DIGITS;
}

/* How many characters of a string need no look. */
static size_t plain_length(const char *s, size_t len)
{
	size_t n = 0;

	while (n < len && (unsigned char)s[n] >= 0x20 && (unsigned char)s[n] < 0x80 &&
	       s[n] != '"' && s[n] != '\\')
		n++;
	return n;
}

static void keep(struct buf *out, const char *s, size_t len)
{
	if (out && len)
		buf_add(out, s, len);
}

enum json_check_step json_check_feed(struct json_check *c, const char *s, size_t len,
				     size_t *ret_used, struct buf *out)
{
	size_t at = 0, kept = 0, n;
	enum verdict v;

	while (at < len && c->state != DONE) {
		if (c->state == STRING) {
			n = plain_length(s + at, len - at);
			c->place.column += (int64_t)n;
			at += n;
			if (at == len)
				break;
		}
		if (is_between_tokens(c) && is_space((unsigned char)s[at])) {
			if (c->state > LAST_BETWEEN_TOKENS)
				c->state = AFTER;
			keep(out, s + kept, at - kept);
			json_place_pass(&c->place, (unsigned char)s[at]);
			kept = ++at;
			continue;
		}
		do
			v = steps[c->state](c, (unsigned char)s[at]);
		while (v == AGAIN);
		if (v == FAIL) {
			*ret_used = at;
			return JSON_CHECK_BAD;
		}
		json_place_pass(&c->place, (unsigned char)s[at]);
		at++;
	}
	keep(out, s + kept, at - kept);
	*ret_used = at;
	return c->state == DONE ? JSON_CHECK_DONE : JSON_CHECK_MORE;
}

enum json_check_step json_check_byte(struct json_check *c, unsigned char byte)
{
	const char s = (char)byte;
	size_t used;

	return json_check_feed(c, &s, 1, &used, NULL);
}

bool json_check_is_object(struct text t)
{
	struct json_check c;
	size_t at;

	json_check_init_lenient(&c);
	if (json_check_feed(&c, t.s, t.len, &at, NULL) != JSON_CHECK_DONE)
		return false;
	while (at < t.len && is_space((unsigned char)t.s[at]))
		at++;
	return at == t.len;
}
