/* SPDX-License-Identifier: MIT */
/*
 * The backfill jobs that are part of `status`: those that are under way, and those that want
 * somebody to look at them.
 */
#ifndef DAEMON_BACKFILL_STATUS_H
#define DAEMON_BACKFILL_STATUS_H

#include <jansson.h>

#include "base/err.h"
#include "config/settings.h"

/* Append to the array the jobs of this source that run, are paused or have failed, as `backfill
 * list --json` has them. Where there is no place for jobs, none. Errors: ERR_UNAVAILABLE, ERR_DB,
 * ERR_NOMEM. */
enum err_code backfill_status_add(const struct settings *s, size_t source, json_t *jobs,
				  struct err *e) ATTR_MUST_CHECK;

/* Print a section of lines; nothing when there are none. */
void backfill_status_print(const json_t *jobs);

#endif
