/* SPDX-License-Identifier: MIT */
/*
 * Locks by name (GET_LOCK) that belong to a session, as SQL expressions. Such names are of the
 * whole server, so the database is part of them, as a digest: at most 64 characters are allowed.
 * MySQL manual, "Locking Functions".
 */
#ifndef SOURCE_MY_LOCKS_H
#define SOURCE_MY_LOCKS_H

#include "source/my_quote.h"

/* Held by the daemon that reads. */
#define MY_LOCK_LEADER "CONCAT('app_db_listener.', " MY_DIGEST("LOWER(DATABASE())") ")"
/* Held while something is installed or removed. */
#define MY_LOCK_INSTALL "CONCAT('app_db_listener.install.', " MY_DIGEST("LOWER(DATABASE())") ")"

#endif
