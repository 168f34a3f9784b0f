/* SPDX-License-Identifier: MIT */
/*
 * The calls that an archive's file changes by, so that tests can let each of them fail.
 */
#ifndef SINK_ARCHIVE_IO_H
#define SINK_ARCHIVE_IO_H

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"

struct archive_io {
	ssize_t (*write)(void *ctx, int fd, const void *bytes, size_t len, off_t at); /* pwrite */
	int (*truncate)(void *ctx, int fd, off_t size);
	int (*sync)(void *ctx, int fd);
	void *ctx;
};

extern const struct archive_io archive_io_system;

/* All len bytes at the place. Errors: ERR_IO; some of them may be there then. */
enum err_code archive_io_write(const struct archive_io *io, int fd, const char *bytes, size_t len,
			       off_t at, struct err *e) ATTR_MUST_CHECK;
/* Errors of both: ERR_IO. */
enum err_code archive_io_truncate(const struct archive_io *io, int fd, off_t size,
				  struct err *e) ATTR_MUST_CHECK;
enum err_code archive_io_sync(const struct archive_io *io, int fd, struct err *e) ATTR_MUST_CHECK;

#endif
