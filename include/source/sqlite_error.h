/* SPDX-License-Identifier: MIT */
/*
 * What SQLite's result codes mean here. https://www.sqlite.org/rescode.html
 */
#ifndef SOURCE_SQLITE_ERROR_H
#define SOURCE_SQLITE_ERROR_H

#include <sqlite3.h>

#include "base/err.h"

/* Fill e from an extended result code, its message, and errno (0: none):
 * "<path>: <message> (SQLITE_FULL)", and what it means when the message does not say. ERR_DB when
 * it is none of the known. */
enum err_code sqlite_error_set(struct err *e, const char *path, int rc, const char *message,
			       int sys) ATTR_MUST_CHECK;

#endif
