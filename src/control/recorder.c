/* SPDX-License-Identifier: MIT */
/*
 * The writer takes one line at a time: the one in its hand counts among those in memory, and after
 * a torn write it goes on where the disk became full. The age of a line is real time, whatever
 * clock the snapshots carry.
 */
#include "control/recorder.h"

#include <assert.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/log_file.h"
#include "base/mem.h"
#include "base/thread.h"
#include "control/metrics.h"

#define RETRY_US CLOCK_US_PER_S
#define LINE_MAX_BYTES (256UL * 1024)

struct line {
	char *s; /* ends with a line end */
	size_t len;
	int64_t real_us; /* when it came */
};

struct recorder {
	int64_t interval_us;
	int64_t flush_us;
	size_t max_records;
	struct budget *budget;

	/* recorder_note's */
	int64_t due_us;

	struct mutex mutex; /* of what follows, down to stats */
	struct cond wake;
	struct line *lines; /* max_records places, a ring */
	size_t first, count;
	size_t bytes;
	bool in_hand; /* the writer has one more */
	bool stopping;
	bool reopen;
	struct recorder_stats stats;

	/* the writer's */
	struct log_file file;
	bool ends_torn; /* its last line is of a process that died */
	bool failing;

	struct thread thread;
};

/* ---- the queue ---- */

static struct line take_locked(struct recorder *r)
{
	struct line l = r->lines[r->first];

	r->first = (r->first + 1) % r->max_records;
	r->count--;
	r->bytes -= l.len;
	return l;
}

static void line_free(struct recorder *r, struct line *l)
{
	budget_release(r->budget, BUDGET_LOG, l->len);
	mem_free(l->s);
}

/* The oldest go first. */
static void put_locked(struct recorder *r, struct line l)
{
	struct line old;

	budget_charge(r->budget, BUDGET_LOG, l.len);
	while (r->count &&
	       (r->count + r->in_hand >= r->max_records || r->bytes + l.len > RECORDER_MAX_BYTES)) {
		old = take_locked(r);
		line_free(r, &old);
		r->stats.dropped++;
	}
	r->lines[(r->first + r->count) % r->max_records] = l;
	r->count++;
	r->bytes += l.len;
}

static bool is_full_locked(const struct recorder *r)
{
	return r->count + r->in_hand >= r->max_records || r->bytes >= RECORDER_MAX_BYTES / 2;
}

void recorder_note(struct recorder *r, const struct metrics_snapshot *s)
{
	struct line l = {.real_us = clock_now_us(clock_system())};
	struct buf out;

	if (!r || s->now_us < r->due_us)
		return;
	/* in step with the interval, unless so much was missed that there is no step any more */
	r->due_us = s->now_us - r->due_us < r->interval_us ? r->due_us + r->interval_us
							   : s->now_us + r->interval_us;
	buf_init(&out, LINE_MAX_BYTES);
	metrics_render_record(s, &out);
	l.len = out.len;
	l.s = buf_take(&out);
	mutex_lock(&r->mutex);
	r->stats.records++;
	if (l.s)
		put_locked(r, l);
	else
		r->stats.dropped++;
	/* the first one, too: the writer has a deadline from now on */
	if (r->count == 1 || is_full_locked(r))
		cond_signal(&r->wake);
	mutex_unlock(&r->mutex);
}

/* ---- the writer ---- */

static void say_failed(struct recorder *r, const struct err *e)
{
	mutex_lock(&r->mutex);
	r->stats.write_failures++;
	mutex_unlock(&r->mutex);
	if (!r->failing)
		log_error("the metric history cannot be written, trying again",
			  LOG_S("file", r->file.path), LOG_E(e));
	r->failing = true;
}

static void say_well(struct recorder *r)
{
	struct recorder_stats st;

	if (!r->failing)
		return;
	r->failing = false;
	st = recorder_stats(r);
	log_info("the metric history is written again", LOG_S("file", r->file.path),
		 LOG_I("lost_so_far", st.dropped));
}

/* Write l from *at, which moves. */
static ATTR_MUST_CHECK enum err_code line_write(struct recorder *r, const struct line *l,
						size_t *at, struct err *e)
{
	enum err_code code;
	size_t n = 0;

	if (r->ends_torn && r->file.is_torn) {
		code = log_file_write(&r->file, "\n", 1, 0, &n, e);
		if (code != ERR_OK)
			return code;
	}
	r->ends_torn = false;
	if (!r->file.is_torn) /* the file was replaced: the whole line again */
		*at = 0;
	while (*at < l->len) {
		code = log_file_write(&r->file, l->s + *at, l->len - *at, 0, &n, e);
		if (code != ERR_OK)
			return code;
		*at += n;
	}
	return ERR_OK;
}

/* Until it is written or there is no time left. Returns whether it was. */
static bool line_finish(struct recorder *r, const struct line *l)
{
	struct err e;
	size_t at = 0;
	bool stopping;

	while (line_write(r, l, &at, &e) != ERR_OK) {
		say_failed(r, &e);
		mutex_lock(&r->mutex);
		if (!r->stopping)
			cond_wait_until(&r->wake, &r->mutex,
					clock_now_us(clock_system()) + RETRY_US);
		stopping = r->stopping;
		mutex_unlock(&r->mutex);
		if (stopping)
			return false;
	}
	say_well(r);
	return true;
}

static void do_reopen(struct recorder *r)
{
	struct err e;

	if (log_file_reopen(&r->file, &e) != ERR_OK)
		say_failed(r, &e);
}

/* Wait until there is something to write; false: there is not and it is time to end. */
static bool wait_locked(struct recorder *r) ATTR_REQUIRES(r->mutex)
{
	int64_t until_us;

	while (!r->stopping && !r->reopen && !is_full_locked(r)) {
		until_us = r->count ? r->lines[r->first].real_us + r->flush_us : INT64_MAX;
		if (clock_now_us(clock_system()) >= until_us)
			break;
		cond_wait_until(&r->wake, &r->mutex, until_us);
	}
	return !r->stopping || r->count;
}

/* Everything that waits, in one go. */
static void write_all(struct recorder *r)
{
	struct line l;
	bool written, more = true;

	while (more) {
		mutex_lock(&r->mutex);
		more = r->count > 0;
		if (more) {
			l = take_locked(r);
			r->in_hand = true;
		}
		mutex_unlock(&r->mutex);
		if (!more)
			return;
		written = line_finish(r, &l);
		line_free(r, &l);
		mutex_lock(&r->mutex);
		r->in_hand = false;
		r->stats.written += written;
		r->stats.dropped += !written;
		r->stats.file_bytes = r->file.bytes;
		mutex_unlock(&r->mutex);
	}
}

static void writer(void *arg)
{
	struct recorder *r = arg;
	bool goes_on = true, reopen;

	while (goes_on) {
		mutex_lock(&r->mutex);
		goes_on = wait_locked(r);
		reopen = r->reopen;
		r->reopen = false;
		mutex_unlock(&r->mutex);
		if (reopen)
			do_reopen(r);
		else if (goes_on)
			write_all(r);
	}
}

/* ---- start and stop ---- */

/* A crash may have torn the last line: the next must not be glued to it. */
static void look_for_torn_line(struct recorder *r)
{
	int fd = open(r->file.path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	char last = '\n';

	r->ends_torn = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 &&
		       pread(fd, &last, 1, st.st_size - 1) == 1 && last != '\n';
	fd_close(&fd);
	r->file.is_torn = r->ends_torn; /* its end belongs to it: no rotation in between */
}

static void recorder_free(struct recorder *r)
{
	struct line l;

	while (r->count) {
		l = take_locked(r);
		line_free(r, &l);
	}
	mem_free(r->lines);
	log_file_close(&r->file);
	cond_done(&r->wake);
	mutex_done(&r->mutex);
	mem_free(r);
}

enum err_code recorder_start(const struct recorder_options *o, struct recorder **ret_r,
			     struct err *e)
{
	struct recorder *r = mem_calloc(1, sizeof(*r));
	enum err_code code = ERR_OK;

	assert(o->max_records >= 1 && o->interval_us > 0);
	if (!r)
		return err_set(e, ERR_NOMEM, "no memory for the metric history");
	r->interval_us = o->interval_us;
	r->flush_us = o->flush_us;
	r->max_records = o->max_records;
	r->budget = o->budget;
	r->file.fd = -1;
	mutex_init(&r->mutex);
	cond_init(&r->wake);
	r->lines = mem_calloc(o->max_records, sizeof(*r->lines));
	if (!r->lines)
		code = err_set(e, ERR_NOMEM, "no memory for the metric history");
	if (code == ERR_OK)
		code = log_file_open(&r->file, o->file, o->rotate_bytes, o->rotate_keep, e);
	if (code == ERR_OK) {
		look_for_torn_line(r);
		code = thread_start(&r->thread, "history", 0, writer, r, e);
	}
	if (code != ERR_OK) {
		recorder_free(r);
		return code;
	}
	*ret_r = r;
	return ERR_OK;
}

void recorder_stop(struct recorder *r)
{
	int64_t lost;

	if (!r)
		return;
	mutex_lock(&r->mutex);
	lost = r->stats.dropped;
	r->stopping = true;
	cond_signal(&r->wake);
	mutex_unlock(&r->mutex);
	thread_join(&r->thread);
	if (r->stats.dropped > lost)
		log_warn("records of the metric history were lost",
			 LOG_I("count", r->stats.dropped - lost));
	recorder_free(r);
}

void recorder_reopen(struct recorder *r)
{
	if (!r)
		return;
	mutex_lock(&r->mutex);
	r->reopen = true;
	cond_signal(&r->wake);
	mutex_unlock(&r->mutex);
}

struct recorder_stats recorder_stats(struct recorder *r)
{
	struct recorder_stats st = {0};

	if (!r)
		return st;
	mutex_lock(&r->mutex);
	st = r->stats;
	st.in_memory = (int64_t)(r->count + r->in_hand);
	mutex_unlock(&r->mutex);
	return st;
}
