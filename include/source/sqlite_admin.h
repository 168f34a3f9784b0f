/* SPDX-License-Identifier: MIT */
/*
 * What the operator's commands on SQLite share: a connection, the switch between running SQL and
 * printing it, findings. One thread.
 */
#ifndef SOURCE_SQLITE_ADMIN_H
#define SOURCE_SQLITE_ADMIN_H

#include <stdbool.h>
#include <stdint.h>

#include "source/admin.h"
#include "source/sqlite_conn.h"

#define SQLITE_SCHEMA_VERSION 1

struct sqlite_admin {
	struct sqlite_conn *conn;
	const struct settings *settings;
	const struct source_settings *source;
	size_t source_index;
	const struct install_options *options; /* never NULL after open */
	const struct clock *clock;
	int lock_fd;     /* -1: none */
	char server[64]; /* "SQLite 3.40.1" */
};

/* Open settings.sources[source]. is_read_only: nothing may be changed. On ERR_OK the caller
 * closes. Errors: as sqlite_conn_open. */
enum err_code sqlite_admin_open(struct sqlite_admin *a, const struct settings *s, size_t source,
				const struct install_options *o, bool is_read_only,
				struct err *e) ATTR_MUST_CHECK;
/* Close; gives the locks back. */
void sqlite_admin_close(struct sqlite_admin *a);

/* Does pipeline p belong to this source? */
bool sqlite_admin_has_pipeline(const struct sqlite_admin *a, size_t p);
/* Is a pipeline of this name configured, for this source? */
bool sqlite_admin_is_configured(const struct sqlite_admin *a, const char *pipeline);

/* The one way for a statement that changes something: run it, or print it when print_only. sql is
 * one statement without the semicolon; frees nothing. Errors: as sqlite_conn_exec, ERR_NOMEM from
 * the buf too. */
enum err_code sqlite_admin_run_buf(struct sqlite_admin *a, const struct buf *sql,
				   struct err *e) ATTR_MUST_CHECK;
/* A comment line in the printed SQL; nothing otherwise. */
void sqlite_admin_comment(struct sqlite_admin *a, const char *fmt, ...) ATTR_PRINTF(2, 3);

/* Do work in one transaction, or print it as one. Errors: what work returns; ERR_TIMEOUT when the
 * write lock could not be had. */
typedef enum err_code (*sqlite_admin_work_fn)(struct sqlite_admin *a, void *ctx, struct err *e);
enum err_code sqlite_admin_transaction(struct sqlite_admin *a, sqlite_admin_work_fn work, void *ctx,
				       struct err *e) ATTR_MUST_CHECK;

/* Run a statement with text parameters (NULL: SQL NULL) and call fn for each row. Errors: as
 * sqlite_conn_exec; what fn returns ends it. */
typedef enum err_code (*sqlite_row_fn)(void *ctx, sqlite3_stmt *row, struct err *e);
enum err_code sqlite_admin_each(struct sqlite_admin *a, const char *sql, int n,
				const char *const *values, sqlite_row_fn fn, void *ctx,
				struct err *e) ATTR_MUST_CHECK;
/* The first column of the first row as a number; absent when NULL or when there is no row. */
enum err_code sqlite_admin_number(struct sqlite_admin *a, const char *sql, int n,
				  const char *const *values, int64_t absent, int64_t *ret_v,
				  struct err *e) ATTR_MUST_CHECK;

/* Take SQLITE_LOCK_INSTALL, and the leader's too when asked, until the connection closes.
 * Errors: ERR_BUSY (another install runs; a daemon is active). */
enum err_code sqlite_admin_lock(struct sqlite_admin *a, bool also_leader,
				struct err *e) ATTR_MUST_CHECK;

/* Hand a finding to the caller's on_finding, when there is one. hint may be NULL. */
void sqlite_admin_find(struct sqlite_admin *a, enum finding_level level, const char *subject,
		       const char *hint, const char *fmt, ...) ATTR_PRINTF(5, 6);

#endif
