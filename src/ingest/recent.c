/* SPDX-License-Identifier: MIT */
#include "ingest/recent.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define KEY_BYTES (INLET_KEY_BYTES_MAX + INLET_TOKEN_BYTES_MAX + 24)

struct recent {
	struct cache *cache;
	const struct clock *clock;
};

struct known {
	uint8_t digest[INLET_DIGEST_BYTES];
	int64_t events;
};

/* However many keys are wanted, an eighth of the memory is enough for them. */
static size_t bytes_max(const struct ingest_settings *s, const struct budget *budget)
{
	size_t wanted = (size_t)s->idempotency_cache * INGEST_CACHED_KEY_BYTES;
	size_t most = budget ? budget_stats(budget).max_bytes / 8 : wanted;

	return wanted < most ? wanted : most;
}

enum err_code recent_new(const struct ingest_settings *s, struct budget *budget,
			 const struct clock *clock, struct recent **ret_r, struct err *e)
{
	int64_t ttl_us =
		s->idempotency_window_us < RECENT_MAX_US ? s->idempotency_window_us : RECENT_MAX_US;
	const struct cache_options o = {.max_entries = (size_t)s->idempotency_cache,
					.max_bytes = bytes_max(s, budget),
					.ttl_us = ttl_us,
					.idle_us =
						ttl_us < RECENT_IDLE_US ? ttl_us : RECENT_IDLE_US,
					.budget = budget};
	struct recent *r;
	enum err_code code;

	*ret_r = NULL;
	if (!s->idempotency_cache)
		return ERR_OK;
	r = mem_calloc(1, sizeof(*r));
	if (!r)
		return err_set(e, ERR_NOMEM, "no memory for recent keys");
	r->clock = clock;
	code = cache_new(&o, &r->cache, e);
	if (code != ERR_OK) {
		mem_free(r);
		return code;
	}
	*ret_r = r;
	return ERR_OK;
}

void recent_free(struct recent *r)
{
	if (!r)
		return;
	cache_free(r->cache);
	mem_free(r);
}

void recent_tidy(struct recent *r)
{
	if (r)
		cache_tidy(r->cache, clock_now_us(r->clock));
}

/* A key belongs to an inlet and a token; neither's name has a line end. */
static struct text place_of(char *out, size_t inlet, const struct inlet_request *q)
{
	int len = snprintf(out, KEY_BYTES, "%zu\n%.*s\n%.*s", inlet, (int)q->token.len,
			   q->token.s ? q->token.s : "", (int)q->key.len, q->key.s);

	return len > 0 && len < KEY_BYTES ? (struct text){out, (size_t)len} : TEXT_NONE;
}

struct inlet_begun recent_find(struct recent *r, size_t inlet, const struct inlet_request *q)
{
	struct inlet_begun b = {.outcome = INLET_STORED};
	struct known known;
	char place[KEY_BYTES];
	struct text key;

	if (!r || !q->key.s)
		return b;
	key = place_of(place, inlet, q);
	if (!key.s || !cache_get(r->cache, key, clock_now_us(r->clock), &known, sizeof(known)))
		return b;
	if (memcmp(known.digest, q->digest, sizeof(known.digest)) != 0) {
		b.outcome = INLET_CONFLICT;
		return b;
	}
	return (struct inlet_begun){.outcome = INLET_DUPLICATE, .events = known.events};
}

void recent_note(struct recent *r, size_t inlet, const struct inlet_request *q, int64_t events)
{
	struct known known;
	char place[KEY_BYTES];
	struct text key;

	if (!r || !q->key.s)
		return;
	key = place_of(place, inlet, q);
	memset(&known, 0, sizeof(known));
	memcpy(known.digest, q->digest, sizeof(known.digest));
	known.events = events;
	if (key.s)
		cache_put(r->cache, key, &known, sizeof(known), clock_now_us(r->clock));
}

struct cache_stats recent_stats(struct recent *r)
{
	return r ? cache_stats(r->cache) : (struct cache_stats){.entries = 0};
}
