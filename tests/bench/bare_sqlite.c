/* SPDX-License-Identifier: MIT */
/*
 * tests/support/bare.h with SQLite: bare_sqlite FILE URL [IN_FLIGHT [BATCH]]
 *
 * SQLite has no socket: statements run in between, to their end. Rows are copied, so that no read
 * transaction is open while requests are in flight. What triggers wrote as SQL's literals is sent
 * as it is, not made JSON as the daemon does.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bare.h"

struct lite {
	sqlite3 *c;
	sqlite3_stmt *read;
	int batch_rows;
	char *sql;
	size_t cap;
	void *taken; /* what the last statement gave */
};

struct rows {
	int count;
	char *text;
	size_t len, cap;
	struct cell {
		size_t at, len;
		bool null;
	} cell[][BARE_COLUMNS];
};

static void *lite_open(const char *where, int batch_rows)
{
	static const char read[] =
		"SELECT id, 'default', operation, NULL, table_name, row_key, strftime("
		"'%Y-%m-%dT%H:%M:%fZ', changed_at / 1000000.0, 'unixepoch'), data, old_data"
		" FROM app_db_listener_outbox WHERE id > ? ORDER BY id LIMIT ?";
	struct lite *l = calloc(1, sizeof(*l));

	if (!l)
		bare_die("no memory");
	l->batch_rows = batch_rows;
	if (sqlite3_open_v2(where, &l->c, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
	    sqlite3_busy_timeout(l->c, 20000) != SQLITE_OK ||
	    sqlite3_exec(l->c, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(l->c, read, -1, &l->read, NULL) != SQLITE_OK)
		bare_die("%s", sqlite3_errmsg(l->c));
	return l;
}

static void lite_close(void *db)
{
	struct lite *l = db;

	(void)sqlite3_finalize(l->read);
	(void)sqlite3_close(l->c);
	free(l->sql);
	free(l);
}

static int lite_fd(void *db)
{
	(void)db;
	return -1;
}

/* Copy a value and a zero byte behind it. */
static void cell_copy(struct rows *r, struct cell *c, sqlite3_stmt *s, int column)
{
	const unsigned char *text = sqlite3_column_text(s, column);

	c->null = !text;
	c->len = text ? (size_t)sqlite3_column_bytes(s, column) : 0;
	c->at = r->len;
	if (r->len + c->len + 1 > r->cap) {
		r->cap = (r->len + c->len + 1) * 2;
		r->text = realloc(r->text, r->cap);
		if (!r->text)
			bare_die("no memory");
	}
	if (text)
		memcpy(r->text + r->len, text, c->len + 1);
	r->len += c->len + 1;
}

static void lite_read(void *db, const char *last_id)
{
	struct lite *l = db;
	struct rows *r;
	int i, rc;

	r = calloc(1, sizeof(*r) + (size_t)l->batch_rows * sizeof(*r->cell));
	if (!r)
		bare_die("no memory");
	(void)sqlite3_bind_int64(l->read, 1, strtoll(last_id, NULL, 10));
	(void)sqlite3_bind_int(l->read, 2, l->batch_rows);
	while ((rc = sqlite3_step(l->read)) == SQLITE_ROW) {
		for (i = 0; i < BARE_COLUMNS; i++)
			cell_copy(r, &r->cell[r->count][i], l->read, i);
		r->count++;
	}
	if (rc != SQLITE_DONE)
		bare_die("%s", sqlite3_errmsg(l->c));
	(void)sqlite3_reset(l->read);
	l->taken = r;
}

static void lite_remove(void *db, char *ids, size_t len)
{
	static const char head[] = "DELETE FROM app_db_listener_outbox WHERE id IN ";
	struct lite *l = db;

	if (l->cap < sizeof(head) + len) {
		l->cap = sizeof(head) + len * 2;
		free(l->sql);
		l->sql = malloc(l->cap);
		if (!l->sql)
			bare_die("no memory");
	}
	ids[0] = '(';
	ids[len - 1] = ')';
	memcpy(l->sql, head, sizeof(head) - 1);
	memcpy(l->sql + sizeof(head) - 1, ids, len + 1);
	if (sqlite3_exec(l->c, l->sql, NULL, NULL, NULL) != SQLITE_OK)
		bare_die("%s", sqlite3_errmsg(l->c));
}

static bool lite_take(void *db, void **ret_rows)
{
	struct lite *l = db;

	*ret_rows = l->taken;
	l->taken = NULL;
	return true;
}

static int lite_count(const void *rows)
{
	return ((const struct rows *)rows)->count;
}

static const char *lite_value(const void *rows, int row, enum bare_column c, size_t *ret_len)
{
	const struct rows *r = rows;
	const struct cell *v = &r->cell[row][c];

	*ret_len = v->len;
	return v->null ? NULL : r->text + v->at;
}

static void lite_free(void *rows)
{
	free(((struct rows *)rows)->text);
	free(rows);
}

int main(int argc, char **argv)
{
	static const struct bare_db db = {
		lite_open, lite_close, lite_fd,    lite_read, lite_remove,
		lite_take, lite_count, lite_value, lite_free,
	};

	return bare_main(&db, argc, argv);
}
