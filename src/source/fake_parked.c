/* SPDX-License-Identifier: MIT */
/*
 * The table `parked` of the fake database: a list in the order of seq.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "source/fake_db.h"

static void fill(struct fake_parked *row, const struct ack *a)
{
	struct event_fields *f = &row->event->f;

	f->parked_due_wall_us = a->due_wall_us;
	f->parked_step = a->step;
	f->parked_attempts = a->attempts;
}

static void row_free(struct fake_parked *row)
{
	event_free(row->event);
	mem_free(row);
}

void fake_db_parked_done(struct fake_db *db)
{
	struct fake_parked *row;

	while ((row = db->parked)) {
		db->parked = row->next;
		row_free(row);
	}
}

void fake_db_park_locked(struct fake_db *db, const char *pipeline, const struct ack *a)
{
	struct fake_row *from = *fake_db_row_locked(db, pipeline, a->id);
	struct fake_parked *row, **at;
	enum err_code code;

	if (!from)
		return;
	row = mem_calloc(1, sizeof(*row));
	assert(row);
	code = event_new(&from->event->f, &row->event, NULL);
	assert(code == ERR_OK);
	(void)code;
	(void)snprintf(row->pipeline, sizeof(row->pipeline), "%s", pipeline);
	memcpy(row->row_hash, a->row_hash, sizeof(row->row_hash));
	row->table_hash = a->table_hash;
	row->event->f.parked = true;
	row->event->f.parked_seq = ++db->last_seq;
	fill(row, a);
	for (at = &db->parked; *at; at = &(*at)->next)
		;
	*at = row;
	db->stats.parked++;
	(void)fake_db_drop_locked(db, pipeline, a->id);
}

void fake_db_parked_ack_locked(struct fake_db *db, const char *pipeline, const struct ack *a)
{
	struct fake_parked **at = &db->parked, *row;

	while (*at && ((*at)->event->f.id != a->id || strcmp((*at)->pipeline, pipeline) != 0))
		at = &(*at)->next;
	row = *at;
	if (!row)
		return;
	if (a->outcome == ACK_PARKED) {
		fill(row, a);
		return;
	}
	if (a->outcome == ACK_DEAD)
		fake_db_bury_locked(db, a);
	*at = row->next;
	row_free(row);
	db->stats.parked--;
}

static bool is_of(const struct fake_parked *row, const struct fake_source *s, uint32_t p)
{
	return strcmp(row->pipeline, s->env.pipelines[p].settings->name) == 0;
}

/* ---- parked_list ---- */

static bool is_group(const struct fake_parked *row, const struct parked_group *g)
{
	return memcmp(row->row_hash, g->row_hash, sizeof(row->row_hash)) == 0 &&
	       row->table_hash == g->table_hash && (row->event->f.op == OP_TRUNCATE) == g->truncate;
}

/* The group of row; its count is 0 when an earlier row is of the same one. */
static struct parked_group group_locked(const struct fake_source *s, uint32_t p,
					const struct fake_parked *row)
{
	struct parked_group g = {.table_hash = row->table_hash,
				 .truncate = row->event->f.op == OP_TRUNCATE};
	const struct fake_parked *other;
	int64_t due;

	memcpy(g.row_hash, row->row_hash, sizeof(g.row_hash));
	for (other = s->db->parked; other != row; other = other->next)
		if (is_of(other, s, p) && is_group(other, &g))
			return g;
	for (; other; other = other->next) {
		if (!is_of(other, s, p) || !is_group(other, &g))
			continue;
		due = other->event->f.parked_due_wall_us;
		if (due && (!g.due_wall_us || due < g.due_wall_us))
			g.due_wall_us = due;
		g.count++;
	}
	return g;
}

enum err_code fake_parked_list(struct source *base, uint32_t p, parked_list_fn fn, void *ctx,
			       struct err *e)
{
	struct fake_source *s = fake_source_of(base);
	const struct fake_parked *row;
	struct parked_group g;
	enum err_code code;

	mutex_lock(&s->db->lock);
	code = fake_source_enter_locked(s, FAKE_PARKED_LIST, e);
	for (row = s->db->parked; row && code == ERR_OK; row = row->next) {
		if (!is_of(row, s, p))
			continue;
		g = group_locked(s, p, row);
		if (!g.count)
			continue;
		code = fn(ctx, &g);
		if (code != ERR_OK)
			code = err_set(e, code, "cannot take in what is parked");
	}
	mutex_unlock(&s->db->lock);
	return code;
}

/* ---- parked_read ---- */

static bool has(const struct parked_select *sel, uint64_t hash)
{
	size_t i;

	for (i = 0; i < sel->hash_count; i++)
		if (hash && sel->hashes[i] == hash)
			return true;
	return false;
}

static bool is_picked(const struct fake_parked *row, const struct parked_select *sel)
{
	int64_t due = row->event->f.parked_due_wall_us;

	if (row->event->f.parked_seq <= sel->after_seq)
		return false;
	switch (sel->by) {
	case PARKED_BY_ROW:
		return has(sel, row->row_hash[0]) || has(sel, row->row_hash[1]);
	case PARKED_BY_TABLE:
		return has(sel, row->table_hash);
	case PARKED_DUE:
		return due && due <= sel->due_wall_us;
	case PARKED_ALL:
		break;
	}
	return true;
}

static ATTR_MUST_CHECK enum err_code read_locked(struct fake_source *s, uint32_t p,
						 const struct parked_select *sel,
						 struct source_limit limit, struct event **out,
						 size_t *ret_count, bool *ret_more, struct err *e)
{
	const struct fake_parked *row;
	enum err_code code = ERR_OK;
	size_t n = 0, bytes = 0;
	bool more = false;

	for (row = s->db->parked; row && !more && code == ERR_OK; row = row->next) {
		if (!is_of(row, s, p) || !is_picked(row, sel))
			continue;
		bytes += row->event->bytes;
		more = n == limit.events || (n && bytes > limit.bytes);
		if (more)
			break;
		code = event_new(&row->event->f, &out[n], e);
		if (code == ERR_OK)
			out[n++]->read_us = clock_now_us(s->env.clock);
	}
	if (code != ERR_OK) {
		while (n)
			event_free(out[--n]);
		return code;
	}
	*ret_count = n;
	*ret_more = more;
	return ERR_OK;
}

enum err_code fake_parked_read(struct source *base, uint32_t p, const struct parked_select *sel,
			       struct source_limit limit, struct event **out, size_t *ret_count,
			       bool *ret_more, struct err *e)
{
	struct fake_source *s = fake_source_of(base);
	enum err_code code;

	assert(sel->hash_count <= PARKED_HASHES_MAX);
	mutex_lock(&s->db->lock);
	code = fake_source_enter_locked(s, FAKE_PARKED_READ, e);
	if (code == ERR_OK)
		code = read_locked(s, p, sel, limit, out, ret_count, ret_more, e);
	mutex_unlock(&s->db->lock);
	return code;
}
