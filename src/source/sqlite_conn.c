/* SPDX-License-Identifier: MIT */
/*
 * Waiting for a lock is polling, as in SQLite's own busy_timeout, but ends early when interrupted,
 * and does not become slower: beside writers that hardly ever let go of the lock, who looks seldom
 * never gets it.
 * https://www.sqlite.org/c3ref/busy_handler.html
 */
#include "source/sqlite_conn.h"

#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "source/sqlite_error.h"

#define VERSION_MIN 3037000 /* pragma_table_list */
#define BUSY_US CLOCK_US_PER_MS
#define PROGRESS_OPS 20000 /* well under a millisecond */

struct sqlite_conn {
	sqlite3 *db;
	struct sqlite_file file;
	const struct clock *clock;
	int64_t patience_us;
	int64_t busy_until_us; /* of the wait that is on */
	int interrupt_fd;
	int utf16;
	bool is_wal;
};

/* ---- waiting ---- */

static bool is_interrupted(const struct sqlite_conn *c)
{
	return c->interrupt_fd >= 0 && fd_wait(c->interrupt_fd, -1, 0, 0);
}

static int on_busy(void *ctx, int tries)
{
	struct sqlite_conn *c = ctx;
	int64_t now = clock_now_us(c->clock), until;

	if (tries == 0)
		c->busy_until_us = now + c->patience_us;
	if (now >= c->busy_until_us || is_interrupted(c))
		return 0;
	until = now + BUSY_US;
	if (until > c->busy_until_us)
		until = c->busy_until_us;
	(void)fd_wait(c->interrupt_fd, -1, now, until);
	return 1;
}

static int on_progress(void *ctx)
{
	return is_interrupted(ctx);
}

void sqlite_conn_set_patience(struct sqlite_conn *c, int64_t patience_us)
{
	c->patience_us = patience_us;
}

/* ---- statements ---- */

/* Fill e from the connection's last failure. */
static ATTR_MUST_CHECK enum err_code last_error(struct sqlite_conn *c, struct err *e)
{
	int rc = sqlite3_extended_errcode(c->db);
	enum err_code code;

	if (is_interrupted(c))
		return err_set(e, ERR_UNAVAILABLE, "interrupted");
	code = sqlite_error_set(e, c->file.path, rc, sqlite3_errmsg(c->db),
				(rc & 0xff) == SQLITE_IOERR || (rc & 0xff) == SQLITE_CANTOPEN
					? sqlite3_system_errno(c->db)
					: 0);
	if (code == ERR_TIMEOUT && e) {
		size_t len = strlen(e->msg);

		(void)snprintf(e->msg + len, sizeof(e->msg) - len,
			       "; tried for %lld ms: somebody holds a lock",
			       (long long)(c->patience_us / CLOCK_US_PER_MS));
	}
	return code;
}

enum err_code sqlite_conn_exec(struct sqlite_conn *c, const char *sql, struct err *e)
{
	if (sqlite3_exec(c->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return last_error(c, e);
	return ERR_OK;
}

enum err_code sqlite_conn_prepare(struct sqlite_conn *c, const char *sql, sqlite3_stmt **ret_stmt,
				  struct err *e)
{
	if (sqlite3_prepare_v2(c->db, sql, -1, ret_stmt, NULL) != SQLITE_OK)
		return last_error(c, e);
	return ERR_OK;
}

enum err_code sqlite_conn_bind(struct sqlite_conn *c, sqlite3_stmt *stmt, int n, const char *value,
			       struct err *e)
{
	if (sqlite3_bind_text(stmt, n, value, -1, SQLITE_STATIC) != SQLITE_OK)
		return last_error(c, e);
	return ERR_OK;
}

enum err_code sqlite_conn_step(struct sqlite_conn *c, sqlite3_stmt *stmt, bool *ret_row,
			       struct err *e)
{
	int rc = sqlite3_step(stmt);
	enum err_code code = ERR_OK;

	*ret_row = rc == SQLITE_ROW;
	if (rc == SQLITE_ROW)
		return ERR_OK;
	if (rc != SQLITE_DONE)
		code = last_error(c, e);
	(void)sqlite3_reset(stmt);
	return code;
}

void sqlite_conn_rollback(struct sqlite_conn *c)
{
	if (!sqlite3_get_autocommit(c->db))
		(void)sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL);
}

struct text sqlite_conn_text(sqlite3_stmt *stmt, int column)
{
	const char *s = (const char *)sqlite3_column_text(stmt, column);

	if (!s)
		return TEXT_NONE;
	return (struct text){s, (size_t)sqlite3_column_bytes(stmt, column)};
}

/* ---- opening ---- */

/* The first statement that looks into the file: here a file that is none shows itself. */
enum err_code sqlite_conn_look_at_mode(struct sqlite_conn *c, struct err *e)
{
	sqlite3_stmt *stmt;
	struct text mode;
	bool row;
	enum err_code code = sqlite_conn_prepare(c, "PRAGMA main.journal_mode", &stmt, e);

	if (code != ERR_OK)
		return code;
	code = sqlite_conn_step(c, stmt, &row, e);
	if (code == ERR_OK && row) {
		mode = sqlite_conn_text(stmt, 0);
		c->is_wal = text_eq(mode, TEXT_LIT("wal"));
	}
	(void)sqlite3_finalize(stmt);
	if (code == ERR_OK)
		code = sqlite_conn_exec(
			c, c->is_wal ? "PRAGMA synchronous = NORMAL" : "PRAGMA synchronous = FULL",
			e);
	return code;
}

static ATTR_MUST_CHECK enum err_code look_at_encoding(struct sqlite_conn *c, struct err *e)
{
	sqlite3_stmt *stmt;
	struct text name;
	bool row;
	enum err_code code = sqlite_conn_prepare(c, "PRAGMA encoding", &stmt, e);

	if (code != ERR_OK)
		return code;
	code = sqlite_conn_step(c, stmt, &row, e);
	if (code == ERR_OK && row) {
		name = sqlite_conn_text(stmt, 0);
		c->utf16 = text_eq(name, TEXT_LIT("UTF-16le"))
				   ? -1
				   : text_eq(name, TEXT_LIT("UTF-16be"));
	}
	(void)sqlite3_finalize(stmt);
	return code;
}

static ATTR_MUST_CHECK enum err_code open_file(struct sqlite_conn *c, struct err *e)
{
	int rc = sqlite3_open_v2(c->file.path, &c->db,
				 SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX |
					 SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE,
				 NULL);

	if (!c->db)
		return err_set(e, ERR_NOMEM, "no memory for a connection");
	if (rc != SQLITE_OK)
		return last_error(c, e);
	(void)sqlite3_busy_handler(c->db, on_busy, c);
	sqlite3_progress_handler(c->db, PROGRESS_OPS, on_progress, c);
	if (sqlite3_db_readonly(c->db, "main") == 1)
		return err_set(e, ERR_DENIED, "the database file %s can only be read",
			       c->file.path);
	/* between our look and SQLite's open another file may have come */
	return sqlite_file_check(&c->file, e);
}

static ATTR_MUST_CHECK enum err_code set_up(struct sqlite_conn *c, bool is_read_only, struct err *e)
{
	/* values must come as they are stored: no sorting, no extension, no other file */
	enum err_code code = sqlite_conn_look_at_mode(c, e);

	if (code == ERR_OK)
		code = look_at_encoding(c, e);
	if (code == ERR_OK && is_read_only)
		code = sqlite_conn_exec(c, "PRAGMA query_only = ON", e);
	return code;
}

enum err_code sqlite_conn_open(const struct sqlite_conn_options *o, struct sqlite_conn **ret_c,
			       struct err *e)
{
	struct sqlite_conn *c;
	enum err_code code;

	if (sqlite3_libversion_number() < VERSION_MIN)
		return err_set(e, ERR_CONFIG, "SQLite %s is too old, 3.37 is the oldest supported",
			       sqlite3_libversion());
	c = mem_calloc(1, sizeof(*c));
	if (!c)
		return err_set(e, ERR_NOMEM, "no memory for a connection");
	c->clock = o->clock;
	c->patience_us = o->patience_us;
	c->interrupt_fd = o->interrupt_fd;
	code = sqlite_file_look(o->path, &c->file, e);
	if (code == ERR_OK)
		code = open_file(c, e);
	if (code == ERR_OK)
		code = set_up(c, o->is_read_only, e);
	if (code != ERR_OK) {
		sqlite_conn_close(c);
		return code;
	}
	*ret_c = c;
	return ERR_OK;
}

void sqlite_conn_close(struct sqlite_conn *c)
{
	if (!c)
		return;
	(void)sqlite3_close(c->db);
	sqlite_file_done(&c->file);
	mem_free(c);
}

sqlite3 *sqlite_conn_raw(struct sqlite_conn *c)
{
	return c->db;
}

const struct sqlite_file *sqlite_conn_file(const struct sqlite_conn *c)
{
	return &c->file;
}

bool sqlite_conn_is_wal(const struct sqlite_conn *c)
{
	return c->is_wal;
}

int sqlite_conn_utf16(const struct sqlite_conn *c)
{
	return c->utf16;
}

/* ---- quoting ---- */

static void quote_with(struct buf *out, char quote, const char *s)
{
	buf_add_char(out, quote);
	for (; *s; s++) {
		if (*s == quote)
			buf_add_char(out, quote);
		buf_add_char(out, *s);
	}
	buf_add_char(out, quote);
}

void sqlite_quote_ident(struct buf *out, const char *name)
{
	quote_with(out, '"', name);
}

void sqlite_quote_literal(struct buf *out, const char *value)
{
	quote_with(out, '\'', value);
}

static void table_name(struct buf *out, const char *base, const char *pipeline)
{
	buf_add_fmt(out, SQLITE_PREFIX "%s", base);
	if (strcmp(pipeline, "default") != 0)
		buf_add_fmt(out, "_%s", pipeline);
}

void sqlite_outbox_name(struct buf *out, const char *pipeline)
{
	table_name(out, "outbox", pipeline);
}

void sqlite_parked_name(struct buf *out, const char *pipeline)
{
	table_name(out, "parked", pipeline);
}
