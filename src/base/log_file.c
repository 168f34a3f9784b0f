/* SPDX-License-Identifier: MIT */
/*
 * When the path names another file than the open one (logrotate, or a second daemon with the same
 * configuration, moved it), there is nothing to rotate: the new file is opened.
 *
 * A file that cannot be rotated must not grow for ever. Nothing is written to it while the obstacle
 * may pass; after some attempts it is emptied, since the newest lines are worth the most.
 *
 * A pipe, terminal or socket gets at most PIPE_BUF bytes of whole lines after poll said that
 * there is room, which does not block (pipe(7)) although its descriptor, shared with
 * whoever started the daemon, must stay blocking.
 */
#include "base/log_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"
#include "base/rotation.h"

#define LOG_FILE_MODE 0640
#define ROTATE_TRIES 10

static ATTR_MUST_CHECK enum err_code file_error(struct err *e, const char *what, const char *path)
{
	int sys = errno;

	if (sys == EACCES || sys == EPERM)
		return err_set_sys(e, ERR_DENIED, sys, "%s %s", what, path);
	if (sys == ENOENT || sys == ENOTDIR)
		return err_set_sys(e, ERR_NOT_FOUND, sys, "%s %s", what, path);
	if (sys == ELOOP)
		return err_set(e, ERR_IO, "%s %s: it is a symbolic link", what, path);
	return err_set_sys(e, ERR_IO, sys, "%s %s", what, path);
}

/* O_NONBLOCK: a FIFO without a reader is an error, not a daemon that never starts. */
static ATTR_MUST_CHECK enum err_code path_open(const char *path, int *ret_fd, struct err *e)
{
	int fd =
		open(path,
		     O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK,
		     LOG_FILE_MODE);

	if (fd < 0)
		return file_error(e, "cannot open", path);
	*ret_fd = fd;
	return ERR_OK;
}

static void file_use(struct log_file *f, int fd)
{
	struct stat st;

	f->fd = fd;
	f->is_torn = false;
	f->is_regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	f->bytes = f->is_regular ? st.st_size : 0;
}

enum err_code log_file_open(struct log_file *f, const char *path, int64_t rotate_bytes,
			    int rotate_keep, struct err *e)
{
	enum err_code code;
	int fd = -1;

	*f = (struct log_file){.fd = -1, .rotate_bytes = rotate_bytes, .rotate_keep = rotate_keep};
	if (!path) {
		file_use(f, STDERR_FILENO);
		f->rotate_bytes = 0;
		return ERR_OK;
	}
	f->path = mem_strdup(path);
	if (!f->path)
		return err_set(e, ERR_NOMEM, "no memory to open log file %s", path);
	code = path_open(path, &fd, e);
	if (code != ERR_OK) {
		log_file_close(f);
		return code;
	}
	file_use(f, fd);
	return ERR_OK;
}

void log_file_close(struct log_file *f)
{
	if (f->path)
		fd_close(&f->fd);
	mem_free(f->path);
	f->path = NULL;
	f->fd = -1;
}

/* Does the path still name the open file? */
static bool is_at_path(const struct log_file *f)
{
	struct stat here, there;

	return fstat(f->fd, &here) == 0 && lstat(f->path, &there) == 0 &&
	       here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

enum err_code log_file_reopen(struct log_file *f, struct err *e)
{
	enum err_code code;
	int fd = -1;

	if (!f->path || is_at_path(f))
		return ERR_OK;
	code = path_open(f->path, &fd, e);
	if (code != ERR_OK)
		return code;
	fd_close(&f->fd);
	file_use(f, fd);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code try_rotate(struct log_file *f, struct err *e)
{
	enum err_code code;

	if (!is_at_path(f))
		return log_file_reopen(f, e);
	code = rotation_shift(f->path, f->rotate_keep, e);
	if (code != ERR_OK)
		return code;
	code = log_file_reopen(f, e);
	if (code != ERR_OK)
		rotation_unshift(f->path, f->rotate_keep);
	return code;
}

static ATTR_MUST_CHECK enum err_code file_rotate(struct log_file *f, struct err *e)
{
	enum err_code code = try_rotate(f, e);

	if (code == ERR_OK) {
		f->rotate_tries = 0;
		return ERR_OK;
	}
	if (++f->rotate_tries < ROTATE_TRIES || ftruncate(f->fd, 0) != 0)
		return code;
	f->rotate_tries = 0;
	f->bytes = 0;
	return ERR_OK;
}

/* How much of the lines to give to one write: as many whole lines as end within max bytes, the
 * first line in any case. */
static size_t whole_lines(const char *bytes, size_t len, size_t max)
{
	const char *end;

	if (len <= max)
		return len;
	end = memrchr(bytes, '\n', max);
	if (!end)
		end = memchr(bytes, '\n', len);
	return end ? (size_t)(end - bytes) + 1 : len;
}

/* Rotate if need be, and say how much may be written now. */
static ATTR_MUST_CHECK enum err_code file_room(struct log_file *f, const char *bytes, size_t len,
					       size_t *ret_n, struct err *e)
{
	const char *end = memchr(bytes, '\n', len);
	int64_t first = end ? end - bytes + 1 : (int64_t)len;
	enum err_code code = ERR_OK;
	struct stat st;

	if (fstat(f->fd, &st) == 0) {
		f->bytes = st.st_size; /* somebody may truncate it or write to it too */
		if (st.st_nlink == 0 && !f->is_torn)
			code = log_file_reopen(f, e); /* removed: nobody would see the lines */
	}
	if (code != ERR_OK)
		return code;
	if (!f->rotate_bytes) {
		*ret_n = len;
		return ERR_OK;
	}
	if (f->bytes > 0 && f->bytes + first > f->rotate_bytes && !f->is_torn) {
		code = file_rotate(f, e);
		if (code != ERR_OK)
			return code;
	}
	*ret_n = whole_lines(bytes, len,
			     f->bytes < f->rotate_bytes ? (size_t)(f->rotate_bytes - f->bytes) : 0);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code pipe_room(const struct log_file *f, const char *bytes,
					       size_t len, int wait_ms, size_t *ret_n,
					       struct err *e)
{
	struct pollfd p = {.fd = f->fd, .events = POLLOUT};

	if (poll(&p, 1, wait_ms) <= 0)
		return err_set(e, ERR_FULL, "nobody reads the log");
	*ret_n = whole_lines(bytes, len, PIPE_BUF);
	return ERR_OK;
}

enum err_code log_file_write(struct log_file *f, const char *bytes, size_t len, int wait_ms,
			     size_t *ret_n, struct err *e)
{
	enum err_code code;
	size_t room = 0;
	ssize_t n;

	if (f->is_regular)
		code = file_room(f, bytes, len, &room, e);
	else
		code = pipe_room(f, bytes, len, wait_ms, &room, e);
	if (code == ERR_FULL)
		return code;
	if (code != ERR_OK)
		return ERR_IO;
	do
		n = write(f->fd, bytes, room);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return err_set(e, ERR_FULL, "nobody reads the log");
	if (n <= 0)
		return err_set_sys(e, ERR_IO, n < 0 ? errno : ENOSPC, "cannot write %s",
				   f->path ? f->path : "to standard error");
	f->is_torn = bytes[n - 1] != '\n';
	if (f->is_regular)
		f->bytes += n;
	*ret_n = (size_t)n;
	return ERR_OK;
}
