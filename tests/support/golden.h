/* SPDX-License-Identifier: MIT */
/*
 * A file, or its part behind a marked line, against what was made. With GOLDEN_WRITE=1 it is
 * written anew. For cmocka tests.
 */
#ifndef TESTS_SUPPORT_GOLDEN_H
#define TESTS_SUPPORT_GOLDEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

static inline void golden_read(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "r");
	char part[4096];
	size_t n;

	if (!f)
		return;
	while ((n = fread(part, 1, sizeof(part), f)) > 0)
		buf_add(out, part, n);
	(void)fclose(f);
}

/* Assert that the file, or what is behind its line that begins with mark, is text. */
static inline void golden_assert(const char *path, const char *mark, const struct buf *text)
{
	struct buf now;
	char *part;
	size_t at = 0;
	FILE *f;

	buf_init(&now, 1 << 22);
	golden_read(path, &now);
	if (mark) {
		part = strstr(buf_str(&now), mark);
		assert_non_null(part);
		at = (size_t)(strchr(part, '\n') + 1 - now.data);
	}
	if (getenv("GOLDEN_WRITE")) {
		f = fopen(path, "w");
		assert_non_null(f);
		(void)fprintf(f, "%.*s%s", (int)at, buf_str(&now), buf_str(text));
		assert_int_equal(fclose(f), 0);
	} else {
		assert_string_equal(buf_str(text), buf_str(&now) + at);
	}
	buf_done(&now);
}

#endif
