/* SPDX-License-Identifier: MIT */
/*
 * Signals as readable events: all that mean something are blocked and come out of one signalfd, so
 * that the main loop waits for them as for anything else and no handler interrupts anyone.
 *
 *     SIGTERM, SIGINT   stop: drain within the deadline, then leave
 *     SIGHUP            reload the configuration and reopen the log
 *     SIGUSR1           reopen the log only
 *     SIGPIPE           ignored
 */
#ifndef CONTROL_SIGNALS_H
#define CONTROL_SIGNALS_H

#include "base/err.h"

enum signals_request { SIGNALS_NONE, SIGNALS_STOP, SIGNALS_RELOAD, SIGNALS_REOPEN };

/* Block the signals in the calling thread (call before any other thread starts: they inherit it)
 * and open the descriptor: non-blocking, close-on-exec. Errors: ERR_IO. */
enum err_code signals_open(int *ret_fd, struct err *e) ATTR_MUST_CHECK;

/* Close *fd and set it to -1. The signals stay blocked: a late SIGTERM must not kill a process that
 * is ending already. */
void signals_close(int *fd);

/* What the next pending signal asks for; SIGNALS_NONE when none is pending. */
enum signals_request signals_read(int fd);

#endif
