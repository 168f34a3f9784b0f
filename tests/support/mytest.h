/* SPDX-License-Identifier: MIT */
/*
 * Tests that need MySQL or MariaDB: a database of one's own in the server of
 * tests/support/with-mariadb, with our tables, a captured table items and its triggers. Failures
 * end the test.
 */
#ifndef TEST_MYTEST_H
#define TEST_MYTEST_H

#include <mysql.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "config/settings.h"

struct mytest {
	char database[64];
	MYSQL *conn; /* superuser, in the database */
	struct source_settings settings;
	char host[128];
	char user[64];
	char name[16];
};

/* Make the database and fill in settings that fit it: 250 ms poll interval, 10 s statement timeout.
 */
void mytest_open(struct mytest *t);
/* Drop it, whoever is connected. */
void mytest_close(struct mytest *t);

/* Another connection, as an application has it; mysql_close it. */
MYSQL *mytest_connect(const struct mytest *t);
/* The same; NULL when the server cannot be reached. */
MYSQL *mytest_reconnect(const struct mytest *t);

void mytest_exec(MYSQL *conn, const char *fmt, ...) ATTR_PRINTF(2, 3);
/* The same; returns the error number instead of failing, 0 when there is none. */
unsigned mytest_try(MYSQL *conn, const char *fmt, ...) ATTR_PRINTF(2, 3);
/* The one number that the query returns. */
int64_t mytest_i64(MYSQL *conn, const char *fmt, ...) ATTR_PRINTF(2, 3);

/* Add a pipeline: install row and outbox. "default" is there already. */
void mytest_add_pipeline(MYSQL *conn, const char *name);

/* Put a row into the outbox as a trigger would, in whatever transaction conn is; returns its id. */
int64_t mytest_put(MYSQL *conn, const char *pipeline, const char *key, int bytes);

/* A FROM of the numbers from the one to the other, both literals, as the column seq. */
#define MYTEST_SEQ(FROM, TO)                                                                       \
	"(WITH RECURSIVE r (seq) AS (SELECT " #FROM " UNION ALL SELECT seq + 1 FROM r WHERE seq "  \
	"< " #TO ") SELECT seq FROM r) AS s"

/* Is the server Oracle's MySQL, not MariaDB? */
bool mytest_is_mysql(void);

/* $TEST_MY_CTL with these words: "kill", "start". */
void mytest_ctl(const char *words);

#endif
