/* SPDX-License-Identifier: MIT */
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define FD_READ_BYTES 16384
#define FD_PATH_BYTES_MAX 65536

void fd_close(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		(void)close(*fd);
	*fd = -1;
	errno = saved;
}

enum err_code fd_wake_open(int *ret_fd, struct err *e)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	if (fd < 0)
		return err_set_sys(e, ERR_IO, errno, "cannot make an eventfd");
	*ret_fd = fd;
	return ERR_OK;
}

void fd_wake(int fd)
{
	int saved = errno;
	uint64_t one = 1;
	/* a full counter means a wake-up is pending already: eventfd(2) */
	ssize_t n = write(fd, &one, sizeof(one));

	(void)n;
	errno = saved;
}

int fd_wake_clear(int fd)
{
	uint64_t count;

	return read(fd, &count, sizeof(count)) == (ssize_t)sizeof(count);
}

int fd_wait(int fd, int wake_fd, int64_t now_us, int64_t deadline_us)
{
	struct pollfd p[2] = {{.fd = fd, .events = POLLIN}, {.fd = wake_fd, .events = POLLIN}};
	int got = 0;

	/* poll ignores negative descriptors: poll(2) */
	if (poll(p, 2, clock_poll_ms(now_us, deadline_us)) <= 0)
		return 0;
	if (p[0].revents)
		got |= FD_READY;
	if (p[1].revents)
		got |= FD_WOKEN;
	return got;
}

static ATTR_MUST_CHECK enum err_code path_error(const char *what, const char *path, struct err *e)
{
	int sys = errno;
	enum err_code code = sys == ENOENT ? ERR_NOT_FOUND : ERR_IO;

	if (sys == EACCES || sys == EPERM)
		code = ERR_DENIED;
	return err_set_sys(e, code, sys, "cannot %s %s", what, path);
}

enum err_code fd_read_file(const char *path, struct buf *out, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum err_code code = ERR_OK;
	ssize_t n;
	char chunk[FD_READ_BYTES];

	if (fd < 0)
		return path_error("open", path, e);
	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			code = err_set_sys(e, ERR_IO, errno, "cannot read %s", path);
			break;
		}
		buf_add(out, chunk, (size_t)n);
		if (buf_error(out) != ERR_OK) {
			code = buf_error(out);
			break;
		}
	}
	fd_close(&fd);
	if (code == ERR_FULL)
		return err_set(e, code, "%s is larger than %zu bytes", path, out->max_bytes);
	if (code == ERR_NOMEM)
		return err_set(e, code, "no memory to read %s", path);
	return code;
}

enum err_code fd_write_all(int fd, const void *bytes, size_t len, struct err *e)
{
	const char *at = bytes;
	ssize_t n;

	while (len) {
		n = write(fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_set_sys(e, ERR_IO, errno, "cannot write");
		at += n;
		len -= (size_t)n;
	}
	return ERR_OK;
}

/* Write and close fd, the new file at path. */
static ATTR_MUST_CHECK enum err_code write_new(int fd, const char *path, struct text content,
					       unsigned mode, struct err *e)
{
	enum err_code code = fd_write_all(fd, content.s, content.len, e);

	if (code == ERR_OK && (fchmod(fd, (mode_t)mode) != 0 || fsync(fd) != 0))
		code = err_set_sys(e, ERR_IO, errno, "cannot write");
	if (code != ERR_OK)
		(void)err_prefix(e, "%s", path);
	fd_close(&fd);
	return code;
}

enum err_code fd_write_file(const char *path, struct text content, unsigned mode, bool replace,
			    struct err *e)
{
	enum err_code code = ERR_OK;
	struct buf name;
	int fd;

	buf_init(&name, FD_PATH_BYTES_MAX);
	buf_add_fmt(&name, "%s.XXXXXX", path);
	if (buf_error(&name) != ERR_OK) {
		code = err_set(e, ERR_NOMEM, "no memory to write %s", path);
		goto out_name;
	}
	fd = mkostemp(name.data, O_CLOEXEC);
	if (fd < 0) {
		code = path_error("create", path, e);
		goto out_name;
	}
	code = write_new(fd, path, content, mode, e);
	/* link does not replace what is there */
	if (code == ERR_OK && (replace ? rename(name.data, path) : link(name.data, path)))
		code = path_error("create", path, e);
	if (code != ERR_OK || !replace)
		(void)unlink(name.data);
out_name:
	buf_done(&name);
	return code;
}
