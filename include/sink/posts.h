/* SPDX-License-Identifier: MIT */
/*
 * Requests that are not in use, with their memory, for the next ones. Internal to the HTTP engine;
 * used by its thread only.
 */
#ifndef SINK_POSTS_H
#define SINK_POSTS_H

#include "core/budget.h"
#include "sink/http.h"

/* A body up to this size is copied by curl to be sent in one piece with the head: MAX_INITIAL_POST_
 * SIZE of its lib/http.h. */
#define POSTS_COPIED_BYTES 65536

struct posts {
	struct budget *budget; /* a loan; NULL: none */
	struct http_request *free;
	size_t count;
	size_t min; /* since the last trim: so many are not needed */
};

/* An empty one; NULL: no memory. */
struct http_request *posts_get(struct posts *p);
void posts_put(struct posts *p, struct http_request *r);

/* r was filled: charge what it holds, and what curl will hold for it. */
void posts_charge(struct posts *p, struct http_request *r);

/* Free those that were not needed since this was last called. */
void posts_trim(struct posts *p);
void posts_done(struct posts *p);

#endif
