/* SPDX-License-Identifier: MIT */
#include "config/mistakes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

#define MISTAKES_FIRST 8
#define MISTAKES_TEXT_BYTES 1024

void mistakes_init(struct mistakes *m)
{
	*m = (struct mistakes){.error = ERR_OK};
}

void mistakes_done(struct mistakes *m)
{
	size_t i;

	if (!m)
		return;
	for (i = 0; i < m->count; i++)
		mem_free(m->items[i].text);
	mem_free(m->items);
	mistakes_init(m);
}

static int has_room(struct mistakes *m)
{
	size_t cap = m->cap ? m->cap * 2 : MISTAKES_FIRST;
	struct mistake *items;

	if (m->error)
		return 0;
	if (m->count == MISTAKES_MAX) {
		m->left_out++;
		return 0;
	}
	if (m->count < m->cap)
		return 1;
	items = mem_realloc(m->items, cap * sizeof(*items));
	if (!items) {
		m->error = ERR_NOMEM;
		return 0;
	}
	m->items = items;
	m->cap = cap;
	return 1;
}

/* A section that several others inherit is read once for each, and finds the same again. */
static int is_known(const struct mistakes *m, int line, int column, const char *text)
{
	size_t i;

	for (i = 0; i < m->count; i++) {
		const struct mistake *one = &m->items[i];

		if (one->line == line && one->column == column && !strcmp(one->text, text))
			return 1;
	}
	return 0;
}

/* What a file says must not forge lines or move the cursor of a terminal. */
static void make_printable(char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
	}
}

void mistakes_add(struct mistakes *m, int line, int column, const char *path, const char *fmt, ...)
{
	char text[MISTAKES_TEXT_BYTES];
	va_list ap;
	int used;

	used = snprintf(text, sizeof(text) / 2, "%s%s", path, *path ? ": " : "");
	if (used > (int)sizeof(text) / 2 - 1)
		used = sizeof(text) / 2 - 1;
	va_start(ap, fmt);
	(void)vsnprintf(text + used, sizeof(text) - (size_t)used, fmt, ap);
	va_end(ap);
	make_printable(text);
	if (is_known(m, line, column, text) || !has_room(m))
		return;
	m->items[m->count].text = mem_strdup(text);
	if (!m->items[m->count].text) {
		m->error = ERR_NOMEM;
		return;
	}
	m->items[m->count].line = line;
	m->items[m->count].column = column;
	m->items[m->count].nth = m->count;
	m->count++;
}

int mistakes_any(const struct mistakes *m)
{
	return m->count > 0;
}

static int compare(const void *left, const void *right)
{
	const struct mistake *a = left, *b = right;

	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	if (a->column != b->column)
		return a->column < b->column ? -1 : 1;
	return a->nth < b->nth ? -1 : a->nth > b->nth;
}

size_t mistakes_print(struct mistakes *m, const char *file, struct buf *out)
{
	size_t i;

	if (m->count)
		qsort(m->items, m->count, sizeof(*m->items), compare);
	for (i = 0; i < m->count; i++) {
		const struct mistake *one = &m->items[i];

		if (one->line)
			buf_add_fmt(out, "%s:%d:%d: %s\n", file, one->line, one->column, one->text);
		else
			buf_add_fmt(out, "%s: %s\n", file, one->text);
	}
	if (m->left_out)
		buf_add_fmt(out, "%s: and %zu more\n", file, m->left_out);
	return m->count + m->left_out;
}
