/* SPDX-License-Identifier: MIT */
/*
 * Connections on their way from the door to the server, by descriptor. libmicrohttpd says of a
 * connection that it has begun, and of one that has begun that it has ended; of one for which it
 * has no memory it says nothing, and closes it. Who counts connections would count that for ever.
 * But its descriptor is the system's again then, and comes with another connection: whoever is on
 * its way under the same number is gone.
 *
 * Its owner's lock is held in each call.
 */
#ifndef INGEST_ARRIVALS_H
#define INGEST_ARRIVALS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct arrivals {
	int *fds;
	size_t count;
	size_t max;
};

/* At most max at one time. Errors: ERR_NOMEM. */
enum err_code arrivals_init(struct arrivals *a, size_t max, struct err *e) ATTR_MUST_CHECK;
/* Also of one that is all zero. */
void arrivals_done(struct arrivals *a);

/* fd is on its way; not when there are max. */
void arrivals_push(struct arrivals *a, int fd);
/* It is no more. Returns whether it was. */
bool arrivals_take(struct arrivals *a, int fd);

#endif
