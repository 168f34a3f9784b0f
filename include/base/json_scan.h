/* SPDX-License-Identifier: MIT */
/*
 * Reading JSON (RFC 8259) where it stands: the members of one object, one after the other, as
 * slices of its text. No tree is built, nothing is allocated or changed, and what lies inside a
 * value is stepped over, not judged.
 *
 *     {"id":7, "na\u006de":"O\"Hara","tags":[1,{"a":2}]}
 *      ─┬── ┬   ────┬───── ────┬────
 *      name value  name      value
 *
 * Every function takes any bytes.
 */
#ifndef BASE_JSON_SCAN_H
#define BASE_JSON_SCAN_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/text.h"

/* The length of the string at s, quotes included; 0: it has no end in the left bytes (>= 1). */
size_t json_scan_string(const char *s, size_t left);

/* Append what inside, the text between a string's quotes, means: escapes become characters, half a
 * surrogate pair U+FFFD, and a backslash that begins no escape stays. Never longer than inside. */
void json_scan_unescape(struct buf *out, struct text inside);

/* How much of inside, the text between a string's quotes, may be kept: at most `most` bytes, and no
 * half of a character, an escape or a pair of escapes. */
size_t json_scan_cut(struct text inside, size_t most);

struct json_member {
	struct text name;  /* between the quotes, as it is spelled */
	struct text value; /* without white space around it */
};

struct json_scan {
	const char *at;
	const char *end;
	bool begun;
};

enum json_step {
	JSON_STEP_MEMBER,
	JSON_STEP_END, /* the object was whole, and nothing but white space follows */
	JSON_STEP_BAD  /* this is not an object: of what was told before nothing is certain */
};

/* Stand before the object that json is. */
void json_scan_open(struct json_scan *s, struct text json);

/* The next member, a loan of json; behind END and BAD there is none. */
enum json_step json_scan_next(struct json_scan *s, struct json_member *ret);

#endif
