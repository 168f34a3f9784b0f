/* SPDX-License-Identifier: MIT */
/*
 * Writers for the benchmark, where there is no pgbench:
 *
 *   writers mariadb HOST:PORT:USER:DATABASE CLIENTS SECONDS SQL [PER_SECOND]
 *   writers sqlite FILE CLIENTS SECONDS SQL [PER_SECOND]
 *
 * Each client is a thread with a connection of its own that runs the prepared statement SQL again
 * and again, each time a transaction; with PER_SECOND, as many of all clients together, evenly.
 * SQLite waits for locks and is in synchronous = NORMAL. Prints the transactions a second. A
 * statement that fails ends the program.
 */
#include <mysql.h>
#include <poll.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct load {
	const struct kind *kind;
	const char *where;
	const char *sql;
	int64_t pause_us; /* between two statements of one client; 0: none */
	pthread_barrier_t begin;
	int64_t end_us; /* set behind the barrier by none but main */
};

struct client {
	struct load *load;
	pthread_t thread;
	int64_t count;
	void *connection;
	void *statement;
};

struct kind {
	const char *name;
	void (*open)(struct client *c);
	void (*run)(struct client *c);
	void (*close)(struct client *c);
};

static __attribute__((noreturn)) void die(const char *why)
{
	(void)fprintf(stderr, "writers: %s\n", why);
	exit(1);
}

static int64_t now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static void my_open(struct client *c)
{
	char host[64], user[64], database[64];
	MYSQL *my = mysql_init(NULL);
	unsigned port;

	if (sscanf(c->load->where, "%63[^:]:%u:%63[^:]:%63s", host, &port, user, database) != 4)
		die("HOST:PORT:USER:DATABASE");
	if (!my || !mysql_real_connect(my, host, user, NULL, database, port, NULL, 0))
		die(my ? mysql_error(my) : "no memory");
	c->connection = my;
	c->statement = mysql_stmt_init(my);
	if (!c->statement || mysql_stmt_prepare(c->statement, c->load->sql, strlen(c->load->sql)))
		die(mysql_error(my));
}

static void my_run(struct client *c)
{
	if (mysql_stmt_execute(c->statement))
		die(mysql_stmt_error(c->statement));
}

static void my_close(struct client *c)
{
	(void)mysql_stmt_close(c->statement);
	mysql_close(c->connection);
	mysql_thread_end();
}

static void lite_open(struct client *c)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *s = NULL;

	if (sqlite3_open_v2(c->load->where, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
	    sqlite3_busy_timeout(db, 60000) != SQLITE_OK ||
	    sqlite3_exec(db, "PRAGMA synchronous = NORMAL", NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(db, c->load->sql, -1, &s, NULL) != SQLITE_OK)
		die(sqlite3_errmsg(db));
	c->connection = db;
	c->statement = s;
}

static void lite_run(struct client *c)
{
	if (sqlite3_step(c->statement) != SQLITE_DONE)
		die(sqlite3_errmsg(c->connection));
	(void)sqlite3_reset(c->statement);
}

static void lite_close(struct client *c)
{
	(void)sqlite3_finalize(c->statement);
	(void)sqlite3_close(c->connection);
}

static const struct kind kinds[] = {
	{"mariadb", my_open, my_run, my_close},
	{"sqlite", lite_open, lite_run, lite_close},
};

static void wait_until(int64_t due_us)
{
	struct timespec t;
	int64_t left_us = due_us - now_us();

	if (left_us <= 0)
		return;
	t.tv_sec = left_us / 1000000;
	t.tv_nsec = left_us % 1000000 * 1000;
	(void)ppoll(NULL, 0, &t, NULL);
}

static void *client_main(void *ctx)
{
	struct client *c = ctx;
	struct load *l = c->load;
	int64_t due_us;

	l->kind->open(c);
	(void)pthread_barrier_wait(&l->begin); /* all are connected */
	(void)pthread_barrier_wait(&l->begin); /* end_us is set */
	for (due_us = now_us(); now_us() < l->end_us; c->count++) {
		l->kind->run(c);
		if (l->pause_us)
			wait_until(due_us += l->pause_us);
	}
	l->kind->close(c);
	return NULL;
}

static void load_run(struct load *l, int clients, int64_t seconds)
{
	struct client *c = calloc((size_t)clients, sizeof(*c));
	int64_t total = 0, begin_us;
	int i;

	if (!c || pthread_barrier_init(&l->begin, NULL, (unsigned)clients + 1))
		die("no memory");
	for (i = 0; i < clients; i++) {
		c[i].load = l;
		if (pthread_create(&c[i].thread, NULL, client_main, &c[i]))
			die("no thread");
	}
	(void)pthread_barrier_wait(&l->begin);
	begin_us = now_us();
	l->end_us = begin_us + seconds * 1000000;
	(void)pthread_barrier_wait(&l->begin);
	for (i = 0; i < clients; i++) {
		(void)pthread_join(c[i].thread, NULL);
		total += c[i].count;
	}
	(void)printf("%.0f\n", (double)total * 1e6 / (double)(now_us() - begin_us));
	(void)pthread_barrier_destroy(&l->begin);
	free(c);
}

int main(int argc, char **argv)
{
	struct load l = {0};
	long clients, seconds, per_second;
	size_t i;

	if (argc < 6)
		die("usage: writers KIND WHERE CLIENTS SECONDS SQL [PER_SECOND]");
	for (i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (strcmp(kinds[i].name, argv[1]) == 0)
			l.kind = &kinds[i];
	clients = strtol(argv[3], NULL, 10);
	seconds = strtol(argv[4], NULL, 10);
	per_second = argc > 6 ? strtol(argv[6], NULL, 10) : 0;
	if (!l.kind || clients < 1 || clients > 1000 || seconds < 1 || per_second < 0)
		die("mariadb or sqlite, and numbers from 1");
	l.where = argv[2];
	l.sql = argv[5];
	if (per_second)
		l.pause_us = clients * 1000000L / per_second;
	(void)mysql_library_init(0, NULL, NULL);
	load_run(&l, (int)clients, seconds);
	mysql_library_end();
	return 0;
}
