/* SPDX-License-Identifier: MIT */
/*
 * The operator's commands on a source whose events come from an audit table of the operator's own
 * (listener.audit_table): nothing is captured, and the table itself is only looked at.
 */
#ifndef SOURCE_MY_AUDIT_TABLE_H
#define SOURCE_MY_AUDIT_TABLE_H

#include "source/my_admin.h"

/* Has the source one? */
bool my_audit_table_is(const struct my_admin *a);

/* Append its quoted name. */
void my_audit_table_name(struct buf *out, const struct my_admin *a);

/* Look at the table: there, with the columns and types that the reader needs, an id that counts, a
 * transactional engine, an index for what is not processed. A finding for each fault, with the
 * statement that mends it. *ret_wrong: how many of them the reader cannot work with. Errors: as
 * my_conn_query. */
enum err_code my_audit_table_check(struct my_admin *a, int *ret_wrong,
				   struct err *e) ATTR_MUST_CHECK;

#endif
