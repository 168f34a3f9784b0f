/* SPDX-License-Identifier: MIT */
/*
 * `export archive [PATH]`: the records of one archive, or of all in the configuration.
 */
#ifndef DAEMON_EXPORT_ARCHIVE_H
#define DAEMON_EXPORT_ARCHIVE_H

#include "daemon/command.h"

/* The arguments are those behind the word archive. */
int export_archive(const struct command_call *call);

#endif
