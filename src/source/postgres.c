/* SPDX-License-Identifier: MIT */
/*
 * Opening: connect, find our rows in app_db_listener.install, become the leader (a session advisory
 * lock, gone with the connection), prepare. A standby keeps its connection, and tries the lock.
 *
 * Through a pooler nothing may stay in the session: no prepared statements, no LISTEN, no session
 * locks, no SET. The reader polls then, and nothing keeps a second daemon away.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "source/pg_array.h"
#include "source/pg_source.h"

#define GAPS_MAX 16384
#define PARAM_BYTES_MAX (64UL << 20)

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

/* $1 pipeline, $2 ids. Not `id = ANY ($2)`: planned while the outbox was empty, that becomes a
 * condition on each row of the pipeline. This has only one plan. */
#define IS_ONE_OF_IDS                                                                              \
	"ctid = ANY (ARRAY (SELECT o.ctid FROM pg_catalog.unnest($2::int8[]) AS g (id) "           \
	"CROSS JOIN LATERAL (SELECT i.ctid FROM " PG_SCHEMA ".outbox AS i "                        \
	"WHERE i.pipeline = $1::text AND i.id = g.id OFFSET 0) AS o))"

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
	[PG_STMT_DELETE] = {"adbl_delete", "DELETE FROM " PG_SCHEMA ".outbox WHERE " IS_ONE_OF_IDS},
	/* $3 attempts, $4 statuses, $5 reasons */
	[PG_STMT_BURY] =
		{"adbl_bury",
		 "WITH gone AS (DELETE FROM " PG_SCHEMA ".outbox WHERE " IS_ONE_OF_IDS
		 " RETURNING *) INSERT INTO " PG_SCHEMA ".dead_letter (id, pipeline, operation, "
		 "schema_name, table_name, row_key, old_key, changed_at, truncated, data, "
		 "old_data, attempts, last_status, last_error) SELECT coalesce(origin_id, id), "
		 "pipeline, operation, schema_name, table_name, row_key, old_key, changed_at, "
		 "truncated, data, old_data, attempts, nullif(status, 0), reason FROM gone JOIN "
		 "ROWS FROM (pg_catalog.unnest($2::int8[]), "
		 "pg_catalog.unnest($3::int4[]), pg_catalog.unnest($4::int4[]), "
		 "pg_catalog.unnest($5::text[])) AS a (id, attempts, status, reason) USING (id) "
		 "ON CONFLICT DO NOTHING"},
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
	[PG_STMT_OLDEST] = {"adbl_oldest", "SELECT id, changed_at FROM " PG_SCHEMA ".outbox "
					   "WHERE pipeline = $1::text ORDER BY id LIMIT $2::int8"},
};

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

void pg_source_sequence(const struct pg_pipe *p, char *out, size_t size)
{
	const char *name = p->pub->settings->name;

	if (strcmp(name, "default") == 0)
		(void)snprintf(out, size, "outbox_id_seq");
	else
		(void)snprintf(out, size, "outbox_%s_id_seq", name);
}

/* ---- new and free ---- */

static void pg_free(struct source *base);

static ATTR_MUST_CHECK enum err_code pipe_init(struct pg_pipe *p, struct source_pipeline *pub,
					       struct err *e)
{
	p->pub = pub;
	pg_owners_init(&p->owners);
	p->strays = mem_calloc(PG_STRAYS_MAX, sizeof(*p->strays));
	if (!p->strays)
		return err_set(e, ERR_NOMEM, "no memory for a source");
	return position_new(GAPS_MAX, &p->position, e);
}

static void pipe_done(struct pg_pipe *p)
{
	pg_owners_done(&p->owners);
	position_free(p->position);
	mem_free(p->strays);
}

static ATTR_MUST_CHECK enum err_code pg_new(const struct source_env *env, struct source **ret_s,
					    struct err *e)
{
	struct pg_source *s = mem_calloc(1, sizeof(*s));
	enum err_code code = ERR_OK;
	size_t i;

	if (!s)
		return err_set(e, ERR_NOMEM, "no memory for a source");
	s->base.ops = &source_postgres;
	s->env = *env;
	s->interrupt_fd = -1;
	s->status = source_status_unknown;
	for (i = 0; i < ARRAY_LEN(s->params); i++)
		buf_init(&s->params[i], PARAM_BYTES_MAX);
	s->pipes = mem_calloc(env->pipeline_count, sizeof(*s->pipes));
	if (!s->pipes)
		code = err_set(e, ERR_NOMEM, "no memory for a source");
	for (i = 0; code == ERR_OK && i < env->pipeline_count; i++)
		code = pipe_init(&s->pipes[i], &env->pipelines[i], e);
	if (code == ERR_OK)
		code = fd_wake_open(&s->interrupt_fd, e);
	if (code != ERR_OK) {
		pg_free(&s->base);
		return code;
	}
	*ret_s = &s->base;
	return ERR_OK;
}

static void pg_close(struct source *base);

static void pg_free(struct source *base)
{
	struct pg_source *s = pg_source_of(base);
	size_t i;

	if (s->pipes) {
		pg_close(base);
		for (i = 0; i < s->env.pipeline_count; i++)
			pipe_done(&s->pipes[i]);
	}
	for (i = 0; i < ARRAY_LEN(s->params); i++)
		buf_done(&s->params[i]);
	fd_close(&s->interrupt_fd);
	mem_free(s->pipes);
	mem_free(s);
}

/* ---- open and close ---- */

static void forget_everything(struct pg_source *s)
{
	size_t i;

	for (i = 0; i < s->env.pipeline_count; i++) {
		struct pg_pipe *p = &s->pipes[i];

		if (!p->position) /* half built */
			continue;
		position_reset(p->position);
		pg_owners_reset(&p->owners);
		p->looked_us = 0;
		p->cache = 1;
		p->by_time = false;
		p->is_backlog = p->cached_upto > 0;
		p->is_empty = false;
		p->stray_count = 0;
	}
	memset(&s->wake, 0, sizeof(s->wake));
}

static void pg_close(struct source *base)
{
	struct pg_source *s = pg_source_of(base);

	pg_conn_close(s->conn);
	s->conn = NULL;
	s->leader = false;
	s->status.connections = 0;
	s->identity[0] = '\0';
	forget_everything(s);
}

static ATTR_MUST_CHECK enum err_code not_installed(struct pg_source *s, const char *pipeline,
						   struct err *e)
{
	return err_set(e, ERR_NOT_FOUND,
		       "pipeline %s is not installed in database %s: run app-db-listener install",
		       pipeline, s->env.settings->database ? s->env.settings->database : "");
}

/* An installation of before cached_upto was a column of it has none. */
static ATTR_MUST_CHECK enum err_code find_install(struct pg_source *s, struct source_pipeline *pub,
						  int64_t *ret_cached_upto, struct err *e)
{
	const char *values[] = {pub->settings->name};
	PGresult *res;
	enum err_code code;
	int version;

	code = pg_conn_query(s->conn,
			     "SELECT install_id::text, version::int4, coalesce((pg_catalog."
			     "to_jsonb(i) ->> 'cached_upto')::int8, 0) FROM " PG_SCHEMA
			     ".install AS i WHERE pipeline = $1::text",
			     1, values, true, &res, e);
	if (code == ERR_NOT_FOUND)
		return not_installed(s, pub->settings->name, e);
	if (code == ERR_DENIED)
		return err_prefix(e, "the daemon's role lacks privileges (app-db-listener install "
				     "grants them)");
	if (code != ERR_OK)
		return code;
	if (PQntuples(res) != 1) {
		PQclear(res);
		return not_installed(s, pub->settings->name, e);
	}
	version = (int)pg_get_i32(PQgetvalue(res, 0, 1));
	*ret_cached_upto = pg_get_i64(PQgetvalue(res, 0, 2));
	(void)snprintf(pub->install_id, sizeof(pub->install_id), "%s", PQgetvalue(res, 0, 0));
	PQclear(res);
	if (version != PG_VERSION)
		return err_set(e, ERR_DB,
			       "the installation has version %d, this daemon needs %d: run "
			       "app-db-listener install with the newer of both",
			       version, PG_VERSION);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code find_installs(struct pg_source *s, struct err *e)
{
	enum err_code code = ERR_OK;
	size_t i;

	for (i = 0; code == ERR_OK && i < s->env.pipeline_count; i++)
		code = find_install(s, &s->env.pipelines[i], &s->pipes[i].cached_upto, e);
	return code;
}

enum err_code pg_source_check_install(struct pg_source *s, const struct pg_pipe *p, struct err *e)
{
	struct source_pipeline now = {.settings = p->pub->settings};
	int64_t cached_upto;
	enum err_code code = find_install(s, &now, &cached_upto, e);

	if (code == ERR_OK && strcmp(now.install_id, p->pub->install_id) != 0)
		code = err_set(e, ERR_UNAVAILABLE, "pipeline %s was installed anew",
			       now.settings->name);
	return code;
}

static ATTR_MUST_CHECK enum err_code become_leader(struct pg_source *s, struct err *e)
{
	char sql[96];
	PGresult *res;
	enum err_code code;
	bool got;

	if (s->pooled)
		return ERR_OK;
	(void)snprintf(sql, sizeof(sql), "SELECT pg_catalog.pg_try_advisory_lock(%d, %d)",
		       PG_LOCK_CLASS, PG_LOCK_LEADER);
	code = pg_conn_query(s->conn, sql, 0, NULL, false, &res, e);
	if (code != ERR_OK)
		return code;
	got = strcmp(PQgetvalue(res, 0, 0), "t") == 0;
	PQclear(res);
	return got ? ERR_OK : err_set(e, ERR_BUSY, "another daemon is active");
}

/* Which history the ids belong to. After a crash the statistics begin anew: commits that were not
 * yet durable are lost, their ids given out again. What the server does not tell is left out. */
static ATTR_MUST_CHECK enum err_code find_identity(struct pg_source *s, struct err *e)
{
	static const char *const questions[] = {
		"SELECT system_identifier::text FROM pg_catalog.pg_control_system()",
		"SELECT pg_catalog.left(pg_catalog.pg_walfile_name("
		"pg_catalog.pg_current_wal_lsn()), 8)",
		"SELECT pg_catalog.date_part('epoch', stats_reset)::text FROM "
		"pg_catalog.pg_stat_bgwriter",
	};
	size_t i, len = 0;
	enum err_code code;
	PGresult *res;

	for (i = 0; i < ARRAY_LEN(questions); i++) {
		code = pg_conn_query(s->conn, questions[i], 0, NULL, false, &res, e);
		if (code == ERR_UNAVAILABLE || code == ERR_NOMEM)
			return code;
		if (code != ERR_OK)
			continue;
		if (PQntuples(res) == 1)
			len += (size_t)snprintf(s->identity + len, sizeof(s->identity) - len,
						"%.30s/", PQgetvalue(res, 0, 0));
		PQclear(res);
	}
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code prepare(struct pg_source *s, struct err *e)
{
	enum err_code code = ERR_OK;
	size_t i;

	if (s->pooled)
		return ERR_OK;
	/* the outbox is small or full of dead rows, and its statistics are always old: the primary
	 * key is the way in */
	code = pg_conn_exec(s->conn, "SET enable_seqscan = off; SET enable_bitmapscan = off", e);
	for (i = 0; code == ERR_OK && i < PG_STMT_COUNT; i++)
		code = pg_conn_prepare(s->conn, stmt_table[i].name, stmt_table[i].sql, e);
	if (code == ERR_NOT_FOUND)
		return err_prefix(e, "the installation is damaged: run app-db-listener install");
	return code;
}

static ATTR_MUST_CHECK enum err_code connect_once(struct pg_source *s, struct err *e)
{
	struct pg_conn_options o = {.settings = s->env.settings,
				    .clock = s->env.clock,
				    .interrupt_fd = &s->interrupt_fd};
	enum err_code code;

	code = pg_conn_open(&o, &s->conn, e);
	if (code == ERR_OK)
		code = pg_conn_is_pooled(s->conn, &s->pooled, e);
	if (code != ERR_OK)
		return code;
	s->status.connections = 1;
	s->status.pooled = s->pooled;
	(void)snprintf(s->status.server, sizeof(s->status.server), "PostgreSQL %.50s",
		       PQparameterStatus(pg_conn_raw(s->conn), "server_version"));
	s->status.server[strcspn(s->status.server, "(")] = '\0';
	return find_installs(s, e);
}

static ATTR_MUST_CHECK enum err_code pg_open(struct source *base, struct err *e)
{
	struct pg_source *s = pg_source_of(base);
	enum err_code code = ERR_OK;
	bool waited = s->conn; /* as a standby */

	assert(!s->leader);
	if (!waited)
		code = connect_once(s, e);
	if (code == ERR_OK)
		code = become_leader(s, e);
	if (code == ERR_BUSY)
		return code;
	if (code == ERR_OK && waited)
		code = find_installs(s, e);
	if (code == ERR_OK)
		code = find_identity(s, e);
	if (code == ERR_OK)
		code = prepare(s, e);
	if (code == ERR_OK)
		code = pg_wake_open(s, e);
	if (code != ERR_OK) {
		pg_close(base);
		return code;
	}
	forget_everything(s);
	s->leader = true;
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code pg_hold(struct source *base, uint32_t p, const int64_t *ids,
					     size_t n, struct err *e)
{
	struct pg_source *s = pg_source_of(base);
	enum err_code code = ERR_OK;
	size_t i;

	for (i = 0; code == ERR_OK && i < n; i++)
		code = position_hold(s->pipes[p].position, ids[i], e);
	return code;
}

static const char *pg_identity(struct source *base)
{
	return pg_source_of(base)->identity;
}

static void pg_interrupt(struct source *base)
{
	fd_wake(pg_source_of(base)->interrupt_fd);
}

const struct source_ops source_postgres = {
	.type = "postgres",
	.new = pg_new,
	.free = pg_free,
	.open = pg_open,
	.close = pg_close,
	.identity = pg_identity,
	.hold = pg_hold,
	.read = pg_read,
	.acknowledge = pg_acknowledge,
	SOURCE_PARKS_NOTHING,
	.wait = pg_wait,
	.inspect = pg_inspect,
	PG_KEEPS_STANDINGS,
	.purge = pg_purge,
	.interrupt = pg_interrupt,
};
