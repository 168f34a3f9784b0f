/* SPDX-License-Identifier: MIT */
#include "source/runner_backfill.h"

#include <assert.h>

#include "base/log.h"
#include "base/mem.h"
#include "source/runner_tenant.h"

#define LOOK_US CLOCK_US_PER_S
#define LOOK_ABSENT_US (60 * CLOCK_US_PER_S)
#define LOOK_TROUBLE_US (10 * CLOCK_US_PER_S)
#define TROUBLE_US CLOCK_US_PER_S
#define AGAIN_US (500 * CLOCK_US_PER_MS)
#define ROOM_US (10 * CLOCK_US_PER_MS) /* to look whether the ring has drained */
#define PAUSE_US (200 * CLOCK_US_PER_MS)
#define PAGES_A_SECOND 5 /* with a rate */

enum err_code runner_backfill_init(struct runner_backfill *b, size_t count,
				   const struct clock *clock, struct err *e)
{
	*b = (struct runner_backfill){.clock = clock, .count = count};
	mutex_init(&b->lock);
	b->jobs = mem_calloc(count, sizeof(*b->jobs));
	b->loaded = mem_calloc(count, sizeof(*b->loaded));
	b->shown = mem_calloc(count, sizeof(*b->shown));
	if (!b->jobs || !b->loaded || !b->shown)
		return err_set(e, ERR_NOMEM, "no memory for backfill jobs");
	return ERR_OK;
}

void runner_backfill_done(struct runner_backfill *b)
{
	mem_free(b->jobs);
	mem_free(b->loaded);
	mem_free(b->shown);
	mutex_done(&b->lock);
}

void runner_backfill_begin(struct runner_backfill *b)
{
	size_t i;

	for (i = 0; i < b->count; i++)
		b->jobs[i] = (struct runner_backfill_job){.rows = 0};
	b->look_us = 0;
	b->absent = false;
}

static int64_t now_us(const struct runner_backfill *b)
{
	return clock_now_us(b->clock);
}

static void show(struct runner_backfill *b, size_t p, const struct backfill_progress *progress)
{
	mutex_lock(&b->lock);
	b->shown[p] = *progress;
	mutex_unlock(&b->lock);
}

struct backfill_progress runner_backfill_shown(struct runner_backfill *b, size_t p)
{
	struct backfill_progress progress;

	assert(p < b->count);
	mutex_lock(&b->lock);
	progress = b->shown[p];
	mutex_unlock(&b->lock);
	return progress;
}

/* ---- which jobs there are ---- */

static int64_t page_rows(const struct backfill_progress *p)
{
	int64_t even = p->rate / PAGES_A_SECOND > 0 ? p->rate / PAGES_A_SECOND : 1;

	return p->rate && even < p->flush_every ? even : p->flush_every;
}

static void take_up(struct runner_backfill *b, size_t p, const struct backfill_progress *found)
{
	struct runner_backfill_job *job = &b->jobs[p];

	if (job->progress.id && job->progress.id != found->id)
		log_info("a backfill was stopped by an operator",
			 LOG_S("pipeline", job->progress.pipeline), LOG_I("job", job->progress.id),
			 LOG_S("table", job->progress.table),
			 LOG_I("rows", job->progress.rows_done));
	if (found->id && job->progress.id != found->id) {
		*job = (struct runner_backfill_job){.rows = page_rows(found),
						    .since_us = now_us(b)};
		log_info(found->rows_done ? "a backfill goes on" : "a backfill begins",
			 LOG_S("pipeline", found->pipeline), LOG_I("job", found->id),
			 LOG_S("table", found->table), LOG_I("rows", found->rows_done),
			 LOG_I("estimate", found->rows_estimate));
	}
	/* which word it was is not known here: then nothing is shown */
	if (found->id || job->progress.id)
		show(b, p, found);
	job->progress = *found;
}

/* What else went wrong than what is returned. */
static void note_no_jobs(struct runner_backfill *b, enum err_code code, const struct err *e)
{
	bool absent = code == ERR_NOT_FOUND || code == ERR_DENIED;

	if (!absent)
		log_warn("cannot look for backfill jobs, trying again", LOG_E(e));
	else if (!b->absent)
		log_info("backfill needs a table that is not here: run app-db-listener install",
			 LOG_E(e));
	b->absent = absent;
	b->look_us = now_us(b) + (absent ? LOOK_ABSENT_US : LOOK_TROUBLE_US);
}

static ATTR_MUST_CHECK enum err_code look(struct runner_backfill *b, struct source *s,
					  struct err *e)
{
	enum err_code code = s->ops->backfill_load(s, b->loaded, e);
	size_t i;

	if (code == ERR_UNAVAILABLE || code == ERR_NOMEM)
		return err_prefix(e, "cannot look for backfill jobs");
	if (code != ERR_OK) {
		note_no_jobs(b, code, e);
		return ERR_OK;
	}
	b->absent = false;
	b->look_us = now_us(b) + LOOK_US;
	for (i = 0; i < b->count; i++)
		take_up(b, i, &b->loaded[i]);
	return ERR_OK;
}

/* ---- may a page be read ---- */

/* Less than the pages that may be undelivered: half a page's room is enough for the next, so that
 * changes that come all the time do not starve the job. */
static bool has_room(const struct runner_backfill_job *job, const struct runner_pipe *pipe)
{
	int64_t page = job->progress.flush_every;
	int64_t inside = (int64_t)ring_stats(pipe->ring).events;

	return 2 * inside < page * (2 * job->progress.max_concurrent_pages - 1);
}

static bool is_read_to_its_end(const struct runner_pipe *pipe)
{
	return runner_tenant_is_at_end(pipe) && !pipe->blocked && !runner_pipe_has_events(pipe);
}

/* INT64_MAX: when something else happens. */
static int64_t job_due_us(const struct runner_backfill *b, const struct runner_backfill_job *job,
			  const struct runner_pipe *pipe)
{
	int64_t now = now_us(b);

	if (!job->progress.id || !is_read_to_its_end(pipe))
		return INT64_MAX;
	if (job->next_us > now)
		return job->next_us;
	if (budget_pauses(b->budget))
		return now + PAUSE_US;
	return has_room(job, pipe) ? now : now + ROOM_US;
}

int64_t runner_backfill_due_us(const struct runner_backfill *b, const struct source *s,
			       const struct runner_pipe *pipes)
{
	int64_t due_us, job_us;
	size_t i;

	if (!s->ops->backfill_load)
		return INT64_MAX;
	due_us = b->look_us;
	for (i = 0; i < b->count; i++) {
		job_us = job_due_us(b, &b->jobs[i], &pipes[i]);
		if (job_us < due_us)
			due_us = job_us;
	}
	return due_us;
}

/* ---- a page ---- */

static void note_end(struct runner_backfill *b, size_t p)
{
	struct runner_backfill_job *job = &b->jobs[p];
	const struct backfill_progress *r = &job->progress;

	if (r->state == BACKFILL_DONE)
		log_info("a backfill is done", LOG_S("pipeline", r->pipeline), LOG_I("job", r->id),
			 LOG_S("table", r->table), LOG_I("rows", r->rows_done),
			 LOG_F("seconds", (double)(now_us(b) - job->since_us) / CLOCK_US_PER_S));
	else
		log_info("a backfill was stopped by an operator", LOG_S("pipeline", r->pipeline),
			 LOG_I("job", r->id), LOG_S("table", r->table),
			 LOG_S("state", backfill_state_name(r->state)),
			 LOG_I("rows", r->rows_done));
	*job = (struct runner_backfill_job){.rows = 0};
	b->look_us = now_us(b); /* for the pipeline's next one */
}

/* Back to what was wanted, after pages that took too long. */
static void grow(struct runner_backfill_job *job)
{
	int64_t wanted = page_rows(&job->progress);

	job->rows = job->rows <= wanted / 2 ? 2 * job->rows : wanted;
}

static void note_page(struct runner_backfill *b, size_t p, const struct backfill_page *page,
		      const struct backfill_result *r)
{
	struct runner_backfill_job *job = &b->jobs[p];
	int64_t now = now_us(b), rate = r->progress.rate;
	bool is_stuck;

	job->progress = r->progress;
	show(b, p, &r->progress);
	if (r->progress.state != BACKFILL_RUNNING) {
		note_end(b, p);
		return;
	}
	job->at_end = r->at_end;
	job->in_trouble = false;
	grow(job);
	job->next_us = now;
	if (rate)
		job->next_us = now + r->rows * CLOCK_US_PER_S / rate;
	if (page->again)
		job->again_us = now + AGAIN_US;
	is_stuck = job->at_end || r->progress.skipped >= BACKFILL_SKIPPED_MAX;
	if (is_stuck && job->again_us > job->next_us)
		job->next_us = job->again_us;
}

/* Later: others have what is needed. A page that took too long is smaller the next time. */
static void note_busy(struct runner_backfill *b, size_t p, enum err_code code, const struct err *e)
{
	struct runner_backfill_job *job = &b->jobs[p];

	if (!job->in_trouble)
		log_warn("a page of a backfill is tried again later",
			 LOG_S("pipeline", job->progress.pipeline), LOG_I("job", job->progress.id),
			 LOG_S("table", job->progress.table), LOG_E(e));
	job->in_trouble = true;
	job->next_us = now_us(b) + TROUBLE_US;
	if (code == ERR_TIMEOUT && job->rows > 1)
		job->rows /= 2;
}

static ATTR_MUST_CHECK enum err_code fail(struct runner_backfill *b, struct source *s, size_t p,
					  const struct err *why, struct err *e)
{
	struct runner_backfill_job *job = &b->jobs[p];
	struct err own;
	enum err_code code =
		s->ops->backfill_fail(s, (uint32_t)p, job->progress.id, why->msg, &own);

	if (code == ERR_UNAVAILABLE || code == ERR_NOMEM)
		return err_set(e, code, "cannot end a backfill: %s", own.msg);
	if (code != ERR_OK) {
		note_busy(b, p, ERR_BUSY, &own);
		return ERR_OK;
	}
	log_error("a backfill failed", LOG_S("pipeline", job->progress.pipeline),
		  LOG_I("job", job->progress.id), LOG_S("table", job->progress.table),
		  LOG_I("rows", job->progress.rows_done), LOG_E(why));
	job->progress.state = BACKFILL_FAILED;
	show(b, p, &job->progress);
	*job = (struct runner_backfill_job){.rows = 0};
	b->look_us = now_us(b);
	return ERR_OK;
}

/* Take what a page may need from the budget, which may make it smaller. false: not now. */
static bool take_room(const struct source *s, const struct runner_pipe *pipe,
		      struct backfill_page *page, struct runner_budget *ret_room)
{
	struct source_limit limit = {.events = (size_t)page->rows, .bytes = (size_t)page->bytes};

	*ret_room = runner_budget_of_page(s->ops->backfill_is_local ? &pipe->budget : NULL);
	if (!runner_budget_begin(ret_room, pipe->ring, &limit))
		return false;
	page->rows = (int64_t)limit.events;
	page->bytes = (int64_t)limit.bytes;
	return true;
}

static ATTR_MUST_CHECK enum err_code read_page(struct runner_backfill *b, struct source *s,
					       struct runner_pipe *pipe, size_t p, struct err *e)
{
	struct runner_backfill_job *job = &b->jobs[p];
	struct backfill_page page = {.job = job->progress.id,
				     .rows = job->rows,
				     .bytes = BACKFILL_PAGE_BYTES,
				     .again = job->progress.skipped > 0 &&
					      now_us(b) >= job->again_us};
	struct runner_budget room;
	struct backfill_result r;
	struct err why;
	enum err_code code;

	if (!take_room(s, pipe, &page, &room)) {
		job->next_us = now_us(b) + PAUSE_US;
		return ERR_OK;
	}
	code = s->ops->backfill_page(s, (uint32_t)p, &page, &r, &why);
	runner_budget_kept(&room, 0);
	switch (code) {
	case ERR_OK:
		note_page(b, p, &page, &r);
		pipe->more = pipe->more || r.rows > 0;
		return ERR_OK;
	case ERR_UNAVAILABLE:
	case ERR_NOMEM:
		return err_set(e, code, "cannot read a page of a backfill: %s", why.msg);
	case ERR_TIMEOUT:
	case ERR_BUSY:
		note_busy(b, p, code, &why);
		return ERR_OK;
	default:
		return fail(b, s, p, &why, e);
	}
}

enum err_code runner_backfill_step(struct runner_backfill *b, struct source *s,
				   struct runner_pipe *pipes, struct err *e)
{
	enum err_code code = ERR_OK;
	size_t i;

	if (!s->ops->backfill_load)
		return ERR_OK;
	if (now_us(b) >= b->look_us)
		code = look(b, s, e);
	for (i = 0; code == ERR_OK && i < b->count; i++)
		if (job_due_us(b, &b->jobs[i], &pipes[i]) <= now_us(b))
			code = read_page(b, s, &pipes[i], i, e);
	return code;
}
