/* SPDX-License-Identifier: MIT */
/*
 * For tests of log files and of their rotation: where they are, and what stands in them.
 */
#ifndef TESTS_UNIT_BASE_LOG_FILE_PLACE_H
#define TESTS_UNIT_BASE_LOG_FILE_PLACE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/fd.h"
#include "base/log_file.h"

/* A directory of its own for each test, and a log file "log" in it. */
struct place {
	char dir[32];
	char path[48];
	struct log_file file;
};

static inline int place_setup(void **state)
{
	static struct place p;

	p = (struct place){.dir = "/tmp/test_log.XXXXXX", .file = {.fd = -1}};
	if (!mkdtemp(p.dir))
		return -1;
	(void)snprintf(p.path, sizeof(p.path), "%s/log", p.dir);
	*state = &p;
	return 0;
}

static inline int place_teardown(void **state)
{
	static const char *const names[] = {"",   ".0",      ".1",        ".2",       ".3",
					    ".4", "-target", ".1/inside", ".3/inside"};
	struct place *p = *state;
	char path[64];
	int i;

	log_file_close(&p->file);
	for (i = (int)ARRAY_LEN(names) - 1; i >= 0; i--) {
		(void)snprintf(path, sizeof(path), "%s%s", p->path, names[i]);
		if (unlink(path) != 0)
			(void)rmdir(path);
	}
	return rmdir(p->dir);
}

static inline void file_open(struct place *p, int64_t rotate_bytes, int keep)
{
	assert_int_equal(log_file_open(&p->file, p->path, rotate_bytes, keep, NULL), ERR_OK);
}

/* Write all the lines, as the writer of the log does. */
static inline void file_write(struct place *p, const char *lines)
{
	size_t len = strlen(lines), n;

	while (len) {
		n = 0;
		assert_int_equal(log_file_write(&p->file, lines, len, 0, &n, NULL), ERR_OK);
		assert_in_range(n, 1, len);
		lines += n;
		len -= n;
	}
}

static inline void assert_holds(const struct place *p, const char *suffix, const char *want)
{
	char path[64];
	struct buf b;

	(void)snprintf(path, sizeof(path), "%s%s", p->path, suffix);
	buf_init(&b, 10000);
	if (!want) {
		assert_int_equal(fd_read_file(path, &b, NULL), ERR_NOT_FOUND);
	} else {
		assert_int_equal(fd_read_file(path, &b, NULL), ERR_OK);
		assert_string_equal(buf_str(&b), want);
	}
	buf_done(&b);
}

#endif
