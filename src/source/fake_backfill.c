/* SPDX-License-Identifier: MIT */
/*
 * Backfill of the fake: a job's table has the rows {"id":1}, {"id":2}, ... that nobody changes.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "source/fake_db.h"

#define ROW_BYTES 32

static struct fake_backfill *find_locked(struct fake_db *db, int64_t job)
{
	return job > 0 && (size_t)job <= db->backfill_count ? &db->backfills[job - 1] : NULL;
}

int64_t fake_db_backfill(struct fake_db *db, const char *pipeline, int64_t rows,
			 const struct backfill_progress *wanted)
{
	struct fake_backfill *b;
	int64_t id;

	mutex_lock(&db->lock);
	assert(db->backfill_count < FAKE_BACKFILLS_MAX);
	b = &db->backfills[db->backfill_count++];
	id = (int64_t)db->backfill_count;
	*b = (struct fake_backfill){.progress = *wanted, .rows = rows};
	b->progress.id = id;
	b->progress.state = BACKFILL_RUNNING;
	b->progress.rows_estimate = rows;
	(void)snprintf(b->progress.pipeline, sizeof(b->progress.pipeline), "%s", pipeline);
	(void)snprintf(b->progress.table, sizeof(b->progress.table), "t");
	mutex_unlock(&db->lock);
	return id;
}

void fake_db_backfill_lock(struct fake_db *db, int64_t job, int64_t lo, int64_t hi)
{
	struct fake_backfill *b;

	mutex_lock(&db->lock);
	b = find_locked(db, job);
	b->lock_lo = lo;
	b->lock_hi = hi;
	mutex_unlock(&db->lock);
}

void fake_db_backfill_decide(struct fake_db *db, int64_t job, enum backfill_state state)
{
	mutex_lock(&db->lock);
	find_locked(db, job)->progress.state = state;
	mutex_unlock(&db->lock);
}

struct backfill_progress fake_db_backfill_progress(struct fake_db *db, int64_t job)
{
	struct backfill_progress p;

	mutex_lock(&db->lock);
	p = find_locked(db, job)->progress;
	mutex_unlock(&db->lock);
	return p;
}

enum err_code fake_backfill_load(struct source *base, struct backfill_progress *jobs, struct err *e)
{
	struct fake_source *s = fake_source_of(base);
	const struct backfill_progress *p;
	enum err_code code;
	size_t i, j;

	mutex_lock(&s->db->lock);
	code = fake_source_enter_locked(s, FAKE_BACKFILL_LOAD, e);
	for (i = 0; code == ERR_OK && i < s->env.pipeline_count; i++) {
		jobs[i].id = 0;
		for (j = s->db->backfill_count; j-- > 0;) {
			p = &s->db->backfills[j].progress;
			if (p->state == BACKFILL_RUNNING &&
			    strcmp(p->pipeline, s->env.pipelines[i].settings->name) == 0)
				jobs[i] = *p;
		}
	}
	mutex_unlock(&s->db->lock);
	return code;
}

/* false: somebody has the row. */
static bool put_row_locked(struct fake_source *s, struct fake_backfill *b, int64_t key,
			   struct backfill_result *r)
{
	char row[ROW_BYTES];
	struct event_fields f = {.op = OP_READ, .table = TEXT_LIT("t")};

	if (key >= b->lock_lo && key <= b->lock_hi)
		return false;
	(void)snprintf(row, sizeof(row), "{\"id\":%lld}", (long long)key);
	f.key = f.data = text_of(row);
	(void)fake_db_add_locked(s->db, b->progress.pipeline, &f, true);
	b->progress.rows_done++;
	r->rows++;
	r->bytes += (int64_t)(f.key.len + f.data.len);
	return true;
}

static void ask_again_locked(struct fake_source *s, struct fake_backfill *b, int64_t rows,
			     struct backfill_result *r)
{
	int64_t i, kept = 0;

	for (i = 0; i < b->progress.skipped; i++)
		if (i >= rows || !put_row_locked(s, b, b->skipped[i], r))
			b->skipped[kept++] = b->skipped[i];
	b->progress.skipped = kept;
}

static void read_page_locked(struct fake_source *s, struct fake_backfill *b,
			     const struct backfill_page *page, struct backfill_result *r)
{
	int64_t n = page->again ? b->progress.skipped : 0;

	if (page->again)
		ask_again_locked(s, b, page->rows, r);
	for (; n < page->rows && r->bytes < page->bytes && b->cursor < b->rows; n++) {
		if (b->progress.skipped == BACKFILL_SKIPPED_MAX)
			break;
		b->cursor++;
		if (!put_row_locked(s, b, b->cursor, r))
			b->skipped[b->progress.skipped++] = b->cursor;
	}
	r->at_end = b->cursor == b->rows;
	if (r->at_end && !b->progress.skipped)
		b->progress.state = BACKFILL_DONE;
}

enum err_code fake_backfill_page(struct source *base, uint32_t p, const struct backfill_page *page,
				 struct backfill_result *ret, struct err *e)
{
	struct fake_source *s = fake_source_of(base);
	struct backfill_result r = {.rows = 0};
	struct fake_backfill *b;
	enum err_code code;

	(void)p;
	mutex_lock(&s->db->lock);
	code = fake_source_enter_locked(s, FAKE_BACKFILL_PAGE, e);
	if (code == ERR_OK) {
		b = find_locked(s->db, page->job);
		assert(b);
		if (b->progress.state == BACKFILL_RUNNING)
			read_page_locked(s, b, page, &r);
		r.progress = b->progress;
		*ret = r;
	}
	mutex_unlock(&s->db->lock);
	return code;
}

enum err_code fake_backfill_fail(struct source *base, uint32_t p, int64_t job, const char *why,
				 struct err *e)
{
	struct fake_source *s = fake_source_of(base);
	struct fake_backfill *b;

	(void)p;
	(void)e;
	mutex_lock(&s->db->lock);
	b = find_locked(s->db, job);
	if (b->progress.state == BACKFILL_RUNNING) {
		b->progress.state = BACKFILL_FAILED;
		(void)snprintf(b->progress.last_error, sizeof(b->progress.last_error), "%.255s",
			       why);
	}
	mutex_unlock(&s->db->lock);
	return ERR_OK;
}
