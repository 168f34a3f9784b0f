/* SPDX-License-Identifier: MIT */
/*
 * source/inlet.h in memory, for tests of what pushes into it: one store for all inlets, with the
 * same transactions, cancellations and idempotency keys, and with failures on demand.
 */
#ifndef SUPPORT_FAKE_INLET_H
#define SUPPORT_FAKE_INLET_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/thread.h"
#include "ingest/committer.h"

#define FAKE_INLET_KEYS_MAX 64

struct fake_inlet_claim {
	char token[INLET_TOKEN_BYTES_MAX + 1];
	char key[INLET_KEY_BYTES_MAX + 1];
	uint8_t digest[INLET_DIGEST_BYTES];
	int64_t events;
};

/* What all inlets share. */
struct fake_inlet_store {
	struct mutex lock;
	struct cond changed;
	struct buf rows; /* committed events: "TABLE OPERATION KEY DATA OLD\n" */
	int64_t row_count;
	struct fake_inlet_claim claims[FAKE_INLET_KEYS_MAX];
	size_t claim_count;
	int64_t begins, commits, rollbacks, cancels;
	int64_t group_max;                                  /* the most requests in a commit */
	enum err_code fails_begin, fails_add, fails_commit; /* ERR_OK: does not */
	char poison[32]; /* of a table: add says ERR_DB for it; "" none */
	bool held;       /* begin waits until it is not */
	bool waiting;    /* begin does */
};

/* The one store: reset before each test. */
extern struct fake_inlet_store fake_inlet_store;
extern const struct inlet_ops fake_inlet_ops;

void fake_inlet_reset(void);
void fake_inlet_done(void);

/* Let begin wait, or go on. */
void fake_inlet_hold(bool held);
/* Wait until a begin waits; fails the test after 60 s. */
void fake_inlet_await_waiting(void);

#endif
