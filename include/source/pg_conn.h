/* SPDX-License-Identifier: MIT */
/*
 * One connection to PostgreSQL: connecting, running statements with a deadline, turning SQLSTATEs
 * into error codes. Shared by the reader and by the operator's commands. One thread at a time.
 *
 * Every statement waits at most statement_timeout (also enforced by the server), and returns early
 * with ERR_UNAVAILABLE when interrupted: a server that stopped answering holds nobody up.
 */
#ifndef SOURCE_PG_CONN_H
#define SOURCE_PG_CONN_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "config/settings.h"

/* The names everything in the database goes by. */
#define PG_SCHEMA "app_db_listener"
#define PG_PARKED PG_SCHEMA ".parked"
#define PG_DELIVERED PG_SCHEMA ".delivered"
#define PG_BACKFILL PG_SCHEMA ".backfill"
#define PG_CHANNEL "app_db_listener"
/* Advisory locks, two-key form: pg_try_advisory_lock(PG_LOCK_CLASS, ...). "adbl" in ASCII. */
#define PG_LOCK_CLASS 1633968748
#define PG_LOCK_WAKE 1    /* exclusive while the reader sleeps, shared by every writer */
#define PG_LOCK_LEADER 2  /* exclusive by the one active reader */
#define PG_LOCK_INSTALL 3 /* exclusive by a running install or uninstall */

struct pg_conn;

struct pg_conn_options {
	const struct source_settings *settings;
	const char *user;     /* NULL: as in the settings */
	const char *password; /* NULL: as in the settings */
	const struct clock *clock;
	const int *interrupt_fd; /* NULL: none. Readable: connecting and statements that wait
				    return ERR_UNAVAILABLE; must stay open as long as the
				    connection */
};

/* Connect, within connect_timeout (name lookup excepted). Session settings: UTF8, UTC, ISO dates,
 * statement_timeout, no idle timeouts, keepalives on both ends, search_path = pg_catalog,
 * synchronous_commit = off, application_name app-db-listener. Through a pooler none of that is
 * set: the next user of the server connection would inherit it.
 * Errors: ERR_UNAVAILABLE (also when interrupted), ERR_DENIED (credentials, pg_hba), ERR_NOT_FOUND
 * (no such database), ERR_TIMEOUT, ERR_CONFIG (an option libpq does not take), ERR_NOMEM. */
enum err_code pg_conn_open(const struct pg_conn_options *o, struct pg_conn **ret_c,
			   struct err *e) ATTR_MUST_CHECK;

/* Close; NULL is fine. */
void pg_conn_close(struct pg_conn *c);

/* For PQsocket, PQnotifies, PQbackendPID and the like; a loan. */
PGconn *pg_conn_raw(struct pg_conn *c);

/* Run sql (one or several statements, no parameters) and throw its rows away. Errors: below. */
enum err_code pg_conn_exec(struct pg_conn *c, const char *sql, struct err *e) ATTR_MUST_CHECK;

/* Run one statement with n text parameters (NULL: SQL NULL). *ret_res is the caller's, PQclear it.
 * binary: results in binary format.
 * Errors: ERR_UNAVAILABLE (connection lost, server shutting down, interrupted), ERR_TIMEOUT
 * (statement_timeout, lock_timeout), ERR_DENIED (42501), ERR_NOT_FOUND (undefined table, schema,
 * function, column: class 42), ERR_BUSY (deadlock, serialization), ERR_DB (the rest), ERR_NOMEM.
 * e.msg holds the server's primary message, SQLSTATE, detail and hint. */
enum err_code pg_conn_query(struct pg_conn *c, const char *sql, int n, const char *const *values,
			    bool binary, PGresult **ret_res, struct err *e) ATTR_MUST_CHECK;

/* Prepare once, then run by name with pg_conn_execute. Errors: as pg_conn_query. */
enum err_code pg_conn_prepare(struct pg_conn *c, const char *name, const char *sql,
			      struct err *e) ATTR_MUST_CHECK;

/* One statement with its parameters as PQexecPrepared takes them: lengths and formats may be NULL
 * for all-text parameters. */
struct pg_call {
	const char *name; /* prepared; NULL: sql counts */
	const char *sql;
	const char *const *values;
	const int *lengths;
	const int *formats;
	int n;
	bool binary; /* results */
};

/* Run a prepared statement; same errors, *ret_res as with pg_conn_query. */
enum err_code pg_conn_execute(struct pg_conn *c, const struct pg_call *call, PGresult **ret_res,
			      struct err *e) ATTR_MUST_CHECK;

/* Run n statements as one transaction in one round trip, all or none. results: NULL, or room for n,
 * each to be PQclear()ed by the caller (NULL where a statement returns no rows). Errors: as
 * pg_conn_query; no results then. */
enum err_code pg_conn_pipeline(struct pg_conn *c, const struct pg_call *calls, size_t n,
			       PGresult **results, struct err *e) ATTR_MUST_CHECK;

/* Between statements: wait until the server sent something (then pg_conn_consume), wake_fd (-1:
 * none) is readable, or deadline_us. A mask of FD_READY and FD_WOKEN in *ret_got, 0 on the deadline
 * or a signal. Errors: ERR_UNAVAILABLE (interrupted). */
enum err_code pg_conn_wait(struct pg_conn *c, int wake_fd, int64_t deadline_us, int *ret_got,
			   struct err *e) ATTR_MUST_CHECK;

/* Let libpq read what the socket has (for notifications). Errors: ERR_UNAVAILABLE. */
enum err_code pg_conn_consume(struct pg_conn *c, struct err *e) ATTR_MUST_CHECK;

/* Did another process answer than the one we started with? True behind a pooler. Found out once,
 * while connecting. PostgreSQL manual, pg_backend_pid() and PQbackendPID. Errors: none. */
enum err_code pg_conn_is_pooled(struct pg_conn *c, bool *ret_pooled, struct err *e) ATTR_MUST_CHECK;

#endif
