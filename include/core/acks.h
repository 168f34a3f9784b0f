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

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum ack_outcome { ACK_DELIVERED, ACK_DEAD };

struct ack {
	int64_t id;
	uint32_t pipeline; /* index within the source */
	enum ack_outcome outcome;
	/* ACK_DEAD only */
	int attempts;
	int last_status; /* 0: no answer */
	char *reason;    /* mem_free()d by whoever holds the ack; NULL on delivered */
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
