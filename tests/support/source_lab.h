/* SPDX-License-Identifier: MIT */
/*
 * For the contract of sources: a lab is a database one can write to, a reader the source under test
 * with what it returned last.
 */
#ifndef TEST_SOURCE_LAB_H
#define TEST_SOURCE_LAB_H

#include "base/clock.h"
#include "mytest.h"
#include "pgtest.h"
#include "source/fake.h"
#include "source/source.h"
#include "sqlitetest.h"

#define EVENTS_MAX 64
#define PATIENCE_US (60 * CLOCK_US_PER_S)

struct lab {
	const char *name;
	const char *schema; /* of its events; NULL: the database has none */
	void (*open)(struct lab *lab);
	void (*close)(struct lab *lab);
	/* A committed row, or one in a transaction of its own that is still open. */
	int64_t (*insert)(struct lab *lab, const char *pipeline, const char *key, int bytes);
	int64_t (*begin)(struct lab *lab, const char *pipeline, const char *key);
	void (*end)(struct lab *lab, const char *pipeline, int64_t id, bool commit);
	int64_t (*count_rows)(struct lab *lab);
	int64_t (*count_dead)(struct lab *lab);

	const struct source_ops *ops;
	struct source_settings settings;
	struct fake_db *fake;
	struct pgtest pg;
	PGconn *writer; /* of the open transaction */
	struct sqlitetest sqlite;
	struct mytest my;
	MYSQL *my_writer;
};

enum { LAB_FAKE, LAB_POSTGRES, LAB_MYSQL, LAB_SQLITE, LAB_KINDS };
extern struct lab lab_kinds[LAB_KINDS];

/* For cmocka: initial state is the lab. */
int lab_setup(void **state);
int lab_teardown(void **state);

/* Return at that time, not before. */
void lab_wait_until(int64_t at_us);

/* Pipelines "default" and "second". */
struct reader {
	struct source_pipeline shared[2];
	struct source *s;
	struct event *events[EVENTS_MAX];
	size_t count;
	bool more;
	int wake_fd;
};

void reader_new(struct reader *r, struct lab *lab);
void reader_open(struct reader *r);
void reader_drop_events(struct reader *r);
void reader_free(struct reader *r);

/* What the read returned is in r until the next. */
size_t reader_read_limited(struct reader *r, uint32_t p, size_t events, size_t bytes);
size_t reader_read(struct reader *r, uint32_t p);

/* Read until a read returns rows, as the runner does. */
void reader_await(struct reader *r, uint32_t p);
void reader_ack(struct reader *r, uint32_t p, int64_t id, enum ack_outcome outcome);

/* Insert n rows of different keys into the first pipeline, and let a new reader read them. */
void reader_begin(struct reader *r, struct lab *lab, size_t n, int64_t *ids);
void reader_give(struct reader *r, const struct ack *acks, size_t n);
/* As reader_read_limited, of what is parked. */
void reader_read_parked(struct reader *r, uint32_t p, const struct parked_select *sel,
			size_t events, size_t bytes);
void reader_read_all_parked(struct reader *r, uint32_t p);

/* An ack that parks a row of the outbox of pipeline 0, and one of a parked row. */
struct ack lab_park(int64_t id, uint64_t hash1, uint64_t hash2, uint64_t table_hash,
		    int64_t due_wall_us);
struct ack lab_of_parked(int64_t id, enum ack_outcome outcome);

/* The last read returned these. */
void reader_expect(const struct reader *r, size_t n, const int64_t *ids);

#endif
