/* SPDX-License-Identifier: MIT */
/*
 * Is this one JSON object (RFC 8259)? Asked piece by piece, as the bytes come, so that a document
 * is never whole in memory. UTF-8 is valid, and no control character stands in a string. Strict,
 * where it comes from a stranger: also no half of a surrogate pair, and no nesting deeper than
 * JSON_CHECK_DEPTH_MAX. Lenient, where it was a row once: what a database takes for JSON is.
 *
 *     {"a": [1,        feed: MORE
 *      2]} , {...      feed: DONE, used 3; the rest is the caller's
 *
 * What was read is written out without the white space between its tokens, so that equal objects
 * that are laid out differently become equal text, on one line.
 */
#ifndef BASE_JSON_CHECK_H
#define BASE_JSON_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define JSON_CHECK_DEPTH_MAX 64
/* Lenient: deeper inside, closing brackets are counted and not told apart. */
#define JSON_CHECK_DEPTH_KNOWN 2048

/* Where the next byte stands; both from 1, a column is a character. */
struct json_place {
	int64_t line;
	int64_t column;
};

/* Step over one byte. */
static inline void json_place_pass(struct json_place *p, unsigned char byte)
{
	if (byte == '\n') {
		p->line++;
		p->column = 1;
	} else if ((byte & 0xc0) != 0x80) {
		p->column++;
	}
}

struct json_check {
	struct json_place place; /* of the next byte; of the first wrong one behind BAD */
	const char *why;         /* what is wrong, fit to stand behind "not JSON: " */
	const char *word;        /* what is left of true, false or null */
	int state;
	bool is_lenient;
	bool in_name; /* the string is a member's name */
	size_t depth;
	uint8_t is_array[JSON_CHECK_DEPTH_KNOWN / 8]; /* a bit for each level */
	int hex_left;
	unsigned unit;                  /* of the \uXXXX that is being read */
	bool wants_low;                 /* the second half of a pair must come */
	int utf8_left;                  /* bytes of the character that are missing */
	unsigned char utf8_lo, utf8_hi; /* the range of the next of them */
};

enum json_check_step { JSON_CHECK_MORE, JSON_CHECK_DONE, JSON_CHECK_BAD };

/* Stand before an object that begins at place. */
void json_check_init(struct json_check *c, struct json_place place);

/* Stand before one, and be lenient with it. */
void json_check_init_lenient(struct json_check *c);

/* Read bytes, no further than the object's end. *ret_used is how many of them: all with MORE, up to
 * behind the closing brace with DONE, up to the wrong one with BAD. They are appended to out (NULL:
 * not wanted), whose errors stick and do not end the reading. Not after DONE or BAD. */
enum json_check_step json_check_feed(struct json_check *c, const char *s, size_t len,
				     size_t *ret_used, struct buf *out);

/* The same of one byte; behind DONE there is none. */
enum json_check_step json_check_byte(struct json_check *c, unsigned char byte);

/* Is t one object, checked leniently, with nothing but white space around it? */
bool json_check_is_object(struct text t);

#endif
