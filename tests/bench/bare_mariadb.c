/* SPDX-License-Identifier: MIT */
/*
 * tests/support/bare.h with libmariadb: bare_mariadb HOST:PORT:USER:DATABASE URL [IN_FLIGHT
 * [BATCH]]
 *
 * A statement is sent, and its answer read when the first of it is there; the rest of a result is
 * waited for, which the server sends as fast as it can.
 */
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bare.h"

struct my {
	MYSQL *c;
	int batch_rows;
	char *sql;
	size_t cap;
};

struct rows {
	MYSQL_RES *result;
	int count;
	struct row {
		MYSQL_ROW values;
		unsigned long lengths[BARE_COLUMNS];
	} row[];
};

static void *my_open(const char *where, int batch_rows)
{
	char host[64], user[64], database[64];
	struct my *m = calloc(1, sizeof(*m));
	unsigned port;

	if (!m)
		bare_die("no memory");
	if (sscanf(where, "%63[^:]:%u:%63[^:]:%63s", host, &port, user, database) != 4)
		bare_die("HOST:PORT:USER:DATABASE, not %s", where);
	m->c = mysql_init(NULL);
	m->batch_rows = batch_rows;
	(void)mysql_options(m->c, MYSQL_SET_CHARSET_NAME, "utf8mb4");
	if (!mysql_real_connect(m->c, host, user, NULL, database, port, NULL, 0))
		bare_die("%s", mysql_error(m->c));
	if (mysql_query(m->c, "SET SESSION tx_isolation = 'READ-COMMITTED', SESSION "
			      "binlog_row_image = MINIMAL"))
		bare_die("%s", mysql_error(m->c));
	return m;
}

static void my_close(void *db)
{
	struct my *m = db;

	mysql_close(m->c);
	mysql_library_end();
	free(m->sql);
	free(m);
}

static int my_fd(void *db)
{
	return (int)mysql_get_socket(((struct my *)db)->c);
}

static void send(struct my *m, const char *sql, size_t len)
{
	if (mysql_send_query(m->c, sql, len))
		bare_die("%s", mysql_error(m->c));
}

static void my_read(void *db, const char *last_id)
{
	struct my *m = db;
	char sql[512];
	int len;

	len = snprintf(sql, sizeof(sql),
		       "SELECT id, 'default', operation, schema_name, table_name, row_key,"
		       " DATE_FORMAT(changed_at, '%%Y-%%m-%%dT%%H:%%i:%%s.%%fZ'), data, old_data"
		       " FROM app_db_listener_outbox WHERE id > %s ORDER BY id LIMIT %d",
		       last_id, m->batch_rows);
	send(m, sql, (size_t)len);
}

static void my_remove(void *db, char *ids, size_t len)
{
	static const char head[] = "DELETE FROM app_db_listener_outbox WHERE id IN ";
	struct my *m = db;

	if (m->cap < sizeof(head) + len) {
		m->cap = sizeof(head) + len * 2;
		free(m->sql);
		m->sql = malloc(m->cap);
		if (!m->sql)
			bare_die("no memory");
	}
	ids[0] = '(';
	ids[len - 1] = ')';
	memcpy(m->sql, head, sizeof(head) - 1);
	memcpy(m->sql + sizeof(head) - 1, ids, len);
	send(m, m->sql, sizeof(head) - 1 + len);
}

static bool my_take(void *db, void **ret_rows)
{
	struct my *m = db;
	MYSQL_RES *result;
	struct rows *rows;
	int i;

	if (mysql_read_query_result(m->c))
		bare_die("%s", mysql_error(m->c));
	if (!mysql_field_count(m->c))
		return true;
	result = mysql_store_result(m->c);
	if (!result)
		bare_die("%s", mysql_error(m->c));
	rows = calloc(1, sizeof(*rows) + mysql_num_rows(result) * sizeof(*rows->row));
	if (!rows)
		bare_die("no memory");
	rows->result = result;
	rows->count = (int)mysql_num_rows(result);
	for (i = 0; i < rows->count; i++) {
		rows->row[i].values = mysql_fetch_row(result);
		memcpy(rows->row[i].lengths, mysql_fetch_lengths(result),
		       sizeof(rows->row[i].lengths));
	}
	*ret_rows = rows;
	return true;
}

static int my_count(const void *rows)
{
	return ((const struct rows *)rows)->count;
}

static const char *my_value(const void *rows, int row, enum bare_column c, size_t *ret_len)
{
	const struct row *r = &((const struct rows *)rows)->row[row];

	*ret_len = r->lengths[c];
	return r->values[c];
}

static void my_free(void *rows)
{
	mysql_free_result(((struct rows *)rows)->result);
	free(rows);
}

int main(int argc, char **argv)
{
	static const struct bare_db db = {
		my_open, my_close, my_fd, my_read, my_remove, my_take, my_count, my_value, my_free,
	};

	return bare_main(&db, argc, argv);
}
