/* SPDX-License-Identifier: MIT */
/*
 * Looking at a MySQL or MariaDB installation without changing anything. Every function reports
 * through findings and returns ERR_OK when it could look at all.
 */
#ifndef SOURCE_MY_CHECK_H
#define SOURCE_MY_CHECK_H

#include "source/my_admin.h"
#include "source/my_tables.h"

enum err_code my_check(const struct settings *s, size_t source, const struct install_options *o,
		       struct err *e) ATTR_MUST_CHECK;

/* The server: writable, its settings. */
enum err_code my_check_server(struct my_admin *a, struct err *e) ATTR_MUST_CHECK;
/* The captured tables; installed: also their triggers. */
enum err_code my_check_tables(struct my_admin *a, bool installed, struct err *e) ATTR_MUST_CHECK;

#endif
