/* SPDX-License-Identifier: MIT */
/*
 * The text of a write stays until it is written, so that a second try costs no rendering. A record
 * that would make it longer than ARCHIVE_BATCH_BYTES begins the next one; it is kept rendered.
 */
#include "sink/archive.h"

#include <assert.h>
#include <stdio.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "sink/archive_compress.h"
#include "sink/archive_record.h"
#include "sink/event_list.h"

#define RETRY_MIN_US CLOCK_US_PER_S
#define RETRY_MAX_US (30 * CLOCK_US_PER_S)
#define NOMEM_US (200 * CLOCK_US_PER_MS)
/* Text that is kept between two writes. */
#define KEEP_BYTES ((size_t)64 * 1024)
/* Of a write while memory is short. */
#define SHORT_BYTES ((size_t)64 * 1024)

struct archive {
	struct archive_options o;
	struct archive_compress *compress; /* NULL: not wanted */
	struct thread thread;

	/* the thread's own */
	struct archive_file file;
	struct event_list batch; /* taken, in the order of the queue */
	struct event *written;   /* the last of batch that is in text; NULL: none */
	size_t in_text;          /* of batch */
	struct buf text;
	struct buf record;
	bool has_record; /* record is that of the event behind written */
	int64_t retry_us;
	size_t charged; /* for text and record */

	struct mutex lock; /* of what follows */
	struct cond news;
	struct event_list queue;
	int64_t oldest_us; /* when the queue's first came */
	bool stopping;
	int64_t stop_us;
	bool wanted; /* archive_room said 0 */
	struct archive_stats stats;
};

enum err_code archive_new(const struct archive_options *o, struct archive **ret_a, struct err *e)
{
	struct archive *a = mem_calloc(1, sizeof(*a));
	enum err_code code;

	assert(o->flush_every >= 1);
	if (!a)
		return err_set(e, ERR_NOMEM, "no memory for an archive");
	mutex_init(&a->lock);
	cond_init(&a->news);
	event_list_init(&a->queue);
	event_list_init(&a->batch);
	buf_init(&a->text, SIZE_MAX / 2);
	buf_init(&a->record, SIZE_MAX / 2);
	a->o = *o;
	a->retry_us = RETRY_MIN_US;
	code = archive_file_init(&a->file, &o->file, e);
	if (code == ERR_OK && o->compress)
		code = archive_compress_new(a->file.path, o->budget, &a->compress, e);
	if (code != ERR_OK) {
		archive_free(a);
		return code;
	}
	*ret_a = a;
	return ERR_OK;
}

void archive_free(struct archive *a)
{
	if (!a)
		return;
	assert(!a->thread.running && !a->queue.count && !a->batch.count);
	archive_compress_free(a->compress);
	archive_file_done(&a->file);
	budget_release(a->o.budget, BUDGET_ARCHIVE, a->charged);
	buf_done(&a->text);
	buf_done(&a->record);
	cond_done(&a->news);
	mutex_done(&a->lock);
	mem_free(a);
}

const char *archive_path(const struct archive *a)
{
	return a->file.path;
}

/* ---- for the workers ---- */

void archive_put(struct archive *a, struct event *list)
{
	mutex_lock(&a->lock);
	if (!a->queue.count)
		a->oldest_us = clock_now_us(a->o.clock);
	event_list_add(&a->queue, list);
	a->stats.queue = a->queue.count;
	cond_signal(&a->news);
	mutex_unlock(&a->lock);
}

/* One write is under way, and one waits. */
size_t archive_room(struct archive *a)
{
	size_t room = 0;

	mutex_lock(&a->lock);
	if (!a->stats.paused && a->queue.count < a->o.flush_every)
		room = a->o.flush_every - a->queue.count;
	a->wanted |= room == 0;
	mutex_unlock(&a->lock);
	return room;
}

struct archive_stats archive_stats(struct archive *a)
{
	struct archive_stats s;

	mutex_lock(&a->lock);
	s = a->stats;
	mutex_unlock(&a->lock);
	if (a->compress)
		s.compressed = archive_compress_count(a->compress);
	return s;
}

static void tell_room(struct archive *a)
{
	bool wanted;

	mutex_lock(&a->lock);
	wanted = a->wanted && !a->stats.paused;
	if (wanted)
		a->wanted = false;
	mutex_unlock(&a->lock);
	if (wanted)
		a->o.ops->on_room(a->o.ctx);
}

/* ---- pausing ---- */

static void note_file_locked(struct archive *a)
{
	const struct archive_file_stats *f = &a->file.stats;

	a->stats.file_bytes = f->bytes;
	a->stats.syncs = f->synced;
	a->stats.rotated = f->rotated;
	a->stats.repaired = f->repaired;
}

static void note_failure(struct archive *a, const struct err *e)
{
	bool news;

	mutex_lock(&a->lock);
	note_file_locked(a);
	a->stats.errors++;
	news = !a->stats.paused;
	if (news)
		a->stats.since_us = clock_now_us(a->o.clock);
	a->stats.paused = true;
	(void)snprintf(a->stats.error, sizeof(a->stats.error), "%.199s", e->msg);
	mutex_unlock(&a->lock);
	if (news)
		log_error("the archive cannot be written, delivery pauses",
			  LOG_S("pipeline", a->o.pipeline), LOG_E(e),
			  LOG_F("retry_s", (double)a->retry_us / (double)CLOCK_US_PER_S));
}

static void note_success(struct archive *a, size_t events, size_t bytes)
{
	bool was_paused;

	mutex_lock(&a->lock);
	note_file_locked(a);
	a->stats.events += (int64_t)events;
	a->stats.bytes += (int64_t)bytes;
	a->stats.flushes += events > 0;
	was_paused = a->stats.paused;
	a->stats.paused = false;
	a->stats.error[0] = '\0';
	mutex_unlock(&a->lock);
	a->retry_us = RETRY_MIN_US;
	if (was_paused)
		log_info("the archive can be written again", LOG_S("pipeline", a->o.pipeline),
			 LOG_S("path", a->file.path));
}

static void note_repair(struct archive *a, int64_t before)
{
	if (a->file.stats.cut > before)
		log_warn("the archive had a torn end, which is cut off",
			 LOG_S("pipeline", a->o.pipeline), LOG_S("path", a->file.path),
			 LOG_I("bytes", a->file.stats.cut - before));
}

/* Until until_us, or the end. Returns whether it may be tried again. */
static bool pause_until(struct archive *a, int64_t until_us)
{
	bool stopping;

	mutex_lock(&a->lock);
	while (!a->stopping && clock_now_us(a->o.clock) < until_us)
		cond_wait_until(&a->news, &a->lock, until_us);
	stopping = a->stopping;
	mutex_unlock(&a->lock);
	return !stopping;
}

/* ---- one write ---- */

static void charge(struct archive *a)
{
	size_t held = a->text.cap + a->record.cap;

	if (held > a->charged)
		budget_charge(a->o.budget, BUDGET_ARCHIVE, held - a->charged);
	else
		budget_release(a->o.budget, BUDGET_ARCHIVE, a->charged - held);
	a->charged = held;
}

/* Render the event behind a->written, if that is not done yet. Errors: as render. */
static ATTR_MUST_CHECK enum err_code render(struct archive *a, const struct event *ev,
					    struct err *e)
{
	enum err_code code;

	if (a->has_record)
		return ERR_OK;
	buf_reset(&a->record);
	code = a->o.ops->render(a->o.ctx, ev, &a->record, e);
	if (code == ERR_OK) {
		archive_record_clean(&a->record);
		code = buf_error(&a->record);
		if (code != ERR_OK)
			code = err_set(e, ERR_NOMEM, "no memory for the record of an event");
	}
	a->has_record = code == ERR_OK;
	return code;
}

/* Fill text from the batch. Errors: ERR_NOMEM and nothing is in it; ERR_DATA: so is the batch's
 * first. */
static ATTR_MUST_CHECK enum err_code fill_text(struct archive *a, struct err *e)
{
	const struct event *ev = a->written ? a->written->also : a->batch.first;
	const size_t most = budget_pauses(a->o.budget) ? SHORT_BYTES : ARCHIVE_BATCH_BYTES;
	enum err_code code = ERR_OK;
	size_t len;

	for (; ev; ev = a->written->also) {
		code = render(a, ev, e);
		if (code != ERR_OK)
			break;
		len = a->text.len;
		if (a->in_text && len + a->record.len > most)
			break;
		archive_file_add(&a->file, &a->text, buf_text(&a->record));
		if (buf_error(&a->text) != ERR_OK) {
			a->text.error = ERR_OK;
			buf_truncate(&a->text, len);
			code = err_set(e, ERR_NOMEM, "no memory for a write to an archive");
			break;
		}
		a->has_record = false;
		a->written = a->written ? a->written->also : a->batch.first;
		a->in_text++;
	}
	return a->in_text ? ERR_OK : code;
}

static void trim(struct buf *b)
{
	if (b->cap > KEEP_BYTES)
		buf_done(b);
	else
		buf_reset(b);
}

/* The text is in the file. */
static void finish_write(struct archive *a)
{
	struct event *list = event_list_take(&a->batch, a->in_text);

	note_success(a, a->in_text, a->text.len);
	a->o.ops->done(a->o.ctx, list);
	a->written = NULL;
	a->in_text = 0;
	trim(&a->text);
	if (!a->has_record)
		trim(&a->record);
	charge(a);
}

/* Refused, it may have been the last, and what kept the archive from rendering it is over. Returns
 * false when it stays and it is time to end. */
static bool refuse_first(struct archive *a, const struct err *e)
{
	struct event *ev = event_list_take(&a->batch, 1);

	if (a->o.ops->refuse(a->o.ctx, ev, e->msg)) {
		note_success(a, 0, 0);
		return true;
	}
	event_list_add_front(&a->batch, ev);
	return pause_until(a, clock_now_us(a->o.clock) + NOMEM_US);
}

static ATTR_MUST_CHECK enum err_code write_some(struct archive *a, struct err *e)
{
	int64_t rotated = a->file.stats.rotated, cut = a->file.stats.cut;
	enum err_code code = fill_text(a, e);

	charge(a);
	if (code != ERR_OK)
		return code;
	code = archive_file_write(&a->file, &a->text, e);
	note_repair(a, cut);
	if (a->compress && a->file.stats.rotated > rotated)
		archive_compress_wake(a->compress);
	if (code == ERR_OK)
		finish_write(a);
	return code;
}

/* Once more later. Returns false when it is time to end. */
static bool handle_failure(struct archive *a, const struct err *e)
{
	int64_t delay_us = a->retry_us;

	if (e->code == ERR_DATA && !a->in_text)
		return refuse_first(a, e);
	note_failure(a, e);
	a->retry_us = delay_us > RETRY_MAX_US / 2 ? RETRY_MAX_US : delay_us * 2;
	return pause_until(a, clock_now_us(a->o.clock) + delay_us);
}

/* Write the batch. False: it is time to end, and something is left. */
static bool write_batch(struct archive *a)
{
	struct err e = {.code = ERR_OK};

	while (a->batch.count) {
		if (write_some(a, &e) != ERR_OK && !handle_failure(a, &e))
			return false;
	}
	return true;
}

/* ---- the thread ---- */

static bool is_due_locked(const struct archive *a, int64_t now_us)
{
	return a->queue.count && (a->queue.count >= a->o.flush_every || a->stopping ||
				  now_us >= a->oldest_us + a->o.flush_interval_us);
}

/* Wait for something to write, and take it. False: the end. */
static bool take_batch(struct archive *a)
{
	int64_t now_us;
	bool more;

	mutex_lock(&a->lock);
	while (!is_due_locked(a, now_us = clock_now_us(a->o.clock)) && !a->stopping)
		cond_wait_until(&a->news, &a->lock,
				a->queue.count ? a->oldest_us + a->o.flush_interval_us : INT64_MAX);
	more = a->queue.count > 0 && (!a->stopping || now_us < a->stop_us);
	if (more) {
		event_list_add(&a->batch,
			       event_list_take(&a->queue, a->queue.count < a->o.flush_every
								  ? a->queue.count
								  : a->o.flush_every));
		a->oldest_us = now_us;
		a->stats.queue = a->queue.count;
	}
	mutex_unlock(&a->lock);
	return more;
}

static void give_back_rest(struct archive *a)
{
	struct event *list;

	if (a->batch.count)
		a->o.ops->give_back(a->o.ctx, event_list_take(&a->batch, a->batch.count));
	a->written = NULL;
	a->in_text = 0;
	a->has_record = false;
	buf_reset(&a->text);
	mutex_lock(&a->lock);
	list = event_list_take(&a->queue, a->queue.count);
	a->stats.queue = 0;
	mutex_unlock(&a->lock);
	if (list)
		a->o.ops->give_back(a->o.ctx, list);
}

/* A file that could not be had at the start is tried without anything to write. */
static void open_paused(struct archive *a)
{
	int64_t cut = a->file.stats.cut;
	struct err e = {.code = ERR_OK};

	while (a->stats.paused && archive_file_open(&a->file, &e) != ERR_OK)
		if (!handle_failure(a, &e))
			return;
	note_repair(a, cut);
	note_success(a, 0, 0);
	tell_room(a);
}

static void archive_main(void *archive)
{
	struct archive *a = archive;

	open_paused(a);
	while (take_batch(a)) {
		tell_room(a);
		if (!write_batch(a))
			break;
		tell_room(a);
	}
	give_back_rest(a);
}

enum err_code archive_start(struct archive *a, struct err *e)
{
	enum err_code code = archive_file_open(&a->file, e);

	if (code == ERR_BUSY || code == ERR_CONFIG || code == ERR_NOMEM) {
		(void)err_prefix(e, "archive of pipeline %s", a->o.pipeline);
		return code;
	}
	note_repair(a, 0);
	if (code != ERR_OK)
		note_failure(a, e);
	a->stopping = false;
	code = thread_start(&a->thread, "archive", 0, archive_main, a, e);
	if (code == ERR_OK && a->compress)
		code = archive_compress_start(a->compress, e);
	if (code != ERR_OK)
		archive_stop(a, clock_now_us(a->o.clock));
	return code;
}

void archive_stop(struct archive *a, int64_t deadline_us)
{
	mutex_lock(&a->lock);
	a->stopping = true;
	a->stop_us = deadline_us;
	cond_broadcast(&a->news);
	mutex_unlock(&a->lock);
	if (a->compress)
		archive_compress_stop(a->compress);
	thread_join(&a->thread);
	archive_file_close(&a->file);
}
