/* SPDX-License-Identifier: MIT */
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

void mem_free(void *p)
{
	free(p);
}

void *mem_alloc(size_t size)
{
	return malloc(size ? size : 1);
}

void *mem_calloc(size_t count, size_t size)
{
	size_t product;

	/* calloc checks too, but the sanitizers take its refusal for an error */
	if (__builtin_mul_overflow(count, size, &product))
		return NULL;
	return calloc(product ? count : 1, product ? size : 1);
}

void *mem_realloc(void *p, size_t size)
{
	return realloc(p, size ? size : 1);
}

char *mem_strdup(const char *s)
{
	return mem_strndup(s, strlen(s));
}

char *mem_strndup(const char *s, size_t len)
{
	char *copy = mem_alloc(len + 1);

	if (!copy)
		return NULL;
	memcpy(copy, s, len);
	copy[len] = '\0';
	return copy;
}

void mem_wipe(void *p, size_t len)
{
	if (p)
		explicit_bzero(p, len);
}
