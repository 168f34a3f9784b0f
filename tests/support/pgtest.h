/* SPDX-License-Identifier: MIT */
/*
 * Tests that need PostgreSQL: a database of one's own in the server of tests/support/with-postgres,
 * with the outbox schema, a captured table public.items and its trigger. Failures end the test.
 */
#ifndef TEST_PGTEST_H
#define TEST_PGTEST_H

#include <libpq-fe.h>
#include <stdint.h>

#include "base/attr.h"
#include "config/settings.h"

struct pgtest {
	char database[64];
	PGconn *conn; /* superuser, in the database */
	struct source_settings settings;
	char host[128];
	char user[64];
	char name[16];
};

/* Make the database and fill in settings that fit it: 1 s poll interval, 10 s statement timeout. */
void pgtest_open(struct pgtest *t);
/* The same in another encoding than UTF8. */
void pgtest_open_encoded(struct pgtest *t, const char *encoding);
/* Drop it, whoever is connected. */
void pgtest_close(struct pgtest *t);

/* Another connection; PQfinish it. database NULL: the test's own. */
PGconn *pgtest_connect(const struct pgtest *t, const char *database);

void pgtest_exec(PGconn *conn, const char *fmt, ...) ATTR_PRINTF(2, 3);
/* The one number that the query returns. */
int64_t pgtest_i64(PGconn *conn, const char *fmt, ...) ATTR_PRINTF(2, 3);

/* Add a pipeline: install row and sequence. "default" is there already. */
void pgtest_add_pipeline(PGconn *conn, const char *name);

/* Put a row into the outbox as a trigger would, in whatever transaction conn is; returns its id. */
int64_t pgtest_put(PGconn *conn, const char *pipeline, const char *key, int bytes);

/* $TEST_PG_CTL with these words: "stop -m immediate". */
void pgtest_ctl(const char *words);

#endif
