/* SPDX-License-Identifier: MIT */
/*
 * Open addressing with linear probing, at most two thirds full; removing shifts what follows back,
 * as in core/lanes.c, so that no tombstones collect. Ids rise one by one, and multiplying by the
 * golden ratio spreads such a run evenly (Knuth, volume 3, 6.4).
 */
#include "core/idset.h"

#include <assert.h>

#include "base/mem.h"

#define IDSET_SIZE_MIN 64
#define IDSET_SHRINK 16

void idset_done(struct idset *s)
{
	mem_free(s->slots);
	*s = (struct idset){0};
}

static size_t idset_home(const struct idset *s, int64_t id)
{
	return (size_t)(((uint64_t)id * 0x9E3779B97F4A7C15ULL) >> 32) & (s->size - 1);
}

/* The slot of id, or the empty one where it would be. */
static size_t idset_slot(const struct idset *s, int64_t id)
{
	size_t i = idset_home(s, id);

	while (s->slots[i] != 0 && s->slots[i] != id)
		i = (i + 1) & (s->size - 1);
	return i;
}

static ATTR_MUST_CHECK enum err_code idset_resize(struct idset *s, size_t size)
{
	struct idset other = {.size = size, .count = s->count};
	size_t i;

	other.slots = mem_calloc(size, sizeof(*other.slots));
	if (!other.slots)
		return ERR_NOMEM;
	for (i = 0; i < s->size; i++) {
		if (s->slots[i] != 0)
			other.slots[idset_slot(&other, s->slots[i])] = s->slots[i];
	}
	mem_free(s->slots);
	*s = other;
	return ERR_OK;
}

enum err_code idset_reserve(struct idset *s)
{
	if (s->size == 0)
		return idset_resize(s, IDSET_SIZE_MIN);
	if ((s->count + 1) * 3 > s->size * 2)
		return idset_resize(s, s->size * 2);
	return ERR_OK;
}

void idset_add(struct idset *s, int64_t id)
{
	size_t i = idset_slot(s, id);

	assert(id > 0 && s->slots[i] == 0);
	s->slots[i] = id;
	s->count++;
	assert(s->count < s->size);
}

static void idset_trim(struct idset *s)
{
	enum err_code rc;

	if (s->size == IDSET_SIZE_MIN || s->count * IDSET_SHRINK >= s->size)
		return;
	rc = idset_resize(s, s->size / 2);
	(void)rc; /* without memory it stays as large as it is */
}

void idset_remove(struct idset *s, int64_t id)
{
	size_t mask = s->size - 1;
	size_t hole, i;

	if (!idset_has(s, id))
		return;
	hole = idset_slot(s, id);
	for (i = (hole + 1) & mask; s->slots[i] != 0; i = (i + 1) & mask) {
		size_t home = idset_home(s, s->slots[i]);

		if (((i - home) & mask) >= ((i - hole) & mask)) {
			s->slots[hole] = s->slots[i];
			hole = i;
		}
	}
	s->slots[hole] = 0;
	s->count--;
	idset_trim(s);
}

bool idset_has(const struct idset *s, int64_t id)
{
	return id > 0 && s->count > 0 && s->slots[idset_slot(s, id)] == id;
}
