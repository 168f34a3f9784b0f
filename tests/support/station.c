/* SPDX-License-Identifier: MIT */
#include "station.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/json.h"
#include "peer.h"
#include "wire.h"

#define STATION_BACKLOG 4096
#define STATION_EVENTS 256
#define STATION_ACCEPTS 64
#define STATION_FLUSH_US 20000
#define STATION_DOWN_AFTER_US 5000

enum err_code station_watch(struct station *s, struct watch *w, uint32_t events, struct err *e)
{
	struct epoll_event ev = {.events = events, .data.ptr = w};

	if (epoll_ctl(s->epoll, EPOLL_CTL_ADD, w->fd, &ev) != 0)
		return err_set_sys(e, ERR_IO, errno, "cannot watch a descriptor");
	return ERR_OK;
}

static void listener_ready(struct watch *w, uint32_t events)
{
	struct station *s =
		(struct station *)(void *)((char *)w - offsetof(struct station, listener));
	int fd, i;

	(void)events;
	for (i = 0; i < STATION_ACCEPTS; i++) {
		fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		peer_accept(s, fd);
	}
}

static void signals_ready(struct watch *w, uint32_t events)
{
	struct station *s =
		(struct station *)(void *)((char *)w - offsetof(struct station, signals));

	(void)events;
	s->stop = true;
}

static ATTR_MUST_CHECK enum err_code listen_open(struct station *s, struct err *e)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)s->port)};
	socklen_t len = sizeof(at);
	int fd, one = 1;

	if (inet_pton(AF_INET, s->host, &at.sin_addr) != 1)
		return err_set(e, ERR_USAGE, "%s is not an IPv4 address", s->host);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set_sys(e, ERR_IO, errno, "cannot make a socket");
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&at, len) != 0 || listen(fd, STATION_BACKLOG) != 0 ||
	    getsockname(fd, (struct sockaddr *)&at, &len) != 0) {
		(void)err_set_sys(e, ERR_IO, errno, "cannot listen on %s:%d", s->host, s->port);
		fd_close(&fd);
		return ERR_IO;
	}
	s->port = ntohs(at.sin_port);
	s->listener = (struct watch){listener_ready, fd};
	return station_watch(s, &s->listener, EPOLLIN, e);
}

enum err_code station_open(struct station *s, const char *host, int port, struct err *e)
{
	sigset_t set;
	enum err_code code;

	s->listener.fd = s->signals.fd = -1;
	s->port = port;
	(void)snprintf(s->host, sizeof(s->host), "%s", host);
	s->now_us = s->started_us = clock_now_us(clock_system());
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll < 0)
		return err_set_sys(e, ERR_IO, errno, "cannot make an epoll descriptor");
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	s->signals = (struct watch){signals_ready, signalfd(-1, &set, SFD_CLOEXEC)};
	code = station_watch(s, &s->signals, EPOLLIN, e);
	if (code == ERR_OK)
		code = listen_open(s, e);
	return code;
}

void station_close(struct station *s)
{
	peer_reset_all(s);
	peer_reap(s);
	fd_close(&s->listener.fd);
	fd_close(&s->signals.fd);
	fd_close(&s->epoll);
	timers_done(&s->timers);
}

static void station_down(struct station *s)
{
	fd_close(&s->listener.fd);
	peer_reset_all(s);
	if (timers_set(&s->timers, &s->up, s->now_us + s->down_us) != ERR_OK)
		s->stop = true;
}

static void station_up(struct station *s)
{
	struct err e;

	/* somebody else may sit on the port for a moment: a connection that got it for its own */
	if (listen_open(s, &e) != ERR_OK &&
	    timers_set(&s->timers, &s->up, s->now_us + STATION_DOWN_AFTER_US) != ERR_OK)
		s->stop = true;
}

static void station_timers(struct station *s)
{
	struct timer *t;

	while ((t = timers_pop(&s->timers, s->now_us)) != NULL) {
		if (t == &s->flush)
			journal_flush(&s->journal);
		else if (t == &s->down)
			station_down(s);
		else if (t == &s->up)
			station_up(s);
		else
			peer_timer(t);
	}
	if (journal_pending(&s->journal) && !s->flush.at &&
	    timers_set(&s->timers, &s->flush, s->now_us + STATION_FLUSH_US) != ERR_OK)
		journal_flush(&s->journal);
}

void station_run(struct station *s)
{
	struct epoll_event events[STATION_EVENTS];
	struct watch *w;
	int64_t next_us;
	int i, n;

	while (!s->stop) {
		next_us = timers_next_us(&s->timers);
		n = epoll_wait(s->epoll, events, STATION_EVENTS,
			       clock_poll_ms(clock_now_us(clock_system()), next_us));
		s->now_us = clock_now_us(clock_system());
		for (i = 0; i < n; i++) {
			w = events[i].data.ptr;
			w->ready(w, events[i].events);
		}
		station_timers(s);
		peer_reap(s);
	}
}

void station_begun(struct station *s, size_t bytes, size_t events)
{
	int64_t second = s->now_us / CLOCK_US_PER_S;

	s->requests++;
	s->bytes += (int64_t)bytes;
	s->events += (int64_t)events;
	if (s->max_events < (int64_t)events)
		s->max_events = (int64_t)events;
	s->in_flight++;
	if (s->in_flight > s->max_in_flight)
		s->max_in_flight = s->in_flight;
	if (!s->first_us)
		s->first_us = s->now_us;
	s->last_us = s->now_us;
	if (second - s->second_at > STATION_SECONDS)
		s->second_at = second - STATION_SECONDS;
	while (s->second_at < second)
		s->per_second[++s->second_at % STATION_SECONDS] = 0;
	s->per_second[second % STATION_SECONDS]++;
}

void station_settled(struct station *s, int status)
{
	s->in_flight--;
	if (status)
		s->by_status[status % 1000]++;
	else
		s->unanswered++;
}

static void write_traffic(struct station *s, struct json *j)
{
	char name[16];
	int64_t spent_us = s->last_us - s->first_us;
	int64_t second, from = s->second_at - STATION_SECONDS + 1;
	int i;

	json_open_object(j, "by_status");
	for (i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "%d", i);
		if (s->by_status[i])
			json_i64(j, name, s->by_status[i]);
	}
	json_end(j);
	json_f64(j, "seconds", (double)spent_us / 1e6, 3);
	json_f64(j, "rate", spent_us ? (double)s->requests * 1e6 / (double)spent_us : 0, 1);
	json_open_array(j, "per_second"); /* up to the last one with a request */
	if (s->first_us && from < s->first_us / CLOCK_US_PER_S)
		from = s->first_us / CLOCK_US_PER_S;
	for (second = from; s->first_us && second <= s->second_at; second++)
		json_i64(j, NULL, s->per_second[second % STATION_SECONDS]);
	json_end(j);
}

void station_write_stats(struct station *s, struct buf *out)
{
	struct ledger_stats l = ledger_stats(s->ledger);
	struct json j;

	json_begin(&j, out);
	json_open_object(&j, NULL);
	json_i64(&j, "requests", s->requests);
	json_i64(&j, "events", s->events);
	json_i64(&j, "max_events", s->max_events);
	json_i64(&j, "seen", l.seen);
	json_i64(&j, "distinct", l.distinct);
	json_i64(&j, "duplicates", l.duplicates);
	json_i64(&j, "out_of_order", l.out_of_order);
	json_i64(&j, "retries", l.retries);
	json_i64(&j, "overlaps", l.overlaps);
	json_i64(&j, "unknown", l.unknown);
	json_i64(&j, "lanes", l.lanes);
	json_i64(&j, "in_flight", s->in_flight);
	json_i64(&j, "max_in_flight", s->max_in_flight);
	json_i64(&j, "unanswered", s->unanswered);
	json_i64(&j, "bad", s->bad);
	json_i64(&j, "connections", s->connections);
	json_i64(&j, "bytes", s->bytes);
	json_f64(&j, "uptime", (double)(s->now_us - s->started_us) / 1e6, 3);
	write_traffic(s, &j);
	json_open_object(&j, "tokens");
	tokens_write(&s->tokens, &j);
	json_end(&j);
	json_open_object(&j, "options");
	consent_write(&s->consent, &j);
	json_end(&j);
	json_open_object(&j, "behaviour");
	behaviour_write(&s->behaviour, &j);
	json_end(&j);
	json_end(&j);
	buf_add_char(out, '\n');
}

/* Counters and ledger as at the start. */
static ATTR_MUST_CHECK enum err_code station_forget(struct station *s, struct err *e)
{
	struct ledger *fresh;
	enum err_code code;

	if (s->in_flight)
		return err_set(e, ERR_BUSY, "%lld requests are in flight", (long long)s->in_flight);
	code = ledger_new(&fresh, e);
	if (code != ERR_OK)
		return code;
	ledger_free(s->ledger);
	s->ledger = fresh;
	s->consent = (struct consent){.asked = 0};
	s->events = s->max_events = 0;
	s->requests = s->bytes = s->bad = s->max_in_flight = s->unanswered = 0;
	s->first_us = s->last_us = 0;
	memset(s->by_status, 0, sizeof(s->by_status));
	memset(s->per_second, 0, sizeof(s->per_second));
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code control_set(struct station *s, struct text query,
						 struct err *e)
{
	char value[32];
	enum err_code code = behaviour_set(&s->behaviour, query, e);

	if (code == ERR_OK)
		tokens_set(&s->tokens, query);
	if (code == ERR_OK && wire_query_get(query, "forget", value, sizeof(value)))
		code = station_forget(s, e);
	if (code == ERR_OK && wire_query_get(query, "down_ms", value, sizeof(value))) {
		s->down_us = strtoll(value, NULL, 10) * CLOCK_US_PER_MS;
		code = timers_set(&s->timers, &s->down, s->now_us + STATION_DOWN_AFTER_US);
	}
	return code;
}

struct behaviour_answer station_behave(struct station *s, struct text head, struct text body,
				       struct behaviour_load load)
{
	if (!tokens_allow(&s->tokens, head))
		return (struct behaviour_answer){BEHAVIOUR_STATUS, 401};
	if (!quota_take(&s->quota, s->now_us, (size_t)s->behaviour.limit,
			s->behaviour.window_ms * CLOCK_US_PER_MS))
		return (struct behaviour_answer){BEHAVIOUR_STATUS, 429};
	return behaviour_at_body(&s->behaviour, &s->random, body, load);
}

bool station_is_control(const struct wire_head *h)
{
	return (h->target.len > 1 && h->target.s[0] == '/' && h->target.s[1] == '_') ||
	       text_eq(h->method, TEXT_LIT("OPTIONS"));
}

int station_control(struct station *s, const struct wire_head *h, struct text head,
		    struct buf *lines, struct buf *out)
{
	struct text target = h->target;
	const char *mark = memchr(target.s, '?', target.len);
	size_t path_len = mark ? (size_t)(mark - target.s) : target.len;
	struct text path = {target.s, path_len};
	struct text query = {target.s + path_len, target.len - path_len};
	struct err e = {.code = ERR_OK};

	if (query.len) {
		query.s++;
		query.len--;
	}
	if (text_eq(h->method, TEXT_LIT("OPTIONS")))
		return consent_give(&s->consent, &s->behaviour, head, lines);
	buf_add_str(lines, "Content-Type: application/json\r\n");
	journal_flush(&s->journal);
	if (text_eq(path, TEXT_LIT("/_stats"))) {
		station_write_stats(s, out);
		return 200;
	}
	if (text_eq(path, TEXT_LIT("/_token")))
		return tokens_give(&s->tokens, out);
	if (!text_eq(path, TEXT_LIT("/_control"))) {
		buf_add_str(out, "no such path\n");
		return 404;
	}
	if (control_set(s, query, &e) != ERR_OK) {
		buf_add_fmt(out, "%s\n", e.msg);
		return 400;
	}
	station_write_stats(s, out);
	return 200;
}
