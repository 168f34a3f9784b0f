/* SPDX-License-Identifier: MIT */
/*
 * What MySQL, MariaDB and their client library say went wrong, as error codes and one-line
 * messages. Shared by the files around my_conn.
 */
#ifndef SOURCE_MY_ERROR_H
#define SOURCE_MY_ERROR_H

#include "base/err.h"

/* The code for an error number of the server (1000-1999, 3000-) or of the client library (2000-);
 * ERR_DB when it is none of the known ones. */
enum err_code my_error_code(unsigned number, const char *text);

/* Fill e with text and number: "Table 'x.y' doesn't exist (error 1146)". Returns my_error_code, or
 * ERR_DB for number 0. */
enum err_code my_error_set(unsigned number, const char *text, struct err *e) ATTR_MUST_CHECK;

#endif
