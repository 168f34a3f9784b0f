/* SPDX-License-Identifier: MIT */
/*
 * Settled events on their way back to the source, in the order they were settled. Workers push,
 * the source's thread takes in batches. An ack is small: the payload is gone by then.
 *
 * Order matters: acks of one key must reach the database in the order given here, or a crash could
 * bring back an older change without the newer one.
 */
#ifndef CORE_ACKS_H
#define CORE_ACKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 *                   the row is in the outbox     from_parked: it is in the table `parked`
 *   ACK_DELIVERED   is deleted                   is deleted
 *   ACK_DEAD        moves to the dead letters    moves to the dead letters
 *   ACK_PARKED      moves to `parked`            stays, with new due, step, attempts and error
 *
 * A park and a later ack of the same id never share one batch given to a source.
 */
enum ack_outcome { ACK_DELIVERED, ACK_DEAD, ACK_PARKED };

struct ack {
	int64_t id;
	uint32_t pipeline; /* index within the source */
	enum ack_outcome outcome;
	bool from_parked;
	/* ACK_DEAD, ACK_PARKED */
	int attempts;
	int last_status; /* 0: no answer, or ACK_PARKED and never sent */
	char *reason;    /* mem_free()d by whoever holds the ack; may be NULL on all but dead */
	/* ACK_PARKED */
	int step;            /* of the schedule, from 0, that it waits for */
	int64_t due_wall_us; /* not before; 0: behind another one of its lane */
	/* ACK_PARKED out of the outbox: hashes that never change, of schema, table and key, and of
	 * schema, table and old key (0: there is none); and of schema and table */
	uint64_t row_hash[2];
	uint64_t table_hash;
};

struct acks;

/* wake_fd: an eventfd (base/fd.h) woken when the queue stops being empty and when it reaches
 * batch; a loan. */
enum err_code acks_new(int wake_fd, size_t batch, struct acks **ret_acks,
		       struct err *e) ATTR_MUST_CHECK;
void acks_free(struct acks *a);

/* Add *ack; ownership of reason moves. Never loses one: memory for it is reserved by
 * acks_reserve before the event is sent; each push uses up one reservation. Any thread. */
void acks_push(struct acks *a, const struct ack *ack);

/* Make sure that n more pushes, on top of those reserved before, find memory. Called by the source
 * before it pushes n events into a ring. Any thread. Errors: ERR_NOMEM (nothing reserved). */
enum err_code acks_reserve(struct acks *a, size_t n, struct err *e) ATTR_MUST_CHECK;

/* Give n reservations back: events that will not be settled, because a ring refused them or
 * ring_clear dropped them. Any thread. */
void acks_unreserve(struct acks *a, size_t n);

/* Up to max acks, oldest first, into out; returns how many. Source thread. */
size_t acks_take(struct acks *a, struct ack *out, size_t max);

/* How many wait to be taken. Any thread. */
size_t acks_count(struct acks *a);

#endif
