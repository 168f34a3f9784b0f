/* SPDX-License-Identifier: MIT */
/*
 * check on PostgreSQL: looks at everything that could keep capture or delivery from working, in
 * read-only transactions, and tells it through on_finding.
 */
#ifndef SOURCE_PG_CHECK_H
#define SOURCE_PG_CHECK_H

#include "source/admin.h"

/* A server that cannot be reached is a finding too; then the error is returned as well. */
enum err_code pg_check(const struct settings *s, size_t source, const struct install_options *o,
		       struct err *e) ATTR_MUST_CHECK;

/* The parts, each in its own file. Errors: as pg_conn_query. */
struct pg_admin;
enum err_code pg_check_outbox(struct pg_admin *a, struct err *e) ATTR_MUST_CHECK;
enum err_code pg_check_tables(struct pg_admin *a, bool installed, struct err *e) ATTR_MUST_CHECK;

#endif
