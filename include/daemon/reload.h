/* SPDX-License-Identifier: MIT */
/*
 * What a reload reads, and what it says of that.
 */
#ifndef DAEMON_RELOAD_H
#define DAEMON_RELOAD_H

#include "base/err.h"
#include "config/settings.h"

/* Read the file into *ret; every mistake becomes a log line. Errors: those of config_load. */
enum err_code reload_read(const char *file, struct settings *ret, struct err *e) ATTR_MUST_CHECK;

/* Log what changes. */
void reload_tell(const struct settings *before, const struct settings *after);

#endif
