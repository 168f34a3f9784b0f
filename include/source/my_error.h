/* SPDX-License-Identifier: MIT */
/*
 * What MySQL, MariaDB and their client library say went wrong, as error codes and one-line
 * messages. Shared by the files around my_conn.
 */
#ifndef SOURCE_MY_ERROR_H
#define SOURCE_MY_ERROR_H

#include "base/err.h"

/* Fill e with text and number: "Table 'x.y' doesn't exist (error 1146)"; number is the server's
 * (1000-1999, 3000-) or the client library's (2000-). Returns the code; ERR_DB when it is none of
 * the known ones. */
enum err_code my_error_set(unsigned number, const char *text, struct err *e) ATTR_MUST_CHECK;

#endif
