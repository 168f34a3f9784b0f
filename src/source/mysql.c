/* SPDX-License-Identifier: MIT */
/*
 * Opening: connect, find our rows in app_db_listener_install, become the leader (a user lock, gone
 * with the connection). A standby keeps its connection and only tries the lock again.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "source/my_backfill.h"
#include "source/my_locks.h"
#include "source/my_source.h"
#include "source/my_webhook.h"

/* Every gap is a range in the statement that reads, and costs the server time; gaps merged into one
 * cost the outstanding rows between them: docs/BENCHMARKS.md. */
#define GAPS_MAX 256
/* An interrupt is looked for so often while waiting. */
#define WAIT_SLICE_US (100 * CLOCK_US_PER_MS)

/* ---- new and free ---- */

static void my_free(struct source *base);

/* "NAME" or "SCHEMA.NAME". */
static ATTR_MUST_CHECK enum err_code audit_init(struct my_pipe *p, const struct source_settings *s,
						struct err *e)
{
	const char *point = strchr(s->audit_table, '.');

	(void)snprintf(p->audit_table, sizeof(p->audit_table), "%s",
		       point ? point + 1 : s->audit_table);
	if (point)
		(void)snprintf(p->audit_schema, sizeof(p->audit_schema), "%.*s",
			       (int)(point - s->audit_table), s->audit_table);
	else
		(void)snprintf(p->audit_schema, sizeof(p->audit_schema), "%s", s->database);
	my_quote_name(&p->relation, p->audit_schema, p->audit_table);
	p->bytes = MY_AUDIT_BYTES;
	p->filter = MY_AUDIT_FILTER;
	return my_audit_new(&p->audit, e);
}

static void outbox_init(struct my_pipe *p)
{
	my_schema_outbox(&p->relation, NULL, p->pub->settings->name);
	buf_add_fmt(&p->from, "%s FORCE INDEX (PRIMARY)", buf_str(&p->relation));
	my_schema_parked(&p->parked, NULL, p->pub->settings->name);
	p->bytes = "bytes";
	p->filter = "";
}

static ATTR_MUST_CHECK enum err_code pipe_init(struct my_pipe *p, struct source_pipeline *pub,
					       const struct source_settings *s, struct err *e)
{
	enum err_code code = ERR_OK;

	p->pub = pub;
	buf_init(&p->relation, MY_SQL_MAX_BYTES);
	buf_init(&p->from, MY_SQL_MAX_BYTES);
	buf_init(&p->parked, MY_SQL_MAX_BYTES);
	if (s->audit_table)
		code = audit_init(p, s, e);
	else
		outbox_init(p);
	if (code != ERR_OK)
		return code;
	p->strays = mem_calloc(MY_STRAYS_MAX, sizeof(*p->strays));
	if (!p->strays || buf_error(&p->relation) != ERR_OK || buf_error(&p->from) != ERR_OK ||
	    buf_error(&p->parked) != ERR_OK)
		return err_set(e, ERR_NOMEM, "no memory for a source");
	return position_new(GAPS_MAX, &p->position, e);
}

static void pipe_done(struct my_pipe *p)
{
	my_owners_reset(&p->owners);
	position_free(p->position);
	my_audit_free(p->audit);
	buf_done(&p->parked);
	buf_done(&p->from);
	buf_done(&p->relation);
	mem_free(p->strays);
}

static ATTR_MUST_CHECK enum err_code my_new(const struct source_env *env, struct source **ret_s,
					    struct err *e)
{
	struct my_source *s = mem_calloc(1, sizeof(*s));
	enum err_code code = ERR_OK;
	size_t i;

	if (!s)
		return err_set(e, ERR_NOMEM, "no memory for a source");
	s->base.ops = &source_mysql;
	s->env = *env;
	s->interrupt_fd = -1;
	s->status = source_status_unknown;
	buf_init(&s->sql, MY_SQL_MAX_BYTES);
	s->pipes = mem_calloc(env->pipeline_count, sizeof(*s->pipes));
	if (!s->pipes)
		code = err_set(e, ERR_NOMEM, "no memory for a source");
	for (i = 0; s->pipes && code == ERR_OK && i < env->pipeline_count; i++)
		code = pipe_init(&s->pipes[i], &env->pipelines[i], env->settings, e);
	if (code == ERR_OK)
		code = fd_wake_open(&s->interrupt_fd, e);
	if (code != ERR_OK) {
		my_free(&s->base);
		return code;
	}
	*ret_s = &s->base;
	return ERR_OK;
}

static void my_close(struct source *base);

static void my_free(struct source *base)
{
	struct my_source *s = my_source_of(base);
	size_t i;

	if (s->pipes) {
		my_close(base);
		for (i = 0; i < s->env.pipeline_count; i++)
			pipe_done(&s->pipes[i]);
	}
	buf_done(&s->sql);
	fd_close(&s->interrupt_fd);
	mem_free(s->pipes);
	mem_free(s);
}

/* ---- open and close ---- */

static void forget_everything(struct my_source *s)
{
	size_t i;

	for (i = 0; i < s->env.pipeline_count; i++) {
		struct my_pipe *p = &s->pipes[i];

		if (!p->position) /* half built */
			continue;
		position_reset(p->position);
		my_owners_reset(&p->owners);
		p->held_upto = 0;
		p->stray_count = 0;
	}
	memset(&s->poll, 0, sizeof(s->poll));
}

#define LEADER_LOCK "CONCAT('app_db_listener.', MD5(LOWER(DATABASE())))"

/* The server takes a moment to notice that a connection was closed, and until then the next open
 * would find a leader. When this fails the connection is lost, and the lock with it. */
static void give_up_leadership(struct my_source *s)
{
	enum err_code code = my_conn_exec(s->conn, "DO RELEASE_LOCK(" LEADER_LOCK ")", NULL);

	(void)code;
}

static void my_close(struct source *base)
{
	struct my_source *s = my_source_of(base);

	if (s->leader)
		give_up_leadership(s);
	my_job_free(s->job);
	s->job = NULL;
	my_conn_close(s->conn);
	s->conn = NULL;
	s->leader = false;
	s->status.connections = 0;
	s->identity[0] = '\0';
	forget_everything(s);
}

static ATTR_MUST_CHECK enum err_code not_installed(struct my_source *s, const char *pipeline,
						   struct err *e)
{
	return err_set(e, ERR_NOT_FOUND,
		       "pipeline %s is not installed in database %s: run app-db-listener install",
		       pipeline, s->env.settings->database ? s->env.settings->database : "");
}

static ATTR_MUST_CHECK enum err_code check_version(int64_t version, struct err *e)
{
	if (version == MY_SCHEMA_VERSION)
		return ERR_OK;
	return err_set(e, ERR_DB,
		       "the installation has version %lld, this daemon needs %d: run "
		       "app-db-listener install with the newer of both",
		       (long long)version, MY_SCHEMA_VERSION);
}

static ATTR_MUST_CHECK enum err_code find_install(struct my_source *s, struct source_pipeline *pub,
						  struct err *e)
{
	struct my_result *r;
	enum err_code code;

	buf_reset(&s->sql);
	buf_add_str(&s->sql, "SELECT install_id, version FROM " MY_INSTALL " WHERE pipeline = ");
	my_quote_literal(&s->sql, text_of(pub->settings->name));
	code = my_conn_query_buf(s->conn, &s->sql, &r, e);
	if (code == ERR_NOT_FOUND)
		return not_installed(s, pub->settings->name, e);
	if (code == ERR_DENIED)
		return err_prefix(e, "the daemon's user lacks privileges (app-db-listener install "
				     "grants them)");
	if (code != ERR_OK)
		return code;
	if (my_result_next(r)) {
		(void)snprintf(pub->install_id, sizeof(pub->install_id), "%s", my_result_str(r, 0));
		code = check_version(my_result_i64(r, 1, 0), e);
	} else {
		code = not_installed(s, pub->settings->name, e);
	}
	my_result_free(r);
	return code;
}

static ATTR_MUST_CHECK enum err_code find_installs(struct my_source *s, struct err *e)
{
	enum err_code code = ERR_OK;
	size_t i;

	for (i = 0; code == ERR_OK && i < s->env.pipeline_count; i++)
		code = find_install(s, &s->env.pipelines[i], e);
	return code;
}

enum err_code my_source_check_install(struct my_source *s, const struct my_pipe *p, struct err *e)
{
	struct source_pipeline now = {.settings = p->pub->settings};
	enum err_code code = find_install(s, &now, e);

	if (code == ERR_OK && strcmp(now.install_id, p->pub->install_id) != 0)
		code = err_set(e, ERR_UNAVAILABLE, "pipeline %s was installed anew",
			       now.settings->name);
	return code;
}

/* User locks are the server's, not the database's: the name holds the database's. */
static ATTR_MUST_CHECK enum err_code become_leader(struct my_source *s, struct err *e)
{
	int64_t got;
	enum err_code code =
		my_conn_number(s->conn, "SELECT GET_LOCK(" MY_LOCK_LEADER ", 0)", 0, &got, e);

	if (code != ERR_OK)
		return code;
	return got ? ERR_OK : err_set(e, ERR_BUSY, "another daemon is active");
}

/* Which history the ids belong to. A crash may lose the last commits, and their ids are given out
 * again: so each start of the server is another. MariaDB has no server_uuid. What the server does
 * not tell us is left out; nothing may fail for it. */
static ATTR_MUST_CHECK enum err_code find_identity(struct my_source *s, struct err *e)
{
	static const char *const questions[2][2] = {
		{"SELECT @@server_uuid",
		 "SELECT UNIX_TIMESTAMP() - VARIABLE_VALUE FROM performance_schema.global_status "
		 "WHERE VARIABLE_NAME = 'Uptime'"},
		{"SELECT CONCAT_WS('/', @@hostname, @@port, @@server_id, @@datadir)",
		 "SELECT UNIX_TIMESTAMP() - VARIABLE_VALUE FROM information_schema.GLOBAL_STATUS "
		 "WHERE VARIABLE_NAME = 'UPTIME'"},
	};
	const char *const *ask = questions[my_conn_is_mariadb(s->conn)];
	struct my_result *r;
	enum err_code code = my_conn_query(s->conn, ask[0], &r, e);
	int64_t started_s;

	if (code == ERR_OK) {
		(void)snprintf(s->identity, sizeof(s->identity) - 24, "%s",
			       my_result_next(r) ? my_result_str(r, 0) : "");
		my_result_free(r);
		code = my_conn_number(s->conn, ask[1], 0, &started_s, e);
	}
	if (code == ERR_UNAVAILABLE || code == ERR_NOMEM)
		return code;
	if (code != ERR_OK)
		return ERR_OK;
	/* both are whole seconds: one apart may be the same */
	if (llabs(started_s - s->started_s) > 1)
		s->started_s = started_s;
	(void)snprintf(s->identity + strlen(s->identity), 24, "/%lld", (long long)s->started_s);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code connect_once(struct my_source *s, struct err *e)
{
	struct my_conn_options o = {.settings = s->env.settings,
				    .clock = s->env.clock,
				    .interrupt_fd = &s->interrupt_fd};
	enum err_code code = my_conn_open(&o, &s->conn, e);

	if (code != ERR_OK)
		return code;
	s->status.connections = 1;
	(void)snprintf(s->status.server, sizeof(s->status.server), "%s", my_conn_server(s->conn));
	/* see my_ack.c */
	code = my_conn_exec(s->conn, "SET SESSION sql_safe_updates = 1", e);
	return code == ERR_OK ? find_installs(s, e) : code;
}

static ATTR_MUST_CHECK enum err_code open_audits(struct my_source *s, struct err *e)
{
	enum err_code code = ERR_OK;
	size_t i;

	for (i = 0; code == ERR_OK && i < s->env.pipeline_count; i++)
		if (s->pipes[i].audit)
			code = my_audit_open(s, &s->pipes[i], e);
	return code;
}

static ATTR_MUST_CHECK enum err_code my_open(struct source *base, struct err *e)
{
	struct my_source *s = my_source_of(base);
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
		code = my_owners_open(s, e);
	if (code == ERR_OK)
		code = open_audits(s, e);
	if (code == ERR_OK)
		code = my_parked_open(s, e);
	if (code == ERR_OK)
		code = my_retain_open(s, e);
	if (code != ERR_OK) {
		my_close(base);
		return code;
	}
	forget_everything(s);
	s->leader = true;
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code my_hold(struct source *base, uint32_t p, const int64_t *ids,
					     size_t n, struct err *e)
{
	struct my_pipe *pipe = &my_source_of(base)->pipes[p];
	enum err_code code = ERR_OK;
	size_t i;

	for (i = 0; code == ERR_OK && i < n; i++) {
		code = position_hold(pipe->position, ids[i], e);
		if (ids[i] > pipe->held_upto)
			pipe->held_upto = ids[i];
	}
	return code;
}

static const char *my_identity(struct source *base)
{
	return my_source_of(base)->identity;
}

/* ---- waiting ---- */

/* What the connection says while nobody asks is its end. */
static ATTR_MUST_CHECK enum err_code my_wait(struct source *base, bool idle, int wake_fd,
					     int64_t deadline_us, int *ret_woken, struct err *e)
{
	struct my_source *s = my_source_of(base);
	int64_t until_us;
	int woken;

	do {
		if (fd_wait(-1, s->interrupt_fd, 0, 0))
			return err_set(e, ERR_UNAVAILABLE, "interrupted");
		until_us = my_source_now(s) + WAIT_SLICE_US;
		if (until_us > deadline_us)
			until_us = deadline_us;
		woken = poll_wait(&s->poll, s->env.clock, idle, my_conn_fd(s->conn), wake_fd,
				  s->env.settings->poll_interval_us, until_us);
	} while (!woken && until_us < deadline_us);
	*ret_woken = woken;
	return ERR_OK;
}

static void my_interrupt(struct source *base)
{
	fd_wake(my_source_of(base)->interrupt_fd);
}

static void my_leave(struct source *base, uint32_t p, const int64_t *ids, size_t n, int64_t from)
{
	position_leave(my_source_of(base)->pipes[p].position, ids, n, from);
}

/* Gaps must be apart: one that spans rows that were left would return them. */
static bool my_may_leave(struct source *base, uint32_t p)
{
	const struct my_pipe *pipe = &my_source_of(base)->pipes[p];

	return !pipe->audit && position_stats(pipe->position).gaps < GAPS_MAX / 2;
}

const struct source_ops source_mysql = {
	.type = "mysql",
	.new = my_new,
	.free = my_free,
	.open = my_open,
	.close = my_close,
	.identity = my_identity,
	.hold = my_hold,
	.read = my_read,
	.leave = my_leave,
	.may_leave = my_may_leave,
	.reread = my_reread,
	.acknowledge = my_acknowledge,
	.parked_list = my_parked_list,
	.parked_read = my_parked_read,
	.wait = my_wait,
	.inspect = my_inspect,
	.standing_load = my_standing_load,
	.standing_save = my_standing_save,
	.purge = my_purge,
	.backfill_is_local = true,
	.backfill_load = my_backfill_load,
	.backfill_page = my_backfill_page,
	.backfill_fail = my_backfill_fail,
	.interrupt = my_interrupt,
};
