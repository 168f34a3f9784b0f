/* SPDX-License-Identifier: MIT */
/*
 * Which sockets curl waits for, kept in an epoll set with as few system calls as possible: one that
 * curl puts aside stays in the set, since the next request on that connection most likely wants the
 * same again; it is taken out when an event comes that nobody waits for. Level-triggered. Internal
 * to the HTTP engine; used by its thread only.
 *
 *     open ──► IN SET ──curl waits──► ACTIVE ──curl does not──► ASIDE ──event──► OUT OF SET
 *                                        ▲───────curl waits───────┴─────────────────┘
 */
#ifndef SINK_SOCKETS_H
#define SINK_SOCKETS_H

#include <curl/curl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>

#include "base/err.h"

struct sockets_entry {
	uint32_t events; /* in the epoll set for these; 0: not in it */
	uint8_t known;   /* opened and closed through here, so that the entry can be trusted */
	uint8_t active;  /* curl waits for it */
};

struct sockets {
	int epoll;
	struct sockets_entry *entries; /* by descriptor */
	size_t count;
	size_t open; /* now, and known */
	int64_t opened;
	int64_t changes; /* epoll_ctl calls */
};

/* Errors: ERR_IO. */
enum err_code sockets_init(struct sockets *s, struct err *e) ATTR_MUST_CHECK;
/* After curl has closed everything. */
void sockets_done(struct sockets *s);

/* curl's callbacks; ctx is the struct sockets. */
curl_socket_t sockets_open(void *ctx, curlsocktype purpose, struct curl_sockaddr *addr);
int sockets_close(void *ctx, curl_socket_t fd);

/* curl waits for what (CURL_POLL_...) on fd. */
void sockets_want(struct sockets *s, curl_socket_t fd, int what);

/* An epoll event came for fd: curl's CURL_CSELECT_ bits for it, 0 when nobody waits. */
int sockets_ready(struct sockets *s, int fd, uint32_t events);

#endif
