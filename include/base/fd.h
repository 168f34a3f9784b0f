/* SPDX-License-Identifier: MIT */
/*
 * File descriptors: closing, waking a loop, reading whole small files.
 */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* Close *fd if it is >= 0 and set it to -1. errno is kept. */
void fd_close(int *fd);

/* A non-blocking, close-on-exec eventfd in ret_fd: a wake-up that any thread may give and one loop
 * polls for. Errors: ERR_IO. */
enum err_code fd_wake_open(int *ret_fd, struct err *e) ATTR_MUST_CHECK;

/* Make the loop that polls fd return. Any thread, async-signal-safe, never blocks. */
void fd_wake(int fd);

/* Take the wake-ups given so far; returns whether there was one. */
int fd_wake_clear(int fd);

/* Wait until fd (-1: none) or wake_fd (-1: none) is readable, or deadline_us (monotonic,
 * INT64_MAX: for ever). Returns a bit mask of FD_READY and FD_WOKEN, 0 on the deadline or a signal.
 */
enum { FD_READY = 1, FD_WOKEN = 2 };
int fd_wait(int fd, int wake_fd, int64_t now_us, int64_t deadline_us);

/* Append the whole file to out, which bounds the size. Errors: ERR_NOT_FOUND, ERR_DENIED, ERR_IO,
 * ERR_FULL (larger than out allows), ERR_NOMEM. */
enum err_code fd_read_file(const char *path, struct buf *out, struct err *e) ATTR_MUST_CHECK;

/* Write all len bytes to a blocking fd, restarting after signals. Errors: ERR_IO. */
enum err_code fd_write_all(int fd, const void *bytes, size_t len, struct err *e) ATTR_MUST_CHECK;

/* Make the file at path with this content, by way of another beside it, so that it appears whole
 * or not at all; it is on the disk then. An old one is replaced when replace is set, else the error
 * is ERR_IO with e->sys EEXIST. mode as in open(2). Errors: ERR_NOT_FOUND (its directory),
 * ERR_DENIED, ERR_IO, ERR_NOMEM. Blocks as long as the disk does. */
enum err_code fd_write_file(const char *path, struct text content, unsigned mode, bool replace,
			    struct err *e) ATTR_MUST_CHECK;

#endif
