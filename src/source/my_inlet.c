/* SPDX-License-Identifier: MIT */
/*
 * Events into MySQL and MariaDB. Rows are collected and sent as one INSERT of many for each outbox,
 * since each statement is a round trip; InnoDB gives the rows of such a statement consecutive ids,
 * in their order (MySQL manual, "AUTO_INCREMENT Handling in InnoDB", simple inserts).
 */
#include "source/my_inlet.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "source/inlet_store.h"
#include "source/my_conn.h"

#define SQL_MAX_BYTES (1024UL * 1024 * 1024) /* the largest max_allowed_packet */
#define PACKET_SLACK 4096

struct my_inlet {
	struct inlet_store base;
	const struct inlet_env *env;
	struct my_conn *conn;
	struct buf sql;      /* the statement at hand */
	struct buf *pending; /* the INSERT of each pipeline, "" for none */
	size_t rows;         /* in each */
	int64_t packet_bytes;
};

static struct my_inlet *inlet_of(struct inlet_store *s)
{
	return (struct my_inlet *)(void *)s;
}

void my_inlet_create(struct buf *out, const char *database)
{
	buf_add_str(out, "CREATE TABLE IF NOT EXISTS ");
	my_quote_name(out, database, MY_INGEST_KEY);
	/* binary: no spaces at an end are left out of a comparison */
	buf_add_str(out, " (\n\tsource VARBINARY(160) NOT NULL,\n"
			 "\ttoken VARBINARY(64) NOT NULL,\n"
			 "\t`key` VARBINARY(255) NOT NULL,\n"
			 "\tdigest CHAR(64) NOT NULL,\n"
			 "\tcreated_at BIGINT NOT NULL,\n"
			 "\tevents BIGINT NOT NULL,\n"
			 "\tPRIMARY KEY (source, token, `key`),\n"
			 "\tKEY by_time (source, created_at)\n"
			 ") ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 "
			 "COLLATE=utf8mb4_bin");
}

/* ---- open and close ---- */

static void reset(struct buf *b)
{
	buf_reset(b);
	if (b->cap <= 2 * INLET_PENDING_BYTES)
		return;
	buf_done(b);
	buf_init(b, SQL_MAX_BYTES);
}

static void note_held(struct my_inlet *s)
{
	size_t i;

	s->base.held_bytes = s->sql.cap;
	for (i = 0; i < s->env->pipeline_count; i++)
		s->base.held_bytes += s->pending[i].cap;
}

static void drop_pending(struct my_inlet *s)
{
	size_t i;

	for (i = 0; i < s->env->pipeline_count; i++)
		reset(&s->pending[i]);
	s->rows = 0;
	note_held(s);
}

static void my_inlet_close(struct inlet_store *base)
{
	struct my_inlet *s = inlet_of(base);
	size_t i;

	for (i = 0; s->pending && i < s->env->pipeline_count; i++)
		buf_done(&s->pending[i]);
	mem_free(s->pending);
	buf_done(&s->sql);
	my_conn_close(s->conn);
	mem_free(s);
}

static ATTR_MUST_CHECK enum err_code read_server(struct my_inlet *s, struct my_result *r,
						 struct err *e)
{
	if (!my_result_next(r))
		return err_set(e, ERR_DB, "the server says nothing about itself");
	s->packet_bytes = my_result_i64(r, 1, 1 << 20);
	if (my_result_i64(r, 2, 1) != 1)
		(void)snprintf(s->base.warning, sizeof(s->base.warning),
			       "%s: %s has innodb_flush_log_at_trx_commit at %lld: the last second "
			       "of what was accepted can be lost when the server or its machine "
			       "fails",
			       s->env->name, my_conn_server(s->conn),
			       (long long)my_result_i64(r, 2, 1));
	if (my_result_i64(r, 3, 0) < (int64_t)s->env->pipeline_count)
		return err_set(e, ERR_NOT_FOUND,
			       "a pipeline of %s is not installed: run app-db-listener install",
			       s->env->name);
	return ERR_OK;
}

/* Are the pipelines installed, is there a table of keys, and what are the server's limits? */
static ATTR_MUST_CHECK enum err_code check_installed(struct my_inlet *s, struct err *e)
{
	struct my_result *r = NULL;
	enum err_code code;
	size_t i;

	buf_add_str(
		&s->sql,
		"SELECT (SELECT COUNT(*) FROM " MY_INGEST_KEY " WHERE FALSE), "
		"@@max_allowed_packet, @@innodb_flush_log_at_trx_commit, COUNT(*) FROM " MY_INSTALL
		" WHERE pipeline IN (''");
	for (i = 0; i < s->env->pipeline_count; i++) {
		buf_add_str(&s->sql, ", ");
		my_quote_literal(&s->sql, text_of(s->env->pipelines[i]));
	}
	buf_add_char(&s->sql, ')');
	code = my_conn_query_buf(s->conn, &s->sql, &r, e);
	if (code == ERR_NOT_FOUND)
		return err_prefix(e, "%s is not installed: run app-db-listener install",
				  s->env->name);
	if (code == ERR_OK)
		code = read_server(s, r, e);
	my_result_free(r);
	return code;
}

static ATTR_MUST_CHECK enum err_code make_buffers(struct my_inlet *s, struct err *e)
{
	size_t i;

	buf_init(&s->sql, SQL_MAX_BYTES);
	s->pending = mem_calloc(s->env->pipeline_count + 1, sizeof(*s->pending));
	if (!s->pending)
		return err_set(e, ERR_NOMEM, "no memory to connect");
	for (i = 0; i < s->env->pipeline_count; i++)
		buf_init(&s->pending[i], SQL_MAX_BYTES);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code my_inlet_open(const struct inlet_env *env,
						   struct inlet_store **ret_s, struct err *e)
{
	struct my_inlet *s = mem_calloc(1, sizeof(*s));
	struct my_conn_options o = {.settings = env->source, .clock = env->clock};
	enum err_code code;

	if (!s)
		return err_set(e, ERR_NOMEM, "no memory to connect");
	s->base.ops = &inlet_store_mysql;
	s->env = env;
	if (env->interrupt_fd >= 0)
		o.interrupt_fd = &env->interrupt_fd;
	code = make_buffers(s, e);
	if (code == ERR_OK)
		code = my_conn_open(&o, &s->conn, e);
	/* a claim is waited for as long as its transaction takes, and that is no time for ever */
	if (code == ERR_OK)
		code = my_conn_exec(s->conn, "SET SESSION innodb_lock_wait_timeout = 10", e);
	if (code == ERR_OK)
		code = check_installed(s, e);
	if (code != ERR_OK) {
		my_inlet_close(&s->base);
		return code;
	}
	*ret_s = &s->base;
	return ERR_OK;
}

/* ---- what waits to be sent ---- */

static ATTR_MUST_CHECK enum err_code flush(struct my_inlet *s, struct err *e)
{
	enum err_code code = ERR_OK;
	size_t i;

	for (i = 0; i < s->env->pipeline_count && code == ERR_OK && s->rows; i++) {
		s->base.is_bloated |= s->pending[i].len > INLET_BLOATED_BYTES;
		code = my_conn_exec_buf(s->conn, &s->pending[i], NULL, e);
	}
	drop_pending(s);
	return code;
}

/* ---- transactions ---- */

static ATTR_MUST_CHECK enum err_code my_inlet_purge(struct inlet_store *base,
						    int64_t before_wall_us, struct err *e)
{
	struct my_inlet *s = inlet_of(base);
	enum err_code code;

	reset(&s->sql);
	buf_add_str(&s->sql, "DELETE FROM " MY_INGEST_KEY " WHERE source = ");
	my_quote_literal(&s->sql, text_of(s->env->name));
	buf_add_fmt(&s->sql, " AND created_at < %lld ORDER BY created_at LIMIT %d",
		    (long long)before_wall_us, INLET_PURGE_ROWS);
	code = my_conn_exec_buf(s->conn, &s->sql, &base->purged_count, e);
	return code == ERR_UNAVAILABLE || code == ERR_NOMEM ? code : ERR_OK;
}

static ATTR_MUST_CHECK enum err_code my_inlet_begin(struct inlet_store *base, struct err *e)
{
	struct my_inlet *s = inlet_of(base);

	drop_pending(s);
	return my_conn_exec(s->conn, "START TRANSACTION", e);
}

static ATTR_MUST_CHECK enum err_code my_inlet_commit(struct inlet_store *base, bool tell,
						     struct err *e)
{
	struct my_inlet *s = inlet_of(base);
	enum err_code code = flush(s, e);

	(void)tell; /* the reader polls */
	return code == ERR_OK ? my_conn_exec(s->conn, "COMMIT", e) : code;
}

static void my_inlet_rollback(struct inlet_store *base)
{
	struct my_inlet *s = inlet_of(base);

	drop_pending(s);
	/* a connection on which it fails is lost, and the transaction with it; or has no memory */
	base->is_stuck = my_conn_exec(s->conn, "ROLLBACK", NULL) != ERR_OK;
}

/* One of the same name takes the place of the one before. */
static ATTR_MUST_CHECK enum err_code my_inlet_mark(struct inlet_store *base, struct err *e)
{
	struct my_inlet *s = inlet_of(base);
	enum err_code code = flush(s, e);

	return code == ERR_OK ? my_conn_exec(s->conn, "SAVEPOINT request", e) : code;
}

static ATTR_MUST_CHECK enum err_code my_inlet_go_back(struct inlet_store *base, struct err *e)
{
	struct my_inlet *s = inlet_of(base);

	drop_pending(s);
	return my_conn_exec(s->conn, "ROLLBACK TO SAVEPOINT request", e);
}

/* ---- keys ---- */

/* " WHERE ...": whose key it is. */
static void add_whose(struct my_inlet *s, const struct inlet_claim *c)
{
	buf_add_str(&s->sql, " WHERE source = ");
	my_quote_literal(&s->sql, text_of(s->env->name));
	buf_add_str(&s->sql, " AND token = ");
	my_quote_literal(&s->sql, text_of(c->token));
	buf_add_str(&s->sql, " AND `key` = ");
	my_quote_literal(&s->sql, text_of(c->key));
}

/* Somebody has it: what came with it then? */
static ATTR_MUST_CHECK enum err_code look_up(struct my_inlet *s, const struct inlet_claim *c,
					     struct inlet_begun *ret_b, struct err *e)
{
	struct my_result *r = NULL;
	enum err_code code;

	reset(&s->sql);
	buf_add_str(&s->sql, "SELECT digest, events FROM " MY_INGEST_KEY);
	add_whose(s, c);
	code = my_conn_query_buf(s->conn, &s->sql, &r, e);
	if (code == ERR_OK && !my_result_next(r))
		code = err_set(e, ERR_BUSY, "an idempotency key was removed meanwhile");
	if (code == ERR_OK) {
		ret_b->outcome = INLET_CONFLICT;
		if (strcmp(my_result_str(r, 0), c->digest) == 0) {
			ret_b->outcome = INLET_DUPLICATE;
			ret_b->events = my_result_i64(r, 1, 0);
		}
	}
	my_result_free(r);
	return code;
}

static void add_claim(struct my_inlet *s, const struct inlet_claim *c)
{
	long long expired = (long long)c->expired_wall_us;

	buf_add_str(&s->sql, "INSERT INTO " MY_INGEST_KEY
			     " (source, token, `key`, digest, created_at, events) VALUES (");
	my_quote_literal(&s->sql, text_of(s->env->name));
	buf_add_str(&s->sql, ", ");
	my_quote_literal(&s->sql, text_of(c->token));
	buf_add_str(&s->sql, ", ");
	my_quote_literal(&s->sql, text_of(c->key));
	/* assignments go from left to right, each sees those before it */
	buf_add_fmt(&s->sql,
		    ", '%s', %lld, 0) ON DUPLICATE KEY UPDATE digest = IF(created_at < %lld, "
		    "VALUES(digest), digest), events = IF(created_at < %lld, 0, events), "
		    "created_at = IF(created_at < %lld, VALUES(created_at), created_at)",
		    c->digest, (long long)c->now_wall_us, expired, expired, expired);
}

static ATTR_MUST_CHECK enum err_code my_inlet_claim(struct inlet_store *base,
						    const struct inlet_claim *c,
						    struct inlet_begun *ret_b, struct err *e)
{
	struct my_inlet *s = inlet_of(base);
	int64_t changed = 0;
	enum err_code code;

	reset(&s->sql);
	add_claim(s, c);
	code = my_conn_exec_buf(s->conn, &s->sql, &changed, e);
	if (code != ERR_OK)
		return code;
	/* 1: a new row, 2: one that held no longer, 0: one that does */
	ret_b->outcome = INLET_STORED;
	return changed ? ERR_OK : look_up(s, c, ret_b, e);
}

static ATTR_MUST_CHECK enum err_code
my_inlet_count(struct inlet_store *base, const struct inlet_claim *c, int64_t events, struct err *e)
{
	struct my_inlet *s = inlet_of(base);

	reset(&s->sql);
	buf_add_fmt(&s->sql, "UPDATE " MY_INGEST_KEY " SET events = %lld", (long long)events);
	add_whose(s, c);
	return my_conn_exec_buf(s->conn, &s->sql, NULL, e);
}

/* ---- events ---- */

static void add_row(struct my_inlet *s, size_t p, const struct inlet_row *row)
{
	const struct text values[] = {text_of(row->operation),
				      row->schema,
				      row->table,
				      row->key,
				      row->data,
				      row->old_data};
	struct buf *sql = &s->pending[p];
	size_t i;

	if (!sql->len) {
		buf_add_str(sql, "INSERT INTO ");
		my_schema_outbox(sql, s->env->source->database, s->env->pipelines[p]);
		buf_add_str(sql, " (operation, schema_name, table_name, row_key, data, old_data, "
				 "bytes, changed_at) VALUES ");
	} else {
		buf_add_str(sql, ", ");
	}
	for (i = 0; i < ARRAY_LEN(values); i++) {
		buf_add_str(sql, i ? ", " : "(");
		my_quote_literal(sql, values[i]);
	}
	buf_add_fmt(sql, ", %lld, UTC_TIMESTAMP(6))", (long long)row->bytes);
}

static bool is_small(struct my_inlet *s, size_t p)
{
	return buf_error(&s->pending[p]) == ERR_OK &&
	       (int64_t)s->pending[p].len + PACKET_SLACK <= s->packet_bytes;
}

/* With what waits already; *ret_fits false: that is then not as it was. */
static void try_row(struct my_inlet *s, const struct inlet_row *row, bool *ret_fits)
{
	size_t i;

	*ret_fits = true;
	for (i = 0; i < s->env->pipeline_count; i++) {
		add_row(s, i, row);
		*ret_fits &= is_small(s, i);
	}
}

static ATTR_MUST_CHECK enum err_code too_large(const struct my_inlet *s,
					       const struct inlet_row *row, struct err *e)
{
	return err_set(e, ERR_FULL,
		       "the event has %lld bytes and takes more as a statement, of which the "
		       "server's max_allowed_packet allows %lld",
		       (long long)row->bytes, (long long)s->packet_bytes);
}

static ATTR_MUST_CHECK enum err_code my_inlet_add(struct inlet_store *base,
						  const struct inlet_row *row, struct err *e)
{
	struct my_inlet *s = inlet_of(base);
	/* quoted it may be twice as long */
	size_t waiting = s->rows ? s->pending[0].len + 2 * (size_t)row->bytes : 0;
	enum err_code code = ERR_OK;
	bool fits;

	if (waiting > INLET_PENDING_BYTES || s->rows >= INLET_PENDING_ROWS ||
	    (int64_t)waiting + 2 * PACKET_SLACK > s->packet_bytes)
		code = flush(s, e);
	if (code != ERR_OK)
		return code;
	try_row(s, row, &fits);
	note_held(s);
	if (!fits && buf_error(&s->pending[0]) == ERR_NOMEM)
		return err_set(e, ERR_NOMEM, "no memory for an event");
	/* only one that is alone: others would not have let it in */
	if (!fits && !s->rows) {
		drop_pending(s);
		return too_large(s, row, e);
	}
	if (!fits)
		return err_set(e, ERR_INTERNAL, "events were put together that do not fit");
	s->rows++;
	return ERR_OK;
}

const struct inlet_store_ops inlet_store_mysql = {
	.open = my_inlet_open,
	.close = my_inlet_close,
	.purge = my_inlet_purge,
	.begin = my_inlet_begin,
	.claim = my_inlet_claim,
	.count = my_inlet_count,
	.add = my_inlet_add,
	.mark = my_inlet_mark,
	.go_back = my_inlet_go_back,
	.commit = my_inlet_commit,
	.rollback = my_inlet_rollback,
};
