/* SPDX-License-Identifier: MIT */
#include "ingest/posted_columns.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_scan.h"
#include "base/mem.h"

enum err_code posted_columns_init(struct posted_columns *c, size_t max_bytes)
{
	buf_init(&c->unescaped, max_bytes);
	c->names = mem_calloc(POSTED_COLUMNS_MAX, sizeof(*c->names));
	return c->names ? ERR_OK : ERR_NOMEM;
}

void posted_columns_done(struct posted_columns *c)
{
	buf_done(&c->unescaped);
	mem_free(c->names);
	c->names = NULL;
}

size_t posted_columns_bytes(const struct posted_columns *c)
{
	return POSTED_COLUMNS_MAX * sizeof(*c->names) + c->unescaped.cap;
}

/* By length, then by bytes. */
static int columns_compare(const void *a, const void *b)
{
	const struct text *x = a, *y = b;

	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return memcmp(x->s, y->s, x->len);
}

/* What the name means, where it has escapes: in c->unescaped, which has room. */
static struct text column_name(struct posted_columns *c, struct text spelled)
{
	size_t start = c->unescaped.len;

	if (!memchr(spelled.s, '\\', spelled.len))
		return spelled;
	json_scan_unescape(&c->unescaped, spelled);
	return (struct text){c->unescaped.data + start, c->unescaped.len - start};
}

enum err_code posted_columns_check(struct posted_columns *c, struct text object,
				   char ret_why[static REFUSAL_WHY_BYTES], struct err *e)
{
	struct json_scan s;
	struct json_member m;
	size_t n = 0, i;

	ret_why[0] = '\0';
	buf_reset(&c->unescaped);
	if (buf_reserve(&c->unescaped, object.len) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory for the names of columns");
	json_scan_open(&s, object);
	while (json_scan_next(&s, &m) == JSON_STEP_MEMBER) {
		if (n == POSTED_COLUMNS_MAX) {
			(void)snprintf(ret_why, REFUSAL_WHY_BYTES,
				       "too many columns: at most 4096 are taken");
			return ERR_OK;
		}
		c->names[n++] = column_name(c, m.name);
	}
	if (n > 1)
		qsort(c->names, n, sizeof(*c->names), columns_compare);
	for (i = 1; i < n; i++) {
		if (columns_compare(&c->names[i - 1], &c->names[i]) != 0)
			continue;
		(void)snprintf(ret_why, REFUSAL_WHY_BYTES, "the column \"%.*s\" stands twice",
			       (int)(c->names[i].len < 64 ? c->names[i].len : 64), c->names[i].s);
		return ERR_OK;
	}
	return ERR_OK;
}
