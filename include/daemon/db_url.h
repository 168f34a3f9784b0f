/* SPDX-License-Identifier: MIT */
/*
 * A database as one URL, in parts that are keys of the configuration:
 *
 *     sqlite:PATH             sqlite:///absolute/path
 *     postgres://[user[:password]@][host[:port]]/database[?sslmode=...]      postgresql:// too
 *     mysql://...             mariadb://...
 *
 * Percent-encoding is decoded everywhere (RFC 3986, 2.1). Behind the ? may stand host, port,
 * sslmode, sslrootcert, sslcert and sslkey, as in libpq's URIs (PostgreSQL manual, 34.1.1.2), and
 * for MySQL socket, which means host.
 */
#ifndef DAEMON_DB_URL_H
#define DAEMON_DB_URL_H

#include "base/err.h"
#include "config/settings.h"

enum db_url_part {
	DB_URL_HOST,
	DB_URL_PORT,
	DB_URL_USER,
	DB_URL_PASSWORD,
	DB_URL_DATABASE,
	DB_URL_PATH,
	DB_URL_SSLMODE,
	DB_URL_SSLROOTCERT,
	DB_URL_SSLCERT,
	DB_URL_SSLKEY,
	DB_URL_PART_COUNT
};

struct db_url {
	enum source_type type;
	char *part[DB_URL_PART_COUNT]; /* decoded; NULL: not given */
};

/* The key of section database that a part is the value of. Never NULL. */
const char *db_url_key(enum db_url_part part);

/* Take url apart into *ret, which the caller ends with db_url_done. Errors: ERR_USAGE with a
 * message that never repeats what is in the URL, ERR_NOMEM. */
enum err_code db_url_parse(const char *url, struct db_url *ret, struct err *e) ATTR_MUST_CHECK;

/* Wipe and free the parts. */
void db_url_done(struct db_url *u);

#endif
