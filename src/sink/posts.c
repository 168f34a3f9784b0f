/* SPDX-License-Identifier: MIT */
#include "sink/posts.h"

#include "base/mem.h"

/* A buf's memory larger than this is not kept for the next request. */
#define POSTS_KEEP_BYTES 65536

static struct http_request *pop(struct posts *p)
{
	struct http_request *r = p->free;

	p->free = r->next;
	p->count--;
	if (p->min > p->count)
		p->min = p->count;
	return r;
}

void posts_charge(struct posts *p, struct http_request *r)
{
	size_t body = r->body.cap;
	size_t held = body + r->lines.cap + r->url.cap;

	held += body < POSTS_COPIED_BYTES ? body : POSTS_COPIED_BYTES;
	/* in the usual case, a request of the size of the one before it, nothing changes */
	if (held > r->charged)
		budget_charge(p->budget, BUDGET_BODY, held - r->charged);
	else if (held < r->charged)
		budget_release(p->budget, BUDGET_BODY, r->charged - held);
	r->charged = held;
}

static void post_free(struct posts *p, struct http_request *r)
{
	budget_release(p->budget, BUDGET_BODY, r->charged);
	buf_done(&r->body);
	buf_done(&r->lines);
	buf_done(&r->url);
	mem_free(r);
}

struct http_request *posts_get(struct posts *p)
{
	struct http_request *r;

	if (p->free)
		return pop(p);
	r = mem_calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	buf_init(&r->body, SIZE_MAX / 2);
	buf_init(&r->lines, SIZE_MAX / 2);
	buf_init(&r->url, SIZE_MAX / 2);
	return r;
}

static void empty(struct buf *b)
{
	if (b->cap > POSTS_KEEP_BYTES)
		buf_done(b);
	else
		buf_reset(b);
}

void posts_put(struct posts *p, struct http_request *r)
{
	/* a token may be in it */
	if (r->auth && r->lines.len)
		mem_wipe(r->lines.data, r->lines.len);
	empty(&r->body);
	empty(&r->lines);
	empty(&r->url);
	posts_charge(p, r);
	r->owner = NULL;
	r->asks = NULL;
	r->to = NULL;
	r->auth = NULL;
	r->trail = NULL;
	r->plain_bytes = 0;
	r->started_us = 0;
	r->cut_count = r->key_only_count = 0;
	r->next = p->free;
	p->free = r;
	p->count++;
}

void posts_trim(struct posts *p)
{
	size_t spare;

	/* popping lowers min too: it must not count the loop */
	for (spare = p->min; spare; spare--)
		post_free(p, pop(p));
	p->min = p->count;
}

void posts_done(struct posts *p)
{
	while (p->free)
		post_free(p, pop(p));
}
