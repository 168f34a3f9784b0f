/* SPDX-License-Identifier: MIT */
/*
 * A slice of bytes that somebody else owns. s == NULL is "no value" (SQL NULL); a slice of length
 * 0 with s != NULL is the empty string. Not necessarily NUL-terminated.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stddef.h>
#include <string.h>

struct text {
	const char *s;
	size_t len;
};

#define TEXT_NONE ((struct text){NULL, 0})

/* The slice of a literal. */
#define TEXT_LIT(lit) ((struct text){(lit), sizeof(lit) - 1})

/* The slice of a C string; NULL gives TEXT_NONE. */
static inline struct text text_of(const char *s)
{
	return s ? (struct text){s, strlen(s)} : TEXT_NONE;
}

static inline int text_eq(struct text a, struct text b)
{
	if (!a.s || !b.s)
		return !a.s && !b.s;
	return a.len == b.len && memcmp(a.s, b.s, a.len) == 0;
}

/* t; TEXT_NONE when it is empty. */
static inline struct text text_or_none(struct text t)
{
	return t.len ? t : TEXT_NONE;
}

#endif
