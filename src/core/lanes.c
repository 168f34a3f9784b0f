/* SPDX-License-Identifier: MIT */
/*
 * Open addressing with linear probing, at most two thirds full. The key is a hash already, so it is
 * the slot's index as it is. Removing shifts what follows back (Knuth, volume 3, 6.4, algorithm R):
 * no tombstones, so a map that lives for months stays as fast as a new one.
 *
 * Shrinking starts at a sixteenth and halves, so that growing and shrinking never alternate.
 */
#include "core/lanes.h"

#include <assert.h>
#include <string.h>

#include "base/mem.h"

#define LANES_SIZE_MIN 64
#define LANES_SHRINK 16

void lanes_done(struct lanes *m)
{
	mem_free(m->slots);
	*m = (struct lanes){0};
}

/* Multiply to 128 bits and fold: every bit of a and b reaches every bit of the result. */
static uint64_t lanes_mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t lanes_hash(uint64_t hash, struct text t)
{
	uint64_t word;
	size_t at;

	for (at = 0; t.len - at >= sizeof(word); at += sizeof(word)) {
		memcpy(&word, t.s + at, sizeof(word));
		hash = lanes_mix(hash ^ word, 0x9E3779B97F4A7C15ULL) + word;
	}
	word = 0;
	if (t.len > at)
		memcpy(&word, t.s + at, t.len - at);
	hash = lanes_mix(hash ^ word, 0xD6E8FEB86659FD93ULL) + word;
	/* the length keeps ("ab", "c") from ("a", "bc"), and "" from no value */
	hash = lanes_mix(hash ^ (t.s ? t.len + 1 : 0), 0xA0761D6478BD642FULL);
	return hash ? hash : 1;
}

/* The slot of key, or the empty one where it would be. */
static size_t lanes_slot(const struct lanes *m, uint64_t key)
{
	size_t mask = m->size - 1;
	size_t i = key & mask;

	while (m->slots[i].key != 0 && m->slots[i].key != key)
		i = (i + 1) & mask;
	return i;
}

static ATTR_MUST_CHECK enum err_code lanes_resize(struct lanes *m, size_t size)
{
	struct lanes other = {.size = size, .count = m->count};
	size_t i;

	other.slots = mem_calloc(size, sizeof(*other.slots));
	if (!other.slots)
		return ERR_NOMEM;
	for (i = 0; i < m->size; i++) {
		if (m->slots[i].key != 0)
			other.slots[lanes_slot(&other, m->slots[i].key)] = m->slots[i];
	}
	mem_free(m->slots);
	*m = other;
	return ERR_OK;
}

enum err_code lanes_reserve(struct lanes *m, size_t n)
{
	size_t size = m->size ? m->size : LANES_SIZE_MIN;

	while ((m->count + n) * 3 > size * 2)
		size *= 2;
	return size == m->size ? ERR_OK : lanes_resize(m, size);
}

struct lane *lanes_find(const struct lanes *m, uint64_t key)
{
	struct lane *l;

	if (m->count == 0)
		return NULL;
	l = &m->slots[lanes_slot(m, key)];
	return l->key ? l : NULL;
}

struct lane *lanes_add(struct lanes *m, uint64_t key)
{
	struct lane *l = &m->slots[lanes_slot(m, key)];

	assert(key != 0);
	if (l->key == 0) {
		m->count++;
		assert(m->count * 3 <= m->size * 2);
		*l = (struct lane){.key = key};
	}
	return l;
}

static void lanes_trim(struct lanes *m)
{
	enum err_code rc;

	if (m->size == LANES_SIZE_MIN || m->count * LANES_SHRINK >= m->size)
		return;
	rc = lanes_resize(m, m->size / 2);
	(void)rc; /* without memory it stays as large as it is */
}

void lanes_remove(struct lanes *m, struct lane *l)
{
	size_t mask = m->size - 1;
	size_t hole = (size_t)(l - m->slots);
	size_t i;

	for (i = (hole + 1) & mask; m->slots[i].key != 0; i = (i + 1) & mask) {
		size_t home = m->slots[i].key & mask;

		/* it may move into the hole unless its home lies behind the hole */
		if (((i - home) & mask) >= ((i - hole) & mask)) {
			m->slots[hole] = m->slots[i];
			hole = i;
		}
	}
	m->slots[hole] = (struct lane){0};
	m->count--;
	lanes_trim(m);
}

void lanes_clear(struct lanes *m)
{
	if (m->count > 0)
		memset(m->slots, 0, m->size * sizeof(*m->slots));
	m->count = 0;
}
