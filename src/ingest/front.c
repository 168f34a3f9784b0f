/* SPDX-License-Identifier: MIT */
#include "ingest/front.h"

#include <microhttpd.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/fd.h"
#include "base/log.h"
#include "base/mem.h"
#include "config/certificate.h"
#include "ingest/front_inside.h"

/* Connections: what is in progress, as many again that wait for their next request, and some. */
#define CONNECTIONS_SPARE 128
#define CONNECTION_MEMORY_BYTES ((size_t)16 * 1024)
#define STACK_BYTES ((size_t)256 * 1024)
/* The server's own timer is of whole seconds, and not for what the door's thread ends with words.
 */
#define SERVER_TIMEOUT_SPARE_S 2
/* How long answers may take to be sent at the end. */
#define ANSWERS_US (2 * CLOCK_US_PER_S)

static bool is_off(const struct settings *s)
{
	return strcmp(s->ingest.listen, "off") == 0 || s->inlet_count == 0;
}

/* ---- connections ---- */

static int64_t connections_max(const struct front *f)
{
	return 2 * f->settings->max_concurrent + CONNECTIONS_SPARE;
}

/* Whether fd was on its way. */
static bool arrival_end(struct front *f, int fd)
{
	bool was;

	mutex_lock(&f->lock);
	was = arrivals_take(&f->arrivals, fd);
	mutex_unlock(&f->lock);
	return was;
}

static void guest_arrive(struct front *f, struct MHD_Connection *connection, void **context)
{
	int fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	struct guest *g = mem_calloc(1, sizeof(*g));

	(void)arrival_end(f, fd);
	*context = g;
	if (!g)
		return; /* every request of it is answered 503 */
	g->fd = fd;
	g->next_us = INT64_MAX;
	g->whole_us = clock_now_us(f->o.clock) + f->settings->body_timeout_us;
	mutex_lock(&f->lock);
	g->next = f->guests;
	if (g->next)
		g->next->prev = g;
	f->guests = g;
	mutex_unlock(&f->lock);
}

static void guest_leave(struct front *f, struct guest *g)
{
	if (!g)
		return;
	mutex_lock(&f->lock);
	if (g->next)
		g->next->prev = g->prev;
	if (g->prev)
		g->prev->next = g->next;
	else
		f->guests = g->next;
	mutex_unlock(&f->lock);
	mem_free(g);
}

/* MHD_NotifyConnectionCallback: its socket is open in both calls. */
static void connection_notify(void *cls, struct MHD_Connection *connection, void **context,
			      enum MHD_ConnectionNotificationCode code)
{
	struct front *f = cls;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		guest_arrive(f, connection, context);
		return;
	}
	guest_leave(f, *context);
	*context = NULL;
	f->o.tally->connections--;
}

/* The client hears why, and the server that nothing comes any more. Neither call blocks. */
static void guest_end_locked(struct front *f, struct guest *g, const struct refusal *why)
{
	if (g->ended != REFUSAL_NONE)
		return;
	g->ended = why->reason;
	if (g->receiving && !f->is_tls)
		refusal_send(why, g->fd);
	(void)shutdown(g->fd, SHUT_RD);
}

/* ---- the door ---- */

static bool door_take(void *ctx, int fd, const struct sockaddr *from, socklen_t len)
{
	struct front *f = ctx;

	f->o.tally->connections -= arrival_end(f, fd); /* an earlier one, that never began */
	if (f->o.tally->connections >= connections_max(f)) {
		f->o.tally->refused[REFUSAL_BUSY]++;
		return false;
	}
	f->o.tally->connections++;
	mutex_lock(&f->lock);
	arrivals_push(&f->arrivals, fd);
	mutex_unlock(&f->lock);
	/* closes fd when it fails, without a call of connection_notify */
	if (MHD_add_connection(f->server, fd, from, len) != MHD_YES)
		f->o.tally->connections -= arrival_end(f, fd);
	return true;
}

static void crowded_write(struct front *f)
{
	struct refusal busy;

	refusal_set(&busy, REFUSAL_BUSY, "server busy, please retry");
	if (!refusal_format(&busy, f->crowded))
		f->crowded[0] = '\0';
}

static const char *door_refuse(void *ctx)
{
	struct front *f = ctx;

	return f->is_tls ? "" : f->crowded;
}

/* Who takes too long. */
static void door_tick(void *ctx)
{
	struct front *f = ctx;
	int64_t now_us = clock_now_us(f->o.clock);
	struct refusal why;
	struct guest *g;

	refusal_set(&why, REFUSAL_TIMEOUT,
		    "the request did not come in time (body_timeout, "
		    "idle_timeout)");
	mutex_lock(&f->lock);
	for (g = f->guests; g; g = g->next) {
		if (now_us >= g->whole_us || now_us >= g->next_us)
			guest_end_locked(f, g, &why);
	}
	mutex_unlock(&f->lock);
	recent_tidy(f->recent);
}

/* ---- start ---- */

static void source_committed(void *ctx)
{
	const struct front_source *s = ctx;

	s->front->o.on_commit(s->front->o.ctx, s->source);
}

static ATTR_MUST_CHECK enum err_code make_committer(struct front *f, size_t i, struct err *e)
{
	struct committer_options o = {.settings = f->o.settings,
				      .inlet = i,
				      .ops = f->o.ops ? f->o.ops : &inlet_ops_real,
				      .clock = f->o.clock,
				      .budget = f->o.budget,
				      .tally = f->o.tally,
				      .recent = f->recent,
				      .on_commit = f->o.on_commit ? source_committed : NULL,
				      .on_commit_ctx = &f->sources[i]};
	enum err_code code;

	f->sources[i] = (struct front_source){f, f->o.settings->inlets[i].source};
	code = committer_new(&o, &f->committers[i], e);
	if (code == ERR_OK)
		code = committer_start(f->committers[i], e);
	return code;
}

static ATTR_MUST_CHECK enum err_code read_pem(const char *file, char **ret_pem, struct err *e)
{
	struct buf pem;
	enum err_code code;

	buf_init(&pem, CERTIFICATE_BYTES_MAX);
	code = fd_read_file(file, &pem, e);
	if (code == ERR_OK) {
		*ret_pem = mem_strndup(buf_str(&pem), pem.len);
		if (!*ret_pem)
			code = err_set(e, ERR_NOMEM, "no memory for %s", file);
	}
	if (pem.data)
		mem_wipe(pem.data, pem.cap);
	buf_done(&pem);
	return code;
}

static ATTR_MUST_CHECK enum err_code read_pems(struct front *f, struct err *e)
{
	enum err_code code;

	f->is_tls = f->settings->tls_cert != NULL;
	if (!f->is_tls)
		return ERR_OK;
	code = read_pem(f->settings->tls_cert, &f->pem[0], e);
	if (code == ERR_OK)
		code = read_pem(f->settings->tls_key, &f->pem[1], e);
	return code;
}

static ATTR_MUST_CHECK enum err_code server_start(struct front *f, struct err *e)
{
	unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_NO_LISTEN_SOCKET |
			 MHD_ALLOW_SUSPEND_RESUME | (f->is_tls ? MHD_USE_TLS : 0);
	unsigned idle_s =
		(unsigned)(f->settings->idle_timeout_us / CLOCK_US_PER_S) + SERVER_TIMEOUT_SPARE_S;
	/* from TLS 1.2 on */
	char priorities[] = "NORMAL:-VERS-TLS1.0:-VERS-TLS1.1";
	struct MHD_OptionItem tls[] = {
		{f->is_tls ? MHD_OPTION_HTTPS_MEM_CERT : MHD_OPTION_END, 0, f->pem[0]},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, f->pem[1]},
		{MHD_OPTION_HTTPS_PRIORITIES, 0, priorities},
		{MHD_OPTION_END, 0, NULL}};
	sigset_t all, before;

	/* the server's thread inherits the mask: signals are the main thread's */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	f->server = MHD_start_daemon(
		flags, 0, NULL, NULL, upload_handle, f, MHD_OPTION_NOTIFY_COMPLETED,
		upload_completed, f, MHD_OPTION_NOTIFY_CONNECTION, connection_notify, f,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)connections_max(f) + 1,
		MHD_OPTION_CONNECTION_TIMEOUT, idle_s, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		CONNECTION_MEMORY_BYTES, MHD_OPTION_THREAD_STACK_SIZE, STACK_BYTES,
		MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (f->server)
		return ERR_OK;
	return err_set(e, f->is_tls ? ERR_CONFIG : ERR_IO, "cannot start the server for events%s",
		       f->is_tls ? ": certificate or key cannot be used" : "");
}

static ATTR_MUST_CHECK enum err_code parts_start(struct front *f, struct err *e)
{
	const struct door_ops ops = {door_take, door_refuse, door_tick, f};
	enum err_code code = read_pems(f, e);
	size_t i;

	if (code == ERR_OK)
		code = arrivals_init(&f->arrivals, (size_t)connections_max(f), e);
	if (code == ERR_OK)
		code = tokens_new(f->settings, &f->tokens, e);
	if (code == ERR_OK)
		code = recent_new(f->settings, f->o.budget, f->o.clock, &f->recent, e);
	if (code == ERR_OK)
		code = door_open(f->settings->listen, &ops, f->o.clock, &f->door, e);
	for (i = 0; code == ERR_OK && i < f->o.settings->inlet_count; i++)
		code = make_committer(f, i, e);
	if (code == ERR_OK)
		code = server_start(f, e);
	if (code == ERR_OK)
		code = door_start(f->door, e);
	return code;
}

enum err_code front_start(const struct front_options *o, struct front **ret_f, struct err *e)
{
	struct front *f;
	enum err_code code;

	if (is_off(o->settings)) {
		*ret_f = NULL;
		return ERR_OK;
	}
	f = mem_calloc(1, sizeof(*f));
	if (!f)
		return err_set(e, ERR_NOMEM, "no memory for the server for events");
	f->o = *o;
	f->settings = &o->settings->ingest;
	mutex_init(&f->lock);
	cond_init(&f->changed);
	crowded_write(f);
	code = parts_start(f, e);
	if (code != ERR_OK) {
		front_stop(f, 0);
		return code;
	}
	*ret_f = f;
	return ERR_OK;
}

/* ---- stop ---- */

/* Those whose request is not whole, and those between two requests. */
static void send_away(struct front *f)
{
	struct refusal why;
	struct guest *g;

	refusal_set(&why, REFUSAL_STOPPING, "the daemon is stopping");
	mutex_lock(&f->lock);
	for (g = f->guests; g; g = g->next) {
		if (g->whole_us != INT64_MAX)
			guest_end_locked(f, g, &why);
	}
	mutex_unlock(&f->lock);
}

static void await_answers(struct front *f)
{
	int64_t deadline_us = clock_now_us(f->o.clock) + ANSWERS_US;

	mutex_lock(&f->lock);
	while (f->o.tally->in_progress && clock_now_us(f->o.clock) < deadline_us)
		cond_wait_until(&f->changed, &f->lock, deadline_us);
	mutex_unlock(&f->lock);
}

void front_stop(struct front *f, int64_t deadline_us)
{
	size_t i;

	if (!f)
		return;
	f->stopping = true;
	if (f->door)
		door_shut(f->door);
	send_away(f);
	for (i = 0; i < f->o.settings->inlet_count; i++)
		committer_stop(f->committers[i], deadline_us);
	if (f->server) {
		await_answers(f);
		MHD_stop_daemon(f->server);
	}
	if (f->door)
		door_stop(f->door);
	f->o.tally->connections -= (int64_t)f->arrivals.count; /* closed before they began */
	for (i = 0; i < f->o.settings->inlet_count; i++)
		committer_free(f->committers[i]);
	door_free(f->door);
	tokens_free(f->tokens);
	recent_free(f->recent);
	arrivals_done(&f->arrivals);
	for (i = 0; i < ARRAY_LEN(f->pem); i++) {
		if (f->pem[i])
			mem_wipe(f->pem[i], strlen(f->pem[i]));
		mem_free(f->pem[i]);
	}
	cond_done(&f->changed);
	mutex_done(&f->lock);
	mem_free(f);
}

const char *front_address(const struct front *f)
{
	return f ? door_address(f->door) : "";
}

struct ingest_stats front_stats(struct front *f)
{
	struct ingest_stats s = {.connections = 0};

	if (!f)
		return s;
	s = tally_stats(f->o.tally);
	s.max_concurrent = f->settings->max_concurrent;
	s.recent = recent_stats(f->recent);
	if (s.recent.hits)
		s.recent_percent = 100 * s.recent.hits / (s.recent.hits + s.recent.misses);
	return s;
}
