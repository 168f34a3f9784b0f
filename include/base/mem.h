/* SPDX-License-Identifier: MIT */
/*
 * Allocation. Thin over libc, so that the torture tests can fail the Nth call, and marked so that
 * gcc's analyzer follows ownership. Each returns NULL when there is no memory: an error like
 * any other. What they return is freed with mem_free only.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

#include "base/attr.h"

/* Free p; NULL is fine. */
void mem_free(void *p);

/* size bytes, not cleared. size 0 gives a unique pointer. */
void *mem_alloc(size_t size) ATTR_MALLOC(mem_free) ATTR_MUST_CHECK;

/* count * size bytes, cleared; NULL when the product overflows. */
void *mem_calloc(size_t count, size_t size) ATTR_MALLOC(mem_free) ATTR_MUST_CHECK;

/* Grow or shrink p (NULL: as mem_alloc). On NULL, p is untouched and still the caller's. */
void *mem_realloc(void *p, size_t size) ATTR_MUST_CHECK;

/* A copy of the string s. */
char *mem_strdup(const char *s) ATTR_MALLOC(mem_free) ATTR_MUST_CHECK;

/* A NUL-terminated copy of the first len bytes of s (which need not be terminated). */
char *mem_strndup(const char *s, size_t len) ATTR_MALLOC(mem_free) ATTR_MUST_CHECK;

/* Overwrite len bytes at p in a way the compiler keeps: for secrets. */
void mem_wipe(void *p, size_t len);

#endif
