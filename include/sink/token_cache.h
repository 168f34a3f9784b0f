/* SPDX-License-Identifier: MIT */
/*
 * One token, and when to get another one: the arithmetic of sink/oauth2.h, without lock, thread and
 * clock.
 *
 *      fetched          refresh, if it was used      no longer used
 *        ├───────────────────────┼───────────────────────┤· · · · · ┤ expires
 *        │◄── 4/5 of its life, or all but 60 s, ─────────►│ a tenth or 5 s
 *
 * Requests ask. With a good token they are ready; without one they wait for the fetch that is under
 * way, or that their asking causes: one for all of them. They fail when that one fails, and so do
 * others for a moment after it, so that an endpoint that is down is not asked at the pace of
 * events.
 */
#ifndef SINK_TOKEN_CACHE_H
#define SINK_TOKEN_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define TOKEN_CACHE_REASON_BYTES 128

/* A failed fetch answers all who ask so long, or as long as the endpoint's Retry-After says. */
#define TOKEN_CACHE_FAILED_US 200000LL
/* While there is a good token, a failed refresh is repeated after this and then twice as long ...
 */
#define TOKEN_CACHE_RETRY_US 1000000LL
#define TOKEN_CACHE_RETRY_MAX_US 30000000LL
/* A token that is refused so soon after it came is not the reason: one a second at most for a
 * receiver that refuses them all. */
#define TOKEN_CACHE_YOUNG_US 1000000LL

/* One request's part in it; zeroed at first. */
struct token_ticket {
	int64_t fetch; /* the number of the fetch it waits for; 0: none */
	int64_t token; /* the number of the token it got; 0: none */
	bool again;    /* its token was refused once */
};

enum token_state { TOKEN_READY, TOKEN_PENDING, TOKEN_FAILED };

struct token_cache {
	struct buf token;
	int64_t number; /* of the token; 0: there was none yet */
	bool good;      /* not refused */
	bool used;
	int64_t fetched_us;
	int64_t refresh_us; /* the next is fetched then */
	int64_t until_us;   /* it is not sent any more from then on */
	int64_t expires_us;

	int64_t begun; /* fetches */
	int64_t ended;
	bool wanted;                           /* somebody waits for the next */
	int64_t quiet_us;                      /* no fetch before */
	int64_t retry_us;                      /* ... nor a refresh, while there is a good token */
	int failed_in_row;                     /* 0: the last one was a success */
	char reason[TOKEN_CACHE_REASON_BYTES]; /* of the last failure */
	int64_t retry_after_s;                 /* of it; < 0: none */
};

void token_cache_init(struct token_cache *c);
/* Wipes the token. */
void token_cache_done(struct token_cache *c);

/* READY: send c->token. FAILED: c->reason says why; asking once more with the same ticket begins
 * anew. */
enum token_state token_cache_ask(struct token_cache *c, struct token_ticket *t, int64_t now_us);

/* The receiver refused the token that t got. Returns whether to ask once more: it was the first
 * time, and another token may help. */
bool token_cache_refuse(struct token_cache *c, struct token_ticket *t, int64_t now_us);

/* When the next fetch is due: INT64_MAX when none is. */
int64_t token_cache_due_us(const struct token_cache *c, int64_t now_us);

/* A fetch begins. */
void token_cache_begin(struct token_cache *c);
/* It ended well: token's content moves in. begun_us is when it began: its life counts from then. */
void token_cache_store(struct token_cache *c, struct buf *token, int64_t lifetime_s,
		       int64_t begun_us);
/* It failed. retry_after_s < 0: none; more than max_wait_us is not waited for. */
void token_cache_fail(struct token_cache *c, const char *reason, int64_t retry_after_s,
		      int64_t max_wait_us, int64_t now_us);

#endif
