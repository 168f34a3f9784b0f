/* SPDX-License-Identifier: MIT */
/*
 * A line is loaded only when nothing of it is in the ring, always from its first row on, and only
 * as far as the first row whose time has not come.
 *
 * Lines may become one while they are loaded, or between the pick and the read. A row read whose
 * other key was not asked for may have others before it, then: it is left for the next read, with
 * what is behind it.
 *
 * Without order (ORDERING_NONE) there is one line, which neither stops nor breaks. It is read in
 * sweeps over all that is due, page by page; the next one begins when all of the last is settled.
 */
#include <assert.h>

#include "base/clock.h"
#include "core/parked_set.h"

/* Most events of one line by row in the ring: one after the other is all they can go. */
#define LINE_LOADED_MAX 64
/* A sweep is worth that much, when it is not known what is due when. */
#define SWEEP_US CLOCK_US_PER_S

/* The line is to be read: what happens to it from now on may not be in the read. */
static void line_begin(struct parked_line *l)
{
	l->loading = true;
	l->dirty = l->stopped = false;
	l->due_wall_us = 0;
	l->drained_us = 0;
}

static void pick_lines_locked(struct parked *p, struct parked_pick *pick)
{
	struct parked_line *l;
	size_t i, n;
	bool whole;

	while ((l = parked_lines_first(&p->lines)) && l->due_wall_us <= pick->now_wall_us) {
		whole = l->table->whole == l;
		n = whole ? 1 : l->key_count;
		if (pick->hash_count && (whole != (pick->by != PARKED_BY_ROW) ||
					 pick->hash_count + n > PARKED_HASHES_MAX))
			break;
		pick->by = !whole                               ? PARKED_BY_ROW
			   : p->o.ordering == ORDERING_PIPELINE ? PARKED_ALL
								: PARKED_BY_TABLE;
		for (i = 0; i < n; i++) {
			pick->tables[pick->hash_count] = l->table->key;
			pick->hashes[pick->hash_count++] =
				whole ? l->table->key : parked_line_key(l, i);
		}
		line_begin(l);
		(void)parked_lines_update(&p->lines, l);
	}
}

static void pick_sweep_locked(struct parked *p, struct parked_pick *pick)
{
	struct parked_line *l = parked_lines_first(&p->lines);
	struct parked_sweep *s = &p->sweep;

	if (!s->running) {
		if (!l || l->due_wall_us > pick->now_wall_us)
			return;
		s->running = true;
		s->any = false;
		s->after_seq = 0;
		s->due_wall_us = INT64_MAX;
		line_begin(l);
		l->due_wall_us = INT64_MAX;
		(void)parked_lines_update(&p->lines, l);
	}
	pick->by = s->all || !p->o.step_count ? PARKED_ALL : PARKED_DUE;
	pick->after_seq = s->after_seq;
	pick->hashes[0] = pick->tables[0] = 1;
	pick->hash_count = 1;
}

bool parked_pick(struct parked *p, int64_t now_us, int64_t now_wall_us,
		 struct parked_pick *ret_pick)
{
	if (atomic_load(&p->is_quiet))
		return false;
	*ret_pick = (struct parked_pick){.now_us = now_us, .now_wall_us = now_wall_us};
	mutex_lock(&p->lock);
	if (parked_has_room_locked(p)) {
		ret_pick->events = p->o.max_loaded - p->loaded;
		if (parked_is_unordered(p))
			pick_sweep_locked(p, ret_pick);
		else
			pick_lines_locked(p, ret_pick);
	}
	mutex_unlock(&p->lock);
	return ret_pick->hash_count > 0;
}

static bool pick_has(const struct parked_pick *pick, uint64_t hash)
{
	size_t i;

	for (i = 0; i < pick->hash_count; i++)
		if (pick->hashes[i] == hash)
			return true;
	return false;
}

/* Was everything of its keys asked for? */
static bool pick_covers(const struct parked_pick *pick, const struct parked_place *at)
{
	if (pick->by != PARKED_BY_ROW)
		return true;
	return !at->truncate && pick_has(pick, at->row[0]) &&
	       (!at->row[1] || pick_has(pick, at->row[1]));
}

/* A row that is there because of one of its keys only: the lines of both are one from now on. One
 * without any key that was asked for has got other hashes in the database than it has here, as
 * after a change of how keys are written: with the whole table it will be found. */
static void load_uncovered_locked(struct parked *p, struct parked_pick *pick,
				  const struct parked_place *at)
{
	bool linked = !at->truncate && (pick_has(pick, at->row[0]) || pick_has(pick, at->row[1]));
	struct parked_line *l = NULL;
	enum err_code code = linked ? parked_lines_join(&p->lines, at, &l)
				    : parked_lines_widen(&p->lines, at->table, &l);

	if (code != ERR_OK || !l) {
		pick->failed = true;
		return;
	}
	l->stopped = l->more = l->dirty = true;
	(void)parked_update_locked(p, l);
}

static bool load_in_line_locked(struct parked *p, const struct parked_pick *pick,
				struct parked_line *l, int64_t due_wall_us)
{
	bool whole = l->table->whole == l;

	/* by its key only, though by now the table's TRUNCATEs belong to it */
	if (whole && pick->by == PARKED_BY_ROW)
		l->stopped = true;
	if (l->broken || (!whole && l->loaded >= LINE_LOADED_MAX))
		l->stopped = true;
	if (!l->stopped && due_wall_us > pick->now_wall_us) {
		l->due_wall_us = due_wall_us;
		l->stopped = true;
	}
	if (l->stopped)
		return false;
	l->loaded++;
	p->loaded++;
	return true;
}

static bool load_in_sweep_locked(struct parked *p, const struct parked_pick *pick,
				 struct parked_line *l, const struct event *ev, int64_t due_wall_us)
{
	struct parked_sweep *s = &p->sweep;

	s->after_seq = ev->f.parked_seq;
	if (due_wall_us > pick->now_wall_us) {
		if (due_wall_us < s->due_wall_us)
			s->due_wall_us = due_wall_us;
		if (due_wall_us > s->last_wall_us)
			s->last_wall_us = due_wall_us;
		return false;
	}
	s->any = true;
	l->loaded++;
	p->loaded++;
	return true;
}

/* What is known of a parked event beyond its row. */
static void prepare(const struct parked *p, const struct parked_pick *pick, struct event *ev)
{
	int64_t ago_us;

	ev->parked_epoch = p->epoch;
	ev->attempts = ev->f.parked_attempts;
	ev->steps = 0;
	if (!ev->f.parked_due_wall_us)
		return; /* behind another one: not yet sent */
	ev->steps = ev->f.parked_step + 1;
	ev->failed_us = 1;
	if ((size_t)ev->f.parked_step < p->o.step_count) {
		ago_us = pick->now_wall_us - ev->f.parked_due_wall_us +
			 p->o.steps_us[ev->f.parked_step];
		if (ago_us < pick->now_us)
			ev->failed_us = pick->now_us - (ago_us > 0 ? ago_us : 0);
	}
}

bool parked_load(struct parked *p, struct parked_pick *pick, struct event *ev)
{
	struct parked_place at = parked_place_in(p, ev);
	int64_t due_wall_us = parked_due_of(p, ev->f.parked_due_wall_us);
	struct parked_line *l;
	bool yes = false;

	mutex_lock(&p->lock);
	l = parked_lines_find(&p->lines, &at);
	if (pick->failed)
		yes = false;
	else if (!pick_covers(pick, &at))
		load_uncovered_locked(p, pick, &at);
	else if (l && parked_is_unordered(p))
		yes = load_in_sweep_locked(p, pick, l, ev, due_wall_us);
	else if (l)
		yes = load_in_line_locked(p, pick, l, due_wall_us);
	if (yes)
		prepare(p, pick, ev);
	mutex_unlock(&p->lock);
	return yes;
}

static bool sweep_loaded_locked(struct parked *p, const struct parked_pick *pick,
				struct parked_line *l, bool ended)
{
	struct parked_sweep *s = &p->sweep;
	int64_t due_wall_us = s->due_wall_us;

	if (!ended)
		return false; /* the next pick goes on with it */
	s->running = false;
	l->loading = false;
	if (!s->any && !l->dirty && due_wall_us == INT64_MAX &&
	    s->last_wall_us <= pick->now_wall_us)
		l->more = false;
	/* what was not due was looked at only when all was */
	if (pick->by != PARKED_ALL || due_wall_us == INT64_MAX)
		due_wall_us = pick->now_wall_us + SWEEP_US;
	if (due_wall_us < l->due_wall_us)
		l->due_wall_us = due_wall_us;
	s->all = false;
	return parked_update_locked(p, l);
}

/* The line that was picked by hash i, or what it is part of by now. */
static struct parked_line *line_of_pick(const struct parked *p, const struct parked_pick *pick,
					size_t i)
{
	struct parked_line *l = NULL;
	struct parked_table *t;

	if (pick->by == PARKED_BY_ROW)
		l = keymap_find(&p->lines.rows, pick->hashes[i]);
	t = l ? NULL : keymap_find(&p->lines.tables, pick->tables[i]);
	return t ? t->whole : l;
}

void parked_loaded(struct parked *p, const struct parked_pick *pick, bool ended)
{
	struct parked_line *l;
	bool news = false;
	size_t i;

	mutex_lock(&p->lock);
	for (i = 0; i < pick->hash_count; i++) {
		l = line_of_pick(p, pick, i);
		if (!l || !l->loading)
			continue; /* it was one with another one of them */
		if (parked_is_unordered(p)) {
			news |= sweep_loaded_locked(p, pick, l, ended);
			continue;
		}
		l->loading = false;
		if (ended && !pick->failed && !l->dirty && !l->stopped) {
			l->more = false;
			l->drained_us = pick->now_us;
		}
		news |= parked_update_locked(p, l);
	}
	mutex_unlock(&p->lock);
	parked_tell(p, news);
}
