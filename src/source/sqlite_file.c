/* SPDX-License-Identifier: MIT */
#include "source/sqlite_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

/* ---- the database ---- */

const char *sqlite_file_network(uint64_t magic)
{
	static const struct {
		uint64_t magic;
		const char *name;
	} known[] = {
		/* linux/magic.h and the file systems' own headers */
		{0x6969, "NFS"},        {0xff534d42, "CIFS"},   {0xfe534d42, "SMB2"},
		{0x517b, "SMB"},        {0x65735546, "FUSE"},   {0x00c36400, "CephFS"},
		{0x0bd00bd0, "Lustre"}, {0x01021997, "9p"},     {0x5346414f, "AFS"},
		{0x47504653, "GPFS"},   {0x73757245, "Coda"},   {0x01161970, "GFS2"},
		{0x7461636f, "OCFS2"},  {0x19830326, "BeeGFS"},
	};
	size_t i;

	for (i = 0; i < ARRAY_LEN(known); i++)
		if (known[i].magic == magic)
			return known[i].name;
	return NULL;
}

static ATTR_MUST_CHECK enum err_code system_error(const char *path, const char *what, struct err *e)
{
	int sys = errno;
	enum err_code code = ERR_UNAVAILABLE;

	if (sys == ENOENT || sys == ENOTDIR)
		code = ERR_NOT_FOUND;
	if (sys == EACCES || sys == EPERM)
		code = ERR_DENIED;
	if (sys == ENOMEM)
		code = ERR_NOMEM;
	if (code == ERR_NOT_FOUND)
		return err_set(e, code, "there is no database file %s", path);
	return err_set_sys(e, code, sys, "%s %s", what, path);
}

static ATTR_MUST_CHECK enum err_code look_at_kind(const struct stat *st, const char *path,
						  struct err *e)
{
	if (S_ISREG(st->st_mode))
		return ERR_OK;
	return err_set(e, ERR_CONFIG, "%s is %s and no database file", path,
		       S_ISDIR(st->st_mode) ? "a directory" : "a device, pipe or socket");
}

static ATTR_MUST_CHECK enum err_code look_at_place(const char *path, struct err *e)
{
	const char *network;
	struct statfs fs;

	if (statfs(path, &fs) != 0)
		return system_error(path, "cannot look at the file system of", e);
	/* a signed word on some machines: only its low 32 bits are the number */
	network = sqlite_file_network((uint64_t)fs.f_type & 0xffffffff);
	if (network)
		return err_set(e, ERR_CONFIG,
			       "%s is on %s: SQLite's locks do not work there between machines, "
			       "and the file can be damaged; keep it on a local disk",
			       path, network);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code look_at_rights(const char *path, struct err *e)
{
	char directory[PATH_MAX];
	char *slash;

	if (faccessat(AT_FDCWD, path, R_OK | W_OK, AT_EACCESS) != 0)
		return err_set_sys(e, ERR_DENIED, errno,
				   "the database file %s must be readable and writable", path);
	(void)snprintf(directory, sizeof(directory), "%s", path);
	slash = strrchr(directory, '/');
	if (slash)
		slash[slash == directory] = '\0';
	/* journals and the WAL are made beside it */
	if (faccessat(AT_FDCWD, directory, W_OK | X_OK, AT_EACCESS) != 0)
		return err_set_sys(e, ERR_DENIED, errno,
				   "directory %s must be writable: SQLite makes its journal there",
				   directory);
	return ERR_OK;
}

enum err_code sqlite_file_look(const char *path, struct sqlite_file *ret_f, struct err *e)
{
	char real[PATH_MAX];
	enum err_code code;
	struct stat st;

	if (!realpath(path, real) || stat(real, &st) != 0)
		return system_error(path, "cannot find", e);
	code = look_at_kind(&st, real, e);
	if (code == ERR_OK)
		code = look_at_place(real, e);
	if (code == ERR_OK)
		code = look_at_rights(real, e);
	if (code != ERR_OK)
		return code;
	*ret_f = (struct sqlite_file){
		.path = mem_strdup(real),
		.device = st.st_dev,
		.inode = st.st_ino,
		.owner = st.st_uid,
		.group = st.st_gid,
		.mode = st.st_mode,
	};
	return ret_f->path ? ERR_OK : err_set(e, ERR_NOMEM, "no memory for a path");
}

void sqlite_file_done(struct sqlite_file *f)
{
	mem_free(f->path);
	f->path = NULL;
}

enum err_code sqlite_file_check(const struct sqlite_file *f, struct err *e)
{
	struct stat st;

	if (stat(f->path, &st) != 0)
		return err_set_sys(e, ERR_UNAVAILABLE, errno, "database file %s is gone", f->path);
	if (st.st_dev == f->device && st.st_ino == f->inode)
		return ERR_OK;
	return err_set(e, ERR_UNAVAILABLE, "database file %s was replaced by another", f->path);
}

/* ---- locks ---- */

static ATTR_MUST_CHECK enum err_code lock_path(const struct sqlite_file *f, char out[PATH_MAX],
					       struct err *e)
{
	int n = snprintf(out, PATH_MAX, "%s" SQLITE_LOCK_SUFFIX, f->path);

	if (n < 0 || n >= PATH_MAX)
		return err_set(e, ERR_UNAVAILABLE, "the path %s is too long for a lock file",
			       f->path);
	return ERR_OK;
}

/* As SQLite does with its own: whoever may write the database may lock it, whichever of root and
 * the daemon's user came first. */
static void share_with_owner(const struct sqlite_file *f, int fd)
{
	struct stat st;

	if (fstat(fd, &st) != 0 || geteuid() != 0)
		return;
	if (st.st_uid != f->owner || st.st_gid != f->group)
		if (fchown(fd, f->owner, f->group) != 0)
			return;
	if ((st.st_mode & 0666) != (f->mode & 0666))
		(void)fchmod(fd, f->mode & 0666);
}

enum err_code sqlite_lock_open(const struct sqlite_file *f, int *ret_fd, struct err *e)
{
	char path[PATH_MAX];
	enum err_code code = lock_path(f, path, e);
	int fd;

	if (code != ERR_OK)
		return code;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, f->mode & 0666);
	if (fd < 0)
		return err_set_sys(e, errno == EACCES ? ERR_DENIED : ERR_UNAVAILABLE, errno,
				   "cannot open lock file %s", path);
	share_with_owner(f, fd);
	*ret_fd = fd;
	return ERR_OK;
}

static struct flock range_of(enum sqlite_lock which)
{
	return (struct flock){
		.l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_start = (off_t)which,
		.l_len = 1,
	};
}

bool sqlite_lock_is_current(const struct sqlite_file *f, int fd)
{
	struct stat there, here;
	char path[PATH_MAX];

	return lock_path(f, path, NULL) == ERR_OK && stat(path, &there) == 0 &&
	       fstat(fd, &here) == 0 && there.st_dev == here.st_dev && there.st_ino == here.st_ino;
}

enum err_code sqlite_lock_take(const struct sqlite_file *f, int fd, enum sqlite_lock which,
			       struct err *e)
{
	static const char *const holders[] = {
		[SQLITE_LOCK_LEADER] = "another daemon is active",
		[SQLITE_LOCK_INSTALL] = "another install or uninstall is running",
	};
	struct flock range = range_of(which);

	if (fcntl(fd, F_OFD_SETLK, &range) != 0) {
		if (errno == EAGAIN || errno == EACCES)
			return err_set(e, ERR_BUSY, "%s", holders[which]);
		return err_set_sys(e, ERR_UNAVAILABLE, errno, "cannot lock beside %s", f->path);
	}
	/* removed between our open and now: another one may hold the lock of a new file */
	if (!sqlite_lock_is_current(f, fd))
		return err_set(e, ERR_UNAVAILABLE, "the lock file of %s was removed", f->path);
	return ERR_OK;
}

bool sqlite_lock_is_taken(const struct sqlite_file *f, enum sqlite_lock which)
{
	struct flock range = range_of(which);
	char path[PATH_MAX];
	bool taken;
	int fd;

	if (lock_path(f, path, NULL) != ERR_OK)
		return false;
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return false;
	taken = fcntl(fd, F_OFD_GETLK, &range) == 0 && range.l_type != F_UNLCK;
	fd_close(&fd);
	return taken;
}

void sqlite_lock_remove(const struct sqlite_file *f)
{
	char path[PATH_MAX];

	if (lock_path(f, path, NULL) == ERR_OK)
		(void)unlink(path);
}
