/* SPDX-License-Identifier: MIT */
/*
 * The yardstick of the benchmark: how fast can one thread with a database's client library and
 * libcurl empty the outbox? This is what the loops of all databases share (tests/bench/bare_*.c);
 * each brings its own struct bare_db.
 *
 * Rows are read by a moving cursor, POSTed as the daemon's default body, and deleted when they were
 * answered 2xx, until nothing is left. There is no order, no retry, no late commit, no metrics; any
 * other answer ends the program. It is written to be fast: one epoll loop for libcurl
 * (curl_multi_socket_action) and the database's socket, whose statements run while requests are in
 * flight; handles, connections and buffers are reused. What goes wrong ends the program with a
 * message.
 */
#ifndef SUPPORT_BARE_H
#define SUPPORT_BARE_H

#include <stdbool.h>
#include <stddef.h>

/* The columns of a row, in the order in which every loop selects them. changed_at is text as the
 * body has it; key, data and old_data are JSON. */
enum bare_column {
	BARE_ID,
	BARE_PIPELINE,
	BARE_OPERATION,
	BARE_SCHEMA,
	BARE_TABLE,
	BARE_KEY,
	BARE_CHANGED_AT,
	BARE_DATA,
	BARE_OLD_DATA,
	BARE_COLUMNS
};

/* One database. One statement runs at a time: read or remove, then take until it is over. */
struct bare_db {
	void *(*open)(const char *where, int batch_rows);
	void (*close)(void *db);
	/* The socket that becomes readable when there is something to take; -1: take at once. */
	int (*fd)(void *db);
	/* Begin to read the rows with higher ids than last_id, at most batch_rows. */
	void (*read)(void *db, const char *last_id);
	/* Begin to delete. ids is "x1,2,3y", whose first and last character may be overwritten. */
	void (*remove)(void *db, char *ids, size_t len);
	/* False while the answer is not there; then *ret_rows is what was read, NULL after remove.
	 */
	bool (*take)(void *db, void **ret_rows);
	int (*count)(const void *rows);
	const char *(*value)(const void *rows, int row, enum bare_column c, size_t *ret_len);
	void (*free)(void *rows);
};

/* main of such a loop: WHERE URL [IN_FLIGHT [BATCH]]. Prints one line of JSON: events, seconds,
 * events_per_s, cpu_us_per_event, rss_kb. */
int bare_main(const struct bare_db *db, int argc, char **argv);

/* End the program with a message. */
void bare_die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

#endif
