/* SPDX-License-Identifier: MIT */
/*
 * One connection to a SQLite file: opening, running statements, waiting for locks with a bound.
 * Shared by the reader and by the operator's commands. One thread at a time; another one may make
 * the interrupt descriptor readable.
 */
#ifndef SOURCE_SQLITE_CONN_H
#define SOURCE_SQLITE_CONN_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "source/sqlite_file.h"

/* The names of everything in the file. */
#define SQLITE_PREFIX "app_db_listener_"
#define SQLITE_INSTALL SQLITE_PREFIX "install"
#define SQLITE_CAPTURED SQLITE_PREFIX "captured"
#define SQLITE_DEAD_LETTER SQLITE_PREFIX "dead_letter"
#define SQLITE_DELIVERED SQLITE_PREFIX "delivered"
#define SQLITE_WEBHOOK SQLITE_PREFIX "webhook"
#define SQLITE_BACKFILL SQLITE_PREFIX "backfill"
#define SQLITE_INGEST_KEY SQLITE_PREFIX "ingest_key"
#define SQLITE_SQL_MAX_BYTES (4UL * 1024 * 1024)

struct sqlite_conn;

struct sqlite_conn_options {
	const char *path;
	int64_t patience_us; /* how long a statement waits for a lock */
	const struct clock *clock;
	int interrupt_fd;  /* -1: none. Readable: every statement ends with ERR_UNAVAILABLE */
	bool is_read_only; /* statements that change something fail */
};

/* Open an existing file for reading and writing. It is never created, and its journal mode is left
 * as it is; in WAL mode commits of this connection are not flushed one by one.
 * Errors: as sqlite_file_look; ERR_DB (no database, damaged, or encrypted), ERR_TIMEOUT (locked),
 * ERR_UNAVAILABLE, ERR_CONFIG (a library that is too old), ERR_NOMEM. */
enum err_code sqlite_conn_open(const struct sqlite_conn_options *o, struct sqlite_conn **ret_c,
			       struct err *e) ATTR_MUST_CHECK;

/* Close; NULL is fine. Statements must have been finalized. */
void sqlite_conn_close(struct sqlite_conn *c);

sqlite3 *sqlite_conn_raw(struct sqlite_conn *c);
/* A loan until close. */
const struct sqlite_file *sqlite_conn_file(const struct sqlite_conn *c);
/* Is the journal mode WAL, as of the last open or sqlite_conn_look_at_mode? */
bool sqlite_conn_is_wal(const struct sqlite_conn *c);
/* Text is UTF-16 in the file; 0: UTF-8, -1: little-endian, 1: big-endian. */
int sqlite_conn_utf16(const struct sqlite_conn *c);

/* How long statements wait for locks from now on. */
void sqlite_conn_set_patience(struct sqlite_conn *c, int64_t patience_us);

/* Ask for the journal mode again: the application may have changed it. Errors: as exec. */
enum err_code sqlite_conn_look_at_mode(struct sqlite_conn *c, struct err *e) ATTR_MUST_CHECK;

/* Run sql (one or several statements) and throw its rows away. Errors: ERR_TIMEOUT (locked by
 * someone for longer than the patience), ERR_UNAVAILABLE (I/O, no space, read-only, interrupted),
 * ERR_NOT_FOUND (no such table or column), ERR_DB, ERR_NOMEM. The message begins with the path. */
enum err_code sqlite_conn_exec(struct sqlite_conn *c, const char *sql,
			       struct err *e) ATTR_MUST_CHECK;

/* One statement; *ret_stmt is the caller's, sqlite3_finalize it. Errors: as exec. */
enum err_code sqlite_conn_prepare(struct sqlite_conn *c, const char *sql, sqlite3_stmt **ret_stmt,
				  struct err *e) ATTR_MUST_CHECK;

/* Bind text; NULL is SQL NULL. It is a loan until the statement is reset. */
enum err_code sqlite_conn_bind(struct sqlite_conn *c, sqlite3_stmt *stmt, int n, const char *value,
			       struct err *e) ATTR_MUST_CHECK;

/* The next row of stmt; without one, and after an error, it is reset. Errors: as exec. */
enum err_code sqlite_conn_step(struct sqlite_conn *c, sqlite3_stmt *stmt, bool *ret_row,
			       struct err *e) ATTR_MUST_CHECK;

/* Roll back, if a transaction is open. */
void sqlite_conn_rollback(struct sqlite_conn *c);

/* A column of the row: its bytes as they are, TEXT_NONE for NULL; a loan until the next step. */
struct text sqlite_conn_text(sqlite3_stmt *stmt, int column);

/* Append name as a quoted identifier, value as a quoted literal (which ends at a NUL). */
void sqlite_quote_ident(struct buf *out, const char *name);
void sqlite_quote_literal(struct buf *out, const char *value);

/* Append app_db_listener_outbox for "default", else app_db_listener_outbox_<pipeline>. */
void sqlite_outbox_name(struct buf *out, const char *pipeline);
/* The same of its parked events. */
void sqlite_parked_name(struct buf *out, const char *pipeline);

#endif
