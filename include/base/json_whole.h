/* SPDX-License-Identifier: MIT */
/*
 * Is this a whole JSON object (RFC 8259, in UTF-8)? Fed byte by byte, in constant memory, so that
 * the text may be in pieces and of any length.
 */
#ifndef BASE_JSON_WHOLE_H
#define BASE_JSON_WHOLE_H

#include <stddef.h>
#include <stdint.h>

/* Deeper inside, closing brackets are counted and not told apart. */
#define JSON_WHOLE_DEPTH 2048

enum json_whole_word {
	JSON_WHOLE_MORE, /* the beginning of one */
	JSON_WHOLE_DONE, /* a whole one, that ended with this byte */
	JSON_WHOLE_BAD   /* no object, whatever follows */
};

struct json_whole {
	unsigned char mode;
	unsigned char is_key;    /* the string is a member's name */
	unsigned char need;      /* continuation bytes of a character that must follow */
	unsigned char low, high; /* of which the next is in this range */
	const char *literal;     /* what has to follow of true, false, null */
	size_t depth;
	uint8_t is_array[JSON_WHOLE_DEPTH / 8];
};

/* Stand before an object. */
void json_whole_init(struct json_whole *c);

/* The next byte. Behind DONE only white space is not BAD, and BAD stays. */
enum json_whole_word json_whole_byte(struct json_whole *c, unsigned char byte);

/* All of them; the word after the last, or the first BAD. */
enum json_whole_word json_whole_bytes(struct json_whole *c, const char *bytes, size_t len);

#endif
