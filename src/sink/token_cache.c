/* SPDX-License-Identifier: MIT */
#include "sink/token_cache.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "sink/token_answer.h"

#define EARLY_US (60 * CLOCK_US_PER_S)
#define MARGIN_US (5 * CLOCK_US_PER_S)

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static void wipe(struct buf *b)
{
	if (b->data)
		mem_wipe(b->data, b->cap);
	buf_done(b);
}

void token_cache_init(struct token_cache *c)
{
	*c = (struct token_cache){.retry_after_s = -1};
	buf_init(&c->token, TOKEN_BYTES_MAX);
}

void token_cache_done(struct token_cache *c)
{
	wipe(&c->token);
}

static bool has_good(const struct token_cache *c, int64_t now_us)
{
	return c->good && now_us < c->until_us;
}

/* The fetch that t waited for failed, or one that ended just before t asks for the first time. */
static bool has_failed(const struct token_cache *c, const struct token_ticket *t, int64_t now_us)
{
	if (!c->failed_in_row)
		return false;
	if (t->fetch)
		return c->ended >= t->fetch;
	return c->begun == c->ended && now_us < c->quiet_us;
}

enum token_state token_cache_ask(struct token_cache *c, struct token_ticket *t, int64_t now_us)
{
	if (has_good(c, now_us)) {
		c->used = true;
		t->token = c->number;
		t->fetch = 0;
		return TOKEN_READY;
	}
	if (has_failed(c, t, now_us)) {
		t->fetch = 0;
		return TOKEN_FAILED;
	}
	if (!t->fetch || c->ended >= t->fetch)
		t->fetch = c->begun > c->ended ? c->begun : c->begun + 1;
	c->wanted = c->wanted || t->fetch > c->begun;
	return TOKEN_PENDING;
}

bool token_cache_refuse(struct token_cache *c, struct token_ticket *t, int64_t now_us)
{
	if (t->again || !t->token)
		return false;
	t->again = true;
	if (t->token != c->number)
		return true; /* there is another one by now */
	if (now_us - c->fetched_us < TOKEN_CACHE_YOUNG_US)
		return false;
	c->good = false;
	return true;
}

int64_t token_cache_due_us(const struct token_cache *c, int64_t now_us)
{
	if (c->begun > c->ended)
		return INT64_MAX;
	if (has_good(c, now_us))
		return c->used ? larger(c->refresh_us, c->retry_us) : INT64_MAX;
	return c->wanted ? larger(now_us, c->quiet_us) : INT64_MAX;
}

void token_cache_begin(struct token_cache *c)
{
	c->begun++;
	c->wanted = false;
}

void token_cache_store(struct token_cache *c, struct buf *token, int64_t lifetime_s,
		       int64_t begun_us)
{
	const int64_t life_us = lifetime_s * CLOCK_US_PER_S;

	wipe(&c->token);
	c->token = *token;
	buf_init(token, TOKEN_BYTES_MAX);
	c->ended = c->begun;
	c->number++;
	c->good = true;
	c->used = false;
	c->fetched_us = begun_us;
	c->expires_us = begun_us + life_us;
	c->until_us = c->expires_us - smaller(MARGIN_US, life_us / 10);
	c->refresh_us =
		smaller(c->until_us, begun_us + larger(life_us / 5 * 4, life_us - EARLY_US));
	c->quiet_us = 0;
	c->retry_us = 0;
	c->failed_in_row = 0;
	c->reason[0] = '\0';
	c->retry_after_s = -1;
}

/* How long the endpoint asks to be left alone, within reason. */
static int64_t asked_wait_us(int64_t retry_after_s, int64_t max_wait_us)
{
	if (retry_after_s <= 0)
		return 0;
	return retry_after_s > max_wait_us / CLOCK_US_PER_S ? max_wait_us
							    : retry_after_s * CLOCK_US_PER_S;
}

void token_cache_fail(struct token_cache *c, const char *reason, int64_t retry_after_s,
		      int64_t max_wait_us, int64_t now_us)
{
	const int64_t asked_us = asked_wait_us(retry_after_s, max_wait_us);
	int64_t wait_us = TOKEN_CACHE_RETRY_US;
	int i;

	for (i = 0; i < c->failed_in_row && wait_us < TOKEN_CACHE_RETRY_MAX_US; i++)
		wait_us *= 2;
	c->ended = c->begun;
	c->failed_in_row++;
	c->quiet_us = now_us + larger(TOKEN_CACHE_FAILED_US, asked_us);
	c->retry_us = now_us + larger(smaller(wait_us, TOKEN_CACHE_RETRY_MAX_US), asked_us);
	c->retry_after_s = retry_after_s;
	(void)snprintf(c->reason, sizeof(c->reason), "%s", reason);
}
