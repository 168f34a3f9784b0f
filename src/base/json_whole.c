/* SPDX-License-Identifier: MIT */
#include "base/json_whole.h"

#include <stdbool.h>
#include <string.h>

enum mode {
	MODE_START,
	MODE_VALUE,
	MODE_VALUE_OR_END, /* behind [ */
	MODE_NAME,         /* behind a comma in an object */
	MODE_NAME_OR_END,  /* behind { */
	MODE_COLON,
	MODE_AFTER, /* a value */
	MODE_STRING,
	MODE_ESCAPE,
	MODE_HEX_4, /* so many digits must follow */
	MODE_HEX_3,
	MODE_HEX_2,
	MODE_HEX_1,
	MODE_LITERAL,
	MODE_MINUS,
	MODE_ZERO,
	MODE_INTEGER,
	MODE_POINT,
	MODE_FRACTION,
	MODE_E,
	MODE_E_SIGN,
	MODE_EXPONENT,
	MODE_DONE,
	MODE_BAD
};

void json_whole_init(struct json_whole *c)
{
	*c = (struct json_whole){.mode = MODE_START};
}

static bool is_space(unsigned char b)
{
	return b == ' ' || b == '\t' || b == '\n' || b == '\r';
}

static bool is_digit(unsigned char b)
{
	return b >= '0' && b <= '9';
}

static bool is_hex(unsigned char b)
{
	return is_digit(b) || (b >= 'a' && b <= 'f') || (b >= 'A' && b <= 'F');
}

static bool in_array(const struct json_whole *c)
{
	size_t i = c->depth - 1;

	return i < JSON_WHOLE_DEPTH && (c->is_array[i / 8] & (1U << (i % 8)));
}

static void enter(struct json_whole *c, bool array)
{
	size_t i = c->depth++;

	c->mode = array ? MODE_VALUE_OR_END : MODE_NAME_OR_END;
	if (i >= JSON_WHOLE_DEPTH)
		return;
	c->is_array[i / 8] &= (uint8_t) ~(1U << (i % 8));
	if (array)
		c->is_array[i / 8] |= (uint8_t)(1U << (i % 8));
}

static enum mode leave(struct json_whole *c, unsigned char b)
{
	if (c->depth <= JSON_WHOLE_DEPTH && (b == ']') != in_array(c))
		return MODE_BAD;
	return --c->depth ? MODE_AFTER : MODE_DONE;
}

/* Of which the first byte was there. */
static enum mode literal(struct json_whole *c, const char *word)
{
	c->literal = word + 1;
	return MODE_LITERAL;
}

static enum mode string(struct json_whole *c, bool is_key)
{
	c->is_key = is_key;
	return MODE_STRING;
}

static enum mode begin_number(unsigned char b)
{
	if (b == '0')
		return MODE_ZERO;
	return is_digit(b) ? MODE_INTEGER : MODE_BAD;
}

static enum mode begin_value(struct json_whole *c, unsigned char b)
{
	switch (b) {
	case '{':
	case '[':
		enter(c, b == '[');
		return (enum mode)c->mode;
	case '"':
		return string(c, false);
	case 't':
		return literal(c, "true");
	case 'f':
		return literal(c, "false");
	case 'n':
		return literal(c, "null");
	case '-':
		return MODE_MINUS;
	default:
		return begin_number(b);
	}
}

static enum mode after_value(struct json_whole *c, unsigned char b)
{
	if (b == '}' || b == ']')
		return leave(c, b);
	/* what is too deep to be known may be either: a name is read as a value then */
	if (b == ',')
		return in_array(c) || c->depth > JSON_WHOLE_DEPTH ? MODE_VALUE : MODE_NAME;
	if (b == ':' && c->depth > JSON_WHOLE_DEPTH)
		return MODE_VALUE;
	return is_space(b) ? MODE_AFTER : MODE_BAD;
}

/* RFC 3629, 4: which bytes may follow the first one of a character. */
static enum mode begin_character(struct json_whole *c, unsigned char b)
{
	c->low = b == 0xE0 ? 0xA0 : b == 0xF0 ? 0x90 : 0x80;
	c->high = b == 0xED ? 0x9F : b == 0xF4 ? 0x8F : 0xBF;
	if (b >= 0xC2 && b <= 0xDF)
		c->need = 1;
	else if (b >= 0xE0 && b <= 0xEF)
		c->need = 2;
	else if (b >= 0xF0 && b <= 0xF4)
		c->need = 3;
	else
		return MODE_BAD;
	return MODE_STRING;
}

static enum mode in_string(struct json_whole *c, unsigned char b)
{
	if (c->need) {
		if (b < c->low || b > c->high)
			return MODE_BAD;
		c->need--;
		c->low = 0x80;
		c->high = 0xBF;
		return MODE_STRING;
	}
	if (b == '"')
		return c->is_key ? MODE_COLON : MODE_AFTER;
	if (b == '\\')
		return MODE_ESCAPE;
	if (b < 0x20)
		return MODE_BAD;
	return b < 0x80 ? MODE_STRING : begin_character(c, b);
}

static enum mode escaped(unsigned char b)
{
	if (b == 'u')
		return MODE_HEX_4;
	return b && strchr("\"\\/bfnrt", b) ? MODE_STRING : MODE_BAD;
}

static enum mode hex(unsigned char b, enum mode next)
{
	return is_hex(b) ? next : MODE_BAD;
}

/* Behind a whole number: its exponent, its fraction, or what follows a value. */
static enum mode number_tail(struct json_whole *c, unsigned char b, bool may_have_fraction)
{
	if (b == '.' && may_have_fraction)
		return MODE_POINT;
	if (b == 'e' || b == 'E')
		return MODE_E;
	return after_value(c, b);
}

static enum mode in_number(struct json_whole *c, unsigned char b)
{
	switch ((enum mode)c->mode) {
	case MODE_MINUS:
		return begin_number(b);
	case MODE_ZERO:
		return number_tail(c, b, true);
	case MODE_INTEGER:
		return is_digit(b) ? MODE_INTEGER : number_tail(c, b, true);
	case MODE_POINT:
		return is_digit(b) ? MODE_FRACTION : MODE_BAD;
	case MODE_FRACTION:
		return is_digit(b) ? MODE_FRACTION : number_tail(c, b, false);
	case MODE_E:
		if (b == '+' || b == '-')
			return MODE_E_SIGN;
		return is_digit(b) ? MODE_EXPONENT : MODE_BAD;
	case MODE_E_SIGN:
		return is_digit(b) ? MODE_EXPONENT : MODE_BAD;
	default: /* MODE_EXPONENT */
		return is_digit(b) ? MODE_EXPONENT : after_value(c, b);
	}
}

static enum mode in_literal(struct json_whole *c, unsigned char b)
{
	if ((unsigned char)*c->literal != b)
		return MODE_BAD;
	return *++c->literal ? MODE_LITERAL : MODE_AFTER;
}

static enum mode between(struct json_whole *c, unsigned char b)
{
	enum mode m = (enum mode)c->mode;

	if (is_space(b))
		return m;
	switch (m) {
	case MODE_VALUE_OR_END:
		return b == ']' ? leave(c, b) : begin_value(c, b);
	case MODE_NAME_OR_END:
		if (b == '}')
			return leave(c, b);
		return b == '"' ? string(c, true) : MODE_BAD;
	case MODE_NAME:
		return b == '"' ? string(c, true) : MODE_BAD;
	case MODE_COLON:
		return b == ':' ? MODE_VALUE : MODE_BAD;
	case MODE_START:
		return b == '{' ? begin_value(c, b) : MODE_BAD;
	case MODE_VALUE:
		return begin_value(c, b);
	default: /* MODE_DONE */
		return MODE_BAD;
	}
}

static enum mode step(struct json_whole *c, unsigned char b)
{
	switch ((enum mode)c->mode) {
	case MODE_STRING:
		return in_string(c, b);
	case MODE_ESCAPE:
		return escaped(b);
	case MODE_HEX_4:
		return hex(b, MODE_HEX_3);
	case MODE_HEX_3:
		return hex(b, MODE_HEX_2);
	case MODE_HEX_2:
		return hex(b, MODE_HEX_1);
	case MODE_HEX_1:
		return hex(b, MODE_STRING);
	case MODE_LITERAL:
		return in_literal(c, b);
	case MODE_AFTER:
		return after_value(c, b);
	case MODE_BAD:
		return MODE_BAD;
	default:
		return c->mode >= MODE_MINUS && c->mode <= MODE_EXPONENT ? in_number(c, b)
									 : between(c, b);
	}
}

enum json_whole_word json_whole_byte(struct json_whole *c, unsigned char byte)
{
	c->mode = (unsigned char)step(c, byte);
	if (c->mode == MODE_DONE)
		return JSON_WHOLE_DONE;
	return c->mode == MODE_BAD ? JSON_WHOLE_BAD : JSON_WHOLE_MORE;
}

enum json_whole_word json_whole_bytes(struct json_whole *c, const char *bytes, size_t len)
{
	enum json_whole_word word = c->mode == MODE_DONE ? JSON_WHOLE_DONE : JSON_WHOLE_MORE;
	size_t i;

	for (i = 0; i < len && word != JSON_WHOLE_BAD; i++)
		word = json_whole_byte(c, (unsigned char)bytes[i]);
	return word;
}
