/* SPDX-License-Identifier: MIT */
/*
 * What the operator's commands on MySQL and MariaDB share: a connection, the switch between
 * running SQL and printing it, findings, and waiting for locks in short attempts. One thread.
 */
#ifndef SOURCE_MY_ADMIN_H
#define SOURCE_MY_ADMIN_H

#include <stdbool.h>
#include <stdint.h>

#include "source/admin.h"
#include "source/attempts.h"
#include "source/my_conn.h"
#include "source/my_types.h"

#define MY_SQL_MAX_BYTES (64UL << 20)

struct my_admin {
	struct my_conn *conn;
	const struct settings *settings;
	const struct source_settings *source;
	size_t source_index;
	const struct install_options *options; /* never NULL after open */
	const struct clock *clock;
	struct attempts attempts; /* to get locks */
	int64_t lock_timeout_us;
	enum my_flavour flavour;
	const char *database; /* where our tables are */
	const char *server;   /* "MariaDB 10.11.19" */
};

/* Connect to settings.sources[source] as options say (NULL: as the settings say). On ERR_OK the
 * caller closes. Errors: as my_conn_open; a database that does not exist names the nearest. */
enum err_code my_admin_open(struct my_admin *a, const struct settings *s, size_t source,
			    const struct install_options *o, struct err *e) ATTR_MUST_CHECK;
void my_admin_close(struct my_admin *a);

/* Does pipeline p belong to this source? */
bool my_admin_has_pipeline(const struct my_admin *a, size_t p);

/* The one way for a statement that changes something: run it, or print it when print_only. sql is
 * one statement without the semicolon. Errors: as my_conn_exec. */
enum err_code my_admin_run(struct my_admin *a, const char *sql, struct err *e) ATTR_MUST_CHECK;
/* As my_admin_run with what a builder made; frees nothing. ERR_NOMEM from the buf too. */
enum err_code my_admin_run_buf(struct my_admin *a, const struct buf *sql,
			       struct err *e) ATTR_MUST_CHECK;
/* As my_admin_run_buf for a statement with semicolons inside: printed between DELIMITERs. */
enum err_code my_admin_run_compound(struct my_admin *a, const struct buf *sql,
				    struct err *e) ATTR_MUST_CHECK;
/* A comment line in the printed SQL; nothing otherwise. */
void my_admin_comment(struct my_admin *a, const char *fmt, ...) ATTR_PRINTF(2, 3);

/* A statement that only looks: also run when print_only. Each $ in fmt is replaced by the next
 * argument, a const char *, as a literal; what else is in fmt stays as it is. The caller frees
 * *ret_r. Errors: as my_conn_query. */
enum err_code my_admin_query(struct my_admin *a, struct my_result **ret_r, struct err *e,
			     const char *fmt, ...) ATTR_MUST_CHECK;
/* The same for one number; absent when there is no row, or it is NULL. */
enum err_code my_admin_number(struct my_admin *a, int64_t absent, int64_t *ret_v, struct err *e,
			      const char *fmt, ...) ATTR_MUST_CHECK;

/* Have the server prepare a statement, which looks at names and privileges, and not run it. Errors:
 * as my_conn_exec, and ERR_NOMEM from the buf. */
enum err_code my_admin_probe(struct my_admin *a, const struct buf *statement,
			     struct err *e) ATTR_MUST_CHECK;

/* Do work, statements that want a table's exclusive metadata lock, each waiting for it lock_timeout
 * at most; after a timeout pause, so that the application's statements that queued behind go on,
 * and do it again until the deadline. Work has to bear being run again: DDL commits by itself.
 * schema and table name the table in errors. Errors: what work returns; ERR_TIMEOUT when the lock
 * could not be had. */
typedef enum err_code (*my_admin_work_fn)(struct my_admin *a, void *ctx, struct err *e);
enum err_code my_admin_locked(struct my_admin *a, const char *schema, const char *table,
			      my_admin_work_fn work, void *ctx, struct err *e) ATTR_MUST_CHECK;

/* Let nobody else install until the connection closes. Errors: ERR_BUSY (another install runs). */
enum err_code my_admin_lock(struct my_admin *a, struct err *e) ATTR_MUST_CHECK;

/* Hand a finding to the caller's on_finding, when there is one. hint may be NULL. */
void my_admin_find(struct my_admin *a, enum finding_level level, const char *subject,
		   const char *hint, const char *fmt, ...) ATTR_PRINTF(5, 6);

#endif
