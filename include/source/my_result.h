/* SPDX-License-Identifier: MIT */
/*
 * The rows of one statement on MySQL or MariaDB, all in memory: my_conn_query makes them.
 */
#ifndef SOURCE_MY_RESULT_H
#define SOURCE_MY_RESULT_H

#include <mysql.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"

struct my_result;

/* Take a stored result, also on failure. Errors: ERR_NOMEM. */
enum err_code my_result_new(MYSQL_RES *res, struct my_result **ret_r,
			    struct err *e) ATTR_MUST_CHECK;

/* Free; NULL is fine. */
void my_result_free(struct my_result *r);
size_t my_result_rows(const struct my_result *r);

/* Go to the next row, at first to the first; false behind the last. */
bool my_result_next(struct my_result *r);

/* A cell of the current row, TEXT_NONE for NULL. A loan until the result is freed; terminated. */
struct text my_result_text(const struct my_result *r, size_t column);

/* The same, "" for NULL. */
const char *my_result_str(const struct my_result *r, size_t column);

/* The same as a number; absent for NULL and for what is no number. */
int64_t my_result_i64(const struct my_result *r, size_t column, int64_t absent);

#endif
