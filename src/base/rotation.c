/* SPDX-License-Identifier: MIT */
#include "base/rotation.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static ATTR_MUST_CHECK enum err_code failed(struct err *e, const char *what, const char *path)
{
	int sys = errno;

	if (sys == EACCES || sys == EPERM)
		return err_set_sys(e, ERR_DENIED, sys, "cannot %s %s", what, path);
	if (sys == ENOENT || sys == ENOTDIR)
		return err_set_sys(e, ERR_NOT_FOUND, sys, "cannot %s %s", what, path);
	return err_set_sys(e, ERR_IO, sys, "cannot %s %s", what, path);
}

/* PATH.n, or PATH for n == 0. */
static ATTR_MUST_CHECK enum err_code path_numbered(const char *path, int n,
						   char out[static PATH_MAX], struct err *e)
{
	int len =
		n ? snprintf(out, PATH_MAX, "%s.%d", path, n) : snprintf(out, PATH_MAX, "%s", path);

	if (len < 0 || len >= PATH_MAX)
		return err_set(e, ERR_IO, "cannot rotate %s: the name is too long", path);
	return ERR_OK;
}

/* Rename PATH.n to PATH.n+1; one that is not there is fine. */
static ATTR_MUST_CHECK enum err_code shift_one(const char *path, int n, struct err *e)
{
	char from[PATH_MAX], to[PATH_MAX];
	enum err_code code = path_numbered(path, n, from, e);

	if (code == ERR_OK)
		code = path_numbered(path, n + 1, to, e);
	if (code != ERR_OK)
		return code;
	if (rename(from, to) != 0 && errno != ENOENT)
		return failed(e, "rotate", from);
	return ERR_OK;
}

/* The number that the file before it can take without overwriting anything; keep when all are
 * taken. Files beyond stay as they are: when no new file can be made after a shift, the next
 * attempt finds the same number free and moves nothing but path. */
static ATTR_MUST_CHECK enum err_code free_number(const char *path, int keep, int *ret_n,
						 struct err *e)
{
	char name[PATH_MAX];
	struct stat st;
	int n;

	for (n = 1; n < keep; n++) {
		enum err_code code = path_numbered(path, n, name, e);

		if (code != ERR_OK)
			return code;
		if (lstat(name, &st) != 0 && errno == ENOENT)
			break;
	}
	*ret_n = n;
	return ERR_OK;
}

/* What cannot be removed stays: it does not grow. */
static void remove_beyond(const char *path, int keep)
{
	char name[PATH_MAX];
	int n;

	for (n = keep + 1; n <= ROTATION_KEEP_MAX; n++)
		if (path_numbered(path, n, name, NULL) != ERR_OK || unlink(name) != 0)
			return;
}

enum err_code rotation_shift(const char *path, int keep, struct err *e)
{
	enum err_code code = ERR_OK;
	int n = 0;

	if (keep < 1 && unlink(path) != 0 && errno != ENOENT)
		return failed(e, "remove", path);
	if (keep >= 1)
		code = free_number(path, keep, &n, e);
	while (code == ERR_OK && n-- > 0)
		code = shift_one(path, n, e);
	if (code == ERR_OK)
		remove_beyond(path, keep);
	return code;
}

void rotation_unshift(const char *path, int keep)
{
	char moved[PATH_MAX];

	if (keep > 0 && path_numbered(path, 1, moved, NULL) == ERR_OK)
		(void)rename(moved, path);
}
