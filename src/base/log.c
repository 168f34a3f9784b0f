/* SPDX-License-Identifier: MIT */
/*
 * The caller renders its line on its own stack and copies it into the queue under a short lock. The
 * writer takes all that is queued at once and writes it with one write(2), then rests a little, so
 * that a busy log costs a hundred wake-ups a second and not one per line. A caller wakes
 * it only from idleness, or when the queue is half full.
 *
 * When a write fails the writer keeps what it took, tries again every second, and says so on
 * standard error at the first failure and when it is over. Meanwhile the queue fills, and what
 * finds no room is counted. The deadlines of these waits are real time, whatever clock the lines
 * carry.
 */
#include "base/log.h"

#include <assert.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/log_context.h"
#include "base/log_file.h"
#include "base/log_format.h"
#include "base/log_hour.h"
#include "base/log_queue.h"
#include "base/thread.h"

#define LOG_REST_US (10 * CLOCK_US_PER_MS)
#define LOG_RETRY_US CLOCK_US_PER_S
#define LOG_STOP_US (5 * CLOCK_US_PER_S)
#define LOG_STALL_MS 100 /* one wait for a pipe whose reader stands still */

enum writer_sleep { AWAKE, IDLE, RESTING };

static struct {
	struct mutex mutex; /* guards everything down to stats */
	struct cond wake;   /* valid while running */
	bool running;
	bool stopping;
	bool reopen;
	int64_t stop_us;  /* deadline of stopping */
	int64_t retry_us; /* no attempt to write or reopen before */
	enum writer_sleep sleep;
	struct log_queue queue;
	int64_t dropped_unsaid; /* since the last "dropped N lines" */
	struct log_hour hour;   /* of errors */
	struct log_stats stats;

	/* the writer's own */
	struct log_file file;
	bool failing; /* said on standard error and not over */

	struct thread thread;
	struct log_style stderr_style;
} lg = {.mutex = {PTHREAD_MUTEX_INITIALIZER}};

/* What every line needs to know, readable without the lock. */
static _Atomic int level_now = LOG_LEVEL_INFO;
static _Atomic(const struct clock *) clock_now;
static _Atomic unsigned style_now; /* STYLE_ bits */
enum { STYLE_JSON = 1, STYLE_JOURNAL = 2 };

static const struct clock *log_clock(void)
{
	const struct clock *c = atomic_load_explicit(&clock_now, memory_order_acquire);

	return c ? c : clock_system();
}

static void style_set(const struct log_style *s)
{
	atomic_store(&style_now, (s->format == LOG_FORMAT_JSON ? STYLE_JSON : 0U) |
					 (s->journal_prefix ? STYLE_JOURNAL : 0U));
}

static struct log_style style_get(void)
{
	unsigned bits = atomic_load_explicit(&style_now, memory_order_relaxed);

	return (struct log_style){bits & STYLE_JSON ? LOG_FORMAT_JSON : LOG_FORMAT_TEXT,
				  bits & STYLE_JOURNAL};
}

bool log_is_enabled(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&level_now, memory_order_relaxed);
}

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&level_now, (int)level, memory_order_relaxed);
}

static void count_level_locked(enum log_level level, int64_t now_us)
{
	if (level == LOG_LEVEL_WARN)
		lg.stats.warnings_logged++;
	if (level != LOG_LEVEL_ERROR)
		return;
	lg.stats.errors_logged++;
	log_hour_add(&lg.hour, now_us);
}

static void queue_line_locked(const char *line, size_t len)
{
	if (!log_queue_push(&lg.queue, line, len)) {
		lg.stats.lines_dropped++;
		lg.dropped_unsaid++;
	}
	if (lg.sleep == IDLE || (lg.sleep == RESTING && log_queue_is_busy(&lg.queue))) {
		lg.sleep = AWAKE;
		cond_signal(&lg.wake);
	}
}

void log_write(enum log_level level, const char *msg, const struct log_field *fields, size_t n)
{
	const struct clock *clock = log_clock();
	struct log_style style = style_get();
	struct log_context context = log_context_get();
	struct log_event ev = {.level = level,
			       .wall_us = style.journal_prefix ? 0 : clock_wall_us(clock),
			       .context_key = context.key,
			       .context_value = context.value,
			       .msg = msg,
			       .fields = fields,
			       .n = n};
	int64_t now_us = level == LOG_LEVEL_ERROR ? clock_now_us(clock) : 0;
	char line[LOG_LINE_BYTES];
	size_t len = log_format_line(&style, &ev, line);
	bool running;

	mutex_lock(&lg.mutex);
	count_level_locked(level, now_us);
	running = lg.running;
	if (running)
		queue_line_locked(line, len);
	else
		lg.stats.lines_written++;
	mutex_unlock(&lg.mutex);
	/* with no log to tell it to, a failure is lost */
	if (!running && fd_write_all(STDERR_FILENO, line, len, NULL) != ERR_OK)
		return;
}

/* ---- the writer ---- */

/* A line of the log's own, not through the queue. Returns its length. */
static size_t own_line(const struct log_style *style, enum log_level level, const char *msg,
		       const struct log_field *fields, size_t n, char out[static LOG_LINE_BYTES])
{
	struct log_event ev = {.level = level,
			       .wall_us = clock_wall_us(log_clock()),
			       .msg = msg,
			       .fields = fields,
			       .n = n};

	return log_format_line(style, &ev, out);
}

/* On standard error, unless that is the log itself, or would block. */
static void say(enum log_level level, const char *msg, const struct log_field *fields, size_t n)
{
	struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
	char line[LOG_LINE_BYTES];
	size_t len;

	if (!lg.file.path || poll(&p, 1, 0) <= 0)
		return;
	len = own_line(&lg.stderr_style, level, msg, fields, n, line);
	if (fd_write_all(STDERR_FILENO, line, len, NULL) != ERR_OK)
		return;
}

static void writer_failed(int64_t now_us, const struct err *e)
{
	const struct log_field fields[] = {LOG_E(e), LOG_S("file", lg.file.path)};

	mutex_lock(&lg.mutex);
	lg.retry_us = now_us + LOG_RETRY_US;
	lg.stats.write_failures++;
	mutex_unlock(&lg.mutex);
	if (!lg.failing)
		say(LOG_LEVEL_ERROR, "cannot write the log, trying again every second", fields,
		    ARRAY_LEN(fields));
	lg.failing = true;
}

static void writer_recovered(int64_t dropped)
{
	const struct log_field fields[] = {LOG_S("file", lg.file.path),
					   LOG_I("dropped_total", dropped)};

	if (lg.failing)
		say(LOG_LEVEL_INFO, "the log is written again", fields, ARRAY_LEN(fields));
	lg.failing = false;
}

/* Have what was dropped said behind the lines that were queued before. */
static void append_dropped(int64_t dropped)
{
	struct log_style style = style_get();
	char msg[64], line[LOG_LINE_BYTES];
	size_t len;

	(void)snprintf(msg, sizeof(msg), "dropped %lld lines", (long long)dropped);
	len = own_line(&style, LOG_LEVEL_WARN, msg, NULL, 0, line);
	mutex_lock(&lg.mutex);
	lg.stats.warnings_logged++;
	log_queue_append(&lg.queue, line, len);
	mutex_unlock(&lg.mutex);
}

/* Write the drain half until it is empty or a write did not succeed. */
static void writer_drain(void)
{
	const struct log_half *h = lg.queue.drain;
	enum err_code code;
	struct err e;
	int64_t dropped;
	size_t n;

	while (h->at < h->len) {
		code = log_file_write(&lg.file, h->bytes + h->at, h->len - h->at, LOG_STALL_MS, &n,
				      &e);
		if (code == ERR_FULL)
			return;
		if (code != ERR_OK) {
			writer_failed(clock_now_us(clock_system()), &e);
			return;
		}
		mutex_lock(&lg.mutex);
		lg.stats.lines_written += (int64_t)log_queue_wrote(&lg.queue, n);
		lg.stats.file_bytes = lg.file.path ? lg.file.bytes : 0;
		dropped = lg.stats.lines_dropped;
		mutex_unlock(&lg.mutex);
		writer_recovered(dropped);
	}
}

/* The old file stays open when the path cannot be opened; the wish stays too. */
static void writer_reopen(int64_t now_us)
{
	struct err e;
	bool torn = lg.file.is_torn;
	enum err_code code = log_file_reopen(&lg.file, &e);

	if (code != ERR_OK) {
		writer_failed(now_us, &e);
		mutex_lock(&lg.mutex);
		lg.reopen = true;
		mutex_unlock(&lg.mutex);
		return;
	}
	mutex_lock(&lg.mutex);
	lg.retry_us = now_us;
	if (torn && !lg.file.is_torn) /* a new file: begin it with a whole line */
		log_queue_rewind(&lg.queue);
	lg.stats.file_bytes = lg.file.path ? lg.file.bytes : 0;
	mutex_unlock(&lg.mutex);
}

static bool drain_is_empty(void)
{
	return lg.queue.drain->at == lg.queue.drain->len;
}

/* The time until which the writer has nothing to do; <= now_us: it has. */
static int64_t writer_due_locked(int64_t rest_us)
{
	int64_t due_us = INT64_MAX;

	if (lg.reopen || !drain_is_empty())
		due_us = lg.retry_us;
	else if (lg.stopping || log_queue_is_busy(&lg.queue))
		return 0;
	else if (log_queue_lines(&lg.queue) || lg.dropped_unsaid)
		due_us = rest_us;
	return lg.stopping && due_us > lg.stop_us ? lg.stop_us : due_us;
}

static void writer_wait_locked(int64_t rest_us) ATTR_REQUIRES(lg.mutex)
{
	int64_t due_us;

	while ((due_us = writer_due_locked(rest_us)) > clock_now_us(clock_system())) {
		if (due_us == INT64_MAX)
			lg.sleep = IDLE;
		else
			lg.sleep = drain_is_empty() ? RESTING : AWAKE;
		cond_wait_until(&lg.wake, &lg.mutex, due_us);
	}
	lg.sleep = AWAKE;
}

/* Wait for work and take it; false when the log is stopping and all is written, or its time over.
 */
static bool writer_take(int64_t rest_us, bool *ret_reopen, int64_t *ret_dropped)
{
	bool go_on = true;

	*ret_dropped = 0;
	mutex_lock(&lg.mutex);
	writer_wait_locked(rest_us);
	*ret_reopen = lg.reopen;
	lg.reopen = false;
	if (drain_is_empty()) {
		log_queue_swap(&lg.queue);
		*ret_dropped = lg.dropped_unsaid;
		lg.dropped_unsaid = 0;
	}
	if (lg.stopping)
		go_on = (log_queue_lines(&lg.queue) || *ret_dropped) &&
			clock_now_us(clock_system()) < lg.stop_us;
	mutex_unlock(&lg.mutex);
	return go_on;
}

static void writer_main(void *arg)
{
	int64_t dropped, rest_us = 0;
	bool reopen;

	(void)arg;
	while (writer_take(rest_us, &reopen, &dropped)) {
		if (dropped)
			append_dropped(dropped);
		if (reopen)
			writer_reopen(clock_now_us(clock_system()));
		writer_drain();
		rest_us = clock_now_us(clock_system()) + LOG_REST_US;
	}
}

/* ---- start and stop ---- */

static const char *options_path(const struct log_options *o)
{
	static const char *const names[] = {"", "stderr", "/dev/stderr"};
	size_t i;

	for (i = 0; o->file && i < ARRAY_LEN(names); i++)
		if (strcmp(o->file, names[i]) == 0)
			return NULL;
	return o->file;
}

static void state_init(const struct log_options *o)
{
	struct log_style style = {o->format, o->journal_prefix};

	mutex_lock(&lg.mutex);
	lg.stopping = false;
	lg.reopen = false;
	lg.sleep = AWAKE;
	lg.dropped_unsaid = 0;
	log_hour_init(&lg.hour);
	lg.stats = (struct log_stats){.queue_capacity = o->queue_lines,
				      .file_bytes = lg.file.path ? lg.file.bytes : 0};
	lg.failing = false;
	lg.retry_us = 0;
	lg.stderr_style = style;
	mutex_unlock(&lg.mutex);
	log_set_level(o->level);
	if (lg.file.path)
		style.journal_prefix = false;
	style_set(&style);
	atomic_store_explicit(&clock_now, o->clock, memory_order_release);
}

static bool is_running(void)
{
	bool running;

	mutex_lock(&lg.mutex);
	running = lg.running;
	mutex_unlock(&lg.mutex);
	return running;
}

enum err_code log_start(const struct log_options *o, struct err *e)
{
	enum err_code code;

	assert(!is_running());
	code = log_file_open(&lg.file, options_path(o), o->rotate_bytes, o->rotate_keep, e);
	if (code != ERR_OK)
		return code;
	code = log_queue_init(&lg.queue, o->queue_lines, e);
	if (code != ERR_OK)
		goto out_file;
	cond_init(&lg.wake);
	state_init(o);
	code = thread_start(&lg.thread, "log", 0, writer_main, NULL, e);
	if (code != ERR_OK)
		goto out_queue;
	mutex_lock(&lg.mutex);
	lg.running = true;
	mutex_unlock(&lg.mutex);
	return ERR_OK;

out_queue:
	style_set(&lg.stderr_style);
	atomic_store(&clock_now, NULL);
	cond_done(&lg.wake);
	log_queue_done(&lg.queue);
out_file:
	log_file_close(&lg.file);
	return code;
}

/* What could not be written in time is said where there is still somebody to read it. */
static void stop_finish(void)
{
	size_t left;
	struct log_field field;

	mutex_lock(&lg.mutex);
	left = log_queue_lines(&lg.queue);
	lg.stats.lines_dropped += (int64_t)left;
	lg.stats.file_bytes = 0;
	log_queue_done(&lg.queue);
	mutex_unlock(&lg.mutex);
	field = LOG_I("lines", left);
	if (left)
		say(LOG_LEVEL_ERROR, "lines of the log could not be written before the end", &field,
		    1);
}

void log_stop(void)
{
	mutex_lock(&lg.mutex);
	if (!lg.running) {
		mutex_unlock(&lg.mutex);
		return;
	}
	lg.running = false;
	lg.stopping = true;
	lg.stop_us = clock_now_us(clock_system()) + LOG_STOP_US;
	cond_signal(&lg.wake);
	mutex_unlock(&lg.mutex);

	thread_join(&lg.thread);
	stop_finish();
	log_file_close(&lg.file);
	cond_done(&lg.wake);
	style_set(&lg.stderr_style);
	atomic_store_explicit(&clock_now, NULL, memory_order_release);
}

void log_reopen(void)
{
	mutex_lock(&lg.mutex);
	if (lg.running) {
		lg.reopen = true;
		lg.retry_us = 0;
		cond_signal(&lg.wake);
	}
	mutex_unlock(&lg.mutex);
}

struct log_stats log_stats(void)
{
	int64_t now_us = clock_now_us(log_clock());
	struct log_stats s;

	mutex_lock(&lg.mutex);
	s = lg.stats;
	s.errors_last_hour = log_hour_sum(&lg.hour, now_us);
	s.queue_lines = log_queue_lines(&lg.queue);
	mutex_unlock(&lg.mutex);
	return s;
}
