/* SPDX-License-Identifier: MIT */
/*
 * What PostgreSQL and libpq say went wrong, as error codes and one-line messages. Shared by the
 * files around pg_conn.
 */
#ifndef SOURCE_PG_ERROR_H
#define SOURCE_PG_ERROR_H

#include <libpq-fe.h>

#include "base/err.h"

/* Fill e from a failed result that has a SQLSTATE; ERR_DB when it is none of the known ones. */
enum err_code pg_error_result(const PGresult *res, struct err *e) ATTR_MUST_CHECK;

/* Fill e from a connection that did not come to be, made with PQERRORS_VERBOSE. */
enum err_code pg_error_open(const PGconn *raw, struct err *e) ATTR_MUST_CHECK;

/* Newlines and tabs become single spaces, trailing ones go: libpq's messages have several lines. */
void pg_error_one_line(char *s);

#endif
