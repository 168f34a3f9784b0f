/* SPDX-License-Identifier: MIT */
/*
 * UTF-8 as RFC 3629 has it: no overlong forms, no surrogates.
 */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* What stands for a character that cannot: U+FFFD. */
#define UTF8_REPLACEMENT "\xEF\xBF\xBD"

/* The length of the valid sequence at s, of which left (>= 1) bytes are there; 0 when it is none.
 * Every byte below 0x80 is one, NUL included. */
size_t utf8_length(const char *s, size_t left);

#define UTF8_BYTES_MAX 4

/* Write code point p (at most 0x10FFFF) to out; half a surrogate pair, which is no character,
 * becomes U+FFFD. Returns its length. */
size_t utf8_write(char out[static UTF8_BYTES_MAX], uint32_t p);

#endif
