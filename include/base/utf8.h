/* SPDX-License-Identifier: MIT */
/*
 * What is UTF-8 and what is not (RFC 3629: no surrogates, nothing overlong).
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>

/* What stands for a character that cannot: U+FFFD. */
#define UTF8_REPLACEMENT "\xEF\xBF\xBD"

/* The length of the character at s, of which left > 0 bytes are there: 1 to 4; 0 when there is none
 * or it is cut off by the end. */
size_t utf8_length(const unsigned char *s, size_t left);

#endif
