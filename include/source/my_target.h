/* SPDX-License-Identifier: MIT */
/*
 * Where and how to connect to MySQL or MariaDB, out of the settings. Used by my_conn alone.
 */
#ifndef SOURCE_MY_TARGET_H
#define SOURCE_MY_TARGET_H

#include <mysql.h>
#include <stdbool.h>

#include "base/err.h"
#include "source/my_conn.h"

enum my_tls {
	MY_TLS_NEVER,
	MY_TLS_TRY,   /* and go on without when the server has none */
	MY_TLS_ALWAYS /* require, verify-... */
};

struct my_target {
	const struct source_settings *settings;
	const char *host; /* NULL: by socket */
	const char *user;
	const char *password;
	const char *database;
	unsigned port;
	const char *socket; /* NULL with TCP, or: the library's default */
	enum my_tls tls;
	bool is_local;  /* "localhost" with the default port: the socket, and TCP after that */
	bool is_safe;   /* the server offers TLS: a password may be sent */
	char path[108]; /* holds socket; as long as the kernel allows */
};

/* Fill t; texts are loans of o and its settings. Errors: ERR_CONFIG (socket path, sslmode,
 * certificate files that cannot be read). */
enum err_code my_target_init(struct my_target *t, const struct my_conn_options *o,
			     struct err *e) ATTR_MUST_CHECK;

/* The second attempt of is_local. */
void my_target_use_tcp(struct my_target *t);

/* Give raw all options. False: no memory. */
bool my_target_options(const struct my_target *t, MYSQL *raw, bool is_tls) ATTR_MUST_CHECK;

/* The server, asked with is_tls, wants a plugin that my_target_options kept back, since it would
 * get the password itself. True: it has TLS, and t allows that plugin now. */
bool my_target_trust(struct my_target *t, const MYSQL *raw, bool is_tls) ATTR_MUST_CHECK;

/* "db1:3306" or a path, for messages. */
const char *my_target_label(const struct my_target *t);

/* Make the kernel notice a dead server within about 30 s. */
void my_target_keepalive(int fd);

#endif
