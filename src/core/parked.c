/* SPDX-License-Identifier: MIT */
/*
 * A line (core/parked_lines.h) goes away when a read found its end, nothing came since (dirty), and
 * all that was loaded is settled. So nothing here depends on numbers of rows: rows that somebody
 * deleted are not missed.
 */
#include "core/parked.h"

#include <assert.h>

#include "base/mem.h"
#include "core/parked_set.h"

enum err_code parked_new(const struct parked_options *o, struct parked **ret_p, struct err *e)
{
	struct parked *p = mem_calloc(1, sizeof(*p));

	assert(o->max_keys >= 2 && o->max_loaded >= 1);
	if (!p)
		return err_set(e, ERR_NOMEM, "no memory for what is parked");
	p->o = *o;
	p->epoch = 1;
	p->told_wall_us = INT64_MAX;
	atomic_init(&p->is_quiet, true);
	p->lines.max_keys = o->max_keys;
	p->sweep = (struct parked_sweep){.all = true, .due_wall_us = INT64_MAX};
	p->lines.by_table = o->ordering != ORDERING_KEY;
	mutex_init(&p->lock);
	*ret_p = p;
	return ERR_OK;
}

void parked_free(struct parked *p)
{
	struct parked_line *l;

	if (!p)
		return;
	for (l = p->lines.all; l; l = l->next)
		l->pins = 0; /* whoever was to put something is gone */
	parked_lines_done(&p->lines);
	mutex_done(&p->lock);
	mem_free(p);
}

/* ---- places and times ---- */

static void narrow(const struct parked *p, struct parked_place *at)
{
	/* a pipeline as a whole is a table to the lines */
	if (p->o.ordering == ORDERING_PIPELINE || parked_is_unordered(p))
		at->table = 1;
	if (p->o.ordering != ORDERING_KEY)
		at->row[0] = at->row[1] = 0;
}

struct parked_place parked_place_in(const struct parked *p, const struct event *ev)
{
	struct parked_place at = parked_place_of(&ev->f);

	narrow(p, &at);
	return at;
}

bool parked_next_step(const struct parked *p, const struct event *ev, int64_t *ret_wait_us)
{
	assert(ev->steps >= 0);
	if ((size_t)ev->steps >= p->o.step_count)
		return false;
	*ret_wait_us = p->o.steps_us[ev->steps];
	return true;
}

/* ---- changes, and who is to be told ---- */

bool parked_has_room_locked(const struct parked *p)
{
	return p->loaded <= p->o.max_loaded / 2;
}

static int64_t next_locked(const struct parked *p)
{
	const struct parked_line *first = parked_lines_first(&p->lines);

	if (!parked_has_room_locked(p))
		return INT64_MAX;
	if (p->sweep.running)
		return 0;
	return first ? first->due_wall_us : INT64_MAX;
}

static void note_quiet_locked(struct parked *p)
{
	atomic_store(&p->is_quiet, !p->lines.line_count && !p->is_unknown);
}

bool parked_update_locked(struct parked *p, struct parked_line *l)
{
	int64_t next;

	(void)parked_lines_update(&p->lines, l);
	note_quiet_locked(p);
	if (!p->lines.line_count)
		p->stats.rows = 0; /* whatever was believed before */
	if (p->lines.rows.count <= p->o.max_keys - p->o.max_keys / 8)
		p->is_full = false;
	next = next_locked(p);
	if (next >= p->told_wall_us)
		return false;
	p->told_wall_us = next;
	return true;
}

void parked_tell(const struct parked *p, bool news)
{
	if (news && p->o.on_due)
		p->o.on_due(p->o.on_due_ctx);
}

/* ---- those who send ---- */

/* One that was loaded is in the ring no more. */
static bool unload_locked(struct parked *p, const struct event *ev, struct parked_line *l)
{
	assert(ev->f.parked && l && l->loaded > 0 && p->loaded > 0);
	l->loaded--;
	p->loaded--;
	return parked_update_locked(p, l);
}

static enum parked_word ask_loaded(struct parked *p, const struct event *ev)
{
	struct parked_place at = parked_place_in(p, ev);
	enum parked_word word = PARKED_SEND;
	struct parked_line *l;
	bool news = false;

	mutex_lock(&p->lock);
	if (ev->parked_epoch != p->epoch) {
		word = PARKED_STALE;
	} else {
		l = parked_lines_find(&p->lines, &at);
		assert(l && l->loaded > 0);
		if (l->broken) {
			word = PARKED_STALE;
			news = unload_locked(p, ev, l);
		}
	}
	mutex_unlock(&p->lock);
	parked_tell(p, news);
	return word;
}

/* All that is parked of l is in the ring before ev, which was read from the outbox later: the ring
 * keeps them in order, and ev need not be parked. Should one of them fail, there is more again. */
static bool is_ahead_of(const struct parked_line *l, const struct event *ev)
{
	return l->drained_us && !l->more && !l->pins && !l->broken && ev->read_us > l->drained_us;
}

enum parked_word parked_ask(struct parked *p, const struct event *ev)
{
	enum parked_word word = PARKED_SEND;
	struct parked_place at;
	struct parked_line *l;

	if (ev->f.parked)
		return ask_loaded(p, ev);
	if (parked_is_unordered(p) || atomic_load(&p->is_quiet))
		return PARKED_SEND;
	at = parked_place_in(p, ev);
	mutex_lock(&p->lock);
	if (p->is_unknown || parked_lines_join(&p->lines, &at, &l) != ERR_OK) {
		word = PARKED_LATER;
	} else if (l && !is_ahead_of(l, ev)) {
		word = PARKED_BEHIND;
		l->pins++;
		p->stats.behind++;
	}
	mutex_unlock(&p->lock);
	return word;
}

bool parked_would_send(struct parked *p, const struct event *ev)
{
	struct parked_place at;
	const struct parked_line *l;
	bool yes = true;

	if (!ev->f.parked && (parked_is_unordered(p) || atomic_load(&p->is_quiet)))
		return true;
	at = parked_place_in(p, ev);
	mutex_lock(&p->lock);
	l = parked_lines_find(&p->lines, &at);
	if (ev->f.parked)
		yes = ev->parked_epoch == p->epoch && l && !l->broken;
	else
		yes = !p->is_unknown &&
		      (l ? is_ahead_of(l, ev)
			 : !(at.truncate && keymap_find(&p->lines.tables, at.table)));
	mutex_unlock(&p->lock);
	return yes;
}

enum err_code parked_make(struct parked *p, const struct event *ev, bool *ret_news)
{
	struct parked_place at = parked_place_in(p, ev);
	struct parked_line *l;
	enum err_code code;

	assert(!ev->f.parked);
	*ret_news = false;
	mutex_lock(&p->lock);
	code = parked_lines_make(&p->lines, &at, &l);
	if (code == ERR_OK) {
		if (!l->more && !l->loaded && !l->pins)
			l->due_wall_us = INT64_MAX;
		l->pins++;
		note_quiet_locked(p);
	} else if (code == ERR_FULL) {
		*ret_news = !p->is_full;
		p->is_full = true;
		p->stats.refused++;
	}
	mutex_unlock(&p->lock);
	return code;
}

void parked_put(struct parked *p, const struct event *ev, int64_t due_wall_us)
{
	struct parked_place at = parked_place_in(p, ev);
	struct parked_line *l;
	bool news;

	due_wall_us = parked_due_of(p, due_wall_us);
	mutex_lock(&p->lock);
	l = parked_lines_find(&p->lines, &at);
	assert(l && l->pins > 0);
	l->pins--;
	/* one that is behind others does not bring them forward; unless they are gone by now */
	if (due_wall_us ? due_wall_us < l->due_wall_us : !l->more)
		l->due_wall_us = due_wall_us;
	l->more = l->dirty = true;
	if (due_wall_us > p->sweep.last_wall_us)
		p->sweep.last_wall_us = due_wall_us;
	p->stats.rows++;
	p->stats.parked++;
	news = parked_update_locked(p, l);
	mutex_unlock(&p->lock);
	parked_tell(p, news);
}

void parked_leave(struct parked *p, const struct event *ev)
{
	struct parked_place at = parked_place_in(p, ev);
	bool news = false;

	mutex_lock(&p->lock);
	p->stats.unparked++;
	p->stats.rows -= p->stats.rows > 0;
	if (ev->parked_epoch == p->epoch)
		news = unload_locked(p, ev, parked_lines_find(&p->lines, &at));
	mutex_unlock(&p->lock);
	parked_tell(p, news);
}

void parked_fail(struct parked *p, const struct event *ev, int64_t due_wall_us)
{
	struct parked_place at = parked_place_in(p, ev);
	struct parked_line *l;
	bool news = false;

	mutex_lock(&p->lock);
	if (due_wall_us > p->sweep.last_wall_us)
		p->sweep.last_wall_us = due_wall_us;
	if (ev->parked_epoch == p->epoch) {
		l = parked_lines_find(&p->lines, &at);
		assert(l);
		if (parked_is_unordered(p) || l->broken)
			l->due_wall_us =
				due_wall_us < l->due_wall_us ? due_wall_us : l->due_wall_us;
		else
			l->due_wall_us = due_wall_us;
		l->broken = !parked_is_unordered(p);
		l->more = l->dirty = true;
		news = unload_locked(p, ev, l);
	}
	mutex_unlock(&p->lock);
	parked_tell(p, news);
}

/* ---- after an open ---- */

void parked_begin(struct parked *p)
{
	mutex_lock(&p->lock);
	p->epoch++;
	p->loaded = 0;
	p->stats.rows = 0;
	p->is_unknown = true;
	p->sweep = (struct parked_sweep){.all = true, .due_wall_us = INT64_MAX};
	parked_lines_clear(&p->lines);
	note_quiet_locked(p);
	mutex_unlock(&p->lock);
}

enum err_code parked_add(struct parked *p, const struct parked_group *g)
{
	struct parked_place at = {.row = {g->row_hash[0], g->row_hash[1]},
				  .table = g->table_hash,
				  .truncate = g->truncate};
	int64_t due_wall_us = parked_due_of(p, g->due_wall_us);
	struct parked_line *l;
	enum err_code code;

	narrow(p, &at);
	mutex_lock(&p->lock);
	code = parked_lines_make(&p->lines, &at, &l);
	if (code == ERR_FULL)
		code = parked_lines_widen(&p->lines, at.table, &l);
	if (code == ERR_OK) {
		if (!l->more || (due_wall_us && due_wall_us < l->due_wall_us))
			l->due_wall_us = due_wall_us;
		l->more = l->dirty = true;
		if (due_wall_us > p->sweep.last_wall_us)
			p->sweep.last_wall_us = due_wall_us;
		p->stats.rows += g->count;
		(void)parked_update_locked(p, l);
	}
	mutex_unlock(&p->lock);
	return code;
}

void parked_opened(struct parked *p)
{
	mutex_lock(&p->lock);
	p->is_unknown = false;
	note_quiet_locked(p);
	mutex_unlock(&p->lock);
}

/* ---- looking ---- */

int64_t parked_next_wall_us(struct parked *p)
{
	int64_t next;

	mutex_lock(&p->lock);
	next = next_locked(p);
	p->told_wall_us = next;
	mutex_unlock(&p->lock);
	return next;
}

struct parked_stats parked_stats(struct parked *p)
{
	const struct parked_line *first;
	struct parked_stats s;

	mutex_lock(&p->lock);
	s = p->stats;
	s.keys = p->lines.rows.count;
	s.max_keys = p->o.max_keys;
	s.tables = p->lines.whole_count;
	s.loaded = p->loaded;
	first = parked_lines_first(&p->lines);
	s.due_wall_us = first ? first->due_wall_us : 0;
	mutex_unlock(&p->lock);
	return s;
}
