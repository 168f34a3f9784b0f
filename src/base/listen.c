/* SPDX-License-Identifier: MIT */
#include "base/listen.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"

#define BACKLOG 512 /* a burst of clients; the system's own limit is below or above */
#define HOST_BYTES 256
#define PORT_BYTES 6
#define PORT_MAX 65535

struct parts {
	char host[HOST_BYTES];
	char port[PORT_BYTES];
};

static ATTR_MUST_CHECK enum err_code address_split(const char *address, struct parts *ret_p,
						   struct err *e)
{
	const char *colon = strrchr(address, ':');
	const char *host = address;
	size_t host_len = colon ? (size_t)(colon - address) : 0;
	size_t port_len = colon ? strlen(colon + 1) : 0;

	if (host_len >= 2 && host[0] == '[' && host[host_len - 1] == ']') {
		host++;
		host_len -= 2;
	} else if (memchr(host, ':', host_len)) {
		host_len = 0; /* an IPv6 address needs its brackets */
	}
	if (host_len == 0 || host_len >= HOST_BYTES || port_len == 0 || port_len >= PORT_BYTES ||
	    strspn(colon + 1, "0123456789") != port_len || strtol(colon + 1, NULL, 10) > PORT_MAX)
		return err_set(e, ERR_CONFIG,
			       "cannot listen on '%s': expected HOST:PORT, as in 127.0.0.1:8080 or "
			       "[::1]:8080",
			       address);
	(void)snprintf(ret_p->host, sizeof(ret_p->host), "%.*s", (int)host_len, host);
	(void)snprintf(ret_p->port, sizeof(ret_p->port), "%s", colon + 1);
	return ERR_OK;
}

static ATTR_MUST_CHECK enum err_code listen_error(const char *address, int sys, struct err *e)
{
	enum err_code code = ERR_IO;

	if (sys == EACCES || sys == EPERM)
		code = ERR_DENIED;
	else if (sys == EADDRINUSE || sys == EADDRNOTAVAIL || sys == EAFNOSUPPORT)
		code = ERR_UNAVAILABLE;
	return err_set_sys(e, code, sys, "cannot listen on %s", address);
}

static ATTR_MUST_CHECK enum err_code
bound_format(int fd, char ret_bound[static LISTEN_ADDRESS_BYTES], struct err *e)
{
	struct sockaddr_storage at = {0};
	socklen_t len = sizeof(at);
	char host[LISTEN_ADDRESS_BYTES - PORT_BYTES - 3];
	char port[PORT_BYTES];

	if (getsockname(fd, (struct sockaddr *)&at, &len) != 0)
		return err_set_sys(e, ERR_IO, errno, "cannot tell the listening address");
	if (getnameinfo((struct sockaddr *)&at, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return err_set(e, ERR_IO, "cannot format the listening address");
	(void)snprintf(ret_bound, LISTEN_ADDRESS_BYTES,
		       at.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
	return ERR_OK;
}

/* 0 and *ret_fd, or errno. */
static int socket_open(const struct addrinfo *ai, int *ret_fd)
{
	int one = 1;
	int fd = socket(ai->ai_family, ai->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int sys;

	if (fd < 0)
		return errno;
	/* a restart must not wait for connections of the process before; ipv6(7) for the other */
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (ai->ai_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) != 0 || listen(fd, BACKLOG) != 0) {
		sys = errno;
		fd_close(&fd);
		return sys;
	}
	*ret_fd = fd;
	return 0;
}

enum err_code listen_open(const char *address, int *ret_fd,
			  char ret_bound[static LISTEN_ADDRESS_BYTES], struct err *e)
{
	struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
				 .ai_socktype = SOCK_STREAM};
	struct addrinfo *list, *ai;
	struct parts p;
	enum err_code code;
	int rc, fd = -1;
	int sys = 0;

	code = address_split(address, &p, e);
	if (code != ERR_OK)
		return code;
	rc = getaddrinfo(p.host, p.port, &hints, &list);
	if (rc != 0)
		return err_set(e, ERR_UNAVAILABLE, "cannot listen on %s: %s", address,
			       rc == EAI_SYSTEM ? strerror(errno) : gai_strerror(rc));
	for (ai = list; ai && fd < 0; ai = ai->ai_next)
		sys = socket_open(ai, &fd);
	freeaddrinfo(list);
	if (fd < 0)
		return listen_error(address, sys, e);
	code = bound_format(fd, ret_bound, e);
	if (code != ERR_OK)
		fd_close(&fd);
	else
		*ret_fd = fd;
	return code;
}
