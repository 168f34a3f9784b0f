/* SPDX-License-Identifier: MIT */
/*
 * One connection to MySQL or MariaDB: connecting, running statements with a deadline, turning error
 * numbers into error codes. Shared by the reader and by the operator's commands. One thread at a
 * time.
 *
 * Every statement waits at most statement_timeout (also enforced by the server where it can), and
 * returns early with ERR_UNAVAILABLE when interrupted: a server that stopped answering holds nobody
 * up. There is no automatic reconnect: locks, isolation level and the leadership would be gone.
 */
#ifndef SOURCE_MY_CONN_H
#define SOURCE_MY_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "config/settings.h"
#include "source/my_quote.h"
#include "source/my_result.h"

/* The oldest servers that have what is used. */
#define MY_MARIADB_MIN 100500
#define MY_MYSQL_MIN 80000

/* Longest name of a schema, table, column or trigger, in characters and in bytes of utf8mb4. */
#define MY_NAME_CHARS 64
#define MY_NAME_BYTES (4 * MY_NAME_CHARS)

struct my_conn;

struct my_conn_options {
	const struct source_settings *settings;
	const char *user;     /* NULL: as in the settings */
	const char *password; /* NULL: as in the settings */
	const struct clock *clock;
	const int *interrupt_fd; /* NULL: none. Readable: connecting and statements
				    that wait return ERR_UNAVAILABLE; must stay open as long as the
				    connection */
};

/* Connect, within connect_timeout (name lookup excepted), to settings.database.
 *
 * host: a path is a Unix socket, or a directory with mysqld.sock or mysql.sock; "localhost" with
 * the default port tries the client library's socket first, as every MySQL client does, then TCP;
 * anything else is TCP.
 * sslmode: disable; prefer and allow take TLS when the server has it; require; verify-ca checks
 * the chain against sslrootcert (without one it is verify-full); verify-full the name too.
 *
 * Session: utf8mb4, READ COMMITTED, autocommit, time_zone '+00:00', sql_mode
 * STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION (so backslashes escape and "..." is a string),
 * innodb_lock_wait_timeout and lock_wait_timeout 2 s, group_concat_max_len 16 MiB,
 * binlog_format ROW and binlog_row_image MINIMAL when allowed.
 *
 * Errors: ERR_UNAVAILABLE (also when interrupted), ERR_DENIED (credentials, host), ERR_NOT_FOUND
 * (no such database), ERR_TIMEOUT, ERR_CONFIG (server too old, certificate files), ERR_NOMEM. */
enum err_code my_conn_open(const struct my_conn_options *o, struct my_conn **ret_c,
			   struct err *e) ATTR_MUST_CHECK;

/* Close; NULL is fine. */
void my_conn_close(struct my_conn *c);

bool my_conn_is_mariadb(const struct my_conn *c);
const char *my_conn_server(const struct my_conn *c); /* "MariaDB 10.11.19"; a loan */
int my_conn_version(const struct my_conn *c);        /* 101119 */
bool my_conn_is_tls(const struct my_conn *c);
/* binlog_row_image is MINIMAL: the rows we delete cost the binary log only their ids. */
bool my_conn_is_minimal(const struct my_conn *c);

/* ---- statements: one each, without a semicolon ----
 * Errors of all: ERR_UNAVAILABLE (connection lost, server shutting down or read-only, interrupted),
 * ERR_TIMEOUT (statement, lock), ERR_DENIED, ERR_NOT_FOUND (table, schema, column, trigger),
 * ERR_BUSY (deadlock), ERR_DB (the rest), ERR_NOMEM; e.msg holds the server's text and number. */

/* Run sql and throw its rows away. */
enum err_code my_conn_exec(struct my_conn *c, const char *sql, struct err *e) ATTR_MUST_CHECK;

/* As my_conn_exec with what a builder made; frees nothing. ERR_NOMEM from the buf too. *ret_rows
 * (may be NULL) is the number of rows changed. */
enum err_code my_conn_exec_buf(struct my_conn *c, const struct buf *sql, int64_t *ret_rows,
			       struct err *e) ATTR_MUST_CHECK;

/* Run one statement and keep all its rows, in memory, in *ret_r: the caller's, my_result_free it.
 */
enum err_code my_conn_query(struct my_conn *c, const char *sql, struct my_result **ret_r,
			    struct err *e) ATTR_MUST_CHECK;
enum err_code my_conn_query_buf(struct my_conn *c, const struct buf *sql, struct my_result **ret_r,
				struct err *e) ATTR_MUST_CHECK;

/* The first column of the first row as a number; absent when NULL or when there is no row. */
enum err_code my_conn_number(struct my_conn *c, const char *sql, int64_t absent, int64_t *ret_v,
			     struct err *e) ATTR_MUST_CHECK;

/* Do work between START TRANSACTION and COMMIT; rolled back when it fails. Errors: what work
 * returns, and those of statements. After an error of the COMMIT itself nobody knows whether it
 * was done. */
typedef enum err_code (*my_conn_work_fn)(struct my_conn *c, void *ctx, struct err *e);
enum err_code my_conn_transaction(struct my_conn *c, my_conn_work_fn work, void *ctx,
				  struct err *e) ATTR_MUST_CHECK;

/* The number of the last statement's error; 0: none, or not the server's. */
unsigned my_conn_error_number(const struct my_conn *c);

/* The socket, for poll; -1 when the connection is lost. */
int my_conn_fd(const struct my_conn *c);

#endif
