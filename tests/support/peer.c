/* SPDX-License-Identifier: MIT */
/*
 * A request is kept as it came, head and body in one buffer, until it is answered, so that the
 * notice's slices stay valid; only a chunked body has a buffer of its own. One read and one write a
 * request when all is well; epoll is told of a change of interest only.
 */
#include "peer.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/mem.h"
#include "parcel.h"
#include "wire.h"

#define PEER_READ_BYTES 16384UL
#define PEER_READ_MAX_BYTES (1024UL * 1024)
#define PEER_KEEP_BYTES 65536UL
#define PEER_MAX_BYTES (2UL << 30)
#define PEER_FILL_BYTES 65536UL

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

enum peer_state { PEER_HEAD, PEER_BODY, PEER_WAITING, PEER_ANSWERING };

struct peer {
	struct watch watch;
	struct timer timer;
	struct station *station;
	struct peer *next, *prev;
	struct peer *next_dead;
	enum peer_state state;
	uint32_t interest; /* what epoll knows */
	bool begun;        /* counted as in flight, and in the ledger */
	bool is_event;     /* not for station_control */
	bool answered;     /* early */
	struct buf in;
	struct buf body; /* decoded, when chunked or in gzip */
	struct buf out;
	size_t sent;
	struct wire_head head;
	struct wire_chunks chunks;
	struct behaviour_answer answer;
	struct parcel parcel;
	int64_t wall_us;
};

static void peer_close(struct peer *p);
static void peer_go_on(struct peer *p);

static void peer_want(struct peer *p, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = &p->watch};

	if (p->interest == events || p->watch.fd < 0)
		return;
	p->interest = events;
	(void)epoll_ctl(p->station->epoll, EPOLL_CTL_MOD, p->watch.fd, &ev);
}

static struct text peer_body(const struct peer *p)
{
	if (p->head.chunked || p->head.gzip || p->head.packed)
		return buf_text(&p->body);
	return (struct text){p->in.data + p->head.head_bytes, (size_t)p->head.content_length};
}

/* The request is over: answered with status, or not at all (0). */
static void peer_settle(struct peer *p, int status)
{
	struct journal_line line;

	if (!p->begun)
		return;
	p->begun = false;
	line = (struct journal_line){
		.wall_us = p->wall_us,
		.head = {p->in.data, p->head.head_bytes},
		.body = peer_body(p),
		.gzip_bytes = p->head.gzip ? (size_t)p->head.content_length : 0,
		.status = status,
	};
	parcel_close(&p->parcel, p->station->ledger, &p->station->journal, &line);
	station_settled(p->station, status);
}

static void peer_close(struct peer *p)
{
	if (p->watch.fd < 0)
		return;
	peer_settle(p, 0);
	timers_clear(&p->station->timers, &p->timer);
	fd_close(&p->watch.fd);
	if (p->prev)
		p->prev->next = p->next;
	else
		p->station->peers = p->next;
	if (p->next)
		p->next->prev = p->prev;
	p->next_dead = p->station->dead;
	p->station->dead = p;
}

static void peer_reset(struct peer *p)
{
	struct linger now = {.l_onoff = 1, .l_linger = 0};

	(void)setsockopt(p->watch.fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	peer_close(p);
}

void peer_reset_all(struct station *s)
{
	while (s->peers)
		peer_reset(s->peers);
}

void peer_reap(struct station *s)
{
	struct peer *p;

	while ((p = s->dead) != NULL) {
		s->dead = p->next_dead;
		buf_done(&p->in);
		buf_done(&p->body);
		buf_done(&p->out);
		parcel_done(&p->parcel);
		mem_free(p);
	}
}

/* Ready for the next request: forget this one, keep what came behind it. */
static void peer_next(struct peer *p)
{
	size_t used = p->head.head_bytes + (size_t)p->head.content_length;
	size_t rest = p->in.len - used;

	if (!p->head.keep_alive) {
		peer_close(p);
		return;
	}
	if (!rest && p->in.cap > PEER_KEEP_BYTES)
		buf_done(&p->in);
	if (rest)
		memmove(p->in.data, p->in.data + used, rest);
	buf_truncate(&p->in, rest);
	if (p->body.cap > PEER_KEEP_BYTES)
		buf_done(&p->body);
	buf_reset(&p->body);
	p->chunks = (struct wire_chunks){.left = 0};
	p->state = PEER_HEAD;
	p->answered = false;
	peer_want(p, EPOLLIN);
	if (rest)
		peer_go_on(p);
}

/* Write what is left of out; true when all is gone. Closes on an error. */
static bool peer_write(struct peer *p)
{
	size_t left = p->out.len - p->sent;
	ssize_t n;

	if (p->answer.mode == BEHAVIOUR_TRICKLE && left > 1)
		left = 1;
	n = send(p->watch.fd, p->out.data + p->sent, left, MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		peer_close(p);
		return false;
	}
	p->sent += n > 0 ? (size_t)n : 0;
	return p->sent == p->out.len;
}

/* Something to write for ever, in place of what went out. */
static void peer_refill(struct peer *p)
{
	static const char *const filler[BEHAVIOUR_MODE_COUNT] = {
		[BEHAVIOUR_ENDLESS] = "and so on ",
		[BEHAVIOUR_ENDLESS_HEAD] = "X-Filler: and so on\r\n",
		[BEHAVIOUR_FLOOD] = "HTTP/1.1 100 Continue\r\n\r\n",
	};
	const char *text = filler[p->answer.mode];

	if (!text)
		return;
	buf_reset(&p->out);
	p->sent = 0;
	while (p->out.len < PEER_FILL_BYTES && buf_error(&p->out) == ERR_OK)
		buf_add_str(&p->out, text);
}

static void peer_answering(struct peer *p)
{
	struct station *s = p->station;
	int64_t later_us = s->now_us + s->behaviour.trickle_ms * CLOCK_US_PER_MS;

	if (!peer_write(p)) {
		if (p->watch.fd < 0)
			return;
		if (p->answer.mode != BEHAVIOUR_TRICKLE)
			peer_want(p, EPOLLOUT);
		else if (timers_set(&s->timers, &p->timer, later_us) != ERR_OK)
			peer_close(p);
		return;
	}
	if (p->answer.mode == BEHAVIOUR_ENDLESS) /* status and head went out */
		peer_settle(p, p->answer.status);
	peer_refill(p);
	if (p->sent < p->out.len) {
		peer_want(p, EPOLLOUT);
		return;
	}
	peer_settle(p, p->answer.status);
	if (p->answer.mode == BEHAVIOUR_CUT)
		peer_close(p);
	else
		peer_next(p);
}

static void answer_build(struct peer *p, const char *extra, struct text body, size_t length)
{
	buf_add_fmt(&p->out, "HTTP/1.1 %d %s\r\nContent-Length: %zu\r\n%s%s\r\n", p->answer.status,
		    p->answer.status / 100 == 2 ? "OK" : "No", length,
		    p->head.keep_alive ? "" : "Connection: close\r\n", extra);
	buf_add_text(&p->out, body);
}

/* The whole answer into out, as the behaviour wants it. */
static void peer_compose(struct peer *p)
{
	const struct behaviour *b = &p->station->behaviour;
	char extra[512] = "";

	buf_reset(&p->out);
	p->sent = 0;
	switch (p->answer.mode) {
	case BEHAVIOUR_STATUS:
		(void)snprintf(extra, sizeof(extra), "%s%s%s%s%s%s",
			       b->retry_after[0] ? "Retry-After: " : "", b->retry_after,
			       b->retry_after[0] ? "\r\n" : "", b->location[0] ? "Location: " : "",
			       b->location, b->location[0] ? "\r\n" : "");
		answer_build(p, extra, TEXT_LIT("as told\n"), 8);
		break;
	case BEHAVIOUR_CUT:
		answer_build(p, "", TEXT_LIT("half of "), 16);
		break;
	case BEHAVIOUR_ENDLESS:
		answer_build(p, "", TEXT_LIT(""), (size_t)1 << 50);
		break;
	case BEHAVIOUR_ENDLESS_HEAD:
		buf_add_str(&p->out, "HTTP/1.1 200 OK\r\n");
		break;
	default:
		if (p->head.keep_alive)
			buf_add_str(&p->out, OK_ANSWER);
		else
			answer_build(p, "", TEXT_LIT("ok"), 2);
	}
}

/* The time to answer has come. */
static void peer_answer(struct peer *p)
{
	switch (p->answer.mode) {
	case BEHAVIOUR_HANG:
		p->state = PEER_WAITING;
		return;
	case BEHAVIOUR_RESET:
		peer_reset(p);
		return;
	case BEHAVIOUR_FLOOD:
		buf_reset(&p->out);
		p->sent = 0;
		peer_refill(p);
		break;
	default:
		peer_compose(p);
	}
	p->state = PEER_ANSWERING;
	peer_answering(p);
}

static void peer_control(struct peer *p)
{
	struct text head = {p->in.data, p->head.head_bytes};
	struct buf lines, body;

	buf_init(&lines, PEER_MAX_BYTES);
	buf_init(&body, PEER_MAX_BYTES);
	p->answer = (struct behaviour_answer){BEHAVIOUR_OK, 0};
	p->answer.status = station_control(p->station, &p->head, head, &lines, &body);
	if (p->watch.fd >= 0) {
		buf_reset(&p->out);
		p->sent = 0;
		answer_build(p, buf_str(&lines), buf_text(&body), body.len);
		p->state = PEER_ANSWERING;
		peer_answering(p);
	}
	buf_done(&lines);
	buf_done(&body);
}

/* The request is complete. */
static void peer_request(struct peer *p)
{
	struct station *s = p->station;
	struct text body = peer_body(p);
	int64_t delay_us = s->behaviour.delay_ms * CLOCK_US_PER_MS;
	struct err e;

	if (!p->is_event) {
		peer_control(p);
		return;
	}
	p->wall_us = clock_wall_us(clock_system());
	if (parcel_open(&p->parcel, p->head.id, body, s->ledger, &e) != ERR_OK) {
		peer_close(p);
		return;
	}
	p->begun = true;
	station_begun(s, body.len, p->parcel.count);
	if (p->answered) {
		p->answer = (struct behaviour_answer){BEHAVIOUR_OK, 200};
		peer_settle(p, 200);
		peer_next(p);
		return;
	}
	p->answer = station_behave(s, (struct text){p->in.data, p->head.head_bytes}, body,
				   parcel_load(&p->parcel));
	if (!delay_us) {
		peer_answer(p);
		return;
	}
	p->state = PEER_WAITING;
	if (timers_set(&s->timers, &p->timer, s->now_us + delay_us) != ERR_OK)
		peer_close(p);
}

/* The head is there: what can be decided now. False when the connection is gone. */
static bool peer_head(struct peer *p)
{
	static const char go[] = "HTTP/1.1 100 Continue\r\n\r\n";
	enum behaviour_mode mode;

	p->is_event = !station_is_control(&p->head);
	p->state = PEER_BODY;
	if (p->head.content_length > (int64_t)PEER_MAX_BYTES) {
		peer_close(p);
		return false;
	}
	if (!p->is_event)
		return true;
	mode = behaviour_at_head(&p->station->behaviour, &p->station->random);
	if (mode == BEHAVIOUR_CLOSE) {
		p->station->unanswered++;
		peer_close(p);
		return false;
	}
	if (mode == BEHAVIOUR_EARLY)
		p->answered = send(p->watch.fd, OK_ANSWER, sizeof(OK_ANSWER) - 1, MSG_NOSIGNAL) > 0;
	else if (p->head.expect_continue)
		(void)send(p->watch.fd, go, sizeof(go) - 1, MSG_NOSIGNAL);
	return true;
}

/* Parse what has come, as far as it goes. */
static void peer_go_on(struct peer *p)
{
	enum wire_result r = WIRE_DONE;
	size_t used = 0;

	if (p->state == PEER_HEAD) {
		r = wire_head_parse(p->in.data, p->in.len, &p->head);
		if (r == WIRE_DONE && !peer_head(p))
			return;
	}
	if (r == WIRE_DONE && p->head.chunked) {
		r = wire_chunks_feed(&p->chunks, p->in.data + p->head.head_bytes,
				     p->in.len - p->head.head_bytes, &p->body, &used);
		memmove(p->in.data + p->head.head_bytes, p->in.data + p->head.head_bytes + used,
			p->in.len - p->head.head_bytes - used);
		buf_truncate(&p->in, p->in.len - used);
	} else if (r == WIRE_DONE) {
		r = wire_body_take(&p->head, p->in.data + p->head.head_bytes,
				   p->in.len - p->head.head_bytes, &p->body);
	}
	if (r == WIRE_BAD) {
		p->station->bad++;
		peer_close(p);
	} else if (r == WIRE_DONE) {
		peer_request(p);
	}
}

/* Read once; more when the kernel may have more. */
static void peer_read(struct peer *p)
{
	size_t want = PEER_READ_BYTES;
	ssize_t n;

	if (p->state == PEER_BODY && p->in.len > want)
		want = p->in.len < PEER_READ_MAX_BYTES ? p->in.len : PEER_READ_MAX_BYTES;
	if (buf_reserve(&p->in, want) != ERR_OK) {
		peer_close(p);
		return;
	}
	n = recv(p->watch.fd, p->in.data + p->in.len, want, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		peer_close(p);
		return;
	}
	p->in.len += (size_t)n;
	p->in.data[p->in.len] = '\0';
	/* slices of the head move with the buffer: parse it again when the rest comes */
	if (p->state == PEER_BODY && wire_head_parse(p->in.data, p->in.len, &p->head) != WIRE_DONE)
		return;
	peer_go_on(p);
}

/* Something came while the peer is to wait: the end, or a request too early, which has to wait. */
static void peer_peek(struct peer *p)
{
	char byte;
	ssize_t n = recv(p->watch.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	if (n > 0)
		peer_want(p, 0);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		peer_close(p);
}

static void peer_ready(struct watch *w, uint32_t events)
{
	struct peer *p = (struct peer *)(void *)((char *)w - offsetof(struct peer, watch));

	if (p->watch.fd < 0)
		return;
	if (events & (EPOLLERR | EPOLLHUP))
		peer_close(p);
	else if (p->state == PEER_ANSWERING && (events & EPOLLOUT))
		peer_answering(p);
	else if (p->state == PEER_HEAD || p->state == PEER_BODY)
		peer_read(p);
	else
		peer_peek(p);
}

void peer_timer(struct timer *t)
{
	struct peer *p = (struct peer *)(void *)((char *)t - offsetof(struct peer, timer));

	if (p->state == PEER_ANSWERING)
		peer_answering(p);
	else
		peer_answer(p);
}

void peer_accept(struct station *s, int fd)
{
	struct peer *p = mem_calloc(1, sizeof(*p));
	int one = 1;

	if (!p) {
		fd_close(&fd);
		return;
	}
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	p->watch = (struct watch){peer_ready, fd};
	p->station = s;
	buf_init(&p->in, PEER_MAX_BYTES);
	buf_init(&p->body, PEER_MAX_BYTES);
	buf_init(&p->out, PEER_MAX_BYTES);
	p->interest = EPOLLIN;
	if (station_watch(s, &p->watch, EPOLLIN, NULL) != ERR_OK) {
		fd_close(&p->watch.fd);
		mem_free(p);
		return;
	}
	p->next = s->peers;
	if (p->next)
		p->next->prev = p;
	s->peers = p;
	s->connections++;
}
