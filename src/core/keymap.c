/* SPDX-License-Identifier: MIT */
/*
 * Open addressing with linear probing, at most two thirds full; removing shifts what follows back,
 * as in core/lanes.c.
 */
#include "core/keymap.h"

#include <assert.h>

#include "base/mem.h"

#define KEYMAP_SIZE_MIN 64
#define KEYMAP_SHRINK 16

void keymap_done(struct keymap *m)
{
	mem_free(m->slots);
	*m = (struct keymap){0};
}

/* The slot of key, or the empty one where it would be. */
static size_t keymap_slot_of(const struct keymap *m, uint64_t key)
{
	size_t i = key & (m->size - 1);

	while (m->slots[i].key != 0 && m->slots[i].key != key)
		i = (i + 1) & (m->size - 1);
	return i;
}

static ATTR_MUST_CHECK enum err_code keymap_resize(struct keymap *m, size_t size)
{
	struct keymap other = {.size = size, .count = m->count};
	size_t i;

	other.slots = mem_calloc(size, sizeof(*other.slots));
	if (!other.slots)
		return ERR_NOMEM;
	for (i = 0; i < m->size; i++) {
		if (m->slots[i].key != 0)
			other.slots[keymap_slot_of(&other, m->slots[i].key)] = m->slots[i];
	}
	mem_free(m->slots);
	*m = other;
	return ERR_OK;
}

enum err_code keymap_reserve(struct keymap *m, size_t n)
{
	size_t size = m->size ? m->size : KEYMAP_SIZE_MIN;

	while ((m->count + n) * 3 > size * 2)
		size *= 2;
	return size == m->size ? ERR_OK : keymap_resize(m, size);
}

void *keymap_find(const struct keymap *m, uint64_t key)
{
	if (m->count == 0 || key == 0)
		return NULL;
	return m->slots[keymap_slot_of(m, key)].value;
}

void keymap_set(struct keymap *m, uint64_t key, void *value)
{
	struct keymap_slot *s = &m->slots[keymap_slot_of(m, key)];

	assert(key != 0 && value);
	if (s->key == 0) {
		m->count++;
		assert(m->count * 3 <= m->size * 2);
	}
	*s = (struct keymap_slot){key, value};
}

static void keymap_trim(struct keymap *m)
{
	enum err_code rc;

	if (m->size == KEYMAP_SIZE_MIN || m->count * KEYMAP_SHRINK >= m->size)
		return;
	rc = keymap_resize(m, m->size / 2);
	(void)rc; /* without memory it stays as large as it is */
}

void keymap_remove(struct keymap *m, uint64_t key)
{
	size_t mask = m->size - 1, hole, i;

	if (!keymap_find(m, key))
		return;
	hole = keymap_slot_of(m, key);
	for (i = (hole + 1) & mask; m->slots[i].key != 0; i = (i + 1) & mask) {
		size_t home = m->slots[i].key & mask;

		/* it may move into the hole unless its home lies behind the hole */
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			m->slots[hole] = m->slots[i];
			hole = i;
		}
	}
	m->slots[hole] = (struct keymap_slot){0};
	m->count--;
	keymap_trim(m);
}
