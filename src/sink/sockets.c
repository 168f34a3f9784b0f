/* SPDX-License-Identifier: MIT */
/*
 * The kernel takes a closed socket out of the epoll set by itself, and the next socket may get the
 * same number, so an entry is only worth something when both ends of a socket's life pass here.
 * curl's resolver has descriptors of its own that do not: for those the set follows each call at
 * once.
 */
#include "sink/sockets.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/mem.h"

#define SOCKETS_FIRST 64

enum err_code sockets_init(struct sockets *s, struct err *e)
{
	*s = (struct sockets){.epoll = epoll_create1(EPOLL_CLOEXEC)};
	if (s->epoll < 0)
		return err_set_sys(e, ERR_IO, errno, "cannot make an epoll set");
	return ERR_OK;
}

void sockets_done(struct sockets *s)
{
	fd_close(&s->epoll);
	mem_free(s->entries);
	s->entries = NULL;
	s->count = 0;
}

static struct sockets_entry *known_entry(struct sockets *s, int fd)
{
	if (fd < 0 || (size_t)fd >= s->count || !s->entries[fd].known)
		return NULL;
	return &s->entries[fd];
}

static int entries_grow(struct sockets *s, int fd)
{
	size_t count = s->count ? s->count : SOCKETS_FIRST;
	struct sockets_entry *entries;

	if ((size_t)fd < s->count)
		return 1;
	while (count <= (size_t)fd)
		count *= 2;
	entries = mem_realloc(s->entries, count * sizeof(*entries));
	if (!entries)
		return 0;
	memset(entries + s->count, 0, (count - s->count) * sizeof(*entries));
	s->entries = entries;
	s->count = count;
	return 1;
}

curl_socket_t sockets_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *addr)
{
	struct sockets *s = ctx;
	int fd;

	(void)purpose;
	fd = socket(addr->family, addr->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, addr->protocol);
	if (fd < 0)
		return CURL_SOCKET_BAD;
	if (!entries_grow(s, fd)) {
		fd_close(&fd);
		return CURL_SOCKET_BAD;
	}
	s->entries[fd] = (struct sockets_entry){.known = 1};
	s->opened++;
	s->open++;
	return fd;
}

int sockets_close(void *ctx, curl_socket_t fd)
{
	struct sockets *s = ctx;
	struct sockets_entry *entry = known_entry(s, fd);

	if (entry) {
		*entry = (struct sockets_entry){0};
		s->open--;
	}
	return close(fd);
}

/* A failure leaves the socket unwatched; the transfer's timeout ends it then. */
static int set_change(struct sockets *s, int op, int fd, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.fd = fd};

	s->changes++;
	return epoll_ctl(s->epoll, op, fd, &ev);
}

static uint32_t events_of(int what)
{
	switch (what) {
	case CURL_POLL_IN:
		return EPOLLIN;
	case CURL_POLL_OUT:
		return EPOLLOUT;
	case CURL_POLL_INOUT:
		return EPOLLIN | EPOLLOUT;
	default:
		return 0;
	}
}

static void want_unknown(struct sockets *s, int fd, uint32_t events)
{
	if (!events)
		(void)set_change(s, EPOLL_CTL_DEL, fd, 0);
	else if (set_change(s, EPOLL_CTL_MOD, fd, events) != 0 && errno == ENOENT)
		(void)set_change(s, EPOLL_CTL_ADD, fd, events);
}

void sockets_want(struct sockets *s, curl_socket_t fd, int what)
{
	struct sockets_entry *entry = known_entry(s, fd);
	uint32_t events = events_of(what);

	if (!entry) {
		want_unknown(s, fd, events);
		return;
	}
	entry->active = events != 0;
	if (!events || entry->events == events)
		return;
	if (set_change(s, entry->events ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, events) == 0)
		entry->events = events;
}

int sockets_ready(struct sockets *s, int fd, uint32_t events)
{
	struct sockets_entry *entry = known_entry(s, fd);
	int bits = 0;

	if (entry && !entry->active) {
		if (entry->events)
			(void)set_change(s, EPOLL_CTL_DEL, fd, 0);
		entry->events = 0;
		return 0;
	}
	if (events & (EPOLLIN | EPOLLHUP))
		bits |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		bits |= CURL_CSELECT_OUT;
	if (events & EPOLLERR)
		bits |= CURL_CSELECT_ERR;
	return bits;
}
