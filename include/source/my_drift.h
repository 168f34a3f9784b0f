/* SPDX-License-Identifier: MIT */
/*
 * Is a captured table still as it was installed? Asked by install and check, and by the daemon
 * every minute; so one table at a time, by name: a question about all of them would make the server
 * open every table it has. What the daemon's account needs for it, install grants: TRIGGER and
 * REFERENCES, which show a table's triggers and columns, and none of its rows.
 */
#ifndef SOURCE_MY_DRIFT_H
#define SOURCE_MY_DRIFT_H

#include "source/my_conn.h"

/* One row of app_db_listener_captured. */
struct my_captured {
	const char *schema;
	const char *table;
	const char *fingerprint;
	const char *trigger_names; /* commas between */
};

/* Append an SQL expression, a digest of the table's columns and their types. NULL: there are none,
 * or none that we may see. */
void my_drift_fingerprint(struct buf *out, const char *schema, const char *table);

/* *ret_problem: NULL, or what changed, to stand behind the table's name: "is gone". Static.
 * Errors: as my_conn_query; ERR_NOMEM. */
enum err_code my_drift_look(struct my_conn *conn, const struct my_captured *c,
			    const char **ret_problem, struct err *e) ATTR_MUST_CHECK;

#endif
