/* SPDX-License-Identifier: MIT */
/*
 * One captured row change on its way from the outbox to a webhook.
 *
 *                                 ring_retry
 *                              ┌──────────────┐
 *                              ▼              │
 *     NEW ──ring_push──► QUEUED ──ring_take──► INFLIGHT ──ring_settle──► DELIVERED | DEAD | PARKED
 *                              ▲              │
 *                              └─ring_release─┘        WAITING = QUEUED with a time not yet come
 *
 * All text is inside the event's own allocation. An event has one owner at a time: the reader until
 * ring_push, the ring while QUEUED or WAITING, the worker while INFLIGHT, whoever got it from
 * ring_settle after that.
 */
#ifndef CORE_EVENT_H
#define CORE_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/op.h"
#include "base/text.h"

enum event_state {
	EVENT_NEW,       /* read, not yet in a ring */
	EVENT_QUEUED,    /* in the ring, may go as soon as its lanes allow */
	EVENT_WAITING,   /* in the ring, not before due_us: a retry */
	EVENT_INFLIGHT,  /* with a worker */
	EVENT_DELIVERED, /* 2xx */
	EVENT_DEAD,      /* refused, or attempts used up: to the dead letters */
	EVENT_PARKED     /* in the table `parked`, and no longer here */
};

/* Two lanes at most: an UPDATE that changes the key holds the old and the new one. */
#define EVENT_LANES_MAX 2

/* What a source knows of an event; every text is a loan for event_new. */
struct event_fields {
	int64_t id;        /* outbox id: positive, unique and rising per key within a pipeline */
	int64_t origin_id; /* a replayed event's first outbox id; 0: it was not replayed */
	enum op op;
	bool truncated;          /* over the size cap: data and old_data hold the key only */
	struct text schema;      /* TEXT_NONE where the database has none (SQLite) */
	struct text table;       /* logical: the root of a partitioned table */
	struct text key;         /* JSON object of the primary key, TEXT_NONE without one */
	struct text old_key;     /* only when an UPDATE changed the key */
	struct text changed_at;  /* RFC 3339 */
	int64_t changed_wall_us; /* the same as a number; 0: unknown */
	struct text data;        /* JSON object, TEXT_NONE on delete and truncate */
	struct text old_data;    /* JSON object, TEXT_NONE on insert and truncate */
	/* A truncate of one partition only, of the root `table`: data is the partition's name and
	 * old_data its schema, as JSON strings. */
	/* data and old_data compressed (core/packed.h): the sizes they had; 0: they are not */
	uint32_t plain_bytes;
	uint32_t plain_old_bytes;
	bool parked; /* read from the table `parked`, not from the outbox; what follows is of it */
	int64_t parked_seq;         /* rising in the order of parking */
	int64_t parked_due_wall_us; /* not before; 0: as soon as those before it are gone */
	int parked_step;            /* the step of the schedule that comes next */
	int parked_attempts;        /* counted before it was parked */
};

/* The number that receivers, logs and dead letters know it by: that of its first outbox id. */
static inline int64_t event_public_id(const struct event_fields *f)
{
	return f->origin_id ? f->origin_id : f->id;
}

struct share;

struct event {
	struct event_fields f; /* texts point into this allocation */
	size_t bytes;          /* of this allocation: what the budget is charged */
	enum event_state state;
	int attempts;         /* counted attempts so far */
	int steps;            /* of the schedule (core/parked.h), used up so far */
	int64_t parked_epoch; /* of a parked one: when it was loaded */
	int held_count;       /* failures since the last counted one, which were held */
	int64_t read_us;      /* when the source read it */
	int64_t due_us;       /* WAITING: not before this time */
	int64_t failed_us;    /* when the last attempt failed; 0: none yet */
	int last_status;      /* HTTP status of the last attempt, 0: no answer */
	enum err_code last_error;
	char last_reason[160]; /* of the last failed attempt, for the dead letter */
	size_t batch_max; /* of events that it may be sent together with, itself included; 0: any */

	struct share *share; /* its tenant's, which has counted it (core/share.h); NULL: none */

	/* the ring's own */
	int64_t seq;    /* in push order, from 1 */
	int64_t turn;   /* the lowest ready one goes first: seq, or what its share says */
	int64_t rank;   /* in a heap: due_us, or what orders ready events */
	int waits;      /* lanes it does not head, plus 1 behind a barrier; 0: may go */
	int lane_count; /* 0: unordered */
	uint64_t lane_key[EVENT_LANES_MAX];
	struct event *lane_next[EVENT_LANES_MAX];
	uint64_t gate_key; /* of its table's barrier; 0: none */
	struct event *gate_next;
	struct event *queue_next; /* in the ready queue, or sibling in a heap */
	struct event *heap_child;
	struct event *also; /* INFLIGHT: the next one in the same request */
	uint64_t ride;      /* the last request that took one it waits for (core/ride.h) */
	int ride_count;     /* ... of which so many were taken */
	struct event *next; /* everything inside, in push order */
	struct event *prev;
};

/* A copy of f as one allocation in *ret_ev, state NEW. Free with event_free. Errors: ERR_NOMEM. */
enum err_code event_new(const struct event_fields *f, struct event **ret_ev,
			struct err *e) ATTR_MUST_CHECK;

/* Free ev; NULL is fine. It must not be in a ring. */
void event_free(struct event *ev);

/* What its body is made of: more than its own bytes when its rows wait compressed. */
static inline size_t event_body_bytes(const struct event *ev)
{
	return ev->bytes + ev->f.plain_bytes + ev->f.plain_old_bytes;
}

/* Bytes that event_new would allocate for f: for asking the ring's room before building. */
size_t event_size(const struct event_fields *f);

#endif
