/* SPDX-License-Identifier: MIT */
/*
 * With libmariadb every call is made in slices (mysql_x_start, mysql_x_cont): between them we poll
 * the socket, the clock and the interrupts, so that no server can hold the thread. MariaDB
 * documentation, "Using the Non-blocking Library". A call that is given up is told that its time
 * ran out, and then ends by itself, freeing what it had; after that the connection is of no use.
 *
 * Oracle's library has no such calls; there the timeouts are its own, in seconds, and an interrupt
 * is only noticed between statements.
 */
#include "source/my_conn.h"

#include <mysql.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "source/my_error.h"
#include "source/my_target.h"

/* The server gives up first and says so; this is for a server that says nothing. */
#define GRACE_US (5 * CLOCK_US_PER_S)
#define CR_CANNOT_CONNECT 2002
#define CR_TLS 2026
#define CR_NOT_ALLOWED 5010 /* restricted_auth of libmariadb */

enum quit { QUIT_NOT, QUIT_INTERRUPT, QUIT_DEADLINE };

struct my_conn {
	MYSQL *raw;
	const struct clock *clock;
	int64_t timeout_us;
	int64_t deadline_us; /* of the call that is running */
	enum quit quit;      /* why it was given up */
	int interrupt_fd;    /* the options'; -1: none */
	unsigned number;     /* of the last error */
	bool is_mariadb;
	bool is_minimal;
	int version;
	char server[64];
};

/* ---- one call of the library ---- */

#ifdef MARIADB_BASE_VERSION

#define CALL_STACK_BYTES (256 * 1024) /* the default, 60 KiB, is little for resolver and TLS */

/* Wait for what the library wants; returns what to tell it. */
static int wait_for(struct my_conn *c, int want)
{
	struct pollfd p[2] = {{.fd = mysql_get_socket(c->raw)},
			      {.fd = c->interrupt_fd, .events = POLLIN}};

	p[0].events = (short)((want & MYSQL_WAIT_READ ? POLLIN : 0) |
			      (want & MYSQL_WAIT_WRITE ? POLLOUT : 0) |
			      (want & MYSQL_WAIT_EXCEPT ? POLLPRI : 0));
	while (c->quit == QUIT_NOT) {
		if (poll(p, ARRAY_LEN(p), clock_poll_ms(clock_now_us(c->clock), c->deadline_us)) <
		    0)
			continue; /* a signal */
		if (p[1].revents)
			c->quit = QUIT_INTERRUPT;
		else if (p[0].revents)
			return want & (MYSQL_WAIT_READ | MYSQL_WAIT_WRITE | MYSQL_WAIT_EXCEPT);
		else if (clock_now_us(c->clock) >= c->deadline_us)
			c->quit = QUIT_DEADLINE;
	}
	return MYSQL_WAIT_TIMEOUT;
}

static bool call_connect(struct my_conn *c, const struct my_target *t)
{
	MYSQL *got = NULL;
	int want = mysql_real_connect_start(&got, c->raw, t->host, t->user, t->password,
					    t->database, t->port, t->socket, 0);

	while (want)
		want = mysql_real_connect_cont(&got, c->raw, wait_for(c, want));
	return got;
}

static bool call_query(struct my_conn *c, const char *sql, size_t len)
{
	int failed = 1;
	int want = mysql_real_query_start(&failed, c->raw, sql, len);

	while (want)
		want = mysql_real_query_cont(&failed, c->raw, wait_for(c, want));
	return !failed;
}

static MYSQL_RES *call_store(struct my_conn *c)
{
	MYSQL_RES *res = NULL;
	int want = mysql_store_result_start(&res, c->raw);

	while (want)
		want = mysql_store_result_cont(&res, c->raw, wait_for(c, want));
	return res;
}

static bool call_prepare(struct my_conn *c)
{
	size_t stack = CALL_STACK_BYTES;

	return mysql_options(c->raw, MYSQL_OPT_NONBLOCK, &stack) == 0;
}

static int socket_of(const struct my_conn *c)
{
	return mysql_get_socket(c->raw);
}

#else

static bool call_connect(struct my_conn *c, const struct my_target *t)
{
	return mysql_real_connect(c->raw, t->host, t->user, t->password, t->database, t->port,
				  t->socket, 0);
}

static bool call_query(struct my_conn *c, const char *sql, size_t len)
{
	return mysql_real_query(c->raw, sql, len) == 0;
}

static MYSQL_RES *call_store(struct my_conn *c)
{
	return mysql_store_result(c->raw);
}

static bool call_prepare(struct my_conn *c)
{
	unsigned seconds =
		(unsigned)((c->timeout_us + GRACE_US + CLOCK_US_PER_S - 1) / CLOCK_US_PER_S);

	return mysql_options(c->raw, MYSQL_OPT_READ_TIMEOUT, &seconds) == 0 &&
	       mysql_options(c->raw, MYSQL_OPT_WRITE_TIMEOUT, &seconds) == 0 &&
	       mysql_options(c->raw, MYSQL_OPT_CONNECT_TIMEOUT, &seconds) == 0;
}

static int socket_of(const struct my_conn *c)
{
	return c->raw->net.fd;
}

#endif

/* ---- errors ---- */

static bool is_interrupted(const struct my_conn *c)
{
	struct pollfd p = {.fd = c->interrupt_fd, .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

/* Why the last call failed. */
static ATTR_MUST_CHECK enum err_code failure(struct my_conn *c, struct err *e)
{
	c->number = mysql_errno(c->raw);
	if (c->quit == QUIT_INTERRUPT)
		return err_set(e, ERR_UNAVAILABLE, "interrupted");
	if (c->quit == QUIT_DEADLINE)
		return err_set(e, ERR_UNAVAILABLE, "the server did not answer in time");
	if (!c->number)
		return err_set(e, ERR_NOMEM, "no memory for a result");
	return my_error_set(c->number, mysql_error(c->raw), e);
}

/* ---- connecting ---- */

/* Its own once is not safe for two threads. */
static void library_init(void)
{
	(void)mysql_library_init(0, NULL, NULL);
}

static ATTR_MUST_CHECK enum err_code connect_once(struct my_conn *c, const struct my_target *t,
						  bool is_tls, struct err *e)
{
	enum err_code code;

	mysql_close(c->raw);
	c->raw = mysql_init(NULL);
	if (!c->raw || !call_prepare(c) || !my_target_options(t, c->raw, is_tls))
		return err_set(e, ERR_NOMEM, "no memory to connect");
	if (call_connect(c, t)) {
		if (t->tls != MY_TLS_ALWAYS || my_conn_is_tls(c))
			return ERR_OK;
		return err_set(e, ERR_UNAVAILABLE, "cannot connect: the server has no TLS");
	}
	code = failure(c, e);
	if (c->quit == QUIT_DEADLINE)
		return err_set(e, ERR_TIMEOUT, "cannot connect: no answer from %s in time",
			       my_target_label(t));
	return code == ERR_NOMEM ? code : err_prefix(e, "cannot connect");
}

static ATTR_MUST_CHECK enum err_code connect_target(struct my_conn *c, struct my_target *t,
						    struct err *e)
{
	bool is_tls = t->tls != MY_TLS_NEVER;
	enum err_code code = connect_once(c, t, is_tls, e);

	if (code != ERR_OK && c->number == CR_NOT_ALLOWED && my_target_trust(t, c->raw, is_tls))
		code = connect_once(c, t, is_tls, e);
	if (code == ERR_UNAVAILABLE && t->tls == MY_TLS_TRY && c->number == CR_TLS)
		code = connect_once(c, t, false, e);
	if (code != ERR_OK && c->number == CR_NOT_ALLOWED)
		return err_set(e, ERR_DENIED,
			       "cannot connect: the server wants the password itself, and without "
			       "TLS it would go in clear text: use TLS (sslmode), or the server's "
			       "socket");
	return code;
}

static ATTR_MUST_CHECK enum err_code connect_now(struct my_conn *c, const struct my_conn_options *o,
						 struct err *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct my_target t;
	enum err_code code = my_target_init(&t, o, e);

	if (code != ERR_OK)
		return code;
	(void)pthread_once(&once, library_init);
	c->deadline_us = clock_now_us(c->clock) + o->settings->connect_timeout_us;
	code = connect_target(c, &t, e);
	if (code == ERR_UNAVAILABLE && t.is_local && c->number == CR_CANNOT_CONNECT) {
		my_target_use_tcp(&t);
		code = connect_target(c, &t, e);
	}
	if (code == ERR_OK)
		my_target_keepalive(socket_of(c));
	return code;
}

static ATTR_MUST_CHECK enum err_code find_version(struct my_conn *c, struct err *e)
{
	struct my_result *r = NULL;
	enum err_code code = my_conn_query(c, "SELECT VERSION()", &r, e);
	long part[3] = {0};
	const char *text;
	char *end;
	size_t i;

	if (code != ERR_OK)
		return code;
	text = my_result_next(r) ? my_result_str(r, 0) : "";
	c->is_mariadb = strstr(text, "MariaDB");
	for (i = 0; i < ARRAY_LEN(part); i++) {
		part[i] = strtol(text, &end, 10);
		text = *end == '.' ? end + 1 : "";
	}
	c->version = (int)(part[0] * 10000 + part[1] * 100 + part[2]);
	(void)snprintf(c->server, sizeof(c->server), "%s %ld.%ld.%ld",
		       c->is_mariadb ? "MariaDB" : "MySQL", part[0], part[1], part[2]);
	my_result_free(r);
	if (c->version < (c->is_mariadb ? MY_MARIADB_MIN : MY_MYSQL_MIN))
		return err_set(e, ERR_CONFIG, "the server is %s: %s or later is needed", c->server,
			       c->is_mariadb ? "MariaDB 10.5" : "MySQL 8.0");
	return ERR_OK;
}

/* wait_timeout is how long the locks of a client that vanished stay; the reader asks once a minute
 * at least. */
static ATTR_MUST_CHECK enum err_code session_setup(struct my_conn *c, struct err *e)
{
	char own[160];
	char sql[512];
	enum err_code code;
	double seconds = (double)c->timeout_us / CLOCK_US_PER_S;

	if (c->is_mariadb)
		(void)snprintf(own, sizeof(own),
			       ", max_statement_time = %.3f, idle_transaction_timeout = 60",
			       seconds);
	else
		(void)snprintf(own, sizeof(own), ", max_execution_time = %.0f", seconds * 1000);
	(void)snprintf(sql, sizeof(sql),
		       "SET SESSION autocommit = 1, time_zone = '+00:00', "
		       "sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', "
		       "innodb_lock_wait_timeout = 2, lock_wait_timeout = 2, wait_timeout = 300, "
		       "group_concat_max_len = 16777216, sql_select_limit = DEFAULT, "
		       "sql_safe_updates = 0, completion_type = 0%s",
		       own);
	code = my_conn_exec(c, sql, e);
	if (code == ERR_OK)
		code = my_conn_exec(c,
				    "SET SESSION TRANSACTION READ WRITE, ISOLATION LEVEL "
				    "READ COMMITTED",
				    e);
	return code;
}

static ATTR_MUST_CHECK enum err_code session_image(struct my_conn *c, struct err *e)
{
	enum err_code code =
		my_conn_exec(c, "SET SESSION binlog_format = ROW, binlog_row_image = MINIMAL", e);

	c->is_minimal = code == ERR_OK;
	return code == ERR_UNAVAILABLE || code == ERR_NOMEM ? code : ERR_OK;
}

enum err_code my_conn_open(const struct my_conn_options *o, struct my_conn **ret_c, struct err *e)
{
	struct my_conn *c = mem_calloc(1, sizeof(*c));
	enum err_code code;

	if (!c)
		return err_set(e, ERR_NOMEM, "no memory to connect");
	c->clock = o->clock;
	c->timeout_us = o->settings->statement_timeout_us;
	c->interrupt_fd = o->interrupt_fd ? *o->interrupt_fd : -1;
	code = connect_now(c, o, e);
	if (code == ERR_OK)
		code = find_version(c, e);
	if (code == ERR_OK && session_setup(c, e) != ERR_OK)
		code = err_prefix(e, "cannot set up the session");
	if (code == ERR_OK)
		code = session_image(c, e);
	if (code != ERR_OK) {
		my_conn_close(c);
		return code;
	}
	*ret_c = c;
	return ERR_OK;
}

void my_conn_close(struct my_conn *c)
{
	if (!c)
		return;
	mysql_close(c->raw);
	mem_free(c);
}

bool my_conn_is_mariadb(const struct my_conn *c)
{
	return c->is_mariadb;
}

const char *my_conn_server(const struct my_conn *c)
{
	return c->server;
}

int my_conn_version(const struct my_conn *c)
{
	return c->version;
}

bool my_conn_is_tls(const struct my_conn *c)
{
	return mysql_get_ssl_cipher(c->raw);
}

bool my_conn_is_minimal(const struct my_conn *c)
{
	return c->is_minimal;
}

unsigned my_conn_error_number(const struct my_conn *c)
{
	return c->number;
}

int my_conn_fd(const struct my_conn *c)
{
	return socket_of(c);
}

/* ---- statements ---- */

/* Send one statement and take all of its answer. ret_res NULL: rows are thrown away. */
static ATTR_MUST_CHECK enum err_code run(struct my_conn *c, const char *sql, size_t len,
					 MYSQL_RES **ret_res, struct err *e)
{
	MYSQL_RES *res;

	c->number = 0;
	if (c->quit != QUIT_NOT || is_interrupted(c)) {
		c->quit = c->quit == QUIT_NOT ? QUIT_INTERRUPT : c->quit;
		return failure(c, e);
	}
	c->deadline_us = clock_now_us(c->clock) + c->timeout_us + GRACE_US;
	if (!call_query(c, sql, len))
		return failure(c, e);
	res = call_store(c);
	if (!res && (mysql_errno(c->raw) || mysql_field_count(c->raw)))
		return failure(c, e);
	if (ret_res)
		*ret_res = res;
	else
		mysql_free_result(res);
	return ERR_OK;
}

enum err_code my_conn_exec(struct my_conn *c, const char *sql, struct err *e)
{
	return run(c, sql, strlen(sql), NULL, e);
}

static ATTR_MUST_CHECK enum err_code check_buf(const struct buf *sql, struct err *e)
{
	enum err_code code = buf_error(sql);

	return code == ERR_OK ? code : err_set(e, ERR_NOMEM, "no memory for a statement");
}

enum err_code my_conn_exec_buf(struct my_conn *c, const struct buf *sql, int64_t *ret_rows,
			       struct err *e)
{
	enum err_code code = check_buf(sql, e);

	if (code == ERR_OK)
		code = run(c, buf_str(sql), sql->len, NULL, e);
	if (code == ERR_OK && ret_rows)
		*ret_rows = (int64_t)mysql_affected_rows(c->raw);
	return code;
}

static ATTR_MUST_CHECK enum err_code query(struct my_conn *c, const char *sql, size_t len,
					   struct my_result **ret_r, struct err *e)
{
	MYSQL_RES *res = NULL;
	enum err_code code = run(c, sql, len, &res, e);

	if (code != ERR_OK)
		return code;
	if (!res)
		return err_set(e, ERR_INTERNAL, "a statement without rows was asked for some");
	return my_result_new(res, ret_r, e);
}

enum err_code my_conn_query(struct my_conn *c, const char *sql, struct my_result **ret_r,
			    struct err *e)
{
	return query(c, sql, strlen(sql), ret_r, e);
}

enum err_code my_conn_query_buf(struct my_conn *c, const struct buf *sql, struct my_result **ret_r,
				struct err *e)
{
	enum err_code code = check_buf(sql, e);

	return code == ERR_OK ? query(c, buf_str(sql), sql->len, ret_r, e) : code;
}

enum err_code my_conn_number(struct my_conn *c, const char *sql, int64_t absent, int64_t *ret_v,
			     struct err *e)
{
	struct my_result *r = NULL;
	enum err_code code = my_conn_query(c, sql, &r, e);

	if (code != ERR_OK)
		return code;
	*ret_v = my_result_next(r) ? my_result_i64(r, 0, absent) : absent;
	my_result_free(r);
	return ERR_OK;
}

/* Without a connection it is rolled back anyway. */
static ATTR_MUST_CHECK enum err_code roll_back(struct my_conn *c, enum err_code cause)
{
	unsigned number = c->number;

	if (my_conn_exec(c, "ROLLBACK", NULL) != ERR_OK || number)
		c->number = number; /* of the cause */
	return cause;
}

enum err_code my_conn_transaction(struct my_conn *c, my_conn_work_fn work, void *ctx, struct err *e)
{
	enum err_code code = my_conn_exec(c, "START TRANSACTION", e);

	if (code != ERR_OK)
		return code;
	code = work(c, ctx, e);
	if (code == ERR_OK)
		code = my_conn_exec(c, "COMMIT", e);
	return code == ERR_OK ? ERR_OK : roll_back(c, code);
}
