/* SPDX-License-Identifier: MIT */
/*
 * Statements are sent and awaited, never PQexec'd: PQexec has no deadline, and a server that is
 * stopped or behind a dead link would hold the thread for ever. PostgreSQL manual, chapter "libpq",
 * section "Asynchronous Command Processing".
 */
#include "source/pg_conn.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/mem.h"
#include "source/pg_error.h"

/* The server gives up first and says so; this is for a server that says nothing. */
#define GRACE_US (5 * CLOCK_US_PER_S)

struct pg_conn {
	PGconn *raw;
	const struct clock *clock;
	int64_t timeout_us;
	int interrupt_fd; /* the options'; -1: none */
	bool pooled;
	char farewell[256]; /* the last FATAL notice: why the server hung up; "" none */
};

/* ---- errors ---- */

static ATTR_MUST_CHECK enum err_code connection_error(struct pg_conn *c, struct err *e)
{
	const char *why = c->farewell[0] ? c->farewell : PQerrorMessage(c->raw);

	(void)err_set(e, ERR_UNAVAILABLE, "connection lost: %s", why);
	if (e)
		pg_error_one_line(e->msg);
	return ERR_UNAVAILABLE;
}

static ATTR_MUST_CHECK enum err_code result_error(struct pg_conn *c, const PGresult *res,
						  struct err *e)
{
	/* without a SQLSTATE libpq made it: out of memory, or the connection broke */
	if (!PQresultErrorField(res, PG_DIAG_SQLSTATE))
		return PQstatus(c->raw) == CONNECTION_OK
			       ? err_set(e, ERR_NOMEM, "no memory for a result: %s",
					 PQresultErrorMessage(res))
			       : connection_error(c, e);
	return pg_error_result(res, e);
}

/* A server that shuts down says so in a notice before it hangs up. */
static void notice_keep(void *arg, const PGresult *res)
{
	struct pg_conn *c = arg;
	const char *severity = PQresultErrorField(res, PG_DIAG_SEVERITY_NONLOCALIZED);
	const char *message = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);

	if (severity && message && strcmp(severity, "FATAL") == 0)
		(void)snprintf(c->farewell, sizeof(c->farewell), "%s", message);
}

/* ---- waiting ---- */

static ATTR_MUST_CHECK enum err_code interrupted(struct err *e)
{
	return err_set(e, ERR_UNAVAILABLE, "interrupted");
}

/* Wait for events (poll's) on the socket, wake_fd (-1: none) or deadline_us; a mask of FD_READY and
 * FD_WOKEN in *ret_got. */
static ATTR_MUST_CHECK enum err_code wait_for(struct pg_conn *c, short events, int wake_fd,
					      int64_t deadline_us, int *ret_got, struct err *e)
{
	struct pollfd p[3] = {{.fd = PQsocket(c->raw), .events = events},
			      {.fd = c->interrupt_fd, .events = POLLIN},
			      {.fd = wake_fd, .events = POLLIN}};

	*ret_got = 0;
	if (poll(p, ARRAY_LEN(p), clock_poll_ms(clock_now_us(c->clock), deadline_us)) <= 0)
		return ERR_OK;
	if (p[1].revents)
		return interrupted(e);
	*ret_got = (p[0].revents ? FD_READY : 0) | (p[2].revents ? FD_WOKEN : 0);
	return ERR_OK;
}

/* ---- connecting ---- */

static ATTR_MUST_CHECK enum err_code open_wait(struct pg_conn *c, int64_t deadline_us,
					       struct err *e)
{
	PostgresPollingStatusType want = PGRES_POLLING_WRITING;
	enum err_code code;
	int got;

	while (want != PGRES_POLLING_OK) {
		if (want == PGRES_POLLING_FAILED)
			return pg_error_open(c->raw, e);
		if (clock_now_us(c->clock) >= deadline_us)
			return err_set(e, ERR_TIMEOUT, "cannot connect: no answer from %s in time",
				       PQhost(c->raw) ? PQhost(c->raw) : "the server");
		code = wait_for(c, want == PGRES_POLLING_READING ? POLLIN : POLLOUT, -1,
				deadline_us, &got, e);
		if (code != ERR_OK)
			return code;
		if (got & FD_READY)
			want = PQconnectPoll(c->raw);
	}
	return ERR_OK;
}

#define PARAMS_MAX 20 /* at least one more than params_fill adds: the list ends with NULL */

struct params {
	const char *key[PARAMS_MAX];
	const char *value[PARAMS_MAX];
	int n;
};

static void params_add(struct params *p, const char *key, const char *value)
{
	if (!value || !*value)
		return;
	p->key[p->n] = key;
	p->value[p->n++] = value;
}

static void params_fill(struct params *p, const struct pg_conn_options *o, const char *port)
{
	const struct source_settings *s = o->settings;

	params_add(p, "host", s->host);
	params_add(p, "port", port);
	params_add(p, "user", o->user ? o->user : s->user);
	params_add(p, "password", o->password ? o->password : s->password.value);
	params_add(p, "dbname", s->database);
	params_add(p, "sslmode", s->sslmode);
	params_add(p, "sslrootcert", s->sslrootcert);
	params_add(p, "sslcert", s->sslcert);
	params_add(p, "sslkey", s->sslkey);
	params_add(p, "target_session_attrs", s->target_session_attrs);
	params_add(p, "application_name", "app-db-listener");
	params_add(p, "client_encoding", "UTF8");
	params_add(p, "keepalives_idle", "15");
	params_add(p, "keepalives_interval", "5");
	params_add(p, "keepalives_count", "3");
	params_add(p, "tcp_user_timeout", "30000");
}

/* Set by SET, not by start-up options, which poolers refuse; and not at all through a pooler, where
 * the next user of the server connection would inherit it. The tcp_ ones make the server notice a
 * dead client, so that a half-open connection does not keep leadership or the wake lock. */
static ATTR_MUST_CHECK enum err_code session_setup(struct pg_conn *c, struct err *e)
{
	char sql[640];

	if (c->pooled)
		return ERR_OK;
	(void)snprintf(sql, sizeof(sql),
		       "SET search_path = pg_catalog; SET timezone = 'UTC'; SET datestyle = 'ISO'; "
		       "SET extra_float_digits = 1; SET bytea_output = 'hex'; "
		       "SET synchronous_commit = off; SET statement_timeout = %lld; "
		       "SET idle_in_transaction_session_timeout = 60000; "
		       "SET default_transaction_isolation = 'read committed'; "
		       "SET jit = off; SET tcp_keepalives_idle = 15; "
		       "SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; "
		       "SET tcp_user_timeout = 30000",
		       (long long)(c->timeout_us / CLOCK_US_PER_MS));
	if (pg_conn_exec(c, sql, e) != ERR_OK)
		return err_prefix(e, "cannot set up the session");
	if (PQserverVersion(c->raw) >= 140000)
		return pg_conn_exec(c, "SET idle_session_timeout = 0", e);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code find_pooler(struct pg_conn *c, struct err *e)
{
	char ours[16];
	PGresult *res;
	enum err_code code;

	code = pg_conn_query(c, "SELECT pg_catalog.pg_backend_pid()", 0, NULL, false, &res, e);
	if (code != ERR_OK)
		return code;
	(void)snprintf(ours, sizeof(ours), "%d", PQbackendPID(c->raw));
	c->pooled = strcmp(ours, PQgetvalue(res, 0, 0)) != 0;
	PQclear(res);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code connect_now(struct pg_conn *c, const struct pg_conn_options *o,
						 struct err *e)
{
	int64_t deadline_us = clock_now_us(c->clock) + o->settings->connect_timeout_us;
	struct params p = {.n = 0};
	char port[16] = "";
	enum err_code code;

	if (o->settings->port)
		(void)snprintf(port, sizeof(port), "%lld", (long long)o->settings->port);
	params_fill(&p, o, port);
	c->raw = PQconnectStartParams(p.key, p.value, 0);
	if (!c->raw)
		return err_set(e, ERR_NOMEM, "no memory to connect");
	if (PQstatus(c->raw) == CONNECTION_BAD)
		return pg_error_open(c->raw, e);
	(void)PQsetNoticeReceiver(c->raw, notice_keep, c);
	(void)PQsetErrorVerbosity(c->raw, PQERRORS_VERBOSE); /* see pg_error.c */
	code = open_wait(c, deadline_us, e);
	if (code != ERR_OK)
		return code;
	(void)PQsetErrorVerbosity(c->raw, PQERRORS_DEFAULT);
	/* or sending would wait without a deadline for a server that does not read */
	if (PQsetnonblocking(c->raw, 1) != 0)
		return connection_error(c, e);
	code = find_pooler(c, e);
	return code == ERR_OK ? session_setup(c, e) : code;
}

enum err_code pg_conn_open(const struct pg_conn_options *o, struct pg_conn **ret_c, struct err *e)
{
	struct pg_conn *c = mem_calloc(1, sizeof(*c));
	enum err_code code;

	if (!c)
		return err_set(e, ERR_NOMEM, "no memory to connect");
	c->clock = o->clock;
	c->timeout_us = o->settings->statement_timeout_us;
	c->interrupt_fd = o->interrupt_fd ? *o->interrupt_fd : -1;
	code = connect_now(c, o, e);
	if (code != ERR_OK) {
		pg_conn_close(c);
		return code;
	}
	*ret_c = c;
	return ERR_OK;
}

void pg_conn_close(struct pg_conn *c)
{
	if (!c)
		return;
	PQfinish(c->raw);
	mem_free(c);
}

PGconn *pg_conn_raw(struct pg_conn *c)
{
	return c->raw;
}

/* ---- statements ---- */

/* Wait until the next result can be had without blocking. */
static ATTR_MUST_CHECK enum err_code await_result(struct pg_conn *c, int64_t deadline_us,
						  struct err *e)
{
	enum err_code code;
	int flush, got;

	for (;;) {
		flush = PQflush(c->raw);
		if (flush < 0)
			return connection_error(c, e);
		if (flush == 0 && !PQisBusy(c->raw))
			return ERR_OK;
		if (clock_now_us(c->clock) >= deadline_us)
			return err_set(e, ERR_UNAVAILABLE, "the server did not answer in time");
		code = wait_for(c, (short)(POLLIN | (flush ? POLLOUT : 0)), -1, deadline_us, &got,
				e);
		if (code != ERR_OK)
			return code;
		if ((got & FD_READY) && !PQconsumeInput(c->raw))
			return connection_error(c, e);
	}
}

static int64_t statement_deadline(const struct pg_conn *c)
{
	return clock_now_us(c->clock) + c->timeout_us + GRACE_US;
}

static bool is_failure(const PGresult *res)
{
	switch (PQresultStatus(res)) {
	case PGRES_COMMAND_OK:
	case PGRES_TUPLES_OK:
	case PGRES_EMPTY_QUERY:
	case PGRES_PIPELINE_SYNC:
		return false;
	default:
		return true;
	}
}

/* All results of what was sent; the last one with rows or the first error is kept in *ret_res. */
static ATTR_MUST_CHECK enum err_code collect(struct pg_conn *c, PGresult **ret_res, struct err *e)
{
	int64_t deadline_us = statement_deadline(c);
	PGresult *kept = NULL, *res;
	enum err_code code = ERR_OK, waited;

	for (;;) {
		waited = await_result(c, deadline_us, code == ERR_OK ? e : NULL);
		if (waited != ERR_OK) {
			PQclear(kept);
			return code == ERR_OK ? waited : code;
		}
		res = PQgetResult(c->raw);
		if (!res)
			break;
		if (code == ERR_OK && is_failure(res))
			code = result_error(c, res, e);
		PQclear(kept);
		kept = res;
	}
	if (code == ERR_OK && ret_res && !kept)
		code = connection_error(c, e);
	if (code != ERR_OK || !ret_res) {
		PQclear(kept);
		return code;
	}
	*ret_res = kept;
	return ERR_OK;
}

enum err_code pg_conn_exec(struct pg_conn *c, const char *sql, struct err *e)
{
	if (!PQsendQuery(c->raw, sql))
		return connection_error(c, e);
	return collect(c, NULL, e);
}

enum err_code pg_conn_query(struct pg_conn *c, const char *sql, int n, const char *const *values,
			    bool binary, PGresult **ret_res, struct err *e)
{
	if (!PQsendQueryParams(c->raw, sql, n, NULL, values, NULL, NULL, binary))
		return connection_error(c, e);
	return collect(c, ret_res, e);
}

enum err_code pg_conn_prepare(struct pg_conn *c, const char *name, const char *sql, struct err *e)
{
	if (!PQsendPrepare(c->raw, name, sql, 0, NULL))
		return connection_error(c, e);
	return collect(c, NULL, e);
}

enum err_code pg_conn_execute(struct pg_conn *c, const struct pg_call *call, PGresult **ret_res,
			      struct err *e)
{
	if (!PQsendQueryPrepared(c->raw, call->name, call->n, call->values, call->lengths,
				 call->formats, call->binary))
		return connection_error(c, e);
	return collect(c, ret_res, e);
}

/* ---- several statements, one transaction, one round trip: PostgreSQL manual, chapter "libpq",
 * section "Pipeline Mode" ---- */

static ATTR_MUST_CHECK enum err_code pipeline_send(struct pg_conn *c, const struct pg_call *calls,
						   size_t n, struct err *e)
{
	size_t i;
	int sent;

	if (!PQenterPipelineMode(c->raw))
		return connection_error(c, e);
	for (i = 0; i < n; i++) {
		const struct pg_call *k = &calls[i];

		sent = k->name ? PQsendQueryPrepared(c->raw, k->name, k->n, k->values, k->lengths,
						     k->formats, k->binary)
			       : PQsendQueryParams(c->raw, k->sql, k->n, NULL, k->values,
						   k->lengths, k->formats, k->binary);
		if (!sent)
			return connection_error(c, e);
	}
	return PQpipelineSync(c->raw) ? ERR_OK : connection_error(c, e);
}

/* The next result, NULL where those of one statement end. */
static ATTR_MUST_CHECK enum err_code pipeline_next(struct pg_conn *c, int64_t deadline_us,
						   PGresult **ret_res, struct err *e)
{
	enum err_code code = await_result(c, deadline_us, e);

	if (code != ERR_OK)
		return code;
	*ret_res = PQgetResult(c->raw);
	return *ret_res || PQstatus(c->raw) == CONNECTION_OK ? ERR_OK : connection_error(c, e);
}

/* Until the sync answers: each statement's results, then a NULL. The first error counts. */
static ATTR_MUST_CHECK enum err_code pipeline_collect(struct pg_conn *c, PGresult **results,
						      size_t n, struct err *e)
{
	int64_t deadline_us = statement_deadline(c);
	enum err_code code = ERR_OK, next;
	ExecStatusType status;
	PGresult *res = NULL;
	size_t at = 0;

	for (;;) {
		next = pipeline_next(c, deadline_us, &res, code == ERR_OK ? e : NULL);
		if (next != ERR_OK)
			return code == ERR_OK ? next : code;
		if (!res) {
			at++;
			continue;
		}
		status = PQresultStatus(res);
		if (code == ERR_OK && is_failure(res))
			code = result_error(c, res, e);
		if (results && at < n && !results[at] && status == PGRES_TUPLES_OK)
			results[at] = res;
		else
			PQclear(res);
		if (status == PGRES_PIPELINE_SYNC)
			return code;
	}
}

enum err_code pg_conn_pipeline(struct pg_conn *c, const struct pg_call *calls, size_t n,
			       PGresult **results, struct err *e)
{
	enum err_code code = pipeline_send(c, calls, n, e);
	size_t i;

	for (i = 0; results && i < n; i++)
		results[i] = NULL;
	if (code == ERR_OK)
		code = pipeline_collect(c, results, n, e);
	if (!PQexitPipelineMode(c->raw) && code == ERR_OK)
		code = connection_error(c, e);
	for (i = 0; code != ERR_OK && results && i < n; i++) {
		PQclear(results[i]);
		results[i] = NULL;
	}
	return code;
}

/* ---- idle ---- */

enum err_code pg_conn_consume(struct pg_conn *c, struct err *e)
{
	if (!PQconsumeInput(c->raw) || PQstatus(c->raw) != CONNECTION_OK)
		return connection_error(c, e);
	return ERR_OK;
}

enum err_code pg_conn_wait(struct pg_conn *c, int wake_fd, int64_t deadline_us, int *ret_got,
			   struct err *e)
{
	return wait_for(c, POLLIN, wake_fd, deadline_us, ret_got, e);
}

enum err_code pg_conn_is_pooled(struct pg_conn *c, bool *ret_pooled, struct err *e)
{
	(void)e;
	*ret_pooled = c->pooled;
	return ERR_OK;
}
