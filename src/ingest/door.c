/* SPDX-License-Identifier: MIT */
#include "ingest/door.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "base/fd.h"
#include "base/listen.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

#define TICK_US CLOCK_US_PER_S
#define ACCEPTS_MAX 64 /* in a row */
/* How long accept rests when the process has no descriptors left. */
#define REST_US (100 * CLOCK_US_PER_MS)
#define BIN_BYTES ((size_t)16 * 1024)
#define READS_MAX 16 /* of one lingerer in a row */

enum { AT_WAKE, AT_LISTEN, AT_LINGERERS, POLL_COUNT = AT_LINGERERS + DOOR_LINGERERS_MAX };

struct lingerer {
	int fd;
	int64_t until_us;
};

struct door {
	struct door_ops ops;
	const struct clock *clock;
	char address[LISTEN_ADDRESS_BYTES];
	struct thread thread;
	int wake_fd;
	struct mutex lock;
	int arriving[DOOR_LINGERERS_MAX]; /* under lock: on their way to the thread */
	size_t arriving_count;            /* under lock */
	bool shut;                        /* under lock */
	bool stopping;                    /* under lock */

	/* of the thread alone, once it runs */
	int listen_fd;
	int64_t rest_us; /* accept nothing before */
	struct lingerer lingerers[DOOR_LINGERERS_MAX];
	size_t lingerer_count;
};

enum err_code door_open(const char *address, const struct door_ops *ops, const struct clock *clock,
			struct door **ret_d, struct err *e)
{
	struct door *d = mem_calloc(1, sizeof(*d));
	enum err_code code;

	if (!d)
		return err_set(e, ERR_NOMEM, "no memory to listen");
	d->ops = *ops;
	d->clock = clock;
	d->listen_fd = -1;
	d->wake_fd = -1;
	mutex_init(&d->lock);
	code = fd_wake_open(&d->wake_fd, e);
	if (code == ERR_OK)
		code = listen_open(address, &d->listen_fd, d->address, e);
	if (code != ERR_OK) {
		door_free(d);
		return code;
	}
	*ret_d = d;
	return ERR_OK;
}

void door_free(struct door *d)
{
	if (!d)
		return;
	fd_close(&d->listen_fd);
	fd_close(&d->wake_fd);
	mutex_done(&d->lock);
	mem_free(d);
}

const char *door_address(const struct door *d)
{
	return d->address;
}

/* ---- lingering ---- */

static void lingerer_close(struct door *d, size_t i)
{
	fd_close(&d->lingerers[i].fd);
	d->lingerer_count--;
	memmove(&d->lingerers[i], &d->lingerers[i + 1],
		(d->lingerer_count - i) * sizeof(d->lingerers[0]));
}

static void lingerer_add(struct door *d, int fd)
{
	if (d->lingerer_count == DOOR_LINGERERS_MAX)
		lingerer_close(d, 0);
	d->lingerers[d->lingerer_count++] =
		(struct lingerer){fd, clock_now_us(d->clock) + DOOR_LINGER_US};
}

/* Read what is there; whether more may come. */
static bool lingerer_read(const struct lingerer *l)
{
	char bin[BIN_BYTES];
	ssize_t n = 1;
	int i;

	for (i = 0; i < READS_MAX && n > 0; i++)
		n = recv(l->fd, bin, sizeof(bin), MSG_DONTWAIT);
	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void lingerers_serve(struct door *d, const struct pollfd *polled, size_t count)
{
	int64_t now_us = clock_now_us(d->clock);
	size_t i;

	/* from the end: closing one moves those behind it */
	for (i = count; i-- > 0;) {
		if ((polled[i].revents && !lingerer_read(&d->lingerers[i])) ||
		    now_us >= d->lingerers[i].until_us)
			lingerer_close(d, i);
	}
}

void door_linger(struct door *d, int fd)
{
	int victim = fd;

	(void)shutdown(fd, SHUT_WR);
	mutex_lock(&d->lock);
	if (d->arriving_count < DOOR_LINGERERS_MAX && !d->stopping) {
		d->arriving[d->arriving_count++] = fd;
		victim = -1;
	}
	mutex_unlock(&d->lock);
	fd_close(&victim);
	fd_wake(d->wake_fd);
}

/* ---- letting in ---- */

static void refuse(struct door *d, int fd)
{
	const char *words = d->ops.refuse(d->ops.ctx);

	(void)send(fd, words, strlen(words), MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)shutdown(fd, SHUT_WR);
	lingerer_add(d, fd);
}

static void let_in(struct door *d)
{
	struct sockaddr_storage from = {0};
	socklen_t len;
	int fd, i;

	for (i = 0; i < ACCEPTS_MAX; i++) {
		len = sizeof(from);
		fd = accept4(d->listen_fd, (struct sockaddr *)&from, &len,
			     SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0) {
			/* no descriptors or no memory: accept(2); the connection stays queued */
			if (errno != EAGAIN)
				d->rest_us = clock_now_us(d->clock) + REST_US;
			return;
		}
		if (!d->ops.take(d->ops.ctx, fd, (const struct sockaddr *)&from, len))
			refuse(d, fd);
	}
}

/* ---- the thread ---- */

/* Take over what other threads said. Whether to go on. */
static bool hear(struct door *d)
{
	int arriving[DOOR_LINGERERS_MAX];
	size_t count, i;
	bool shut, stopping;

	(void)fd_wake_clear(d->wake_fd);
	mutex_lock(&d->lock);
	count = d->arriving_count;
	memcpy(arriving, d->arriving, count * sizeof(arriving[0]));
	d->arriving_count = 0;
	shut = d->shut;
	stopping = d->stopping;
	mutex_unlock(&d->lock);
	for (i = 0; i < count; i++)
		lingerer_add(d, arriving[i]);
	if (shut)
		fd_close(&d->listen_fd);
	return !stopping;
}

static void wait_and_serve(struct door *d, int64_t deadline_us)
{
	struct pollfd polled[POLL_COUNT];
	int64_t now_us = clock_now_us(d->clock);
	size_t i, count = d->lingerer_count;
	bool rests = now_us < d->rest_us;

	if (rests && d->rest_us < deadline_us)
		deadline_us = d->rest_us;
	polled[AT_WAKE] = (struct pollfd){.fd = d->wake_fd, .events = POLLIN};
	polled[AT_LISTEN] = (struct pollfd){.fd = rests ? -1 : d->listen_fd, .events = POLLIN};
	for (i = 0; i < count; i++)
		polled[AT_LINGERERS + i] =
			(struct pollfd){.fd = d->lingerers[i].fd, .events = POLLIN};
	if (poll(polled, AT_LINGERERS + count, clock_poll_ms(now_us, deadline_us)) <= 0)
		for (i = 0; i < AT_LINGERERS + count; i++)
			polled[i].revents = 0;
	lingerers_serve(d, polled + AT_LINGERERS, count);
	if (polled[AT_LISTEN].revents)
		let_in(d);
}

static void run(void *arg)
{
	struct door *d = arg;
	int64_t tick_us = clock_now_us(d->clock) + TICK_US;

	while (hear(d)) {
		wait_and_serve(d, tick_us);
		if (clock_now_us(d->clock) < tick_us)
			continue;
		d->ops.tick(d->ops.ctx);
		tick_us = clock_now_us(d->clock) + TICK_US;
	}
	while (d->lingerer_count)
		lingerer_close(d, d->lingerer_count - 1);
	fd_close(&d->listen_fd);
}

enum err_code door_start(struct door *d, struct err *e)
{
	return thread_start(&d->thread, "ingest-door", 0, run, d, e);
}

static void say(struct door *d, bool stopping)
{
	mutex_lock(&d->lock);
	d->shut = true;
	d->stopping = d->stopping || stopping;
	mutex_unlock(&d->lock);
	fd_wake(d->wake_fd);
}

void door_shut(struct door *d)
{
	say(d, false);
}

void door_stop(struct door *d)
{
	say(d, true);
	thread_join(&d->thread);
}
