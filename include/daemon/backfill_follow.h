/* SPDX-License-Identifier: MIT */
/*
 * Watching a backfill job until it ends: a bar on a terminal, a line now and then elsewhere.
 */
#ifndef DAEMON_BACKFILL_FOLLOW_H
#define DAEMON_BACKFILL_FOLLOW_H

#include <stdint.h>

#include "config/settings.h"

/* Returns the exit status: 0: done; 1: failed, cancelled or paused; 130: the watcher was
 * interrupted, and the job goes on. */
int backfill_follow(const struct settings *s, size_t source, int64_t id);

#endif
