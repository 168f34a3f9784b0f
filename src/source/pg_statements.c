/* SPDX-License-Identifier: MIT */
/*
 * Every statement of the reader's, prepared once.
 */
#include "source/pg_source.h"

/* The rows of one read. Columns: see pg_events.c. $1 pipeline, $3 rows, $4 bytes, $5 overhead per
 * row. The row that goes over the bytes comes without its texts: it says that there is more. The
 * sequence's CACHE is asked for in the same snapshot: whoever sees an id from a cache sees the
 * CACHE too, as ALTER SEQUENCE had committed before the id was drawn. */
#define ROW                                                                                        \
	"o.id, o.operation, o.schema_name, o.table_name, o.changed_at, o.truncated, "              \
	"o.row_key, o.old_key, o.data, o.old_data, o.origin_id, "                                  \
	"least(o.bytes, 2000000000) + $5::int4 AS cost"
#define ROWS_OF(inner, order)                                                                      \
	"SELECT id, operation, schema_name, table_name, changed_at, truncated, fits, "             \
	"CASE WHEN fits THEN row_key END, CASE WHEN fits THEN old_key END, "                       \
	"CASE WHEN fits THEN data END, CASE WHEN fits THEN old_data END, origin_id, "              \
	"(SELECT q.seqcache FROM pg_catalog.pg_sequence AS q WHERE q.seqrelid = "                  \
	"pg_catalog.to_regclass(pg_catalog.format('" PG_SCHEMA ".%I', CASE $1::text "              \
	"WHEN 'default' THEN 'outbox_id_seq' ELSE 'outbox_' || $1::text || '_id_seq' END))) "      \
	"FROM (SELECT *, upto <= $4::int8 OR upto = cost AS fits "                                 \
	"FROM (SELECT *, sum(cost) OVER (ORDER BY " order " ROWS UNBOUNDED PRECEDING) AS upto "    \
	"FROM (" inner ") AS r) AS s WHERE upto - cost <= $4::int8) AS t ORDER BY " order

/* $1 pipeline, $2 ids. Not `id = ANY ($2)`: planned while the table was empty, that becomes a
 * condition on each row of the pipeline. This has only one plan. */
#define IS_ONE_OF_IDS(table)                                                                       \
	"ctid = ANY (ARRAY (SELECT o.ctid FROM pg_catalog.unnest($2::int8[]) AS g (id) "           \
	"CROSS JOIN LATERAL (SELECT i.ctid FROM " table " AS i "                                   \
	"WHERE i.pipeline = $1::text AND i.id = g.id OFFSET 0) AS o))"

#define EVENT_COLUMNS                                                                              \
	"pipeline, operation, schema_name, table_name, row_key, old_key, changed_at, "             \
	"truncated, data, old_data"

#define EVENT_OF(x)                                                                                \
	"ROW(" x ".operation, " x ".schema_name, " x ".table_name, " x ".row_key, " x              \
	".old_key, " x ".changed_at, " x ".truncated, " x ".data, " x ".old_data)"
#define EVENT_OF_TOLD EVENT_OF("t")
#define EVENT_OF_LETTER EVENT_OF("l")
#define EVENT_OF_LOOKED EVENT_OF("k")

/* $3 attempts, $4 statuses, $5 reasons. The same event again, as of copies that were replayed, is
 * the letter that there is. Another event with the id of a letter (a sequence set back, a table
 * restored) gets an id of its own, above all that are there: both stay. Looked at are the letters
 * of before, and those of this statement. */
#define BURY_GONE                                                                                  \
	"told AS (SELECT id, coalesce(origin_id, id) AS letter, " EVENT_COLUMNS                    \
	", a.attempts, a.status, a.reason FROM gone JOIN ROWS FROM (pg_catalog.unnest($2::int8[])" \
	", pg_catalog.unnest($3::int4[]), pg_catalog.unnest($4::int4[]), "                         \
	"pg_catalog.unnest($5::text[])) AS a (id, attempts, status, reason) USING (id)), "         \
	"looked AS (SELECT t.*, " EVENT_OF_TOLD " IS DISTINCT FROM first_value(" EVENT_OF_TOLD     \
	") OVER (PARTITION BY t.letter) OR EXISTS (SELECT FROM " PG_SCHEMA ".dead_letter AS l "    \
	"WHERE l.pipeline = $1::text AND l.id = t.letter AND " EVENT_OF_LETTER                     \
	" IS DISTINCT FROM " EVENT_OF_TOLD ") AS is_taken FROM told AS t), "                       \
	"others AS (SELECT k.id, dense_rank() OVER (ORDER BY k.letter, " EVENT_OF_LOOKED           \
	") AS nth FROM looked AS k WHERE k.is_taken) "                                             \
	"INSERT INTO " PG_SCHEMA ".dead_letter (id, " EVENT_COLUMNS                                \
	", attempts, last_status, last_error) SELECT CASE WHEN nth IS NULL THEN letter ELSE "      \
	"(SELECT max(m.id) "                                                                       \
	"FROM (SELECT max(l.id) FROM " PG_SCHEMA ".dead_letter AS l WHERE l.pipeline = $1::text "  \
	"UNION ALL SELECT max(o.id) FROM " PG_SCHEMA ".outbox AS o WHERE o.pipeline = $1::text "   \
	"UNION ALL SELECT max(t.letter) FROM told AS t) AS m (id)) + nth END, " EVENT_COLUMNS      \
	", attempts, nullif(status, 0), reason FROM looked LEFT JOIN others USING "                \
	"(id) ON CONFLICT DO NOTHING"
#define BURY_FROM(table)                                                                           \
	"WITH gone AS (DELETE FROM " table                                                         \
	" WHERE " IS_ONE_OF_IDS(table) " RETURNING *), " BURY_GONE

/* A copy that was replayed, even twice at once, is the event that it was. */
#define KEEP_FROM(table)                                                                           \
	"WITH gone AS (DELETE FROM " table                                                         \
	" WHERE " IS_ONE_OF_IDS(table) " RETURNING *) INSERT INTO " PG_DELIVERED                   \
				       " (id, " EVENT_COLUMNS                                      \
				       ") SELECT DISTINCT ON (coalesce(origin_id, id)) "           \
				       "coalesce(origin_id, id), " EVENT_COLUMNS                   \
				       " FROM gone" REPLACING

#define REPLACING                                                                                  \
	" ON CONFLICT (pipeline, id) DO UPDATE SET (operation, schema_name, table_name, row_key, " \
	"old_key, changed_at, truncated, data, old_data, delivered_at) = (EXCLUDED.operation, "    \
	"EXCLUDED.schema_name, EXCLUDED.table_name, EXCLUDED.row_key, EXCLUDED.old_key, "          \
	"EXCLUDED.changed_at, EXCLUDED.truncated, EXCLUDED.data, EXCLUDED.old_data, "              \
	"EXCLUDED.delivered_at)"

/* The parked rows of one read. Columns: see pg_events.c. $1 pipeline, $2 behind which seq, $3 one
 * more than there may be, $4 bytes, $5 overhead per row. What is one too many comes without its
 * texts, as above. pick: their seq, more of them than needed or not. */
#define PARKED_OF(pick)                                                                            \
	"SELECT id, operation, schema_name, table_name, changed_at, truncated, fits, "             \
	"CASE WHEN fits THEN row_key END, CASE WHEN fits THEN old_key END, "                       \
	"CASE WHEN fits THEN data END, CASE WHEN fits THEN old_data END, origin_id, "              \
	"seq, due_at, step, attempts FROM (SELECT *, nth < $3::int8 AND "                          \
	"(upto <= $4::int8 OR upto = cost) AS fits FROM (SELECT *, sum(cost) OVER w AS upto, "     \
	"row_number() OVER w AS nth FROM (SELECT " ROW ", o.seq, o.due_at, o.step, o.attempts "    \
	"FROM (SELECT k.seq FROM (" pick ") AS k ORDER BY k.seq LIMIT $3::int8) AS k "             \
	"CROSS JOIN LATERAL (SELECT p.* FROM " PG_PARKED " AS p WHERE p.pipeline = $1::text "      \
	"AND p.seq = k.seq OFFSET 0) AS o) AS r WINDOW w AS (ORDER BY seq ROWS UNBOUNDED "         \
	"PRECEDING)) AS s WHERE upto - cost <= $4::int8 OR nth = 2) AS t ORDER BY seq"

/* $6: hashes. For each the first rows in its index: a lane may be as long as the table. */
#define PARKED_WITH(column)                                                                        \
	"SELECT h.seq FROM pg_catalog.unnest($6::int8[]) AS g (hash) CROSS JOIN LATERAL "          \
	"(SELECT p.seq FROM " PG_PARKED " AS p WHERE p.pipeline = $1::text AND p." column          \
	" = g.hash AND p.seq > $2::int8 ORDER BY p.seq LIMIT $3::int8) AS h"

static const struct {
	const char *name;
	const char *sql;
} stmt_table[PG_STMT_COUNT] = {
	[PG_STMT_READ] = {"adbl_read", ROWS_OF("SELECT " ROW " FROM " PG_SCHEMA ".outbox AS o "
					       "WHERE o.pipeline = $1::text AND o.id > $2::int8 "
					       "ORDER BY o.id LIMIT $3::int8",
					       "id")},
	/* $2, $6: first and last ids of gaps */
	[PG_STMT_READ_GAPS] = {"adbl_read_gaps",
			       ROWS_OF("SELECT r.* FROM ROWS FROM (pg_catalog.unnest($2::int8[]), "
				       "pg_catalog.unnest($6::int8[])) AS g (lo, hi) CROSS JOIN "
				       "LATERAL (SELECT " ROW " FROM " PG_SCHEMA
				       ".outbox AS o WHERE o.pipeline = $1::text "
				       "AND o.id BETWEEN g.lo AND g.hi ORDER BY o.id "
				       "LIMIT $3::int8) AS r ORDER BY r.id LIMIT $3::int8",
				       "id")},
	/* likewise; the last pair is all above the cursor */
	/* a look into the index for each gap, whatever the planner believes of their number */
	[PG_STMT_READ_BY_TIME] =
		{"adbl_read_by_time",
		 ROWS_OF("SELECT r.* FROM ROWS FROM (pg_catalog.unnest($2::int8[]), "
			 "pg_catalog.unnest($6::int8[])) AS g (lo, hi) CROSS JOIN "
			 "LATERAL (SELECT " ROW " FROM " PG_SCHEMA
			 ".outbox AS o WHERE o.pipeline = $1::text "
			 "AND o.id BETWEEN g.lo AND g.hi OFFSET 0) AS r "
			 "ORDER BY r.changed_at, r.id LIMIT $3::int8",
			 "changed_at, id")},
	/* One row at least. The sequence's CACHE, and who holds the outbox. */
	[PG_STMT_OWNERS] =
		{"adbl_owners",
		 "SELECT q.seqcache, l.virtualtransaction FROM (SELECT coalesce(max(s.seqcache), "
		 "0) "
		 "AS seqcache FROM pg_catalog.pg_sequence AS s JOIN pg_catalog.pg_class AS c "
		 "ON c.oid = s.seqrelid JOIN pg_catalog.pg_namespace AS n ON n.oid = "
		 "c.relnamespace "
		 "WHERE n.nspname = '" PG_SCHEMA "' AND c.relname = $1::text) AS q "
		 "LEFT JOIN pg_catalog.pg_locks AS l ON l.locktype = 'relation' "
		 "AND l.database = (SELECT d.oid FROM pg_catalog.pg_database AS d "
		 "WHERE d.datname = pg_catalog.current_database()) "
		 "AND l.relation = '" PG_SCHEMA ".outbox'::pg_catalog.regclass "
		 "AND l.mode = 'RowExclusiveLock' AND l.granted "
		 "AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid()"},
	[PG_STMT_DELETE] = {"adbl_delete", "DELETE FROM " PG_SCHEMA
					   ".outbox WHERE " IS_ONE_OF_IDS(PG_SCHEMA ".outbox")},
	[PG_STMT_BURY] = {"adbl_bury", BURY_FROM(PG_SCHEMA ".outbox")},
	[PG_STMT_LOCK] = {"adbl_lock",
			  "SELECT pg_catalog.pg_try_advisory_lock($1::int4, $2::int4)"},
	[PG_STMT_UNLOCK] = {"adbl_unlock",
			    "SELECT pg_catalog.pg_advisory_unlock($1::int4, $2::int4)"},
	/* A captured table whose triggers are not all there and firing: name, what is wrong. Our
	 * triggers call a function of our schema and name their pipeline first. */
	[PG_STMT_TABLES] =
		{"adbl_tables",
		 "SELECT k.schema_name || '.' || k.table_name, CASE WHEN c.oid IS NULL "
		 "THEN 'is gone or renamed' WHEN t.n = 0 THEN 'has lost its triggers' "
		 "ELSE 'has disabled triggers' END FROM " PG_SCHEMA ".captured AS k "
		 "LEFT JOIN pg_catalog.pg_namespace AS n ON n.nspname = k.schema_name "
		 "LEFT JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid "
		 "AND c.relname = k.table_name CROSS JOIN LATERAL (SELECT count(*) AS n, "
		 "coalesce(bool_and(g.tgenabled IN ('O', 'A')), true) AS fires "
		 "FROM pg_catalog.pg_trigger AS g JOIN pg_catalog.pg_proc AS f ON f.oid = g.tgfoid "
		 "JOIN pg_catalog.pg_namespace AS s ON s.oid = f.pronamespace "
		 "WHERE g.tgrelid = c.oid AND s.nspname = '" PG_SCHEMA
		 "' AND pg_catalog.strpos(pg_catalog.encode(g.tgargs, 'hex'), "
		 "pg_catalog.encode(pg_catalog.convert_to(k.pipeline, 'UTF8'), 'hex') || '00') = 1"
		 ") AS t "
		 "WHERE k.pipeline = $1::text AND (t.n = 0 OR NOT t.fires) ORDER BY 1"},
	[PG_STMT_OUTBOX] = {"adbl_outbox",
			    "SELECT pg_catalog.pg_stat_get_live_tuples(c.oid), "
			    "pg_catalog.pg_stat_get_dead_tuples(c.oid), (SELECT count(*) FROM "
			    "(SELECT 1 FROM " PG_SCHEMA
			    ".dead_letter LIMIT 10001) AS d), (SELECT d.reltuples::int8 "
			    "FROM pg_catalog.pg_class AS d WHERE d.oid = '" PG_SCHEMA
			    ".dead_letter'"
			    "::pg_catalog.regclass) FROM pg_catalog.pg_class AS c "
			    "WHERE c.oid = '" PG_SCHEMA ".outbox'::pg_catalog.regclass"},
	/* exact while it is cheap, then as if none were missing between the ends */
	[PG_STMT_BACKLOG] = {"adbl_backlog",
			     "SELECT CASE WHEN n.n > 10000 THEN (SELECT o.id FROM " PG_SCHEMA
			     ".outbox AS o WHERE o.pipeline = $1::text ORDER BY o.id DESC LIMIT 1) "
			     "- (SELECT o.id FROM " PG_SCHEMA ".outbox AS o WHERE o.pipeline = "
			     "$1::text ORDER BY o.id LIMIT 1) + 1 ELSE n.n END FROM (SELECT "
			     "count(*) AS n FROM (SELECT 1 FROM " PG_SCHEMA ".outbox AS o WHERE "
			     "o.pipeline = $1::text ORDER BY o.id LIMIT 10001) AS x) AS n"},
	[PG_STMT_OLDEST] = {"adbl_oldest", "SELECT id, changed_at FROM " PG_SCHEMA ".outbox "
					   "WHERE pipeline = $1::text ORDER BY id LIMIT $2::int8"},

	/* ---- parked events ---- */

	/* $3 to $9 as they stand. The order of the acknowledgements becomes that of seq: what is
	 * drawn for a row is drawn after the sort. */
	[PG_STMT_PARK] =
		{"adbl_park",
		 "WITH gone AS (DELETE FROM " PG_SCHEMA ".outbox WHERE " IS_ONE_OF_IDS(
			 PG_SCHEMA
			 ".outbox") " RETURNING *) INSERT INTO " PG_PARKED " (id, " EVENT_COLUMNS
				    ", origin_id, bytes, attempts, last_status, last_error, step, "
				    "due_at, row_hash1, row_hash2, table_hash) SELECT "
				    "id, " EVENT_COLUMNS ", origin_id, bytes, a.attempts, "
				    "nullif(a.status, 0), a.reason, a.step, a.due_at, a.hash1, "
				    "a.hash2, a.table_hash FROM gone JOIN ROWS FROM ("
				    "pg_catalog.unnest($2::int8[]), pg_catalog.unnest($3::int4[]), "
				    "pg_catalog.unnest($4::int4[]), pg_catalog.unnest($5::text[]), "
				    "pg_catalog.unnest($6::int4[]), "
				    "pg_catalog.unnest($7::timestamptz[]), "
				    "pg_catalog.unnest($8::int8[]), pg_catalog.unnest($9::int8[]), "
				    "pg_catalog.unnest($10::int8[])) WITH ORDINALITY AS a (id, "
				    "attempts, status, reason, step, due_at, hash1, hash2, "
				    "table_hash, nth) USING (id) ORDER BY a.nth "
				    "ON CONFLICT DO NOTHING"},
	[PG_STMT_UNPARK] = {"adbl_unpark",
			    "DELETE FROM " PG_PARKED " WHERE " IS_ONE_OF_IDS(PG_PARKED)},
	[PG_STMT_BURY_PARKED] = {"adbl_bury_parked", BURY_FROM(PG_PARKED)},
	[PG_STMT_REPARK] =
		{"adbl_repark",
		 "UPDATE " PG_PARKED " AS p SET attempts = a.attempts, last_status = "
		 "nullif(a.status, 0), last_error = a.reason, step = a.step, due_at = a.due_at "
		 "FROM (SELECT g.*, i.ctid AS place FROM ROWS FROM ("
		 "pg_catalog.unnest($2::int8[]), pg_catalog.unnest($3::int4[]), "
		 "pg_catalog.unnest($4::int4[]), pg_catalog.unnest($5::text[]), "
		 "pg_catalog.unnest($6::int4[]), pg_catalog.unnest($7::timestamptz[])) AS g (id, "
		 "attempts, status, reason, step, due_at) CROSS JOIN LATERAL (SELECT i.ctid "
		 "FROM " PG_PARKED
		 " AS i WHERE i.pipeline = $1::text AND i.id = g.id OFFSET 0) AS i "
		 "OFFSET 0) AS a WHERE p.ctid = a.place"},
	/* $2: the lowest row_hash1. All rows of one are in the same answer, so that a group is
	 * never told in two parts; and enough rows for a page. */
	[PG_STMT_PARKED_LIST] =
		{"adbl_parked_list",
		 "SELECT row_hash1, row_hash2, table_hash, operation = 'truncate', count(*), "
		 "min(due_at) FROM " PG_PARKED " WHERE pipeline = $1::text AND row_hash1 BETWEEN "
		 "$2::int8 AND coalesce((SELECT p.row_hash1 FROM " PG_PARKED " AS p WHERE "
		 "p.pipeline = $1::text AND p.row_hash1 >= $2::int8 ORDER BY p.row_hash1 "
		 "OFFSET 9999 LIMIT 1), 9223372036854775807) GROUP BY 1, 2, 3, 4 ORDER BY 1"},
	[PG_STMT_PARKED_ROWS] =
		{"adbl_parked_rows",
		 "SELECT count(*), (SELECT c.reltuples::int8 FROM pg_catalog.pg_class AS c WHERE "
		 "c.oid = '" PG_PARKED "'::pg_catalog.regclass) FROM (SELECT 1 FROM " PG_PARKED
		 " LIMIT 10001) AS p"},
	/* $2 after that seq, $6 hashes or a time */
	[PG_STMT_PARKED_BY_ROW] = {"adbl_parked_by_row",
				   PARKED_OF(PARKED_WITH("row_hash1") " UNION " PARKED_WITH(
					   "row_hash2"))},
	[PG_STMT_PARKED_BY_TABLE] = {"adbl_parked_by_table", PARKED_OF(PARKED_WITH("table_hash"))},
	[PG_STMT_PARKED_ALL] = {"adbl_parked_all",
				PARKED_OF("SELECT p.seq FROM " PG_PARKED
					  " AS p WHERE p.pipeline = $1::text "
					  "AND p.seq > $2::int8 ORDER BY p.seq LIMIT $3::int8")},
	/* $6: a time. Few are due: sort them. Many are: some will be among the first that are
	 * looked at in order. */
	[PG_STMT_PARKED_DUE] =
		{"adbl_parked_due",
		 PARKED_OF("WITH few AS MATERIALIZED (SELECT p.seq FROM " PG_PARKED
			   " AS p WHERE p.pipeline = $1::text AND p.due_at <= $6::timestamptz "
			   "AND p.seq > $2::int8 ORDER BY p.due_at LIMIT 10000), "
			   "n AS MATERIALIZED (SELECT count(*) = 10000 AS are_many FROM few) "
			   "SELECT f.seq FROM few AS f WHERE NOT (SELECT n.are_many FROM n) UNION "
			   "ALL (SELECT p.seq FROM " PG_PARKED " AS p WHERE (SELECT n.are_many "
			   "FROM n) AND p.pipeline = $1::text AND p.due_at <= $6::timestamptz "
			   "AND p.seq > $2::int8 ORDER BY p.seq LIMIT $3::int8)")},

	/* ---- delivered events that are kept ---- */

	[PG_STMT_KEEP] = {"adbl_keep", KEEP_FROM(PG_SCHEMA ".outbox")},
	[PG_STMT_KEEP_PARKED] = {"adbl_keep_parked", KEEP_FROM(PG_PARKED)},
};

static bool is_needed(const struct pg_source *s, size_t stmt)
{
	bool of_parked = stmt >= PG_STMT_PARK && stmt != PG_STMT_KEEP;
	bool of_delivered = stmt >= PG_STMT_KEEP;

	return (s->has_parked || !of_parked) && (s->has_delivered || !of_delivered);
}

enum err_code pg_statements_prepare(struct pg_source *s, struct err *e)
{
	enum err_code code = ERR_OK;
	size_t i;

	for (i = 0; code == ERR_OK && i < PG_STMT_COUNT; i++)
		if (is_needed(s, i))
			code = pg_conn_prepare(s->conn, stmt_table[i].name, stmt_table[i].sql, e);
	return code;
}

struct pg_call pg_source_call(const struct pg_source *s, enum pg_stmt stmt)
{
	return (struct pg_call){.name = s->pooled ? NULL : stmt_table[stmt].name,
				.sql = stmt_table[stmt].sql};
}

enum err_code pg_source_run(struct pg_source *s, const struct pg_call *call, PGresult **ret_res,
			    struct err *e)
{
	PGresult *res = NULL;
	enum err_code code;

	if (call->name)
		code = pg_conn_execute(s->conn, call, &res, e);
	else
		code = pg_conn_pipeline(s->conn, call, 1, &res, e);
	if (code != ERR_OK)
		return code;
	if (ret_res)
		*ret_res = res;
	else
		PQclear(res);
	return ERR_OK;
}
