/* SPDX-License-Identifier: MIT */
#include "core/tenant_guard.h"

#include <sys/mman.h>

#include "base/mem.h"

#define CELLS (1UL << 21) /* of a generation */
#define HASHES 4

struct generation {
	uint16_t *cells;
	size_t rows;
	int64_t last_id;
};

struct tenant_guard {
	struct generation now;
	struct generation before;
};

/* Straight from the system, so that clearing gives the memory back; NULL: there is none. */
static uint16_t *map_cells(void)
{
	void *cells = mmap(NULL, CELLS * sizeof(uint16_t), PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return cells == MAP_FAILED ? NULL : cells;
}

static void unmap_cells(uint16_t *cells)
{
	if (cells)
		(void)munmap(cells, CELLS * sizeof(*cells));
}

enum err_code tenant_guard_new(struct tenant_guard **ret_g, struct err *e)
{
	struct tenant_guard *g = mem_calloc(1, sizeof(*g));

	if (!g)
		return err_set(e, ERR_NOMEM, "no memory for the keys of tenants");
	g->now.cells = map_cells();
	g->before.cells = map_cells();
	if (!g->now.cells || !g->before.cells) {
		tenant_guard_free(g);
		return err_set(e, ERR_NOMEM, "no memory for the keys of tenants");
	}
	*ret_g = g;
	return ERR_OK;
}

void tenant_guard_free(struct tenant_guard *g)
{
	if (!g)
		return;
	unmap_cells(g->now.cells);
	unmap_cells(g->before.cells);
	mem_free(g);
}

static size_t cell_at(uint64_t key, unsigned i)
{
	uint64_t step = (key >> 32) | 1; /* double hashing: Kirsch and Mitzenmacher, 2006 */

	return (size_t)((key + i * step) % CELLS);
}

static void clear(struct generation *n)
{
	size_t i;

	/* private pages of nothing are zero when they are touched again: madvise(2) */
	if (n->rows && madvise(n->cells, CELLS * sizeof(*n->cells), MADV_DONTNEED) != 0)
		for (i = 0; i < CELLS; i++)
			n->cells[i] = 0;
	n->rows = 0;
	n->last_id = 0;
}

void tenant_guard_clear(struct tenant_guard *g)
{
	clear(&g->now);
	clear(&g->before);
}

void tenant_guard_add(struct tenant_guard *g, uint64_t key, uint16_t tenant, int64_t id,
		      int64_t left_from)
{
	struct generation spare;
	uint16_t *cell;
	unsigned i;

	if (g->now.rows >= GUARD_ROWS && g->before.last_id < left_from) {
		spare = g->before;
		clear(&spare);
		g->before = g->now;
		g->now = spare;
	}
	for (i = 0; i < HASHES; i++) {
		cell = &g->now.cells[cell_at(key, i)];
		if (*cell == 0)
			*cell = tenant;
		else if (*cell != tenant)
			*cell = GUARD_SEVERAL;
	}
	g->now.rows++;
	if (id > g->now.last_id)
		g->now.last_id = id;
}

/* The same of one generation. */
static uint16_t find(const struct generation *n, uint64_t key, uint16_t tenant)
{
	uint16_t who = GUARD_SEVERAL, cell;
	unsigned i;

	for (i = 0; i < HASHES && n->rows; i++) {
		cell = n->cells[cell_at(key, i)];
		/* another's row would have made it his, or several */
		if (cell == 0 || cell == tenant ||
		    (cell != GUARD_SEVERAL && who != GUARD_SEVERAL && cell != who))
			return 0;
		if (cell != GUARD_SEVERAL)
			who = cell;
	}
	return n->rows ? who : 0;
}

uint16_t tenant_guard_find(const struct tenant_guard *g, uint64_t key, uint16_t tenant)
{
	uint16_t now = find(&g->now, key, tenant), before = find(&g->before, key, tenant);

	if (!now || !before || now == before)
		return now ? now : before;
	return GUARD_SEVERAL;
}
