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

/* The server gives up first and says so; this is for a server that says nothing. */
#define GRACE_US (5 * CLOCK_US_PER_S)

struct pg_conn {
	PGconn *raw;
	const struct clock *clock;
	int64_t timeout_us;
	int wake_fd;
};

/* ---- errors ---- */

static const struct {
	const char *sqlstate; /* two characters: a class; five: one state */
	enum err_code code;
} sqlstate_table[] = {
	/* PostgreSQL manual, appendix "PostgreSQL Error Codes"; the first match counts */
	{"57014", ERR_TIMEOUT},     /* query_canceled: statement_timeout */
	{"55P03", ERR_TIMEOUT},     /* lock_not_available: lock_timeout */
	{"42501", ERR_DENIED},      /* insufficient_privilege */
	{"28", ERR_DENIED},         /* invalid authorization */
	{"3D000", ERR_NOT_FOUND},   /* invalid_catalog_name: no such database */
	{"42P01", ERR_NOT_FOUND},   /* undefined_table */
	{"42703", ERR_NOT_FOUND},   /* undefined_column */
	{"42883", ERR_NOT_FOUND},   /* undefined_function */
	{"3F000", ERR_NOT_FOUND},   /* invalid_schema_name */
	{"40", ERR_BUSY},           /* deadlock, serialization */
	{"55006", ERR_BUSY},        /* object_in_use */
	{"08", ERR_UNAVAILABLE},    /* connection exceptions */
	{"57P", ERR_UNAVAILABLE},   /* shutdown, crash, cannot connect now */
	{"53", ERR_UNAVAILABLE},    /* out of disk, memory, connections */
	{"25006", ERR_UNAVAILABLE}, /* read-only: a primary that became a standby */
};

static enum err_code code_of_sqlstate(const char *state)
{
	size_t i;

	for (i = 0; state && i < ARRAY_LEN(sqlstate_table); i++)
		if (strncmp(state, sqlstate_table[i].sqlstate,
			    strlen(sqlstate_table[i].sqlstate)) == 0)
			return sqlstate_table[i].code;
	return ERR_DB;
}

/* libpq ends its messages with newlines and puts several lines in one. */
static void one_line(char *s)
{
	size_t len = strlen(s);

	while (len && (s[len - 1] == '\n' || s[len - 1] == ' '))
		s[--len] = '\0';
	for (; *s; s++)
		if (*s == '\n' || *s == '\t')
			*s = ' ';
}

static enum err_code connection_error(struct pg_conn *c, struct err *e)
{
	(void)err_set(e, ERR_UNAVAILABLE, "connection lost: %s", PQerrorMessage(c->raw));
	if (e)
		one_line(e->msg);
	return ERR_UNAVAILABLE;
}

static enum err_code result_error(struct pg_conn *c, const PGresult *res, struct err *e)
{
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
	const char *detail = PQresultErrorField(res, PG_DIAG_MESSAGE_DETAIL);
	const char *hint = PQresultErrorField(res, PG_DIAG_MESSAGE_HINT);

	if (!state || PQstatus(c->raw) != CONNECTION_OK)
		return connection_error(c, e);
	(void)err_set(e, code_of_sqlstate(state), "%s (SQLSTATE %s)%s%s%s%s",
		      message ? message : "error", state, detail ? "; " : "", detail ? detail : "",
		      hint ? "; hint: " : "", hint ? hint : "");
	if (e)
		one_line(e->msg);
	return code_of_sqlstate(state);
}

/* ---- connecting ---- */

/* What went wrong before there is a session; libpq gives no SQLSTATE here. */
static enum err_code open_error(struct pg_conn *c, struct err *e)
{
	static const struct {
		const char *words;
		enum err_code code;
	} table[] = {
		{"password authentication failed", ERR_DENIED},
		{"no password supplied", ERR_DENIED},
		{"no pg_hba.conf entry", ERR_DENIED},
		{"pg_hba.conf rejects", ERR_DENIED},
		{"authentication failed", ERR_DENIED},
		{"permission denied for database", ERR_DENIED},
		{"is not permitted to log in", ERR_DENIED},
		{"role \"", ERR_DENIED},
		{"database \"", ERR_NOT_FOUND},
		{"invalid connection option", ERR_CONFIG},
		{"invalid sslmode", ERR_CONFIG},
	};
	const char *message = PQerrorMessage(c->raw);
	enum err_code code = ERR_UNAVAILABLE;
	size_t i;

	for (i = 0; i < ARRAY_LEN(table); i++) {
		if (strstr(message, table[i].words)) {
			code = table[i].code;
			break;
		}
	}
	(void)err_set(e, code, "cannot connect: %s", message);
	if (e)
		one_line(e->msg);
	return code;
}

static enum err_code open_wait(struct pg_conn *c, int64_t deadline_us, struct err *e)
{
	PostgresPollingStatusType want = PGRES_POLLING_WRITING;
	struct pollfd p;
	int64_t now;

	while (want != PGRES_POLLING_OK) {
		if (want == PGRES_POLLING_FAILED)
			return open_error(c, e);
		now = clock_now_us(c->clock);
		if (now >= deadline_us)
			return err_set(e, ERR_TIMEOUT, "cannot connect: no answer from %s in time",
				       PQhost(c->raw) ? PQhost(c->raw) : "the server");
		p = (struct pollfd){.fd = PQsocket(c->raw),
				    .events = want == PGRES_POLLING_READING ? POLLIN : POLLOUT};
		if (poll(&p, 1, clock_poll_ms(now, deadline_us)) > 0)
			want = PQconnectPoll(c->raw);
	}
	return ERR_OK;
}

#define PARAMS_MAX 32

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

static void params_fill(struct params *p, const struct pg_conn_options *o, const char *port,
			const char *options)
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
	params_add(p, "options", options);
}

/* Set by SET, not by start-up options, which poolers refuse. The last two make the server notice a
 * dead client, so that a half-open connection does not keep leadership or the wake lock. */
static enum err_code session_setup(struct pg_conn *c, struct err *e)
{
	char sql[640];

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

static void notice_ignore(void *arg, const PGresult *res)
{
	(void)arg;
	(void)res;
}

enum err_code pg_conn_open(const struct pg_conn_options *o, struct pg_conn **ret_c, struct err *e)
{
	struct params p = {.n = 0};
	struct pg_conn *c;
	char port[16] = "";
	enum err_code code;
	int64_t start_us = clock_now_us(o->clock);

	c = mem_calloc(1, sizeof(*c));
	if (!c)
		return err_set(e, ERR_NOMEM, "no memory to connect");
	c->clock = o->clock;
	c->timeout_us = o->settings->statement_timeout_us;
	c->wake_fd = -1;
	if (o->settings->port)
		(void)snprintf(port, sizeof(port), "%lld", (long long)o->settings->port);
	params_fill(&p, o, port, NULL);
	code = fd_wake_open(&c->wake_fd, e);
	if (code != ERR_OK)
		goto out_close;
	c->raw = PQconnectStartParams(p.key, p.value, 0);
	if (!c->raw) {
		code = err_set(e, ERR_NOMEM, "no memory to connect");
		goto out_close;
	}
	(void)PQsetNoticeReceiver(c->raw, notice_ignore, NULL);
	if (PQstatus(c->raw) == CONNECTION_BAD) {
		code = open_error(c, e);
		goto out_close;
	}
	code = open_wait(c, start_us + o->settings->connect_timeout_us, e);
	if (code == ERR_OK)
		code = session_setup(c, e);
	if (code != ERR_OK)
		goto out_close;
	*ret_c = c;
	return ERR_OK;

out_close:
	pg_conn_close(c);
	return code;
}

void pg_conn_close(struct pg_conn *c)
{
	if (!c)
		return;
	PQfinish(c->raw);
	fd_close(&c->wake_fd);
	mem_free(c);
}

PGconn *pg_conn_raw(struct pg_conn *c)
{
	return c->raw;
}

void pg_conn_interrupt(struct pg_conn *c)
{
	fd_wake(c->wake_fd);
}

/* ---- statements ---- */

/* Wait until the next result can be had without blocking. */
static enum err_code await_result(struct pg_conn *c, int64_t deadline_us, struct err *e)
{
	struct pollfd p[2] = {{.fd = PQsocket(c->raw)}, {.fd = c->wake_fd, .events = POLLIN}};
	int flush;
	int64_t now;

	for (;;) {
		flush = PQflush(c->raw);
		if (flush < 0)
			return connection_error(c, e);
		if (flush == 0 && !PQisBusy(c->raw))
			return ERR_OK;
		now = clock_now_us(c->clock);
		if (now >= deadline_us)
			return err_set(e, ERR_UNAVAILABLE, "the server did not answer in time");
		p[0].events = (short)(POLLIN | (flush ? POLLOUT : 0));
		if (poll(p, 2, clock_poll_ms(now, deadline_us)) <= 0)
			continue;
		if (p[1].revents)
			return err_set(e, ERR_UNAVAILABLE, "interrupted");
		if (p[0].revents && !PQconsumeInput(c->raw))
			return connection_error(c, e);
	}
}

/* All results of what was sent; the last one with rows or the first error is kept in *ret_res. */
static enum err_code collect(struct pg_conn *c, PGresult **ret_res, struct err *e)
{
	int64_t deadline_us = clock_now_us(c->clock) + c->timeout_us + GRACE_US;
	PGresult *kept = NULL, *res;
	enum err_code code = ERR_OK;
	ExecStatusType status;

	for (;;) {
		if (await_result(c, deadline_us, code == ERR_OK ? e : NULL) != ERR_OK) {
			PQclear(kept);
			return ERR_UNAVAILABLE;
		}
		res = PQgetResult(c->raw);
		if (!res)
			break;
		status = PQresultStatus(res);
		if (code == ERR_OK && status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK &&
		    status != PGRES_EMPTY_QUERY)
			code = result_error(c, res, e);
		PQclear(kept);
		kept = res;
	}
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

enum err_code pg_conn_execute(struct pg_conn *c, const char *name, int n, const char *const *values,
			      const int *lengths, const int *formats, bool binary,
			      PGresult **ret_res, struct err *e)
{
	if (!PQsendQueryPrepared(c->raw, name, n, values, lengths, formats, binary))
		return connection_error(c, e);
	return collect(c, ret_res, e);
}

enum err_code pg_conn_consume(struct pg_conn *c, struct err *e)
{
	return PQconsumeInput(c->raw) ? ERR_OK : connection_error(c, e);
}

enum err_code pg_conn_is_pooled(struct pg_conn *c, bool *ret_pooled, struct err *e)
{
	char ours[16];
	PGresult *res;
	enum err_code code;

	code = pg_conn_query(c, "SELECT pg_backend_pid()", 0, NULL, false, &res, e);
	if (code != ERR_OK)
		return code;
	(void)snprintf(ours, sizeof(ours), "%d", PQbackendPID(c->raw));
	*ret_pooled = strcmp(ours, PQgetvalue(res, 0, 0)) != 0;
	PQclear(res);
	return ERR_OK;
}

/* ---- quoting: PostgreSQL manual, "Lexical Structure" ---- */

void pg_quote_ident(struct buf *out, const char *name)
{
	buf_add_char(out, '"');
	for (; *name; name++) {
		if (*name == '"')
			buf_add_char(out, '"');
		buf_add_char(out, *name);
	}
	buf_add_char(out, '"');
}

void pg_quote_literal(struct buf *out, struct text value)
{
	size_t i;

	if (memchr(value.s, '\\', value.len))
		buf_add_str(out, "E");
	buf_add_char(out, '\'');
	for (i = 0; i < value.len; i++) {
		if (value.s[i] == '\'' || value.s[i] == '\\')
			buf_add_char(out, value.s[i]);
		buf_add_char(out, value.s[i]);
	}
	buf_add_char(out, '\'');
}
