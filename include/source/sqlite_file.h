/* SPDX-License-Identifier: MIT */
/*
 * The database as a file: what it must be before SQLite may open it, whether it is still the same
 * one, and the locks beside it.
 *
 * Nothing here opens the database itself: closing any descriptor of a file drops all POSIX locks
 * that the process has on it, SQLite's included (sqlite.org/howtocorrupt.html, 2.2).
 *
 * Locks are byte ranges of <path>-app-db-listener.lock, owned by its open description: gone when
 * the process is, however it ends, and visible to others without taking them (fcntl(2), "Open file
 * description locks").
 */
#ifndef SOURCE_SQLITE_FILE_H
#define SOURCE_SQLITE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define SQLITE_LOCK_SUFFIX "-app-db-listener.lock"

struct sqlite_file {
	char *path; /* absolute, no symbolic links */
	dev_t device;
	ino_t inode;
	uid_t owner;
	gid_t group;
	mode_t mode;
};

/* Find the file at path and see that it can be used. Errors: ERR_NOT_FOUND, ERR_DENIED (no right
 * to read or write the file or its directory), ERR_CONFIG (a directory or device; a network file
 * system, where SQLite's locks do not work), ERR_UNAVAILABLE (any other failure), ERR_NOMEM. */
enum err_code sqlite_file_look(const char *path, struct sqlite_file *ret_f,
			       struct err *e) ATTR_MUST_CHECK;
void sqlite_file_done(struct sqlite_file *f);

/* Is the file at its path still this one? Errors: ERR_UNAVAILABLE saying that it was removed or
 * replaced. */
enum err_code sqlite_file_check(const struct sqlite_file *f, struct err *e) ATTR_MUST_CHECK;

/* The name of a file system on which SQLite's locking is not safe, by statfs(2)'s magic number;
 * NULL when it is none of them. */
const char *sqlite_file_network(uint64_t magic);

enum sqlite_lock { SQLITE_LOCK_LEADER, SQLITE_LOCK_INSTALL };

/* Open the lock file, making it with the owner and the mode of the database. Errors: ERR_DENIED,
 * ERR_UNAVAILABLE, ERR_NOMEM. */
enum err_code sqlite_lock_open(const struct sqlite_file *f, int *ret_fd,
			       struct err *e) ATTR_MUST_CHECK;

/* Take one until fd is closed. Errors: ERR_BUSY; ERR_UNAVAILABLE (the lock file was removed:
 * open it again). */
enum err_code sqlite_lock_take(const struct sqlite_file *f, int fd, enum sqlite_lock which,
			       struct err *e) ATTR_MUST_CHECK;

/* Is fd still the lock file that others would open? */
bool sqlite_lock_is_current(const struct sqlite_file *f, int fd);

/* Does another one hold it? False, too, when there is no lock file. */
bool sqlite_lock_is_taken(const struct sqlite_file *f, enum sqlite_lock which);

/* Remove the lock file; both locks must be held. */
void sqlite_lock_remove(const struct sqlite_file *f);

#endif
