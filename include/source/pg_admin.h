/* SPDX-License-Identifier: MIT */
/*
 * What the operator's commands on PostgreSQL share: a connection, the switch between running SQL
 * and printing it, findings, and waiting for locks in short attempts. One thread.
 */
#ifndef SOURCE_PG_ADMIN_H
#define SOURCE_PG_ADMIN_H

#include <stdbool.h>
#include <stdint.h>

#include "source/admin.h"
#include "source/attempts.h"
#include "source/pg_conn.h"

#define PG_VERSION_MIN 120000
#define PG_SQL_MAX_BYTES (4UL * 1024 * 1024)

struct pg_admin {
	struct pg_conn *conn;
	const struct settings *settings;
	const struct source_settings *source;
	size_t source_index;
	const struct install_options *options; /* never NULL after open */
	const struct clock *clock;
	struct attempts attempts; /* to get locks */
	int64_t lock_timeout_us;
	int version;     /* 150018 */
	bool pooled;     /* nothing may be set for the session, no session lock taken */
	char server[64]; /* "PostgreSQL 15.18" */
};

/* Connect to settings.sources[source] as options say (NULL: as the settings say). On ERR_OK the
 * caller closes. Errors: as pg_conn_open; ERR_CONFIG: a server that is too old. */
enum err_code pg_admin_open(struct pg_admin *a, const struct settings *s, size_t source,
			    const struct install_options *o, struct err *e) ATTR_MUST_CHECK;
void pg_admin_close(struct pg_admin *a);

/* Does pipeline p belong to this source? */
bool pg_admin_has_pipeline(const struct pg_admin *a, size_t p);

/* The one way for a statement that changes something: run it, or print it when print_only.
 * sql is one statement without the semicolon. Errors: as pg_conn_exec. */
enum err_code pg_admin_run(struct pg_admin *a, const char *sql, struct err *e) ATTR_MUST_CHECK;
/* As pg_admin_run with what a builder made; frees nothing. ERR_NOMEM from the buf too. */
enum err_code pg_admin_run_buf(struct pg_admin *a, const struct buf *sql,
			       struct err *e) ATTR_MUST_CHECK;
/* A comment line in the printed SQL; nothing otherwise. */
void pg_admin_comment(struct pg_admin *a, const char *fmt, ...) ATTR_PRINTF(2, 3);

/* A statement that only looks: also run when print_only. Errors: as pg_conn_query. */
enum err_code pg_admin_query(struct pg_admin *a, const char *sql, int n, const char *const *values,
			     PGresult **ret_res, struct err *e) ATTR_MUST_CHECK;
/* The same for what lies by its key, as the outbox does: read by the key, whatever the table's
 * figures of some time ago let seem cheaper. A transaction of its own, which must not be within
 * another: nothing stays set on a connection that a pooler gives to others. Errors: as
 * pg_conn_query. */
enum err_code pg_admin_query_by_key(struct pg_admin *a, const char *sql, int n,
				    const char *const *values, PGresult **ret_res,
				    struct err *e) ATTR_MUST_CHECK;
/* The first column of the first row as a number; absent when NULL or when there is no row. */
enum err_code pg_admin_number(struct pg_admin *a, const char *sql, int n, const char *const *values,
			      int64_t absent, int64_t *ret_v, struct err *e) ATTR_MUST_CHECK;

/* Do work in one transaction with a short lock_timeout; when a lock cannot be had, roll back,
 * pause, and do it again until the deadline. what names it in errors ("public.users").
 * Errors: what work returns; ERR_TIMEOUT when the locks could not be had. */
typedef enum err_code (*pg_admin_work_fn)(struct pg_admin *a, void *ctx, struct err *e);
enum err_code pg_admin_transaction(struct pg_admin *a, const char *what, pg_admin_work_fn work,
				   void *ctx, struct err *e) ATTR_MUST_CHECK;

/* Take PG_LOCK_INSTALL until the connection closes. Errors: ERR_BUSY (another install runs),
 * ERR_CONFIG (through a pooler a session's lock means nothing). */
enum err_code pg_admin_lock(struct pg_admin *a, struct err *e) ATTR_MUST_CHECK;

/* Hand a finding to the caller's on_finding, when there is one. hint may be NULL. */
void pg_admin_find(struct pg_admin *a, enum finding_level level, const char *subject,
		   const char *hint, const char *fmt, ...) ATTR_PRINTF(5, 6);

/* Append "schema"."name". */
void pg_quote_name(struct buf *out, const char *schema, const char *name);

#endif
