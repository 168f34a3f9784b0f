/* SPDX-License-Identifier: MIT */
/*
 * For the tests of the log: each has a directory with a log file, and a standard error that goes
 * to a file there. Everything is static, because a test is one file.
 */
#ifndef SUPPORT_LOG_PLACE_H
#define SUPPORT_LOG_PLACE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/log.h"

#define WALL_US 1772366400123456 /* 2026-03-01T12:00:00.123456Z */
#define PATIENCE_US (60 * CLOCK_US_PER_S)

struct place {
	char dir[32];
	char path[48];
	char moved[48];
	char err_path[48];
	int real_stderr;
	struct clock_fake fake;
	struct log_options options;
};

static ATTR_UNUSED int place_setup(void **state)
{
	static struct place p;
	int fd;

	p = (struct place){.dir = "/tmp/test_log.XXXXXX"};
	if (!mkdtemp(p.dir))
		return -1;
	(void)snprintf(p.path, sizeof(p.path), "%s/log", p.dir);
	(void)snprintf(p.moved, sizeof(p.moved), "%s/log.1", p.dir);
	(void)snprintf(p.err_path, sizeof(p.err_path), "%s/stderr", p.dir);
	(void)fflush(stderr);
	p.real_stderr = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 10);
	fd = open(p.err_path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0 || dup2(fd, STDERR_FILENO) < 0)
		return -1;
	fd_close(&fd);
	p.options = (struct log_options){.file = p.path,
					 .level = LOG_LEVEL_INFO,
					 .queue_lines = 10000,
					 .clock = clock_fake_init(&p.fake, 0, WALL_US)};
	*state = &p;
	return 0;
}

static ATTR_UNUSED int place_teardown(void **state)
{
	struct place *p = *state;
	char path[64];
	int i;

	log_stop();
	log_set_level(LOG_LEVEL_INFO);
	log_set_context(NULL, NULL);
	(void)dup2(p->real_stderr, STDERR_FILENO);
	fd_close(&p->real_stderr);
	for (i = 1; i < 10; i++) {
		(void)snprintf(path, sizeof(path), "%s.%d", p->path, i);
		(void)unlink(path);
	}
	(void)unlink(p->path);
	(void)unlink(p->err_path);
	return rmdir(p->dir);
}

static ATTR_UNUSED void start(struct place *p)
{
	struct err e;

	if (log_start(&p->options, &e) != ERR_OK)
		fail_msg("%s", e.msg);
}

/* The whole file; valid until the next call. */
static ATTR_UNUSED const char *content(const char *path)
{
	static struct buf b;

	buf_done(&b);
	buf_init(&b, 64 << 20);
	if (fd_read_file(path, &b, NULL) != ERR_OK)
		return "";
	return buf_str(&b);
}

static ATTR_UNUSED void content_free(void)
{
	(void)content("/dev/null");
}

static ATTR_UNUSED void assert_line(const char *path, const char *want)
{
	if (!strstr(content(path), want))
		fail_msg("no \"%s\" in: %s", want, content(path));
}

static ATTR_UNUSED void assert_no_line(const char *path, const char *unwanted)
{
	assert_null(strstr(content(path), unwanted));
}

static ATTR_UNUSED size_t count(const char *path, const char *what)
{
	const char *at = content(path);
	size_t n = 0;

	while ((at = strstr(at, what)) != NULL) {
		n++;
		at += strlen(what);
	}
	return n;
}

/* Wait until cond, looking again each millisecond. */
#define WAIT_UNTIL(cond)                                                                           \
	do {                                                                                       \
		int64_t end_us_ = clock_now_us(clock_system()) + PATIENCE_US;                      \
		while (!(cond)) {                                                                  \
			if (clock_now_us(clock_system()) > end_us_)                                \
				fail_msg("waited in vain for: %s", #cond);                         \
			(void)poll(NULL, 0, 1);                                                    \
		}                                                                                  \
	} while (0)

#define PLACE_TEST(f) cmocka_unit_test_setup_teardown(f, place_setup, place_teardown)

#endif
