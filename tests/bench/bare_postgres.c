/* SPDX-License-Identifier: MIT */
/* tests/support/bare.h with libpq: bare_postgres CONNINFO URL [IN_FLIGHT [BATCH]] */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>

#include "bare.h"

static void done(PGconn *db, PGresult *r)
{
	if (PQresultStatus(r) != PGRES_COMMAND_OK)
		bare_die("%s", PQerrorMessage(db));
	PQclear(r);
}

static void *pg_open(const char *where, int batch_rows)
{
	static const char read[] =
		"SELECT id, pipeline, operation, schema_name, table_name, row_key,"
		" to_char(changed_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'),"
		" data, old_data FROM app_db_listener.outbox WHERE id > $1::bigint ORDER BY id "
		"LIMIT %d";
	static const char delete[] =
		"DELETE FROM app_db_listener.outbox WHERE id = ANY ($1::bigint[])";
	char sql[sizeof(read) + 16];
	PGconn *db = PQconnectdb(where);

	if (PQstatus(db) != CONNECTION_OK)
		bare_die("%s", PQerrorMessage(db));
	(void)snprintf(sql, sizeof(sql), read, batch_rows);
	done(db, PQexec(db, "SET synchronous_commit = off"));
	done(db, PQprepare(db, "read", sql, 0, NULL));
	done(db, PQprepare(db, "delete", delete, 0, NULL));
	return db;
}

static void pg_close(void *db)
{
	PQfinish(db);
}

static int pg_fd(void *db)
{
	return PQsocket(db);
}

static void send(PGconn *db, const char *statement, const char *param)
{
	if (!PQsendQueryPrepared(db, statement, 1, &param, NULL, NULL, 0) || PQflush(db) < 0)
		bare_die("%s", PQerrorMessage(db));
}

static void pg_read(void *db, const char *last_id)
{
	send(db, "read", last_id);
}

static void pg_remove(void *db, char *ids, size_t len)
{
	ids[0] = '{';
	ids[len - 1] = '}';
	send(db, "delete", ids);
}

static bool pg_take(void *db, void **ret_rows)
{
	PGresult *r;

	if (!PQconsumeInput(db))
		bare_die("%s", PQerrorMessage(db));
	while (!PQisBusy(db)) {
		r = PQgetResult(db);
		if (!r)
			return true;
		if (PQresultStatus(r) == PGRES_TUPLES_OK)
			*ret_rows = r;
		else
			done(db, r);
	}
	return false;
}

static int pg_count(const void *rows)
{
	return PQntuples(rows);
}

static const char *pg_value(const void *rows, int row, enum bare_column c, size_t *ret_len)
{
	*ret_len = (size_t)PQgetlength(rows, row, (int)c);
	return PQgetisnull(rows, row, (int)c) ? NULL : PQgetvalue(rows, row, (int)c);
}

static void pg_free(void *rows)
{
	PQclear(rows);
}

int main(int argc, char **argv)
{
	static const struct bare_db db = {
		pg_open, pg_close, pg_fd, pg_read, pg_remove, pg_take, pg_count, pg_value, pg_free,
	};

	return bare_main(&db, argc, argv);
}
