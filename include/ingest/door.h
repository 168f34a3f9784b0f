/* SPDX-License-Identifier: MIT */
/*
 * The thread that lets connections in: what libmicrohttpd would do with a listening socket, and
 * two things that it does not.
 *
 * - Where it stops to accept at its limit, so that clients wait in the kernel's queue without a
 *   word, the door answers those beyond with a few bytes of its own, at once.
 * - A connection that is closed while its client still sends is reset, and the client may lose the
 *   answer that says why. The door keeps such a one open for a moment after the answer, and reads
 *   what comes without looking.
 *
 * Once a second it calls tick.
 */
#ifndef INGEST_DOOR_H
#define INGEST_DOOR_H

#include <stdbool.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/err.h"

#define DOOR_LINGER_US (2 * CLOCK_US_PER_S)
#define DOOR_LINGERERS_MAX 128 /* of more than these the oldest is closed */

/* Called from the door's thread. */
struct door_ops {
	/* Take the connection over; false: there are too many. */
	bool (*take)(void *ctx, int fd, const struct sockaddr *from, socklen_t len);
	/* What to tell those; a loan until the next call. */
	const char *(*refuse)(void *ctx);
	void (*tick)(void *ctx);
	void *ctx;
};

struct door;

/* Listen on address (base/listen.h), and nothing else yet. Errors: those of listen_open, ERR_NOMEM.
 */
enum err_code door_open(const char *address, const struct door_ops *ops, const struct clock *clock,
			struct door **ret_d, struct err *e) ATTR_MUST_CHECK;
/* Not while it runs; NULL is fine. */
void door_free(struct door *d);

/* Errors: ERR_NOMEM, ERR_IO. */
enum err_code door_start(struct door *d, struct err *e) ATTR_MUST_CHECK;

/* Nobody comes in any more. Any thread. */
void door_shut(struct door *d);

/* End the thread and everything that lingers. */
void door_stop(struct door *d);

/* Where it listens, with the port the system chose for 0. */
const char *door_address(const struct door *d);

/* Read what fd's client still sends, for a moment, then close it. fd moves to the door. Any thread.
 */
void door_linger(struct door *d, int fd);

#endif
