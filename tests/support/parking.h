/* SPDX-License-Identifier: MIT */
/*
 * A source, one pipeline of it, whose events are parked by a test. Failures end the test, but where
 * a function is said to return them.
 */
#ifndef TEST_PARKING_H
#define TEST_PARKING_H

#include "source/source.h"

#define PARKING_MAX 1000

struct parking {
	const struct source_ops *ops;
	const struct source_settings *settings;
	const struct pipeline_settings *pipeline;
	bool parks; /* its webhook has a retry_schedule */

	struct source_pipeline shared;
	struct source *s;
	struct event *events[PARKING_MAX]; /* of the last read of the outbox */
	size_t count;
	struct event *parked[PARKING_MAX]; /* of the last read of parked ones */
	size_t parked_count;
	bool more;
	struct err e;
};

/* Make and open a source of the first four fields. Returns what open does; what is in e. */
enum err_code parking_try_open(struct parking *k);
void parking_open(struct parking *k);
void parking_close(struct parking *k);

/* All that the outbox has. */
size_t parking_read(struct parking *k);

/* An ack that parks ev out of the outbox, until due_wall_us. */
struct ack parking_ack(const struct event *ev, int64_t due_wall_us);

enum err_code parking_try_give(struct parking *k, const struct ack *acks, size_t n);
void parking_give(struct parking *k, const struct ack *acks, size_t n);

/* Park all of the last read, in one batch. */
void parking_park(struct parking *k, int64_t due_wall_us);

/* One read of parked events. */
size_t parking_load(struct parking *k, const struct parked_select *sel, size_t events);

/* What is parked is what the last read of the outbox returned, to the byte. */
void parking_expect_same(struct parking *k);

/* One event is parked, which has been replayed: it dies under its first id. */
void parking_expect_death(struct parking *k, int64_t origin_id);

/* All of the last read die, out of the outbox, in one batch. */
void parking_bury(struct parking *k);

/* The table holds rows of the same hashes with due times up to until_wall_us and above, and nothing
 * else: sweeps over what is due, and a list, find each row once. */
void parking_expect_many(struct parking *k, size_t rows, size_t due, int64_t until_wall_us);

/* How many are parked: what a list adds up to. */
int64_t parking_rows(struct parking *k);

#endif
