/* SPDX-License-Identifier: MIT */
/*
 * The thread has no state machine of its own beside "open or not": it goes round and round
 *
 *     acknowledge what is due ─► load what is parked and due ─► read each pipeline once
 *     ─► a page of each backfill that may go on ─► inspect, if due ─► wait, if nothing is left
 *
 * and every failure but a lack of memory ends in lose(): close, drop what is queued, try again
 * later. What is in flight then, and acknowledgements not yet made, are taken up by resume().
 */
#include "source/runner_loop.h"

#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "source/runner_park.h"
#include "source/runner_tenant.h"

#define BACKOFF_MIN_US (100 * CLOCK_US_PER_MS)
#define STANDBY_US CLOCK_US_PER_S
#define PROGRESS_US CLOCK_US_PER_S
#define LOG_AGAIN_US (60 * CLOCK_US_PER_S)
#define NOMEM_US (200 * CLOCK_US_PER_MS)
#define SETTLE_US (20 * CLOCK_US_PER_MS)

static int64_t now_us(const struct runner *r)
{
	return clock_now_us(r->clock);
}

static bool is_stopping(struct runner *r)
{
	return atomic_load(&r->stopping);
}

/* ---- stats ---- */

static void set_state(struct runner *r, enum runner_state state)
{
	mutex_lock(&r->lock);
	r->stats.state = state;
	mutex_unlock(&r->lock);
}

static void note_progress(struct runner *r)
{
	mutex_lock(&r->lock);
	r->stats.progress_us = now_us(r);
	mutex_unlock(&r->lock);
}

static void note_failure(struct runner *r, const char *msg)
{
	mutex_lock(&r->lock);
	r->stats.failures++;
	(void)snprintf(r->stats.last_error, sizeof(r->stats.last_error), "%.255s", msg);
	mutex_unlock(&r->lock);
}

static void note_all_well(struct runner *r)
{
	mutex_lock(&r->lock);
	r->stats.last_error[0] = '\0';
	mutex_unlock(&r->lock);
}

static void note_closed(struct runner *r)
{
	mutex_lock(&r->lock);
	r->stats.source.connections = 0;
	mutex_unlock(&r->lock);
}

/* ---- waiting without the source ---- */

/* Until until_us or the end; other wake-ups stay pending for the loop. */
static void pause_until(struct runner *r, int64_t until_us)
{
	int64_t now, next;

	while (!is_stopping(r) && (now = now_us(r)) < until_us) {
		note_progress(r);
		next = until_us - now > PROGRESS_US ? now + PROGRESS_US : until_us;
		if (fd_wait(-1, r->wake_fd, now, next) & FD_WOKEN)
			(void)fd_wake_clear(r->wake_fd);
	}
}

/* Half of it certain, half of it chance: daemons that lost the same server do not come back in
 * step. */
static int64_t next_backoff(struct runner *r)
{
	int64_t max_us = r->settings->reconnect_max_delay_us;
	int64_t whole;

	r->backoff_us = r->backoff_us ? r->backoff_us * 2 : BACKOFF_MIN_US;
	if (r->backoff_us > max_us)
		r->backoff_us = max_us;
	whole = r->backoff_us;
	return whole / 2 + (int64_t)random_below(&r->random, (uint64_t)(whole - whole / 2 + 1));
}

/* ---- acknowledging ---- */

static ATTR_MUST_CHECK enum err_code acknowledge(struct runner *r, struct err *e)
{
	size_t count, dead;
	enum err_code code = runner_batch_give(&r->batch, r->source, &count, &dead, e);

	mutex_lock(&r->lock);
	r->stats.acked_total += (int64_t)count;
	r->stats.dead_total += (int64_t)dead;
	r->stats.acks_pending = (int64_t)r->batch.count;
	mutex_unlock(&r->lock);
	return code == ERR_OK ? code : err_prefix(e, "cannot acknowledge");
}

enum err_code runner_acknowledge_all(struct runner *r, struct err *e)
{
	enum err_code code = ERR_OK;

	while (code == ERR_OK && runner_batch_left(&r->batch))
		code = acknowledge(r, e);
	return code;
}

static ATTR_MUST_CHECK enum err_code acknowledge_due(struct runner *r, struct err *e)
{
	enum err_code code = ERR_OK;

	/* All that is due: one batch for each round of reads from many pipelines would let them
	 * pile up without a bound. And what is left has its time set for the wait. */
	while (code == ERR_OK &&
	       runner_batch_is_due(&r->batch, now_us(r), r->settings->ack_delay_us)) {
		note_progress(r);
		code = acknowledge(r, e);
	}
	return code;
}

/* ---- old rows ---- */

static ATTR_MUST_CHECK enum err_code purge_due(struct runner *r, struct err *e)
{
	int64_t purged = 0, delivered = 0;
	enum err_code code = runner_purge_step(&r->purge, r->source, now_us(r), &purged, e);

	if (code == ERR_OK)
		code = runner_purge_step(&r->purge_delivered, r->source, now_us(r), &delivered, e);

	mutex_lock(&r->lock);
	r->stats.purged_total += purged;
	r->stats.delivered_purged_total += delivered;
	mutex_unlock(&r->lock);
	return code;
}

/* ---- waiting ---- */

static int64_t wait_deadline(const struct runner *r, bool quiesced)
{
	int64_t deadline = runner_batch_due_us(&r->batch, r->settings->ack_delay_us), due_us;
	size_t i;

	if (r->inspect_us < deadline)
		deadline = r->inspect_us;
	if (r->purge.next_us < deadline)
		deadline = r->purge.next_us;
	if (r->purge_delivered.next_us < deadline)
		deadline = r->purge_delivered.next_us;
	if (!quiesced) {
		due_us = runner_backfill_due_us(&r->backfill, r->source, r->pipes);
		if (due_us < deadline)
			deadline = due_us;
	}
	for (i = 0; i < r->pipe_count && !quiesced; i++) {
		const struct runner_pipe *p = &r->pipes[i];

		if (p->blocked && p->retry_us < deadline)
			deadline = p->retry_us;
		if (p->standing.retry_us && p->standing.retry_us < deadline)
			deadline = p->standing.retry_us;
		due_us = runner_park_due_us(p, r->clock);
		if (due_us < deadline)
			deadline = due_us;
	}
	return deadline;
}

/* Changes are told to who waits. While one pipeline always has more nobody does, and without this
 * the others would be read when the source is inspected. */
static void want_unwaited(struct runner *r)
{
	int64_t now = now_us(r);

	if (now < r->look_us)
		return;
	r->look_us = now + r->settings->poll_interval_us;
	runner_pipes_want(r->pipes, r->pipe_count);
}

static ATTR_MUST_CHECK enum err_code wait_for_work(struct runner *r, struct err *e)
{
	bool idle = false, quiesced = atomic_load(&r->quiesced);
	int woken = 0;
	enum err_code code;
	size_t i;

	for (i = 0; i < r->pipe_count && !quiesced; i++) {
		if (r->pipes[i].blocked)
			continue;
		if (runner_tenant_wants(&r->pipes[i])) {
			want_unwaited(r);
			return ERR_OK;
		}
		idle = true;
	}
	/* quiesced, nobody makes use of it */
	if (is_stopping(r) || (!quiesced && atomic_load(&r->has_room)))
		return ERR_OK;
	if (idle && atomic_exchange(&r->has_news, false)) {
		runner_pipes_want(r->pipes, r->pipe_count);
		return ERR_OK;
	}
	code = r->ops->wait(r->source, idle, r->wake_fd, wait_deadline(r, quiesced), &woken, e);
	if (code != ERR_OK)
		return code;
	(void)fd_wake_clear(r->wake_fd);
	if (!(woken & SOURCE_WOKEN_CHANGE))
		return ERR_OK;
	runner_pipes_want(r->pipes, r->pipe_count);
	mutex_lock(&r->lock);
	r->stats.wakeups++;
	mutex_unlock(&r->lock);
	return ERR_OK;
}

/* ---- losing and resuming ---- */

static void drop_queued(struct runner *r)
{
	size_t i;

	for (i = 0; i < r->pipe_count; i++)
		runner_pipe_drop(&r->pipes[i], r->acks);
}

static void close_source(struct runner *r)
{
	r->ops->close(r->source);
	r->is_open = false;
	drop_queued(r);
	note_closed(r);
}

/* Say it once; again when it is another failure, or still the same a minute later. */
static void log_failure(struct runner *r, const char *what, const struct err *e, int64_t retry_us)
{
	int64_t now = now_us(r);

	if (strncmp(r->logged, e->msg, sizeof(r->logged) - 1) == 0 &&
	    now - r->logged_us < LOG_AGAIN_US)
		return;
	(void)snprintf(r->logged, sizeof(r->logged), "%.255s", e->msg);
	r->logged_us = now;
	log_error(what, LOG_E(e), LOG_S("kind", err_name(e->code)),
		  LOG_F("retry_s", (double)retry_us / (double)CLOCK_US_PER_S));
}

static void lose(struct runner *r, const struct err *e)
{
	int64_t delay_us = next_backoff(r);

	close_source(r);
	set_state(r, RUNNER_CONNECTING);
	note_failure(r, e->msg);
	log_failure(r, "the source failed, connecting again", e, delay_us);
	pause_until(r, now_us(r) + delay_us);
}

/* The ids of what is in flight mean other rows now: let it settle, and drop its acks. Their rows,
 * if they are still there, are delivered again. Twice nothing, because a worker may be between
 * settling and pushing the ack. */
static void settle_old_history(struct runner *r)
{
	int quiet = 0;
	size_t i, inflight;

	log_warn("the database is another one, or went back in time: what was in flight is "
		 "delivered again");
	while (quiet < 2 && !is_stopping(r)) {
		drop_queued(r);
		for (i = 0, inflight = 0; i < r->pipe_count; i++)
			inflight += ring_stats(r->pipes[i].ring).inflight;
		quiet = inflight || runner_batch_left(&r->batch) ? 0 : quiet + 1;
		runner_batch_drop(&r->batch);
		pause_until(r, now_us(r) + SETTLE_US);
	}
	/* when stopping ended it early: by then the workers are gone */
	runner_batch_drop(&r->batch);
}

/* After an open. What was retried or released since the rings were cleared is dropped first; a
 * worker may do so again before its id is held, and then the row is delivered twice, in order. */
static ATTR_MUST_CHECK enum err_code resume(struct runner *r, struct err *e)
{
	enum err_code code = ERR_OK;
	size_t i;

	drop_queued(r);
	if (!runner_history_is_same(r))
		settle_old_history(r);
	runner_history_adopt(r);
	runner_backfill_begin(&r->backfill);
	for (i = 0; i < r->pipe_count; i++)
		runner_park_begin(&r->pipes[i]);
	for (i = 0; code == ERR_OK && i < r->pipe_count; i++)
		code = runner_pipe_hold(&r->pipes[i], r->source, e);
	if (code == ERR_OK)
		code = runner_acknowledge_all(r, e);
	for (i = 0; code == ERR_OK && i < r->pipe_count; i++)
		code = runner_park_list(&r->pipes[i], r->source, e);
	if (code == ERR_OK)
		code = runner_pipes_sync(r->pipes, r->pipe_count, r->source, true, e);
	runner_pipes_want(r->pipes, r->pipe_count);
	r->inspect_us = 0;
	return code;
}

static void note_opened(struct runner *r)
{
	mutex_lock(&r->lock);
	r->stats.connects++;
	mutex_unlock(&r->lock);
	set_state(r, RUNNER_ACTIVE);
	runner_pipes_resume(r->pipes, r->pipe_count);
	log_info("reading the source", LOG_I("pipelines", r->pipe_count));
}

static void stand_by(struct runner *r)
{
	bool news;

	mutex_lock(&r->lock);
	news = r->stats.state != RUNNER_STANDBY;
	r->stats.last_error[0] = '\0';
	r->stats.source.connections = 1;
	mutex_unlock(&r->lock);
	set_state(r, RUNNER_STANDBY);
	r->backoff_us = 0;
	if (news)
		log_info("another daemon is active, standing by");
	pause_until(r, now_us(r) + STANDBY_US / 2 +
			       (int64_t)random_below(&r->random, (uint64_t)STANDBY_US / 2));
}

static void connect_source(struct runner *r)
{
	struct err e = {.code = ERR_OK};
	enum err_code code;

	drop_queued(r); /* what workers gave back meanwhile */
	code = r->ops->open(r->source, &e);
	if (code == ERR_BUSY) {
		stand_by(r);
		return;
	}
	if (code == ERR_OK) {
		r->is_open = true;
		code = resume(r, &e);
	}
	if (is_stopping(r))
		return;
	if (code != ERR_OK)
		lose(r, &e);
	else
		note_opened(r);
}

/* ---- the thread ---- */

static ATTR_MUST_CHECK enum err_code go_round(struct runner *r, struct err *e)
{
	enum err_code code;

	note_progress(r);
	code = acknowledge_due(r, e);
	if (code == ERR_OK)
		code = runner_read(r, e);
	if (code == ERR_OK && !atomic_load(&r->quiesced))
		code = runner_backfill_step(&r->backfill, r->source, r->pipes, e);
	if (code == ERR_OK)
		code = runner_inspect_due(r, e);
	if (code == ERR_OK)
		code = purge_due(r, e);
	if (code != ERR_OK)
		return code;
	if (r->backoff_us || r->logged[0]) {
		note_all_well(r);
		r->backoff_us = 0;
		r->logged[0] = '\0';
	}
	return wait_for_work(r, e);
}

static void finish(struct runner *r)
{
	struct err e = {.code = ERR_OK};

	if (r->is_open && runner_acknowledge_all(r, &e) != ERR_OK)
		log_warn("stopping without the last acknowledgements: those events will be "
			 "delivered again",
			 LOG_E(&e), LOG_I("events", runner_batch_left(&r->batch)));
	else if (r->is_open &&
		 runner_pipes_sync(r->pipes, r->pipe_count, r->source, false, &e) != ERR_OK)
		log_warn("stopping without having written down what is known of webhooks",
			 LOG_E(&e));
	close_source(r);
	set_state(r, RUNNER_STOPPED);
}

void runner_loop(void *arg)
{
	struct runner *r = arg;
	enum err_code code;
	struct err e;

	log_set_context("source", r->settings->name);
	set_state(r, RUNNER_CONNECTING);
	runner_purge_init(&r->purge, r->settings->dead_letter_retention_us, r->pipe_count,
			  r->clock);
	runner_purge_init_delivered(&r->purge_delivered, r->shared, r->pipe_count, r->clock);
	while (!is_stopping(r)) {
		if (!r->is_open) {
			connect_source(r);
			continue;
		}
		e = (struct err){.code = ERR_OK};
		code = go_round(r, &e);
		if (code == ERR_NOMEM) {
			note_failure(r, e.msg);
			log_failure(r, "no memory, waiting for some", &e, NOMEM_US);
			pause_until(r, now_us(r) + NOMEM_US);
			runner_pipes_want(r->pipes, r->pipe_count);
		} else if (code != ERR_OK && !is_stopping(r)) {
			lose(r, &e);
		}
	}
	finish(r);
	log_set_context(NULL, NULL);
}
