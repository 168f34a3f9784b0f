/* SPDX-License-Identifier: MIT */
/*
 * Locks by name (GET_LOCK) that belong to a session. Such names are of the whole server, so the
 * database is part of them, as a digest: at most 64 characters are allowed.
 */
#ifndef SOURCE_MY_LOCKS_H
#define SOURCE_MY_LOCKS_H

#define MY_LOCK_NAME_BYTES 65

/* Held by the daemon that reads. */
#define MY_LOCK_LEADER "leader"
/* Held while something is installed or removed. */
#define MY_LOCK_INSTALL "install"

/* "app_db_listener_<kind>_<16 hex digits of database>" */
void my_lock_name(const char *kind, const char *database, char out[static MY_LOCK_NAME_BYTES]);

#endif
