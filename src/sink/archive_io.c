/* SPDX-License-Identifier: MIT */
#include "sink/archive_io.h"

#include <errno.h>
#include <unistd.h>

static ssize_t system_write(void *ctx, int fd, const void *bytes, size_t len, off_t at)
{
	(void)ctx;
	return pwrite(fd, bytes, len, at);
}

static int system_truncate(void *ctx, int fd, off_t size)
{
	(void)ctx;
	return ftruncate(fd, size);
}

static int system_sync(void *ctx, int fd)
{
	(void)ctx;
	return fdatasync(fd);
}

const struct archive_io archive_io_system = {system_write, system_truncate, system_sync, NULL};

enum err_code archive_io_write(const struct archive_io *io, int fd, const char *bytes, size_t len,
			       off_t at, struct err *e)
{
	ssize_t n;

	while (len) {
		n = io->write(io->ctx, fd, bytes, len, at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return err_set_sys(e, ERR_IO, n < 0 ? errno : ENOSPC, "cannot write");
		bytes += n;
		len -= (size_t)n;
		at += n;
	}
	return ERR_OK;
}

enum err_code archive_io_truncate(const struct archive_io *io, int fd, off_t size, struct err *e)
{
	int n;

	do
		n = io->truncate(io->ctx, fd, size);
	while (n != 0 && errno == EINTR);
	return n == 0 ? ERR_OK : err_set_sys(e, ERR_IO, errno, "cannot cut");
}

enum err_code archive_io_sync(const struct archive_io *io, int fd, struct err *e)
{
	return io->sync(io->ctx, fd) == 0 ? ERR_OK : err_set_sys(e, ERR_IO, errno, "cannot sync");
}
