/* SPDX-License-Identifier: MIT */
/*
 * Why the lowest id is enough. A read looks at all rows from `start` on, in order. A tenant's
 * `from` says that no row of it is left below. When `from` lies at or behind `start` and nothing of
 * the tenant was left in this read, then none is left below the row at hand either, so `from` may
 * move up to it. And a row may be taken when `from` is not below it.
 *
 * News are read from above everything seen, so there no `from` moves, and rows of a tenant that is
 * deferred are left. Rows that come late, in gaps below, obey the same rule by their ids.
 */
#include "core/deferral.h"

#include <assert.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/mem.h"
#include "core/lanes.h"
#include "core/tenant_column.h"
#include "core/tenant_guard.h"

#define READ_LEAST 8 /* rows; a read for fewer costs as much */
#define NEWS INT64_MAX
#define SCRATCH_BYTES 65536

struct deferral {
	struct tenants *tenants;
	struct tenant_guard *guard;
	enum ordering ordering;
	struct text column;
	struct buf scratch;
	struct tenant *first_left; /* a ring of those with something left behind */
	size_t left_count;
	struct tenant *picked; /* of them, by the last deferral_next; NULL: none */
	int64_t wall;          /* a TRUNCATE with something left before it; INT64_MAX: none */
	int64_t front;         /* news are read again from here on; 0: from where they ended */
	bool turn;             /* it is the turn of what was left */
	int64_t floor;         /* as it was before the read at hand */

	/* the read at hand */
	uint64_t pass;
	int64_t start;
	bool is_front;
	bool may_leave;

	atomic_llong left;
	atomic_llong again;
	atomic_llong deferred;
	atomic_bool walled;
};

enum err_code deferral_new(const struct deferral_options *o, struct deferral **ret_d, struct err *e)
{
	struct deferral *d = mem_calloc(1, sizeof(*d));
	enum err_code code;

	if (!d)
		return err_set(e, ERR_NOMEM, "no memory for tenants");
	d->ordering = o->ordering;
	d->column = text_of(o->column);
	d->wall = INT64_MAX;
	buf_init(&d->scratch, SCRATCH_BYTES);
	code = tenants_new(&o->tenants, &d->tenants, e);
	if (code == ERR_OK)
		code = tenant_guard_new(&d->guard, e);
	if (code != ERR_OK) {
		deferral_free(d);
		return code;
	}
	*ret_d = d;
	return ERR_OK;
}

void deferral_free(struct deferral *d)
{
	if (!d)
		return;
	tenants_free(d->tenants);
	tenant_guard_free(d->guard);
	buf_done(&d->scratch);
	mem_free(d);
}

/* ---- who has something left ---- */

static void link_left(struct deferral *d, struct tenant *t)
{
	struct tenant *first = d->first_left;

	if (first) {
		t->next_left = first;
		t->prev_left = first->prev_left;
		t->prev_left->next_left = t;
		first->prev_left = t;
	} else {
		t->next_left = t->prev_left = t;
		d->first_left = t;
	}
	d->left_count++;
	atomic_store(&d->deferred, (long long)d->left_count);
}

static void unlink_left(struct deferral *d, struct tenant *t)
{
	t->prev_left->next_left = t->next_left;
	t->next_left->prev_left = t->prev_left;
	if (d->first_left == t)
		d->first_left = t->next_left == t ? NULL : t->next_left;
	if (d->picked == t)
		d->picked = NULL;
	t->next_left = t->prev_left = NULL;
	t->from = t->upto = 0;
	t->tied_to = 0;
	t->need_bytes = 0;
	d->left_count--;
	atomic_store(&d->deferred, (long long)d->left_count);
}

/* What is left behind a wall that came late is read again with the front. Whoever has nothing else
 * is not to be waited for: he may wait himself for whatever is before him, and that is the wall. */
static void set_wall(struct deferral *d, int64_t id)
{
	struct tenant *t = d->first_left, *after;
	size_t i, count = d->left_count;

	for (i = 0; i < count; i++, t = after) {
		after = t->next_left;
		if (t->from >= id)
			unlink_left(d, t);
	}
	d->wall = id;
	d->front = id;
	atomic_store(&d->walled, id != INT64_MAX);
}

/* No row of t is left below id. */
static void move_from(struct deferral *d, struct tenant *t, int64_t id)
{
	if (id > t->from) {
		t->from = id;
		t->tied_to = 0;
		t->need_bytes = 0;
	}
	if (t->from > t->upto)
		unlink_left(d, t);
}

/* Has this read shown all rows of t from `from` on? */
static bool is_followed(const struct deferral *d, const struct tenant *t)
{
	return t->from >= d->start && t->pass != d->pass;
}

/* Is a row of t left below id, for all we know? */
static bool is_before(const struct deferral *d, const struct tenant *t, int64_t id)
{
	return t->from && t->from < id && !is_followed(d, t);
}

static bool is_any_before(const struct deferral *d, int64_t id)
{
	const struct tenant *t = d->first_left;
	size_t i;

	for (i = 0; i < d->left_count; i++, t = t->next_left)
		if (is_before(d, t, id))
			return true;
	return false;
}

int64_t deferral_floor(const struct deferral *d)
{
	const struct tenant *t = d->first_left;
	int64_t floor = d->front ? d->front : INT64_MAX;
	size_t i;

	for (i = 0; i < d->left_count; i++, t = t->next_left)
		if (t->from < floor)
			floor = t->from;
	return floor;
}

void deferral_reset(struct deferral *d)
{
	while (d->first_left)
		unlink_left(d, d->first_left);
	tenant_guard_clear(d->guard);
	set_wall(d, INT64_MAX);
	d->front = 0;
}

/* ---- room ---- */

/* What t may have in the ring: more than its quota while nobody else waits. */
static struct deferral_read allowance(const struct deferral *d, struct tenant *t)
{
	struct share *all = tenants_all(d->tenants);
	struct deferral_read a = {.events = t->quota_events, .bytes = t->quota_bytes};
	size_t own = atomic_load(&t->share.events), own_bytes = atomic_load(&t->share.bytes);
	size_t others = atomic_load(&all->events), others_bytes = atomic_load(&all->bytes);
	size_t half = tenants_half_events(d->tenants);
	size_t half_bytes = tenants_half_bytes(d->tenants);

	if (d->left_count > (t->from ? 1U : 0U))
		return a;
	/* the two are read one after the other, while workers settle */
	others = others > own ? others - own : 0;
	others_bytes = others_bytes > own_bytes ? others_bytes - own_bytes : 0;
	if (others + a.events < half && others_bytes + a.bytes < half_bytes) {
		a.events = half - others;
		a.bytes = half_bytes - others_bytes;
	}
	return a;
}

static bool fits(const struct deferral *d, struct tenant *t, size_t bytes)
{
	struct deferral_read a = allowance(d, t);
	size_t events = atomic_load(&t->share.events);

	return events == 0 ||
	       (events < a.events && atomic_load(&t->share.bytes) + bytes <= a.bytes);
}

/* Is it worth a read? Not for every slot: from half on. */
static bool has_room(const struct deferral *d, struct tenant *t, struct deferral_read *ret_read)
{
	struct deferral_read a = allowance(d, t);
	size_t events, bytes, down_to = a.bytes / 2;

	if (t->need_bytes > a.bytes - down_to)
		down_to = t->need_bytes < a.bytes ? a.bytes - t->need_bytes : 0;
	if (!share_is_down_to(&t->share, a.events / 2, down_to))
		return false;
	events = atomic_load(&t->share.events);
	bytes = atomic_load(&t->share.bytes);
	*ret_read = (struct deferral_read){
		.from = t->from,
		.events = a.events > events + READ_LEAST ? a.events - events : READ_LEAST,
		.bytes = a.bytes > bytes ? a.bytes - bytes : 1};
	return true;
}

/* ---- what to read next ---- */

/* Is whom t waits for past t's next row? */
static bool is_untied(const struct deferral *d, const struct tenant *t)
{
	const struct tenant *other;

	if (!t->tied_to)
		return true;
	if (t->tied_to == GUARD_SEVERAL)
		return t->from == deferral_floor(d);
	other = tenants_at(d->tenants, t->tied_to);
	return !other->from || other->from >= t->from;
}

/* Whose turn it is, or the next one who may; asking does not take the turn: deferral_begin does. */
static bool next_left(struct deferral *d, struct deferral_read *ret_read)
{
	struct tenant *t = d->first_left;
	size_t i;

	for (i = 0; i < d->left_count; i++, t = t->next_left) {
		if (!is_untied(d, t) || !has_room(d, t, ret_read))
			continue;
		d->picked = t;
		return true;
	}
	return false;
}

static bool next_news(struct deferral *d, bool is_more, struct deferral_read *ret_read)
{
	if (d->wall != INT64_MAX || (!is_more && !d->front))
		return false;
	*ret_read = (struct deferral_read){.from = d->front, .events = SIZE_MAX, .bytes = SIZE_MAX};
	d->picked = NULL;
	return true;
}

bool deferral_next(struct deferral *d, bool is_more, struct deferral_read *ret_read)
{
	/* nothing before the wall is left: it falls */
	if (d->wall != INT64_MAX && !d->left_count) {
		d->wall = INT64_MAX;
		atomic_store(&d->walled, false);
	}
	if (d->turn)
		return next_left(d, ret_read) || next_news(d, is_more, ret_read);
	return next_news(d, is_more, ret_read) || next_left(d, ret_read);
}

/* ---- one read ---- */

void deferral_begin(struct deferral *d, const struct deferral_read *r, bool may_leave)
{
	d->pass++;
	d->turn = !d->turn;
	if (d->picked)
		d->first_left = d->picked->next_left;
	d->picked = NULL;
	d->floor = deferral_floor(d);
	d->start = r->from ? r->from : NEWS;
	d->is_front = r->from && r->from == d->front;
	d->may_leave = may_leave;
}

/* What shares a lane in the ring (core/order.c), hashed alike but without its seed. */
static uint64_t lane_of(const struct deferral *d, const struct event_fields *f, struct text key)
{
	uint64_t table = lanes_hash(lanes_hash(1, f->schema), f->table);

	switch (d->ordering) {
	case ORDERING_KEY:
		return lanes_hash(table, key);
	case ORDERING_TABLE:
		return table;
	case ORDERING_PIPELINE:
	case ORDERING_NONE:
		break;
	}
	return 1;
}

static void leave(struct deferral *d, struct tenant *t, const struct event *ev, uint16_t tied_to)
{
	const struct event_fields *f = &ev->f;

	if (!t->from)
		link_left(d, t);
	if (!t->from || f->id <= t->from) {
		t->from = f->id;
		t->tied_to = tied_to;
		t->need_bytes = ev->bytes;
	}
	if (f->id > t->upto)
		t->upto = f->id;
	t->pass = d->pass;
	(void)atomic_fetch_add(&t->left, 1);
	(void)atomic_fetch_add(&d->left, 1);
	if (d->ordering == ORDERING_NONE)
		return;
	tenant_guard_add(d->guard, lane_of(d, f, f->key), t->index, f->id, d->floor);
	if (f->old_key.s)
		tenant_guard_add(d->guard, lane_of(d, f, f->old_key), t->index, f->id, d->floor);
}

/* Who may have left the key behind, below the row? 0: nobody. */
static uint16_t tie_of(const struct deferral *d, const struct tenant *t, uint64_t lane, int64_t id)
{
	uint16_t who = d->left_count ? tenant_guard_find(d->guard, lane, t->index) : 0;

	if (!who)
		return 0;
	if (who == GUARD_SEVERAL)
		return is_any_before(d, id) ? who : 0;
	return is_before(d, tenants_at(d->tenants, who), id) ? who : 0;
}

static uint16_t find_tie(const struct deferral *d, const struct tenant *t,
			 const struct event_fields *f)
{
	uint16_t who;

	if (d->ordering == ORDERING_NONE)
		return 0;
	who = tie_of(d, t, lane_of(d, f, f->key), f->id);
	if (!who && f->old_key.s)
		who = tie_of(d, t, lane_of(d, f, f->old_key), f->id);
	return who;
}

static void charge(struct tenant *t, struct event *ev)
{
	ev->share = &t->share;
	share_take(ev->share, ev->bytes);
	(void)atomic_fetch_add(&t->taken, 1);
}

static struct tenant *tenant_of(struct deferral *d, const struct event *ev)
{
	return tenants_find(d->tenants, tenant_column_of(&ev->f, d->column, &d->scratch));
}

void deferral_charge(struct deferral *d, struct event *ev)
{
	charge(tenant_of(d, ev), ev);
}

/* A TRUNCATE waits for all that is before it. */
static bool takes_barrier(struct deferral *d, struct event *ev)
{
	if (d->left_count && is_any_before(d, ev->f.id)) {
		set_wall(d, ev->f.id);
		return false;
	}
	deferral_charge(d, ev);
	return true;
}

bool deferral_takes(struct deferral *d, struct event *ev)
{
	const struct event_fields *f = &ev->f;
	uint16_t tie = 0;
	struct tenant *t;

	(void)atomic_fetch_add(&d->again, d->start != NEWS && f->id >= d->start);
	if (f->id >= d->wall)
		return false;
	if (f->op == OP_TRUNCATE && d->ordering != ORDERING_NONE)
		return takes_barrier(d, ev);
	t = tenant_of(d, ev);
	if (t->from && is_followed(d, t) && t->from < f->id)
		move_from(d, t, f->id);
	if (!t->from || t->from >= f->id)
		tie = find_tie(d, t, f);
	if ((t->from && t->from < f->id) || tie ||
	    (!fits(d, t, ev->bytes) && (d->may_leave || t->from))) {
		leave(d, t, ev, tie);
		return false;
	}
	charge(t, ev);
	if (t->from)
		move_from(d, t, f->id + 1);
	return true;
}

void deferral_end(struct deferral *d, int64_t next)
{
	struct tenant *t = d->first_left, *after;
	size_t i, count = d->left_count;

	for (i = 0; d->start != NEWS && i < count; i++, t = after) {
		after = t->next_left;
		if (is_followed(d, t) && t->from < next)
			move_from(d, t, next);
	}
	if (d->is_front && d->wall == INT64_MAX)
		d->front = next == INT64_MAX ? 0 : next;
	if (!d->left_count)
		tenant_guard_clear(d->guard);
	d->start = NEWS;
}

void deferral_stats(struct deferral *d, struct deferral_stats *ret_st)
{
	ret_st->left = atomic_load(&d->left);
	ret_st->again = atomic_load(&d->again);
	ret_st->deferred = atomic_load(&d->deferred);
	ret_st->walled = atomic_load(&d->walled);
	tenants_stats(d->tenants, &ret_st->tenants);
}
