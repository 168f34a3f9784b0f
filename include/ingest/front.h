/* SPDX-License-Identifier: MIT */
/*
 * Events over HTTP: POST /v1/events. What a request looks like and is answered is docs/ingest.md's.
 *
 *     clients ──► door ──► server (one thread, epoll) ──► body: 64 KB of memory, or a file
 *                  │                   ▲                        │ whole
 *                  │ too many: 503     │ answer                 ▼
 *                  └─────────          └──────────────── committer (one an inlet) ──► store
 *
 * What bounds it: connections, requests at one time, bytes of a body, bytes of one event, the
 * memory budget, the time that a request takes to come in, and the silence in it. What is beyond
 * is refused at once; nothing waits for room.
 */
#ifndef INGEST_FRONT_H
#define INGEST_FRONT_H

#include "base/clock.h"
#include "base/err.h"
#include "config/settings.h"
#include "core/budget.h"
#include "ingest/committer.h"
#include "ingest/tally.h"

struct front_options {
	const struct settings *settings; /* a loan for the front's life */
	const struct clock *clock;
	struct budget *budget;       /* NULL: none */
	const struct inlet_ops *ops; /* NULL: the real ones */
	struct tally *tally;         /* counts on where it is; a loan for the front's life */
	/* After a commit of events, from a thread of the front: the source with this index has
	 * something to read. NULL: nobody wants to know. */
	void (*on_commit)(void *ctx, size_t source);
	void *ctx;
};

struct front;

/* Listen and start the threads. *ret_f is NULL when ingest.listen is off or there is no inlet.
 * Errors: those of listen_open, ERR_NOMEM, ERR_IO, ERR_CONFIG (certificate or key cannot be read
 * or used). */
enum err_code front_start(const struct front_options *o, struct front **ret_f,
			  struct err *e) ATTR_MUST_CHECK;

/* Let nobody in, refuse what is not whole, store what is until deadline_us (monotonic), answer, end
 * the threads, free. NULL is fine. */
void front_stop(struct front *f, int64_t deadline_us);

/* "127.0.0.1:34567"; "" for NULL. */
const char *front_address(const struct front *f);

/* All zero for NULL. Any thread. */
struct ingest_stats front_stats(struct front *f);

#endif
