/* SPDX-License-Identifier: MIT */
/*
 * Events into PostgreSQL, as the triggers write them: the id from the pipeline's sequence in the
 * INSERT itself, which has locked the outbox by then (source/pg_read.c relies on it), and the gated
 * notification in the same transaction (source/pg_capture.c).
 *
 * Statements are collected and sent together, since each is a round trip: rows as one INSERT of
 * many, and behind them what a commit takes.
 *
 * The daemon's sessions have synchronous_commit off, as acknowledgements may be lost. Here each
 * transaction switches it on where it is off, so that it works through a pooler too; a server that
 * has it at local, remote_write or remote_apply keeps that.
 */
#include "source/pg_inlet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "source/inlet_store.h"
#include "source/pg_quote.h"
#include "source/pg_schema.h"
#include "source/pg_sequence.h"

#define SQL_MAX_BYTES (1000UL * 1024 * 1024) /* a message may have 1 GB */

const char pg_inlet_create_sql[] =
	"CREATE TABLE IF NOT EXISTS " PG_INGEST_KEY " (\n"
	"\tsource text COLLATE \"C\" NOT NULL,\n"
	"\ttoken text COLLATE \"C\" NOT NULL,\n"
	"\tkey text COLLATE \"C\" NOT NULL,\n"
	"\tdigest text NOT NULL,\n"
	"\tcreated_at bigint NOT NULL,\n"
	"\tevents bigint NOT NULL,\n"
	"\tPRIMARY KEY (source, token, key), UNIQUE (source, created_at, token, key))";

/* A claim is waited for as long as its transaction takes, and that is no time for ever. */
static const char begin_sql[] =
	"BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_catalog.set_config('lock_timeout', '10s', "
	"true); SELECT pg_catalog.set_config('synchronous_commit', 'on', true) WHERE "
	"pg_catalog.current_setting('synchronous_commit') = 'off'";

/* The trigger's, at the end of its function. */
static const char tell_sql[] = "SELECT pg_catalog.pg_notify('" PG_CHANNEL "', '') WHERE NOT "
			       "pg_catalog.pg_try_advisory_xact_lock_shared(1633968748, 1) AND "
			       "pg_catalog.pg_notification_queue_usage() < 0.5";

static const char claim_sql[] =
	"INSERT INTO " PG_INGEST_KEY " AS old (source, token, key, digest, created_at, events) "
	"VALUES ($1::text, $2::text, $3::text, $4::text, $5::bigint, 0) ON CONFLICT (source, "
	"token, "
	"key) DO UPDATE SET digest = excluded.digest, created_at = excluded.created_at, events = 0 "
	"WHERE old.created_at < $6::bigint RETURNING 1";

static const char claims_sql[] = "SELECT digest, events FROM " PG_INGEST_KEY
				 " WHERE source = $1::text AND token = $2::text AND key = $3::text";

static const char purge_sql[] =
	"DELETE FROM " PG_INGEST_KEY " WHERE ctid = ANY (ARRAY(SELECT ctid FROM " PG_INGEST_KEY
	" WHERE source = $1::text AND created_at < $2::bigint ORDER BY created_at LIMIT $3::bigint"
	" FOR UPDATE SKIP LOCKED))";

struct pg_inlet {
	struct inlet_store base;
	const struct inlet_env *env;
	struct pg_conn *conn;
	struct buf sql; /* statements that wait to be sent */
	size_t rows;    /* of the INSERT at its end; 0: it does not end with one */
	bool has_mark;
	char encoding[32]; /* of the database, when it does not spell all that UTF-8 does; or "" */
};

static struct pg_inlet *inlet_of(struct inlet_store *s)
{
	return (struct pg_inlet *)(void *)s;
}

/* ---- open and close ---- */

static void pg_inlet_close(struct inlet_store *base)
{
	struct pg_inlet *s = inlet_of(base);

	buf_done(&s->sql);
	pg_conn_close(s->conn);
	mem_free(s);
}

static void note_warning(struct pg_inlet *s, const char *fsync)
{
	if (strcmp(fsync, "off") == 0)
		(void)snprintf(s->base.warning, sizeof(s->base.warning),
			       "%s: PostgreSQL has fsync off: what was accepted can be lost when "
			       "its machine fails",
			       s->env->name);
}

static void note_encoding(struct pg_inlet *s)
{
	const char *encoding = PQparameterStatus(pg_conn_raw(s->conn), "server_encoding");

	/* SQL_ASCII converts nothing */
	if (encoding && strcmp(encoding, "UTF8") != 0 && strcmp(encoding, "SQL_ASCII") != 0)
		(void)snprintf(s->encoding, sizeof(s->encoding), "%s", encoding);
}

/* Are the pipelines installed, and is there a table of keys? */
static ATTR_MUST_CHECK enum err_code check_installed(struct pg_inlet *s, struct err *e)
{
	PGresult *res = NULL;
	enum err_code code;
	size_t i;

	buf_add_str(&s->sql, "SELECT (SELECT count(*) FROM " PG_INGEST_KEY " WHERE false), "
			     "pg_catalog.current_setting('fsync'), count(*) FROM " PG_SCHEMA
			     ".install WHERE pipeline IN (''");
	for (i = 0; i < s->env->pipeline_count; i++) {
		buf_add_str(&s->sql, ", ");
		pg_quote_literal(&s->sql, text_of(s->env->pipelines[i]));
	}
	buf_add_char(&s->sql, ')');
	if (buf_error(&s->sql) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory for a statement");
	code = pg_conn_query(s->conn, buf_str(&s->sql), 0, NULL, false, &res, e);
	buf_reset(&s->sql);
	if (code == ERR_NOT_FOUND)
		return err_prefix(e, "%s is not installed: run app-db-listener install",
				  s->env->name);
	if (code != ERR_OK)
		return code;
	note_warning(s, PQgetvalue(res, 0, 1));
	if (strtoull(PQgetvalue(res, 0, 2), NULL, 10) < s->env->pipeline_count)
		code = err_set(e, ERR_NOT_FOUND,
			       "a pipeline of %s is not installed: run app-db-listener install",
			       s->env->name);
	PQclear(res);
	return code;
}

static ATTR_MUST_CHECK enum err_code pg_inlet_open(const struct inlet_env *env,
						   struct inlet_store **ret_s, struct err *e)
{
	struct pg_inlet *s = mem_calloc(1, sizeof(*s));
	struct pg_conn_options o = {.settings = env->source, .clock = env->clock};
	bool pooled = false;
	enum err_code code;

	if (!s)
		return err_set(e, ERR_NOMEM, "no memory to connect");
	s->base.ops = &inlet_store_postgres;
	s->env = env;
	if (env->interrupt_fd >= 0)
		o.interrupt_fd = &env->interrupt_fd;
	buf_init(&s->sql, SQL_MAX_BYTES);
	code = pg_conn_open(&o, &s->conn, e);
	if (code == ERR_OK)
		code = pg_conn_is_pooled(s->conn, &pooled, e);
	/* what the server or the role has it at */
	if (code == ERR_OK && !pooled)
		code = pg_conn_exec(s->conn, "RESET synchronous_commit", e);
	if (code == ERR_OK)
		note_encoding(s);
	if (code == ERR_OK)
		code = check_installed(s, e);
	if (code != ERR_OK) {
		pg_inlet_close(&s->base);
		return code;
	}
	*ret_s = &s->base;
	return ERR_OK;
}

/* ---- what waits to be sent ---- */

static void drop_pending(struct pg_inlet *s)
{
	s->rows = 0;
	buf_reset(&s->sql);
	if (s->sql.cap > 2 * INLET_PENDING_BYTES) {
		buf_done(&s->sql);
		buf_init(&s->sql, SQL_MAX_BYTES);
	}
	s->base.held_bytes = s->sql.cap;
}

static void next_statement(struct pg_inlet *s)
{
	if (s->sql.len)
		buf_add_str(&s->sql, "; ");
	s->rows = 0;
}

static ATTR_MUST_CHECK enum err_code flush(struct pg_inlet *s, struct err *e)
{
	enum err_code code;

	if (!s->sql.len && buf_error(&s->sql) == ERR_OK)
		return ERR_OK;
	if (buf_error(&s->sql) != ERR_OK)
		code = err_set(e, ERR_NOMEM, "no memory for a statement");
	else
		code = pg_conn_exec(s->conn, buf_str(&s->sql), e);
	s->base.is_bloated |= s->sql.len > INLET_BLOATED_BYTES;
	drop_pending(s);
	return code;
}

/* ---- transactions ---- */

static ATTR_MUST_CHECK enum err_code pg_inlet_purge(struct inlet_store *base,
						    int64_t before_wall_us, struct err *e)
{
	struct pg_inlet *s = inlet_of(base);
	char before[24], most[24];
	const char *const values[] = {s->env->name, before, most};
	PGresult *res = NULL;
	enum err_code code;

	(void)snprintf(before, sizeof(before), "%lld", (long long)before_wall_us);
	(void)snprintf(most, sizeof(most), "%d", INLET_PURGE_ROWS);
	code = pg_conn_query(s->conn, purge_sql, 3, values, false, &res, e);
	if (code == ERR_OK)
		base->purged_count = strtoll(PQcmdTuples(res), NULL, 10);
	PQclear(res);
	return code == ERR_UNAVAILABLE || code == ERR_NOMEM ? code : ERR_OK;
}

static ATTR_MUST_CHECK enum err_code pg_inlet_begin(struct inlet_store *base, struct err *e)
{
	struct pg_inlet *s = inlet_of(base);

	drop_pending(s);
	s->has_mark = false;
	return pg_conn_exec(s->conn, begin_sql, e);
}

static ATTR_MUST_CHECK enum err_code pg_inlet_commit(struct inlet_store *base, bool tell,
						     struct err *e)
{
	struct pg_inlet *s = inlet_of(base);

	_Static_assert(PG_LOCK_CLASS == 1633968748 && PG_LOCK_WAKE == 1, "written in tell_sql");
	if (tell) {
		next_statement(s);
		buf_add_str(&s->sql, tell_sql);
	}
	next_statement(s);
	buf_add_str(&s->sql, "COMMIT");
	return flush(s, e);
}

static void pg_inlet_rollback(struct inlet_store *base)
{
	struct pg_inlet *s = inlet_of(base);

	drop_pending(s);
	/* a connection on which it fails is lost, and the transaction with it; or has no memory */
	base->is_stuck = PQstatus(pg_conn_raw(s->conn)) != CONNECTION_OK ||
			 pg_conn_exec(s->conn, "ROLLBACK", NULL) != ERR_OK;
}

static ATTR_MUST_CHECK enum err_code pg_inlet_mark(struct inlet_store *base, struct err *e)
{
	struct pg_inlet *s = inlet_of(base);

	next_statement(s);
	buf_add_str(&s->sql, s->has_mark ? "RELEASE SAVEPOINT request; SAVEPOINT request"
					 : "SAVEPOINT request");
	s->has_mark = true;
	return flush(s, e);
}

static ATTR_MUST_CHECK enum err_code pg_inlet_go_back(struct inlet_store *base, struct err *e)
{
	struct pg_inlet *s = inlet_of(base);

	drop_pending(s);
	return pg_conn_exec(s->conn, "ROLLBACK TO SAVEPOINT request", e);
}

/* ---- keys ---- */

/* Somebody has it: what came with it then? */
static ATTR_MUST_CHECK enum err_code look_up(struct pg_inlet *s, const struct inlet_claim *c,
					     struct inlet_begun *ret_b, struct err *e)
{
	const char *const values[] = {s->env->name, c->token, c->key};
	PGresult *res = NULL;
	enum err_code code = pg_conn_query(s->conn, claims_sql, 3, values, false, &res, e);

	if (code == ERR_OK && PQntuples(res) == 0)
		code = err_set(e, ERR_BUSY, "an idempotency key was removed meanwhile");
	if (code == ERR_OK) {
		ret_b->outcome = INLET_CONFLICT;
		if (strcmp(PQgetvalue(res, 0, 0), c->digest) == 0) {
			ret_b->outcome = INLET_DUPLICATE;
			ret_b->events = strtoll(PQgetvalue(res, 0, 1), NULL, 10);
		}
	}
	PQclear(res);
	return code;
}

static ATTR_MUST_CHECK enum err_code pg_inlet_claim(struct inlet_store *base,
						    const struct inlet_claim *c,
						    struct inlet_begun *ret_b, struct err *e)
{
	struct pg_inlet *s = inlet_of(base);
	char now[24], expired[24];
	const char *const values[] = {s->env->name, c->token, c->key, c->digest, now, expired};
	PGresult *res = NULL;
	enum err_code code;
	bool is_new;

	(void)snprintf(now, sizeof(now), "%lld", (long long)c->now_wall_us);
	(void)snprintf(expired, sizeof(expired), "%lld", (long long)c->expired_wall_us);
	code = pg_conn_query(s->conn, claim_sql, 6, values, false, &res, e);
	if (code != ERR_OK)
		return code;
	is_new = PQntuples(res) > 0;
	PQclear(res);
	ret_b->outcome = INLET_STORED;
	return is_new ? ERR_OK : look_up(s, c, ret_b, e);
}

static ATTR_MUST_CHECK enum err_code
pg_inlet_count(struct inlet_store *base, const struct inlet_claim *c, int64_t events, struct err *e)
{
	struct pg_inlet *s = inlet_of(base);
	const char *const values[] = {s->env->name, c->token, c->key};
	static const char *const columns[] = {"source", "token", "key"};
	size_t i;

	(void)e;
	next_statement(s);
	buf_add_fmt(&s->sql, "UPDATE " PG_INGEST_KEY " SET events = %lld", (long long)events);
	for (i = 0; i < ARRAY_LEN(values); i++) {
		buf_add_fmt(&s->sql, "%s%s = ", i ? " AND " : " WHERE ", columns[i]);
		pg_quote_literal(&s->sql, text_of(values[i]));
	}
	return ERR_OK;
}

/* ---- events ---- */

static void add_value(struct buf *out, struct text value)
{
	buf_add_str(out, ", ");
	if (value.s)
		pg_quote_literal(out, value);
	else
		buf_add_str(out, "NULL");
}

static void add_row(struct pg_inlet *s, const char *pipeline, const struct inlet_row *row)
{
	struct buf sequence;

	if (!s->rows) {
		next_statement(s);
		buf_add_str(&s->sql, "INSERT INTO " PG_SCHEMA
				     ".outbox (id, pipeline, operation, schema_name, table_name, "
				     "row_key, data, old_data, bytes) VALUES ");
	}
	buf_add_str(&s->sql, s->rows++ ? ", (pg_catalog.nextval(" : "(pg_catalog.nextval(");
	buf_init(&sequence, PG_SQL_MAX_BYTES);
	pg_sequence_name(&sequence, pipeline);
	if (buf_error(&sequence) != ERR_OK)
		s->sql.error = buf_error(&sequence);
	pg_quote_literal(&s->sql, buf_text(&sequence));
	buf_done(&sequence);
	buf_add_str(&s->sql, "::regclass)");
	add_value(&s->sql, text_of(pipeline));
	add_value(&s->sql, text_of(row->operation));
	add_value(&s->sql, row->schema);
	add_value(&s->sql, row->table);
	add_value(&s->sql, row->key);
	add_value(&s->sql, row->data);
	add_value(&s->sql, row->old_data);
	buf_add_fmt(&s->sql, ", %lld)", (long long)row->bytes);
}

static bool is_ascii(struct text t)
{
	size_t i;

	for (i = 0; i < t.len; i++)
		if ((unsigned char)t.s[i] >= 0x80)
			return false;
	return true;
}

/* May the server refuse it for its characters? */
static bool is_doubtful(const struct pg_inlet *s, const struct inlet_row *row)
{
	return s->encoding[0] &&
	       !(is_ascii(row->schema) && is_ascii(row->table) && is_ascii(row->key) &&
		 is_ascii(row->data) && is_ascii(row->old_data));
}

/* The rows of one event. */
static ATTR_MUST_CHECK enum err_code add_rows(struct pg_inlet *s, const struct inlet_row *row,
					      struct err *e)
{
	enum err_code code = ERR_OK;
	size_t i;

	for (i = 0; i < s->env->pipeline_count && code == ERR_OK; i++) {
		if (s->sql.len && s->sql.len + (size_t)row->bytes > INLET_PENDING_BYTES)
			code = flush(s, e);
		if (code != ERR_OK)
			break;
		add_row(s, s->env->pipelines[i], row);
		if (buf_error(&s->sql) != ERR_OK || s->rows >= INLET_PENDING_ROWS)
			code = flush(s, e);
	}
	return code;
}

/* One that may be refused goes by itself, so that it is known which one it was. */
static ATTR_MUST_CHECK enum err_code pg_inlet_add(struct inlet_store *base,
						  const struct inlet_row *row, struct err *e)
{
	struct pg_inlet *s = inlet_of(base);
	bool is_alone = is_doubtful(s, row);
	enum err_code code = is_alone ? flush(s, e) : ERR_OK;

	if (code == ERR_OK)
		code = add_rows(s, row, e);
	if (code == ERR_OK && is_alone)
		code = flush(s, e);
	s->base.held_bytes = s->sql.cap;
	if (code == ERR_DATA)
		return err_prefix(e, "the database has the encoding %s", s->encoding);
	return code;
}

const struct inlet_store_ops inlet_store_postgres = {
	.open = pg_inlet_open,
	.close = pg_inlet_close,
	.purge = pg_inlet_purge,
	.begin = pg_inlet_begin,
	.claim = pg_inlet_claim,
	.count = pg_inlet_count,
	.add = pg_inlet_add,
	.mark = pg_inlet_mark,
	.go_back = pg_inlet_go_back,
	.commit = pg_inlet_commit,
	.rollback = pg_inlet_rollback,
};
