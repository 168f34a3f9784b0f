/* SPDX-License-Identifier: MIT */
/*
 * System calls that fail: linked into tests of tests/torture for which the Makefile wraps these
 * names. Only what is about files counts, and new descriptors: a write into an eventfd or a socket
 * goes on as ever. Standard output and error are the test's.
 */
#include "torture_calls.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "torture.h"

/* Declares the call and its wrapper. */
#define WRAP(type, name, ...)                                                                      \
	type __real_##name(__VA_ARGS__);                                                           \
	type __wrap_##name(__VA_ARGS__);                                                           \
	type __wrap_##name(__VA_ARGS__)

static _Thread_local bool was_interrupted;

/* Whether this call is to fail, with errno set. */
static bool fails(int sys)
{
	if (!torture_point(TORTURE_ERROR))
		return false;
	errno = sys;
	return true;
}

static bool is_interrupted(void)
{
	was_interrupted = !was_interrupted && torture_point(TORTURE_EINTR);
	if (was_interrupted)
		errno = EINTR;
	return was_interrupted;
}

static bool is_file(int fd)
{
	int saved = errno;
	struct stat st;
	bool is = fd > STDERR_FILENO && fstatat(fd, "", &st, AT_EMPTY_PATH) == 0 &&
		  S_ISREG(st.st_mode);

	errno = saved;
	return is;
}

/* How much of len a read or write of a file may do; -1: it fails, with errno set. */
static ssize_t part(int fd, size_t len, int sys)
{
	if (!is_file(fd))
		return (ssize_t)len;
	if (fails(sys) || is_interrupted())
		return -1;
	return len > 1 && torture_point(TORTURE_SHORT) ? (ssize_t)(len / 2) : (ssize_t)len;
}

/* ---- descriptors ---- */

#define OPEN_MODE(flags, mode)                                                                     \
	do {                                                                                       \
		va_list args;                                                                      \
		va_start(args, flags);                                                             \
		if ((flags) & (O_CREAT | __O_TMPFILE))                                             \
			(mode) = va_arg(args, mode_t);                                             \
		va_end(args);                                                                      \
	} while (0)

WRAP(int, open, const char *path, int flags, ...)
{
	mode_t mode = 0;

	OPEN_MODE(flags, mode);
	return fails(EMFILE) ? -1 : __real_open(path, flags, mode);
}

WRAP(int, open64, const char *path, int flags, ...)
{
	mode_t mode = 0;

	OPEN_MODE(flags, mode);
	return fails(EMFILE) ? -1 : __real_open64(path, flags, mode);
}

WRAP(int, mkstemp, char *name)
{
	return fails(EMFILE) ? -1 : __real_mkstemp(name);
}

WRAP(int, mkostemp, char *name, int flags)
{
	return fails(EMFILE) ? -1 : __real_mkostemp(name, flags);
}

WRAP(int, eventfd, unsigned count, int flags)
{
	return fails(EMFILE) ? -1 : __real_eventfd(count, flags);
}

WRAP(int, socket, int domain, int type, int protocol)
{
	return fails(EMFILE) ? -1 : __real_socket(domain, type, protocol);
}

/* Never twice in a row, or nobody would ever be let in. */
WRAP(int, accept4, int fd, struct sockaddr *from, socklen_t *len, int flags)
{
	static _Thread_local bool was_refused;

	was_refused = !was_refused && fails(EMFILE);
	if (was_refused || is_interrupted())
		return -1;
	return __real_accept4(fd, from, len, flags);
}

/* libmicrohttpd's; a thread that could not be made is EAGAIN as well */
WRAP(int, epoll_create1, int flags)
{
	return fails(EMFILE) ? -1 : __real_epoll_create1(flags);
}

WRAP(int, flock, int fd, int what)
{
	return fails(ENOLCK) ? -1 : __real_flock(fd, what);
}

WRAP(DIR *, opendir, const char *path)
{
	return fails(EMFILE) ? NULL : __real_opendir(path);
}

WRAP(struct dirent *, readdir, DIR *dir)
{
	return fails(EIO) ? NULL : __real_readdir(dir);
}

/* ---- files ---- */

WRAP(ssize_t, write, int fd, const void *bytes, size_t len)
{
	ssize_t n = part(fd, len, ENOSPC);

	return n < 0 ? n : __real_write(fd, bytes, (size_t)n);
}

WRAP(ssize_t, pwrite, int fd, const void *bytes, size_t len, off_t at)
{
	ssize_t n = part(fd, len, ENOSPC);

	return n < 0 ? n : __real_pwrite(fd, bytes, (size_t)n, at);
}

WRAP(ssize_t, pwrite64, int fd, const void *bytes, size_t len, off_t at)
{
	ssize_t n = part(fd, len, ENOSPC);

	return n < 0 ? n : __real_pwrite64(fd, bytes, (size_t)n, at);
}

WRAP(ssize_t, read, int fd, void *bytes, size_t len)
{
	ssize_t n = part(fd, len, EIO);

	return n < 0 ? n : __real_read(fd, bytes, (size_t)n);
}

WRAP(ssize_t, pread, int fd, void *bytes, size_t len, off_t at)
{
	ssize_t n = part(fd, len, EIO);

	return n < 0 ? n : __real_pread(fd, bytes, (size_t)n, at);
}

WRAP(ssize_t, pread64, int fd, void *bytes, size_t len, off_t at)
{
	ssize_t n = part(fd, len, EIO);

	return n < 0 ? n : __real_pread64(fd, bytes, (size_t)n, at);
}

WRAP(int, ftruncate, int fd, off_t size)
{
	return fails(EIO) || is_interrupted() ? -1 : __real_ftruncate(fd, size);
}

WRAP(int, ftruncate64, int fd, off_t size)
{
	return fails(EIO) || is_interrupted() ? -1 : __real_ftruncate64(fd, size);
}

/* No machine dies in these tests: what is written need not reach the disk. */
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);

int __wrap_fsync(int fd)
{
	(void)fd;
	return fails(EIO) ? -1 : 0;
}

int __wrap_fdatasync(int fd)
{
	return __wrap_fsync(fd);
}

WRAP(int, rename, const char *from, const char *to)
{
	return fails(ENOSPC) ? -1 : __real_rename(from, to);
}

WRAP(int, unlink, const char *path)
{
	return fails(EACCES) ? -1 : __real_unlink(path);
}

WRAP(int, fstat, int fd, struct stat *st)
{
	return fails(EIO) ? -1 : __real_fstat(fd, st);
}

WRAP(int, lstat, const char *path, struct stat *st)
{
	return fails(EIO) ? -1 : __real_lstat(path, st);
}

WRAP(int, stat, const char *path, struct stat *st)
{
	return fails(EIO) ? -1 : __real_stat(path, st);
}

/* ---- streams: what the C library calls inside is not seen ---- */

WRAP(FILE *, fdopen, int fd, const char *mode)
{
	return fails(ENOMEM) ? NULL : __real_fdopen(fd, mode);
}

WRAP(FILE *, fopen, const char *path, const char *mode)
{
	return fails(EMFILE) ? NULL : __real_fopen(path, mode);
}

/* Half of it may be in the file. */
WRAP(size_t, fwrite, const void *bytes, size_t size, size_t n, FILE *file)
{
	if (file == stderr || !torture_point(TORTURE_ERROR))
		return __real_fwrite(bytes, size, n, file);
	n = __real_fwrite(bytes, size, n / 2, file);
	errno = ENOSPC;
	return n;
}

WRAP(int, fflush, FILE *file)
{
	return file != stderr && __fpending(file) && fails(ENOSPC) ? EOF : __real_fflush(file);
}

WRAP(int, fclose, FILE *file)
{
	int result = __real_fclose(file);

	return fails(EIO) ? EOF : result;
}

/* ---- what a life leaves behind ---- */

static bool is_path(const char *fd, const char *path)
{
	char link[64], there[256];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%.16s", fd);
	n = path ? readlink(link, there, sizeof(there) - 1) : -1;
	return n > 0 && (size_t)n >= strlen(path) && strncmp(there, path, strlen(path)) == 0;
}

int torture_descriptors(const char *but)
{
	const struct dirent *entry;
	DIR *dir;
	int n = 0;

	torture_suspend();
	dir = opendir("/proc/self/fd");
	while (dir && (entry = readdir(dir)))
		n += entry->d_name[0] != '.' && !is_path(entry->d_name, but);
	if (dir)
		(void)closedir(dir);
	torture_resume();
	return n;
}
