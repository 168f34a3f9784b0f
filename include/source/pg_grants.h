/* SPDX-License-Identifier: MIT */
/*
 * What the daemon's role may do with the installed tables, sequences and the capture function.
 * docs/postgresql.md has the list.
 */
#ifndef SOURCE_PG_GRANTS_H
#define SOURCE_PG_GRANTS_H

#include "source/pg_admin.h"

/* Within the transaction of an install: grant all of it to the daemon's role, when that is another
 * one than ours. Errors: ERR_NOT_FOUND (no such role), else as pg_admin_run. */
enum err_code pg_grants_install(struct pg_admin *a, struct err *e) ATTR_MUST_CHECK;

#endif
