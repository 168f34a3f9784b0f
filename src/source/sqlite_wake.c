/* SPDX-License-Identifier: MIT */
/*
 * Polling, with a hint from inotify that makes it prompt. A commit writes to the WAL, or to the
 * database and its journal; both come and go, so the directory is watched for names and the files
 * for writes. Writes of other files in the directory wake nobody.
 *
 * A hint only says "look": it may come before the commit is visible, so polling starts anew
 * at its shortest delay; it may be our own acknowledgement's; and one that is lost costs at most
 * poll_interval. Hints are followed at most once in NAP_US.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/fd.h"
#include "source/sqlite_source.h"

#define NAP_US (2 * CLOCK_US_PER_MS)
#define FORGET_US (5 * CLOCK_US_PER_S)
#define PATH_BYTES 4096
#define NAMES (IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO)

static const struct {
	const char *suffix;
	size_t offset;
} watched[] = {
	{"", offsetof(struct sqlite_wake, file_watch)},
	{"-wal", offsetof(struct sqlite_wake, wal_watch)},
	{"-journal", offsetof(struct sqlite_wake, journal_watch)},
};

static int *watch_of(struct sqlite_wake *w, size_t i)
{
	return (int *)(void *)((char *)w + watched[i].offset);
}

/* Those that exist; a name may stand for another file than before. */
static void watch_files(struct sqlite_source *s)
{
	const char *path = sqlite_conn_file(s->conn)->path;
	char name[PATH_BYTES];
	size_t i;

	for (i = 0; i < ARRAY_LEN(watched); i++) {
		(void)snprintf(name, sizeof(name), "%s%s", path, watched[i].suffix);
		*watch_of(&s->wake, i) = inotify_add_watch(s->wake.hint_fd, name, IN_MODIFY);
	}
}

void sqlite_wake_open(struct sqlite_source *s)
{
	struct epoll_event interrupt = {.events = EPOLLIN};
	struct sqlite_wake *w = &s->wake;
	char directory[PATH_BYTES], *slash;

	w->poll = (struct poll_plan){.delay_us = 0};
	w->hinted_us = 0;
	w->alarm_fd = epoll_create1(EPOLL_CLOEXEC);
	if (w->alarm_fd >= 0)
		(void)epoll_ctl(w->alarm_fd, EPOLL_CTL_ADD, s->interrupt_fd, &interrupt);
	s->status.notify = false;
	if (s->env.settings->wakeup == SOURCE_WAKEUP_POLL)
		return;
	w->hint_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->hint_fd < 0)
		return;
	(void)snprintf(directory, sizeof(directory), "%s", sqlite_conn_file(s->conn)->path);
	slash = strrchr(directory, '/');
	if (slash)
		slash[slash == directory] = '\0';
	w->directory_watch = inotify_add_watch(w->hint_fd, directory, NAMES | IN_ONLYDIR);
	watch_files(s);
	s->status.notify = w->directory_watch >= 0;
}

void sqlite_wake_close(struct sqlite_source *s)
{
	fd_close(&s->wake.hint_fd);
	fd_close(&s->wake.alarm_fd);
	s->status.notify = false;
}

/* ---- hints ---- */

struct hints {
	bool written; /* one of our files */
	bool named;   /* one of them came or went */
};

static void take_hint(struct sqlite_source *s, const struct inotify_event *ev, struct hints *h)
{
	const char *path = sqlite_conn_file(s->conn)->path;
	const char *base = strrchr(path, '/');
	size_t len;

	if (ev->wd != s->wake.directory_watch) {
		h->written |= (ev->mask & IN_MODIFY) != 0;
		return;
	}
	base = base ? base + 1 : path;
	len = strlen(base);
	if (ev->len && strncmp(ev->name, base, len) == 0 && strcmp(ev->name + len, "-shm") != 0)
		h->named = true;
}

static struct hints take_hints(struct sqlite_source *s)
{
	/* aligned as inotify(7) wants it */
	char room[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	const struct inotify_event *ev;
	struct hints h = {.written = false};
	ssize_t n;
	char *at;

	while ((n = read(s->wake.hint_fd, room, sizeof(room))) > 0)
		for (at = room; at < room + n; at += sizeof(*ev) + ev->len) {
			ev = (const struct inotify_event *)(const void *)at;
			if (ev->mask & IN_Q_OVERFLOW)
				h.written = h.named = true;
			take_hint(s, ev, &h);
		}
	if (h.named)
		watch_files(s);
	return h;
}

/* ---- waiting ---- */

/* Does the descriptor that the alarm stands for belong to the caller? */
static void add_caller(struct sqlite_source *s, int wake_fd)
{
	struct epoll_event caller = {.events = EPOLLIN, .data.u32 = 1};

	/* a closed descriptor left the set by itself: adding again is how to be sure */
	if (wake_fd >= 0 && epoll_ctl(s->wake.alarm_fd, EPOLL_CTL_ADD, wake_fd, &caller) != 0 &&
	    errno != EEXIST)
		fd_close(&s->wake.alarm_fd);
}

static int wait_once(struct sqlite_source *s, bool idle, int wake_fd, int64_t until_us)
{
	int64_t now = sqlite_source_now(s), interval_us = s->env.settings->poll_interval_us;
	struct sqlite_wake *w = &s->wake;
	bool nap = idle && w->hint_fd >= 0 && now - w->hinted_us < NAP_US;
	int64_t nap_until = w->hinted_us + NAP_US;
	int alarm_fd = w->alarm_fd >= 0 ? w->alarm_fd : wake_fd;

	if (nap && nap_until < until_us)
		return poll_wait(&w->poll, s->env.clock, idle, -1, alarm_fd, interval_us,
				 nap_until);
	return poll_wait(&w->poll, s->env.clock, idle, w->hint_fd, alarm_fd, interval_us, until_us);
}

/* After a while without rows what SQLite keeps of its pages goes back: it is a tenth of what an
 * idle daemon has. */
static void forget_pages(struct sqlite_source *s)
{
	struct sqlite_wake *w = &s->wake;
	int64_t now = sqlite_source_now(s);

	if (w->poll.delay_us < s->env.settings->poll_interval_us || now - w->forgot_us < FORGET_US)
		return;
	(void)sqlite3_db_release_memory(sqlite_conn_raw(s->conn));
	w->forgot_us = now;
}

enum err_code sqlite_wait(struct source *base, bool idle, int wake_fd, int64_t deadline_us,
			  int *ret_woken, struct err *e)
{
	struct sqlite_source *s = sqlite_source_of(base);
	struct sqlite_wake *w = &s->wake;
	enum err_code code;
	int woken;

	add_caller(s, wake_fd);
	if (idle)
		forget_pages(s);
	for (;;) {
		struct hints h = {.written = false};

		woken = wait_once(s, idle, wake_fd, deadline_us);
		code = sqlite_source_check(s, e);
		if (code != ERR_OK)
			return code;
		if (woken == SOURCE_WOKEN_CALLER)
			break;
		if (woken == SOURCE_WOKEN_CHANGE && w->hint_fd >= 0)
			h = take_hints(s);
		if (h.written || h.named) {
			w->hinted_us = sqlite_source_now(s);
			w->poll.delay_us = 0;
			break;
		}
		if (woken == SOURCE_WOKEN_CHANGE && sqlite_source_now(s) >= w->poll.due_us)
			break;
		woken = 0;
		if (sqlite_source_now(s) >= deadline_us)
			break;
	}
	*ret_woken = woken;
	return ERR_OK;
}
