/* SPDX-License-Identifier: MIT */
/*
 * How many requests at once a receiver can take, found out by what they do to its answers.
 *
 *     limit
 *       │        ╭╮  ╭─╮╭──╮  ╭───       what takes longer than half as long again as it does
 *       │      ╭─╯╰──╯ ╰╯  ╰──╯          alone waits in a queue over there: more at once would
 *       │    ╭─╯ a little more each      only make the queue longer
 *       │  ╭─╯   round, while answers
 *       │╭─╯     are as fast as before
 *       1─────────────────────────────► rounds
 *
 * A round is as many answers as the limit, and ten at least, to requests sent since it began.
 *
 *  - Answers as fast as with few requests, and the limit was reached: it rises; it doubles until
 *    the first time it had to fall, then by an eighth.
 *  - Slower by more than half and 10 ms: it falls in proportion, to a half at most.
 *  - 429, 502, 503, 504, a timeout or a broken connection: it falls by a quarter at once; what was
 *    sent before that says nothing new.
 *  - How fast answers are with few requests is measured when the limit is 1, and believed to be
 *    less when they are faster.
 *
 * Between 1 and max. A plain value; the caller's lock protects it, and time is the caller's.
 */
#ifndef SINK_CONCURRENCY_H
#define SINK_CONCURRENCY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct concurrency {
	size_t max;
	size_t limit;  /* now */
	size_t target; /* what limit rises to, by one with each answer */
	bool doubling;
	bool reached;     /* in this round the limit was what bounded */
	int64_t base_us;  /* an answer's time with few requests; 0: unknown */
	int64_t round_us; /* when this round began */
	int64_t sum_us;
	size_t count;
};

/* One request that ended. */
struct concurrency_sample {
	enum {
		CONCURRENCY_ANSWERED, /* took it */
		CONCURRENCY_OVERLOADED,
		CONCURRENCY_OTHER /* tells nothing */
	} kind;
	int64_t sent_us;
	int64_t now_us;
	size_t in_flight; /* with this one */
};

/* Begins with 1. max >= 1. */
void concurrency_init(struct concurrency *c, size_t max);

/* Take s into account; returns the limit from now on, 1 to max. */
size_t concurrency_note(struct concurrency *c, const struct concurrency_sample *s);

#endif
