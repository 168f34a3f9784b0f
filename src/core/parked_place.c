/* SPDX-License-Identifier: MIT */
/*
 * FNV-1a of 64 bits over the bytes and, for each text, its length; then the finisher of MurmurHash3
 * so that every bit depends on every byte. Whoever makes keys that collide gets them to wait for
 * each other, and nothing else.
 */
#include "core/parked_place.h"

#define FNV_START 0xCBF29CE484222325ULL
#define FNV_PRIME 0x100000001B3ULL

static uint64_t add_byte(uint64_t hash, unsigned char byte)
{
	return (hash ^ byte) * FNV_PRIME;
}

static uint64_t add_text(uint64_t hash, struct text t)
{
	uint64_t len = t.s ? (uint64_t)t.len + 1 : 0; /* no text differs from an empty one */
	size_t i;

	for (i = 0; t.s && i < t.len; i++)
		hash = add_byte(hash, (unsigned char)t.s[i]);
	for (i = 0; i < sizeof(len); i++)
		hash = add_byte(hash, (unsigned char)(len >> (8 * i)));
	return hash;
}

static uint64_t finish(uint64_t hash)
{
	hash ^= hash >> 33;
	hash *= 0xFF51AFD7ED558CCDULL;
	hash ^= hash >> 33;
	hash *= 0xC4CEB9FE1A85EC53ULL;
	hash ^= hash >> 33;
	return hash ? hash : 1;
}

struct parked_place parked_place_of(const struct event_fields *f)
{
	uint64_t table = add_text(add_text(FNV_START, f->schema), f->table);
	struct parked_place p = {.table = finish(table), .truncate = f->op == OP_TRUNCATE};

	if (p.truncate)
		return p;
	p.row[0] = finish(add_text(table, f->key));
	if (f->old_key.s)
		p.row[1] = finish(add_text(table, f->old_key));
	if (p.row[1] == p.row[0])
		p.row[1] = 0;
	return p;
}
