/* SPDX-License-Identifier: MIT */
/*
 * The job is the daemon's: this only looks into its row, once a second. So it is as good from
 * another machine, and may end at any time.
 */
#include "daemon/backfill_follow.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "control/signals.h"
#include "daemon/backfill_view.h"
#include "daemon/command.h"
#include "source/admin.h"

#define LOOK_US CLOCK_US_PER_S
#define LINE_US (10 * CLOCK_US_PER_S)
#define STILL_US (3 * CLOCK_US_PER_S) /* without a page: is there a daemon? */
#define WIDTH_DEFAULT 80
#define STATUS_STOPPED 1
#define STATUS_INTERRUPTED 130
#define LINE_BYTES 4096

struct follow {
	const struct settings *settings;
	const struct source_admin_ops *ops;
	size_t source;
	int64_t id;
	int signal_fd;
	bool is_terminal;
	bool told; /* that no daemon runs */
	int64_t line_us;
	int64_t moved_us; /* when rows_done changed last */
	struct backfill_progress now;
	struct backfill_speed speed;
};

static int terminal_width(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 2)
		return WIDTH_DEFAULT;
	return size.ws_col;
}

static ATTR_MUST_CHECK enum err_code take_job(void *ctx, const struct backfill_job *job,
					      struct err *e)
{
	struct follow *f = ctx;
	int64_t now_us = clock_now_us(clock_system());

	(void)e;
	if (job->progress.rows_done != f->now.rows_done || !f->now.id)
		f->moved_us = now_us;
	f->now = job->progress;
	backfill_speed_add(&f->speed, now_us, job->progress.rows_done);
	return ERR_OK;
}

static void note_active(void *ctx, const char *pipeline, const struct outbox_status *s)
{
	(void)pipeline;
	*(bool *)ctx |= s->active;
}

/* A job that does not move may have nobody to do it. */
static void look_for_daemon(struct follow *f)
{
	bool active = false;
	struct err e;

	if (f->told || clock_now_us(clock_system()) - f->moved_us < STILL_US)
		return;
	f->told = true;
	if (f->ops->status(f->settings, f->source, note_active, &active, &e) != ERR_OK || active)
		return;
	(void)fprintf(stderr,
		      "%sno daemon is active on source %s: the job waits until app-db-listener run "
		      "does\n",
		      f->is_terminal ? "\n" : "", f->settings->sources[f->source].name);
}

static void print_line(const struct buf *line, const char *begin, const char *end)
{
	(void)printf("%s%s%s", begin, buf_str(line), end);
	(void)fflush(stdout);
}

/* \r to the front of the line, \033[K: what is behind it goes (ECMA-48, EL). */
static void print_progress(struct follow *f)
{
	int64_t now_us = clock_now_us(clock_system());
	double speed = backfill_speed_get(&f->speed);
	struct buf line;

	buf_init(&line, LINE_BYTES);
	if (f->is_terminal) {
		backfill_view_bar(&line, &f->now, speed, terminal_width() - 1);
		print_line(&line, "\r\033[K", "");
	} else if (now_us >= f->line_us) {
		backfill_view_line(&line, &f->now, speed);
		print_line(&line, "", "\n");
		f->line_us = now_us + LINE_US;
	}
	buf_done(&line);
}

static int print_end(const struct follow *f)
{
	struct buf line;

	buf_init(&line, LINE_BYTES);
	backfill_view_end(&line, &f->now);
	print_line(&line, f->is_terminal ? "\r\033[K" : "", "\n");
	buf_done(&line);
	return f->now.state == BACKFILL_DONE ? EX_OK : STATUS_STOPPED;
}

/* Until it is time to look again; false: the watcher is to end. */
static bool wait_a_moment(const struct follow *f)
{
	int64_t now_us = clock_now_us(clock_system()), until_us = now_us + LOOK_US;
	enum signals_request request;

	for (; now_us < until_us; now_us = clock_now_us(clock_system())) {
		if (!(fd_wait(f->signal_fd, -1, now_us, until_us) & FD_READY))
			continue;
		while ((request = signals_read(f->signal_fd)) != SIGNALS_NONE)
			/* SIGHUP: the terminal is gone; there is nothing to reload here */
			if (request == SIGNALS_STOP || request == SIGNALS_RELOAD)
				return false;
	}
	return true;
}

static int follow(struct follow *f)
{
	struct err e;

	for (;;) {
		if (f->ops->backfill_list(f->settings, f->source, f->id, take_job, f, &e) != ERR_OK)
			return command_fail(&e);
		if (f->now.state != BACKFILL_RUNNING)
			return print_end(f);
		print_progress(f);
		look_for_daemon(f);
		if (!wait_a_moment(f))
			break;
	}
	(void)printf("%sbackfill %lld goes on without this command; see: app-db-listener backfill "
		     "list, or stop it: app-db-listener backfill cancel %lld\n",
		     f->is_terminal ? "\n" : "", (long long)f->id, (long long)f->id);
	return STATUS_INTERRUPTED;
}

int backfill_follow(const struct settings *s, size_t source, int64_t id)
{
	struct follow f = {.settings = s,
			   .ops = source_admin_find(s->sources[source].type),
			   .source = source,
			   .id = id,
			   .signal_fd = -1,
			   .is_terminal = isatty(STDOUT_FILENO) == 1};
	struct err e;
	int status;

	if (signals_open(&f.signal_fd, &e) != ERR_OK)
		return command_fail(&e);
	status = follow(&f);
	signals_close(&f.signal_fd);
	return status;
}
