/* SPDX-License-Identifier: MIT */
/*
 * The heap has room for every line before the line is made, so that a line can begin to wait
 * without memory.
 */
#include "core/parked_lines.h"

#include <assert.h>

#include "base/mem.h"

#define LINES_SIZE_MIN 16

/* ---- the heap of those that wait ---- */

static void heap_place(struct parked_lines *ls, struct parked_line *l, size_t at)
{
	ls->heap[at] = l;
	l->heap_at = at;
}

static void heap_up(struct parked_lines *ls, struct parked_line *l, size_t at)
{
	while (at > 0 && ls->heap[(at - 1) / 2]->due_wall_us > l->due_wall_us) {
		heap_place(ls, ls->heap[(at - 1) / 2], at);
		at = (at - 1) / 2;
	}
	heap_place(ls, l, at);
}

static void heap_down(struct parked_lines *ls, struct parked_line *l, size_t at)
{
	size_t child;

	while ((child = 2 * at + 1) < ls->heap_count) {
		if (child + 1 < ls->heap_count &&
		    ls->heap[child + 1]->due_wall_us < ls->heap[child]->due_wall_us)
			child++;
		if (ls->heap[child]->due_wall_us >= l->due_wall_us)
			break;
		heap_place(ls, ls->heap[child], at);
		at = child;
	}
	heap_place(ls, l, at);
}

static void heap_add(struct parked_lines *ls, struct parked_line *l)
{
	assert(ls->heap_count < ls->heap_size);
	heap_up(ls, l, ls->heap_count++);
}

static void heap_remove(struct parked_lines *ls, struct parked_line *l)
{
	size_t at = l->heap_at;
	struct parked_line *last;

	if (at == SIZE_MAX)
		return;
	l->heap_at = SIZE_MAX;
	last = ls->heap[--ls->heap_count];
	if (last == l)
		return;
	if (at > 0 && ls->heap[(at - 1) / 2]->due_wall_us > last->due_wall_us)
		heap_up(ls, last, at);
	else
		heap_down(ls, last, at);
}

static ATTR_MUST_CHECK enum err_code heap_reserve(struct parked_lines *ls)
{
	struct parked_line **heap;
	size_t size = ls->heap_size ? ls->heap_size * 2 : LINES_SIZE_MIN;

	if (ls->line_count < ls->heap_size)
		return ERR_OK;
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers */
	heap = mem_realloc(ls->heap, size * sizeof(*heap));
	if (!heap)
		return ERR_NOMEM;
	ls->heap = heap;
	ls->heap_size = size;
	return ERR_OK;
}

struct parked_line *parked_lines_first(const struct parked_lines *ls)
{
	return ls->heap_count ? ls->heap[0] : NULL;
}

/* ---- tables ---- */

static ATTR_MUST_CHECK enum err_code table_make(struct parked_lines *ls, uint64_t key,
						struct parked_table **ret_table)
{
	struct parked_table *t = keymap_find(&ls->tables, key);

	if (!t) {
		if (keymap_reserve(&ls->tables, 1) != ERR_OK)
			return ERR_NOMEM;
		t = mem_calloc(1, sizeof(*t));
		if (!t)
			return ERR_NOMEM;
		t->key = key;
		keymap_set(&ls->tables, key, t);
	}
	*ret_table = t;
	return ERR_OK;
}

static void table_drop_if_empty(struct parked_lines *ls, struct parked_table *t)
{
	if (t->line_count)
		return;
	keymap_remove(&ls->tables, t->key);
	mem_free(t);
}

/* ---- lines ---- */

static ATTR_MUST_CHECK enum err_code line_new(struct parked_lines *ls, uint64_t table,
					      struct parked_line **ret_line)
{
	struct parked_line *l;

	if (heap_reserve(ls) != ERR_OK)
		return ERR_NOMEM;
	l = mem_calloc(1, sizeof(*l));
	if (!l)
		return ERR_NOMEM;
	if (table_make(ls, table, &l->table) != ERR_OK) {
		mem_free(l);
		return ERR_NOMEM;
	}
	l->heap_at = SIZE_MAX;
	l->table->line_count++;
	l->next = ls->all;
	if (ls->all)
		ls->all->prev = l;
	ls->all = l;
	ls->line_count++;
	*ret_line = l;
	return ERR_OK;
}

static void line_free(struct parked_lines *ls, struct parked_line *l)
{
	struct parked_table *t = l->table;
	size_t i;

	heap_remove(ls, l);
	for (i = 0; i < l->key_count; i++)
		keymap_remove(&ls->rows, parked_line_key(l, i));
	if (t->whole == l) {
		t->whole = NULL;
		ls->whole_count--;
	}
	t->line_count--;
	if (l->prev)
		l->prev->next = l->next;
	else
		ls->all = l->next;
	if (l->next)
		l->next->prev = l->prev;
	ls->line_count--;
	table_drop_if_empty(ls, t);
	mem_free(l->rest);
	mem_free(l);
}

/* Room for n more keys, in l and in the map. */
static ATTR_MUST_CHECK enum err_code line_reserve(struct parked_lines *ls, struct parked_line *l,
						  size_t n)
{
	size_t need = l->key_count + n - 1; /* of rest */
	uint64_t *rest;

	if (l->key_count + n > 1 && need > l->rest_size) {
		rest = mem_realloc(l->rest, need * sizeof(*rest));
		if (!rest)
			return ERR_NOMEM;
		l->rest = rest;
		l->rest_size = (uint32_t)need;
	}
	return keymap_reserve(&ls->rows, n);
}

/* After line_reserve, or when key is in the map already. */
static void line_add_key(struct parked_lines *ls, struct parked_line *l, uint64_t key)
{
	if (l->key_count == 0)
		l->first = key;
	else
		l->rest[l->key_count - 1] = key;
	l->key_count++;
	keymap_set(&ls->rows, key, l);
}

/* What from stands for goes over to l, except its keys, which are gone with it. */
static void line_take_over(struct parked_lines *ls, struct parked_line *l, struct parked_line *from)
{
	l->pins += from->pins;
	l->loaded += from->loaded;
	l->more |= from->more;
	l->loading |= from->loading;
	l->stopped |= from->stopped;
	l->broken |= from->broken;
	l->dirty = true; /* a read of the one says nothing about the other */
	l->drained_us = 0;
	if (from->due_wall_us < l->due_wall_us)
		l->due_wall_us = from->due_wall_us;
	line_free(ls, from);
}

bool parked_lines_update(struct parked_lines *ls, struct parked_line *l)
{
	bool idle = l->loaded == 0 && !l->loading;

	heap_remove(ls, l);
	if (!idle)
		return false;
	l->broken = false;
	if (l->more) {
		heap_add(ls, l);
		return true;
	}
	if (!l->pins)
		line_free(ls, l);
	return false;
}

/* ---- which line ---- */

/* The lines of t, by row, into one. */
static void table_fold(struct parked_lines *ls, const struct parked_table *t,
		       struct parked_line *whole)
{
	struct parked_line *l, *next;

	for (l = ls->all; l; l = next) {
		next = l->next;
		if (l->table == t && l != whole)
			line_take_over(ls, whole, l);
	}
	assert(t->line_count == 1);
}

enum err_code parked_lines_widen(struct parked_lines *ls, uint64_t table,
				 struct parked_line **ret_line)
{
	struct parked_table *t = keymap_find(&ls->tables, table);
	struct parked_line *whole = t ? t->whole : NULL;

	*ret_line = whole;
	if (whole)
		return ERR_OK;
	if (line_new(ls, table, &whole) != ERR_OK)
		return ERR_NOMEM;
	whole->table->whole = whole;
	ls->whole_count++;
	if (t) {
		whole->due_wall_us = INT64_MAX; /* the earliest of those that it takes over */
		table_fold(ls, t, whole);
		(void)parked_lines_update(ls, whole);
	}
	*ret_line = whole;
	return ERR_OK;
}

struct parked_line *parked_lines_find(const struct parked_lines *ls, const struct parked_place *at)
{
	const struct parked_table *t = keymap_find(&ls->tables, at->table);
	struct parked_line *l;

	if (!t || t->whole)
		return t ? t->whole : NULL;
	l = keymap_find(&ls->rows, at->row[0]);
	return l ? l : keymap_find(&ls->rows, at->row[1]);
}

/* a and b, or a and the key that has no line yet, become one. */
static ATTR_MUST_CHECK enum err_code line_unite(struct parked_lines *ls, struct parked_line *a,
						struct parked_line *b, uint64_t key,
						struct parked_line **ret_line)
{
	size_t n = b ? b->key_count : 1, i;

	if (a->key_count + n > PARKED_HASHES_MAX || (!b && ls->rows.count >= ls->max_keys))
		return parked_lines_widen(ls, a->table->key, ret_line);
	if (line_reserve(ls, a, n) != ERR_OK)
		return ERR_NOMEM;
	for (i = 0; i < n; i++)
		line_add_key(ls, a, b ? parked_line_key(b, i) : key);
	if (b) {
		b->key_count = 0;
		line_take_over(ls, a, b);
		(void)parked_lines_update(ls, a);
	}
	*ret_line = a;
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code
rows_join(struct parked_lines *ls, const struct parked_place *at, struct parked_line **ret_line)
{
	struct parked_line *a = keymap_find(&ls->rows, at->row[0]);
	struct parked_line *b = keymap_find(&ls->rows, at->row[1]);

	*ret_line = a ? a : b;
	if (!at->row[1] || a == b)
		return ERR_OK;
	if (!a || !b)
		return line_unite(ls, a ? a : b, NULL, a ? at->row[1] : at->row[0], ret_line);
	return a->key_count >= b->key_count ? line_unite(ls, a, b, 0, ret_line)
					    : line_unite(ls, b, a, 0, ret_line);
}

enum err_code parked_lines_join(struct parked_lines *ls, const struct parked_place *at,
				struct parked_line **ret_line)
{
	const struct parked_table *t = keymap_find(&ls->tables, at->table);

	*ret_line = NULL;
	if (!t)
		return ERR_OK;
	if (t->whole || at->truncate)
		return parked_lines_widen(ls, at->table, ret_line);
	return rows_join(ls, at, ret_line);
}

enum err_code parked_lines_make(struct parked_lines *ls, const struct parked_place *at,
				struct parked_line **ret_line)
{
	size_t n = at->row[1] ? 2 : 1;
	struct parked_line *l;

	if (parked_lines_join(ls, at, &l) != ERR_OK)
		return ERR_NOMEM;
	*ret_line = l;
	if (l)
		return ERR_OK;
	if (at->truncate || ls->by_table)
		return parked_lines_widen(ls, at->table, ret_line);
	if (ls->rows.count + n > ls->max_keys)
		return ERR_FULL;
	if (line_new(ls, at->table, &l) != ERR_OK)
		return ERR_NOMEM;
	if (line_reserve(ls, l, n) != ERR_OK) {
		line_free(ls, l);
		return ERR_NOMEM;
	}
	line_add_key(ls, l, at->row[0]);
	if (at->row[1])
		line_add_key(ls, l, at->row[1]);
	*ret_line = l;
	return ERR_OK;
}

/* ---- forgetting ---- */

void parked_lines_clear(struct parked_lines *ls)
{
	struct parked_line *l, *next;

	for (l = ls->all; l; l = next) {
		next = l->next;
		l->loaded = 0;
		l->loading = l->stopped = l->broken = l->more = false;
		l->drained_us = 0;
		(void)parked_lines_update(ls, l);
	}
}

void parked_lines_done(struct parked_lines *ls)
{
	parked_lines_clear(ls);
	assert(ls->line_count == 0);
	keymap_done(&ls->rows);
	keymap_done(&ls->tables);
	mem_free(ls->heap);
	*ls = (struct parked_lines){.max_keys = 0};
}
