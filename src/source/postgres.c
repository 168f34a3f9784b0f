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
#include "source/pg_backfill.h"
#include "source/pg_source.h"

#define GAPS_MAX 16384
#define PARAM_BYTES_MAX (64UL << 20)

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
	enum err_code code = pg_parked_open(s, e);

	if (code == ERR_OK)
		code = pg_retain_open(s, e);
	if (code != ERR_OK || s->pooled)
		return code;
	/* the outbox is small or full of dead rows, and its statistics are always old: the primary
	 * key is the way in */
	code = pg_conn_exec(s->conn, "SET enable_seqscan = off; SET enable_bitmapscan = off", e);
	if (code == ERR_OK)
		code = pg_statements_prepare(s, e);
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

static void pg_leave(struct source *base, uint32_t p, const int64_t *ids, size_t n, int64_t from)
{
	position_leave(pg_source_of(base)->pipes[p].position, ids, n, from);
}

/* Ids must be in order, and gaps apart: one that spans rows that were left would return them. */
static bool pg_may_leave(struct source *base, uint32_t p)
{
	const struct pg_pipe *pipe = &pg_source_of(base)->pipes[p];

	return !pipe->by_time && !pipe->is_backlog &&
	       position_stats(pipe->position).gaps < GAPS_MAX / 2;
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
	.leave = pg_leave,
	.may_leave = pg_may_leave,
	.reread = pg_reread,
	.acknowledge = pg_acknowledge,
	.parked_list = pg_parked_list,
	.parked_read = pg_parked_read,
	.wait = pg_wait,
	.inspect = pg_inspect,
	PG_KEEPS_STANDINGS,
	.purge = pg_purge,
	.backfill_load = pg_backfill_load,
	.backfill_page = pg_backfill_page,
	.backfill_fail = pg_backfill_fail,
	.interrupt = pg_interrupt,
};
