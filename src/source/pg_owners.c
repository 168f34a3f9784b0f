/* SPDX-License-Identifier: MIT */
/*
 * A mark (S, H) says: a missing id <= S belongs to a member of H, or to nobody. It is made from a
 * look at the holders followed by a complete reading of the gaps with a younger snapshot, and only
 * ever loses members: those that were gone at a look that such a reading has followed.
 *
 * Servers from before the minor releases of late 2021 give a transaction's locks another name when
 * it is prepared. So when a member vanishes, the prepared holders present at that moment are taken
 * in, as each may be it. That ends, because ordinary members never come back.
 *
 * When all marks are used the newest is replaced: the older ones keep their short lists, so that
 * each gap closes when the transactions that were open at its time are gone, however many others
 * overlap.
 */
#include "source/pg_owners.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

bool pg_owner_parse(const char *virtualtransaction, pg_owner *ret_owner)
{
	char *end;
	long backend = strtol(virtualtransaction, &end, 10);
	unsigned long local;

	if (*end != '/')
		return false;
	local = strtoul(end + 1, &end, 10);
	if (*end || !local)
		return false;
	*ret_owner = (pg_owner)((uint64_t)backend << 32 | (local & UINT32_MAX));
	return true;
}

void pg_owners_init(struct pg_owners *o)
{
	memset(o, 0, sizeof(*o));
}

void pg_owners_reset(struct pg_owners *o)
{
	size_t i;

	for (i = 0; i < o->count; i++)
		mem_free(o->marks[i].holders);
	mem_free(o->before.holders);
	mem_free(o->now.holders);
	memset(o, 0, sizeof(*o));
}

void pg_owners_done(struct pg_owners *o)
{
	pg_owners_reset(o);
}

static int owner_cmp(const void *a, const void *b)
{
	pg_owner x = *(const pg_owner *)a, y = *(const pg_owner *)b;

	return (x > y) - (x < y);
}

static bool has_owner(const pg_owner *set, size_t n, pg_owner owner)
{
	return n && bsearch(&owner, set, n, sizeof(owner), owner_cmp);
}

/* Has a holder of m gone by the time of look? */
static bool has_shrunk(const struct pg_owners_look *m, const struct pg_owners_look *look)
{
	size_t i;

	for (i = 0; i < m->count; i++)
		if (!has_owner(look->holders, look->count, m->holders[i]))
			return true;
	return false;
}

void pg_owners_begin(struct pg_owners *o)
{
	if (!o->now.upto)
		return;
	mem_free(o->before.holders);
	o->before = o->now;
	memset(&o->now, 0, sizeof(o->now));
}

void pg_owners_look(struct pg_owners *o, int64_t upto, pg_owner *holders, size_t n)
{
	size_t i;

	assert(upto > 0 && !o->now.upto);
	if (n)
		qsort(holders, n, sizeof(*holders), owner_cmp);
	o->now = (struct pg_owners_look){.upto = upto, .holders = holders, .count = n};
	for (i = 0; i < o->count; i++)
		o->shrunk[i] = has_shrunk(&o->marks[i], &o->now);
}

bool pg_owners_may_fill(const struct pg_owners *o, int64_t hi)
{
	size_t i;

	for (i = 0; i < o->count; i++)
		if (hi <= o->marks[i].upto)
			return o->shrunk[i];
	return true;
}

/* The prepared transactions (negative, so at the front) of the look into m; false: no memory. */
static bool take_in_prepared(struct pg_owners_look *m, const struct pg_owners_look *look)
{
	pg_owner *grown;
	size_t i, prepared = 0, before = m->count;

	while (prepared < look->count && look->holders[prepared] < 0)
		prepared++;
	if (!prepared)
		return true;
	grown = mem_realloc(m->holders, (before + prepared) * sizeof(*grown));
	if (!grown)
		return false;
	m->holders = grown;
	for (i = 0; i < prepared; i++)
		if (!has_owner(grown, before, look->holders[i]))
			grown[m->count++] = look->holders[i];
	qsort(grown, m->count, sizeof(*grown), owner_cmp);
	return true;
}

static bool lost_ordinary(const struct pg_owners_look *m, const struct pg_owners_look *look)
{
	size_t i;

	for (i = 0; i < m->count; i++)
		if (m->holders[i] >= 0 && !has_owner(look->holders, look->count, m->holders[i]))
			return true;
	return false;
}

static void shrink(struct pg_owners_look *m, const struct pg_owners_look *look)
{
	size_t i, kept = 0;

	if (lost_ordinary(m, look) && !take_in_prepared(m, look))
		return;
	for (i = 0; i < m->count; i++)
		if (has_owner(look->holders, look->count, m->holders[i]))
			m->holders[kept++] = m->holders[i];
	m->count = kept;
}

static void drop_marks(struct pg_owners *o, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		mem_free(o->marks[i].holders);
	memmove(o->marks, o->marks + n, (o->count - n) * sizeof(o->marks[0]));
	o->count -= n;
}

static bool is_same_set(const struct pg_owners_look *a, const struct pg_owners_look *b)
{
	return a->count == b->count &&
	       memcmp(a->holders, b->holders, a->count * sizeof(*a->holders)) == 0;
}

/* Of marks with the same holders left the highest says it all. */
static void join_marks(struct pg_owners *o)
{
	size_t i, kept = 0;

	for (i = 0; i < o->count; i++) {
		if (i + 1 < o->count && is_same_set(&o->marks[i], &o->marks[i + 1]))
			mem_free(o->marks[i].holders);
		else
			o->marks[kept++] = o->marks[i];
	}
	o->count = kept;
}

/* Takes look's holders. */
static void add_mark(struct pg_owners *o, struct pg_owners_look *look)
{
	struct pg_owners_look *last = o->count ? &o->marks[o->count - 1] : NULL;

	if (last && look->upto <= last->upto) {
		mem_free(look->holders);
	} else if (last && is_same_set(last, look)) {
		last->upto = look->upto;
		mem_free(look->holders);
	} else if (o->count == PG_OWNERS_MARKS) {
		mem_free(last->holders);
		*last = *look;
	} else {
		o->marks[o->count++] = *look;
	}
}

int64_t pg_owners_settle(struct pg_owners *o)
{
	struct pg_owners_look look = o->before;
	int64_t close = 0;
	size_t i, done = 0;

	if (!look.upto)
		return 0;
	memset(&o->before, 0, sizeof(o->before));
	for (i = 0; i < o->count; i++) {
		shrink(&o->marks[i], &look);
		if (o->marks[i].count == 0) {
			close = o->marks[i].upto;
			done = i + 1;
		}
	}
	drop_marks(o, done);
	join_marks(o);
	if (look.count) {
		add_mark(o, &look);
		return close;
	}
	mem_free(look.holders);
	return look.upto > close ? look.upto : close;
}
